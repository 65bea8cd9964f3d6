"""Features of a whole data set: all cores busy, resumable, one bad file stops nothing."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TypeVar

import numpy as np
import torch
from rich.console import Console

from vid2vidmr.dataset import Dataset
from vid2vidmr.encoders import Encoder, load_encoder
from vid2vidmr.errors import FeatureError, VideoError
from vid2vidmr.fast_encoder import SUFFIX, fidelity
from vid2vidmr.feature_writer import FeatureWriter
from vid2vidmr.features import MAX_MISSING_ROWS, FeatureStore, feature_folder
from vid2vidmr.files import read_json, write_json
from vid2vidmr.pairs import STEP_S
from vid2vidmr.progress import progress
from vid2vidmr.simulated import SIMULATED, simulate_features
from vid2vidmr.video import sample_frames

Work = TypeVar("Work")
Result = TypeVar("Result")


def extract_features(
    dataset: Dataset,
    encoder_name: str | Encoder,
    out: Path | None = None,
    device: str | torch.device | None = None,
) -> FeatureStore:
    """Encode all videos of a data set that have a file and no features yet.

    Videos are decoded and encoded side by side, each in batches of its own, and stored in the
    order of the data set: features do not depend on what else is extracted, and a run that was
    killed ends, when called again, with the same bytes as one that was not.

    Parameters
    ----------
    dataset : Dataset
    encoder_name : str or Encoder
        See `vid2vidmr.encoders.load_encoder`; ``simulated`` looks at no file, see
        `vid2vidmr.simulated`.
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
    if encoder_name == SIMULATED:
        return simulate_features(dataset, out)
    encoder = load_encoder(encoder_name, device) if isinstance(encoder_name, str) else encoder_name
    folder = feature_folder(dataset, encoder.name) if out is None else out
    files = {video: dataset.video_path(video) for video in dataset.videos["video_id"]}
    durations = dict(zip(dataset.videos["video_id"], dataset.videos["duration_s"], strict=True))
    return extract_files(files, encoder, folder, dataset.name, durations)


def extract_files(
    files: Mapping[str, Path | None],
    encoder: Encoder,
    folder: Path,
    of: str,
    durations_s: Mapping[str, float] | None = None,
) -> FeatureStore:
    """Encode the files that have no features in `folder` yet, as `extract_features` does.

    Parameters
    ----------
    files : mapping of str to Path or None
        Video id to file, None where there is none.
    encoder : Encoder
    folder : Path
        The store.
    of : str
        Whose videos these are, for messages.
    durations_s : mapping of str to float, optional
        How long the videos should be; files that are clearly shorter are refused.

    Raises
    ------
    FeatureError
        If no video could be encoded, or the store there was made differently.
    """
    present = {video: path for video, path in files.items() if path is not None}
    durations = durations_s or {}
    failed: dict[str, str] = {}
    frames, start = 0, time.monotonic()

    def encode(path: Path, stop: Event) -> np.ndarray:
        return encode_video(path, encoder, stop)

    with FeatureWriter(folder, encoder.contract) as writer:
        todo = [(video, path) for video, path in present.items() if video not in writer.video_ids]
        with (
            progress(f"Features {encoder.name}", len(todo)) as bar,
            closing(side_by_side(todo, encode)) as videos,
        ):
            for video, encoding in videos:
                try:
                    rows = encoding.result()
                    _require_length(present[video], len(rows), durations.get(video))
                    writer.append(video, rows)
                    frames += len(rows)
                except (VideoError, FeatureError) as error:
                    failed[video] = str(error)
                rate = frames / (time.monotonic() - start)
                bar.advance(1, f"{rate:.0f} frames/s, {len(failed)} failed")
        done = len(writer.video_ids)
    if done and encoder.name.endswith(SUFFIX):
        _measure_fidelity(folder, encoder, [present[v] for v in present if v not in failed])
    report(folder, done, len(todo) - len(failed), failed, len(files) - len(present))
    if done == 0:
        reason = next(iter(failed.values()), "no video has a file here, build the data set first")
        raise FeatureError(f"None of the {len(files)} videos of {of} gave features: {reason}")
    return FeatureStore(folder)


def _measure_fidelity(folder: Path, encoder: Encoder, files: list[Path]) -> None:
    """Leave how close features are to the encoder's slow form in ``fidelity.json``, once."""
    path = folder / "fidelity.json"
    if not path.exists() and files:
        write_json(path, fidelity(encoder, files[0]))
    if path.exists():
        found = read_json(path)
        _console().print(
            f"Cosine to features of {found['reference']}: {found['cosine_mean']} on average, "
            f"{found['cosine_min']} at least ({found['frames']} frames).",
            markup=False,
        )


def _require_length(path: Path, rows: int, duration_s: float | None) -> None:
    """Refuse a file that is clearly shorter than the data set says: it was cut."""
    if duration_s is not None and STEP_S * (rows + MAX_MISSING_ROWS) < duration_s:  # NaN: unknown
        raise VideoError(
            f"{path} ends at {STEP_S * rows:.0f} s, the data set says {duration_s:.1f} s: download "
            "it again."
        )


def _console() -> Console:
    """Where a summary is printed."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def report(folder: Path, done: int, new: int, failed: dict[str, str], missing: int) -> None:
    """Say what was encoded, and what failed and why; the whole list goes to ``failed.json``."""
    console = _console()
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


def encode_video(path: Path, encoder: Encoder, stop: Event | None = None) -> np.ndarray:
    """Features of a video file, (n, dim) float32, one row every 2 s.

    Parameters
    ----------
    path : Path
    encoder : Encoder
    stop : Event, optional
        Ends the work early once it is set; the rows are then worthless.

    Raises
    ------
    VideoError
        If the file cannot be read to its end.
    """
    sampled = sample_frames(path, threads=1, size=encoder.size)
    frames = (encoder.prepare(frame) for _, frame in sampled)
    parts = []
    while not (stop and stop.is_set()) and (batch := list(islice(frames, encoder.batch))):
        parts.append(encoder.encode_prepared(batch))
    return np.concatenate(parts or [np.empty((0, encoder.dim), np.float32)])


def side_by_side(
    todo: Iterable[tuple[str, Work]], encode: Callable[[Work, Event], Result]
) -> Generator[tuple[str, Future[Result]]]:
    """Encode videos side by side, one a core, and yield them in order.

    Within a video everything runs on one core: nothing waits for other threads, which is the
    fastest way to keep all cores (and an accelerator) busy, and the features do not depend on
    the number of cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    stop = Event()
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(cores, initializer=lambda: torch.set_num_threads(1)) as pool:
        running: deque[tuple[str, Future[Result]]] = deque()
        waiting = iter(todo)
        try:
            while True:
                for video, work in islice(waiting, 2 * (cores or 1) - len(running)):
                    running.append((video, pool.submit(encode, work, stop)))
                if not running:
                    break
                yield running.popleft()
        finally:
            stop.set()
            torch.set_num_threads(threads)  # the workers' setting is the default of new threads
