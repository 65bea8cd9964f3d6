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
from functools import partial
from pathlib import Path

import numpy as np
import open_clip
import torch
from frames import FFMPEG, GOPS, ratios, render
from measure import medians, print_table
from PIL import Image

from vid2vidmr.features.fast import fidelity
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.local import encode_video

ROUNDS, BATCH, BYTES = 3, 16, 1280 * 720 * 3


def naive(path: Path, model: torch.nn.Module, transform: object) -> torch.Tensor:
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
    return torch.cat(rows)


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
        table: dict[str, list[float]] = {}
        close = []
        for gop in GOPS:
            path = render(Path(folder) / f"{gop}.mp4", gop)
            sides = {
                "ffmpeg fps=0.5 + PIL + fp32": partial(naive, path, model, transform),
                "ours": partial(encode_video, path, slow),
                "ours, +fast": partial(encode_video, path, fast),
            }
            for side, ms in medians(sides, ROUNDS).items():
                table.setdefault(side, []).append(ms / len(sides[side]()))
            close.append(fidelity(fast, slow, path))
    first = next(iter(table.values()))
    print_table(
        ["CPU ms a frame", *(f"GOP {gop}" for gop in GOPS), "ratio"],
        [
            (side, *(f"{ms:.1f}" for ms in found), ratios(first, found))
            for side, found in table.items()
        ],
    )
    for found in close:
        print(json.dumps(found.model_dump() | {"reference": "ViT-B-32"}))


if __name__ == "__main__":
    main()
