"""How the process ends: signals taken one after the other, and requests counted until all are answered.

Nothing here imports gradio: signals are taken from the first moment, and importing it takes seconds.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import queue
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from biom_demo.counters import Counters, Refusal

RESTARTING = "The server is restarting: ask again in a minute."
SIGNALS = (signal.SIGTERM, signal.SIGINT)
LOOK_S = 0.1
# Between one step of a visitor's question and the next, the browser has no request under way.
QUIET_S = 0.5

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Signals:
    """SIGTERM and SIGINT: the first that comes while one is waited for asks to end, any other ends at once.

    Process 1 of a container has no default action for either: without this it would ignore them.
    """

    def __init__(self) -> None:
        # Unlike an event's, its ``put`` may interrupt its own ``get``, as a signal's handler does.
        self._came: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._awaited = False

    def install(self) -> None:
        """Take the signals from now on. For the main thread."""
        for number in SIGNALS:
            signal.signal(number, self._take)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if not self._awaited:
            os._exit(cut_short(number))
        self._awaited = False
        self._came.put(number)

    def wait(self, alive: Callable[[], bool]) -> int | None:
        """The first signal's number; ``None`` once ``alive`` says that there is nothing left to end."""
        self._awaited = True
        while alive():
            # With a bound: where a wait cannot be interrupted, the handler runs between two.
            with suppress(queue.Empty):
                return self._came.get(timeout=LOOK_S)
        return None


def cut_short(number: int) -> int:
    """The exit status of a process that a signal ended before all were answered, as a shell has it."""
    return 128 + number


class Requests:
    """The requests being answered, and an end to those that would go on.

    Heartbeats, which end with the page only, count as sessions. All but ``answered_within`` and ``end``
    is for the server's event loop.
    """

    def __init__(self) -> None:
        self.open = 0
        self.sessions = 0
        self.ending = False
        self._tasks: dict[asyncio.Task[Any], asyncio.AbstractEventLoop] = {}

    @contextmanager
    def under_way(self, *, counts: bool) -> Iterator[None]:
        """Inside, the current task answers one."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = task.get_loop()
        self.open += counts
        self.sessions += not counts
        try:
            yield
        finally:
            self.open -= counts
            self.sessions -= not counts
            del self._tasks[task]

    def answered_within(self, seconds: float) -> bool:
        """Whether none was open for a moment, at the latest after so many seconds."""
        now = time.monotonic()
        deadline, quiet_since = now + seconds, now
        while now < deadline:
            if self.open:
                quiet_since = now
            elif now - quiet_since >= QUIET_S:
                return True
            time.sleep(LOOK_S)
            now = time.monotonic()
        return not self.open

    def end(self) -> None:
        """End all that are left; streams are told why."""
        self.ending = True
        for task, loop in list(self._tasks.items()):
            loop.call_soon_threadsafe(task.cancel)


# What an HTTP status says of a request that nobody worked on.
REFUSALS = {
    400: Refusal.REQUEST,
    403: Refusal.REQUEST,
    408: Refusal.SLOW,
    413: Refusal.BODY_SIZE,
    421: Refusal.HOST,
    422: Refusal.REQUEST,
    431: Refusal.REQUEST,
    503: Refusal.QUEUE_FULL,
}
# Addresses whose 503 has another sense: whoever asks whether the site is up is no visitor.
PROBES = ("/healthz", "/readyz")


class Streams:
    """ASGI middleware that counts requests and refusals, and tells those that ``requests.end`` ends why."""

    def __init__(self, app: App, requests: Requests, counters: Counters | None = None) -> None:
        self._app = app
        self._requests = requests
        self._counters = counters or Counters()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, to the end or to that of the process."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        stream = started = complete = False

        async def until_the_end(message: Message) -> None:
            nonlocal stream, started, complete
            # Of an ended stream Gradio would say that something unexpected happened.
            if self._requests.ending:
                return
            if message["type"] == "http.response.start":
                started = True
                if message["status"] in REFUSALS and scope["path"] not in PROBES:
                    self._counters.refused(REFUSALS[message["status"]])
                stream = (b"content-type", b"text/event-stream; charset=utf-8") in message["headers"]
            elif message["type"] == "http.response.body":
                complete = not message.get("more_body", False)
            await send(message)

        with self._requests.under_way(counts="/heartbeat/" not in scope["path"]):
            try:
                await self._app(scope, receive, until_the_end)
            except asyncio.CancelledError:
                if not self._requests.ending:
                    raise
            if self._requests.ending and not complete and (stream or not started):
                if not started:
                    self._counters.refused(Refusal.GOING_DOWN)
                    await send({"type": "http.response.start", "status": 503, "headers": []})
                await send({"type": "http.response.body", "body": farewell(scope["path"])})


def farewell(path: str) -> bytes:
    """The last that a stream at this address says, in the form its reader knows."""
    if "/queue/data" in path:
        told = {"msg": "unexpected_error", "message": RESTARTING, "event_id": None, "success": False}
        return b"data: %b\n\n" % json.dumps(told).encode()
    if "/call/" in path:
        return b"event: error\ndata: %b\n\n" % json.dumps({"error": RESTARTING}).encode()
    return b""


def leave(status: int) -> NoReturn:
    """End the process now: a batch or a download under way would hold up an ordinary exit."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
