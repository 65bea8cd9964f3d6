"""Serving a site: to this machine, with ranges."""

import threading
import urllib.error
import urllib.request

import pytest

from leaderboard.serve import server
from leaderboard.site.build import MARK
from vid2vidmr.errors import DataError, UserError


@pytest.fixture
def site(tmp_path):
    (tmp_path / MARK).write_text("{}")
    (tmp_path / "video.mp4").write_bytes(bytes(range(100)))
    return tmp_path


@pytest.fixture
def address(site):
    with server(site, 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        assert running.server_address[0] == "127.0.0.1"
        yield f"http://127.0.0.1:{running.server_address[1]}/video.mp4"
        running.shutdown()


def get(address, **headers):
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        return answer.status, answer.headers, answer.read()


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("0-9", 0, 9), ("90-", 90, 99), ("95-500", 95, 99), ("-10", 90, 99), ("-500", 0, 99)],
)
def test_ranges(address, asked, first, last):
    status, headers, data = get(address, Range=f"bytes={asked}")
    assert (status, headers["Content-Range"]) == (206, f"bytes {first}-{last}/100")
    assert data == bytes(range(first, last + 1))
    assert headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=7-3"])
def test_ranges_that_are_not_there(address, asked):
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(address, Range=asked)
    assert caught.value.code == 416


def test_whole_files_and_what_is_outside(address):
    status, headers, data = get(address)
    assert (status, headers["Accept-Ranges"], len(data)) == (200, "bytes", 100)
    assert get(address, Range="lines=1-2")[0] == 200
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(address.replace("video.mp4", "../../etc/passwd"), Range="bytes=0-5")
    assert caught.value.code == 404


def test_a_folder_that_is_no_site_and_a_port_that_is_taken(site, tmp_path):
    with pytest.raises(DataError, match="leaderboard build"):
        server(tmp_path / "other", 0)
    with server(site, 0) as running, pytest.raises(UserError, match="--port"):
        server(site, running.server_address[1])
