"""One question's budget, key and stop, against a server with every fault; and what is remembered of it."""

from __future__ import annotations

import logging
import re
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from biom_demo.errors import BioMError, InputError, PubMedCancelled, PubMedError, RefusedError
from biom_demo.pubmed import pace as pace_module
from biom_demo.pubmed import request as request_module
from biom_demo.pubmed.cache import FILE_NAME, Cache
from biom_demo.pubmed.identify import Name, Scheme, identify
from biom_demo.pubmed.local_server import article_xml
from biom_demo.pubmed.session import PubMed
from biom_demo.settings import Settings
from tests.entrez_server import (
    DRIPS,
    PLAY,
    chain,
    cut_xml,
    dripping,
    ends_within,
    entrez_server,
    good,
    page,
    raw_server,
    searched,
    slow,
    status,
    truncated,
)

CFTR, IVACAFTOR = "90000001", "90000002"
KEY = "0123456789abcdef0123456789abcdef0123"
DOI = Name(Scheme.DOI, "10.5555/play.1")
OLD = "copy of 2027-01-15"


@pytest.fixture
def server():
    with entrez_server() as made:
        yield made


@pytest.fixture(autouse=True)
def _quick(request, monkeypatch):
    """Pauses and pace a tenth as long: the faults are what is tested, not the waiting."""
    monkeypatch.setattr(request_module, "FIRST_PAUSE_S", 0.02)
    if "pace" not in request.node.name:
        monkeypatch.setattr(pace_module, "PAUSE_S", 0.01)
        monkeypatch.setattr(pace_module, "PAUSE_WITH_KEY_S", 0.01)


def pubmed(server, **options):
    return PubMed(base_url=server.url, **({"budget_s": 30.0} | options))


def cache(folder, **options):
    return Cache(folder, **({"max_bytes": 10_000_000, "max_age_s": 1000.0} | options))


def failing(function, *arguments, **options):
    """The error of the project that a call ends with; its chain is the project's, and has no key."""
    with pytest.raises(BioMError) as caught:
        function(*arguments, **options)
    for error in chain(caught.value):
        assert isinstance(error, BioMError)
        assert KEY not in repr(error)
        assert "\n" not in str(error)
    return caught.value


# What is asked


def test_search_and_fetch_in_one_session(server):
    client = pubmed(server, email="me@example.org")
    with client.session() as session:
        found = session.search("cystic fibrosis", limit=5)
        fetched = session.fetch([*found.pmids, "1", CFTR])
    assert (found.count, found.pmids, found.notices) == (2, (CFTR, IVACAFTOR), ())
    assert [record.pmid for record in fetched.records] == [CFTR, IVACAFTOR]
    assert (fetched.missing, fetched.unasked) == (("1",), ())
    assert fetched.notices == session.notices == ("PubMed does not know 1.",)
    (search,) = server.calls("esearch")
    assert (search["tool"], search["email"], search["sort"]) == ("biom_demo", "me@example.org", "relevance")
    client.search("cystic fibrosis", limit=5, newest_first=True)
    assert server.calls("esearch")[1]["sort"] == "pub_date"


def test_names_are_resolved_each_by_its_service(server):
    names = identify("PMC9900003 10.5555/PLAY.1 90000004 PMC404 10.5555/none").names
    resolved = pubmed(server).resolve(names)
    assert [(name.value, pmid) for name, pmid in resolved.pmids.items()] == [
        ("PMC9900003", "90000003"),
        ("10.5555/play.1", CFTR),
        ("90000004", "90000004"),
    ]
    assert [name.value for name in resolved.unknown] == ["PMC404", "10.5555/none"]
    assert resolved.notices == ("PubMed does not know PMC404, 10.5555/none.",)
    assert server.calls("idconv")[0]["ids"] == "PMC9900003,PMC404"


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


@pytest.mark.parametrize("typed", ["\ud800 gene", "a" * 5000, "ß[ti]", '"', "a&b=c#d%41+e"])
def test_any_text_can_be_searched_for(server, tmp_path, typed):
    client = pubmed(server, cache=cache(tmp_path))
    for _ in range(2):
        client.search(typed, limit=1)
    assert server.calls("esearch")[0]["term"] == typed.encode("utf-8", "replace").decode()


# Faults that pass, faults that last


@pytest.mark.parametrize(
    "fault",
    [status(500), status(503), status(429, Retry_After="0"), page, truncated, cut_xml, searched(7, ())],
    ids=["500", "503", "429", "web page", "truncated", "cut XML", "lists none"],
)
def test_a_passing_fault_is_tried_again(server, fault):
    server.faults = [fault, fault]
    client = pubmed(server)
    assert client.search("cystic", limit=3).pmids == (CFTR, IVACAFTOR)
    assert len(server.requests) == 3
    if fault is not searched(7, ()):
        server.faults = [status(500), status(500)]
        assert client.fetch([CFTR]).records[0].pmid == CFTR


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (status(500), "has trouble"),
        (status(429), "too many requests"),
        (page, "log-in"),
        (truncated, "broke off"),
        (cut_xml, "cut off"),
        (searched("many", ()), "no count"),
        (searched(7, ()), "lists none"),
        (searched(1, (CFTR,), "<ERROR>Search backend failed</ERROR>"), "Search backend failed"),
    ],
    ids=["500", "429", "web page", "truncated", "cut XML", "no count", "lists none", "error"],
)
def test_a_lasting_fault_ends_in_its_words(server, fault, words):
    server.faults = [fault] * 50
    assert words in str(failing(pubmed(server).search, "gene", limit=1))
    assert len(server.requests) == request_module.MAX_ATTEMPTS


@pytest.mark.parametrize(
    "fault",
    [*map(status, (400, 403, 404, 407, 414, 511)), status(302, Location="https://portal.example/login")],
)
def test_what_does_not_pass_is_not_tried_again(server, fault):
    server.faults = [fault] * 9
    failing(pubmed(server).search, "gene", limit=1)
    assert len(server.requests) == 1


def test_ids_that_pubmed_does_not_know_are_missing_only_where_it_says_so(server):
    client = pubmed(server)
    server.faults = [status(400, b"<ERROR>ID list is empty! Possibly it has no correct IDs.</ERROR>")]
    assert client.fetch(["7"]).missing == ("7",)
    server.faults = [status(400)]
    assert "HTTP 400" in str(failing(client.fetch, ["7"]))


COUNTS = ["", "many", "-1", "1.0", "1e3", "1,234", "²", "9" * 5000, "0x10", " 2 ", "NaN", "1 2"]


@pytest.mark.parametrize("count", COUNTS)
def test_a_count_in_any_form_is_a_count_or_words(server, count):
    server.faults = [searched(count, (CFTR, IVACAFTOR))] * 2
    found = pubmed(server).search("gene", limit=2)
    assert found.pmids == (CFTR, IVACAFTOR)  # the records are there, whatever is said of their number
    assert found.count >= 2
    server.faults = [searched(count, ())] * 9
    if not re.search(r"[1-9]", count) or count in ("²", "0x10"):
        failing(pubmed(server).search, "gene", limit=2)


def test_a_dead_network_ends_in_words():
    with raw_server(dripping(b"", b"")) as server:
        pass  # nobody listens there any more
    assert "cannot be reached" in str(failing(pubmed(server).search, "gene", limit=1))


def test_retry_after_is_waited_for_or_given_up(server):
    for asks in ("3600", "inf", "9" * 400, "Fri, 01 Jan 2100 00:00:00 GMT"):
        server.faults = [status(429, Retry_After=asks)]
        with ends_within(0):  # and not after an hour
            assert "too many requests" in str(failing(pubmed(server).fetch, [CFTR]))
    server.faults = [status(429, Retry_After="0.7")]
    begun = time.monotonic()
    pubmed(server).fetch([CFTR])
    assert time.monotonic() - begun >= 0.7


# One budget, one stop


@pytest.mark.parametrize("drip", DRIPS)
def test_whatever_drips_ends_with_the_budget_and_is_let_go(drip):
    with raw_server(DRIPS[drip], pause_s=0.1) as server:
        with ends_within(0.5), pubmed(server, budget_s=0.5).session() as session:
            error = failing(session.fetch, [CFTR])
            failing(session.search, "gene", limit=1)
            failing(session.resolve, [DOI])
        assert isinstance(error, PubMedError)
        wait_for(lambda: not server.open)


@pytest.mark.parametrize("drip", DRIPS)
def test_whatever_drips_stop_is_heard(drip):
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with raw_server(DRIPS[drip], pause_s=0.1) as server:
        with ends_within(0.3), pytest.raises(PubMedCancelled):
            pubmed(server, budget_s=60.0).fetch([CFTR], cancelled=stop)
        wait_for(lambda: not server.open)


def wait_for(condition):
    """Returns when it holds; fails where it does not for long."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_all_calls_of_a_session_share_its_budget(server):
    server.faults = [slow(0.5)] * 50
    begun = time.monotonic()
    ended = []
    with ends_within(1.3), pubmed(server, budget_s=1.3).session() as session:
        for number in range(20):
            try:
                session.search(f"gene {number}", limit=1)
            except PubMedError:
                ended.append(time.monotonic() - begun)
    assert len(ended) >= 17  # a budget each would have let all 20 through
    assert len(server.requests) <= 4


def test_stop_is_heard_in_a_pause(server):
    server.faults = [status(429, Retry_After="20")]
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with ends_within(0.3), pytest.raises(PubMedCancelled):
        pubmed(server).fetch([CFTR], cancelled=stop)


def test_a_clock_that_is_set_back_holds_nobody_up(server, monkeypatch, tmp_path):
    client = pubmed(server, cache=cache(tmp_path))
    client.search("gene", limit=1)
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    with ends_within(1.0):
        for number in range(3):
            client.search(f"gene {number}", limit=1)
        client.fetch([CFTR])


def test_a_locked_cache_holds_nobody_up(server, tmp_path):
    client = pubmed(server, cache=cache(tmp_path), budget_s=8.0)
    client.search("cystic", limit=1)
    holder = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    try:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        with ends_within(2.0), client.session() as session:
            assert session.search("cystic", limit=3).pmids
            assert session.fetch([CFTR, IVACAFTOR]).records
            assert session.resolve([DOI]).pmids
    finally:
        holder.close()


def test_a_giant_answer_is_asked_for_once():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<PubmedArticleSet>"
    with raw_server(dripping(head, b" " * 1_000_000)) as server:
        assert "too large" in str(failing(pubmed(server).fetch, [CFTR]))
        assert server.requests == 1


# Once for all who ask the same


def test_sixteen_threads_that_ask_the_same_are_one_request(server, tmp_path):
    client = pubmed(server, cache=cache(tmp_path))
    server.faults = [slow(0.3), slow(0.3)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: client.search("cystic", limit=5), range(16)))
        fetched = list(pool.map(lambda _: client.fetch([CFTR]), range(16)))
    assert {answer.pmids for answer in found} == {(CFTR, IVACAFTOR)}
    assert {answer.records for answer in fetched} == {fetched[0].records}
    assert len(server.requests) == 2


def test_visitors_with_keys_of_their_own_ask_for_themselves(server):
    client = pubmed(server)
    server.faults = [slow(0.3)] * 4
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: client.search("cystic", limit=5, api_key=key), ["a", "b", "a", ""]))
    assert sorted(call.get("api_key", "") for call in server.calls("esearch")) == ["", "a", "b"]


# Pace


@pytest.mark.parametrize(("api_key", "limit"), [("", 3), ("key", 10)])
def test_threads_keep_the_pace(server, api_key, limit):
    client = pubmed(server, api_key=api_key)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: client.search(f"gene {i}", limit=1), range(2 * limit + 1)))
    keeps_pace(server, 2 * limit + 1, limit)


PROCESS = """
import sys
from biom_demo.pubmed.session import PubMed
from biom_demo.settings import Settings

settings = Settings(entrez_url=sys.argv[1], pubmed_cache=sys.argv[2], ncbi_api_key="operators")
for number in range(10):
    PubMed.from_settings(settings).search(f"{sys.argv[3]} {number}", limit=1)
"""


def test_two_processes_keep_the_pace_together(server, tmp_path):
    command = [sys.executable, "-c", PROCESS, server.url, str(tmp_path)]
    both = [subprocess.Popen([*command, name]) for name in ("one", "two")]
    assert [process.wait(60) for process in both] == [0, 0]
    keeps_pace(server, 20, 10)


def keeps_pace(server, count, limit):
    """No window of one second holds more than the limit allows, redirected and repeated requests included."""
    times = sorted(at for at, _, _ in server.requests)
    assert len(times) == count
    assert all(later - earlier > 1.0 for earlier, later in zip(times, times[limit:], strict=False))


def test_the_id_converter_which_takes_no_key_has_the_pace_of_those_without(server, monkeypatch):
    monkeypatch.setattr(pace_module, "PAUSE_S", 0.5)
    client = pubmed(server, api_key="key")
    for number in (1, 2):
        client.resolve([Name(Scheme.PMCID, f"PMC{number}")])
    (first, _, parameters), (second, _, _) = server.requests
    assert "api_key" not in parameters
    assert second - first > 0.4


# Keys


def test_a_visitors_key_is_for_the_session_alone(server, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    client = PubMed.from_settings(Settings(entrez_url=server.url, pubmed_cache=str(tmp_path)))
    server.faults = [status(500)]
    with client.session(api_key=KEY) as session:
        session.search("gene", limit=1)
    client.search("protein", limit=1)
    keys = [parameters.get("api_key") for parameters in server.calls("esearch")]
    assert keys == [KEY, KEY, None]
    assert KEY not in caplog.text
    assert KEY not in str(vars(session)) + str(vars(client)) + str(pace_module._sent)
    assert not any(KEY.encode() in file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize(
    "key", ["x" * 65, "x" * 10_000_000, "a b", "a\nb: c", "\ud800", "schlüssel", "a&b=c", "\x00"]
)
def test_what_cannot_be_a_key_is_refused_before_anything_is_sent(server, key):
    for make in (lambda: pubmed(server).session(api_key=key), lambda: pubmed(server, api_key=key)):
        with pytest.raises(InputError, match="API key") as caught:
            make()
        assert key not in str(caught.value)
    assert server.requests == []


REPEATS = [
    status(400, f"<ERROR>API key {KEY} is invalid</ERROR>".encode()),
    status(500, KEY.encode()),
    status(302, Location=f"http://{KEY}.example/?api_key={KEY}"),
    status(302, Location=f"http://[{KEY}"),
    status(200, f"<eSearchResult><ERROR>api_key={KEY.upper()} is odd</ERROR></eSearchResult>".encode()),
    status(200, KEY.encode()),
    status(200, b"x", Content_Encoding=KEY),
]


@pytest.mark.parametrize("fault", REPEATS)
def test_a_key_that_the_server_says_back_is_in_no_message_and_no_log(server, caplog, fault):
    caplog.set_level(logging.DEBUG)
    server.faults = [fault] * 9
    error = failing(pubmed(server).search, "gene", limit=1, api_key=KEY)
    assert KEY not in str(error).lower()
    assert KEY not in caplog.text.lower()


def test_who_has_to_change_a_refused_key_is_told(server):
    server.faults = [status(400, b'{"error":"API key invalid"}')] * 2
    client = pubmed(server, api_key="operators")
    assert "Check it, or leave it out" in str(failing(client.search, "gene", limit=1, api_key="visitors"))
    assert "this demo's own key" in str(failing(client.search, "gene", limit=1))


# What is remembered


def test_what_was_seen_costs_no_request(tmp_path, server):
    client = pubmed(server, cache=cache(tmp_path))
    for _ in range(2):
        with client.session() as session:
            session.search("cystic", limit=3)
            session.fetch([CFTR])
            session.resolve([DOI])
            assert session.notices == ()
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [
        searched(0, ()),
        searched(5, (CFTR,)),
        searched(0, (CFTR,)),
        searched(2, (CFTR, CFTR)),
        searched(1, (CFTR, IVACAFTOR, "90000003")),
    ],
    ids=["empty", "too few", "none and one", "one twice", "more than counted"],
)
def test_an_empty_or_inconsistent_search_is_not_remembered(tmp_path, server, answer):
    client = pubmed(server, cache=cache(tmp_path))
    server.faults = [answer]
    found = client.search("cystic", limit=5)
    assert found.count >= len(found.pmids) == len(set(found.pmids))
    assert bool(found.notices) == bool(found.pmids)
    assert client.search("cystic", limit=5).pmids == (CFTR, IVACAFTOR)
    assert client.search("cystic", limit=5).notices == ()
    assert len(server.requests) == 2


def test_more_results_than_asked_for_are_not_taken(server):
    server.faults = [searched(3, (CFTR, IVACAFTOR, "90000003"))]
    found = pubmed(server).search("cystic", limit=2)
    assert found.pmids == (CFTR, IVACAFTOR)
    assert found.notices


def test_records_that_were_not_asked_for_are_not_taken_nor_remembered(tmp_path, server):
    other = next(record for record in PLAY if record["pmid"] == IVACAFTOR)
    forged = {**other, "pmid": CFTR, "title": "Forged"}
    xml = "".join(map(article_xml, (other, {**forged, "title": "First"}, forged)))
    server.faults = [status(200, f"<PubmedArticleSet>{xml}</PubmedArticleSet>".encode()), good]
    client = pubmed(server, cache=cache(tmp_path))
    fetched = client.fetch([CFTR, "90000003"])
    assert [record.title.rstrip(".") for record in fetched.records] == ["First"]
    assert fetched.missing == ("90000003",)
    assert client.fetch([IVACAFTOR]).records[0].pmid == IVACAFTOR
    assert len(server.requests) == 2


def test_an_answer_of_another_server_is_not_ncbis(tmp_path):
    kept = cache(tmp_path)
    with entrez_server() as one, entrez_server([{"pmid": CFTR, "title": "Another"}]) as two:
        for server, title in ((one, PLAY[0]["title"]), (two, "Another")):
            client = pubmed(server, cache=kept)
            assert client.fetch([CFTR]).records[0].title.rstrip(".") in title
            assert client.search("another", limit=3).count == (server is two)
        assert len(one.requests) == len(two.requests) == 2


def test_searches_age_in_hours_newest_first_in_minutes_and_say_their_age(tmp_path, server):
    now = [1_800_000_000.0]
    client = pubmed(server, cache=cache(tmp_path, max_age_s=30 * 86_400, now=lambda: now[0]))
    for newest_first, waits in ((False, [(0, ""), (7200, "2 hours ago"), (50_000, "")]),
                                (True, [(0, ""), (540, "9 minutes ago"), (100, "")])):  # fmt: skip
        count = len(server.requests)
        client.search("cystic", limit=3, newest_first=newest_first)
        for wait, words in waits:
            now[0] += wait
            with client.session() as session:
                found = session.search("cystic", limit=3, newest_first=newest_first)
            assert words in " ".join(found.notices)
            assert found.notices == session.notices
            assert bool(words) == bool(found.notices)
        assert len(server.requests) == count + 2


def aged(tmp_path, seconds=5000):
    """A client whose server is down, and a cache of records, a search and a name that are past their time."""
    now = [1_800_000_000.0]
    kept = cache(tmp_path, now=lambda: now[0])
    with entrez_server() as server:
        client = pubmed(server, cache=kept, max_search_age_s=1000.0)
        client.fetch([CFTR, IVACAFTOR])
        client.search("cystic", limit=3)
        client.resolve([DOI])
    now[0] += seconds
    return client


def test_where_pubmed_cannot_be_asked_what_is_at_hand_is_shown_with_its_age(tmp_path):
    client = aged(tmp_path)
    with client.session() as session:
        found = session.search("cystic", limit=3)
        fetched = session.fetch(found.pmids)
        resolved = session.resolve([DOI])
    assert found.pmids == (CFTR, IVACAFTOR)
    assert "cannot be reached" in found.notices[0]
    assert "answer of 2027-01-15" in found.notices[0]
    assert fetched.seen == ((CFTR, 1_800_000_000.0), (IVACAFTOR, 1_800_000_000.0))
    assert OLD in " ".join(fetched.notices)
    assert resolved.pmids == {DOI: CFTR}
    assert "2027-01-15" in " ".join(resolved.notices)
    assert set(found.notices + fetched.notices + resolved.notices) == set(session.notices)


def test_what_is_missing_is_named(tmp_path):
    client = aged(tmp_path)
    with client.session() as session:
        fetched = session.fetch([CFTR, "90000003"])
        resolved = session.resolve([DOI, Name(Scheme.PMCID, "PMC1"), Name(Scheme.PMID, "5")])
    assert [record.pmid for record in fetched.records] == [CFTR]
    assert (fetched.missing, fetched.unasked) == ((), ("90000003",))
    assert "could not be asked for 90000003" in " ".join(fetched.notices)
    assert list(resolved.pmids.values()) == [CFTR, "5"]
    assert [name.value for name in resolved.unasked] == ["PMC1"]
    assert "could not be asked for PMC1" in " ".join(resolved.notices)
    assert "cannot be reached" in str(failing(client.fetch, ["90000003"]))
    assert "cannot be reached" in str(failing(client.search, "other", limit=1))


def test_what_is_at_hand_is_shown_when_the_budget_is_spent(tmp_path):
    client = aged(tmp_path)
    with raw_server(DRIPS["headers"], pause_s=0.1) as server:
        late = pubmed(server, cache=client._cache, budget_s=0.7, max_search_age_s=1000.0)
        late._server = client._server  # the same server, and slow now
        with ends_within(0.7), late.session() as session:
            found = session.search("cystic", limit=3)
            assert "in time" in found.notices[0]
            assert session.fetch(found.pmids).records


def test_a_fresh_record_is_never_overwritten_by_an_old_copy(tmp_path):
    records = [{"pmid": str(i), "title": f"Old {i}"} for i in range(1, 402)]
    now = [1_800_000_000.0]
    with entrez_server(records) as server:
        client = pubmed(server, cache=cache(tmp_path, now=lambda: now[0]))
        client.fetch([str(i) for i in range(1, 401)])
        for record in server.library.records.values():
            record["title"] = record["title"].replace("Old", "New")
        now[0] += 5000
        server.faults = [good] + [status(403)] * 9
        fetched = client.fetch([str(i) for i in range(1, 402)])
    titles = [record.title.split()[0] for record in fetched.records]
    assert titles == ["New"] * 200 + ["Old"] * 200
    assert fetched.unasked == ("401",)
    assert [pmid for pmid, _ in fetched.seen] == [str(i) for i in range(201, 401)]
    words = " ".join(fetched.notices)
    assert "HTTP 403" in words
    assert "could not be asked for 401" in words
    assert OLD in words


def test_a_record_that_pubmed_does_not_send_any_more_is_shown_as_a_copy(tmp_path):
    now = [1_800_000_000.0]
    with entrez_server() as server:
        client = pubmed(server, cache=cache(tmp_path, now=lambda: now[0]))
        client.fetch([CFTR])
        now[0] += 5000
        server.faults = [status(200, b"<PubmedArticleSet></PubmedArticleSet>")]
        fetched = client.fetch([CFTR])
    assert fetched.records
    assert fetched.notices == ("Shown is the copy of 2027-01-15; it may be out of date.",)


@pytest.mark.parametrize(
    "value",
    ["null", "[]", "{}", "7", '"x"', "[1]", '{"pmid": "90000001"}', '{"xml": 1}', "no JSON", '"<html>"'],
)
def test_a_stored_value_of_another_shape_is_asked_for_again(tmp_path, server, value):
    client = pubmed(server, cache=cache(tmp_path))
    for _ in range(2):
        with client.session() as session:
            assert session.search("cystic", limit=3).pmids == (CFTR, IVACAFTOR)
            assert session.fetch([CFTR]).records[0].pmid == CFTR
            assert session.resolve([DOI]).pmids == {DOI: CFTR}
        with sqlite3.connect(tmp_path / FILE_NAME) as connection:
            connection.execute("UPDATE entry SET value = ?", (value,))
        connection.close()
    assert len(server.requests) == 6


def test_without_a_folder_to_write_to_all_works(tmp_path, server):
    (tmp_path / "file").write_text("in the way")
    folder = str(tmp_path / "file" / "folder")
    client = PubMed.from_settings(Settings(entrez_url=server.url, pubmed_cache=folder))
    for _ in range(2):
        assert client.fetch([CFTR]).records
    assert len(server.requests) == 2
    off = PubMed.from_settings(Settings(entrez_url=server.url, pubmed_cache="off"))
    assert off.fetch([CFTR]).records


def test_ncbi_itself_is_asked_where_no_other_server_is_given():
    asked = []

    def answer(request):
        asked.append(request.url)
        xml = b"<eSearchResult><Count>1</Count><IdList><Id>5</Id></IdList></eSearchResult>"
        return httpx.Response(200, stream=httpx.ByteStream(xml))

    assert PubMed(http=httpx.MockTransport(answer)).search("gene", limit=1).pmids == ("5",)
    assert asked[0].host == "eutils.ncbi.nlm.nih.gov"
    assert asked[0].scheme == "https"


def test_a_refusal_is_no_reason_for_an_old_answer(tmp_path):
    now = [1_800_000_000.0]
    with entrez_server() as server:
        client = pubmed(server, cache=cache(tmp_path, now=lambda: now[0]), max_search_age_s=1000.0)
        client.search("cystic", limit=3)
        now[0] += 5000
        server.faults = [status(400, b"API key invalid")]
        with pytest.raises(RefusedError):
            client.search("cystic", limit=3, api_key="x")
