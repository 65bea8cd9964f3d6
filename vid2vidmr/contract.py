"""The contract of features: how they were made, which rows a window has, and who gives them."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Final, Literal, Protocol

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from vid2vidmr.errors import FeatureError, UserError
from vid2vidmr.records import Record

DTYPE: Final = "float16"
"""Half the disk and page cache of float32. Rounding is 5e-4 of a value: the cosine to the float32
feature is above 0.999999. Values beyond 65,504 would overflow and are refused."""
STEP_S: Final = 2.0
"""Seconds between two rows of features where nobody says otherwise; the paper's."""
SHORTEST_STEP_S, LONGEST_STEP_S = 0.02, 60.0
MAX_MISSING_S = 4.0
"""So much shorter than its annotations say may a file be; a row in any case."""
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
    step_s : float
        Seconds between two rows. Files do not say 2 s: those of before 0.2 are all of it.
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
    step_s: Annotated[float, Field(ge=SHORTEST_STEP_S, le=LONGEST_STEP_S)] = STEP_S

    @property
    def name(self) -> str:
        """Encoder and step, as `--encoder` takes them and tables show them: ``ENCODER@0.5``."""
        return features_name(self.encoder, self.step_s)

    @property
    def imported(self) -> bool:
        """Whether somebody else made the features: nothing here can encode a video like them."""
        return self.decoder == IMPORTED

    @model_serializer(mode="wrap")
    def _usual_step_unsaid(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave bytes and hashes of what has the usual step as they were."""
        fields: dict[str, Any] = handler(self)
        if fields.get("step_s") == STEP_S:
            del fields["step_s"]
        return fields


def features_name(encoder: str, step_s: float = STEP_S) -> str:
    """Name features of an encoder: its own name at the usual step, else ``ENCODER@0.5``."""
    return encoder if step_s == STEP_S else f"{encoder}@{step_s:g}"


def encoder_and_step(features: str) -> tuple[str, float]:
    """Read what `features_name` gives.

    Raises
    ------
    UserError
        If the step is out of bounds.
    """
    found = re.fullmatch(r"(.*)@(\d+(?:\.\d+)?)", features, re.DOTALL)
    return (found[1], checked_step(float(found[2]))) if found else (features, STEP_S)


def named_features(features: str | None, default: str) -> str:
    """Put an encoder, by default `default`, where features are named by their step alone, @0.5."""
    if features is None:
        return default
    whole = encoder_and_step(default)[0] + features if features.startswith("@") else features
    return features_name(*encoder_and_step(whole))


def features_at(encoder: str | None, step_s: float | None) -> str | None:
    """Name features of an encoder (None: the default one) at a step (None: what is named).

    Raises
    ------
    UserError
        If the name has another step.
    """
    if step_s is None:
        return encoder
    plain, named_s = encoder_and_step(encoder or "")
    if plain != (encoder or "") and named_s != checked_step(step_s):
        raise UserError(
            f"The encoder {encoder} has a step of {named_s:g} s, --step says {step_s:g}: leave one "
            "of them away."
        )
    return f"{plain}@{checked_step(step_s):.6f}"


def step_option(step_s: float) -> str:
    """Give the end of a command that makes features of a step."""
    return "" if step_s == STEP_S else f" --step {step_s:g}"


def checked_step(step_s: float) -> float:
    """Refuse a step that no features can have.

    Raises
    ------
    UserError
    """
    if not SHORTEST_STEP_S <= step_s <= LONGEST_STEP_S:
        raise UserError(
            f"A step of {step_s:g} s is out of bounds: expected {SHORTEST_STEP_S:g} to "
            f"{LONGEST_STEP_S:g} s between two features, such as 0.5."
        )
    return round(step_s, 6)


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
    if found.step_s != expected.step_s:
        raise FeatureError(
            f"{what} needs a feature every {expected.step_s:g} s and these are {found.step_s:g} s "
            f"apart: use those of `vid2vidmr features --dataset DATASET --encoder "
            f"{expected.encoder} --step {expected.step_s:g}`."
        )
    if differing := differences(found, expected):
        step = step_option(expected.step_s)
        todo = f"--encoder {expected.encoder}{step}` with the same versions"
        if expected.imported:
            todo = f"--import PATH --as {expected.encoder}{step}` with the files it learned on"
        raise FeatureError(
            f"{what} needs other features than these, which have {differing}: run "
            f"`vid2vidmr features --dataset DATASET {todo}."
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

        A window takes the rows of the video's own grid that lie nearest to the window's grid: with
        the contract's step s, row k is the frame within s / 2 of ``start_s + k s`` (exact where
        `start_s` is on the grid; past the video's last row, that row), n = ceil((end_s - start_s) /
        s).
        """
        ...

    def query_rows(self, video_id: str, start_s: float, end_s: float) -> np.ndarray:
        """Features of a query that is a part of a video, (n, dim) float32, n >= 1.

        A query is a trimmed clip: row k is the frame on screen at ``start_s + k s``, wherever the
        grid of its video lies.
        """
        ...


def on_grid(start_s: float, step_s: float) -> bool:
    """Whether a query that begins there has its frames on the grid of its video."""
    return abs(start_s / step_s - round(start_s / step_s)) < 1e-6


def clips_of(start_s: float, end_s: float, step_s: float) -> int:
    """Rows of a window, at least 1; 1e-6: 8.2 - 2.2 is a hair above 6, no reason for a fourth."""
    return max(1, math.ceil((end_s - start_s) / step_s - 1e-6))


def missing_rows(step_s: float) -> int:
    """So many rows may a file be shorter than its annotations say, see `MAX_MISSING_S`."""
    return max(1, math.floor(MAX_MISSING_S / step_s))


class CaptionSource(FeatureSource, Protocol):
    """Features of captions, by query moment instead of video: one row a token."""

    def __contains__(self, moment_id: str) -> bool: ...


def grid_rows(
    total: int, video_id: str, start_s: float, end_s: float | None, step_s: float
) -> slice | np.ndarray:
    """Rows of a window in a video of `total` rows, by the rule of `FeatureSource.rows`."""
    if start_s == 0 and end_s is None:
        return slice(0, total)
    first = math.floor(start_s / step_s + 0.5)
    end_s = total * step_s if end_s is None else end_s
    n = clips_of(start_s, end_s, step_s)
    last = first + n
    if first < 0 or first > total or last > total + missing_rows(step_s):
        raise FeatureError(
            f"The window {start_s:g} to {end_s:g} s lies outside video {video_id!r}, whose "
            f"features cover 0 to {total * step_s:g} s: its file is not the one that was annotated."
        )
    if last <= total:
        return slice(first, last)
    # Annotations may end a moment after the pictures do: the last frame stays on screen.
    return np.minimum(np.arange(first, last), total - 1)
