"""Soccer-GMR: football clips asked for actions that are there never, once or several times."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import NonNegativeInt, PositiveInt

from vid2vidmr.data.builder import DatasetBuilder
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import UserError
from vid2vidmr.files import write_jsonl


class SoccerGMR(DatasetBuilder):
    """Builds video queries from the labels of Soccer-GMR, which the user has."""

    info = DatasetInfo(
        name="soccer-gmr",
        title="Soccer-GMR (Standard), asked by video",
        version="1",
        source="https://github.com/dymm9977/generalized-moment-retrieval",
        licence="MIT (labels); videos and features have terms of their owners",
        citation="Soccer-GMR, arXiv 2605.02623, 2026",
        synthetic=False,
        default_encoder="clip-vit-b32",
    )

    def build(
        self,
        out: Path,
        *,
        labels: Path | None = None,
        videos: Path | None = None,
        seed: NonNegativeInt = 0,
        queries: PositiveInt = 4,
    ) -> Dataset:
        """Build from a folder of labels; see `DatasetBuilder.build`.

        Parameters
        ----------
        labels : Path
            Folder with train.jsonl, val.jsonl and test.jsonl of the split Standard.
        videos : Path, optional
            Folder of the clips, named by their ids (``ID.mp4``); they come from their owners.
        seed : int
            Of the queries.
        queries : int
            Queries a target.

        Raises
        ------
        UserError
            If no labels are given.
        DataError
            If a line of them is not as it should be.
        """
        from builders.custom.files import local_files, video_table
        from builders.facts import missing_videos, print_contents, require_folder_of
        from builders.soccer_gmr.labels import pair_ids, read_labels

        if labels is None:
            raise UserError(
                "soccer-gmr needs its labels: clone https://github.com/dymm9977/generalized-moment-"
                "retrieval and pass the folder with train.jsonl, val.jsonl and test.jsonl as "
                "--labels."
            )
        require_folder_of(self.info.name, out)
        read = read_labels(labels)
        files, names = ({}, {}) if videos is None else local_files(videos)
        here = {clip: files[min(names[clip])] for clip in read.clips["video_id"] if clip in names}
        away = read.clips[~read.clips["video_id"].isin(here)].reset_index(drop=True)
        table = missing_videos(away["video_id"], away["source_id"], away["duration_s"])
        if here:
            sources = read.clips.set_index("video_id")["source_id"]
            found = video_table(here, out)
            found["source_id"] = found["video_id"].map(sources)
            table = pd.concat([found, table], ignore_index=True)
        dataset = write_dataset(
            out,
            self.info,
            read.moments,
            pair_ids(read, queries, seed),
            table,
            {"seed": seed, "queries": queries},
            read.targets,
        )
        write_jsonl(out / "captions.jsonl", read.captions)
        print_contents(dataset, "from their owners, pass them as --videos")
        return dataset
