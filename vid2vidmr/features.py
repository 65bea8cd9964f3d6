"""Features of videos: the contract they were made under, and where methods read them."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from vid2vidmr.records import Record


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
    preprocessing, decoder, dtype : str
    simulated : bool
        True if no video was looked at.
    """

    encoder: str
    weights_sha256: str
    dim: int
    sampling: str
    preprocessing: str
    decoder: str
    dtype: str
    simulated: bool = False


class FeatureSource(Protocol):
    """Anything that gives the features of a video."""

    @property
    def contract(self) -> FeatureContract:
        """How the features were made."""
        ...

    def rows(self, video_id: str, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Features of a window of a video, (n, dim) float32, n >= 1.

        A window takes the rows of the video's own 2 s grid that lie nearest to the window's grid:
        row k is the frame within 1 s of ``start_s + 2 k`` (exact where `start_s` is on the grid),
        n = ceil((end_s - start_s) / 2).
        """
        ...
