"""Requests under way: the same one is sent once, and whoever waits for it may leave at any moment.

They run on an event loop in a thread of their own, because there a request can be dropped and its
connection closed wherever it stands: in a header that drips, in a body, in a handshake. What can only
block (a name look-up, the disk, the parser) runs in daemon threads, of which there are only so many.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

from biom_demo.errors import PubMedCancelled, PubMedError

Result = TypeVar("Result")

POLL_S = 0.05  # how soon a waiter sees that it was told to stop
MAX_BLOCKING = 32
LATE = "PubMed did not answer in time. Try again, or paste the abstract's text."
SPENT = "PubMed took all the time that one question has. Try again, or paste the abstract's text."


class Flight:
    """A request under way.

    ``deadline`` (on ``time.monotonic``) is that of its most patient waiter, and ``trouble`` is what a
    waiter who leaves at its own is told.
    """

    __slots__ = ("deadline", "future", "trouble", "waiting")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.trouble = LATE
        self.waiting = 0
        self.future: concurrent.futures.Future[Any]


class Flights:
    """The requests of one client, by what they ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[Hashable, Flight] = {}

    def join(
        self,
        key: Hashable,
        work: Callable[[Flight], Coroutine[Any, Any, Result]],
        *,
        deadline: float,
        stop: threading.Event,
    ) -> Result:
        """What ``work`` gives, or raises; it is begun only if no other thread waits under the same key.

        Raises ``PubMedError`` at the deadline and ``PubMedCancelled`` when ``stop`` is set, whatever the
        work is at; it is cancelled when its last waiter has left.
        """
        if stop.is_set():
            raise PubMedCancelled("Stopped.")
        if time.monotonic() >= deadline:
            raise PubMedError(SPENT)
        with self._lock:
            flight = self._under_way.get(key)
            if flight is None:
                flight = self._under_way[key] = Flight(deadline)
                flight.future = asyncio.run_coroutine_threadsafe(self._fly(key, flight, work), _loop())
            flight.waiting += 1
            flight.deadline = max(flight.deadline, deadline)
        try:
            while not flight.future.done():
                left = deadline - time.monotonic()
                if stop.is_set():
                    raise PubMedCancelled("Stopped.")
                if left <= 0:
                    raise PubMedError(flight.trouble)
                concurrent.futures.wait([flight.future], timeout=min(left, POLL_S))
        finally:
            with self._lock:
                flight.waiting -= 1
                if not flight.waiting:
                    flight.future.cancel()
                    self._end(key, flight)
        error = flight.future.exception()
        if isinstance(error, PubMedError):
            raise type(error)(*error.args)  # each waiter's own: threads would tangle up one traceback
        result: Result = flight.future.result()
        return result

    async def _fly(
        self, key: Hashable, flight: Flight, work: Callable[[Flight], Coroutine[Any, Any, Result]]
    ) -> Result:
        try:
            return await work(flight)
        finally:
            with self._lock:
                self._end(key, flight)

    def _end(self, key: Hashable, flight: Flight) -> None:
        if self._under_way.get(key) is flight:
            del self._under_way[key]


_room = threading.BoundedSemaphore(MAX_BLOCKING)


async def in_thread(work: Callable[[], Result]) -> Result:
    """What ``work`` gives or raises, from a daemon thread: one that hangs holds up neither loop nor exit."""
    while not _room.acquire(blocking=False):
        await asyncio.sleep(POLL_S)
    future: concurrent.futures.Future[Result] = concurrent.futures.Future()
    future.set_running_or_notify_cancel()  # from here on nobody cancels it but by not waiting

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
        finally:
            _room.release()

    threading.Thread(target=run, name="pubmed-blocking", daemon=True).start()
    return await asyncio.wrap_future(future)


class _Loop(asyncio.SelectorEventLoop):
    # asyncio's own looks names up in threads that the interpreter waits for at its exit.
    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        return await in_thread(lambda: socket.getaddrinfo(host, port, **options))


class _Background:
    lock = threading.Lock()
    thread: threading.Thread | None = None
    loop: asyncio.AbstractEventLoop


def _loop() -> asyncio.AbstractEventLoop:
    """This process's loop, begun at its first use, and anew in a fork, which has no thread for it."""
    with _Background.lock:
        if _Background.thread is None or not _Background.thread.is_alive():
            _Background.loop = _Loop()
            _Background.thread = threading.Thread(
                target=_Background.loop.run_forever, name="pubmed", daemon=True
            )
            _Background.thread.start()
        return _Background.loop
