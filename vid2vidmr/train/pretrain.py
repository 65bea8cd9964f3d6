"""Self-supervised pretraining (MATR, ICCV 2025): find a random clip of a video in that video.

Unlabelled videos become pairs, and the training loop of labelled ones (`vid2vidmr.train.trainer`)
is used as it is. A share of the videos is held out; fixed clips of theirs choose the checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from vid2vidmr.contract import FeatureContract, FeatureSource
from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.files import alone, write_json
from vid2vidmr.progress import is_main_process
from vid2vidmr.records import read_record
from vid2vidmr.train.config import TrainingConfig
from vid2vidmr.train.learner import Learner
from vid2vidmr.train.unlabelled import Videos

Level = Literal["features", "frames"]
LONGEST_S = 300.0
"""Longer videos are cut into equal targets of at most so many seconds."""
HELD_OUT = 0.1
"""Share of the videos whose clips choose the checkpoint, at most `MOST_HELD_OUT`."""
MOST_HELD_OUT = 1000
VAL_PAIRS = 200
"""At least so many fixed clips are drawn from the videos held out (fewer where few have frames)."""
_VAL_EPOCH = 2**31
"""The epoch whose draws are the fixed clips; no training gets there."""


@dataclass(frozen=True)
class JoinedFeatures:
    """Features of videos, and of clips with ids of their own."""

    videos: FeatureSource
    clips: FeatureSource
    clip_ids: Container[str]

    @property
    def contract(self) -> FeatureContract:
        """How the features of the videos were made."""
        return self.videos.contract

    def rows(self, video_id: str, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Features of a window of a video or clip, see `FeatureSource.rows`."""
        return self._source(video_id).rows(video_id, start_s, end_s)

    def query_rows(self, video_id: str, start_s: float, end_s: float) -> np.ndarray:
        """Features of a query, see `FeatureSource.query_rows`."""
        return self._source(video_id).query_rows(video_id, start_s, end_s)

    def _source(self, video_id: str) -> FeatureSource:
        return self.clips if video_id in self.clip_ids else self.videos


def pretrain(
    method: Learner,
    videos: Videos,
    folder: Path,
    *,
    augmented: float = 0.5,
    level: Level = "features",
    clips_per_target: int = 8,
) -> None:
    """Pretrain `method` on unlabelled videos and leave a checkpoint in `folder`.

    Everything else (epochs, clip lengths, ways and ranges of augmentation) is in the method's
    config. A call that was killed continues when repeated; one that is complete does nothing.

    Parameters
    ----------
    folder : Path
        Start from it with ``method.fit(train, val, folder, init=...)``, or load it to predict
        without any labelled pair (zero-shot).
    augmented : float
        Share of clips that are augmented, each in one way of ``method.config.augmentations``. The
        paper adds one augmented copy to each clip: 0.5. Without augmentation: 0.
    level : {"features", "frames"}
        Whether clips are rows of the features and change there, or frames of the video files that
        change before the encoder; these are encoded once, into ``folder / "clips"``.
    clips_per_target : int
        How many clips of each target are encoded, at level ``frames``.

    Raises
    ------
    DataError
        If there are fewer than two videos that are long enough.
    UserError
        If `folder` holds another pretraining, or frames are asked for and not at hand.
    """
    from vid2vidmr.train.trainer import fit

    with alone(folder) if is_main_process() else nullcontext():
        config = replace(method.config, self_supervised=1.0, augmented=augmented)
        _claim(folder, method, config, videos, level, clips_per_target)
        if (folder / "method.json").exists():
            return
        train, val = _clips(videos, config, method.seed, level, clips_per_target, folder)
        if level == "frames":  # they are clips already, and augmented
            config = replace(config, self_supervised=0.0, augmented=0.0)
        method.config = config
        fit(method, train, val, folder)


def _clips(
    videos: Videos,
    config: TrainingConfig,
    seed: int,
    level: Level,
    clips_per_target: int,
    folder: Path,
) -> tuple[PairSet, PairSet]:
    """Pairs to learn from, and fixed ones of the videos held out."""
    chosen, held_out = split_videos(videos, 2 * config.clip_s[0], seed)
    targets, val_targets = (target_table(videos, ids) for ids in (chosen, held_out))
    repeats = -(-VAL_PAIRS // len(val_targets))
    if level == "features":
        # Every row is a clip of its own: few videos still fill an epoch.
        targets = _repeated(targets, -(-(config.pairs_per_epoch or 1) // len(targets)))
        train = PairSet(targets, "train", features=videos.features)
        val_pairs = PairSet(_repeated(val_targets, repeats), "val", features=videos.features)
        return train, fixed_clips(val_pairs, config, seed)
    from vid2vidmr.train.frame_clips import encoded_clips

    repeats = min(repeats, 4 * clips_per_target)  # they have to be encoded
    tables = [(targets, clips_per_target), (val_targets, repeats)]
    (train_clips, val_clips), store = encoded_clips(tables, videos, config, seed, folder / "clips")
    features = JoinedFeatures(videos.features, store, store)
    train = PairSet(train_clips, "train", features=features)
    return train, PairSet(val_clips, "val", features=features)


def _repeated(table: pd.DataFrame, times: int) -> pd.DataFrame:
    return table.loc[table.index.repeat(times)].reset_index(drop=True)


def _claim(
    folder: Path,
    method: Learner,
    config: TrainingConfig,
    videos: Videos,
    level: Level,
    clips_per_target: int,
) -> None:
    """Write what a checkpoint folder is of, or refuse if it is of something else."""
    listed = json.dumps(sorted(videos.durations_s.items())).encode()
    record: dict[str, Any] = {
        "method": method.info.name,
        "config": json.loads(json.dumps(asdict(config))),
        "seed": method.seed,
        "features": videos.features.contract.model_dump(),
        "videos": {"count": len(videos.durations_s), "sha256": hashlib.sha256(listed).hexdigest()},
        "level": level,
        "clips_per_target": clips_per_target if level == "frames" else None,
    }
    path = folder / "pretraining.json"
    if path.exists():
        other = read_record(path, dict[str, Any], "record of a pretraining", "delete the folder")
        if differing := ", ".join(key for key in record if record[key] != other.get(key)):
            raise UserError(
                f"{folder} holds another pretraining (its {differing} differ from what was asked "
                "for): choose another folder."
            )
    elif is_main_process():
        write_json(path, record)


def split_videos(videos: Videos, shortest_s: float, seed: int) -> tuple[list[str], list[str]]:
    """Ids of the videos to learn from, and of those held out.

    Raises
    ------
    DataError
        If fewer than two videos last `shortest_s`.
    """
    ids = sorted(video for video, s in videos.durations_s.items() if s >= shortest_s)
    if len(ids) < 2:
        raise DataError(
            f"Pretraining found {len(ids)} videos of at least {shortest_s:g} s (twice the "
            "shortest clip) and needs 2: give it more or longer videos."
        )
    held = min(max(1, round(HELD_OUT * len(ids))), MOST_HELD_OUT)
    order = np.random.default_rng([seed, len(ids)]).permutation(len(ids))
    return [ids[i] for i in sorted(order[held:])], [ids[i] for i in sorted(order[:held])]


def target_table(videos: Videos, ids: Sequence[str]) -> pd.DataFrame:
    """Targets as pairs without a label (see `PairSet`): query and ground truth are all of it.

    A video is one target; one longer than `LONGEST_S` is cut into equal ones, on the grid.
    """
    durations = np.array([videos.durations_s[video] for video in ids])
    parts = np.ceil(durations / LONGEST_S).astype(int)
    step_s = videos.features.contract.step_s
    length = step_s * np.ceil(durations / parts / step_s)
    video = np.repeat(np.arange(len(ids)), parts)
    part = np.arange(len(video)) - np.repeat(parts.cumsum() - parts, parts)
    start = part * length[video]
    end = np.minimum(start + length[video], durations[video])
    name = np.array(ids, dtype=object)[video]
    pair_ids = [f"{v}@{s:g}" for v, s in zip(name, start, strict=True)]
    whole = start, end
    return pair_table(pair_ids, name, name, query_s=whole, clip_s=whole, truth_s=(0.0, end - start))


def fixed_clips(targets: PairSet, config: TrainingConfig, seed: int) -> PairSet:
    """Draw one clip of each target once, as training does in every epoch, and keep it."""
    from vid2vidmr.train.augment import TrainingSamples

    assert targets.features is not None
    table, queries = targets.table.copy(), {}
    table["pair_id"] = [f"{pair_id} clip {i}" for i, pair_id in enumerate(table["pair_id"])]
    samples = TrainingSamples(targets, replace(config, recrop=0.0, noise=0.0), seed, _VAL_EPOCH)
    for i, clip_id in enumerate(table["pair_id"]):
        sample = samples[i]
        queries[clip_id] = sample.query
        table.loc[i, ["start_s", "end_s"]] = sample.windows_s[0]
    table["query_id"] = table["query_video"] = table["pair_id"]
    table["query_start_s"] = table["query_end_s"] = np.nan
    clips = MemoryFeatures(targets.features.contract, queries)
    return replace(targets, table=table, features=JoinedFeatures(targets.features, clips, queries))
