"""A small network that ranks and refines local alignments; it comes trained. See README.md."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.align_refine.config import PRESETS, AlignRefineConfig
from baselines.background import against_background
from baselines.matching import SEARCH, ComponentMatch, copies_first, once
from vid2vidmr.errors import DataError
from vid2vidmr.files import file_sha256
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.windows import temporal_iou

if TYPE_CHECKING:
    from baselines.align_refine.inputs import Inputs
    from baselines.align_refine.model import Network

CHECKPOINT = Path(__file__).with_name("checkpoint.safetensors")
CHECKPOINT_SHA256 = "78c48fff10c0e13839e19c649df4994768abf0c10d73b887b54417b5ebfd3e24"
"""A part of the code, so that runs of another checkpoint are other runs."""


POWER, VOTERS = 12, 200
"""Of `agreed`, chosen on minimatch val and val played slowly."""


def agreed(windows: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Probabilities by which windows rank, (k,): the best window is one that others agree with.

    Of the `VOTERS` most probable windows each takes the power mean of all their probabilities,
    weighted by squared IoU with it. The scale is kept: the highest is the highest before. The mean
    overlap of the first window gains most where several alignments end at different clips.

    Parameters
    ----------
    windows, probabilities : ndarray, (k, 2), (k,)
    """
    voters = np.argsort(-probabilities, kind="stable")[:VOTERS]
    chosen, weights = windows[voters], probabilities[voters] ** POWER
    votes = temporal_iou(chosen[:, None], chosen[None]) ** 2 @ weights
    found = probabilities.copy()
    found[voters] = probabilities.max() * (votes / votes.max()) ** (1 / POWER)
    return found


class AlignRefine(ComponentMatch):
    """Probabilities and corrected ends for windows of five local alignments."""

    info = MethodInfo(
        name="align_refine",
        title="Network on local alignments, which comes trained",
        kind="trained",
        source="own",
        licence="own",
        trained_on="rendered minimatch (train split) and random sequences; the checkpoint ships "
        "with the method, and of the data set at hand it takes statistics of the train frames only",
    )
    config: AlignRefineConfig
    presets: ClassVar = PRESETS
    search: ClassVar = {name: SEARCH[name] for name in ("statistics", "components")}

    @property
    def count(self) -> int:
        """Components to keep."""
        from baselines.align_refine.inputs import FOLDS

        return round(max(FOLDS) * self.config.components)

    def parameters(self, dim: int) -> int:
        """Count the parameters of the network, which sees no feature: `dim` does not matter."""
        return sum(weight.numel() for weight in self.network.parameters())

    @cached_property
    def network(self) -> Network:
        """The shipped network."""
        from baselines.align_refine.model import load

        if file_sha256(CHECKPOINT) != CHECKPOINT_SHA256:
            raise DataError(f"{CHECKPOINT} is not the checkpoint of this version: install again.")
        return load(CHECKPOINT)

    def windows(
        self, query: np.ndarray, target: np.ndarray, length: float, total: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Windows of every clip and setting, and copies; scores are probabilities of IoU >= 0.5."""
        inputs = self.inputs(query, target)
        probabilities, windows = self.network.answer(inputs)
        least = min(0.5, total)  # an end is never before its start, nor outside the target
        windows = windows.clip(0, total)
        starts = np.minimum(windows[:, 0], total - least)
        windows = np.column_stack([starts, np.maximum(windows[:, 1], starts + least)])
        windows, probabilities = copies_first(
            windows, agreed(windows, probabilities), inputs.laid, len(query), most=1.0
        )
        return windows, probabilities

    @once
    def inputs(self, query: np.ndarray, target: np.ndarray) -> Inputs:
        """Give what the network sees of a pair."""
        from baselines.align_refine.inputs import pair_inputs

        return pair_inputs(query, target, self.components_for(target), self.config.components)

    def evidence(self, query: np.ndarray, target: np.ndarray, score: float) -> tuple[float, ...]:
        """Log odds of the best window, and its alignment against the target's background."""
        from baselines.align_refine.inputs import SETTINGS

        inputs = self.inputs(query, target)
        threshold, gap, static_gap = SETTINGS[0]
        gap += static_gap * inputs.calm**2
        sure = float(np.clip(score, 1e-6, 1 - 1e-6))
        return float(np.log(sure / (1 - sure))), *against_background(inputs.base, threshold, gap)
