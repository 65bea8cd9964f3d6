"""Features of a whole data set: all cores busy, resumable, one bad file stops nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing, suppress
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import torch

from vid2vidmr.contract import MAX_MISSING_S, named_features
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.errors import FeatureError, UserError, VideoError
from vid2vidmr.features.encoder import Encoder, VideoEncoder, VideolessEncoder
from vid2vidmr.features.fast import Fidelity, fidelity
from vid2vidmr.features.load import find_encoder, load_stills
from vid2vidmr.features.local import Engine, encode_here
from vid2vidmr.features.queries import Queries, dealt, keys_of, own_queries
from vid2vidmr.features.readers import Sampled
from vid2vidmr.features.shards import Encoded, Shard, missing_in, shards_folder, taken_shards
from vid2vidmr.features.store import (
    FeatureStore,
    Key,
    feature_folder,
    imported_features,
)
from vid2vidmr.features.writer import FeatureWriter, StoreBusyError, is_complete
from vid2vidmr.files import alone, write_json
from vid2vidmr.progress import progress, tell
from vid2vidmr.records import read_record
from vid2vidmr.text import counted, with_name


def extract_features(
    dataset: Dataset | str | Path,
    encoder: str | VideoEncoder | VideolessEncoder | None = None,
    out: Path | None = None,
    device: str | torch.device | None = None,
    engine: Engine = encode_here,
) -> FeatureStore:
    """Encode all videos of a data set that have a file and no features yet.

    Videos are decoded and encoded side by side, each in batches of its own, and stored in the
    order of the data set: features do not depend on what else is extracted, and a run that was
    killed ends, when called again, with the same bytes as one that was not.

    Parameters
    ----------
    dataset : Dataset, str or Path
        See `vid2vidmr.load_dataset`.
    encoder : str or VideoEncoder or VideolessEncoder, optional
        See `vid2vidmr.features.load`, by default that of the data set; one that needs no video
        looks at no file.
    out : Path, optional
        Folder of the store; by default where `open_features` looks.
    device : str or torch.device, optional
        See `vid2vidmr.devices.pick_device`.
    engine : Engine
        Where to encode.

    Returns
    -------
    FeatureStore
        Beside it in the folder lies ``failed.json``, video id to reason, if a file could not be
        read; these are tried again by the next call.

    Raises
    ------
    FeatureError
        If no video could be encoded, or the store there was made differently.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.extract_features("minimatch", "efficientnet-lite0").path
    """
    dataset = load_dataset(dataset)
    if encoder is None or isinstance(encoder, str):
        name = named_features(encoder, dataset.info.default_encoder)
        if (there := imported_features(dataset, name)) is not None:
            return there
        encoder = find_encoder(name, device)
    if encoder.needs_video is False:
        if engine is not encode_here:
            raise _of_videos("--engine ray", encoder.name)
        return encoder.extract(dataset, out)
    folder = feature_folder(dataset, encoder.contract.name) if out is None else out
    return extract_files(
        _files(dataset), encoder, folder, dataset.name, _durations_s(dataset), engine,
        dataset.queries(),
    )  # fmt: skip


def extract_shard(
    dataset: Dataset,
    encoder: str | VideoEncoder | VideolessEncoder,
    shard: Shard,
    device: str | torch.device | None = None,
    engine: Engine = encode_here,
) -> FeatureStore | None:
    """Encode a shard's share of a data set; the last shard to end writes the store.

    Parameters
    ----------
    dataset, encoder, device, engine
        As of `extract_features`; an encoder of frames.

    Returns
    -------
    FeatureStore or None
        The store, with the bytes of one that was made in one go; None while other shards are at
        work.

    Raises
    ------
    FeatureError
        If a store there was made differently, or another process writes this shard.
    """
    encoder = find_encoder(encoder, device) if isinstance(encoder, str) else encoder
    if encoder.needs_video is False:
        raise _of_videos("--shard", encoder.name)
    return shard_files(
        _files(dataset), encoder, feature_folder(dataset, encoder.contract.name), dataset.name,
        shard, _durations_s(dataset), engine, dataset.queries(),
    )  # fmt: skip


def shard_files(
    files: Mapping[str, Path | None],
    encoder: VideoEncoder,
    folder: Path,
    of: str,
    shard: Shard,
    durations_s: Mapping[str, float],
    engine: Engine = encode_here,
    queries: Queries | None = None,
) -> FeatureStore | None:
    """Encode a shard's share of files as `extract_shard` does, see `extract_files`."""
    present = _sampled(files, queries or {}, encoder)
    keys = {video: keys_of(video, sampled.queries) for video, sampled in present.items()}
    share = shard.share({video: durations_s[video] for video in present})
    own = shard.folder(folder)
    with FeatureWriter(own, encoder.contract) as writer:
        before = _videos(writer.keys)
        store = FeatureStore(folder) if (folder / "contract.json").exists() else ()
        whole = {video for video, own_keys in keys.items() if all(key in store for key in own_keys)}
        lacking = share - whole
        todo = {video: sampled for video, sampled in present.items() if video in lacking}
        failed = _encode_missing(writer, todo, durations_s, encoder, engine, Encoded())
        done = _videos(writer.keys)
        report(own, done, done - before, failed, 0)
    # One after another: of two that end at the same time, the second sees what the first did.
    together = shards_folder(folder)
    try:
        with alone(together):
            missing = missing_in(keys, folder)
            if not missing:
                with suppress(StoreBusyError):  # that process will come here when it ends
                    return extract_files(files, encoder, folder, of, durations_s, engine, queries)
    finally:
        with suppress(OSError):  # shards are at work in it
            together.rmdir()
    tell(
        f"Shard {shard} is done. The last shard writes the store: {len(missing)} of "
        f"{len(present)} videos are not there yet.",
    )
    return None


def _of_videos(option: str, encoder: str) -> UserError:
    return UserError(f"{option} is of videos: leave it out with --encoder {encoder}.")


def _files(dataset: Dataset) -> dict[str, Path | None]:
    return {video: dataset.video_path(video) for video in dataset.videos["video_id"]}


def _durations_s(dataset: Dataset) -> dict[str, float]:
    return dict(zip(dataset.videos["video_id"], dataset.videos["duration_s"], strict=True))


def extract_files(
    files: Mapping[str, Path | None],
    encoder: VideoEncoder,
    folder: Path,
    of: str,
    durations_s: Mapping[str, float] | None = None,
    engine: Engine = encode_here,
    queries: Queries | None = None,
    names: Mapping[str, str] | None = None,
) -> FeatureStore:
    """Encode the files that have no features in `folder` yet, as `extract_features` does.

    What shards have encoded is taken from them.

    Parameters
    ----------
    files : mapping of str to Path or None
        Video id to file, None where there is none.
    folder : Path
        The store.
    of : str
        Whose videos these are, for messages.
    durations_s : mapping of str to float, optional
        How long the videos should be; files that are clearly shorter are refused.
    engine : Engine
        Where to encode.
    queries : mapping, optional
        See `vid2vidmr.data.dataset.Dataset.queries`: they are sampled from their own start.
    names : mapping of str to str, optional
        What the summary calls the videos, if not by their ids.

    Raises
    ------
    FeatureError
        If no video could be encoded, or the store there was made differently.
    """
    present = _sampled(files, queries or {}, encoder)
    failed: dict[str, str] = {}
    keys = [key for video, sampled in present.items() for key in keys_of(video, sampled.queries)]
    with ExitStack() as held:  # the lock, until all is written
        if is_complete(folder, encoder.contract, keys) and not shards_folder(folder).exists():
            before = done = len(FeatureStore(folder))
        else:
            writer = held.enter_context(FeatureWriter(folder, encoder.contract))
            shards = held.enter_context(taken_shards(folder, encoder.contract))
            before = _videos(writer.keys)
            failed = _encode_missing(writer, present, durations_s or {}, encoder, engine, shards)
            done = _videos(writer.keys)
        if done and isinstance(encoder, Encoder) and encoder.reference is not None:
            read = [sampled.path for video, sampled in present.items() if video not in failed]
            _measure_fidelity(folder, encoder, encoder.reference, read)
        report(folder, done, done - before, failed, len(files) - len(present), names or {})
    if done == 0:
        reason = next(iter(failed.values()), "no video has a file here, build the data set first")
        raise FeatureError(f"None of the {len(files)} videos of {of} gave features: {reason}")
    return FeatureStore(folder)


def _sampled(
    files: Mapping[str, Path | None], queries: Queries, encoder: VideoEncoder
) -> dict[str, Sampled]:
    """Say of the files that are there how they are sampled."""
    every = encoder.own_queries
    return {
        video: Sampled(
            path, encoder.step_s, own_queries(queries.get(video, {}), encoder.step_s, every)
        )
        for video, path in files.items()
        if path is not None
    }


def _encode_missing(
    writer: FeatureWriter,
    files: Mapping[str, Sampled],
    durations_s: Mapping[str, float],
    encoder: VideoEncoder,
    engine: Engine,
    shards: Encoded,
) -> dict[str, str]:
    """Append what a store lacks of the files, in order; give what failed and why."""
    failed: dict[str, str] = {}
    frames, start, step_s = 0, time.monotonic(), encoder.step_s
    keys = {video: keys_of(video, sampled.queries) for video, sampled in files.items()}
    todo = {video: of for video, of in files.items() if not writer.keys.issuperset(keys[video])}
    work = [
        (video, sampled)
        for video, sampled in todo.items()
        if not all(key in shards for key in keys[video])
    ]
    encoding = {video for video, _ in work}
    with (
        progress(f"Features {encoder.name}", len(todo)) as bar,
        closing(engine(work, encoder)) as encoded,
    ):
        for video, sampled in todo.items():
            try:
                if video in encoding:
                    rows = next(encoded)[1].result()
                    parts = dealt(video, sampled.queries, rows, step_s)
                else:
                    parts = {key: shards.rows(key) for key in keys[video]}
                _require_length(
                    sampled.path, step_s * len(parts[video]), step_s, durations_s.get(video)
                )
                for key in keys[video]:
                    if key not in writer.keys:
                        writer.append(key, parts[key])
                        frames += len(parts[key])
            except (VideoError, FeatureError) as error:
                failed[video] = str(error)
            rate = frames / (time.monotonic() - start)
            bar.advance(1, f"{rate:.0f} frames/s, {len(failed)} failed")
    return failed


def _measure_fidelity(folder: Path, encoder: Encoder, reference: str, files: list[Path]) -> None:
    """Leave how close features are to those of `reference` in ``fidelity.json``, once."""
    path = folder / "fidelity.json"
    if not path.exists() and files:
        slow = load_stills(reference, encoder.device)
        write_json(path, fidelity(encoder, slow, files[0]).model_dump())
    if path.exists():
        found = read_record(path, Fidelity, "measure of features", "delete it")
        tell(
            f"Cosine to features of {found.reference}: {found.cosine_mean} on average, "
            f"{found.cosine_min} at least ({found.frames} frames)."
        )


def _require_length(path: Path, rows_s: float, step_s: float, duration_s: float | None) -> None:
    """Refuse a file that is clearly shorter than the data set says: it was cut."""
    if duration_s is not None and rows_s + max(step_s, MAX_MISSING_S) < duration_s:  # NaN: unknown
        raise VideoError(
            f"{path} ends at {rows_s:.0f} s, the data set says {duration_s:.1f} s: download "
            "it again."
        )


def _videos(keys: Iterable[Key]) -> int:
    return sum(isinstance(key, str) for key in keys)


def report(
    folder: Path,
    done: int,
    new: int,
    failed: dict[str, str],
    missing: int,
    names: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Say what was encoded, and what failed and why; the whole list goes to ``failed.json``."""
    path = folder / "failed.json"
    if failed:
        write_json(path, failed)
    else:
        path.unlink(missing_ok=True)
    tell(
        f"Features of {counted(done, 'video')} are in {folder} ({new} new); {len(failed)} failed, "
        f"{missing} have no file."
    )
    for video, reason in islice(failed.items(), 10):
        tell(f"  failed: {with_name(names.get(video, video), reason)}")
    if len(failed) > 10:
        tell(f"  and {len(failed) - 10} more, see {path}")
