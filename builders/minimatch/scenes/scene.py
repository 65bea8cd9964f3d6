"""What a scene is: a still background and what moves on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from builders.minimatch.canvas import Canvas, Image
from builders.minimatch.ground import Backdrop


@dataclass(frozen=True)
class Scene:
    """One shot ready to be drawn.

    Attributes
    ----------
    background : ndarray of uint8, (288, 512, 3)
        What does not move.
    draw : callable
        Draws the actors on a copy of it, given seconds since the start of the shot and the
        share of the shot that has passed. A pure function: any frame can be drawn alone.
    steady : bool
        A picture to be read (a graphic), which no camera moves over.
    """

    background: Image
    draw: Callable[[Canvas, float, float], None]
    steady: bool = False


SceneMaker = Callable[[Backdrop], Scene]


def scene(
    b: Backdrop, draw: Callable[[Canvas, float, float], None], *, steady: bool = False
) -> Scene:
    """Finish a backdrop as a scene."""
    return Scene(b.canvas.image, draw, steady)


def ease(share: float) -> float:
    """Slow start, slow end, for a share clipped to [0, 1]."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)
