"""Family `keeper`: gloves around the ball, the keeper's face."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, Colour, mix
from builders.minimatch.ground import Backdrop, draw_ball
from builders.minimatch.scenes.face import draw_bust
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE, hsv


def _glove(
    c: Canvas, x: float, y: float, side: int, size: float, palm: Colour, rim: Colour
) -> None:
    """Draw one glove, fingers up, thumb towards the ball."""
    for k, (spread, length) in enumerate(((-26, 62), (-9, 74), (9, 76), (27, 66))):
        tip = (x + size * (spread * 1.25), y - size * length)
        root = (x + size * spread, y - size * 10)
        c.line(root, tip, rim, 21 * size)
        c.line(root, tip, mix(palm, BLACK, 0.04 * k), 14 * size)
    thumb = (x - side * size * 62, y - size * 22)
    c.line((x - side * size * 22, y + size * 12), thumb, rim, 24 * size)
    c.line((x - side * size * 22, y + size * 12), thumb, palm, 16 * size)
    c.oval((x, y + size * 6), (39 * size, 42 * size), rim)
    c.oval((x, y + size * 4), (33 * size, 36 * size), palm)
    c.oval((x, y + size * 10), (17 * size, 13 * size), rim)
    c.rect(x - 30 * size, y + 42 * size, x + 30 * size, y + 62 * size, rim)
    c.rect(x - 30 * size, y + 50 * size, x + 30 * size, y + 55 * size, palm)


def gloves(b: Backdrop) -> Scene:
    """Show two big gloves that clasp the ball."""
    style = b.style
    b.touchline(190, 56, 1.8)
    b.soften(6.0)
    palm, rim = WHITE, hsv(b.rng.random(), 0.85, 0.9)
    pace = float(b.rng.uniform(1.6, 2.6))

    def draw(c: Canvas, t: float, u: float) -> None:
        clasp = 0.5 + 0.5 * math.sin(pace * t)
        lift = 8 * math.sin(0.8 * t)
        sleeve = style.keeper.shirt
        for side in (-1, 1):
            x = 256 + side * (104 + 26 * clasp)
            c.line((x + side * 8, 214 + lift), (256 + side * 150, 330), mix(sleeve, BLACK, 0.1), 74)
            c.line((x + side * 2, 214 + lift), (256 + side * 138, 330), sleeve, 56)
        draw_ball(c, (256, 118 + lift), 74, style.ball_panel, 0.5 * math.sin(pace * t))
        for side in (-1, 1):
            _glove(c, 256 + side * (98 + 26 * clasp), 152 + lift, side, 1.15, palm, rim)

    return scene(b, draw)


def keeper_face(b: Backdrop) -> Scene:
    """Show the keeper in a cap, shouting at the wall beside a raised glove."""
    style, person = b.style, b.person()
    b.canvas.rect(0, 0, 512, 288, style.grass)
    b.crowd(0, 232, 2.0)
    b.soften(7.0)
    for x in range(-20, 540, 34):
        b.canvas.line((x, 0), (x + 8, 288), (190, 194, 194), 2)
    for y in range(10, 290, 34):
        b.canvas.line((0, y), (512, y + 4), (190, 194, 194), 2)
    cap, rim = mix(style.keeper.shirt, BLACK, 0.45), hsv(b.rng.random(), 0.85, 0.9)
    pace = float(b.rng.uniform(3, 5))

    def draw(c: Canvas, t: float, u: float) -> None:
        call = max(0.0, math.sin(pace * t))
        x, y = 226 + 5 * math.sin(1.1 * t), 138 + 2 * call
        draw_bust(c, x, y, 84, style.keeper, person, mood="shout", mouth=call, gaze=0.8)
        c.poly([(x - 70, y - 32), (x - 62, y - 78), (x - 20, y - 98), (x + 24, y - 98),
                (x + 62, y - 78), (x + 70, y - 32)], cap)  # fmt: skip
        c.poly([(x - 46, y - 44), (x + 72, y - 44), (x + 112, y - 26), (x + 60, y - 28)],
               mix(cap, BLACK, 0.4))  # fmt: skip
        _glove(c, 416 + 8 * math.sin(pace * t / 2), 176, 1, 0.9, WHITE, rim)

    return scene(b, draw)
