"""SportsMoments: moments of soccer and cricket matches (Kumar et al., ICCV 2025)."""

from __future__ import annotations

from pathlib import Path

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from builders.facts import check_facts, print_contents, require_folder_of
from vid2vidmr.data.builder import DatasetBuilder
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset
from vid2vidmr.downloads import DownloadOptions, note_arrived, with_files, write_manifest
from vid2vidmr.errors import UserError


class SportsMoments(DatasetBuilder):
    """Builds SportsMoments as released, or constructs a data set like it.

    As released, a reference clip is a file of its own, so its id is both the moment's and the
    video's. The annotations of val and test travel with this package; clips and the train split
    come from the Hub. With moments of one's own, the matches come from YouTube and reference clips
    are windows of them.
    """

    info = DatasetInfo(
        name="sportsmoments",
        title="SportsMoments: fine-grained moments of soccer and cricket matches",
        version="1",
        source="https://github.com/vl2g/MATR (annotations); "
        "https://huggingface.co/datasets/yogeshiitj/SportsMoment (train split, clips)",
        licence="MIT (annotations)",
        citation="Kumar et al., Aligning Moments in Time using Video Queries, ICCV 2025",
        synthetic=False,
        default_encoder="clip-vit-b32",
    )
    notice = Path(__file__).parent / "annotations" / "NOTICE"

    def build(
        self,
        out: Path,
        *,
        moments: Path | None = None,
        seed: NonNegativeInt | None = None,
        margin: NonNegativeFloat | None = None,
        cross_video_only: bool = False,
        distractors: bool = False,
        max_pairs_per_class: PositiveInt | None = None,
        download: DownloadOptions | None = None,
        cut: bool = False,
    ) -> Dataset:
        """Build into `out`; see `DatasetBuilder.build`.

        Parameters
        ----------
        moments : Path, optional
            CSV file of moments of the matches (youtube_id, class, start, end); without it, the
            released annotations are built, and only --download applies.
        seed : int, optional
            Of the pairs that are drawn.
        margin : float, optional
            Seconds of the match that a target keeps around its moment (default: 46).
        cross_video_only : bool
            No pairs within one match.
        distractors : bool
            Keep other moments of the class in a target, as wrong answers.
        download : DownloadOptions, optional
            Fetch the released clips and CSV files from the Hub; with MOMENTS, the matches.

        Raises
        ------
        UserError
            If an option is of the other road.
        DataError
            If the annotations are not as released.
        """
        require_folder_of(self.info.name if moments is None else "sportsmoments-own", out)
        if moments is not None:
            from builders.custom.build import Choices
            from builders.sportsmoments.custom import build_from_matches

            own = Choices(
                seed=seed or 0,
                margin=margin,
                split_by="class",
                cross_video_only=cross_video_only,
                distractors=distractors,
                exhaustive=False,
                max_pairs_per_class=max_pairs_per_class,
            )
            return build_from_matches(out, self.info, moments, own, download, cut)
        given = {
            "seed": seed, "margin": margin, "cross-video-only": cross_video_only,
            "distractors": distractors, "max-pairs-per-class": max_pairs_per_class, "cut": cut,
        }  # fmt: skip
        for option, value in given.items():
            if value is not None and value is not False:
                raise UserError(
                    f"--{option} does not apply to sportsmoments as it was released: leave it out, "
                    "or give moments of your own."
                )
        return self._released(out, download)

    def _released(self, out: Path, download: DownloadOptions | None) -> Dataset:
        from builders.sportsmoments.tables import Released, read_released, with_hub_rows
        from builders.sportsmoments.verify import facts

        released = read_released()
        check_facts("sportsmoments: facts of the released annotations", facts(released))

        def write() -> tuple[Released, list[tuple[str, str]], Dataset]:
            known, notes = with_hub_rows(released, out / "hub")
            videos = with_files(known.videos, out)
            return known, notes, write_dataset(out, self.info, known.moments, known.pairs, videos)

        if download is not None:
            from builders.sportsmoments.hub import HubFiles

            hub = HubFiles(out, download)
            hub.fetch_rows()
        known, notes, dataset = write()
        if download is not None:
            lengths = known.moments.set_index("video_id")["clip_end_s"]
            try:
                found = hub.fetch_clips(lengths.to_dict())
            finally:  # also where the run is stopped
                dataset = note_arrived(dataset)
            if found.rows.keys() - dataset.splits:  # they lay in an archive
                known, notes, dataset = write()
                write_manifest(dataset)
            if found.unknown:
                notes.append((f"{len(found.unknown)} files not recognised", "listed in hub.json"))
            if extra := found.clips - set(known.moments["video_id"]):
                notes.append((f"{len(extra):,} more clips are here", "no pair names them"))
        hub = "on the Hugging Face Hub, dataset yogeshiitj/SportsMoment"
        rows = f"train.csv (about 750,000 pairs) is {hub}: --download"
        missing = [("train pairs", rows)] * ("train" not in dataset.splits)
        for damaged in known.matches.unresolved:
            notes.append(("a match id", f"{damaged} is damaged in vids.txt, no file explains it"))
        print_contents(dataset, f"{hub}: --download", missing, notes)
        return dataset
