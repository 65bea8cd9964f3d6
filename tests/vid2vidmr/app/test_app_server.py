"""The server of the page: what it gives to this machine, and what it refuses."""

import http.client
import io
import json
import threading
import zipfile
from pathlib import Path

import pytest

from vid2vidmr.app.desk import Desk
from vid2vidmr.app.server import HOST, listening_on, make_app, server_of
from vid2vidmr.archive.search import Searcher, search
from vid2vidmr.errors import UserError

HOSTS = ("127.0.0.1", "localhost", "localhost:80")
PART = {"video": 1, "start_s": 10, "end_s": 22}


@pytest.fixture(scope="module")
def served(archive_folder, tmp_path_factory):
    """Port of a server that runs, and its desk."""
    desk = Desk(Searcher(archive_folder, "scan"), tmp_path_factory.mktemp("room"))
    server = server_of(make_app(desk))
    with listening_on(0) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield listening.getsockname()[1], desk
        server.should_exit = True
        thread.join()


@pytest.fixture
def send(served):
    def send(path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection(HOST, served[0], timeout=30)
        data = json.dumps(body) if isinstance(body, dict) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, data, named)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    return send


def test_the_page_and_its_files_come_with_a_strict_policy(send):
    for path in ("/", "/start.js", "/assets/page.js", "/assets/base.css", "/video/0"):
        status, headers, _ = send(path)
        assert status == 200
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy and headers["Cross-Origin-Resource-Policy"] == "same-origin"
    status, headers, data = send("/video/0", Range="bytes=4-7")
    assert (status, data) == (206, b"ftyp") and headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", ""])
def test_only_the_names_of_this_machine_may_ask(send, host):
    assert send("/", Host=host)[0] == 400
    assert all(send("/", Host=name)[0] == 200 for name in HOSTS)


def test_a_page_of_another_site_may_not_send(send, served):
    ask = {"queries": [{"video": 0, "start_s": 0, "end_s": 10}]}
    for origin in ("http://evil.example", "null", f"http://{HOST}:1"):
        assert send("/search", "POST", ask, Origin=origin)[0] == 403
    assert send("/search", "POST", ask, Origin=f"http://{HOST}:{served[0]}")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/video/6", "/video/-1", "/video/..%2f..%2fetc%2fpasswd", "/video/99999999999999999999",
        "/assets/../server.py", "/assets/..%2fserver.py", "/assets/%2e%2e/desk.py", "/etc/passwd",
        "//etc/passwd", "/dropped/..", "/dropped/0", "/preview/0?at=99999", "/preview/6?at=1",
        "/preview/0?at=inf", "/preview/0?at=x", "/assets/", "/assets/none.css",
    ],
)  # fmt: skip
def test_nothing_outside_the_archive_is_given(send, path):
    assert send(path)[0] == 404


def test_a_search_is_that_of_the_command(send, archive_folder):
    status, _, data = send("/search", "POST", {"queries": [PART]})
    found = json.loads(data)
    names = list(json.loads(send("/start.js")[2][len("const start = ") : -2])["videos"])
    name = names[1]["name"]
    same = search(f"{name}@10-22", archive_folder, "scan")
    assert status == 200 and found["queries"] == [f"{name}@0:10-0:22"]
    assert [(names[h["video"]]["name"], h["start_s"], h["score"]) for h in found["hits"]] == [
        (w.video, w.start_s, w.score) for w in same.windows
    ]
    for hit in found["hits"][:2]:
        status, headers, image = send("/" + hit["preview"])
        assert (status, headers["Content-Type"], image[:2]) == (200, "image/jpeg", b"\xff\xd8")


def test_feedback_keeps_what_was_accepted_and_drops_what_was_rejected(send):
    ask = {"queries": [PART], "min_score": 0}
    first = json.loads(send("/search", "POST", ask)[2])["hits"]
    part = [{key: hit[key] for key in ("video", "start_s", "end_s", "score")} for hit in first]
    judged = ask | {"accepted": part[1:2], "rejected": part[:1]}
    again = json.loads(send("/search", "POST", judged)[2])["hits"]
    windows = [(hit["video"], hit["start_s"]) for hit in again]
    assert windows[0] == (part[1]["video"], part[1]["start_s"]) and again[0]["score"] == 1
    assert (part[0]["video"], part[0]["start_s"]) not in windows


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ({}, "Nothing is asked"), ({"negatives": [PART]}, "Nothing is asked"),
        ({"queries": [{"video": 99}]}, "Nothing is asked"),
        ({"queries": [{"dropped": "../../etc"}]}, "Nothing is asked"),
        ({"queries": [{"video": 0, "start_s": 5}]}, "both marks"),
        ({"queries": [{"video": 0, "start_s": 5, "end_s": 4}]}, "ends before it begins"),
        ({"queries": [{"video": 0, "start_s": 1e6, "end_s": 2e6}]}, "behind the end"),
        ({"queries": [{"video": 0, "start_s": -1, "end_s": 4}]}, "start_s"),
        ({"queries": [PART], "negatives": [{"video": 99}]}, "Nothing is asked"),
        ({"queries": [PART], "top": 10**9}, "top"), ({"path": "/etc/passwd"}, "path"),
        ({"queries": [PART], "fuse": "worst"}, "fuse"), ({"queries": 101 * [PART]}, "queries"),
        ({"queries": [PART], "accepted": [{"video": 77, "start_s": 0, "end_s": 1}]},
         "no such window"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(send, ask, said):
    status, _, data = send("/search", "POST", ask)
    assert status == 400 and said in json.loads(data)["error"]


def test_a_file_is_dropped_and_asked_with(send, served):
    video = served[1].video(2)
    status, _, data = send("/drop?name=../../my%20goal.mp4", "PUT", video.read_bytes())
    taken = json.loads(data)
    assert status == 200 and taken["name"] == "my-goal.mp4" and taken["duration_s"] > 10
    assert send(f"/dropped/{taken['dropped']}")[2] == video.read_bytes()
    query = {"dropped": taken["dropped"], "start_s": 4, "end_s": 14}
    ask = {"queries": [query, PART], "negatives": [PART], "fuse": "best", "min_score": 0}
    found = json.loads(send("/search", "POST", ask)[2])
    assert found["queries"][0] == "my-goal.mp4@0:04-0:14" and len(found["queries"]) == 2
    assert found["hits"]


def test_what_is_no_video_is_not_kept(send, served):
    room = served[1]._room
    before = set(room.rglob("*.*"))
    for name, body in (("a.sh", b"#!"), ("..", b""), ("", b""), ("a.mp4", b"no video")):
        assert send(f"/drop?name={name}", "PUT", body)[0] == 400
    assert set(room.rglob("*.*")) == before


def test_a_selection_is_taken_out(send):
    windows = [{"video": v, "start_s": 4.0, "end_s": 8.0, "score": 0.9} for v in (0, 3)]
    asked = {"queries": ["a.mp4@1-2"], "windows": windows}
    status, headers, data = send("/export", "POST", {"form": "csv", **asked})
    assert status == 200 and 'filename="found.csv"' in headers["Content-Disposition"]
    assert data.decode().splitlines()[1].endswith(",4.000,8.000,0.900,a.mp4@1-2,scan")
    _, headers, data = send("/export", "POST", {"form": "clips", **asked})
    assert 'filename="found.zip"' in headers["Content-Disposition"]
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert len(names) == 2 and all(Path(name).suffix == ".mp4" for name in names)
    assert send("/export", "POST", {"form": "exe", **asked})[0] == 400


def test_a_port_that_is_taken_is_said(served, cli, archive_folder):
    with pytest.raises(UserError, match="cannot be used"), listening_on(served[0]):
        pass
    ran = cli("app", "--archive", archive_folder, "--method", "scan", "--port", served[0])
    assert ran.code == 2 and "pass another --port" in ran.err
