"""The metrics from their definitions: one pair after the other, fractions and plain loops, slow.

Nothing of the evaluator is used, and nothing is shared between metrics but the overlap.
"""

import math
from fractions import Fraction

RECALL_THRESHOLDS = ("0.3", "0.5", "0.7")
AVERAGE_THRESHOLDS = ("0.5", "0.6", "0.7", "0.8", "0.9")
AP_THRESHOLDS = ("0.5", "0.55", "0.6", "0.65", "0.7", "0.75", "0.8", "0.85", "0.9", "0.95")


def exact(seconds):
    """The number as it was meant: the shortest decimal that gives this float."""
    return Fraction(repr(float(seconds)))


def is_number(value):
    return not math.isnan(value) and not math.isinf(value)


def fault(window, duration):
    """Why a window counts as found nowhere, None if it does not."""
    start, end, score = window
    if not is_number(start) or not is_number(end):
        return "not_finite"
    if start >= end:
        return "reversed"
    if end <= 0 or start >= duration:
        return "outside"
    if not math.isfinite(score):
        return "not_finite"
    return None


def overlap(window, truth, duration):
    """Intersection over union of what of the window lies inside the target."""
    start, end = max(Fraction(0), exact(window[0])), min(exact(duration), exact(window[1]))
    truth_start, truth_end = map(exact, truth)
    inter = max(Fraction(0), min(end, truth_end) - max(start, truth_start))
    return inter / (end - start + truth_end - truth_start - inter)


def ranked(windows):
    """Best score first, equal scores as given, those that are not finite last."""
    places = range(len(windows))
    finite = [math.isfinite(score) for _, _, score in windows]
    scores = [score if fine else 0 for (_, _, score), fine in zip(windows, finite, strict=True)]
    return [
        windows[place] for place in sorted(places, key=lambda k: (not finite[k], -scores[k], k))
    ]


def score_pair(windows, truth, duration, strict):
    """Metrics of a pair, percent, exact."""
    overlaps = [
        Fraction(0) if fault(window, duration) else overlap(window, truth, duration)
        for window in ranked(windows)
    ]

    def hit(value, threshold):
        return value > Fraction(threshold) if strict else value >= Fraction(threshold)

    def recall(rank, threshold):
        return Fraction(any(hit(value, threshold) for value in overlaps[:rank]))

    def average_precision(threshold):
        found, precision_at_hits = 0, []
        for place, value in enumerate(overlaps[:10], start=1):
            if value >= Fraction(threshold) and found == 0:
                found = 1
                precision_at_hits.append(Fraction(found, place))
        return sum(precision_at_hits, Fraction(0))

    metrics = {"mIoU": overlaps[0] if overlaps else Fraction(0)}
    for rank in (1, 5):
        for threshold in RECALL_THRESHOLDS:
            metrics[f"R{rank}@{threshold}"] = recall(rank, threshold)
    metrics["R1@avg"] = sum(recall(1, t) for t in AVERAGE_THRESHOLDS) / 5
    metrics["mAP@0.5"] = average_precision("0.5")
    metrics["mAP@0.75"] = average_precision("0.75")
    metrics["mAP"] = sum(average_precision(t) for t in AP_THRESHOLDS) / 10
    return {name: float(100 * value) for name, value in metrics.items()}


def score(pairs, predictions, strict=False):
    """Metrics of every pair, faults by reason, and the share of pairs with a valid window.

    Parameters
    ----------
    pairs : list of (pair_id, (start_s, end_s), duration_s)
    predictions : list of (pair_id, windows)
    """
    given = dict(predictions)
    rows, answered = [], 0
    faults = dict.fromkeys(("missing", "empty", "not_finite", "reversed", "outside"), 0)
    for pair_id, truth, duration in pairs:
        if pair_id not in given:
            faults["missing"] += 1
        elif len(given[pair_id]) == 0:
            faults["empty"] += 1
        windows = given.get(pair_id, ())
        found = [fault(window, duration) for window in windows]
        for reason in found:
            if reason is not None:
                faults[reason] += 1
        answered += None in found
        rows.append(score_pair(windows, truth, duration, strict))
    return rows, faults, answered / len(pairs)
