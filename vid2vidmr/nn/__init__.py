"""The neural core that the trained methods share; importing it imports torch.

All tensors are batch-first, masks are true (1) where a row is valid. Module and parameter names are
those of the published models, so that their checkpoints load by key.
"""

from vid2vidmr.nn.clips import WeightedPool
from vid2vidmr.nn.heads import MLP, ConvHead
from vid2vidmr.nn.positions import LearnedPosition, sine_position
from vid2vidmr.nn.projection import Projection, normalise, with_endpoints
from vid2vidmr.nn.transformer import (
    Decoder,
    DecoderLayer,
    DropPath,
    Encoder,
    EncoderLayer,
    xavier_init,
)

__all__ = [
    "MLP",
    "ConvHead",
    "Decoder",
    "DecoderLayer",
    "DropPath",
    "Encoder",
    "EncoderLayer",
    "LearnedPosition",
    "Projection",
    "WeightedPool",
    "normalise",
    "sine_position",
    "with_endpoints",
    "xavier_init",
]
