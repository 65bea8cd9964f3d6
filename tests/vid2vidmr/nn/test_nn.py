"""The shared neural blocks: independence of padding, positions, spans, matching, clip draws."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vid2vidmr.nn.clips import ClipTargets, WeightedPool, clips_ending_in, saliency_contrasts
from vid2vidmr.nn.heads import MLP, ConvHead
from vid2vidmr.nn.matcher import match, set_losses
from vid2vidmr.nn.positions import LearnedPosition, sine_position
from vid2vidmr.nn.projection import Projection, normalise, with_endpoints
from vid2vidmr.nn.saliency import ClipDraw, clips_inside, draw_clips, margin_loss
from vid2vidmr.nn.spans import span_giou, span_iou, to_centre_width, to_start_end
from vid2vidmr.nn.transformer import Decoder, DropPath, Encoder, xavier_init

LENGTHS = (9, 4, 1)
D = 16


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def padded():
    """Rows (3, 9, 16) with junk on the padding, and their mask."""
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    return torch.randn(3, max(LENGTHS), D), mask


def test_projection_has_published_keys_and_no_relu_at_its_end():
    projection = Projection(6, D, layers=3).eval()
    assert set(projection.state_dict()) == {
        f"{i}.{name}.{kind}"
        for i, name, kind in itertools.product(range(3), ("LayerNorm", "net.1"), ("weight", "bias"))
    }
    assert (projection(torch.randn(50, 6)) < 0).any()
    assert (projection[0](torch.randn(50, 6)) >= 0).all()


def test_normalise_keeps_zero_rows():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    torch.testing.assert_close(
        normalise(x), torch.tensor([[0.6, 0.8], [0.0, 0.0]]), atol=2e-6, rtol=0
    )


def test_endpoints_count_the_valid_rows_of_each_sample():
    x, mask = padded()
    endpoints = with_endpoints(x, mask)[..., D:]
    expected = torch.tensor([[0, 0.25], [0.25, 0.5], [0.5, 0.75], [0.75, 1]])
    torch.testing.assert_close(endpoints[1, :4], expected)
    assert (endpoints[1, 4:] == 0).all()


def test_sine_position_matches_its_formula():
    _, mask = padded()
    position = sine_position(mask, D)
    for b, row, k in [(0, 0, 0), (0, 8, 5), (1, 2, 7), (2, 0, 15)]:
        c = (row + 1) / (LENGTHS[b] + 1e-6) * 2 * math.pi
        angle = c / 10000 ** (2 * (k // 2) / D)
        expected = math.cos(angle) if k % 2 else math.sin(angle)
        assert position[b, row, k].item() == pytest.approx(expected, abs=1e-5)


def test_learned_position_reads_the_first_rows_of_its_table():
    position = LearnedPosition(8, D, dropout=0.1).eval()
    x = torch.randn(2, 3, D)
    table = position.position_embeddings.weight[:3]
    expected = torch.nn.functional.layer_norm(x + table, (D,))
    torch.testing.assert_close(position(x), expected)


@pytest.mark.parametrize("activation", ["relu", "gelu", "prelu"])
def test_encoder_and_decoder_do_not_see_padding(activation):
    encoder = Encoder(2, D, heads=4, ff=32, activation=activation).eval()
    decoder = Decoder(2, D, heads=4, ff=32, activation=activation).eval()
    queries = torch.randn(3, D)
    x, mask = padded()
    pos = sine_position(mask, D)
    memory = encoder(x, mask, pos)
    decoded = decoder(queries, memory, mask, pos)
    assert decoded.shape == (2, 3, 3, D)
    for b, n in enumerate(LENGTHS):
        alone = mask[b : b + 1, :n]
        pos_alone = sine_position(alone, D)
        memory_alone = encoder(x[b : b + 1, :n], alone, pos_alone)
        torch.testing.assert_close(memory[b, :n], memory_alone[0], atol=1e-5, rtol=0)
        decoded_alone = decoder(queries, memory_alone, alone, pos_alone)
        torch.testing.assert_close(decoded[:, b], decoded_alone[:, 0], atol=1e-5, rtol=0)


def test_drop_path_leaves_out_whole_branches_of_samples():
    x = torch.ones(4000, 3, 2)
    drop = DropPath(0.25)
    dropped = drop(x)
    assert (dropped == dropped[:, :1, :1]).all()
    torch.testing.assert_close(dropped.unique(), torch.tensor([0, 4 / 3]))
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert drop.eval()(x) is x


def test_drop_path_takes_the_place_of_residual_dropout():
    x, mask = padded()
    encoder = Encoder(1, D, heads=4, ff=32, dropout=0.5, drop_path=0.999999)
    dropped = encoder(x, mask, torch.zeros_like(x))
    norm = torch.nn.functional.layer_norm
    torch.testing.assert_close(dropped, norm(norm(x, (D,)), (D,)))


def test_positions_reach_queries_and_keys_but_not_values():
    encoder = Encoder(1, D, heads=4, ff=32).eval()
    one_row, mask = torch.randn(1, 1, D), torch.ones(1, 1)
    # One row attends to itself whatever its position: only values could carry the position.
    torch.testing.assert_close(
        encoder(one_row, mask, torch.randn(1, 1, D)), encoder(one_row, mask, torch.zeros(1, 1, D))
    )
    x, mask = padded()
    assert not torch.allclose(encoder(x, mask, torch.zeros_like(x)), encoder(x, mask, x))


def test_masked_convolutions_do_not_see_padding_and_published_ones_do():
    x, mask = padded()
    for masked in (True, False):
        head = ConvHead(D, 2, masked=masked)
        out = head(x, mask)
        assert out.shape == (3, 9, 2)
        gaps = [
            (out[b, :n] - head(x[b : b + 1, :n], mask[b : b + 1, :n])[0]).abs().max()
            for b, n in enumerate(LENGTHS)
        ]
        assert (max(gaps) < 1e-5) == masked


def test_mlp_is_relu_between_layers_only():
    mlp = MLP(D, 8, 2, layers=3)
    x = torch.randn(40, D)
    a, b, c = mlp.layers
    torch.testing.assert_close(mlp(x), c(b(a(x).relu()).relu()))


def test_xavier_init_leaves_vectors_alone():
    encoder = Encoder(1, D, heads=4, ff=32)
    xavier_init(encoder)
    layer = encoder.layers[0]
    assert layer.linear1.weight.abs().max() <= math.sqrt(6 / (D + 32))
    assert (layer.norm1.weight == 1).all()


def test_the_pooled_query_is_a_mean_of_valid_rows_and_finite_without_any():
    x, mask = padded()
    mask[2] = False
    pool = WeightedPool(D)
    pooled = pool(x, mask)
    weights = (x[1, :4] @ pool.weight).softmax(0)
    torch.testing.assert_close(pooled[1, 0], (weights * x[1, :4]).sum(0))
    assert pooled.isfinite().all()


def test_clips_of_a_moment_end_in_it():
    mask = torch.arange(6) < torch.tensor([6, 6, 4])[:, None]
    windows = torch.tensor([[2.0, 8.0], [3.9, 4.1], [6.5, 20.0]])
    inside = [row.nonzero()[:, 1].tolist() for row in clips_ending_in(windows[:, None], mask, 2.0)]
    assert inside == [[0, 1, 2, 3], [1], [3]]


def test_saliency_contrasts_match_their_definition_with_and_without_negatives_of_one_class():
    B, M = 4, 6
    rows, queries, scores = torch.randn(B, M, D), torch.randn(B, 1, D), torch.rand(B, M)
    lower, positive = torch.rand(B, M) > 0.5, torch.tensor([0, 5, 2, 2])
    lower[torch.arange(B), positive] = False
    group = torch.tensor([7, 3, 7, 7])
    outputs = {"vid_mem_proj": rows, "txt_mem_proj": queries, "saliency_scores": scores}
    mask = torch.ones(B, M, dtype=torch.bool)
    targets = ClipTargets(mask, scores, rows[..., :2], lower, positive, lower)

    def share(of, among):
        """Log of one's share among several similarities."""
        return float(of / 0.07 - (torch.stack(among) / 0.07).logsumexp(0))

    for apart in (None, group[:, None] != group):
        inter, intra = [], []
        for b, p in enumerate(positive.tolist()):
            rivals = [a for a in range(B) if a == b or apart is None or apart[a, b]]

            def cos(row, query):
                return torch.cosine_similarity(rows[row, positive[row]], queries[query, 0], dim=0)

            inter.append(share(cos(b, b), [cos(b, a) for a in rivals]))
            inter.append(share(cos(b, b), [cos(a, b) for a in rivals]))
            clips = [scores[b, i] for i in range(M) if i == p or lower[b, i]]
            intra.append(share(scores[b, p], clips))
            among = [scores[a, p] for a in rivals if positive[a] == p or lower[a, p]]
            intra.append(share(scores[b, p], among))
        found = saliency_contrasts(outputs, targets, apart)
        assert found[0].item() == pytest.approx(-sum(inter) / B, rel=1e-4)
        assert found[1].item() == pytest.approx(-sum(intra) / B, rel=1e-4)


times = st.floats(-2, 3, allow_nan=False, width=32)
span_strategy = st.tuples(times, st.floats(0.03125, 2, width=32)).map(lambda v: (v[0], v[0] + v[1]))


@given(span_strategy, span_strategy)
def test_iou_and_giou_agree_with_plain_arithmetic(a, b):
    overlap = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    union = (a[1] - a[0]) + (b[1] - b[0]) - overlap
    hull = max(a[1], b[1]) - min(a[0], b[0])
    first, second = torch.tensor(a), torch.tensor(b)
    assert span_iou(first, second).item() == pytest.approx(overlap / union, abs=1e-4)
    expected = overlap / union - (hull - union) / hull
    assert span_giou(first, second).item() == pytest.approx(expected, abs=1e-4)
    torch.testing.assert_close(to_start_end(to_centre_width(first)), first, atol=1e-5, rtol=0)


def test_iou_of_empty_spans_is_zero():
    empty = torch.zeros(2)
    assert span_iou(empty, empty) == 0
    assert span_giou(empty, empty) == 0


def test_matching_is_the_cheapest_of_all_assignments():
    logits, spans = torch.randn(4, 5, 2), torch.rand(4, 5, 2)
    windows = torch.rand(4, 3, 2)
    present = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 0], [0, 1, 0]], dtype=torch.bool)
    matches = match(logits, spans, windows, present)
    for b in range(4):
        chosen = {
            int(w): int(q)
            for s, q, w, _ in zip(*matches, strict=True)
            if s == b
        }  # fmt: skip
        columns = present[b].nonzero().flatten().tolist()
        assert sorted(chosen) == columns

        def cost(q, w, b=b):
            l1 = (spans[b, q] - windows[b, w]).abs().sum()
            overlap = span_giou(to_start_end(spans[b, q]), to_start_end(windows[b, w]))
            return float(10 * l1 - overlap - 4 * logits[b, q].softmax(0)[0])

        best = min(
            sum(cost(q, w) for q, w in zip(queries, columns, strict=True))
            for queries in itertools.permutations(range(5), len(columns))
        )
        assert sum(cost(q, w) for w, q in chosen.items()) == pytest.approx(best, abs=1e-5)


def test_outputs_that_are_not_numbers_give_a_loss_that_is_none():
    logits, spans = torch.full((1, 3, 2), torch.nan), torch.full((1, 3, 2), torch.nan)
    windows, present = torch.tensor([[[0.5, 0.2]]]), torch.ones(1, 1, dtype=torch.bool)
    matches = match(logits, spans, windows, present)
    assert set_losses(logits, spans, windows, matches)["loss_span"].isnan()


def test_set_losses_without_any_window_only_push_to_background():
    logits, spans = torch.randn(2, 5, 2, requires_grad=True), torch.rand(2, 5, 2)
    windows, present = torch.zeros(2, 1, 2), torch.zeros(2, 1, dtype=torch.bool)
    losses = set_losses(logits, spans, windows, match(logits, spans, windows, present))
    assert losses["loss_span"] == 0
    assert losses["loss_giou"] == 0
    expected = -0.1 * logits.log_softmax(-1)[..., 1].mean()
    torch.testing.assert_close(losses["loss_label"], expected)


def test_clips_inside_follow_the_published_rule():
    mask = torch.arange(6) < torch.tensor([6, 6, 6, 4])[:, None]
    windows = torch.tensor([[2.0, 8.0], [3.9, 4.1], [11.0, 12.0], [5.0, 100.0]])
    inside = [row.nonzero()[:, 1].tolist() for row in clips_inside(windows[:, None], mask, 2.0)]
    assert inside == [[1, 2, 3], [1], [5], [2, 3]]


def test_clips_are_drawn_inside_and_outside_without_repetition_where_possible():
    mask = torch.arange(8) < torch.tensor([8, 5, 2, 1])[:, None]
    windows = torch.tensor([[4.0, 10.0], [2.0, 4.0], [0.0, 4.0], [0.0, 2.0]])[:, None]
    inside = clips_inside(windows, mask, 2.0)[:, 0]
    seen = set()
    for _ in range(50):
        clips = draw_clips(windows, mask, 2.0)
        assert clips.valid.tolist() == [True, True, False, False]
        assert inside.gather(1, clips.positive).all()
        outside = ~inside & mask
        assert outside.gather(1, clips.negative)[clips.valid].all()
        assert clips.positive[0, 0] != clips.positive[0, 1]
        assert clips.positive[1].tolist() == [1, 1]
        assert clips.negative[1, 0] != clips.negative[1, 1]
        seen.add(tuple(clips.negative[0].tolist()))
    assert len(seen) > 5


def test_clips_can_be_drawn_from_a_single_clip():
    clips = draw_clips(torch.tensor([[[0.0, 2.0]]]), torch.ones(1, 1, dtype=torch.bool), 2.0)
    assert clips.positive.tolist() == [[0, 0]]
    assert not clips.valid.any()


def test_margin_loss_leaves_out_samples_without_negatives():
    scores = torch.tensor([[1.0, 0.0, 0.9], [5.0, 5.0, 5.0]], requires_grad=True)
    clips = ClipDraw(
        torch.tensor([[0, 0], [0, 1]]), torch.tensor([[1, 2], [0, 0]]), torch.tensor([True, False])
    )
    loss = margin_loss(scores, clips)
    assert loss.item() == pytest.approx(2 * (0 + 0.1) / 2)
    loss.backward()
    assert (scores.grad[1] == 0).all()
