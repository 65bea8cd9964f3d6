"""The network of cross-gated bilinear matching.

Shapes: B batch, M target steps, N query steps, d hidden.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.cgbm.config import CgbmConfig
from vid2vidmr.nn.existence import WithExistence
from vid2vidmr.nn.projection import normalise
from vid2vidmr.train.batch import Batch


class Model(WithExistence):
    """Says of every target clip whether the moment starts, ends, goes on there, or is elsewhere.

    Parameters
    ----------
    dim : int
        Length of a feature.
    """

    def __init__(self, config: CgbmConfig, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.encoder = nn.LSTM(dim, config.d, batch_first=True)
        self.input_dropout = nn.Dropout(config.input_dropout)
        self.matching = Matching(config.d, config.factors)
        self.dropout = nn.Dropout(config.dropout)
        self.localizer = nn.LSTM(2 * config.d, config.d, batch_first=True)
        self.head = nn.Linear(config.d, 4)
        self.add_existence(config.existence, config.d)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Give ``logits`` (B, M, 4): start, end, inside, outside.

        Padding follows the valid rows, and no LSTM looks ahead: valid rows do not see it.
        """
        target, query = (self.encode(x) for x in (batch.target, batch.query))
        matched = self.matching(target, batch.target_mask, query, batch.query_mask)  # (B, M, 2d)
        x = self.localizer(self.dropout(matched))[0]
        return {"logits": self.head(x), **self.existing(x, batch.target_mask)}

    def encode(self, x: Tensor) -> Tensor:
        """Features (B, L, dim), scaled to a root mean square of 1, -> LSTM states (B, L, d)."""
        states: Tensor = self.input_dropout(self.encoder(normalise(x) * self.dim**0.5)[0])
        return states


class Matching(nn.Module):
    """The recurrence over the target, forward and on the reversed target.

    At each step t, from the state h of the step before: attention over the query's states,

        a = sum_n softmax_n(w . tanh(W_q q_n + W_x x_t + W_h h + b)) q_n,

    each gates the other (from the ungated vectors), and both are matched by one linear map U,

        a' = a * sigmoid(V x_t + c),  x' = x_t * sigmoid(V' a + c'),
        m = sum over factors of (U a') * (U x'),

    and m goes into an LSTM cell. All but the cells is shared by both directions.
    """

    def __init__(self, d: int, factors: int) -> None:
        super().__init__()
        self.attend_query = nn.Linear(d, d, bias=False)  # W_q
        self.attend_target = nn.Linear(d, d)  # W_x, b
        self.attend_state = nn.Linear(d, d, bias=False)  # W_h
        self.attend = nn.Linear(d, 1, bias=False)  # w
        self.gate_query = nn.Linear(d, d)  # V, c
        self.gate_target = nn.Linear(d, d)  # V', c'
        self.bilinear = nn.Linear(d, d * factors)  # U
        self.cells = nn.ModuleList(nn.LSTMCell(d, d) for _ in range(2))

    def forward(
        self, target: Tensor, target_mask: Tensor, query: Tensor, query_mask: Tensor
    ) -> Tensor:
        """Match (B, M, d) with (B, N, d), masks (B, M) and (B, N) true where valid: (B, M, 2d)."""
        B, _, d = target.shape
        turned = reversal(target_mask).unsqueeze(-1).expand(-1, -1, d)  # (B, M, d)
        # Both directions are rows of one batch: the loop is run once.
        x = torch.cat([target, target.gather(1, turned)])  # (2B, M, d)
        q = torch.cat([query, query])  # (2B, N, d)
        padding = torch.where(query_mask, 0.0, torch.finfo(q.dtype).min).repeat(2, 1)  # (2B, N)
        keys = self.attend_query(q)
        # What does not depend on the state is computed for all steps at once. A list from unbind
        # has a cheap gradient; that of x[:, t] would be as large as x at every step.
        seen = [y.unbind(1) for y in (x, self.attend_target(x), self.gate_query(x).sigmoid())]
        h = c = x.new_zeros(2 * B, d)
        states = []
        for x_t, key_t, gate_t in zip(*seen, strict=True):
            mixed = (keys + (key_t + self.attend_state(h)).unsqueeze(1)).tanh()  # (2B, N, d)
            weights = (self.attend(mixed).squeeze(-1) + padding).softmax(-1)
            a = torch.bmm(weights.unsqueeze(1), q).squeeze(1)  # (2B, d)
            gated = torch.stack([a * gate_t, x_t * self.gate_target(a).sigmoid()])
            left, right = self.bilinear(gated)  # (2B, d * factors)
            matched = (left * right).unflatten(-1, (d, -1)).sum(-1)  # (2B, d)
            both = [
                cell(m, (h_, c_))
                for cell, m, h_, c_ in zip(
                    self.cells, matched.split(B), h.split(B), c.split(B), strict=True
                )
            ]
            h, c = (torch.cat(pair) for pair in zip(*both, strict=True))
            states.append(h)
        ahead, back = torch.stack(states, dim=1).split(B)  # (B, M, d)
        return torch.cat([ahead, back.gather(1, turned)], dim=-1)


def reversal(mask: Tensor) -> Tensor:
    """Row numbers that turn the valid rows of each sample round; padding stays; (B, M) int64."""
    rows = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask, mask.sum(1, keepdim=True) - 1 - rows, rows)
