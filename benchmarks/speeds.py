"""What it costs when the query is shown faster or slower than the moment in the target.

::

    OMP_NUM_THREADS=1 python benchmarks/speeds.py minimatch --split test

A clip at 1.5 times its speed, read every 2 s, shows the frames that lie 3 s apart in the original:
these are decoded and encoded, from the query's own start. (Rows that are interpolated from those
every 2 s mix shots that no clip shows.) Untrained methods and `align_refine`: mIoU, and the
difference to it; in brackets 95 %, over query and target videos.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure import print_table

import vid2vidmr as v
from vid2vidmr.contract import clips_of
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import PROTOCOLS
from vid2vidmr.evaluation import Evaluation, evaluate, paired_difference
from vid2vidmr.features.load import load_stills
from vid2vidmr.features.store import FeatureStore
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.load import method_class
from vid2vidmr.progress import progress
from vid2vidmr.video.sample import sample_frames

SPEEDS = (1.0, 0.67, 1.5, 2.0)
METHODS = ("align_refine", "local-match", "dtw-match")

Rows = dict[tuple[str, float], np.ndarray]
"""Features of queries, by video and start."""


class Played:
    """Features of a data set with other ones of the queries."""

    def __init__(self, features: FeatureStore, queries: Rows) -> None:
        self.contract, self.rows, self._queries = features.contract, features.rows, queries

    def query_rows(self, video: str, start_s: float, end_s: float) -> np.ndarray:
        """Features of a query, (N, dim)."""
        return self._queries[video, start_s]


def played(dataset: Dataset, pairs: PairSet) -> dict[float, Rows]:
    """Encode every query at every speed."""
    encoder, step_s = load_stills(dataset.info.default_encoder), pairs.step_s
    found: dict[float, Rows] = {speed: {} for speed in SPEEDS}
    queries = pairs.table.drop_duplicates("query_id").groupby("query_video")
    with progress("encode queries", len(queries)) as bar:
        for video, asked in queries:
            times = {
                (speed, start): [
                    round(start + speed * step_s * k, 6)
                    for k in range(clips_of(start, start + (end - start) / speed, step_s))
                ]
                for start, end in asked[["query_start_s", "query_end_s"]].to_numpy().tolist()
                for speed in SPEEDS
            }
            path = dataset.video_path(str(video))
            assert path is not None
            at = sorted(set().union(*times.values()))
            frames = {round(t, 6): f for t, f in sample_frames(path, 1e6, at_s=at)}
            row = dict(zip(frames, encoder.encode(list(frames.values())), strict=True))
            for (speed, start), shown in times.items():
                found[speed][str(video), start] = np.stack([row[t] for t in shown if t in row])
            bar.advance(1)
    return found


def scored(method: Method, pairs: PairSet, queries: Rows, speed: float) -> Evaluation:
    """Score a method on pairs whose queries are played at a speed."""
    assert isinstance(pairs.features, FeatureStore)
    start_s, end_s = pairs.table["query_start_s"], pairs.table["query_end_s"]
    table = pairs.table.assign(query_end_s=start_s + (end_s - start_s) / speed)
    shown = replace(pairs, table=table, features=Played(pairs.features, queries))
    return evaluate(list(method.predict(shown)), pairs)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    dataset = v.load_dataset(options.dataset)
    features = v.open_features(dataset)
    pairs = dataset.pairs(options.split, features)
    queries = played(dataset, pairs)
    rows = []
    for name in METHODS:
        method = method_class(name)()
        with tempfile.TemporaryDirectory() as folder:
            method.fit(dataset.pairs("train", features), pairs, Path(folder))
        for protocol in PROTOCOLS:
            under = pairs.under(protocol)
            found = {speed: scored(method, under, queries[speed], speed) for speed in SPEEDS}
            cells = [f"{found[1.0].metrics['mIoU'].value:.1f}"]
            for speed in SPEEDS[1:]:
                less = paired_difference(found[speed], found[1.0])["mIoU"]
                cells.append(f"{less.value:+.1f} [{less.low:.1f}, {less.high:.1f}]")
            rows.append([name, protocol, *cells])
    heads = ["method", "protocol", "as it is", *(f"{speed:g} x" for speed in SPEEDS[1:])]
    print_table(heads, rows, f"{dataset.name}, {options.split}, {len(pairs)} pairs")


if __name__ == "__main__":
    main()
