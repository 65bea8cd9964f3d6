"""Writing what was found as a page that works offline: clips, previews, tables in one folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vid2vidmr.app.view import (
    ASSETS,
    START,
    found_view,
    hit_view,
    preview,
    start_script,
    video_views,
)
from vid2vidmr.archive.clips import cut_clips
from vid2vidmr.archive.export import export
from vid2vidmr.archive.query import Query, query_place
from vid2vidmr.archive.search import Found
from vid2vidmr.archive.store import Archive, open_archive
from vid2vidmr.errors import DataError, VideoError
from vid2vidmr.files import BASE_CSS, TEMPORARY, require_folder, write_text
from vid2vidmr.video.cut import cut_video
from vid2vidmr.video.packets import Frames


def require_new(folder: Path) -> None:
    """Refuse a folder for a page that holds something, or cannot be made.

    Raises
    ------
    DataError
        If it holds something.
    """
    require_folder(folder)
    if folder.exists() and any(folder.iterdir()):
        raise DataError(f"{folder} holds something: give a --page folder that is new or empty.")


def write_page(found: Found, archive: str | Path | Archive, folder: Path) -> dict[str, str]:
    """Write a page of what was found; open its ``index.html``, no server is needed.

    Parameters
    ----------
    found : Found
    archive : str, Path or Archive
        Knows where the files are.
    folder : Path
        New or empty; it appears when it is whole.

    Returns
    -------
    dict of str to str
        Clips that could not be cut, and why: the page shows their times alone.

    Raises
    ------
    DataError
        If the folder holds something.
    """
    archive = open_archive(archive)
    require_new(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=TEMPORARY, dir=folder.parent) as temporary:
        out = Path(temporary) / "page"
        shutil.copytree(ASSETS, out / "assets")
        shutil.copy(BASE_CSS, out / "assets")
        (out / "assets" / "index.html").rename(out / "index.html")
        hits, failed = _hits(found, archive, out)
        queries, query_failed = _queries(found, archive, out)
        for name in ("found.csv", "found.json"):
            export(found, archive, out / name)
        start = {
            "live": False, "hours": found.hours, "found": found_view(found, hits),
            "method": found.method, "queries": queries,
            "videos": video_views(archive, lambda _: None),
        }  # fmt: skip
        write_text(out / START, start_script(start))
        out.replace(folder)
    return failed | query_failed


def _hits(found: Found, archive: Archive, out: Path) -> tuple[list[Any], dict[str, str]]:
    """Cut clips and take previews; windows without a clip are there, too."""
    numbers = {video: number for number, video in enumerate(archive.durations_s)}
    cut, failed = cut_clips(found, archive, out / "clips")
    clips = {int(path.name.partition("-")[0]): path for path in cut}
    hits = []
    for rank, window in enumerate(found.windows, start=1):
        src, image = None, ""
        if rank in clips:
            src = f"clips/{clips[rank].name}"
            image = f"previews/{rank:03}.jpg"
            (out / "previews").mkdir(exist_ok=True)
            (out / image).write_bytes(preview(clips[rank], (window.end_s - window.start_s) / 2))
        hits.append(hit_view(window, numbers[window.video], src, 0.0, image))
    return hits, failed


def _queries(found: Found, archive: Archive, out: Path) -> tuple[list[Any], dict[str, str]]:
    """Cut what was asked; also where it lies in the archive, if it does."""
    numbers = {video: number for number, video in enumerate(archive.durations_s)}
    views, failed = [], {}
    for rank, text in enumerate(found.queries, start=1):
        query, src = Query.parse(text), f"clips/query-{rank}.mp4"
        place = query_place(query, archive)
        path = Path(query.name) if place is None else archive.video_path(place[0])
        try:
            if path is None:
                raise VideoError(f"The file of {query.name} is not there any more.")
            film = Frames.of(path)
            end_s = float(film.end) if query.end_s is None else min(query.end_s, float(film.end))
            cut_video(film, query.start_s or 0.0, end_s, out / src)
        except VideoError as error:
            src, failed[text] = "", str(error)
        where = place and {"video": numbers[place[0]], "start_s": place[1], "end_s": place[2]}
        views.append({"name": text, "src": src or None, "place": where})
    return views, failed
