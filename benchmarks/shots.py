"""What further examples give: several queries of one class, and hits that are accepted or rejected.

::

    OMP_NUM_THREADS=1 python benchmarks/shots.py minimatch --method scan

Every query of a split is asked of all its targets (the protocol ``archive``), alone and with the
nearest K - 1 in a random order of the moments of its class in other videos. The moments of all five
are left out of truth and answers, whatever K is: all numbers are of the same moments. Feedback is
simulated: of the first ten windows those with an IoU of 0.5 with a true one are accepted, the rest
are rejected, and the archive is asked again. ``control`` is the first answer with the same windows
accepted and rejected: what is above it was learned.

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
from vid2vidmr.archive.store import Archive
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.targets import OWN, Targets
from vid2vidmr.evaluation.archive_retrieval import ARCHIVE_WINDOWS, archive_metrics
from vid2vidmr.experiments.archive import _Clips, _lengths
from vid2vidmr.windows import temporal_iou

SHOTS, MOST, ROUNDS, JUDGED = (1, 2, 3, 5), 5, 3, 10
Windows = Sequence[tuple[str, float, float]]


def examples(table: pd.DataFrame, seed: int) -> list[list[int]]:
    """Rows of each query and of up to four others of its class, all of different recordings."""
    rng, out = np.random.default_rng(seed), []
    for row, label, source in table[["label", "query_source"]].itertuples():
        seen, rows = {source}, [row]
        for other in rng.permutation(table.index[table["label"] == label]):
            if table.at[other, "query_source"] not in seen and len(rows) < MOST:
                seen.add(table.at[other, "query_source"])
                rows.append(int(other))
        if len(rows) == MOST:
            out.append(rows)
    return out


class Asked:
    """A query, the others of its class, and what is true but for them."""

    def __init__(self, pairs: PairSet, table: pd.DataFrame, rows: list[int]) -> None:
        places = table.loc[rows, ["query_video", "query_start_s", "query_end_s"]]
        targets: Targets = pairs.targets  # type: ignore[assignment]
        self.targets, self.source = targets, table.at[rows[0], "query_source"]
        self.queries = [pairs.query_features(int(table.at[row, "row"])) for row in rows]
        owns = [targets.own(tuple(place)) for place in places.itertuples(index=False)]  # type: ignore[arg-type]
        self.own = [(str(clip), start, end) for own in owns for clip, start, end in own]
        clip, start_s, end_s = owns[0][0]
        self.name = f"{clip}@{clock(start_s)}-{clock(end_s)}"
        label = table.at[rows[0], "label"]
        every = [
            (str(clip), *window)
            for clip in range(len(targets.clips))
            for window in targets.windows(clip, label).tolist()
        ]
        self.truth = self.without_own(every)

    def without_own(self, windows: Windows) -> Windows:
        """Leave out what is a query's own."""
        return [w for w in windows if not _touch(w, self.own, OWN)]

    def on_time_line(self, windows: Windows, most: int) -> np.ndarray:
        """Windows on the archive's time line, (most, 2), NaN where there are fewer."""
        out = np.full((most, 2), np.nan)
        for i, (clip, start_s, end_s) in enumerate(windows[:most]):
            out[i] = self.targets.starts_s[int(clip)] + np.array([start_s, end_s])
        return out

    def precision(self, windows: Windows) -> float:
        """MAP over IoU 0.5 to 0.95, percent."""
        found = self.on_time_line(self.without_own(windows), ARCHIVE_WINDOWS)
        truth = self.on_time_line(self.truth, len(self.truth))
        return float(archive_metrics(found[None], truth[None])["mAP"][0])


def _touch(window: tuple[str, float, float], others: Windows, least: float) -> bool:
    same = [other[1:] for other in others if other[0] == window[0]]
    return bool(same) and bool((temporal_iou(np.array(same), np.array(window[1:])) > least).any())


def of_shots(searcher: Searcher, asked: Asked) -> dict[str, float]:
    """Precision by number of queries and fusion."""
    out = {}
    for shots in SHOTS:
        for fuse in ("mean", "best", "barycentre") if shots > 1 else ("mean",):
            found = searcher.candidates(
                asked.queries[:shots], own=asked.own, top=ARCHIVE_WINDOWS, fuse=fuse
            )
            windows = [
                (clip, *window)
                for clip, window in zip(found.videos, found.windows.tolist(), strict=True)
            ]
            name = "1" if shots == 1 else f"{shots} {fuse}"
            out[name] = asked.precision(windows)  # type: ignore[arg-type]
    return out


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
                (accepted if _touch(place, asked.truth, 0.5) else rejected).append(window)
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
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dataset = v.load_dataset(options.dataset)
    features = v.open_features(dataset, options.encoder)
    pairs = dataset.pairs(options.split, features).under("archive")
    targets = pairs.targets
    assert targets is not None
    table = pairs.table.reset_index(drop=True)
    table = table.assign(row=table.index).drop_duplicates("query_id", ignore_index=True)
    drawn = examples(table, options.seed)
    searcher = Searcher(Archive.of(_Clips(features, targets), _lengths(targets)), options.method)
    every = [Asked(pairs, table, rows) for rows in drawn]
    every = [asked for asked in every if len(asked.truth)]
    print(f"{len(every)} of {len(table)} queries, {searcher.archive.hours:.2f} hours")
    sources = np.array([asked.source for asked in every])
    for title, measured in (("Queries", of_shots), ("Feedback", of_rounds)):
        found = pd.DataFrame([measured(searcher, asked) for asked in every])
        first = found.iloc[:, 0]
        rows = [
            [name, interval(found[name].to_numpy(), sources),
             interval((found[name] - first).to_numpy(), sources)]
            for name in found
        ]  # fmt: skip
        print_table(["", "mAP", "gain"], rows, f"{title}, {options.method}, {options.split}")
        if measured is of_rounds:
            for n in range(1, ROUNDS + 1):
                more = (found[f"round {n}"] - found[f"control {n}"]).to_numpy()
                print(f"round {n} over its control: {interval(more, sources)}")


if __name__ == "__main__":
    main()
