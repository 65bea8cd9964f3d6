"""What the page is told: videos, hits, previews; the same for the served and the written form."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vid2vidmr.errors import VideoError
from vid2vidmr.video.sample import sample_frames

if TYPE_CHECKING:
    import numpy as np

    from vid2vidmr.archive.search import Found, FoundWindow
    from vid2vidmr.archive.store import Archive

ASSETS = Path(__file__).parent / "assets"
START = "start.js"
"""Script with what the page begins with: pages opened from ``file://`` may not fetch."""
WIDTH = 320
"""Pixels of a preview."""


def start_script(value: dict[str, Any]) -> str:
    """Script that hands the page what it begins with."""
    return f"const start = {json.dumps(value, ensure_ascii=True, allow_nan=False)};\n"


def video_views(archive: Archive, address: Callable[[int], str | None]) -> list[dict[str, Any]]:
    """List the videos of an archive, for the page; it names one by its place in the list.

    Parameters
    ----------
    archive : Archive
    address : callable
        Place to where the video can be played from; None where it cannot.
    """
    rates = {video: row.rate for video, row in archive.videos.items()}
    return [
        {
            "name": video, "duration_s": duration_s, "rate": _number(rates.get(video, "25")),
            "src": address(number),
        }
        for number, (video, duration_s) in enumerate(archive.durations_s.items())
    ]  # fmt: skip


def found_view(found: Found, hits: list[dict[str, Any]]) -> dict[str, Any]:
    """Give what was found, for the page."""
    return {
        "said": str(found),
        "queries": list(found.queries),
        "method": found.method,
        "hits": hits,
    }


def hit_view(window: FoundWindow, video: int, src: str | None, at_s: float, preview: str) -> Any:
    """Give one window, for the page: ``src`` shows it from ``at_s`` on."""
    return {
        "video": video, "start_s": window.start_s, "end_s": window.end_s, "score": window.score,
        "src": src, "at_s": at_s, "preview": preview,
    }  # fmt: skip


def preview(path: Path, at_s: float) -> bytes:
    """JPEG of the frame on screen at a time, `WIDTH` pixels wide.

    Raises
    ------
    VideoError
        If the file cannot be read, or is shorter.
    """
    frames = sample_frames(path, 1e6, at_s=[at_s] if at_s else (), size=_small)
    frame = next(islice(frames, 1 if at_s else 0, None), None)
    if frame is None:
        raise VideoError(f"{path} ends before {at_s:.1f} s.")
    return jpeg(frame[1])


def jpeg(picture: np.ndarray) -> bytes:
    """Write a picture, (height, width, 3) uint8 RGB, as JPEG."""
    from PIL import Image

    out = BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=80)
    return out.getvalue()


def _small(width: int, height: int) -> tuple[int, int]:
    return WIDTH, max(1, round(WIDTH * height / width))


def _number(rate: str) -> float:
    above, _, below = rate.partition("/")
    return int(above) / int(below or 1)
