"""Tables 2 to 5 of the MATR paper as variants of a config."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from vid2vidmr.methods.variants import Ablation, Variant

REPORT = "iccv2025_matr"
REPORTED = {"activitynet_vrl": "ANet", "sportsmoments": "Sports"}
PRESET = "small"


STAGES = {"pre": (True, False), "post": (False, True), "both": (True, True)}
"""Where the alignment loss is taken: before and after fusion."""


def _weights(stage: str) -> dict[str, Any]:
    pre, post = STAGES[stage]
    return {"weight_pre": float(pre), "weight_post": float(post)}


def _grid() -> Iterator[Variant]:
    """Wirings and joins x losses x stages; the paper's rows are of its own loss, rows appended."""
    for join in ("append", "channels"):
        none = {"pre": False, "post": False} if join == "append" else {}
        yield Variant(f"{join}, none", {"join": join, "alignment": "none"}, paper=none)
        for loss, stage in product(("soft-dtw", "published", "posterior"), STAGES):
            literal = join == "append" and loss == "soft-dtw"
            yield Variant(
                f"{join}, {loss}, {stage}",
                {"join": join, "alignment": loss, **_weights(stage)},
                paper=dict(zip(("pre", "post"), STAGES[stage], strict=True)) if literal else {},
            )
    wiring = {"wiring": "published"}
    yield Variant("published wiring, none", {**wiring, "weight_pre": 0.0, "weight_post": 0.0})
    for stage in STAGES:
        yield Variant(f"published wiring, {stage}", {**wiring, **_weights(stage)})


def _loss(name: str, reported: bool) -> Variant:
    # Without a loss its weights are those of the preset, so that the run is that of Table 2.
    weights = {} if name == "none" else _weights("both")
    paper = {"alignment": name} if reported else {}
    return Variant(name, {"alignment": name, **weights}, paper=paper)


PRETRAINING = {"augmented": 0.0}
WITH_AUGMENTATION = {"augmented": 0.5}
ON_FRAMES = {
    "augmented": 0.5,
    "level": "frames",
    "augmentations": ("noise", "slow", "fast"),
    "noise": 0.5,
}
"""Ours, chosen on val of minimatch: a reversed clip is another moment where order decides."""

ABLATIONS = {
    "2": Ablation(
        "Table 2: alignment before and after fusion",
        REPORT,
        "table_2_dual_stage_alignment (no pretraining)",
        REPORTED,
        PRESET,
        tuple(_grid()),
    ),
    "3": Ablation(
        "Table 3: self-supervised pretraining",
        REPORT,
        "table_3_pretraining",
        REPORTED,
        PRESET,
        (
            Variant("none", paper={"pretraining": False, "augmentation": False}),
            Variant(
                "pretraining",
                pretraining=PRETRAINING,
                paper={"pretraining": True, "augmentation": False},
            ),
            Variant(
                "pretraining + augmentation",
                pretraining=WITH_AUGMENTATION,
                paper={"pretraining": True, "augmentation": True},
            ),
            Variant("zero-shot: pretraining", {"epochs": 0}, pretraining=PRETRAINING),
            Variant(
                "zero-shot: pretraining + augmentation",
                {"epochs": 0},
                pretraining=WITH_AUGMENTATION,
            ),
            Variant("zero-shot: frames, noise", {"epochs": 0}, pretraining=ON_FRAMES),
        ),
    ),
    "4": Ablation(
        "Table 4: where the prediction comes from",
        REPORT,
        "table_4_prediction_source",
        REPORTED,
        PRESET,
        (
            Variant(
                "pre-fusion alignment",
                decoding={"source": "pre"},
                paper={"source": "pre-fusion alignment"},
            ),
            Variant(
                "post-fusion alignment",
                decoding={"source": "post"},
                paper={"source": "post-fusion alignment"},
            ),
            Variant("prediction heads", paper={"source": "prediction heads"}),
        ),
    ),
    "5": Ablation(
        "Table 5: the alignment loss",
        REPORT,
        "table_5_alignment_method",
        REPORTED,
        PRESET,
        (
            *(_loss(name, True) for name in ("none", "tcc", "drop-dtw", "soft-dtw")),
            *(_loss(name, False) for name in ("published", "subsequence", "contrast", "posterior")),
        ),
    ),
}
"""Table of the paper to its rows; where ours has rows without numbers of the paper, it has none."""
