"""One evaluator for every method: NumPy only, strict about what it is given.

`evaluate` scores predictions; `paired` has differences between two runs and runs of several seeds;
`significance` says which differences of a table are more than chance.
"""

from vid2vidmr.evaluation.bounds import broken_bounds
from vid2vidmr.evaluation.evaluate import Evaluation, evaluate
from vid2vidmr.evaluation.paired import (
    SeedSummary,
    combine_seeds,
    mean_evaluation,
    paired_difference,
    pool_worlds,
    query_sensitivity,
)
from vid2vidmr.evaluation.ranking import Ranked, rank_windows
from vid2vidmr.evaluation.significance import (
    PairedTest,
    detectable_difference,
    holm,
    paired_test,
    rank_bands,
    rows_above,
)

__all__ = [
    "Evaluation",
    "PairedTest",
    "Ranked",
    "SeedSummary",
    "broken_bounds",
    "combine_seeds",
    "detectable_difference",
    "evaluate",
    "holm",
    "mean_evaluation",
    "paired_difference",
    "paired_test",
    "pool_worlds",
    "query_sensitivity",
    "rank_bands",
    "rank_windows",
    "rows_above",
]
