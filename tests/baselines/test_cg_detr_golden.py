"""CG-DETR against activations, losses and gradients of the published model."""

from __future__ import annotations

import pytest
import torch
from golden_cases import check_gradients_and_one_step, close, golden_cases
from golden_detr import Case

from baselines.cg_detr.losses import losses_against, saliency_loss
from baselines.cg_detr.model import Model
from baselines.cg_detr.published import read


@pytest.fixture(params=golden_cases("cg_detr_*.safetensors"), ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> Case:
    return Case.read(request.param, read, Model)


def sources(case: Case) -> list[str]:
    """The recordings that the targets were cut from."""
    return [video.rsplit("_", 2)[0] for video in case.json["case"]["vids"]]


def run(case: Case, relevant: bool = True) -> dict[str, torch.Tensor]:
    source = sources(case)
    negative = torch.tensor([a != b for a, b in zip(source, source[1:] + source[:1], strict=True)])
    moments = torch.zeros(case.targets.labels.shape, dtype=torch.bool)
    for b, clips in enumerate(case.json["relevant_clip_ids"]):
        moments[b, clips] = True
    return case.model.outputs(*case.inputs(), negative, moments if relevant else None)


@pytest.mark.parametrize("relevant", [False, True])
def test_golden_outputs_of_the_padded_batch(case: Case, relevant: bool) -> None:
    outputs = run(case, relevant)
    golden = case.group("output_with_targets/" if relevant else "output/")
    assert set(golden) == set(outputs)
    for name, value in golden.items():
        if name != "global_rep_tokens":  # recorded after the step, see there
            close(outputs[name].to(value.dtype), value)


def test_golden_outputs_of_each_pair_alone(case: Case) -> None:
    case.check_each_pair_alone()


def test_golden_matching(case: Case) -> None:
    case.check_matching(run(case))


def test_golden_losses(case: Case) -> None:
    case.check_losses(losses_against(run(case), case.targets, case.config))


def test_golden_losses_without_moments(case: Case) -> None:
    found = losses_against(run(case, relevant=False), case.targets, case.config)
    for name, value in case.json["eval_no_targets"].items():
        assert found[name].item() == pytest.approx(value, rel=1e-4, abs=1e-6), name


def test_golden_gradients_and_one_step(case: Case) -> None:
    check_gradients_and_one_step(
        case.model,
        lambda: losses_against(run(case), case.targets, case.config)["loss"],
        case.json,
        noise=1e-5,
    )
    close(case.model.global_rep_token, case.tensors["output/global_rep_tokens"])


def test_a_lone_pair_without_a_negative_has_no_rank_loss(case: Case) -> None:
    """As published: its softmax runs along an axis of one."""
    count = len(case.targets.labels)

    def loss(*lone: int) -> torch.Tensor:
        negative = torch.tensor([b not in lone for b in range(count)])
        outputs = case.model.outputs(*case.inputs(), negative, None)
        outputs["saliency_scores"].retain_grad()
        saliency_loss(outputs, case.targets, 0.0).backward()
        return outputs["saliency_scores"].grad

    # What is left at the lone pair is the margin loss, at its drawn clips.
    drawn = torch.zeros(case.targets.labels.shape, dtype=torch.bool)
    clips = case.targets.clips
    drawn.scatter_(1, clips.positive, True).scatter_(1, clips.negative, True)
    assert (loss(0)[0][~drawn[0]] == 0).all()
    assert (loss(0, 1)[0][~drawn[0]] != 0).any()
