"""Pack the released annotation files as the Parquet tables that travel inside this package.

Run from the repository's root, with the folder that holds ``{train,val,test}.json``,
``length.json`` and ``class_permutation.json`` (its ``data/perm.npy``) of fengyang0317/video_reloc
and ``activitynet_v1-3_annotations.json`` of JJBOY/BMN (see ``annotations/NOTICE``)::

    python -m builders.activitynet_vrl.repack FOLDER

Values are kept as released. Left out: the frame counts of the ActivityNet file
(``duration_frame``, ``feature_frame``), which nothing here reads.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from vid2vidmr.data.info import SPLITS
from vid2vidmr.files import replacing

ANNOTATIONS = Path(__file__).parent / "annotations"


def repack(source: Path, out: Path = ANNOTATIONS) -> None:
    """Write ``items``, ``videos``, ``segments`` and ``permutation`` as Parquet into `out`.

    Parameters
    ----------
    source : Path
        Folder of the released files.
    out : Path
        Folder of the Parquet files.
    """
    raw = {
        key.removeprefix("v_"): value
        for key, value in _json(source / "activitynet_v1-3_annotations.json").items()
    }
    lengths = _json(source / "length.json")
    tables = {
        "items": pd.DataFrame(
            [
                (split, item["id"], item["label"], *item["location"], *item["groundtruth"])
                for split in SPLITS
                for item in _json(source / f"{split}.json")
            ],
            columns=["split", "video_id", "node", "location_start", "location_end",
                     "groundtruth_start", "groundtruth_end"],
        ),
        "videos": pd.DataFrame(
            [
                (video, n["n_feat"], n["n_frames"], raw.get(video, {}).get("duration_second"))
                for video, n in lengths.items()
            ],
            columns=["video_id", "n_feat", "n_frames", "duration_s"],
        ),
        "segments": pd.DataFrame(
            [
                (video, *annotation["segment"], annotation["label"])
                for video, value in raw.items()
                for annotation in value["annotations"]
            ],
            columns=["video_id", "start_s", "end_s", "label"],
        ),
        "permutation": pd.DataFrame({"position": _json(source / "class_permutation.json")}),
    }  # fmt: skip
    for name, table in tables.items():
        with replacing(out / f"{name}.parquet") as temporary:
            table.to_parquet(temporary, index=False, compression="zstd")


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    repack(Path(sys.argv[1]))
