"""Family `graphic`: full-screen score, team sheet, tactics board."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, mix
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, ease, scene
from builders.minimatch.style import BLACK, WHITE, Kit, ink_on

NAMES = (
    "ADAMI", "BEKO", "CRUZ", "DIALO", "EVANS", "FALK", "GOMEZ", "HART", "IBE", "JONAS",
    "KOVAC", "LINDT", "MORI", "NERI", "OKAFOR", "PARK", "ROSSI", "SATO", "TOURE", "WEISS",
)  # fmt: skip


def _panels(b: Backdrop) -> None:
    """Lay a coloured backdrop of slanted panes."""
    bar = b.style.bug.bar
    b.gradient(mix(bar, WHITE, 0.12), mix(bar, BLACK, 0.55))
    for _ in range(5):
        x, wide = float(b.rng.uniform(-60, 520)), float(b.rng.uniform(20, 90))
        tone = mix(bar, b.style.bug.accent, float(b.rng.uniform(0.08, 0.3)))
        b.canvas.poly([(x, 0), (x + wide, 0), (x + wide - 110, 288), (x - 110, 288)], tone)


def _crest(c: Canvas, x: float, y: float, r: float, kit: Kit, letter: str) -> None:
    """Draw a club's shield."""
    shape = [(-1, -1), (1, -1), (1, 0.2), (0.6, 0.8), (0, 1.2), (-0.6, 0.8), (-1, 0.2)]
    c.poly([(x + 1.12 * r * a, y + 1.12 * r * d) for a, d in shape], WHITE)
    c.poly([(x + r * a, y + r * d) for a, d in shape], kit.shirt)
    half = [(0, -1), (1, -1), (1, 0.2), (0.6, 0.8), (0, 1.2)]
    c.poly([(x + r * a, y + r * d) for a, d in half], kit.trim)
    c.disc((x, y), 0.55 * r, mix(kit.shirt, BLACK, 0.55))
    c.text(letter, (x, y), 0.6 * r, WHITE, 900)


def score(b: Backdrop) -> Scene:
    """Show the score over the whole screen, bars sliding in."""
    style, bug = b.style, b.style.bug
    _panels(b)
    title = str(b.rng.choice(["HALF TIME", "FULL TIME", "GOAL!", "LIVE"]))

    def draw(c: Canvas, t: float, u: float) -> None:
        slide = 300 * (1 - ease(t / 0.7))
        for side, kit, team in ((-1, style.home, bug.teams[0]), (1, style.away, bug.teams[1])):
            x = 256 + side * (140 + slide)
            c.rect(x - 112, 96, x + 112, 190, mix(bug.bar, BLACK, 0.35))
            c.rect(x - 112, 186, x + 112, 192, kit.shirt)
            _crest(c, x + side * 70, 140, 28, kit, team[0])
            c.text(team, (x - side * 22, 143), 25, WHITE, 800)
        c.rect(194, 86, 318, 200, bug.accent)
        c.text(f"{bug.score[0]} - {bug.score[1]}", (256, 143), 38, ink_on(bug.accent), 900)
        pulse = 22 + 1.5 * math.sin(4 * t)
        c.text(title, (256, 48), pulse, WHITE, 800)
        c.rect(256 - 120 * ease(t / 1.2), 224, 256 + 120 * ease(t / 1.2), 228, bug.accent)
        c.text("MINIMATCH CUP", (256, 250), 13, mix(WHITE, bug.bar, 0.3), 600)

    return scene(b, draw, steady=True)


def team_sheet(b: Backdrop) -> Scene:
    """Show the list of players, line after line."""
    style, bug = b.style, b.style.bug
    _panels(b)
    home = bool(b.rng.random() < 0.5)
    kit, team = (style.home, bug.teams[0]) if home else (style.away, bug.teams[1])
    names = [NAMES[i] for i in b.rng.permutation(len(NAMES))[:8]]
    numbers = sorted(int(n) for n in b.rng.permutation(30)[:8] + 1)
    b.canvas.rect(40, 16, 472, 56, kit.shirt)
    b.canvas.rect(40, 52, 472, 58, kit.trim)
    b.canvas.text(f"{team}  STARTING TEAM", (272, 35), 17, kit.ink, 800)
    _crest(b.canvas, 70, 40, 25, kit, team[0])

    def draw(c: Canvas, t: float, u: float) -> None:
        for k, (number, name) in enumerate(zip(numbers, names, strict=True)):
            into = ease((t - 0.12 * k) / 0.5)
            x, y = 40 - 480 * (1 - into), 66 + 26 * k
            tone = mix(bug.bar, BLACK, 0.45 if k % 2 else 0.6)
            if int(1.2 * t) % 8 == k and t > 1.5:
                tone = mix(bug.accent, BLACK, 0.25)
            c.rect(x, y, x + 432, y + 23, tone)
            c.rect(x, y, x + 44, y + 23, kit.shirt)
            if into > 0:
                c.text(str(number), (x + 22, y + 12), 13, kit.ink, 800)
                c.text(name, (x + 128, y + 12), 13, WHITE, 700)
                c.oval((x + 400, y + 11.5), (9, 9), bug.accent, width=3)

    return scene(b, draw, steady=True)


def tactics(b: Backdrop) -> Scene:
    """Show the pitch as a board with men and arrows that are drawn."""
    style, bug = b.style, b.style.bug
    board = mix(style.grass, BLACK, 0.35)
    b.gradient(mix(board, WHITE, 0.08), mix(board, BLACK, 0.25))
    c = b.canvas
    chalk = mix(WHITE, board, 0.2)
    c.path([(26, 22), (486, 22), (486, 266), (26, 266)], chalk, 3, closed=True)
    c.line((256, 22), (256, 266), chalk, 3)
    c.ring((256, 144), 42, chalk, 3)
    for x0, x1 in ((26, 96), (486, 416)):
        c.path([(x0, 70), (x1, 70), (x1, 218), (x0, 218)], chalk, 3)
    spots = [(58, 144), (122, 62), (116, 116), (116, 172), (122, 226), (196, 84), (186, 144),
             (196, 204), (300, 76), (318, 144), (300, 212)]  # fmt: skip
    jitter = b.rng.uniform(-9, 9, (len(spots), 2))
    men = [(x + dx, y + dy) for (x, y), (dx, dy) in zip(spots, jitter, strict=True)]
    rivals = [(512 - x + dy, y + dx) for (x, y), (dx, dy) in zip(men, jitter, strict=True)][:8]
    moves = [
        (
            men[i],
            (men[i][0] + float(b.rng.uniform(60, 110)), men[i][1] + float(b.rng.uniform(-40, 40))),
        )
        for i in (5, 7, 9)
    ]

    def draw(c: Canvas, t: float, u: float) -> None:
        for at in rivals:
            c.disc(at, 10, WHITE)
            c.disc(at, 8, style.away.shirt)
        for k, (start, end) in enumerate(moves):
            share = ease((t % 4.5 - 0.5 - 0.7 * k) / 0.8)
            if share > 0.02:
                _arrow(c, start, end, share, bug.accent)
        for k, at in enumerate(men):
            c.disc(at, 12, WHITE)
            c.disc(at, 10, style.home.shirt)
            c.text(str(k + 1), at, 8, style.home.ink, 800)

    return scene(b, draw, steady=True)


def _arrow(
    c: Canvas,
    start: tuple[float, float],
    end: tuple[float, float],
    share: float,
    colour: tuple[int, int, int],
) -> None:
    tip = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
    c.line(start, tip, colour, 6)
    turn = math.atan2(end[1] - start[1], end[0] - start[0])
    points = [
        (tip[0] + 17 * math.cos(turn + a), tip[1] + 17 * math.sin(turn + a)) for a in (0, 2.3, -2.3)
    ]
    c.poly(points, colour)
