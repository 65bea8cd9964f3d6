"""Features of single files, encoded once: kept by the content of the file and the contract.

They lie in ``$VID2VIDMR_CACHE``, by default ``~/.cache/vid2vidmr``, a feature store an encoder; it
may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vid2vidmr.contract import FeatureContract, clips_of, require_contract
from vid2vidmr.errors import FeatureError, UserError, VideoError
from vid2vidmr.features.store import FeatureStore
from vid2vidmr.features.writer import FeatureWriter, StoreBusyError
from vid2vidmr.files import file_name, file_sha256
from vid2vidmr.progress import progress

if TYPE_CHECKING:
    from vid2vidmr.features.encoder import VideoEncoder

NEVER_S = 1e6
"""A step beyond the end of every video that is read."""
_hashes: dict[tuple[str, int, int], str] = {}
"""Of files that this process has read: path, size and time to hash."""


def cache_home() -> Path:
    """Where features of single files are kept."""
    return Path(os.environ.get("VID2VIDMR_CACHE", Path.home() / ".cache" / "vid2vidmr"))


def content_hash(path: Path) -> str:
    """SHA-256 of a file, read once by a process."""
    about = path.stat()
    known = (str(path.resolve()), about.st_size, about.st_mtime_ns)
    if known not in _hashes:
        _hashes[known] = file_sha256(path)
    return _hashes[known]


class CachedEncoder:
    """Features of files under a contract; the encoder is loaded only for what is not cached.

    Parameters
    ----------
    contract : FeatureContract
        How features are made.
    load : callable
        Gives the encoder; one with another contract is refused.
    """

    def __init__(self, contract: FeatureContract, load: Callable[[], VideoEncoder]) -> None:
        self.contract, self._load = contract, load
        made = hashlib.sha256(contract.model_dump_json().encode()).hexdigest()[:16]
        self.folder = cache_home() / f"{file_name(contract.encoder)}-{made}"
        self._store: FeatureStore | None = None

    @cached_property
    def encoder(self) -> VideoEncoder:
        """The encoder."""
        found = self._load()
        require_contract(found.contract, self.contract, "What is searched")
        return found

    def rows(
        self, path: Path, start_s: float | None = None, end_s: float | None = None
    ) -> np.ndarray:
        """Features of a file or a part of it, (n, dim) float32, from its start on.

        Raises
        ------
        VideoError
            If the file cannot be read.
        UserError
            If the part begins behind the end.
        """
        if not path.is_file():
            raise VideoError(f"{path} does not exist: check the path.")
        key = content_hash(path)
        if start_s is not None:
            key = f"{key}@{start_s:.6f}-{end_s:.6f}"
        with suppress(FeatureError):  # none yet, or damaged: made again
            if self._store is None or key not in self._store:  # it may have been added since
                self._store = FeatureStore(self.folder)
            if key in self._store:
                return self._store.stored(key).astype(np.float32)
        rows = self._encoded(path, start_s, end_s)
        # As they will be found the next time: half precision.
        rows = rows.astype(self.contract.dtype)
        with (
            suppress(StoreBusyError, FeatureError, OSError),
            FeatureWriter(self.folder, self.contract) as writer,
        ):
            if key not in writer.keys:
                writer.append(key, rows)
        return rows.astype(np.float32)

    def _encoded(self, path: Path, start_s: float | None, end_s: float | None) -> np.ndarray:
        if start_s is not None and end_s is not None:
            return _part(self.encoder, path, start_s, end_s)
        from vid2vidmr.features.encoder import Joined
        from vid2vidmr.features.local import encode_video
        from vid2vidmr.video.sample import video_duration

        passes = len(self.encoder.parts) if isinstance(self.encoder, Joined) else 1
        rows = clips_of(0.0, video_duration(path), self.contract.step_s)
        with progress(f"Encode {path.name}", passes * rows) as bar:
            return encode_video(path, self.encoder, bar.advance)


def _part(encoder: VideoEncoder, path: Path, start_s: float, end_s: float) -> np.ndarray:
    """Features of a part of a file, (n, dim), from its own start on."""
    from vid2vidmr.features.encoder import Joined, unit
    from vid2vidmr.features.local import encode_rows
    from vid2vidmr.features.readers import Sampled, Stills
    from vid2vidmr.video.sample import sample_frames

    if isinstance(encoder, Joined):
        each = [unit(_part(part, path, start_s, end_s)) for part in encoder.parts]
        return np.concatenate([rows[: min(map(len, each))] for rows in each], axis=1)
    step_s = encoder.step_s
    clips = clips_of(start_s, end_s, step_s)
    if not isinstance(encoder.reads, Stills):  # the file is read once, from its start on
        rows = encode_rows(Sampled(path, step_s, ((start_s, end_s),)), encoder)
        return rows[len(rows) - clips :]
    # A step that no video reaches: beside the first frame only these are decoded.
    at_s = [start_s + step_s * k for k in range(clips)]
    shown = sample_frames(path, NEVER_S, at_s=at_s, size=encoder.size)
    frames = [frame for time_s, frame in shown if time_s >= start_s - 1e-6]
    if not frames:
        raise UserError(f"{path} ends before {start_s:g} s: there is no such part to ask with.")
    rows = encoder.encode(frames)
    # Where the video ends early its last frame stays on screen.
    return np.concatenate([rows, np.repeat(rows[-1:], clips - len(rows), axis=0)])
