"""Family `staff`: the coach, the bench, the substitution board."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, arc, mix
from builders.minimatch.figure import Pose, draw_figure, draw_head
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE, Kit


def coach(b: Backdrop) -> Scene:
    """Show the coach in a suit who waves his players forward."""
    style, person = b.style, b.person()
    b.touchline(204, 44, 1.5, soft=4.0)
    b.canvas.path([(60, 300), (110, 226), (410, 226), (470, 300)], WHITE, 4)
    suit = Kit("plain", style.suit, style.suit, mix(style.suit, BLACK, 0.3), BLACK, WHITE)
    pace = float(b.rng.uniform(3, 5))
    tie = style.home.shirt if style.home.shirt != WHITE else style.home.trim

    def draw(c: Canvas, t: float, u: float) -> None:
        wave = math.sin(pace * t)
        pose = Pose((52 + 12 * wave, 96 + 30 * wave), (40 - 10 * wave, 150 - 20 * wave))
        x = 250 + 10 * math.sin(0.9 * t)
        draw_figure(c, (x, 402), 338, suit, person, pose, number=False, mood="shout")
        c.poly([(x - 20, 124), (x, 190), (x + 20, 124)], WHITE)
        c.poly([(x - 5, 128), (x + 5, 128), (x + 8, 176), (x, 188), (x - 8, 176)], tie)
        lapel = mix(style.suit, WHITE, 0.16)
        for side in (-1, 1):
            c.poly([(x + side * 20, 122), (x + side * 32, 134), (x + side * 2, 196)], lapel)
        c.line((x, 196), (x, 240), mix(style.suit, BLACK, 0.5), 2)

    return scene(b, draw)


def bench(b: Backdrop) -> Scene:
    """Show substitutes who sit in the dugout."""
    style, team, (kit, _) = b.style, b.people(5), b.kits()
    b.crowd(0, 84, 1.1)
    b.grass(236)
    c = b.canvas
    shell = mix(style.seats, WHITE, 0.45)
    c.poly([(6, 248), (30, 78), (482, 78), (506, 248)], mix(style.seats, BLACK, 0.55))
    c.path([(6, 250), (30, 72), (482, 72), (506, 250)], shell, 10)
    c.poly([(24, 96), (30, 70), (482, 70), (488, 96)], mix(shell, BLACK, 0.15))
    seat = mix(style.home.shirt, BLACK, 0.45)
    for k in range(5):
        x = 84 + 86 * k
        c.poly([(x - 36, 226), *arc((x, 150), (36, 40), 180, 360, 12), (x + 36, 226)], seat)
    bib = Kit("plain", (60, 200, 235), kit.trim, kit.shorts, kit.socks, BLACK)

    def draw(c: Canvas, t: float, u: float) -> None:
        for k, person in enumerate(team):
            x = 84 + 86 * k
            nod = 2.5 * math.sin(1.6 * t + 2 * k)
            shirt = (bib if k in (1, 4) else kit).shirt
            c.poly([(x - 30, 228), (x - 34, 170), (x - 14, 156), (x + 14, 156), (x + 34, 170),
                    (x + 30, 228)], shirt)  # fmt: skip
            for side in (-1, 1):
                knee = (x + side * 21, 236)
                c.line((x + side * 12, 220), knee, kit.shorts, 23)
                c.line((knee[0], knee[1] + 4), (knee[0] + side * 2, 256), person.skin, 16)
                c.line((knee[0] + side * 2, 252), (knee[0] + side * 2, 276), kit.socks, 16)
                c.line((knee[0] + side * 2, 282), (knee[0] + side * 8, 284), BLACK, 11)
                c.line((x + side * 30, 176), (x + side * 32, 206), mix(shirt, BLACK, 0.15), 15)
                c.line((x + side * 32, 206), (x + side * 9, 222), person.skin, 12)
            c.line((x, 140), (x, 158), mix(person.skin, BLACK, 0.15), 15)
            draw_head(c, (x + nod, 128), 22, person, gaze=math.sin(t + k), mood="calm")

    return scene(b, draw)


def sub_board(b: Backdrop) -> Scene:
    """Show the fourth official with the lit board, a substitute waiting."""
    (official, player), (kit, _) = b.people(2), b.kits()
    b.touchline(226, 38, 1.4, soft=3.0)
    out, into = (int(n) for n in b.rng.integers(2, 30, 2))
    dark = Kit("plain", BLACK, BLACK, BLACK, BLACK, WHITE)

    def draw(c: Canvas, t: float, u: float) -> None:
        lift = 5 * math.sin(1.5 * t)
        hop = 9 * abs(math.sin(3.2 * t))
        draw_figure(c, (424, 398 - hop), 262, kit, player, Pose((20, 30), (20, 10)))
        pose = Pose((128, 190), (128, 190))
        draw_figure(c, (226, 446), 344, dark, official, pose, number=False)
        x0, y0, x1, y1 = 92, 26 + lift, 360, 128 + lift
        c.rect(x0 - 7, y0 - 7, x1 + 7, y1 + 7, (64, 60, 58))
        c.rect(x0, y0, x1, y1, (14, 14, 14))
        c.rect((x0 + x1) / 2 - 3, y0, (x0 + x1) / 2 + 3, y1, (64, 60, 58))
        on = 1.0 if t % 1.0 < 0.85 else 0.55
        c.text(str(out), (x0 + 67, (y0 + y1) / 2), 58, mix(BLACK, (50, 40, 250), on), 900)
        c.text(str(into), (x1 - 67, (y0 + y1) / 2), 58, mix(BLACK, (80, 240, 60), on), 900)
        for x in (x0 + 10, x1 - 10):
            c.disc((x, y1 + 4), 13, official.skin)

    return scene(b, draw)
