import numpy as np
import pytest

from vid2vidmr.train.sampling import epoch_batches, shares


@pytest.mark.parametrize("buckets", [False, True])
def test_every_pair_is_in_one_batch(buckets: bool) -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 1003)
    batches = epoch_batches(lengths, 1003, 10, 0, 0, buckets)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1003))
    assert sorted(map(len, batches)) == [3, *[10] * 100]


def test_batches_depend_on_seed_and_epoch_alone() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 1000)

    def drawn(seed: int, epoch: int) -> list[int]:
        return np.concatenate(epoch_batches(lengths, 500, 10, seed, epoch, True)).tolist()

    assert drawn(0, 1) == drawn(0, 1)
    assert len({tuple(drawn(*key)) for key in ((0, 0), (0, 1), (1, 0))}) == 3


def test_buckets_save_most_of_the_padding_and_keep_the_order_random() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 5000)

    def padding(batches: list[np.ndarray]) -> float:
        return sum(len(b) * lengths[b].max() - lengths[b].sum() for b in batches)

    plain = epoch_batches(lengths, 5000, 20, 0, 0, False)
    bucketed = epoch_batches(lengths, 5000, 20, 0, 0, True)
    assert padding(bucketed) < 0.1 * padding(plain)
    means = [lengths[b].mean() for b in bucketed]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


@pytest.mark.parametrize("size", [None, 1, 2, 3, 100])
@pytest.mark.parametrize("count", [1, 2, 5, 12])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_weighted_means_of_shares_add_up_to_the_mean_of_the_batch(
    processes: int, count: int, size: int | None
) -> None:
    batch = np.random.default_rng(0).permutation(count)
    values = np.random.default_rng(1).random(count)
    lengths = np.random.default_rng(2).integers(1, 9, count)
    dealt = [shares(batch, lengths, process, processes, size) for process in range(processes)]
    parts = [part for of_one in dealt for part in of_one]
    for of_one in dealt if size else []:
        assert (np.diff(np.concatenate([lengths[rows] for rows, _ in of_one])) >= 0).all()
    assert sum(w * values[rows].mean() for rows, w in parts) == pytest.approx(values.mean())
    assert sorted(np.concatenate([rows for rows, w in parts if w])) == list(range(count))
    assert all(size is None or len(rows) <= size for rows, _ in parts)
