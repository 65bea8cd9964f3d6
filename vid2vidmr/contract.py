"""The contract of features: how they were made, which rows a window has, and who gives them."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal, Protocol

import numpy as np
from pydantic import Field

from vid2vidmr.errors import FeatureError
from vid2vidmr.records import Record

DTYPE: Final = "float16"
"""Half the disk and page cache of float32. Rounding is 5e-4 of a value: the cosine to the float32
feature is above 0.999999. Values beyond 65,504 would overflow and are refused."""
STEP_S = 2.0
"""Seconds a clip, the step of the feature grid (one frame at t = 0, 2, 4, ...)."""
MAX_MISSING_ROWS = 2
"""So many rows may a file be shorter than its annotations say."""
DEFAULT_ENCODER = "clip-vit-b32"
"""The paper's; for videos of no data set."""
TEXT = "-text"
"""Ends the encoder's name in contracts of captions: they are no features of frames."""
UNKNOWN: Final = "unknown"
"""What a contract says of a field that an imported checkpoint does not tell; any value will do."""

IMPORTED: Final = "none: imported from files of others"
"""The decoder of features that somebody else made: the hash is that of their numbers."""


class FeatureContract(Record):
    """How features were made; a model refuses features made differently from those it learned on.

    Attributes
    ----------
    encoder : str
        For example ``clip-vit-b32``.
    weights_sha256 : str
        Hash of the encoder's weights.
    dim : int
        Length of a feature.
    sampling : str
        Which frames: ``t = 0, 2, 4, ... s``.
    decoder : str
        What gives frames; they are those that a player shows: upright, with square pixels. (Stores
        of before 0.2 say the same, and have them as coded where a file turns its picture, or has
        pixels that are not square: `docs/features.md`.)
    simulated : bool
        True if no video was looked at.
    """

    encoder: str
    weights_sha256: str
    dim: Annotated[int, Field(gt=0, le=2**20)]
    sampling: str
    preprocessing: str
    decoder: str
    dtype: Literal["float16", "float32", "float64", "unknown"]
    simulated: bool = False

    @property
    def imported(self) -> bool:
        """Whether somebody else made the features: nothing here can encode a video like them."""
        return self.decoder == IMPORTED


def differences(found: FeatureContract, expected: FeatureContract) -> str:
    """Tell what two contracts disagree in, empty if nothing: ``"dim 512 instead of 1280; ..."``.

    Fields of `expected` that are `UNKNOWN` are not compared.
    """
    return "; ".join(
        f"{field} {getattr(found, field)!r} instead of {getattr(expected, field)!r}"
        for field in FeatureContract.model_fields
        if getattr(expected, field) not in (getattr(found, field), UNKNOWN)
    )


def require_contract(found: FeatureContract, expected: FeatureContract, what: str) -> None:
    """Refuse features that were made differently from what is needed.

    Parameters
    ----------
    found : FeatureContract
        Contract of the features at hand.
    expected : FeatureContract
        Contract that is needed.
    what : str
        What needs them, the subject of the message: ``"The checkpoint matr/seed0"``.

    Raises
    ------
    FeatureError
        Names what differs and the command that makes the right features.
    """
    if differing := differences(found, expected):
        todo = f"--encoder {expected.encoder}` with the same versions"
        if expected.imported:
            todo = f"--import PATH --as {expected.encoder}` with the files that it learned on"
        raise FeatureError(
            f"{what} needs other features than these, which have {differing}: run "
            f"`vid2vidmr features DATASET {todo}."
        )


def require_encoder(contract: FeatureContract, what: str) -> None:
    """Refuse imported features where a video is to be encoded like them; `what` as above.

    Raises
    ------
    FeatureError
    """
    if contract.imported:
        raise FeatureError(
            f"{what} has imported features ({contract.encoder}): nothing here encodes a video "
            "like them; use features of an encoder of `vid2vidmr features`."
        )


class FeatureSource(Protocol):
    """Anything that gives the features of a video."""

    @property
    def contract(self) -> FeatureContract:
        """How the features were made."""
        ...

    def rows(self, video_id: str, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Features of a window of a video, (n, dim) float32, n >= 1.

        A window takes the rows of the video's own 2 s grid that lie nearest to the window's grid:
        row k is the frame within 1 s of ``start_s + 2 k`` (exact where `start_s` is on the grid;
        past the video's last row, that row), n = ceil((end_s - start_s) / 2).
        """
        ...

    def query_rows(self, video_id: str, start_s: float, end_s: float) -> np.ndarray:
        """Features of a query that is a part of a video, (n, dim) float32, n >= 1.

        A query is a trimmed clip: row k is the frame on screen at ``start_s + 2 k``, wherever the
        grid of its video lies.
        """
        ...


def on_grid(start_s: float) -> bool:
    """Whether a query that begins there has its frames on the grid of its video."""
    return abs(start_s / STEP_S - round(start_s / STEP_S)) < 1e-6


def clips_of(start_s: float, end_s: float) -> int:
    """Rows of a window, at least 1; 1e-6: 8.2 - 2.2 is a hair above 6, no reason for a fourth."""
    return max(1, math.ceil((end_s - start_s) / STEP_S - 1e-6))


class CaptionSource(FeatureSource, Protocol):
    """Features of captions, by query moment instead of video: one row a token."""

    def __contains__(self, moment_id: str) -> bool: ...


def grid_rows(total: int, video_id: str, start_s: float, end_s: float | None) -> slice | np.ndarray:
    """Rows of a window in a video of `total` rows, by the rule of `FeatureSource.rows`."""
    if start_s == 0 and end_s is None:
        return slice(0, total)
    first = math.floor(start_s / STEP_S + 0.5)
    end_s = total * STEP_S if end_s is None else end_s
    n = clips_of(start_s, end_s)
    last = first + n
    if first < 0 or first > total or last > total + MAX_MISSING_ROWS:
        raise FeatureError(
            f"The window {start_s:g} to {end_s:g} s lies outside video {video_id!r}, whose "
            f"features cover 0 to {total * STEP_S:g} s: its file is not the one that was annotated."
        )
    if last <= total:
        return slice(first, last)
    # Annotations may end a moment after the pictures do: the last frame stays on screen.
    return np.minimum(np.arange(first, last), total - 1)
