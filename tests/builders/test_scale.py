"""The moments of the simulated full build are such as the builder takes."""

import runpy
from pathlib import Path

from builders.sportsmoments.custom import custom_moments
from builders.sportsmoments.tables import read_released
from builders.sportsmoments.verify import SOCCER

SCALE = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "scale.py"))


def test_moments_of_a_simulated_build(tmp_path: Path) -> None:
    path, released = tmp_path / "moments.csv", read_released()
    ids = SCALE["match_ids"](80)
    assert len(set(ids)) == 80
    SCALE["write_moments"](path, ids, 10, 1600)
    table, matches = custom_moments(
        path, released
    )  # refuses overlaps, other matches, other classes
    assert not matches.unresolved
    assert set(table["video"]) == set(matches.ids)
    assert (table["video"].value_counts() == 20).all()
    assert table["label"].nunique() == 29
    seconds = table["end_s"] - table["start_s"]
    assert (seconds.min(), seconds.max()) == (2, 61)
    soccer = table["label"].isin({released.labels[number] for number in SOCCER})
    assert (soccer.groupby(table["video"]).nunique() == 1).all()  # one sport a match
