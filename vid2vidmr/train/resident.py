"""Features that lie on the device: batches bring the numbers of rows, and are looked up there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from vid2vidmr.contract import FeatureContract, FeatureSource, grid_rows
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.train.batch import Batch
from vid2vidmr.train.config import TrainingConfig

SHARE = 0.25
"""Of the free memory of a device that features may take."""


class Numbered:
    """A feature source whose rows are their numbers in a table, (n, 1) int64."""

    def __init__(self, contract: FeatureContract, videos: dict[object, np.ndarray]) -> None:
        self.contract = contract
        self._videos = videos

    def rows(self, video_id: str, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Numbers of the rows of a window, see `FeatureSource.rows`."""
        video = self._videos[video_id]
        step_s = self.contract.step_s
        found: np.ndarray = video[grid_rows(len(video), video_id, start_s, end_s, step_s)]
        return found

    def query_rows(self, video_id: str, start_s: float, end_s: float) -> np.ndarray:
        """Numbers of the rows of a query."""
        return self._videos[video_id, start_s, end_s]


def only_chosen(config: TrainingConfig) -> bool:
    """Whether training takes rows as they are, in whatever order: no noise, no other speed."""
    reordering = not config.augmented or set(config.augmentations) <= {"reverse"}
    return config.query != "text" and not config.noise and reordering


def resident(pairs: PairSet, device: torch.device) -> tuple[PairSet, Tensor] | None:
    """Bring all features of some pairs to a device, if it has room for them.

    Returns
    -------
    pairs : PairSet
        The same, with a `Numbered` source.
    table : Tensor, (rows, dim), float32
        On the device; row 0 is zeros, for padding.
    """
    source = pairs.features
    assert source is not None
    room = int(SHARE * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 2**30)
    blocks = [np.zeros((1, source.contract.dim), np.float32)]
    videos: dict[object, np.ndarray] = {}
    total = 1
    for key, rows in _features(pairs, source):
        videos[key] = np.arange(total, total + len(rows))[:, None]
        total += len(rows)
        blocks.append(rows)
        if 4 * total * rows.shape[1] > room:
            return None
    table = torch.from_numpy(np.concatenate(blocks)).to(device)
    return replace(pairs, features=Numbered(source.contract, videos)), table


def _features(pairs: PairSet, source: FeatureSource) -> Iterator[tuple[object, np.ndarray]]:
    """Yield what targets and queries are made of, each once."""
    table = pairs.table
    whole = table["query_video"][table["query_start_s"].isna()]
    for video in {*table["target_video"].unique(), *whole.unique()}:
        yield video, source.rows(video)
    columns = ["query_video", "query_start_s", "query_end_s"]
    for video, start_s, end_s in table[columns].dropna().drop_duplicates().itertuples(index=False):
        yield (video, float(start_s), float(end_s)), source.query_rows(video, start_s, end_s)


def looked_up(batch: Batch, table: Tensor) -> Batch:
    """Put rows in the place of their numbers, (B, L, 1) to (B, L, dim)."""
    return replace(batch, target=table[batch.target[..., 0]], query=table[batch.query[..., 0]])
