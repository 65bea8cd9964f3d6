"""What lies behind the actors: grass, crowd, boards, sky, and the pitch's lines."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np

from builders.minimatch.canvas import Canvas, Colour, H, Image, W, blurred, mix
from builders.minimatch.style import BLACK, HAIRS, SKINS, WHITE, Kit, Person, Style

CROWD_W, CROWD_H = 720, 240


class World:
    """A style with its textures, made when first needed and kept for the video."""

    def __init__(self, style: Style, seed: tuple[int, ...]) -> None:
        self.style = style
        self._seed = seed
        self.font = cv2.FontFace("sans")

    @cached_property
    def crowd(self) -> Image:
        """A stand full of people, (240, 720, 3)."""
        rng = np.random.default_rng([*self._seed, 1])
        style = self.style
        image = np.full((CROWD_H, CROWD_W, 3), mix(style.seats, BLACK, 0.35), np.uint8)
        c = Canvas(image, font=self.font)
        for y in range(-4, CROWD_H + 14, 11):
            c.rect(0, y + 8, CROWD_W, y + 11, style.seats)
            for x in range(-4, CROWD_W + 9, 9):
                if rng.random() < 0.12:
                    continue
                px, py = x + rng.uniform(-2.5, 2.5), y + rng.uniform(-2, 2)
                shirt = style.fans[rng.integers(len(style.fans))]
                c.oval((px, py + 6), (4.4, 6), mix(shirt, BLACK, rng.uniform(0, 0.4)))
                c.disc((px, py - 1.5), 3.1, HAIRS[rng.integers(len(HAIRS))])
                c.disc((px, py - 0.4), 2.7, SKINS[rng.integers(len(SKINS))])
        return image

    @cached_property
    def turf(self) -> Image:
        """Grain of the grass, a signed texture stored around 128, (288, 512)."""
        rng = np.random.default_rng([*self._seed, 2])
        fine = rng.normal(0, 7, (H, W)).astype(np.float32)
        coarse = cv2.resize(rng.normal(0, 6, (12, 16)).astype(np.float32), (W, H))
        return np.clip(128 + fine + coarse, 0, 255).astype(np.uint8)


class Backdrop:
    """Builds the background of one shot, from the horizon down."""

    def __init__(self, world: World, rng: np.random.Generator, *, mirror: bool) -> None:
        self.world = world
        self.style = world.style
        self.rng = rng
        self.canvas = Canvas(
            np.full((H, W, 3), world.style.grass, np.uint8), mirror=mirror, font=world.font
        )

    def person(self) -> Person:
        """Pick someone of the cast."""
        return self.style.cast[self.rng.integers(len(self.style.cast))]

    def people(self, count: int) -> list[Person]:
        """Pick different people of the cast."""
        order = self.rng.permutation(len(self.style.cast))[:count]
        return [self.style.cast[i] for i in order]

    def kits(self) -> tuple[Kit, Kit]:
        """Give the teams' kits in random order."""
        home, away = self.style.home, self.style.away
        return (home, away) if self.rng.random() < 0.5 else (away, home)

    def crowd(self, y0: int, y1: int, scale: float = 1.0) -> None:
        """Fill the rows y0 to y1 with the stand, people `scale` times their usual size."""
        height, width = round((y1 - y0) / scale), round(W / scale)
        texture = self.world.crowd
        if width > CROWD_W or height > CROWD_H:
            texture = np.tile(texture, (-(-height // CROWD_H), -(-width // CROWD_W), 1))
        top = int(self.rng.integers(texture.shape[0] - height + 1))
        left = int(self.rng.integers(texture.shape[1] - width + 1))
        cut = texture[top : top + height, left : left + width]
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        self.canvas.paste(cv2.resize(cut, (W, y1 - y0), interpolation=way), 0, y0)
        rail = mix(self.style.seats, WHITE, 0.35)
        self.canvas.line((0, y1 - 2), (W, y1 - 2), rail, 2)

    def boards(self, y0: int, y1: int, width: float = 118.0) -> None:
        """Draw advertising boards between two rows."""
        c, style = self.canvas, self.style
        place = int(self.rng.integers(len(style.boards)))
        x = -float(self.rng.uniform(0, width))
        while x < W:
            name, colour, ink = style.boards[place % len(style.boards)]
            c.rect(x, y0, x + width, y1, colour)
            c.text(name, (x + width / 2, (y0 + y1) / 2), 0.5 * (y1 - y0), ink, 800)
            x += width
            place += 1
        c.rect(0, y1 - 2, W, y1, mix(BLACK, style.grass, 0.2))

    def grass(self, y0: int, *, lanes: int = 7) -> None:
        """Lay the mown grass from row y0 down."""
        c, style = self.canvas, self.style
        c.rect(0, y0, W, H, style.grass)
        deep = H - y0
        rows = [y0 + deep * (k / lanes) ** 1.7 for k in range(lanes + 1)]
        if style.mowing in ("bands", "checks"):
            for top, bottom in list(pairwise(rows))[::2]:
                c.rect(0, top, W, bottom, style.grass_dark)
        if style.mowing in ("fan", "checks"):
            shade = (
                style.grass_dark
                if style.mowing == "fan"
                else mix(style.grass, style.grass_dark, 0.5)
            )
            for k in range(-9, 10, 2):
                near, far = k * 105, k * 42
                c.poly([(256 + far, y0), (298 + far, y0), (361 + near, H), (256 + near, H)], shade)
        part = c.image[y0:]
        grain = cv2.cvtColor(self.world.turf[: part.shape[0]], cv2.COLOR_GRAY2BGR)
        cv2.addWeighted(part, 1.0, grain, 1.0, -128.0, dst=part)

    def touchline(
        self, y0: int, board: int = 34, crowd_scale: float = 1.0, soft: float = 0.0
    ) -> None:
        """Stand, boards and grass with the boards' lower edge at row y0; `soft` blurs them."""
        self.crowd(0, y0 - board + 2, crowd_scale)
        self.boards(y0 - board, y0, 3.4 * board)
        self.grass(y0)
        if soft:
            self.soften(soft)

    def soften(self, sigma: float) -> None:
        """Put everything so far out of focus."""
        self.canvas.image[:] = blurred(self.canvas.image, sigma)

    def sky(self, y0: int, y1: int) -> None:
        """Draw the sky between two rows."""
        top, bottom = (np.array(colour, np.float32) for colour in self.style.sky)
        share = np.linspace(0, 1, y1 - y0, dtype=np.float32)[:, None, None]
        self.canvas.image[y0:y1] = np.rint(top + (bottom - top) * share).astype(np.uint8)

    def gradient(self, upper: Colour, lower: Colour) -> None:
        """Fill the whole picture from one colour to another."""
        share = np.linspace(0, 1, H, dtype=np.float32)[:, None, None]
        low, high = np.array(upper, np.float32), np.array(lower, np.float32)
        self.canvas.image[:] = np.rint(low + (high - low) * share).astype(np.uint8)


def draw_goal(c: Canvas, x0: float, y0: float, x1: float, y1: float, *, depth: float) -> None:
    """Draw a goal seen from the front, its mouth from (x0, y0) to (x1, y1)."""
    net = (205, 208, 208)
    inset = depth
    top, bottom = y0 + 0.55 * depth, y1 - 0.5 * depth
    for k in range(25):
        share = k / 24
        front, back = x0 + (x1 - x0) * share, x0 + inset + (x1 - x0 - 2 * inset) * share
        c.line((back, top), (back, bottom), net, 1)
        c.line((front, y0), (back, top), net, 1)
    for k in range(9):
        y = top + (bottom - top) * k / 8
        c.line((x0 + inset, y), (x1 - inset, y), net, 1)
        side = y0 + (y1 - y0) * k / 8
        c.line((x0, side), (x0 + inset, y), net, 1)
        c.line((x1, side), (x1 - inset, y), net, 1)
    post = max(3.0, (x1 - x0) / 62)
    c.path([(x0, y1), (x0, y0), (x1, y0), (x1, y1)], WHITE, post)


def draw_ball(
    c: Canvas, centre: tuple[float, float], r: float, panel: Colour, turn: float = 0.0
) -> None:
    """Draw a ball of radius `r` whose panels are rolled by `turn` radians."""
    c.disc(centre, r, mix(WHITE, BLACK, 0.18))
    c.disc((centre[0] - 0.06 * r, centre[1] - 0.06 * r), 0.94 * r, WHITE)
    if r < 4:
        return
    # Panel centres of a football on a unit sphere, rolled around a tilted axis.
    tilt = np.array([[1, 0, 0], [0, 0.9, -0.436], [0, 0.436, 0.9]])
    roll = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    spots = _ICOSAHEDRON @ roll.T @ tilt.T
    for sx, sy, sz in spots:
        if sz < 0.05:
            continue
        reach = 0.27 * r
        angle = float(np.degrees(np.arctan2(sy, sx)))
        at = (centre[0] + 0.93 * r * sx, centre[1] + 0.93 * r * sy)
        c.oval(at, (max(1.0, reach * sz), reach), panel, angle=angle)
    c.oval(
        (centre[0] - 0.35 * r, centre[1] - 0.4 * r), (0.2 * r, 0.14 * r), (255, 255, 255), angle=-40
    )


_GOLDEN = (1 + 5**0.5) / 2
_ICOSAHEDRON = np.array(
    [(0, s, t * _GOLDEN) for s in (1, -1) for t in (1, -1)]
    + [(s, t * _GOLDEN, 0) for s in (1, -1) for t in (1, -1)]
    + [(t * _GOLDEN, 0, s) for s in (1, -1) for t in (1, -1)]
) / np.hypot(1, _GOLDEN)  # fmt: skip
