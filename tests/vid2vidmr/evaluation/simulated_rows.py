"""Rows of a table of which the truth is known: numbers per pair, drawn with what videos share."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from vid2vidmr.evaluation import Evaluation

coverage = SimpleNamespace(
    **runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "intervals.py"))
)
LAYOUTS = coverage.made_layouts()
CLUSTERED = "500 pairs of 30 videos"


def evaluation(values, layout=LAYOUTS[CLUSTERED]):
    """An evaluation of which only the numbers per pair matter."""
    pairs = pd.Index([f"p{i}" for i in range(len(values))])
    return Evaluation(
        metrics={}, coverage=1.0, invalid={}, per_pair=pd.DataFrame({"mIoU": values}, index=pairs),
        iou=np.asarray(values) / 100, windows=np.empty((len(values), 10, 2)),
        exists=np.zeros(len(values)),
        query_clusters=layout.query, target_clusters=layout.target,
    )  # fmt: skip


def rows(gains, seed=0, shares=(0.2, 0.2)):
    """Methods that are better by so many points, on the same pairs with the same hard videos."""
    layout, rng = LAYOUTS[CLUSTERED], np.random.default_rng(seed)
    common = coverage.draw(rng, layout, coverage.Shares(*shares), 1)[:, 0]
    own = coverage.draw(rng, layout, coverage.Shares(*shares), len(gains)).T
    return {
        f"m{k}": evaluation(50 + gain + 10 * common + 5 * noise)
        for k, (gain, noise) in enumerate(zip(gains, own, strict=True))
    }
