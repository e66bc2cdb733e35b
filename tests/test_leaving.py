"""Visitors who leave, over real HTTP: their reading ends within a batch; who stays has the answer."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
import uuid
from contextlib import closing
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from starlette.middleware import Middleware

from biom_demo.models.store import Models
from biom_demo.models.worker import Ended
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import SpanLogits
from biom_demo.settings import Settings
from biom_demo.ui import guard
from biom_demo.ui.ending import Requests, Streams
from biom_demo.ui.page import build_page
from biom_demo.ui.serve import THREADS
from biom_demo.ui.site import Site
from tests.site import MINI, BlockedPubMed, built
from tests.tiny import wordpiece_tokenizer

QUESTION = "which gene"
LONG = "the gene binds the drug in the virus. " * 500  # some thirty windows, so some fifteen batches
SHORT = LONG[:380]
BEGUN = 4  # batches: enough for progress to be told
ALL = 1_000  # batches: more than anything here has
PATIENCE_S = 60

# Gradio's own counting, with a pandas that is newer than it knows.
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")


class HeldModels(Models):
    """The store; its models read as many batches as they are ``let``, and then wait for more."""

    def __init__(self):
        super().__init__()
        self.batches = 0
        self.visits = []
        self.budget_s = None
        self._let = threading.Semaphore(0)
        engine = SimpleNamespace(max_positions=512, logits=self._logits)
        self._reader = Reader(engine, wordpiece_tokenizer())

    def reader(self, checkpoint, precision=None):
        return self._reader

    def visit(self, visitor="", *, stop=None, budget_s=None, precision=None):
        self.visits.append(super().visit(visitor, stop=stop, budget_s=self.budget_s, precision=precision))
        return self.visits[-1]

    def let(self, batches):
        self._let.release(batches)

    def _logits(self, windows):
        assert self._let.acquire(timeout=PATIENCE_S)
        self.batches += 1
        return [SpanLogits(np.sin(w.ids, dtype=np.float32), np.cos(w.ids, dtype=np.float32)) for w in windows]


def eventually(what):
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


class Server:
    """A served page, and what its models have done."""

    def __init__(self, page, site, address):
        self.page, self.site, self.address = page, site, address

    @property
    def models(self):
        return self.site.models

    def event(self, name):
        return next(number for number, event in self.page.fns.items() if event.name == name)

    def post(self, path, body):
        response = httpx.post(f"{self.address}/gradio_api/{path}", json=body)
        assert response.is_success, response.text
        return response.json()


@pytest.fixture
def server():
    site = Site(Settings(pair="mini", pubmed_cache="off"), MINI, HeldModels(), BlockedPubMed())
    middleware = [Middleware(Streams, requests=Requests()), *guard.middleware(site.settings)]

    def launched():
        page = build_page(site)
        _, address, _ = page.launch(
            prevent_thread_lock=True, quiet=True, max_threads=THREADS, app_kwargs={"middleware": middleware}
        )
        return Server(page, site, address.rstrip("/"))

    with built(launched) as made:
        yield made
        site.models.let(ALL)
        made.page.close(verbose=False)
        site.models.worker.close(timeout_s=PATIENCE_S)


class Stream:
    """An open event stream."""

    def __init__(self, url):
        self._client = httpx.Client(timeout=PATIENCE_S)
        self._response = self._client.send(self._client.build_request("GET", url), stream=True)
        self._lines = self._response.iter_lines()

    def until(self, *words):
        """The first line with all these words."""
        return next(line for line in self._lines if all(word in line for word in words))

    def reset(self):
        """End it without a goodbye, as a machine does that is switched off."""
        connection = self._response.extensions["network_stream"].get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self._response.close()
        self._client.close()


class Visitor:
    """Does over HTTP what the page does in a browser."""

    def __init__(self, server):
        self.server = server
        self.session = uuid.uuid4().hex[:11]

    def heartbeat(self):
        stream = Stream(f"{self.server.address}/gradio_api/heartbeat/{self.session}")
        stream.until("ALIVE")
        return stream

    def join(self, name, *data):
        """The number of an event of the page that was put in the queue."""
        body = {"fn_index": self.server.event(name), "session_hash": self.session, "data": data}
        return self.server.post("queue/join", body)["event_id"]

    def listen(self):
        return Stream(f"{self.server.address}/gradio_api/queue/data?session_hash={self.session}")

    def prepare(self, text):
        return self.join("on_ask", text, QUESTION, "mini", [], False, None, "", "float32", "auto")

    def ask(self, text):
        """The stream of an answer."""
        prepared = self.prepare(text)
        with closing(self.listen()) as stream:
            stream.until("process_completed", prepared)
        self.join("on_prepared", None, None, None)
        return self.listen()

    def begin(self):
        """The stream of an answer about a long text of which some has been read, and no more is read."""
        stream = self.ask(LONG)
        self.server.models.let(BEGUN)
        stream.until(" has read ")
        eventually(lambda: self.server.models.batches == BEGUN)
        return stream


def test_a_visitor_who_closes_the_page_is_read_no_more(server):
    stream = Visitor(server).begin()
    stream.close()
    assert_freed(server)


def test_nor_one_whose_connection_is_reset(server):
    stream = Visitor(server).begin()
    stream.reset()
    assert_freed(server)


def test_nor_one_of_whom_only_the_heartbeat_is_known_to_have_ended(server):
    visitor = Visitor(server)
    heartbeat = visitor.heartbeat()
    with closing(visitor.begin()):
        heartbeat.close()
        assert_freed(server)


def test_nor_a_program_that_closes_its_stream(server):
    event = server.post("call/answer", {"data": [LONG, QUESTION, "mini"]})["event_id"]
    stream = Stream(f"{server.address}/gradio_api/call/answer/{event}")
    server.models.let(BEGUN)
    eventually(lambda: server.models.batches == BEGUN)
    stream.close()
    assert_freed(server)


def assert_freed(server):
    (visit,) = server.models.visits
    eventually(visit.stop.is_set)
    server.models.let(ALL)  # the batch in hand, and all others if they were wanted
    eventually(lambda: not len(server.models.worker))
    eventually(lambda: visit.ended is Ended.STOPPED)
    assert server.models.batches == BEGUN + 1
    eventually(lambda: not len(server.site.stops))
    eventually(lambda: not [t for t in threading.enumerate() if t.name.startswith("followed")])


def test_who_stays_has_the_answer_whoever_leaves(server):
    stays, leaves = Visitor(server), Visitor(server)
    with closing(stays.begin()) as answer:
        left = leaves.ask(LONG)
        eventually(lambda: len(server.models.worker) == 2)
        left.close()
        eventually(server.models.visits[1].stop.is_set)
        server.models.let(ALL)
        message = json.loads(answer.until("process_completed").removeprefix("data: "))
        assert message["success"]
        assert "Two models read" in str(message["output"]["data"])
    assert [visit.ended for visit in server.models.visits] == [None, Ended.STOPPED]


def test_a_second_question_takes_the_place_of_the_first(server):
    visitor = Visitor(server)
    with closing(visitor.begin()) as stream:
        stream.until("process_completed", visitor.prepare(SHORT))
        second = visitor.join("on_prepared", None, None, None)
        eventually(lambda: len(server.models.visits) == 2)
        eventually(server.models.visits[0].stop.is_set)
        server.models.let(ALL)
        assert "Two models read" in stream.until("process_completed", second)
    assert [visit.ended for visit in server.models.visits] == [Ended.STOPPED, None]


def test_a_program_that_never_listens_is_read_for_no_longer_than_the_budget(server):
    server.models.budget_s = 0.01
    server.post("call/answer", {"data": [LONG, QUESTION, "mini"]})
    eventually(lambda: server.models.visits)
    server.models.let(ALL)
    eventually(lambda: server.models.visits[0].ended is Ended.BUDGET)
    eventually(lambda: not len(server.models.worker))


def test_stop_keeps_what_was_read_and_says_how_much(server):
    visitor = Visitor(server)
    with closing(visitor.begin()) as answer:
        halt = next(
            number
            for number, event in server.page.fns.items()
            if event.fn  # beside what the browser does by itself
            and any(
                name == "click" and server.page.blocks[part].elem_id == "halt"
                for part, name in event.targets
                if part is not None
            )
        )
        server.post("run/predict", {"fn_index": halt, "session_hash": visitor.session, "data": []})
        server.models.let(1)
        page = str(json.loads(answer.until("process_completed").removeprefix("data: "))["output"]["data"])
    assert "Stopped; what was read is kept" in page
    assert f"of {len(LONG):,} characters were read" in page
    assert server.models.batches == BEGUN + 1
    assert not len(server.models.worker)
