"""What an encoder is: a network that turns frames into features, or a maker that sees none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from vid2vidmr.contract import DTYPE, STEP_S, FeatureContract
from vid2vidmr.video.sample import DECODER, sampling

if TYPE_CHECKING:
    from pathlib import Path

    from vid2vidmr.data.dataset import Dataset
    from vid2vidmr.features.store import FeatureStore


@dataclass(frozen=True)
class Encoder:
    """A network that turns frames into features.

    Attributes
    ----------
    dim : int
        Length of a feature.
    weights_sha256 : str
        Hash of the weights themselves, whatever file format they came in.
    preprocessing : str
        What happens to a frame before the network sees it.
    prepare : callable
        Frame (height, width, 3) uint8 RGB to what the network takes, as an array; cheap enough to
        run beside decoding. It can be pickled, for `vid2vidmr.features.decoding`.
    network : callable
        (batch, *prepared) tensor on `device` to (batch, dim).
    cpu_batch : int
        Frames a batch on a CPU.
    size : callable or None
        To what the decoder should scale frames, see `vid2vidmr.video.sample.sample_frames`; can be
        pickled, too.
    reference : str or None
        Encoder that this is a cheaper form of; extraction measures how close it is.
    step_s : float
        Seconds between two features; what loads an encoder leaves it alone.
    """

    needs_video: ClassVar[Literal[True]] = True

    name: str
    dim: int
    weights_sha256: str
    preprocessing: str
    device: torch.device
    prepare: Callable[[np.ndarray], np.ndarray]
    network: Callable[[Tensor], Tensor]
    cpu_batch: int = 16
    size: Callable[[int, int], tuple[int, int]] | None = None
    reference: str | None = None
    step_s: float = STEP_S

    @property
    def batch(self) -> int:
        """Frames a batch on the device."""
        return self.cpu_batch if self.device.type == "cpu" else 64

    @property
    def contract(self) -> FeatureContract:
        """How features of this encoder are made."""
        return FeatureContract(
            encoder=self.name,
            weights_sha256=self.weights_sha256,
            dim=self.dim,
            sampling=sampling(self.step_s),
            preprocessing=self.preprocessing,
            decoder=DECODER,
            dtype=DTYPE,
            step_s=self.step_s,
        )

    def encode(self, frames: Sequence[np.ndarray]) -> np.ndarray:
        """Encode frames (height, width, 3) uint8 RGB into (n, dim) float32."""
        return self.encode_prepared([self.prepare(frame) for frame in frames])

    def encode_prepared(self, prepared: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Encode what `prepare` gave, in batches of `batch` from the first frame on."""
        parts = [np.empty((0, self.dim), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(prepared), self.batch):
                batch = torch.from_numpy(np.asarray(prepared[start : start + self.batch]))
                features = self.network(batch.to(self.device))
                parts.append(features.float().cpu().numpy())
        return np.concatenate(parts)


class VideolessEncoder(Protocol):
    """Makes features of a data set without looking at a video, such as from its annotations."""

    needs_video: ClassVar[Literal[False]]

    @property
    def name(self) -> str:
        """Name of the encoder."""
        ...

    @property
    def step_s(self) -> float:
        """Seconds between two features; a field, so that `dataclasses.replace` changes it."""
        ...

    def extract(self, dataset: Dataset, out: Path | None = None) -> FeatureStore:
        """Make the features that are not there yet, see `extract_features`."""
        ...


def weights_hash(weights: dict[str, Tensor]) -> str:
    """Hash of weights themselves, whatever file format they came in."""
    digest = hashlib.sha256()
    for key in sorted(weights):
        value = weights[key].detach().cpu()
        value = value.float() if value.is_floating_point() else value
        digest.update(f"{key}{tuple(value.shape)}".encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()
