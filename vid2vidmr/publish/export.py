"""Pairs in the form of other tools: QVHighlights annotations, alone or with features beside them.

Annotations are as in ``sportsmoments/DATA.md`` of vl2g/MATR and ``data/README.md`` of
jayleicn/moment_detr. Which folder is which tool's is documented in the READMEs of
jayleicn/moment_detr and line/lighthouse and in ``install.md`` of showlab/UniVTG: a target's
features ``{vid}.npz`` under the key ``features``, a query's ``qid{qid}.npz`` under the key
``last_hidden_state``, where those tools look for the tokens of a text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import SPLITS
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError, FeatureError, UserError
from vid2vidmr.features.store import FeatureStore
from vid2vidmr.files import alone, read_json, replacing, write_json, write_jsonl
from vid2vidmr.progress import progress
from vid2vidmr.records import Pair, Window

CLIP_S = 2.0
"""Length of a clip of QVHighlights, whatever the step of the features is."""
RECORD = "vid2vidmr.json"
"""What an exported folder was made of; written first, so that nothing else is mixed in."""


class Layout(NamedTuple):
    """Where a tool looks; ``{name}`` is the data set's, ``{split}`` that of the pairs."""

    annotations: str
    targets: str
    queries: str


LAYOUTS = {
    "moment-detr": Layout(
        "data/highlight_{split}_release.jsonl",
        "features/clip_features",
        "features/clip_text_features",
    ),
    "univtg": Layout(
        "data/{name}/metadata/{name}_{split}.jsonl", "data/{name}/vid_clip", "data/{name}/txt_clip"
    ),
    "lighthouse": Layout(
        "data/{name}/{name}_{split}_release.jsonl",
        "features/{name}/clip",
        "features/{name}/clip_text",
    ),
}


@dataclass(frozen=True)
class Exported:
    """Pairs written and pairs left out for want of features, by split; the annotation files."""

    written: dict[str, int]
    left_out: dict[str, int]
    files: dict[str, Path]


def export_annotations(pairs: PairSet, path: Path) -> None:
    """Write pairs as QVHighlights JSON Lines, one line a pair, in the order of `pairs`.

    ``qid`` is the pair id, not the query's: several pairs share a query, and evaluators that keep
    one answer a ``qid`` would lose all but one of them. ``vid`` is the target's id (its moment's);
    under the protocol ``recropped`` it can come with several durations.
    """
    write_jsonl(path, (_row(p, p.pair_id, p.target_id, p.windows) for p in pairs))


def export_layout(
    dataset: Dataset,
    layout: str,
    features: FeatureStore,
    out: Path,
    splits: Iterable[str] | None = None,
    captions: FeatureStore | None = None,
) -> Exported:
    """Write annotations and features of pairs whose two videos have features, for a tool.

    Annotations are those of `export_annotations`, but:

    - ``qid``: a whole number, unique in the data set: its pairs counted over train, val and test.
      So it does not depend on which splits are exported. ``pair_id`` is kept beside it.
    - ``vid``: ``{video}_{start}_{end}``, the target's window in its video, as in QVHighlights.

    A query's features are written once and linked for every other ``qid`` that asks it. A run that
    was killed continues.

    Parameters
    ----------
    layout : str
        One of `LAYOUTS`.
    out : Path
        Folder, one a data set, layout and store.
    splits : iterable of str, optional
        By default all that have pairs.
    captions : FeatureStore, optional
        Queries are these captions, not videos.

    Raises
    ------
    UserError
        If `out` holds another export.
    FeatureError
        If no pair of a split has features, or they are not 2 s apart.
    """
    if features.contract.step_s != CLIP_S:
        raise FeatureError(
            f"Other projects read a feature every {CLIP_S:g} s and these are "
            f"{features.contract.step_s:g} s apart: export those of {features.contract.encoder}."
        )
    with alone(out):
        _claim(out, dataset, layout, features, captions)
        return _export(dataset, layout, features, out, splits, captions)


def _export(
    dataset: Dataset,
    layout: str,
    features: FeatureStore,
    out: Path,
    splits: Iterable[str] | None,
    captions: FeatureStore | None,
) -> Exported:
    name = re.sub(r"\W+", "_", dataset.name)
    exported = Exported({}, {}, {})
    for split in splits or dataset.splits:
        pairs, qids = _with_features(dataset, split, features, captions)
        path, targets, queries = (
            out / where.format(name=name, split=split) for where in LAYOUTS[layout]
        )
        vids = _write_features(pairs, qids, targets, queries)
        rows = zip(pairs, qids, vids, strict=True)
        write_jsonl(path, (_numbered_row(*row) for row in rows))
        exported.written[split] = len(pairs)
        exported.left_out[split] = dataset.counts["pairs"][split] - len(pairs)
        exported.files[split] = path
    return exported


def _claim(
    out: Path,
    dataset: Dataset,
    layout: str,
    features: FeatureStore,
    captions: FeatureStore | None,
) -> None:
    """Say in a folder what it is to hold; refuse one that holds something else."""
    made_of = {
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "layout": layout,
        "queries": "video" if captions is None else "text",
        "features": features.contract.model_dump(mode="json"),
        "captions": captions and captions.contract.model_dump(mode="json"),
    }
    record = out / RECORD
    if record.exists() and read_json(record) != made_of:
        raise UserError(f"{out} holds another export (see {record}): choose another folder.")
    write_json(record, made_of)


def _with_features(
    dataset: Dataset, split: str, features: FeatureStore, captions: FeatureStore | None
) -> tuple[PairSet, list[int]]:
    """Pairs of a split whose query and target have features, and their ``qid``."""
    pairs = dataset.pairs(split, features, captions)
    table = pairs.table
    if captions is None:
        asked = zip(table["query_video"], table["query_start_s"], strict=True)
        query_there = np.array([features.has_query(video, start) for video, start in asked])
    else:
        query_there = table["query_id"].isin(captions.video_ids).to_numpy()
    kept = table["target_video"].isin(features.video_ids).to_numpy() & query_there
    if not kept.any():
        raise FeatureError(
            f"No {split} pair of {dataset.name} has features of its query and its target: run "
            f"`vid2vidmr features --dataset {dataset.name} --encoder {features.contract.encoder}`."
        )
    counts = dataset.counts["pairs"]
    first = sum(counts.get(earlier, 0) for earlier in SPLITS[: SPLITS.index(split)])
    pairs = pairs if captions is None else replace(pairs, query="text")
    return pairs.take(kept), (first + np.flatnonzero(kept)).tolist()


def _write_features(pairs: PairSet, qids: list[int], targets: Path, queries: Path) -> list[str]:
    """Write what is not there yet; gives the ``vid`` of each pair."""
    targets.mkdir(parents=True, exist_ok=True)
    queries.mkdir(parents=True, exist_ok=True)
    vids: list[str] = []
    whose: dict[str, object] = {}
    first_of: dict[str, Path] = {}
    with progress(f"Features of {pairs.split}", len(pairs)) as bar:
        for i, (pair, qid) in enumerate(zip(pairs, qids, strict=True)):
            vid, window = _vid(pair), (pair.target_video_id, pair.target_window)
            if vid not in whose:
                _save(targets / f"{vid}.npz", features=pairs.target_features(i))
            elif whose[vid] != window:
                raise DataError(
                    f"The videos {whose[vid]} and {window} would both be called {vid}: rename one."
                )
            whose[vid] = window
            vids.append(vid)
            path = queries / f"qid{qid}.npz"
            if pair.query_id not in first_of:
                _save(path, last_hidden_state=pairs.query_features(i))
                first_of[pair.query_id] = path
            elif not path.exists():
                os.link(first_of[pair.query_id], path)
            bar.advance()
    return vids


def _vid(pair: Pair) -> str:
    start_s, end_s = (round(second, 3) for second in pair.target_window)
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', pair.target_video_id)}_{start_s}_{end_s}"


def _save(path: Path, **arrays: np.ndarray) -> None:
    if not path.exists():
        with replacing(path) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]  # float32, as they are read


def _numbered_row(pair: Pair, qid: int, vid: str) -> dict[str, Any]:
    windows = tuple((start_s, min(end_s, pair.duration_s)) for start_s, end_s in pair.windows)
    return _row(pair, qid, vid, windows) | {"pair_id": pair.pair_id}


def _row(pair: Pair, qid: str | int, vid: str, windows: tuple[Window, ...]) -> dict[str, Any]:
    """One line: seconds from the target's start, and the 2 s clips in the windows.

    Each clip has the highest score of three annotators: the annotations do not grade clips.
    """
    clips = relevant_clips(windows)
    return {
        "qid": qid,
        "query": "",  # there is no text
        "duration": pair.duration_s,
        "vid": vid,
        "relevant_windows": [list(window) for window in windows],
        "relevant_clip_ids": clips,
        "saliency_scores": [[4, 4, 4] for _ in clips],
    }


def relevant_clips(windows: tuple[Window, ...]) -> list[int]:
    """Clips of `CLIP_S` seconds in windows, from the clip of the start up to that of the end.

    Sorted, each once, at least one a window. The clip in which a window ends is not counted,
    unless the window starts in it too: so 60.3 s to 73.3 s gives 30 to 35, as in the example of
    SportsMoments.
    """
    clips: set[int] = set()
    for start_s, end_s in windows:
        first = int(start_s / CLIP_S)
        clips.update(range(first, max(first + 1, int(end_s / CLIP_S))))
    return sorted(clips)
