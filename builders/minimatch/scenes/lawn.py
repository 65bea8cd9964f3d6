"""Family `lawn`: the ground staff's mower and sprinkler."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, mix
from builders.minimatch.figure import Pose, draw_figure
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE, Kit, hsv


def mower(b: Backdrop) -> Scene:
    """Show a groundsman who mows, cut grass flying."""
    style, person = b.style, b.person()
    b.touchline(96, 26, 0.8, soft=1.5)
    paint = hsv(b.rng.choice([0.0, 0.1, 0.14, 0.62]), 0.85, 0.8)
    overall = Kit("plain", (120, 70, 30), WHITE, (120, 70, 30), BLACK, WHITE)
    speed = float(b.rng.uniform(18, 34))
    chips = b.rng.uniform(-1, 1, (26, 3))

    def draw(c: Canvas, t: float, u: float) -> None:
        x, shake = 150 + speed * (t % 5), 2 * math.sin(19 * t)
        c.poly([(-10, 226), (x, 226), (x, 276), (-10, 276)], mix(style.grass, WHITE, 0.22))
        for a, d, e in chips:
            age = (1.7 * t + a) % 1.0
            at = (x - 40 - 130 * age, 230 + 30 * e - 70 * math.sin(math.pi * age) * (0.6 + 0.4 * d))
            c.disc(at, 3.5, mix(style.grass, (60, 200, 190), 0.4))
        c.oval((x + 96, 274), (150, 12), mix(style.grass_dark, BLACK, 0.3))
        sitting = Pose((60, 82), (60, 82), (70, 8), (70, 8))
        draw_figure(c, (x + 44, 282 + shake), 226, overall, person, sitting, number=False)
        c.rect(x - 24, 186 + shake, x + 90, 238 + shake, paint)
        c.poly(
            [(x + 90, 172 + shake), (x + 196, 182 + shake), (x + 214, 238 + shake),
             (x + 90, 238 + shake)], paint,
        )  # fmt: skip
        c.line((x + 108, 178 + shake), (x + 92, 142 + shake), (50, 48, 48), 7)
        c.oval((x + 90, 140 + shake), (8, 20), (50, 48, 48), angle=-30)
        c.rect(x + 120, 196 + shake, x + 190, 202 + shake, mix(paint, WHITE, 0.5))
        c.rect(x + 20, 240, x + 150, 264, (70, 68, 68))
        for wheel, r in ((-2, 36), (188, 26)):
            at = (x + wheel, 276 - r)
            c.disc(at, r, (36, 34, 34))
            c.disc(at, 0.5 * r, mix(paint, WHITE, 0.6))
            turn = speed * t / 8
            end = (at[0] + 0.45 * r * math.cos(turn), at[1] + 0.45 * r * math.sin(turn))
            c.line(at, end, BLACK, 4)

    return scene(b, draw)


def sprinkler(b: Backdrop) -> Scene:
    """Show a sprinkler that turns, its water falling on the grass."""
    style = b.style
    b.touchline(88, 22, 0.7, soft=4.0)
    pace, drops = float(b.rng.uniform(0.9, 1.5)), b.rng.random((120, 2))
    water = mix(WHITE, style.sky[0], 0.18)

    def draw(c: Canvas, t: float, u: float) -> None:
        c.oval((256, 250), (210, 24), mix(style.grass_dark, BLACK, 0.25))
        turn = math.sin(pace * t)
        for side in (-1, 1):
            reach = side * (230 * turn + 40)
            for share, spread in drops:
                age = (share + 1.4 * t) % 1.0
                x = 256 + reach * age * (0.8 + 0.4 * spread)
                y = 190 - 440 * age * (1 - age) * (0.7 + 0.3 * spread) + 60 * age
                c.line((x, y), (x - 0.03 * reach, y + 5), water, 2 + 2 * age)
        c.rect(248, 190, 264, 252, (60, 58, 58))
        c.rect(240, 246, 272, 256, (40, 38, 38))
        head = (256 + 26 * turn, 180)
        c.line((256, 192), head, (50, 190, 240), 15)
        c.disc((256, 192), 11, (30, 150, 200))

    return scene(b, draw)
