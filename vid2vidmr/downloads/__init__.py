"""Videos from the internet: downloads, what is known of each, and the list of what is here.

See ``docs/downloads.md``.
"""

from vid2vidmr.downloads.dataset import (
    download_videos,
    note_arrived,
    status,
    wanted_videos,
    with_files,
    write_manifest,
)
from vid2vidmr.downloads.download import Wanted, download, retried
from vid2vidmr.downloads.fetch import DownloadOptions
from vid2vidmr.downloads.reasons import FetchError, Reason, Retry, classify
from vid2vidmr.downloads.store import DownloadStore, read_states

__all__ = [
    "DownloadOptions", "DownloadStore", "FetchError", "Reason", "Retry", "Wanted", "classify",
    "download", "download_videos", "note_arrived", "read_states", "retried", "status",
    "wanted_videos", "with_files", "write_manifest",
]  # fmt: skip
