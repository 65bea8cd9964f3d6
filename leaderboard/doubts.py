"""What a submission says and its predictions do not bear out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from leaderboard.submission import Submission
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation import Evaluation
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.evaluation.ranking import rank_windows
from vid2vidmr.evaluation.results import Result
from vid2vidmr.experiments.existence import certain
from vid2vidmr.experiments.run import Scored
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.load import method_class
from vid2vidmr.records import Kind
from vid2vidmr.registry import registered_names

COPY = 0.99
"""IoU of a window that is the truth: rounding, and no method, leaves so little between them."""
COPIED = 0.1
"""Share of such windows that is told. Of the rows here, 3 % is the most: some moments fill their
target, which ``whole-video`` gives."""
FEWEST = 3
"""Such windows that are told, at least: of a handful of pairs one is a tenth."""
SAME_S = 1e-3
"""What rounding of stored windows may change."""


@dataclass(frozen=True)
class Doubt:
    """Something to know before a number is believed.

    Attributes
    ----------
    mark : str
        A few words that stand beside the name.
    text : str
        A sentence.
    fault : bool
        The submission says something that is not so, which `verify` reports.
    """

    mark: str
    text: str
    fault: bool = True


def with_wrong_queries(runs: Sequence[tuple[Result, Evaluation]]) -> list[Scored]:
    """Put the score with wrong queries beside that with the right ones.

    Raises
    ------
    DataError
        If there is none with the right ones.
    """
    wrong = {
        (str(run.header.protocol.right), run.header.seed): evaluation
        for run, evaluation in runs
        if run.header.protocol.is_wrong
    }
    scored = [
        Scored(run, evaluation, wrong.get((str(run.header.protocol), run.header.seed)))
        for run, evaluation in runs
        if not run.header.protocol.is_wrong
    ]
    if not scored:
        raise DataError("it has wrong queries only: there is nothing to rank.")
    return scored


def runs_once(
    runs: Sequence[tuple[Result, Evaluation]],
) -> tuple[list[tuple[Result, Evaluation]], list[Doubt]]:
    """Leave every seed of a protocol once, and every set of windows: copies are no more seeds."""
    kept: dict[object, tuple[Result, Evaluation]] = {}
    windows: dict[object, int] = {}
    doubts = []
    for run, evaluation in runs:
        protocol, seed = str(run.header.protocol), run.header.seed
        if (protocol, seed) in kept:
            said = f"{protocol}, seed {seed} comes twice: it counts once."
        elif not run.header.protocol.is_wrong and seed != (
            first := windows.setdefault((protocol, evaluation.windows.tobytes()), seed)
        ):
            said = f"{protocol}, seeds {first} and {seed} have the same windows: they count once."
        else:
            kept[protocol, seed] = run, evaluation
            continue
        doubts.append(Doubt("seed twice", said))
    return list(kept.values()), doubts


def copies(scored: Sequence[Scored]) -> list[Doubt]:
    """Tell how many first windows are the truth, where it is more than chance gives."""
    shares: dict[str, float] = {}
    for run in scored:
        protocol, same = str(run.result.header.protocol), run.evaluation.iou >= COPY
        if np.count_nonzero(same) >= FEWEST:
            shares[protocol] = max(float(np.mean(same)), shares.get(protocol, 0.0))
    return [
        Doubt(
            f"truth in {100 * share:.0f} %",
            f"the first window is the truth (IoU {COPY} and more) in {100 * share:.1f} % of the "
            f"pairs ({protocol}): it may have been copied.",
            fault=False,
        )
        for protocol, share in shares.items()
        if share >= COPIED
    ]


def kind_of(
    submission: Submission, dataset: Dataset, pairs: Mapping[str, PairSet], scored: Sequence[Scored]
) -> tuple[Kind, list[Doubt]]:
    """Give the kind that a row is shown as: a bias row must be seen to be one.

    The registered bias rows are derived again. Others stand among the methods, if nothing shows
    that they look at the query: nothing can show that they do not.

    Raises
    ------
    DataError
        If it looks at the query, or is not the bias row that it says it is.
    """
    kind = submission.card.kind
    if kind != "bias":
        return kind, []
    for run in scored:
        if run.wrong is not None and not _same(run.evaluation.windows, run.wrong.windows):
            raise DataError(
                f"its card says bias, and with wrong queries it gives other windows "
                f"({run.result.header.protocol}): it looks at the query, submit it as another kind."
            )
    cls = _bias_row(submission.header)
    if cls is None:
        said = (
            "its card says bias, which only the bias rows of vid2vidmr can be seen to be: it "
            "stands among the untrained rows."
        )
        return "untrained", [Doubt("not seen to be bias", said, fault=False)]
    for seed in {run.result.header.seed for run in scored}:
        method = _fitted(cls, submission.header, seed, dataset)
        for run in (run for run in scored if run.result.header.seed == seed):
            here = pairs[str(run.result.header.protocol)]
            found = rank_windows(certain(method.predict(here)), here)
            sure = np.array_equal(found.exists, run.evaluation.exists)
            sure &= run.result.header.threshold < 1
            if not sure or not _same(found.windows, run.evaluation.windows):
                raise DataError(
                    f"its card says bias, and its windows ({run.result.header.protocol}, seed "
                    f"{seed}), or what it rejects, are not those that {cls.info.name} gives here."
                )
    return "bias", []


def _bias_row(header: PredictionHeader) -> type[Method] | None:
    """Find the registered bias row whose predictions a header says these are."""
    if header.method not in registered_names("method"):
        return None
    cls = method_class(header.method)
    known = any(header.config == asdict(preset) for preset in cls.presets.values())
    return cls if known and cls.info.kind == "bias" else None


def _fitted(cls: type[Method], header: PredictionHeader, seed: int, dataset: Dataset) -> Method:
    preset = next(p for p in cls.presets.values() if asdict(p) == header.config)
    method = cls(preset, seed)
    if cls.fit is not Method.fit:
        splits = [split for split in ("train", "val") if split in dataset.splits]
        if not splits:
            raise DataError(f"{dataset.name} has no train pairs here to fit {cls.info.name} on.")
        pairs = dataset.pairs(splits[0])
        with TemporaryDirectory() as folder:
            method.fit(pairs, pairs, Path(folder))
    return method


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether windows, (P, K, 2), are the same but for rounding, which empties short ones."""
    emptied = np.isnan(a[..., 0]) | np.isnan(b[..., 0])
    emptied &= (np.nan_to_num(a[..., 1] - a[..., 0]) < 2 * SAME_S) & (
        np.nan_to_num(b[..., 1] - b[..., 0]) < 2 * SAME_S
    )
    near = (np.abs(a - b) <= SAME_S).all(axis=-1)
    return bool((near | emptied).all())
