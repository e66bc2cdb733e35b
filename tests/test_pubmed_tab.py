"""What the Ask PubMed tab's events do, without a page: queries, stopping, findings under a view."""

from __future__ import annotations

import threading

import pytest

from biom_demo.analysis.comparison import View
from biom_demo.pubmed.session import Pace, PubMed
from biom_demo.ui.pubmed_tab import Generated, drawn_findings, find_abstracts, halt, read_found
from tests.entrez_server import PLAY, entrez_server
from tests.site import BlockedPubMed, last, site_of

QUESTION = "Which gene is mutated in cystic fibrosis?"


@pytest.fixture
def server():
    with entrez_server(PLAY) as running:
        yield running


def asked(site, question=QUESTION, query="", generated=None, before=None, *, limit=20, session="me"):
    return last(
        find_abstracts(
            site,
            question,
            query,
            generated,
            before,
            limit=limit,
            newest_first=False,
            api_key="",
            session=session,
        )
    )


def site_at(server, **rest):
    return site_of(pubmed=PubMed(base_url=server.url, pace=Pace()), **rest)


def test_a_question_becomes_a_query_abstracts_and_findings(server):
    site = site_at(server)
    left = asked(site)
    assert left["query"] == left["generated"].query
    assert left["generated"].question == QUESTION
    left |= last(read_found(site, left["to_read"], View(), "me"))
    records = left["to_read"].retrieved.records
    assert len(left["read"].comparisons) == len(records)
    assert "CFTR" in left["found-biom"]
    assert all(record.pmid in left["abstracts"] for record in records)
    assert "records match" in left["pubmed_status"]
    assert len(site.stops) == 0


def test_a_query_made_of_an_earlier_question_is_made_anew(server):
    """A paste over the question sends no input event: only the server can know."""
    site = site_at(server)
    first = asked(site)
    again = asked(site, "Which drug lowers glucose from the liver?", first["query"], first["generated"])
    assert again["query"] != first["query"]
    assert "glucose" in again["query"].lower()
    own = asked(site, "Which drug lowers glucose from the liver?", "cystic fibrosis", first["generated"])
    assert own["query"] == "cystic fibrosis AND hasabstract"
    assert own["generated"] is None
    # One that was edited is the user's own, whatever it was made of.
    edited = asked(site, "Which drug?", first["query"] + " CFTR", Generated(QUESTION, first["query"]))
    assert edited["query"].startswith(first["query"] + " CFTR")


@pytest.mark.parametrize(
    ("question", "query", "words"),
    [
        ("", "", "no question yet"),
        ("What is it?", "", "no word to search for"),
        (QUESTION, "x" * 3000, "at most 2,000"),
        (QUESTION, "zebra unicorn", "finds nothing"),
    ],
)
def test_why_there_is_nothing_to_read(server, question, query, words):
    site = site_at(server)
    left = asked(site, question, query)
    assert words in left["pubmed_status"]
    assert left["to_read"] is None
    assert list(read_found(site, left["to_read"], View(), "me")) == []
    assert len(site.stops) == 0  # a failed search leaks none


def test_a_second_question_replaces_the_first_and_each_is_read_once(server):
    site = site_at(server)
    first, second = asked(site)["to_read"], asked(site)["to_read"]
    assert first.stop.is_set()
    assert list(read_found(site, first, View(), "me")) == []
    assert len(site.stops) == 1  # the first one's end is not the second's
    reading = read_found(site, second, View(), "me")
    assert "Stopping" in halt(site, "me")
    left = last(reading)
    assert "0 of 2 abstracts were read" in left["pubmed_status"]
    assert list(read_found(site, second, View(), "me")) == []
    assert "Nothing is running" in halt(site, "me")
    assert len(site.stops) == 0


def test_stopping_a_search_stops_no_download(server):
    site = site_at(server)
    download = site.stops.begin("me", "fetch")
    asked(site)
    halt(site, "me")
    assert not download.is_set()


def test_findings_say_which_question_they_are_of(server):
    site = site_at(server)
    left = last(read_found(site, asked(site)["to_read"], View(), "me"))
    assert QUESTION in left["found-head"]
    assert "for the previous question" not in left["found-head"]
    again = asked(site, "Which drug lowers glucose from the liver?", before=left["read"])
    assert QUESTION in again["found-head"]
    assert "for the previous question" in again["found-head"]
    failed = asked(site, "zzz", "zebra unicorn", before=left["read"])
    assert "for the previous question" in failed["found-head"]


def test_a_visitor_stops_only_their_own(server):
    site = site_at(server)
    mine, theirs = asked(site)["to_read"], asked(site, session="they")["to_read"]
    halt(site, "they")
    assert theirs.stop.is_set()
    assert not mine.stop.is_set()
    site.stops.leave("me")
    assert mine.stop.is_set()
    assert len(site.stops) == 1
    site.stops.leave("they")
    assert len(site.stops) == 0


def test_what_was_read_before_a_stop_is_kept(server, monkeypatch):
    monkeypatch.setattr("biom_demo.analysis.comparison.READ_AT_ONCE", 1)
    monkeypatch.setattr("biom_demo.ui.pubmed_tab.DRAWN_EVERY", 1)
    site = site_at(server)
    to_read = asked(site, query="gene OR drug OR disease OR the")["to_read"]
    assert len(to_read.retrieved.records) > 2
    updates = []
    for update in read_found(site, to_read, View(), "me"):
        updates.append(update)
        to_read.stop.set()
    assert len(updates[-1]["read"].comparisons) == 1
    assert "what was read is kept" in updates[-1]["pubmed_status"]


def test_a_view_is_drawn_of_what_was_read(server):
    site = site_at(server)
    to_read = asked(site)["to_read"]
    read = last(read_found(site, to_read, View(), "me"))["read"]
    calls = list(site.models.calls)
    silent = drawn_findings(read, View(null_threshold=-10.0))
    assert "No answer yet" in silent["found-biom"]
    assert "no answer" in silent["abstracts"]
    assert site.models.calls == calls
    assert set(drawn_findings(None, View())) == set(silent)


def test_reading_goes_on_for_others_while_pubmed_keeps_silent():
    """Neither the page's search nor the API's keeps a model while PubMed answers."""
    from biom_demo.ui.api import answer, ask_pubmed

    pubmed = BlockedPubMed()
    site = site_of(pubmed=pubmed)
    threads = [
        threading.Thread(target=lambda: asked(site), daemon=True),
        threading.Thread(target=lambda: ask_failing(ask_pubmed, site), daemon=True),
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert pubmed.asked.acquire(timeout=10)
    assert answer(site, "The gene is CFTR.", "Which gene?", "mini")["biom"]["answer"]["text"] == "CFTR"
    pubmed.answer.set()
    for thread in threads:
        thread.join(10)


def ask_failing(ask_pubmed, site):
    with pytest.raises(AssertionError):
        ask_pubmed(site, QUESTION, "", 5, "mini")
