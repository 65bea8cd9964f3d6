"""A data set of the Hub by its repository: tables come first, features when they are opened."""

import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from local_hub import LocalHub

import vid2vidmr as v
from vid2vidmr.errors import DataError, FeatureError, HubError
from vid2vidmr.publish.hub import push_dataset, write_published

ENCODER, NAME = "efficientnet-lite0", "someone/moments"


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch, hub: LocalHub, tiny: Path, tmp_path: Path) -> LocalHub:
    """A hub to which the tiny data set was pushed with its features; caches are empty."""
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    files = write_published(v.load_dataset(tiny), tmp_path / "out", ENCODER)
    push_dataset(tmp_path / "out", files, NAME)
    hub.requests.clear()
    return hub


def test_tables_come_first_and_features_when_they_are_opened(pushed: LocalHub, tiny: Path) -> None:
    ours, theirs = v.load_dataset(tiny), v.load_dataset(NAME)
    assert (theirs.fingerprint, theirs.splits) == (ours.fingerprint, ours.splits)
    pd.testing.assert_frame_equal(theirs.moments, ours.moments)
    for split in ours.splits:
        pd.testing.assert_frame_equal(theirs.pair_ids(split), ours.pair_ids(split))
    assert not any("features.bin" in path for path in pushed.requests)

    a, b = (each.pairs("test", v.open_features(each)) for each in (ours, theirs))
    pd.testing.assert_frame_equal(a.table, b.table)
    np.testing.assert_array_equal(a.target_features(0), b.target_features(0))
    pushed.requests.clear()
    v.open_features(theirs)
    assert pushed.requests == []
    with pytest.raises(FeatureError, match="has no clip-vit-b32 features"):
        v.open_features(theirs, "clip-vit-b32")
    assert pickle.loads(pickle.dumps(theirs)) == theirs


def test_what_was_fetched_is_opened_without_a_network(pushed: LocalHub) -> None:
    v.load_dataset(NAME)
    pushed.stop()
    assert len(v.load_dataset(NAME).pairs("test")) == 4
    with pytest.raises(HubError, match="no folder someone/else, and as a repository it cannot be"):
        v.load_dataset("someone/else")


def test_the_card_says_in_which_files_a_table_lies(pushed: LocalHub, tmp_path: Path) -> None:
    start = f"/datasets/{NAME}/resolve/main/"
    whole = pd.read_parquet(tmp_path / "out" / "pairs" / "test.parquet")
    del pushed.files[f"{start}pairs/test.parquet"]
    for i, rows in enumerate((whole[:1], whole[1:])):
        rows.to_parquet(tmp_path / "part.parquet")
        data = (tmp_path / "part.parquet").read_bytes()
        pushed.files[f"{start}pairs/test-0000{i}-of-00002.parquet"] = data
    card = pushed.files[f"{start}README.md"].decode()
    pushed.files[f"{start}README.md"] = re.sub(
        r"pairs/test\.parquet", "pairs/test-*.parquet", card
    ).encode()
    assert v.load_dataset(NAME).pair_ids("test")["pair_id"].tolist() == whole["pair_id"].tolist()


def test_what_is_no_data_set_is_said_in_one_line(pushed: LocalHub) -> None:
    with pytest.raises(HubError, match="no folder someone/else, and no such repository"):
        v.load_dataset("someone/else")
    pushed.files["/datasets/someone/pictures/resolve/main/README.md"] = b"pictures"
    with pytest.raises(DataError, match=r"someone/pictures is no data set of `vid2vidmr push`"):
        v.load_dataset("someone/pictures")
    pushed.files[f"/datasets/{NAME}/resolve/main/README.md"] = b"no configurations"
    with pytest.raises(DataError, match=r"someone/moments has no table moments\.parquet") as error:
        _ = v.load_dataset(NAME).moments
    assert "\n" not in str(error.value)
