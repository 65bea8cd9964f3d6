"""What stands behind the served page: one searcher, the files that were dropped, the previews."""

from __future__ import annotations

import secrets
import zipfile
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

from pydantic import Field

from vid2vidmr.app.view import found_view, hit_view, preview, video_views
from vid2vidmr.archive.clips import cut_clips
from vid2vidmr.archive.export import export
from vid2vidmr.archive.feedback import ask_again
from vid2vidmr.archive.query import Query
from vid2vidmr.archive.search import MIN_SCORE, Found, FoundWindow, Searcher
from vid2vidmr.errors import UserError
from vid2vidmr.files import file_name
from vid2vidmr.records import Fuse, Record
from vid2vidmr.video.files import is_video
from vid2vidmr.video.sample import video_duration

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
MOST, MOST_EXAMPLES = 1000, 100
"""Windows of a request, and examples of a kind."""


class Part(Record):
    """A window of a video of the archive, which the page names by its number."""

    video: int
    start_s: Seconds
    end_s: Seconds
    score: Annotated[float, Field(ge=0, le=1)] = 1.0


class Example(Record):
    """A video of the archive or a dropped file, or a part."""

    video: int | None = None
    dropped: str | None = None
    start_s: Seconds | None = None
    end_s: Seconds | None = None


class Ask(Record):
    """What the page asks: examples of what is meant and of what is not, and judgements."""

    queries: Annotated[tuple[Example, ...], Field(max_length=MOST_EXAMPLES)] = ()
    negatives: Annotated[tuple[Example, ...], Field(max_length=MOST_EXAMPLES)] = ()
    fuse: Fuse = "mean"
    top: Annotated[int, Field(ge=1, le=MOST)] = 10
    min_score: Annotated[float, Field(ge=0, le=1)] = MIN_SCORE
    accepted: Annotated[tuple[Part, ...], Field(max_length=MOST)] = ()
    rejected: Annotated[tuple[Part, ...], Field(max_length=MOST)] = ()


class Selection(Record):
    """What the page takes out."""

    form: Literal["csv", "json", "vtt", "xml", "edl", "fcpxml", "otio", "clips"]
    queries: Annotated[tuple[str, ...], Field(max_length=MOST)]
    windows: Annotated[tuple[Part, ...], Field(max_length=MOST)]


class Desk:
    """An archive that is open, and all that the page can ask of it.

    The page names videos by number and dropped files by a token: no path comes from it.

    Parameters
    ----------
    searcher : Searcher
    room : Path
        Folder for dropped files and exports.
    """

    def __init__(self, searcher: Searcher, room: Path) -> None:
        self.searcher, self.archive = searcher, searcher.archive
        self.names = list(self.archive.durations_s)
        self._room, self._lock = room, Lock()
        self._dropped: dict[str, Path] = {}
        self._preview = lru_cache(512)(preview)

    def start(self) -> dict[str, Any]:
        """Give what the page begins with."""

        def address(number: int) -> str | None:
            return (
                None if self.archive.video_path(self.names[number]) is None else f"video/{number}"
            )

        return {
            "live": True, "hours": round(self.archive.hours, 2), "found": None,
            "method": self.searcher.method_name, "min_score": MIN_SCORE,
            "videos": video_views(self.archive, address),
        }  # fmt: skip

    def video(self, number: int) -> Path | None:
        """Give the file of a video; None where there is none."""
        known = 0 <= number < len(self.names)
        return self.archive.video_path(self.names[number]) if known else None

    def dropped(self, token: str) -> Path | None:
        """Give a file that was dropped; None where there is none."""
        return self._dropped.get(token)

    def preview(self, number: int, at_s: float) -> bytes | None:
        """JPEG of a frame."""
        path = self.video(number)
        with self._lock:  # one at a time: decoding takes all cores there are
            return None if path is None else self._preview(path, at_s)

    def place(self, name: str) -> tuple[str, Path]:
        """Give a token and a path for a file that is dropped.

        Raises
        ------
        UserError
            If it is called like no video.
        """
        name = file_name(Path(name).name)[-100:].lstrip("-.")  # its ending counts
        if not is_video(Path(name)):
            raise UserError(
                f"{name or 'The file'} is no video by its name: drop an .mp4, .mkv, ..."
            )
        token = secrets.token_hex(8)
        (self._room / token).mkdir()
        return token, self._room / token / name

    def take(self, token: str, path: Path) -> dict[str, Any]:
        """Look at a file that was dropped, and keep it until the server ends."""
        duration_s = video_duration(path)
        self._dropped[token] = path
        return {"dropped": token, "name": path.name, "duration_s": duration_s}

    def ask(self, ask: Ask) -> dict[str, Any]:
        """Search, or search again with what was judged."""
        if not ask.queries:
            raise UserError("Nothing is asked: mark an example of what is meant.")
        queries, negatives = (
            [self._query(example) for example in side] for side in (ask.queries, ask.negatives)
        )
        names, unlike = ([str(query) for query, _ in side] for side in (queries, negatives))
        accepted, rejected = (
            [self._window(part) for part in side] for side in (ask.accepted, ask.rejected)
        )
        limits: dict[str, Any] = {"top": ask.top, "min_score": ask.min_score, "fuse": ask.fuse}
        with self._lock:
            if accepted or rejected:
                found = ask_again(self.searcher, names, accepted, rejected, unlike, **limits)
            else:
                found = self.searcher.ask(names, unlike, **limits)
        numbers = {video: number for number, video in enumerate(self.names)}
        hits = []
        for window in found.windows:
            number, middle_s = numbers[window.video], (window.start_s + window.end_s) / 2
            src = None if self.video(number) is None else f"video/{number}"
            hits.append(
                hit_view(window, number, src, window.start_s, f"preview/{number}?at={middle_s:.2f}")
            )
        shown = tuple(text for _, text in queries)
        return found_view(found.model_copy(update={"queries": shown}), hits)

    def take_out(self, selection: Selection) -> Path:
        """Write a selection of windows; several files become one .zip."""
        windows = tuple(self._window(part) for part in selection.windows)
        found = Found(
            queries=selection.queries, archive=str(self.archive.path),
            method=self.searcher.method_name, encoder=self.archive.contract.encoder,
            videos=len(self.archive), hours=self.archive.hours,
            best=max((w.score for w in windows), default=0.0), windows=windows,
        )  # fmt: skip
        folder = self._room / secrets.token_hex(8)
        if selection.form == "clips":
            written, failed = cut_clips(found, self.archive, folder)
            if failed:
                raise UserError(next(iter(failed.values())))
        else:
            written = export(found, self.archive, folder / f"found.{selection.form}")
        if len(written) == 1:
            return written[0]
        folder.mkdir(exist_ok=True)
        with zipfile.ZipFile(folder / "found.zip", "w") as packed:
            for path in written:
                packed.write(path, path.name)
        return folder / "found.zip"

    def _query(self, ask: Example) -> tuple[Query, str]:
        """Give a query, and how it is written for people."""
        path = self.dropped(ask.dropped or "")
        if path is not None:
            name = str(path)
        elif ask.video is not None and 0 <= ask.video < len(self.names):
            name = self.names[ask.video]
        else:
            raise UserError("Nothing is asked: choose a video, or drop a file.")
        if (ask.start_s is None) != (ask.end_s is None):
            raise UserError("A part needs both marks: press I where it begins and O where it ends.")
        if ask.start_s is not None and ask.end_s is not None and ask.start_s >= ask.end_s:
            raise UserError("The part ends before it begins: mark in and out again.")
        query = Query(name, ask.start_s, ask.end_s)
        return query, str(query if path is None else Query(path.name, ask.start_s, ask.end_s))

    def _window(self, part: Part) -> FoundWindow:
        if not 0 <= part.video < len(self.names) or part.start_s >= part.end_s:
            raise UserError("There is no such window in the archive: load the page again.")
        return FoundWindow(
            video=self.names[part.video], start_s=part.start_s, end_s=part.end_s, score=part.score
        )
