"""Family `place`: the stadium from the air, the tunnel, the video-referee room."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, arc, mix
from builders.minimatch.figure import draw_figure, running
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE, Kit, hsv


def stadium(b: Backdrop) -> Scene:
    """Show the bowl from the air, city around, clouds passing."""
    style, c = b.style, b.canvas
    b.sky(0, 74)
    far = mix(style.sky[1], (70, 80, 80), 0.5)
    c.rect(0, 74, 512, 288, mix(far, style.grass_dark, 0.4))
    for _ in range(34):
        x, high = float(b.rng.uniform(-10, 512)), float(b.rng.uniform(8, 44))
        wide = float(b.rng.uniform(10, 26))
        tone = mix(far, BLACK, float(b.rng.uniform(0.05, 0.4)))
        c.rect(x, 84 - high, x + wide, 92, tone)
    for _ in range(130):
        x, y = float(b.rng.uniform(0, 512)), float(b.rng.uniform(92, 288))
        size = 4 + (y - 80) / 22
        tone = mix(far, b.style.fans[int(b.rng.integers(6))], 0.3)
        c.rect(x, y, x + 2 * size, y + size, mix(tone, BLACK, float(b.rng.uniform(0, 0.35))))
    c.oval((256, 190), (232, 92), mix(style.seats, WHITE, 0.65))
    c.oval((256, 186), (228, 88), mix(WHITE, style.seats, 0.12))
    c.oval((256, 186), (228, 88), mix(style.seats, BLACK, 0.1), width=3)
    for k in range(40):
        rim, inner = arc((256, 186), (228, 88), 9 * k, 9 * k, 1)[0], arc(
            (256, 190), (184, 64), 9 * k, 9 * k, 1)[0]  # fmt: skip
        c.line(tuple(rim), tuple(inner), mix(WHITE, style.seats, 0.4), 1)
    c.oval((256, 192), (184, 64), mix(style.seats, BLACK, 0.45))
    c.oval((256, 194), (174, 58), style.seats)
    for k in range(420):
        turn, reach = float(b.rng.uniform(0, 2 * math.pi)), float(b.rng.uniform(0.76, 0.99))
        at = (256 + 172 * reach * math.cos(turn), 194 + 57 * reach * math.sin(turn))
        c.disc(at, 1.6, style.fans[k % 6])
    c.oval((256, 197), (132, 41), mix(style.grass_dark, BLACK, 0.2))
    lawn = [(178, 174), (334, 174), (362, 222), (150, 222)]
    c.poly(lawn, style.grass)
    for k in range(0, 8, 2):
        t0, t1 = 178 + 19.5 * k, 178 + 19.5 * (k + 1)
        b0, b1 = 150 + 26.5 * k, 150 + 26.5 * (k + 1)
        c.poly([(t0, 174), (t1, 174), (b1, 222), (b0, 222)], style.grass_dark)
    c.path(lawn, WHITE, 1, closed=True)
    c.line((256, 174), (256, 222), WHITE, 1)
    c.oval((256, 197), (20, 8), WHITE, width=1)
    clouds = [(float(b.rng.uniform(0, 512)), float(b.rng.uniform(10, 50))) for _ in range(3)]
    puff = mix(style.sky[1], WHITE, 0.6)

    def draw(c: Canvas, t: float, u: float) -> None:
        for k, (x, y) in enumerate(clouds):
            at = (x + (14 + 5 * k) * t) % 640 - 64
            for dx, r in ((-30, 12), (-10, 19), (14, 16), (34, 10)):
                c.oval((at + dx, y), (1.4 * r, 0.7 * r), puff)
        for k in range(4):
            if math.sin(3 * t + 1.7 * k) > 0.3:
                turn = 2.4 * k + math.floor(3 * t)
                c.disc((256 + 155 * math.cos(turn), 194 + 50 * math.sin(turn)), 2.5, WHITE)

    return scene(b, draw)


def tunnel(b: Backdrop) -> Scene:
    """Show the teams as they walk out of the tunnel towards the light."""
    style, c, team, kits = b.style, b.canvas, b.people(6), (b.style.home, b.style.away)
    wall = mix(style.seats, BLACK, 0.35)
    c.rect(0, 0, 512, 288, wall)
    mouth = (196, 64, 316, 196)
    c.poly([(0, 0), (512, 0), (316, 64), (196, 64)], mix(wall, BLACK, 0.45))
    c.poly([(0, 288), (512, 288), (316, 196), (196, 196)], mix((92, 92, 96), wall, 0.35))
    c.poly([(0, 0), (196, 64), (196, 196), (0, 288)], mix(wall, WHITE, 0.1))
    for k in range(5):
        near, far = 0.15 + 0.17 * k, 0.24 + 0.17 * k
        for side in (0, 1):
            x0, x1 = 196 * near, 196 * far
            if side:
                x0, x1 = 512 - x0, 512 - x1
            tops, ends = 64 * near + 70, 288 - 92 * near - 70 * (1 - near)
            top2, end2 = 64 * far + 70 * (1 - 0.2 * far), 288 - 92 * far - 70 * (1 - far)
            tone = kits[side].shirt if k % 2 else kits[side].trim
            c.poly([(x0, tops), (x1, top2), (x1, end2), (x0, ends)], mix(tone, BLACK, 0.35))
    c.rect(*mouth, mix(style.sky[1], WHITE, 0.75))
    c.rect(196, 150, 316, 196, mix(style.grass, WHITE, 0.35))
    c.rect(196, 100, 316, 150, mix(style.seats, WHITE, 0.6))
    for k in range(4):
        share = k / 4
        y, half = 60 * share + 4, 210 * (1 - share) * 0.45 + 18
        c.line((256 - half, y), (256 + half, y), (235, 250, 252), 5 - k)
    pace = float(b.rng.uniform(1.6, 2.2))

    def draw(c: Canvas, t: float, u: float) -> None:
        for k in (2, 1, 0):
            near = (0.95 - 0.3 * k) * (1 - 0.25 * u)
            for side in (0, 1):
                x = 256 + (2 * side - 1) * (34 + 92 * near)
                y = 200 + 92 * near
                bob = 3 * abs(math.sin(math.pi * pace * t + k))
                draw_figure(
                    c, (x, y - bob), 62 + 150 * near, kits[side], team[2 * k + side],
                    running(pace * t + k), back=True, shadow=(52, 50, 50),
                )  # fmt: skip

    return scene(b, draw)


def var_room(b: Backdrop) -> Scene:
    """Show officials before a wall of monitors."""
    style, c, people = b.style, b.canvas, b.people(2)
    b.gradient((66, 44, 34), (28, 20, 16))
    screens = [(22 + 160 * i, 18 + 86 * j, 146, 74) for j in range(2) for i in range(3)]
    for x, y, wide, high in screens:
        c.rect(x - 5, y - 5, x + wide + 5, y + high + 5, (14, 12, 12))
        c.rect(x, y, x + wide, y + high, style.grass)
        c.rect(x, y, x + wide, y + 20, style.seats)
    c.poly([(0, 246), (512, 246), (512, 288), (0, 288)], (48, 44, 46))
    c.line((0, 246), (512, 246), (96, 92, 96), 4)
    shirt = Kit("plain", BLACK, BLACK, BLACK, BLACK, WHITE)
    shades = [hsv(0.55, 0.4, 0.9), style.bug.accent]

    def draw(c: Canvas, t: float, u: float) -> None:
        for k, (x, y, wide, high) in enumerate(screens):
            for man in range(4):
                turn = 1.1 * t + 1.9 * man + 0.8 * k
                at = (x + wide * (0.5 + 0.38 * math.sin(turn)), y + 46 + 16 * math.cos(1.3 * turn))
                kit = style.home if man % 2 else style.away
                c.line((at[0], at[1] - 9), at, kit.shirt, 7)
                c.disc((at[0], at[1] - 14), 3.2, style.cast[man].skin)
            c.line((x + 10 * k, y + 21), (x + wide - 10 * k, y + high - 2), WHITE, 1)
        x, y, wide, high = screens[int(0.8 * t) % 6]
        c.path(
            [(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)], shades[1], 5, closed=True
        )
        for k, person in enumerate(people):
            x = 158 + 196 * k
            lean = 0.02 * math.sin(1.2 * t + 2 * k)
            c.poly([(x - 52, 290), (x - 58, 204), (x + 58, 204), (x + 52, 290)], (40, 36, 38))
            pose = running(0.0, lean)
            draw_figure(c, (x, 400), 260, shirt, person, pose, back=True, number=False)
            c.path(arc((x + lean * 240, 158), (21, 24), 180, 360, 12), shades[0], 5)
            for side in (-1, 1):
                c.oval((x + lean * 240 + side * 20, 164), (6, 9), mix(shades[0], BLACK, 0.3))

    return scene(b, draw)
