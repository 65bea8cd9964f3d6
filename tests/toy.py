"""A data set of random features with planted moments: every class is a script of directions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from vid2vidmr.contract import FeatureContract
from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.train.batch import PairSamples, Sample, collate
from vid2vidmr.windows import temporal_iou

CONTRACT = FeatureContract(
    encoder="toy",
    weights_sha256="0" * 64,
    dim=16,
    sampling="t = 0, 2, 4, ... s",
    preprocessing="none",
    decoder="none",
    dtype="float32",
    simulated=True,
)


def toy_pairs(count: int, seed: int = 0, classes: int = 4, rows: int = 20) -> PairSet:
    """Pairs whose query and ground truth show the same script among noise."""
    rng = np.random.default_rng(seed)
    scripts = rng.standard_normal((classes, 5, CONTRACT.dim))
    videos, starts, labels = {}, [], np.arange(count) % classes
    for i in range(count):
        label = labels[i]
        moment = scripts[label] + 0.2 * rng.standard_normal(scripts[label].shape)
        target = rng.standard_normal((rows, CONTRACT.dim))
        start = int(rng.integers(0, rows - len(moment) + 1))
        target[start : start + len(moment)] = moment
        videos[f"q{i}"] = scripts[label] + 0.2 * rng.standard_normal(scripts[label].shape)
        videos[f"t{i}"] = target
        starts.append(start)
    start_s, length_s = 2.0 * np.array(starts), 2.0 * scripts.shape[1]
    table = pair_table(
        [f"pair{i}" for i in range(count)], *([f"{of}{i}" for i in range(count)] for of in "qt"),
        query_s=(0.0, length_s), clip_s=(0.0, 2.0 * rows), truth_s=(start_s, start_s + length_s),
        label=[f"class{label}" for label in labels],
    )  # fmt: skip
    return PairSet(table, "train", features=MemoryFeatures(CONTRACT, videos))


def mixed_samples() -> list[Sample]:
    """Samples of targets of different lengths."""
    return [PairSamples(toy_pairs(3, seed=rows, rows=rows))[0] for rows in (20, 7, 33)]


def check_independence_of_the_batch(method: NeuralMethod) -> None:
    """A pair alone has the outputs and the windows that it has in a padded batch."""
    torch.manual_seed(0)
    samples = mixed_samples()
    samples[1] = replace(samples[1], query=samples[1].query[:2])
    model = method.build_model(CONTRACT.dim).eval()
    with torch.no_grad():
        batch = collate(samples)
        together = model(batch)
        windows = method.windows(together, batch)
        for b, sample in enumerate(samples):
            batch = collate([sample])
            alone = model(batch)
            assert alone.keys() == together.keys()
            for name, value in alone.items():
                torch.testing.assert_close(
                    together[name][b : b + 1, : value.shape[1]], value, atol=1e-5, rtol=1e-5
                )
            found = method.windows(alone, batch)[0]
            np.testing.assert_allclose(windows[b], found, atol=1e-3)
            check_windows(found, sample.duration_s)


def check_windows(windows: np.ndarray, duration_s: float) -> None:
    """Ranked, not empty, inside the target."""
    assert len(windows)
    assert (np.diff(windows[:, 2]) <= 0).all()
    assert (windows[:, 0] >= 0).all()
    assert (windows[:, 0] < windows[:, 1]).all()
    assert (windows[:, 1] <= duration_s).all()


def check_learning(method: NeuralMethod, folder: Path, at_least: float) -> None:
    """It finds moments of pairs that it has not seen, and comes back from its checkpoint."""
    train, unseen = toy_pairs(48).take(np.arange(32)), toy_pairs(48).take(np.arange(32, 48))
    method.fit(train, unseen, folder)
    predictions = list(method.predict(unseen))
    assert [p.pair_id for p in predictions] == unseen.table["pair_id"].tolist()
    for prediction, duration_s in zip(predictions, unseen.durations_s, strict=True):
        check_windows(np.array(prediction.windows), duration_s)
    best = np.array([p.windows[0][:2] for p in predictions])
    truth = unseen.table[["start_s", "end_s"]].to_numpy("float64")
    assert temporal_iou(best, truth).mean() > at_least
    back = type(method).load(folder)
    assert back.config == method.config
    assert list(back.predict(unseen)) == predictions
