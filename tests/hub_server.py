"""A local stand-in for the Hub: enough of its HTTP for looking a model up and downloading it."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer:
    """Serves ``folder/owner/name/*`` as model repositories at ``url``.

    ``mode``: normal, slow (a few kB at a time), cut-once and cut-always (weights break off half
    way), silent (accepts, never answers), silent-weights (all but the weights is served), or a
    status code as a string, given for everything.
    """

    def __init__(self, folder: Path, mode: str = "normal") -> None:
        self.folder = folder
        self.mode = mode
        self.requests: list[str] = []
        self.cuts = 0
        self.closing = threading.Event()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self, body=True)

            def do_HEAD(self) -> None:
                hub.answer(self, body=False)

            def log_message(self, *_args) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, handler: BaseHTTPRequestHandler, *, body: bool) -> None:
        self.requests.append(f"{handler.command} {handler.path}")
        handler.close_connection = True
        if self.mode == "silent":
            self.closing.wait(60)
            return
        if self.mode.isdecimal():
            self.send(handler, int(self.mode), b"{}", {}, body)
            return
        path = handler.path.split("?")[0]
        if path.startswith("/api/models/"):
            owner, name = path.removeprefix("/api/models/").split("/")[:2]
            self.model_info(handler, f"{owner}/{name}", body)
        else:
            owner, name, _resolve, _revision, file = path.strip("/").split("/", 4)
            self.file(handler, self.folder / owner / name / file, body)

    def model_info(self, handler, repository: str, body: bool) -> None:
        folder = self.folder / repository
        if not folder.is_dir():
            self.send(handler, 404, b"{}", {"X-Error-Code": "RepoNotFound"}, body)
            return
        siblings = [{"rfilename": p.name, "size": p.stat().st_size} for p in sorted(folder.iterdir())]
        info = {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings}
        self.send(handler, 200, json.dumps(info).encode(), {"Content-Type": "application/json"}, body)

    def file(self, handler, path: Path, body: bool) -> None:
        if not path.is_file():
            self.send(handler, 404, b"", {"X-Error-Code": "EntryNotFound"}, body)
            return
        data = path.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        status, first = 200, 0
        asked = handler.headers.get("Range")
        if asked:
            first = int(asked.removeprefix("bytes=").split("-")[0])
            status = 206
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        weights = path.suffix in {".bin", ".safetensors"}
        self.send(handler, status, data[first:], headers, body, weights=weights)

    def send(self, handler, status: int, data: bytes, headers: dict, body: bool, *, weights=False) -> None:
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data)), "Connection": "close"}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if not body:
            return
        try:
            if weights and self.mode == "silent-weights":
                self.closing.wait(60)
            elif weights and self.mode == "slow":
                for start in range(0, len(data), 4096):
                    if self.closing.is_set():
                        return
                    handler.wfile.write(data[start : start + 4096])
                    handler.wfile.flush()
                    time.sleep(0.05)
            elif weights and (self.mode == "cut-always" or (self.mode == "cut-once" and not self.cuts)):
                self.cuts += 1
                # Always: not one byte more than the headers, so that resuming never gets anywhere.
                handler.wfile.write(data[: len(data) // 2] if self.mode == "cut-once" else b"")
            else:
                handler.wfile.write(data)
        except OSError:
            pass  # the client went away, which some tests do on purpose
