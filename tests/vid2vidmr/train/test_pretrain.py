"""Pretraining on features; on frames in test_frame_clips.py."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from coded_video import constant_rate, write_video
from conftest import Ran
from mini_dataset import INFO
from toy import CONTRACT, toy_pairs

import vid2vidmr as v
from baselines.align_learned import AlignLearned
from baselines.matr import Matr
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.evaluation import evaluate
from vid2vidmr.experiments.run import Setting
from vid2vidmr.features.store import FeatureStore, MemoryFeatures
from vid2vidmr.features.writer import FeatureWriter
from vid2vidmr.files import file_sha256
from vid2vidmr.train import pretrain as pretraining
from vid2vidmr.train.pretrain import fixed_clips, pretrain, split_videos, target_table
from vid2vidmr.train.unlabelled import Videos, open_videos

SMALL = replace(
    Matr.presets["small"],
    d=32, ff=32, epochs=2, batch_size=16, encoder_layers=1, decoder_layers=1, components=8,
    pairs_per_epoch=32,
)  # fmt: skip


@pytest.fixture(autouse=True)
def few_val_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretraining, "VAL_PAIRS", 16)


def rows(video: int, count: int = 30) -> np.ndarray:
    return np.random.default_rng(video).standard_normal((count, CONTRACT.dim)).astype(np.float32)


def memory_videos(count: int) -> Videos:
    features = MemoryFeatures(CONTRACT, {f"v{i}": rows(i) for i in range(count)})
    return Videos(features, {f"v{i}": 60.0 for i in range(count)})


def features_ids(count: int) -> list[str]:
    return [f"v{i}" for i in range(count)]


def store_of(folder: Path, ids: list[str]) -> FeatureStore:
    with FeatureWriter(folder, CONTRACT.model_copy(update={"dtype": "float16"})) as writer:
        for i, video in enumerate(ids):
            writer.append(video, rows(i))
    return FeatureStore(folder)


def weights(folder: Path) -> str:
    return file_sha256(folder / "model.safetensors")


def test_zero_shot_learned_to_find_slowed_clips_of_videos_it_never_saw(tmp_path: Path) -> None:
    slow = replace(
        AlignLearned.presets["small"],
        d=32, ff=32, batch_size=16, encoder_layers=1, components=8, pairs_per_epoch=128,
        augmentations=("slow",), augment_speed=(2.0, 3.0),
    )  # fmt: skip
    features = MemoryFeatures(CONTRACT, {f"new{i}": rows(1000 + i) for i in range(40)})
    videos = Videos(features, {f"new{i}": 60.0 for i in range(40)})
    targets = PairSet(target_table(videos, list(videos.durations_s)), "val", features=features)
    unseen = fixed_clips(targets, replace(slow, self_supervised=1.0, augmented=1.0), 5)
    scores = {}
    for name, rate in (("untrained", 0.0), ("learned", 3e-3)):
        config = replace(slow, epochs=6 if rate else 1, learning_rate=rate)
        pretrain(AlignLearned(config), memory_videos(20), tmp_path / name, augmented=1.0)
        predictions = list(v.load_method("align_learned", tmp_path / name).predict(unseen))
        scores[name] = evaluate(predictions, unseen).metrics["mIoU"].value
    assert scores["untrained"] < 98.5 < 99.5 < scores["learned"]


def test_again_does_nothing_and_another_pretraining_is_refused(tmp_path: Path) -> None:
    videos = memory_videos(8)
    pretrain(Matr(SMALL, seed=1), videos, tmp_path / "a")
    stamp = (tmp_path / "a" / "model.safetensors").stat().st_mtime_ns
    pretrain(Matr(SMALL, seed=1), videos, tmp_path / "a")
    assert (tmp_path / "a" / "model.safetensors").stat().st_mtime_ns == stamp
    pretrain(Matr(SMALL, seed=1), videos, tmp_path / "b")
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    with pytest.raises(UserError, match=r"its seed differ.*choose another folder"):
        pretrain(Matr(SMALL, seed=2), videos, tmp_path / "a")
    with pytest.raises(UserError, match="its videos differ"):
        pretrain(Matr(SMALL, seed=1), memory_videos(9), tmp_path / "a")


def test_training_starts_from_the_weights_and_the_projection(tmp_path: Path) -> None:
    pretrain(Matr(SMALL), memory_videos(8), tmp_path / "pretrained")
    start = Matr.load(tmp_path / "pretrained")
    frozen = replace(SMALL, epochs=1, learning_rate=0.0, weight_decay=0.0)
    train, val = toy_pairs(16), toy_pairs(4)
    Matr(frozen).fit(train, val, tmp_path / "same", init=tmp_path / "pretrained")
    same = Matr.load(tmp_path / "same")
    assert same.init_sha256 == weights(tmp_path / "pretrained")
    assert start.model is not None and same.model is not None
    for key, value in start.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), same.model.state_dict()[key].numpy(), key)
    assert start.projection is not None and same.projection is not None
    np.testing.assert_array_equal(start.projection[1], same.projection[1])
    Matr(SMALL).fit(train, val, tmp_path / "from", init=tmp_path / "pretrained")
    Matr(SMALL).fit(train, val, tmp_path / "nothing")
    assert weights(tmp_path / "from") != weights(tmp_path / "nothing")


@pytest.mark.parametrize("change", [{"d": 64}, {"heads": 2}, {"components": 4}])
def test_another_architecture_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    pretrain(Matr(replace(SMALL, epochs=1)), memory_videos(4), tmp_path / "pretrained")
    ((name, value),) = change.items()
    with pytest.raises(DataError, match=rf"{name} .* instead of {value}") as refused:
        Matr(replace(SMALL, **change)).fit(
            toy_pairs(8), toy_pairs(4), tmp_path / "out", init=tmp_path / "pretrained"
        )
    assert "\n" not in str(refused.value)


def test_what_is_no_wiring_may_differ(tmp_path: Path) -> None:
    pretrain(Matr(replace(SMALL, epochs=1)), memory_videos(4), tmp_path / "pretrained")
    other = replace(SMALL, epochs=0, dropout=0.3, input_dropout=0.2, weight_pre=2.0, nms=0.5)
    method = Matr(other)
    method.fit(toy_pairs(8), toy_pairs(4), tmp_path / "out", init=tmp_path / "pretrained")
    start = Matr.load(tmp_path / "pretrained")
    assert method.model is not None and start.model is not None
    for key, value in start.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), method.model.state_dict()[key].numpy(), key)
    shares = {each.p for each in method.model.modules() if isinstance(each, torch.nn.Dropout)}
    assert shares <= {0.3, 0.2, 0.0} and 0.2 in shares  # its own, not those of the checkpoint


def test_clips_of_ten_seconds_are_long_enough(tmp_path: Path) -> None:
    features = MemoryFeatures(CONTRACT, {f"v{i}": rows(i, 5) for i in range(6)})
    videos = Videos(features, dict.fromkeys(features_ids(6), 10.0))
    pretrain(Matr(replace(SMALL, epochs=1)), videos, tmp_path)
    assert (tmp_path / "method.json").exists()
    with pytest.raises(DataError, match=r"0 videos of at least 8 s \(twice the shortest clip\)"):
        split_videos(Videos(features, dict.fromkeys(features_ids(6), 7.0)), 8.0, seed=0)


def test_held_out_videos_are_never_learned_from() -> None:
    chosen, held_out = split_videos(memory_videos(40), 12.0, seed=0)
    assert sorted(chosen + held_out) == sorted(memory_videos(40).durations_s)
    assert len(held_out) == 4
    assert split_videos(memory_videos(40), 12.0, seed=0) == (chosen, held_out)
    assert split_videos(memory_videos(40), 12.0, seed=1)[1] != held_out
    with pytest.raises(DataError, match="found 1 videos"):
        split_videos(memory_videos(1), 12.0, seed=0)
    with pytest.raises(DataError, match="found 0 videos of at least 100 s"):
        split_videos(memory_videos(5), 100.0, seed=0)


def test_long_videos_are_cut_into_targets_without_gaps() -> None:
    durations = {"short": 59.0, "long": 5403.5, "just": 300.0}
    table = target_table(Videos(MemoryFeatures(CONTRACT, {}), durations), list(durations))
    assert table["pair_id"].is_unique
    for video, duration in durations.items():
        parts = table[table["target_video"] == video]
        assert parts["clip_start_s"].iloc[0] == 0
        assert parts["clip_end_s"].iloc[-1] == duration
        assert parts["clip_start_s"].tolist()[1:] == parts["clip_end_s"].tolist()[:-1]
        lengths = parts["clip_end_s"] - parts["clip_start_s"]
        assert lengths.max() <= 300
        assert lengths.min() > 50
        assert (parts["clip_start_s"] % 2 == 0).all()


def test_fixed_clips_are_what_they_say() -> None:
    videos = memory_videos(30)
    targets = PairSet(
        target_table(videos, list(videos.durations_s)), "val", features=videos.features
    )
    config = replace(SMALL, self_supervised=1.0)
    clips = fixed_clips(targets, config, seed=0)
    for i in range(len(clips)):
        first, end = (round(clips.table[name][i] / 2) for name in ("start_s", "end_s"))
        np.testing.assert_array_equal(clips.query_features(i), clips.target_features(i)[first:end])
    pd.testing.assert_frame_equal(clips.table, fixed_clips(targets, config, seed=0).table)
    assert (fixed_clips(targets, config, seed=1).table["start_s"] != clips.table["start_s"]).any()


def split_dataset(folder: Path) -> Dataset:
    """Videos v0-v7 of train, v8, v9 of val, va, vb of test; v7 and vb are of one recording."""
    splits = {f"v{i:x}": "train" if i < 8 else "val" if i < 10 else "test" for i in range(12)}
    moments = pd.DataFrame(
        {
            "moment_id": [f"m-{video}" for video in splits],
            "video_id": list(splits),
            "label": list(splits.values()),
            "split": list(splits.values()),
            "clip_start_s": 0.0, "clip_end_s": 60.0, "start_s": 4.0, "end_s": 10.0,
        }
    )  # fmt: skip
    videos = pd.DataFrame(
        {
            "video_id": list(splits), "source_id": [v.replace("v7", "vb") for v in splits],
            "path": None, "duration_s": 60.0, "sha256": None, "status": "missing",
        }
    )  # fmt: skip
    pairs = {
        split: pd.DataFrame(
            {"pair_id": [split], "query_id": [f"m-{query}"], "target_id": [f"m-{target}"]}
        )
        for split, query, target in (
            ("train", "v0", "v1"),
            ("val", "v8", "v9"),
            ("test", "va", "vb"),
        )
    }
    return write_dataset(folder, INFO, moments, pairs, videos)


def test_recordings_of_other_splits_are_left_out(tmp_path: Path) -> None:
    dataset = split_dataset(tmp_path / "data")
    store = store_of(tmp_path / "store", [f"v{i:x}" for i in range(12)])
    assert set(Videos.of_dataset(dataset, store).durations_s) == {f"v{i}" for i in range(7)}
    assert set(Videos.of_dataset(dataset, store, "val").durations_s) == {"v8", "v9"}
    with pytest.raises(UserError, match="test split are for scores"):
        Videos.of_dataset(dataset, store, "test")
    with pytest.raises(DataError, match="no video with features"):
        Videos.of_dataset(dataset, store_of(tmp_path / "other", ["va", "v7"]))


def test_a_store_is_opened_and_options_that_do_not_apply_are_refused(tmp_path: Path) -> None:
    store_of(tmp_path / "store", ["a", "b"])
    where = str(tmp_path / "store")
    assert open_videos(where, tmp_path, None, None).durations_s == {"a": 60.0, "b": 60.0}
    assert open_videos(where, tmp_path, "toy", None).files == {}
    with pytest.raises(UserError, match="features of toy, not of other"):
        open_videos(where, tmp_path, "other", None)
    with pytest.raises(UserError, match="has no splits"):
        open_videos(where, tmp_path, None, "val")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no files"):
        open_videos(str(tmp_path / "empty"), tmp_path, None, None)


def test_run_key_names_the_weights_that_training_starts_from(tmp_path: Path) -> None:
    dataset = split_dataset(tmp_path / "data")
    for seed in (0, 1):
        pretrain(Matr(replace(SMALL, epochs=1), seed), memory_videos(4), tmp_path / str(seed))

    def setting(init: Path | None) -> Setting:
        return Setting(dataset, Matr, SMALL, None, init)

    keys = {setting(init).key for init in (None, tmp_path / "0", tmp_path / "1")}
    assert len(keys) == 3
    with pytest.raises(DataError, match="no checkpoint to start from"):
        setting(tmp_path / "nothing")
    with pytest.raises(UserError, match="leave --init away"):
        Setting.of(dataset, "whole-video", None, None, tmp_path / "0")


Cli = Callable[..., Ran]


def test_commands_pretrain_train_and_predict(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Matr.presets, "small", replace(SMALL, epochs=1))  # type: ignore[index]
    data = split_dataset(tmp_path / "data").path
    store = store_of(data / "features" / "toy", [f"v{i:x}" for i in range(12)]).path
    first = tmp_path / "pretrained"
    ran = cli("pretrain", "matr", "--videos", data, "--encoder", "toy", "--out", first)
    assert ran.code == 0, ran.err
    assert "pretrained on 7 videos" in ran.out.replace("\n", " ")
    of_data = ("--dataset", data, "--encoder", "toy")
    ran = cli("train", "matr", *of_data, "--init", first, "--out", tmp_path / "trained")
    assert ran.code == 0, ran.err
    assert Matr.load(tmp_path / "trained").init_sha256 == weights(first)
    for folder in (first, tmp_path / "trained"):
        out = tmp_path / "predictions.jsonl"
        ran = cli("predict", "matr", *of_data, "--checkpoint", folder, "--out", out)
        assert ran.code == 0, ran.err
        assert [json.loads(line)["pair_id"] for line in out.read_text().splitlines()[1:]] == [
            "test"
        ]
    ran = cli(
        "pretrain", "matr", "--videos", store, "--augmentations", "", "--noise", 0.5,
        "--out", tmp_path / "plain",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    config = json.loads((tmp_path / "plain" / "method.json").read_text())["config"]
    assert (config["augmented"], config["noise"]) == (0, 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["matr", "--augmentations", "x"], "Unknown augmentation 'x'"),
        (["dtw-match"], "dtw-match is no network"),
        (["align_refine"], "align_refine comes trained"),
        (["matr", "--videos", "nowhere"], "Unknown data set 'nowhere'"),
    ],
)
def test_wrong_arguments_are_one_line(
    cli: Cli, tmp_path: Path, arguments: list[str], message: str
) -> None:
    store = store_of(tmp_path / "store", ["a", "b"]).path
    method, *options = arguments
    ran = cli("pretrain", method, "--videos", store, "--out", tmp_path / "out", *options)
    assert ran.code == 2
    assert message in " ".join(ran.err.split())


def test_a_folder_of_files_is_encoded_with_ids_by_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_extract import number_encoder

    monkeypatch.setattr("vid2vidmr.features.load.load_encoder", lambda name: number_encoder())
    for name in ("a.mp4", "deep/er/a.mkv"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(tmp_path / "in" / name, constant_rate(8, 20), rate=8)
    (tmp_path / "in" / "broken.mp4").write_bytes(b"nothing")
    (tmp_path / "in" / "notes.txt").write_text("not a video")
    videos = open_videos(str(tmp_path / "in"), tmp_path / "features", "number", None)
    assert videos.durations_s == {"a.mp4": 20.0, "deep/er/a.mkv": 20.0}
    assert videos.files["deep/er/a.mkv"] == tmp_path / "in" / "deep" / "er" / "a.mkv"
    assert "broken.mp4" in json.loads((tmp_path / "features" / "failed.json").read_text())
    assert videos.features.rows("a.mp4")[:, 0].tolist() == [16 * k for k in range(10)]
