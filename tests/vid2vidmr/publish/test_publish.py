"""A data set on the Hub and back: what others see, what they can open, and what goes wrong."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from local_hub import LocalHub
from mini_dataset import INFO, mini_dataset

from vid2vidmr import load_dataset
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.fingerprint import fingerprint
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import FeatureError, HubError, UserError
from vid2vidmr.features.store import open_features
from vid2vidmr.publish.card import licence_of
from vid2vidmr.publish.hub import push_dataset, write_published

ENCODER, REPOSITORY = "efficientnet-lite0", "someone/moments"


@pytest.fixture(autouse=True)
def one_hub(monkeypatch: pytest.MonkeyPatch, hub: LocalHub, tmp_path: Path) -> None:
    """Send `datasets` to the local hub, with an empty cache; it speaks LFS, not xet."""
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.address)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)


@pytest.fixture
def dataset(tiny: Path) -> Dataset:
    return load_dataset(tiny)


def opened(where: Path | str, config: str) -> dict:
    import datasets

    return datasets.load_dataset(str(where), config)


def uploads(hub: LocalHub) -> list[str]:
    return [path for path in hub.requests if path.startswith("/objects/")]


def test_up_to_the_hub_and_down_again(dataset: Dataset, hub: LocalHub, tmp_path: Path) -> None:
    from huggingface_hub import snapshot_download

    published = write_published(dataset, tmp_path / "out", ENCODER, repository=REPOSITORY)
    url = push_dataset(tmp_path / "out", published, REPOSITORY)
    assert url.endswith("datasets/someone/moments")
    names = {path.partition("/main/")[2] for path in hub.files}
    assert names == set(published)
    assert not any(name.endswith(".mp4") for name in names)

    folder = Path(snapshot_download(REPOSITORY, repo_type="dataset"))
    back = load_dataset(folder)
    assert back.fingerprint == dataset.fingerprint
    pairs = {split: back.pair_ids(split) for split in back.splits}
    assert fingerprint(back.info, back.moments, pairs) == dataset.fingerprint
    assert back.video_path(back.videos["video_id"][0]) is None
    ours, theirs = open_features(dataset, ENCODER), open_features(back, ENCODER)
    a, b = (x.pairs("test", f) for x, f in ((dataset, ours), (back, theirs)))
    assert list(a) == list(b)
    np.testing.assert_array_equal(a.target_features(0), b.target_features(0))

    found = opened(REPOSITORY, "pairs")  # from the hub itself
    assert {s: len(rows) for s, rows in found.items()} == dataset.counts["pairs"]
    assert found["test"]["pair_id"][:] == dataset.pairs("test").table["pair_id"].tolist()
    moments = opened(folder, "moments")["moments"]
    assert moments.features["start_s"].dtype == "float64"
    assert moments.features["label"].dtype == "string"
    assert moments.to_pandas()["end_s"].tolist() == dataset.moments["end_s"].tolist()
    videos = opened(folder, "videos")["videos"]
    assert set(videos["path"]) == {None} and set(videos["status"]) == {"missing"}
    assert videos["sha256"][:] == dataset.videos["sha256"].tolist()


def test_the_card(dataset: Dataset, tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    write_published(dataset, tmp_path, repository=REPOSITORY)
    card = DatasetCard.load(tmp_path / "README.md")
    data = card.data.to_dict()
    assert data["license"] == "mit" and "license_name" not in data
    assert {"video-moment-retrieval", "synthetic"} <= set(data["tags"])
    assert data["size_categories"] == ["n<1K"]
    assert [c["config_name"] for c in data["configs"]] == [
        "pairs",
        "moments",
        "videos",
        "targets",
    ]
    for text in (
        dataset.fingerprint,
        "**Synthetic**",
        "**Not here**: the videos, and features of them",
        "It does not cover the videos",
        f'load_dataset("{REPOSITORY}", "pairs")',
        "| test | ",
    ):
        assert text in card.text


def test_a_licence_that_nobody_knows_and_simulated_features_are_said(tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    from vid2vidmr.features.extract import extract_features

    mini = mini_dataset(tmp_path / "mini", {"a": None, "b": None})
    info = INFO.model_copy(update={"licence": "your own", "synthetic": False})
    tables = mini.moments, {"test": mini.pair_ids("test")}, mini.videos
    own = write_dataset(tmp_path / "own", info, *tables)
    extract_features(own, "simulated")
    write_published(own, tmp_path / "out", "simulated")
    card = DatasetCard.load(tmp_path / "out" / "README.md")
    assert (card.data.license, card.data.license_name) == ("other", "your-own")
    assert "No licence that lets others pass the annotations on is" in card.text
    assert "**Simulated features**" in card.text and "simulated-features" in card.data.tags
    assert "synthetic" not in card.data.tags
    write_published(own, tmp_path / "out", licence="CC BY 4.0")
    card = DatasetCard.load(tmp_path / "out" / "README.md")
    assert card.data.license == "cc-by-4.0" and "No licence" not in card.text
    assert load_dataset(tmp_path / "out").info.licence == "CC BY 4.0"
    assert "Built with `vid2vidmr`" in card.text  # no command builds it by its name


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("MIT", "mit"), ("MIT (annotations)", "mit"), ("Mittens", "other"), ("none", "other"),
        ("CC BY 4.0 (list); the videos are YouTube's", "cc-by-4.0"), ("CC BY 4.01", "other"),
        ("that of the moments; the videos are YouTube's", "other"),
    ],
)  # fmt: skip
def test_licences(text: str, number: str) -> None:
    assert licence_of(text)[0] == number


def test_copyright_notices_go_with_the_annotations(tmp_path: Path) -> None:
    from builders.sportsmoments import SportsMoments

    built = SportsMoments().build(tmp_path / "built")
    published = write_published(built, tmp_path / "out", repository=REPOSITORY)
    assert "NOTICE" in published
    assert "Permission is hereby granted" in (tmp_path / "out" / "NOTICE").read_text()


def test_croissant_is_valid_and_reads_the_tables(
    dataset: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import mlcroissant

    write_published(dataset, tmp_path, ENCODER, repository=REPOSITORY)
    with caplog.at_level(logging.WARNING):
        found = mlcroissant.Dataset(jsonld=tmp_path / "croissant.json")
    assert not found.metadata.ctx.issues.errors and not found.metadata.ctx.issues.warnings
    described = json.loads((tmp_path / "croissant.json").read_text())
    for field in ("name", "description", "license", "url", "creator", "datePublished", "citeAs"):
        assert described[field], field
    assert described["url"] == f"https://huggingface.co/datasets/{REPOSITORY}"
    rows = pd.DataFrame(list(found.records("pairs_test")))
    read = {name.partition("/")[2]: rows[name].str.decode("utf-8") for name in rows}
    ids = dataset.pair_ids("test")
    for column in ("pair_id", "query_id", "target_id"):
        assert read[column].tolist() == ids[column].tolist()
    first = next(iter(found.records("moments")))
    assert first["moments/end_s"] == pytest.approx(dataset.moments["end_s"][0])
    files = {file["@id"] for file in described["distribution"]}
    assert f"features/{ENCODER}/features.bin" in files


def test_the_same_data_set_gives_the_same_bytes(dataset: Dataset, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    files = write_published(dataset, first, ENCODER, repository=REPOSITORY)
    assert write_published(dataset, second, ENCODER, repository=REPOSITORY) == files
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in files)
    write_published(dataset, first, ENCODER, repository=REPOSITORY)  # again, over it
    there = {str(path.relative_to(first)) for path in first.rglob("*") if path.is_file()}
    assert there == set(files)


def test_an_upload_that_was_cut_off_continues(
    dataset: Dataset, hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    published = write_published(dataset, tmp_path / "out", repository=REPOSITORY)
    hub.uploads_left = 2
    with pytest.raises(HubError, match="run the same command again, it continues"):
        push_dataset(tmp_path / "out", published, REPOSITORY)
    assert len(hub.objects) == 2 and not hub.files  # no half of a commit
    arrived = set(hub.objects)
    hub.uploads_left = -1
    hub.requests.clear()
    published = write_published(dataset, tmp_path / "out", repository=REPOSITORY)
    push_dataset(tmp_path / "out", published, REPOSITORY)
    assert not arrived & {path.removeprefix("/objects/") for path in uploads(hub)}
    assert {path.partition("/main/")[2] for path in hub.files} == set(published)
    hub.requests.clear()
    published = write_published(dataset, tmp_path / "out", repository=REPOSITORY)
    push_dataset(tmp_path / "out", published, REPOSITORY)
    assert uploads(hub) == []


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "run `hf auth login`"), (403, "your token may not write there: use one of someone")],
)
def test_refusals_are_one_clear_line(
    dataset: Dataset, hub: LocalHub, cli, tmp_path: Path, status: int, said: str
) -> None:
    hub.refusal = status
    ran = cli("push", "minimatch", "--to", REPOSITORY, "--out", tmp_path / "out")
    assert ran.code == 2
    assert said in ran.err and REPOSITORY in ran.err
    assert ran.err.strip().count("\n") == 0


def test_no_hub_and_bad_names(dataset: Dataset, hub: LocalHub, cli, tmp_path: Path) -> None:
    published = write_published(dataset, tmp_path / "out")
    with pytest.raises(UserError, match="expected USER/NAME"):
        push_dataset(tmp_path / "out", published, "nobody")
    hub.stop()
    with pytest.raises(HubError, match="cannot be pushed to someone/moments") as caught:
        push_dataset(tmp_path / "out", published, REPOSITORY)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="is the data set itself"):
        write_published(dataset, dataset.path)
    with pytest.raises(FeatureError, match="has no clip-vit-b32 features"):
        write_published(dataset, tmp_path / "out", "clip-vit-b32")
    assert cli("push", "minimatch").code == 2


def test_a_folder_only(dataset: Dataset, hub: LocalHub, cli, tmp_path: Path) -> None:
    ran = cli("push", "minimatch", "--out", tmp_path / "out", "--json")
    assert ran.code == 0 and not hub.requests
    said = json.loads(ran.out)
    assert said["url"] is None and said["fingerprint"] == dataset.fingerprint
    assert all((tmp_path / "out" / name).exists() for name in said["files"])
    assert load_dataset(tmp_path / "out").fingerprint == dataset.fingerprint
    assert "nothing was sent" in " ".join(cli("push", "minimatch", "--out", "x").out.split())
