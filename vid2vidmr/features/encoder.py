"""What an encoder is: a network that turns frames into features, or a maker that sees none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from vid2vidmr.contract import DTYPE, STEP_S, FeatureContract
from vid2vidmr.features.readers import Clips, Reader, Stills

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
        Rows a batch on a CPU.
    size : callable or None
        To what the decoder should scale frames, see `vid2vidmr.video.sample.sample_frames`; can be
        pickled, too.
    reference : str or None
        Encoder that this is a cheaper form of; extraction measures how close it is.
    reader : Reader or None
        What of a video goes through the network for a feature, see `vid2vidmr.features.readers`;
        None: the frame on screen, through `prepare`.
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
    reader: Reader | None = None
    step_s: float = STEP_S

    @property
    def reads(self) -> Reader:
        """What of a video goes through the network."""
        return self.reader or Stills(self.prepare, self.size)

    @property
    def own_queries(self) -> bool:
        """See `vid2vidmr.features.readers.Reader`."""
        return self.reads.own_queries

    @property
    def batch(self) -> int:
        """Rows a batch on the device; there it has 64 frames."""
        frames = self.reader.count if isinstance(self.reader, Clips) else 1
        return self.cpu_batch if self.device.type == "cpu" else max(1, 64 // frames)

    @property
    def contract(self) -> FeatureContract:
        """How features of this encoder are made."""
        return FeatureContract(
            encoder=self.name,
            weights_sha256=self.weights_sha256,
            dim=self.dim,
            sampling=self.reads.sampling(self.step_s),
            preprocessing=self.preprocessing,
            decoder=self.reads.decoder,
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


@dataclass(frozen=True)
class Joined:
    """Several encoders whose features are put behind each other, each scaled to length 1.

    Attributes
    ----------
    joined : tuple of Encoder
    step_s : float
        Seconds between two features, of all.
    """

    needs_video: ClassVar[Literal[True]] = True
    reference: ClassVar[None] = None

    joined: tuple[Encoder, ...]
    step_s: float = STEP_S

    @property
    def parts(self) -> tuple[Encoder, ...]:
        """The encoders, at the step."""
        return tuple(replace(part, step_s=self.step_s) for part in self.joined)

    @property
    def name(self) -> str:
        """Name of the encoder, ``A+B``."""
        return "+".join(part.name for part in self.joined)

    @property
    def dim(self) -> int:
        """Length of a feature."""
        return sum(part.dim for part in self.joined)

    @property
    def device(self) -> torch.device:
        """Where the first one computes."""
        return self.joined[0].device

    @property
    def own_queries(self) -> bool:
        """See `vid2vidmr.features.readers.Reader`."""
        return any(part.own_queries for part in self.joined)

    @property
    def contract(self) -> FeatureContract:
        """How features are made."""
        contracts = [part.contract for part in self.parts]

        def said(field: str) -> str:
            values = [getattr(contract, field) for contract in contracts]
            named = zip(self.joined, values, strict=True)
            alike = len(set(values)) == 1
            return values[0] if alike else "; ".join(f"{of.name}: {value}" for of, value in named)

        hashes = "+".join(contract.weights_sha256 for contract in contracts)
        return FeatureContract(
            encoder=self.name,
            weights_sha256=hashlib.sha256(hashes.encode()).hexdigest(),
            dim=self.dim,
            sampling=said("sampling"),
            preprocessing=said("preprocessing") + "; each scaled to length 1",
            decoder=said("decoder"),
            dtype=DTYPE,
            step_s=self.step_s,
        )


VideoEncoder = Encoder | Joined


def unit(rows: np.ndarray) -> np.ndarray:
    """Scale rows (n, dim) to length 1; a row of zeros stays one."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: np.ndarray = rows / np.where(norms > 0, norms, 1)
    return scaled


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
