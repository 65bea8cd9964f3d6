"""The published wiring of MATR: what the published code computes, so that its checkpoints load.

It differs from the paper's wiring (`baselines.matr.model`): the query has no positions, both heads
read the encoder's output only and see padding, windows are signed offsets from a clip's end, and
target and query align by the "prob" recursion, padding included. Decoder, learned queries and
aligned span have no effect there and are left out. Tensor names are the published ones.

B batch, M target clips, N query clips, d hidden size.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.matr import model
from baselines.matr.config import MatrConfig
from vid2vidmr.alignment import prob_dtw
from vid2vidmr.nn.clips import WeightedPool, clip_windows, saliency
from vid2vidmr.nn.positions import LearnedPosition
from vid2vidmr.nn.projection import normalise, with_endpoints
from vid2vidmr.train.batch import Batch
from vid2vidmr.windows import ranked

TEMPERATURE = 0.1
"""Of the softmax over target clips in the alignment cost."""


class Model(model.Model):
    """The network of the published code; projections, encoder and heads are the paper's wiring's.

    Parameters as in `baselines.matr.model.Model`; parts of the config that only the paper's wiring
    has are ignored.
    """

    def __init__(self, config: MatrConfig, dim: int) -> None:
        own = replace(config, query_positions=False, join="append")
        super().__init__(own, dim)
        del self.transformer["decoder"], self.query_embed
        self.class_embed_c.masked = self.span_embed_c.masked = False
        self.weightedpool = WeightedPool(config.d)
        if config.position_table:
            self.txt_position_embed = LearnedPosition(
                config.position_table, config.d, config.input_dropout
            )

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Normalise, append temporal endpoints to the target, and predict."""
        target = with_endpoints(normalise(batch.target), batch.target_mask)
        n = self.config.position_table  # None: all rows
        query, query_mask = normalise(batch.query[:, :n]), batch.query_mask[:, :n]
        return self.outputs(target, batch.target_mask, query, query_mask)

    def query_position(self, q: Tensor, mask: Tensor) -> Tensor:
        """Positions of the projected query (B, N, d): learned ones, or none."""
        position: Tensor = (
            self.txt_position_embed(q) if self.config.position_table else torch.zeros_like(q)
        )
        return position

    def outputs(
        self, target: Tensor, target_mask: Tensor, query: Tensor, query_mask: Tensor
    ) -> dict[str, Tensor]:
        """Predict from prepared inputs.

        Parameters
        ----------
        target, query : Tensor, (B, M, dim + 2) and (B, N, dim)
        target_mask, query_mask : Tensor, (B, M) and (B, N), bool
            True where valid.

        Returns
        -------
        dict
            ``pred_logits`` (B, M, 1), in spite of the name the probability of foreground;
            ``pred_spans`` (B, M, 2), signed offsets from the clip's end to the window's start and
            end, as shares of the target; ``saliency_scores`` (B, M); before the encoder
            ``vid_mem_proj`` (B, M, d), ``txt_mem_proj_n`` (B, N, d) and its pooled row
            ``txt_mem_proj`` (B, 1, d); after it ``vid_decoder`` (B, M, d), ``txt_decoder`` (B, N,
            d), which no decoder has seen.
        """
        t0, q0 = self.project(target, query)
        t, q = self.fuse(t0, target_mask, q0, query_mask)
        pooled = self.weightedpool(q0, query_mask)
        return {
            "pred_logits": self.class_embed_c(t, target_mask).sigmoid(),
            "pred_spans": self.span_embed_c(t, target_mask),
            "saliency_scores": saliency(t0, pooled, target_mask),
            "vid_mem_proj": t0,
            "txt_mem_proj_n": q0,
            "txt_mem_proj": pooled,
            "vid_decoder": t,
            "txt_decoder": q,
            **self.existing(t, target_mask),
        }


def prob_cost(
    target: Tensor,
    query: Tensor,
    target_mask: Tensor | None = None,
    query_mask: Tensor | None = None,
) -> Tensor:
    """Cost of the "prob" alignment: target rows compete for each query row.

    One more row, as unlike the query as the least similar pair of rows, takes part in the softmax
    over the target and is dropped after it.

    Parameters
    ----------
    target, query : Tensor, (B, M, d) and (B, N, d)
    target_mask, query_mask : Tensor, (B, M) and (B, N), bool, optional
        True where valid; by default every row counts, as published.

    Returns
    -------
    Tensor, (B, M, N)
    """
    similarity = F.normalize(target, dim=-1) @ F.normalize(query, dim=-1).transpose(1, 2)
    least = similarity.detach()
    if target_mask is not None and query_mask is not None:
        outside = ~(target_mask.unsqueeze(2) & query_mask.unsqueeze(1))
        least = least.masked_fill(outside, torch.inf)
        similarity = similarity.masked_fill(~target_mask.unsqueeze(2), -torch.inf)
    least = least.amin(dim=(1, 2), keepdim=True).expand(-1, 1, query.shape[1])
    share = (torch.cat([similarity, least], dim=1) / TEMPERATURE).softmax(dim=1)
    return -(share[:, :-1] + 1e-5).log()


def prob_alignment(
    target: Tensor,
    query: Tensor,
    target_mask: Tensor | None = None,
    query_mask: Tensor | None = None,
) -> Tensor:
    """Value of the "prob" alignment of every pair, (B,); parameters as of `prob_cost`."""
    masks = target_mask, query_mask
    lengths = [None if mask is None else mask.sum(1) for mask in masks]
    value: Tensor = prob_dtw(prob_cost(target, query, *masks), 0.1, *lengths)
    return value


def raw_windows(outputs: dict[str, Tensor], mask: Tensor, durations_s: Tensor) -> np.ndarray:
    """Windows of all clips as the published inference writes them, before suppression.

    Returns
    -------
    ndarray, (B, M, 3)
        start_s, end_s in [0, duration] and score, four decimals, best first; padding has score 0.
    """
    windows_s = clip_windows(outputs["pred_spans"], mask, durations_s, durations_s)
    scores = outputs["pred_logits"][..., 0] * mask
    order = scores.argsort(dim=1, descending=True, stable=True).unsqueeze(-1)
    rows = torch.cat([windows_s, scores.unsqueeze(-1)], dim=-1).take_along_dim(order, dim=1)
    return rows.double().cpu().numpy().round(4)


def windows(outputs: dict[str, Tensor], batch: Batch, nms: float) -> list[np.ndarray]:
    """Ranked windows of every pair, those of padding left out, after NMS."""
    every = raw_windows(outputs, batch.target_mask, batch.durations_s)
    lengths = batch.target_mask.sum(1).tolist()
    return [
        ranked(rows[:m, :2], rows[:m, 2], nms, top=m)
        for rows, m in zip(every, lengths, strict=True)
    ]
