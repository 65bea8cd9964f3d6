"""Simulated features: 512-d, made from annotations alone, where no video is at hand.

They exercise training, memory and speed on every pair of a data set, and let methods be compared
on known ground. They say nothing about real video: the contract, every prediction and every table
made from them are marked.

The generating model, with the numbers of `Simulation` (lengths are those of a shot's latent):

- A *pool* of 48 shots, each a point of length about 1 in 32 dimensions. A *class* is an ordered
  script of 3 to 5 different shots of the pool with their usual shares of time, drawn from (seed,
  label): classes share shots, so order matters, and a class of test is a script nobody has seen.
- A *moment* shows its class's script once from its start to its end; each share of time is jittered
  (log-normal, sd 0.35). Where moments overlap, the one that starts later is seen.
- Outside of moments a video cuts every 4 to 12 s: to one of its own 3 background places, or (20 %)
  to a *distractor*: a script of other shots of the pool or, as often, the shots of one of the
  video's own classes in a wrong order.
- Every video shows a shot in its own way: the latent plus its own offset of length about 0.2.
- Nuisance in 16 other dimensions: a video's bias of length about 0.4, and a walk about it from
  row to row (autoregressive, 0.9 in 2 s) of length about 0.2. A common vector of length 1.
- The latents are mixed into 512 dimensions by an orthonormal matrix, every row gets white noise of
  length about 0.4, and the sum is scaled by 5.

A row is what is on screen at t = 0, 2, 4, ... s (another step: at its multiples), as for real
features. Everything of a video is
drawn from (seed, video id): features do not depend on what else is made.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from vid2vidmr.contract import DTYPE, STEP_S, FeatureContract
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.features.queries import arranged, dealt, keys_of, own_queries, query_times
from vid2vidmr.features.store import FeatureStore, feature_folder
from vid2vidmr.features.writer import FeatureWriter, is_complete
from vid2vidmr.progress import progress
from vid2vidmr.video.sample import sample_times, sampling

MODEL_VERSION = 1
"""Part of the contract: features of another version of this model are refused."""


@dataclass(frozen=True)
class Simulation:
    """The generating model and its numbers; see the module.

    Attributes
    ----------
    seed : int
        Seed of the pool, the scripts and the mixing matrix, and with its id of every video.
    dim, shot_dims, nuisance_dims : int
        Of a feature; of what a shot shows; of what it does not.
    pool : int
        Shots that all classes share.
    script_shots : tuple of int
        Fewest and most shots of a script.
    share_jitter : float
        Standard deviation of the log of a shot's share of its moment.
    places : int
        Backgrounds a video has.
    cut_s : tuple of float
        Shortest and longest stretch between two cuts outside of moments, seconds.
    distractors : float
        Share of these stretches that are distractors.
    offset, bias, drift, noise : float
        Lengths relative to a shot's latent: see the module.
    scale : float
        What everything is multiplied with in the end.
    step_s : float
        Seconds between two rows.
    """

    name: ClassVar = "simulated"
    needs_video: ClassVar[Literal[False]] = False

    seed: int = 0
    dim: int = 512
    shot_dims: int = 32
    nuisance_dims: int = 16
    pool: int = 48
    script_shots: tuple[int, int] = (3, 5)
    share_jitter: float = 0.35
    places: int = 3
    cut_s: tuple[float, float] = (4.0, 12.0)
    distractors: float = 0.2
    offset: float = 0.2
    bias: float = 0.4
    drift: float = 0.2
    noise: float = 0.4
    scale: float = 5.0
    step_s: float = STEP_S

    @property
    def contract(self) -> FeatureContract:
        """How the features are made; the hash is that of the model's numbers."""
        of_model = {name: value for name, value in asdict(self).items() if name != "step_s"}
        numbers = json.dumps([MODEL_VERSION, of_model], sort_keys=True)
        return FeatureContract(
            encoder=self.name,
            weights_sha256=hashlib.sha256(numbers.encode()).hexdigest(),
            dim=self.dim,
            sampling=sampling(self.step_s),
            preprocessing="none",
            decoder="none: simulated from annotations",
            dtype=DTYPE,
            simulated=True,
            step_s=self.step_s,
        )

    def features(
        self,
        video_id: str,
        duration_s: float,
        moments: Iterable[tuple[float, float, str]],
        at_s: Sequence[float] = (),
    ) -> np.ndarray:
        """Features of a video, (n, dim) float32, one row a step and at each of `at_s`.

        Parameters
        ----------
        moments : iterable of (start_s, end_s, label)
            In seconds of the video.
        at_s : sequence of float
            Further times; they change no row of the grid.
        """
        rng = self._stream("video", video_id)
        step_s, end_s = self.step_s, max(duration_s, self.step_s)
        grid = np.array(sample_times(max(1, math.ceil(end_s / step_s)), step_s))
        others = {round(time, 6) for time in at_s if time < end_s} - {*grid}
        times = np.array(sample_times(len(grid) + len(others), step_s, at_s))
        on_grid = np.isin(times, grid)
        moments = sorted(moments)
        own = self._pool + self.offset * _points(rng, *self._pool.shape)
        shots = np.zeros((len(times), self.shot_dims))
        self._paint_outside(rng, times, grid[-1], shots, own, [label for *_, label in moments])
        for start_s, end_s, label in moments:
            script, shares = self._script(label)
            self._paint(rng, times, shots, start_s, end_s, own[script], shares)
        walks = self._nuisance(rng, len(grid)).T
        nuisance = np.stack([np.interp(times, grid, walk) for walk in walks], axis=1)
        latents = np.concatenate([shots, nuisance], axis=1)
        noise = np.empty((len(times), self.dim), np.float32)
        noise[on_grid] = rng.standard_normal((len(grid), self.dim), np.float32)
        for i in np.flatnonzero(~on_grid):
            own_rng = self._stream("noise", video_id, f"{times[i]:.6f}")
            noise[i] = own_rng.standard_normal(self.dim, np.float32)
        # Not `@`: BLAS gives other last bits on other machines, and has to wake its threads.
        mixed = np.einsum("nk,kd->nd", latents.astype(np.float32), self._mixing[:-1])
        rows = mixed + self._mixing[-1] + self.noise / math.sqrt(self.dim) * noise
        features: np.ndarray = self.scale * rows
        return features

    def extract(self, dataset: Dataset, out: Path | None = None) -> FeatureStore:
        """Make features of every video of a data set from its annotations.

        A run that was killed ends, when called again, with the same bytes as one that was not.

        Parameters
        ----------
        dataset : Dataset
            Built; no video file is needed.
        out : Path, optional
            Folder of the store; by default where `open_features` looks.

        Raises
        ------
        FeatureError
            If the store there was made differently.
        """
        folder = feature_folder(dataset, self.contract.name) if out is None else out
        queries = dataset.queries()
        own = {
            video: own_queries(queries.get(video, {}), self.step_s)
            for video in dataset.videos["video_id"]
        }
        keys = {video: keys_of(video, own[video]) for video in own}
        if is_complete(folder, self.contract, (key for some in keys.values() for key in some)):
            return FeatureStore(folder)
        moments = dataset.moments.set_index("video_id")
        shown_in = {str(video): rows for video, rows in moments.groupby(level=0)}
        rows = dataset.videos[["video_id", "duration_s"]].itertuples(index=False)
        with FeatureWriter(folder, self.contract) as writer:
            todo = [(v, length) for v, length in rows if not writer.keys.issuperset(keys[v])]
            with progress(f"Features {self.name}", len(todo)) as bar:
                for video, length in todo:
                    annotated = shown_in.get(video, moments.iloc[:0])
                    duration_s, shown = self._timeline(video, length, annotated)
                    times = query_times(own[video], self.step_s)
                    made = self.features(video, duration_s, shown, times)
                    of = arranged(f"video {video!r}", own[video], made, self.step_s)
                    parts = dealt(video, own[video], of, self.step_s)
                    for key in keys[video]:
                        if key not in writer.keys:
                            writer.append(key, parts[key])
                    bar.advance()
        return FeatureStore(folder)

    def _timeline(
        self, video_id: str, duration: float, moments: pd.DataFrame
    ) -> tuple[float, list[tuple[float, float, str]]]:
        """Length of a video in seconds, and its moments in seconds of the video.

        A file whose moment has no window is the moment from start to end; where nothing tells how
        long it is, 4 to 12 s are drawn.
        """
        clips = moments[["clip_start_s", "clip_end_s"]].to_numpy("float64")
        ends = clips[:, 1][~np.isnan(clips[:, 1])]
        duration_s = float(max([*ends, 0.0 if np.isnan(duration) else duration], default=0.0))
        if duration_s == 0:
            duration_s = float(self._stream("length", video_id).uniform(4, 12))
        windows = clips[:, :1] + moments[["start_s", "end_s"]].to_numpy("float64")
        windows = np.where(np.isnan(windows), [0.0, duration_s], windows)
        return duration_s, [
            (float(start), float(end), label)
            for (start, end), label in zip(windows, moments["label"], strict=True)
        ]

    def _stream(self, *names: str) -> np.random.Generator:
        digest = hashlib.sha256("\x1f".join([str(self.seed), *names]).encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "little"))

    @cached_property
    def _pool(self) -> np.ndarray:
        return _points(self._stream("pool"), self.pool, self.shot_dims)

    @cached_property
    def _mixing(self) -> np.ndarray:
        """Orthonormal rows: shot latents, nuisance, and last the common vector."""
        rows = self.shot_dims + self.nuisance_dims + 1
        random = self._stream("mixing").standard_normal((self.dim, rows))
        mixing: np.ndarray = np.linalg.qr(random)[0].T.astype(np.float32)
        return mixing

    def _script(self, label: str) -> tuple[np.ndarray, np.ndarray]:
        """Places in the pool of a class's shots, in order, and their usual shares of time."""
        return self._draw_script(self._stream("class", label))

    def _draw_script(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        count = rng.integers(*self.script_shots, endpoint=True)
        return rng.choice(self.pool, count, replace=False), rng.uniform(0.5, 1.5, count)

    def _paint(
        self,
        rng: np.random.Generator,
        times: np.ndarray,
        shots: np.ndarray,
        start_s: float,
        end_s: float,
        latents: np.ndarray,
        shares: np.ndarray,
    ) -> None:
        """Show `latents` (k, shot_dims) one after another from start to end."""
        jittered = shares * np.exp(self.share_jitter * rng.standard_normal(len(shares)))
        cuts = start_s + np.cumsum(jittered)[:-1] * (end_s - start_s) / jittered.sum()
        rows = (times >= start_s) & (times < end_s)
        shots[rows] = latents[np.searchsorted(cuts, times[rows], side="right")]

    def _paint_outside(
        self,
        rng: np.random.Generator,
        times: np.ndarray,
        last_s: float,
        shots: np.ndarray,
        own: np.ndarray,
        labels: list[str],
    ) -> None:
        """Fill the video with places and distractors; moments are painted over them."""
        places = _points(rng, self.places, self.shot_dims)
        start_s = 0.0
        while start_s <= last_s:
            end_s = start_s + rng.uniform(*self.cut_s)
            if rng.random() < self.distractors:
                script, shares = self._draw_script(rng)
                if labels and rng.random() < 0.5:
                    script, shares = self._script(labels[rng.integers(len(labels))])
                    order = np.arange(len(script))
                    while (order == np.arange(len(script))).all():
                        order = rng.permutation(len(script))
                    script, shares = script[order], shares[order]
                self._paint(rng, times, shots, start_s, end_s, own[script], shares)
            else:
                place = places[rng.integers(self.places)]
                self._paint(rng, times, shots, start_s, end_s, place[None], np.ones(1))
            start_s = end_s

    def _nuisance(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        """Bias and drift of a video, (rows, nuisance_dims)."""
        steps = self.drift * _points(rng, rows, self.nuisance_dims)
        walk = np.empty_like(steps)
        walk[0] = steps[0]
        kept = 0.9 ** (self.step_s / STEP_S)
        for i in range(1, rows):
            walk[i] = kept * walk[i - 1] + math.sqrt(1 - kept**2) * steps[i]
        return self.bias * _points(rng, 1, self.nuisance_dims) + walk


def _points(rng: np.random.Generator, count: int, dims: int) -> np.ndarray:
    """Random points of length about 1, (count, dims)."""
    points: np.ndarray = rng.standard_normal((count, dims)) / math.sqrt(dims)
    return points


def load_simulation(name: str, device: object) -> Simulation:
    """Give the model that is registered as an encoder."""
    return Simulation()
