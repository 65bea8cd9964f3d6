"""Charts of a board: rows as lines and points, in the look of `vid2vidmr.analysis.charts`."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from leaderboard.site.boards import THRESHOLDS, Board, Entry
from vid2vidmr.analysis.charts import svg
from vid2vidmr.tables.table import HEADLINE, metrics_of
from vid2vidmr.text import plain

COLORS = tuple(f"var(--row-{i})" for i in range(1, 6))
BIAS_COLOR = "var(--row-bias)"
WIDTH, HEIGHT = 300, 210
_DASHES = ([1, 0], [6, 2], [2, 2], [8, 2, 2, 2], [4, 4])
_BIAS_DASH = [1, 3]


def colors(board: Board, protocol: str) -> dict[str, str]:
    """Rows that lines are drawn of, to their colour.

    They are the best of the last protocol that ranks by the same metric, and its best bias row
    last: the same in all its charts.
    """
    of, metrics = board.tables, metrics_of([protocol])
    table = [table for name, table in of.items() if metrics_of([name]) == metrics][-1]
    best = [row.name for row in table.method_rows[: len(COLORS)]]
    bias = [row.name for row in table.bias_rows[:1]]
    return dict(zip(best, COLORS, strict=False)) | dict.fromkeys(bias, BIAS_COLOR)


def _drawn(board: Board, protocol: str) -> dict[str, Entry]:
    return {
        name: board.entries[name]
        for name in colors(board, protocol)
        if protocol in board.entries[name].row.metrics
    }


def by_threshold(board: Board, protocol: str) -> str:
    """R@1 by the IoU that is asked for, a line a row."""
    rows = pd.DataFrame(
        [
            {"row": name, "x": threshold, "y": value}
            for name, entry in _drawn(board, protocol).items()
            for threshold, value in zip(THRESHOLDS, entry.curves[protocol], strict=True)
        ]
    )
    x = alt.X("x:Q", title="IoU asked for").scale(domain=[0, 1])
    x = x.axis(values=[0, 0.3, 0.5, 0.7, 1])
    return _lines(colors(board, protocol), rows, x, "R@1, %", points=False)


def by_length(board: Board, protocol: str) -> str:
    """MIoU by moment length, a line a row; none for one group."""
    rows = pd.DataFrame(
        [
            {
                "row": name,
                "x": group.name,
                "y": group.metrics[HEADLINE].value,
                "low": group.metrics[HEADLINE].low,
                "high": group.metrics[HEADLINE].high,
            }
            for name, entry in _drawn(board, protocol).items()
            for group in entry.lengths[protocol].groups
        ]
    )
    if rows["x"].nunique() < 2:
        return ""
    x = alt.X("x:N", sort=None, title="moment length").axis(labelAngle=0)
    return _lines(colors(board, protocol), rows, x, f"{HEADLINE}, %", points=True)


def by_cost(board: Board, protocol: str) -> str:
    """Score by seconds to fit and predict, a point a row; none where fewer than two are known."""
    named, headline = colors(board, protocol), board.tables[protocol].headline
    rows = pd.DataFrame(
        [
            {
                "row": row.name,
                "x": max(cost, 0.01),
                "y": row.metrics[protocol][headline].mean.value,
                "color": named.get(row.name, "var(--dim)"),
            }
            for row in board.tables[protocol].rows
            if (cost := board.entries[row.name].cost_s)
        ]
    )
    if len(rows) < 2:
        return ""
    rows["label"] = _labels(rows)
    chart = alt.Chart(rows).encode(
        x=alt.X("x:Q", title="fit and predict, seconds")
        .scale(type="log", nice=True)
        .axis(tickCount=5, format="~r", grid=False),
        y=alt.Y("y:Q", title=f"{headline}, %").scale(domain=[0, 100]),
        color=alt.Color("color:N", scale=None),
    )
    points = chart.mark_point(filled=True, size=70, opacity=1)
    # Names of points at the right edge stand to their left.
    right = alt.datum.x > rows["x"].max() ** 0.7 * rows["x"].min() ** 0.3
    names = [
        chart.transform_filter(of).mark_text(align=align, dx=dx, fontSize=10).encode(text="label:N")
        for of, align, dx in ((right, "right", -8), (~right, "left", 8))
    ]
    return svg(alt.layer(points, *names).properties(width=WIDTH, height=HEIGHT))


def _labels(rows: pd.DataFrame) -> list[str]:
    """Give the names of points; of those so near each other that names would overlap, the first."""
    x = np.log(rows["x"].to_numpy())
    x = WIDTH * (x - x.min()) / max(np.ptp(x), 1e-9)
    y = HEIGHT * rows["y"].to_numpy() / 100
    labels: list[str] = []
    for i, name in enumerate(rows["row"]):
        near = [j for j in range(i) if labels[j] and abs(y[j] - y[i]) < 11]
        labels.append("" if any(abs(x[j] - x[i]) < 70 for j in near) else plain(name))
    return labels


def _lines(named: dict[str, str], rows: pd.DataFrame, x: alt.X, title: str, *, points: bool) -> str:
    dashes: list[Sequence[int]] = [
        _BIAS_DASH if color == BIAS_COLOR else _DASHES[i] for i, color in enumerate(named.values())
    ]
    chart = alt.Chart(rows).encode(
        x=x,
        y=alt.Y("y:Q", title=title).scale(domain=[0, 100]),
        color=alt.Color("row:N", sort=None)
        .scale(domain=list(named), range=list(named.values()))
        .legend(None),
        strokeDash=alt.StrokeDash("row:N", sort=None)
        .scale(domain=list(named), range=dashes)
        .legend(None),
    )
    line = chart.mark_line(strokeWidth=2, point={"size": 36} if points else False)
    if not points:
        return svg(line.properties(width=WIDTH, height=HEIGHT))
    intervals = (
        chart.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=1, opacity=0.6)
        .encode(y="low:Q", y2="high:Q", strokeDash=alt.value([1, 0]))
    )
    return svg(alt.layer(line, intervals).properties(width=WIDTH, height=HEIGHT))
