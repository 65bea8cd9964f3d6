"""Alignment of sequences, usable alone: ``from vid2vidmr.alignment import soft_dtw``.

Soft values of padded batches, differentiable, in torch on any device (by compiled kernels on CPUs
and GPUs):

- `soft_dtw`: both ends fixed; `subsequence_soft_dtw`: start and end free on the target.
- `drop_dtw`: target rows may be dropped, at a cost such as `percentile_drop`.
- `prob_dtw`: the recursion of the published MATR code.
- `tcc`: temporal cycle-consistency, which has no path.
- `subsequence_posterior`: where a random subsequence path starts and ends.

Hard paths, in NumPy: `dtw`, `subsequence_dtw`, `subsequence_ends`, `drop_path`; of batches of
tensors: `batched_ends` and `subsequence_segments`. `local_alignment` sums what is gained over a
threshold, `Components` and `staticness` prepare features for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vid2vidmr.alignment.batched import batched_ends, subsequence_segments
    from vid2vidmr.alignment.components import Components, staticness
    from vid2vidmr.alignment.cycle_consistency import tcc
    from vid2vidmr.alignment.hard import (
        drop_path,
        dtw,
        subsequence_dtw,
        subsequence_ends,
    )
    from vid2vidmr.alignment.local import local_alignment
    from vid2vidmr.alignment.soft import (
        drop_dtw,
        percentile_drop,
        prob_dtw,
        soft_dtw,
        subsequence_posterior,
        subsequence_soft_dtw,
    )

_HOMES = {
    "Components": "components",
    "batched_ends": "batched",
    "drop_dtw": "soft",
    "drop_path": "hard",
    "dtw": "hard",
    "local_alignment": "local",
    "percentile_drop": "soft",
    "prob_dtw": "soft",
    "soft_dtw": "soft",
    "staticness": "components",
    "subsequence_dtw": "hard",
    "subsequence_ends": "hard",
    "subsequence_posterior": "soft",
    "subsequence_segments": "batched",
    "subsequence_soft_dtw": "soft",
    "tcc": "cycle_consistency",
}
__all__ = [
    "Components",
    "batched_ends",
    "drop_dtw",
    "drop_path",
    "dtw",
    "local_alignment",
    "percentile_drop",
    "prob_dtw",
    "soft_dtw",
    "staticness",
    "subsequence_dtw",
    "subsequence_ends",
    "subsequence_posterior",
    "subsequence_segments",
    "subsequence_soft_dtw",
    "tcc",
]


def __getattr__(name: str) -> Any:
    # The hard paths need numba only: `dtw-match` runs without loading torch.
    if name in _HOMES:
        return getattr(import_module(f"vid2vidmr.alignment.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vid2vidmr.alignment' has no attribute {name!r}")
