"""Rendering many videos in parallel processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from pathlib import Path

from builders.minimatch.plan import VideoPlan


def render_missing(plans: Sequence[VideoPlan], folder: Path, workers: int) -> None:
    """Render the videos that have no file in `folder` yet, the longest first.

    The number of processes does not change a byte: each video has its own random streams.
    """
    # Late: a worker imports this module too, and needs no progress bar.
    from vid2vidmr.progress import progress

    jobs = [(plan, folder / f"{plan.video_id}.mp4") for plan in plans]
    jobs = [(plan, path) for plan, path in jobs if not path.exists()]
    if not jobs:
        return
    jobs.sort(key=lambda job: job[0].frames, reverse=True)
    # Spawned, not forked: threads of the parent (torch, OpenCV) do not survive a fork.
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=get_context("spawn"), initializer=_start_worker
    )
    try:
        with progress("rendering minimatch", total=len(jobs)) as bar:
            started, drawn = time.monotonic(), 0
            running = {pool.submit(_render_one, plan, path): plan for plan, path in jobs}
            for job in as_completed(running):
                job.result()
                drawn += running[job].frames
                bar.advance(note=f"{drawn / (time.monotonic() - started):.0f} frames/s")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _render_one(plan: VideoPlan, path: Path) -> None:
    # Late: the parent needs neither OpenCV nor PyAV.
    from builders.minimatch.render import render

    render(plan, path)
