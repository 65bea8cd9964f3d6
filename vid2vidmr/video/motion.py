"""Motion vectors that a video's encoder left in it: what moves, without looking at a pixel.

H.264 (MPEG-4, MPEG-2 and H.263 too) say of each block of a predicted frame from where in another
frame it comes; FFmpeg exports that (``flags2=+export_mvs``). (Its decoders of HEVC, VP9 and AV1 do
not.) Compressed video recognition is of Wu et al., CVPR 2018 (arXiv 1712.00636).

Only P frames are decoded: a vector does not say which frame it points to, and there it is the I or
P frame before, unless the encoder has looked further back. So the time between the two is known,
and most frames of a file cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from vid2vidmr.errors import VideoError
from vid2vidmr.video.decode import in_order, timed
from vid2vidmr.video.packets import film_packets
from vid2vidmr.video.picture import Turn
from vid2vidmr.video.source import Source

_PREDICTED, _INTRA = 2, 1  # AVPictureType


class Moves(NamedTuple):
    """What moved from one frame to the next that was looked at.

    Attributes
    ----------
    start_s, end_s : float
        Times of the two frames.
    at : ndarray, (n, 2)
        Middle of each block, shares of the picture's width and height, from its upper left.
    velocity : ndarray, (n, 2)
        To the right and down, picture widths a second.
    area : ndarray, (n,)
        Pixels.
    """

    start_s: float
    end_s: float
    at: np.ndarray
    velocity: np.ndarray
    area: np.ndarray


def moves(source: Source) -> Iterator[Moves]:
    """Yield what moves in a film, in the order of time; intra frames say nothing.

    Parameters
    ----------
    source : Source
        Just opened. When all are taken, its `end` is the length.

    Raises
    ------
    VideoError
        If the file is damaged, or its codec leaves no vectors.
    """
    codec = source.stream.codec_context
    codec.thread_count, codec.thread_type = 1, "NONE"
    codec.options = {**codec.options, "flags2": "+export_mvs", "skip_loop_filter": "all"}
    before: float | None = None
    found = False
    for ticks, frame in _frames(source):
        kind, time_s = int(frame.pict_type), float((ticks - (source.start or 0)) * source.base)
        if kind not in (_INTRA, _PREDICTED):
            continue
        vectors: Any = frame.side_data.get("MOTION_VECTORS")
        if vectors is not None and before is not None and time_s > before:
            found = True
            yield _moves(before, time_s, frame, vectors.to_ndarray())
        before = time_s
    if not found:
        raise VideoError(
            f"{source.path} has no motion vectors that can be read (its codec is {codec.name}; "
            "needed are predicted frames of H.264 or MPEG): encode it as H.264, or choose an "
            "encoder of pictures."
        )


def _frames(source: Source) -> Iterator[Any]:
    """Decode I and P frames, and others where packets do not tell when a frame is shown."""
    packets = film_packets(source)
    first = list(islice(packets, 1))  # it tells whether packets are timed
    every = chain(first, packets)
    if not source.timed:
        yield from in_order(source, every)
        return
    source.stream.codec_context.skip_frame = "BIDIR"
    for packet in chain(every, [None]):
        yield from timed(source, source.stream.codec_context.decode(packet))


def _moves(start_s: float, end_s: float, frame: Any, vectors: np.ndarray) -> Moves:
    past = vectors[vectors["source"] < 0]
    size = np.array([frame.width, frame.height])
    at = np.stack([past["dst_x"], past["dst_y"]], axis=1) / size
    # From the block to where it comes from, in quarters of a pixel or so.
    pixels = -np.stack([past["motion_x"], past["motion_y"]], axis=1) / past["motion_scale"][:, None]
    turn = Turn.of(frame)
    if turn.swapped:
        at, pixels, size = at[:, ::-1], pixels[:, ::-1], size[::-1]
    for axis, mirrored in enumerate((turn.left_right, turn.up_down)):
        if mirrored:
            at[:, axis], pixels[:, axis] = 1 - at[:, axis], -pixels[:, axis]
    velocity = pixels / size[0] / (end_s - start_s)
    return Moves(start_s, end_s, at, velocity, past["w"].astype(float) * past["h"])
