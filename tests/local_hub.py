"""A hub for models and data sets on 127.0.0.1: as much of its protocol as the real client needs."""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "a" * 40


class LocalHub:
    """Files by path (``/user/name/resolve/main/FILE``) and the paths of all requests.

    Those of data sets begin with ``/datasets``.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer()

            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hub.requests.append(self.path)
                self.send(json.dumps(hub.post(self.path, body)).encode())

            def answer(self) -> None:
                hub.requests.append(self.path)
                data = hub.get(self.path)
                if data is None:
                    self.send_response(404)
                    missing = "Repo" if self.path.startswith("/api/") else "Entry"
                    self.send_header("X-Error-Code", f"{missing}NotFound")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self.send(data)

            def send(self, data: bytes) -> None:
                self.send_response(200)
                self.send_header("ETag", f'"{hash(data):x}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

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
            sizes = [(name, len(self.files[start + name])) for name in names]
            listed = [{"type": "file", "path": n, "size": s, "oid": COMMIT} for n, s in sizes]
            return json.dumps(listed).encode()
        if names and repository != path:
            files = [{"rfilename": name} for name in names]
            return json.dumps({"id": repository, "sha": COMMIT, "siblings": files}).encode()
        return self.files.get(path)

    def post(self, path: str, body: bytes) -> Any:
        """Take an upload; every file comes within the commit."""
        if path == "/api/repos/create":
            wanted = json.loads(body)
            return {"url": f"{self.address}/{wanted['organization']}/{wanted['name']}"}
        if "/preupload/" in path:
            return {
                "files": [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(body)["files"]
                ]
            }
        if "/commit/" in path:
            repository = path.removeprefix("/api/models/").split("/commit/")[0]
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    value = line["value"]
                    content = base64.b64decode(value["content"])
                    self.files[f"/{repository}/resolve/main/{value['path']}"] = content
            url = f"{self.address}/{repository}/commit/{COMMIT}"
            return {"success": True, "commitOid": COMMIT, "commitUrl": url}
        return {"errors": [], "warnings": []}  # the check of a card's metadata
