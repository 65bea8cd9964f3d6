"""Moments that differ only in how something moves: motion vectors against pictures.

Run by hand: ``OMP_NUM_THREADS=1 python benchmarks/motion.py [--folder FOLDER]``. A disc of a random
pattern moves over a random background; in each video of eight stretches, one class each, apart by
rest. Classes are directions, speeds and orders of movement; nothing else tells them apart. Each
moment is the query of the moments of its class in two other videos. Features are not trained, and
neither are the methods: they take no statistics but the target's own. Prints mIoU with 95 %
intervals, and what the features cost.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
from measure import cpu_s, print_table

from vid2vidmr.contract import FeatureContract
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.write import write_dataset
from vid2vidmr.evaluation import evaluate
from vid2vidmr.features.encoder import unit
from vid2vidmr.features.extract import extract_features
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.local import encode_video
from vid2vidmr.features.store import FeatureStore
from vid2vidmr.methods.load import load_method

FPS, WIDTH, HEIGHT, RADIUS = 25, 320, 192, 28
VIDEOS, STRETCHES, REST_S = 24, 8, (0.6, 1.2)
ENCODERS = ("motion", "efficientnet-lite0")
METHODS, BIAS = ("align_refine", "local-match", "dtw-match"), ("whole-video", "random")
RIGHT, LEFT, UP, DOWN = (1, 0), (-1, 0), (0, -1), (0, 1)
# Class to its parts: direction, pixels a second.
CLASSES = {
    "right": [(RIGHT, 60)], "left": [(LEFT, 60)], "up": [(UP, 45)], "down": [(DOWN, 45)],
    "right, fast": [(RIGHT, 120)], "left, fast": [(LEFT, 120)],
    "right, left": [(RIGHT, 80), (LEFT, 80)], "left, right": [(LEFT, 80), (RIGHT, 80)],
    "up, down": [(UP, 60), (DOWN, 60)], "down, up": [(DOWN, 60), (UP, 60)],
    "slow, fast": [(RIGHT, 40), (RIGHT, 120)], "fast, slow": [(RIGHT, 120), (RIGHT, 40)],
}  # fmt: skip
INFO = DatasetInfo(
    name="motion", title="Motion", version="1", source="benchmarks/motion.py", licence="MIT",
    citation="none", synthetic=True, default_encoder="motion@0.25",
)  # fmt: skip


def texture(rng: np.random.Generator, height: int, width: int, grain: float) -> np.ndarray:
    """Coloured clouds."""
    noise = cv2.GaussianBlur(rng.standard_normal((height, width, 3)), (0, 0), grain)
    return (127 + 50 * noise / noise.std()).clip(0, 255).astype(np.uint8)


def path_of(rng: np.random.Generator, label: str) -> np.ndarray:
    """Places of the disc, one a frame, (n, 2); it stays inside."""
    length_s = rng.uniform(1.6, 2.4)
    parts = CLASSES[label]
    speed = [np.array(way) * pace / FPS for way, pace in parts]
    moved = np.repeat(speed, round(length_s * FPS / len(parts)), axis=0).cumsum(0)
    low = RADIUS - moved.min(0).clip(max=0)
    high = np.array([WIDTH, HEIGHT]) - RADIUS - moved.max(0).clip(min=0)
    shrunk = np.minimum(1, (np.array([WIDTH, HEIGHT]) - 2 * RADIUS) / np.ptp(moved, 0).clip(1))
    return rng.uniform(low, np.maximum(low, high)) + moved * shrunk


def pictures(
    rng: np.random.Generator, labels: list[str], moments: list[tuple[str, float, float]]
) -> Iterator[np.ndarray]:
    """Frames of a video; leaves in `moments` what is seen when."""
    back, front = texture(rng, HEIGHT, WIDTH, 6), texture(rng, 2 * RADIUS, 2 * RADIUS, 3)
    shape = cv2.circle(
        np.zeros((2 * RADIUS, 2 * RADIUS), np.uint8), (RADIUS, RADIUS), RADIUS, 1, -1
    )
    frame = 0
    for label in labels:
        way = path_of(rng, label)
        rests = [round(rng.uniform(*REST_S) * FPS) for _ in range(2)]
        moments.append((label, (frame + rests[0]) / FPS, (frame + rests[0] + len(way)) / FPS))
        for x, y in [*[way[0]] * rests[0], *way, *[way[-1]] * rests[1]]:
            image, (left, top) = back.copy(), (round(x) - RADIUS, round(y) - RADIUS)
            at = image[max(top, 0) : top + 2 * RADIUS, max(left, 0) : left + 2 * RADIUS]
            inside = shape[: at.shape[0], : at.shape[1], None] > 0
            at[:] = np.where(inside, front[: at.shape[0], : at.shape[1]], at)
            frame += 1
            yield image


def build(folder: Path) -> Dataset:
    """Render the videos, H.264 with B-frames, and pair their moments."""
    rows, videos = [], []
    for v in range(VIDEOS):
        rng, seen = np.random.default_rng([7, v]), []
        labels = rng.permutation(list(CLASSES))[:STRETCHES].tolist()
        path = folder / f"v{v}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.options = {"preset": "veryfast", "g": "100", "threads": "1"}
            frames = 0
            for image in pictures(rng, labels, seen):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
                frames += 1
            container.mux(stream.encode())
        about = {"video_id": f"v{v}", "source_id": f"v{v}", "path": path.name}
        videos.append({**about, "duration_s": frames / FPS, "sha256": None, "status": "ok"})
        rows += [
            {
                "moment_id": f"v{v}-{k}", "video_id": f"v{v}", "label": label, "split": "test",
                "clip_start_s": 0.0, "clip_end_s": frames / FPS, "start_s": start, "end_s": end,
            }
            for k, (label, start, end) in enumerate(seen)
        ]  # fmt: skip
    moments = pd.DataFrame(rows)
    pairs = []
    for _, of_class in moments.groupby("label"):
        ids = of_class["moment_id"].tolist()
        pairs += [(ids[i], ids[(i + d) % len(ids)]) for i in range(len(ids)) for d in (1, 2)]
    table = pd.DataFrame(pairs, columns=["query_id", "target_id"])
    table.insert(0, "pair_id", [f"p{i}" for i in range(len(table))])
    return write_dataset(folder, INFO, moments, {"test": table}, pd.DataFrame(videos))


@dataclass(frozen=True)
class Both:
    """Features of two stores as those of ``A+B``: each scaled to length 1, side by side."""

    stores: tuple[FeatureStore, ...]

    @property
    def contract(self) -> FeatureContract:
        """That of the first store: the step is that of both."""
        return self.stores[0].contract

    def rows(self, *window: Any) -> np.ndarray:
        """See `FeatureSource.rows`."""
        return np.concatenate([unit(store.rows(*window)) for store in self.stores], axis=1)

    def query_rows(self, *window: Any) -> np.ndarray:
        """See `FeatureSource.query_rows`."""
        return np.concatenate([unit(store.query_rows(*window)) for store in self.stores], axis=1)


def cost(encoder: str, path: Path) -> float:
    """CPU seconds of encoding a video."""
    loaded = load_encoder(encoder, "cpu")
    encode_video(path, loaded)
    return min(cpu_s(lambda: encode_video(path, loaded)) for _ in range(2))


def scores(method: str, pairs: PairSet) -> tuple[str, str]:
    """MIoU with its interval, and R1@0.5."""
    found = evaluate(list(load_method(method).predict(pairs)), pairs).metrics
    return found["mIoU"].text(short=True), f"{found['R1@0.5'].value:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path(tempfile.mkdtemp()))
    parser.add_argument("--steps", type=float, nargs="+", default=[0.5, 0.25, 0.125])
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    built = (asked.folder / "dataset.json").exists()
    dataset = load_dataset(asked.folder) if built else build(asked.folder)
    heads = [f"{method} {metric}" for method in METHODS for metric in ("mIoU", "R1@0.5")]
    rows = [(bias, *scores(bias, dataset.pairs("test"))) for bias in BIAS]
    print_table(["bias row", "mIoU", "R1@0.5"], rows, "methods that never look at the query")
    for step in asked.steps:
        names = [f"{encoder}@{step:g}" for encoder in ENCODERS]
        stores = [extract_features(dataset, name) for name in names]
        costs = [cost(name, asked.folder / "v0.mp4") for name in names]
        lines = []
        for name, source, used in zip(
            [*ENCODERS, "+".join(ENCODERS)],
            [*stores, Both(tuple(stores))],
            [*costs, sum(costs)],
            strict=True,
        ):
            pairs = dataset.pairs("test", source)
            found = [text for method in METHODS for text in scores(method, pairs)]
            of_video = 1e3 * used / stores[0].durations_s["v0"]
            lines.append((name, *found, f"{of_video:.1f}"))
        print_table(
            ["features", *heads, "CPU ms a second of video"],
            lines,
            f"{1 / step:g} features a second, {len(pairs)} pairs",
        )


if __name__ == "__main__":
    main()
