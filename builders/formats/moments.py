"""From entries in the forms of others to a table of moments, as the CSV file of one's own gives it.

One's own file can be mended, so a moment that cannot be used refuses it. Files of others often
cannot: their moments that cannot be used are left out, told one by one, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from builders.formats import POINTS, Entry, LeftOut, read_form
from builders.rows import tell
from vid2vidmr.data.checks import SLACK_S
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.text import plain

Notes = list[tuple[str, str]]
"""What became of moments, for `builders.facts.print_contents`."""
USUAL_S = 2.0
"""Lead and lag where none are given."""


@dataclass(frozen=True)
class Margins:
    """Seconds before and behind a point that are its moment; a class may have its own."""

    lead_s: float = USUAL_S
    lag_s: float = USUAL_S
    leads_s: Mapping[str, float] = field(default_factory=dict)
    lags_s: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, lead: str | None, lag: str | None) -> Margins:
        """Read ``2,Goal=10,Corner=5``: seconds, and those of classes.

        Raises
        ------
        UserError
            If a text is none of this.
        """
        (lead_s, leads_s), (lag_s, lags_s) = _parsed("--lead", lead), _parsed("--lag", lag)
        return cls(lead_s, lag_s, leads_s, lags_s)

    def unknown(self, labels: Iterable[str]) -> set[str]:
        """Classes with margins of their own that there are not."""
        return (self.leads_s.keys() | self.lags_s.keys()) - set(labels)

    def windows(self, table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
        """Start and end around points (``video, label, start_s, duration_s``), within the video.

        Two points of a class that are nearer than that share the time between them evenly.
        """
        at, label = table["start_s"], table["label"]
        start = at - label.map(self.leads_s).astype("float64").fillna(self.lead_s)
        end = at + label.map(self.lags_s).astype("float64").fillna(self.lag_s)
        groups = table.sort_values("start_s")["start_s"].groupby(
            [table["video"], table["label"]], sort=False
        )
        before = groups.shift(1).reindex(table.index)
        after = groups.shift(-1).reindex(table.index)
        start = np.fmax(np.maximum(start, 0.0), (at + before) / 2)
        end = np.fmin(np.fmin(end, table["duration_s"]), (at + after) / 2)
        return start, end


def _parsed(flag: str, text: str | None) -> tuple[float, dict[str, float]]:
    usual, of_class = USUAL_S, {}
    for part in (text or "").split(",") if text is not None else ():
        label, _, seconds = part.rpartition("=")
        try:
            value = float(seconds)
        except ValueError:
            value = -1.0
        if not 0 <= value < np.inf:
            raise UserError(f"{flag} {text}: expected seconds and CLASS=SECONDS, as 2,Goal=10.")
        if label:
            of_class[label.strip()] = value
        else:
            usual = value
    return usual, of_class


def read_foreign(
    path: Path, form: str, lead: str | None = None, lag: str | None = None
) -> tuple[pd.DataFrame, Notes]:
    """Read annotations in a form of others.

    Returns
    -------
    table : DataFrame
        As `builders.custom.table.read_moments` gives it, and ``place``.
    notes : list of (str, str)
        How many moments were left out or merged, and why.

    Raises
    ------
    UserError
        If lead and lag do not fit.
    MomentError
        If a record is not as the form has it.
    DataError
        If there are no moments.
    """
    if form not in POINTS and (lead is not None or lag is not None):
        raise UserError(f"--lead and --lag are of points: {form} has windows, leave them out.")
    entries = read_form(path, form)
    table = pd.DataFrame(
        [each for each in entries if isinstance(each, Entry)], columns=list(Entry._fields)
    ).astype(dict.fromkeys(("start_s", "end_s", "duration_s"), "float64"))
    gone = Counter(each.reason for each in entries if isinstance(each, LeftOut))
    margins = Margins.parse(lead, lag)
    if unknown := margins.unknown(table["label"]):
        raise UserError(f"--lead and --lag: there is no class {min(unknown)!r} in {path}.")
    if form in POINTS:
        before = len(table)
        table = table.drop_duplicates(["video", "label", "start_s"]).reset_index(drop=True)
        gone["moments that are there twice"] += before - len(table)
        table["start_s"], table["end_s"] = margins.windows(table)
    table = _usable(path, table, gone)
    table, merged = merge_overlaps(table)
    if table.empty:
        raise DataError(f"{path} has no moments that could be used.")
    notes = [(f"{count:,} left out", why) for why, count in gone.items() if count]
    if merged:
        notes.append((f"{merged:,} merged", "moments that overlap others of their class"))
    rows = np.arange(1, len(table) + 1)
    return table.assign(split=pd.Series(None, table.index, dtype="object"), row=rows), notes


def _usable(path: Path, table: pd.DataFrame, gone: Counter[str]) -> pd.DataFrame:
    """Leave out what is no window in its video, and tell it."""
    start, end = table["start_s"], table["end_s"]
    told = {
        "moments without a class": table["label"].str.strip() == "",
        "moments without a video": table["video"].str.strip() == "",
        "moments that start before their video": start < 0,
        "moments that do not end after their start": end <= start,
        "moments that end behind their video": end > table["duration_s"] + SLACK_S,
    }
    bad = pd.Series(False, table.index)
    lines: list[str] = []
    for why, where in told.items():
        new = where & ~bad
        chosen = table.loc[new, ["place", "start_s", "end_s"]]
        lines += [
            f"{place}: {a:g} to {b:g} s, left out: {why}"
            for place, a, b in chosen.itertuples(False)
        ]
        gone[why] += int(new.sum())
        bad |= new
    tell(path, lines)
    return table[~bad].assign(label=table["label"].map(lambda text: plain(text.strip())))


def merge_overlaps(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Make one moment of those of a class that overlap; gives how many went into another."""
    ordered = table.sort_values(["video", "label", "start_s", "end_s"], kind="stable")
    groups = ordered.groupby(["video", "label"], sort=False)
    latest = groups["end_s"].cummax().groupby([ordered["video"], ordered["label"]]).shift(1)
    begins = latest.isna() | (ordered["start_s"] >= latest)
    number = begins.cumsum()
    kept = ordered[begins].copy()
    kept["end_s"] = ordered["end_s"].groupby(number).max().to_numpy()
    return kept.sort_index().reset_index(drop=True), len(table) - len(kept)
