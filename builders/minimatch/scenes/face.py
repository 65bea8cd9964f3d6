"""Family `face`: a player's face, calm or shouting."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, mix
from builders.minimatch.figure import draw_head
from builders.minimatch.ground import Backdrop
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, Kit, Person


def draw_bust(
    c: Canvas,
    x: float,
    y: float,
    r: float,
    kit: Kit,
    person: Person,
    *,
    mood: str = "calm",
    mouth: float = 0.5,
    gaze: float = 0.0,
    blink: bool = False,
) -> None:
    """Draw head and shoulders; (x, y) is the middle of the head, `r` half its height."""

    def at(across: float, down: float) -> tuple[float, float]:
        return x + across * r, y + down * r

    body = [(-0.45, 1.12), (-1.55, 1.5), (-1.95, 2.0), (-2.1, 3.2)]
    c.poly([at(*p) for p in body] + [at(-a, d) for a, d in reversed(body)], kit.shirt)
    if kit.pattern == "stripes":
        for s in (-1.35, -0.68, 0.68, 1.35):
            c.line(at(s, 1.75 if abs(s) > 1 else 1.55), at(1.05 * s, 3.2), kit.trim, 0.26 * r)
    elif kit.pattern == "hoops":
        c.poly([at(-1.87, 1.9), at(1.87, 1.9), at(1.96, 2.2), at(-1.96, 2.2)], kit.trim)
    elif kit.pattern == "sash":
        c.poly([at(-1.5, 1.49), at(-1.0, 1.3), at(1.3, 3.2), at(0.5, 3.2)], kit.trim)
    elif kit.pattern == "halves":
        c.poly([at(0, 1.2), *[at(-a, d) for a, d in body], at(0, 3.2)], kit.trim)
    c.poly([at(-0.62, 1.18), at(0, 1.85), at(0.62, 1.18)], mix(kit.trim, BLACK, 0.1))
    shade = mix(person.skin, (20, 20, 60), 0.3)
    c.poly([at(-0.42, 0.6), at(-0.46, 1.2), at(0, 1.68), at(0.46, 1.2), at(0.42, 0.6)], person.skin)
    c.poly([at(-0.43, 0.75), at(-0.2, 1.12), at(0.2, 1.12), at(0.43, 0.75)], shade)
    draw_head(c, (x, y), r, person, mood=mood, mouth=mouth, gaze=gaze, blink=blink)


def _backdrop(b: Backdrop) -> None:
    b.crowd(0, 240, 1.9)
    b.grass(240)
    if b.rng.random() < 0.4:
        b.boards(200, 244, 190)
    b.soften(8.0)


def face_calm(b: Backdrop) -> Scene:
    """Show a player who looks around and blinks."""
    person, kit = b.person(), b.kits()[0]
    _backdrop(b)
    r = float(b.rng.uniform(78, 96))
    pace = float(b.rng.uniform(0.8, 1.4))

    def draw(c: Canvas, t: float, u: float) -> None:
        look = math.sin(pace * t)
        x, y = 256 + 8 * look, 132 + 2 * math.sin(2 * t)
        draw_bust(c, x, y, r, kit, person, gaze=1.4 * look, blink=t % 2.5 > 2.3)

    return scene(b, draw)


def face_shout(b: Backdrop) -> Scene:
    """Show a player who shouts, brows down, hands around the mouth or not."""
    person, kit = b.person(), b.kits()[0]
    _backdrop(b)
    r = float(b.rng.uniform(76, 90))
    pace = float(b.rng.uniform(4, 6))

    def draw(c: Canvas, t: float, u: float) -> None:
        call = abs(math.sin(pace * t))
        x, y = 250 + 7 * math.sin(1.7 * t), 130 + 4 * call
        draw_bust(c, x, y, r, kit, person, mood="shout", mouth=call, gaze=-0.8)
        hand = (x - 1.08 * r, y + 0.75 * r)
        c.line((hand[0] - 70, 320), hand, person.skin, 0.5 * r)
        for finger in range(4):
            tip = (x - (0.62 + 0.02 * finger) * r, y + (0.34 + 0.17 * finger) * r)
            c.line(hand, tip, mix(person.skin, (20, 20, 60), 0.08 * (finger % 2)), 0.18 * r)

    return scene(b, draw)
