"""People, from a head seen close to a whole player in play."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from builders.minimatch.canvas import Canvas, Colour, Point, arc, mix
from builders.minimatch.style import BLACK, WHITE, Kit, Person

Limb = tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """Angles of upper and lower limbs in degrees: 0 hangs down, 90 points outwards, 180 up.

    `left` and `right` are those of the picture. `lean` moves the head sideways, as a share of
    the height.
    """

    arm_left: Limb = (14, 8)
    arm_right: Limb = (14, 8)
    leg_left: Limb = (5, 2)
    leg_right: Limb = (5, 2)
    lean: float = 0.0


STAND = Pose()
CHEER = Pose((150, 168), (150, 168))


def running(phase: float, lean: float = 0.04) -> Pose:
    """Pose a stride; `phase` counts steps."""
    swing = math.sin(math.pi * phase)
    return Pose(
        arm_left=(20 + 35 * swing, 60 + 25 * swing),
        arm_right=(20 - 35 * swing, 60 - 25 * swing),
        leg_left=(8 + 30 * swing, 2 - 26 * max(0.0, -swing)),
        leg_right=(8 - 30 * swing, 2 - 26 * max(0.0, swing)),
        lean=lean,
    )


def _walk(start: Point, side: int, angle: float, length: float) -> Point:
    turn = math.radians(angle)
    return start[0] + side * length * math.sin(turn), start[1] + length * math.cos(turn)


def draw_figure(
    c: Canvas,
    foot: Point,
    height: float,
    kit: Kit,
    person: Person,
    pose: Pose = STAND,
    *,
    back: bool = False,
    mood: str = "calm",
    number: bool = True,
    shadow: Colour | None = None,
) -> tuple[Point, Point]:
    """Draw a person and return where the hands are, (left, right).

    Parameters
    ----------
    foot : Point
        Ground below the person.
    height : float
        Height in pixels; larger than the canvas for a shot from the waist up.
    kit, person, pose
        Clothes, head and limbs.
    back : bool
        Seen from behind.
    mood : str
        "calm", "joy", "shout" or "sad".
    number : bool
        Whether the shirt has a number.
    shadow : Colour, optional
        Colour of the shadow on the ground.
    """
    x, y = foot
    h = height

    def at(across: float, up: float) -> Point:
        return x + (across + pose.lean * up) * h, y - up * h

    if shadow is not None:
        c.oval((x, y), (0.2 * h, 0.035 * h), shadow)
    for side, leg in ((-1, pose.leg_left), (1, pose.leg_right)):
        hip = at(side * 0.055, 0.46)
        knee = _walk(hip, side, leg[0], 0.22 * h)
        ankle = _walk(knee, side, leg[1], 0.21 * h)
        c.line(hip, knee, person.skin, 0.085 * h)
        c.line(knee, ankle, kit.socks, 0.07 * h)
        c.line(ankle, (ankle[0] + side * 0.03 * h, ankle[1] + 0.015 * h), BLACK, 0.05 * h)
        c.line(hip, _walk(hip, side, leg[0], 0.1 * h), kit.shorts, 0.115 * h)
    c.poly([at(-0.105, 0.52), at(0.105, 0.52), at(0.1, 0.43), at(-0.1, 0.43)], kit.shorts)

    sleeve = mix(kit.shirt, BLACK, 0.12)
    hands = []
    for side, arm in ((-1, pose.arm_left), (1, pose.arm_right)):
        shoulder = at(side * 0.115, 0.775)
        elbow = _walk(shoulder, side, arm[0], 0.16 * h)
        hand = _walk(elbow, side, arm[1], 0.15 * h)
        c.line(shoulder, elbow, person.skin, 0.055 * h)
        c.line(elbow, hand, person.skin, 0.048 * h)
        c.disc(hand, 0.032 * h, person.skin)
        c.line(shoulder, _walk(shoulder, side, arm[0], 0.1 * h), sleeve, 0.078 * h)
        hands.append(hand)

    c.line(at(0, 0.78), at(0, 0.85), mix(person.skin, BLACK, 0.15), 0.075 * h)
    _torso(c, at, kit)
    if number and h > 60:
        c.text(str(person.number), at(0, 0.66), 0.09 * h if back else 0.065 * h, kit.ink, 800)
    draw_head(c, at(0, 0.915), 0.082 * h, person, back=back, mood=mood)
    return hands[0], hands[1]


def _torso(c: Canvas, at: Callable[[float, float], Point], kit: Kit) -> None:
    left = [(-0.055, 0.825), (-0.145, 0.785), (-0.11, 0.48)]
    outline = left + [(-a, up) for a, up in reversed(left)]
    c.poly([at(*point) for point in outline], kit.shirt)

    def quad(u0: float, v0: float, u1: float, v1: float, u2: float, u3: float) -> None:
        """Fill from row v0 (columns u0 to u1) to row v1 (columns u3 to u2)."""

        def spot(u: float, v: float) -> Point:
            half = 0.128 - 0.018 * v
            return at((2 * u - 1) * half, 0.8 - 0.32 * v)

        c.poly([spot(u0, v0), spot(u1, v0), spot(u2, v1), spot(u3, v1)], kit.trim)

    if kit.pattern == "stripes":
        for u in (0.1, 0.44, 0.78):
            quad(u, 0.02, u + 0.14, 1, u + 0.14, u)
    elif kit.pattern == "hoops":
        for v in (0.2, 0.52, 0.84):
            quad(0, v, 1, v + 0.15, 1, 0)
    elif kit.pattern == "sash":
        quad(0.02, 0.04, 0.26, 1, 1.0, 0.76)
    elif kit.pattern == "halves":
        quad(0.5, 0, 1, 1, 1, 0.5)


def draw_head(
    c: Canvas,
    centre: Point,
    r: float,
    person: Person,
    *,
    back: bool = False,
    mood: str = "calm",
    gaze: float = 0.0,
    mouth: float = 0.5,
    blink: bool = False,
) -> None:
    """Draw a head of half height `r`; small ones get fewer features.

    `gaze` in [-1, 1] moves the eyes, `mouth` in [0, 1] opens a shouting mouth.
    """
    x, y = centre
    skin, dark = person.skin, mix(person.skin, (20, 20, 60), 0.28)
    wide = 0.8 * r
    if person.haircut == "afro":
        c.disc((x, y - 0.3 * r), 1.12 * r, person.hair)
    elif person.haircut == "long":
        c.poly(
            [*arc((x, y - 0.1 * r), (1.0 * r, 1.0 * r), 180, 360),
             (x + 0.95 * r, y + 1.0 * r), (x - 0.95 * r, y + 1.0 * r)],
            mix(person.hair, BLACK, 0.25),
        )  # fmt: skip
    elif person.haircut == "bun":
        c.disc((x, y - 1.12 * r), 0.34 * r, person.hair)
    if r > 6:
        for side in (-1, 1):
            c.oval((x + side * 0.8 * r, y + 0.08 * r), (0.15 * r, 0.24 * r), dark)
    if back:
        cover = skin if person.haircut == "bald" else person.hair
        c.oval(centre, (wide, r), skin)
        c.oval((x, y - 0.12 * r), (wide * 1.02, 0.9 * r), cover)
        return
    c.oval(centre, (wide, r), skin)
    if person.beard and r > 6:
        jaw = arc((x, y + 0.05 * r), (wide * 1.0, 0.97 * r), 5, 175)
        c.poly([*jaw, (x - 0.5 * r, y + 0.32 * r), (x + 0.5 * r, y + 0.32 * r)], person.hair)
    _hair(c, x, y, r, person)
    if r > 6:
        _features(c, x, y, r, person, dark, mood, gaze, mouth, blink)


def _hair(c: Canvas, x: float, y: float, r: float, person: Person) -> None:
    if person.haircut == "bald":
        return
    cap = list(arc((x, y - 0.02 * r), (0.84 * r, 1.05 * r), 186, 354))
    if person.haircut == "fringe":
        line = [(0.8, -0.22), (0.35, -0.5), (-0.1, -0.35), (-0.45, -0.2), (-0.8, -0.15)]
    else:
        line = [(0.82, -0.1), (0.6, -0.48), (0.0, -0.58), (-0.6, -0.48), (-0.82, -0.1)]
    c.poly(cap + [(x + a * r, y + b * r) for a, b in line], person.hair)


def _features(
    c: Canvas,
    x: float,
    y: float,
    r: float,
    person: Person,
    dark: Colour,
    mood: str,
    gaze: float,
    mouth: float,
    blink: bool,
) -> None:
    brow_tilt = {"shout": 0.12, "sad": -0.12}.get(mood, 0.0)
    brow = mix(person.hair, BLACK, 0.3)
    for side in (-1, 1):
        eye = (x + side * 0.33 * r, y - 0.06 * r)
        if blink:
            c.line((eye[0] - 0.14 * r, eye[1]), (eye[0] + 0.14 * r, eye[1]), dark, 0.06 * r)
        elif r > 20:
            c.oval(eye, (0.17 * r, 0.11 * r), WHITE)
            c.disc((eye[0] + 0.07 * r * gaze, eye[1]), 0.085 * r, (40, 50, 60))
        else:
            c.disc((eye[0] + 0.05 * r * gaze, eye[1]), 0.09 * r, BLACK)
        inner, outer = (x + side * 0.17 * r, y), (x + side * 0.52 * r, y)
        c.line(
            (inner[0], y - (0.27 - brow_tilt) * r),
            (outer[0], y - (0.29 + brow_tilt / 2) * r),
            brow,
            0.08 * r,
        )
    if r > 20:
        nose = [(x + 0.02 * r, y), (x + 0.13 * r, y + 0.27 * r), (x - 0.05 * r, y + 0.3 * r)]
        c.path(nose, dark, 0.05 * r)
    if mood == "shout":
        gape = (0.12 + 0.2 * mouth) * r
        c.oval((x, y + 0.58 * r), (0.3 * r, gape), (36, 24, 96))
        if r > 12:
            c.rect(x - 0.19 * r, y + 0.6 * r - gape, x + 0.19 * r, y + 0.68 * r - gape, WHITE)
    elif mood == "joy":
        smile = arc((x, y + 0.42 * r), (0.36 * r, 0.3 * r), 0, 180, 9)
        c.poly(smile, WHITE if r > 12 else (60, 40, 120))
    else:
        bend = -0.1 if mood == "sad" else 0.1
        ends = [
            (x - 0.28 * r, y + 0.56 * r),
            (x, y + (0.56 + bend) * r),
            (x + 0.28 * r, y + 0.56 * r),
        ]
        c.path(ends, mix(dark, (40, 30, 110), 0.4), 0.07 * r)
