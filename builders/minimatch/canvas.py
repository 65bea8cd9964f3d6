"""Antialiased drawing in float coordinates, on 512 x 288, twice the size of the video."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

W, H = 512, 288
Colour = tuple[int, int, int]  # blue, green, red
Point = tuple[float, float]
Image = NDArray[np.uint8]
SHIFT = 4
ONE = 1 << SHIFT
AA = cv2.LINE_AA


class Canvas:
    """An image to draw on, in pixels, x to the right, y down.

    A mirrored canvas flips all shapes left to right but keeps text readable, so that a scene
    is written once and seen from both sides.
    """

    def __init__(self, image: Image, *, mirror: bool = False, font: cv2.FontFace | None = None):
        self.image = image
        self.mirror = mirror
        self.width = image.shape[1]
        self._font = font if font is not None else cv2.FontFace("sans")

    def over(self, image: Image) -> Canvas:
        """Give a canvas like this one on another image."""
        return Canvas(image, mirror=self.mirror, font=self._font)

    def _fix(self, point: Point) -> tuple[int, int]:
        x = self.width - point[0] if self.mirror else point[0]
        return round(x * ONE), round(point[1] * ONE)

    def _fix_all(self, points: ArrayLike) -> NDArray[np.int32]:
        array = np.array(points, dtype=np.float64)
        if self.mirror:
            array[:, 0] = self.width - array[:, 0]
        array *= ONE
        return np.rint(array, out=array).astype(np.int32)

    def poly(self, points: ArrayLike, colour: Colour) -> None:
        """Fill a polygon, points (n, 2)."""
        cv2.fillPoly(self.image, [self._fix_all(points)], colour, AA, SHIFT)

    def path(
        self, points: ArrayLike, colour: Colour, width: float = 1, *, closed: bool = False
    ) -> None:
        """Draw a polyline with round joints."""
        thickness = max(1, round(width))
        cv2.polylines(self.image, [self._fix_all(points)], closed, colour, thickness, AA, SHIFT)

    def line(self, a: Point, b: Point, colour: Colour, width: float = 1) -> None:
        """Draw a line with round ends."""
        thickness = max(1, round(width))
        cv2.line(self.image, self._fix(a), self._fix(b), colour, thickness, AA, SHIFT)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """Fill a circle."""
        cv2.circle(self.image, self._fix(centre), round(radius * ONE), colour, -1, AA, SHIFT)

    def ring(self, centre: Point, radius: float, colour: Colour, width: float = 1) -> None:
        """Draw a circle."""
        radius, thickness = round(radius * ONE), max(1, round(width))
        cv2.circle(self.image, self._fix(centre), radius, colour, thickness, AA, SHIFT)

    def oval(
        self,
        centre: Point,
        axes: Point,
        colour: Colour,
        *,
        angle: float = 0.0,
        width: float = -1,
    ) -> None:
        """Fill an ellipse with half axes `axes`, or draw its outline of `width`."""
        fixed = (round(axes[0] * ONE), round(axes[1] * ONE))
        turn = -angle if self.mirror else angle
        thickness = -1 if width < 0 else max(1, round(width))
        at = self._fix(centre)
        cv2.ellipse(self.image, at, fixed, turn, 0, 360, colour, thickness, AA, SHIFT)

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fill an upright rectangle."""
        self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def text(
        self, text: str, centre: Point, size: float, colour: Colour, weight: int = 700
    ) -> None:
        """Write text around `centre`; `size` is the height of a capital letter."""
        pixels = max(6, round(size * 1.4))
        box = cv2.getTextSize((self.width, H), text, (0, 0), self._font, pixels, weight)
        x = self.width - centre[0] if self.mirror else centre[0]
        origin = (round(x - box[2] / 2 - box[0]), round(centre[1] + size / 2))
        cv2.putText(self.image, text, origin, colour, self._font, pixels, weight)

    def paste(self, patch: Image, x0: int, y0: int) -> None:
        """Put an opaque patch with its upper left corner at (x0, y0), cut at the edges."""
        height, width = patch.shape[:2]
        if self.mirror:
            x0, patch = self.width - x0 - width, patch[:, ::-1]
        top, left = max(0, y0), max(0, x0)
        bottom, right = min(self.image.shape[0], y0 + height), min(self.width, x0 + width)
        if top < bottom and left < right:
            cut = patch[top - y0 : bottom - y0, left - x0 : right - x0]
            self.image[top:bottom, left:right] = cut


def arc(
    centre: Point, axes: Point, start: float, end: float, steps: int = 16
) -> NDArray[np.float64]:
    """Points on an ellipse from `start` to `end` degrees (0 is right, 90 is down), (steps, 2)."""
    return np.asarray(centre) + np.asarray(axes) * _circle(start, end, steps)


@lru_cache(maxsize=256)  # the same few arcs, hundreds of times a second
def _circle(start: float, end: float, steps: int) -> NDArray[np.float64]:
    turn = np.radians(np.linspace(start, end, steps))
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Blend two colours; `share` 1 gives `b`."""
    rest = 1.0 - share
    return (
        int(rest * a[0] + share * b[0] + 0.5),
        int(rest * a[1] + share * b[1] + 0.5),
        int(rest * a[2] + share * b[2] + 0.5),
    )


def blurred(image: Image, sigma: float) -> Image:
    """Blur at half size, as a lens does with what is far behind."""
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 2)
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.uint8)
