"""Protocols: what is changed of the pairs of a split before they are scored."""

from __future__ import annotations

import hashlib

import numpy as np

from vid2vidmr.contract import STEP_S

PROTOCOLS = ("official", "recropped")


def pair_stream(seed: int, pair_id: str) -> np.random.Generator:
    """Give a random stream of its own to every pair (or clip)."""
    digest = hashlib.sha256(f"{seed}\x1f{pair_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def recrop_windows(
    start_s: np.ndarray, end_s: np.ndarray, duration_s: np.ndarray, uniform: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sub-windows of targets in which the moment's position is uniform.

    Parameters
    ----------
    start_s, end_s, duration_s : ndarray, (n,)
        Moment in the target, and the target's length, seconds.
    uniform : ndarray, (n, 2)
        Uniform draws in [0, 1): position of the moment in the cut, length of the cut.

    Returns
    -------
    cut_start_s, cut_end_s : ndarray, (n,)
        Start is a multiple of 2 s.
    """
    moment = end_s - start_s
    position = np.clip(uniform[:, 0], 1e-9, 1 - 1e-9)
    shortest = np.minimum(np.maximum(2 * moment, 30.0), duration_s)
    # The longest cut that keeps the moment at `position` and stays inside the target.
    room = np.minimum(start_s / position, (duration_s - end_s) / (1 - position))
    longest = np.clip(moment + room, shortest, duration_s)
    length = shortest + uniform[:, 1] * (longest - shortest)
    start = start_s - position * (length - moment)
    start = np.clip(start, np.maximum(0, end_s - length), np.minimum(start_s, duration_s - length))
    cut_end = np.minimum(start + length, duration_s)
    return STEP_S * np.floor(start / STEP_S), cut_end


SUBSET = ", only "
"""What a restriction appends to the name of a protocol, before the name of the subset."""
WRONG_QUERIES = ", wrong queries"
"""What `PairSet.wrong_queries` appends to the name of a protocol."""
