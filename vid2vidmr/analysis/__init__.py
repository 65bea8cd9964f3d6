"""What lies behind a score: where errors come from, and where two runs differ.

`analyse` and `compare` give records; `terminal` and `page` show them.
"""

from vid2vidmr.analysis.analyse import Analysis, analyse
from vid2vidmr.analysis.compare import Comparison, compare
from vid2vidmr.analysis.runs import Run, open_run, open_two

__all__ = ["Analysis", "Comparison", "Run", "analyse", "compare", "open_run", "open_two"]
