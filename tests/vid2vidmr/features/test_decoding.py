"""Files that harm nobody but themselves, wherever they are decoded."""

import json
import struct
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from coded_video import HEIGHT, constant_rate, read_number, write_video
from mini_dataset import mini_dataset

from vid2vidmr.features.encoder import Encoder
from vid2vidmr.features.extract import extract_features
from vid2vidmr.features.local import encode_here


def prepare(frame: np.ndarray) -> np.ndarray:
    if frame.shape[0] != HEIGHT:
        raise MemoryError("a picture that no memory holds")
    return np.array([read_number(frame), 1])


def encoder() -> Encoder:
    return Encoder(
        name="number", dim=2, weights_sha256="0" * 64, preprocessing="read the number",
        device=torch.device("cpu"), prepare=prepare, network=lambda batch: batch.float(),
    )  # fmt: skip


def bomb(path: Path) -> None:
    canvas = b"GIF89a" + struct.pack("<HH", 16_000, 16_000) + b"\x80\x00\x00" + bytes(6)
    pixel = b"\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    path.write_bytes(canvas + pixel * 3 + b"\x3b")


def lasting(path: Path) -> None:
    write_video(path, [Fraction(0), Fraction(10**9)], rate=1, options={"bf": "0"})


def playlist(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile 'good1.mkv'\n")


def large(path: Path) -> None:
    picture = np.zeros((2 * HEIGHT, 2 * HEIGHT, 3), np.uint8)
    write_video(path, constant_rate(25, 1), frames=[picture] * 25)


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "bomb": (bomb, "at most 67 million pixels"),
    "lasting": (lasting, "at most 48 hours"),
    "playlist": (playlist, "cannot be read as video"),
    "large": (large, "cannot be decoded (MemoryError: a picture that no memory holds)"),
}


@pytest.mark.parametrize("decoders", [0, 1])
def test_the_others_go_on(tmp_path: Path, decoders: int) -> None:
    files = {}
    for name in ("good1", *BAD, "good2"):
        path = tmp_path / f"{name}.mkv"
        files[name] = path.name
        if name in BAD:
            BAD[name][0](path)
        else:
            write_video(path, constant_rate(25, 20))
    store = extract_features(
        mini_dataset(tmp_path, files), encoder(), engine=partial(encode_here, decoders=decoders)
    )
    assert store.video_ids == ["good1", "good2"]
    assert store.rows("good2")[:, 0].tolist() == [50 * k for k in range(10)]
    failed = json.loads((store.path / "failed.json").read_text())
    assert set(failed) == set(BAD)
    for name, (_, why) in BAD.items():
        assert why in failed[name] and "\n" not in failed[name]
