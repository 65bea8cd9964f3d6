"""Worlds that `align_refine` is trained in: pairs of features whose match is known.

Three kinds: labelled pairs of a data set, random clips of unlabelled videos (which may be played
slower, so that shots last as long as in film), and sequences of random generators. They differ in
width, structure, speed and noise as encoders and footage do. The generator behind
`--encoder simulated` is none of them: it stays a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.signal import lfilter

from vid2vidmr.alignment import Components
from vid2vidmr.contract import STEP_S


@dataclass(frozen=True)
class Example:
    """A pair, and where the query's moment is in the target.

    Attributes
    ----------
    query, target : ndarray, (N, dim), (M, dim)
    start, end : float
        In clips of the target; NaN where it is absent.
    components : Components or None
        Statistics of the world; None where only the target's own are known.
    """

    query: np.ndarray
    target: np.ndarray
    start: float
    end: float
    components: Components | None = None


@dataclass(frozen=True)
class Videos:
    """Videos as features on a dense grid, and labelled moments in them.

    Attributes
    ----------
    rows : list of ndarray, (n, k)
        One row every `tick_s`, projected to the leading principal components.
    moments : list of tuple (video, start_s, end_s, label)
    deviations : ndarray, (k,)
        Of the components.
    tick_s : float
    """

    rows: list[np.ndarray]
    moments: list[tuple[int, float, float, str]]
    deviations: np.ndarray
    tick_s: float = 0.5

    def components(self) -> Components:
        """Statistics of all videos; the rows are projected already."""
        k = len(self.deviations)
        return Components(np.zeros(k), np.eye(k), self.deviations)


def _speed(rng: Generator) -> float:
    return float(np.exp(rng.uniform(-np.log(2), np.log(2)))) if rng.random() < 0.5 else 1.0


def _read(rows: np.ndarray, start: float, end: float, step: float) -> np.ndarray:
    """Rows at start, start + step, ... before end (in ticks): the frame on screen there."""
    times = np.arange(start, max(end, start + 1e-3) - 1e-6, step)
    return rows[np.clip(times.astype(int), 0, len(rows) - 1)]


def _cut(rng: Generator, start: float, end: float, length: float) -> tuple[float, float]:
    """Cut a random part of [0, length) that holds [start, end)."""
    low, high = start * rng.random(), end + (length - end) * rng.random()
    return low, max(high, low + 1.5 * (end - start), min(length, low + 8))


def labelled(videos: Videos, rng: Generator) -> Example:
    """Draw two moments of a class: one is the query, the other one's video the target."""
    label = videos.moments[rng.integers(len(videos.moments))][3]
    same = [moment for moment in videos.moments if moment[3] == label]
    absent = rng.random() < 0.08
    asked, wanted = (same[i] for i in rng.permutation(len(same))[:2])
    if absent:
        labels_there = {m[3] for m in videos.moments if m[0] == wanted[0]}
        asked = videos.moments[rng.integers(len(videos.moments))]
        absent = asked[3] not in labels_there
        if not absent:
            wanted = asked
    return _example(videos, rng, asked, wanted, absent, slow=1.0 if rng.random() < 0.8 else 2.0)


def unlabelled(videos: Videos, rng: Generator) -> Example:
    """Draw a random clip of a video as the query of the same video."""
    slow = float(rng.choice([1, 2, 4]))
    video = int(rng.integers(len(videos.rows)))
    length = len(videos.rows[video]) * videos.tick_s
    span = min(rng.uniform(4, 28) / slow, length / 2)
    start = rng.uniform(0, length - span)
    moment = (video, start, start + span, "")
    return _example(videos, rng, moment, moment, absent=False, slow=slow)


def _example(
    videos: Videos,
    rng: Generator,
    asked: tuple[int, float, float, str],
    wanted: tuple[int, float, float, str],
    absent: bool,
    slow: float,
) -> Example:
    clip = STEP_S / videos.tick_s / slow  # ticks between two rows
    query = _read(
        videos.rows[asked[0]],
        np.ceil(asked[1] / videos.tick_s),
        asked[2] / videos.tick_s,
        clip * _speed(rng),
    )
    rows = videos.rows[wanted[0]]
    start, end = wanted[1] / videos.tick_s, wanted[2] / videos.tick_s
    low, high = 0.0, float(len(rows))
    if rng.random() < 0.6 or slow > 2:
        low, high = _cut(rng, start, end, high)
    # Where the query is cut out of the very target, grids that agree make it too easy.
    low = min(np.floor(low) + rng.integers(int(max(clip, 1))), start)
    target = _read(rows, low, high, clip)
    if absent:
        start, end = np.nan, np.nan
    own = rng.random() < 0.35
    return Example(
        query,
        target,
        (start - low) / clip,
        min((end - low) / clip, float(len(target))),
        None if own else videos.components(),
    )


# Random generators: each gives a long sequence and a way to show a part of it again.


def _durations(rng: Generator, total: int, mean: float) -> np.ndarray:
    """Lengths of shots, heavy-tailed, that fill `total` clips."""
    lengths = np.maximum(1, rng.lognormal(np.log(mean), rng.uniform(0.2, 0.9), total)).astype(int)
    return lengths[: int(np.searchsorted(np.cumsum(lengths), total)) + 1]


def _walk(rng: Generator, total: int, dim: int) -> np.ndarray:
    """Smooth drift without shots: a sum of autoregressive processes of several time scales."""
    out = np.zeros((total, dim))
    for memory in rng.uniform(0.5, 0.99, 3):
        noise = rng.normal(size=(total, dim)) * np.sqrt(1 - memory**2)
        noise[0] = rng.normal(size=dim)  # starts where it would be in the long run
        out += lfilter([1.0], [1.0, -memory], noise, axis=0)
    return out


def _shots(rng: Generator, total: int, dim: int) -> np.ndarray:
    """Edited footage: a Markov chain over a tree of shots, whose siblings look alike."""
    parents, children = int(rng.integers(3, 12)), int(rng.integers(1, 5))
    spread = rng.uniform(0.2, 1.0)
    pool = rng.normal(size=(parents, 1, dim)) + spread * rng.normal(size=(parents, children, dim))
    chain = rng.dirichlet(np.full(parents, rng.uniform(0.1, 1.0)), parents)
    drift = rng.uniform(0, 0.3)
    parts, parent = [], 0
    for length in _durations(rng, total, rng.uniform(1.2, 5)):
        parent = int(rng.choice(parents, p=chain[parent] * 0.9 + 0.1 / parents))
        centre = pool[parent, rng.integers(children)]
        parts.append(centre + drift * np.cumsum(rng.normal(size=(length, dim)), axis=0))
    return np.concatenate(parts)[:total]


def _film(rng: Generator, total: int, dim: int) -> np.ndarray:
    """Long static shots that come back now and then, with slow motion inside."""
    places = rng.normal(size=(int(rng.integers(4, 40)), dim))
    parts = []
    for length in _durations(rng, total, rng.uniform(3, 14)):
        step = rng.uniform(0.02, 0.3) * rng.normal(size=dim)  # a pan
        motion = rng.uniform(0, 0.25) * _walk(rng, length, dim) / 2
        parts.append(
            places[rng.integers(len(places))] + np.outer(np.arange(length), step) / 2 + motion
        )
    return np.concatenate(parts)[:total]


def _cycles(rng: Generator, total: int, dim: int) -> np.ndarray:
    """Repeated motion, as in sports: a loop in feature space whose pace and form wander."""
    waves = rng.normal(size=(4, dim)) / np.sqrt(np.arange(1, 5))[:, None]
    phase = np.cumsum(np.exp(rng.normal(0, 0.5, total)) * rng.uniform(0.1, 0.8))
    angles = np.stack([np.sin(phase), np.cos(phase), np.sin(2 * phase), np.cos(2 * phase)], axis=1)
    return angles @ waves * 1.5 + rng.uniform(0.2, 0.8) * _walk(rng, total, dim)


GENERATORS: tuple[Callable[[Generator, int, int], np.ndarray], ...] = (
    _walk, _shots, _film, _cycles,
)  # fmt: skip


def _retold(rng: Generator, part: np.ndarray) -> np.ndarray:
    """Show a part (n, dim) again: at another, uneven pace, with cutaways, and cuts left out."""
    speed = _speed(rng)
    count = max(1, round(len(part) / speed))
    pace = np.exp(rng.normal(0, rng.choice([0.0, 0.0, 0.4, 0.8]), count))
    times = (np.cumsum(pace) - rng.random() * pace) / pace.sum() * len(part)
    told = part[np.clip(times.astype(int), 0, len(part) - 1)].copy()
    if rng.random() < 0.3:  # a cutaway
        at = int(rng.integers(len(told)))
        told[at : at + int(rng.integers(1, 3))] = rng.normal(size=part.shape[1])
    return told


def generated(rng: Generator) -> Example:
    """Draw a pair from a random generator; its statistics are the target's own, or the world's."""
    dim, length = int(rng.integers(8, 49)), int(rng.integers(14, 110))
    make = GENERATORS[rng.integers(len(GENERATORS))]
    sequence = make(rng, 2 * length, dim)  # the second half is seen by the statistics only
    span = int(min(rng.integers(1, 15), length // 2))
    start = int(rng.integers(0, length - span + 1))
    query = _retold(rng, sequence[start : start + span])
    absent = rng.random() < 0.1
    if absent:
        query = make(rng, span, dim)
    scale = np.exp(rng.normal(0, rng.uniform(0, 0.8), dim))  # some directions matter more
    sequence, query = sequence * scale, query * scale
    components = Components.of(sequence, dim) if rng.random() < 0.5 else None
    ends = (np.nan, np.nan) if absent else (float(start), float(start + span))
    return Example(query, sequence[:length], *ends, components)


def disturbed(rng: Generator, example: Example) -> Example:
    """Add what tells two recordings apart: noise, a shift, a change that depends on content."""
    if rng.random() < 0.4:  # copies exist, too
        return example
    query, target = example.query.copy(), example.target.copy()
    rms = float(np.sqrt((target - target.mean(axis=0)).var())) + 1e-6
    for rows in (query, target):
        rows += rms * rng.choice([0, 0, 0.2, 0.5, 0.9]) * rng.normal(size=rows.shape)
    if rng.random() < 0.4:  # other grading, bars, another camera
        query += rms * rng.uniform(0, 1) * rng.normal(size=query.shape[1])
    if rng.random() < 0.3:
        mixing = rng.normal(size=(query.shape[1],) * 2) / np.sqrt(query.shape[1])
        query += rng.uniform(0, 0.8) * (query - query.mean(axis=0)) @ mixing
    return Example(query, target, example.start, example.end, example.components)
