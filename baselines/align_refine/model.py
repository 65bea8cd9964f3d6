"""A small network on top of local alignments: it ranks their windows and moves the ends.

It sees similarities only, never a feature, and so transfers over encoders, widths and worlds. Its
corrections are zero before training: it starts as local alignment.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from baselines.align_refine.inputs import BINS, CLIPS, MAPS, SETTINGS, Inputs
from vid2vidmr.devices import one_thread

WIDTH = 64
"""Channels of the convolutions along the target."""
MAP_WIDTH = 12
"""Channels of those over the similarity map."""
DILATIONS = (1, 2, 4, 8, 1, 2)
"""Of the blocks along the target, in clips."""
REACH = 4.0
"""Most that an end is moved, in clips."""


class _Block(nn.Module):
    """Residual dilated convolution along the target, of products: faster on CPUs than conv1d."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Linear(3 * width, width)
        self.mix = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, M, width) to the same; `mask` (B, M, 1) is 0 behind a target's end."""
        y = nn.functional.pad(self.norm(x) * mask, (0, 0, self.dilation, self.dilation))
        length = x.shape[1]
        near = [y[:, k * self.dilation : k * self.dilation + length] for k in range(3)]
        out: Tensor = x + self.mix(nn.functional.gelu(self.conv(torch.cat(near, dim=2))))
        return out


class Network(nn.Module):
    """Scores and windows for every clip and every setting of local alignment."""

    calibration: Tensor

    def __init__(self) -> None:
        super().__init__()
        width, maps, S = WIDTH, MAP_WIDTH, len(SETTINGS)
        self.map_in = nn.Conv2d(MAPS, maps, 3, padding=1)
        # A match is a diagonal: dilated squares follow it over more and more clips.
        self.map_blocks = nn.ModuleList(
            nn.Conv2d(maps, maps, 3, padding=d, dilation=d) for d in (1, 2)
        )
        self.clip_in = nn.Linear((MAPS + maps) * BINS + CLIPS, width)
        self.blocks = nn.ModuleList(_Block(width, d) for d in DILATIONS)
        self.head = nn.Linear(width, 3 * S)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.gain = nn.Parameter(torch.full((S,), 8.0))
        # At first only windows of the first setting are ranked high: those of local-match.
        self.offset = nn.Parameter(torch.tensor([-2.0] + [-4.5] * (S - 1)))
        # Slope and offset that make log odds of IoU >= 0.5 of a score, fitted on validation.
        self.register_buffer("calibration", torch.tensor([1.0, 0.0], dtype=torch.float64))

    def forward(
        self, maps: Tensor, clips: Tensor, windows: Tensor, scores: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Score a padded batch.

        Parameters
        ----------
        maps, clips, windows, scores : Tensor
            (B, MAPS, M, BINS), (B, M, CLIPS), (B, M, S, 2), (B, M, S); see `Inputs`.
        mask : Tensor, (B, M)
            1 on the clips of the target.

        Returns
        -------
        logits : Tensor, (B, M, S)
        windows : Tensor, (B, M, S, 2)
            In clips.
        """
        B, _, M, _ = maps.shape
        there = mask[:, None, :, None]
        y = nn.functional.gelu(self.map_in(maps * there))
        for conv in self.map_blocks:
            y = y + nn.functional.gelu(conv(y * there))
        y = torch.cat([maps, y], dim=1).transpose(1, 2).reshape(B, M, -1)
        x = self.clip_in(torch.cat([y, clips], dim=2))
        for block in self.blocks:
            x = block(x, mask[:, :, None])
        score, moves = self.head(x).split([len(SETTINGS), 2 * len(SETTINGS)], dim=2)
        logits = self.gain * scores + self.offset + score
        moves = REACH * torch.tanh(moves.reshape(B, M, -1, 2))
        return logits, windows + moves

    def answer(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        """Give the probabilities (k,) and windows (k, 2), in clips, of one pair."""
        with torch.inference_mode(), one_thread():
            logits, windows = self.eval()(**collate([inputs]))
            slope, offset = self.calibration
            odds = (slope * logits[0].flatten().double() + offset).clip(-30, 30)
        return torch.sigmoid(odds).numpy(), windows[0].reshape(-1, 2).double().numpy()


def collate(items: list[Inputs]) -> dict[str, Tensor]:
    """Pad the inputs of pairs to the longest target, with the mask."""
    length = max(len(item.clips) for item in items)

    def padded(arrays: list[np.ndarray], axis: int = 0) -> Tensor:
        shape = list(arrays[0].shape)
        shape[axis] = length
        out = np.zeros((len(arrays), *shape), np.float32)
        for row, array in zip(out, arrays, strict=True):
            row[(slice(None),) * axis + (slice(array.shape[axis]),)] = array
        return torch.from_numpy(out)

    return {
        "maps": padded([item.maps for item in items], axis=1),
        "clips": padded([item.clips for item in items]),
        "windows": padded([item.windows for item in items]),
        "scores": padded([item.scores for item in items]),
        "mask": padded([np.ones(len(item.clips), np.float32) for item in items]),
    }


def save(network: Network, path: Path, card: dict[str, str]) -> None:
    """Write weights, and what is known of their origin, as safetensors."""
    tensors = {name: weight.contiguous() for name, weight in network.state_dict().items()}
    save_file(tensors, path, metadata=card)


def load(path: Path) -> Network:
    """Read what `save` wrote."""
    network = Network()
    network.load_state_dict(load_file(path))
    return network.eval()
