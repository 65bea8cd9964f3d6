"""The QVHighlights export, read back."""

import json

import pytest
from toy import toy_pairs

from vid2vidmr.publish.qvhighlights import export_qvhighlights, relevant_clips


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_pair_is_a_line(tmp_path):
    pairs = toy_pairs(12)
    export_qvhighlights(pairs, tmp_path / "out" / "train.jsonl")
    rows = read(tmp_path / "out" / "train.jsonl")
    assert [row["qid"] for row in rows] == pairs.table["pair_id"].tolist()
    for row, pair in zip(rows, pairs, strict=True):
        assert list(row) == [
            "qid", "query", "duration", "vid",
            "relevant_windows", "relevant_clip_ids", "saliency_scores",
        ]  # fmt: skip
        assert row["query"] == ""
        assert row["vid"] == pair.target_id
        assert row["duration"] == pair.duration_s
        assert row["relevant_windows"] == [list(window) for window in pair.windows]
        # The toy's windows lie on the grid: five clips each.
        first = pair.windows[0][0] / 2
        assert row["relevant_clip_ids"] == [first + k for k in range(5)]
        assert row["saliency_scores"] == [[4, 4, 4]] * 5


def test_pairs_that_share_a_query_keep_distinct_ids(tmp_path):
    pairs = toy_pairs(4)
    pairs.table["query_id"] = "q0"
    export_qvhighlights(pairs, tmp_path / "train.jsonl")
    assert len({row["qid"] for row in read(tmp_path / "train.jsonl")}) == 4


def test_windows_move_with_the_cut(tmp_path):
    pairs = toy_pairs(20).under("recropped", 1)
    export_qvhighlights(pairs, tmp_path / "train.jsonl")
    rows = read(tmp_path / "train.jsonl")
    assert any(row["duration"] < 40 for row in rows)
    for row in rows:
        (start_s, end_s), clips = row["relevant_windows"][0], row["relevant_clip_ids"]
        assert end_s <= row["duration"]
        assert (clips[0], clips[-1] + 1) == (start_s / 2, end_s / 2)


@pytest.mark.parametrize(
    ("windows", "clips"),
    [
        (((60.3, 73.3),), [30, 31, 32, 33, 34, 35]),  # the example of SportsMoments' DATA.md
        (((4.0, 8.0),), [2, 3]),
        (((4.5, 5.0),), [2]),
        (((3.9, 4.1),), [1]),
        (((4.0, 8.0), (7.0, 12.0)), [2, 3, 4, 5]),
        (((10.0, 12.0), (0.0, 2.0)), [0, 5]),
    ],
)
def test_relevant_clips(windows, clips):
    assert relevant_clips(windows) == clips
