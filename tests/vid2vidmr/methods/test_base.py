"""What every method has: refusals, provenance, and the modules beside a class."""

import json
from pathlib import Path

import pytest
from toy import toy_pairs

from baselines.dtw_match import DtwMatch
from baselines.moment_detr import MomentDetr
from baselines.trivial import FittedPrior, WholeVideo
from vid2vidmr.errors import UserError
from vid2vidmr.evaluation.environment import environment
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.neural import NeuralMethod


@pytest.mark.parametrize("cls", [WholeVideo, DtwMatch, FittedPrior])
def test_a_method_without_weights_starts_from_no_checkpoint(
    cls: type[Method], tmp_path: Path
) -> None:
    pairs = toy_pairs(4)
    with pytest.raises(UserError, match=f"^{cls.info.name} has no weights") as refused:
        cls().fit(pairs, pairs, tmp_path, init=tmp_path / "checkpoint")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "method.json").exists()


def test_a_checkpoint_keeps_what_it_was_made_with(tmp_path: Path) -> None:
    pairs = toy_pairs(4)
    method = DtwMatch()
    method.fit(pairs, pairs, tmp_path / "fitted")
    assert method.provenance == environment().model_dump()
    path = tmp_path / "fitted" / "method.json"
    written = json.loads(path.read_text())
    assert written["provenance"] == method.provenance
    for provenance in ({"commit": "elsewhere", "hardware": "another machine"}, {}):
        path.write_text(json.dumps(written | {"provenance": provenance}))
        DtwMatch.load(tmp_path / "fitted").save(tmp_path / "again")
        again = json.loads((tmp_path / "again" / "method.json").read_text())["provenance"]
        assert again == {"commit": None, **provenance}


def test_a_class_of_one_file_inherits_the_parts_of_a_folder() -> None:
    class Ours(MomentDetr):
        def windows(self, outputs, batch):  # type: ignore[no-untyped-def]
            return super().windows(outputs, batch)[:1]

    assert type(Ours().build_model(8)) is type(MomentDetr().build_model(8))
    assert Ours.published() is MomentDetr.published()


def test_a_network_without_a_model_says_what_to_do() -> None:
    class Bare(NeuralMethod):
        presets = MomentDetr.presets

        def windows(self, outputs, batch):  # type: ignore[no-untyped-def]
            return []

    assert Bare.published() is None
    with pytest.raises(NotImplementedError, match="override what gives it"):
        Bare().build_model(8)
