"""Alignment of sequences: soft-DTW and its subsequence form, and hard paths.

Usable alone: ``from vid2vidmr.alignment import soft_dtw``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vid2vidmr.alignment.hard import dtw, subsequence_dtw, subsequence_ends
    from vid2vidmr.alignment.soft import soft_dtw, subsequence_posterior, subsequence_soft_dtw

_HOMES = {
    "dtw": "hard",
    "subsequence_dtw": "hard",
    "subsequence_ends": "hard",
    "soft_dtw": "soft",
    "subsequence_posterior": "soft",
    "subsequence_soft_dtw": "soft",
}
__all__ = [
    "dtw",
    "soft_dtw",
    "subsequence_dtw",
    "subsequence_ends",
    "subsequence_posterior",
    "subsequence_soft_dtw",
]


def __getattr__(name: str) -> Any:
    # The hard paths need numba only: `dtw-match` runs without loading torch.
    if name in _HOMES:
        return getattr(import_module(f"vid2vidmr.alignment.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vid2vidmr.alignment' has no attribute {name!r}")
