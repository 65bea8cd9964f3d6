"""Tables of pairs by position, and hard limits on the pairs of a class."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from vid2vidmr.data.choice import at_most, numbered_pairs
from vid2vidmr.data.dataset import load_dataset


def test_ids_number_the_rows() -> None:
    ids = np.array(["a", "b", "c"])
    table = numbered_pairs(np.array([0, 2]), np.array([1, 0]), ids, "val", digits=3)
    assert table.astype(str).values.tolist() == [["val-000", "a", "b"], ["val-001", "c", "a"]]
    many = numbered_pairs(np.zeros(123_456, int), np.ones(123_456, int), ids, "train")["pair_id"]
    assert many.tolist() == [f"train-{i:06d}" for i in range(123_456)]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=60),
    st.integers(1, 12),
    st.integers(0, 3),
)
def test_limits_hold_and_queries_are_even(
    pairs: list[tuple[int, int]], most: int, seed: int
) -> None:
    query, group = np.array(pairs, dtype=int).reshape(-1, 2).T
    kept = at_most(most, query, group, np.random.default_rng(seed))
    assert (np.diff(kept) > 0).all()
    table = pd.DataFrame({"query": query, "group": group})
    before, after = table["group"].value_counts(), table.iloc[kept]["group"].value_counts()
    assert after.to_dict() == before.clip(upper=most).to_dict()
    had = table.value_counts(["group", "query"])
    has = table.iloc[kept].value_counts(["group", "query"]).reindex(had.index, fill_value=0)
    for _, counts in has.groupby("group"):
        short = counts[counts < had[counts.index]]
        assert short.empty or counts.max() <= short.min() + 1


def test_a_draw_is_uniform() -> None:
    """Each of a query's six pairs is kept as often as the others (4 standard deviations)."""
    query, group = np.repeat([0, 1], 6), np.zeros(12, int)
    counts = np.zeros(12)
    for seed in range(2000):
        counts[at_most(4, query, group, np.random.default_rng(seed))] += 1
    expected, sd = 2000 / 3, np.sqrt(2000 * (1 / 3) * (2 / 3))
    assert (np.abs(counts - expected) < 4 * sd).all()


def test_joined_pairs_are_categories_and_iterate_like_rows(tiny) -> None:
    pairs = load_dataset(tiny).pairs("test")
    assert str(pairs.table["query_id"].dtype) == "category"
    assert list(pairs) == [pairs[i] for i in range(len(pairs))]
    assert isinstance(pairs[0].query_id, str)
    files = pd.read_parquet(tiny / "pairs" / "test.parquet")
    assert [p.query_id for p in pairs] == files["query_id"].tolist()
    assert files["query_id"].dtype == pairs.table["pair_id"].dtype  # text to other readers
