"""CPU time of the evaluator against a plain one that goes through the pairs one by one.

Run by hand: ``OMP_NUM_THREADS=1 python benchmarks/evaluator.py``. All sides in turn in one
process, medians of CPU time. The plain side computes the same metrics of the same lists and is
checked to give the same numbers; the published side is Moment-DETR's form in the tests
(`published_evaluators`), R@1, R@5, mIoU and mAP at its thresholds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from measure import medians, print_table

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.evaluation import evaluate, paired_difference, rank_bands, rank_windows
from vid2vidmr.evaluation.metrics import (
    AP_THRESHOLDS,
    AVERAGE_THRESHOLDS,
    THRESHOLDS,
    per_pair_metrics,
)
from vid2vidmr.evaluation.ranking import clean_windows
from vid2vidmr.records import Prediction
from vid2vidmr.windows import temporal_iou

sys.path.append(str(Path(__file__).parents[1] / "tests" / "vid2vidmr" / "evaluation"))
from published_evaluators import PUBLISHED, score_pair

PAIRS, WINDOWS, TOP1, METHODS, ROUNDS = 10_000, 10, 770_000, 40, 7


def make_pairs() -> tuple[PairSet, list[Prediction]]:
    """Random pairs and predictions; some windows overlap their moment well."""
    rng = np.random.default_rng(0)
    duration = rng.uniform(60, 150, PAIRS)
    start = rng.uniform(0, 0.7, PAIRS) * duration
    end = start + rng.uniform(0.05, 0.25, PAIRS) * duration
    table = pd.DataFrame(
        {
            "pair_id": [f"test-{i:06d}" for i in range(PAIRS)],
            "query_video": [f"v{k}" for k in rng.integers(0, 1200, PAIRS)],
            "target_video": [f"v{k}" for k in rng.integers(0, 1200, PAIRS)],
            "clip_start_s": 0.0,
            "clip_end_s": duration,
            "start_s": start,
            "end_s": end,
        }
    )
    noise = rng.normal(0, 0.15, (PAIRS, WINDOWS, 2)) * duration[:, None, None]
    windows = np.sort(np.stack([start, end], axis=1)[:, None] + noise, axis=2)
    scored = np.concatenate([windows, rng.random((PAIRS, WINDOWS, 1))], axis=2).tolist()
    order = rng.permutation(PAIRS)
    predictions = [Prediction(pair_id=table["pair_id"][i], windows=scored[i]) for i in order]
    return PairSet(table, "test"), predictions


def plain_evaluate(pairs: PairSet, predictions: list[Prediction]) -> dict[str, float]:
    """Evaluate pair by pair, window by window."""
    columns = [pairs.table[name].tolist() for name in ("pair_id", "start_s", "end_s")]
    truth = {i: (s, e, d) for i, s, e, d in zip(*columns, pairs.durations_s.tolist(), strict=True)}
    found: dict[str, list[float]] = {}

    def add(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    for prediction in predictions:
        start, end, duration = truth[prediction.pair_id]
        overlaps = []
        for s, e, _ in sorted(prediction.windows, key=lambda window: -window[2])[:10]:
            s_in, e_in = max(s, 0.0), min(e, duration)
            if s_in >= e_in:
                overlaps.append(0.0)
                continue
            inter = max(0.0, min(e_in, end) - max(s_in, start))
            overlaps.append(inter / ((e_in - s_in) + (end - start) - inter))
        add("mIoU", overlaps[0])
        for threshold in THRESHOLDS:
            add(f"R1@{threshold}", overlaps[0] >= threshold)
            add(f"R5@{threshold}", max(overlaps[:5]) >= threshold)
        add("R1@avg", sum(overlaps[0] >= t for t in AVERAGE_THRESHOLDS) / 5)
        precisions = []
        for threshold in AP_THRESHOLDS:
            hits, taken = [], False
            for overlap in overlaps:
                hits.append(not taken and overlap >= threshold)
                taken = taken or hits[-1]
            precision = [sum(hits[: k + 1]) / (k + 1) for k in range(len(hits))]
            precisions.append(sum(max(precision[k:]) for k, hit in enumerate(hits) if hit))
        add("mAP@0.5", precisions[0])
        add("mAP@0.75", precisions[5])
        add("mAP", sum(precisions) / len(precisions))
    return {name: 100 * sum(values) / len(values) for name, values in found.items()}


def published_evaluate(pairs: PairSet, predictions: list[Prediction]) -> dict[str, float]:
    """As Moment-DETR's evaluator does; the best windows first, for it takes them as listed."""
    columns = [pairs.table[name].tolist() for name in ("pair_id", "start_s", "end_s")]
    truth = {i: (s, e, d) for i, s, e, d in zip(*columns, pairs.durations_s.tolist(), strict=True)}
    scores = []
    for prediction in predictions:
        start, end, duration = truth[prediction.pair_id]
        ranked = sorted(prediction.windows, key=lambda window: -window[2])
        habits = PUBLISHED["moment_detr"]
        scores.append(score_pair(ranked, [(start, end)], duration, habits, AP_THRESHOLDS))
    return {name: 100 * sum(s[name] for s in scores) / len(scores) for name in scores[0]}


def main() -> None:
    pairs, predictions = make_pairs()
    ours = {n: i.value for n, i in evaluate(predictions, pairs, resamples=0).metrics.items()}
    plain = plain_evaluate(pairs, predictions)
    for name, value in plain.items():
        assert abs(value - ours[name]) < 1e-9, (name, value, ours[name])

    windows = rank_windows(predictions, pairs).windows
    truth = pairs.table[["start_s", "end_s"]].to_numpy()[:, None]
    first = evaluate(predictions, pairs, resamples=0)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 5, (METHODS, PAIRS))
    methods = {
        str(k): replace(first, per_pair=first.per_pair.assign(mIoU=first.per_pair["mIoU"] + more))
        for k, more in enumerate(noise)
    }
    rng = np.random.default_rng(0)
    many_truths = np.sort(rng.uniform(0, 100, (TOP1, 2)), axis=1)
    many_windows = np.sort(rng.uniform(-5, 105, (TOP1, 2)), axis=1)
    durations_s = np.full(TOP1, 100.0)

    def top1() -> tuple[float, ...]:
        iou = temporal_iou(clean_windows(many_windows, durations_s)[0], many_truths)
        return (iou.mean(), *(np.count_nonzero(iou >= t) / TOP1 for t in THRESHOLDS))

    lists: dict[str, Callable[[], object]] = {
        "published (Moment-DETR's form)": lambda: published_evaluate(pairs, predictions),
        "plain, pair by pair": lambda: plain_evaluate(pairs, predictions),
        "`evaluate`, 1,000 resamples": lambda: evaluate(predictions, pairs, resamples=1000),
        "`evaluate`, no intervals": lambda: evaluate(predictions, pairs, resamples=0),
        "of it the metrics, from ranked arrays": lambda: per_pair_metrics(windows, truth),
    }
    tests = f"`rank_bands`, {METHODS} methods, {METHODS * (METHODS - 1) // 2} tests"
    arrays = f"{TOP1:,} first windows from arrays, mIoU and R@1"
    ms = medians(
        lists
        | {
            "`paired_difference`, 1,000 resamples": lambda: paired_difference(
                methods["0"], methods["1"], resamples=1000
            ),
            tests: lambda: rank_bands(methods),
            arrays: top1,
        },
        ROUNDS,
    )
    show(ms, list(lists), len(plain))


def show(ms: dict[str, float], lists: list[str], metrics: int) -> None:
    """Print what was measured: the evaluators `lists`, then the statistics."""
    published_ms, plain_ms, resampled, once, _ = (ms[what] for what in lists)
    print_table(
        [f"{PAIRS:,} pairs x {WINDOWS} windows", "CPU ms", "published / this", "plain / this"],
        [
            (
                what,
                f"{ms[what]:.0f}",
                f"{published_ms / ms[what]:.1f}",
                f"{plain_ms / ms[what]:.1f}",
            )
            for what in lists
        ],
    )
    ms[f"intervals of {metrics} metrics, 1,000 resamples"] = resampled - once
    print_table(
        [f"statistics, {PAIRS:,} pairs", "CPU ms"],
        [(what, f"{own:.0f}") for what, own in ms.items() if what not in lists],
        "Beside them:",
    )


if __name__ == "__main__":
    main()
