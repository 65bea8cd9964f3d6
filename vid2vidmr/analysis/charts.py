"""Charts of an analysis as SVG that stands in a page: no address, no script, the page's colours.

Colours are CSS variables (`page` defines them), so one SVG serves light and dark. Charts are
hidden from screen readers: a table with the same numbers stands beside each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import altair as alt
import pandas as pd
import vl_convert

from vid2vidmr.analysis.bias import Histogram
from vid2vidmr.analysis.error_types import FIXES, GAIN_METRICS, TYPES
from vid2vidmr.analysis.existence import Bin
from vid2vidmr.analysis.groups import Breakdown, Group
from vid2vidmr.records import Interval
from vid2vidmr.text import plain

WIDTH = 340
"""Pixels: a phone's width."""
BAR = 20
MOST_GROUPS = 24
"""Bars of a chart; of more groups the best and the worst are drawn."""
_TEXT, _GRID, _BAR = "currentColor", "var(--line)", "var(--accent)"
_TYPE_COLORS = [f"var(--{name.replace(' ', '-')})" for name in TYPES]


def errors(shares: Mapping[str, Interval]) -> str:
    """Share of each type of error, a bar each."""
    rows = _rows(shares)
    rows["color"] = [_TYPE_COLORS[TYPES.index(name)] for name in shares]
    color = alt.Color("color:N", scale=None)
    return svg(_bars(rows, "% of the pairs", [0, 100], color))


def breakdown(found: Breakdown) -> str:
    """MIoU of each group, a bar each; none for one group."""
    groups = list(found.groups)
    if len(groups) < 2:
        return ""
    if len(groups) > MOST_GROUPS:
        groups = groups[: MOST_GROUPS // 2] + groups[-MOST_GROUPS // 2 :]
    return svg(_bars(_group_rows(groups), "mIoU, %", [0, 100], alt.value(_BAR)))


def _group_rows(groups: Sequence[Group]) -> pd.DataFrame:
    return _rows({group.name: group.metrics["mIoU"] for group in groups})


def gains(found: Mapping[str, Mapping[str, Interval]]) -> str:
    """Points gained by each fix, one panel a metric."""
    panels = []
    for metric in GAIN_METRICS:
        rows = _rows({fix: found[fix][metric] for fix in FIXES})
        labelled = metric == GAIN_METRICS[0]
        panel = _bars(rows, metric, None, alt.value(_BAR), labels=labelled)
        panels.append(panel.properties(width=74, height=alt.Step(BAR)))
    return svg(alt.hconcat(*panels, spacing=10))


def profile(found: Sequence[Mapping[str, float]]) -> str:
    """Types among the first 1, 2, ... windows, stacked."""
    rows = pd.DataFrame(
        [
            {"windows": str(k), "type": name, "share": share, "order": TYPES.index(name)}
            for k, shares in enumerate(found, start=1)
            for name, share in shares.items()
        ]
    )
    chart = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("windows:N", sort=None, title="first windows of every pair").axis(labelAngle=0),
            y=alt.Y("share:Q", title="%").scale(domain=[0, 100], nice=False),
            color=alt.Color("type:N", title=None)
            .scale(domain=list(TYPES), range=_TYPE_COLORS)
            .legend(None),
            order="order:Q",
        )
        .properties(width=WIDTH - 50, height=220)
    )
    return svg(chart)


def histogram(found: Histogram) -> str:
    """Truth and predictions side by side in every bin."""
    rows = pd.DataFrame(
        [
            {"bin": name, "of": of, "share": share}
            for of, values in (("truth", found.truth), ("predicted", found.predicted))
            for name, share in zip(found.bins, values, strict=True)
        ]
    )
    chart = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("bin:N", sort=None, title=None).axis(labelAngle=-45),
            xOffset=alt.XOffset("of:N", sort=None),
            y=alt.Y("share:Q", title="%"),
            color=alt.Color("of:N", title=None, sort=None)
            .scale(domain=["truth", "predicted"], range=["var(--truth)", _BAR])
            .legend(None),
        )
        .properties(width=WIDTH - 50, height=170)
    )
    return svg(chart)


def reliability(found: Sequence[Bin]) -> str:
    """Share of the targets that hold their moment against the probability that was said."""
    rows = pd.DataFrame([each.model_dump() for each in found]).dropna()
    ends = pd.DataFrame({"said": [0, 100], "held": [0, 100]})
    x = alt.X("said:Q", title="said, %").scale(domain=[0, 100])
    y = alt.Y("held:Q", title="held, %").scale(domain=[0, 100])
    line = alt.Chart(ends).mark_line(color=_GRID, strokeDash=[4, 4]).encode(x=x, y=y)
    path = alt.Chart(rows).mark_line(color=_BAR, strokeWidth=1).encode(x=x, y=y)
    size = alt.Size("pairs:Q").scale(domain=[0, 100], range=[0, 2000]).legend(None)
    points = alt.Chart(rows).mark_circle(color=_BAR, opacity=0.9).encode(x=x, y=y, size=size)
    side = WIDTH - 60
    return svg(alt.layer(line, path, points).properties(width=side, height=side))


def _rows(values: Mapping[str, Interval]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": [plain(name) for name in values],
            "value": [found.value for found in values.values()],
            "low": [found.low for found in values.values()],
            "high": [found.high for found in values.values()],
        }
    )


def _bars(
    rows: pd.DataFrame, title: str, domain: list[int] | None, color: Any, *, labels: bool = True
) -> Any:
    """Bars to the right with their intervals as lines."""
    y = alt.Y("name:N", sort=None, title=None)
    # The room for labels is set: browsers' fonts are wider than that which is measured here.
    room = min(150.0, 8.0 * max(map(len, rows["name"]))) if labels else 0.0
    y = y.axis(labelLimit=room, minExtent=room, maxExtent=room) if labels else y.axis(None)
    x = alt.X("value:Q", title=title)
    x = x.axis(tickCount=3 if domain is None else 5)
    if domain is not None:
        x = x.scale(domain=domain)
    bars = alt.Chart(rows).mark_bar(height={"band": 0.7}).encode(y=y, x=x, color=color)
    lines = (
        alt.Chart(rows.dropna())
        .mark_rule(color=_TEXT, strokeWidth=1.5)
        .encode(y=y, x="low:Q", x2="high:Q")
    )
    return alt.layer(bars, lines).properties(width=WIDTH - room - 20, height=alt.Step(BAR))


def svg(chart: Any) -> str:
    """Give a chart of altair as SVG of this look."""
    chart = chart.configure(
        background="transparent",
        font="system-ui, sans-serif",
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor=_TEXT, titleColor=_TEXT, domainColor=_GRID, tickColor=_GRID,
            gridColor=_GRID, labelFontSize=12, titleFontSize=12, titleFontWeight="normal",
        ),
    )  # fmt: skip
    # The namespace is an address, and roles inside what is hidden would be errors: both go.
    root = ElementTree.fromstring(vl_convert.vegalite_to_svg(chart.to_dict()))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for name in list(element.attrib):
            if name.startswith("aria-") or name in ("role", "class", "pointer-events"):
                del element.attrib[name]
    del root.attrib["version"]
    root.attrib.update({"class": "chart", "aria-hidden": "true", "focusable": "false"})
    return ElementTree.tostring(root, encoding="unicode")
