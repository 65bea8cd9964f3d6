"""The builder: plans, renders what is missing, writes the tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import NonNegativeInt, PositiveInt

from builders.minimatch.config import SPLITS, VERSION, Families, MinimatchConfig
from builders.minimatch.pairs import pair_up
from builders.minimatch.plan import MomentPlan, VideoPlan, plan_videos
from builders.minimatch.pool import render_missing
from vid2vidmr.contract import STEP_S
from vid2vidmr.data.builder import DatasetBuilder
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import UserError
from vid2vidmr.files import file_sha256, read_json, write_json

RECIPE = "minimatch.json"  # what the videos in a folder were rendered from


class Minimatch(DatasetBuilder):
    """Renders videos and annotations; nothing is downloaded.

    Every seed gives another world, a data set with a name of its own: minimatch-1 with --seed 1,
    minimatch-unseen-0 with --families unseen, minimatch-repeats with --repeats.

    Parameters
    ----------
    config : MinimatchConfig, optional
        Changes the difficulty, for experiments.
    """

    info = DatasetInfo(
        name="minimatch",
        title="minimatch: rendered match-like broadcasts",
        version=VERSION,
        source="rendered by vid2vidmr from a seed",
        licence="MIT",
        citation="vid2vidmr, minimatch (rendered benchmark data)",
        synthetic=True,
        default_encoder="efficientnet-lite0",
    )

    def __init__(self, config: MinimatchConfig | None = None) -> None:
        self.config = config or MinimatchConfig()

    def build(
        self,
        out: Path,
        *,
        families: Families | None = None,
        repeats: bool = False,
        videos: int | None = None,
        seed: NonNegativeInt | None = None,
        workers: PositiveInt | None = None,
    ) -> Dataset:
        """Render the videos that are missing in `out` and write the tables.

        Parameters
        ----------
        families : {"shared", "unseen"}, optional
            Unseen: val and test are made of families of shots that occur nowhere in train, nor in
            each other.
        repeats : bool
            A video shows a class one to three times, not once: open targets hold several moments.
        videos : int, optional
            Number of videos of all splits together (default: 136).
        workers : int, optional
            Processes that render; by default one a core. Any number gives the same bytes.

        Raises
        ------
        UserError
            If there are too few videos, or `out` holds videos of another seed or recipe.
        """
        config = self._asked(families, seed, repeats)
        config = config if videos is None else config.sized(videos)
        out = Path(out)
        _claim(out, config)
        plans = plan_videos(config)
        render_missing(plans, out / "videos", workers or os.cpu_count() or 1)
        moments, pairs = annotation_tables(config, plans)
        info, options = self.info, {}
        if config.name != info.name:
            options = {"families": config.families, "seed": config.seed}
            title = f"{info.title}, {config.families} families, seed {config.seed}"
            if repeats:
                options["repeats"] = True
                title += ", classes repeat"
            info = info.model_copy(update={"name": config.name, "title": title})
        videos = _video_table(plans, out)
        targets = open_targets(moments, plans)
        return write_dataset(out, info, moments, pairs, videos, options, targets)

    def name_of(self, options: Mapping[str, Any]) -> str:
        """Name the world."""
        names = ("families", "seed", "repeats")
        return self._asked(*(options.get(name) for name in names)).name

    def _asked(
        self, families: Families | None, seed: int | None, repeats: bool | None
    ) -> MinimatchConfig:
        asked = {"families": families, "seed": seed}
        config = replace(self.config, **{k: v for k, v in asked.items() if v is not None})
        return config.repeating() if repeats else config


def annotation_tables(
    config: MinimatchConfig, plans: Sequence[VideoPlan]
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Moments and pairs of planned videos, as the core's tables.

    Parameters
    ----------
    config : MinimatchConfig
        Seed and largest numbers of pairs.
    plans : sequence of VideoPlan
        The videos; the target of a moment is its video, as far as it holds no other moment of the
        class.

    Returns
    -------
    DataFrame
        One row a moment; times in seconds.
    dict of str to DataFrame
        The pairs of each split.
    """
    moments = pd.DataFrame(
        {
            "moment_id": f"{plan.video_id}_{number}",
            "video_id": plan.video_id,
            "label": moment.script.label,
            "split": plan.split,
            "clip_start_s": clip_s[0],
            "clip_end_s": clip_s[1],
            "start_s": moment.window_s[0] - clip_s[0],
            "end_s": moment.window_s[1] - clip_s[0],
        }
        for plan in plans
        for number, moment in enumerate(plan.moments)
        for clip_s in [_alone(plan, moment)]
    )
    pairs = {}
    for number, split in enumerate(SPLITS):
        rows = moments[moments["split"] == split]
        labels, films = list(rows["label"]), list(rows["video_id"])
        drawn = pair_up(labels, films, config.pairs[split], config.seed, number)
        ids = list(rows["moment_id"])
        pairs[split] = pd.DataFrame(
            {
                "pair_id": [f"{split}_{k:05d}" for k in range(len(drawn))],
                "query_id": [ids[query] for query, _ in drawn],
                "target_id": [ids[target] for _, target in drawn],
            }
        )
    return moments, pairs


def open_targets(moments: pd.DataFrame, plans: Sequence[VideoPlan]) -> pd.DataFrame:
    """Give whole videos, in which every moment is known, columns `TARGET_COLUMNS`."""
    lengths = moments["video_id"].map({plan.video_id: plan.duration_s for plan in plans})
    targets = moments.assign(label="", clip_start_s=0.0, clip_end_s=lengths)
    return targets.drop_duplicates("video_id")


def _alone(plan: VideoPlan, moment: MomentPlan) -> tuple[float, float]:
    """Give the stretch of a video about a moment that holds no other of its class, in seconds.

    It starts on the grid of features.
    """
    same = [m.window_s for m in plan.moments if m.script == moment.script and m != moment]
    before = max((end for start, end in same if start < moment.window_s[0]), default=0.0)
    after = min((s for s, _ in same if s > moment.window_s[0]), default=plan.duration_s)
    return STEP_S * float(np.ceil(before / STEP_S)), after


def _claim(out: Path, config: MinimatchConfig) -> None:
    """Keep videos of different seeds or recipes out of one folder.

    The numbers of videos and pairs are no part of the recipe: a video does not depend on them.
    """
    recipe = {"version": VERSION} | {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(config).items()
        if not name.endswith(("_videos", "_pairs"))
    }
    path = out / RECIPE
    shared = {"families": "shared", "repeats": False}  # not written: there were no others once
    if path.exists():
        found = read_json(path)
        theirs = shared | found if isinstance(found, dict) else {}
        if theirs != recipe:
            name = next(k for k in recipe if theirs.get(k) != recipe[k]) if theirs else "recipe"
            raise UserError(
                f"{out} holds minimatch videos with {name} {theirs.get(name)}, not "
                f"{recipe.get(name)}: build into another folder, or delete this one."
            )
    else:
        write_json(path, dict(item for item in recipe.items() if item not in shared.items()))


def _video_table(plans: Sequence[VideoPlan], out: Path) -> pd.DataFrame:
    paths = [f"videos/{plan.video_id}.mp4" for plan in plans]
    return pd.DataFrame(
        {
            "video_id": [plan.video_id for plan in plans],
            "source_id": [plan.video_id for plan in plans],
            "path": paths,
            "duration_s": [plan.duration_s for plan in plans],
            "sha256": [file_sha256(out / path) for path in paths],
            "status": "ok",
        }
    )
