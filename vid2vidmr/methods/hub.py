"""Checkpoints in folders and in repositories of the Hugging Face Hub."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vid2vidmr.errors import HubError
from vid2vidmr.methods.info import MethodInfo

FILES = ["method.json", "model.safetensors", "README.md"]
"""What a repository has of a checkpoint."""
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_PROBE_S = 10.0  # the hub's own client retries for a minute before it says that there is no network


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
    if folder.exists() or not _REPOSITORY.fullmatch(str(where)):
        return folder
    import huggingface_hub as hub
    from huggingface_hub.errors import HfHubHTTPError

    try:
        hub.HfApi().model_info(str(where), revision=revision, timeout=_PROBE_S)
        offline = False
    except HfHubHTTPError as error:  # the hub's answer: the cache is not asked
        raise _failure(f"There is no folder {where}, and no such repository", error) from None
    except Exception:  # the clients below raise errors of many kinds where there is no network
        offline = True
    try:
        return Path(
            hub.snapshot_download(
                str(where), revision=revision, allow_patterns=FILES, local_files_only=offline
            )
        )
    except Exception as error:
        raise _failure(
            f"There is no folder {where}, and the repository cannot be fetched", error
        ) from None


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
        raise _failure(f"{folder} cannot be pushed to {repository}", error) from None


def _failure(what: str, error: Exception) -> HubError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return HubError(f"{what} ({reason}): check the name, the network and `hf auth whoami`.")


def model_card(info: MethodInfo, checkpoint: Mapping[str, Any], where: str) -> str:
    """README.md of a checkpoint: metadata for the Hub, where it is from, how to use it.

    Parameters
    ----------
    checkpoint : mapping
        What ``method.json`` says: ``config``, ``seed``, ``provenance``.
    where : str
        The repository or folder that it lies in.
    """
    from huggingface_hub import ModelCardData

    known = {name: value for name, value in checkpoint["provenance"].items() if value is not None}
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

Trained with vid2vidmr, seed {checkpoint["seed"]}:

{facts or "- nothing is known of its training"}

```python
import vid2vidmr as v

method = v.load_method("{info.name}", "{where}")
print(method.retrieve("query.mp4", "target.mp4").windows)
```

```json
{json.dumps(checkpoint["config"], indent=2)}
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
