"""What hits that are accepted or rejected bring when an archive is asked again.

::

    OMP_NUM_THREADS=1 python benchmarks/feedback.py minimatch --method scan

Every query of a split is asked of all its targets (the protocol ``archive``). Of the first ten
windows those with an IoU of 0.5 with a true one are accepted, the rest are rejected, and the
archive is asked again. ``control`` is the first answer with the same windows accepted and
rejected: what is above it was learned. (What further examples bring, `bench --shots` tells.)

Intervals: 95 %, of the mean over queries, by resampling the videos that queries are from.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd
from measure import print_table

import vid2vidmr as v
from vid2vidmr.archive.feedback import ask_again
from vid2vidmr.archive.query import clock
from vid2vidmr.archive.search import FoundWindow, Searcher
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.targets import OWN
from vid2vidmr.evaluation.archive_retrieval import ARCHIVE_WINDOWS, archive_metrics
from vid2vidmr.experiments.archive import archive_of
from vid2vidmr.windows import temporal_iou

ROUNDS, JUDGED = 3, 10
Windows = Sequence[tuple[str, float, float]]


class Asked:
    """A query, and what is true but for its own moment."""

    def __init__(self, pairs: PairSet, row: int) -> None:
        targets = pairs.targets
        assert targets is not None
        self.starts_s, self.truth_s = targets.starts_s, pairs.truth[row]
        self.own = [(str(clip), *part) for clip, *part in targets.own(*pairs.query_places(row))]
        clip, start_s, end_s = self.own[0]
        self.name = f"{clip}@{clock(start_s)}-{clock(end_s)}"

    def on_time_line(self, windows: Windows) -> np.ndarray:
        """Windows on the archive's time line, without the query's own, (100, 2); NaN: fewer."""
        out = np.full((ARCHIVE_WINDOWS, 2), np.nan)
        kept = [window for window in windows if not _touch(window, self.own, OWN)]
        for i, (clip, *part) in enumerate(kept[:ARCHIVE_WINDOWS]):
            out[i] = self.starts_s[int(clip)] + np.array(part)
        return out

    def precision(self, windows: Windows) -> float:
        """MAP over IoU 0.5 to 0.95, percent."""
        found = archive_metrics(self.on_time_line(windows)[None], self.truth_s[None])
        return float(found["mAP"][0])

    def is_right(self, window: tuple[str, float, float]) -> bool:
        """Whether a true moment has an IoU above 0.5 with it."""
        at_s = self.on_time_line([window])[0]
        return bool(np.nanmax(temporal_iou(self.truth_s, at_s), initial=0.0) > 0.5)


def _touch(window: tuple[str, float, float], others: Windows, least: float) -> bool:
    same = [other[1:] for other in others if other[0] == window[0]]
    return bool(same) and bool((temporal_iou(np.array(same), np.array(window[1:])) > least).any())


def of_rounds(searcher: Searcher, asked: Asked) -> dict[str, float]:
    """Precision after each round of feedback, and of the first answer with the same judgements."""
    accepted: list[FoundWindow] = []
    rejected: list[FoundWindow] = []
    out, first = {}, []
    for number in range(ROUNDS + 1):
        found = ask_again(
            searcher, asked.name, accepted, rejected, top=ARCHIVE_WINDOWS, min_score=0.0
        ).windows
        windows = [(w.video, w.start_s, w.end_s) for w in found]
        first = first or windows
        out[f"round {number}"] = asked.precision(windows)
        if number:
            yes, no = (
                [(w.video, w.start_s, w.end_s) for w in side] for side in (accepted, rejected)
            )
            rest = [w for w in first if not _touch(w, [*yes, *no], OWN)]
            out[f"control {number}"] = asked.precision([*yes, *rest])
        judged = {(w.video, w.start_s) for w in accepted}
        new = [w for w in found if (w.video, w.start_s) not in judged]
        for window in new[:JUDGED]:
            place = (window.video, window.start_s, window.end_s)
            if not _touch(place, asked.own, OWN):
                (accepted if asked.is_right(place) else rejected).append(window)
    return out


def interval(values: np.ndarray, sources: np.ndarray) -> str:
    """Mean and 95 % interval."""
    rng, names = np.random.default_rng(0), np.unique(sources)
    sums = np.array([values[sources == name].sum() for name in names])
    counts = np.array([(sources == name).sum() for name in names])
    drawn = rng.integers(len(names), size=(2000, len(names)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), (0.025, 0.975))
    return f"{values.mean():.1f} [{low:.1f}, {high:.1f}]"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--split", default="test")
    parser.add_argument("--method", default="scan")
    parser.add_argument("--encoder")
    options = parser.parse_args()
    dataset = v.load_dataset(options.dataset)
    features = v.open_features(dataset, options.encoder)
    pairs = dataset.pairs(options.split, features).under("archive")
    targets = pairs.targets
    assert targets is not None
    searcher = Searcher(archive_of(targets, features), options.method)
    print(f"{len(pairs)} queries, {searcher.archive.hours:.2f} hours")
    sources = pairs.table["query_source"].to_numpy(str)
    found = pd.DataFrame([of_rounds(searcher, Asked(pairs, row)) for row in range(len(pairs))])
    rows = []
    for n in range(ROUNDS + 1):
        after = found[f"round {n}"].to_numpy()
        cells = [f"{n}", interval(after, sources)]
        if n:
            control = found[f"control {n}"].to_numpy()
            cells += [f"{control.mean():.1f}", interval(after - control, sources)]
        rows.append([*cells, "", ""][:4])
    title = f"Feedback, {options.method}, {options.split}"
    print_table(["rounds", "mAP", "control", "over the control"], rows, title)


if __name__ == "__main__":
    main()
