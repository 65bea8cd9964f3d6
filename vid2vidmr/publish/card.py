"""The card of a published data set: README.md of its repository on the Hugging Face Hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import MOMENT_COLUMNS, PAIR_COLUMNS, TARGET_COLUMNS, VIDEO_COLUMNS
from vid2vidmr.registry import registered_names

if TYPE_CHECKING:
    from huggingface_hub import DatasetCardData

    from vid2vidmr.contract import FeatureContract

LICENCES = {
    "MIT": ("mit", "https://opensource.org/license/mit"),
    "Apache-2.0": ("apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "CC0": ("cc0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "CC BY 4.0": ("cc-by-4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "CC BY-SA 4.0": ("cc-by-sa-4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "CC BY-NC 4.0": ("cc-by-nc-4.0", "https://creativecommons.org/licenses/by-nc/4.0/"),
}
"""How a licence begins in `DatasetInfo.licence`, to its id on the Hub and its address."""
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
TABLES = {
    "pairs": PAIR_COLUMNS,
    "moments": MOMENT_COLUMNS,
    "videos": VIDEO_COLUMNS,
    "targets": TARGET_COLUMNS,
}
"""The configs of `datasets.load_dataset`, the default first; of targets where they are known."""


def licence_of(text: str) -> tuple[str, str]:
    """Id on the Hub and address of a licence; ``other`` and the text where neither is known."""
    for name, (number, address) in LICENCES.items():
        if re.match(re.escape(name) + r"($|[ ,;(])", text, re.IGNORECASE):
            return number, address
    return "other", text


def dataset_card(
    dataset: Dataset,
    licence: str,
    contracts: Mapping[str, FeatureContract],
    repository: str | None,
) -> str:
    """Fill in ``card.md``.

    Parameters
    ----------
    licence : str
        Of the annotations.
    contracts : mapping of str to FeatureContract
        Folder of features to what they are.
    repository : str or None
        Where it is published, ``user/name``.
    """
    from huggingface_hub import DatasetCard

    simulated = any(contract.simulated for contract in contracts.values())
    card = DatasetCard.from_template(
        _metadata(dataset, licence, simulated),
        template_path=str(Path(__file__).with_name("card.md")),
        info=dataset.info,
        counts=dataset.counts,
        splits=dataset.splits,
        options=dataset.options,
        fingerprint=dataset.fingerprint,
        licence=licence,
        contracts=contracts,
        simulated=simulated,
        registered=dataset.name in registered_names("dataset"),
        repository=repository or "USER/NAME",
    )
    return f"{card}\n"


def _metadata(dataset: Dataset, licence: str, simulated: bool) -> DatasetCardData:
    from huggingface_hub import DatasetCardData

    info = dataset.info
    number, _ = licence_of(licence)
    pairs = sum(dataset.counts["pairs"].values())
    tables = [name for name in TABLES if name != "targets" or name in dataset.counts]
    files = {name: [{"split": name, "path": f"{name}.parquet"}] for name in tables}
    files["pairs"] = [{"split": s, "path": f"pairs/{s}.parquet"} for s in dataset.splits]
    return DatasetCardData(
        pretty_name=info.title,
        license=number,
        license_name=re.sub(r"\W+", "-", licence).strip("-").lower() if number == "other" else None,
        task_categories=["other"],
        size_categories=[next((size for most, size in SIZES if pairs < most), "1M<n<10M")],
        tags=[
            "video-moment-retrieval",
            "video-to-video-moment-retrieval",
            "vid2vidmr",
            *["synthetic"] * info.synthetic,
            *["simulated-features"] * simulated,
        ],
        configs=[
            {
                "config_name": name,
                **({"default": True} if name == "pairs" else {}),
                "data_files": files[name],
            }
            for name in tables
        ],
        dataset_info=[
            {"config_name": name, "features": [_feature(column) for column in TABLES[name]]}
            for name in tables
        ],
    )


def _feature(column: str) -> dict[str, str]:
    return {"name": column, "dtype": "float64" if column.endswith("_s") else "string"}
