"""From scores to the probability that a target holds the moment at all, calibrated on val."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.open_retrieval import open_metrics
from vid2vidmr.evaluation.ranking import existence_score, rank_windows
from vid2vidmr.files import read_json, write_json
from vid2vidmr.records import Prediction

FILE = "existence.json"


@dataclass(frozen=True)
class Existence:
    """Platt scaling of a method's existence score, and the threshold that answers best.

    Attributes
    ----------
    slope, offset : float
        Of the logit of the probability.
    threshold : float
        Probability above which a target is answered: the one with the best ``G-mIoU@1``.
    """

    slope: float
    offset: float
    threshold: float

    @classmethod
    def fit(cls, predictions: Sequence[Prediction], pairs: PairSet) -> Existence:
        """Fit on predictions of open val pairs.

        Raises
        ------
        DataError
            If all of their targets hold the moment, or none does.
        """
        from sklearn.linear_model import LogisticRegression

        ranked = rank_windows(predictions, pairs)
        present = ~np.isnan(pairs.truth[:, 0, 0])
        if present.all() or not present.any():
            raise DataError(
                f"{'All' if present.any() else 'None'} of the {pairs.split} targets hold their "
                "moment: nothing can be calibrated on them, expected some of both."
            )
        mean, scale = ranked.exists.mean(), ranked.exists.std() or 1.0
        fitted = LogisticRegression(C=1e3).fit((ranked.exists - mean)[:, None] / scale, present)
        slope = float(fitted.coef_[0, 0] / scale)
        made = cls(slope, float(fitted.intercept_[0]) - slope * float(mean), 0.5)
        probability = np.array([made.probability(each) for each in ranked.exists])
        levels = np.unique(np.append(probability, 0.0))
        limits = [0.0, *(levels[1:] + levels[:-1]) / 2, 1.0]
        if len(limits) > LIMITS:
            limits = np.quantile(limits, np.linspace(0, 1, LIMITS)).tolist()
        scores = [
            open_metrics(ranked.windows, pairs.truth, probability, limit)["G-mIoU@1"].mean()
            for limit in limits
        ]
        return cls(made.slope, made.offset, float(limits[int(np.argmax(scores))]))

    def probability(self, score: float) -> float:
        """Give the probability that a target with this score holds the moment."""
        return float(expit(self.slope * score + self.offset))

    def calibrated(self, predictions: Iterable[Prediction]) -> Iterable[Prediction]:
        """Give the predictions with their probability."""
        for each in predictions:
            sure = self.probability(existence_score(each))
            yield each.model_copy(update={"exists": sure})

    def save(self, folder: Path) -> None:
        """Leave it beside a checkpoint."""
        write_json(folder / FILE, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Existence | None:
        """Read what `save` left; None where there is none."""
        path = folder / FILE
        return cls(**read_json(path)) if path.exists() else None


class Unlooking(Existence):
    """Of bias rows, which do not look: sure of whatever they answer, and of nothing else."""

    def calibrated(self, predictions: Iterable[Prediction]) -> Iterable[Prediction]:
        """Give the predictions, certain where there are windows."""
        for each in predictions:
            yield each.model_copy(update={"exists": float(bool(each.windows))})


LIMITS = 101
"""Thresholds that are tried, at most."""
