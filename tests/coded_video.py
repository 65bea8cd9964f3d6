"""Videos whose frames carry their own number, so that a test can read back which frame it got."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, BITS = 128, 64, 16


def numbered_frame(number: int) -> np.ndarray:
    """16 black or white blocks, the bits of `number`."""
    bits = (number >> np.arange(BITS)) & 1
    return (
        np.kron(bits.reshape(2, 8), np.full((32, 16), 255))
        .astype(np.uint8)[:, :, None]
        .repeat(3, axis=2)
    )


def read_number(frame: np.ndarray) -> int:
    assert frame.shape == (HEIGHT, WIDTH, 3)
    assert frame.dtype == np.uint8
    bits = frame.reshape(2, 32, 8, 16, 3).mean(axis=(1, 3, 4)).ravel() > 127
    return int((bits << np.arange(BITS)).sum())


def constant_rate(rate: Fraction | int, seconds: float) -> list[Fraction]:
    """Presentation times of the frames of a video of constant rate."""
    return [Fraction(i) / rate for i in range(int(seconds * rate))]


def write_video(
    path: Path,
    times: Iterable[Fraction],
    *,
    codec: str = "libx264",
    rate: Fraction | int = 25,
    time_base: Fraction = Fraction(1, 90_000),
    offset_s: int = 0,
    audio_s: float = 0.0,
    faststart: bool = False,
    frames: Iterable[np.ndarray] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write frame i (numbered i unless `frames` are given) to be shown at times[i]."""
    times = list(times)
    frames = map(numbered_frame, range(len(times))) if frames is None else frames
    with av.open(path, "w", options={"movflags": "faststart"} if faststart else {}) as container:
        if options is None and codec == "libx264":
            options = {"preset": "veryfast", "g": "50", "threads": "1"}
        video = container.add_stream(codec, rate=rate, options=options or {})
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = time_base
        audio = container.add_stream("aac", rate=16_000, layout="mono") if audio_s else None
        for time, picture in zip(times, frames, strict=True):
            if not video.codec_context.is_open:
                video.height, video.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round((time + offset_s) / time_base), time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            write_silence(container, audio, audio_s)
    return path


def write_silence(container, stream, seconds: float) -> None:
    for start in range(0, int(seconds * 16_000), 1024):
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = 16_000, start, Fraction(1, 16_000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
