"""`vid2vidmr doctor`, and what a step does on a GPU, as far as a CPU can tell."""

import json
from collections.abc import Callable, Iterator

import pytest
import torch
from conftest import Ran
from torch import Tensor, nn

import baselines.cg_detr.losses
import baselines.cg_detr.model
import baselines.qd_detr.losses
from baselines.cg_detr import CgDetr
from baselines.qd_detr import QdDetr
from vid2vidmr.experiments import doctor
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.train.batch import Batch


def gradients(method: NeuralMethod, batch: Batch) -> list[Tensor]:
    """Loss and gradients of a step without dropout."""
    torch.manual_seed(0)
    model = method.build_model(batch.target.shape[2]).train()
    for module in model.modules():
        for rate in ("p", "rate", "dropout"):
            if isinstance(getattr(module, rate, None), float):
                setattr(module, rate, 0.0)
    loss = method.losses(model(batch), batch)["loss"]
    loss.backward()
    return [loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)]


def test_a_cpu_alone_is_checked(cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "trained_methods", lambda: ["moment_detr", "align_learned"])
    monkeypatch.setattr("vid2vidmr.devices.pick_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(doctor, "missing", lambda device: [])
    ran = cli("doctor")
    assert ran.code == 0
    assert "There is no GPU here: the CPU was checked. Nothing is wrong." in ran.out


def test_what_is_wrong_is_said(cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    def losses(self: object, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        raise RuntimeError("out of memory\nand a trace")

    def damaged(form: Callable[..., list[Tensor]]) -> list[Tensor]:
        return [1.5 * x for x in form(torch.device("cpu"))]

    monkeypatch.setattr(doctor, "trained_methods", lambda: ["moment_detr"])
    monkeypatch.setattr(doctor, "missing", lambda device: ["There is an NVIDIA device."])
    monkeypatch.setattr(doctor, "_plainly", damaged)
    monkeypatch.setattr("baselines.moment_detr.MomentDetr.losses", losses)
    monkeypatch.setattr("vid2vidmr.devices.pick_device", lambda: torch.device("cpu"))
    ran = cli("doctor", "--json")
    assert ran.code == 1
    said = json.loads(ran.out)
    assert said["problems"][0] == "There is an NVIDIA device."
    assert "soft-DTW: gradients differ by 5e-01." in said["problems"]
    assert said["problems"][-1] == "moment_detr: RuntimeError: out of memory."
    assert len(said["findings"]) == 5


@pytest.mark.parametrize("method", [CgDetr, QdDetr])
@pytest.mark.parametrize("groups", [[0, 1, 2, 1], [0, 0, 0, 0], [0, 0, 1, 2]])
def test_weighed_samples_are_like_chosen_ones(
    method: type[NeuralMethod], groups: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU all samples are computed, and those without a negative do not count."""
    batch = doctor.ragged_batch(4, 16, rows=12, columns=4)
    batch = Batch(**{**vars(batch), "group": torch.tensor(groups)})
    expected = gradients(method(method.presets["small"]), batch)
    for home in (baselines.cg_detr.losses, baselines.cg_detr.model, baselines.qd_detr.losses):
        monkeypatch.setattr(home, "counted", lambda rows: slice(None))
    found = gradients(method(method.presets["small"]), batch)
    for ours, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, reference, atol=1e-5, rtol=1e-4)


@pytest.fixture
def cuda() -> Iterator[torch.device]:
    """The device, on which what waits is an error."""
    yield torch.device("cuda")
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.parametrize("name", doctor.trained_methods())
def test_a_step_waits_for_nothing(name: str, cuda: torch.device) -> None:
    cls = doctor.method_class(name)
    assert issubclass(cls, NeuralMethod)
    method = cls(cls.presets["small"])
    model = method.build_model(64).train().to(cuda)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    batch = doctor.ragged_batch(8, 64).to(cuda)
    for mode in ("default", "default", "error"):
        torch.cuda.set_sync_debug_mode(mode)
        optimizer.zero_grad()
        method.losses(model(batch), batch)["loss"].backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


@pytest.mark.gpu
def test_the_device_agrees_with_the_cpu(cuda: torch.device) -> None:
    assert {found.what: found.problem for found in doctor.examine(cuda) if found.problem} == {}
