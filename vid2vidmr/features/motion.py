"""``motion``: which way things move, where and how fast; no weights, no pixels.

A row is of the motion vectors (`vid2vidmr.video.motion`) from its time to the next row's: in each
of 4 x 4 parts of the picture a histogram over rest, and 8 directions at 7 speeds, by the area and
time of the blocks. A vector counts for the two directions and the two speeds that are nearest. A
histogram adds up to 1; its roots are the features, so that the product of two rows is how much they
overlap (Bhattacharyya), and every row has length 1. A part without vectors is 0; a row without any
is the one before.

Histograms of directions are of Laptev et al., Learning realistic human actions from movies, CVPR
2008; of vectors from compressed video, of Kantorov and Laptev, CVPR 2014.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from vid2vidmr.contract import clips_of
from vid2vidmr.features.encoder import Encoder
from vid2vidmr.features.queries import behind_the_end
from vid2vidmr.features.readers import Sampled
from vid2vidmr.video.motion import Moves, moves
from vid2vidmr.video.packets import microseconds
from vid2vidmr.video.source import open_video

GRID, DIRECTIONS, SPEEDS = 4, 8, 7
REST, RATIO = 0.01, 2.0
"""Picture widths a second up to which nothing moves, and how much faster each speed is."""
BINS = 1 + DIRECTIONS * SPEEDS
DIM = GRID * GRID * BINS


@dataclass(frozen=True)
class Motion:
    """Reads histograms of motion, see `vid2vidmr.features.readers.Reader`."""

    decoder: ClassVar[str] = "PyAV, motion vectors of P frames"
    own_queries: ClassVar[bool] = True

    def sampling(self, step_s: float) -> str:
        """See `Reader`."""
        return (
            f"vectors between t and t + {step_s:g} s, for t = 0, {step_s:g}, ... s; of a query, "
            "from its own start to its end"
        )

    def read(self, video: Sampled) -> Iterator[np.ndarray]:
        """Yield rows (DIM,) float32, those of the grid and then those of each query."""
        with open_video(video.path) as source:
            found = list(map(_pooled, moves(source)))
            end = source.end
        starts, ends, pooled = (np.array(part) for part in zip(*found, strict=True))
        step_s = video.step_s
        spans = [(0.0, float(end), math.ceil(end / microseconds(step_s)))]
        for a, b in video.queries:
            if a >= end:
                raise behind_the_end(str(video.path), a)
            spans.append((a, min(b, float(end)), clips_of(a, b, step_s)))
        for a, b, rows in spans:
            row = _at_rest()
            for k in range(rows):
                first, last = a + k * step_s, min(a + (k + 1) * step_s, b)
                i, j = np.searchsorted(ends, first, "right"), np.searchsorted(starts, last)
                shares = np.minimum(ends[i:j], last) - np.maximum(starts[i:j], first)
                if (shares > 0).any():
                    row = _rooted(shares @ pooled[i:j])
                yield row

    def arranged(self, video: Sampled, rows: np.ndarray) -> np.ndarray:
        """Give the rows as they are."""
        return rows


def _pooled(of: Moves) -> tuple[float, float, np.ndarray]:
    """Histograms of the blocks of a frame, (DIM,), by area."""
    cell = np.minimum((of.at * GRID).astype(int), GRID - 1).clip(0) @ (1, GRID)
    speed = np.hypot(*of.velocity.T)
    level = (np.log(np.maximum(speed, REST) / REST) / math.log(RATIO)).clip(0, SPEEDS)
    turn = np.arctan2(of.velocity[:, 1], of.velocity[:, 0]) / (2 * math.pi) * DIRECTIONS
    low, ahead = np.floor(level).astype(int), np.floor(turn).astype(int)
    pooled = np.zeros(DIM)
    for up in (0, 1):
        by_speed = np.where(up, level - low, 1 - level + low)
        for on in (0, 1):
            weight = of.area * by_speed * np.where(on, turn - ahead, 1 - turn + ahead)
            faster = low + up
            moving = 1 + (faster - 1) * DIRECTIONS + (ahead + on) % DIRECTIONS
            place = cell * BINS + np.where(faster == 0, 0, moving.clip(max=BINS - 1))
            pooled += np.bincount(place, weight, DIM)
    return of.start_s, of.end_s, pooled


def _rooted(pooled: np.ndarray) -> np.ndarray:
    cells = pooled.reshape(-1, BINS)
    sums = cells.sum(1, keepdims=True)
    shares = cells / np.where(sums > 0, sums, 1) / max(1, int((sums > 0).sum()))
    rooted: np.ndarray = np.sqrt(shares).astype(np.float32).ravel()
    return rooted


def _at_rest() -> np.ndarray:
    pooled = np.zeros((GRID * GRID, BINS))
    pooled[:, 0] = 1
    return _rooted(pooled)


def load_motion(name: str, device: torch.device) -> Encoder:
    """Give the encoder; `name` is the one that there is."""
    numbers = f"1 {GRID} {DIRECTIONS} {SPEEDS} {REST} {RATIO}"
    return Encoder(
        name="motion",
        dim=DIM,
        weights_sha256=hashlib.sha256(numbers.encode()).hexdigest(),
        preprocessing="none",
        device=torch.device("cpu"),
        prepare=np.asarray,
        network=torch.Tensor.float,
        cpu_batch=1024,
        reader=Motion(),
    )
