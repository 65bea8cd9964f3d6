"""Family `mascot`: the club's animal, dancing and seen close."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, Colour, Point, arc, mix
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE, hsv


def _fur(b: Backdrop) -> Colour:
    """Pick the colour of the fur."""
    return hsv(b.rng.random(), float(b.rng.uniform(0.35, 0.75)), float(b.rng.uniform(0.55, 0.85)))


def _head(c: Canvas, at: Point, r: float, fur: Colour, mouth: float, *, blink: bool) -> None:
    """Draw a bear's head of radius `r`."""
    x, y = at
    light = mix(fur, WHITE, 0.6)
    for side in (-1, 1):
        c.disc((x + 0.75 * side * r, y - 0.75 * r), 0.4 * r, fur)
        c.disc((x + 0.75 * side * r, y - 0.75 * r), 0.22 * r, light)
    c.oval(at, (1.12 * r, r), fur)
    c.oval((x, y + 0.38 * r), (0.58 * r, 0.46 * r), light)
    c.oval((x, y + 0.6 * r), (0.3 * r, (0.06 + 0.16 * mouth) * r), (60, 40, 150))
    c.oval((x, y + 0.2 * r), (0.2 * r, 0.14 * r), (30, 26, 26))
    for side in (-1, 1):
        eye = (x + 0.42 * side * r, y - 0.18 * r)
        if blink:
            c.line((eye[0] - 0.2 * r, eye[1]), (eye[0] + 0.2 * r, eye[1]), BLACK, 0.08 * r)
        else:
            c.oval(eye, (0.24 * r, 0.29 * r), WHITE)
            c.disc((eye[0] - 0.04 * side * r, eye[1] + 0.04 * r), 0.13 * r, BLACK)


def mascot(b: Backdrop) -> Scene:
    """Show the mascot dancing before the stand."""
    style, fur = b.style, _fur(b)
    b.touchline(178, 38, 1.3, soft=2.0)
    pace, shirt = float(b.rng.uniform(3.5, 5.0)), style.home.shirt

    def draw(c: Canvas, t: float, u: float) -> None:
        sway, hop = 26 * math.sin(pace * t), 16 * abs(math.cos(pace * t))
        x, y = 256 + sway, 150 - hop
        c.oval((256 + sway, 272), (84, 11), mix(style.grass_dark, BLACK, 0.3))
        for side in (-1, 1):
            c.line((x + 30 * side, y + 70), (256 + sway + 42 * side, 262 - 0.4 * hop), fur, 40)
            c.oval((256 + sway + 50 * side, 266 - 0.4 * hop), (34, 15), mix(fur, BLACK, 0.3))
            wave = 50 * math.sin(pace * t + 1.6 * side)
            c.line((x + 54 * side, y + 6), (x + 118 * side, y - 18 - wave), fur, 34)
            c.disc((x + 122 * side, y - 22 - wave), 23, mix(fur, WHITE, 0.6))
        c.oval((x, y + 40), (70, 74), shirt)
        c.oval((x, y + 84), (64, 30), style.home.shorts)
        c.text("1", (x, y + 42), 40, style.home.ink, 900)
        _head(c, (x - 0.3 * sway, y - 66), 60, fur, abs(math.sin(3 * t)), blink=t % 2.2 > 2.0)

    return scene(b, draw)


def mascot_face(b: Backdrop) -> Scene:
    """Show the mascot's head from near, a paw waving."""
    style, fur = b.style, _fur(b)
    b.crowd(0, 288, 2.2)
    b.soften(7.0)
    pace = float(b.rng.uniform(2.0, 3.2))

    def draw(c: Canvas, t: float, u: float) -> None:
        nod = 10 * math.sin(pace * t)
        c.oval((236, 330), (190, 100), style.home.shirt)
        c.path(arc((236, 300), (120, 52), 190, 350), style.home.trim, 20)
        _head(c, (236 + nod, 158), 118, fur, abs(math.sin(2.3 * t)), blink=t % 2.6 > 2.4)
        paw = (440 + 26 * math.sin(2 * pace * t), 170)
        c.line((470, 300), paw, fur, 62)
        c.disc(paw, 52, fur)
        c.disc((paw[0], paw[1] + 8), 24, mix(fur, WHITE, 0.6))
        for k in (-1, 0, 1):
            c.disc((paw[0] + 25 * k, paw[1] - 28 + 5 * abs(k)), 11, mix(fur, WHITE, 0.6))

    return scene(b, draw)
