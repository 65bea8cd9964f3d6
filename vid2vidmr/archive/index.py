"""From video files to an archive: what is new is encoded, what has changed is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from vid2vidmr.archive.sketch import write_sketch
from vid2vidmr.archive.store import Archive, open_archive
from vid2vidmr.archive.videos import (
    ArchivedVideo,
    is_as_it_was,
    looked_at,
    named_videos,
    read_videos,
    write_videos,
)
from vid2vidmr.contract import DEFAULT_ENCODER
from vid2vidmr.errors import FeatureError, UserError
from vid2vidmr.features.encoder import VideoEncoder
from vid2vidmr.features.extract import extract_files, shard_files
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.local import Engine, encode_here
from vid2vidmr.features.shards import Shard
from vid2vidmr.features.store import FeatureStore, read_contract
from vid2vidmr.files import alone, read_json, require_folder
from vid2vidmr.progress import progress, tell
from vid2vidmr.text import counted, with_name

MOST_SHOWN = 10
"""Videos that are named of each kind of news."""


def index(
    videos: str | Path | Iterable[str | Path],
    out: str | Path,
    encoder: str | VideoEncoder | None = None,
    device: str | None = None,
    engine: Engine = encode_here,
    shard: Shard | None = None,
) -> Archive | None:
    """Make an archive of videos, or bring one up to date.

    What is there already is kept: videos that are not named now stay in the archive. A run that
    was killed ends, when called again, with the same bytes as one that was not. What is new, has
    changed, vanished or cannot be read is told on standard error; nothing else is lost by it.

    Parameters
    ----------
    videos : str, Path, or iterable of them
        Files, folders, and built data sets.
    out : str or Path
        Folder of the archive.
    encoder : str or VideoEncoder, optional
        By default the archive's own, else ``clip-vit-b32``.
    device : str, optional
        See `vid2vidmr.devices.pick_device`.
    engine : Engine
        Where to encode.
    shard : Shard, optional
        Encode only a share; the last shard to end writes the archive.

    Returns
    -------
    Archive or None
        None while other shards are at work.

    Raises
    ------
    UserError
        If nothing is there to index, or the archive was made with another encoder, or the folder
        holds a data set.
    FeatureError
        If no video could be encoded; where none can be read, nothing is written.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> archive = v.index("matches", "archive", encoder="efficientnet-lite0")
    """
    names = [videos] if isinstance(videos, str | Path) else videos
    files, folder = named_videos(names), Path(out)
    require_folder(folder)
    if (folder / "dataset.json").exists():
        raise UserError(f"{folder} is a built data set: give a folder of its own with --out.")
    made = _encoder(folder, encoder, device)
    with alone(folder):  # of shards, the first one reads what is new
        rows = _brought_up_to_date(folder, files)
    readable = {row.sha256: row for row in rows if row.status == "ok"}
    present: Mapping[str, Path] = {key: Path(row.path) for key, row in readable.items()}
    durations_s = {key: row.duration_s for key, row in readable.items()}
    named = {key: row.video_id for key, row in readable.items()}
    if shard is not None:
        done = shard_files(present, made, folder, str(folder), shard, durations_s, engine)
        if done is None:
            return None
    else:
        extract_files(present, made, folder, str(folder), durations_s, engine, names=named)
    with alone(folder):
        return _finished(folder)


def _encoder(folder: Path, encoder: str | VideoEncoder | None, device: str | None) -> VideoEncoder:
    if encoder is not None and not isinstance(encoder, str):
        return encoder
    if (folder / "contract.json").exists():
        own = read_contract(folder).name
        if encoder not in (None, own):
            raise UserError(
                f"{folder} is an archive of {own} features: leave --encoder {encoder} away, or "
                "name another --out."
            )
        encoder = own
    return load_encoder(encoder or DEFAULT_ENCODER, device)


def _brought_up_to_date(folder: Path, files: Mapping[str, Path]) -> list[ArchivedVideo]:
    """Look at the files that are new or not as they were; write the table, and say what is new."""
    known = {row.video_id: row for row in read_videos(folder)}
    at = {row.path: video for video, row in known.items()}
    asked: dict[str, Path] = {}
    for name, path in files.items():
        full = str(path.resolve())
        video = at.get(full, name)
        if video == name and known.get(name) is not None and known[name].path != full:
            # Another file of this name; where the first one has gone, it was moved here.
            video = name if not Path(known[name].path).exists() else full
        asked[video] = path
    todo = {v: p for v, p in asked.items() if v not in known or not _believed(known[v], p)}
    news: dict[str, list[str]] = {}
    with progress("Look at files", len(todo)) as bar:
        for video, path in todo.items():
            before, row = known.get(video), looked_at(video, path)
            known[video] = row
            if row.status == "damaged":
                news.setdefault("cannot be read", []).append(with_name(video, row.reason))
            elif before is None:
                news.setdefault("new", []).append(video)
            elif before.sha256 != row.sha256:
                news.setdefault("changed, encoded again", []).append(video)
            bar.advance()
    stored = FeatureStore(folder) if (folder / "contract.json").exists() else ()
    for video, row in known.items():
        there = Path(row.path).is_file()
        if not there and row.status == "ok":
            known[video] = row.model_copy(update={"status": "vanished"})
        elif there and row.status == "vanished":
            known[video] = row.model_copy(update={"status": "ok"})
        if not there:
            news.setdefault("vanished, still searched", []).append(video)
        elif video not in todo and row.sha256 not in stored and row.status == "ok":
            news.setdefault("still to be encoded", []).append(video)
    rows = list(known.values())
    new = not (folder / "contract.json").exists()
    if new and not any(row.status == "ok" for row in rows):
        if len(rows) > 1:
            _tell(news, len(rows))
        why = f": {rows[0].reason}" if len(rows) == 1 else ", as said above."
        raise FeatureError(f"None of the {len(rows)} videos can be read{why}")
    write_videos(folder, rows)
    _tell(news, len(rows))
    return rows


def _believed(row: ArchivedVideo, path: Path) -> bool:
    return row.path == str(path.resolve()) and row.status != "damaged" and is_as_it_was(row)


def _finished(folder: Path) -> Archive:
    """Write what is scanned, of all videos that have features now."""
    store = FeatureStore(folder)
    rows = read_videos(folder)
    failed = read_json(folder / "failed.json") if (folder / "failed.json").exists() else {}
    marked = [
        row.model_copy(update={"status": "damaged", "reason": str(failed[row.sha256])})
        if row.sha256 in failed and row.status == "ok"
        else row
        for row in rows
    ]
    if marked != rows:
        write_videos(folder, marked)
    keys = {row.video_id: row.sha256 for row in marked if row.sha256 in store}
    if not keys:
        raise FeatureError(f"{folder} holds no features of any of its {len(rows)} videos.")
    counts = {video: len(store.stored(key)) for video, key in keys.items()}
    step_s = store.contract.step_s
    write_sketch(folder, keys, lambda video: store.stored(keys[video]), counts, step_s)
    return open_archive(folder)


def _tell(news: Mapping[str, list[str]], count: int) -> None:
    counts = Counter({what: len(videos) for what, videos in news.items()})
    said = "; ".join(f"{n} {what}" for what, n in counts.items()) or "nothing is new"
    tell(f"{counted(count, 'video')}: {said}.")
    for what, videos in news.items():
        if what in ("new", "still to be encoded"):
            continue
        for video in videos[:MOST_SHOWN]:
            tell(f"  {what}: {video}")
        if len(videos) > MOST_SHOWN:
            tell(f"  and {len(videos) - MOST_SHOWN} more")
