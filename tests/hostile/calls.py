"""Calls of the page's events and of the API as no page makes them: wrong values, lists, bodies and ways."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from tests.hostile import inputs
from tests.hostile.payloads import BODIES, ELSEWHERE, TRAVERSAL, VALUES
from tests.hostile.visitor import QUIET_S, READING_S, Site, Visitor
from tests.hostile.wire import ask, exchange, request_bytes

JSON = {"Content-Type": "application/json"}
VIEW = ("null_threshold", "shown", "max_answer_length", "near_duplicate_threshold")
NAMES = {
    "answer": ("text", "question", "pair"),
    "compare": ("text", "question", "pair", "further", *VIEW, "exactly", "precision", "read"),
    "search_pubmed": ("question", "query", "abstracts"),
    "ask_pubmed": ("question", "query", "abstracts", "pair", "precision", "read"),
    "evaluate_file": ("file", "pair", "precision"),
}


def call_event(site: Site, random: Random, number: int, sent: list[Any]) -> None:
    """Private events, each in turn: fitting values of hostile content, or lists that do not fit."""
    event = site.private[number % len(site.private)]
    visitor = Visitor(site, random, sent)
    parts = [site.parts[part] for part in event["inputs"]]
    data = [inputs.fitting(random, part) for part in parts]
    if random.random() < 0.6:
        data = inputs.bent(random, data)
    more: dict[str, Any] = {}
    if random.random() < 0.2:
        more[random.choice(("event_data", "trigger_id", "batched", "simple_format", "x"))] = inputs.value(
            random
        )
    visitor.call(event, data, **more)
    if random.random() < 0.1:  # in a session that another event has used
        visitor.call(random.choice(site.private), data)


def call_api(site: Site, random: Random, number: int, sent: list[Any]) -> None:
    """The public endpoints, over each of the ways there are to them."""
    event = site.public[number % len(site.public)]
    name = event["api_name"]
    pair = random.choice(([], [inputs.payload(random)], ["custom"]))
    precision = [random.choice(("float32", "bfloat16", inputs.value(random)))]
    extent = [random.choice(("auto", "all", "promising", inputs.value(random)))]
    if name in ("answer", "compare"):
        given = random.choice((inputs.text(random, number=number), inputs.name(random)))
        data: list[Any] = [given, inputs.question(random, number), *pair]
        if name == "compare" and pair:
            data += [random.choice((None, [], [inputs.payload(random)], [inputs.value(random)] * 3))]
            data += [random.choice((0, 3, -5.5, 1e9, inputs.value(random))) for _ in range(4)]
            data += [random.choice((False, inputs.value(random))), *precision, *extent]
    elif name == "evaluate_file":
        data = [_no_upload(site, random), *pair, *(precision if pair else [])]
    else:
        data = [inputs.question(random, number), inputs.name(random), random.choice((1, 2.5, 3, 60, 1e9))]
        data += [*pair, *([*precision, *extent] if pair else [])] if name == "ask_pubmed" else []
    if random.random() < 0.4:
        data = inputs.bent(random, data)
    way = random.choice(("call", "call", "call/v2", "run", "api", "queue"))
    sent.append({"way": way, "name": name, "data": data})
    port = site.served.port
    if way == "queue":
        Visitor(site, random, sent).call(event, data)
        return
    given: Any = {"data": data}
    if way == "call/v2":
        names = NAMES[name]
        given = dict(
            zip(random.sample(names, len(names)) if random.random() < 0.3 else names, data, strict=False)
        )
    reply = ask(port, "POST", f"/gradio_api/{way}/{name}", given=given, within_s=READING_S)
    site.check(reply, within_s=READING_S)
    event_id = (reply.json() or {}).get("event_id") if isinstance(reply.json(), dict) else None
    if event_id:
        target = f"/gradio_api/call/{name}/{event_id}"
        answer = site.check(ask(port, "GET", target, within_s=READING_S), within_s=READING_S)
        assert answer.whole, f"no end within {READING_S:g} s"


def _no_upload(site: Site, random: Random) -> Any:
    """What an endpoint may be given in place of a file that was uploaded."""
    path = random.choice((*TRAVERSAL, *ELSEWHERE, inputs.payload(random), "/etc/passwd", "", "."))
    path = path.replace("{secret}", str(site.served.secret)).replace("{port}", str(site.served.listener.port))
    file = {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": inputs.payload(random)}
    if random.random() < 0.3:
        file["url"] = random.choice(ELSEWHERE).replace("{port}", str(site.served.listener.port))
    return random.choice((file, file, path, inputs.value(random)))


def send_body(site: Site, random: Random, number: int, sent: list[Any]) -> None:
    """Bodies that are no JSON, or no call, or cost more than they weigh."""
    body = BODIES[number] if number < len(BODIES) else random.choice(BODIES)
    if random.random() < 0.3:
        body = _mangled(random, site)
    name = random.choice(site.private)["api_name"]
    target = random.choice(
        ("queue/join", "run/predict", "run/answer", f"run/{name}", "call/answer", "call/v2/answer", "cancel",
         "call/ask_pubmed", "call/evaluate_file", "call/compare", "mcp/", "mcp/sse",
         "reset", "upload", "component_server", "stream/x", f"call/{name}", "api/predict")
    )  # fmt: skip
    headers = (
        JSON
        if random.random() < 0.8
        else {"Content-Type": random.choice(("", "text/plain", "application/x"))}
    )
    if random.random() < 0.1:  # less, or far more, is said than is sent
        headers = headers | {"Content-Length": random.choice(("0", "-1", "1e9", "99999999999", "x"))}
    sent.append({"target": target, "headers": headers, "body": repr(body[:2_000])})
    request = request_bytes("POST", f"/gradio_api/{target}", site.served.port, headers, body)
    # Where more is said than sent, the server waits for the rest, and we for it no longer than this.
    within_s = 2.0 if "99999999999" in headers.values() else QUIET_S
    site.check(exchange(site.served.port, request, within_s=within_s), within_s=QUIET_S)


def _mangled(random: Random, site: Site) -> bytes:
    """A call of an event with a part of it replaced."""
    event = random.choice(site.private)
    given: dict[str, Any] = {
        "data": [inputs.fitting(random, site.parts[part]) for part in event["inputs"]],
        "fn_index": event["id"],
        "session_hash": f"{random.getrandbits(40):x}",
    }
    key = random.choice((*given, "event_data", "trigger_id", "event_id", "request", "username"))
    given[key] = random.choice(VALUES)
    body = json.dumps(given).encode()
    if random.random() < 0.3:
        place = random.randrange(len(body))
        body = body[:place] + random.randbytes(random.randrange(4)) + body[place + random.randrange(9) :]
    return body
