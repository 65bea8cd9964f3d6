"""What encoders do to a frame before their network sees it; decoding processes do it, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


def squeeze(frame: np.ndarray) -> np.ndarray:
    """Resize to 224 x 224 by area, whatever the aspect."""
    import cv2

    return cv2.resize(frame, (224, 224), interpolation=cv2.INTER_AREA)


@dataclass(frozen=True)
class Transform:
    """A transform of torchvision, of PIL images."""

    transform: Any

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Give the array (3, height, width) float32 that the network takes."""
        from PIL import Image

        prepared: np.ndarray = self.transform(Image.fromarray(frame)).numpy()
        return prepared


@dataclass(frozen=True)
class Middle:
    """The middle `edge` x `edge` of a frame whose shorter side is scaled to `edge` pixels."""

    edge: int

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Scale as torchvision's Resize does (bicubic, antialiased), then cut as CenterCrop."""
        import torch

        edge, (height, width) = self.edge, frame.shape[:2]
        if (shorter := min(height, width)) != edge:
            height, width = edge * height // shorter, edge * width // shorter
            pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]  # channels last: the fast way
            scaled = torch.nn.functional.interpolate(
                pixels, (height, width), mode="bicubic", antialias=True
            )
            frame = scaled[0].permute(1, 2, 0).numpy()
        top, left = round((height - edge) / 2), round((width - edge) / 2)
        return frame[top : top + edge, left : left + edge]
