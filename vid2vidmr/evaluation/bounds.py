"""Bounds that hold between metrics, whatever was predicted: rows that break one are impossible."""

from __future__ import annotations

from collections.abc import Mapping

from vid2vidmr.evaluation.metrics import AVERAGE_THRESHOLDS, THRESHOLDS


def broken_bounds(metrics: Mapping[str, float], decimals: int = 1) -> list[str]:
    """Say which bounds a row of metrics breaks.

    A pair found at an IoU of t adds at least t to the mean IoU, hence ``mIoU >= t R1@t``. The
    same argument, threshold by threshold, gives ``mIoU >= 0.9 R1@avg``.

    Parameters
    ----------
    metrics : mapping of str to float
        Percent; metrics that are absent are not checked.
    decimals : int
        Decimals to which the numbers were rounded: half a unit of the last is no breach.

    Returns
    -------
    list of str
        One sentence a breach.
    """
    if "mIoU" not in metrics:
        return []
    slack = 0.5 * 10.0**-decimals
    factors = {f"R1@{t}": t for t in THRESHOLDS} | {"R1@avg": AVERAGE_THRESHOLDS[-1]}
    broken = []
    for name, factor in factors.items():
        if name not in metrics:
            continue
        least = factor * metrics[name]
        if metrics["mIoU"] + slack < least - factor * slack:
            broken.append(
                f"mIoU {metrics['mIoU']:g} is impossible with {name} {metrics[name]:g}: "
                f"it cannot be below {factor:g} x {metrics[name]:g} = {least:.1f}."
            )
    return broken
