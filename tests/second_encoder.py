"""An encoder of coded videos: the feature is a random vector of the second that is on screen."""

import numpy as np
import torch
from coded_video import read_number

from vid2vidmr.features.encoder import Encoder

TABLE = torch.from_numpy(np.random.default_rng(0).normal(size=(4096, 8)).astype(np.float32))


def second_encoder(name: str = "second") -> Encoder:
    """Frames are numbered, eight a second."""
    return Encoder(
        name=name,
        dim=8,
        weights_sha256="0" * 64,
        preprocessing="none",
        device=torch.device("cpu"),
        prepare=lambda frame: np.array(read_number(frame) // 8),
        network=lambda batch: TABLE[batch],
    )
