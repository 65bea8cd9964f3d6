"""The same window in every target: the whole of it, or what fits the train moments best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from baselines.trivial.fitting import best_windows, lengths, place, shares
from vid2vidmr.data.protocols import CUTS, OPEN
from vid2vidmr.errors import UserError
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.checkpoint import finite
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.records import Prediction

if TYPE_CHECKING:
    from vid2vidmr.data.pairs import PairSet


@dataclass(frozen=True)
class WholeConfig:
    """`WholeVideo` and `Never` have nothing to set."""


@dataclass(frozen=True)
class FitConfig:
    """Config of the fitted windows.

    Attributes
    ----------
    windows : int
        Windows a pair, at most.
    overlap : float
        IoU above which the worse of two windows is left out.
    pairs : int
        Train pairs to fit on: drawn at random where there are more.
    """

    windows: int = 10
    overlap: float = 0.5
    pairs: int = 10_000


def _predictions(pairs: PairSet, windows: np.ndarray, scores: list[float]) -> Iterator[Prediction]:
    placed = place(windows, pairs.durations_s).tolist()
    for pair_id, rows in zip(pairs.table["pair_id"], placed, strict=True):
        ranked = tuple((s, e, score) for (s, e), score in zip(rows, scores, strict=True))
        yield Prediction(pair_id=pair_id, windows=ranked)


class WholeVideo(Method):
    """The whole target."""

    info = MethodInfo(
        name="whole-video",
        title="The whole target",
        kind="bias",
        source="own",
        licence="own",
    )
    presets: ClassVar = {"default": WholeConfig()}

    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        """Yield one window a pair."""
        return _predictions(pairs, np.array([[0.0, 1.0, 0.0, 0.0]]), [1.0])


class Never(Method):
    """Nothing, in any target."""

    info = MethodInfo(
        name="never",
        title="Every target rejected",
        kind="bias",
        source="own",
        licence="own",
        open_only=True,
    )
    presets: ClassVar = {"default": WholeConfig()}

    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        """Yield no window."""
        for pair_id in pairs.table["pair_id"]:
            yield Prediction(pair_id=pair_id, windows=())


class _Fitted(Method):
    """Constant windows chosen by mean IoU on the train pairs.

    They are chosen for each protocol apart, on train pairs under that protocol, so that one fit
    serves all. A data set without train pairs here is fitted on those it has, never on test.
    """

    presets: ClassVar = {"default": FitConfig()}
    centred: bool

    def __init__(self, config: Any = None, seed: int = 0) -> None:
        super().__init__(config, seed)
        self._state: dict[str, Any] = {}

    def fit(self, train: PairSet, val: PairSet, folder: Path, **options: Any) -> None:
        """Choose the windows.

        Raises
        ------
        UserError
            If the pairs are of the test split.
        """
        if train.split == "test":
            raise UserError(
                f"{self.info.name} cannot be fitted on test pairs: pass train or val pairs."
            )
        if len(train) > self.config.pairs:
            rng = np.random.default_rng(self.seed)
            train = train.take(np.sort(rng.choice(len(train), self.config.pairs, replace=False)))
        here = train.protocol.cut
        protocols: tuple[str, ...] = (here,)
        if here == "official":
            known = train.targets is not None and len(train.targets.clips) > 0
            protocols = (*CUTS, OPEN) if known else CUTS
        candidates = np.concatenate([shares(self.centred), lengths(self.centred)])
        windows = {}
        for protocol in protocols:
            under = train if protocol == here else train.under(protocol, self.seed)
            windows[protocol] = [
                {"window": window, "train_iou": score}
                for window, score in best_windows(
                    candidates, under, self.config.windows, self.config.overlap
                )
            ]
        self._state = {"fitted_on": train.split, "pairs": len(train), "windows": windows}
        super().fit(train, val, folder, **options)

    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        """Yield the fitted windows, scored by their mean IoU on the pairs they were fitted on.

        Raises
        ------
        UserError
            If nothing was fitted under the protocol of `pairs`.
        """
        protocol = pairs.protocol.cut  # wrong queries do not move the moments
        if protocol not in self._state.get("windows", {}):
            raise UserError(
                f"{self.info.name} has not been fitted on {protocol} pairs: fit it first, with "
                f"`vid2vidmr train {self.info.name}`, and pass its checkpoint folder."
            )
        fitted = self._state["windows"][protocol]
        scores = [row["train_iou"] for row in fitted]
        return _predictions(pairs, np.array([row["window"] for row in fitted]), scores)

    def state(self) -> dict[str, Any]:
        """Split and number of pairs fitted on, and the windows of each protocol."""
        return self._state

    def restore(self, state: dict[str, Any], folder: Path) -> None:
        """Take back what `state` gave."""
        for rows in state.get("windows", {}).values():
            finite([row["window"] for row in rows], (None, 4), "window")
            finite([row["train_iou"] for row in rows], (None,), "train_iou")
        self._state = state


class CentreWindow(_Fitted):
    """The window around the target's centre whose length fits train best."""

    info = MethodInfo(
        name="centre",
        title="The centre of the target, length fitted on train",
        kind="bias",
        source="own",
        licence="own",
    )
    centred = True


class FittedPrior(_Fitted):
    """The constant window, of any place and length, that fits train best."""

    info = MethodInfo(
        name="prior",
        title="The best constant windows, place and length fitted on train",
        kind="bias",
        source="own",
        licence="own",
    )
    centred = False
