"""A hub for models and data sets on 127.0.0.1: as much of its protocol as the real client needs."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "a" * 40
LARGE = (".parquet", ".bin")
"""Files that are uploaded by LFS."""


class LocalHub:
    """Files by path (``/user/name/resolve/main/FILE``) and the paths of all requests.

    Those of data sets begin with ``/datasets``.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.ranges: list[str] = []  # path and first byte of the requests for a part
        self.cut: dict[str, int] = {}  # part of a path to where its connections break, in bytes
        self.objects: dict[str, bytes] = {}  # what was uploaded by LFS, by its hash
        self.uploads_left = -1  # so many of them get through; -1: all
        self.refusal = 0  # status that every POST is answered with
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer()

            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hub.requests.append(self.path)
                if hub.refusal:
                    self.empty(hub.refusal)
                    return
                self.send(json.dumps(hub.post(self.path, body)).encode())

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hub.requests.append(self.path)
                if hub.uploads_left == 0:  # the connection breaks
                    self.close_connection = True
                    return
                hub.uploads_left -= 1
                hub.objects[self.path.removeprefix("/objects/")] = body
                self.empty(200)

            def empty(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def answer(self) -> None:
                hub.requests.append(self.path)
                data = hub.get(self.path)
                if data is None:
                    self.send_response(404)
                    whole = self.path.startswith("/api/") and "/tree/" not in self.path
                    missing = "Repo" if whole else "Entry"
                    self.send_header("X-Error-Code", f"{missing}NotFound")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self.send(data)

            def send(self, data: bytes) -> None:
                wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
                first = int(wanted[1]) if wanted else 0
                if wanted:
                    hub.ranges.append(f"{self.path} {first}")
                self.send_response(206 if wanted else 200)
                self.send_header("ETag", f'"{hash(data):x}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", str(len(data) - first))
                if wanted:
                    span = f"bytes {first}-{len(data) - 1}/{len(data)}"
                    self.send_header("Content-Range", span)
                self.end_headers()
                if self.command != "HEAD":
                    cut = min((n for p, n in hub.cut.items() if p in self.path), default=None)
                    self.wfile.write(data[first:cut])
                    self.close_connection = cut is not None

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Let nobody listen any more: connections are refused."""
        self._server.shutdown()
        self._server.server_close()

    def get(self, path: str) -> bytes | None:
        """Give a file, or what is known of a repository; there is one commit."""
        path = path.split("?")[0].replace(f"/resolve/{COMMIT}/", "/resolve/main/")
        repository = re.sub("^/api/(models/|(?=datasets/))", "", path)
        repository = re.split("/(?:revision|tree)/", repository)[0]
        start = f"/{repository}/resolve/main/"
        names = [p.removeprefix(start) for p in self.files if p.startswith(start)]
        if names and "/tree/" in path:
            folder = path.split("/tree/")[1].partition("/")[2]
            names = [name for name in names if name.startswith(folder)]
            found = [self.listed(name, self.files[start + name]) for name in names]
            return json.dumps(found).encode() if names else None
        if names and repository != path:
            files = [{"rfilename": name} for name in names]
            return json.dumps({"id": repository, "sha": COMMIT, "siblings": files}).encode()
        return self.files.get(path)

    def listed(self, name: str, data: bytes) -> dict[str, Any]:
        """Give what a list of files says: large ones, and videos, are kept by LFS."""
        oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        found: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": oid}
        if name.endswith((".mp4", ".zip", ".bin")):
            sha256 = hashlib.sha256(data).hexdigest()
            found["lfs"] = {"oid": sha256, "size": len(data), "pointerSize": 130}
        return found

    def post(self, path: str, body: bytes) -> Any:
        """Take an upload; large files come before the commit, the others within it."""
        if path == "/api/repos/create":
            wanted = json.loads(body)
            start = "datasets/" if wanted.get("type") == "dataset" else ""
            return {"url": f"{self.address}/{start}{wanted['organization']}/{wanted['name']}"}
        if "/preupload/" in path:
            return {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                        "shouldIgnore": False,
                    }
                    for file in json.loads(body)["files"]
                ]
            }
        if path.endswith("/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            return {
                "transfer": "basic",
                "objects": [
                    {
                        **file,
                        **(
                            {}
                            if file["oid"] in self.objects
                            else {
                                "actions": {
                                    "upload": {"href": f"{self.address}/objects/{file['oid']}"}
                                }
                            }
                        ),
                    }
                    for file in wanted
                ],
            }
        if "/commit/" in path:
            repository = path.removeprefix("/api/").removeprefix("models/").split("/commit/")[0]
            for line in map(json.loads, body.splitlines()):
                value, start = line["value"], f"/{repository}/resolve/main/"
                if line["key"] == "file":
                    self.files[start + value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    self.files[start + value["path"]] = self.objects[value["oid"]]
            url = f"{self.address}/{repository}/commit/{COMMIT}"
            return {"success": True, "commitOid": COMMIT, "commitUrl": url}
        return {"errors": [], "warnings": []}  # the check of a card's metadata
