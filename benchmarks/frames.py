"""Useful frames per CPU second: one frame every 2 s of 720p H.264 with B-frames.

Run by hand: ``python benchmarks/frames.py``. Renders two videos (GOP 250 and 50) into a temporary
folder, then reads them in turn, several rounds, one thread each: ffmpeg's filter ``fps=0.5``
(frames as raw rgb24 through a pipe, CPU time of the child process), PyAV decoding everything, and
`vid2vidmr.video.sample.sample_frames`. Medians of CPU time. Frames of the last two are compared.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from measure import medians, print_table

from vid2vidmr.video.sample import sample_frames

SECONDS, GOPS = 60, (250, 50)
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def render(path: Path, gop: int) -> Path:
    """720p, 25 frames/s: moving test patterns with grain, 3 Mbit/s."""
    source = "testsrc2=s=1280x720:r=25,noise=alls=12:allf=t"
    subprocess.run(
        [
            FFMPEG, "-loglevel", "error", "-y", "-f", "lavfi", "-i", source, "-t", str(SECONDS),
            "-c:v", "libx264",
            "-preset", "veryfast", "-b:v", "3M", "-bf", "3", "-g", str(gop), "-keyint_min",
            str(gop), "-sc_threshold", "0", "-pix_fmt", "yuv420p", str(path),
        ],
        check=True,
    )  # fmt: skip
    return path


def with_ffmpeg(path: Path) -> int:
    """Frames that the filter fps=0.5 gives."""
    command = [FFMPEG, "-loglevel", "error", "-threads", "1", "-i", str(path), "-vf", "fps=0.5"]
    command += ["-filter_threads", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    frames = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while process.stdout.read(1280 * 720 * 3):
            frames += 1
    return frames


def everything(path: Path) -> Iterator[np.ndarray]:
    """Decode every frame, and give the one on screen every 2 s."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        k, shown = 0, None
        for frame in container.decode(stream):
            while shown is not None and 2 * k < Fraction(frame.pts * frame.time_base):
                yield shown.to_ndarray(format="rgb24")
                k += 1
            shown = frame


def main() -> None:
    sides: dict[str, Callable[[Path], int]] = {
        "ffmpeg `fps=0.5`": with_ffmpeg,
        "PyAV, everything decoded": lambda path: sum(1 for _ in everything(path)),
        "`sample_frames`": lambda path: sum(1 for _ in sample_frames(path, threads=1)),
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    with tempfile.TemporaryDirectory() as folder:
        for gop in GOPS:
            path = render(Path(folder) / f"{gop}.mp4", gop)
            ms = medians({name: partial(side, path) for name, side in sides.items()})
            for name, side in sides.items():
                rates[name].append(1e3 * side(path) / ms[name])
            ours = [frame for _, frame in sample_frames(path, threads=1)]
            same = all(np.array_equal(a, b) for a, b in zip(ours, everything(path), strict=True))
            print(f"GOP {gop}: {len(ours)} frames, identical: {same}", file=sys.stderr)
    base = rates["ffmpeg `fps=0.5`"]
    print_table(
        ["useful frames a CPU second", *(f"GOP {gop}" for gop in GOPS), "ratio to ffmpeg"],
        [
            (name, *(f"{rate:.1f}" for rate in found), ratios(found, base))
            for name, found in rates.items()
        ],
    )


def ratios(above: list[float], below: list[float]) -> str:
    """Ratio for each GOP."""
    return " ".join(f"{a / b:.1f}x" for a, b in zip(above, below, strict=True))


if __name__ == "__main__":
    main()
