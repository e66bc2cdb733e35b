"""Asking PubMed, against a server with every fault: words within the budget, pace, cache, keys."""

from __future__ import annotations

import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from biom_demo.errors import InputError, PubMedCancelled, PubMedError, RefusedError
from biom_demo.pubmed import session as client_module
from biom_demo.pubmed.cache import FILE_NAME, Cache
from biom_demo.pubmed.identify import Name, Scheme, identify
from biom_demo.pubmed.lookup import look_up
from biom_demo.pubmed.session import Pace, PubMed
from tests.entrez_server import cut_xml, entrez_server, page, slow, status, truncated

CFTR, IVACAFTOR = "90000001", "90000002"


@pytest.fixture
def server():
    with entrez_server() as made:
        yield made


@pytest.fixture
def quick(monkeypatch):
    """Pauses a tenth as long: the faults are what is tested, not the waiting."""
    monkeypatch.setattr(client_module, "FIRST_PAUSE_S", 0.02)


def pubmed(server, **options):
    return PubMed(base_url=server.url, pace=Pace(), **({"budget_s": 10.0} | options))


def cache(folder, **options):
    return Cache(folder, **({"max_bytes": 10_000_000, "max_age_s": 1000.0} | options))


def test_search_and_fetch(server):
    client = pubmed(server, email="me@example.org")
    found = client.search("cystic fibrosis", limit=5)
    assert found.pmids == (CFTR, IVACAFTOR)
    fetched = client.fetch([*found.pmids, "1"])
    assert [record.pmid for record in fetched.records] == [CFTR, IVACAFTOR]
    assert fetched.missing == ("1",)
    (search,) = server.calls("esearch")
    assert (search["tool"], search["email"], search["sort"]) == ("biom_demo", "me@example.org", "relevance")
    client.search("cystic fibrosis", limit=5, newest_first=True)
    assert server.calls("esearch")[1]["sort"] == "pub_date"


def test_names_are_resolved_each_by_its_service(server):
    names = identify("PMC9900003 10.5555/PLAY.1 90000004 PMC404 10.5555/none").names
    found = pubmed(server).resolve(names)
    assert {name.value: pmid for name, pmid in found.items()} == {
        "PMC9900003": "90000003",
        "10.5555/play.1": CFTR,
        "90000004": "90000004",
    }
    assert server.calls("idconv")[0]["ids"] == "PMC9900003,PMC404"


@pytest.mark.parametrize(
    "fault",
    [status(500), status(503), status(429, Retry_After="0"), page, truncated, cut_xml],
    ids=["500", "503", "429", "web page", "truncated", "cut XML"],
)
def test_a_passing_fault_is_tried_again(server, quick, fault):
    server.faults = [fault, fault]
    assert pubmed(server).fetch([CFTR]).records[0].pmid == CFTR
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (status(500), "has trouble"),
        (status(429), "too many requests"),
        (page, "web page"),
        (truncated, "broke off"),
        (cut_xml, "cut off"),
        (slow(30), "did not answer in time"),
    ],
    ids=["500", "429", "web page", "truncated", "cut XML", "slow"],
)
def test_a_lasting_fault_ends_in_words_within_the_budget(server, quick, fault, words):
    server.faults = [fault] * 50
    begun = time.monotonic()
    with pytest.raises(PubMedError, match=words):
        pubmed(server, budget_s=3.0).fetch([CFTR])
    assert time.monotonic() - begun < 4.0


def test_a_server_that_drips_is_cut_off():
    def drip(listener):
        connection, _ = listener.accept()
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n")
        try:
            for _ in range(200):
                connection.sendall(b" ")
                time.sleep(0.05)
        except OSError:
            pass
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        begun = time.monotonic()
        client = PubMed(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", budget_s=2.0, pace=Pace())
        with pytest.raises(PubMedError):
            client.fetch([CFTR])
        assert time.monotonic() - begun < 3.0


def test_a_dead_network_ends_in_words(quick):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = PubMed(base_url=f"http://127.0.0.1:{port}", budget_s=5.0, pace=Pace())
    with pytest.raises(PubMedError, match="cannot be reached"):
        client.search("gene", limit=1)


def test_a_refusal_is_not_tried_again(server):
    server.faults = [status(400, b'{"error":"API key invalid","api-key":"x"}'), status(414), status(400)]
    client = pubmed(server)
    with pytest.raises(RefusedError, match="does not accept the API key"):
        client.search("gene", limit=1, api_key="secret")
    with pytest.raises(RefusedError, match="HTTP 414"):
        client.search("gene", limit=1)
    assert client.fetch(["7"]).missing == ("7",)  # NCBI: "ID list is empty"
    assert len(server.requests) == 3


def test_retry_after_is_waited_for_or_given_up(server):
    server.faults = [status(429, Retry_After="1")]
    begun = time.monotonic()
    pubmed(server).fetch([CFTR])
    assert time.monotonic() - begun >= 1.0
    server.faults = [status(429, Retry_After="3600")]
    begun = time.monotonic()
    with pytest.raises(PubMedError, match="too many requests"):
        pubmed(server).fetch([CFTR])
    assert time.monotonic() - begun < 2.0


def test_cancelling_ends_a_wait(server):
    server.faults = [status(429, Retry_After="8")]
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    begun = time.monotonic()
    with pytest.raises(PubMedCancelled):
        pubmed(server).fetch([CFTR], cancelled=cancelled)
    assert time.monotonic() - begun < 2.0


@pytest.mark.parametrize(("api_key", "limit"), [("", 3), ("key", 10)])
def test_eight_threads_keep_the_pace(server, api_key, limit):
    client = pubmed(server, api_key=api_key)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: client.search(f"gene {i}", limit=1), range(4 * limit)))
    times = sorted(at for at, _, _ in server.requests)
    assert len(times) == 4 * limit
    # No window of one second holds more than the limit allows.
    assert all(later - earlier > 1.0 for earlier, later in zip(times, times[limit:], strict=False))


def test_a_visitors_key_is_for_the_call_alone_and_never_logged(server, caplog):
    caplog.set_level(logging.DEBUG)
    client = pubmed(server)
    server.faults = [status(500)]
    client.search("gene", limit=1, api_key="visitors-secret")
    client.search("protein", limit=1)
    keys = [parameters.get("api_key") for parameters in server.calls("esearch")]
    assert keys == ["visitors-secret", "visitors-secret", None]
    assert "visitors-secret" not in caplog.text


def test_many_records_are_fetched_200_a_call_with_progress():
    records = [
        {"pmid": str(i), "title": f"Title {i}", "sections": [["", "word " * 50]]} for i in range(1, 501)
    ]
    with entrez_server(records) as server:
        seen = []
        found = pubmed(server).search("title", limit=500)
        fetched = pubmed(server).fetch(found.pmids, progress=lambda have, wanted: seen.append((have, wanted)))
    assert len(fetched.records) == 500
    assert [len(call["id"].split(",")) for call in server.calls("efetch")] == [200, 200, 100]
    assert seen == [(0, 500), (200, 500), (400, 500), (500, 500)]


def test_what_was_seen_costs_no_request_and_is_served_when_the_server_is_down(tmp_path, quick):
    now = [1_800_000_000.0]
    kept = cache(tmp_path, now=lambda: now[0])
    with entrez_server() as server:
        client = pubmed(server, cache=kept)
        client.fetch([CFTR])
        client.search("cystic", limit=3)
        client.resolve([Name(Scheme.DOI, "10.5555/play.1")])
        count = len(server.requests)
        again = client.fetch([CFTR])
        client.search("cystic", limit=3)
        client.resolve([Name(Scheme.DOI, "10.5555/play.1")])
        assert len(server.requests) == count
        assert again.seen == ()
    now[0] += 5000  # no longer fresh, and the server is down
    old = client.fetch([CFTR])
    assert old.records == again.records
    assert old.seen == ((CFTR, 1_800_000_000.0),)
    assert client.search("cystic", limit=3).pmids == (CFTR, IVACAFTOR)
    notices = look_up(client, identify(CFTR)).notices
    assert any("copy of 2027-01-15" in notice for notice in notices)
    with pytest.raises(PubMedError, match="cannot be reached"):
        client.fetch([CFTR, "90000003"])


def test_the_cache_is_bounded_shared_and_survives_damage(tmp_path, caplog):
    now = [0.0]
    kept = cache(tmp_path, max_bytes=10_000, now=lambda: now[0])
    for i in range(30):
        now[0] += 1
        kept.put({f"record {i}": "x" * 1000})
        kept.get(["record 0"])  # used all the time: it stays
    left = kept.get(f"record {i}" for i in range(30))
    assert "record 0" in left
    assert "record 29" in left
    assert len(left) <= 10
    other = cache(tmp_path, max_bytes=10_000)

    def write(which):
        for i in range(20):
            (kept if which % 2 else other).put({f"thread {which} {i}": i})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert other.get(["thread 1 19"])["thread 1 19"].value == 19
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all" * 500)
    for suffix in ("-wal", "-shm"):
        (tmp_path / (FILE_NAME + suffix)).unlink(missing_ok=True)
    assert kept.get(["record 0"]) == {}
    assert "damaged" in caplog.text
    kept.put({"new": 1})
    assert kept.get(["new"])["new"].value == 1


def test_a_cache_that_cannot_be_written_is_off_and_fails_nothing(tmp_path, server):
    (tmp_path / "file").write_text("in the way")
    client = pubmed(server, cache=cache(tmp_path / "file" / "folder"))
    assert client.fetch([CFTR]).records
    assert client.fetch([CFTR]).records
    assert len(server.requests) == 2


def test_lookups_say_what_was_found_and_what_not(server):
    client = pubmed(server)
    assert look_up(client, identify(CFTR)).notices == ()
    mixed = look_up(client, identify(f"{CFTR} PMC404 777"))
    assert [record.pmid for record in mixed.records] == [CFTR]
    assert mixed.notices == ("PubMed does not know PMC404, 777.",)
    first = look_up(client, identify("cystic fibrosis"))
    assert first.notices == ("2 records match; read: the first 1.",)
    assert "no abstract" in look_up(client, identify("90000007")).notices[0]
    for typed, words in (
        ("777", "does not know 777"),
        ("PMC404", "does not know PMC404"),
        ("xyzzy", "finds nothing"),
        ("https://example.org/x", "none of PubMed"),
    ):
        with pytest.raises(InputError, match=words):
            look_up(client, identify(typed))
