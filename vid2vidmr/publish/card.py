"""The card of a published data set: README.md of its repository on the Hugging Face Hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import MOMENT_COLUMNS, PAIR_COLUMNS, VIDEO_COLUMNS
from vid2vidmr.registry import registered_names

if TYPE_CHECKING:
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
    """Write the card.

    Parameters
    ----------
    dataset : Dataset
    licence : str
        Of the annotations.
    contracts : mapping of str to FeatureContract
        Folder of features to what they are.
    repository : str or None
        Where it is published, ``user/name``.
    """
    from huggingface_hub import DatasetCardData

    info, counts = dataset.info, dataset.counts
    number, _ = licence_of(licence)
    pairs = sum(counts["pairs"].values())
    simulated = any(contract.simulated for contract in contracts.values())
    data = DatasetCardData(
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
                "config_name": "pairs",
                "default": True,
                "data_files": [{"split": s, "path": f"pairs/{s}.parquet"} for s in dataset.splits],
            },
            *(
                {
                    "config_name": name,
                    "data_files": [{"split": name, "path": f"{name}.parquet"}],
                }
                for name in ("moments", "videos")
            ),
        ],
        dataset_info=[
            {"config_name": name, "features": [_feature(column) for column in columns]}
            for name, columns in (
                ("pairs", PAIR_COLUMNS),
                ("moments", MOMENT_COLUMNS),
                ("videos", VIDEO_COLUMNS),
            )
        ],
    )
    text = _text(dataset, licence, contracts, repository or "USER/NAME")
    return f"---\n{data.to_yaml()}\n---\n{text}"


def _feature(column: str) -> dict[str, str]:
    return {"name": column, "dtype": "float64" if column.endswith("_s") else "string"}


def _text(
    dataset: Dataset,
    licence: str,
    contracts: Mapping[str, FeatureContract],
    repository: str,
) -> str:
    info, counts = dataset.info, dataset.counts
    warnings = []
    if info.synthetic:
        warnings.append(
            "**Synthetic**: rendered or made up by a program. Scores on it compare methods with "
            "each other and say nothing about real video."
        )
    if any(contract.simulated for contract in contracts.values()):
        warnings.append(
            "**Simulated features**: made from the annotations, no video was looked at. They "
            "exercise training; scores with them belong on no leaderboard of real video."
        )
    if licence_of(licence)[0] == "other":
        warnings.append(
            f'**Licence**: "{licence}". No licence that lets others pass the annotations on is '
            "known; ask those who made them before you do."
        )
    rows = "\n".join(
        f"| {split} | {counts['pairs'][split]:,} | {counts['classes'].get(split, 0)} |"
        for split in dataset.splits
    )
    options = ", ".join(f"{name} {value}" for name, value in dataset.options.items()) or "none"
    made = "".join(
        f"- `{folder}`: {c.encoder}, {c.dim} numbers a frame, {c.sampling}, {c.preprocessing}"
        + (", **simulated**\n" if c.simulated else "\n")
        for folder, c in contracts.items()
    )
    warned = "".join(f"> {warning}\n\n" for warning in warnings)
    named = info.name in registered_names("dataset")
    built = f"`vid2vidmr build {info.name}`" if named else "Built with `vid2vidmr`"
    here = "the videos" if contracts else "the videos, and features of them"
    return f"""
# {info.title}

{warned}Pairs for video-to-video moment retrieval: a query shows a moment, and the moment of the
same class is to be found in the target.

| split | pairs | classes |
|---|---:|---:|
{rows}

{counts["moments"]:,} moments in {counts["videos"]:,} videos. Fingerprint, the hash of what decides
a score: `{dataset.fingerprint}`.

## Source and licence

- Source: {info.source}
- Licence of the annotations: {licence}. It does not cover the videos.
- Citation: {info.citation}

## How it was made

{built}, version {info.version} of the data set, options: {options}.
Its metadata for machines are in `croissant.json`.

## What is here

- `pairs/*.parquet`: `pair_id, query_id, target_id`, the last two are moments
- `moments.parquet`: a moment's class and split, its reference clip in the video
  (`clip_start_s, clip_end_s`), the moment in that clip (`start_s, end_s`), seconds
- `videos.parquet`: ids, lengths and SHA-256 of the videos, where they are known
{made}
**Not here**: {here}. Videos come from their source, under its terms.

## How to use it

```python
import datasets

pairs = datasets.load_dataset("{repository}", "pairs")
moments = datasets.load_dataset("{repository}", "moments")["moments"]
```

```sh
hf download {repository} --repo-type dataset --local-dir data/{info.name}
vid2vidmr bench --dataset data/{info.name} --methods centre,prior
```
"""
