"""What networks that predict a set of windows share: inputs, targets, losses of all layers.

Shapes: B batch, M target rows, N query rows, Q moment queries, d hidden. "txt" in the published
names is the query, here a video.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vid2vidmr.contract import STEP_S
from vid2vidmr.detr import DetrConfig
from vid2vidmr.errors import UserError
from vid2vidmr.methods.published import require_options
from vid2vidmr.nn.dab import DabDecoder, inverse_sigmoid
from vid2vidmr.nn.heads import MLP
from vid2vidmr.nn.matcher import Matches, match, set_losses
from vid2vidmr.nn.positions import LearnedPosition
from vid2vidmr.nn.projection import Projection, normalise, with_endpoints
from vid2vidmr.nn.saliency import ClipDraw, clips_inside, draw_clips
from vid2vidmr.nn.spans import to_centre_width
from vid2vidmr.nn.transformer import xavier_init
from vid2vidmr.train.batch import Batch


class Inputs(NamedTuple):
    """Prepared inputs of a network.

    Attributes
    ----------
    target, target_mask : Tensor, (B, M, dim + 2) and (B, M)
    query, query_mask : Tensor, (B, N, dim) and (B, N)
        Masks are true where valid.
    """

    target: Tensor
    target_mask: Tensor
    query: Tensor
    query_mask: Tensor


class DetrModel(nn.Module):
    """Inputs of a set-prediction network: cut off, normalised, with endpoints, projected.

    Parameters
    ----------
    config : DetrConfig
    target_dim, query_dim : int
        Row lengths of the inputs of `outputs`: the target's include two temporal endpoints.

    Raises
    ------
    UserError
        If queries may be longer than the table of their positions.
    """

    def __init__(self, config: DetrConfig, target_dim: int, query_dim: int) -> None:
        super().__init__()
        if config.query_positions and config.max_query > config.position_table:
            raise UserError(
                f"Queries of {config.max_query} rows need a position table of as many, it has "
                f"{config.position_table}: lower max_query or raise position_table."
            )
        self.config: Any = config  # of the subclass's own type
        c = config
        self.input_vid_proj = Projection(target_dim, c.d, c.input_layers, c.input_dropout)
        self.input_txt_proj = Projection(query_dim, c.d, c.input_layers, c.input_dropout)
        self.txt_position_embed = LearnedPosition(c.position_table, c.d, c.input_dropout)

    @abstractmethod
    def outputs(
        self, target: Tensor, target_mask: Tensor, query: Tensor, query_mask: Tensor
    ) -> dict[str, Tensor]:
        """Predict from prepared inputs, see `Inputs`."""

    def inputs(self, batch: Batch) -> Inputs:
        """Cut target and query off, normalise their rows, append endpoints to the target's."""
        m, n = self.config.max_target, self.config.max_query
        mask = batch.target_mask[:, :m]
        target = with_endpoints(normalise(batch.target[:, :m]), mask)
        return Inputs(target, mask, normalise(batch.query[:, :n]), batch.query_mask[:, :n])

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Predict for a batch as it comes."""
        return self.outputs(*self.inputs(batch))

    def query_position(self, t: Tensor) -> Tensor:
        """Positions of the projected query (B, N, d): learned if the config says so, else zero."""
        if not self.config.query_positions:
            return torch.zeros_like(t)
        position: Tensor = self.txt_position_embed(t)
        return position


class DabDetrModel(DetrModel):
    """The second half of QD-DETR and CG-DETR: spans are refined, saliency compares with a token.

    Parameters as in `DetrModel`, and

    Parameters
    ----------
    blocks : dict of str to Module
        Encoders of the transformer, by their published names.
    drop_path : float
        Of the decoder.
    """

    def __init__(
        self,
        config: DetrConfig,
        target_dim: int,
        query_dim: int,
        blocks: Mapping[str, nn.Module],
        drop_path: float = 0.0,
    ) -> None:
        super().__init__(config, target_dim, query_dim)
        c = config
        decoder = DabDecoder(c.decoder_layers, c.d, c.heads, c.ff, c.dropout, "prelu", drop_path)
        self.transformer = nn.ModuleDict({**blocks, "decoder": decoder})
        xavier_init(self.transformer)
        self.query_embed = nn.Embedding(c.queries, 2)
        self.span_embed = MLP(c.d, c.d, 2, layers=3)
        self.class_embed = nn.Linear(c.d, 2)
        self.saliency_proj1 = nn.Linear(c.d, c.d)
        self.saliency_proj2 = nn.Linear(c.d, c.d)

    def windows(self, memory: Tensor, mask: Tensor, pos: Tensor) -> dict[str, Tensor]:
        """Logits and spans of all layers from the clips (B, M, d), see `by_layer`."""
        hidden, references = self.transformer["decoder"](
            self.query_embed.weight, memory, mask, pos
        )  # (layers, B, Q, d), (layers, B, Q, 2)
        spans = (self.span_embed(hidden) + inverse_sigmoid(references)).sigmoid()
        return by_layer(pred_logits=self.class_embed(hidden), pred_spans=spans)

    def saliency(self, memory: Tensor, token: Tensor) -> Tensor:
        """Saliency (B, M) of clips (B, M, d) by their likeness to a token (B, d)."""
        likeness = self.saliency_proj1(memory) @ self.saliency_proj2(token).unsqueeze(-1)
        scores: Tensor = likeness.squeeze(-1) / memory.shape[-1] ** 0.5
        return scores


def by_layer(**layers: Tensor) -> dict[str, Tensor]:
    """Give outputs of all decoder layers, (layers, ...), their published names.

    Those of the last layer keep theirs; those of earlier ones are ``aux_outputs.{i}.*``, the first
    layer first.
    """
    last = {name: value[-1] for name, value in layers.items()}
    earlier = {
        f"aux_outputs.{i}.{name}": value[i]
        for name, value in layers.items()
        for i in range(len(value) - 1)
    }
    return last | earlier


@dataclass(frozen=True)
class Targets:
    """What the network should have said.

    Attributes
    ----------
    windows : Tensor, (B, W, 2)
        Centre and width, as shares of the seconds that the network sees.
    windows_mask : Tensor, (B, W), bool
        True where there is a window.
    clips : ClipDraw
        Clips inside and outside of the moments.
    labels : Tensor, (B, M)
        Saliency of clips, 0 to 12 where people rated them; else 1 inside the moment, 0 outside.
    """

    windows: Tensor
    windows_mask: Tensor
    clips: ClipDraw
    labels: Tensor


def covered_s(batch: Batch, max_target: int) -> Tensor:
    """Seconds of each target that the network sees, (B,): all, or `max_target` clips."""
    return batch.durations_s.clamp(max=STEP_S * max_target)


def moment_clips(batch: Batch, max_target: int) -> Tensor:
    """Clips of the moments that the network sees, (B, M), bool; none where it is cut off."""
    seen = batch.windows_s[:, :1] < covered_s(batch, max_target).unsqueeze(1)
    return clips_inside(batch.windows_s, batch.target_mask[:, :max_target]) & seen


def targets(batch: Batch, max_target: int) -> Targets:
    """Targets of a batch; moments wholly behind the first `max_target` clips give no window."""
    covered = covered_s(batch, max_target).unsqueeze(1)  # (B, 1)
    shares = batch.windows_s.minimum(covered) / covered  # (B, 2)
    seen = shares[:, 1] > shares[:, 0]
    clips = draw_clips(batch.windows_s, batch.target_mask[:, :max_target])
    return Targets(
        to_centre_width(shares).unsqueeze(1),
        seen.unsqueeze(1),
        clips._replace(valid=clips.valid & seen),
        moment_clips(batch, max_target).float(),
    )


def has_negative(group: Tensor, same_class: bool) -> Tensor:
    """Whether the next pair's query is a negative for this pair's target, (B,), bool.

    Parameters
    ----------
    group : Tensor, (B,)
        See `Batch.group`; the last pair's next is the first.
    same_class : bool
        Take it for one even if it is of the same class.
    """
    return torch.ones_like(group, dtype=torch.bool) if same_class else group != group.roll(-1)


def set_prediction(
    outputs: Mapping[str, Tensor], targets: Targets, config: DetrConfig
) -> tuple[dict[str, Tensor], list[Matches]]:
    """Match every decoder layer on its own.

    Returns
    -------
    losses : dict
        Those of `set_losses`, unweighted; those of layer i but the last with the suffix ``_{i}``.
    matches : list of Matches
        Of all layers, the first layer first.
    """
    earlier = range(config.decoder_layers - 1)
    losses: dict[str, Tensor] = {}
    matches = []
    for prefix, suffix in [*((f"aux_outputs.{i}.", f"_{i}") for i in earlier), ("", "")]:
        logits, spans = outputs[prefix + "pred_logits"], outputs[prefix + "pred_spans"]
        found = match(
            logits,
            spans,
            targets.windows,
            targets.windows_mask,
            config.weight_span,
            config.weight_giou,
            config.weight_label,
        )
        matches.append(found)
        parts = set_losses(logits, spans, targets.windows, found, config.background)
        losses |= {name + suffix: value for name, value in parts.items()}
    return losses, matches


def with_total(
    losses: dict[str, Tensor], config: DetrConfig, **weights: float
) -> dict[str, Tensor]:
    """Add ``loss``, the weighted sum over all layers.

    Parameters
    ----------
    losses : dict of scalar Tensor
        Those of `set_prediction`, ``loss_saliency`` and the method's own.
    config : DetrConfig
    **weights : float
        Of the method's own losses, with or without the suffix of a layer.
    """
    weights = {
        "loss_span": config.weight_span,
        "loss_giou": config.weight_giou,
        "loss_label": config.weight_label,
        "loss_saliency": config.weight_saliency,
        "class_error": 0.0,  # reported only
        **weights,
    }
    total = torch.stack(
        [weights[re.sub(r"_\d+$", "", name)] * value for name, value in losses.items()]
    ).sum()
    return {**losses, "loss": total}


def count_layers(weights: Mapping[str, Tensor], block: str) -> int:
    """Layers of a block of a checkpoint, such as ``transformer.t2v_encoder``."""
    start = f"{block}.layers."
    return len(
        {name.removeprefix(start).split(".")[0] for name in weights if name.startswith(start)}
    )


def published_fields(weights: Mapping[str, Tensor], options: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a `DetrConfig` by the options of the published training scripts.

    Raises
    ------
    DataError
        If the options describe another model.
    KeyError
        Names an option or a weight that is missing.
    """
    require_options(options, pre_norm=False, position_embedding="sine", span_loss_type="l1")
    nms = options.get("nms_thd", -1)  # negative is none
    return {
        "d": options["hidden_dim"],
        "heads": options["nheads"],
        "ff": options["dim_feedforward"],
        "encoder_layers": options["enc_layers"],
        "decoder_layers": options["dec_layers"],
        "input_layers": options["n_input_proj"],
        "queries": options["num_queries"],
        "dropout": options["dropout"],
        "input_dropout": options["input_dropout"],
        "max_target": options["max_v_l"],
        "max_query": options["max_q_l"],
        "query_positions": options["use_txt_pos"],
        "position_table": len(weights["txt_position_embed.position_embeddings.weight"]),
        "weight_span": options["span_loss_coef"],
        "weight_giou": options["giou_loss_coef"],
        "weight_label": options["label_loss_coef"],
        "weight_saliency": options["lw_saliency"],
        "background": options["eos_coef"],
        "nms": nms if nms >= 0 else DetrConfig.nms,
    }
