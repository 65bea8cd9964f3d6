"""The network of CG-DETR, with the parameter names of the published checkpoints.

Shapes: B batch, K pairs with a negative, M target rows, N query rows, D dummies, P prompts,
Q moment queries, d hidden. "txt" in the published names is the query, here a video.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.cg_detr.config import CgDetrConfig
from vid2vidmr.methods.detr.losses import has_negative, moment_clips
from vid2vidmr.methods.detr.model import DabDetrModel
from vid2vidmr.nn.cross_attention import CrossEncoder, blocked_keys
from vid2vidmr.nn.positions import sine_position
from vid2vidmr.nn.projection import Projection
from vid2vidmr.nn.saliency import counted
from vid2vidmr.nn.transformer import Encoder
from vid2vidmr.train.batch import Batch

QUERY, TARGET = 0, 1
"""Rows of the table of token types."""


class Rows(NamedTuple):
    """A sequence: rows and their positions (B, L, d), mask (B, L), true where valid."""

    x: Tensor
    mask: Tensor
    pos: Tensor

    def after(self, x: Tensor, pos: Tensor) -> Rows:
        """Put rows in front: x and pos (T, d), the same for each sample, or (B, T, d)."""
        x, pos = (first.expand(len(self.x), -1, -1) for first in (x, pos))
        mask = torch.cat([self.mask.new_ones(x.shape[:2]), self.mask], dim=1)
        return Rows(torch.cat([x, self.x], dim=1), mask, torch.cat([pos, self.pos], dim=1))


class Model(DabDetrModel):
    """Maps a batch to Q spans with class logits, and a saliency for every target clip.

    Parameters as in `DetrModel`.
    """

    def __init__(self, config: CgDetrConfig, dim: int) -> None:
        c = config
        rest = c.ff, c.dropout, "prelu", c.drop_path
        blocks = {
            "mcls_encoder": Encoder(c.moment_layers, c.d, c.heads, *rest),
            "t2v_encoder": CrossEncoder(c.t2v_layers, c.d, c.heads, *rest, projected=False),
            "encoder": Encoder(c.encoder_layers, c.d, c.heads, *rest),
        }
        super().__init__(config, dim, blocks, c.drop_path)
        self.scls_encoder = Encoder(c.sentence_layers, c.d, c.token_heads, *rest)
        self.txtproj_encoder = Encoder(c.dummy_layers, c.d, c.token_heads, *rest)
        self.token_type_embeddings = nn.Embedding(2, c.d)
        # The published model has this one too, though nothing uses it.
        self.txt_proj_linear = Projection(c.query_dim or dim, c.d, 1, c.input_dropout)[0]
        self.global_rep_token = nn.Parameter(torch.randn(c.prompts, c.d))
        self.global_rep_pos = nn.Parameter(torch.randn(1, c.d))
        self.moment_rep_token = nn.Parameter(torch.randn(c.d))
        self.moment_rep_pos = nn.Parameter(torch.randn(c.d))
        self.dummy_rep_token = nn.Parameter(torch.randn(c.dummies, c.d))
        self.dummy_rep_pos = nn.Parameter(torch.randn(c.dummies, c.d))
        self.sent_rep_token = nn.Parameter(torch.randn(c.d))
        self.sent_rep_pos = nn.Parameter(torch.randn(c.d))
        self.add_existence(c.existence, c.d)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Predict for a batch as it comes; in training also what its losses compare."""
        if not self.training:  # the ground truth is not looked at
            return self.outputs(*self.inputs(batch))
        return self.outputs(
            *self.inputs(batch),
            has_negative(batch.group, self.config.same_class_negatives),
            moment_clips(batch, self.config.max_target),
        )

    def outputs(
        self,
        target: Tensor,
        target_mask: Tensor,
        query: Tensor,
        query_mask: Tensor,
        negative: Tensor | None = None,
        relevant: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Predict from prepared inputs, see `Inputs`.

        Parameters
        ----------
        negative : Tensor, (B,), bool, optional
            Targets to be read with the query of the next pair too, the last one with the first's.
        relevant : Tensor, (B, M), bool, optional
            Clips of the moment.

        Returns
        -------
        dict
            ``pred_logits`` (B, Q, 2), foreground first; ``pred_spans`` (B, Q, 2), centre and width
            in [0, 1]; the same of the earlier decoder layers, the first layer first, as
            ``aux_outputs.{i}.*``; ``saliency_scores`` (B, M); ``t2vattnvalues`` (B, M), attention
            of clips to the query; ``cate_attn_weights`` (B, M, D + N), to dummies and query;
            ``dummy_tokens`` (B, D, d), ``global_rep_tokens`` (P, d), ``video_mask`` (B, M),
            ``txt_mask`` (B, D + N). With `negative`: itself as ``real_neg_mask`` and, of its K true
            rows (see `counted`), ``saliency_scores_neg`` and ``t2vattnvalues_neg`` (K, M),
            ``src_txt_mask_neg`` (K, D + N). With `relevant`: see `summaries`.
        """
        kind = self.token_type_embeddings.weight
        t = self.input_txt_proj(query) + kind[QUERY]  # (B, N, d)
        text = Rows(t, query_mask, self.query_position(t))
        v = self.input_vid_proj(target) + kind[TARGET]  # (B, M, d)
        video = Rows(v, target_mask, sine_position(target_mask, self.config.d))
        dummies = self.dummies(text)  # (B, D, d)
        keys = text.after(dummies, self.dummy_rep_pos)  # (B, D + N, d)
        memory, token, weights = self.read(video, keys)
        found = {
            **self.windows(memory, target_mask, video.pos),
            **self.existing(memory, target_mask),
            "saliency_scores": self.saliency(memory, token),
            "t2vattnvalues": self.attention_to_query(weights, keys.mask),
            "cate_attn_weights": weights,
            "dummy_tokens": dummies,
            "global_rep_tokens": self.global_rep_token,
            "video_mask": target_mask,
            "txt_mask": keys.mask,
        }
        if negative is not None:
            found["real_neg_mask"] = negative
            at = counted(negative)
            if isinstance(at, slice) or negative.any():
                other = Rows(*(part.roll(-1, 0)[at] for part in keys))
                memory, token, weights = self.read(Rows(*(part[at] for part in video)), other)
                found["saliency_scores_neg"] = self.saliency(memory, token)
                found["t2vattnvalues_neg"] = self.attention_to_query(weights, other.mask)
                found["src_txt_mask_neg"] = other.mask
        if relevant is not None:
            found |= self.summaries(video, text, dummies, relevant.bool())
        return found

    def dummies(self, text: Rows) -> Tensor:
        """Let the dummies read the query, (B, D, d); one that is asked of all targets, once."""
        rows = text.after(self.dummy_rep_token, self.dummy_rep_pos)
        if not self.training and all(torch.equal(x, x[:1].expand_as(x)) for x in rows):
            rows = Rows(*(x[:1] for x in rows))
        found: Tensor = self.txtproj_encoder(*rows)[:, : self.config.dummies]
        return found.expand(len(text.x), -1, -1)

    def read(self, video: Rows, keys: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """Let the clips read dummies and query, then a token and the clips each other.

        Returns
        -------
        memory : Tensor, (B, M, d)
            The clips, the token added to each.
        token : Tensor, (B, d)
        weights : Tensor, (B, M, D + N)
            Attention of the clips, mean over heads and layers; dummies come first.
        """
        c, t2v = self.config, self.transformer["t2v_encoder"]
        blocked = blocked_keys(video.mask, keys.mask, c.heads, c.official_mask)
        # Attention to dummies is attention lost: they have nothing to say.
        values = torch.cat([torch.zeros_like(keys.x[:, : c.dummies]), keys.x[:, c.dummies :]], 1)
        v, weights = t2v(video.x, video.pos, keys.x + keys.pos, values, blocked)

        token = self.saliency_token(video, weights[..., c.dummies :].sum(-1)).unsqueeze(1)
        nothing = torch.zeros_like(token)
        token, _ = t2v(token, nothing, nothing, nothing)  # (B, 1, d)
        rows = video._replace(x=v).after(token, self.global_rep_pos)
        x = self.transformer["encoder"](*rows)
        return x[:, 1:] + x[:, :1], x[:, 0], weights

    def saliency_token(self, video: Rows, attention: Tensor) -> Tensor:
        """Compose the token of a target, (B, d), of its mean clip and the prompts it resembles.

        Parameters
        ----------
        video : Rows
            Clips that have not read the query yet.
        attention : Tensor, (B, M)
            Of the clips to the query; it weighs them.
        """
        valid = video.mask.to(video.x.dtype).unsqueeze(-1)
        context = ((video.x * valid).sum(1) / valid.sum(1)).detach()  # (B, d)
        clips = F.normalize(video.x - context.unsqueeze(1), dim=-1)
        alike = (clips @ F.normalize(self.global_rep_token, dim=-1).T).softmax(-1)  # (B, M, P)
        weight = attention.detach().unsqueeze(-1) * valid  # (B, M, 1)
        alike = (alike * weight).sum(1) / weight.sum(1).clamp(min=1e-12)  # (B, P)
        share, prompt = alike.topk(self.config.prompts_used, dim=-1)
        return (share.unsqueeze(-1) * self.global_rep_token[prompt]).sum(1) + context

    def attention_to_query(self, weights: Tensor, mask: Tensor) -> Tensor:
        """Attention of clips to the valid rows of the query, (B, M), of all (B, M, D + N)."""
        d = self.config.dummies
        return (weights[..., d:] * mask[:, None, d:]).sum(-1).clamp(0, 1)

    def summaries(
        self, video: Rows, text: Rows, dummies: Tensor, relevant: Tensor
    ) -> dict[str, Tensor]:
        """Sum up the moment, the rest of its target, the query and the dummies, for the losses.

        Parameters
        ----------
        video, text : Rows
            Projected target and query.
        dummies : Tensor, (B, D, d)
        relevant : Tensor, (B, M), bool

        Returns
        -------
        dict
            ``memory_moment``, ``nmmemory_moment`` (the rest), ``sentence_txt``,
            ``sentence_dummy``, each (B, d); ``src_vid`` (B, M, d), every clip as read among its
            like; ``moment2txt_similarity`` and ``nmoment2txt_similarity`` (B, M, D + N) of clips
            read in the moment, and in the rest, to dummies and query; ``moment_mask`` (B, M).
        """
        token, pos = self.sent_rep_token[None], self.sent_rep_pos[None]
        sentence = self.scls_encoder(*text.after(token, pos))  # (B, 1 + N, d)
        none = Rows(dummies[:, :0], text.mask[:, :0], dummies[:, :0])
        asides = self.scls_encoder(*none.after(dummies, self.dummy_rep_pos).after(token, pos))
        passes = []
        for mask in (relevant, video.mask.bool() & ~relevant):
            rows = video._replace(mask=mask)
            rows = rows.after(self.moment_rep_token[None], self.moment_rep_pos[None])
            passes.append(self.transformer["mcls_encoder"](*rows))  # (B, 1 + M, d)
        moment, rest = passes
        keys = torch.cat([asides[:, 1:], sentence[:, 1:]], dim=1).transpose(1, 2)  # (B, d, D + N)
        return {
            "memory_moment": moment[:, 0],
            "nmmemory_moment": rest[:, 0],
            "sentence_txt": sentence[:, 0],
            "sentence_dummy": asides[:, 0],
            "src_vid": torch.where(relevant.unsqueeze(-1), moment[:, 1:], rest[:, 1:]),
            "moment2txt_similarity": moment[:, 1:] @ keys,
            "nmoment2txt_similarity": rest[:, 1:] @ keys,
            "moment_mask": relevant,
        }
