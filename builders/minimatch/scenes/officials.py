"""Families `card` and `signal`: what referee and linesman show."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, Colour, mix
from builders.minimatch.figure import Pose, draw_figure
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, ease, scene
from builders.minimatch.style import BLACK, WHITE


def _card(b: Backdrop, colour: Colour) -> Scene:
    style, (referee, *players), kits = b.style, b.people(3), b.kits()
    b.touchline(196, 36, 1.3, soft=2.5)
    wait = float(b.rng.uniform(0.1, 0.5))

    def draw(c: Canvas, t: float, u: float) -> None:
        plead = 12 * math.sin(4 * t)
        pose = Pose((16, 10), (40 + plead, 95 + plead))
        draw_figure(c, (74 - 30 * u, 372), 250, kits[0], players[0], pose, mood="shout")
        up = ease((t - wait) / 0.5)
        shake = 4 * math.sin(5 * t) * up
        arm = (20 + 142 * up + shake, 30 + 142 * up + shake)
        _, hand = draw_figure(
            c, (268, 436), 326, style.referee, referee, Pose((14, 10), arm), number=False
        )
        _draw_card(c, hand, math.radians(-8 + 8 * math.sin(4 * t)), colour)
        if b.style.picture.gain > 0.98:
            draw_figure(c, (478, 400), 236, kits[1], players[1], Pose((70, 100), (12, 6)))

    return scene(b, draw)


def _draw_card(c: Canvas, hand: tuple[float, float], turn: float, colour: Colour) -> None:
    wide, high = 21.0, 56.0
    across = (wide * math.cos(turn), wide * math.sin(turn))
    up = (high * math.sin(turn), -high * math.cos(turn))
    x, y = hand[0], hand[1] + 4
    corners = [
        (x - across[0], y - across[1]),
        (x + across[0], y + across[1]),
        (x + across[0] + up[0], y + across[1] + up[1]),
        (x - across[0] + up[0], y - across[1] + up[1]),
    ]
    c.poly(corners, colour)
    c.path(corners, mix(colour, WHITE, 0.35), 2, closed=True)


def card_yellow(b: Backdrop) -> Scene:
    """Show the referee with the yellow card."""
    return _card(b, (20, 230, 252))


def card_red(b: Backdrop) -> Scene:
    """Show the referee with the red card."""
    return _card(b, (36, 30, 232))


def pointing(b: Backdrop) -> Scene:
    """Show the referee who whistles and points to the spot."""
    style, (referee, player), kits = b.style, b.people(2), b.kits()
    b.touchline(150, 34, 1.0, soft=1.5)
    b.canvas.path([(-20, 250), (330, 232), (540, 262)], WHITE, 5)
    pace = float(b.rng.uniform(2.5, 4))

    def draw(c: Canvas, t: float, u: float) -> None:
        draw_figure(
            c, (92, 262), 150, kits[0], player, Pose((150, 205), (150, 205)), mood="sad",
            shadow=style.grass_dark,
        )  # fmt: skip
        stab = 5 * math.sin(pace * t)
        pose = Pose((40, 165), (82 + stab, 84 + stab), (8, 3), (8, 3), lean=0.03)
        draw_figure(
            c, (240 + 12 * u, 292), 244, style.referee, referee, pose, number=False,
            mood="shout", shadow=style.grass_dark,
        )  # fmt: skip

    return scene(b, draw)


def linesman(b: Backdrop) -> Scene:
    """Show the linesman on the touchline with the flag up."""
    style, person = b.style, b.person()
    b.touchline(128, 30, 0.9)
    b.canvas.line((0, 270), (512, 262), WHITE, 7)
    first, second = ((30, 60, 235), (40, 215, 250)) if b.rng.random() < 0.6 else (
        (40, 225, 250), (210, 80, 30))  # fmt: skip
    gust = float(b.rng.uniform(6, 9))

    def draw(c: Canvas, t: float, u: float) -> None:
        arm = (168 + 6 * math.sin(3 * t), 174 + 6 * math.sin(3 * t))
        pose = Pose((14, 8), arm)
        _, hand = draw_figure(
            c, (232, 286), 182, style.referee, person, pose, number=False, shadow=style.grass_dark
        )
        tip = (hand[0] + 10, hand[1] - 52)
        c.line((hand[0] - 2, hand[1] + 8), tip, (60, 110, 160), 5)
        for i in range(4):
            for j in range(3):
                x0, x1 = tip[0] + 22 * i, tip[0] + 22 * (i + 1)
                w0 = 6 * i / 4 * math.sin(gust * t - i)
                w1 = 6 * (i + 1) / 4 * math.sin(gust * t - i - 1)
                y = tip[1] + 16 * j
                colour = first if (i + j) % 2 else second
                c.poly([(x0, y + w0), (x1, y + w1), (x1, y + 16 + w1), (x0, y + 16 + w0)], colour)
        c.line(
            (hand[0] - 7, hand[1] + 4), (hand[0] + 7, hand[1] + 1), mix(person.skin, BLACK, 0.1), 8
        )

    return scene(b, draw)
