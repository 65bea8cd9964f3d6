"""From scores to the probability that a target holds the moment at all, calibrated on val."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import FiniteFloat
from scipy.special import expit

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import OPEN
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.open_retrieval import open_metrics
from vid2vidmr.evaluation.predictions import SCORE_DECIMALS
from vid2vidmr.evaluation.ranking import existence_score, rank_windows
from vid2vidmr.files import write_json
from vid2vidmr.methods.base import Method
from vid2vidmr.records import EvidentPrediction, Prediction, Record, read_record

FILE = "existence.json"
LIMITS = 101
"""Thresholds that are tried, at most."""
PAIRS, DRAWS = 1000, 5
"""Open val pairs to calibrate on: a query's targets are drawn again until there are so many, at
most so many times. Of 200 pairs a single draw tells less than it could: docs/lab/open.md."""


class Existence(Record):
    """What a method's evidence weighs, and the threshold that answers best.

    Evidence is what an `EvidentPrediction` says, else the existence score alone (Platt scaling).

    Attributes
    ----------
    slopes : tuple of float
        Of each number of the evidence; they and the offset give the logit of the probability.
    threshold : float
        Probability above which a target is answered: the one with the best ``G-mIoU@1``.
    """

    slopes: tuple[FiniteFloat, ...]
    offset: FiniteFloat
    threshold: FiniteFloat

    @classmethod
    def fit(cls, predictions: Sequence[Prediction], pairs: PairSet) -> Existence:
        """Fit on predictions of open val pairs.

        Raises
        ------
        DataError
            If all of their targets hold the moment, or none does.
        """
        from sklearn.linear_model import LogisticRegression

        ranked, present = rank_windows(predictions, pairs), require_both(pairs)
        known = {each.pair_id: _evidence(each) for each in predictions}
        nothing = (0.0,) * len(next(iter(known.values()), (0.0,)))
        seen = np.array([known.get(pair_id, nothing) for pair_id in pairs.table["pair_id"]])
        mean, scale = seen.mean(axis=0), seen.std(axis=0)
        scale[scale == 0] = 1.0
        # Of one number there is nothing to be wary of; several may say the same.
        prior = 1e3 if seen.shape[1] == 1 else 1.0
        fitted = LogisticRegression(C=prior).fit((seen - mean) / scale, present)
        slopes = fitted.coef_[0] / scale
        offset = float(fitted.intercept_[0] - slopes @ mean)
        made = cls(slopes=tuple(slopes.tolist()), offset=offset, threshold=0.5)
        probability = made.probability(seen)
        levels = np.unique(np.append(probability, 0.0))
        limits = [0.0, *(levels[1:] + levels[:-1]) / 2, 1.0]
        if len(limits) > LIMITS:
            limits = np.quantile(limits, np.linspace(0, 1, LIMITS)).tolist()
        answered, rejected = (
            open_metrics(ranked.windows, pairs.truth, probability, limit)["G-mIoU@1"]
            for limit in (-1.0, 1.0)
        )
        scores = [np.where(probability > limit, answered, rejected).mean() for limit in limits]
        return made.model_copy(update={"threshold": float(limits[int(np.argmax(scores))])})

    def probability(self, evidence: np.ndarray) -> np.ndarray:
        """Give the probability that a target holds the moment, as it is written.

        Parameters
        ----------
        evidence : ndarray, (..., n)

        Raises
        ------
        DataError
            If it is of other evidence.
        """
        if evidence.shape[-1] != len(self.slopes):
            raise DataError(
                f"A calibration for {len(self.slopes)} numbers was given {evidence.shape[-1]}: "
                f"delete {FILE} beside the predictions of val, and it is made again."
            )
        logit = evidence @ np.array(self.slopes) + self.offset
        found: np.ndarray = np.round(expit(logit), SCORE_DECIMALS)
        return found

    def calibrated(self, predictions: Iterable[Prediction]) -> Iterable[Prediction]:
        """Give the predictions with their probability."""
        for each in predictions:
            sure = float(self.probability(np.array(_evidence(each))))
            yield Prediction(pair_id=each.pair_id, windows=each.windows, exists=sure)

    def save(self, folder: Path) -> None:
        """Leave it beside the predictions that it was fitted on, or would be."""
        write_json(folder / FILE, self.model_dump())

    @classmethod
    def load(cls, folder: Path) -> Existence | None:
        """Read what `save` left; None where there is none.

        Raises
        ------
        DataError
            If it is something else.
        """
        path = folder / FILE
        if not path.exists():
            return None
        found: Existence = read_record(path, cls, "calibration", "delete it, and it is made again")
        return found


def require_both(pairs: PairSet) -> np.ndarray:
    """Tell which targets hold their moment, (pairs,); refuse pairs that nothing can be fitted on.

    Raises
    ------
    DataError
        If all of them do, or none does.
    """
    present: np.ndarray = ~np.isnan(pairs.truth[:, 0, 0])
    if present.all() or not present.any():
        raise DataError(
            f"{'All' if present.any() else 'None'} of the {pairs.split} targets hold their "
            "moment: nothing can be calibrated on them, expected some of both."
        )
    return present


def _evidence(prediction: Prediction) -> tuple[float, ...]:
    if isinstance(prediction, EvidentPrediction):
        return prediction.evidence
    return (existence_score(prediction),)


def open_val(val: PairSet, draws: int = DRAWS) -> PairSet:
    """Give val pairs several draws of open targets, one after the other; a pair's id says which.

    Parameters
    ----------
    val : PairSet
        Official.
    draws : int
        At most; fewer where `PAIRS` pairs are reached before.
    """
    under = [val.under(OPEN, 0)]
    while len(under) < draws and sum(map(len, under)) < PAIRS:
        under.append(val.under(OPEN, len(under)))
    tables = [
        each.table.assign(pair_id=each.table["pair_id"] + f" draw {seed}")
        for seed, each in enumerate(under)
    ]
    return replace(under[0], table=pd.concat(tables, ignore_index=True))


def calibrate(method: Method, dataset: Dataset, val: PairSet, folder: Path) -> Existence:
    """Fit on a method's predictions of open targets of val pairs.

    A method that reads videos, as a vision-language model does, is asked about one draw only: its
    answers are dear.

    Parameters
    ----------
    val : PairSet
        Official.
    folder : Path
        Of what a method keeps beside predictions, see `Method.begin`.

    Raises
    ------
    DataError
        As `Existence.fit` does.
    """
    drawn = open_val(val, 1 if method.info.reads_videos else DRAWS)
    method.begin(dataset, folder)
    return Existence.fit(list(method.predict(drawn)), drawn)


def certain(predictions: Iterable[Prediction]) -> Iterable[Prediction]:
    """Make bias rows sure of whatever they answer, and of nothing else."""
    for each in predictions:
        yield each.model_copy(update={"exists": float(bool(each.windows))})
