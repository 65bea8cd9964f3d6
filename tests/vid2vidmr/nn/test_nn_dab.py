"""Blocks of QD-DETR and CG-DETR: attention, masks, spans as queries, rank and negative losses."""

import math

import pytest
import torch
from torch import nn

from vid2vidmr.nn.cross_attention import Attention, CrossEncoder, blocked_keys
from vid2vidmr.nn.dab import DabDecoder, inverse_sigmoid, sine_embedding
from vid2vidmr.nn.positions import sine_position
from vid2vidmr.nn.saliency import negative_pair_loss, rank_loss

LENGTHS = (9, 4, 1)
D = 16
MASK = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_attention_is_that_of_torch():
    torch_own = nn.MultiheadAttention(D, 4, batch_first=True).eval()
    ours = Attention(D, 4, projected=True).eval()
    assert set(ours.state_dict()) == set(torch_own.state_dict())
    ours.load_state_dict(torch_own.state_dict())
    q, k, v = torch.randn(3, 5, D), torch.randn(3, 9, D), torch.randn(3, 9, D)
    expected, weights = torch_own(q, k, v, key_padding_mask=~MASK)
    found, found_weights = ours(q, k, v, ~MASK[:, None, None])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found_weights, weights)


def test_published_masks_come_in_the_wrong_order():
    heads, rows = 2, MASK[:, :5]
    assert torch.equal(blocked_keys(rows, MASK, heads, official=False), ~MASK[:, None, None])
    found = blocked_keys(rows, MASK, heads, official=True)
    for b in range(3):
        for head in range(heads):
            other = (b * heads + head) % 3
            pairs = ~rows[other][:, None] & ~MASK[other]
            assert torch.equal(found[b, head], ~MASK[b] | pairs)


@pytest.mark.parametrize("projected", [True, False])
def test_cross_encoder_sees_no_padded_keys(projected):
    encoder = CrossEncoder(2, D, heads=4, ff=32, projected=projected).eval()
    x, pos, k, v = (torch.randn(3, n, D) for n in (5, 5, 9, 9))
    found, weights = encoder(x, pos, k, v, ~MASK[:, None, None])
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 5))
    for b, n in enumerate(LENGTHS):
        one = slice(b, b + 1)
        alone, _ = encoder(x[one], pos[one], k[one, :n], v[one, :n])
        torch.testing.assert_close(found[one], alone, atol=1e-5, rtol=0)
        assert (weights[b, :, n:] == 0).all()


def test_the_decoder_sees_no_padding_and_starts_from_its_spans():
    decoder = DabDecoder(3, D, heads=4, ff=32).eval()
    queries, memory, pos = torch.randn(6, 2), torch.randn(3, 9, D), sine_position(MASK, D)
    hidden, references = decoder(queries, memory, MASK, pos)
    assert hidden.shape == (3, 3, 6, D)
    assert references.shape == (3, 3, 6, 2)
    torch.testing.assert_close(references[0], queries.sigmoid().expand(3, -1, -1))
    for b, n in enumerate(LENGTHS):
        alone = decoder(queries, memory[b : b + 1, :n], MASK[b : b + 1, :n], pos[b : b + 1, :n])
        torch.testing.assert_close(hidden[:, b], alone[0][:, 0], atol=1e-5, rtol=0)
        torch.testing.assert_close(references[:, b], alone[1][:, 0], atol=1e-5, rtol=0)


def test_sine_embedding_matches_its_formula():
    found = sine_embedding(torch.tensor([[[0.3, 0.7]]]), D)[0, 0]
    for i in range(D // 2):
        for part, x in enumerate((0.3, 0.7)):
            angle = x * 2 * math.pi / 10000 ** (2 * (i // 2) / (D / 2))
            expected = math.cos(angle) if i % 2 else math.sin(angle)
            assert found[part * D // 2 + i].item() == pytest.approx(expected, abs=1e-5)


def test_inverse_sigmoid_stops_short_of_infinity():
    x = torch.tensor([-1.0, 0.0, 0.2, 1.0, 2.0])
    edge = math.log(1e-3)
    expected = torch.tensor([edge, edge, math.log(0.25), -edge, -edge])
    torch.testing.assert_close(inverse_sigmoid(x), expected)


def test_rank_loss_contrasts_each_rank_with_what_is_below():
    scores = torch.tensor([[0.2, 0.9, -0.3, 7.0], [1.0, 2.0, 3.0, 7.0]])
    labels = torch.tensor([[3.0, 0.0, 1.0, 12.0], [0.0, 0.0, 0.0, 0.0]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])  # the highest label is on padding
    log_share = (scores[0, :3] / 0.5).log_softmax(0)
    first, further = (log_share[0] + log_share[2]) / 2, 2 * log_share[0]  # ranks 1, 2 and 3
    expected = -(first + further) / 12 / 2  # two samples, one without a positive
    assert rank_loss(scores, labels, mask).item() == pytest.approx(expected.item(), rel=1e-5)
    nothing = torch.zeros(0, 4)
    assert rank_loss(nothing, nothing, nothing) == 0


def test_negative_pair_loss_is_stable_and_leaves_padding_out():
    scores = torch.tensor([[0.5, -1.0, 9.0], [50.0, 0.0, 9.0]])
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    first = -sum(math.log(1 - 1 / (1 + math.exp(-s))) for s in (0.5, -1.0))
    assert negative_pair_loss(scores, mask).item() == pytest.approx((first + 50) / 2, rel=1e-5)
    assert negative_pair_loss(scores[:0], mask[:0]) == 0
