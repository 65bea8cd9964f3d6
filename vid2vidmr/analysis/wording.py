"""How the terminal and the pages say the same things: names, definitions, numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vid2vidmr.records import Window
from vid2vidmr.text import counted

if TYPE_CHECKING:
    from vid2vidmr.analysis.analyse import Analysis
    from vid2vidmr.analysis.compare import Comparison, OpenComparison, OpenDisagreement

TYPE_TEXTS = {
    "correct": "IoU with the truth is 0.5 or more",
    "duplicate": "as correct, but a window before it was correct already",
    "boundary": "on the truth, but IoU is between 0.1 and 0.5",
    "wrong moment": "on another annotated moment of the target (IoU ≥ 0.1), more than on the truth",
    "background": "on nothing annotated (IoU < 0.1)",
    "miss": "no valid window",
}
FIX_TEXTS = {
    "exact": "correct windows become the truth",
    "duplicate": "of all windows that find it, the best comes first",
    "rank": "the best of the ten windows comes first",
}
"""What is mended that is not a type of first windows."""
ADDING_FIXES = ("boundary", "wrong moment", "background", "miss", "exact")
"""Those whose gains in mIoU, with the mIoU itself, sum to 100."""
BREAKDOWN_TEXTS = {
    "moment length": "Moment length",
    "target length": "Target length",
    "moment / target length": "Moment length / target length",
    "query / target length": "Query length / target length",
    "query / moment length": "Query length / moment length",
    "position of the centre": "Where the moment's centre lies in the target (0 start, 1 end)",
    "class": "Class",
    "source recording": "Source recording of query and target",
}
HISTOGRAM_TEXTS = {
    "position of the centre": "Where the window's centre lies in the target (0 start, 1 end)",
    "length": "Length of the window",
}


def seconds(window: Window | None) -> str:
    """``7.2–16.4 s``."""
    return "none" if window is None else f"{window[0]:.1f}–{window[1]:.1f} s"


def findings(analysis: Analysis) -> list[str]:
    """Say what the analysis says first of all, a sentence each."""
    wrong = {name: share.value for name, share in analysis.errors.items() if name != "correct"}
    worst = max(wrong, key=wrong.__getitem__)
    said = [f"{analysis.errors['correct'].value:.1f} % of the first windows are correct."]
    if wrong[worst]:
        said[0] += f" The commonest error is {worst} ({wrong[worst]:.1f} %)."
    lost = {fix: analysis.gains[fix]["mIoU"].value for fix in ADDING_FIXES}
    most = max(lost, key=lost.__getitem__)
    what = "correct windows that are not exact" if most == "exact" else f"the error {most}"
    said.append(
        f"mIoU lacks {sum(lost.values()):.1f} points to 100; the largest part, "
        f"{lost[most]:.1f}, goes to {what}. The best of the ten windows, put first, would give "
        f"{analysis.gains['rank']['mIoU'].value:.1f}."
    )
    if analysis.sensitivity is not None:
        drop, stays = analysis.sensitivity.drop["mIoU"], analysis.sensitivity.unchanged
        score = analysis.metrics["mIoU"]
        said.append(
            f"A query of another class costs {drop.value:z.1f} of {score.value:.1f} mIoU; "
            f"{stays.value:.1f} % of the first windows stay where they were."
        )
    if not analysis.with_others:
        said.append(
            "The data set knows no other moments in these targets: a window on one counts as "
            "background or boundary."
        )
    elif analysis.with_others < 100:
        said.append(
            f"Another annotated moment is known in {analysis.with_others:.1f} % of the targets; "
            "elsewhere no window can be on a wrong moment."
        )
    return said


def p_text(p: float) -> str:
    """``p = 0.012``, or ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def verdict(comparison: Comparison | OpenComparison) -> str:
    """Say what a comparison counts and tests, in sentences."""
    if isinstance(comparison.p, dict):
        what = "G-mIoU@1"
        each = ", ".join(f"{name} {p_text(p)}" for name, p in comparison.p.items())
        tested = f"The differences: {each}"
    else:
        what = "the IoU of the first window"
        tested = f"The difference in mIoU: {p_text(comparison.p)}"
    said = (
        f"By {what}, A is better on {counted(comparison.wins, 'pair')}, worse on "
        f"{comparison.losses}, within 0.01 on {comparison.ties}. {tested} (two-sided, paired, over "
        "query and target videos)."
    )
    if comparison.detectable:  # 0: they differ nowhere
        of = " of G-mIoU@1" if isinstance(comparison.p, dict) else ""
        said += f" Below {comparison.detectable:.1f} points{of} these pairs would mostly show none."
    return said


def answer(pair: OpenDisagreement, run: int) -> str:
    """``7.2–16.4 s``, or ``rejected``, of the first (0) or second run (1)."""
    return seconds(pair.windows[run]) if pair.answered[run] else "rejected"
