"""Types of errors on windows with known answers, what mending gives, groups, two runs compared."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mini_dataset import INFO

from vid2vidmr.analysis import Run, analyse_run, compare_runs
from vid2vidmr.analysis.error_types import (
    FIRST_TYPES,
    FIXES,
    TYPES,
    fixed,
    profile,
    window_types,
)
from vid2vidmr.analysis.others import other_moments
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation import Evaluation, evaluate
from vid2vidmr.evaluation.metrics import per_pair_metrics
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.records import Prediction

NONE = (np.nan, np.nan)
TRUTH = (20.0, 30.0)
OTHER = (60.0, 70.0)
CASES = {
    "exact": ((20.0, 30.0), "correct"),
    "half of the truth": ((20.0, 25.0), "correct"),
    "a little less than half": ((20.0, 24.9), "boundary"),
    "a tenth of the truth": ((20.0, 21.0), "boundary"),
    "less than a tenth": ((20.0, 20.9), "background"),
    "elsewhere": ((40.0, 50.0), "background"),
    "on the other moment": ((60.0, 70.0), "wrong moment"),
    "a tenth of the other moment": ((60.0, 61.0), "wrong moment"),
    "less than a tenth of the other": ((60.0, 60.9), "background"),
    "over both, more on the truth": ((18.0, 61.0), "boundary"),
    "over both, more on the other": ((29.0, 72.0), "wrong moment"),
    "over both alike": ((20.0, 70.0), "boundary"),
    "none": (NONE, "miss"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_type_of_a_first_window(case: str) -> None:
    window, expected = CASES[case]
    types = window_types(np.array([[window, NONE]]), np.array([TRUTH]), np.array([[OTHER, NONE]]))
    assert TYPES[types[0, 0]] == expected


def test_a_second_correct_window_is_a_duplicate_and_a_second_wrong_one_is_not() -> None:
    windows = np.array([[(0.0, 9.0), (20.0, 29.0), (0.0, 9.0), (20.0, 30.0), NONE]])
    types = window_types(windows, np.array([TRUTH]), np.empty((1, 0, 2)))
    names = [TYPES[code] for code in types[0]]
    assert names == ["background", "correct", "background", "duplicate", "miss"]


def test_without_other_moments_a_window_on_one_is_background() -> None:
    types = window_types(np.array([[OTHER]]), np.array([TRUTH]), np.full((1, 1, 2), np.nan))
    assert TYPES[types[0, 0]] == "background"


def _mended(windows: list[tuple[float, float]], *fixes: str) -> np.ndarray:
    ranked, truth = np.array([windows]), np.array([TRUTH])
    types = window_types(ranked, truth, np.array([[OTHER]]))
    return fixed(ranked, truth, types, fixes)[0]


def test_every_fix_mends_its_own_and_nothing_else() -> None:
    boundary, other, background = (20.0, 22.0), OTHER, (0.0, 5.0)
    windows = [boundary, other, background, NONE]
    assert _mended(windows, "boundary").tolist()[:3] == [list(TRUTH), list(other), [0.0, 5.0]]
    assert _mended(windows, "wrong moment").tolist()[:2] == [list(boundary), list(TRUTH)]
    assert _mended(windows, "background").tolist()[2] == list(TRUTH)
    np.testing.assert_array_equal(_mended(windows, "miss"), windows)  # a first window is there
    np.testing.assert_array_equal(_mended(windows, "exact"), windows)
    assert _mended([NONE, background], "miss").tolist() == [list(TRUTH), list(background)]
    assert _mended([(20.0, 26.0), background], "exact").tolist()[0] == list(TRUTH)
    assert _mended([background, (20.0, 26.0), (20.0, 29.0)], "duplicate").tolist() == [
        [0.0, 5.0], [20.0, 29.0], [20.0, 29.0]
    ]  # fmt: skip
    assert _mended([background, boundary, (20.0, 29.0)], "rank")[0].tolist() == [20.0, 29.0]


window = st.tuples(st.floats(0, 99), st.floats(0.5, 60)).map(lambda w: (w[0], w[0] + w[1]))
maybe = st.one_of(window, st.just(NONE))


@st.composite
def _ranked(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows (P, 10, 2), truth (P, 2) and other moments (P, O, 2) of a few pairs."""
    pairs, others = draw(st.integers(1, 5)), draw(st.integers(0, 3))

    def array(one: st.SearchStrategy, count: int) -> np.ndarray:
        rows = st.lists(one, min_size=count, max_size=count)
        found = draw(st.lists(rows, min_size=pairs, max_size=pairs))
        return np.array(found, dtype=float).reshape(pairs, count, 2)

    return array(maybe, 10), array(window, 1)[:, 0], array(maybe, others)


@settings(max_examples=60)
@given(_ranked())
def test_every_window_is_of_one_type_and_mending_never_costs(
    case: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    windows, truth, others = case
    types = window_types(windows, truth, others)
    assert {TYPES[code] for code in types[:, 0]} <= set(FIRST_TYPES)
    assert all(sum(shares.values()) == pytest.approx(100) for shares in profile(types))

    now = per_pair_metrics(windows, truth[:, None])
    after = {
        fix: per_pair_metrics(fixed(windows, truth, types, [fix]), truth[:, None]) for fix in FIXES
    }
    for fix in FIXES:
        for metric in ("mIoU", "R1@0.5", "mAP@0.5", "mAP"):
            assert (after[fix][metric] >= now[metric] - 1e-9).all(), (fix, metric)
    lost = ("boundary", "wrong moment", "background", "miss", "exact")
    for metric in ("mIoU", "R1@0.5"):
        total = now[metric] + sum(after[fix][metric] - now[metric] for fix in lost)
        np.testing.assert_allclose(total, 100)
    whole = per_pair_metrics(fixed(windows, truth, types, lost), truth[:, None])
    for metric in ("mIoU", "R1@0.7", "mAP"):
        np.testing.assert_allclose(whole[metric], 100)


def _dataset(folder: Path, label: str = "wave") -> Dataset:
    """Six targets of 100 s with a moment at 20 to 30 s and one of another class at 60 to 70 s."""
    rows = [
        (f"{kind}{i}", f"v{i}", name, "test", 0.0, 100.0, *span)
        for i in range(6)
        for kind, name, span in (("m", label, TRUTH), ("o", "clap", OTHER))
    ]
    columns = [
        "moment_id", "video_id", "label", "split", "clip_start_s", "clip_end_s", "start_s", "end_s"
    ]  # fmt: skip
    pairs = [(f"p{i}", f"m{(i + 1) % 6}", f"m{i}") for i in range(6)]
    videos = [(f"v{i}", f"s{i // 2}", None, 100.0, None, "missing") for i in range(6)]
    return write_dataset(
        folder,
        INFO,
        pd.DataFrame(rows, columns=columns),
        {"test": pd.DataFrame(pairs, columns=["pair_id", "query_id", "target_id"])},
        pd.DataFrame(
            videos, columns=["video_id", "source_id", "path", "duration_s", "sha256", "status"]
        ),
    )


def _run(
    dataset: Dataset,
    pairs: PairSet,
    right: Evaluation,
    wrong: Evaluation | None = None,
    method: str = "six",
) -> Run:
    header = PredictionHeader(
        method=method,
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        split="test",
    )
    return Run(header, dataset, pairs, right, wrong)


FIRST = [(20.0, 30.0), (20.0, 26.0), (20.0, 24.0), (60.0, 70.0), (0.0, 5.0), None]


def _scored(pairs: PairSet, first: list[tuple[float, float] | None]) -> Evaluation:
    """Score first windows; every list goes on with the truth."""
    return evaluate(
        [
            Prediction(pair_id=name, windows=() if w is None else ((*w, 0.9), (*TRUTH, 0.1)))
            for name, w in zip(pairs.table["pair_id"], first, strict=True)
        ],
        pairs,
        resamples=50,
    )


def test_analyse_tells_all_of_six_pairs(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    pairs = dataset.pairs("test")
    right, wrong = _scored(pairs, FIRST), _scored(pairs, [(60.0, 70.0), *FIRST[1:]])
    found = analyse_run(_run(dataset, pairs, right, wrong), resamples=50)

    sixth = pytest.approx(100 / 6)
    assert {name: share.value for name, share in found.errors.items()} == {
        "correct": pytest.approx(200 / 6), "boundary": sixth, "wrong moment": sixth,
        "background": sixth, "miss": sixth,
    }  # fmt: skip
    gain = {fix: found.gains[fix]["mIoU"].value * 6 / 100 for fix in FIXES}
    assert gain == {
        "boundary": pytest.approx(0.6), "wrong moment": pytest.approx(1), "miss": pytest.approx(1),
        "background": pytest.approx(1), "exact": pytest.approx(0.4),
        "duplicate": pytest.approx(0.4), "rank": pytest.approx(0.4 + 0.6 + 1 + 1),
    }  # fmt: skip
    assert found.gains["wrong moment"]["R1@0.5"].value == sixth
    assert found.gains["boundary"]["mAP"].value == pytest.approx(100 / 6 / 2)
    assert found.with_others == 100
    assert found.profile[0]["miss"] == sixth and found.profile[1]["duplicate"] == pytest.approx(
        100 / 6
    )

    groups = {b.name: {g.name: g.pairs for g in b.groups} for b in found.breakdowns}
    assert groups == {
        "moment length": {"8–16 s": 6},
        "target length": {"60–120 s": 6},
        "moment / target length": {"1/16–1/8": 6},
        "query / target length": {"1/16–1/8": 6},
        "query / moment length": {"4/5–5/4": 6},
        "position of the centre": {"0.2–0.4": 6},
        "class": {"wave": 6},
        "source recording": {"same": 3, "other": 3},
    }
    source = {g.name: g.metrics["mIoU"] for g in found.breakdowns[-1].groups}
    assert source["same"].value == pytest.approx(100 * (1 + 0.4 + 0) / 3)
    assert source["same"].low is None  # three videos: no interval
    assert found.breakdowns[0].groups[0].metrics["mIoU"].low is not None

    assert found.sensitivity is not None
    assert found.sensitivity.drop["mIoU"].value == pytest.approx(100 / 6)
    assert found.sensitivity.unchanged.value == pytest.approx(100 * 4 / 6)  # no window is no match

    position, length = found.histograms
    assert dict(zip(position.bins, position.truth, strict=True))["0.2–0.3"] == 100
    assert dict(zip(position.bins, position.predicted, strict=True)) == pytest.approx(
        dict.fromkeys(position.bins, 0) | {"0.2–0.3": 60, "0.6–0.7": 20, "0.0–0.1": 20}
    )
    assert dict(zip(length.bins, length.predicted, strict=True))["8–12 s"] == pytest.approx(40)
    assert json.loads(found.model_dump_json())["errors"]["miss"]["value"] == sixth


def test_perfect_predictions_have_nothing_to_mend(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    pairs = dataset.pairs("test")
    found = analyse_run(_run(dataset, pairs, _scored(pairs, [TRUTH] * 6)), resamples=0)
    assert found.errors["correct"].value == 100
    assert all(gain.value == 0 for gains in found.gains.values() for gain in gains.values())


def test_edges_of_groups_take_what_lies_on_them(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    pairs = dataset.pairs("test")
    table = pairs.table.copy()
    table["end_s"] = table["start_s"] + [4.0, 4.01, 8.0, 16.0, 32.0, 33.0]
    table.loc[0, ["query_start_s", "query_end_s"]] = np.nan  # a whole file: 100 s
    changed = PairSet(table, "test")
    found = analyse_run(_run(dataset, changed, _scored(changed, FIRST)), resamples=0)
    by_name = {b.name: {g.name: g.pairs for g in b.groups} for b in found.breakdowns}
    assert by_name["moment length"] == {
        "≤ 4 s": 1, "4–8 s": 2, "8–16 s": 1, "16–32 s": 1, "> 32 s": 1
    }  # fmt: skip
    assert by_name["query / target length"] == {"1/16–1/8": 5, "> 1/2": 1}


def test_other_moments_move_with_the_cut_and_need_half_of_themselves_in_it(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    pairs = dataset.pairs("test")
    np.testing.assert_array_equal(other_moments(pairs, dataset.moments), [[OTHER]] * 6)
    cut = pairs.table.copy()
    for row, (start, end) in enumerate([(10, 80), (10, 66), (10, 65), (10, 64), (18, 40)]):
        cut.loc[row, ["clip_start_s", "clip_end_s"]] = [start, end]
        cut.loc[row, ["start_s", "end_s"]] -= start
    found = other_moments(PairSet(cut, "test"), dataset.moments)
    np.testing.assert_array_equal(found[:, 0], [(50, 60), (50, 56), (50, 55), NONE, NONE, OTHER])


def test_a_moment_annotated_twice_is_not_another_one(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    moments = dataset.moments.copy()
    twin = moments.index[moments["moment_id"] == "o0"]
    moments.loc[twin, ["start_s", "end_s"]] = [21.0, 30.0]
    found = other_moments(dataset.pairs("test"), moments)
    assert np.isnan(found[0]).all() and not np.isnan(found[1:]).any()


def test_compare_names_the_pairs_that_differ_most(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    pairs = dataset.pairs("test")
    second = [(60.0, 70.0), (20.0, 26.05), (20.0, 30.0), (60.0, 70.0), (20.0, 28.0), None]
    a, b = _scored(pairs, FIRST), _scored(pairs, second)
    one, two = _run(dataset, pairs, a), _run(dataset, pairs, b)
    found = compare_runs(one, two, resamples=50)
    assert (found.wins, found.ties, found.losses) == (1, 3, 2)
    assert [pair.pair_id for pair in found.better] == ["p0"]
    assert [pair.pair_id for pair in found.worse] == ["p4", "p2"]
    assert found.better[0].windows == (TRUTH, OTHER) and found.better[0].iou == (1, 0)
    assert found.difference["mIoU"].value == pytest.approx(
        found.metrics[0]["mIoU"].value - found.metrics[1]["mIoU"].value
    )
    turned = compare_runs(two, one, top=1, resamples=0)
    assert [pair.pair_id for pair in turned.better] == ["p4"]
    with pytest.raises(DataError, match="not scored on the same pairs"):
        compare_runs(one, _run(dataset, few := pairs.take(np.arange(3)), _scored(few, FIRST[:3])))


def test_pages_hold_no_address_and_no_markup_of_the_data(tmp_path: Path) -> None:
    from vid2vidmr.analysis.page import analysis_page, comparison_page

    evil = "<script>alert('1')</script>&\"x"
    dataset = _dataset(tmp_path, evil)
    pairs = dataset.pairs("test")
    # A class alone has no chart, so one pair is of another.
    table = pairs.table.assign(label=[evil] * 5 + ["<b>"])
    pairs = PairSet(table, "test")
    a, b = _scored(pairs, FIRST), _scored(pairs, FIRST[::-1])
    named = _run(dataset, pairs, a, b, evil)
    pages = [
        analysis_page(analyse_run(named, resamples=20)),
        analysis_page(analyse_run(_run(dataset, pairs, a), resamples=0)),
        comparison_page(compare_runs(named, _run(dataset, pairs, b, None, "<b>"), resamples=20)),
    ]
    for page in pages:
        assert "http:" not in page and "https:" not in page
        for mark in ("<script", "src=", "href=", "@import", "url("):
            assert mark not in page, mark
    assert pages[0].count("&lt;script&gt;") >= 3  # title, table and chart
    assert pages[0].count("<svg") == pages[1].count("<svg") == 5 + 2
    assert pages[2].count("&lt;script&gt;") >= 3 and "<b>" not in pages[2]
