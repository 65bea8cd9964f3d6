"""Published checkpoints: what is read from a file, and what never is."""

import argparse
import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ENCODER
from toy import CONTRACT

from vid2vidmr.contract import UNKNOWN, differences, require_contract
from vid2vidmr.errors import DataError, FeatureError
from vid2vidmr.methods.published import read_published

OPTIONS = argparse.Namespace(lr=1e-4, device=torch.device("cpu"), bsz=32, exp_id=None)


class Touches:
    """Pickled as a call that leaves a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def test_weights_and_options_are_read(tmp_path):
    model = torch.nn.Linear(2, 3)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 400)
    torch.save(
        {
            "model": OrderedDict((f"module.{k}", v) for k, v in model.state_dict().items()),
            "optimizer": optimizer.state_dict(),
            "lr_scheduler": scheduler.state_dict(),
            "epoch": 3,
            "opt": OPTIONS,
        },
        tmp_path / "model_best.ckpt",
    )
    weights, options = read_published(tmp_path / "model_best.ckpt")
    assert set(weights) == {"weight", "bias"}
    torch.testing.assert_close(weights["weight"], model.weight.detach())
    assert options["bsz"] == 32


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_pickle_is_not_run(tmp_path, zipped):
    trace, path = tmp_path / "trace", tmp_path / "bad.ckpt"
    content = {"model": {"w": torch.ones(1)}, "opt": argparse.Namespace(x=Touches(trace))}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match=r"bad\.ckpt holds an object of the type .*mkdir") as caught:
        read_published(path)
    assert "\n" not in str(caught.value)
    assert not trace.exists()
    # The same file does run code where it is trusted: the test above would see it.
    torch.load(path, weights_only=False)
    assert trace.exists()


def test_a_bare_malicious_pickle_is_not_run(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "bad.ckpt"
    path.write_bytes(pickle.dumps(Touches(trace)))
    with pytest.raises(DataError, match=r"bad\.ckpt"):
        read_published(path)
    assert not trace.exists()


def test_other_files_are_refused_with_a_sentence(tmp_path):
    good = tmp_path / "good.ckpt"
    torch.save({"model": {"w": torch.ones(100)}, "opt": OPTIONS}, good)
    rng = np.random.default_rng(0)
    files = {
        "text.ckpt": b"no checkpoint",
        "empty.ckpt": b"",
        "half.ckpt": good.read_bytes()[:300],
        "pickle.ckpt": pickle.dumps({"model": {}}),
        **{f"noise{i}.ckpt": b"\x80\x02" + rng.bytes(60) for i in range(40)},
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name, value in {
        "list.ckpt": [1, 2],
        "state.ckpt": {"w": torch.ones(1)},
        "options.ckpt": {"model": {"w": torch.ones(1)}, "opt": {"lr": 1}},
        "numbers.ckpt": {"model": {"w": 1}, "opt": OPTIONS},
    }.items():
        torch.save(value, tmp_path / name)
        files[name] = b""
    for name in [*files, "missing.ckpt"]:
        with pytest.raises(DataError, match=name.replace(".", r"\.")) as caught:
            read_published(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_fields_that_a_checkpoint_does_not_tell_are_not_compared():
    expected = CONTRACT.model_copy(update={"weights_sha256": UNKNOWN, "decoder": UNKNOWN})
    assert differences(CONTRACT, expected) == ""
    assert "weights_sha256" in differences(expected, CONTRACT)
    with pytest.raises(FeatureError, match=rf"encoder 'toy' instead of '{ENCODER}'"):
        require_contract(CONTRACT, expected.model_copy(update={"encoder": ENCODER}), "It")
