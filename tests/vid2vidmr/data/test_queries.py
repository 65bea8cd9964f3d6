"""What the query is: a video, its middle frame, or its caption."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import CONTRACT, toy_pairs
from toy_network import ToyConfig, ToyNetwork

from baselines.cg_detr import CgDetr
from baselines.moment_detr import MomentDetr
from baselines.qd_detr import QdDetr
from baselines.univtg import UniVtg
from vid2vidmr.contract import TEXT, UNKNOWN, FeatureContract
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import WRONG_QUERIES
from vid2vidmr.errors import DataError, FeatureError, UnknownNameError, UserError
from vid2vidmr.experiments.predict import presets_of
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.train.augment import TrainingSamples
from vid2vidmr.train.batch import PairSamples

VIDEO = ToyConfig(epochs=2, batch_size=8, learning_rate=1e-2)
WORDS = CONTRACT.model_copy(update={"encoder": "toy" + TEXT, "decoder": "captions a"})
METHODS: dict[str, type[NeuralMethod]] = {
    cls.info.name: cls for cls in (ToyNetwork, UniVtg, MomentDetr, QdDetr, CgDetr)
}
WITH_VARIANTS = [name for name in METHODS if name != "toy"]


def tiny(name: str) -> Any:
    """A config of the preset ``paper`` of no size."""
    config = METHODS[name].presets.get("paper", VIDEO)
    sizes = {"d": 16, "heads": 2, "ff": 16, "encoder_layers": 1, "decoder_layers": 1}
    return replace(config, **{k: v for k, v in sizes.items() if hasattr(config, k)})


def captioned(
    pairs: PairSet, contract: FeatureContract = WORDS, leave_out: tuple[str, ...] = ()
) -> PairSet:
    """Pairs with captions of different lengths that tell the class."""
    labels = dict(zip(pairs.table["query_id"], pairs.table["label"], strict=True))
    tokens = {
        query: np.eye(contract.dim)[[int(label[-1]), *range(1, 2 + i % 3)]]
        for i, (query, label) in enumerate(labels.items())
        if query not in leave_out
    }
    return replace(pairs, captions=MemoryFeatures(contract, tokens))


def test_the_middle_frame_is_one_row() -> None:
    pairs = toy_pairs(2)
    middle = replace(pairs, query="middle-frame")
    np.testing.assert_array_equal(middle.query_features(1), pairs.query_features(1)[2:3])
    np.testing.assert_array_equal(middle.target_features(1), pairs.target_features(1))
    for count, row in ((1, 0), (2, 1), (3, 1), (4, 2)):
        rows = np.arange(count)[:, None]
        np.testing.assert_array_equal(middle.seen(rows), [[row]])
        np.testing.assert_array_equal(pairs.seen(rows), rows)


def test_a_caption_is_found_by_the_moment_and_goes_where_its_query_goes() -> None:
    pairs = replace(captioned(toy_pairs(8)), query="text")
    assert [len(pairs.query_features(i)) for i in range(4)] == [2, 3, 4, 2]
    assert pairs.captions is not None
    for other in (pairs.under(WRONG_QUERIES), pairs.under("recropped").take(np.array([5, 2]))):
        for i, query in enumerate(other.table["query_id"]):
            np.testing.assert_array_equal(other.query_features(i), pairs.captions.rows(query))
    with pytest.raises(FeatureError, match="no captions"):
        replace(pairs, captions=None).query_features(0)


def test_training_samples_have_the_query_that_the_config_names() -> None:
    pairs = captioned(toy_pairs(8))
    method = ToyNetwork(replace(VIDEO, query="middle-frame", self_supervised=1.0, recrop=0.5))
    samples = TrainingSamples(method.accepted(pairs), method.config, 0, 0)
    assert {samples[i].query.shape for i in range(8)} == {(1, CONTRACT.dim)}
    text = ToyNetwork(replace(VIDEO, query="text", recrop=1.0)).accepted(pairs)
    for samples in (PairSamples(text), TrainingSamples(text, VIDEO, 0, 0)):
        np.testing.assert_array_equal(samples[5].query, text.captions.rows("q5"))


def test_nonsense_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'text'"):
        replace(VIDEO, query="txet")
    with pytest.raises(UserError, match="set augmented to 0"):
        replace(VIDEO, query="middle-frame", augmented=0.5)
    for change in ({"components": 8}, {"self_supervised": 0.5}):
        with pytest.raises(UserError, match="self_supervised to 0 and components to None"):
            replace(VIDEO, query="text", **change)


@pytest.mark.parametrize("name", METHODS)
def test_every_query_is_trained_on_and_comes_back(name: str, tmp_path: Path) -> None:
    cls, base = METHODS[name], tiny(name)
    train, val = captioned(toy_pairs(16)), captioned(toy_pairs(8))
    found = []
    for query in ("video", "middle-frame", "text"):
        config = replace(base, query=query, epochs=1, batch_size=8, pairs_per_epoch=16)
        method = cls(config)
        method.fit(train, val, tmp_path / query)
        back = cls.load(tmp_path / query)
        assert back.config == config
        found.append(list(back.predict(val)))
        assert found[-1] == list(method.predict(val))
        assert back.caption_contract == (WORDS if query == "text" else None)
    assert found[0] != found[1] != found[2] != found[0]


def test_pairs_without_a_caption_are_an_error_and_not_left_out(tmp_path: Path) -> None:
    method = ToyNetwork(replace(VIDEO, query="text"))
    pairs = captioned(toy_pairs(8), leave_out=("q1", "q6"))
    for given, count in ((pairs, 2), (toy_pairs(8), 8)):
        with pytest.raises(FeatureError) as caught:
            method.fit(given, given, tmp_path)
        message = str(caught.value)
        assert f"{count} of the 8 train queries have no caption" in message
        assert "`vid2vidmr features --dataset DATASET --captions FILE`" in message
        assert "\n" not in message
    assert not (tmp_path / "method.json").exists()


def test_a_checkpoint_refuses_captions_of_another_encoder(tmp_path: Path) -> None:
    pairs = toy_pairs(8)
    method = ToyNetwork(replace(VIDEO, query="text", epochs=1))
    method.fit(captioned(pairs), captioned(pairs), tmp_path)
    back = ToyNetwork.load(tmp_path)
    other = WORDS.model_copy(update={"weights_sha256": "1" * 64})
    with pytest.raises(FeatureError, match=r"needs captions.*--captions FILE --encoder toy`"):
        list(back.predict(captioned(pairs, other)))
    # Captions of other moments are other files: the data set may be another one.
    again = captioned(pairs, WORDS.model_copy(update={"decoder": "captions b"}))
    assert list(back.predict(again)) == list(method.predict(captioned(pairs)))


def test_towers_of_different_width_are_refused(tmp_path: Path) -> None:
    pairs = captioned(toy_pairs(8), WORDS.model_copy(update={"dim": 12}))
    method = ToyNetwork(replace(VIDEO, query="text"))
    with pytest.raises(FeatureError, match="12 numbers and frames of toy 16"):
        method.fit(pairs, pairs, tmp_path)


@pytest.mark.parametrize("name", WITH_VARIANTS)
def test_variants_change_the_query_or_the_start_of_training(name: str) -> None:
    presets = METHODS[name].presets
    assert list(presets)[:2] == ["paper", "small"]
    assert presets["trained+V"] == presets["paper"]
    starts = {preset for preset, config in presets.items() if config.needs_init}
    assert starts == {"finetuned+V", "zero-shot+T", "finetuned+T"}
    assert {preset for preset, config in presets.items() if config.query == "text"} == {
        "zero-shot+T", "trained+T", "finetuned+T"
    }  # fmt: skip
    for preset, config in presets.items():
        same = replace(config, query="video", needs_init=False, existence=False)
        if preset == "zero-shot+T":
            assert same.epochs == 0
            same = replace(same, epochs=presets["paper"].epochs)
        assert same == presets["small" if "small" in preset or preset == "open" else "paper"]


@pytest.mark.parametrize("name", WITH_VARIANTS)
def test_a_config_is_known_by_its_presets(name: str) -> None:
    cls = METHODS[name]
    for preset, config in cls.presets.items():
        same = ["paper", "trained+V"] if preset in ("paper", "trained+V") else [preset]
        assert presets_of(cls(config)) == same
    other = cls(replace(cls.presets["finetuned+V"], d=16, components=8))
    assert presets_of(other) == ["finetuned+V"]
    assert presets_of(cls(tiny(name))) == []


def test_a_preset_that_needs_it_takes_its_sizes_from_the_checkpoint(tmp_path: Path) -> None:
    pairs = captioned(toy_pairs(8))
    first = UniVtg(replace(tiny("univtg"), epochs=1, pairs_per_epoch=8))
    first.fit(pairs, pairs, tmp_path / "first")
    zero = UniVtg(UniVtg.presets["zero-shot+T"])
    with pytest.raises(UserError, match=r"import-checkpoint univtg FILE --out FOLDER.*--init"):
        zero.fit(pairs, pairs, tmp_path / "zero")
    zero.fit(pairs, pairs, tmp_path / "zero", init=tmp_path / "first")
    assert zero.config == replace(UniVtg.presets["zero-shot+T"], d=16, heads=2, ff=16,
                                  encoder_layers=1)  # fmt: skip
    assert "val_mIoU" not in zero.provenance
    assert zero.model is not None and first.model is not None
    for a, b in zip(zero.model.parameters(), first.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach(), b.detach())
    assert UniVtg.load(tmp_path / "zero").caption_contract == WORDS
    # A published checkpoint tells little of its features, and nothing of captions.
    unknown = {"weights_sha256": UNKNOWN, "sampling": UNKNOWN, "preprocessing": UNKNOWN,
               "decoder": UNKNOWN, "dtype": UNKNOWN}  # fmt: skip
    first.prepare(CONTRACT.model_copy(update={**unknown, "simulated": False}), None)
    first.save(tmp_path / "published")
    real = CONTRACT.model_copy(update={"simulated": False})
    videos = {video: pairs.features.rows(video) for pair in pairs
              for video in (pair.query_video_id, pair.target_video_id)}  # fmt: skip
    pairs = replace(pairs, features=MemoryFeatures(real, videos))
    for preset, contract in (("zero-shot+T", WORDS), ("finetuned+V", None)):
        config = replace(UniVtg.presets[preset], epochs=0)
        UniVtg(config).fit(pairs, pairs, tmp_path / preset, init=tmp_path / "published")
        back = UniVtg.load(tmp_path / preset)
        assert (back.encoder_contract, back.caption_contract) == (real, contract)
    # Any other preset still refuses another architecture.
    with pytest.raises(DataError, match="d 16 instead of 1024"):
        UniVtg(UniVtg.presets["trained+T"]).fit(
            pairs, pairs, tmp_path / "x", init=tmp_path / "first"
        )


def test_files_are_no_captions() -> None:
    with pytest.raises(UserError, match="This toy asks by captions"):
        ToyNetwork(replace(VIDEO, query="text")).retrieve("no.mp4", "file.mp4")
