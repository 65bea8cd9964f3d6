"""SportsMoments: the released annotations, their facts, and the folder that is built from them."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from builders.facts import check_facts
from builders.sportsmoments import SportsMoments
from builders.sportsmoments.matches import repair_match_ids, split_clip_ids
from builders.sportsmoments.repack import repack
from builders.sportsmoments.tables import read_released
from builders.sportsmoments.verify import facts
from vid2vidmr.data.builder import build_dataset, dataset_builder
from vid2vidmr.errors import DataError, UserError


@pytest.fixture(scope="module")
def released():
    return read_released()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return SportsMoments().build(tmp_path_factory.mktemp("sportsmoments"))


def test_it_is_registered():
    assert isinstance(dataset_builder("sportsmoments"), SportsMoments)


def test_facts_of_the_release(released):
    """Counts of the task's description, written out here once more."""
    found = {fact.name: fact.found for fact in facts(released)}
    assert found["val: pairs"] == found["test: pairs"] == 10_000
    assert (found["val: distinct pairs"], found["test: distinct pairs"]) == (9_978, 9_958)
    assert (found["val: queries"], found["val: targets"]) == (945, 946)
    assert (found["test: queries"], found["test: targets"]) == (1_274, 1_278)
    assert found["test: queries that never are a target"] == 7
    assert (found["val: source matches"], found["test: source matches"]) == (50, 51)
    assert (found["val: pairs from one match"], found["test: pairs from one match"]) == (520, 481)
    assert found["val: classes"] == {1, 2, 7, 25}
    assert found["test: classes"] == {5, 9, 11, 16, 18, 20, 21, 23, 28}
    assert found["val: windows a target, at most"] == found["test: windows a target, at most"] == 1
    moments = [found[f"{split}: shortest and longest moment, s"] for split in ("val", "test")]
    assert (min(low for low, _ in moments), max(high for _, high in moments)) == (2.0, 61.0)
    targets = [found[f"{split}: shortest and longest target, s"] for split in ("val", "test")]
    assert (min(low for low, _ in targets), max(high for _, high in targets)) == (40.3, 187.4)
    assert found["classes of soccer, of cricket"] == (13, 16)
    assert found["classes left to train"] == 16
    assert found["matches listed"] == 80
    assert all(fact.holds for fact in facts(released))


def test_every_fact_is_checked_at_build_time(released, monkeypatch, tmp_path):
    damaged = {**released.rows, "test": released.rows["test"].iloc[:-1]}
    monkeypatch.setattr(
        "builders.sportsmoments.tables.read_released", lambda: replace(released, rows=damaged)
    )
    with pytest.raises(DataError, match=r"test: pairs should be 10,000, found 9,999"):
        SportsMoments().build(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_changed_window_is_noticed(released):
    rows = released.rows["val"].copy()
    rows.loc[5, "reference_segment_end"] = rows.loc[5, "reference_duration"] + 1
    changed = facts(replace(released, rows={**released.rows, "val": rows}))
    assert {"val: windows outside their target", "val: windows a target, at most"} <= {
        fact.name for fact in changed if not fact.holds
    }
    with pytest.raises(DataError):
        check_facts("title", changed)


def test_pairs_are_the_rows_and_repeated_rows_stay_apart(built, released):
    for split in ("val", "test"):
        table = built.pairs(split).table
        assert table["pair_id"].is_unique
        assert table["pair_id"].iloc[[0, -1]].tolist() == [f"{split}-00000", f"{split}-09999"]
        rows = released.rows[split]
        assert table["query_id"].tolist() == rows["query_id"].tolist()
        assert table["target_id"].tolist() == rows["reference_id"].tolist()
        assert table["start_s"].tolist() == rows["reference_segment_start"].tolist()
        assert table["end_s"].tolist() == rows["reference_segment_end"].tolist()
        assert built.pairs(split).durations_s.tolist() == rows["reference_duration"].tolist()


def test_first_test_pair_is_the_example_of_the_release(built):
    """``sportsmoments/DATA.md`` of vl2g/MATR prints this pair."""
    pair = built.pairs("test")[0]
    assert (pair.query_id, pair.target_id) == ("iGGElV40TcU__5_1816", "MbdWVX2jUhA__5_889")
    assert pair.target_window == (0.0, 133.7)
    assert pair.windows == ((60.3, 73.3),)
    assert pair.label == "run out"


def test_queries_that_never_are_a_target_have_no_segment(built):
    table = built.pairs("test").table
    unknown = table[table["query_start_s"].isna()]
    assert unknown["query_id"].nunique() == 7
    assert not set(unknown["query_id"]) & set(table["target_id"])
    pair = built.pairs("test")[int(unknown.index[0])]
    assert pair.query_window is None
    assert built.pairs("val").table["query_start_s"].notna().all()


def test_classes_of_the_splits_are_disjoint(built):
    labels = built.moments.groupby("split")["label"].unique()
    assert set(labels["val"]) == {"lbw", "four", "goal kick", "free kick"}
    assert not set(labels["val"]) & set(labels["test"])


def test_videos_are_missing_and_sources_are_youtube_ids(built):
    assert set(built.videos["status"]) == {"missing"}
    assert built.videos["source_id"].str.fullmatch(r"[A-Za-z0-9_-]{11}").all()
    assert built.video_path(built.videos["video_id"].iloc[0]) is None
    assert built.splits == ["val", "test"]


def test_fingerprint_is_that_of_the_release(built):
    """Changes only with the released annotations or with how they are read."""
    assert built.fingerprint == "78c4b2cd376bee64"


def test_a_build_says_what_is_missing(capsys, tmp_path):
    SportsMoments().build(tmp_path)
    printed = " ".join(capsys.readouterr().out.split())
    assert "train.csv" in printed
    assert "2,231 of 2,231" in printed
    assert "qEgOfHT MnI" in printed


@pytest.mark.parametrize("option", ["videos", "seed"])
def test_options_that_do_not_apply(option, tmp_path):
    with pytest.raises(UserError, match=f"--{option}.* does not apply to sportsmoments"):
        build_dataset("sportsmoments", tmp_path, {option: 0})


@pytest.mark.parametrize(
    ("clip_id", "source_id", "class_id"),
    [
        ("iGGElV40TcU__5_1816", "iGGElV40TcU", 5),
        ("a_b__c_d_e___25_3", "a_b__c_d_e_", 25),
        ("__________-__1_0", "__________-", 1),
    ],
)
def test_clip_ids_are_split_from_the_right(clip_id, source_id, class_id):
    parts = split_clip_ids(pd.Series([clip_id]))
    assert parts.iloc[0].tolist() == [source_id, class_id]


def test_damaged_match_ids():
    seen = {"mo3H_qusvxI", "ab-defghijk", "ab_defghijk", "xxxxxxxxxxx"}
    matches = repair_match_ids(["xxxxxxxxxxx", "mo3H qusvxI", "ab defghijk", "zz zzzzzzzz"], seen)
    assert matches.ids == ("xxxxxxxxxxx", "mo3H_qusvxI")
    assert matches.repaired == {"mo3H qusvxI": "mo3H_qusvxI"}
    # One has two readings, the other none.
    assert matches.unresolved == ("ab defghijk", "zz zzzzzzzz")


def test_repack_keeps_the_values(tmp_path):
    header = (
        "query_id,reference_id,reference_segment_start,reference_segment_end,"
        "action_class,reference_duration\n"
    )
    row = "abcdefghijk__1_2.mp4,lmnopqrstuv__1_3.mp4,10.0,12.5,1,60.300000000000004\n"
    for split in ("val", "test"):
        (tmp_path / f"{split}.csv").write_text(header + row + row)
    (tmp_path / "id_class_mapping.json").write_text(json.dumps({"1": "lbw"}))
    (tmp_path / "vids.txt").write_text("abcdefghijk, \nlmno qrstuv,\nlast-match_.")
    repack(tmp_path, tmp_path / "out")
    val = pd.read_parquet(tmp_path / "out" / "val.parquet")
    assert len(val) == 2
    assert val.iloc[1].tolist() == [
        "abcdefghijk__1_2.mp4", "lmnopqrstuv__1_3.mp4", 10.0, 12.5, 1, 60.300000000000004,
    ]  # fmt: skip
    classes = pd.read_parquet(tmp_path / "out" / "classes.parquet")
    assert classes.to_dict("list") == {"class_id": [1], "label": ["lbw"]}
    matches = pd.read_parquet(tmp_path / "out" / "matches.parquet")
    assert matches["listed"].tolist() == ["abcdefghijk", "lmno qrstuv", "last-match_"]
