"""NCBI in a bad mood: the local server's records, behind every fault a test can ask for."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from contextlib import contextmanager, suppress

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


def good(server, service, parameters):
    return server.library.answer(service, parameters)


def slow(seconds):
    def wait(server, service, parameters):
        time.sleep(seconds)
        return server.library.answer(service, parameters)

    return wait


def searched(count, pmids, more=""):
    """An esearch answer with any count over any list."""
    ids = "".join(f"<Id>{pmid}</Id>" for pmid in pmids)
    xml = f"<eSearchResult><Count>{count}</Count><IdList>{ids}</IdList>{more}</eSearchResult>"
    return status(200, xml.encode(), Content_Type="text/xml")


@contextmanager
def entrez_server(records=PLAY):
    """A running server; its address is ``url``."""
    made = EntrezServer(records)
    with serve(made.answer) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield made
        finally:
            server.shutdown()


class RawServer:
    """Says the same to all who connect; ``requests`` counts them, ``open`` those still connected."""

    def __init__(self, url):
        self.url = url
        self.requests = 0
        self.open = 0


@contextmanager
def raw_server(pieces, *, pause_s=0.0):
    """A server that reads a request and sends what ``pieces()`` yields, with a pause after each piece.

    It goes on until its client leaves.
    """

    def serve_one(connection):
        with connection, suppress(OSError):
            connection.recv(100_000)
            made.requests += 1
            made.open += 1
            try:
                for piece in pieces():
                    connection.sendall(piece)
                    gone = select.select([connection], [], [], 0)[0] and not connection.recv(100_000)
                    if gone or over.wait(pause_s):
                        return
            finally:
                made.open -= 1

    def accept():
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve_one, args=(connection,), daemon=True).start()

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = RawServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield made
        finally:
            over.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def dripping(start, drop, *, drops=10**9):
    """``start`` at once, then ``drop`` again and again."""

    def pieces():
        yield start
        for _ in range(drops):
            yield drop

    return pieces


DRIPS = {
    "silence": dripping(b"", b""),
    "status line": dripping(b"HTTP/1.1 2", b"0"),
    "headers": dripping(b"HTTP/1.1 200 OK\r\n", b"X-More: of the same\r\n"),
    "header": dripping(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
    "early hints": dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "body": dripping(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n", b" "),
    "chunks": dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "error body": dripping(b"HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "redirect": dripping(b"HTTP/1.1 302 Go\r\nLocation: /", b"x"),
}


@contextmanager
def ends_within(budget_s, *, slack_s=5.0):
    """Fails where the block takes longer; the slack is for a busy machine, the faults last far longer."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < budget_s + slack_s


def chain(error):
    """All that an error drags along: itself, its causes and contexts."""
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen
