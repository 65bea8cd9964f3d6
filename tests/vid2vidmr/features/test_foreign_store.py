"""Feature stores of strangers: an index that lies is refused in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_store import CONTRACT, ramp, store_of

from vid2vidmr.errors import FeatureError
from vid2vidmr.features.store import FeatureStore

LINE = st.fixed_dictionaries(
    {"video_id": st.sampled_from(["a", "b", 3, None]), "rows": st.integers(-3, 6) | st.floats()},
    optional={"start_s": st.none() | st.floats(-1, 3) | st.just("x")},
)


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (['{"video_id": "a", "rows": -1}'], "index.jsonl holds"),
        (['{"video_id": "a", "rows": 9}', '{"video_id": "b", "rows": -4}'], "index.jsonl holds"),
        (['{"video_id": "a", "rows": 0}'], "index.jsonl holds"),
        (['{"video_id": "a", "rows": true}'], "index.jsonl holds"),
        (['{"video_id": "a", "rows": 1.5}'], "index.jsonl holds"),
        (['{"video_id": ["a"], "rows": 1}'], "index.jsonl holds"),
        (['{"video_id": "a", "start_s": NaN, "rows": 1}'], "index.jsonl holds"),
        (["[1]"], "index.jsonl holds"),
        (["[" * 100_000], "index.jsonl holds"),
        (['{"video_id": "a", "rows": 2}'] * 2, "has video 'a' twice"),
        (['{"video_id": "a", "start_s": 1, "rows": 1}'] * 2, "has the query at 1 s of 'a' twice"),
        (['{"video_id": "a", "rows": 6}'], "features.bin has 30 bytes and the index needs 36"),
        ([json.dumps({"video_id": "a", "rows": 10**18})], "features.bin has 30 bytes"),
    ],
)
def test_rows_are_there_and_no_others(tmp_path: Path, lines: list[str], match: str) -> None:
    path = store_of(tmp_path / "s", a=ramp(5)).path
    (path / "index.jsonl").write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(FeatureError, match=match) as found:
        FeatureStore(path)
    assert str(found.value).isprintable()


@pytest.mark.parametrize(
    "changes",
    [{"dtype": "O"}, {"dtype": "unknown"}, {"dim": 0}, {"dim": -3}, {"dim": 10**12}, {"dim": "x"}],
)
def test_a_contract_says_what_numbers_there_are(tmp_path: Path, changes: dict[str, object]) -> None:
    path = store_of(tmp_path / "s", a=ramp(5)).path
    (path / "contract.json").write_text(json.dumps({**CONTRACT.model_dump(), **changes}))
    with pytest.raises(FeatureError, match=r"contract\.json (was written|does not say)"):
        FeatureStore(path)
    (path / "contract.json").write_text("[]")
    with pytest.raises(FeatureError, match=r"contract\.json was written by another version"):
        FeatureStore(path)


@settings(max_examples=200)
@given(st.lists(LINE, max_size=4))
def test_any_index_gives_the_rows_of_one_video_after_another_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, object]]
) -> None:
    path = store_of(tmp_path_factory.mktemp("any") / "s", a=ramp(9)).path
    (path / "index.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    try:
        store = FeatureStore(path)
    except FeatureError as error:
        assert str(error).isprintable()
        return
    rows = [store.stored(key)[:, 0] for key in store.keys]
    read = np.concatenate([*rows, np.zeros(0)])
    assert all(map(len, rows))
    assert read.tolist() == list(range(len(read)))
