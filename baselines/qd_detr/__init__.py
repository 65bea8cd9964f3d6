"""QD-DETR (Moon et al., CVPR 2023) with a video as the query."""

from __future__ import annotations

from typing import ClassVar

from baselines.qd_detr.config import PRESETS
from vid2vidmr.methods.detr.config import DETR_SEARCH
from vid2vidmr.methods.detr.method import DetrMethod
from vid2vidmr.methods.info import MethodInfo


class QdDetr(DetrMethod):
    """Every clip reads the query before clips read each other; negative pairs must stay silent."""

    info = MethodInfo(
        name="qd_detr",
        title="QD-DETR: query-dependent clips, set prediction of windows, negative pairs",
        kind="trained",
        source="Moon et al., Query-Dependent Video Representation for Moment Retrieval and "
        "Highlight Detection, CVPR 2023",
        licence="own code; original MIT",
        deviations="the query is a video; see baselines/qd_detr/README.md",
    )
    presets: ClassVar = PRESETS
    search: ClassVar = DETR_SEARCH
