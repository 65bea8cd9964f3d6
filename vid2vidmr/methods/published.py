"""Published checkpoints: read without running what a pickle may hold, and made our own."""

from __future__ import annotations

import argparse
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from vid2vidmr.contract import UNKNOWN, FeatureContract
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.methods.checkpoint import differences
from vid2vidmr.methods.load import method_class
from vid2vidmr.methods.neural import NeuralMethod


def read_published(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint ``{model, optimizer, lr_scheduler, epoch, opt}`` as `torch.save` left it.

    Only tensors, plain containers and `argparse.Namespace` (the options) are unpickled.

    Returns
    -------
    weights : dict of str to Tensor
        Without the ``module.`` prefix of parallel training.
    options : dict
        The options of the training script by name.

    Raises
    ------
    DataError
        If the file is missing, is no such checkpoint, or holds other objects.
    """
    expected = "expected what the published training code saves, {'model': ..., 'opt': ...}."
    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old pickles
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: expected a published checkpoint.") from None
    except OSError:
        raise
    except Exception as error:  # bytes that are no checkpoint raise errors of many kinds
        # torch's own message advises to load it all the same.
        forbidden = re.search(r"GLOBAL (\S+)", str(error))
        reason = (
            f"holds an object of the type {forbidden[1]}, which is never loaded"
            if forbidden
            else "is not a file that torch has saved"
        )
        raise DataError(f"{path} {reason}: {expected}") from None
    parts = checkpoint if isinstance(checkpoint, dict) else {}
    weights, options = parts.get("model"), parts.get("opt")
    if not isinstance(weights, dict) or not isinstance(options, argparse.Namespace):
        raise DataError(f"{path} has no 'model' with its options 'opt': {expected}")
    if not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in weights.items()):
        raise DataError(f"{path} has a 'model' that is not made of tensors: {expected}")
    return {key.removeprefix("module."): value for key, value in weights.items()}, vars(options)


def import_checkpoint(
    name: str, path: Path, out: Path, encoder: str = "clip-vit-b32"
) -> NeuralMethod:
    """Make a published checkpoint one of ours: a folder that `vid2vidmr.load_method` reads.

    Parameters
    ----------
    name : str
        Registered name of the method that it is a checkpoint of.
    path : Path
        See `read_published`.
    out : Path
        Checkpoint folder to write.
    encoder : str
        Encoder of the features that the model was trained on; the file does not tell. Features of
        another encoder, or of another length, are refused when predicting.

    Raises
    ------
    DataError
        If the file is no published checkpoint of this method.
    UserError
        If the method reads no published checkpoints, or `out` holds a checkpoint already.
    """
    cls = method_class(name)
    read = cls.published()
    if read is None:
        raise UserError(f"{name} reads no published checkpoints: see `vid2vidmr methods show`.")
    if (out / "method.json").exists():
        raise UserError(f"{out} holds a checkpoint already: choose another folder.")
    given = read_published(path)
    try:
        config, dim, weights = read(*given)
        method = cast("NeuralMethod", cls(config))
        method.provenance = {"commit": None}  # it was trained elsewhere
        contract = FeatureContract(
            encoder=encoder,
            weights_sha256=UNKNOWN,
            dim=dim,
            sampling=UNKNOWN,
            preprocessing=UNKNOWN,
            decoder=UNKNOWN,
            dtype=UNKNOWN,
        )
        method.prepare(contract, None)
    except KeyError as error:
        raise DataError(
            f"{path} is no published checkpoint of {name}: it has no {error.args[0]}."
        ) from None
    except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} is no published checkpoint of {name}: its options fit no model ({reason})."
        ) from None
    assert method.model is not None
    if differing := differences(weights, method.model):
        raise DataError(f"{path} is no published checkpoint of {name}: {differing}.")
    method.model.load_state_dict(weights)
    method.save(out)
    return method


def require_options(options: Mapping[str, Any], **expected: Any) -> None:
    """Refuse options under which the published code builds another model than ours.

    Raises
    ------
    DataError
        If an option that is present differs.
    """
    for name, value in expected.items():
        if options.get(name, value) != value:
            raise DataError(
                f"The option {name} of this checkpoint is {options[name]!r}; only checkpoints "
                f"with {value!r} can be imported."
            )


def feature_widths(weights: Mapping[str, Tensor], options: Mapping[str, Any]) -> dict[str, Any]:
    """Read how long the features of target and query are.

    Returns
    -------
    dict
        ``dim`` of a target's row, without the two temporal endpoints; ``query_dim``, None if that
        of a query's row is the same.

    Raises
    ------
    DataError
        If targets have no endpoints.
    KeyError
        Names a weight that is missing.
    """
    require_options(options, ctx_mode="video_tef")
    dim = len(weights["input_vid_proj.0.LayerNorm.weight"]) - 2
    query_dim = len(weights["input_txt_proj.0.LayerNorm.weight"])
    return {"dim": dim, "query_dim": None if query_dim == dim else query_dim}


def common_fields(options: Mapping[str, Any], nms: float) -> dict[str, Any]:
    """Fields of our configs that all published training scripts have options for.

    Parameters
    ----------
    options : mapping
        Of the published training script.
    nms : float
        Ours where the published one is off (negative) or missing.
    """
    published = options.get("nms_thd", -1)
    return {
        "d": options["hidden_dim"],
        "heads": options["nheads"],
        "ff": options["dim_feedforward"],
        "encoder_layers": options["enc_layers"],
        "dropout": options["dropout"],
        "input_dropout": options["input_dropout"],
        "nms": published if published >= 0 else nms,
    }


def clip_fields(options: Mapping[str, Any], nms: float) -> dict[str, Any]:
    """As `common_fields`, with the weights of `vid2vidmr.nn.clips.clip_losses`."""
    return {
        **common_fields(options, nms),
        "weight_b": options["b_loss_coef"],
        "weight_g": options["g_loss_coef"],
        "weight_f": options["f_loss_coef"],
        "weight_s_inter": options["s_loss_inter_coef"],
        "weight_s_intra": options["s_loss_intra_coef"],
    }
