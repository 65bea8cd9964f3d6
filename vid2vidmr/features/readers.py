"""What of a video goes through a network for each of its rows: a frame, or a clip around the step.

A reader can be pickled: processes that decode have one, too (`vid2vidmr.features.decoding`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from vid2vidmr.contract import clips_of
from vid2vidmr.features.queries import arranged, behind_the_end, query_times
from vid2vidmr.records import Window
from vid2vidmr.video.packets import Frames, microseconds
from vid2vidmr.video.sample import DECODER, sample_frames, sampling

Prepare = Callable[[np.ndarray], np.ndarray]
Size = Callable[[int, int], tuple[int, int]]


class Sampled(NamedTuple):
    """A video file, the step of its grid, and the queries that have rows of their own, seconds."""

    path: Path
    step_s: float
    queries: tuple[Window, ...] = ()


class Reader(Protocol):
    """Reads what a network takes.

    Attributes
    ----------
    decoder : str
        Of the contract.
    own_queries : bool
        Whether rows look beyond their time: a query on the grid of its video then has rows of its
        own, which do not see what is around it.
    """

    @property
    def decoder(self) -> str:
        """Say what gives frames."""
        ...

    @property
    def own_queries(self) -> bool:
        """Whether rows look beyond their time."""
        ...

    def sampling(self, step_s: float) -> str:
        """Say for a contract what each row is of."""
        ...

    def read(self, video: Sampled) -> Iterator[np.ndarray]:
        """Yield what the network takes for each row, in an order of its own.

        Raises
        ------
        VideoError
            If the file cannot be read to its end.
        """
        ...

    def arranged(self, video: Sampled, rows: np.ndarray) -> np.ndarray:
        """Arrange the encoded rows as `vid2vidmr.features.queries` says.

        Raises
        ------
        FeatureError
            If a query begins behind the end of its video.
        """
        ...


@dataclass(frozen=True)
class Stills:
    """The frame on screen at the row's time.

    Attributes
    ----------
    prepare, size
        Of the `vid2vidmr.features.encoder.Encoder`.
    """

    prepare: Prepare
    size: Size | None = None

    decoder: ClassVar[str] = DECODER
    own_queries: ClassVar[bool] = False

    def sampling(self, step_s: float) -> str:
        """See `Reader`."""
        return sampling(step_s)

    def read(self, video: Sampled) -> Iterator[np.ndarray]:
        """Yield prepared frames, in the order of time; see `Reader`."""
        at_s = query_times(video.queries, video.step_s)
        samples = sample_frames(video.path, video.step_s, at_s=at_s, threads=1, size=self.size)
        return (self.prepare(frame) for _, frame in samples)

    def arranged(self, video: Sampled, rows: np.ndarray) -> np.ndarray:
        """See `Reader`."""
        return arranged(str(video.path), video.queries, rows, video.step_s)


@dataclass(frozen=True)
class Clips:
    """`count` frames at `rate` a second, about the middle between the row's time and the next's.

    Row k at the step s is of the clip whose middle is ``(k + 1/2) s``. Where a clip reaches over
    the start or the end of the video (or of the query), its first or last frame is repeated.

    Attributes
    ----------
    prepare, size
        Of a frame, as of `Stills`; the network takes (count, *prepared).
    """

    prepare: Prepare
    size: Size | None
    count: int
    rate: float

    decoder: ClassVar[str] = DECODER
    own_queries: ClassVar[bool] = True

    @property
    def tick(self) -> int:
        """Microseconds between two frames."""
        return round(1e6 / self.rate)

    def sampling(self, step_s: float) -> str:
        """See `Reader`."""
        return (
            f"{self.count} frames, {self.tick / 1e6:g} s apart, about the middle of [t, t + "
            f"{step_s:g} s), for t = 0, {step_s:g}, ... s; the first and last are repeated; "
            "of a query, from its own start to its end"
        )

    def read(self, video: Sampled) -> Iterator[np.ndarray]:
        """Yield clips; see `Reader`. A frame is decoded and prepared once."""
        end = Frames.of(video.path).end
        ends = [end, *(min(end, microseconds(b)) for _, b in video.queries)]
        starts = [0, *(round(1e6 * a) for a, _ in video.queries)]
        # Of each part (the grid, then the queries) the last frame that it has.
        last = [
            math.ceil((10**6 * b - a) / self.tick) - 1 for a, b in zip(starts, ends, strict=True)
        ]
        for start, of in zip(starts, last, strict=True):
            if of < 0:
                raise behind_the_end(str(video.path), start / 1e6)
        of_query: dict[int, list[tuple[int, int]]] = {}  # time to (part, number of the frame)
        for part in range(1, len(starts)):
            for m in range(last[part] + 1):
                of_query.setdefault(starts[part] + m * self.tick, []).append((part, m))
        held: list[dict[int, np.ndarray]] = [{} for _ in starts]
        order = deque(self._order(video, math.ceil(end / microseconds(video.step_s))))
        at_s = [time / 1e6 for time in of_query]
        samples = sample_frames(video.path, self.tick / 1e6, at_s=at_s, threads=1, size=self.size)
        for time_s, frame in samples:
            time, prepared = round(1e6 * time_s), self.prepare(frame)
            on_grid = [] if time % self.tick else [(0, time // self.tick)]
            for part, m in [*of_query.pop(time, ()), *on_grid]:
                held[part][m] = prepared
            while order and order[0][0] <= time:
                _, part, k = order.popleft()
                yield self._clip(held[part], k, video.step_s, last[part])
        for _, part, k in order:
            yield self._clip(held[part], k, video.step_s, last[part])

    def arranged(self, video: Sampled, rows: np.ndarray) -> np.ndarray:
        """See `Reader`."""
        total = len(rows) - sum(clips_of(*span, video.step_s) for span in video.queries)
        order = self._order(video, total)
        return rows[sorted(range(len(order)), key=lambda i: order[i][1:])]

    def _first(self, k: int, step_s: float) -> int:
        """Give the number of the first frame of row k, counted from the start of its part."""
        return math.floor(1e6 * (k + 0.5) * step_s / self.tick - (self.count - 1) / 2 + 0.5)

    def _order(self, video: Sampled, total: int) -> list[tuple[int, int, int]]:
        """List when the last frame of a row is there, with part and row, sorted."""
        step_s, reach = video.step_s, self.count - 1
        parts = [(0.0, total), *((a, clips_of(a, b, step_s)) for a, b in video.queries)]
        return sorted(
            (round(1e6 * start) + (self._first(k, step_s) + reach) * self.tick, part, k)
            for part, (start, rows) in enumerate(parts)
            for k in range(rows)
        )

    def _clip(self, held: dict[int, np.ndarray], k: int, step_s: float, last: int) -> np.ndarray:
        """Stack the frames of a row, and forget those that no later one has."""
        first = self._first(k, step_s)
        for m in [m for m in held if m < min(first, last)]:
            del held[m]
        return np.stack([held[min(max(m, 0), last)] for m in range(first, first + self.count)])
