"""Family `play`: the wide view, the penalty area, a dribble."""

from __future__ import annotations

import math

import numpy as np

from builders.minimatch.canvas import Canvas, arc
from builders.minimatch.figure import draw_figure, running
from builders.minimatch.ground import Backdrop, draw_ball, draw_goal
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE, Kit, Person


def _mini(c: Canvas, x: float, y: float, h: float, kit: Kit, person: Person, phase: float) -> None:
    """Draw a player of few pixels with few strokes."""
    swing = 0.16 * h * math.sin(phase)
    c.line((x, y - 0.4 * h), (x - swing, y), kit.socks, 0.13 * h)
    c.line((x, y - 0.4 * h), (x + swing, y), kit.socks, 0.13 * h)
    c.line((x, y - 0.46 * h), (x, y - 0.36 * h), kit.shorts, 0.25 * h)
    c.line((x, y - 0.72 * h), (x, y - 0.52 * h), kit.shirt, 0.26 * h)
    c.line((x - 0.14 * h, y - 0.72 * h), (x - 0.2 * h, y - 0.45 * h), kit.trim, 0.09 * h)
    c.line((x + 0.14 * h, y - 0.72 * h), (x + 0.2 * h, y - 0.45 * h), kit.trim, 0.09 * h)
    c.disc((x, y - 0.9 * h), 0.11 * h, person.skin)
    c.disc((x, y - 0.95 * h), 0.1 * h, person.hair)


def wide(b: Backdrop) -> Scene:
    """Show half the pitch from the main camera, both teams and the ball in motion."""
    style, c = b.style, b.canvas
    b.touchline(74, 18, 0.55)
    c.line((0, 84), (512, 84), WHITE, 2)
    c.line((-20, 276), (532, 276), WHITE, 3)
    middle = float(b.rng.uniform(180, 332))
    c.line((middle, 84), (middle - 26, 276), WHITE, 3)
    c.oval((middle - 12, 170), (84, 38), WHITE, width=3)
    base = b.rng.random((16, 2)) * (470, 170) + (20, 98)
    pace = b.rng.uniform(0.5, 1.3, (16, 2))
    phase = b.rng.uniform(0, 6, (16, 2))

    def draw(c: Canvas, t: float, u: float) -> None:
        spots = base + (34, 12) * np.sin(pace * t + phase)
        order = np.argsort(spots[:, 1], kind="stable")
        for i in order:
            x, y = spots[i]
            size = 16 + (y - 80) * 0.1
            c.oval((x + 3, y), (0.3 * size, 0.09 * size), style.grass_dark)
            kit = style.home if i % 2 else style.away
            _mini(c, x, y, size, kit, style.cast[i % 8], 7 * t + i)
        leg = int(t / 1.2)
        share = t / 1.2 - leg
        start, end = spots[(5 * leg) % 16], spots[(5 * leg + 5) % 16]
        at = start + (end - start) * share
        lift = 22 * math.sin(math.pi * share)
        c.oval((at[0] + 2, at[1]), (4, 2), style.grass_dark)
        draw_ball(c, (float(at[0]), float(at[1]) - 4 - lift), 3.8, style.ball_panel)

    return scene(b, draw)


def box(b: Backdrop) -> Scene:
    """Show the penalty area from the side of the goal while a cross comes in."""
    style, c, (keeper, *team) = b.style, b.canvas, b.people(8)
    b.touchline(86, 22, 0.7)
    c.line((0, 100), (512, 116), WHITE, 3)
    c.path([(70, 102), (14, 232), (438, 258), (430, 113)], WHITE, 4)
    c.path([(150, 104), (120, 158), (342, 170), (356, 111)], WHITE, 3)
    c.disc((226, 204), 4, WHITE)
    c.path(arc((224, 236), (66, 34), 4, 176, 16), WHITE, 3)
    draw_goal(c, 176, 46, 326, 106, depth=14)
    base = np.array(
        [(150, 150), (214, 166), (268, 150), (318, 184), (180, 214), (290, 226), (380, 200)]
    )
    base = base + b.rng.uniform(-16, 16, base.shape)
    phase = b.rng.uniform(0, 6, base.shape)

    def draw(c: Canvas, t: float, u: float) -> None:
        draw_figure(
            c, (250 + 16 * math.sin(1.7 * t), 112), 48, style.keeper, keeper, running(t),
            number=False, shadow=style.grass_dark,
        )  # fmt: skip
        spots = base + (16, 7) * np.sin(1.4 * t + phase)
        for i in np.argsort(spots[:, 1], kind="stable"):
            x, y = (float(v) for v in spots[i])
            kit = style.home if i % 2 else style.away
            hop = 9 * max(0.0, math.sin(2.1 * t + 2 * i)) ** 3
            draw_figure(
                c, (x, y - hop), 44 + 0.13 * y, kit, team[i], running(2.4 * t + i),
                number=False, back=bool(i % 3), shadow=style.grass_dark,
            )  # fmt: skip
        share = (t % 2.6) / 2.6
        x, y = 500 - 330 * share, 236 - 100 * share
        lift = 92 * math.sin(math.pi * share)
        c.oval((x, y), (5, 2), style.grass_dark)
        draw_ball(c, (x, y - 5 - lift), 6.5, style.ball_panel, 8 * t)

    return scene(b, draw)


def dribble(b: Backdrop) -> Scene:
    """Show a player who runs with the ball while a rival comes near."""
    style, (runner, rival), kits = b.style, b.people(2), b.kits()
    b.touchline(116, 32, 1.0)
    b.canvas.line((0, 276), (512, 268), WHITE, 5)
    pace = float(b.rng.uniform(1.9, 2.6))
    lines = [(float(x), float(y)) for x, y in b.rng.random((9, 2)) * (560, 110) + (0, 150)]

    def draw(c: Canvas, t: float, u: float) -> None:
        for x, y in lines:
            at = (x - 150 * pace * t * y / 250) % 600 - 40
            c.line((at, y), (at + 26, y), style.grass_dark, 4)
        gap = 150 - 46 * math.sin(0.8 * t)
        draw_figure(
            c, (236 - gap, 246), 150, kits[1], rival, running(pace * t + 0.5, 0.1),
            shadow=style.grass_dark,
        )  # fmt: skip
        draw_figure(
            c, (240, 258), 172, kits[0], runner, running(pace * t, 0.08), shadow=style.grass_dark
        )
        touch = abs(math.sin(math.pi * pace * t / 2))
        x = 296 + 44 * touch
        c.oval((x, 262), (14, 4), BLACK if style.picture.rain else style.grass_dark)
        draw_ball(c, (x, 250 - 5 * touch), 13, style.ball_panel, 5 * t)

    return scene(b, draw)
