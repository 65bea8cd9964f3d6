"""Family `clock`: the referee's watch, the big screen over the stand."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, mix
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE


def watch(b: Backdrop) -> Scene:
    """Show a watch on a wrist from near, its hands turning."""
    style, c, person = b.style, b.canvas, b.person()
    b.touchline(110, 40, 1.5, soft=8.0)
    c.line((-40, 210), (552, 120), person.skin, 150)
    c.line((-60, 213), (90, 190), style.referee.shirt, 168)
    c.line((60, 195), (92, 190), style.referee.trim, 168)
    c.line((286, 70), (310, 250), mix(style.bug.bar, BLACK, 0.4), 88)
    face = mix(WHITE, style.bug.accent, 0.12)
    hour = float(b.rng.uniform(0, 2 * math.pi))

    def draw(c: Canvas, t: float, u: float) -> None:
        x, y = 298 + 2 * math.sin(2.1 * t), 160 + 2 * math.cos(1.7 * t)
        c.disc((x, y), 98, (70, 68, 66))
        c.disc((x, y), 90, (176, 180, 184))
        c.disc((x, y), 82, face)
        for k in range(12):
            dx, dy = math.cos(math.pi * k / 6), math.sin(math.pi * k / 6)
            wide = 6 if k % 3 == 0 else 3
            c.line((x + 64 * dx, y + 64 * dy), (x + 76 * dx, y + 76 * dy), BLACK, wide)
        hands = ((hour, 38, 9), (12 * hour + 0.1 * t, 58, 6))
        for turn, reach, wide in hands:
            c.line((x, y), (x + reach * math.sin(turn), y - reach * math.cos(turn)), BLACK, wide)
        tick = 2 * math.pi * math.floor(5 * t) / 25
        c.line((x, y), (x + 70 * math.sin(tick), y - 70 * math.cos(tick)), (40, 40, 220), 3)
        c.disc((x, y), 7, (40, 40, 220))
        c.rect(x + 90, y - 9, x + 108, y + 9, (120, 122, 126))

    return scene(b, draw)


def big_screen(b: Backdrop) -> Scene:
    """Show the screen over the stand, its clock running."""
    style, c = b.style, b.canvas
    b.sky(0, 214)
    b.crowd(200, 288, 0.8)
    c.poly([(-10, 196), (522, 196), (522, 210), (-10, 210)], mix(style.seats, BLACK, 0.2))
    steel = (104, 104, 102)
    for x in (130, 382):
        c.line((x, 30), (x, 200), steel, 10)
        c.line((x - 24, 200), (x + 24, 150), steel, 4)
    c.rect(70, 22, 442, 172, (28, 26, 26))
    start = style.bug.clock_s

    def draw(c: Canvas, t: float, u: float) -> None:
        x0, y0, x1, y1 = 80, 32, 432, 162
        c.rect(x0, y0, x1, y1, (40, 24, 16))
        seconds = start + math.floor(3 * t)
        on = 1.0 if t % 1.0 < 0.7 else 0.6
        lit = mix(BLACK, (60, 200, 255), on)
        c.text(f"{seconds // 60:02d}:{seconds % 60:02d}", (256, 88), 62, lit, 900)
        share = (0.12 * t) % 1.0
        c.rect(x0 + 10, 136, x1 - 10, 150, (70, 60, 56))
        c.rect(x0 + 10, 136, x0 + 10 + (x1 - x0 - 20) * share, 150, style.home.shirt)
        for row in range(y0, y1, 6):
            c.line((x0, row), (x1, row), (24, 16, 12), 1)
        for k in range(8):
            wave = 6 * math.sin(4 * t + k)
            c.line((30 + 64 * k, 262 + wave), (30 + 64 * k, 240 + wave), style.fans[k % 6], 9)

    return scene(b, draw)
