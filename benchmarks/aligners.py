"""How video copy localisation aligns, beside ours: the same cosines, one window of each target.

::

    OMP_NUM_THREADS=1 python benchmarks/aligners.py minimatch

Own short forms of published ideas; each takes the cosines (M, N) of a target and a query and gives
the window that it likes best:

- Hough voting (Douze et al., 2010): matches vote for an offset, the window spans its matches.
- temporal network (Tan et al., 2009): the heaviest path through the nearest rows of each query row.
- dynamic programming (Chou et al., 2015): local alignment, of any part of the query.
- subsequence DTW, and the local alignment of the whole query, which the archive is scanned with.

Thresholds of the first three are those of a small grid that suit each case best, which favours
them; ours is that of the scan. Cases: pairs of a split, and simulated matches of two hours
(`archive.match`) into which 10 rows of another were written: noisy, at 1.5 times and at two thirds
of the speed, with 4 foreign rows in between.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

import numpy as np
from archive import match
from measure import cpu_s, print_table
from numba import njit

import vid2vidmr as v
from vid2vidmr.alignment import local_alignment, subsequence_dtw
from vid2vidmr.alignment.components import Components, staticness
from vid2vidmr.archive.scan import STATIC_GAP, THRESHOLD, WAITING
from vid2vidmr.windows import temporal_iou

Aligner = Callable[[np.ndarray, float], tuple[int, int]]
GRID = (0.3, 0.4, 0.5, 0.6)
NEAREST, REACH = 5, 5
"""Of the temporal network: matches of a query row, and rows that an edge may skip."""
BIN = 3
"""Offsets that vote together."""


def hough(cosines: np.ndarray, threshold: float) -> tuple[int, int]:
    """Best offset, and the span of the matches that lie on it."""
    rows, columns = np.nonzero(cosines > threshold)
    if not len(rows):
        rows, columns = (part[:1] for part in np.unravel_index([cosines.argmax()], cosines.shape))
    offsets = rows - columns + cosines.shape[1]
    votes = np.bincount(offsets, cosines[rows, columns], cosines.shape[0] + cosines.shape[1] + 1)
    votes = np.convolve(votes, np.ones(BIN), "same")
    on = rows[np.abs(offsets - votes.argmax()) <= BIN // 2]
    return int(on.min()), int(on.max()) + 1


@njit(cache=True)
def _heaviest(rows, columns, gains, reach):  # type: ignore[no-untyped-def]
    best, before = gains.copy(), np.full(len(rows), -1)
    for b in range(len(rows)):
        for a in range(b):
            step, query = rows[b] - rows[a], columns[b] - columns[a]
            if 0 < step <= reach and 0 < query <= reach and best[a] + gains[b] > best[b]:
                best[b], before[b] = best[a] + gains[b], a
    last = int(np.argmax(best))
    first = last
    while before[first] >= 0:
        first = before[first]
    return rows[first], rows[last] + 1


def network(cosines: np.ndarray, threshold: float) -> tuple[int, int]:
    """Heaviest path through the nearest rows of each query row."""
    nearest = np.argpartition(-cosines, min(NEAREST, len(cosines) - 1), axis=0)[:NEAREST].T
    columns = np.repeat(np.arange(len(nearest)), nearest.shape[1])
    rows = nearest.ravel()
    gains = cosines[rows, columns].astype(np.float64) - threshold
    start, end = _heaviest(rows, columns, gains, REACH)
    return int(start), int(end)


@njit(cache=True)
def _local_of_parts(cosines, threshold):  # type: ignore[no-untyped-def]
    rows, columns = cosines.shape
    score, start = np.zeros((rows + 1, columns + 1)), np.zeros((rows + 1, columns + 1), np.int64)
    most, window = -1.0, (0, 1)
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            best, at = 0.0, i - 1
            for a, b in ((i - 1, j - 1), (i - 1, j), (i, j - 1)):
                if score[a, b] > best:
                    best, at = score[a, b], start[a, b]
            best += cosines[i - 1, j - 1] - threshold
            score[i, j], start[i, j] = max(best, 0.0), at
            if best > most:
                most, window = best, (at, i)
    return window


def dynamic(cosines: np.ndarray, threshold: float) -> tuple[int, int]:
    """Local alignment of any part of the query."""
    start, end = _local_of_parts(cosines.astype(np.float64), threshold)
    return int(start), int(end)


def dtw(cosines: np.ndarray, threshold: float) -> tuple[int, int]:
    """Cheapest path of the whole query."""
    _, start, end = subsequence_dtw(1 - cosines)
    return start, end


def ours(cosines: np.ndarray, gap: float) -> tuple[int, int]:
    """Local alignment of the whole query."""
    scores, starts = local_alignment(cosines, THRESHOLD, gap, WAITING)
    end = int(scores.argmax())
    return int(starts[end]), end + 1


ALIGNERS: dict[str, Aligner] = {
    "Hough voting": hough, "temporal network": network, "dynamic programming": dynamic,
    "subsequence DTW": dtw, "ours (the scan)": ours,
}  # fmt: skip
NOISE = 1.0
"""Of copies, over the deviation of the query's rows."""
Case = tuple[np.ndarray, float, tuple[float, float]]
"""Cosines, gap of a repeated row, and the true window in rows."""


def of_pairs(name: str, split: str) -> Iterable[Case]:
    """Pairs of a data set."""
    dataset = v.load_dataset(name)
    pairs = dataset.pairs(split, v.open_features(dataset))
    targets = [pairs.target_features(i) for i in range(len(pairs))]
    seen = Components.of(np.concatenate(targets), 32)
    for i, (target, truth) in enumerate(zip(targets, pairs.truth[:, 0], strict=True)):
        unit = seen.unit(target, 0.5)
        gap = STATIC_GAP * staticness(unit) ** 2
        yield (
            unit @ seen.unit(pairs.query_features(i), 0.5).T,
            gap,
            (truth[0] / pairs.step_s, truth[1] / pairs.step_s),
        )


def simulated(kind: str, count: int) -> Iterable[Case]:
    """Give matches with a copy of a part of another, changed."""
    rng = np.random.default_rng(1)
    matches = [match(number).astype(np.float32) for number in range(count + 1)]
    seen = Components.of(np.concatenate(matches)[::5], 32)
    for number in range(count):
        first, target = int(rng.integers(3500)), matches[number].copy()
        query = matches[-1][10 * number + 3 :][:10]
        copy = query + NOISE * query.std(0) * rng.normal(size=query.shape)
        if kind == "1.5 x":
            copy = copy[[0, 1, 3, 4, 6, 7, 9]]
        elif kind == "2/3 x":
            copy = copy[[0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 8, 9]]
        elif kind == "cut":
            copy = np.concatenate([copy[:5], target[first : first + 4], copy[5:]])
        target[first : first + len(copy)] = copy
        unit = seen.unit(target, 0.5)
        gap = STATIC_GAP * staticness(unit) ** 2
        yield unit @ seen.unit(query, 0.5).T, gap, (first, first + len(copy))


def measured(aligner: Aligner, cases: list[Case]) -> tuple[float, float, float]:
    """Share with IoU >= 0.5, mean IoU in percent, CPU ms a target."""
    best, cpu = (-1.0, -1.0), 0.0
    for threshold in (None,) if aligner in (dtw, ours) else GRID:
        found: list[tuple[int, int]] = []

        def work(threshold: float | None = threshold, found: list = found) -> None:  # type: ignore[type-arg]
            for cosines, gap, _ in cases:
                found.append(aligner(cosines, gap if threshold is None else threshold))

        work()
        found.clear()
        used = cpu_s(work)
        truth = np.array([case[2] for case in cases], np.float64)
        iou = temporal_iou(np.array(found, np.float64)[-len(cases) :], truth)
        best = max(best, (100 * float((iou >= 0.5).mean()), 100 * float(iou.mean())))
        cpu = used
    return *best, 1000 * cpu / len(cases)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--split", default="val")
    parser.add_argument("--count", type=int, default=20, help="simulated matches of a kind")
    options = parser.parse_args()
    cases = {options.split: list(of_pairs(options.dataset, options.split))}
    for kind in ("noisy", "1.5 x", "2/3 x", "cut"):
        cases[kind] = list(simulated(kind, options.count))
    rows = []
    for name, aligner in ALIGNERS.items():
        found = {kind: measured(aligner, of) for kind, of in cases.items()}
        shown = [f"{hit:.0f} ({iou:.0f})" for hit, iou, _ in found.values()]
        rows.append([name, *shown, f"{found['noisy'][2]:.2f}"])
    print_table(["", *cases, "CPU ms"], rows, "Share with IoU >= 0.5 (mean IoU), percent")


if __name__ == "__main__":
    main()
