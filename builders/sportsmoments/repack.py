"""Pack the released annotation files as the Parquet tables that travel inside this package.

Run from the repository's root, with the folder that holds ``val.csv``, ``test.csv``,
``id_class_mapping.json`` and ``vids.txt`` of vl2g/MATR (see ``annotations/NOTICE``)::

    python -m builders.sportsmoments.repack FOLDER

Values are kept as released; nothing is repaired here (`builders.sportsmoments.matches` does).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

from vid2vidmr.files import replacing

ANNOTATIONS = Path(__file__).parent / "annotations"


def repack(source: Path, out: Path = ANNOTATIONS) -> None:
    """Write ``val``, ``test``, ``classes`` and ``matches`` as Parquet into `out`.

    Parameters
    ----------
    source : Path
        Folder of the released files.
    out : Path
        Folder of the Parquet files.
    """
    classes = json.loads((source / "id_class_mapping.json").read_text(encoding="utf-8"))
    lines = (source / "vids.txt").read_text(encoding="utf-8").splitlines()
    # A line ends with a comma (the last one with a full stop) and sometimes blanks.
    matches = [text for line in lines if (text := line.strip(" ,."))]
    tables = {
        "val": pd.read_csv(source / "val.csv"),
        "test": pd.read_csv(source / "test.csv"),
        "classes": pd.DataFrame(
            {"class_id": [int(key) for key in classes], "label": list(classes.values())}
        ),
        "matches": pd.DataFrame({"listed": matches}),
    }
    for name, table in tables.items():
        with replacing(out / f"{name}.parquet") as temporary:
            table.to_parquet(temporary, index=False, compression="zstd")


if __name__ == "__main__":
    repack(Path(sys.argv[1]))
