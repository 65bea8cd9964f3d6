"""The benchmark for video-to-video moment retrieval.

>>> import vid2vidmr as v
>>> v.load_method("matr", "checkpoint").retrieve("query.mp4", "target.mp4")  # doctest: +SKIP

Names are imported when first used: ``import vid2vidmr`` loads neither torch nor pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vid2vidmr.data.dataset import Dataset, load_dataset
    from vid2vidmr.data.pairs import PairSet
    from vid2vidmr.errors import UserError
    from vid2vidmr.evaluation import evaluate
    from vid2vidmr.methods.base import Method
    from vid2vidmr.methods.load import load_method
    from vid2vidmr.records import Moment, Pair, Prediction, Result

__version__ = "0.1.0"

_HOMES = {
    "Dataset": "dataset",
    "load_dataset": "dataset",
    "UserError": "errors",
    "evaluate": "evaluation",
    "Method": "method",
    "load_method": "method",
    "PairSet": "pairs",
    "Moment": "records",
    "Pair": "records",
    "Prediction": "records",
    "Result": "records",
}
__all__ = [  # noqa: RUF022 (grouped as in _HOMES)
    "Dataset", "load_dataset", "UserError", "evaluate", "Method", "load_method",
    "PairSet", "Moment", "Pair", "Prediction", "Result",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"vid2vidmr.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vid2vidmr' has no attribute {name!r}")
