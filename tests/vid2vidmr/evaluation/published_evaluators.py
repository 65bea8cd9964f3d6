"""What the evaluators of Moment-DETR, UniVTG, CG-DETR and lighthouse compute, pair by pair.

Written from their published figures (golden/eval_synthetic), in plain Python. Where they differ
from this project's evaluator there is a switch, so that a test can name each difference.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Habits:
    """Where evaluators differ; the defaults are those of the published ones."""

    rank_by_score: bool = False  # R@k and the first ten: as listed, or by score
    nan_is_hit: bool = True  # AP: 0 / 0 passes every threshold, since NaN < threshold is false
    clamp: bool = False  # windows cut to [0, duration]
    drop_empty_truth: bool = False  # lighthouse: zero-length ground truth is taken out first


PUBLISHED = {
    "moment_detr": Habits(),
    "univtg": Habits(),
    "cg_detr": Habits(),
    "lighthouse": Habits(drop_empty_truth=True),
}
OURS = Habits(rank_by_score=True, nan_is_hit=False, clamp=True)
LENGTHS = {"full": (0, 150), "short": (0, 10), "middle": (10, 30), "long": (30, 150)}


def iou(a, b):
    inter = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    union = (a[1] - a[0]) + (b[1] - b[0]) - inter
    return inter / union if union != 0 else math.nan


def or_zero(value):
    return 0.0 if math.isnan(value) or value < 0 else value


def average_precision(windows, truths, threshold, habits):
    taken, hits = set(), []
    for window in sorted(windows[:10], key=lambda w: -w[2]):
        overlaps = [iou(window, truth) for truth in truths]
        if habits.nan_is_hit:
            overlaps = [math.inf if math.isnan(o) else o for o in overlaps]
        # Ascending, then reversed: of ground truth windows overlapped equally the last is taken.
        best_first = sorted(range(len(truths)), key=lambda j: or_zero(overlaps[j]))[::-1]
        free = [j for j in best_first if overlaps[j] >= threshold and j not in taken]
        hits.append(bool(free))
        taken.update(free[:1])
    precision = [sum(hits[: k + 1]) / (k + 1) for k in range(len(hits))]
    return sum(max(precision[k:]) for k, hit in enumerate(hits) if hit) / len(truths)


def score_pair(windows, truths, duration, habits, thresholds):
    """Metrics of one pair in [0, 1], keyed like the published ones, and by threshold."""
    if habits.rank_by_score:
        windows = sorted(windows, key=lambda w: -w[2])
    if habits.clamp:
        windows = [
            (max(0.0, s), min(duration, e), x) if s < e else (s, s, x) for s, e, x in windows
        ]
        windows = [(s, max(s, e), x) for s, e, x in windows]
    best = [max(or_zero(iou(window, truth)) for truth in truths) for window in windows]
    scores = {"MR-mIoU": best[0]}
    for t in thresholds:
        scores["MR-R1", t] = float(best[0] >= t)
        scores["MR-R5", t] = float(max(best[:5]) >= t)
        scores["MR-mAP", t] = average_precision(windows, truths, t, habits)
    return scores


def truths_between(truths, shortest, longest, habits):
    """Ground truth of a range of lengths; "full" takes all, unless zero lengths are dropped."""
    if (shortest, longest) == LENGTHS["full"] and not habits.drop_empty_truth:
        return truths
    return [w for w in truths if shortest < w[1] - w[0] <= longest]
