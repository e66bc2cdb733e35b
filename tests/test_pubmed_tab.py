"""What the Ask PubMed tab's events do, without a page: queries, stopping, findings under a view."""

from __future__ import annotations

import csv
import io
import json
import threading
from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from biom_demo.analysis.cascade import ABSTRACTS
from biom_demo.analysis.comparison import View
from biom_demo.analysis.own_abstracts import abstracts_of_text, builtin_records
from biom_demo.pubmed.session import Pace, PubMed
from biom_demo.settings import Extent, Settings, Switch
from biom_demo.show.export import read_link
from biom_demo.ui.evidence import (
    BUILT_IN,
    FILES,
    OWN,
    PUBMED,
    SEARCHES_KEPT,
    Asked,
    Generated,
    OwnFile,
    again,
    as_file,
    drawn,
    head_of,
    link_of,
    listed_searches,
    take_file,
    with_search,
)
from biom_demo.ui.pubmed_tab import (
    EXAMPLES,
    OTHER_WAYS,
    ToRead,
    asked_of,
    asking_of,
    find_abstracts,
    missing_words,
    open_abstract,
    open_link,
    read_found,
    the_rest,
)
from biom_demo.ui.run import History
from tests.entrez_server import PLAY, entrez_server
from tests.site import MINI, BlockedPubMed, last, site_of

QUESTION = "Which gene is mutated in cystic fibrosis?"
GLUCOSE = "Which drug lowers glucose from the liver?"


@pytest.fixture
def server():
    with entrez_server(PLAY) as running:
        yield running


def boxes(question=QUESTION, query="", *, limit=20):
    return Asked(question, query, "mini", limit, False)


def asked(site, question=QUESTION, query="", generated=None, before=None, *, limit=20, session="me"):
    updates = find_abstracts(
        site, boxes(question, query, limit=limit), generated, before, api_key="", session=session
    )
    return last(updates)


def read_of(site, *, searches=(), session="me", **rest):
    """All that a question leaves on the page, searched and read."""
    found = asked(site, session=session, **rest)
    return found | last(read_found(site, found["to_read"], View(), searches, session))


def site_at(server, **rest):
    return site_of(pubmed=PubMed(base_url=server.url, pace=Pace()), **rest)


def test_a_question_becomes_a_query_abstracts_and_findings(server):
    site = site_at(server)
    left = asked(site)
    assert left["query"] == left["generated"].query
    assert left["generated"].question == QUESTION
    assert left["stop"]["visible"] is True
    left |= last(read_found(site, left["to_read"], View(), (), "me"))
    assert left["stop"]["visible"] is False
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
    again = asked(site, GLUCOSE, first["query"], first["generated"])
    assert again["query"] != first["query"]
    assert "glucose" in again["query"].lower()
    own = asked(site, GLUCOSE, "cystic fibrosis", first["generated"])
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
    assert left["stop"]["visible"] is False
    assert list(read_found(site, left["to_read"], View(), (), "me")) == []
    assert len(site.stops) == 0  # a failed search leaks none


def test_a_second_question_replaces_the_first_and_each_is_read_once(server):
    site = site_at(server)
    first, second = asked(site)["to_read"], asked(site)["to_read"]
    assert first.stop.is_set()
    assert list(read_found(site, first, View(), (), "me")) == []
    assert len(site.stops) == 1  # the first one's end is not the second's
    reading = read_found(site, second, View(), (), "me")
    assert site.stops.stop("me", "search")
    left = last(reading)
    assert "0 of 2 abstracts were read" in left["pubmed_status"]
    assert list(read_found(site, second, View(), (), "me")) == []
    assert not site.stops.stop("me", "search")
    assert len(site.stops) == 0


def test_stopping_a_search_stops_no_download(server):
    site = site_at(server)
    download = site.stops.begin("me", "fetch")
    asked(site)
    site.stops.stop("me", "search")
    assert not download.is_set()


def test_findings_say_which_question_they_are_of(server):
    site = site_at(server)
    left = last(read_found(site, asked(site)["to_read"], View(), (), "me"))
    assert QUESTION in left["found-head"]
    assert "for the previous question" not in left["found-head"]
    again = asked(site, GLUCOSE, before=left["read"])
    assert QUESTION in again["found-head"]
    assert "for the previous question" in again["found-head"]
    failed = asked(site, "zzz", "zebra unicorn", before=left["read"])
    assert "for the previous question" in failed["found-head"]


def test_a_visitor_stops_only_their_own(server):
    site = site_at(server)
    mine, theirs = asked(site)["to_read"], asked(site, session="they")["to_read"]
    site.stops.stop("they", "search")
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
    for update in read_found(site, to_read, View(), (), "me"):
        updates.append(update)
        to_read.stop.set()
    assert len(updates[-1]["read"].comparisons) == 1
    assert "what was read is kept" in updates[-1]["pubmed_status"]


def test_a_view_is_drawn_of_what_was_read(server):
    site = site_at(server)
    to_read = asked(site)["to_read"]
    read = last(read_found(site, to_read, View(), (), "me"))["read"]
    calls = list(site.models.calls)
    silent = drawn(read, View(null_threshold=-10.0))
    assert "finds no answer in any of these" in silent["found-biom"]
    assert "no answer" in silent["abstracts"]
    assert site.models.calls == calls
    assert set(drawn(None, View())) == set(silent)


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


def test_findings_are_of_another_question_once_a_box_has_changed(server):
    read = read_of(site_at(server))["read"]
    of_it = boxes(query=read.sent)
    assert "previous question" not in head_of(read, boxes())
    assert "previous question" not in head_of(read, of_it)
    assert "previous question" in head_of(read, boxes(GLUCOSE))
    assert "previous question" in head_of(read, boxes(query="other"))
    assert "previous question" in head_of(read, boxes(limit=40))
    assert head_of(None, boxes()) == ""


def test_the_boxes_are_taken_as_they_stand():
    assert asked_of(None, None, "mini", 20, "most relevant") == Asked("", "", "mini", 20, False)
    assert asked_of("a\ud800", "b", "mini", 5.0, "newest") == Asked("a\ufffd", "b", "mini", 5, True)


def test_models_that_are_not_here_are_told_and_nothing_is_asked(server, monkeypatch):
    site = site_at(server)
    monkeypatch.setattr("biom_demo.ui.pubmed_tab.missing", lambda checkpoints: list(checkpoints))
    words = missing_words(site, MINI.checkpoints)
    assert "Compare tab to fetch" in words
    assert "Not on this machine yet" in asked(site)["pubmed_status"]
    public = site_at(server, settings=Settings(public=Switch.ON))
    assert "fetch" not in missing_words(public, MINI.checkpoints)
    assert server.requests == []


def test_an_abstract_opens_in_compare_from_what_was_read(server):
    site = site_at(server)
    read = read_of(site)["read"]
    calls, requests = list(site.models.calls), len(server.requests)
    update = open_abstract("90000002 1", read, History(), View())
    run = update["run"]
    assert (update["context"], update["question"], update["pair"]) == ("90000002", QUESTION, "mini")
    assert run.passage.named == "90000002"
    assert run.comparison.complete
    assert run.comparison.sides == read.comparisons[1].sides
    assert "nothing was read anew" in update["status"]
    assert update["back"]["visible"] is True
    assert update["history"].runs == (run,)
    assert (site.models.calls, len(server.requests)) == (calls, requests)
    again_opened = open_abstract("90000001 2", read, update["history"], View())
    assert [one.passage.named for one in again_opened["history"].runs] == ["90000002", "90000001"]


@pytest.mark.parametrize("wanted", [None, "", " ", "77 1", "x y z"])
def test_an_abstract_that_is_not_kept_is_told_of_and_compare_stays(server, wanted):
    read = read_of(site_at(server))["read"]
    for held in (read, None):
        update = open_abstract(wanted, held, History(), View())
        assert set(update) == {"pubmed_status", "landed"}
        assert "no longer kept" in update["pubmed_status"]
        assert update["landed"] == ""


def test_searches_of_a_session_come_back_without_reading(server):
    site = site_at(server)
    first = read_of(site)
    second = read_of(site, question=GLUCOSE, searches=first["searches"])
    assert [search.number for search in second["searches"]] == [1, 2]
    assert [number for _, number in second["past"]["choices"]] == [1, 2]
    calls = list(site.models.calls)
    back = again(1, second["searches"], View())
    assert back["read"] is first["read"]
    assert back["found-biom"] == first["found-biom"]
    assert (back["question"], back["query"], back["count"]) == (QUESTION, first["query"], 20)
    assert back["generated"] == Generated(QUESTION, first["query"])
    assert "nothing was read anew" in back["pubmed_status"]
    assert site.models.calls == calls
    assert again(None, second["searches"], View()) is None
    assert "no longer kept" in again(9, second["searches"], View())["pubmed_status"]


def test_no_more_searches_are_kept_than_a_session_may_hold(server, monkeypatch):
    read = read_of(site_at(server))["read"]
    kept = ()
    for number in range(1, SEARCHES_KEPT + 4):
        kept = with_search(kept, replace(read, number=number))
    assert [search.number for search in kept] == list(range(4, SEARCHES_KEPT + 4))
    assert "first 3 searches" in listed_searches(kept)["past"]["info"]
    monkeypatch.setattr("biom_demo.ui.evidence.HISTORY_CHARS", 10)
    assert [search.number for search in with_search(kept, replace(read, number=99))] == [99]


def test_what_a_failure_leaves_is_kept_too(server):
    site = site_at(server, broken=[MINI.vanilla])
    left = read_of(site)
    assert "damaged" in left["pubmed_status"]
    assert left["searches"] == ()
    assert left["stop"]["visible"] is False


def test_a_link_asks_the_same_again(server):
    site = site_at(server)
    left = read_of(site, limit=15)
    query = link_of(site_of(), left["read"], View(null_threshold=-2.0, shown=3))["search_query"]
    assert "hasabstract" not in query  # it was made of the question, and will be again
    parameters = {key: values[0] for key, values in parse_qs(query[1:]).items()}
    update = open_link(site, parameters)
    assert (update["question"], update["query"], update["pair"]) == (QUESTION, "", "mini")
    assert (update["count"], update["order"], update["linked"]) == (15, "most relevant", QUESTION)
    assert (update["threshold"], update["top"]) == (-2.0, 3)
    own = read_of(site, query="cystic fibrosis")["read"]
    assert "query=cystic+fibrosis" in link_of(site_of(), own, View())["search_query"]
    assert link_of(site_of(), None, View()) == {"search_query": ""}


def test_a_link_that_is_not_ours_does_no_harm(server):
    site = site_at(server)
    assert open_link(site, {}) == {}
    assert open_link(site, {"q": QUESTION}) == {}  # Compare's
    assert open_link(site, {"tab": "ask", "q": "x" * 30_000}) == {}
    update = open_link(site, {"tab": "ask", "n": "1", "pair": "none", "q": ""})
    assert (update["count"], update["linked"]) == (5, "")
    assert "not on offer here" in update["pubmed_status"]
    assert "pair" not in update
    assert read_link({"tab": "ask"}) is not None


def test_files_hold_the_table_and_the_records_it_cites(server):
    read = read_of(site_at(server))["read"]
    made = {kind: json.loads(as_file(kind, read, View())["search_payload"]) for kind in FILES}
    assert {made[kind]["name"] for kind in FILES} == {
        "evidence.csv", "evidence.md", "evidence.ris", "evidence.bib",
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(made["csv"]["text"])))
    assert len(rows) == 2 * len(read.comparisons)
    assert {row["pmid"] for row in rows} == {"90000001", "90000002"}
    assert "PMID 90000001" in made["markdown"]["text"]
    assert "AN  - 90000001" in made["ris"]["text"]
    assert "pmid = {90000001}" in made["bibtex"]["text"]
    assert all(value == "" for name, value in drawn(None, View()).items() if name != "rest")
    for kind in FILES:
        nothing = as_file(kind, None, View())
        assert nothing["search_payload"] == ""
        assert "nothing to keep" in nothing["kept_status"]
    silent = as_file("ris", read, View(null_threshold=-10.0))
    assert "No record is cited" in silent["kept_status"]


def test_the_examples_find_something_on_the_local_server(server):
    site = site_at(server)
    for question in EXAMPLES:
        assert isinstance(asked(site, question)["to_read"], ToRead), question


OWN_TEXT = (
    "Cystic fibrosis is caused by mutations of CFTR.\n\nMarfan syndrome is of FBN1.\n\nBRCA1 is of cancer."
)


def own_of(text=OWN_TEXT, file=None, question=QUESTION):
    return Asked(question, "", "mini", 0, False, OWN, text, file)


def read_own(site, asked_for, searches=(), session="me"):
    """All that a question to abstracts that were given leaves on the page."""
    found = last(find_abstracts(site, asked_for, None, None, api_key="", session=session))
    return found | last(read_found(site, found["to_read"], View(), searches, session))


def test_abstracts_of_ones_own_are_read_in_the_same_way_and_pubmed_is_not_asked():
    site = site_of()  # whose PubMed never answers
    left = read_own(site, own_of())
    assert "3 abstracts of your own" in left["found-head"]
    assert "PubMed" not in left["found-head"]
    assert "Nothing was sent to NCBI" in left["pubmed_status"]
    assert "supported by 1 of 3 abstracts" in left["found-biom"]
    assert "Abstract 1" in left["found-biom"]
    assert "Cystic fibrosis is caused by mutations of CFTR." in left["abstracts"]
    assert "pubmed.ncbi.nlm.nih.gov" not in left["abstracts"] + left["found-biom"]
    assert "query" not in left  # the box of a query stays as it is
    assert len(site.stops) == 0


MANY = "\n\n".join(
    f"Cystic fibrosis number {n} is of the CFTR gene."
    if n % 5 == 0
    else f"Text {n}: of the liver (p < 0.05)."
    for n in range(40)
)


def promising(text=MANY):
    return replace(own_of(text), extent=Extent.PROMISING)


def test_only_the_promising_of_many_abstracts_are_read_and_the_rest_is_told_and_can_be_read():
    site = site_of()
    left = read_own(site, promising())
    read, count = left["read"], ABSTRACTS.at_least
    assert len(read.comparisons) == count
    assert len(read.unread) == 40 - count
    assert all("CFTR" in one.passage.text for one in read.comparisons)
    told = f"{count} of 40 abstracts were read; the others look less promising to BM25."
    assert told in left["pubmed_status"]
    assert told in left["unread"]
    assert f"Not read: {40 - count} abstracts" in left["unread"]
    assert left["unread"].count("<li>") == 40 - count
    assert "Text 1: of the liver (p &lt; 0.05)." in left["unread"]
    assert left["rest"] == {"visible": True, "value": f"Read the other {40 - count}", "__type__": "update"}
    assert f"40 abstracts of your own, {count} of them read" in left["found-head"]
    calls = list(site.models.calls)
    assert sum(number for _, number in calls) == 2 * count  # by the two models alone
    # What is kept of it says so, too.
    assert told in json.loads(as_file("markdown", read, View())["search_payload"])["text"]
    rows = list(
        csv.DictReader(io.StringIO(json.loads(as_file("csv", read, View())["search_payload"])["text"]))
    )
    assert [row["model"] for row in rows].count("not read") == 40 - count
    assert not any(row["answer"] for row in rows if row["model"] == "not read")
    # The rest makes it what reading everything makes.
    (found,) = the_rest(site, read, "me")
    assert found["to_read"].retrieved.records == read.unread
    left |= found | last(read_found(site, found["to_read"], View(), left["searches"], "me"))
    whole = read_own(site_of(), own_of(MANY))
    assert left["unread"] == whole["unread"] == ""
    assert left["rest"]["visible"] is False
    assert left["found-head"] == whole["found-head"]
    assert len(left["searches"]) == 1
    for side in range(2):
        assert {(c.key, len(c.supports)) for c in left["read"].table(View()).models[side].claims} == {
            (c.key, len(c.supports)) for c in whole["read"].table(View()).models[side].claims
        }
    assert sum(number for _, number in site.models.calls) == 2 * 40  # nothing was read twice
    assert len(site.stops) == 0


def test_small_models_read_all_abstracts_unless_asked_otherwise():
    left = read_own(site_of(), own_of(MANY))
    assert len(left["read"].comparisons) == 40
    assert left["unread"] == ""
    assert "were read; the others" not in left["pubmed_status"]


def test_what_was_not_reached_is_told_and_can_be_read(monkeypatch):
    monkeypatch.setattr("biom_demo.analysis.comparison.READ_AT_ONCE", 1)
    monkeypatch.setattr("biom_demo.ui.pubmed_tab.DRAWN_EVERY", 1)
    site = site_of()
    for asked_for in (own_of(MANY), promising()):
        to_read = last(find_abstracts(site, asked_for, None, None, api_key="", session="me"))["to_read"]
        updates = []
        for update in read_found(site, to_read, View(), (), "me"):
            updates.append(update)
            if len(site.models.calls) >= 4:
                to_read.stop.set()
        read = updates[-1]["read"]
        assert 0 < len(read.comparisons) < ABSTRACTS.at_least
        assert len(read.comparisons) + len(read.unread) == 40
        assert "the others were not reached" in updates[-1]["unread"]
        site.models.calls.clear()
    (nothing,) = the_rest(site, None, "me")
    assert nothing["to_read"] is None
    assert "nothing else to read" in nothing["pubmed_status"]


def test_the_built_in_records_are_read_in_the_same_way():
    left = read_own(site_of(), Asked(QUESTION, "", "mini", 0, False, BUILT_IN))
    count = len(builtin_records().records)
    assert f"{count} built-in records" in left["found-head"]
    assert "retracted" in left["abstracts"]
    assert "pubmed.ncbi.nlm.nih.gov" not in left["abstracts"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "There is no abstract yet"),
        ("  \n\n -- ", "There is no abstract yet"),
        ("%PDF-1.7 x", "a PDF file"),
    ],
)
def test_why_there_is_nothing_of_ones_own_to_read(text, words):
    site = site_of()
    before = read_own(site, own_of())["read"]
    left = last(find_abstracts(site, own_of(text), None, before, api_key="", session="me"))
    assert words in left["pubmed_status"]
    assert left["to_read"] is None
    assert "found-biom" not in left  # what was read stays
    assert len(site.stops) == 0


def test_a_text_and_a_file_are_read_together_up_to_the_longest_text():
    file = OwnFile("a.nbib", abstracts_of_text("Sickle cell disease is of HBB."))
    left = read_own(site_of(), own_of(file=file))
    assert "4 abstracts of your own" in left["found-head"]
    short = site_of(settings=Settings(max_context_chars=60))
    assert (
        "4 abstracts were given; the first 1 are read" in read_own(short, own_of(file=file))["pubmed_status"]
    )


def test_where_pubmed_cannot_be_asked_both_ways_out_are_named():
    dead = site_of(pubmed=PubMed(base_url="http://127.0.0.1:9", pace=Pace(), budget_s=1.0))
    assert OTHER_WAYS in asked(dead)["pubmed_status"]
    assert "Without PubMed" not in asked(site_of(), "")["pubmed_status"]


def test_an_abstract_of_ones_own_opens_in_compare_with_its_text():
    site = site_of()
    read = read_own(site, own_of())["read"]
    calls = list(site.models.calls)
    update = open_abstract("Abstract-2 1", read, History(), View())
    assert update["context"] == "Marfan syndrome is of FBN1."
    assert update["placed"].text == update["context"]
    assert update["run"].passage.named == ""  # its link has no text and no name
    assert update["record"].count("Abstract 2") == 1
    assert site.models.calls == calls
    named = read_own(site, own_of("PMID- 123\nTI  - Of CFTR\nAB  - CFTR is it.\n"))["read"]
    update = open_abstract("123 2", named, History(), View())
    assert update["context"] == "Of CFTR.\nCFTR is it."
    assert "https://pubmed.ncbi.nlm.nih.gov/123/" in update["record"]


def test_searches_of_a_session_know_what_they_were_of():
    site = site_of()
    file = OwnFile("a.nbib", abstracts_of_text("Sickle cell disease is of HBB."))
    first = read_own(site, own_of(file=file))
    second = read_own(site, Asked(QUESTION, "", "mini", 0, False, BUILT_IN), first["searches"])
    (own, _), (builtin, _) = second["past"]["choices"]
    assert "4 abstracts of your own" in own
    assert "built-in records" in builtin
    back = again(1, second["searches"], View())
    assert (back["source"], back["own"], back["file"]) == (OWN, OWN_TEXT, file)
    assert back["drop"]["visible"] is True
    assert not {"query", "count", "order"} & set(back)
    assert again(2, second["searches"], View())["source"] == BUILT_IN
    assert "previous question" not in head_of(back["read"], own_of(file=file))
    assert "previous question" in head_of(back["read"], own_of())
    assert "previous question" in head_of(back["read"], boxes())


def test_a_text_of_ones_own_is_in_no_link_and_a_link_to_it_asks_nothing():
    site = site_of()
    read = read_own(site, own_of())["read"]
    update = link_of(site_of(), read, View())
    assert "Marfan" not in update["search_query"]
    assert "not in the link" in update["kept_status"]
    parameters = {key: values[0] for key, values in parse_qs(update["search_query"][1:]).items()}
    opened = open_link(site, parameters)
    assert (opened["source"], opened["linked"], opened["question"]) == (OWN, "", QUESTION)
    assert "paste yours" in opened["pubmed_status"]
    builtin = read_own(site, Asked(QUESTION, "", "mini", 0, False, BUILT_IN))["read"]
    update = link_of(site_of(), builtin, View())
    parameters = {key: values[0] for key, values in parse_qs(update["search_query"][1:]).items()}
    opened = open_link(site, parameters)
    assert (opened["source"], opened["linked"]) == (BUILT_IN, QUESTION)
    assert open_link(site, {"tab": "ask", "from": "elsewhere", "q": QUESTION})["source"] == PUBMED


def test_files_leave_out_what_a_text_of_ones_own_has_not():
    read = read_own(site_of(), own_of())["read"]
    made = {kind: as_file(kind, read, View()) for kind in FILES}
    markdown = json.loads(made["markdown"]["search_payload"])["text"]
    assert "3 abstracts of your own" in markdown
    assert "Abstract 1" in markdown
    assert "PMID" not in markdown
    rows = list(csv.DictReader(io.StringIO(json.loads(made["csv"]["search_payload"])["text"])))
    assert {(row["pmid"], row["record"]) for row in rows} == {("", f"Abstract {n}") for n in (1, 2, 3)}
    assert "nothing to cite" in made["ris"]["kept_status"]
    export = "TY  - JOUR\nTI  - Of CFTR\nAB  - CFTR is it.\nDO  - 10.5555/own.1\nPY  - 2003\nER  -\n"
    read = read_own(site_of(), own_of(export))["read"]
    ris, bibtex = (
        json.loads(as_file(kind, read, View())["search_payload"])["text"] for kind in ("ris", "bibtex")
    )
    assert "TI  - Of CFTR" in ris
    assert "UR  - https://doi.org/10.5555/own.1" in ris
    assert not any(line.startswith(("AN", "DB")) for line in ris.splitlines())
    assert "pmid" not in bibtex
    assert "url = {https://doi.org/10.5555/own.1}" in bibtex


def test_a_file_that_cannot_be_read_leaves_the_one_before(tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("abstract\nCFTR is it.\n", "utf-8")
    bad.write_text("pmid\n1\n", "utf-8")
    update = take_file(str(good), None)
    assert (update["file"].name, update["drop"]["visible"]) == ("good.csv", True)
    assert "good.csv: 1 abstract." in update["own_told"]
    refused = take_file(str(bad), update["file"])
    assert set(refused) == {"own_told"}
    assert "no column of abstracts" in refused["own_told"]
    assert "Still read: good.csv." in refused["own_told"]


def test_of_boxes_that_are_not_about_what_is_read_nothing_is_kept():
    file = OwnFile("a", abstracts_of_text(OWN_TEXT))
    given = ("q", "query", "mini", 20, "newest")
    assert asked_of(*given, OWN, "text", file) == Asked("q", "", "mini", 0, False, OWN, "text", file)
    assert asked_of(*given, BUILT_IN, "text", file) == Asked("q", "", "mini", 0, False, BUILT_IN)
    assert asking_of(OWN)["ask"]["value"] == "Ask these abstracts"
    assert (
        asking_of(PUBMED)["question"]["label"] == asking_of(None)["question"]["label"] == "Question to PubMed"
    )
    assert asked_of(*given, PUBMED, "text", file) == Asked("q", "query", "mini", 20, True)
