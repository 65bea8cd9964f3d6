"""The benchmark for video-to-video moment retrieval.

Names are imported when first used: ``import vid2vidmr`` loads neither torch nor pandas.

Examples
--------
>>> import vid2vidmr as v
>>> v.load_method("matr", "checkpoint").retrieve("query.mp4", "target.mp4")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vid2vidmr.analysis.analyse import analyse
    from vid2vidmr.analysis.compare import compare
    from vid2vidmr.archive.index import index
    from vid2vidmr.archive.search import search
    from vid2vidmr.archive.store import open_archive
    from vid2vidmr.contract import FeatureContract
    from vid2vidmr.data.builder import DatasetBuilder, build_dataset
    from vid2vidmr.data.dataset import Dataset, load_dataset
    from vid2vidmr.data.info import DatasetInfo
    from vid2vidmr.data.pairs import PairSet
    from vid2vidmr.data.write import write_dataset
    from vid2vidmr.errors import UserError
    from vid2vidmr.evaluation.evaluate import evaluate
    from vid2vidmr.evaluation.predictions import read_predictions
    from vid2vidmr.evaluation.results import Result
    from vid2vidmr.experiments.ablate import ablate
    from vid2vidmr.experiments.bench import bench
    from vid2vidmr.experiments.tune import tune
    from vid2vidmr.features.extract import extract_features
    from vid2vidmr.features.store import open_features
    from vid2vidmr.methods.base import Method
    from vid2vidmr.methods.info import MethodInfo
    from vid2vidmr.methods.load import load_method
    from vid2vidmr.methods.neural import NeuralMethod
    from vid2vidmr.records import Moment, Pair, Prediction
    from vid2vidmr.train.config import TrainingConfig

__version__ = "0.2.0.dev0"

_HOMES = {
    "build_dataset": "data.builder",
    "load_dataset": "data.dataset",
    "Dataset": "data.dataset",
    "PairSet": "data.pairs",
    "DatasetBuilder": "data.builder",
    "DatasetInfo": "data.info",
    "write_dataset": "data.write",
    "extract_features": "features.extract",
    "open_features": "features.store",
    "FeatureContract": "contract",
    "Method": "methods.base",
    "MethodInfo": "methods.info",
    "NeuralMethod": "methods.neural",
    "TrainingConfig": "train.config",
    "load_method": "methods.load",
    "bench": "experiments.bench",
    "tune": "experiments.tune",
    "ablate": "experiments.ablate",
    "index": "archive.index",
    "open_archive": "archive.store",
    "search": "archive.search",
    "evaluate": "evaluation.evaluate",
    "read_predictions": "evaluation.predictions",
    "analyse": "analysis.analyse",
    "compare": "analysis.compare",
    "Moment": "records",
    "Pair": "records",
    "Prediction": "records",
    "Result": "evaluation.results",
    "UserError": "errors",
}
__all__ = [  # noqa: RUF022 (in the order of the data flow, as in _HOMES)
    "build_dataset", "load_dataset", "Dataset", "PairSet", "DatasetBuilder", "DatasetInfo",
    "write_dataset", "extract_features", "open_features", "FeatureContract", "Method", "MethodInfo",
    "NeuralMethod", "TrainingConfig", "load_method", "bench", "tune", "ablate", "index",
    "open_archive", "search", "evaluate", "read_predictions", "analyse", "compare", "Moment",
    "Pair", "Prediction", "Result", "UserError",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"vid2vidmr.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vid2vidmr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
