"""Files of repositories of the Hugging Face Hub, fetched into its client's cache."""

from __future__ import annotations

import re
from pathlib import Path

from vid2vidmr.errors import HubError

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_PROBE_S = 10.0  # the hub's own client retries for a minute before it says that there is no network


def is_repository(name: str | Path) -> bool:
    """Tell whether a name could be that of a repository of the Hub: ``user/name``."""
    return _REPOSITORY.fullmatch(str(name)) is not None


def fetch_repository(
    name: str, files: list[str], kind: str = "model", revision: str | None = None
) -> Path:
    """Fetch files of a repository of the Hub into the cache, and give their folder there.

    Without a network, what was fetched before is taken.

    Parameters
    ----------
    name : str
        ``user/name``.
    files : list of str
        Names or patterns of the files; one that fits nothing is no error.
    kind : {"model", "dataset"}
    revision : str, optional
        Branch, tag or commit.

    Raises
    ------
    HubError
        If there is no such repository, or it cannot be fetched.
    """
    import huggingface_hub as hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        hub.HfApi().repo_info(name, repo_type=kind, revision=revision, timeout=_PROBE_S)
        offline = False
    except HfHubHTTPError as error:  # the hub's answer: the cache is not asked
        raise hub_error(f"There is no folder {name}, and no such repository", error) from None
    except Exception:  # the clients below raise errors of many kinds where there is no network
        offline = True
    try:
        return Path(
            hub.snapshot_download(
                name,
                repo_type=kind,
                revision=revision,
                allow_patterns=files,
                local_files_only=offline,
            )
        )
    except LocalEntryNotFoundError:
        raise HubError(
            f"There is no folder {name}, and as a repository it cannot be fetched: the Hub is not "
            "reached, and its cache here has none. Check the path, or the network."
        ) from None
    except Exception as error:
        raise hub_error(
            f"There is no folder {name}, and the repository cannot be fetched", error
        ) from None


def hub_error(what: str, error: Exception) -> HubError:
    """Say in one line what a client of the Hub could not do."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return HubError(f"{what} ({reason}): check the name, the network and `hf auth whoami`.")
