"""Family `ball`: the ball close up, boots, the corner flag."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, arc, mix
from builders.minimatch.ground import Backdrop, draw_ball
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE, hsv


def _blades(c: Canvas, b: Backdrop, y: float, count: int, height: float) -> None:
    """Draw tufts of grass along row y."""
    for _ in range(count):
        x, lift = float(b.rng.uniform(-5, 517)), float(b.rng.uniform(0.4, 1)) * height
        tone = mix(b.style.grass_dark, mix(b.style.grass, WHITE, 0.25), float(b.rng.random()))
        root = y + float(b.rng.uniform(0, 14))
        lean = float(b.rng.uniform(-7, 7))
        c.poly([(x - 2.5, root), (x + 2.5, root), (x + lean, root - lift)], tone)


def ball_close(b: Backdrop) -> Scene:
    """Show the ball rolling slowly through the grass, very near."""
    style = b.style
    b.touchline(120, 46, 1.6)
    b.soften(7.0)
    c = b.canvas
    for row in range(130, 250, 16):
        _blades(c, b, row, 46, 8 + (row - 120) * 0.1)
    front = b.canvas.over(b.canvas.image[250:].copy())
    _blades(front, b, 30, 90, 26)
    radius = float(b.rng.uniform(78, 96))
    speed = float(b.rng.uniform(8, 22))
    blades = [
        (float(b.rng.uniform(0, 512)), float(b.rng.uniform(16, 34)), float(b.rng.uniform(-8, 8)))
        for _ in range(70)
    ]
    tones = [
        mix(style.grass_dark, mix(style.grass, WHITE, 0.2), float(b.rng.random())) for _ in blades
    ]

    def draw(c: Canvas, t: float, u: float) -> None:
        x = 225 + speed * t * 0.6
        y = 246 - radius
        c.oval((x + 8, 246), (1.05 * radius, 15), mix(style.grass_dark, BLACK, 0.35))
        draw_ball(c, (x, y), radius, style.ball_panel, 1.6 * speed * t / radius)
        for (root, height, lean), tone in zip(blades, tones, strict=True):
            sway = lean + 3 * math.sin(2 * t + root)
            c.poly([(root - 3, 262), (root + 3, 262), (root + sway, 262 - height)], tone)

    return scene(b, draw)


def boots(b: Backdrop) -> Scene:
    """Show a player's legs juggling or nudging the ball."""
    style, kit, person = b.style, b.kits()[0], b.person()
    b.touchline(92, 40, 1.4)
    b.soften(5.0)
    for row in range(120, 280, 22):
        _blades(b.canvas, b, row, 30, 9)
    boot = hsv(b.rng.random(), 0.85, 0.95)
    pace = float(b.rng.uniform(3.0, 4.5))

    def leg(c: Canvas, hip: float, foot_x: float, foot_y: float) -> None:
        knee = ((hip + foot_x) / 2 - 14, foot_y - 150)
        c.line((hip, -40), knee, person.skin, 62)
        c.line(knee, (foot_x, foot_y - 26), person.skin, 48)
        c.line((knee[0], knee[1] + 48), (foot_x, foot_y - 26), kit.socks, 52)
        band = mix(kit.socks, BLACK, 0.35) if kit.socks == kit.trim else kit.trim
        c.line((knee[0] - 22, knee[1] + 34), (knee[0] + 24, knee[1] + 36), band, 12)
        sole = [(foot_x - 26, foot_y), (foot_x + 76, foot_y)]
        c.line(*sole, BLACK, 8)
        for stud in (-16, 8, 34, 60):
            c.line((foot_x + stud, foot_y + 2), (foot_x + stud, foot_y + 9), BLACK, 6)
        c.poly(
            [(foot_x - 28, foot_y), (foot_x - 30, foot_y - 36), (foot_x + 22, foot_y - 40),
             *arc((foot_x + 48, foot_y), (34, 26), 270, 360, 8)],
            boot,
        )  # fmt: skip
        for lace in (0, 12, 24):
            c.line((foot_x + 8 + lace, foot_y - 36 + lace * 0.5),
                   (foot_x + 20 + lace, foot_y - 26 + lace * 0.5), WHITE, 4)  # fmt: skip

    def draw(c: Canvas, t: float, u: float) -> None:
        beat = math.sin(pace * t)
        c.oval((256, 262), (170, 14), mix(style.grass_dark, BLACK, 0.3))
        leg(c, 172, 150, 258)
        kick = max(0.0, beat)
        leg(c, 286, 268 + 34 * kick, 256 - 30 * kick)
        hop = abs(math.cos(pace * t))
        draw_ball(c, (386, 228 - 70 * hop), 32, style.ball_panel, 2.5 * t)

    return scene(b, draw)


def corner_flag(b: Backdrop) -> Scene:
    """Show the flag at the corner of the pitch, the ball waiting in the arc."""
    style = b.style
    b.touchline(132, 36, 1.0, soft=3.0)
    c = b.canvas
    c.path([(-40, 268), (232, 206), (560, 246)], WHITE, 6)
    c.path(arc((232, 206), (120, 36), 12, 165, 18), WHITE, 5)
    cloth = (40, 220, 250) if b.rng.random() < 0.5 else style.home.trim
    other = (50, 40, 220) if b.rng.random() < 0.5 else style.home.shirt
    gust = float(b.rng.uniform(4, 8))

    def draw(c: Canvas, t: float, u: float) -> None:
        bend = 3 * math.sin(1.3 * t)
        top = (232 + bend, 34.0)
        c.oval((262, 210), (40, 5), style.grass_dark)
        c.line((232, 206), top, (70, 214, 240), 7)
        c.line((235, 206), (top[0] + 3, 36), (40, 150, 190), 2)
        columns = 7
        edge = []
        for k in range(columns + 1):
            share = k / columns
            wave = 9 * share * math.sin(gust * t - 4.5 * share)
            edge.append((top[0] + 108 * share, 36 + wave, 100 - 14 * share + wave))
        for k in range(columns):
            (x0, a0, b0), (x1, a1, b1) = edge[k], edge[k + 1]
            m0, m1 = (a0 + b0) / 2, (a1 + b1) / 2
            shade = 0.18 * (1 + math.sin(gust * t - 4.5 * k / columns)) / 2
            first, second = (cloth, other) if k // 2 % 2 else (other, cloth)
            c.poly([(x0, a0), (x1, a1), (x1, m1), (x0, m0)], mix(first, BLACK, shade))
            c.poly([(x0, m0), (x1, m1), (x1, b1), (x0, b0)], mix(second, BLACK, shade))
        c.oval((302, 244), (26, 6), style.grass_dark)
        draw_ball(c, (298, 222), 23, style.ball_panel, 0.4)

    return scene(b, draw)
