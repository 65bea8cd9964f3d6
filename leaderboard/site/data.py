"""Pairs and predictions as scripts that pages load when they need them.

Pages opened from ``file://`` may not fetch, but may load scripts; each calls ``vmr.put``.

::

    data/BOARD/PROTOCOL/pairs.js       columns of all pairs: ids, classes, videos, true windows
    data/BOARD/PROTOCOL/ID/score.js    score of every pair, percent, mean over seeds: IoU of the
                                       first window, under ``open`` G-mIoU@1
    data/BOARD/open/ID/0/exists.js     how sure seed 0 is that the moment is there, percent
    data/BOARD/PROTOCOL/ID/0/3.js      the first windows of seed 0, of pairs 3 * CHUNK and on

The predictions themselves lie in ``predictions/DATASET/ID``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from leaderboard.site.videos import Strip
from leaderboard.submission import Submission
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.evaluation import Evaluation
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.files import write_text

CHUNK = 500
"""Pairs a file."""
WINDOWS = 5
"""Windows of a pair that are drawn."""


def script_json(value: Any) -> str:
    """JSON that may stand in a script: no sign in it can end the script."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c")


def write_script(out: Path, key: str, value: Any) -> None:
    """Write ``data/KEY.js``."""
    write_text(out / "data" / f"{key}.js", f"vmr.put({script_json(key)},{script_json(value)});\n")


def predictions_name(header: PredictionHeader) -> str:
    """Name of a predictions file in the site, whatever it is called in its submission."""
    return f"{header.protocol.slug}-seed{header.seed}.jsonl.gz"


def place_predictions(root: Path, out: Path, submission: Submission) -> None:
    """Copy what a submission was scored by to ``predictions/DATASET/ID``."""
    folder = out / "predictions" / submission.dataset / submission.id
    folder.mkdir(parents=True)
    for run in reversed(submission.runs):  # the first of a seed is the one that was scored
        source = root / submission.dataset / submission.id / run.predictions
        shutil.copyfile(source, folder / predictions_name(run.header))


def write_pairs(
    out: Path,
    key: str,
    pairs: PairSet,
    videos: Mapping[str, str],
    youtube: Mapping[str, str],
    strips: Mapping[str, Strip],
) -> None:
    """Write the pairs of a board under a protocol.

    Parameters
    ----------
    out : Path
        The site.
    key : str
        ``BOARD/PROTOCOL``.
    videos : mapping of str to str
        Video ids to addresses below `out`, of those that are here.
    youtube : mapping of str to str
        Video ids to those on YouTube, of videos that are whole there.
    strips : mapping of str to Strip
        Video ids to their pictures, of those that have some here.
    """
    table = pairs.table
    names = sorted({*table["query_video"], *table["target_video"]})
    labels = sorted(set(table["label"].astype(str)))
    video_of, label_of = ({name: i for i, name in enumerate(of)} for of in (names, labels))

    def seconds(column: Any) -> list[float | None]:
        values = np.round(np.asarray(column, "float64"), 3)
        return [None if np.isnan(value) else float(value) for value in values]

    write_script(
        out,
        f"{key}/pairs",
        {
            "videos": [
                [name, videos.get(name), youtube.get(name), strips.get(name)] for name in names
            ],
            "labels": labels,
            "id": table["pair_id"].astype(str).tolist(),
            "label": [label_of[str(label)] for label in table["label"]],
            "query": [video_of[name] for name in table["query_video"]],
            "query_start": seconds(table["query_start_s"]),
            "query_end": seconds(table["query_end_s"]),
            "target": [video_of[name] for name in table["target_video"]],
            "clip_start": seconds(table["clip_start_s"]),
            "duration": seconds(pairs.durations_s),
            "truth": [_windows(own) for own in np.round(pairs.truth, 3)],
        },
    )


def _windows(windows: np.ndarray) -> list[list[float]]:
    """Windows (K, 2) without those that are NaN."""
    found: list[list[float]] = windows[~np.isnan(windows[:, 0])].tolist()
    return found


def write_predictions(
    out: Path,
    key: str,
    runs: Mapping[int, Evaluation],
    scores: np.ndarray,
    *,
    is_open: bool,
) -> None:
    """Write what a submission found.

    Parameters
    ----------
    out : Path
        The site.
    key : str
        ``BOARD/PROTOCOL/ID``.
    runs : mapping of int to Evaluation
        By seed.
    scores : ndarray, (P,)
        In [0, 1].
    """
    write_script(out, f"{key}/score", np.round(100 * scores, 1).tolist())
    for seed, run in runs.items():
        if is_open:
            write_script(out, f"{key}/{seed}/exists", np.round(100 * run.exists, 4).tolist())
        shown = np.round(run.windows[:, :WINDOWS], 2)
        for first in range(0, len(shown), CHUNK):
            write_script(
                out,
                f"{key}/{seed}/{first // CHUNK}",
                [_windows(pair) for pair in shown[first : first + CHUNK]],
            )
