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
from vid2vidmr.files import replacing, write_json
from vid2vidmr.progress import progress
from vid2vidmr.records import read_record
from vid2vidmr.video.sample import sample_frames

STEP_S = 0.5
"""Frames of a clip are so far apart, from its own start on: finer than any budget can show."""
NEVER_S = 1e6
"""No grid of the file is asked for beside."""
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
    """Which multiples of `STEP_S` after the clip's start are shown: evenly spread, with both ends.

    They are those of the clip as a file of its own: nothing of it that lies before or behind.
    """
    count = max(1, math.ceil((clip.end_s - clip.start_s) / STEP_S - 1e-9))  # it is half-open
    if count <= budget:
        return list(range(count))
    if budget == 1:
        return [count // 2]
    return [round(i) for i in np.linspace(0, count - 1, budget)]


def moment(clip: Clip, step: int) -> int:
    """When a step of a clip is on screen, in microseconds of the file."""
    return round(1e6 * (clip.start_s + step * STEP_S))


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
        wanted.setdefault(clip.path, set()).update(moment(clip, k) for k in steps)
    found: dict[Path, dict[int, str]] = {}
    with progress("Frames", len(wanted)) as bar, ThreadPoolExecutor(WORKERS) as pool:
        work = [pool.submit(_of_video, path, times, frames, size) for path, times in wanted.items()]
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
    there = [k for k in steps if moment(clip, k) in hashes]
    if not there:
        raise VideoError(
            f"{clip.path} has no frame between {clip.start_s:.2f} and {clip.end_s:.2f} s: it is "
            "shorter than its annotations say."
        )
    return Video(
        sha256=tuple(hashes[moment(clip, k)] for k in there),
        times_s=tuple(k * STEP_S for k in there),
        duration_s=round(clip.end_s - clip.start_s, 3),
    )


def _of_video(path: Path, wanted: set[int], frames: Frames, size: int) -> dict[int, str]:
    """Hashes of the frames at times in microseconds; which ones a video has is kept beside them."""
    import cv2

    about = path.stat()
    name = hashlib.sha256(
        f"{path.resolve()} {about.st_size} {about.st_mtime_ns} {size} {QUALITY} us".encode()
    ).hexdigest()
    index = frames.folder / "videos" / f"{name}.json"
    found: dict[int, str | None] = {}
    if index.exists():
        kept = dict[int, str | None]
        found = read_record(index, kept, "list of frames", "delete it, and they are read again")
    if wanted <= found.keys():
        return {k: v for k, v in found.items() if v is not None}

    def fit(width: int, height: int) -> tuple[int, int]:
        scale = min(1.0, size / max(width, height))
        return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)

    todo = wanted - found.keys()
    times = [time / 1e6 for time in todo]
    for time_s, picture in sample_frames(path, NEVER_S, at_s=times, threads=1, size=fit):
        k = round(1e6 * time_s)
        if k in todo:  # it begins with 0, asked for or not
            _, encoded = cv2.imencode(
                ".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
            )
            data = encoded.tobytes()
            found[k] = sha256 = hashlib.sha256(data).hexdigest()
            with _WRITING:  # two videos can have the same frame
                if not frames.path(sha256).exists():
                    with replacing(frames.path(sha256)) as temporary:
                        temporary.write_bytes(data)
    write_json(index, found | dict.fromkeys(wanted - found.keys()))
    return {k: v for k, v in found.items() if v is not None}
