"""A data set in the folders that Moment-DETR, UniVTG and lighthouse read.

Annotations are QVHighlights JSON Lines (``data/README.md`` of jayleicn/moment_detr), a target's
features ``{vid}.npz`` under the key ``features``, a query's ``qid{qid}.npz`` under the key
``last_hidden_state``, where those tools look for the tokens of a text. Which folder is which is
documented in the READMEs of jayleicn/moment_detr and line/lighthouse and in ``install.md`` of
showlab/UniVTG.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import SPLITS
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError, FeatureError, UserError
from vid2vidmr.features.store import FeatureStore
from vid2vidmr.files import read_json, replacing, write_json, write_jsonl
from vid2vidmr.progress import progress
from vid2vidmr.publish.qvhighlights import relevant_clips
from vid2vidmr.records import Pair

RECORD = "vid2vidmr.json"
"""What an exported folder was made of; written first, so that nothing else is mixed in."""


@dataclass(frozen=True)
class Layout:
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


def export_layout(
    dataset: Dataset,
    layout: str,
    features: FeatureStore,
    out: Path,
    splits: Iterable[str] | None = None,
    captions: FeatureStore | None = None,
) -> Exported:
    """Write annotations and features of pairs whose two videos have features.

    One line of annotations a pair, see `vid2vidmr.publish.qvhighlights`, but:

    - ``qid``: a whole number, unique in the data set: its pairs counted over train, val and test.
      So it does not depend on which splits are exported. ``pair_id`` is kept beside it.
    - ``vid``: ``{video}_{start}_{end}``, the target's window in its video, as in QVHighlights.

    A query's features are written once and linked for every other ``qid`` that asks it. A run that
    was killed continues.

    Parameters
    ----------
    dataset : Dataset
    layout : str
        One of `LAYOUTS`.
    features : FeatureStore
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
        If no pair of a split has features.
    """
    folders = LAYOUTS[layout]
    name = re.sub(r"\W+", "_", dataset.name)
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
    chosen = list(splits or dataset.splits)
    exported = Exported({}, {}, {})
    for split in chosen:
        pairs = dataset.pairs(split, features, captions)
        pairs = pairs if captions is None else replace(pairs, query="text")
        kept = _with_features(pairs, features, captions)
        if not kept.any():
            raise FeatureError(
                f"No {split} pair of {dataset.name} has features of its query and its target: run "
                f"`vid2vidmr features {dataset.name} --encoder {features.contract.encoder}`."
            )
        pairs, first = pairs.take(kept), _first_qid(dataset, split)
        qids = (first + np.flatnonzero(kept)).tolist()
        path = out / folders.annotations.format(name=name, split=split)
        targets, queries = (out / f.format(name=name) for f in (folders.targets, folders.queries))
        vids = _write_features(pairs, qids, targets, queries, split)
        write_jsonl(path, _rows(pairs, qids, vids))
        exported.written[split] = len(pairs)
        exported.left_out[split] = int((~kept).sum())
        exported.files[split] = path
    return exported


def _with_features(
    pairs: PairSet, features: FeatureStore, captions: FeatureStore | None
) -> np.ndarray:
    table = pairs.table
    here = table["target_video"].isin(features.video_ids)
    if captions is None:
        here &= table["query_video"].isin(features.video_ids)
    else:
        here &= table["query_id"].isin(captions.video_ids)
    return here.to_numpy()


def _first_qid(dataset: Dataset, split: str) -> int:
    counts = dataset.counts["pairs"]
    return sum(counts.get(earlier, 0) for earlier in SPLITS[: SPLITS.index(split)])


def _vid(pair: Pair) -> str:
    start_s, end_s = (round(second, 3) for second in pair.target_window)
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', pair.target_video_id)}_{start_s}_{end_s}"


def _write_features(
    pairs: PairSet, qids: list[int], targets: Path, queries: Path, split: str
) -> list[str]:
    """Write what is not there yet; gives the ``vid`` of each pair."""
    targets.mkdir(parents=True, exist_ok=True)
    queries.mkdir(parents=True, exist_ok=True)
    vids: list[str] = []
    whose: dict[str, object] = {}
    first_of: dict[str, Path] = {}
    with progress(f"Features of {split}", len(pairs)) as bar:
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


def _save(path: Path, **arrays: np.ndarray) -> None:
    if not path.exists():
        with replacing(path) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]  # float32, as they are read


def _rows(pairs: PairSet, qids: list[int], vids: list[str]) -> Iterator[dict[str, Any]]:
    for pair, qid, vid in zip(pairs, qids, vids, strict=True):
        duration_s = pair.duration_s
        windows = tuple((start_s, min(end_s, duration_s)) for start_s, end_s in pair.windows)
        clips = relevant_clips(windows)
        yield {
            "qid": qid,
            "query": "",
            "duration": duration_s,
            "vid": vid,
            "relevant_windows": [list(window) for window in windows],
            "relevant_clip_ids": clips,
            "saliency_scores": [[4, 4, 4] for _ in clips],
            "pair_id": pair.pair_id,
        }
