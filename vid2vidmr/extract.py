"""Features of a whole data set: decoding beside encoding, resumable, one bad file stops nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread

import numpy as np
import torch
from rich.console import Console

from vid2vidmr.dataset import Dataset
from vid2vidmr.encoders import Encoder, load_encoder
from vid2vidmr.errors import FeatureError, VideoError
from vid2vidmr.feature_writer import FeatureWriter
from vid2vidmr.features import MAX_MISSING_ROWS, FeatureStore, feature_folder
from vid2vidmr.files import write_json
from vid2vidmr.pairs import STEP_S
from vid2vidmr.progress import progress
from vid2vidmr.video import sample_frames

_AHEAD = 2  # videos decoded beside the one that is encoded
_QUEUE = 64  # prepared frames a video that wait for the encoder: bounds memory for long matches


def extract_features(
    dataset: Dataset,
    encoder_name: str | Encoder,
    out: Path | None = None,
    device: str | torch.device | None = None,
) -> FeatureStore:
    """Encode all videos of a data set that have a file and no features yet.

    Videos are encoded one after another in the order of the data set, each in batches of its own:
    features do not depend on what else is extracted, and a run that was killed ends, when called
    again, with the same bytes as one that was not.

    Parameters
    ----------
    dataset : Dataset
    encoder_name : str or Encoder
        See `vid2vidmr.encoders.load_encoder`.
    out : Path, optional
        Folder of the store; by default where `open_features` looks.
    device : str or torch.device, optional
        See `vid2vidmr.encoders.pick_device`.

    Returns
    -------
    FeatureStore
        Beside it in the folder lies ``failed.json``, video id to reason, if a file could not be
        read; these are tried again by the next call.

    Raises
    ------
    FeatureError
        If no video could be encoded, or the store there was made differently.
    """
    encoder = load_encoder(encoder_name, device) if isinstance(encoder_name, str) else encoder_name
    folder = feature_folder(dataset, encoder.name) if out is None else out
    paths = {video: dataset.video_path(video) for video in dataset.videos["video_id"]}
    present = {video: path for video, path in paths.items() if path is not None}
    durations = dict(zip(dataset.videos["video_id"], dataset.videos["duration_s"], strict=True))
    failed: dict[str, str] = {}
    frames, start = 0, time.monotonic()
    with FeatureWriter(folder, encoder.contract) as writer:
        todo = [(video, path) for video, path in present.items() if video not in writer.video_ids]
        with (
            progress(f"Features {encoder.name}", len(todo)) as bar,
            closing(_decoded_ahead(todo, encoder)) as videos,
        ):
            for video, decoding in videos:
                try:
                    rows = _encode(decoding, encoder)
                    _require_length(present[video], len(rows), durations[video])
                    writer.append(video, rows)
                    frames += len(rows)
                except (VideoError, FeatureError) as error:
                    failed[video] = str(error)
                rate = frames / (time.monotonic() - start)
                bar.advance(1, f"{rate:.0f} frames/s, {len(failed)} failed")
        done = len(writer.video_ids)
    _report(folder, done, len(todo) - len(failed), failed, len(paths) - len(present))
    if done == 0:
        reason = next(iter(failed.values()), "no video has a file here, build the data set first")
        raise FeatureError(
            f"None of the {len(paths)} videos of {dataset.name} gave features: {reason}"
        )
    return FeatureStore(folder)


def _require_length(path: Path, rows: int, duration_s: float | None) -> None:
    """Refuse a file that is clearly shorter than the data set says: it was cut."""
    if duration_s is not None and STEP_S * (rows + MAX_MISSING_ROWS) < duration_s:  # NaN: unknown
        raise VideoError(
            f"{path} ends at {STEP_S * rows:.0f} s, the data set says {duration_s:.1f} s: download "
            "it again."
        )


def _report(folder: Path, done: int, new: int, failed: dict[str, str], missing: int) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    path = folder / "failed.json"
    if failed:
        write_json(path, failed)
    else:
        path.unlink(missing_ok=True)
    console.print(
        f"{done} videos have features in {folder} ({new} new); {len(failed)} failed, "
        f"{missing} have no file.",
        markup=False,
    )
    for video, reason in islice(failed.items(), 10):
        console.print(f"  failed {video}: {reason}", markup=False)
    if len(failed) > 10:
        console.print(f"  and {len(failed) - 10} more, see {path}", markup=False)


def _encode(decoding: _Decoding, encoder: Encoder) -> np.ndarray:
    frames = iter(decoding)
    parts = []
    while batch := list(islice(frames, encoder.batch)):
        parts.append(encoder.encode_prepared(batch))
    return np.concatenate(parts)


def _decoded_ahead(
    todo: list[tuple[str, Path]], encoder: Encoder
) -> Generator[tuple[str, _Decoding]]:
    """Yield videos in order, while the next ones are being decoded."""
    running: deque[tuple[str, _Decoding]] = deque()
    waiting = iter(todo)
    try:
        while True:
            for video, path in islice(waiting, 1 + _AHEAD - len(running)):
                running.append((video, _Decoding(path, encoder)))
            if not running:
                return
            yield running[0]
            running.popleft()[1].stop()
    finally:
        for _, decoding in running:
            decoding.stop()


class _Decoding:
    """Frames of a video, decoded and prepared for the encoder in a thread; iterate once."""

    def __init__(self, path: Path, encoder: Encoder) -> None:
        self._path, self._prepare = path, encoder.prepare
        self._queue: Queue[np.ndarray | Exception | None] = Queue(_QUEUE)
        self._stopped = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[np.ndarray]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    def stop(self) -> None:
        """End the thread, also in the middle of a video."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        last: Exception | None = None
        try:
            for _, frame in sample_frames(self._path):
                if not self._put(self._prepare(frame)):
                    return
        except Exception as error:  # raised again where the frames are used
            last = error
        self._put(last)

    def _put(self, item: np.ndarray | Exception | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except Full:
                continue
        return False
