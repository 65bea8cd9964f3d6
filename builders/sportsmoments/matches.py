"""Ids of SportsMoments: clips, the matches they come from, and the list of matches."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")


def split_clip_ids(clip_ids: pd.Series) -> pd.DataFrame:
    """Split clip ids ``{youtube_id}__{class}_{index}``.

    A YouTube id may itself contain or end with ``_``: the split is made from the right.

    Parameters
    ----------
    clip_ids : Series of str
        Without ``.mp4``.

    Returns
    -------
    DataFrame
        ``source_id`` (str) and ``class_id`` (int), index as in `clip_ids`.
    """
    parts = clip_ids.str.rsplit("_", n=2, expand=True)
    # What is left of class and index still ends with the first "_" of the separator.
    return pd.DataFrame({"source_id": parts[0].str[:-1], "class_id": parts[1].astype("int64")})


@dataclass(frozen=True)
class MatchIds:
    """The list of matches, repaired.

    Attributes
    ----------
    ids : tuple of str
        Valid YouTube ids, in the order of the list.
    repaired : dict of str to str
        Damaged id to the id it stands for.
    unresolved : tuple of str
        Damaged ids that nothing here explains.
    """

    ids: tuple[str, ...]
    repaired: dict[str, str]
    unresolved: tuple[str, ...]


def repair_match_ids(listed: list[str], seen: set[str]) -> MatchIds:
    """Repair the ids in which a character was lost (a blank stands in its place).

    Parameters
    ----------
    listed : list of str
        The ids of ``vids.txt``.
    seen : set of str
        The YouTube ids of the clips. A damaged id is repaired when exactly one of them differs
        from it only where it has a blank.
    """
    ids, repaired, unresolved = [], {}, []
    for listed_id in listed:
        if YOUTUBE_ID.fullmatch(listed_id):
            ids.append(listed_id)
            continue
        pattern = re.compile(re.escape(listed_id).replace(r"\ ", "."))
        matching = [candidate for candidate in seen if pattern.fullmatch(candidate)]
        if len(matching) == 1:
            repaired[listed_id] = matching[0]
            ids.append(matching[0])
        else:
            unresolved.append(listed_id)
    return MatchIds(tuple(ids), repaired, tuple(unresolved))
