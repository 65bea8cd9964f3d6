"""Rendering many videos in parallel processes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path

from builders.minimatch.plan import VideoPlan


def render_missing(plans: Sequence[VideoPlan], folder: Path, workers: int) -> None:
    """Render the videos that have no file in `folder` yet, the longest first.

    The number of processes does not change a byte: each video has its own random streams.
    """
    # Late: a worker imports this module too, and needs neither.
    from vid2vidmr.progress import progress
    from vid2vidmr.workers import worker_pool

    jobs = [(plan, folder / f"{plan.video_id}.mp4") for plan in plans]
    jobs = [(plan, path) for plan, path in jobs if not path.exists()]
    if not jobs:
        return
    jobs.sort(key=lambda job: job[0].frames, reverse=True)
    with (
        worker_pool(min(workers, len(jobs))) as pool,
        progress("rendering minimatch", total=len(jobs)) as bar,
    ):
        started, drawn = time.monotonic(), 0
        running = {pool.submit(_render_one, plan, path): plan for plan, path in jobs}
        for job in as_completed(running):
            job.result()
            drawn += running[job].frames
            bar.advance(note=f"{drawn / (time.monotonic() - started):.0f} frames/s")


def _render_one(plan: VideoPlan, path: Path) -> None:
    # Late: the parent needs neither OpenCV nor PyAV.
    from builders.minimatch.render import render

    render(plan, path)
