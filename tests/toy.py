"""A data set of random features with planted moments: every class is a script of directions."""

import numpy as np
import pandas as pd

from vid2vidmr.features import FeatureContract, MemoryFeatures
from vid2vidmr.pairs import PairSet

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
    videos, table = {}, []
    for i in range(count):
        label = i % classes
        moment = scripts[label] + 0.2 * rng.standard_normal(scripts[label].shape)
        target = rng.standard_normal((rows, CONTRACT.dim))
        start = int(rng.integers(0, rows - len(moment) + 1))
        target[start : start + len(moment)] = moment
        videos[f"q{i}"] = scripts[label] + 0.2 * rng.standard_normal(scripts[label].shape)
        videos[f"t{i}"] = target
        table.append(
            {
                "pair_id": f"pair{i}",
                "label": f"class{label}",
                "query_id": f"q{i}",
                "target_id": f"t{i}",
                "query_video": f"q{i}",
                "query_source": f"q{i}",
                "query_start_s": 0.0,
                "query_end_s": 2.0 * len(moment),
                "target_video": f"t{i}",
                "target_source": f"t{i}",
                "clip_start_s": 0.0,
                "clip_end_s": 2.0 * rows,
                "start_s": 2.0 * start,
                "end_s": 2.0 * (start + len(moment)),
            }
        )
    return PairSet(pd.DataFrame(table), "train", features=MemoryFeatures(CONTRACT, videos))
