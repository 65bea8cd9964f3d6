"""SportsMoments: moments of soccer and cricket matches (Kumar et al., ICCV 2025)."""

from __future__ import annotations

from pathlib import Path

from vid2vidmr.dataset import Dataset, DatasetBuilder, DatasetInfo, write_dataset
from vid2vidmr.errors import UserError


class SportsMoments(DatasetBuilder):
    """Builds the released annotations of SportsMoments: the val and the test split.

    A reference clip is a file of its own, so its id is both the moment's and the video's. The
    clips, the captions and the train split are not part of the released annotation files.
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

    def build(self, out: Path, *, videos: int | None = None, seed: int | None = None) -> Dataset:
        """Build the annotations into `out`, offline; see `DatasetBuilder.build`.

        Raises
        ------
        UserError
            If `videos` or `seed` is given: the data set has a fixed size and draws nothing.
        DataError
            If the annotations are not as released.
        """
        for option, value in (("--videos", videos), ("--seed", seed)):
            if value is not None:
                raise UserError(
                    f"{option} {value} does not apply to sportsmoments, its pairs are released as "
                    "they are: leave the option out."
                )
        from builders.facts import check_facts, print_contents
        from builders.sportsmoments.tables import read_released
        from builders.sportsmoments.verify import facts

        released = read_released()
        check_facts("sportsmoments: facts of the released annotations", facts(released))
        dataset = write_dataset(out, self.info, released.moments, released.pairs, released.videos)
        on_the_hub = "Hugging Face Hub, dataset yogeshiitj/SportsMoment; this build is offline"
        print_contents(
            dataset,
            [
                ("train pairs", f"train.csv (about 750,000 pairs) is on the {on_the_hub}"),
                ("clip files", f"0 of {len(released.videos):,}; {on_the_hub}"),
                (
                    "match files",
                    f"0 of {len(released.listed)}, from YouTube; "
                    f"{', '.join(released.matches.unresolved)} is damaged in vids.txt and stays "
                    "unresolved until train.csv is read",
                ),
            ],
        )
        return dataset
