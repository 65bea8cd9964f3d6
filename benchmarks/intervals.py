"""How often 95 % intervals hold the truth, and how often tests see a difference that is none.

Run by hand: ``python benchmarks/intervals.py [DATASET ...]`` prints a Markdown table, over the test
pairs of built data sets and the layouts below: which pairs share which videos. A pair's number is
the sum of what its query video, its target video, both and itself bring, in given shares of the
variance, turned into an IoU, a hit or a miss, or a difference.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.evaluation.bootstrap import PERCENTILES, intervals, resampled_means
from vid2vidmr.evaluation.significance import two_sided
from vid2vidmr.evaluation.variance import Deviations, cluster_sums

SIMULATIONS, RESAMPLES = 4000, 1000
_NUMBERS = 2_000_000  # of simulated pairs at once


class Layout(NamedTuple):
    """Query video and target video of every pair, by number; the same number, the same video."""

    query: np.ndarray
    target: np.ndarray


class Shares(NamedTuple):
    """Shares of the variance that come from the videos; the rest is the pair's own.

    `roles` is the correlation of what a video brings as query and what it brings as target.
    """

    query: float = 0
    target: float = 0
    both: float = 0
    roles: float = 0


ALONE = (Shares(), Shares(both=0.5))
CLUSTERED = (
    Shares(0.02, 0.02), Shares(0.1, 0.1), Shares(0.2, 0.2), Shares(0.5, 0.2), Shares(0.3, 0),
    Shares(0, 0.3), Shares(0.1, 0.1, roles=0.5), Shares(0.1, 0.1, roles=1),
)  # fmt: skip


def made_layouts() -> dict[str, Layout]:
    """Few videos, one side shared only, clusters of uneven size, nothing shared."""
    rng = np.random.default_rng(0)
    every = np.indices((30, 30)).reshape(2, -1)
    apart = every[:, every[0] != every[1]]
    query, target = np.indices((12, 12)).reshape(2, -1)
    uneven = rng.geometric(0.08, 600), rng.geometric(0.05, 600)
    few, many = (np.unique(np.minimum(c, n), return_inverse=True)[1]
                 for c, n in zip(uneven, (30, 50), strict=True))  # fmt: skip
    return {
        "500 pairs of 30 videos": Layout(*apart[:, rng.choice(870, 500)]),
        "12 x 12 videos, all pairs": Layout(query, 12 + target),
        "12 queries, each 25 targets of its own": Layout(np.arange(300) % 12, 12 + np.arange(300)),
        "600 pairs, 30 x 50 videos, uneven": Layout(few, 30 + many),
        "300 pairs that share nothing": Layout(np.arange(300), 300 + np.arange(300)),
    }


def dataset_layout(name: str) -> Layout:
    table = load_dataset(name).pairs("test").table
    videos = pd.concat([table["query_video"], table["target_video"]])
    return Layout(*pd.factorize(videos)[0].reshape(2, -1))


def draw(rng: np.random.Generator, layout: Layout, shares: Shares, count: int) -> np.ndarray:
    """Draw a standard normal number for every pair, (P, count)."""
    videos = 1 + max(layout.query.max(), layout.target.max())
    query, target = rng.normal(size=(2, videos, count))
    target = shares.roles * query + (1 - shares.roles**2) ** 0.5 * target
    drawn = rng.normal(size=(len(layout.query), count))
    drawn *= (1 - shares.query - shares.target - shares.both) ** 0.5
    drawn += shares.query**0.5 * query[layout.query] + shares.target**0.5 * target[layout.target]
    if shares.both:
        both = np.unique(layout.query * videos + layout.target, return_inverse=True)[1]
        drawn += shares.both**0.5 * rng.normal(size=(both.max() + 1, count))[both]
    return drawn


def iou(drawn: np.ndarray) -> np.ndarray:
    """No overlap for 60 % of the pairs, any for the others, in percent; 20 in the mean."""
    return 100 * np.maximum(0.0, (ndtr(drawn) - 0.6) / 0.4)


def hits(rate: float) -> Callable[[np.ndarray], np.ndarray]:
    """100 for a share of the pairs, 0 for the others."""
    return lambda drawn: 100.0 * (drawn < ndtri(rate))


def null(rng: np.random.Generator, layout: Layout, shares: Shares, count: int) -> np.ndarray:
    """IoU of one method minus that of another as good: half of what they get is the same."""
    common, first, second = (draw(rng, layout, shares, count) for _ in range(3))
    return iou((common + first) / 2**0.5) - iou((common + second) / 2**0.5)


def inside(low: np.ndarray, high: np.ndarray, truth: float) -> float:
    return float(np.mean((low <= truth) & (truth <= high)))


def naive(values: np.ndarray, truth: float) -> float:
    """Every pair for itself, as if no two shared anything."""
    reach = ndtri(PERCENTILES[1] / 100) * values.std(axis=0, ddof=1) / len(values) ** 0.5
    mean = values.mean(axis=0)
    return inside(mean - reach, mean + reach, truth)


def one_way(values: np.ndarray, layout: Layout, truth: float) -> float:
    """By query video only."""
    mean = values.mean(axis=0)
    cluster = np.unique(layout.query, return_inverse=True)[1]
    queries = int(cluster.max()) + 1
    sums = cluster_sums(values - mean, cluster, queries)
    error = np.sqrt(queries / (queries - 1) * (sums**2).sum(axis=0)) / len(values)
    reach = ndtri(PERCENTILES[1] / 100) * error
    return inside(mean - reach, mean + reach, truth)


def pigeonhole(
    values: np.ndarray, layout: Layout, truth: float, resamples: int, seed: int
) -> float:
    """Percentiles of the two-way bootstrap as they are."""
    samples = resampled_means(values, *layout, resamples=resamples, seed=seed)
    return inside(*np.nanpercentile(samples, PERCENTILES, axis=0), truth)


def ours(
    values: np.ndarray,
    layout: Layout,
    truth: float,
    resamples: int,
    seed: int,
    signed: bool = False,
) -> float:
    names = [str(k) for k in range(values.shape[1])]
    found = intervals(names, values, *layout, resamples, seed, signed=signed).values()
    low, high = np.array([(each.low, each.high) for each in found]).T
    return inside(low, high, truth)


def false_positives(values: np.ndarray, layout: Layout) -> float:
    """Share of the columns whose mean a paired test calls different from 0 at 5 %."""
    error, degrees = Deviations.of(values, *layout).errors()
    return float(np.mean(two_sided(values.mean(axis=0), error, degrees) <= 0.05))


def batches(layout: Layout, simulations: int) -> Iterator[tuple[int, int]]:
    """Seed and number of simulations of each batch."""
    at_once = max(1, min(simulations, _NUMBERS // len(layout.query)))
    for seed, first in enumerate(range(0, simulations, at_once)):
        yield seed, min(at_once, simulations - first)


def study(
    layout: Layout, shares: Shares, simulations: int = SIMULATIONS, resamples: int = RESAMPLES
) -> dict[str, float]:
    """Coverage of each kind of interval, and false positives of the test, in percent."""
    found: dict[str, float] = {}
    for seed, count in batches(layout, simulations):
        rng = np.random.default_rng(seed)
        drawn = draw(rng, layout, shares, count)
        values, difference = iou(drawn), null(rng, layout, shares, count)
        rates = {
            "naive": naive(values, 20),
            "one-way": one_way(values, layout, 20),
            "pigeonhole": pigeonhole(values, layout, 20, resamples, seed),
            "ours": ours(values, layout, 20, resamples, seed),
            "R@1 50": ours(hits(0.5)(drawn), layout, 50, resamples, seed),
            "R@1 10": ours(hits(0.1)(drawn), layout, 10, resamples, seed),
            "difference": ours(difference, layout, 0, resamples, seed, signed=True),
            "false positives": false_positives(difference, layout),
        }
        for name, rate in rates.items():
            found[name] = found.get(name, 0.0) + 100 * rate * count / simulations
    return found


def spread(found: list[dict[str, float]]) -> str:
    """Lowest to highest of every column."""
    cells = []
    for name in found[0]:
        rates = [each[name] for each in found]
        cells.append(f"{min(rates):.1f} to {max(rates):.1f}")
    return " | ".join(cells)


def main() -> None:
    layouts = {name: dataset_layout(name) for name in sys.argv[1:]} | made_layouts()
    heads = ""
    for name, layout in layouts.items():
        joint = np.isin(layout.query, layout.target).any()
        for what, several in (("matter", CLUSTERED), ("do not", ALONE)):
            found = [study(layout, s) for s in several if joint or not s.roles]
            if not heads:
                heads = " | ".join(found[0])
                print(f"| layout | videos | {heads} |\n|---|---|{'---:|' * len(found[0])}")
            print(f"| {name} | {what} | {spread(found)} |", flush=True)


if __name__ == "__main__":
    main()
