"""/metrics: the counters in Prometheus' form, on demand, with no word of a visitor."""

from __future__ import annotations

import asyncio
import re
import sys

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from biom_demo.analysis.comparison import View
from biom_demo.counters import Counters, End, Outcome, Refusal, Work
from biom_demo.errors import InputError, PubMedError, RecordError, RefusedError
from biom_demo.pubmed.request import Requests as PubMedRequests
from biom_demo.pubmed.transport import UnknownIdsError
from biom_demo.settings import Settings, Switch
from biom_demo.ui.compare_tab import answer, prepare
from biom_demo.ui.ending import PROBES, REFUSALS, Requests, Streams
from biom_demo.ui.metrics import routes
from biom_demo.ui.run import History
from biom_demo.ui.site import Gate, Site
from tests.site import inquiry, last, site_of

ON = Settings(metrics=Switch.ON)


def site_with(counters, settings=ON):
    site = site_of(settings=settings)
    return Site(settings, site.pair, site.models, site.pubmed, counters=counters)


def scraped(site, requests=None):
    """The samples of /metrics by name and labels."""
    client = TestClient(Starlette(routes=routes(site, requests or Requests())))
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_every_number_has_its_line():
    pytest.importorskip("prometheus_client")
    counters, requests = Counters(), Requests()
    counters.ran(Work.WHY, End.OUT_OF_TIME, read_s=2.5)
    counters.refused(Refusal.QUEUE_FULL)
    counters.asked_pubmed(Outcome.ANSWERED)
    counters.waited(0.3)
    counters.waited(500)
    requests.sessions = 3
    seen = scraped(site_with(counters), requests)
    assert seen['biom_runs_total{end="out_of_time",work="why"}'] == 1
    assert seen['biom_runs_total{end="done",work="why"}'] == 0
    assert seen["biom_read_seconds_total"] == 2.5
    assert seen['biom_refusals_total{why="queue_full"}'] == 1
    assert seen['biom_pubmed_requests_total{outcome="answered"}'] == 1
    assert (seen["biom_sessions"], seen["biom_readers_loaded"]) == (3, 0)
    buckets = [seen[f'biom_wait_seconds_bucket{{le="{bound}"}}'] for bound in (0.25, 0.5, 120.0, "+Inf")]
    assert buckets == [0, 1, 1, 2]
    assert (seen["biom_wait_seconds_count"], seen["biom_wait_seconds_sum"]) == (2, 500.3)


def test_labels_are_words_of_ours():
    pytest.importorskip("prometheus_client")
    known = {member.value for kind in (Work, End, Refusal, Outcome) for member in kind}
    for name in scraped(site_with(Counters())):
        labels = set(re.findall(r'(?:work|end|why|outcome)="([^"]*)"', name))
        assert labels <= known, name


@pytest.mark.parametrize(
    ("settings", "served"),
    [
        (Settings(), True),
        (Settings(public=Switch.ON), False),
        (Settings(host="0.0.0.0"), False),
        (Settings(host="0.0.0.0", metrics=Switch.ON), True),
        (Settings(metrics=Switch.OFF), False),
    ],
)
def test_there_is_no_such_address_on_a_public_page_unless_it_is_wanted(settings, served):
    pytest.importorskip("prometheus_client")
    assert bool(routes(site_of(settings=settings), Requests())) == served


def test_without_the_extra_there_is_none_and_the_log_says_what_to_install(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert routes(site_of(settings=ON), Requests()) == []
    assert "requirements-metrics.txt" in caplog.text
    caplog.clear()
    assert routes(site_of(), Requests()) == []
    assert not caplog.text  # nobody asked for it


def test_counting_needs_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    counters = Counters()
    counters.ran(Work.API, End.DONE)
    assert counters.counts().runs[Work.API, End.DONE] == 1


def test_a_question_on_the_page_is_counted():
    site = site_of()
    prepared = last(prepare(site, inquiry(), "me"))["prepared"]
    last(answer(site, prepared, View(), History(), "me"))
    counts = site.counters.counts()
    assert {key: n for key, n in counts.runs.items() if n} == {(Work.COMPARE, End.DONE): 1}
    assert sum(counts.waits) == 1


def test_who_finds_pubmed_busy_is_counted():
    site = site_of()
    full = Gate(at_once=0, waiting=0)
    site = Site(site.settings, site.pair, site.models, site.pubmed, pubmed_gate=full)
    with pytest.raises(InputError), site.asking_pubmed():
        raise AssertionError("let in")
    assert site.counters.counts().refusals[Refusal.PUBMED_BUSY] == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Outcome.ANSWERED),
        (RecordError("?"), Outcome.FAILED),
        (UnknownIdsError("?"), Outcome.ANSWERED),
        (RefusedError("no"), Outcome.REFUSED),
        (PubMedError("late"), Outcome.FAILED),
        (asyncio.CancelledError(), Outcome.STOPPED),
    ],
)
def test_each_request_to_pubmed_is_counted_by_what_became_of_it(error, outcome):
    class Server:
        server = "here"

        async def send(self, *_):
            if error is not None and not isinstance(error, RecordError):
                raise error
            return b"body"

    def parse(_body):
        if isinstance(error, RecordError):
            raise error

    class Flight:
        deadline, trouble = 0.0, ""

    counters = Counters()
    requests = PubMedRequests(Server(), None, email="", api_key="", counters=counters)

    async def ask():
        return await requests.ask(Flight(), "esearch", {}, parse)

    if error is None:
        asyncio.run(ask())
    else:
        with pytest.raises(type(error)):
            asyncio.run(ask())
    counted = counters.counts().pubmed_requests
    assert {kind: n for kind, n in counted.items() if n} == {outcome: 1}


@pytest.mark.parametrize("status", [200, 404, 500, *REFUSALS])
@pytest.mark.parametrize("path", ["/gradio_api/queue/join", *PROBES])
def test_refusals_are_counted_by_their_status(status, path):
    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(_message): ...

    counters = Counters()
    scope = {"type": "http", "path": path, "method": "POST"}
    asyncio.run(Streams(app, Requests(), counters)(scope, None, send))
    expected = {REFUSALS[status]: 1} if status in REFUSALS and path not in PROBES else {}
    assert {why: n for why, n in counters.counts().refusals.items() if n} == expected
