"""Targets longer than a network reads: in parts that overlap by half, and what it finds there.

A moment belongs to the one part in whose middle its centre lies, so that it is seen whole and is
counted once. Time is linear in the length, memory that of a batch of parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from vid2vidmr.contract import STEP_S
from vid2vidmr.data.pairs import PairSet

Answer = tuple[np.ndarray, float | None]
"""See `vid2vidmr.train.infer`."""
LONGEST = 512
"""Rows that a network reads at once where its config says nothing: attention is quadratic."""


@dataclass(frozen=True)
class Parts:
    """Pairs whose targets are no longer than a network reads.

    Attributes
    ----------
    pairs : PairSet
        A row a part; those of a target follow each other.
    counts : ndarray, (pairs,)
        Parts of each target.
    starts_s : ndarray, (parts,)
        Seconds from the target's start.
    own_s : ndarray, (parts, 2)
        Windows with their centre in here belong to the part.
    """

    pairs: PairSet
    counts: np.ndarray
    starts_s: np.ndarray
    own_s: np.ndarray


def in_parts(pairs: PairSet, rows: int) -> Parts:
    """Cut targets of more than `rows` rows into parts of as many."""
    step_s = STEP_S if pairs.features is None else pairs.features.contract.step_s
    reach_s, durations_s = step_s * rows, pairs.durations_s
    lists = [_starts(duration_s, rows, step_s) for duration_s in durations_s]
    counts = np.array([len(starts) for starts in lists], int)
    starts_s = np.concatenate([*lists, np.empty(0)])
    if len(starts_s) == len(pairs):
        whole = np.tile(np.array([-np.inf, np.inf]), (len(pairs), 1))
        return Parts(pairs, counts, starts_s, whole)
    owner = np.repeat(np.arange(len(pairs)), counts)
    table = pairs.table.iloc[owner].reset_index(drop=True)
    begin = table["clip_start_s"].to_numpy("float64") + starts_s
    cut = durations_s[owner] > reach_s
    table["clip_start_s"] = begin
    table.loc[cut, "clip_end_s"] = np.minimum(begin + reach_s, table["clip_end_s"])[cut]
    # Half way between the centres of a part and the next one.
    borders = [(starts[1:] + starts[:-1] + reach_s) / 2 for starts in lists]
    own = [np.stack([np.r_[-np.inf, b], np.r_[b, np.inf]], axis=1) for b in borders]
    return Parts(replace(pairs, table=table), counts, starts_s, np.concatenate(own))


def _starts(duration_s: float, rows: int, step_s: float) -> np.ndarray:
    """Where parts begin, seconds on the grid; the last one ends with the target."""
    last = max(0, int(np.ceil(duration_s / step_s - 1e-6)) - rows)
    return step_s * np.append(np.arange(0, last, max(1, rows // 2)), last)


def merged(parts: Parts, found: Iterable[Answer], most: int) -> Iterator[Answer]:
    """Yield the answer to every pair: the windows of its parts, best first.

    Parameters
    ----------
    found : iterable of Answer
        Of every part: windows (k, 3), start_s, end_s, score; and the logit that the moment is
        there, if the network says so. A target's is that of its surest part.
    most : int
        Windows of a target that was cut, at most, unless one part has more.
    """
    waiting, first = iter(found), 0
    for count in parts.counts:
        if count == 1:
            yield next(waiting)
        else:
            answers = list(islice(waiting, count))
            kept = [_own(parts, first + i, windows) for i, (windows, _) in enumerate(answers)]
            every = np.concatenate(kept)
            best = every[np.argsort(-every[:, 2], kind="stable")]
            logits = [logit for _, logit in answers if logit is not None]
            least = max(len(windows) for windows, _ in answers)
            yield best[: max(least, most)], max(logits, default=None)
        first += count


def _own(parts: Parts, part: int, windows: np.ndarray) -> np.ndarray:
    """Windows that belong to a part, in seconds of the target."""
    moved = windows + np.array([parts.starts_s[part], parts.starts_s[part], 0.0])
    centres = moved[:, :2].mean(axis=1)
    first_s, last_s = parts.own_s[part]
    found: np.ndarray = moved[(centres >= first_s) & (centres < last_s)]
    return found
