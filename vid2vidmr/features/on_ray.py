"""Encoding videos on a Ray cluster (Ray Data): every worker encodes videos, one process stores.

Workers are whatever Ray gives: with ``RAY_ADDRESS`` set, or on a node where ``ray start`` was run,
that cluster, else this machine. They need this package, the encoder's weights, and the video files
at the same paths.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vid2vidmr.contract import FeatureContract
from vid2vidmr.errors import FeatureError, UserError, VideoError
from vid2vidmr.features.encoder import VideoEncoder
from vid2vidmr.features.readers import Sampled
from vid2vidmr.progress import tell


def encode_on_ray(
    todo: list[tuple[str, Sampled]], encoder: VideoEncoder, device: str | None = None
) -> Generator[tuple[str, Future[np.ndarray]]]:
    """Encode files on a Ray cluster, see `vid2vidmr.features.local.Engine`.

    Parameters
    ----------
    todo : list of (video id, path)
    encoder : Encoder
        Workers load their own by its name, and refuse if it is not the same.
    device : str, optional
        Of the workers. By default all GPUs of the cluster, a worker each, or all CPUs.

    Raises
    ------
    UserError
        If Ray is not installed or its cluster cannot be joined, it has no GPU and `device` is one,
        or a worker's encoder is another one.
    """
    if todo:
        with cluster() as ray:
            yield from _encode(ray, todo, encoder, device)


@contextmanager
def cluster() -> Iterator[Any]:
    """Join a Ray cluster, or start one of this machine, and leave it as it was; gives ``ray``.

    Raises
    ------
    UserError
        If Ray is not installed or its cluster cannot be joined.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is imported and started
    try:
        import ray

        started = not ray.is_initialized()
        if started:
            tell("Ray: join a cluster, or start one here, which takes some seconds ...")
        import ray.data
    except ImportError:
        raise UserError(
            'Ray is not installed: run `pip install "vid2vidmr[ray]"`, or leave out --engine ray.'
        ) from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # there is a progress bar already
    if started:
        try:
            ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
        except ConnectionError as error:
            raise UserError(
                f"The Ray cluster cannot be joined ({str(error).splitlines()[0]}): see `ray "
                "status`; without RAY_ADDRESS and after `ray stop` this machine alone works."
            ) from None
    try:
        yield ray
    finally:
        if started:
            ray.shutdown()


def _encode(
    ray: Any, todo: list[tuple[str, Sampled]], encoder: VideoEncoder, device: str | None
) -> Generator[tuple[str, Future[np.ndarray]]]:
    has = ray.cluster_resources()
    on_gpus = has.get("GPU", 0) >= 1 and (device is None or device.startswith("cuda"))
    if device is not None and device.startswith("cuda") and not on_gpus:
        raise UserError(
            f"The Ray cluster has no GPU, and --device {device} needs one: leave --device out, or "
            "add a node that has one."
        )
    workers = max(1, min(len(todo), int(has.get("GPU" if on_gpus else "CPU", 1))))
    # A block a video: what is done arrives, and is stored, at once.
    videos = ray.data.from_items(
        [
            {"path": str(video.path.resolve()), "queries": [*map(list, video.queries)]}
            for _, video in todo
        ],
        override_num_blocks=len(todo),
    )
    videos.context.execution_options.preserve_order = True
    videos.context.enable_progress_bars = False
    encoded = videos.map(
        Worker,
        fn_constructor_args=(encoder.contract.name, device, encoder.contract.model_dump()),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        num_gpus=1 if on_gpus else 0,
    )
    for (video_id, video), row in zip(todo, encoded.iter_rows(), strict=True):
        if row["refused"]:
            raise UserError(row["refused"])  # not of this video: the run ends
        future: Future[np.ndarray] = Future()
        if row["failed"]:
            future.set_exception(VideoError(row["failed"].replace(row["path"], str(video.path))))
        else:
            rows = np.frombuffer(row["rows"], np.float32)
            future.set_result(rows.reshape(-1, encoder.dim))
        yield video_id, future


class Worker:
    """Encodes videos in a process of the cluster.

    Parameters
    ----------
    name, device
        As of `vid2vidmr.features.load.load_encoder`.
    contract : dict
        Of the features that the store takes.
    """

    def __init__(self, name: str, device: str | None, contract: dict[str, Any]) -> None:
        import torch

        from vid2vidmr.contract import differences
        from vid2vidmr.features.load import load_encoder

        torch.set_num_threads(1)  # as on one machine: the bytes must not depend on it
        self.refused = ""
        try:
            self.encoder = load_encoder(name, device)
        except UserError as error:
            self.refused = f"A worker of Ray cannot encode: {error}"
            return
        if differing := differences(self.encoder.contract, FeatureContract(**contract)):
            self.refused = (
                f"A worker of Ray has another encoder, with {differing}: install the same versions "
                "on all nodes."
            )

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Encode the video at ``row["path"]``."""
        from vid2vidmr.features.local import encode_rows

        done = row | {"refused": self.refused, "failed": "", "rows": b""}
        if not self.refused:
            try:
                video = Sampled(
                    Path(row["path"]), self.encoder.step_s, tuple(map(tuple, row["queries"]))
                )
                done["rows"] = encode_rows(video, self.encoder).tobytes()
            except (VideoError, FeatureError) as error:
                done["failed"] = str(error)
        return done
