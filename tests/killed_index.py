"""Index ``matches`` into ``many``, killed again and again: run by `test_index_killed`.

Counted is what a file system sees: files opened to be written, both halves of writes, renames,
deletions. A fork kills itself with SIGKILL at the step that it is told.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable

from second_encoder import second_encoder

import vid2vidmr as v

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
write = os.write


def watch(step: Callable[[], None]) -> None:
    """Call `step` before every change of a file, and in the middle of writes."""

    def heard(event: str, arguments: tuple[object, ...]) -> None:
        if event in CHANGES or (event == "open" and arguments[2] & WRITES):  # type: ignore[operator]
            step()

    def in_halves(file: int, data: memoryview) -> int:
        half = len(data) // 2
        step()
        done = write(file, data[:half])
        step()
        return done + write(file, data[half:])

    sys.addaudithook(heard)
    os.write = in_halves  # type: ignore[assignment]


def index(out: str, kill_at: int = 0) -> tuple[int, int]:
    """Index in a process of its own; gives how it ended, and how many steps it took."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1
            if steps == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        watch(step)
        try:
            v.index("matches", out, second_encoder())
            write(theirs, str(steps).encode())
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), int(said or 0)


def main() -> None:
    """Index into ``once`` undisturbed, into ``many`` killed so often, later each time."""
    assert "torch" in sys.modules  # loaded once, not by each fork
    once = index("once")
    many = [index("many", 5 + 2 * kill)[0] for kill in range(int(sys.argv[1]))]
    print(json.dumps({"once": once, "many": many, "at_last": index("many")}))


if __name__ == "__main__":
    main()
