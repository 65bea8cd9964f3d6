"""Moment-DETR against activations, losses and gradients of the published model."""

from __future__ import annotations

import pytest
import torch
from golden_cases import check_gradients_and_one_step, golden_cases
from golden_detr import Case

from baselines.moment_detr.losses import losses_against
from baselines.moment_detr.model import Model
from baselines.moment_detr.published import read


@pytest.fixture(params=golden_cases("moment_detr_*.safetensors"), ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> Case:
    return Case.read(request.param, read, Model)


def run(case: Case) -> dict[str, torch.Tensor]:
    return case.model.outputs(*case.inputs())


def losses_of(case: Case) -> dict[str, torch.Tensor]:
    return losses_against(run(case), case.targets, case.config)


def test_golden_outputs_of_the_padded_batch(case: Case) -> None:
    case.check_outputs(run(case))


def test_golden_outputs_of_each_pair_alone(case: Case) -> None:
    case.check_each_pair_alone()


def test_golden_matching(case: Case) -> None:
    case.check_matching(run(case))


def test_golden_losses(case: Case) -> None:
    case.check_losses(losses_of(case))


def test_golden_gradients_and_one_step(case: Case) -> None:
    check_gradients_and_one_step(case.model, lambda: losses_of(case)["loss"], case.json)
