"""A visitor's page as its script keeps it: the values of its parts, and what an event of one sets off."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from gradio_client.utils import apply_diff

from tests.hostile.checks import check_json, check_no_html, check_reply, check_shown, elements
from tests.hostile.served import Served
from tests.hostile.wire import Reply, ask

QUIET_S = 20.0  # what asks nothing of a model, on a machine that others use too
READING_S = 90.0
MOST_EVENTS = 60  # one click sets off


@dataclass(frozen=True, slots=True)
class Site:
    """A served page with its parts and events, as its configuration says.

    ``usual`` are its elements; ``reached`` counts what was shown and checked, by the part's ``elem_id``.
    """

    served: Served
    parts: dict[int, dict[str, Any]]
    named: dict[str, int]
    events: dict[int, dict[str, Any]]
    usual: tuple[tuple[str, tuple[str, ...]], ...]
    reached: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, served: Served) -> Site:
        """The page that is served."""
        config = ask(served.port, "GET", "/config", within_s=QUIET_S).json()
        parts = {part["id"]: part for part in config["components"]}
        named = {str(part["props"].get("elem_id")): number for number, part in parts.items()}
        page = ask(served.port, "GET", "/", within_s=QUIET_S)
        events = {event["id"]: event for event in config["dependencies"]}
        return cls(served, parts, named, events, tuple(elements(page.text)))

    @property
    def private(self) -> list[dict[str, Any]]:
        """The events that the page alone has a use for."""
        return [e for e in self.events.values() if e["backend_fn"] and e["api_visibility"] != "public"]

    @property
    def public(self) -> list[dict[str, Any]]:
        """The endpoints for programs."""
        return [e for e in self.events.values() if e["api_visibility"] == "public"]

    def check(self, reply: Reply, *, within_s: float) -> Reply:
        """The reply. Raises ``AssertionError`` where it may not be what it is."""
        check_reply(reply, self.served.forbidden, within_s=within_s)
        return reply

    def check_page(self, reply: Reply) -> None:
        """Nothing, where an answer that a browser would draw is our page as it always is."""
        kind = reply.headers.get("content-type", "")
        if "json" in kind and reply.whole and reply.body:
            check_json(reply.text)
        if reply.body and reply.status == 200 and ("html" in kind or "xml" in kind):
            made = tuple(elements(reply.text))
            assert made == self.usual or "svg" in kind, (
                f"another page than ours: {set(made) ^ set(self.usual)}"
            )
            assert "evil.example" not in reply.text, "the page names another site"


class Visitor:
    """One session of the page. Whatever comes back is checked; ``sent`` has what was sent, for a report."""

    def __init__(self, site: Site, random: Random, sent: list[Any]) -> None:
        self.site = site
        self.sent = sent
        self.session = f"{random.getrandbits(48):012x}"
        self.query = ""  # of the page's address
        self.values = {number: part["props"].get("value") for number, part in site.parts.items()}

    def fill(self, **values: Any) -> None:
        """Put values into boxes, by their ``elem_id`` with underscores."""
        for name, value in values.items():
            self.values[self.site.named[name.replace("_", "-")]] = value

    def value(self, name: str) -> Any:
        """What stands in the part of that ``elem_id``."""
        return self.values[self.site.named[name]]

    def click(self, name: str, event: str = "click") -> None:
        """An event of the part of that ``elem_id``, and all that it sets off on the page."""
        self._set_off([(self.site.named[name], event)])

    def open(self, query: str = "") -> None:
        """Open the page at an address with this query."""
        self.query = query
        self._set_off(
            [(target, "load") for target in {t for e in self.site.events.values() for t, _ in e["targets"]}]
        )

    def _set_off(self, begun: Iterable[tuple[int | None, str]]) -> None:
        waiting = deque(self._listening(begun))
        for _ in range(MOST_EVENTS):
            if not waiting:
                return
            event = waiting.popleft()
            before = {number: self.values[number] for number in event["outputs"]}
            changed = set(self.call(event, [self.values[number] for number in event["inputs"]]))
            changed |= {number for number, old in before.items() if self.values[number] != old}
            waiting += [
                e for e in self.site.events.values() if e["trigger_after"] == event["id"] and e["backend_fn"]
            ]
            waiting += self._listening((number, "change") for number in sorted(changed))
        raise AssertionError("the page's events never come to rest")

    def _listening(self, begun: Iterable[tuple[int | None, str]]) -> list[dict[str, Any]]:
        wanted = [list(target) for target in begun]
        return [
            e for e in self.site.events.values() if e["backend_fn"] and any(t in wanted for t in e["targets"])
        ]

    def call(self, event: dict[str, Any], data: list[Any], **more: Any) -> list[int]:
        """The states that an event given these values has changed."""
        given = {"data": data, "fn_index": event["id"], "session_hash": self.session, **more}
        self.sent.append({"event": event["api_name"], **given, "query": self.query})
        send = self._queued if event["queue"] else self._at_once
        changed: list[int] = []
        for output in send(given):
            if "data" not in output:
                # Gradio's own list of what is wrong with a body is no words for a page.
                if isinstance(words := output.get("error") or output.get("detail"), str):
                    check_no_html(words)
            elif output.get("data") is not None:
                self._show(event, output["data"])
                changed += output.get("changed_state_ids") or []
        return changed

    def _show(self, event: dict[str, Any], shown: list[Any]) -> None:
        for number, value in zip(event["outputs"], shown, strict=False):
            part = self.site.parts[number]
            check_shown(part, value)
            self.site.reached[str(part["props"].get("elem_id"))] += bool(value)
            if not isinstance(value, dict) or value.get("__type__") != "update":
                self.values[number] = value
            elif "value" in value:
                self.values[number] = value["value"]

    def _at_once(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        target = f"/gradio_api/run/predict{self.query}"
        reply = self.site.check(
            ask(self.site.served.port, "POST", target, given=given, within_s=QUIET_S), within_s=QUIET_S
        )
        return [_object(reply.json())]

    def _queued(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        port = self.site.served.port
        reply = ask(port, "POST", f"/gradio_api/queue/join{self.query}", given=given, within_s=QUIET_S)
        self.site.check(reply, within_s=QUIET_S)
        if reply.status != 200:
            return [_object(reply.json())]
        target = f"/gradio_api/queue/data?session_hash={self.session}"
        reply = self.site.check(ask(port, "GET", target, within_s=READING_S), within_s=READING_S)
        assert reply.whole, f"an event did not end within {READING_S:g} s"
        return outputs_of(reply.text)


def outputs_of(stream: str) -> list[dict[str, Any]]:
    """The outputs that a stream of the queue gives; those sent as differences are put together."""
    found: list[dict[str, Any]] = []
    last = None
    for line in stream.split("\n"):
        if not line.startswith("data: "):
            continue
        message = json.loads(line.removeprefix("data: "))
        if message["msg"] == "unexpected_error":
            found.append({"error": message["message"]})
        output = message.get("output")
        if message["msg"] == "process_generating" and output.get("data") is not None:
            if last is not None:
                output["data"] = [apply_diff(old, new) for old, new in zip(last, output["data"], strict=True)]
            last = output["data"]
        if message["msg"] in ("process_generating", "process_completed"):
            found.append(output)
    return found


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"error": str(value)}
