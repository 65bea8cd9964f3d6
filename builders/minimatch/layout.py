"""Where the moments of a video lie and how a stretch of time is cut into shots."""

from __future__ import annotations

import numpy as np

from builders.minimatch.config import FPS, MinimatchConfig
from vid2vidmr.errors import UserError

MIN_GAP_S = 3.0
MIN_SHOT_S = 1.25
IDLE_SHOT_S = 3.8  # mean length of a shot of idle play


def draw_windows(
    config: MinimatchConfig, n_shots: list[int], rng: np.random.Generator
) -> tuple[int, list[tuple[int, int]]]:
    """Draw the length of a video and its moments, in frames.

    Parameters
    ----------
    config : MinimatchConfig
        Bounds of the lengths.
    n_shots : list of int
        Number of shots of each moment, in order of time.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    int
        Length of the video in frames.
    list of (int, int)
        Half-open frame windows, in order, at least `MIN_GAP_S` apart. None lies over the
        midpoint of the video, so that predicting the centre earns nothing.

    Raises
    ------
    UserError
        If the videos are too short for the moments.
    """
    gap = round(MIN_GAP_S * FPS)
    shortest = [max(config.moment_s[0], MIN_SHOT_S * n) for n in n_shots]
    lengths = [round(rng.uniform(low, config.moment_s[1]) * FPS) for low in shortest]
    for _ in range(10_000):
        total = int(rng.integers(round(config.video_s[0] * FPS), round(config.video_s[1] * FPS)))
        spare = total - sum(lengths) - gap * (len(lengths) + 1)
        if spare < 0:
            continue
        cuts = np.sort(rng.integers(0, spare + 1, size=len(lengths)))
        windows, used = [], 0
        for cut, length in zip(cuts, lengths, strict=True):
            start = int(cut) + used + gap * (len(windows) + 1)
            windows.append((start, start + length))
            used += length
        if not any(2 * start <= total <= 2 * end for start, end in windows):
            return total, windows
    raise UserError(
        f"No layout of {len(n_shots)} moments of {config.moment_s} s keeps off the midpoint of "
        f"videos of {config.video_s} s: make videos longer or moments shorter."
    )


def cut_stretch(frames: int, shots: int, rng: np.random.Generator) -> list[int]:
    """Cut `frames` frames into `shots` pieces of varying length, each `MIN_SHOT_S` or longer.

    When the stretch is too short for that, the pieces are as even as possible.
    """
    shortest = min(round(MIN_SHOT_S * FPS), frames // shots)
    spare = frames - shortest * shots
    shares = rng.dirichlet(np.full(shots, 3.0)) * spare
    edges = np.round(np.cumsum(shares)).astype(int)
    return [int(n) + shortest for n in np.diff(edges, prepend=0)]
