"""Files that two processes write, and folders that they work in."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from vid2vidmr.files import LOCK, alone, replacing, write_text

WORKER = """
import sys, time
from pathlib import Path
from vid2vidmr.files import alone, replacing
folder, name = Path(sys.argv[1]), sys.argv[2]
with alone(folder):
    seen = sorted(path.name for path in folder.iterdir())
    with replacing(folder / "file.txt") as temporary:
        temporary.write_text(name)
        print("at work", seen, flush=True)
        sys.stdin.readline()
"""


def start(folder: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WORKER), str(folder), name], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_second_process_waits_and_says_so_in_a_line(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    first = start(folder, "first")
    assert line(first) == "at work ['.lock']\n"
    second = start(folder, "second")
    assert second.stderr is not None
    expected = f"Another process is at work in {folder}: waiting for it (Ctrl-C gives up).\n"
    assert second.stderr.readline() == expected
    assert first.communicate("\n") == ("", "")
    assert line(second) == "at work ['.lock', 'file.txt']\n"
    assert second.communicate("\n") == ("", "")
    assert names(folder) == ["file.txt"]
    assert (folder / "file.txt").read_text() == "second"


def test_a_killed_process_locks_nobody_out_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    busy = tmp_path / "busy"
    other = start(busy, "other")
    first = start(tmp_path, "first")
    assert line(first) and line(other)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert [name[:5] for name in names(tmp_path)] == [LOCK, ".tmp-", "busy"]
    with alone(tmp_path):
        assert names(tmp_path) == [LOCK, "busy"]
    assert other.communicate("\n") == ("", "")  # its file was left alone
    assert (busy / "file.txt").read_text() == "other"


def test_who_waits_takes_away_nothing_of_others(tmp_path: Path) -> None:
    """The one before ended by itself: what is unfinished is being written, without a lock."""
    first = start(tmp_path, "first")
    assert line(first)
    with replacing(tmp_path / "table.csv") as temporary:
        temporary.write_text("mine")
        second = start(tmp_path, "second")
        assert second.stderr is not None and second.stderr.readline()
        assert first.communicate("\n") == ("", "")
        assert temporary.name in line(second)
    assert second.communicate("\n") == ("", "")
    assert names(tmp_path) == ["file.txt", "table.csv"]


def test_who_works_alone_may_ask_again(tmp_path: Path) -> None:
    with alone(tmp_path):
        with alone(tmp_path):
            pass
        second = start(tmp_path, "second")  # it is still held
        assert second.stderr is not None and "Another process" in second.stderr.readline()
    assert line(second)
    assert second.communicate("\n") == ("", "")


def test_one_of_two_writers_wins_whole(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with replacing(path) as one, replacing(path) as two:
        assert one != two and one.suffix == two.suffix == ".csv"
        one.write_text("one")
        two.write_text("two")
    assert path.read_text() == "one"
    assert names(tmp_path) == ["table.csv"]


def test_names_may_be_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".txt")
    write_text(path, "text")
    assert path.read_text() == "text"


def test_who_waits_is_not_lost_when_the_other_one_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with pytest.raises(ValueError, match="failed"), alone(folder):
        second = start(folder, "second")
        assert second.stderr is not None and second.stderr.readline()
        raise ValueError("failed")
    assert line(second) == "at work ['.lock']\n"
    assert second.communicate("\n") == ("", "")


def test_a_folder_that_stays_empty_goes_with_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing"), alone(tmp_path / "made"):
        raise ValueError("nothing was written")
    given = tmp_path / "given"
    given.mkdir()
    with alone(given):
        pass
    assert names(tmp_path) == ["given"]
