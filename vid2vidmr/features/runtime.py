"""Networks of encoders in onnxruntime: a convolutional one takes half the time (extra `onnx`).

Not for CLIP: there it takes 92 % of torch's time, and a copy of the weights; ``+fast`` takes 33 %.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from vid2vidmr.files import replacing

CLOSE = 1e-4
"""Most by which features may differ, relative to their length: then they have the same contract."""


def on_cpu(module: nn.Module, example: Tensor, sha256: str) -> Callable[[Tensor], Tensor]:
    """Give the network as onnxruntime runs it, or as it is.

    It is exported once, into the user's cache, and compared with `module` whenever it is loaded:
    where features are not `CLOSE`, where the extra is not installed or the device is another, the
    module itself is given.

    Parameters
    ----------
    module : Module
        (n, ...) to (n, dim), in evaluation mode.
    example : Tensor, (n, ...)
        Some frames as the network takes them, n > 1.
    sha256 : str
        Hash of the weights.
    """
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing or example.device.type != "cpu":
        return module
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vid2vidmr" / "onnx"
    path = cache / f"{sha256[:32]}.onnx"
    with torch.inference_mode():
        expected = module(example)
        for exported in (path.is_file(), False):
            # Whatever fails, torch has the same features.
            with suppress(Exception):
                if not exported:
                    _export(module, example[:1], path)
                network = _session(path)
                lost = torch.linalg.vector_norm(network(example) - expected, dim=1)
                if bool((lost <= CLOSE * torch.linalg.vector_norm(expected, dim=1)).all()):
                    return network
    return module


def _export(module: nn.Module, example: Tensor, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    axes = {"frames": {0: "n"}, "features": {0: "n"}}
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks of its own future
        torch.onnx.export(
            module, (example,), str(temporary), input_names=["frames"],
            output_names=["features"], dynamic_axes=axes, dynamo=False,
        )  # fmt: skip


def _session(path: Path) -> Callable[[Tensor], Tensor]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Videos are encoded side by side, one a core.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def network(frames: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"frames": frames.numpy()})[0])

    return network
