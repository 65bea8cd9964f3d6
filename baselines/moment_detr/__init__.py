"""Moment-DETR (Lei et al., NeurIPS 2021) with a video as the query."""

from __future__ import annotations

from typing import ClassVar

from baselines.moment_detr.config import PRESETS
from vid2vidmr.methods.detr.config import DETR_SEARCH
from vid2vidmr.methods.detr.method import DetrMethod
from vid2vidmr.methods.info import MethodInfo


class MomentDetr(DetrMethod):
    """Encoder over target and query, decoder with learned moment queries, set prediction."""

    info = MethodInfo(
        name="moment_detr",
        title="Moment-DETR: set prediction of windows by learned moment queries",
        kind="trained",
        source="Lei et al., Detecting Moments and Highlights in Videos via Natural Language "
        "Queries, NeurIPS 2021",
        licence="own code; original MIT",
        deviations="the query is a video; see baselines/moment_detr/README.md",
    )
    presets: ClassVar = PRESETS
    search: ClassVar = DETR_SEARCH
