"""What a target's own background says of an alignment in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_local_match import walk
from test_video_match import pair_set

from baselines.align_refine import AlignRefine
from baselines.background import against_background
from baselines.local_match import LocalMatch
from vid2vidmr.data.protocols import Protocol
from vid2vidmr.records import EvidentPrediction, Prediction


def test_a_match_is_above_both_backgrounds() -> None:
    """Once and in order it is far above; where all is alike it is not."""
    noise = 0.1 * np.random.default_rng(0).random((40, 6))
    once = noise.copy()
    once[np.arange(10, 16), np.arange(6)] = 1.0
    gain, shuffled, elsewhere = against_background(once, 0.45, 1.0)
    assert gain == pytest.approx(0.55) and shuffled > 0.3 and elsewhere > 0.3
    flat = against_background(np.full((40, 6), 0.8), 0.45, 1.0)
    np.testing.assert_allclose(flat[1:], 0.0, atol=1e-6)
    one_clip = against_background(once[:, :1], 0.45, 1.0)
    assert one_clip[1] == pytest.approx(0)  # of one clip there is one order
    assert against_background(once, 0.45, 1.0) == (
        gain,
        shuffled,
        elsewhere,
    )  # nothing is left to chance


def test_a_target_as_short_as_the_query_has_no_elsewhere() -> None:
    found = against_background(np.eye(4), 0.45, 1.0)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("method", [LocalMatch(), AlignRefine()], ids=["local", "refine"])
def test_evidence_tells_a_target_that_holds_the_query(method: LocalMatch | AlignRefine) -> None:
    """All of it is higher where the query is there; official pairs ask for none."""
    target, other = walk(0, 80), walk(1, 80)
    pairs = pair_set(
        {"t": target, "u": other, "q": target[20:27]},
        [("q", None, "t", 160.0), ("q", None, "u", 160.0)],
    )
    assert not any(isinstance(p, EvidentPrediction) for p in method.predict(pairs))
    there, absent = method.predict(replace(pairs, protocol=Protocol("open")))
    assert isinstance(there, EvidentPrediction) and isinstance(absent, EvidentPrediction)
    assert (np.array(there.evidence) > np.array(absent.evidence)).all()
    plain = next(iter(method.predict(pairs)))
    assert plain == Prediction(pair_id=there.pair_id, windows=there.windows)
