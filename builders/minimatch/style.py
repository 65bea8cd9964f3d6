"""How one broadcast looks: kits, people, grass, boards, picture; drawn once a video."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from builders.minimatch.canvas import Colour, mix

WHITE: Colour = (244, 246, 246)
BLACK: Colour = (26, 24, 24)
SKINS: tuple[Colour, ...] = (
    (178, 206, 243), (150, 184, 230), (112, 152, 206), (84, 122, 176), (62, 92, 140), (44, 66, 104),
)  # fmt: skip
HAIRS: tuple[Colour, ...] = (
    (24, 24, 30), (30, 42, 62), (44, 70, 110), (98, 160, 206), (36, 84, 178), (138, 140, 142),
)  # fmt: skip
HAIRCUTS = ("short", "bald", "afro", "long", "bun", "fringe")
PATTERNS = ("plain", "stripes", "hoops", "sash", "halves")
TEAMS = ("ELM", "OAK", "ASH", "IVY", "SUN", "KES", "TYN", "ROW", "HOL", "BAY", "FEN", "GLN", "MOR")
BRANDS = ("VELO", "KITE", "ARCO", "NOVA", "LUMA", "ORBI", "TESS", "PICO", "ZEAL", "HALO")


@dataclass(frozen=True)
class Kit:
    """Clothes of a team."""

    pattern: str
    shirt: Colour
    trim: Colour
    shorts: Colour
    socks: Colour
    ink: Colour  # numbers


@dataclass(frozen=True)
class Person:
    """A head: what tells one player from another."""

    skin: Colour
    hair: Colour
    haircut: str
    beard: bool
    number: int


@dataclass(frozen=True)
class Picture:
    """What camera and weather do to the colours."""

    gamma: float
    gain: float
    tint: tuple[float, float, float]
    saturation: float
    noise: float
    rain: bool


@dataclass(frozen=True)
class Bug:
    """The score bug: its corner (right, bottom), colours, teams, score and starting clock."""

    right: bool
    bottom: bool
    bar: Colour
    accent: Colour
    teams: tuple[str, str]
    score: tuple[int, int]
    clock_s: int


@dataclass(frozen=True)
class Style:
    """Everything that stays the same through a video."""

    home: Kit
    away: Kit
    keeper: Kit
    referee: Kit
    cast: tuple[Person, ...]
    grass: Colour
    grass_dark: Colour
    mowing: str
    sky: tuple[Colour, Colour]
    seats: Colour
    fans: tuple[Colour, ...]
    boards: tuple[tuple[str, Colour, Colour], ...]
    ball_panel: Colour
    suit: Colour
    picture: Picture
    bug: Bug


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Colour from hue, saturation and value in [0, 1]; the hue wraps."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(255 * blue), round(255 * green), round(255 * red)


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever is readable on `colour`."""
    luma = 0.114 * colour[0] + 0.587 * colour[1] + 0.299 * colour[2]
    return BLACK if luma > 140 else WHITE


def draw_style(rng: np.random.Generator) -> Style:
    """Draw the look of one video."""
    hue = float(rng.random())
    home = _kit(hue, rng)
    away = _kit(hue + rng.uniform(0.3, 0.7), rng, may_be_white=False)
    keeper_hue = hue + rng.uniform(0.12, 0.25)
    keeper = Kit(
        "plain", hsv(keeper_hue, 0.85, 0.95), BLACK, hsv(keeper_hue, 0.9, 0.6), BLACK, BLACK
    )
    referee_shirt = _pick(rng, (BLACK, (40, 225, 250), (190, 130, 245), (210, 200, 60)))
    referee = Kit("plain", referee_shirt, mix(referee_shirt, WHITE, 0.4), BLACK, BLACK, BLACK)
    grass = hsv(rng.uniform(0.20, 0.36), rng.uniform(0.45, 0.75), rng.uniform(0.42, 0.62))
    bar_hue = float(rng.random())
    dusk = bool(rng.random() < 0.4)
    sky_hue = rng.uniform(0.54, 0.64)
    sky = (
        (hsv(sky_hue, 0.75, 0.25), hsv(rng.uniform(0.02, 0.95), 0.45, 0.7))
        if dusk
        else (hsv(sky_hue, 0.6, 0.9), hsv(sky_hue, 0.15, 0.97))
    )
    fans = (home.shirt, home.trim, away.shirt, WHITE, (70, 60, 60), hsv(rng.random(), 0.5, 0.8))
    return Style(
        home=home,
        away=away,
        keeper=keeper,
        referee=referee,
        cast=tuple(_person(rng) for _ in range(8)),
        grass=grass,
        grass_dark=mix(grass, (20, 40, 20), rng.uniform(0.12, 0.28)),
        mowing=str(rng.choice(["bands", "fan", "checks", "none"], p=[0.4, 0.3, 0.2, 0.1])),
        sky=sky,
        seats=hsv(rng.random(), rng.uniform(0.2, 0.7), rng.uniform(0.18, 0.4)),
        fans=fans,
        boards=tuple(_board(str(name), rng) for name in rng.permutation(BRANDS)[:5]),
        ball_panel=_pick(rng, (BLACK, hsv(rng.random(), 0.9, 0.7), (160, 60, 30))),
        suit=hsv(rng.random(), rng.uniform(0.0, 0.5), rng.uniform(0.15, 0.4)),
        picture=Picture(
            gamma=float(rng.uniform(0.8, 1.25)),
            gain=float(rng.uniform(0.88, 1.08)),
            tint=(
                float(rng.uniform(0.9, 1.08)),
                float(rng.uniform(0.95, 1.05)),
                float(rng.uniform(0.9, 1.08)),
            ),
            saturation=float(rng.uniform(0.7, 1.2)),
            noise=float(rng.choice([0.0, 2.0, 4.0])),
            rain=bool(rng.random() < 0.15),
        ),
        bug=Bug(
            right=bool(rng.random() < 0.5),
            bottom=bool(rng.random() < 0.5),
            bar=hsv(bar_hue, rng.uniform(0.3, 0.9), rng.uniform(0.15, 0.45)),
            accent=hsv(bar_hue + rng.uniform(0.2, 0.8), 0.75, 0.95),
            teams=(str(rng.choice(TEAMS[:6])), str(rng.choice(TEAMS[6:]))),
            score=(int(rng.integers(4)), int(rng.integers(4))),
            clock_s=int(rng.integers(60, 85 * 60)),
        ),
    )


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[rng.integers(len(colours))]


def _kit(hue: float, rng: np.random.Generator, *, may_be_white: bool = True) -> Kit:
    white = may_be_white and rng.random() < 0.2
    shirt = WHITE if white else hsv(hue, rng.uniform(0.65, 0.95), rng.uniform(0.55, 0.95))
    trim = hsv(hue + rng.choice([0.0, 0.1, 0.45]), 0.8, 0.4)
    trim = _pick(rng, (WHITE, trim, hsv(hue + 0.5, 0.7, 0.95)))
    if trim == shirt:
        trim = hsv(hue, 0.85, 0.55)
    shorts = _pick(rng, (shirt, trim, BLACK, WHITE))
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    return Kit(pattern, shirt, trim, shorts, _pick(rng, (shirt, trim, WHITE)), ink_on(shirt))


def _person(rng: np.random.Generator) -> Person:
    return Person(
        skin=_pick(rng, SKINS),
        hair=_pick(rng, HAIRS),
        haircut=HAIRCUTS[rng.integers(len(HAIRCUTS))],
        beard=bool(rng.random() < 0.3),
        number=int(rng.integers(2, 24)),
    )


def _board(name: str, rng: np.random.Generator) -> tuple[str, Colour, Colour]:
    colour = hsv(rng.random(), rng.uniform(0.3, 0.95), rng.uniform(0.3, 0.95))
    return name, colour, ink_on(colour)
