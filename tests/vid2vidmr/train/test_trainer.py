from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy import CONTRACT, toy_pairs

import vid2vidmr as v
from baselines.matr import Matr
from vid2vidmr.errors import DataError, FeatureError, UserError
from vid2vidmr.evaluation import evaluate
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.files import file_sha256
from vid2vidmr.train.augment import TrainingSamples
from vid2vidmr.train.batch import PairSamples, collate

SMALL = replace(
    Matr.presets["small"], d=32, ff=32, epochs=3, batch_size=8, encoder_layers=1, decoder_layers=1
)


def weights(folder: Path) -> str:
    return file_sha256(folder / "model.safetensors")


def test_training_learns_and_checkpoint_gives_the_same_predictions(tmp_path: Path) -> None:
    train, val = toy_pairs(64, seed=0), toy_pairs(16, seed=0)
    method = Matr(replace(SMALL, epochs=30), seed=1)
    method.fit(train, val, tmp_path)
    predictions = list(method.predict(val))
    assert evaluate(predictions, val).metrics["mIoU"].value > 60
    again = v.load_method("matr", tmp_path)
    assert list(again.predict(val)) == predictions
    assert not (tmp_path / "training.pt").exists()


def test_same_seed_same_weights_other_seed_others(tmp_path: Path) -> None:
    train, val = toy_pairs(16), toy_pairs(8)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        Matr(SMALL, seed=seed).fit(train, val, tmp_path / name)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


def test_augmented_samples_keep_the_moment() -> None:
    pairs = toy_pairs(20)
    config = replace(SMALL, recrop=1.0, self_supervised=0.0)
    plain, cut = PairSamples(pairs), TrainingSamples(pairs, config, seed=0, epoch=0)
    for i in range(len(pairs)):
        a, b = plain[i], cut[i]
        rows = [slice(round(s / 2), round(e / 2)) for s, e in (a.windows_s[0], b.windows_s[0])]
        np.testing.assert_array_equal(a.target[rows[0]], b.target[rows[1]])
        assert b.duration_s <= a.duration_s
        assert len(b.target) == np.ceil(b.duration_s / 2)


def test_self_supervised_query_is_its_ground_truth() -> None:
    pairs = toy_pairs(20)
    config = replace(SMALL, recrop=0.5, self_supervised=1.0)
    samples = TrainingSamples(pairs, config, seed=0, epoch=0)
    for i in range(len(pairs)):
        sample = samples[i]
        start, end = (round(x / 2) for x in sample.windows_s[0])
        np.testing.assert_array_equal(sample.target[start:end], sample.query)
        assert sample.group < 0
    again = TrainingSamples(pairs, config, seed=0, epoch=0)[3]
    np.testing.assert_array_equal(again.query, samples[3].query)
    later = TrainingSamples(pairs, config, seed=0, epoch=1)[3]
    assert not np.array_equal(later.windows_s, samples[3].windows_s)


def test_batch_masks_padding() -> None:
    samples = [PairSamples(toy_pairs(3, rows=rows))[0] for rows in (20, 12)]
    batch = collate(samples)
    assert batch.target.shape == (2, 20, 16)
    assert batch.target_mask.sum(1).tolist() == [20, 12]
    assert batch.target[1, 12:].abs().sum() == 0


def test_model_refuses_features_of_another_encoder(tmp_path: Path) -> None:
    train, val = toy_pairs(16), toy_pairs(8)
    method = Matr(SMALL)
    method.fit(train, val, tmp_path)
    other = MemoryFeatures(
        CONTRACT.model_copy(update={"encoder": "other"}), {"t0": np.ones((3, 16))}
    )
    with pytest.raises(FeatureError, match=r"toy.*|other"):
        list(method.predict(replace(val, features=other)))


def test_errors_of_untrained_and_foreign_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be trained"):
        v.load_method("matr")
    with pytest.raises(UserError, match="has no weights"):
        list(Matr(SMALL).predict(toy_pairs(2)))
    Matr(replace(SMALL, epochs=1)).fit(toy_pairs(8), toy_pairs(4), tmp_path)
    with pytest.raises(DataError, match="holds a checkpoint of matr"):
        v.load_method("moment_detr", tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        v.load_method("matr", tmp_path / "nothing")


def test_loss_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not finite"):
        Matr(replace(SMALL, learning_rate=1e30, schedule="constant")).fit(
            toy_pairs(16), toy_pairs(4), tmp_path
        )
