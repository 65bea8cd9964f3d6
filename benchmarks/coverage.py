"""How often a 95 % interval holds the truth, and how often a test at 5 % is wrong, by simulation.

Run by hand: ``OMP_NUM_THREADS=1 python benchmarks/coverage.py`` (a few minutes). Pairs have the
layout of a data set's test split (which pairs share query and target videos); a pair's value is an
effect of its query video, plus one of its target video, plus noise, all normal, with the shares of
variance given. The truth is 0, so 100 less the coverage is also how often a test of two equal
methods, whose difference this is, rejects.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from vid2vidmr.dataset import load_dataset
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.bootstrap import LEVEL, intervals, resampled_means
from vid2vidmr.evaluation.clusters import cluster_variance

SHARES = ((0.0, 0.0), (0.1, 0.1), (0.3, 0.1), (0.1, 0.3), (0.3, 0.3), (0.5, 0.3))
"""Shares of variance of query videos and of target videos."""

Layout = tuple[np.ndarray, np.ndarray]


def crossed(queries: int, targets: int) -> Layout:
    """Give every query video with every target video, once."""
    query, target = np.meshgrid(np.arange(queries), np.arange(targets))
    return query.ravel(), target.ravel()


def of_dataset(name: str) -> Layout:
    """Layout of a test split, 10,000 pairs at most."""
    table = load_dataset(name).pairs("test").table.head(10_000)
    return pd.factorize(table["query_video"])[0], pd.factorize(table["target_video"])[0]


def simulate(layout: Layout, shares: tuple[float, float], repeats: int, seed: int) -> np.ndarray:
    """Values of pairs, (P, repeats), of mean 0 and variance 1."""
    rng = np.random.default_rng(seed)
    query, target = layout
    by_query = rng.normal(0, shares[0] ** 0.5, (query.max() + 1, repeats))
    by_target = rng.normal(0, shares[1] ** 0.5, (target.max() + 1, repeats))
    noise = rng.normal(0, (1 - sum(shares)) ** 0.5, (len(query), repeats))
    values: np.ndarray = by_query[query] + by_target[target] + noise
    return values


def study(
    layout: Layout, shares: tuple[float, float], repeats: int, resamples: int = 400, seed: int = 0
) -> dict[str, float]:
    """Percent of intervals that hold the truth, and of tests that reject it."""
    values = simulate(layout, shares, repeats, seed)
    mean = values.mean(axis=0)
    z = norm.ppf(LEVEL[1] / 100)

    def holds(low: np.ndarray, high: np.ndarray) -> float:
        return float(100 * ((low <= 0) & (high >= 0)).mean())

    variance = cluster_variance(values, *layout)
    pairwise = z * values.std(axis=0, ddof=1) / len(values) ** 0.5
    one_way = z * np.sqrt(variance.query)
    drawn = resampled_means(values, *layout, resamples, seed)
    pigeonhole = np.percentile(drawn[~np.isnan(drawn[:, 0])], LEVEL, axis=0)
    names = [str(k) for k in range(repeats)]
    ours = intervals(names, values, *layout, resamples, seed, (-np.inf, np.inf))
    limits = np.array([[ours[name].low, ours[name].high] for name in names], dtype=float).T
    error = t.ppf(LEVEL[1] / 100, variance.degrees) * np.sqrt(variance.cautious)
    return {
        "pairs alone": holds(mean - pairwise, mean + pairwise),
        "query videos alone": holds(mean - one_way, mean + one_way),
        "pigeonhole": holds(*pigeonhole),
        "ours": holds(*limits),
        "test rejects": 100 - holds(mean - error, mean + error),
    }


def main() -> None:
    layouts = {"20 x 20 videos, crossed": crossed(20, 20)}
    for name in ("minimatch", "activitynet-vrl", "sportsmoments"):
        try:
            layouts[f"{name}, test"] = of_dataset(name)
        except DataError as error:
            print(f"left out: {error}", file=sys.stderr)
    print("| layout | share of query videos | of target videos | coverage: pairs alone |"
          " query videos alone | pigeonhole | ours | paired test rejects |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for title, layout in layouts.items():
        pairs, queries, targets = len(layout[0]), layout[0].max() + 1, layout[1].max() + 1
        repeats = 2000 if pairs < 2000 else 400
        for shares in SHARES:
            found = study(layout, shares, repeats)
            numbers = " | ".join(f"{value:.1f}" for value in found.values())
            print(f"| {title} ({pairs} pairs, {queries} x {targets}) | {shares[0]} | {shares[1]} |"
                  f" {numbers} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
