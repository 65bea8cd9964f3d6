"""Moments of one's own, or annotations of others, with videos: a data set (``docs/custom.md``)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt, ValidationError

from builders.formats import Form
from vid2vidmr.data.builder import DatasetBuilder
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.downloads import DownloadOptions
from vid2vidmr.errors import UserError
from vid2vidmr.files import MAX_RECORD_BYTES, file_name, read_json
from vid2vidmr.registry import registered_names


class Custom(DatasetBuilder):
    """Builds a data set of one's own videos, files or ids of YouTube."""

    info = DatasetInfo(
        name="custom",
        title="Moments and videos of your own",
        version="1",
        source="your own",
        licence="your own",
        citation="none",
        synthetic=False,
        default_encoder="clip-vit-b32",
    )

    def build(
        self,
        out: Path,
        *,
        moments: Path | None = None,
        format: Form = "csv",
        lead: str | None = None,
        lag: str | None = None,
        videos: Path | None = None,
        seed: NonNegativeInt = 0,
        margin: NonNegativeFloat | None = None,
        split_by: Literal["class", "video"] = "class",
        cross_video_only: bool = False,
        distractors: bool = False,
        exhaustive: bool = False,
        max_pairs_per_class: PositiveInt | None = None,
        download: DownloadOptions | None = None,
        cut: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Build a data set from a file of moments; see `DatasetBuilder.build`.

        Parameters
        ----------
        moments : Path
            The CSV file, or annotations in a form of others (a file, or a folder of one a video or
            match), see docs/custom.md.
        format : str
            The form of the annotations: csv, activitynet, soccernet, spot, qvhighlights,
            sportscode or vtt.
        lead, lag : str, optional
            Seconds before and behind a point (soccernet, spot) that are its moment (default: 2); a
            class may have its own: 2,Goal=10.
        videos : Path, optional
            Folder of the video files; without it, videos are ids of YouTube.
        seed : int
            Of splits and pairs.
        margin : float, optional
            Seconds of the video that a target keeps around its moment (default: all).
        split_by : {"class", "video"}
            What splits share nothing of, where the CSV file does not say the split.
        cross_video_only : bool
            No pairs within one video.
        distractors : bool
            Keep other moments of the class in a target, as wrong answers.
        exhaustive : bool
            The CSV file has every moment of its classes in these videos: they can be scored by the
            protocol open, too.
        name : str, optional
            Of the data set, its runs and tables (default: that of the folder).

        Raises
        ------
        UserError
            If moments or videos are not given, lead and lag do not fit, or the name cannot be one.
        MomentError
            If rows of the CSV file, or records of another, cannot be used.
        """
        from builders.custom.build import Annotations, Choices, build_custom
        from builders.custom.files import files_of, local_files, require_clear
        from builders.custom.table import read_moments
        from builders.formats.moments import read_foreign

        if moments is None:
            raise UserError(
                "custom needs a CSV file of moments, and videos: vid2vidmr build custom "
                "moments.csv --videos DIR, or --download where they are ids of YouTube."
            )
        if videos is not None and download is not None:
            raise UserError("--videos and --download are two places for one thing: leave one out.")
        choices = Choices(
            seed, margin, split_by, cross_video_only, distractors, exhaustive, max_pairs_per_class
        )
        if format == "csv":
            if lead is not None or lag is not None:
                raise UserError("--lead and --lag are of points: a CSV file has windows.")
            files, names = (None, {}) if videos is None else local_files(videos)
            ids = {name: next(iter(of)) for name, of in names.items() if len(of) == 1}
            given = Annotations(moments, read_moments(moments, ids))
            require_clear(moments, given.table, names)
        else:
            table, notes = read_foreign(moments, format, lead, lag)
            given = Annotations(moments, table, strict=False, notes=tuple(notes))
            files = None if videos is None else files_of(table["video"].unique(), videos)
        info = _named(self.info, out, name)
        return build_custom(out, info, given, choices, files, download, cut)


def _named(info: DatasetInfo, out: Path, name: str | None) -> DatasetInfo:
    """Give a data set its own name: two in two folders share no runs and no table."""
    place = out / "dataset.json"
    found = read_json(place, MAX_RECORD_BYTES) if place.exists() else None
    if name is None and isinstance(found, dict) and found.get("title") == info.title:
        name = str(found.get("name"))  # it is built again
    name = name or file_name(out.absolute().name)
    if name != info.name and name in registered_names("dataset"):
        raise UserError(f"{name} is the name of another data set: choose one with --name.")
    try:
        return DatasetInfo(**{**info.model_dump(), "name": name})
    except ValidationError:
        raise UserError(
            f"{name!r} cannot be the name of a data set: expected letters, digits, '_', '-', '+' "
            "and '.', at most 100; choose one with --name."
        ) from None
