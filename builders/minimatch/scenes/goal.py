"""Family `goal`: the goalmouth, a penalty, the ball in the net."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, mix
from builders.minimatch.figure import CHEER, Pose, draw_figure, running
from builders.minimatch.ground import Backdrop, draw_ball, draw_goal
from builders.minimatch.scenes.scene import Scene, ease, scene
from builders.minimatch.style import BLACK, WHITE


def goalmouth(b: Backdrop) -> Scene:
    """Show the whole goal from the front while the keeper dives."""
    style, keeper = b.style, b.person()
    b.touchline(138, 30, 0.8)
    b.canvas.poly([(20, 246), (492, 246), (496, 252), (16, 252)], WHITE)
    draw_goal(b.canvas, 78, 66, 434, 248, depth=40)
    height = float(b.rng.uniform(0.35, 0.85))
    wait = float(b.rng.uniform(0.5, 1.2))

    def draw(c: Canvas, t: float, u: float) -> None:
        phase = (t % 4.5) - wait
        jump = ease(phase / 0.7) if phase < 2.2 else 0.0
        sway = 10 * math.sin(3 * t) * (1 - jump)
        flight = ease((phase + 0.1) / 0.8) if phase < 2.2 else 0.0
        ball_at = (200 + 180 * flight, 282 - 190 * height * flight)
        if jump > 0.1:
            x, y = 262 + 30 * jump, 250 - 40 * height * jump
            _diver(c, x, y, jump, height, b)
        else:
            pose = Pose((70, 110), (70, 110), (18, 2), (18, 2))
            draw_figure(
                c, (256 + sway, 252), 130, style.keeper, keeper, pose,
                number=False, shadow=style.grass_dark,
            )  # fmt: skip
        draw_ball(c, ball_at, 13 - 3 * flight, style.ball_panel, 9 * t)

    return scene(b, draw)


def _diver(c: Canvas, x: float, y: float, jump: float, height: float, b: Backdrop) -> None:
    """Draw a keeper stretched in the air towards the right."""
    kit, skin = b.style.keeper, b.style.cast[0].skin
    slope = 0.15 + 0.6 * height
    dx, dy = 62 * jump, -62 * slope * jump
    hip, neck = (x, y - 30), (x + 0.75 * dx, y - 34 + 0.75 * dy)
    for spread in (0, 16):
        foot = (hip[0] - 62, hip[1] + 20 + spread)
        c.line(hip, (hip[0] - 34, hip[1] + 8 + 0.7 * spread), kit.shorts, 16)
        c.line((hip[0] - 34, hip[1] + 8 + 0.7 * spread), foot, kit.socks, 11)
        c.disc(foot, 7, BLACK)
    c.line(hip, neck, kit.shirt, 32)
    for spread in (-7, 7):
        hand = (neck[0] + 58, neck[1] + 0.9 * dy + spread)
        c.line((neck[0] + 6, neck[1] + spread), hand, mix(kit.shirt, BLACK, 0.15), 10)
        c.disc(hand, 8, WHITE)
    c.disc((neck[0] + 22, neck[1] - 8), 12, skin)
    c.disc((neck[0] + 20, neck[1] - 13), 10, b.style.cast[0].hair)


def penalty_spot(b: Backdrop) -> Scene:
    """Show the run-up from behind the taker, goal and keeper ahead."""
    style, (taker, keeper), kit = b.style, b.people(2), b.kits()[0]
    b.touchline(94, 22, 0.6)
    c = b.canvas
    c.path([(-60, 300), (70, 104), (442, 104), (572, 300)], WHITE, 4)
    c.line((0, 104), (512, 104), WHITE, 4)
    draw_goal(c, 166, 30, 346, 104, depth=18)
    c.oval((256, 226), (20, 7), WHITE)
    speed = float(b.rng.uniform(0.8, 1.2))

    def draw(c: Canvas, t: float, u: float) -> None:
        run = (t * speed) % 4.0
        shot = ease((run - 2.0) / 0.8)
        side = 26 * math.sin(2.6 * t)
        arms = 60 + 60 * shot
        pose = Pose((arms, arms), (arms, arms), (12, 0), (12, 0), lean=0.35 * shot)
        draw_figure(
            c, (256 + side + 34 * shot, 108), 58, style.keeper, keeper, pose,
            number=False, shadow=style.grass_dark,
        )  # fmt: skip
        at = (256 - 62 * shot, 218 - 160 * shot)
        c.oval((at[0] + 3, 230 - 122 * shot), (17 - 12 * shot, 5 - 3 * shot), style.grass_dark)
        draw_ball(c, at, 16 - 11 * shot, style.ball_panel, 12 * shot)
        near = ease((run - 0.6) / 1.4)
        foot = (392 - 84 * near, 300 - 44 * near)
        draw_figure(
            c, foot, 176 - 10 * near, kit, taker, running(run * 2.2 * (0.6 <= run <= 2.4)),
            back=True, shadow=style.grass_dark,
        )  # fmt: skip

    return scene(b, draw)


def net(b: Backdrop) -> Scene:
    """Look out through the net from behind the goal as it bulges."""
    style, (scorer, keeper), kits = b.style, b.people(2), b.kits()
    b.touchline(104, 24, 0.7)
    c = b.canvas
    c.line((0, 150), (512, 150), WHITE, 3)
    c.path([(60, 288), (104, 176), (408, 176), (452, 288)], WHITE, 4)
    b.soften(2.0)
    spot = (float(b.rng.uniform(170, 350)), float(b.rng.uniform(80, 150)))
    wait = float(b.rng.uniform(0.4, 1.0))

    def draw(c: Canvas, t: float, u: float) -> None:
        phase = (t % 4.0) - wait
        flight = ease(phase / 0.6)
        settle = max(0.0, phase - 0.6)
        bulge = 34 * ease((phase - 0.4) / 0.3) * math.exp(-0.8 * settle)
        pose = CHEER if flight >= 1 else running(2 * t)
        draw_figure(c, (256, 206), 86, kits[0], scorer, pose, mood="joy", shadow=style.grass_dark)
        draw_figure(
            c, (330, 262), 120, style.keeper, keeper, Pose((80, 120), (80, 120), (20, 0), (20, 0)),
            back=True, number=False,
        )  # fmt: skip
        drop = min(1.0, 0.9 * settle)
        x = 256 + (spot[0] - 256) * flight
        y = 190 + (spot[1] - 190) * flight + (250 - spot[1]) * drop * drop
        draw_ball(c, (x, y), 6 + 18 * flight, style.ball_panel, 6 * t)
        for k in range(15):
            _cord(c, spot, bulge, [(-20 + 40 * k, -12 + 52 * j) for j in range(7)])
        for k in range(9):
            _cord(c, spot, bulge, [(-20 + 68 * j, -4 + 37 * k) for j in range(9)])
        c.path([(-4, 300), (22, 10), (490, 10), (516, 300)], mix(WHITE, BLACK, 0.08), 11)

    return scene(b, draw)


def _cord(
    c: Canvas, spot: tuple[float, float], bulge: float, points: list[tuple[float, float]]
) -> None:
    """Draw one cord of the net, pushed away from where the ball hit it."""
    bent = []
    for x, y in points:
        dx, dy = x - spot[0], y - spot[1]
        push = bulge * math.exp(-(dx * dx + dy * dy) / 6500) / (1 + 0.02 * math.hypot(dx, dy))
        bent.append((x + push * dx / 40, y + push * dy / 40))
    c.path(bent, (222, 224, 224), 2)
