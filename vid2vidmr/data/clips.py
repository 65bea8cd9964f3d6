"""Cutting the reference clips of a data set into files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.errors import DataError, VideoError
from vid2vidmr.files import file_sha256, replacing
from vid2vidmr.progress import progress
from vid2vidmr.video.cut import cut_video, planned
from vid2vidmr.video.packets import Frames
from vid2vidmr.video.source import open_video


def cut_clips(dataset: Dataset) -> pd.DataFrame:
    """Write the reference clip of every moment whose video is here as ``clips/MOMENT.mp4``.

    The data set stays as it is: its moments are windows of its videos. Clips that are there are
    kept if they were cut from the same bytes at the same place; a killed run goes on.

    Returns
    -------
    DataFrame
        Also written as ``clips.parquet``: ``moment_id, path, clip_start_s, clip_end_s`` (asked
        for), ``cut_start_s, cut_end_s`` (achieved), ``frames, sha256``.

    Raises
    ------
    DataError
        If no moment has a video file.
    """
    files = {v: path for v in dataset.videos["video_id"] if (path := dataset.video_path(v))}
    moments = dataset.moments[dataset.moments["video_id"].isin(list(files))]
    if moments.empty:
        raise DataError(f"{dataset.path} has no video files to cut: add --download.")
    with progress("Cuts", len(moments)) as bar:
        rows = []
        for video_id, of_video in moments.groupby("video_id", sort=False):
            for row in _cut_video_clips(dataset.path, files[str(video_id)], of_video):
                rows.append(row)
                bar.advance()
    table = pd.DataFrame(rows)
    with replacing(dataset.path / "clips.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    return table


def _cut_video_clips(
    folder: Path, path: Path, moments: pd.DataFrame
) -> Iterator[dict[str, object]]:
    frames, source = Frames.of(path), file_sha256(path)[:16]
    columns = ["moment_id", "clip_start_s", "clip_end_s"]
    for moment_id, start_s, end_s in moments[columns].itertuples(index=False):
        # Annotated windows may end a little behind the file.
        end_s = min(end_s, float(frames.end))
        out = folder / "clips" / f"{moment_id}.mp4"
        note = f"{start_s} to {end_s} s of {source}, as shown"
        if out.exists() and _note(out) == note:
            cut = planned(frames, start_s, end_s)
        else:
            cut = cut_video(frames, start_s, end_s, out, note)
        yield {
            "moment_id": moment_id,
            "path": f"clips/{out.name}",
            "clip_start_s": start_s,
            "clip_end_s": end_s,
            "cut_start_s": cut.cut_start_s,
            "cut_end_s": cut.cut_end_s,
            "frames": cut.frames,
            "sha256": file_sha256(out),
        }


def _note(path: Path) -> str | None:
    try:
        with open_video(path) as source:
            comment: str | None = source.container.metadata.get("comment")
            return comment
    except VideoError:
        return None
