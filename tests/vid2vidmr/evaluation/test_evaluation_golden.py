"""Our evaluator against the figures of the published ones.

`published_evaluators` reproduces what they print; each difference between them and us is a switch
there, and a test with a name and a reason here. Where no reason applies, the numbers are equal.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from published_evaluators import LENGTHS, OURS, PUBLISHED, Habits, score_pair, truths_between

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.evaluation import evaluate, rank_windows
from vid2vidmr.evaluation.metrics import per_pair_metrics
from vid2vidmr.evaluation.predictions import read_predictions
from vid2vidmr.records import Prediction
from vid2vidmr.windows import temporal_iou

FOLDER = Path(os.environ.get("VID2VIDMR_GOLDEN", Path(__file__).parents[2] / "golden"))
FOLDER = FOLDER / "eval_synthetic"
MULTIPLE = sorted(p.name.removesuffix("_gt.jsonl") for p in FOLDER.glob("*_gt.jsonl"))
SINGLE = sorted(p.name.removesuffix("_iou_paired.json") for p in FOLDER.glob("*_iou_paired.json"))
THRESHOLDS = [round(0.3 + 0.05 * k, 2) for k in range(14)]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def published_figures():
    """Name of the evaluator to what it gives, for those that are in the folder."""
    files = {p.stem.removeprefix("metrics_"): p for p in sorted(FOLDER.glob("metrics_*.json"))}
    return {name: json.loads(files[name].read_text()) for name in files}


MULTIPLE_FIGURES = [
    pytest.param(case, name, figures[case], id=f"{case}-{name}")
    for case in MULTIPLE
    for name, figures in published_figures().items()
    if case in figures
]


def pair_set(ids, durations, truths):
    n = len(ids)
    truths = np.asarray(truths, dtype=float)
    table = pd.DataFrame(
        {
            "pair_id": [str(i) for i in ids],
            "query_video": [f"q{i}" for i in range(n)],
            "target_video": [f"t{i}" for i in range(n)],
            "clip_start_s": np.zeros(n),
            "clip_end_s": np.asarray(durations, dtype=float),
            "start_s": truths[:, 0],
            "end_s": truths[:, 1],
        }
    )
    return PairSet(table, "test")


def load(case):
    truth = {row["qid"]: row for row in lines(FOLDER / f"{case}_gt.jsonl")}
    found = {row["qid"]: row for row in lines(FOLDER / f"{case}_pred.jsonl")}
    return truth, {qid: row["pred_relevant_windows"] for qid, row in found.items()}


def reference(truth, found, habits, lengths="full"):
    """Scores of every pair that has ground truth of these lengths."""
    scores = {}
    for qid, row in truth.items():
        windows = truths_between(row["relevant_windows"], *LENGTHS[lengths], habits)
        if windows:
            scores[qid] = score_pair(found[qid], windows, row["duration"], habits, THRESHOLDS)
    return scores


def ours(truth, predictions):
    """Our metrics of every pair, as published ones are keyed, in [0, 1]."""
    several = [row["relevant_windows"] for row in truth.values()]
    pairs = pair_set(truth, [row["duration"] for row in truth.values()], [w[0] for w in several])
    padded = np.full((len(several), max(map(len, several)), 2), np.nan)
    for row, windows in zip(padded, several, strict=True):
        row[: len(windows)] = windows
    metrics = per_pair_metrics(rank_windows(predictions, pairs).windows, padded)
    renamed = {"mIoU": "MR-mIoU", "mAP@0.5": ("MR-mAP", 0.5), "mAP@0.75": ("MR-mAP", 0.75)}
    renamed |= {f"R{k}@{t}": (f"MR-R{k}", t) for k in (1, 5) for t in (0.3, 0.5, 0.7)}
    columns = {key: metrics[name] / 100 for name, key in renamed.items()}
    columns["average"] = metrics["mAP"] / 100
    return pd.DataFrame(columns, index=pd.Index(truth, tupleize_cols=False))


def reasons(row, windows):
    """Why the published evaluators and ours may differ on a pair."""
    scores = [window[2] for window in windows]
    truths = row["relevant_windows"]
    named = set()
    if scores != sorted(scores, reverse=True):
        named.add("listed order")
    if any(start >= end for start, end in truths):
        named.add("empty truth")
    if any((w[1] - w[0]) + (t[1] - t[0]) <= 0 for w in windows for t in truths):
        named.add("empty union")
    if any(w[0] < 0 or w[1] > row["duration"] for w in windows):
        named.add("outside")
    return named


@pytest.mark.parametrize(("case", "name", "figures"), MULTIPLE_FIGURES)
def test_golden_published_figures_are_reproduced(case, name, figures):
    truth, found = load(case)
    checked = 0
    for lengths in LENGTHS:
        scores = reference(truth, found, PUBLISHED.get(name, Habits()), lengths).values()
        for metric, figure in figures.get(lengths, {}).items():
            for key, value in figure.items() if isinstance(figure, dict) else [(None, figure)]:
                if key == "average":
                    mean = np.mean([s[metric, t] for s in scores for t in THRESHOLDS if t >= 0.5])
                else:
                    mean = np.mean([s[(metric, float(key)) if key else metric] for s in scores])
                assert 100 * mean == pytest.approx(value, abs=0.00501), (lengths, metric, key)
                checked += 1
    assert checked > 0


@pytest.mark.parametrize("case", MULTIPLE)
def test_golden_evaluator_is_the_published_one_with_the_named_differences(case):
    truth, found = load(case)
    _, predictions = read_predictions(FOLDER / f"{case}_pred.jsonl")
    got = ours(truth, predictions)
    for qid, expected in reference(truth, found, OURS).items():
        expected["average"] = np.mean([expected["MR-mAP", t] for t in THRESHOLDS if t >= 0.5])
        for key in got.columns:
            assert got.at[qid, key] == pytest.approx(expected[key], abs=1e-12), (qid, key)


@pytest.mark.parametrize("case", MULTIPLE)
def test_golden_evaluator_equals_published_where_no_difference_is_named(case):
    truth, found = load(case)
    _, predictions = read_predictions(FOLDER / f"{case}_pred.jsonl")
    got = ours(truth, predictions)
    plain = [qid for qid in truth if not reasons(truth[qid], found[qid])]
    for habits in PUBLISHED.values():
        expected = reference(truth, found, habits)
        for qid in plain:
            for key in got.columns.drop("average"):
                assert got.at[qid, key] == pytest.approx(expected[qid][key], abs=1e-12), (qid, key)


@pytest.mark.parametrize("case", SINGLE)
def test_golden_single_windows(case):
    rows = lines(FOLDER / f"{case}.jsonl")
    expected = np.array(json.loads((FOLDER / f"{case}_iou_paired.json").read_text()))
    truth = np.array([row["gt"] for row in rows], dtype=float)
    found = np.array([row["pred"] for row in rows], dtype=float)
    iou = temporal_iou(found, truth)
    np.testing.assert_allclose(iou, expected, rtol=0, atol=1e-12)
    kinds = pd.Series([row["kind"] for row in rows])
    for figures in published_figures().values():
        if sum(kind["n"] for kind in figures["by_kind"].values()) != len(rows):
            continue
        whole = figures["from_official_paired_iou"]
        for values, figure in [
            (iou, whole),
            *((iou[kinds == kind], figure) for kind, figure in figures["by_kind"].items()),
        ]:
            assert values.mean() == pytest.approx(figure["miou"], abs=1e-12)
            for threshold in (0.3, 0.5, 0.7):
                assert np.count_nonzero(values >= threshold) == figure[f"count@{threshold}"]


@pytest.mark.parametrize("case", SINGLE)
def test_golden_single_windows_differ_from_published_by_clamping_only(case):
    rows = lines(FOLDER / f"{case}.jsonl")
    expected = np.array(json.loads((FOLDER / f"{case}_iou_paired.json").read_text()))
    pairs = pair_set(
        [r["qid"] for r in rows], [r["duration"] for r in rows], [r["gt"] for r in rows]
    )
    predictions = [
        Prediction(pair_id=str(row["qid"]), windows=((*row["pred"], row["score"]),)) for row in rows
    ]
    iou = evaluate(predictions, pairs, resamples=0).iou
    clamped = np.array([r["pred"][0] < 0 or r["pred"][1] > r["duration"] for r in rows])
    np.testing.assert_allclose(iou[~clamped], expected[~clamped], rtol=0, atol=1e-12)
    # What lies outside the target is no part of any moment in it: cutting it off cannot cost.
    inside = np.array([r["gt"][0] >= 0 and r["gt"][1] <= r["duration"] for r in rows])
    assert (iou[inside] >= expected[inside] - 1e-12).all()


def one_pair(windows, truths, duration=100.0):
    truth = {0: {"duration": duration, "relevant_windows": truths}}
    predictions = [Prediction(pair_id="0", windows=windows)]
    published = reference(truth, {0: windows}, PUBLISHED["moment_detr"])[0]
    return ours(truth, predictions).loc[0], published


def test_difference_listed_order():
    """Published R@1 takes the window listed first; ours the one scored highest.

    A file's order is an accident of who wrote it, the score is the method's own ranking.
    """
    got, published = one_pair([(50, 60, 0.1), (10, 20, 0.9)], [(10, 20)])
    assert published["MR-R1", 0.5] == 0
    assert got["MR-R1", 0.5] == 1


def test_difference_first_ten_by_score():
    """Published mAP looks at the ten windows listed first; ours at the ten scored highest."""
    others = [(50.0, 60.0, 0.1)] * 10
    got, published = one_pair([*others, (10.0, 20.0, 0.9)], [(10, 20)])
    assert published["MR-mAP", 0.5] == 0
    assert got["MR-mAP", 0.5] == 1


def test_difference_empty_union():
    """Published mAP counts an empty window anywhere as a hit on an empty ground truth window.

    0 / 0 is NaN, and NaN is not below any threshold. Ours: a window without length finds nothing.
    """
    got, published = one_pair([(70.0, 70.0, 0.9)], [(10, 10)])
    assert published["MR-mAP", 0.95] == 1
    assert published["MR-mIoU"] == got["MR-mIoU"] == 0
    assert got["average"] == 0


def test_difference_reversed_window():
    """Published mAP counts a reversed window, anywhere, as a hit on one of the same length."""
    got, published = one_pair([(72.0, 70.0, 0.9)], [(10, 12)])
    assert published["MR-mAP", 0.95] == 1
    assert got["average"] == 0


def test_difference_empty_truth():
    """lighthouse takes pairs without a ground truth window of some length out of the mean.

    Ours keeps them, as the other evaluators do: nothing is dropped.
    """
    truth = {
        0: {"duration": 100, "relevant_windows": [(10, 20)]},
        1: {"duration": 100, "relevant_windows": [(10, 10)]},
    }
    found = {0: [(10, 20, 1.0)], 1: [(10, 20, 1.0)]}
    assert len(reference(truth, found, PUBLISHED["lighthouse"])) == 1
    assert len(reference(truth, found, PUBLISHED["moment_detr"])) == 2
    predictions = [Prediction(pair_id=str(qid), windows=windows) for qid, windows in found.items()]
    assert ours(truth, predictions)["MR-mIoU"].tolist() == [1, 0]


def test_difference_clamping():
    """Published evaluators score windows that reach past the video as they are; ours cuts them."""
    got, published = one_pair([(90.0, 120.0, 0.9)], [(90, 100)])
    assert published["MR-R1", 0.5] == 0
    assert got["MR-R1", 0.5] == 1


def test_same_tie_among_equal_scores():
    """Equal scores: all evaluators keep the order given."""
    got, published = one_pair([(10.0, 20.0, 0.5), (50.0, 60.0, 0.5)], [(10, 20)])
    assert got["MR-mAP", 0.5] == published["MR-mAP", 0.5] == 1


def test_same_ground_truth_overlapped_equally():
    """A window that overlaps two ground truth windows equally takes the last of them."""
    windows = [(10.0, 30.0, 0.9), (10.0, 20.0, 0.8)]
    got, published = one_pair(windows, [(10, 20), (20, 30)])
    assert got["MR-mAP", 0.5] == published["MR-mAP", 0.5] == 1


def test_every_switch_is_needed():
    """None of the named differences is empty: each changes some example above."""
    examples = {
        "rank_by_score": ([(50, 60, 0.1), (10, 20, 0.9)], [(10, 20)]),
        "nan_is_hit": ([(70, 70, 0.9)], [(10, 10)]),
        "clamp": ([(90, 120, 0.9)], [(90, 100)]),
    }
    for switch, (windows, truths) in examples.items():
        published = PUBLISHED["moment_detr"]
        flipped = replace(published, **{switch: getattr(OURS, switch)})
        scores = [score_pair(windows, truths, 100, h, [0.5]) for h in (published, flipped)]
        assert scores[0] != scores[1], switch
