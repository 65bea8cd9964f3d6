"""Networks read hours in parts; what they find is where it is, once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_network import ToyNetwork

from vid2vidmr.contract import FeatureContract
from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.long import in_parts, merged


def pairs_of(durations_s: list[float], start_s: float = 0.0) -> PairSet:
    names = [f"v{i}" for i in range(len(durations_s))]
    ends = start_s + np.array(durations_s)
    table = pair_table(
        names, "q", names, query_s=(np.nan, np.nan), clip_s=(start_s, ends),
        truth_s=(np.nan, np.nan),
    )  # fmt: skip
    return PairSet(table, "test")


@given(st.lists(st.floats(0.5, 3000), min_size=1, max_size=4), st.integers(1, 90))
def test_every_second_is_in_a_part_and_belongs_to_one(durations_s, rows) -> None:
    parts = in_parts(pairs_of(durations_s, 6.0), rows)
    assert parts.counts.sum() == len(parts.pairs)
    assert (parts.pairs.durations_s <= 2 * rows + 1e-9).all() or parts.counts.max() == 1
    first = 0
    for duration_s, count in zip(durations_s, parts.counts, strict=True):
        own, starts = parts.own_s[first : first + count], parts.starts_s[first : first + count]
        ends = starts + parts.pairs.durations_s[first : first + count]
        assert starts[0] == 0 and ends[-1] == pytest.approx(duration_s)
        assert np.array_equal(own[1:, 0], own[:-1, 1])
        for at_s in np.linspace(0, duration_s, 50):
            (mine,) = np.flatnonzero((own[:, 0] <= at_s) & (at_s < own[:, 1]))
            assert starts[mine] <= at_s <= ends[mine] + 1e-6
            # There is a quarter of a part about it, or the end of the target.
            assert at_s - starts[mine] >= min(at_s, 2 * (rows // 4)) - 2
        first += count


def test_targets_that_fit_are_as_they_were() -> None:
    pairs = pairs_of([10.0, 150.0])
    parts = in_parts(pairs, 75)
    assert parts.pairs is pairs
    answers = [(np.array([[1.0, 2.0, 0.5]]), None), (np.array([[3.0, 4.0, 0.1]] * 2), 0.3)]
    assert list(merged(parts, answers, 1)) == answers


class Finder(ToyNetwork):
    """Finds, in any part, the rows that are 1 in their first number."""

    reach = 75


def test_a_moment_is_found_wherever_it_is(monkeypatch) -> None:
    import vid2vidmr.train.infer as infer

    contract = FeatureContract(
        encoder="made", weights_sha256="0", dim=2, sampling="t", preprocessing="none",
        decoder="none", dtype="float32",
    )  # fmt: skip
    read = []

    def predict(method, pairs):
        for i in range(len(pairs)):
            rows = pairs.target_features(i)
            read.append(len(rows))
            (hits,) = np.nonzero(rows[:, 0])
            groups = np.split(hits, np.flatnonzero(np.diff(hits) > 1) + 1)
            found = [[2 * g[0], 2 * g[-1] + 2, 0.9] for g in groups if len(g)]
            yield np.array(found).reshape(-1, 3), -1.0 + len(found)

    monkeypatch.setattr(infer, "predict", predict)
    moments = [(0, 4), (70, 80), (111, 117), (700, 705), (996, 1000)]
    rows = np.zeros((1000, 2), np.float32)
    for first, end in moments:
        rows[first:end, 0] = 1
    features = MemoryFeatures(contract, {"q": rows[:4], "v0": rows})
    pairs = PairSet(pairs_of([2000.0]).table, "test", features=features)
    network = Finder()
    network.most = 10
    (found,) = network.predict(pairs)
    assert sorted((s / 2, e / 2) for s, e, _ in found.windows) == moments
    assert found.exists > 0.5  # the surest part says so
    assert max(read) == 75 and sum(read) < 2.2 * 1000
