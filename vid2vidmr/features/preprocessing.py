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
    """The middle `edge` x `edge` of a frame whose shorter side has `edge` pixels."""

    edge: int

    def size(self, width: int, height: int) -> tuple[int, int]:
        """To what a frame is scaled first, as torchvision's Resize does."""
        shorter = min(width, height)
        return self.edge * width // shorter, self.edge * height // shorter

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Scale the frame, if the decoder did not, and cut its middle out as CenterCrop does."""
        import av

        edge = self.edge
        height, width = frame.shape[:2]
        if min(height, width) != edge:
            width, height = self.size(width, height)
            frame = av.VideoFrame.from_ndarray(frame, format="rgb24").to_ndarray(
                format="rgb24", width=width, height=height, interpolation="BICUBIC"
            )
        top, left = round((height - edge) / 2), round((width - edge) / 2)
        return frame[top : top + edge, left : left + edge]
