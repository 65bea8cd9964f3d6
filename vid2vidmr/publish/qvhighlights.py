"""Pairs in the form of other tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vid2vidmr.contract import STEP_S
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.files import write_jsonl
from vid2vidmr.records import Window


def export_qvhighlights(pairs: PairSet, path: Path) -> None:
    """Write pairs as QVHighlights JSON Lines, for Moment-DETR, QD-DETR, UniVTG and lighthouse.

    One line a pair, in the order of `pairs`, in the form that the authors of SportsMoments give
    for their data set (``sportsmoments/DATA.md`` of vl2g/MATR), but for the id:

    - ``qid``: the pair id. Not the query's: several pairs share a query, and evaluators that keep
      one answer a ``qid`` would lose all but one of them.
    - ``query``: ``""``, there is no text.
    - ``vid``: the target's id (its moment's).
    - ``duration``: length of the target, seconds.
    - ``relevant_windows``: ground truth, seconds from the target's start.
    - ``relevant_clip_ids``: the 2 s clips in the windows, see `relevant_clips`.
    - ``saliency_scores``: ``[4, 4, 4]`` for each of them, the highest score by three annotators:
      the annotations do not grade clips.

    Parameters
    ----------
    pairs : PairSet
        Under any protocol; under ``recropped`` a ``vid`` can come with several durations.
    path : Path
        File to write; an existing one is replaced.
    """
    write_jsonl(path, _rows(pairs))


def _rows(pairs: PairSet) -> Iterator[dict[str, Any]]:
    for pair in pairs:
        clips = relevant_clips(pair.windows)
        yield {
            "qid": pair.pair_id,
            "query": "",
            "duration": pair.duration_s,
            "vid": pair.target_id,
            "relevant_windows": [list(window) for window in pair.windows],
            "relevant_clip_ids": clips,
            "saliency_scores": [[4, 4, 4] for _ in clips],
        }


def relevant_clips(windows: tuple[Window, ...]) -> list[int]:
    """Clips of `STEP_S` seconds in windows, from the clip of the start up to that of the end.

    The clip in which a window ends is not counted, unless the window starts in it too: so
    60.3 s to 73.3 s gives 30 to 35, as in the example of SportsMoments.

    Parameters
    ----------
    windows : tuple of (start_s, end_s)

    Returns
    -------
    list of int
        Sorted, each clip once, at least one a window.
    """
    clips: set[int] = set()
    for start_s, end_s in windows:
        first = int(start_s / STEP_S)
        clips.update(range(first, max(first + 1, int(end_s / STEP_S))))
    return sorted(clips)
