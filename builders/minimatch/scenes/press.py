"""Family `press`: commentators at their desk, a row of photographers."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, arc, mix
from builders.minimatch.figure import Pose, draw_figure, draw_head
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE, Kit


def commentators(b: Backdrop) -> Scene:
    """Show two commentators with headsets behind a desk, the pitch far below the window."""
    style, c, people = b.style, b.canvas, b.people(2)
    b.touchline(150, 20, 0.6, soft=4.0)
    frame = mix(style.suit, BLACK, 0.55)
    for x0, x1 in ((0, 22), (246, 266), (490, 512)):
        c.rect(x0, 0, x1, 288, frame)
    c.rect(0, 0, 512, 18, frame)
    desk, name = mix(style.bug.bar, BLACK, 0.2), style.boards[0][0]
    suit = Kit("plain", style.suit, WHITE, BLACK, BLACK, WHITE)

    def draw(c: Canvas, t: float, u: float) -> None:
        for k, person in enumerate(people):
            x, sway = 146 + 220 * k, 4 * math.sin(1.7 * t + 2.4 * k)
            talks = math.sin(0.9 * t) * (1 - 2 * k) > 0
            lift = 40 * max(0.0, math.sin(2.6 * t)) if talks else 0.0
            pose = Pose((40, 120 + lift), (40, 120), lean=sway / 300)
            draw_figure(c, (x, 400), 316, suit, person, pose, number=False)
            head = (x + sway * 0.97, 400 - 0.915 * 316)
            mood = "shout" if talks else "calm"
            draw_head(c, head, 27, person, mood=mood, mouth=abs(math.sin(9 * t)), gaze=1 - 2 * k)
            c.path(arc(head, (25, 31), 185, 355), (38, 36, 36), 6)
            c.oval((head[0] - 24, head[1] + 3), (8, 12), (38, 36, 36))
            c.oval((head[0] + 24, head[1] + 3), (8, 12), (38, 36, 36))
            c.path([(head[0] - 24, head[1] + 8), (head[0] - 8, head[1] + 24)], (38, 36, 36), 3)
        c.rect(0, 222, 512, 288, desk)
        c.rect(0, 218, 512, 226, mix(desk, WHITE, 0.35))
        c.text(f"{name} SPORT", (256, 256), 19, style.bug.accent, 800)
        for x in (96, 416):
            c.line((x, 220), (x + 14, 184), (60, 58, 58), 5)
            c.disc((x + 16, 178), 11, style.bug.accent)

    return scene(b, draw)


def photographers(b: Backdrop) -> Scene:
    """Show photographers behind the boards, long lenses and flashes."""
    style, people = b.style, b.people(4)
    b.crowd(0, 190, 1.3)
    b.soften(4.0)
    b.boards(226, 288, 170.0)
    bib = mix(style.bug.accent, WHITE, 0.25)
    kit = Kit("plain", bib, WHITE, BLACK, BLACK, BLACK)
    beats = [(float(b.rng.uniform(1.5, 3.0)), float(b.rng.uniform(0, 6))) for _ in people]

    def draw(c: Canvas, t: float, u: float) -> None:
        for k, (person, (pace, phase)) in enumerate(zip(people, beats, strict=True)):
            x, y = 70 + 124 * k, 372 - 10 * (k % 2)
            aim = 16 * math.sin(0.8 * t + phase)
            pose = Pose((42, 168), (42, 168))
            draw_figure(c, (x, y), 250, kit, person, pose, number=False)
            eye = (x, y - 0.9 * 250)
            c.rect(x - 25, eye[1] - 16, x + 25, eye[1] + 18, (40, 38, 38))
            c.rect(x - 10, eye[1] - 24, x + 10, eye[1] - 14, (40, 38, 38))
            lens = (x + aim, eye[1] + 14)
            c.line(eye, lens, (222, 226, 226), 30)
            c.disc(lens, 19, (40, 38, 38))
            c.disc(lens, 13, (110, 70, 50))
            c.disc((lens[0] - 4, lens[1] - 4), 4, (230, 200, 190))
            if math.sin(pace * 2 * t + phase) > 0.82:
                spot = (x, eye[1] - 24)
                for turn in range(0, 180, 45):
                    dx, dy = math.cos(math.radians(turn)), math.sin(math.radians(turn))
                    a, z = (spot[0] - 62 * dx, spot[1] - 62 * dy), (
                        spot[0] + 62 * dx, spot[1] + 62 * dy)  # fmt: skip
                    c.line(a, z, WHITE, 5)
                c.disc(spot, 26, WHITE)
        c.rect(0, 224, 512, 230, mix(BLACK, WHITE, 0.3))
        c.rect(0, 244, 512, 288, style.boards[1][1])
        c.text(style.boards[1][0], (256, 266), 22, style.boards[1][2], 800)

    return scene(b, draw)
