"""How often a table of equal methods has ranks apart, by how their seeds differ.

``python benchmarks/seeds.py``: rows are equal but for their videos' and seeds' noise, so every
table with a band that is not the whole table is an error; 5 % are meant (Holm).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from intervals import Layout, Shares, draw, made_layouts

from vid2vidmr.evaluation import Evaluation, mean_evaluation, rank_bands

ROWS, TABLES = 7, 400
SPREADS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "all 2 points": lambda rng: np.full(ROWS, 2.0),
    "lognormal around 2": lambda rng: 2 * np.exp(rng.normal(size=ROWS)),
}


def run(values: np.ndarray, layout: Layout) -> Evaluation:
    """Make an evaluation of numbers per pair, (P,)."""
    return Evaluation(
        metrics={}, coverage=1.0, invalid={}, per_pair=pd.DataFrame({"mIoU": values}),
        iou=values / 100, windows=np.empty((0, 0, 2)),
        query_clusters=layout.query, target_clusters=layout.target,
    )  # fmt: skip


def errors(
    spread: Callable[[np.random.Generator], np.ndarray], seeds: int, layout: Layout
) -> tuple[float, float]:
    """Share of tables with an error, in percent: seeds left out of the tests, and taken in."""
    rng, wrong = np.random.default_rng(0), np.zeros(2)
    for _ in range(TABLES):
        own = 10 * draw(rng, layout, Shares(0.2, 0.2), ROWS).T
        moved = spread(rng)[:, None] * rng.normal(size=(ROWS, seeds))
        table = {
            f"m{k}": mean_evaluation([run(50 + own[k] + shift, layout) for shift in moved[k]])
            for k in range(ROWS)
        }
        alone = {name: replace(row, seed_means=None) for name, row in table.items()}
        for how, rows in enumerate((alone, table)):
            wrong[how] += any(band != (1, ROWS) for band in rank_bands(rows).values())
    without, taken_in = 100 * wrong / TABLES
    return float(without), float(taken_in)


if __name__ == "__main__":
    layout = made_layouts()["500 pairs of 30 videos"]
    print(f"| sd between seeds | seeds | videos alone, % | videos and seeds, % |\n{'|---' * 4}|")
    for name, spread in SPREADS.items():
        for seeds in (2, 3, 5):
            without, taken_in = errors(spread, seeds, layout)
            print(f"| {name} | {seeds} | {without:.1f} | {taken_in:.1f} |", flush=True)
