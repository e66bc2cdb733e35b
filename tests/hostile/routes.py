"""Paths, addresses, names of hosts and headers that lead a server to files, servers and pages not its own."""

from __future__ import annotations

from random import Random
from typing import Any
from urllib.parse import quote

from tests.hostile import inputs
from tests.hostile.payloads import ELSEWHERE, HEADERS, ROUTES, TRAVERSAL
from tests.hostile.visitor import QUIET_S, Site
from tests.hostile.wire import exchange, request_bytes

STREAM_S = 1.5  # a stream that has nothing to say
METHODS = (*["GET"] * 4, "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "X" * 50)
STREAMS = ("heartbeat", "queue/data", "upload_progress", "/call/", "startup-events")


def ask_route(site: Site, random: Random, number: int, sent: list[Any]) -> None:
    """A request to a route, known or not, that names a file, an address, a host or a payload."""
    served = site.served
    every = (*TRAVERSAL, *ELSEWHERE)
    x = every[number % len(every)] if random.random() < 0.8 else inputs.payload(random)
    x = x.replace("{secret}", str(served.secret).lstrip("/") if random.random() < 0.5 else str(served.secret))
    x = x.replace("{port}", str(served.listener.port))
    for _ in range(random.randrange(3)):  # as paths are passed from server to server
        x = quote(x, safe=random.choice(("/", "")), errors="replace")
    route = ROUTES[number // len(every) % len(ROUTES)] if number >= len(every) else random.choice(ROUTES)
    target = route.replace("{x}", x)
    if random.random() < 0.1:  # as a proxy is asked
        target = random.choice(ELSEWHERE).replace("{port}", str(served.listener.port)) + target
    if random.random() < 0.9:  # the rest goes out as no client would write it
        target = "".join(c if " " < c < "\x7f" else quote(c, errors="replace") for c in target)
    headers = random.choice(HEADERS) if random.random() < 0.4 else {}
    method = random.choice(METHODS)
    sent.append({"method": method, "target": target, "headers": headers})
    request = request_bytes(method, target, served.port, headers)
    streams = any(name in target for name in STREAMS)
    reply = exchange(served.port, request, within_s=STREAM_S if streams else QUIET_S)
    site.check(reply, within_s=QUIET_S)
    assert reply.whole or streams or reply.status == 0, f"no end within {QUIET_S:g} s"
    assert not served.listener.asked, f"the server asked elsewhere: {served.listener.asked[0][:200]!r}"
    site.check_page(reply)
