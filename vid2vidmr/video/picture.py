"""A decoded frame as a player shows it: upright, with square pixels, in RGB.

Files say how to turn what was coded (phones write pictures as their sensor lies, and a matrix) and
how wide a pixel is. Frames of other videos, nearly all, are what was coded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from vid2vidmr.video.source import Source, require_bounded

Size = Callable[[int, int], tuple[int, int]]
"""(width, height) of a frame as it is shown to those that it should have."""
_SQUARE = Fraction(1, 100)
"""Encoders round: a pixel that is so much wider than high, nobody sees."""


@dataclass(frozen=True)
class Turn:
    """How a picture is turned: first its axes are swapped, then it is mirrored."""

    swapped: bool = False
    left_right: bool = False
    up_down: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Turn:
        """Read the matrix of a frame; to the nearest right angle."""
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
        if matrix is None:
            return cls()
        # x' = a x + c y, y' = b x + d y, see libavutil/display.h
        a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix))
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Turn an array (height, width, ...)."""
        picture = picture.swapaxes(0, 1) if self.swapped else picture
        picture = picture[:, ::-1] if self.left_right else picture
        picture = picture[::-1] if self.up_down else picture
        return np.ascontiguousarray(picture)


def picture(source: Source, frame: av.VideoFrame, size: Size | None) -> np.ndarray:
    """Give a frame as it is shown, (height, width, 3) uint8 RGB.

    Parameters
    ----------
    size : callable, optional
        swscale scales (bicubic) while it converts colours.

    Raises
    ------
    VideoError
        If it would be too large.
    """
    turn = Turn.of(frame)
    width, height = _square(frame.width, frame.height, source.stream.sample_aspect_ratio)
    if turn.swapped:
        width, height = height, width
    if size is not None:
        width, height = size(width, height)
    require_bounded(source.path, width, height)
    if turn.swapped:
        width, height = height, width
    scaled = size is not None or (width, height) != (frame.width, frame.height)
    converted = source.reformatter.reformat(
        frame, width, height, "rgb24", interpolation="BICUBIC" if scaled else None, threads=1
    )
    return turn(converted.to_ndarray())


def _square(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Size with square pixels: the side whose pixels are longer grows, so that none is lost."""
    if not aspect or abs(aspect - 1) < _SQUARE:
        return width, height
    if aspect > 1:
        return round(width * aspect), height
    return width, round(height / aspect)
