"""Archives made of random numbers, into which moments are written."""

from __future__ import annotations

import numpy as np

from vid2vidmr.archive.store import Archive
from vid2vidmr.contract import FeatureContract
from vid2vidmr.features.store import MemoryFeatures

DIM = 48
CONTRACT = FeatureContract(
    encoder="made", weights_sha256="0" * 64, dim=DIM, sampling="t = 0, 2, 4, ...",
    preprocessing="none", decoder="none", dtype="float32",
)  # fmt: skip


def noise(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Rows in shots of about five, about a common mean."""
    shots = np.repeat(rng.normal(size=(rows // 5 + 1, DIM)), 5, axis=0)[:rows]
    return (3 + shots + 0.4 * rng.normal(size=(rows, DIM))).astype(np.float32)


def moment(rng: np.random.Generator, rows: int = 6) -> np.ndarray:
    """Rows that each show something else."""
    return (3 + 1.2 * rng.normal(size=(rows, DIM))).astype(np.float32)


def made_archive(
    seed: int = 0,
    videos: int = 8,
    rows: int = 200,
    planted: dict[str, list[tuple[int, np.ndarray]]] | None = None,
) -> Archive:
    """Videos v0, v1, ...; `planted` writes rows into them, a little changed."""
    rng = np.random.default_rng(seed)
    made = {f"v{i}": noise(rng, rows) for i in range(videos)}
    for video, moments in (planted or {}).items():
        for first, what in moments:
            changed = what + 0.3 * rng.normal(size=what.shape).astype(np.float32)
            made[video][first : first + len(what)] = changed
    return Archive.of(MemoryFeatures(CONTRACT, made), {v: 2.0 * len(r) for v, r in made.items()})
