"""Cards of all methods; that of one, as printed, is in test_cli.py."""

import pytest
from toy_network import ToyNetwork

from vid2vidmr.methods import card as module
from vid2vidmr.methods.card import method_card
from vid2vidmr.methods.load import method_class, method_names
from vid2vidmr.methods.neural import NeuralMethod


@pytest.mark.parametrize("name", method_names())
def test_every_method_has_a_card(name: str) -> None:
    cls, card = method_class(name), method_card(name)
    assert list(card.presets) == list(cls.presets)
    assert card.readme is not None
    for preset in card.presets.values():
        counted = (issubclass(cls, NeuralMethod) or cls.info.trained_on) and not preset.needs_init
        assert (preset.parameters is not None) == bool(counted)


def test_parameters_are_those_of_a_real_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "method_class", lambda _: ToyNetwork)
    card = method_card("toy", dim=16)
    assert card.presets["small"].parameters == 16 * 16 + 2 * 2 + 2
    assert card.presets["small"].fields == {}
    assert not card.imports_published
    assert card.readme is None


def test_models_that_have_no_meta_form_are_built(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reads(ToyNetwork):
        def build_model(self, dim):  # type: ignore[no-untyped-def]
            model = super().build_model(dim)
            model.map.weight.sum().item()
            return model

    monkeypatch.setattr(module, "method_class", lambda _: Reads)
    assert method_card("toy", dim=16).presets["small"].parameters == 16 * 16 + 2 * 2 + 2
