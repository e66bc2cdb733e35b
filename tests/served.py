"""A page in a process of its own, as ``app.py`` serves it, but with models that need no torch.

``python -m tests.served NOTES`` is that process. At SIGUSR1 it writes to NOTES what its sessions hold.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.conftest import ROOT
from tests.site import MINI, WordModels

QUESTION = "Which gene causes cystic fibrosis?"


@dataclass(frozen=True)
class Served:
    """A running page: where it is, and what it has written."""

    port: int
    pid: int
    log_file: Path
    notes: Path

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self):
        return self.log_file.read_text("utf-8", errors="replace")

    def client(self, **options):
        return httpx.Client(base_url=self.address, timeout=30, **options)

    def sessions(self):
        """What the page's sessions hold now."""
        self.notes.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        return json.loads(wait_for(self._read_notes))

    def _read_notes(self):
        text = self.notes.read_text() if self.notes.exists() else ""
        return text if text.endswith("}") else None

    def config(self):
        with self.client() as client:
            return client.get("/config").json()

    def event(self, *elem_ids, queued=None):
        """The number of the first event over the inputs with these ids (``None``: a state)."""
        config = self.config()
        ids = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
        for found in config["dependencies"]:
            named = tuple(ids[i] for i in found["inputs"])
            if named == elem_ids and found["backend_fn"] and queued in (None, found["queue"]):
                return found["id"]
        raise AssertionError(f"no event over {elem_ids}")

    def run(self, number, values, session="visitor", **more):
        """The answer to an event of the page that stands in no queue."""
        with self.client() as client:
            body = {"fn_index": number, "data": values, "session_hash": session, **more}
            return client.post("/gradio_api/run/predict", json=body)

    def queued(self, number, values, session="visitor"):
        """The last message of an event that stands in the queue."""
        with self.client() as client:
            body = {"fn_index": number, "data": values, "session_hash": session}
            joined = client.post("/gradio_api/queue/join", json=body)
            if joined.status_code != 200:
                return joined.json()
            with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
                for line in stream.iter_lines():
                    if line.startswith("data: "):
                        message = json.loads(line[6:])
                        if message["msg"] == "process_completed":
                            return message
        raise AssertionError("the stream ended without an answer")

    def call(self, name, values):
        """What an endpoint of the API gives, or the words that it refuses with."""
        with self.client() as client:
            joined = client.post(f"/gradio_api/call/{name}", json={"data": values})
            if joined.status_code != 200:
                return joined.json()["detail"]
            answer = client.get(f"/gradio_api/call/{name}/{joined.json()['event_id']}").text
        kind, data = answer.split("event: ")[-1].split("\ndata: ")
        found = json.loads(data)
        return found[0] if kind == "complete" else found["error"]


def wait_for(found, *, within_s=20.0):
    """What ``found`` gives once it gives anything; fails where it never does."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[Served]:
    """A page in a process of its own, until the end of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log, notes = folder / "log", folder / "notes.json"
    usual = {"GRADIO_SERVER_PORT": str(port), "BIOM_PAIR": "mini", "BIOM_CACHE": "off"}
    usual["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.served", str(notes)],
            cwd=ROOT,
            env={**os.environ, **usual, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            page = Served(port, process.pid, log, notes)

            def up():
                assert process.poll() is None, page.log
                try:
                    return httpx.get(f"{page.address}/healthz", timeout=5).status_code == 200
                except httpx.HTTPError:
                    return False

            wait_for(up, within_s=180)
            yield page
        finally:
            process.terminate()
            process.wait(20)


def main(notes: Path) -> int:
    """Serve the page; models answer CFTR and BRCA1."""
    import app
    from biom_demo.ui import events, site

    pages = []
    made = events.Page.__init__

    def noted(self, **options):
        made(self, **options)
        pages.append(self)

    def write(*_signal):
        page = pages[-1]
        held = {
            "ledger": len(page.sessions),
            "bytes": page.sessions.bytes_held,
            "gradio": list(page.state_holder.session_data),
            "leaving": [name for name, held in page.sessions._sessions.items() if held.left_at is not None],
            "unfetched": len(page._queue.pending_event_ids_session),
        }
        notes.write_text(json.dumps(held))

    events.Page.__init__ = noted
    site.Models = lambda **_options: WordModels({MINI.biom: "CFTR", MINI.vanilla: "BRCA1"})
    signal.signal(signal.SIGUSR1, write)
    return app.main()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
