"""Analyses and comparisons as pages: one file each, no address outside it, light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from vid2vidmr import __version__
from vid2vidmr.analysis.analyse import Analysis
from vid2vidmr.analysis.compare import Comparison, OpenComparison
from vid2vidmr.analysis.error_types import FIXES, GAIN_METRICS, TYPES
from vid2vidmr.analysis.existence import OpenAnalysis, bin_name
from vid2vidmr.analysis.groups import METRICS
from vid2vidmr.analysis.wording import (
    BREAKDOWN_TEXTS,
    FIX_TEXTS,
    HISTOGRAM_TEXTS,
    TYPE_TEXTS,
    answer,
    findings,
    seconds,
    verdict,
)
from vid2vidmr.files import BASE_CSS
from vid2vidmr.records import Interval
from vid2vidmr.text import counted

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def analysis_page(
    analysis: Analysis | OpenAnalysis, places: Mapping[str, str] | None = None
) -> str:
    """HTML of an analysis.

    Parameters
    ----------
    places : mapping of str to str, optional
        Texts and addresses of the pages that it belongs to.
    """
    if isinstance(analysis, OpenAnalysis):
        return _open_page(analysis, places)
    from markupsafe import Markup

    from vid2vidmr.analysis import charts

    return template("vid2vidmr.analysis", "analysis.html", seconds=seconds).render(
        analysis=analysis,
        places=places,
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


def _open_page(analysis: OpenAnalysis, places: Mapping[str, str] | None) -> str:
    from markupsafe import Markup

    from vid2vidmr.analysis import charts

    return template("vid2vidmr.analysis", "open.html", seconds=seconds).render(
        analysis=analysis,
        places=places,
        names=[bin_name(k) for k in range(len(analysis.reliability))],
        chart=Markup(charts.reliability(analysis.reliability)),
    )


def comparison_page(comparison: Comparison | OpenComparison) -> str:
    """HTML of a comparison."""
    page = template("vid2vidmr.analysis", "comparison.html", seconds=seconds, answer=answer)
    return page.render(
        comparison=comparison,
        places=None,
        is_open=isinstance(comparison, OpenComparison),
        verdict=verdict(comparison),
    )


def template(package: str, name: str, **filters: Any) -> Template:
    """Load a template of a package; values are escaped, names that are not there are errors."""
    return _environment(package, tuple(filters.items())).get_template(name)


@cache
def _environment(package: str, filters: tuple[tuple[str, Any], ...]) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": Interval.text, "counted": counted, **dict(filters)}
    environment.globals |= {"version": __version__, "base_css": BASE_CSS.read_text("utf-8")}
    return environment
