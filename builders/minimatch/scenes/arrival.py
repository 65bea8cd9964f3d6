"""Family `arrival`: the team's bus, the turnstiles."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, mix
from builders.minimatch.figure import draw_figure, running
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE, Kit, hsv


def bus(b: Backdrop) -> Scene:
    """Show the team's bus driving through the town."""
    style, c, kit = b.style, b.canvas, b.kits()[0]
    b.sky(0, 150)
    c.rect(0, 150, 512, 226, (128, 132, 134))
    for k in range(7):
        x, high = 82 * k - 30 + float(b.rng.uniform(-9, 9)), float(b.rng.uniform(60, 140))
        wall = hsv(0.02 + 0.1 * b.rng.random(), float(b.rng.uniform(0.1, 0.5)), 0.62)
        c.rect(x, 196 - high, x + 70, 200, wall)
        for row in range(int(high // 30)):
            for column in range(3):
                left, top = x + 9 + 21 * column, 204 - high + 30 * row
                c.rect(left, top, left + 11, top + 16, mix(wall, BLACK, 0.55))
    c.rect(0, 226, 512, 288, (74, 72, 72))
    c.rect(0, 222, 512, 228, (176, 180, 180))
    speed, team = float(b.rng.uniform(26, 48)), style.bug.teams[0]
    heads = b.people(6)

    def draw(c: Canvas, t: float, u: float) -> None:
        for k in range(8):
            x = (92 * k - 2.2 * speed * t) % 736 - 120
            c.rect(x, 270, x + 44, 275, (210, 214, 214))
        x, y = 40 + speed * (t % 4) * 0.6, 84 + 1.5 * math.sin(11 * t)
        c.oval((x + 186, 256), (196, 9), (52, 50, 50))
        c.rect(x, y, x + 372, y + 156, kit.shirt)
        c.rect(x, y + 92, x + 372, y + 108, kit.trim)
        c.rect(x, y + 146, x + 372, y + 160, mix(kit.shirt, BLACK, 0.5))
        glass = (92, 72, 58)
        for k, person in enumerate(heads):
            left = x + 12 + 50 * k
            c.rect(left, y + 18, left + 44, y + 74, glass)
            c.disc((left + 22, y + 56 + math.sin(5 * t + k)), 13, person.skin)
            c.rect(left + 9, y + 66, left + 35, y + 74, kit.trim)
        c.poly([(x + 318, y + 14), (x + 372, y + 14), (x + 372, y + 92), (x + 318, y + 92)], glass)
        c.text(f"{team} TEAM", (x + 170, y + 128), 20, kit.ink, 900)
        c.disc((x + 366, y + 136), 7, (120, 240, 255))
        for wheel in (72, 304):
            at = (x + wheel, y + 160)
            c.disc(at, 25, (34, 32, 32))
            c.disc(at, 12, (176, 178, 180))
            turn = t * speed / 6
            end = (at[0] + 11 * math.cos(turn), at[1] + 11 * math.sin(turn))
            c.line(at, end, (60, 60, 60), 3)

    return scene(b, draw)


def turnstile(b: Backdrop) -> Scene:
    """Show fans who pass through the gates of the ground."""
    style, c = b.style, b.canvas
    brick = hsv(0.03 + 0.05 * b.rng.random(), 0.55, 0.55)
    c.rect(0, 0, 512, 236, brick)
    for row in range(0, 236, 12):
        c.line((0, row), (512, row), mix(brick, WHITE, 0.25), 1)
        for x in range((row // 12 % 2) * 14, 512, 28):
            c.line((x, row), (x, row + 12), mix(brick, WHITE, 0.25), 1)
    c.rect(0, 236, 512, 288, (112, 116, 118))
    doors = [(22 + 166 * k, 108 + 166 * k + 36) for k in range(3)]
    for k, (left, right) in enumerate(doors):
        c.rect(left, 62, right, 240, (36, 34, 36))
        c.rect(left, 26, right, 56, style.home.shirt)
        c.text(f"GATE {k + 1}", ((left + right) / 2, 41), 15, style.home.ink, 800)
    cast, pace = style.cast, float(b.rng.uniform(0.22, 0.34))
    kits = [Kit("plain", shirt, WHITE, (90, 60, 40), BLACK, BLACK) for shirt in style.fans]

    def draw(c: Canvas, t: float, u: float) -> None:
        for k, (left, right) in enumerate(doors):
            middle = (left + right) / 2
            for place in (2, 1, 0):
                walked = pace * t + 0.27 * k + 0.5 * place
                share, who = walked % 1.5, int(walked // 1.5) + place + 2 * k
                near = 1 - share / 1.5
                person, kit = cast[who % len(cast)], kits[who % len(kits)]
                foot = (middle + 30 * near * (place - 1), 236 + 44 * near)
                draw_figure(
                    c, foot, 118 + 70 * near, kit, person, running(4 * walked), back=True,
                    number=False,
                )  # fmt: skip
            arm = 2 * math.pi * pace * t + k
            for spoke in range(3):
                turn = arm + 2.1 * spoke
                c.line(
                    (middle, 206), (middle + 46 * math.cos(turn), 206 + 9 * math.sin(turn)),
                    (196, 200, 202), 6,
                )  # fmt: skip
            c.rect(middle - 5, 200, middle + 5, 250, (150, 152, 154))

    return scene(b, draw)
