"""SoccerNet-v2: actions of matches, and replays of them (Deliège et al., CVPRW 2021)."""

from __future__ import annotations

from pathlib import Path

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from builders.facts import licence, print_contents, require_folder_of
from vid2vidmr.data.builder import DatasetBuilder
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import UserError

SOURCE = "https://www.soccer-net.org (Labels-v2.json, Labels-cameras.json)"
LICENCE = "labels for research, by SoccerNet's terms; videos by agreement with SoccerNet"
CITATION = "Deliège et al., SoccerNet-v2, CVPR Workshops 2021 (arXiv 2011.13367)"
NO_LABELS = (
    "{} needs its labels: download {} with SoccerNet's own package (pip install SoccerNet) and "
    "pass the folder of the matches as --labels."
)
ORIGIN = "from SoccerNet, by agreement: --videos"


class SoccerNet(DatasetBuilder):
    """Builds from the action labels (Labels-v2.json), which the user has.

    A moment is the time around an action that the broadcast shows; its class is the action's.
    Videos are halves: MATCH/1 and MATCH/2. Splits share no class (as dealt out with the seed),
    and may share matches.
    """

    info = DatasetInfo(
        name="soccernet",
        title="SoccerNet-v2 action spotting, asked by video",
        version="1",
        source=SOURCE,
        licence=LICENCE,
        citation=CITATION,
        synthetic=False,
        default_encoder="clip-vit-b32",
    )

    def build(
        self,
        out: Path,
        *,
        labels: Path | None = None,
        videos: Path | None = None,
        lead: str = "5",
        lag: str = "5",
        margin: NonNegativeFloat = 60.0,
        seed: NonNegativeInt = 0,
        max_pairs_per_class: PositiveInt | None = None,
    ) -> Dataset:
        """Build from a folder of matches; see `DatasetBuilder.build`.

        Parameters
        ----------
        labels : Path
            Folder of the matches, LEAGUE/SEASON/MATCH/Labels-v2.json below it.
        videos : Path, optional
            Folder of the same form with 1_224p.mkv and 2_224p.mkv (or 720p) in each match.
        lead, lag : str
            Seconds before and behind an action; a class may have its own: 5,Goal=15.
        margin : float
            Seconds of the half that a target keeps on either side.
        seed : int
            Of the classes' splits and of the pairs.

        Raises
        ------
        UserError
            If no labels are given, or lead and lag do not fit.
        MomentError
            If a record is not as it should be.
        """
        from builders.custom.build import Annotations, Choices, build_custom
        from builders.custom.files import files_of
        from builders.custom.pairs import split_classes
        from builders.facts import show_facts
        from builders.formats.moments import read_foreign
        from builders.soccernet.known import spotting_facts

        if labels is None:
            raise UserError(NO_LABELS.format("soccernet", "Labels-v2.json"))
        table, notes = read_foreign(labels, "soccernet", lead, lag)
        show_facts("soccernet: found here, and what the paper says", spotting_facts(labels))
        # A half lasts at least until its last action: targets end there, if it is not here.
        last = table.groupby("video")["end_s"].transform("max")
        table = table.assign(from_s=0.0, until_s=last)
        given = Annotations(
            labels, table, strict=False, notes=(*notes, licence(self.info)), origin=ORIGIN
        )
        choices = Choices(
            seed, margin, "class", False, False, exhaustive=False,
            max_pairs_per_class=max_pairs_per_class, splits=split_classes(table["label"], seed),
        )  # fmt: skip
        files = {} if videos is None else files_of(table["video"].unique(), videos)
        return build_custom(out, self.info, given, choices, files, None, False)


class SoccerNetReplays(DatasetBuilder):
    """Builds video queries from the camera labels (Labels-cameras.json), which the user has.

    A query is a replay, its target the part of the match around the action that it shows, up to the
    first replay of it: what is asked is to find the action, not the replay's own pictures. Splits
    share no match; they share classes.
    """

    info = DatasetInfo(
        name="soccernet-replays",
        title="SoccerNet-v2 replay grounding: replay to live action",
        version="1",
        source=SOURCE,
        licence=LICENCE,
        citation=CITATION,
        synthetic=False,
        default_encoder="clip-vit-b32",
    )

    def build(
        self,
        out: Path,
        *,
        labels: Path | None = None,
        videos: Path | None = None,
        lead: str = "5",
        lag: str = "5",
        margin: NonNegativeFloat = 60.0,
        seed: NonNegativeInt = 0,
    ) -> Dataset:
        """Build from a folder of matches; see `DatasetBuilder.build`.

        Parameters
        ----------
        labels : Path
            Folder of the matches, LEAGUE/SEASON/MATCH/Labels-cameras.json below it.
        videos : Path, optional
            Folder of the same form with 1_224p.mkv and 2_224p.mkv (or 720p) in each match.
        lead, lag : str
            Seconds before and behind an action; a class may have its own: 5,Goal=15.
        margin : float
            Seconds of the half that a target keeps on either side.
        seed : int
            Of the matches' splits.

        Raises
        ------
        UserError
            If no labels are given, or lead and lag do not fit.
        MomentError
            If a record is not as it should be.
        DataError
            If no replay is linked to an action.
        """
        from builders.formats.moments import Margins
        from builders.soccernet.replays import halves, read_replays, replay_pairs

        if labels is None:
            raise UserError(NO_LABELS.format("soccernet-replays", "Labels-cameras.json"))
        require_folder_of(self.info.name, out)
        replays = read_replays(labels)
        made = replay_pairs(replays, Margins.parse(lead, lag), margin, seed)
        dataset = write_dataset(
            out,
            self.info,
            made.moments,
            made.pairs,
            halves(made.moments, videos, out),
            {"lead": lead, "lag": lag, "margin": margin, "seed": seed},
        )
        notes = [*made.notes, ("splits", "share no match; classes are the same")]
        print_contents(dataset, ORIGIN, notes=[*notes, licence(self.info)])
        return dataset
