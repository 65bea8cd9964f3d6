"""The protocol ``archive`` on a data set whose videos are joined into matches of two hours.

::

    OMP_NUM_THREADS=1 python benchmarks/matches.py minimatch local-match align_refine \
        matr=runs/minimatch/matr/KEY-seed0/checkpoint

Videos of all splits stand behind each other in a random order, their features joined in time; the
queries are those of the split. Truth and answers are those of ``bench --protocol archive``, but for
the many other videos, and that a method reads across the seams.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from measure import cpu_s, print_table

import vid2vidmr as v
from vid2vidmr.contract import FeatureSource
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.targets import Targets
from vid2vidmr.experiments.archive import search_archive
from vid2vidmr.features.store import MemoryFeatures

MATCH_S = 7200.0
METRICS = ("mAP", "mAP@0.5", "R1@0.5", "R5@0.5", "R10@0.5")


@dataclass(frozen=True)
class Matches(Targets):
    """Targets of which each is joined of videos: `places` has the match and the second of each."""

    places: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    def own(self, *queries: tuple[str, float, float]) -> list[tuple[int, float, float]]:
        """Where queries lie in the matches."""
        found = [(*self.places[video], start_s, end_s) for video, start_s, end_s in queries]
        return [(match, at_s + start_s, at_s + end_s) for match, at_s, start_s, end_s in found]


class Joined(MemoryFeatures):
    """Features of matches; queries are those of the videos."""

    def __init__(self, videos: FeatureSource, matches: Mapping[str, np.ndarray]) -> None:
        super().__init__(videos.contract, matches)
        self._queries = videos

    def query_rows(self, video_id: str, start_s: float, end_s: float) -> np.ndarray:
        """Features of a query in its own video."""
        return self._queries.query_rows(video_id, start_s, end_s)


def joined(dataset: Dataset, features: FeatureSource, split: str, seed: int) -> PairSet:
    """Ask the queries of a split of all videos, joined."""
    videos = np.random.default_rng(seed).permutation(dataset.videos["video_id"].to_numpy(str))
    step_s, parts = features.contract.step_s, [[]]
    places: dict[str, tuple[int, float]] = {}
    at_s = 0.0
    for video in videos:
        rows = features.rows(video)
        if at_s + step_s * len(rows) > MATCH_S:
            parts.append([])
            at_s = 0.0
        places[video] = len(parts) - 1, at_s
        parts[-1].append(rows)
        at_s += step_s * len(rows)
    matches = {f"match {i}": np.concatenate(each) for i, each in enumerate(parts)}
    clips = pd.DataFrame({"video": [*matches], "source": [*matches], "label": ""})
    clips = clips.assign(clip_start_s=0.0, clip_end_s=[step_s * len(m) for m in matches.values()])
    moments = dataset.moments.dropna(subset=["start_s"])
    match, offset_s = np.array([places[video] for video in moments["video_id"]]).T
    moments = moments.assign(clip=match.astype(int))
    for name in ("start_s", "end_s"):
        moments[name] += moments["clip_start_s"] + offset_s
    moments = moments[["clip", "label", "start_s", "end_s"]].drop_duplicates(ignore_index=True)
    pairs = dataset.pairs(split, Joined(features, matches))
    return replace(pairs, targets=Matches(clips, moments, places)).under("archive")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("methods", nargs="+", metavar="METHOD[=CHECKPOINT]")
    parser.add_argument("--split", default="test")
    parser.add_argument("--encoder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dataset = v.load_dataset(options.dataset)
    pairs = joined(dataset, v.open_features(dataset, options.encoder), options.split, options.seed)
    targets = pairs.targets
    assert targets is not None
    hours = targets.clips["clip_end_s"].sum() / 3600
    print(f"{len(pairs)} queries, {hours:.1f} hours in {len(targets.clips)} matches", flush=True)
    rows = []
    for name, _, checkpoint in (each.partition("=") for each in options.methods):
        method = v.load_method(name, checkpoint or None)
        answers: list[v.Prediction] = []
        spent_s = cpu_s(lambda a=answers, m=method: a.extend(search_archive(m, pairs)))
        found = v.evaluate(answers, pairs).metrics
        rows.append([name, found["mAP"].text(), *(f"{found[m].value:.1f}" for m in METRICS[1:]),
                     f"{spent_s / len(pairs):.2f}"])  # fmt: skip
        print(*rows[-1], sep="  ", flush=True)
    print_table(["method", *METRICS, "CPU s a query"], rows)


if __name__ == "__main__":
    main()
