"""Requests under way: sent once, left at any moment, never longer than anyone waits."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from biom_demo.errors import PubMedCancelled, PubMedError
from biom_demo.pubmed import flight as flight_module
from biom_demo.pubmed.flight import LATE, SPENT, Flights, in_thread
from tests.entrez_server import chain, ends_within

NEVER = threading.Event()


def soon(seconds=60.0):
    return time.monotonic() + seconds


@pytest.fixture
def flights():
    made = Flights()
    yield made
    assert made._under_way == {}


def test_sixteen_threads_are_one_request_and_all_get_its_result_or_its_error(flights):
    begun = []
    go = threading.Event()

    async def work(flight):
        begun.append(flight)
        while not go.is_set():
            await asyncio.sleep(0.01)
        if len(begun) > 1:
            raise PubMedError("It broke.")
        return object()

    def wait_for_all(threads):
        flight = flights._under_way["key"]
        while flight.waiting < threads:
            time.sleep(0.01)
        go.set()

    def ask(_):
        try:
            return flights.join("key", work, deadline=soon(), stop=NEVER)
        except PubMedError as error:
            return error

    for outcome in (object, PubMedError):
        go.clear()
        with ThreadPoolExecutor(17) as pool:
            results = [pool.submit(ask, number) for number in range(16)]
            while "key" not in flights._under_way:
                time.sleep(0.01)
            pool.submit(wait_for_all, 16).result()
        got = [result.result() for result in results]
        assert all(isinstance(one, outcome) for one in got)
        # One result for all, but an error each: a traceback is nobody else's.
        assert len({id(one) for one in got}) == (1 if outcome is object else 16)
        assert all(len(chain(one)) == 1 for one in got if outcome is PubMedError)
    assert len(begun) == 2


def test_who_leaves_takes_nothing_from_who_stays(flights):
    go, left = threading.Event(), threading.Event()

    async def work(flight):
        while not go.is_set():
            await asyncio.sleep(0.01)
        return flight.deadline

    with ThreadPoolExecutor(3) as pool:
        stop = threading.Event()
        first = pool.submit(flights.join, "key", work, deadline=soon(20), stop=stop)
        late = pool.submit(flights.join, "key", work, deadline=soon(0.2), stop=NEVER)
        stays = pool.submit(flights.join, "key", work, deadline=soon(60), stop=NEVER)
        with pytest.raises(PubMedError, match=LATE[:20]):
            late.result()
        stop.set()
        with pytest.raises(PubMedCancelled):
            first.result()
        left.set()
        go.set()
        assert stays.result() > soon(30)  # the request has the time of the one who waits longest


def test_when_the_last_has_left_it_is_cancelled(flights):
    cancelled = threading.Event()

    async def work(flight):
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(PubMedError, match=LATE[:20]):
        flights.join("key", work, deadline=soon(0.2), stop=NEVER)
    assert cancelled.wait(10)


def test_nothing_is_begun_without_time_or_when_stopped(flights):
    async def work(flight):
        raise AssertionError("begun")

    with pytest.raises(PubMedError, match=SPENT[:20]):
        flights.join("key", work, deadline=soon(-1), stop=NEVER)
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(PubMedCancelled):
        flights.join("key", work, deadline=soon(), stop=stopped)


def test_what_only_blocks_holds_nobody_up_and_is_bounded(flights, monkeypatch):
    monkeypatch.setattr(flight_module, "_room", threading.BoundedSemaphore(2))
    let_go = threading.Event()
    begun = []

    def hang():
        begun.append(threading.current_thread())
        let_go.wait(60)

    with ends_within(1.0), ThreadPoolExecutor(5) as pool:
        for number in range(5):
            pool.submit(flights.join, number, lambda _: in_thread(hang), deadline=soon(0.5), stop=NEVER)
    assert len(begun) == 2
    assert all(thread.daemon for thread in begun)
    let_go.set()
    assert flights.join("key", lambda _: in_thread(lambda: 7), deadline=soon(), stop=NEVER) == 7


def test_a_name_that_is_looked_up_for_ever_is_left(flights, monkeypatch):
    let_go = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: let_go.wait(60))

    async def work(flight):
        await asyncio.get_running_loop().getaddrinfo("eutils.ncbi.nlm.nih.gov", 443)

    with ends_within(0.3), pytest.raises(PubMedError, match=LATE[:20]):
        flights.join("key", work, deadline=soon(0.3), stop=NEVER)
    let_go.set()


def test_an_error_of_our_own_making_is_not_hidden(flights):
    async def work(flight):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        flights.join("key", work, deadline=soon(), stop=NEVER)
