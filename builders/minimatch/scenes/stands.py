"""Family `stands`: jumping fans, waving flags."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, mix
from builders.minimatch.figure import draw_head
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, HAIRS, SKINS, WHITE, Kit, Person


def _fan(b: Backdrop) -> Person:
    rng = b.rng
    return Person(
        SKINS[rng.integers(len(SKINS))],
        HAIRS[rng.integers(len(HAIRS))],
        ("short", "afro", "long", "fringe")[rng.integers(4)],
        bool(rng.random() < 0.2),
        0,
    )


def crowd(b: Backdrop) -> Scene:
    """Show rows of fans that jump, arms up, scarves held high."""
    kit = b.kits()[0]
    b.crowd(0, 288, 1.5)
    b.soften(4.0)
    rows = []
    for row, (y, size, count) in enumerate(((96, 24, 9), (164, 31, 7), (244, 40, 5))):
        for k in range(count):
            x = (k + 0.5 + 0.25 * (row % 2)) * 512 / count + float(b.rng.uniform(-8, 8))
            shirt = (kit.shirt, kit.trim, mix(kit.shirt, WHITE, 0.5), BLACK)[
                b.rng.choice(4, p=[0.55, 0.2, 0.15, 0.1])
            ]
            act = int(b.rng.choice(3, p=[0.45, 0.3, 0.25]))
            rows.append((x, y, size, _fan(b), shirt, act, float(b.rng.uniform(0, 6))))
    pace = float(b.rng.uniform(5, 7))

    def draw(c: Canvas, t: float, u: float) -> None:
        for x, y, size, fan, shirt, act, shift in rows:
            hop = 0.3 * size * abs(math.sin(pace * t / 2 + shift))
            head = (x, y - hop)
            c.oval((x, y + 2.1 * size - hop), (1.15 * size, 1.3 * size), mix(shirt, BLACK, 0.08))
            if act < 2:
                wave = 0.25 * size * math.sin(pace * t + shift)
                for side in (-1, 1):
                    hand = (x + side * 1.25 * size + wave, y - 1.5 * size - hop)
                    c.line((x + side * 0.95 * size, y + 1.5 * size - hop), hand, shirt, 0.42 * size)
                    c.disc(hand, 0.28 * size, fan.skin)
                if act == 1:
                    left = (x - 1.4 * size + wave, y - 1.5 * size - hop)
                    right = (x + 1.4 * size + wave, y - 1.5 * size - hop)
                    c.line(left, right, kit.shirt, 0.5 * size)
                    c.line(left, right, kit.trim, 0.18 * size)
            draw_head(c, head, 0.8 * size, fan, mood="shout" if act else "joy", mouth=0.6)

    return scene(b, draw)


def flags(b: Backdrop) -> Scene:
    """Show the far stand with big flags waving over it."""
    home, away = b.kits()
    b.crowd(0, 288, 1.05)
    pitch = [
        (
            float(x + b.rng.uniform(-20, 20)),
            float(b.rng.uniform(130, 250)),
            float(b.rng.uniform(0.7, 1.2)),
        )
        for x in (30, 140, 250, 360, 450)
    ]
    pitch.sort(key=lambda flag: flag[1])
    kinds = [int(b.rng.integers(4)) for _ in pitch]

    def draw(c: Canvas, t: float, u: float) -> None:
        for k, (x, y, size) in enumerate(pitch):
            _flag(c, x, y, size, kinds[k], home if k != 2 else away, t + 1.7 * k)

    return scene(b, draw)


def _flag(c: Canvas, x: float, y: float, size: float, kind: int, kit: Kit, t: float) -> None:
    """Draw a big flag on a swaying pole whose foot is at (x, y)."""
    sway = 0.35 * math.sin(2.2 * t)
    top = (x + 110 * size * sway, y - 128 * size)
    c.line((x, y), top, (90, 110, 130), 5 * size)
    columns = 8
    along = ((x - top[0]) / 128, (y - top[1]) / 128)

    def cloth(u: float, v: float) -> tuple[float, float]:
        wave = 11 * size * u * math.sin(5 * t - 5 * u)
        reach = 118 * size * u * (1 if sway <= 0 else -1) * (0.55 + 0.45 * min(1, abs(sway) * 4))
        return top[0] - reach * -1 + along[0] * 78 * v, top[1] + wave + along[1] * 78 * v

    for k in range(columns):
        u0, u1 = k / columns, (k + 1) / columns
        shade = 0.22 * (1 + math.sin(5 * t - 5 * u0)) / 2
        bands = 3 if kind == 1 else 2
        for band in range(bands):
            v0, v1 = band / bands, (band + 1) / bands
            if kind == 0:
                tone = kit.shirt if band else kit.trim
            elif kind == 1:
                tone = kit.trim if band == 1 else kit.shirt
            elif kind == 2:
                tone = kit.shirt if (k // 2 + band) % 2 else kit.trim
            else:
                tone = kit.shirt if k < columns / 2 else kit.trim
            c.poly(
                [cloth(u0, v0), cloth(u1, v0), cloth(u1, v1), cloth(u0, v1)],
                mix(tone, BLACK, shade),
            )
