"""Reported numbers: complete, cited, and impossible ones found."""

from collections import Counter

import pytest

from leaderboard.reported import ReportedRow, flags, reported_rows
from vid2vidmr.evaluation import broken_bounds


def _row(**metrics: float) -> ReportedRow:
    return ReportedRow(
        method="a", group="g", variant=None, dataset="sportsmoments",
        metrics=metrics, citation="A paper", note=None,
    )  # fmt: skip


def test_every_row_of_the_table_is_there_with_its_citation():
    rows = reported_rows()
    assert Counter(row.dataset for row in rows) == {"activitynet-vrl": 40, "sportsmoments": 30}
    assert all("ICCV 2025, Table 1" in row.citation for row in rows)
    assert len({(row.method, row.group, row.variant, row.dataset) for row in rows}) == len(rows)
    best = [row for row in rows if (row.method, row.variant) == ("matr", "finetuned+V")]
    assert [row.metrics for row in best] == [
        {"mIoU": 56.8, "R1@0.5": 57.1},
        {"mIoU": 59.2, "R1@0.5": 56.5},
    ]


def test_notes_are_kept():
    notes = {row.method: row.note for row in reported_rows() if row.note}
    assert set(notes) == {"random", "video_match", "sst", "cgbm", "gdp", "vslnet"}
    assert "not a mean IoU" in notes["random"]


def test_of_the_reported_rows_random_is_impossible():
    ((row, reason),) = [
        (row, reason) for row in reported_rows() for reason in broken_bounds(row.metrics)
    ]
    assert (row.method, row.dataset) == ("random", "activitynet-vrl")
    assert "7.3" in reason and "16.2" in reason


@pytest.mark.parametrize(
    ("metrics", "impossible"),
    [
        ({"mIoU": 7.3, "R1@0.5": 16.2}, True),
        ({"mIoU": 8.1, "R1@0.5": 16.2}, False),
        ({"mIoU": 8.0, "R1@0.5": 16.1}, False),  # rounded: it may be 8.04 and 16.06
        ({"mIoU": 7.9, "R1@0.5": 16.2}, True),
        ({"mIoU": 20.0, "R1@0.7": 30.0}, True),
        ({"R1@0.5": 16.2}, False),
    ],
)
def test_the_bound_is_the_threshold_times_the_recall(metrics, impossible):
    assert bool(flags(_row(**metrics))) is impossible
