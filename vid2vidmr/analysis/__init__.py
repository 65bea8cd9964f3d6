"""What lies behind a score: where errors come from, and where two runs differ.

`analyse` and `compare` give records; `terminal` and `page` show them.
"""

from vid2vidmr.analysis.analyse import Analysis, analyse, analyse_run
from vid2vidmr.analysis.compare import Comparison, OpenComparison, compare, compare_runs
from vid2vidmr.analysis.existence import OpenAnalysis, analyse_open
from vid2vidmr.analysis.runs import Run, open_run, open_two

__all__ = [
    "Analysis",
    "Comparison",
    "OpenAnalysis",
    "OpenComparison",
    "Run",
    "analyse",
    "analyse_open",
    "analyse_run",
    "compare",
    "compare_runs",
    "open_run",
    "open_two",
]
