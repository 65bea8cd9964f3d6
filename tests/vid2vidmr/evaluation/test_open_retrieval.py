"""Metrics of none, one or many against outputs of the published toolkit, and their properties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_cases import golden_cases
from hypothesis import given
from hypothesis import strategies as st

from vid2vidmr.evaluation.open_retrieval import calibration, open_metrics

CASES = golden_cases("eval_gmr/*_metrics.json")


def _read(path: Path) -> dict[int, Any]:
    return {row["qid"]: row for row in map(json.loads, path.read_text().splitlines())}


def _padded(lists: list[Any], width: int) -> np.ndarray:
    out = np.full((len(lists), max([1, *map(len, lists)]), width), np.nan)
    for row, windows in zip(out, lists, strict=True):
        if windows:
            row[: len(windows)] = np.array(windows)[:, :width]
    return out


def _case(metrics: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, found = (
        _read(Path(str(metrics).replace("_metrics.json", f"_{kind}.jsonl")))
        for kind in ("gt", "pred")
    )
    ids = [qid for qid in truth if qid in found]
    windows = [
        sorted(found[qid]["pred_relevant_windows"], key=lambda window: -window[2]) for qid in ids
    ]
    truths = [sorted({tuple(w) for w in truth[qid]["relevant_windows"]}) for qid in ids]
    scores = [
        found[qid].get("pred_exist_score", max([w[2] for w in ranked], default=0.0))
        for qid, ranked in zip(ids, windows, strict=True)
    ]
    return _padded(windows, 2), _padded(truths, 2), np.array(scores)


@pytest.mark.parametrize("metrics", CASES, ids=lambda path: path.stem)
def test_equals_published_toolkit(metrics: Path) -> None:
    """Every number that the toolkit prints in brief, to its last digit."""
    expected = json.loads(metrics.read_text())["brief"]
    found = {}
    for threshold in (0.6, 0.4):  # G-mIoU@k is published at 0.4
        values = open_metrics(*_case(metrics), threshold)
        found |= {name: float(each.mean()) for name, each in values.items()}
        for name in ("Rej-F1", "Acc"):
            found[f"{name}@{threshold}"] = found[name]
    assert {name: round(found[name], 2) for name in expected} == expected


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    window = st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda w: (w[0], w[0] + w[1]))
    n = draw(st.integers(1, 12))
    windows = draw(st.lists(st.lists(window, max_size=4), min_size=n, max_size=n))
    truths = draw(st.lists(st.lists(window, max_size=3, unique=True), min_size=n, max_size=n))
    scores = draw(st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.9]), min_size=n, max_size=n))
    return _padded(windows, 2), _padded(truths, 2), np.array(scores)


@given(_pairs())
def test_perfect_answers_score_everything(pairs: tuple[np.ndarray, ...]) -> None:
    """The truth itself, and certainty about it, is 100 wherever the metric has a case."""
    _, truth, _ = pairs
    count = (~np.isnan(truth[:, :, 0])).sum(axis=1)
    values = open_metrics(truth, truth, (count > 0).astype(float), 0.5)
    found = {name: each.mean() for name, each in values.items()}
    assert found["Acc"] == found["G-mIoU@3"] == pytest.approx(100)
    assert found["mAP"] == found["mR@3"] == pytest.approx(100 if count.any() else 0)
    assert found["mIoU+@3"] == pytest.approx(100 if (count > 1).any() else 0)
    assert found["AUROC"] == pytest.approx(100 if len(set(count > 0)) == 2 else 50)
    assert found["Rej-F1"] == pytest.approx(0 if (count > 0).all() else 100)


@given(_pairs(), st.randoms(use_true_random=False))
def test_order_of_pairs_says_nothing(pairs: tuple[np.ndarray, ...], random: Any) -> None:
    """Each pair keeps its numbers when the others come in another order."""
    order = np.array(random.sample(range(len(pairs[0])), len(pairs[0])))
    one, other = open_metrics(*pairs, 0.3), open_metrics(*(each[order] for each in pairs), 0.3)
    for name, values in one.items():
        np.testing.assert_allclose(other[name], values[order], atol=1e-9)
        assert -1e-9 <= values.mean() <= 100 + 1e-9


@given(_pairs())
def test_area_is_the_share_of_ordered_couples(pairs: tuple[np.ndarray, ...]) -> None:
    """AUROC by its definition; equal scores count half."""
    windows, truth, scores = pairs
    present = ~np.isnan(truth[:, :, 0]).all(axis=1)
    couples = [(a > b) + (a == b) / 2 for a in scores[present] for b in scores[~present]]
    area = open_metrics(windows, truth, scores, 0.3)["AUROC"].mean()
    assert area == pytest.approx(100 * np.mean(couples) if couples else 50)


def test_influence_is_what_leaving_a_pair_out_changes() -> None:
    """The numbers of pairs vary as the jackknife of the metric does."""
    rng = np.random.default_rng(0)
    n = 150
    truth = np.full((n, 2, 2), np.nan)
    for i in range(n):
        for g in range(rng.integers(3)):
            truth[i, g] = 30 * g + np.sort(rng.uniform(0, 30, 2))
    windows = np.sort(rng.uniform(0, 60, (n, 3, 2)), axis=2)
    scores = rng.uniform(size=n) + 0.2 * ~np.isnan(truth[:, 0, 0])
    every = np.arange(n)
    values = open_metrics(windows, truth, scores, 0.5)
    left_out = [
        {
            name: each.mean()
            for name, each in open_metrics(windows[k], truth[k], scores[k], 0.5).items()
        }
        for k in (every != i for i in range(n))
    ]
    for name, each in values.items():
        jackknife = np.sqrt((n - 1) * np.var([one[name].mean() for one in left_out]))
        assert each.std() / np.sqrt(n) == pytest.approx(jackknife, rel=0.05), name


def test_calibration_of_fair_probabilities() -> None:
    """Bins of what is true by its own probability lie on the diagonal."""
    rng = np.random.default_rng(0)
    exists = rng.uniform(size=20000)
    bins = calibration(exists, rng.uniform(size=20000) < exists)
    assert bins[:, 2].sum() == pytest.approx(1)
    assert np.nansum(np.abs(bins[:, 0] - bins[:, 1]) * bins[:, 2]) < 0.02
    assert np.isnan(calibration(np.array([1.0]), np.array([True]))[0]).tolist() == [
        True,
        True,
        False,
    ]
