"""Analyses and comparisons in a terminal of 80 columns: tables with bars, rich only."""

from __future__ import annotations

from collections.abc import Sequence

from rich.bar import Bar
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from vid2vidmr.analysis.analyse import Analysis
from vid2vidmr.analysis.compare import (
    Comparison,
    Disagreement,
    OpenComparison,
    OpenDisagreement,
)
from vid2vidmr.analysis.error_types import FIXES, GAIN_METRICS, TYPES
from vid2vidmr.analysis.existence import OpenAnalysis, bin_name
from vid2vidmr.analysis.groups import METRICS, Group
from vid2vidmr.analysis.wording import (
    FIX_TEXTS,
    TYPE_TEXTS,
    answer,
    findings,
    seconds,
    verdict,
)
from vid2vidmr.records import Interval, Window

MANY = 12
"""Groups from which on only the best and the worst are shown."""
SHOWN_RANKS = (1, 2, 3, 5, 10)
NAME_WIDTH = 25
SCORE_AND_TIMELINE = 54
"""Signs for the score of an answer, and the row behind it that stands for the target."""


def _grid(*columns: str, left: Sequence[str] = (), gap: int = 2) -> Table:
    """Give a table without lines; all columns but the first and those in `left` are numbers."""
    grid = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False)
    for i, column in enumerate(columns):
        text = i == 0 or column in left
        grid.add_column(column, justify="left" if text else "right", no_wrap=not text)
    return grid


def _titled(title: str, *parts: RenderableType) -> Lines:
    return Lines(Text(""), Text(title, style="bold underline"), *parts)


def _bar(percent: float, width: int = 10, most: float = 100.0) -> Bar:
    return Bar(most, 0, percent, width=width, color="cyan")


def _compact(found: Interval) -> Text:
    """``83.7 71–92``, the interval dim."""
    text = Text(f"{found.value:z.1f}")
    if found.low is not None and found.high is not None:
        text.append(f" {f'{found.low:z.0f}–{found.high:z.0f}':>6}", style="dim")
    else:
        text.append(7 * " ")
    return text


def analysis_lines(analysis: Analysis) -> Lines:
    """Everything of an analysis, top to bottom."""
    parts: list[RenderableType] = [
        Text(f"{analysis.name}: errors", style="bold"),
        Text(analysis.subtitle),
        Text(""),
        *(Text(sentence) for sentence in findings(analysis)),
        _errors(analysis),
        _gains(analysis),
        _profile(analysis),
        _breakdowns(analysis),
    ]
    if analysis.sensitivity is not None:
        parts.append(_sensitivity(analysis))
    parts += [
        _histograms(analysis),
        Text(""),
        Text(
            "Percent of pairs, or points, in brackets the 95 % interval (bootstrap over query and "
            "target videos; none where a group has fewer than five of either). Definitions: "
            "docs/analysis.md.",
            style="dim",
        ),
    ]
    return Lines(*parts)


def open_lines(analysis: OpenAnalysis) -> Lines:
    """Everything of an analysis of open targets, top to bottom."""
    answers, sure = _grid("the moment is", "%"), _grid("probability", "pairs, %", "said", "held")
    for name, share in analysis.answers.items():
        answers.add_row(name, f"{share:.1f}")
    for k, each in enumerate(analysis.reliability):
        numbers = (each.pairs, each.said, each.held)
        sure.add_row(bin_name(k), *("" if x is None else f"{x:.1f}" for x in numbers))
    scores = _grid("metric", "%")
    for name, value in analysis.metrics.items():
        scores.add_row(name, _compact(value))
    return Lines(
        Text(f"{analysis.name}: none, one or several", style="bold"),
        Text(analysis.subtitle),
        _titled(f"Answered above {analysis.threshold:.3f}, or rejected", answers),
        _titled("How sure, and how rightly", sure),
        _titled("Every metric", scores),
    )


def _errors(analysis: Analysis) -> Lines:
    grid = _grid("type", "", "%", "which is", left=("", "which is"), gap=1)
    for name, share in analysis.errors.items():
        shown = share.text(short=True)
        grid.add_row(name, _bar(share.value), shown, Text(TYPE_TEXTS[name], style="dim"))
    return _titled("What first windows are", grid)


def _gains(analysis: Analysis) -> Lines:
    grid = _grid("mended", *GAIN_METRICS)
    for fix in FIXES:
        numbers = [analysis.gains[fix][m].text(signed=True, short=True) for m in GAIN_METRICS]
        grid.add_row(fix, *numbers)
    how = "; ".join(f"{fix}: {text}" for fix, text in FIX_TEXTS.items())
    note = f"Windows of an error become the truth; {how}."
    return _titled("Points that mending one thing alone would give", grid, Text(note, style="dim"))


def _profile(analysis: Analysis) -> Lines:
    grid = _grid("windows", *TYPES)
    for rank in SHOWN_RANKS:
        if rank <= len(analysis.profile):
            grid.add_row(str(rank), *(f"{analysis.profile[rank - 1][name]:.1f}" for name in TYPES))
    return _titled("What the first windows of every pair are, %", grid)


def _breakdowns(analysis: Analysis) -> Lines:
    grid = _grid("", "pairs", " ", *METRICS, left=(" ",), gap=1)
    grid.columns[0].width = NAME_WIDTH
    grid.columns[0].overflow = "fold"

    def row(group: Group) -> None:
        mean = group.metrics["mIoU"].value
        numbers = [_compact(group.metrics[metric]) for metric in METRICS]
        grid.add_row(Text(group.name), str(group.pairs), _bar(mean, 6), *numbers)

    for breakdown in analysis.breakdowns:
        grid.add_row(Text(breakdown.name, style="bold cyan"))
        left_out = len(breakdown.groups) - MANY
        for i, group in enumerate(breakdown.groups):
            if left_out <= 0 or not 0 <= i - MANY // 2 < left_out:
                row(group)
            elif i == MANY // 2:
                grid.add_row(Text(f"... {left_out} more", style="dim"))
    return _titled("The score by what pairs are like", grid)


def _sensitivity(analysis: Analysis) -> Lines:
    assert analysis.sensitivity is not None
    grid = _grid("", "with its query", "points lost")
    for name, lost in analysis.sensitivity.drop.items():
        grid.add_row(name, analysis.metrics[name].text(), lost.text())
    stays = analysis.sensitivity.unchanged.text()
    return _titled(
        "What a query of another class costs",
        grid,
        Text(f"First windows that stay where they were (IoU > 0.9): {stays} %."),
    )


def _histograms(analysis: Analysis) -> Lines:
    grid = _grid("", "truth", " ", "predicted", "  ", left=(" ", "  "), gap=1)
    for found in analysis.histograms:
        most = max(*found.truth, *found.predicted)
        grid.add_row(Text(found.name, style="bold cyan"))
        for name, truth, predicted in zip(found.bins, found.truth, found.predicted, strict=True):
            bars = (_bar(truth, 18, most), _bar(predicted, 18, most))
            grid.add_row(name, f"{truth:.1f}", bars[0], f"{predicted:.1f}", bars[1])
    return _titled("Where first windows lie, %", grid)


def comparison_lines(comparison: Comparison | OpenComparison) -> Lines:
    """Everything of a comparison, top to bottom."""
    a, b = comparison.names
    grid = _grid("metric", "A", "B", "A - B")
    for name, difference in comparison.difference.items():
        sure = difference.low is not None and difference.high is not None
        sure = sure and difference.low * difference.high > 0  # type: ignore[operator]
        grid.add_row(
            name,
            *(metrics[name].text() for metrics in comparison.metrics),
            Text(difference.text(signed=True), style="bold" if sure else ""),
        )
    parts: list[RenderableType] = [
        Text(f"A: {a}", style="bold"),
        Text(f"B: {b}", style="bold"),
        Text(comparison.subtitle),
        Text(""),
        grid,
        Text(""),
        Text(verdict(comparison)),
    ]
    for title, pairs in (("A better", comparison.better), ("B better", comparison.worse)):
        if pairs:
            shown = [line for pair in pairs for line in _disagreement(pair)]
            parts.append(_titled(f"{title}, by most", *shown))
    score = "IoU with the truth"
    if isinstance(comparison, OpenComparison):
        score = "G-mIoU@1, behind how sure it is"
    parts += [
        Text(""),
        Text(
            "In brackets: 95 % interval, of the difference pair by pair; bold where it leaves out "
            f"0. The number before a bar is its {score}; the dots are the target.",
            style="dim",
        ),
    ]
    return Lines(*parts)


def _disagreement(pair: Disagreement | OpenDisagreement) -> list[Text]:
    lines = [
        Text(f"{pair.pair_id}  {pair.label}, in {pair.target_video} ({pair.duration_s:.1f} s)")
    ]

    def line(name: str, said: str, score: str, window: Window | None) -> None:
        row = Text(f"  {name:5} {said:>15}  {score}")
        drawn = _timeline(window, pair.duration_s, SCORE_AND_TIMELINE - len(score))
        row.append(drawn, "green" if name == "truth" else "cyan")
        lines.append(row)

    if isinstance(pair, Disagreement):
        line("truth", seconds(pair.truth), 6 * " ", pair.truth)
        for name, window, iou in zip("AB", pair.windows, pair.iou, strict=True):
            line(name, seconds(window), f"{iou:.2f}  ", window)
        return lines
    for truth in pair.truth or [None]:
        line("truth", seconds(truth), 12 * " ", truth)
    for k, name in enumerate("AB"):
        score = f"{pair.exists[k]:.2f}  {pair.score[k]:.2f}  "
        line(name, answer(pair, k), score, pair.windows[k])
    return lines


def _timeline(window: Window | None, duration_s: float, signs: int) -> str:
    """Draw the target as a row of dots, with the window as a bar of at least one sign."""
    if window is None:
        return signs * "·"
    first = min(int(window[0] / duration_s * signs), signs - 1)
    last = max(first + 1, round(window[1] / duration_s * signs))
    return first * "·" + (last - first) * "█" + (signs - last) * "·"
