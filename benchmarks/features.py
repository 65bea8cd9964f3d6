"""Features a CPU second: from 720p H.264 to CLIP ViT-B/32 (random weights), one frame every 2 s.

Run by hand: ``OMP_NUM_THREADS=1 python benchmarks/features.py``. The peer is the usual script:
ffmpeg's ``fps=0.5`` through a pipe, PIL and open_clip's own transform, float32. Ours are
`vid2vidmr.features.local.encode_video` with the encoder as it is and with its fast form. In turn,
one thread each, medians of CPU time (children included); cosines are of the fast form to the slow
one.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import open_clip
import torch
from frames import FFMPEG, cpu_s, render
from PIL import Image

from vid2vidmr.features.fast import fidelity
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.local import encode_video

ROUNDS, BATCH, BYTES = 3, 16, 1280 * 720 * 3


def naive(path: Path, model: torch.nn.Module, transform: object) -> int:
    """Pipe, PIL, float32."""
    command = [FFMPEG, "-loglevel", "error", "-threads", "1", "-i", str(path), "-vf", "fps=0.5"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    rows: list[torch.Tensor] = []
    pictures: list[torch.Tensor] = []

    def flush() -> None:
        if pictures:
            rows.append(model.encode_image(torch.stack(pictures)))  # type: ignore[operator]
            pictures.clear()

    with subprocess.Popen(command, stdout=subprocess.PIPE) as process, torch.inference_mode():
        assert process.stdout is not None
        while len(raw := process.stdout.read(BYTES)) == BYTES:
            frame = np.frombuffer(raw, np.uint8).reshape(720, 1280, 3)
            pictures.append(transform(Image.fromarray(frame)))  # type: ignore[operator]
            if len(pictures) == BATCH:
                flush()
        flush()
    return sum(len(part) for part in rows)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.pt"
        torch.save(open_clip.create_model("ViT-B-32").state_dict(), weights)
        name = f"open_clip:ViT-B-32/{weights}"
        slow, fast = load_encoder(name, "cpu"), load_encoder(name + "+fast", "cpu")
        model, transform = open_clip.create_model_from_pretrained(
            "ViT-B-32", pretrained=str(weights)
        )
        model.eval()
        print(f"{'CPU ms a frame':34}{'GOP 250':>10}{'GOP 50':>10}")
        table: dict[str, list[float]] = {}
        close = []
        for gop in (250, 50):
            path = render(Path(folder) / f"{gop}.mp4", gop)
            sides = {
                "ffmpeg fps=0.5 + PIL + fp32": lambda p=path: naive(p, model, transform),
                "ours": lambda p=path: len(encode_video(p, slow)),
                "ours, +fast": lambda p=path: len(encode_video(p, fast)),
            }
            times: dict[str, list[float]] = {side: [] for side in sides}
            for _ in range(ROUNDS):
                for side, run in sides.items():
                    seconds, frames = cpu_s(run)
                    times[side].append(1000 * seconds / frames)
            for side, found in times.items():
                table.setdefault(side, []).append(median(found))
            close.append(fidelity(fast, path))
        first = next(iter(table.values()))
        for side, (long, short) in table.items():
            ratio = f"{first[0] / long:.1f}x {first[1] / short:.1f}x"
            print(f"{side:34}{long:10.1f}{short:10.1f}   {ratio}")
        for found in close:
            print(json.dumps(found | {"reference": "ViT-B-32"}))


if __name__ == "__main__":
    main()
