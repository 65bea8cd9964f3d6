"""CPU time of one frame every 2 s, by codec and GOP, beside peers; 720p but for a row.

Run by hand: ``python benchmarks/frames.py [FOLDER]``. Renders videos into the folder (a temporary
one by default; those that are there are used again), then reads each in turn, several rounds, one
thread each: ffmpeg's filter ``fps=0.5`` (frames as raw rgb24 through a pipe, CPU time of the child
process), PyAV decoding everything, torchcodec (approximate seeking, on PyAV's own FFmpeg), and
`vid2vidmr.video.sample.sample_frames`. Medians of CPU time. All frames but ffmpeg's, which are
other ones, are compared.
"""

from __future__ import annotations

import os
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

SECONDS, GOPS, ROUNDS = 30, (250, 50), 3
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
X264 = "-c:v libx264 -preset veryfast -b:v 3M -bf 3 -sc_threshold 0"
X265 = "-c:v libx265 -preset ultrafast -b:v 2M -tag:v hvc1 -x265-params scenecut=0:log-level=none"
KINDS = {
    "h264-250": f"{X264} -g 250 -keyint_min 250",
    "h264-50": f"{X264} -g 50 -keyint_min 50",
    "h264-open-50": f"{X264} -g 50 -keyint_min 50 -x264-params open-gop=1",
    "hevc-open-50": f"{X265}:keyint=50:min-keyint=50:bframes=3",
    "hevc-250": f"{X265}:keyint=250:min-keyint=250:bframes=3:open-gop=0",
    "av1-250": "-c:v libsvtav1 -preset 12 -b:v 2M -g 250",
    "vp9-250": "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 2M -g 250",
    "h264-250, 256 x 144": f"{X264} -g 250 -keyint_min 250 -s 256x144",
}


def render(path: Path, gop: int) -> Path:
    """Give a video of H.264, for the benchmark of features."""
    return rendered(path, KINDS[f"h264-{gop}"])


def rendered(path: Path, how: str) -> Path:
    """25 frames/s: moving test patterns with grain, 720p if `how` does not scale them."""
    if not path.exists():
        source = "testsrc2=s=1280x720:r=25,noise=alls=12:allf=t"
        command = [FFMPEG, "-loglevel", "error", "-y", "-f", "lavfi", "-i", source]
        command += ["-t", str(SECONDS), "-pix_fmt", "yuv420p", *how.split(), str(path)]
        subprocess.run(command, check=True)
    return path


def with_ffmpeg(path: Path) -> None:
    """Read the frames that the filter fps=0.5 gives."""
    command = [FFMPEG, "-loglevel", "error", "-threads", "1", "-i", str(path), "-vf", "fps=0.5"]
    command += ["-filter_threads", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while process.stdout.read(1280 * 720 * 3):
            pass


def everything(path: Path) -> Iterator[np.ndarray]:
    """Decode every frame, and give the one on screen every 2 s."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        k, shown, first = 0, None, None
        for frame in container.decode(stream):
            time = Fraction(frame.pts * frame.time_base)
            first = time if first is None else first
            while shown is not None and 2 * k < time - first:
                yield shown.to_ndarray(format="rgb24")
                k += 1
            shown = frame


def with_torchcodec(path: Path) -> Iterator[np.ndarray]:
    """Seek to each frame."""
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(
        path, num_ffmpeg_threads=1, seek_mode="approximate", dimension_order="NHWC"
    )
    for time in range(0, SECONDS, 2):
        yield decoder.get_frame_played_at(time).data.numpy()


def with_libraries_of_pyav() -> None:
    """Start again where torchcodec finds the FFmpeg that PyAV brings, under its usual names."""
    ours = Path(av.__file__).parents[1] / "av.libs"
    if os.environ.get("FRAMES_LIBRARIES") or not ours.is_dir():
        return
    links = Path(tempfile.mkdtemp())
    for library in [*ours.glob("libav*"), *ours.glob("libsw*")]:  # libavutil-5809ad29.so.60.26.102
        name, _, version = library.name.partition(".so.")
        (links / f"{name.partition('-')[0]}.so.{version.partition('.')[0]}").symlink_to(library)
    paths = f"{links}:{ours}:{os.environ.get('LD_LIBRARY_PATH', '')}"
    os.environ |= {"LD_LIBRARY_PATH": paths, "FRAMES_LIBRARIES": "1"}
    os.execv(sys.executable, [sys.executable, *sys.argv])


def main() -> None:
    with_libraries_of_pyav()
    import torch

    torch.set_num_threads(1)
    sides: dict[str, Callable[[Path], Iterator[np.ndarray]]] = {
        "everything": everything,
        "torchcodec": with_torchcodec,
        "`sample_frames`": lambda path: (f for _, f in sample_frames(path, threads=1)),
    }
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        for kind, how in KINDS.items():
            path = rendered(folder / f"{kind}.mp4", how)
            expected = list(everything(path))
            same = all(
                all(np.array_equal(a, b) for a, b in zip(side(path), expected, strict=True))
                for side in sides.values()
            )
            work = {
                name: partial(lambda s, p: sum(1 for _ in s(p)), s, path)
                for name, s in sides.items()
            }
            ms = medians({"ffmpeg": partial(with_ffmpeg, path), **work}, ROUNDS)
            best = min(value for name, value in ms.items() if name in ("ffmpeg", "torchcodec"))
            ratio = f"{best / ms['`sample_frames`']:.2f}"
            cells = (f"{value / len(expected):.1f}" for value in ms.values())
            rows.append((kind, *cells, ratio, "yes" if same else "NO"))
            print(rows[-1], file=sys.stderr, flush=True)
    heads = ["CPU ms a frame", "ffmpeg `fps=0.5`", *sides, "best peer / ours", "same frames"]
    print_table(heads, rows)


def ratios(above: list[float], below: list[float]) -> str:
    """Ratio for each GOP."""
    return " ".join(f"{a / b:.1f}x" for a, b in zip(above, below, strict=True))


if __name__ == "__main__":
    main()
