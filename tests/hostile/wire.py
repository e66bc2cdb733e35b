"""HTTP to a server of this machine as anyone may write it, and what came back."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

MAX_ANSWER_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``status`` 0 stands for a connection that was closed without one.

    ``whole`` is false where the answer had not ended when the time was over.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    whole: bool

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON, ``None`` where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def request_bytes(
    method: str, target: str, port: int, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """A request as it goes over the wire; nothing is escaped, and ``headers`` may replace ours."""
    sent = {"Host": f"127.0.0.1:{port}", "Connection": "close"}
    if body or method == "POST":
        sent["Content-Length"] = str(len(body))
    sent |= headers or {}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass") + body


def exchange(port: int, request: bytes, *, within_s: float) -> Reply:
    """What the server answers to these bytes."""
    started = time.monotonic()
    until = started + within_s
    body, status, headers, whole = bytearray(), 0, {}, False
    with suppress(OSError, http.client.HTTPException), socket.create_connection(("127.0.0.1", port)) as wire:
        wire.settimeout(within_s)
        with suppress(OSError):  # a server may answer, and close, before it has read everything
            wire.sendall(request)
        response = http.client.HTTPResponse(wire, method=request.split(b" ", 1)[0].decode("latin-1"))
        response.begin()
        status = response.status
        headers = {name.lower(): value for name, value in response.getheaders()}
        while (left := until - time.monotonic()) > 0 and len(body) < MAX_ANSWER_BYTES:
            wire.settimeout(left)
            if not (piece := response.read1(1 << 16)):
                whole = True
                break
            body += piece
    return Reply(status, headers, bytes(body), time.monotonic() - started, whole)


def ask(
    port: int,
    method: str,
    target: str,
    *,
    within_s: float,
    given: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """What the server answers to a request with this JSON body, if any."""
    body = b"" if given is None else json.dumps(given).encode()
    kind = {"Content-Type": "application/json"} if body else {}
    return exchange(
        port, request_bytes(method, target, port, kind | dict(headers or {}), body), within_s=within_s
    )
