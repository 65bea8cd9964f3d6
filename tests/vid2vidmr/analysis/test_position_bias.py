"""The table "The position bias", from the released annotations alone: no video is looked at."""

import numpy as np
import pytest

from vid2vidmr.data.builder import dataset_builder
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.evaluation import evaluate
from vid2vidmr.methods.load import method_class
from vid2vidmr.records import Prediction
from vid2vidmr.windows import temporal_iou

THRESHOLDS = (0.3, 0.5, 0.7)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("position_bias")
    return {
        name: dataset_builder(name).build(folder / name)
        for name in ("sportsmoments", "activitynet-vrl")
    }


def sportsmoments(built):
    return built["sportsmoments"].pairs("test")


def activitynet(built):
    """Every test moment of ActivityNet-VRL once, in its own target."""
    dataset = built["activitynet-vrl"]
    moments = dataset.moments[dataset.moments["split"] == "test"]
    table = moments[["moment_id"]].assign(query_id=moments["moment_id"])
    table = table.rename(columns={"moment_id": "target_id"}).reset_index(drop=True)
    table["pair_id"] = table["target_id"]
    return PairSet.join(table, dataset.moments, dataset.videos, "test")


def whole(durations_s):
    return np.stack([0 * durations_s, durations_s], axis=1)


def fourteen_seconds(durations_s):
    return durations_s[:, None] / 2 + np.array([-7.0, 7.0])


def middle(durations_s):
    return durations_s[:, None] * np.array([0.2, 0.8])


def score(pairs, window):
    windows = window(pairs.durations_s).tolist()
    predictions = [
        Prediction(pair_id=pair_id, windows=((*row, 1.0),))
        for pair_id, row in zip(pairs.table["pair_id"], windows, strict=True)
    ]
    return evaluate(predictions, pairs, resamples=200)


@pytest.mark.parametrize(
    ("pairs_of", "window", "miou", "recalls"),
    [
        (sportsmoments, whole, 6.9, (0.2, 0.0, 0.0)),
        (sportsmoments, fourteen_seconds, 31.2, (44.2, 23.4, 7.9)),
        (activitynet, whole, 33.3, (43.4, 22.1, 10.8)),
        (activitynet, middle, 38.6, (57.0, 36.2, 14.3)),
    ],
)
def test_published_table(built, pairs_of, window, miou, recalls):
    found = score(pairs_of(built), window)
    assert found.metrics["mIoU"].value == pytest.approx(miou, abs=0.0501)
    for threshold, recall in zip(THRESHOLDS, recalls, strict=True):
        # Moments and windows lie on coarse grids, so overlaps equal a threshold (a 7 s moment in a
        # 14 s window: 3.6 % of the pairs), and the last bit of the arithmetic decides: seconds
        # here, features or unrounded lengths in the table.
        least = 100 * (found.iou >= threshold + 1e-9).mean()
        most = 100 * (found.iou >= threshold - 1e-9).mean()
        assert least - 0.0501 <= recall <= most + 0.0501, threshold
        assert found.metrics[f"R1@{threshold}"].value == pytest.approx(recall, abs=0.45)


def test_centre_of_activitynet_is_fitted_on_train(built, tmp_path):
    dataset = built["activitynet-vrl"]
    centre = method_class("centre")()
    centre.fit(dataset.pairs("train"), dataset.pairs("val"), tmp_path)
    assert centre.state()["fitted_on"] == "train"
    assert centre.state()["windows"]["official"][0]["window"] == [0.2, 0.8, 0.0, 0.0]


def test_moments_of_sportsmoments_lie_at_the_centre(built):
    pairs = sportsmoments(built)
    position = pairs.table[["start_s", "end_s"]].mean(axis=1) / pairs.durations_s
    np.testing.assert_allclose(np.quantile(position, [0.05, 0.95]), [0.39, 0.60], atol=0.005)


def chance(pairs, window):
    """Mean IoU, percent, were the moments anywhere in the same targets with equal likelihood."""
    durations_s = pairs.durations_s
    length = (pairs.table["end_s"] - pairs.table["start_s"]).to_numpy()
    start = np.random.default_rng(0).random((10, len(pairs))) * (durations_s - length)
    anywhere = np.stack([start, start + length], axis=2)
    return 100 * temporal_iou(window(durations_s), anywhere).mean()


def test_centre_falls_to_chance_on_recropped_pairs(built):
    official = sportsmoments(built)
    recropped = official.under("recropped")
    assert score(official, fourteen_seconds).metrics["mIoU"].low > 4 * chance(
        official, fourteen_seconds
    )
    assert score(recropped, fourteen_seconds).metrics["mIoU"].low < chance(
        recropped, fourteen_seconds
    )


def test_recropped_pairs_keep_their_moments(built):
    for official in (sportsmoments(built), activitynet(built)):
        recropped = official.under("recropped", seed=3)
        before, after = official.table, recropped.table
        np.testing.assert_allclose(
            after["clip_start_s"] + after["start_s"], before["clip_start_s"] + before["start_s"]
        )
        np.testing.assert_allclose(
            after["end_s"] - after["start_s"], before["end_s"] - before["start_s"]
        )
        assert (after["start_s"] >= -1e-9).all()
        assert (after["end_s"] <= recropped.durations_s + 1e-9).all()
