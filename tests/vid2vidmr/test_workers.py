import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.progress import progress
from vid2vidmr.workers import worker_pool


def work(steps: int) -> int:
    with progress("counting", steps) as bar:
        for step in range(steps):
            bar.advance(1, f"step {step}")
    return os.getpid()


def fail() -> None:
    raise UnknownNameError("method", "matrr", ["matr"])


def test_workers_show_their_progress_in_the_parent(capfd: pytest.CaptureFixture[str]) -> None:
    with worker_pool(1) as pool:
        assert pool.submit(work, 3).result() != os.getpid()
    shown = capfd.readouterr().err
    assert "counting" in shown
    assert "3/3" in shown
    assert "step 2" in shown


def test_errors_of_workers_keep_their_sentence() -> None:
    with worker_pool(1) as pool, pytest.raises(UserError, match="did you mean 'matr'"):
        pool.submit(fail).result()


PARENT = """
import sys, time
from vid2vidmr.workers import worker_pool
if __name__ == "__main__":
    with worker_pool(1) as pool:
        print(pool.submit(__import__("os").getpid).result(), flush=True)
        pool.submit(time.sleep, 600)
        time.sleep(600)
"""


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    for _ in range(100):
        state = Path(f"/proc/{worker}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its parent")
