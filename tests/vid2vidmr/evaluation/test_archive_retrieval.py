"""Metrics of an archive against a plain loop, and what they must obey."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vid2vidmr.evaluation import archive_retrieval
from vid2vidmr.evaluation.archive_retrieval import archive_metrics

AP = [0.5 + 0.05 * k for k in range(10)]


def iou(a, b):
    inter = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    return inter / (a[1] - a[0] + b[1] - b[0] - inter)


def plain_ap(windows, truth, limit):
    """Interpolated average precision: the best precision at this recall or later."""
    free, hits = list(truth), []
    for window in windows:
        near = max(free, key=lambda t: iou(window, t), default=None)
        hits.append(near is not None and iou(window, near) >= limit)
        if hits[-1]:
            free.remove(near)
    precision = [sum(hits[: k + 1]) / (k + 1) for k in range(len(hits))]
    return sum(max(precision[k:]) for k, hit in enumerate(hits) if hit) / len(truth)


def padded(rows, width):
    out = np.full((len(rows), width, 2), np.nan)
    for own, row in zip(out, rows, strict=True):
        own[: len(row)] = np.array(row).reshape(-1, 2)
    return out


def spans(least, most):
    # A truth every 10 s: no window overlaps two of them enough.
    # No overlap lies on a threshold.
    one = st.tuples(st.integers(0, 30), st.integers(0, 3), st.sampled_from([3.61, 4.47, 5.53]))
    made = one.map(lambda w: (10.0 * w[0] + w[1], 10.0 * w[0] + w[1] + w[2]))
    return st.lists(made, min_size=least, max_size=most, unique_by=lambda w: w[0] // 10)


@settings(max_examples=40)
@given(st.lists(st.tuples(spans(0, 30), spans(1, 12)), min_size=1, max_size=4))
def test_metrics_are_those_of_a_plain_loop(queries):
    windows, truths = zip(*queries, strict=True)
    found = archive_metrics(padded(windows, 100), padded(truths, 12))
    for i, (own, truth) in enumerate(queries):
        expected = 100 * np.mean([plain_ap(own, truth, limit) for limit in AP])
        np.testing.assert_allclose(found["mAP"][i], expected, atol=1e-9)
        for k in (1, 5, 10, 100):
            hit = any(iou(w, t) >= 0.5 for w in own[:k] for t in truth)
            assert found[f"R{k}@0.5"][i] == 100 * hit


def test_chunks_do_not_matter(monkeypatch):
    rng = np.random.default_rng(0)
    start = rng.uniform(0, 500, (9, 50, 1))
    windows = np.concatenate([start, start + 8], axis=2)
    whole = archive_metrics(windows, windows[:, ::7] + 1)
    monkeypatch.setattr(archive_retrieval, "_CHUNK", 1)
    parts = archive_metrics(windows, windows[:, ::7] + 1)
    assert all((parts[name] == values).all() for name, values in whole.items())
    assert whole["R1@0.5"].mean() == 100 > whole["mAP"].mean() > 0
