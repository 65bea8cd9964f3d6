"""From a seed to the plan of every video: pure data, no pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from builders.minimatch.config import FPS, REPEATS, SPLITS, MinimatchConfig
from builders.minimatch.layout import IDLE_SHOT_S, MIN_SHOT_S, cut_stretch, draw_windows
from builders.minimatch.scripts import Repertoire, Script, make_repertoires
from builders.minimatch.shots import FAMILIES, FAMILY_OF

STREAM = 2
REPLAY_PROBABILITY = 0.12
USUAL_SHARE = 0.2  # of the shots between moments, the rest comes from any family


@dataclass(frozen=True)
class ShotPlan:
    """One shot: its type, its frames [start, end) and whether it is a slow replay."""

    shot: str
    start: int
    end: int
    replay: bool


@dataclass(frozen=True)
class MomentPlan:
    """One moment: its class and its frames [start, end)."""

    script: Script
    start: int
    end: int

    @property
    def window_s(self) -> tuple[float, float]:
        """Half-open window in seconds, on the frame grid."""
        return self.start / FPS, self.end / FPS


@dataclass(frozen=True)
class VideoPlan:
    """Everything that is to be seen in one video; `seeds` feeds its appearance."""

    video_id: str
    split: str
    frames: int
    shots: tuple[ShotPlan, ...]
    moments: tuple[MomentPlan, ...]
    seeds: tuple[int, ...]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / FPS


def plan_videos(config: MinimatchConfig) -> list[VideoPlan]:
    """Plan all videos. A video's plan does not depend on how many videos there are."""
    repertoires = make_repertoires(config)
    return [
        plan_video(config, repertoires[split], split, index)
        for split in SPLITS
        for index in range(config.videos[split])
    ]


def plan_video(
    config: MinimatchConfig, repertoire: Repertoire, split: str, index: int
) -> VideoPlan:
    """Plan one video.

    Parameters
    ----------
    config : MinimatchConfig
        Seed, lengths and probabilities.
    repertoire : Repertoire
        What the videos of the split show.
    split : str
        Split of the video.
    index : int
        Number of the video in its split.

    Returns
    -------
    VideoPlan
        Shots that cover the video without gaps, and its moments.
    """
    seeds = (config.seed, STREAM, SPLITS.index(split), index)
    rng = np.random.default_rng(seeds)
    scripts = repertoire.scripts
    chosen = _choose(config, scripts, seeds, rng)
    if config.repeats:
        counts = REPEATS[rng.integers(len(REPEATS))]
        chosen = [script for script, n in zip(chosen, counts, strict=True) for _ in range(n)]
        chosen = [chosen[i] for i in rng.permutation(len(chosen))]
    frames, windows = draw_windows(config, [len(script.shots) for script in chosen], rng)
    moments = tuple(
        MomentPlan(script, *window) for script, window in zip(chosen, windows, strict=True)
    )
    acted = [_act(config, repertoire, moment, rng) for moment in moments]
    while True:
        shots: list[tuple[str, int]] = []
        moment_starts = set()
        clock = 0
        for number in range(len(moments) + 1):
            last = number == len(moments)
            end = frames if last else moments[number].start
            before = shots[-1][0] if shots else None
            after = None if last else acted[number][0][0]
            shots += _idle(config, repertoire, end - clock, before, after, rng)
            if not last:
                moment_starts.add(len(shots))
                shots += acted[number]
                clock = moments[number].end
        if not _shows_class_elsewhere([shot for shot, _ in shots], scripts, moment_starts):
            break
    edges = np.concatenate([[0], np.cumsum([length for _, length in shots])])
    planned = tuple(
        ShotPlan(shot, int(start), int(end), FAMILY_OF[shot] != "graphic" and bool(is_replay))
        for (shot, _), start, end, is_replay in zip(
            shots, edges[:-1], edges[1:], rng.random(len(shots)) < REPLAY_PROBABILITY, strict=True
        )
    )
    return VideoPlan(f"{split}_{index:04d}", split, frames, planned, moments, seeds)


def _choose(
    config: MinimatchConfig,
    scripts: Sequence[Script],
    seeds: tuple[int, ...],
    rng: np.random.Generator,
) -> list[Script]:
    """Choose three different classes; twins only when drawn, classes evenly used.

    Each of the three slots runs through its own permutations of the classes. Two consecutive
    videos share the first slot, so that even a very small split has pairs.
    """
    *prefix, index = seeds
    picks = []
    for slot, turn in enumerate((index // 2, index, index)):
        cycle, place = divmod(turn, len(scripts))
        order = np.random.default_rng([*prefix, slot, cycle]).permutation(len(scripts))
        picks.append(scripts[order[place]])
    chosen = picks[:1]
    if rng.random() < config.twin_probability:
        chosen += [s for s in scripts if s.shot_set == picks[0].shot_set and s != picks[0]]
    for pick in picks[len(chosen) :]:
        used = {script.shot_set for script in chosen}
        free = [script for script in scripts if script.shot_set not in used]
        chosen.append(pick if pick in free else free[rng.integers(len(free))])
    return [chosen[i] for i in rng.permutation(len(chosen))]


def _act(
    config: MinimatchConfig, repertoire: Repertoire, moment: MomentPlan, rng: np.random.Generator
) -> list[tuple[str, int]]:
    """Shots and their lengths in frames for one occurrence of a class."""
    frames, script = moment.end - moment.start, moment.script
    foreign = [s for f in repertoire.families if f not in script.families for s in FAMILIES[f]]
    while True:
        shots = [_swap(config, shot, rng) for shot in script.shots]
        lengths = cut_stretch(frames, len(shots), rng)
        acted: list[tuple[str, int]] = []
        for place, (shot, length) in enumerate(zip(shots, lengths, strict=True)):
            cutaway = round(rng.uniform(0.9, 1.5) * FPS)
            if place and rng.random() < config.cutaway_probability and length > 2 * cutaway:
                acted.append((str(rng.choice(foreign)), cutaway))
                length -= cutaway
            acted.append((shot, length))
        # A cutaway may make another class of the shots around it.
        others = [other for other in repertoire.scripts if other != script]
        if not _shows_class_elsewhere([shot for shot, _ in acted], others, set()):
            return acted


def _swap(config: MinimatchConfig, shot: str, rng: np.random.Generator) -> str:
    """Keep the shot or, with the swap probability, take another of its family."""
    if rng.random() >= config.swap_probability:
        return shot
    return str(rng.choice([other for other in FAMILIES[FAMILY_OF[shot]] if other != shot]))


def _idle(
    config: MinimatchConfig,
    repertoire: Repertoire,
    frames: int,
    before: str | None,
    after: str | None,
    rng: np.random.Generator,
) -> list[tuple[str, int]]:
    """Fill a stretch between moments; neighbouring shots are of different families."""
    families, scripts = repertoire.families, repertoire.scripts
    count = max(1, round(frames / (IDLE_SHOT_S * FPS)))
    count = min(count, max(1, int(frames / (MIN_SHOT_S * FPS))))
    while True:
        shots: list[str] = []
        while len(shots) < count:
            if count - len(shots) > 1 and rng.random() < config.decoy_probability:
                source = scripts[rng.integers(len(scripts))].shots
                place = int(rng.integers(len(source) - 1))
                shots += [_swap(config, shot, rng) for shot in source[place : place + 2]]
            elif rng.random() < USUAL_SHARE:
                shots.append(str(rng.choice(FAMILIES[repertoire.usual])))
            else:
                family = families[rng.integers(len(families))]
                shots.append(str(rng.choice(FAMILIES[family])))
        row = [FAMILY_OF[shot] for shot in (before, *shots, after) if shot is not None]
        if all(a != b for a, b in pairwise(row)):
            return list(zip(shots, cut_stretch(frames, count, rng), strict=True))


def _shows_class_elsewhere(
    shots: Sequence[str], scripts: Sequence[Script], moment_starts: set[int]
) -> bool:
    """Whether a whole script of the split happens by chance outside the moments."""
    row = tuple(FAMILY_OF[shot] for shot in shots)
    return any(
        row[place : place + len(script.shots)] == script.families
        for script in scripts
        for place in range(len(row))
        if place not in moment_starts
    )
