"""Where golden cases come from (the folder in VID2VIDMR_GOLDEN, by default the project's copy), and
how models are compared with them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

RELATIVE = 1e-4
"""Tolerance, of a tensor's largest absolute value."""


def golden_folder() -> Path:
    """Folder of the golden files."""
    return Path(os.environ.get("VID2VIDMR_GOLDEN", Path(__file__).parent / "golden"))


def golden_cases(pattern: str) -> list[Path]:
    """All files of the folder that match, sorted; a folder may hold only some."""
    return sorted(golden_folder().glob(pattern))


def part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose name begins with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def pair_alone(given: dict[str, torch.Tensor], b: int) -> tuple[torch.Tensor, ...]:
    """Target, its mask, query, its mask of pair `b` of a batch, unpadded, a batch of one."""
    m, n = int(given["src_vid_mask"][b].sum()), int(given["src_txt_mask"][b].sum())
    one = slice(b, b + 1)
    return (
        given["src_vid"][one, :m],
        given["src_vid_mask"][one, :m],
        given["src_txt"][one, :n],
        given["src_txt_mask"][one, :n],
    )


def close(ours: torch.Tensor, golden: torch.Tensor) -> None:
    """Assert that they agree within `RELATIVE`."""
    atol = RELATIVE * golden.abs().max().item()
    torch.testing.assert_close(ours.detach(), golden, rtol=0, atol=atol)


def check_gradients_and_one_step(
    model: torch.nn.Module,
    total: Callable[[], torch.Tensor],
    about: dict[str, Any],
    noise: float = 1e-6,
) -> None:
    """Assert that gradient norms, and the total after a clipped AdamW step, are those recorded.

    Norms below `noise` are rounding noise in the golden values too.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-4)
    total().backward()
    golden = about["grad_norm_by_param"]
    parameters = dict(model.named_parameters())
    assert set(parameters) == set(golden)
    for name, norm in golden.items():
        grad = parameters[name].grad
        if norm is None:
            assert grad is None, name
        else:
            assert grad.norm().item() == pytest.approx(norm, rel=RELATIVE, abs=noise), name
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    assert norm.item() == pytest.approx(about["grad_norm_total_before_clip_0p1"], rel=RELATIVE)
    optimizer.step()
    after = about["weighted_total_after_one_adamw_step_lr1e4_wd1e4_clip0p1"]
    assert total().item() == pytest.approx(after, rel=RELATIVE)
