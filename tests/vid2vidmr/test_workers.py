import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vid2vidmr.data.protocols import Protocol
from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.progress import progress
from vid2vidmr.workers import worker_pool


def work(steps: int) -> int:
    with progress("counting", steps) as bar:
        for step in range(steps):
            bar.advance(1, f"step {step}")
    return os.getpid()


def test_what_is_long_leaves_the_numbers(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 80 columns the bar alone gets shorter."""
    monkeypatch.setenv("COLUMNS", "80")
    note = f"{Protocol.parse('archive, 2 of 5 examples by mean').short} mAP 35.3"
    with progress("predict align_learned, seed 0", 320) as bar:
        bar.advance(320, note)
    last = capfd.readouterr().err.splitlines()[-1]
    assert "320/320 0:00:00 0:00:00 2 shots mAP 35.3" in last and "\u2501\u2501\u2501" in last


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


WRITING = """
import sys, time
from pathlib import Path
from vid2vidmr.files import replacing
from vid2vidmr.workers import worker_pool

def write(path):
    with replacing(path) as temporary:
        temporary.write_text("half")
        time.sleep(600)

if __name__ == "__main__":
    with worker_pool(2) as pool:
        for name in "abcdef":
            pool.submit(write, Path(sys.argv[1]) / name)
        print(flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize("when", ["at the start", "at work"])
def test_ctrl_c_ends_workers_without_a_word_and_leaves_nothing(tmp_path: Path, when: str) -> None:
    script, out = tmp_path / "parent.py", tmp_path / "out"
    script.write_text(WRITING)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(out)], start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert parent.stdout is not None and parent.stdout.readline()
    if when == "at work":
        deadline = time.monotonic() + 60
        while len(list(out.glob(".tmp-*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    os.killpg(parent.pid, signal.SIGINT)  # as a terminal does
    _, error = parent.communicate(timeout=60)
    assert error.count("Traceback") == 1  # that of the script, which catches nothing
    assert error.endswith("KeyboardInterrupt\n")
    assert not out.exists() or not list(out.iterdir())
    for _ in range(100):
        try:
            os.killpg(parent.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a worker outlived its parent")
