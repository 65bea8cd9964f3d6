"""Family `joy`: arms up, the cup, a huddle."""

from __future__ import annotations

import math

import numpy as np

from builders.minimatch.canvas import Canvas, mix
from builders.minimatch.figure import CHEER, STAND, Pose, draw_figure, draw_head, running
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE, hsv


def arms_up(b: Backdrop) -> Scene:
    """Show a scorer who runs towards the camera with his arms up, mates behind him."""
    style, (scorer, *mates), (kit, _) = b.style, b.people(3), b.kits()
    b.touchline(168, 40, 1.2, soft=2.0)
    pace = float(b.rng.uniform(3.5, 5.0))

    def draw(c: Canvas, t: float, u: float) -> None:
        for k, mate in enumerate(mates):
            x = 100 + 300 * k + 20 * u * (1 - 2 * k)
            draw_figure(
                c, (x, 244), 136, kit, mate, running(pace * t + k), mood="joy",
                shadow=style.grass_dark,
            )  # fmt: skip
        hop = 8 * abs(math.sin(pace * t))
        wave = 12 * math.sin(pace * t)
        pose = Pose((140 + wave, 160 + wave), (140 - wave, 160 - wave), *(
            running(pace * t).leg_left, running(pace * t).leg_right))  # fmt: skip
        size = 206 + 22 * u
        draw_figure(
            c, (256, 290 - hop + 16 * u), size, kit, scorer, pose, mood="joy",
            shadow=style.grass_dark,
        )  # fmt: skip

    return scene(b, draw)


def cup(b: Backdrop) -> Scene:
    """Show the captain who lifts the cup in a rain of confetti."""
    style, (captain, *mates), (kit, _) = b.style, b.people(5), b.kits()
    b.crowd(0, 288, 1.3)
    b.soften(4.0)
    b.canvas.rect(0, 262, 512, 288, mix(style.seats, BLACK, 0.5))
    flakes = b.rng.random((70, 4))
    tints = [hsv(float(h), 0.75, 0.98) for h in np.linspace(0, 0.9, 7)]

    def draw(c: Canvas, t: float, u: float) -> None:
        for k, mate in enumerate(mates):
            x = (52, 144, 368, 460)[k]
            bob = 7 * abs(math.sin(4 * t + k))
            draw_figure(c, (x, 352 - bob), 220, kit, mate, CHEER if k % 2 else STAND, mood="joy")
        lift = 8 * math.sin(3 * t)
        pose = Pose((158, 172), (158, 172))
        left, right = draw_figure(c, (256, 424), 286, kit, captain, pose, mood="joy")
        _trophy(c, (left[0] + right[0]) / 2, left[1] - 6 - lift)
        for x, y, speed, size in flakes:
            fx = (x * 512 + 24 * math.sin(2 * t + 9 * y)) % 512
            fy = (y * 300 + (50 + 70 * speed) * t) % 300 - 6
            spin = 6 * math.sin(5 * t + 20 * x)
            wide = 3 + 3 * size
            c.line((fx, fy), (fx + spin, fy + wide), tints[int(7 * speed) % 7], 4)

    return scene(b, draw)


def _trophy(c: Canvas, x: float, y: float) -> None:
    """Draw a golden cup that stands on row y."""
    gold, light, dark = (58, 190, 240), (170, 235, 255), (30, 120, 180)
    c.oval((x - 42, y - 44), (16, 22), gold, width=7)
    c.oval((x + 42, y - 44), (16, 22), gold, width=7)
    c.rect(x - 26, y - 8, x + 26, y + 10, dark)
    c.rect(x - 9, y - 24, x + 9, y - 4, gold)
    c.poly([(x - 44, y - 78), (x + 44, y - 78), (x + 34, y - 38), (x + 12, y - 20),
            (x - 12, y - 20), (x - 34, y - 38)], gold)  # fmt: skip
    c.poly([(x - 32, y - 74), (x - 18, y - 74), (x - 14, y - 36), (x - 24, y - 44)], light)
    c.oval((x, y - 78), (44, 9), light)
    c.oval((x, y - 77), (36, 6), dark)


def huddle(b: Backdrop) -> Scene:
    """Show a ring of players, arms on shoulders, seen from outside."""
    style, team, (kit, _) = b.style, b.people(7), b.kits()
    b.touchline(140, 36, 1.1, soft=2.5)
    pace = float(b.rng.uniform(2.5, 4))

    def draw(c: Canvas, t: float, u: float) -> None:
        bob = 4 * abs(math.sin(pace * t))
        c.oval((256, 272), (210, 24), style.grass_dark)
        for k, x in enumerate((150, 222, 294, 366)):
            draw_head(c, (x, 100 - bob + 6 * (k % 2)), 22, team[k], mood="joy")
            c.oval((x, 156 - bob), (46, 40), mix(kit.shirt, BLACK, 0.3))
        for k, x in enumerate((126, 256, 386)):
            sway = 5 * math.sin(pace * t / 2 + k)
            arms = Pose((98, 84), (98, 84), (10, 0), (10, 0))
            draw_figure(c, (x + sway, 290 - bob), 226, kit, team[k + 4], arms, back=True)
        for x in (191, 321):
            c.line((x - 34, 118 - bob), (x + 34, 118 - bob), mix(kit.shirt, BLACK, 0.16), 15)
        c.line((30, 284), (482, 284), mix(style.grass, WHITE, 0.06), 2)

    return scene(b, draw)
