"""The loop itself: processes, micro-batches, precision, moving average, logs, kills."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from toy import toy_pairs
from toy_network import ToyNetwork

from baselines.matr import Matr
from vid2vidmr.errors import UserError
from vid2vidmr.files import file_sha256
from vid2vidmr.train import loop as training

SMALL = ToyNetwork.presets["small"]
TESTS = Path(__file__).parents[2]
MATR = replace(
    Matr.presets["small"], d=16, heads=2, ff=16, encoder_layers=1, decoder_layers=1, epochs=2,
    batch_size=5, dropout=0.0, input_dropout=0.0, clip_norm=1e9,
)  # fmt: skip


def trained(folder: Path, config: Any = SMALL, method: Any = ToyNetwork, **options: Any) -> Any:
    learner = method(config)
    learner.fit(toy_pairs(21), toy_pairs(8), folder, **options)
    return learner


def close(a: Path, b: Path, tolerance: float) -> None:
    first, second = (load_file(folder / "model.safetensors") for folder in (a, b))
    assert first.keys() == second.keys()
    for name, value in first.items():
        other = second[name]
        if tolerance and name.endswith("in_proj_bias"):
            # Keys' biases change no output: their gradient is rounding noise, and AdamW makes
            # steps of any size of it.
            value, other = (
                np.delete(x, np.s_[len(x) // 3 : 2 * len(x) // 3]) for x in (value, other)
            )
        np.testing.assert_allclose(value, other, atol=tolerance, err_msg=name)


def curve(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / "logs")).Reload()
    return {n: [(e.step, e.value) for e in read.Scalars(n)] for n in read.Tags()["scalars"]}


def test_micro_batches_have_the_gradient_of_the_whole_batch(tmp_path: Path) -> None:
    for method, config in ((Matr, MATR), (ToyNetwork, replace(SMALL, dropout=0.0))):
        folders = [tmp_path / f"{method.info.name}-{size}" for size in (None, 2)]
        for folder, size in zip(folders, (None, 2), strict=True):
            trained(folder, replace(config, micro_batch=size), method)
        close(*folders, tolerance=1e-5)


LAUNCHED = """
import sys
from pathlib import Path
from test_engine import MATR, trained
from baselines.matr import Matr
trained(Path(sys.argv[1]), MATR, Matr, log=True)
"""


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """21 pairs in batches of 5: shares differ in size, and the last batch is for one process."""
    script = tmp_path / "launched.py"
    script.write_text(LAUNCHED)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(script), str(tmp_path / "two")],
        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{Path(__file__).parent}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trained(tmp_path / "one", MATR, Matr, log=True)
    close(tmp_path / "one", tmp_path / "two", tolerance=1e-5)
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert one.keys() == two.keys()
    for name, points in one.items():
        np.testing.assert_allclose(points, two[name], rtol=1e-3, atol=1e-6, err_msg=name)


def test_workers_change_nothing(tmp_path: Path) -> None:
    config = replace(SMALL, recrop=0.5, noise=0.1, components=4, buckets=True)
    for workers in (0, 2):
        trained(tmp_path / str(workers), config, workers=workers)
    close(tmp_path / "0", tmp_path / "2", tolerance=0)


def test_bf16_is_used_and_learns_about_the_same(tmp_path: Path) -> None:
    for precision in ("fp32", "bf16"):
        trained(tmp_path / precision, replace(SMALL, dropout=0.0, precision=precision))
    close(tmp_path / "fp32", tmp_path / "bf16", tolerance=0.02)
    first, second = (load_file(tmp_path / p / "model.safetensors") for p in ("fp32", "bf16"))
    assert second["model.map.weight"].dtype == np.float32
    assert (first["model.map.weight"] != second["model.map.weight"]).any()


def test_moving_average_is_that_of_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    step = torch.optim.AdamW.step

    def spied(self: Any, *args: Any, **options: Any) -> Any:
        result = step(self, *args, **options)
        seen.append([p.detach().clone() for g in self.param_groups for p in g["params"]])
        return result

    monkeypatch.setattr(torch.optim.AdamW, "step", spied)
    method = trained(tmp_path, replace(SMALL, ema=0.8, epochs=1))
    expected = seen[0]
    for weights in seen[1:]:
        expected = [0.8 * a + 0.2 * w for a, w in zip(expected, weights, strict=True)]
    for found, wanted in zip(method.model.parameters(), expected, strict=True):
        torch.testing.assert_close(found.detach(), wanted)


def test_checkpoint_is_the_best_by_val_and_patience_ends_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.1, 0.3, 0.2, 0.25, 0.9])
    monkeypatch.setattr(training.Loop, "validate", lambda self: next(scores))
    trained(tmp_path / "long", replace(SMALL, epochs=5, patience=2))
    assert next(scores) == 0.9  # two epochs without a better score: the fifth is not trained
    scores = iter([0.1, 0.3])
    trained(tmp_path / "short", replace(SMALL, epochs=2))
    close(tmp_path / "long", tmp_path / "short", tolerance=0)
    provenance = json.loads((tmp_path / "long" / "method.json").read_text())["provenance"]
    assert provenance["val_mIoU"] == pytest.approx(30)


def test_state_of_another_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(self: Any) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(training.Loop, "validate", stopped)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path)
    with pytest.raises(UserError, match="another config, seed or data"):
        trained(tmp_path, replace(SMALL, learning_rate=1e-3))


KILLS = """
import os, random, sys, time
from dataclasses import replace
from pathlib import Path

import torch
from test_engine import SMALL, trained
from vid2vidmr.train import loop as training

training.SAVE_EVERY_S = 0.0
CONFIG = replace(
    SMALL, epochs=6, batch_size=2, recrop=0.5, noise=0.1, buckets=True, micro_batch=1, ema=0.9,
    schedule="cosine", components=8,
)

def forked(folder, saves=None):
    # In a child of its own, killed about when it has written its state so many times.
    child = os.fork()
    if child == 0:
        trained(folder, CONFIG, log=True)
        os._exit(0)
    state, seen = folder / "training.pt", set()
    while saves is not None and len(seen) <= saves and os.waitpid(child, os.WNOHANG)[0] == 0:
        seen.add(state.stat().st_mtime_ns if state.exists() else 0)
        time.sleep(0.001)
    if saves is not None:
        time.sleep(rng.uniform(0, 0.01))
        os.kill(child, 9)
    return os.waitpid(child, 0)[1] == 0

rng = random.Random(0)
whole, killed = Path(sys.argv[1]), Path(sys.argv[2])
trained(whole, CONFIG, log=True)  # here: children need not import anything then
places = set()
for _ in range(5):
    forked(killed, rng.randint(1, 10))
    places.add(torch.load(killed / "training.pt", weights_only=True)["position"][:2])
print(len(places), sum(step > 0 for _, step in places))
assert forked(killed)
"""


def test_training_killed_at_random_ends_with_the_same_checkpoint(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = subprocess.run(
        [sys.executable, "-c", KILLS, str(whole), str(killed)],
        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{Path(__file__).parent}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    places, within_an_epoch = map(int, done.stdout.split())
    assert places == 5
    assert within_an_epoch >= 3
    for name in ("model.safetensors", "method.json"):
        assert file_sha256(whole / name) == file_sha256(killed / name)
    assert not (killed / "training.pt").exists()
    # The curve goes on where it was, without gaps and without points that are there twice.
    assert curve(killed) == curve(whole)
    assert [step for step, _ in curve(whole)["train/loss"]] == list(range(1, 67))
    assert {"train/part", "train/learning_rate", "train/gradient_norm", "val/mIoU_official",
            "val/mIoU_recropped"} < curve(whole).keys()  # fmt: skip


def test_the_step_schedule_warms_up_and_decays() -> None:
    config = replace(SMALL, epochs=10, schedule="step", warm_up_epochs=2, decay_epochs=4)
    factor = training._factor(config, steps=100)
    assert factor(0) == pytest.approx(1 / 20)
    assert factor(9) == pytest.approx(0.5)
    assert [round(factor(step), 6) for step in (19, 39, 40, 79, 80)] == [1, 1, 0.1, 0.1, 0.01]
