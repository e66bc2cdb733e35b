"""NCBI in a bad mood: the local server's records, behind every fault a test can ask for."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager

from biom_demo.pubmed.local_server import RECORDS_FILE, Library, serve

PLAY = json.loads(RECORDS_FILE.read_text("utf-8"))


class EntrezServer:
    """``faults`` are taken one a request, in order; then it answers well. ``requests`` has what came."""

    def __init__(self, records=PLAY):
        self.library = Library(records)
        self.faults = []
        self.requests = []
        self.lock = threading.Lock()
        self.url = ""

    def answer(self, service, parameters):
        with self.lock:
            self.requests.append((time.monotonic(), service, dict(parameters)))
            fault = self.faults.pop(0) if self.faults else None
        if fault is None:
            return self.library.answer(service, parameters)
        return fault(self, service, parameters)

    def calls(self, service):
        return [parameters for _, name, parameters in self.requests if name == service]


def status(code, body=b"", **headers):
    return lambda *_: (code, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def page(*_):
    return 200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html><body>Maintenance</body></html>"


def truncated(server, service, parameters):
    _, headers, body = server.library.answer(service, parameters)
    return 200, headers | {"Content-Length": str(len(body))}, body[: len(body) // 2]


def cut_xml(server, service, parameters):
    code, headers, body = server.library.answer(service, parameters)
    return code, headers, body[: len(body) // 2]


def slow(seconds):
    def wait(server, service, parameters):
        time.sleep(seconds)
        return server.library.answer(service, parameters)

    return wait


@contextmanager
def entrez_server(records=PLAY):
    """A running server; its address is ``url``."""
    made = EntrezServer(records)
    with serve(made.answer) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield made
        server.shutdown()
