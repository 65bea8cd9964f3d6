"""Checkpoints in folders and in repositories of the Hugging Face Hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vid2vidmr.methods.checkpoint import Checkpoint
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.repositories import fetch_repository, hub_error, is_repository

FILES = ["method.json", "model.safetensors", "README.md"]
"""What a repository has of a checkpoint."""


def checkpoint_folder(where: str | Path, revision: str | None = None) -> Path:
    """Give the folder of a checkpoint, fetched if it is a repository.

    Parameters
    ----------
    where : str or Path
        Folder, or repository of the Hub (``user/name``) where there is no such folder. Without a
        network, a repository that was fetched before is taken from the cache.
    revision : str, optional
        Branch, tag or commit of the repository.

    Raises
    ------
    HubError
        If there is neither such a folder nor such a repository.
    """
    folder = Path(where)
    if folder.exists() or not is_repository(where):
        return folder
    return fetch_repository(str(where), FILES, revision=revision)


def push_checkpoint(folder: Path, repository: str) -> None:
    """Upload a checkpoint and its card, making the repository where there is none.

    Raises
    ------
    HubError
        If the hub cannot be reached or refuses.
    """
    import huggingface_hub as hub

    try:
        api = hub.HfApi()
        api.create_repo(repository, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder, allow_patterns=FILES)
    except Exception as error:
        raise hub_error(f"{folder} cannot be pushed to {repository}", error) from None


def model_card(info: MethodInfo, checkpoint: Checkpoint, where: str) -> str:
    """README.md of a checkpoint: metadata for the Hub, where it is from, how to use it.

    Parameters
    ----------
    checkpoint : Checkpoint
        What ``method.json`` says.
    where : str
        The repository or folder that it lies in.
    """
    from huggingface_hub import ModelCardData

    known = {name: value for name, value in checkpoint.provenance.items() if value is not None}
    tags = ["video-moment-retrieval", info.name, *(["synthetic"] if known.get("synthetic") else [])]
    data = ModelCardData(
        library_name="vid2vidmr", tags=tags, model_name=info.name, eval_results=_val_score(known)
    )
    if versions := known.get("versions"):
        known["versions"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    facts = "\n".join(f"- {name}: {value}" for name, value in sorted(known.items()))
    return f"""---
{data.to_yaml()}
---

# {info.title}

{info.source}. Deviations: {info.deviations}.

Trained with vid2vidmr, seed {checkpoint.seed}:

{facts or "- nothing is known of its training"}

```python
import vid2vidmr as v

method = v.load_method("{info.name}", "{where}")
print(method.retrieve("query.mp4", "target.mp4").windows)
```

```json
{json.dumps(checkpoint.config, indent=2)}
```
"""


def _val_score(known: Mapping[str, Any]) -> list[Any] | None:
    """Say for the Hub what a checkpoint scored on val, None if nobody knows."""
    from huggingface_hub import EvalResult

    if "val_mIoU" not in known or "dataset" not in known:
        return None
    score = EvalResult(
        task_type="video-to-video-moment-retrieval",
        dataset_type=known["dataset"],
        dataset_name=known["dataset"],
        dataset_split="val",
        dataset_revision=known["dataset_fingerprint"],
        metric_type="mIoU",
        metric_name="mIoU, mean of the official and the recropped protocol",
        metric_value=round(known["val_mIoU"], 2),
    )
    return [score]
