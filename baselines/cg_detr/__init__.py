"""CG-DETR (Moon et al., 2023) with a video as the query."""

from __future__ import annotations

from typing import ClassVar

from baselines.cg_detr.config import PRESETS
from vid2vidmr.methods.detr.config import DETR_SEARCH
from vid2vidmr.methods.detr.method import DetrMethod
from vid2vidmr.methods.info import MethodInfo


class CgDetr(DetrMethod):
    """Clips may look away from the query; how much they look at it is trained to be saliency."""

    info = MethodInfo(
        name="cg_detr",
        title="CG-DETR: attention to the query calibrated by dummies, set prediction of windows",
        kind="trained",
        source="Moon et al., Correlation-Guided Query-Dependency Calibration for Video Temporal "
        "Grounding, arXiv:2311.08835",
        licence="own code; that of the original was not found",
        deviations="the query is a video; see baselines/cg_detr/README.md",
    )
    presets: ClassVar = PRESETS
    search: ClassVar = {
        **DETR_SEARCH,
        "drop_path": (0.0, 0.1),
        "dummies": (10, 45),
    }
