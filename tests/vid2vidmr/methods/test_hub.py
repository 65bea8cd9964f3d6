from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Ran
from huggingface_hub import ModelCard
from local_hub import LocalHub
from toy import toy_pairs

import vid2vidmr as v
from baselines.matr import Matr
from vid2vidmr.errors import DataError, HubError
from vid2vidmr.methods.base import Method

SMALL = replace(
    Matr.presets["small"], d=16, heads=2, ff=16, encoder_layers=1, decoder_layers=1, epochs=1
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Matr:
    method = Matr(SMALL, seed=3)
    method.provenance = {"dataset": "toys", "dataset_fingerprint": "f00d", "synthetic": True}
    method.fit(toy_pairs(8), toy_pairs(4), tmp_path_factory.mktemp("trained"))
    return method


def test_up_to_a_hub_and_down_again(hub: LocalHub, trained: Matr, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "events").write_text("of no use to others")
    trained.save_pretrained(tmp_path, push_to="someone/matr-toys")
    names = {path.rpartition("/main/")[2] for path in hub.files}
    assert names == {"method.json", "model.safetensors", "README.md"}
    expected = list(trained.predict(toy_pairs(4)))
    for loaded in (
        v.load_method("matr", "someone/matr-toys"),
        Matr.from_pretrained("someone/matr-toys", revision="main"),
        Method.from_pretrained("someone/matr-toys"),
        Method.from_pretrained(tmp_path),
    ):
        assert isinstance(loaded, Matr)
        assert loaded.seed == 3
        assert loaded.provenance == trained.provenance
        assert list(loaded.predict(toy_pairs(4))) == expected
    hub.stop()  # what was fetched once needs no network
    assert list(Method.from_pretrained("someone/matr-toys").predict(toy_pairs(4))) == expected


def test_card_says_where_the_weights_are_from(trained: Matr, tmp_path: Path) -> None:
    trained.save_pretrained(tmp_path)
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.library_name == "vid2vidmr"
    assert {"matr", "synthetic"} < set(card.data.tags)
    [result] = card.data.eval_results
    assert (result.dataset_name, result.dataset_revision) == ("toys", "f00d")
    assert result.metric_value == pytest.approx(trained.provenance["val_mIoU"], abs=0.01)
    assert str(tmp_path) in card.text


def test_cli_takes_a_repository(
    hub: LocalHub, trained: Matr, cli: Callable[..., Ran], tmp_path: Path
) -> None:
    trained.save_pretrained(tmp_path / "saved", push_to="someone/matr-toys")
    files = (tmp_path / "query.mp4", tmp_path / "target.mp4")
    ran = cli("retrieve", *files, "--method", "matr", "--checkpoint", "someone/matr-toys")
    assert ran.code == 2  # only after the checkpoint was fetched and read
    assert "query.mp4 does not exist" in ran.err
    assert any(path.endswith("model.safetensors") for path in hub.requests)


def test_what_is_not_there(hub: LocalHub, tmp_path: Path) -> None:
    with pytest.raises(HubError, match="no folder someone/else, and no such repository"):
        v.load_method("matr", "someone/else")
    hub.files["/someone/empty/resolve/main/README.md"] = b"nothing else"
    with pytest.raises(DataError, match=r"method\.json does not exist"):
        v.load_method("matr", "someone/empty")
    with pytest.raises(DataError, match="does not exist"):
        v.load_method("matr", tmp_path / "nothing")
    hub.stop()
    with pytest.raises(HubError, match=r"cannot be fetched: .*has none\. Check the path") as caught:
        v.load_method("matr", "someone/else")
    assert "\n" not in str(caught.value)


def test_push_that_fails_says_so(hub: LocalHub, trained: Matr, tmp_path: Path) -> None:
    hub.stop()
    with pytest.raises(HubError, match="cannot be pushed to someone/matr"):
        trained.save_pretrained(tmp_path, push_to="someone/matr")
