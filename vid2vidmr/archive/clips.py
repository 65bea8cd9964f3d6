"""What was found, as files: cut to the frame."""

from __future__ import annotations

from pathlib import Path

from vid2vidmr.archive.query import clock
from vid2vidmr.archive.search import Found
from vid2vidmr.archive.store import Archive, open_archive
from vid2vidmr.errors import VideoError
from vid2vidmr.files import file_name
from vid2vidmr.progress import progress
from vid2vidmr.video.cut import cut_video
from vid2vidmr.video.packets import Frames


def cut_clips(
    found: Found,
    archive: str | Path | Archive,
    folder: str | Path,
    *,
    lead_s: float = 0.0,
    lag_s: float = 0.0,
) -> tuple[list[Path], dict[str, str]]:
    """Cut the windows that were found out of their videos.

    Parameters
    ----------
    found : Found
    archive : str, Path or Archive
        Knows where the files are.
    folder : str or Path
        Clips are called ``RANK-VIDEO-START.mp4``; what was found, and how, is their comment.
    lead_s, lag_s : float
        Seconds before and behind each window, as far as there are.

    Returns
    -------
    clips : list of Path
        Best first.
    failed : dict of str to str
        Name to reason, where a file is not there any more or cannot be cut.
    """
    archive, folder = open_archive(archive), Path(folder)
    films: dict[str, Frames] = {}
    clips: list[Path] = []
    failed: dict[str, str] = {}
    with progress("Cut", len(found.windows)) as bar:
        for rank, window in enumerate(found.windows, start=1):
            start = clock(round(window.start_s, 1)).replace(":", ".")
            name = f"{rank:03}-{file_name(Path(window.video).stem)}-{start}.mp4"
            try:
                path = archive.video_path(window.video)
                if path is None:
                    raise VideoError(f"The file of {window.video} is not there any more.")
                film = films.get(window.video) or films.setdefault(window.video, Frames.of(path))
                start_s, end_s = window.start_s - lead_s, window.end_s + lag_s
                end_s = min(end_s, float(film.end))
                note = f"{', '.join(found.queries)}; {found.method}; score {window.score:.3f}"
                cut_video(film, max(0.0, start_s), end_s, folder / name, note)
                clips.append(folder / name)
            except VideoError as error:
                failed[name] = str(error)
            bar.advance()
    return clips, failed
