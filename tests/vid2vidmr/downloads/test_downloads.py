"""Downloads through yt-dlp itself, from a server that behaves as badly as real ones."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bad_server import BadServer
from coded_video import HEIGHT, WIDTH, constant_rate, write_video

from vid2vidmr.downloads import DownloadOptions, Wanted, download, fetch, read_states
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.files import file_sha256

QUICK = DownloadOptions(
    pause_s=0.0, parallel=8, attempts=2, backoff_s=0.1, timeout_s=2.0, slowest=100.0
)
KINDS = {
    "ok": 140, "gone": 10, "forbidden": 8, "busyonce": 4, "busy": 2, "stalled": 4, "cut": 6,
    "cutonce": 6, "long": 4, "short": 4, "html": 5, "liar": 4, "slow": 3,
}  # fmt: skip
REASONS = {
    "gone": "removed", "forbidden": "private", "busy": "rate", "stalled": "network",
    "cut": "network", "long": "network", "short": "network", "html": "not a video",
    "liar": "not a video",
}  # fmt: skip


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    # Noise, for a file of several of the blocks that yt-dlp reads: of a block that is cut nothing
    # is kept where the library requests reads it.
    frames = np.random.default_rng(0).integers(0, 256, (6, HEIGHT, WIDTH, 3), np.uint8)
    return write_video(path, constant_rate(1, 6), rate=1, faststart=True, frames=list(frames))


@pytest.fixture
def server(video: Path) -> Iterator[BadServer]:
    started = BadServer(video.read_bytes())
    yield started
    started.stop()


def wanted(server: BadServer, *names: str) -> list[Wanted]:
    return [Wanted(name, server.mirror.replace("{id}", name), 6.0) for name in names]


def names() -> list[str]:
    each = [f"{kind}-{i}" for kind, number in KINDS.items() for i in range(number)]
    return each[::3] + each[1::3] + each[2::3]


def check_files(folder: Path, video: Path) -> None:
    """Nothing under a final name is half a video, and nothing is known wrongly."""
    states = read_states(folder)
    files = {path.stem: path for path in (folder / "videos").iterdir()}
    done = {name for name, row in states.items() if row.state == "done"}
    assert files.keys() == done
    sha256 = file_sha256(video)
    for name, path in files.items():
        assert file_sha256(path) == sha256 == states[name].sha256
        assert states[name].path == f"videos/{path.name}"


def test_200_videos_end_as_they_must_and_a_second_run_asks_for_what_may_have_passed(
    server: BadServer, video: Path, tmp_path: Path
) -> None:
    assert sum(KINDS.values()) == 200
    states = download(wanted(server, *names()), tmp_path, QUICK)
    for name, row in states.items():
        reason = REASONS.get(name.split("-")[0])
        assert (row.state, row.reason) == ("failed" if reason else "done", reason), row
    check_files(tmp_path, video)
    tries = Counter(row.attempts for name, row in states.items() if name.startswith("cutonce"))
    assert tries == {2: KINDS["cutonce"]}
    assert all(row.attempts == 1 for name, row in states.items() if name.startswith("gone"))
    assert {x.split()[0].split("-")[0] for x in server.ranges} >= {"cutonce"}  # it went on

    server.requests.clear()
    again = download(wanted(server, *names()), tmp_path, QUICK)
    assert {name.split("-")[0] for name in server.requests} == {
        "busy", "stalled", "cut", "long", "short"
    }  # fmt: skip
    assert [(a.state, a.reason) for a in again.values()] == [
        (s.state, s.reason) for s in states.values()
    ]
    check_files(tmp_path, video)

    server.requests.clear()
    states = download(wanted(server, "cut-0", "stalled-0"), tmp_path, replace(QUICK, attempts=1))
    assert set(server.requests) == {"cut-0", "stalled-0"}


RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_downloads import QUICK
from vid2vidmr.downloads import Wanted, download
mirror = sys.argv[2]
few = [f"{kind}-{i}" for i in range(15) for kind in ("ok", "slow", "cutonce", "gone")]
download([Wanted(n, mirror.replace("{id}", n), 6.0) for n in few], Path(sys.argv[3]), QUICK)
"""


def test_downloads_killed_ten_times_go_on_to_the_same_end(
    server: BadServer, video: Path, tmp_path: Path
) -> None:
    run = [sys.executable, "-c", RUN, str(Path(__file__).parent), server.mirror, str(tmp_path)]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}
    for arrived in range(4, 44, 4):
        process = subprocess.Popen(run, env=environment)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if len(list((tmp_path / "videos").glob("*"))) >= arrived:
                break
            time.sleep(0.01)
        assert process.poll() is None, "it ended before it was killed"
        process.kill()
        process.wait()
        for path in (tmp_path / "videos").iterdir():
            assert path.read_bytes() == video.read_bytes()
    before = {path.stem for path in (tmp_path / "videos").iterdir()}
    server.requests.clear()
    subprocess.run(run, check=True, env=environment)
    assert not before & set(server.requests)
    states = read_states(tmp_path)
    ended = Counter((row.state, row.reason) for row in states.values())
    assert ended == {("done", None): 45, ("failed", "removed"): 15}
    check_files(tmp_path, video)
    assert not (tmp_path / ".downloading").exists()


def test_files_that_are_there_are_checked_and_taken(
    server: BadServer, video: Path, tmp_path: Path
) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "ok-1.mkv").write_bytes(video.read_bytes())
    (tmp_path / "videos" / "ok-2.mp4").write_bytes(video.read_bytes()[:2000])
    states = download(wanted(server, "ok-1", "ok-2"), tmp_path, QUICK)
    assert set(server.requests) == {"ok-2"}
    assert states["ok-1"].path == "videos/ok-1.mkv"
    assert (tmp_path / "videos" / "ok-2.mp4").read_bytes() == video.read_bytes()

    (tmp_path / "videos" / "ok-2.mp4").unlink()
    server.requests.clear()
    download(wanted(server, "ok-1", "ok-2"), tmp_path, QUICK)
    assert set(server.requests) == {"ok-2"}


def test_a_video_of_another_length_is_not_the_one(server: BadServer, tmp_path: Path) -> None:
    [video] = wanted(server, "ok-1")
    states = download([video._replace(duration_s=60.0)], tmp_path, QUICK)
    assert states["ok-1"].reason == "another video"
    assert states["ok-1"].message == "it lasts 6.0 s, the annotations say 60.0 s"
    assert not list((tmp_path / "videos").glob("*"))


def test_requests_keep_their_distance(server: BadServer, tmp_path: Path) -> None:
    started = time.monotonic()
    download(wanted(server, *(f"ok-{i}" for i in range(5))), tmp_path, replace(QUICK, pause_s=0.3))
    assert time.monotonic() - started >= 4 * 0.3


def test_all_wait_as_long_as_the_server_asks(video: Path, tmp_path: Path) -> None:
    server = BadServer(video.read_bytes(), retry_after="2")
    started = time.monotonic()
    options = replace(QUICK, parallel=1)
    states = download(wanted(server, "busyonce-1", "ok-1"), tmp_path, options)
    server.stop()
    assert server.requests[0] == "busyonce-1"
    assert time.monotonic() - started >= 2
    assert {row.state for row in states.values()} == {"done"}


def test_a_trickle_is_given_up(video: Path, tmp_path: Path) -> None:
    padded = video.read_bytes() + (400_000).to_bytes(4, "big") + b"free" + bytes(399_992)
    server = BadServer(padded)
    server.piece_s = 0.4  # about 100 kB/s
    options = replace(QUICK, slowest=1e6, attempts=1, timeout_s=0.6)
    states = download(wanted(server, "slow-1"), tmp_path, options)
    assert states["slow-1"].reason == "network"
    assert "slower than 1000000 bytes a second" in str(states["slow-1"].message)
    server.piece_s = 0.0
    states = download(wanted(server, "slow-1"), tmp_path, options)
    server.stop()
    assert states["slow-1"].state == "done"


def test_what_has_no_end_is_given_up_and_nobody_is_led_to_a_file(
    server: BadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MOST_OF_A_FILE", 2**19)
    monkeypatch.setattr(fetch, "MOST_OF_A_SECOND", 2**16)
    monkeypatch.setattr(fetch, "PAGE_BYTES", 2**20)
    bad = ("endless-0", "endlesspage-0", "tofile-0")
    states = download(wanted(server, *bad, "ok-0"), tmp_path, QUICK)
    assert {name: states[name].reason for name in bad} == dict.fromkeys(bad, "not a video")
    assert f"more than {2**19 + 6 * 2**16:,} bytes" in str(states["endless-0"].message)
    assert "a page of more than 1,048,576 bytes" in str(states["endlesspage-0"].message)
    assert "file:///etc/passwd" in str(states["tofile-0"].message)
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["ok-0.mp4"]
    assert not (tmp_path / ".downloading").exists()
    monkeypatch.setattr(fetch, "PAGE_BYTES", 2**40)
    monkeypatch.setattr(fetch, "PAGE_S", 0.2)
    states = download(wanted(server, "endlesspage-1"), tmp_path, replace(QUICK, attempts=1))
    assert "a page did not end in 0 s" in str(states["endlesspage-1"].message)


def test_a_full_disk_stops_the_run_and_loses_nothing(
    server: BadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import shutil

    real = Path.replace

    def full(self: Path, target: Path) -> Path:
        if Path(target).stem == "ok-2":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    videos = wanted(server, *(f"ok-{i}" for i in range(6)))
    with pytest.raises(UserError, match=r"disk of .* is full .* free some space"):
        download(videos, tmp_path, replace(QUICK, parallel=1))
    states = read_states(tmp_path)
    assert [row.state for row in states.values()] == ["done"] * 2 + ["failed"] + ["pending"] * 3
    assert states["ok-2"].reason == "disk"
    monkeypatch.undo()
    assert shutil.disk_usage(tmp_path).free
    assert {row.state for row in download(videos, tmp_path, QUICK).values()} == {"done"}


def test_bad_options_are_one_clear_line(server: BadServer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'\.\./x' cannot be the name of a file"):
        download([Wanted("../x", server.address)], tmp_path, QUICK)
    with pytest.raises(UserError, match=r"names no video: write \{id\}"):
        download([], tmp_path, DownloadOptions(mirror="http://127.0.0.1/x.mp4"))
    cookies = tmp_path / "cookies.txt"
    with pytest.raises(UserError, match="No such file"):
        download([], tmp_path, DownloadOptions(cookies=cookies))
    cookies.write_text("a=b\n")
    with pytest.raises(UserError, match="expected a file in Netscape's format"):
        download([], tmp_path, DownloadOptions(cookies=cookies))
    (tmp_path / "downloads.sqlite").write_bytes(b"no data base" * 1000)
    with pytest.raises(DataError, match=r"cannot be used .* delete it"):
        download(wanted(server, "ok-1"), tmp_path, QUICK)


def test_cookies_and_proxy_reach_the_requests(
    server: BadServer, tmp_path: Path, video: Path
) -> None:
    """The server plays the proxy: it is asked for an address that nobody else could answer."""
    cookies = tmp_path / "cookies.txt"
    text = "# Netscape HTTP Cookie File\nvideo.invalid\tFALSE\t/\tFALSE\t0\tsession\tsecret\n"
    cookies.write_text(text)
    seen = []
    handler = server._server.RequestHandlerClass
    answer = handler.do_GET

    def do_GET(self) -> None:  # noqa: N802
        seen.append((self.path, self.headers.get("Cookie")))
        self.path = "/ok-1.mp4"
        answer(self)

    handler.do_GET = do_GET
    options = replace(QUICK, cookies=cookies, proxy=server.address)
    found = download([Wanted("x1", "http://video.invalid/x1.mp4")], tmp_path / "out", options)
    assert found["x1"].state == "done", found
    assert set(seen) == {("http://video.invalid/x1.mp4", "session=secret")}
    assert cookies.read_text() == text


def test_what_cookies_or_a_proxy_may_answer_is_asked_again_with_them(
    server: BadServer, tmp_path: Path
) -> None:
    download(wanted(server, "forbidden-1", "gone-1"), tmp_path, QUICK)
    server.requests.clear()
    download(wanted(server, "forbidden-1", "gone-1"), tmp_path, QUICK)
    assert not server.requests
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n")
    options = replace(QUICK, cookies=cookies)
    download(wanted(server, "forbidden-1", "gone-1"), tmp_path, options)
    assert set(server.requests) == {"forbidden-1"}


def test_addresses() -> None:
    assert QUICK.url("mo3H_qusvxI") == "https://www.youtube.com/watch?v=mo3H_qusvxI"
    mirrored = replace(QUICK, mirror="http://here/{id}.mp4")
    assert mirrored.url("mo3H_qusvxI") == "http://here/mo3H_qusvxI.mp4"
