"""Names of encoders: told right from wrong before anything heavy is imported."""

from __future__ import annotations

from vid2vidmr.contract import encoder_and_step
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.errors import UnknownNameError
from vid2vidmr.features.store import imported_features
from vid2vidmr.registry import registered_names


def joined_names(name: str) -> list[str]:
    """Take ``A+B`` apart; a + that no name of an encoder follows (``+fast``) is part of a name."""
    known = registered_names("encoder")
    parts: list[str] = []
    for part in name.split("+"):
        if parts and part.partition(":")[0] not in known:
            parts[-1] += f"+{part}"
        else:
            parts.append(part)
    return parts


def require_encoder(name: str, dataset: Dataset | None = None) -> None:
    """Refuse the name of no encoder, and of no features that were imported into the data set.

    Raises
    ------
    UnknownNameError
        With the nearest registered name.
    """
    if dataset is not None and imported_features(dataset, name) is not None:
        return
    known = registered_names("encoder")
    for part in joined_names(encoder_and_step(name)[0]):
        if part.partition(":")[0] not in known:
            raise UnknownNameError("encoder", part, known)
