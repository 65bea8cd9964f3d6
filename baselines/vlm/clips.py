"""Frames of clips as JPEG files: each video is decoded once, whatever is asked of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from baselines.vlm.records import Frames, Video
from vid2vidmr.errors import VideoError
from vid2vidmr.files import read_json, replacing, write_json
from vid2vidmr.progress import progress
from vid2vidmr.video.sample import sample_frames

STEP_S = 0.5
"""Frames are taken from this grid of the file: finer than any budget can show."""
QUALITY = 90
WORKERS = 4
_WRITING = Lock()


@dataclass(frozen=True)
class Clip:
    """A stretch of a video file, seconds, half-open."""

    path: Path
    start_s: float
    end_s: float


def grid(clip: Clip, budget: int) -> list[int]:
    """Which multiples of `STEP_S` of the file are shown: evenly spread, first and last included."""
    first = math.ceil(clip.start_s / STEP_S - 1e-9)
    last = math.ceil(clip.end_s / STEP_S - 1e-9)  # windows are half-open
    steps = list(range(first, last)) or [math.floor(clip.start_s / STEP_S)]
    if len(steps) <= budget:
        return steps
    if budget == 1:
        return [steps[len(steps) // 2]]
    return [steps[round(i)] for i in np.linspace(0, len(steps) - 1, budget)]


def show_clips(
    clips: Iterable[tuple[Clip, int]], frames: Frames, size: int
) -> dict[tuple[Clip, int], Video]:
    """Decode what is to be shown of clips.

    Parameters
    ----------
    clips : iterable of (Clip, int)
        With the largest number of frames of each.
    frames : Frames
        Where they go; what an earlier call left there is used again.
    size : int
        Longer side of a frame, pixels, at most.

    Raises
    ------
    VideoError
        If a video cannot be read, or ends before a clip does.
    """
    asked = {key: grid(*key) for key in dict.fromkeys(clips)}
    wanted: dict[Path, set[int]] = {}
    for (clip, _), steps in asked.items():
        wanted.setdefault(clip.path, set()).update(steps)
    found: dict[Path, dict[int, str]] = {}
    with progress("Frames", len(wanted)) as bar, ThreadPoolExecutor(WORKERS) as pool:
        work = [pool.submit(_of_video, path, steps, frames, size) for path, steps in wanted.items()]
        try:
            for path, future in zip(wanted, work, strict=True):
                found[path] = future.result()
                bar.advance()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {(clip, n): _shown(clip, steps, found[clip.path]) for (clip, n), steps in asked.items()}


def _shown(clip: Clip, steps: list[int], hashes: Mapping[int, str]) -> Video:
    # The last frame of a file may be a little before the end that a window states.
    there = [k for k in steps if k in hashes]
    if not there:
        raise VideoError(
            f"{clip.path} has no frame between {clip.start_s:.2f} and {clip.end_s:.2f} s: it is "
            "shorter than its annotations say."
        )
    times = tuple(round(max(k * STEP_S - clip.start_s, 0.0), 3) for k in there)
    return Video(
        sha256=tuple(hashes[k] for k in there),
        times_s=times,
        duration_s=round(clip.end_s - clip.start_s, 3),
    )


def _of_video(path: Path, wanted: set[int], frames: Frames, size: int) -> dict[int, str]:
    """Hashes of the wanted frames; which ones a video has is kept beside the frames."""
    import cv2

    about = path.stat()
    name = hashlib.sha256(
        f"{path.resolve()} {about.st_size} {about.st_mtime_ns} {size} {QUALITY}".encode()
    ).hexdigest()
    index = frames.folder / "videos" / f"{name}.json"
    found: dict[int, str | None] = {}
    if index.exists():
        found = {int(k): v for k, v in read_json(index).items()}
    if wanted <= found.keys():
        return {k: v for k, v in found.items() if v is not None}

    def fit(width: int, height: int) -> tuple[int, int]:
        scale = min(1.0, size / max(width, height))
        return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)

    todo, last = wanted - found.keys(), max(wanted)
    for k, (_, picture) in enumerate(sample_frames(path, STEP_S, threads=1, size=fit)):
        if k in todo:
            _, encoded = cv2.imencode(
                ".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
            )
            data = encoded.tobytes()
            found[k] = sha256 = hashlib.sha256(data).hexdigest()
            with _WRITING:  # two videos can have the same frame
                if not frames.path(sha256).exists():
                    with replacing(frames.path(sha256)) as temporary:
                        temporary.write_bytes(data)
        if k == last:
            break
    write_json(index, found | dict.fromkeys(wanted - found.keys()))
    return {k: v for k, v in found.items() if v is not None}
