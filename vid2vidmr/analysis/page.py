"""Analyses and comparisons as pages: one file each, no address outside it, light and dark."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from vid2vidmr import __version__
from vid2vidmr.analysis.analyse import Analysis
from vid2vidmr.analysis.compare import Comparison
from vid2vidmr.analysis.error_types import FIXES, GAIN_METRICS, TYPES
from vid2vidmr.analysis.groups import METRICS
from vid2vidmr.analysis.wording import (
    BREAKDOWN_TEXTS,
    FIX_TEXTS,
    HISTOGRAM_TEXTS,
    TYPE_TEXTS,
    findings,
    number,
    seconds,
    subtitle,
    verdict,
)
from vid2vidmr.files import write_text

if TYPE_CHECKING:
    from jinja2 import Environment


def analysis_page(analysis: Analysis) -> str:
    """HTML of an analysis."""
    from markupsafe import Markup

    from vid2vidmr.analysis import charts

    return (
        _environment()
        .get_template("analysis.html")
        .render(
            analysis=analysis,
            subtitle=subtitle(analysis),
            findings=findings(analysis),
            types=TYPES,
            type_texts=TYPE_TEXTS,
            fixes=FIXES,
            fix_texts=FIX_TEXTS,
            metrics=METRICS,
            gain_metrics=GAIN_METRICS,
            # Charts are our own SVG: what comes from data was escaped when it was written.
            errors_chart=Markup(charts.errors(analysis.errors)),
            gains_chart=Markup(charts.gains(analysis.gains)),
            profile_chart=Markup(charts.profile(analysis.profile)),
            breakdowns=[
                (BREAKDOWN_TEXTS[found.name], found, Markup(charts.breakdown(found)))
                for found in analysis.breakdowns
            ],
            histograms=[
                (HISTOGRAM_TEXTS[found.name], found, Markup(charts.histogram(found)))
                for found in analysis.histograms
            ],
        )
    )


def comparison_page(comparison: Comparison) -> str:
    """HTML of a comparison."""
    return (
        _environment()
        .get_template("comparison.html")
        .render(comparison=comparison, subtitle=subtitle(comparison), verdict=verdict(comparison))
    )


def write_analysis(analysis: Analysis, path: Path) -> None:
    """Write the page of an analysis."""
    write_text(path, analysis_page(analysis))


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the page of a comparison."""
    write_text(path, comparison_page(comparison))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("vid2vidmr.analysis"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "seconds": seconds}
    environment.globals["version"] = __version__
    return environment
