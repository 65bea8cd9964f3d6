"""Training of align_refine over many worlds: the recipe of the shipped checkpoint.

::

    python -m baselines.align_refine.train minimatch --out checkpoint.safetensors

Frames of the train videos are encoded every half second, so that queries are sampled from their own
start and can be played at another speed. Videos of val decide the calibration, nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.random import Generator
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from baselines.align_refine import AlignRefine
from baselines.align_refine.inputs import FOLDS, Inputs, pair_inputs
from baselines.align_refine.model import Network, collate, save
from baselines.align_refine.worlds import (
    Example,
    Videos,
    disturbed,
    generated,
    labelled,
    unlabelled,
)
from vid2vidmr.alignment import Components
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.features.load import load_stills
from vid2vidmr.features.store import open_features
from vid2vidmr.progress import progress
from vid2vidmr.video.sample import sample_frames
from vid2vidmr.windows import temporal_iou

TICK_S = 0.5
"""Seconds between the frames of `dense_videos`."""


@dataclass(frozen=True)
class Training:
    """Numbers of a training.

    Attributes
    ----------
    batch : int
        Pairs a step.
    rate : float
        Peak of the one-cycle learning rate.
    decay : float
        Weight decay.
    shares : tuple of float
        Of labelled pairs, unlabelled clips and random generators.
    """

    steps: int = 4000
    batch: int = 16
    rate: float = 2e-3
    decay: float = 0.01
    shares: tuple[float, float, float] = (0.45, 0.4, 0.15)
    seed: int = 0


def draw(videos: Videos, rng: Generator, shares: tuple[float, float, float]) -> Example:
    """Draw a disturbed pair of any world."""
    kind = rng.choice(3, p=shares)
    if kind == 2:
        return disturbed(rng, generated(rng))
    return disturbed(rng, (labelled, unlabelled)[kind](videos, rng))


def seen(example: Example, rng: Generator) -> Inputs:
    """Make the inputs of a pair, with random components and whitening."""
    count = int(rng.choice([12, 24, 32, 32, 32, 48, 64]))
    power = float(rng.choice([0, 0.5, 0.5, 0.5, 1]))
    stats = example.components or Components.of(example.target, int(count * max(FOLDS)))
    if example.components is not None and rng.random() < 0.3:
        stats = Components(example.target.mean(axis=0), stats.axes, stats.deviations)
    return pair_inputs(example.query, example.target, stats, count, power)


def overlap(windows: Tensor, truth: Tensor) -> Tensor:
    """IoU of windows (..., 2) with truth, which broadcasts; 0 where the truth is NaN."""
    start = torch.maximum(windows[..., 0], truth[..., 0])
    inter = (torch.minimum(windows[..., 1], truth[..., 1]) - start).clamp(min=0)
    lengths = (windows[..., 1] - windows[..., 0]).clamp(min=0) + truth[..., 1] - truth[..., 0]
    return torch.nan_to_num(inter / (lengths - inter).clamp(min=1e-6))


def losses(logits: Tensor, windows: Tensor, truth: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Loss of the scores (against the IoU of their own windows) and of the windows.

    Parameters
    ----------
    logits, windows : Tensor, (B, M, S), (B, M, S, 2)
    truth : Tensor, (B, 2)
        In clips; NaN where the moment is absent.
    mask : Tensor, (B, M)
    """
    clips = torch.arange(mask.shape[1]) + 0.5
    inside = (clips > truth[:, :1]) & (clips < truth[:, 1:])  # False beside NaN
    # A moment shorter than a clip may hold no clip's middle.
    nearest = (clips - truth.mean(dim=1, keepdim=True)).abs()
    inside |= nearest == nearest.amin(dim=1, keepdim=True)
    inside &= mask.bool()
    iou = overlap(windows, truth[:, None, None])
    aim = iou.detach() * inside[..., None]
    score = torch.nn.functional.binary_cross_entropy_with_logits(logits, aim, reduction="none")
    score = (score.mean(dim=2) * mask).sum(dim=1) / mask.sum(dim=1)
    count = inside.sum(dim=1)
    moved = ((1 - iou.mean(dim=2)) * inside).sum(dim=1) / count.clamp(min=1)
    return 4 * score.mean(), (moved * (count > 0)).mean()


def train(videos: Videos, training: Training) -> Network:
    """Train a network from nothing."""
    torch.manual_seed(training.seed)
    rng = np.random.default_rng(training.seed)
    network = Network().train()
    optimizer = torch.optim.AdamW(network.parameters(), training.rate, weight_decay=training.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, training.rate, training.steps)
    with progress("train align_refine", training.steps) as bar:
        for _ in range(training.steps):
            examples = [draw(videos, rng, training.shares) for _ in range(training.batch)]
            batch = collate([seen(example, rng) for example in examples])
            truth = torch.tensor([[e.start, e.end] for e in examples], dtype=torch.float32)
            scored, moved = losses(*network(**batch), truth, batch["mask"])
            optimizer.zero_grad()
            (scored + moved).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            bar.advance(1, f"scores {scored.item():.3f}, windows {moved.item():.3f}")
    return network.eval()


def dense_videos(dataset: Dataset, count: int = 128) -> Videos:
    """Encode the videos of the train moments, a frame every `TICK_S`."""
    encoder = load_stills(dataset.info.default_encoder)
    moments = dataset.moments[dataset.moments["split"] == "train"]
    moments = moments[moments.groupby("label")["label"].transform("size") > 1]
    ids = sorted(moments["video_id"].unique())
    rows = []
    with progress("encode videos", len(ids)) as bar:
        for video_id in ids:
            frames = [frame for _, frame in sample_frames(dataset.video_path(video_id), TICK_S)]
            rows.append(encoder.encode(frames))
            bar.advance(1)
    components = Components.of(np.concatenate(rows), count)
    columns = zip(
        moments["video_id"].map(ids.index), moments["start_s"], moments["end_s"], moments["label"],
        strict=True,
    )  # fmt: skip
    projected = [((r - components.mean) @ components.axes.T).astype(np.float32) for r in rows]
    return Videos(projected, list(columns), components.deviations, TICK_S)


def calibrate(network: Network, dataset: Dataset) -> None:
    """Fit on the first five windows of the val pairs what makes probabilities of scores."""
    features = open_features(dataset, dataset.info.default_encoder)
    method = AlignRefine()
    method.network = network
    method.learn(dataset.pairs("train", features))
    scores, hits = [], []
    for protocol in ("official", "recropped"):
        pairs = dataset.pairs("val", features).under(protocol)
        for prediction, pair in zip(method.predict(pairs), pairs, strict=True):
            windows = np.array(prediction.windows[:5])
            scores += list(np.log(windows[:, 2] / (1 - windows[:, 2])))
            hits += list(temporal_iou(windows[:, :2], np.array(pair.windows[0])) >= 0.5)
    fitted = LogisticRegression(C=1e3).fit(np.array(scores)[:, None], hits)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    network.calibration.copy_(torch.tensor([slope, offset], dtype=torch.float64))


def main(
    dataset: Annotated[str, typer.Argument(help="Built data set with videos, features and val.")],
    out: Annotated[Path, typer.Option(help="Checkpoint to write, safetensors.")],
    steps: Annotated[int, typer.Option(min=1)] = Training.steps,
    seed: Annotated[int, typer.Option(min=0)] = Training.seed,
) -> None:
    """Train the network of align_refine."""
    built, training = load_dataset(dataset), Training(steps=steps, seed=seed)
    network = train(dense_videos(built), training)
    calibrate(network, built)
    made = {"trained on": f"{built.name} {built.fingerprint}, train split", **asdict(training)}
    save(network, out, {name: str(value) for name, value in made.items()})
    typer.echo(f"The checkpoint is {out}.")


if __name__ == "__main__":
    typer.run(main)
