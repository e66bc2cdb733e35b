"""Clients of the running app, over HTTP: visitors who do what the page does in a browser, and programs.

``load.py`` sets crowds of them on a server.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

STEPS = ("process_generating", "process_completed")


class RefusedError(Exception):
    """The queue was full."""


class FailedError(Exception):
    """An answer did not come; says why."""


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks; what they fail with meanwhile does not matter."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Client:
    """What talks to the server in one session."""

    address: str
    http: httpx.AsyncClient
    session: str = field(default_factory=lambda: uuid.uuid4().hex[:11])

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        response = await self.http.post(f"{self.address}/gradio_api/{path}", json=body)
        if response.status_code == 503 and "Queue is full" in response.text:
            raise RefusedError
        if not response.is_success:
            raise FailedError(f"{response.status_code}: {response.text:.200}")
        return response.json()

    @asynccontextmanager
    async def stream(self, path: str, **parameters: str) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of an event stream."""
        url = f"{self.address}/gradio_api/{path}"
        async with self.http.stream("GET", url, params=parameters) as response:
            yield response.aiter_lines()


class Program(Client):
    """Calls the endpoints for programs."""

    async def ask(self, text: str, question: str) -> Any:
        return await self.call("answer", text, question, "mini")

    async def ask_pubmed(self, question: str) -> Any:
        return await self.call("ask_pubmed", question, "", 5, "mini", "float32", "auto")

    async def call(self, name: str, *data: Any) -> Any:
        """The endpoint's answer, decoded."""
        event = (await self.post(f"call/{name}", {"data": data}))["event_id"]
        kind = ""
        async with self.stream(f"call/{name}/{event}") as lines:
            async for line in lines:
                key, _, value = line.partition(": ")
                kind = value if key == "event" else kind
                if key == "data" and kind == "complete":
                    return json.loads(value)[0]
                if key == "data" and kind == "error":
                    raise FailedError(value[:200])
        raise FailedError("the stream ended without an answer")


class Visitor(Client):
    """Has the page open: its boxes' values, and its events by the part of the page that sets them off."""

    config: dict[str, Any]
    values: dict[int, Any]
    heart: asyncio.Task[None]
    streams: list[httpx.Response]
    reads: asyncio.Event  # set once a model has read some of what was asked about

    async def come(self) -> None:
        """Open the page."""
        self.config = (await self.http.get(f"{self.address}/config")).json()
        self.values = {c["id"]: c["props"].get("value") for c in self.config["components"]}
        self.ids = {c["props"].get("elem_id"): c["id"] for c in self.config["components"]}
        self.streams, self.reads = [], asyncio.Event()
        self.http.event_hooks["response"] = [self._opened]
        self.heart = asyncio.create_task(self._beat())

    async def _opened(self, response: httpx.Response) -> None:
        if "event-stream" in response.headers.get("content-type", ""):
            self.streams = [*(one for one in self.streams if not one.is_closed), response]

    async def _beat(self) -> None:
        async with self.stream(f"heartbeat/{self.session}") as lines:
            async for _ in lines:
                pass

    def reset_connections(self) -> None:
        """End the open streams as a machine does that is switched off: by a reset, without a goodbye."""
        for response in self.streams:
            connection = response.extensions["network_stream"].get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def leave(self) -> None:
        """Close the page."""
        await ended(self.heart)

    async def fill(self, **boxes: Any) -> None:
        """Give parts of the page (dashes written as underscores) a value, as by typing or pasting."""
        for name, value in boxes.items():
            part = self.ids[name.replace("_", "-")]
            self.values[part] = value
            await self._changed(part)

    async def ask(self, text: str, question: str) -> float:
        """Seconds from the click to both models' answers."""
        await self.fill(context=text, question=question)
        return await self._answered("ask", "status", "Two models read")

    async def ask_pubmed(self, question: str) -> float:
        """Seconds from the click to all findings."""
        await self.fill(pubmed_question=question, pubmed_query="")
        return await self._answered("ask-pubmed", "pubmed-status", "record")

    async def why(self) -> float:
        """Seconds from the click to what the answers hang on."""
        return await self._answered("explain", "why-cost", "")

    async def _answered(self, button: str, status: str, words: str) -> float:
        clicked = time.perf_counter()
        (event,) = self._events(self.ids[button], "click")
        done = await self._run(event)
        if reading := self._then(event):  # made ready; now it is read
            (event,) = reading
            done += await self._run(event)
        seconds = time.perf_counter() - clicked
        await self._follow(event, done)
        said = str(self.values[self.ids[status]])
        if "status error" in said or words not in said:
            raise FailedError(re.sub(r"<[^>]*>", "", said))
        return seconds

    def _events(self, part: int, name: str) -> list[dict[str, Any]]:
        return [d for d in self.config["dependencies"] if d["backend_fn"] and [part, name] in d["targets"]]

    def _then(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            d for d in self.config["dependencies"] if d["backend_fn"] and d["trigger_after"] == event["id"]
        ]

    async def _changed(self, part: int) -> None:
        await asyncio.gather(*map(self._run_all, self._events(part, "change")))

    async def _run_all(self, event: dict[str, Any]) -> None:
        await self._follow(event, await self._run(event))

    async def _follow(self, event: dict[str, Any], states: Sequence[int]) -> None:
        """All that an event sets off: what is to come after it, and what looks at the states it changed."""
        await asyncio.gather(
            *map(self._changed, dict.fromkeys(states)), *map(self._run_all, self._then(event))
        )

    async def _run(self, event: dict[str, Any]) -> list[int]:
        """Run one event; the page's parts have what it gave. Gives the states that it changed."""
        body = {
            "data": [self.values.get(part) for part in event["inputs"]],
            "fn_index": event["id"],
            "session_hash": self.session,
            "event_data": None,
            "trigger_id": None,
        }
        outputs = self._queued(body) if event["queue"] else self._at_once(body)
        changed: list[int] = []
        async for output in outputs:
            changed += output.get("changed_state_ids") or ()
        for part, value in zip(event["outputs"], output["data"], strict=True):
            if not (isinstance(value, dict) and value.get("__type__") == "update"):
                self.values[part] = value
            elif "value" in value:
                self.values[part] = value["value"]
        return changed

    async def _at_once(self, body: dict[str, Any]) -> AsyncIterator[Any]:
        yield await self.post("run/predict", body)

    async def _queued(self, body: dict[str, Any]) -> AsyncIterator[Any]:
        """What the event gives, step by step; the last is whole."""
        event = (await self.post("queue/join", body))["event_id"]
        async with self.stream("queue/data", session_hash=self.session) as lines:
            async for line in lines:
                if not line.startswith("data: "):
                    continue
                message = json.loads(line[6:])
                if message["msg"] == "unexpected_error":
                    raise FailedError(message["message"])
                if message.get("event_id") == event and message["msg"] in STEPS:
                    if not message["success"]:
                        raise FailedError(str(message["output"].get("error")))
                    if " has read " in str(message["output"]["data"]):
                        self.reads.set()
                    yield message["output"]
                    if message["msg"] == "process_completed":
                        return
        raise FailedError("the stream ended without an answer")


@asynccontextmanager
async def visiting(address: str) -> AsyncIterator[Visitor]:
    """A visitor who has the page open."""
    async with httpx.AsyncClient(timeout=None) as http:
        visitor = Visitor(address, http)
        await visitor.come()
        try:
            yield visitor
        finally:
            await visitor.leave()
