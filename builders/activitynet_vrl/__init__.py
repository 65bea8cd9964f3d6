"""ActivityNet-VRL: video re-localization on ActivityNet 1.3 (Feng et al., ECCV 2018)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import NonNegativeInt, PositiveInt

from vid2vidmr.data.builder import DatasetBuilder
from vid2vidmr.data.choice import at_most, numbered_pairs
from vid2vidmr.data.clips import cut_clips
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import SPLITS, DatasetInfo
from vid2vidmr.data.write import write_dataset
from vid2vidmr.downloads import DownloadOptions, download_videos, with_files


class ActivityNetVRL(DatasetBuilder):
    """Builds all three splits of ActivityNet-VRL from the released annotations.

    Train pairs are all ordered pairs of different moments of one class whose query is not longer
    than the target, moments of one video included (the published 472,704). Val and test have one
    target a query, drawn from the same candidates with a seed (default 0).
    """

    whole_on_youtube = True
    info = DatasetInfo(
        name="activitynet-vrl",
        title="ActivityNet-VRL: video re-localization on ActivityNet 1.3, classes disjoint",
        version="1",
        source="https://github.com/fengyang0317/video_reloc (items); "
        "https://github.com/JJBOY/BMN-Boundary-Matching-Network (durations, raw annotations)",
        licence="MIT (annotations)",
        citation="Feng et al., Video Re-localization, ECCV 2018",
        synthetic=False,
        default_encoder="clip-vit-b32",
    )
    notice = Path(__file__).parent / "annotations" / "NOTICE"

    def build(
        self,
        out: Path,
        *,
        seed: NonNegativeInt = 0,
        max_pairs_per_class: PositiveInt | None = None,
        download: DownloadOptions | None = None,
        cut: bool = False,
    ) -> Dataset:
        """Build the annotations into `out`, and fetch the videos if `download` says how.

        Parameters
        ----------
        seed : int
            Of the targets of val and test.
        max_pairs_per_class : int, optional
            Hard limit on the train pairs of a class, drawn with the seed and evenly over the
            queries. Val and test have one target a query: theirs are fixed.

        Raises
        ------
        DataError
            If the annotations are not as released.
        """
        from builders.activitynet_vrl.pairs import candidates, draw_targets
        from builders.activitynet_vrl.tables import read_released
        from builders.activitynet_vrl.verify import facts
        from builders.facts import check_facts, print_contents

        released = read_released()
        moments = released.moments
        ids = {s: moments.loc[moments["split"] == s, "moment_id"].to_numpy() for s in SPLITS}
        rows = {s: candidates(released.items[released.items["split"] == s]) for s in SPLITS}
        for split in ("val", "test"):
            rows[split] = draw_targets(*rows[split], ids[split], seed)
        check_facts("activitynet-vrl: facts of the released annotations", facts(released, rows))
        options: dict[str, int] = {"seed": seed}
        if max_pairs_per_class is not None:
            query, target = rows["train"]
            label = pd.factorize(moments.loc[moments["split"] == "train", "label"])[0][query]
            kept = at_most(max_pairs_per_class, query, label, np.random.default_rng(seed))
            rows["train"] = query[kept], target[kept]
            options["max_pairs_per_class"] = max_pairs_per_class
        dataset = write_dataset(
            out,
            self.info,
            moments,
            {split: numbered_pairs(*rows[split], ids[split], split) for split in SPLITS},
            with_files(released.videos, out),
            options=options,
            targets=released.targets,
        )
        if download is not None:
            dataset = download_videos(dataset, download)
        if cut:
            cut_clips(dataset)
        unknown = int(released.videos["duration_s"].isna().sum())
        seconds = f"{unknown} of {len(released.videos):,} videos: theirs assume 30 frames a second"
        print_contents(dataset, "from YouTube, many are gone: --download", [("durations", seconds)])
        return dataset
