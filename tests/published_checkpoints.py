"""Files as the published training code leaves them, made from golden weights."""

import argparse
from pathlib import Path
from typing import Any

import torch


def published_file(
    path: Path, weights: dict[str, torch.Tensor], options: dict[str, Any], prefix: str = ""
) -> Path:
    """Write a checkpoint {model, optimizer, lr_scheduler, epoch, opt}."""
    parameters = [torch.nn.Parameter(value.clone()) for value in weights.values()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    content = {
        "model": {prefix + name: value for name, value in weights.items()},
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 400).state_dict(),
        "epoch": 7,
        "opt": argparse.Namespace(**options, exp_id="exp", nms_thd=-1),
    }
    torch.save(content, path)
    return path
