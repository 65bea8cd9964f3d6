"""Retrieval in several files at once: an archive in memory, of cached features."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vid2vidmr.archive.search import Found, Searcher
from vid2vidmr.archive.store import Archive
from vid2vidmr.archive.videos import named_videos
from vid2vidmr.contract import DEFAULT_ENCODER, named_features, require_contract
from vid2vidmr.errors import VideoError
from vid2vidmr.features.cached import CachedEncoder
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.progress import tell
from vid2vidmr.video.sample import video_duration

if TYPE_CHECKING:
    from vid2vidmr.features.encoder import VideoEncoder
    from vid2vidmr.methods.base import Method


def retrieve_among(
    method: Method,
    query: str | Path,
    targets: Iterable[str | Path],
    encoder: str | VideoEncoder | None = None,
    top: int = 10,
) -> Found:
    """Find the moment that the whole file `query` shows in several files.

    Parameters
    ----------
    method : Method
    targets : iterable of str or Path
        Files, folders, and built data sets.
    encoder : str or VideoEncoder, optional
        By default the one the method was trained with, else ``clip-vit-b32``.
    top : int
        At most so many windows, however improbable.

    Raises
    ------
    VideoError
        If the query or none of the targets can be read; one of several that cannot is told.
    UserError
        If there is no such file, or the method does not compare features of videos.
    """
    files = named_videos(targets)
    contract = method.encoder_contract
    if encoder is None or isinstance(encoder, str):
        usual = DEFAULT_ENCODER if contract is None else contract.name
        encoder = load_encoder(named_features(encoder, usual))
    if contract is not None:
        require_contract(encoder.contract, contract, f"This {method.info.name} checkpoint")
    made = encoder
    cached = CachedEncoder(made.contract, lambda: made)
    rows, durations_s, faults = {}, {}, []
    for video, path in files.items():
        try:
            rows[video], durations_s[video] = cached.rows(path), video_duration(path)
        except VideoError as error:
            faults.append(error)
    if not durations_s:
        raise faults[0]
    for fault in faults:
        tell(f"left out: {fault}")
    features = MemoryFeatures(made.contract, {video: rows[video] for video in durations_s})
    archive = Archive.of(features, durations_s)
    searcher = Searcher(archive, method, load_encoder=lambda _: made)
    return searcher.ask(str(query), top=top, min_score=0.0)
