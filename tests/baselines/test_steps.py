"""Features of another step: nothing but the unit of time changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import CONTRACT, toy_pairs

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import FeatureError
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.load import method_class, method_names, preset_config
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.train.batch import PairSamples, collate

PACE = 4
"""A power of two: times are scaled without rounding."""
QUICK = CONTRACT.model_copy(update={"step_s": 2.0 / PACE})
LOOKING = [n for n in method_names() if method_class(n).info.needs_features]
NEURAL = [name for name in LOOKING if issubclass(method_class(name), NeuralMethod)]


def quick(pairs: PairSet) -> PairSet:
    """The same rows, `PACE` times as many a second."""
    seconds = [name for name in pairs.table if name.endswith("_s")]
    table = pairs.table.assign(**{name: pairs.table[name] / PACE for name in seconds})
    assert isinstance(pairs.features, MemoryFeatures)
    return replace(pairs, table=table, features=MemoryFeatures(QUICK, pairs.features._videos))


def made(name: str, contract):
    config = preset_config(name, "small" if name in NEURAL else "default")
    if name in NEURAL:
        config = replace(config, components=None)
    method = method_class(name)(config)
    if name in NEURAL:
        # A model of as many rows, in both: what is limited in seconds is of the same network.
        rows = {field: getattr(config, field) for field in config.of_two_s}
        if contract is QUICK:
            rows = {k: n and n // PACE for k, n in rows.items()}
        method.config = replace(config, **rows)
        torch.manual_seed(0)
        method.prepare(contract, None)
    return method


@pytest.mark.parametrize("name", LOOKING)
def test_windows_of_a_quick_world_are_those_of_the_slow_one(name):
    pairs = toy_pairs(6)
    slow = list(made(name, CONTRACT).predict(pairs))
    fast = list(made(name, QUICK).predict(quick(pairs)))
    for one, other in zip(slow, fast, strict=True):
        expected, found = np.array(one.windows), np.array(other.windows)
        assert len(expected)
        np.testing.assert_allclose(PACE * found[:, :2], expected[:, :2], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found[:, 2], expected[:, 2], rtol=1e-6)


@pytest.mark.parametrize("name", NEURAL)
def test_losses_of_a_quick_world_are_those_of_the_slow_one(name):
    def losses(contract, pairs):
        method = made(name, contract)
        samples = PairSamples(pairs)
        batch = collate([samples[i] for i in range(6)])
        torch.manual_seed(1)
        method.model.train()
        return method.losses(method.model(batch), batch)

    pairs = toy_pairs(6)
    slow, fast = losses(CONTRACT, pairs), losses(QUICK, quick(pairs))
    assert slow.keys() == fast.keys()
    for key, value in slow.items():
        torch.testing.assert_close(fast[key], value)


@pytest.mark.parametrize("name", LOOKING)
def test_models_refuse_features_of_another_step(name, tmp_path):
    method = made(name, CONTRACT)
    if name not in NEURAL:
        method.fit(toy_pairs(6), toy_pairs(6), tmp_path)
    with pytest.raises(FeatureError, match=r"needs a feature every 2 s and these are 0\.5 s apart"):
        next(iter(method.predict(quick(toy_pairs(6)))))


def test_sizes_in_rows_are_as_many_seconds_at_any_step():
    config = preset_config("moment_detr", "small")
    half = config.at_step(0.5)
    assert (half.max_target, half.max_query) == (4 * config.max_target, 4 * config.max_query)
    assert config.at_step(2.0) is config
