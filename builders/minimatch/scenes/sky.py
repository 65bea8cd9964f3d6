"""Family `sky`: fireworks over the roof, an airship."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, mix
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE, hsv


def fireworks(b: Backdrop) -> Scene:
    """Show rockets that burst over the dark roof of the stand."""
    style, c = b.style, b.canvas
    b.gradient((62, 26, 18), (110, 52, 66))
    for _ in range(60):
        c.disc((float(b.rng.uniform(0, 512)), float(b.rng.uniform(0, 190))), 1, (190, 180, 170))
    roof = mix(style.seats, BLACK, 0.75)
    c.poly([(-10, 250), (120, 214), (392, 214), (522, 250), (522, 300), (-10, 300)], roof)
    for k in range(9):
        c.disc((80 + 44 * k, 232 - 8 * math.sin(math.pi * k / 8)), 4, (210, 245, 250))
    bursts = [
        (float(b.rng.uniform(70, 440)), float(b.rng.uniform(50, 130)),
         float(b.rng.uniform(60, 105)), hsv(b.rng.random(), 0.7, 1.0), float(b.rng.uniform(0, 1.6)))
        for _ in range(5)
    ]  # fmt: skip

    def draw(c: Canvas, t: float, u: float) -> None:
        for x, y, size, colour, late in bursts:
            age = (t + late) % 1.6 / 1.6
            if age < 0.25:
                rise = 220 - (220 - y) * age / 0.25
                c.line((x, rise), (x, rise + 22), (190, 230, 250), 3)
                continue
            grown = 1 - (1 - (age - 0.25) / 0.75) ** 2
            tone = mix(colour, (70, 32, 30), max(0.0, age - 0.55) / 0.45)
            for spark in range(18):
                dx, dy = math.cos(0.349 * spark), math.sin(0.349 * spark)
                near, far = 0.6 * size * grown, size * grown
                drop = 18 * grown * grown
                c.line(
                    (x + near * dx, y + near * dy + drop), (x + far * dx, y + far * dy + drop),
                    tone, 3,
                )  # fmt: skip
                c.disc((x + far * dx, y + far * dy + drop), 3.5, mix(tone, WHITE, 0.4))

    return scene(b, draw)


def airship(b: Backdrop) -> Scene:
    """Show an airship passing among clouds, an advertiser's name on its side."""
    style = b.style
    b.sky(0, 288)
    name, colour, ink = style.boards[int(b.rng.integers(len(style.boards)))]
    clouds = [
        (float(b.rng.uniform(0, 640)), float(b.rng.uniform(30, 270)), float(b.rng.uniform(18, 34)))
        for _ in range(6)
    ]
    puff, speed = mix(style.sky[1], WHITE, 0.65), float(b.rng.uniform(10, 22))

    def draw(c: Canvas, t: float, u: float) -> None:
        for x, y, r in clouds[:4]:
            at = (x - 0.6 * speed * t) % 640 - 64
            for dx, part in ((-1.5, 0.7), (-0.4, 1.0), (0.8, 0.9), (1.8, 0.6)):
                c.oval((at + dx * r, y), (1.4 * part * r, 0.8 * part * r), puff)
        x, y = 210 + speed * (t % 5), 132 + 7 * math.sin(1.1 * t)
        dark = mix(colour, BLACK, 0.3)
        c.poly([(x - 128, y), (x - 176, y - 52), (x - 138, y - 46), (x - 92, y)], dark)
        c.poly([(x - 128, y), (x - 176, y + 52), (x - 138, y + 46), (x - 92, y)], dark)
        c.oval((x, y), (150, 58), colour)
        c.oval((x, y - 20), (124, 26), mix(colour, WHITE, 0.22))
        c.rect(x - 38, y + 52, x + 34, y + 76, dark)
        for k in range(4):
            c.rect(x - 31 + 16 * k, y + 57, x - 21 + 16 * k, y + 66, (230, 225, 190))
        c.text(name, (x + 6, y + 4), 36, ink, 900)
        for x, y, r in clouds[4:]:
            at = (x - 1.6 * speed * t) % 640 - 64
            for dx, part in ((-1.2, 0.8), (0.0, 1.1), (1.4, 0.8)):
                c.oval((at + dx * r, y), (1.5 * part * r, 0.8 * part * r), mix(puff, WHITE, 0.4))

    return scene(b, draw)
