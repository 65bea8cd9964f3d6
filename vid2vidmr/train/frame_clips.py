"""Clips for pretraining that are augmented as frames, before the encoder, and encoded once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pandas as pd

from vid2vidmr.contract import require_contract, require_encoder
from vid2vidmr.data.protocols import pair_stream
from vid2vidmr.errors import FeatureError, UserError, VideoError
from vid2vidmr.features.encoder import Encoder
from vid2vidmr.features.extract import report
from vid2vidmr.features.load import load_stills
from vid2vidmr.features.local import side_by_side
from vid2vidmr.features.store import FeatureStore
from vid2vidmr.features.writer import FeatureWriter
from vid2vidmr.progress import progress
from vid2vidmr.train.augment import draw_augmentation, noisy
from vid2vidmr.train.config import Augmentation, TrainingConfig
from vid2vidmr.train.unlabelled import Videos
from vid2vidmr.video.sample import sample_frames

GRID = 0.25
"""Clips start, end and are sampled at multiples of so many steps."""
_NOISY_HEIGHT = 256
"""Frames are made this small before noise comes on: an encoder's resize would average it away."""


@dataclass(frozen=True)
class FrameClip:
    """A clip of a video file and the one way in which it is changed.

    Attributes
    ----------
    start_s, end_s : float
        In the file.
    kind : str or None
        None: as it is.
    strength : float
        See `vid2vidmr.train.augment.draw_augmentation`.
    step_s : float
        Between two rows.
    """

    clip_id: str
    start_s: float
    end_s: float
    kind: Augmentation | None
    strength: float
    step_s: float

    def times_s(self) -> list[float]:
        """When its frames are on screen, in the order of the clip's rows."""
        step_s = self.step_s * (self.strength if self.kind in ("slow", "fast") else 1)
        count = max(1, int(np.ceil((self.end_s - self.start_s) / step_s - 1e-6)))
        times = [self.start_s + step_s * k for k in range(count)]
        return times[::-1] if self.kind == "reverse" else times

    def changed(self, frame: np.ndarray, row: int) -> np.ndarray:
        """Frame (height, width, 3) uint8 as row `row` of the clip shows it."""
        if self.kind != "noise":
            return frame
        height, width = frame.shape[:2]
        if height > _NOISY_HEIGHT:
            size = (max(1, round(width * _NOISY_HEIGHT / height)), _NOISY_HEIGHT)
            frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        pixels = noisy(frame.astype(np.float32), pair_stream(row, self.clip_id), self.strength)
        return pixels.round().clip(0, 255).astype(np.uint8)


def encoded_clips(
    targets: Sequence[tuple[pd.DataFrame, int]],
    videos: Videos,
    config: TrainingConfig,
    seed: int,
    folder: Path,
) -> tuple[list[pd.DataFrame], FeatureStore]:
    """Draw clips of targets and encode those that are not in `folder` yet.

    Parameters
    ----------
    targets : sequence of (DataFrame, int)
        Tables as `vid2vidmr.train.pretrain.target_table` gives, with how many clips to draw of each
        target.
    videos : Videos
        With files.
    config : TrainingConfig
        Lengths of clips, share and ways of augmentation.
    folder : Path
        Of the store of clips.

    Returns
    -------
    tables : list of DataFrame
        For each table of targets one with a row a clip: the clip is the query (its id stands for
        a video), its place in the target the ground truth. Clips of unreadable files are left out.
    store : FeatureStore
        Features of the clips.

    Raises
    ------
    UserError
        If there are no files, or none could be read.
    FeatureError
        If the features of the videos are of another encoder than is installed here, or `folder`
        holds clips that were drawn otherwise.
    """
    if not videos.files:
        raise UserError(
            "Augmenting frames needs the video files, and there are only features: pass the folder "
            "of the videos, or use --level features."
        )
    require_encoder(videos.features.contract, "Pretraining on frames")
    encoder = load_stills(videos.features.contract.name)
    require_contract(encoder.contract, videos.features.contract, "Pretraining on frames")
    tables = []
    clips: dict[str, list[FrameClip]] = defaultdict(list)
    for table, count in targets:
        rows, drawn = _draw(table, count, config, seed, encoder.step_s)
        tables.append(rows)
        for video, clip in zip(rows["target_video"], drawn, strict=True):
            clips[video].append(clip)
    _encode(clips, videos, encoder, folder, f"clips for pretraining, {_rule(config, seed)}")
    store = FeatureStore(folder)
    kept = [table[[clip_id in store for clip_id in table["pair_id"]]] for table in tables]
    if any(table.empty for table in kept):
        raise UserError(
            f"Too few of the {len(videos.files)} video files could be read, see "
            f"{folder / 'failed.json'}: download or encode them again."
        )
    return [table.reset_index(drop=True) for table in kept], store


def _rule(config: TrainingConfig, seed: int) -> str:
    names = ("clip_s", "augmented", "augmentations", "augment_noise", "augment_speed")
    return ", ".join([f"seed {seed}", *(f"{name} {getattr(config, name)}" for name in names)])


def _draw(
    targets: pd.DataFrame, count: int, config: TrainingConfig, seed: int, step_s: float
) -> tuple[pd.DataFrame, list[FrameClip]]:
    table = targets.loc[targets.index.repeat(count)].reset_index(drop=True)
    ids = [f"{pair_id} clip {i % count}" for i, pair_id in enumerate(table["pair_id"])]
    spans = zip(ids, table["clip_start_s"], table["clip_end_s"], strict=True)
    clips = [
        _draw_one(clip_id, (start, end), config, seed, step_s) for clip_id, start, end in spans
    ]
    table["pair_id"] = table["query_id"] = table["query_video"] = ids
    table["query_start_s"] = table["query_end_s"] = np.nan
    table["start_s"] = [clip.start_s for clip in clips] - table["clip_start_s"]
    table["end_s"] = [clip.end_s for clip in clips] - table["clip_start_s"]
    return table, clips


def _draw_one(
    clip_id: str, target_s: tuple[float, float], config: TrainingConfig, seed: int, step_s: float
) -> FrameClip:
    rng, grid_s = pair_stream(seed, clip_id), GRID * step_s
    steps = int((target_s[1] - target_s[0]) / grid_s)
    shortest, longest = (round(s / grid_s) for s in config.clip_s)
    length = int(rng.integers(shortest, max(shortest, min(longest, steps // 3)) + 1))
    start_s = target_s[0] + grid_s * int(rng.integers(0, steps - length + 1))
    kind, strength = None, 0.0
    if rng.random() < config.augmented:
        kind, strength = draw_augmentation(rng, config)
    return FrameClip(clip_id, start_s, start_s + grid_s * length, kind, strength, step_s)


def _encode(
    clips: dict[str, list[FrameClip]], videos: Videos, encoder: Encoder, folder: Path, rule: str
) -> None:
    contract = encoder.contract.model_copy(update={"sampling": rule})
    failed: dict[str, str] = {}

    def encode(video: str, stop: Event) -> list[np.ndarray]:
        return encode_clips(videos.files[video], todo[video], encoder, stop)

    with FeatureWriter(folder, contract) as writer:
        before = len(writer.keys)
        todo = {
            video: missing
            for video, drawn in clips.items()
            if video in videos.files
            and (missing := [clip for clip in drawn if clip.clip_id not in writer.keys])
        }
        with (
            progress(f"Clips {encoder.name}", len(todo)) as bar,
            closing(side_by_side(((video, video) for video in todo), encode)) as encoded,
        ):
            for video, encoding in encoded:
                try:
                    for clip, rows in zip(todo[video], encoding.result(), strict=True):
                        writer.append(clip.clip_id, rows)
                except (VideoError, FeatureError) as error:
                    failed[video] = str(error)
                bar.advance(1, f"{len(failed)} failed")
        done = len(writer.keys)
    report(folder, done, done - before, failed, len(clips.keys() - videos.files.keys()))


def encode_clips(
    path: Path, clips: Sequence[FrameClip], encoder: Encoder, stop: Event | None = None
) -> list[np.ndarray]:
    """Features of clips of a video file, each (n, dim) float32; the file is read once.

    Parameters
    ----------
    stop : Event, optional
        Ends the work early once it is set; the rows are then worthless.

    Raises
    ------
    VideoError
        If the file cannot be read to its end.
    """
    times, grid_s = [clip.times_s() for clip in clips], GRID * encoder.step_s
    wanted: dict[int, list[tuple[int, int]]] = defaultdict(list)  # grid point to (clip, row)
    for c, of_clip in enumerate(times):
        for row, time_s in enumerate(of_clip):
            wanted[round(time_s / grid_s)].append((c, row))

    def prepared() -> Iterator[tuple[int, int, np.ndarray]]:
        frame = None
        for time_s, frame in sample_frames(path, grid_s, threads=1):
            for c, row in wanted.pop(round(time_s / grid_s), ()):
                yield c, row, encoder.prepare(clips[c].changed(frame, row))
        for c, row in [place for places in wanted.values() for place in places]:
            assert frame is not None  # the last one stays on screen
            yield c, row, encoder.prepare(clips[c].changed(frame, row))

    found = [np.zeros((len(of_clip), encoder.dim), np.float32) for of_clip in times]
    frames = prepared()
    while not (stop and stop.is_set()) and (batch := list(islice(frames, encoder.batch))):
        rows = encoder.encode_prepared([frame for _, _, frame in batch])
        for (c, row, _), encoded in zip(batch, rows, strict=True):
            found[c][row] = encoded
    return found
