"""What ffmpeg itself shows of a video: the reference of what we decode and cut."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from coded_video import BITS, HEIGHT, WIDTH, numbered_frame

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def ffmpeg(*arguments: object) -> str:
    """Run ffmpeg; give what it says."""
    ran = subprocess.run(
        [FFMPEG, "-hide_banner", "-y", *map(str, arguments)], capture_output=True, check=False
    )
    said = ran.stderr.decode(errors="replace")
    assert ran.returncode == 0, said[-2000:]
    return said


def numbered(folder: Path, count: int = 300) -> list[object]:
    """Input of ffmpeg: frames that carry their number, 25 a second."""
    raw = folder / "numbered.rgb"
    if not raw.exists():
        raw.write_bytes(b"".join(numbered_frame(i).tobytes() for i in range(count)))
    return ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", 25, "-i", raw]


def number(frame: np.ndarray) -> int:
    """Number that a frame of any size carries: 16 blocks, 2 rows of 8."""
    rows, columns = frame.shape[0] // 2, frame.shape[1] // 8
    whole = frame[: rows * 2, : columns * 8].reshape(2, rows, 8, columns, -1)
    return int(((whole.mean(axis=(1, 3, 4)).ravel() > 127) << np.arange(BITS)).sum())


def played(path: Path) -> list[tuple[float, np.ndarray]]:
    """All frames that ffmpeg shows of a file: seconds after the first one, and the picture."""
    out = path.with_name(f"{path.name}.played")
    said = ffmpeg(
        "-i", f"file:{path.absolute()}", "-an", "-sn", "-dn", "-vf", "showinfo",
        "-fps_mode", "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo", out,
    )  # fmt: skip
    data, at = out.read_bytes(), 0
    frames = []
    shown = re.findall(r"pts_time:(\S+).* s:(\d+)x(\d+)", said)
    for time, width, height in shown:
        size = int(width) * int(height) * 3
        picture = np.frombuffer(data, np.uint8, size, at).reshape(int(height), int(width), 3)
        frames.append((float(time) - float(shown[0][0]), picture))
        at += size
    assert at == len(data)
    return frames
