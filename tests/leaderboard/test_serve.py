"""Serving a site: to this machine, with ranges."""

import http.client
import socket
import threading
import urllib.error
import urllib.request

import pytest

from leaderboard.serve import Handler, server
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


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=100-", "bytes=7-3", "bytes=-0", "bytes=-", "bytes=", "bytes=a-b", "bytes=1-2-3",
        "bytes=" + "9" * 5000 + "-", "bytes=-" + "9" * 30,
    ],
)  # fmt: skip
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


def test_several_ranges_are_answered_with_the_whole(address):
    status, headers, data = get(address, Range="bytes=0-1,5-6")
    assert (status, headers["Content-Range"], len(data)) == (200, None, 100)


def status_of(address, path, **headers):
    """Ask with a path that no client would send."""
    host, port = address.split("/")[2].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_only_this_machine_is_answered(address):
    port = address.split(":")[2].split("/")[0]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "localhost", "localhost:1234"):
        assert status_of(address, "/video.mp4", Host=host) == 200
    for host in (f"evil.example:{port}", "evil.example", "127.0.0.1.evil.example", "", "[::", None):
        assert status_of(address, "/video.mp4", Host=host) == 403


def test_nothing_but_files_of_the_site_is_given(site, address):
    (site / ".git").mkdir()
    (site / ".git" / "config").write_text("token")
    (site / ".env").write_text("token")
    (site / "folder").mkdir()
    (site / "methods").mkdir()
    (site / "methods" / "index.html").write_text("page")
    (site.parent / "outside").write_text("token")
    (site / "link").symlink_to(site.parent / "outside")
    (site / "out").symlink_to(site.parent)
    (site / "git").symlink_to(site / ".git")
    (site / "circle").symlink_to(site / "circle")
    for path in (
        "/.git/config", "/.env", "/%2egit/config", "/folder/", "/folder", "/", "/link",
        "/out/outside", "/git/config", "/circle", "/../outside", "/%2e%2e/outside", "/x" * 5000,
        "/" + "x" * 300, "//etc/passwd", "/folder/..%2f..%2foutside",
    ):  # fmt: skip
        assert status_of(address, path) in (404, 301 if path == "/folder" else 404), path
    for path in ("/%00", "/video.mp4%00.html", "/%ff"):
        assert status_of(address, path) == 400, path
    host, port = address.split("/")[2].split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(b"GET http://[/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert raw.recv(100).split()[1] == b"400"
    assert status_of(address, "/methods") == 301
    assert status_of(address, "/methods/") == 200
    assert status_of(address, "http://127.0.0.1/video.mp4") == 200


def test_a_client_that_says_nothing_is_hung_up_on(site, monkeypatch):
    monkeypatch.setattr(Handler, "timeout", 0.2)
    with server(site, 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        with socket.create_connection(running.server_address) as silent:
            silent.sendall(b"GET / HT")
            silent.settimeout(10)
            assert silent.recv(100) == b""
        running.shutdown()
