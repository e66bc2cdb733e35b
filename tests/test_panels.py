"""What the panels under a comparison do, without a page: why, wordings, files, votes, links, history."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from biom_demo.analysis.comparison import View
from biom_demo.analysis.passage import Passage, passage_of_text
from biom_demo.models.catalogue import Checkpoint
from biom_demo.qa.reader import READING, Decoding, Reader
from biom_demo.ui.compare_tab import answer, prepare
from biom_demo.ui.keep_panel import (
    as_file,
    go_back,
    list_history,
    make_address,
    make_link,
    make_notes,
    open_link,
    restore,
)
from biom_demo.ui.run import History, Placed
from biom_demo.ui.vote_panel import after_run, ballot, ballots_csv, vote
from biom_demo.ui.why_panel import show_rewordings, show_why, told_cost
from tests.site import MINI, TEXT, inquiry, last, site_of

GOLD = ("CFTR",)
NULL_WINS = View(null_threshold=-10.0)

ME = "me"


def run_of(site=None, view=None, **given):
    site = site or site_of()
    prepared = last(prepare(site, inquiry(**given), "me"))["prepared"]
    return last(answer(site, prepared, view or View(), History(), "me"))["run"]


def placed(number=0, text=TEXT, gold=GOLD, deck="file"):
    return Placed(text, inquiry().question, gold, deck, number)


def test_why_leaves_parts_out_and_says_what_it_costs():
    site = site_of()
    run = run_of(site)
    assert "more readings" in told_cost(run)
    assert "more readings" not in told_cost(None)
    updates = list(show_why(site, run, View(), ME))
    assert "Reading …" in updates[0]["why_cost"]
    assert "CFTR" in updates[-1]["why"]
    assert "BRCA1" in updates[-1]["why"]
    updates = show_rewordings(site, run, "Mutations of which gene cause it?", View(), ME)
    assert "wording" in last(updates)["rewordings"]


@pytest.mark.parametrize("decoding", [Decoding(), READING], ids=["benchmark", "app"])
def test_parts_are_left_out_of_windows_cut_as_the_run_s_were(decoding, monkeypatch, tiny_checkpoint):
    site = site_of()
    run = run_of(site)
    text = run.passage.text + " The gene binds the drug." * 200
    reader = Reader.load(tiny_checkpoint, decoding=decoding)
    (reading,) = reader.readings([(run.comparison.question, text)])
    sides = tuple(replace(side, reading=reading) for side in run.comparison.sides)
    passage = passage_of_text(text)
    run = replace(run, comparison=replace(run.comparison, passage=passage, sides=sides))
    visits, visit_of = [], site.models.visit
    monkeypatch.setattr(site.models, "visit", lambda *a, **k: visits.append(visit_of(*a, **k)) or visits[-1])
    list(show_why(site, run, View(), ME))
    list(show_rewordings(site, run, "Mutations of which gene cause it?", View(), ME))
    assert [visit.decoding for visit in visits] == [decoding, decoding]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (None, "no answer yet"),
        (run_of(blind=True), "Vote first"),
        (run_of(typed=TEXT + " filler" * 5_000), "up to 30,000"),
    ],
    ids=["nothing", "blind", "long"],
)
def test_why_says_when_it_cannot(run, words):
    assert words in last(show_why(site_of(), run, View(), ME))["why_cost"]
    assert words in last(show_rewordings(site_of(), run, "Which gene?", View(), ME))["rewordings"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_vote_opens_the_run_where_it_stands(swapped):
    run = replace(run_of(blind=True, placed=placed()), swapped=swapped)
    left = vote("A", run, (), History((run,)), View())
    (cast,) = left["ballots"]
    a, b = ("BRCA1", "CFTR") if swapped else ("CFTR", "BRCA1")
    assert (cast.answer_a, cast.answer_b, cast.known) == (a, b, GOLD)
    assert cast.vote == cast.model_a == (MINI.vanilla if swapped else MINI.biom).label
    assert not left["run"].blind
    assert left["history"].runs == (left["run"],)
    # The reveal names the models where they stood, and the known answer only now.
    assert cast.model_a in left["biom"]
    assert "Known answer" in left["biom"]
    # So it does where the vote was cast.
    assert f"Model A was {cast.model_a}" in left["vote_count"]
    assert "Known answer: CFTR." in left["vote_count"]
    assert left["votes_row"]["visible"] is left["export"]["visible"] is True
    assert left["vote_buttons"]["visible"] is False
    assert vote("A", left["run"], (), History(), View()) is None
    assert vote("A", None, (), History(), View()) is None
    assert "votes.csv" in ballots_csv(left["ballots"])
    assert ballots_csv(()) == ""
    assert ballot("tie", run, View()).vote == "Both are right"


def test_while_blind_the_vote_is_asked_for_and_nothing_told():
    earlier = vote("A", run_of(blind=True, placed=placed()), (), History(), View())
    left = after_run(run_of(blind=True, placed=placed()), earlier["ballots"], earlier["voted"])
    assert "Which answer is better?" in left["vote_count"]
    assert not any(word in left["vote_count"] for word in ("ELECTRA", "Model A was", "CFTR"))
    assert left["votes_row"]["visible"] is left["vote_buttons"]["visible"] is True
    assert left["export"]["visible"] is False  # the file has the names
    # Under another run there is the count alone; without a vote there is nothing.
    left = after_run(run_of(), earlier["ballots"], earlier["voted"])
    assert "Votes of this session (1)" in left["vote_count"]
    assert "Model A was" not in left["vote_count"]
    assert after_run(run_of(), (), None)["votes_row"]["visible"] is False


def test_a_link_has_the_text_only_where_that_was_chosen():
    run = run_of()
    assert "CFTR" not in make_link(site_of(), run, False, View())["query"]
    assert "not in the link" in make_link(site_of(), run, False, View())["link_status"]
    query = make_link(site_of(), run, True, View(null_threshold=2.5))["query"]
    assert "CFTR" in query
    assert "null=2.5" in query
    assert make_link(site_of(), None, True, View())["query"] == ""
    long = make_link(site_of(), run_of(typed="word " * 5_000), True, View())
    assert long["query"] == ""
    assert 'role="alert"' in long["link_status"]


def test_a_link_fills_boxes_and_view_at_once():
    query = make_link(site_of(), run_of(), True, View(shown=7))["query"]
    left = open_link(site_of(), dict(parse_qsl(query[1:])))
    assert (left["context"], left["question"]) == (TEXT, inquiry().question)
    assert left["view"] == View(shown=7)
    assert left["shown"] == 7
    assert left["placed"] == Placed(TEXT)
    assert left["linked"] == "ask"
    assert open_link(site_of(), {}) == {"linked": ""}
    assert "question alone" in open_link(site_of(), {"q": "Which?"})["status"]
    assert "not on offer" in open_link(site_of(), {"q": "Which?", "text": "A", "pair": "x"})["status"]
    assert 'role="alert"' in open_link(site_of(), {"text": "x" * 30_000})["status"]
    # What is for another tab is left to it.
    assert open_link(site_of(), {"tab": "ask", "q": "Which?"}) == {"linked": ""}


def test_a_link_names_further_models_that_are_on_offer():
    third = Checkpoint("third", "Third", "made up")
    site = site_of(further=[(third, "Mice")])
    key = next(iter(site.catalogue))
    run = replace(run_of(), asked=inquiry(further=(key, "some/folder")))
    made = make_link(site, run, True, View())
    assert "folder" not in made["query"]
    assert "not of the list are not in it" in made["link_status"]
    left = open_link(site, dict(parse_qsl(made["query"][1:])))
    assert left["further"] == [key]
    left = open_link(site, {"q": "Which?", "text": "A", "model3": "/etc", "model4": key})
    assert left["further"] == [key]
    assert "not on offer" in left["status"]
    assert "further" not in open_link(site, {"q": "Which?", "text": "A"})


def test_the_address_has_a_run_s_link_and_number_and_its_text_once():
    site, run = site_of(), run_of()
    history = History((run_of(), run), dropped=3)
    told = json.loads(make_address(site, run, history, View(shown=7), new=True)["address"])
    assert (told["number"], told["text"]) == (4, TEXT)
    assert "CFTR" not in told["query"]
    assert "top=7" in told["query"]
    again = json.loads(make_address(site, run, history, View(), new=False)["address"])
    assert again["text"] is None
    named = replace(run, comparison=replace(run.comparison, passage=Passage(TEXT, named="7")))
    assert json.loads(make_address(site, named, History((named,)), View(), new=True)["address"])["text"] == ""
    # A reload of a blind run would give away which model is which.
    blind = run_of(blind=True)
    for one in (None, blind, run_of()):
        assert make_address(site, one, History((blind,)), View(), new=True) == {"address": ""}


def test_a_step_back_draws_a_run_of_this_visit_and_asks_one_of_an_earlier():
    site = site_of()
    run = run_of(site)
    calls = list(site.models.calls)
    left = restore(site, json.dumps({"number": 0}), History((run,)), View())
    assert (left["run"], left["linked"]) == (run, "")
    asked = json.dumps({"query": "?q=Which%3F&top=3", "text": TEXT})
    left = restore(site, asked, History(), View())
    assert (left["context"], left["question"], left["linked"]) == (TEXT, "Which?", "ask")
    assert left["placed"] == Placed(TEXT)
    assert left["view"].shown == 3
    assert site.models.calls == calls
    assert restore(site, json.dumps({"query": "?q=Which%3F", "text": ""}), History(), View())["linked"] == ""


@pytest.mark.parametrize(
    "asked", [None, "", "{", "[]", "7", '{"number": "0"}', '{"query": 7}', '{"number": 99}', "[" * 100_000]
)
def test_nonsense_in_place_of_a_step_leads_nowhere(asked):
    left = restore(site_of(), asked, History(), View())
    assert left["linked"] == ""
    assert set(left) <= {"linked", "status"}


def test_a_text_that_the_browser_kept_goes_with_its_question_alone():
    left = open_link(site_of(), {"q": "Which?"}, TEXT)
    assert (left["context"], left["placed"], left["linked"]) == (TEXT, Placed(TEXT), "ask")
    assert open_link(site_of(), {"q": "Which?", "id": "7"}, TEXT)["context"] == "7"
    assert open_link(site_of(), {"q": "Which?", "text": "A"}, TEXT)["context"] == "A"
    assert open_link(site_of(), {}, TEXT) == {"linked": ""}


def test_notes_and_files_are_of_the_run_on_the_page():
    run = run_of()
    assert "CFTR" in make_notes(run, View())["notes"]
    document = json.loads(json.loads(as_file("json", run, View())["payload"])["text"])
    assert document["question"] == inquiry().question
    assert json.loads(as_file("csv", run, View())["payload"])["name"] == "comparison.csv"
    payload = json.loads(as_file("png", run, View(), "http://x/?q=y")["payload"])
    assert (payload["name"], payload["type"]) == ("comparison.png", "image/png")
    assert base64.b64decode(payload["base64"]).startswith(b"\x89PNG")
    known = run_of(placed=placed())
    assert "**Known answer:** CFTR" in make_notes(known, View())["notes"]
    assert "known_answers" in json.loads(as_file("csv", known, View())["payload"])["text"]
    for empty, words in ((None, "nothing to keep yet"), (run_of(blind=True), "Vote first")):
        assert words in as_file("json", empty, View())["link_status"]
        assert as_file("csv", empty, View())["payload"] == ""
    assert make_notes(run_of(blind=True), View())["notes"] == "Vote first."


def test_history_brings_a_run_back_as_it_was():
    site = site_of()
    run, other = run_of(site), run_of(site, typed=TEXT + " And BRCA1.", placed=placed(4, "x"))
    kept = History((run, other))
    calls = list(site.models.calls)
    left = go_back(0, kept, View())
    assert left["run"] is run
    assert (left["context"], left["question"], left["pair"]) == (TEXT, inquiry().question, "mini")
    assert left["placed"].text == TEXT  # read as the text it was, whatever it looks like
    assert left["displayed"] is run
    assert "nothing was read anew" in left["status"]
    assert site.models.calls == calls
    assert go_back(None, kept, View()) is None
    assert len(list_history(kept)["past"]["choices"]) == 2


def test_the_page_says_that_an_earlier_run_is_no_longer_kept():
    run, other = run_of(), run_of(typed=TEXT + " And BRCA1.")
    left = History((run, other)).without(run)
    assert (left.runs, left.dropped) == ((other,), 1)
    listed = list_history(left)["past"]
    assert [number for _, number in listed["choices"]] == [1]
    assert listed["choices"][0][0].startswith("2. ")
    assert "Runs before number 2 are no longer kept" in listed["info"]
    # The list in the browser may be older than what is kept.
    assert "no longer kept" in go_back(0, left, View())["status"]
    assert go_back(1, left, View())["run"] is other
