"""What the Compare tab's events do, without a page: preparing, answering, views, heads, downloads."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from biom_demo.analysis import comparison
from biom_demo.analysis.comparison import View
from biom_demo.counters import End, Work
from biom_demo.errors import FetchCancelled, InputError, PubMedCancelled
from biom_demo.models.catalogue import CATALOGUE, Checkpoint
from biom_demo.pubmed.identify import identify
from biom_demo.ui import compare_tab
from biom_demo.ui.compare_tab import (
    LONG_WORDS,
    answer,
    change_view,
    choose,
    choose_example,
    download,
    expected_s,
    long_words,
    open_example,
    prepare,
    settle,
    take_for,
    take_otherwise,
    view_of,
)
from biom_demo.ui.examples import EXAMPLES
from biom_demo.ui.run import History, Inquiry, Placed, Run, head_of, remembered
from biom_demo.ui.site import PUBMED_AT_ONCE, PUBMED_WAITING, Gate
from tests.site import MINI, TEXT, BlockedPubMed, inquiry, last, site_of

ME = "my session"
ACCENTS = ("biom", "vanilla", "third", "fourth")


def asked(site, given=None, view=None, history=None):
    """All that is on the page after an inquiry."""
    prepared = last(prepare(site, given or inquiry(), ME))
    return {**prepared, **last(answer(site, prepared["prepared"], view or View(), history or History(), ME))}


def test_an_answer_is_drawn_as_it_comes_and_kept_in_a_run():
    site = site_of()
    prepared = last(prepare(site, inquiry(), ME))["prepared"]
    updates = list(answer(site, prepared, View(), History(), ME))
    assert ["waiting" in update["vanilla"] for update in updates] == [True, True, False]
    assert ["waiting" in update["biom"] for update in updates] == [True, False, False]
    assert all("run" not in update for update in updates[:-1])
    run = updates[-1]["run"]
    assert [side.answer(View()).text for side in run.comparison.sides] == ["CFTR", "BRCA1"]
    assert updates[-1]["history"].runs == (run,)
    assert "Disagree" in updates[-1]["verdict"]
    assert "Two models read" in updates[-1]["status"]
    assert site.models.calls == [(MINI.biom, 1), (MINI.vanilla, 1)]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (inquiry(typed=""), "no text yet"),
        (inquiry(question=" "), "no question yet"),
        (inquiry(question="??"), "holds no word"),
        (inquiry(typed="\x00\x01\ufffd" * 40), "binary file"),
        (inquiry(typed="word " * 100_000), "at most"),
        (replace(inquiry(), pair="<b>"), "no pair"),
        (replace(inquiry(), pair="large"), "not on this machine"),
        (replace(inquiry(), further=("no/such-model",)), "not on this machine"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_is_read(given, words):
    site = site_of()
    left = asked(site, given)
    assert words in left["status"]
    assert 'role="alert"' in left["status"]
    assert left["prepared"] is None
    assert "run" not in left  # what was answered before stays
    assert site.models.calls == []


def test_on_a_public_page_only_the_list_is_on_offer():
    site = site_of()
    public = replace(site, settings=replace(site.settings, host="0.0.0.0"))
    with pytest.raises(InputError, match="Only the models of the list"):
        public.checkpoints("mini", ["/etc"])
    assert "Only the models" in choose(public, "mini", ["/etc"])["status"]
    assert site.checkpoints("mini", ["/etc"])[2].source == "/etc"


def test_question_text_and_models_are_those_of_the_click():
    """What is edited while a record is fetched belongs to the next question, not to this one."""
    site = site_of()
    first = last(prepare(site, inquiry(), ME))["prepared"]
    run = last(answer(site, first, View(), History(), ME))["run"]
    assert run.asked.question == run.comparison.question.text == "Which gene causes cystic fibrosis?"
    assert run.passage.text == TEXT


def test_a_second_question_replaces_the_first_and_each_is_read_once():
    """The step that reads finds in the session's state what was asked last, whichever click it follows."""
    site = site_of()
    first = last(prepare(site, inquiry(), ME))["prepared"]
    second = last(prepare(site, inquiry(question="Which other gene?"), ME))["prepared"]
    assert first.stop.is_set()
    assert list(answer(site, first, View(), History(), ME)) == []
    assert last(answer(site, second, View(), History(), ME))["run"].asked.question == "Which other gene?"
    assert list(answer(site, second, View(), History(), ME)) == []
    assert len(site.stops) == 0
    theirs = last(prepare(site, inquiry(), "another session"))["prepared"]
    last(prepare(site, inquiry(), ME))
    assert not theirs.stop.is_set()


def test_who_leaves_is_read_for_no_longer():
    site = site_of()
    prepared = last(prepare(site, inquiry(), ME))["prepared"]
    reading = answer(site, prepared, View(), History(), ME)
    next(reading)
    site.stops.leave(ME)
    left = last(reading)
    assert site.models.calls == [(MINI.biom, 1)]
    assert "run" not in left
    assert len(site.stops) == 0


def test_a_far_smaller_model_is_shown_while_the_larger_one_reads(monkeypatch):
    monkeypatch.setattr(comparison, "weights_bytes", {MINI.biom: 100, MINI.vanilla: 10}.get)
    site = site_of()
    prepared = last(prepare(site, inquiry(), ME))["prepared"]
    updates = list(answer(site, prepared, View(), History(), ME))
    assert ["waiting" in update["vanilla"] for update in updates] == [True, False, False]
    assert ["waiting" in update["biom"] for update in updates] == [True, True, False]
    assert "BRCA1" in updates[1]["vanilla"]
    assert "CFTR" in updates[2]["biom"]
    assert "Disagree" in updates[2]["verdict"]
    broken = site_of(broken=[MINI.biom])
    prepared = last(prepare(broken, inquiry(), ME))["prepared"]
    left = last(answer(broken, prepared, View(), History(), ME))
    assert "BRCA1" in left["vanilla"]  # what was read stays
    assert "waiting" in left["biom"]
    assert left["run"] is None


def test_what_is_on_the_page_while_models_read_is_named_and_drawn_as_the_sliders_are_now():
    site = site_of()
    prepared = last(prepare(site, inquiry(), ME))["prepared"]
    updates = list(answer(site, prepared, View(), History(), ME))
    assert all(inquiry().question in update["head"] for update in updates)
    assert [len(update["displayed"].comparison.sides) for update in updates] == [0, 1, 2]
    partial, shown = updates[1]["displayed"], updates[2]["displayed"]
    # A box edited, or a slider moved, in the middle: of the run on the page, not of the one before.
    assert "for the previous question" in head_of(partial, inquiry(question="Which other gene?"))
    assert "CFTR" in change_view(partial, 0.0, 5, 30, 0.5)["biom"]
    same = settle(shown, View(), View(), shown.asked)
    assert set(same) == {"head"}
    moved = settle(shown, View(), View(null_threshold=-10.0), inquiry(question="Which other gene?"))
    assert "Both abstain" in moved["verdict"]
    assert "for the previous question" in moved["head"]
    assert settle(None, View(), View(shown=1), inquiry())["head"] == head_of(None)


def test_text_never_waits_for_pubmed():
    """As many visitors as may wait for PubMed do so; a pasted text is prepared all the same."""
    pubmed = BlockedPubMed()
    site = site_of(pubmed=pubmed)
    count = PUBMED_AT_ONCE + PUBMED_WAITING
    waiting = [
        threading.Thread(target=lambda: last(prepare(site, inquiry(typed="36990001"), ME)), daemon=True)
        for _ in range(count)
    ]
    for thread in waiting:
        thread.start()
    for _ in range(PUBMED_AT_ONCE):
        assert pubmed.asked.acquire(timeout=10)
    try:
        assert last(prepare(site, inquiry(), ME))["prepared"].passage.text == TEXT
        while not site.pubmed_gate.full:
            time.sleep(0.01)
        assert "Try again in a minute" in last(prepare(site, inquiry(typed="36990001"), ME))["status"]
    finally:
        pubmed.answer.set()
        for thread in waiting:
            thread.join(10)
    with site.pubmed_gate.passed(within_s=1):  # all places were given back
        pass


def test_a_gate_gives_every_place_back():
    gate = Gate(at_once=1, waiting=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.passed(within_s=1):
            raise ZeroDivisionError
    with gate.passed(within_s=1), pytest.raises(InputError), gate.passed(within_s=1):
        pass


def test_a_gate_is_waited_at_within_the_budget_and_until_stopped():
    gate, stop = Gate(at_once=1, waiting=2), threading.Event()
    with gate.passed(within_s=1):
        with pytest.raises(InputError), gate.passed(within_s=0):
            pass
        stop.set()
        with pytest.raises(PubMedCancelled), gate.passed(within_s=30, stop=stop):
            pass
    with gate.passed(within_s=1):
        pass


def test_a_model_that_fails_loses_nothing_that_was_read():
    left = asked(site_of(broken=[MINI.vanilla]))
    assert "is damaged" in left["status"]
    assert "CFTR" in left["biom"]
    assert left["run"] is None  # two are needed to compare
    assert inquiry().question in head_of(left["displayed"], inquiry())  # what is there has its name
    third = next(c for pair in CATALOGUE for c in (pair.biom,) if pair.name == "base")
    site = site_of(broken=[third])
    prepared = last(prepare(site, inquiry(), ME))["prepared"]
    left = last(
        answer(site, replace(prepared, checkpoints=(*prepared.checkpoints, third)), View(), History(), ME)
    )
    assert "is damaged" in left["status"]
    assert left["run"].comparison.complete
    assert len(left["run"].comparison.sides) == 2


def test_an_error_that_nobody_foresaw_is_ours_and_goes_to_the_log(caplog):
    site = site_of()
    site.models.visit = lambda *_, **__: SimpleNamespace(read=None, stop=None)
    left = asked(site)
    assert "on our side" in left["status"]
    assert "NoneType" not in left["status"]
    assert "reading failed" in caplog.text


def test_the_view_changes_without_reading():
    site = site_of()
    run = asked(site)["run"]
    calls = list(site.models.calls)
    left = change_view(run, -10.0, 5, 30, 0.5)
    assert left["view"] == left["drawn"] == View(null_threshold=-10.0)
    assert "Both abstain" in left["verdict"]
    assert "head" not in left  # a slider says nothing about the boxes
    assert change_view(None, 1, 2.0, 3.0, 0.25) == {"view": View(1.0, 2, 3, 0.25)}
    assert site.models.calls == calls
    assert view_of([0, 5, 30, 0.5]) == View()


def test_a_result_says_what_it_is_of_and_when_the_boxes_have_moved_on():
    run = asked(site_of())["run"]
    here = head_of(run, run.asked)
    assert run.asked.question in here
    assert "pasted text" in here
    assert "for the previous question" not in here
    for change in (
        {"typed": TEXT + " "},
        {"question": "Which other gene?"},
        {"pair": "base"},
        {"further": ("x/y",)},
    ):
        assert "for the previous question" in head_of(run, replace(run.asked, **change)), change
    assert run.asked.question not in head_of(None, inquiry())


@pytest.mark.parametrize("swapped", [False, True])
def test_blind_nothing_tells_the_models_or_the_gold_apart_and_the_places_stay(swapped, monkeypatch):
    monkeypatch.setattr("biom_demo.ui.run.random.random", lambda: 0.0 if swapped else 0.9)
    placed = Placed(TEXT, inquiry().question, ("CFTR",))
    site = site_of()
    prepared = last(prepare(site, inquiry(blind=True, placed=placed), ME))["prepared"]
    updates = list(answer(site, prepared, View(), History(), ME))
    for update in updates:
        page = "".join(str(update.get(name, "")) for name in ("head", "verdict", "difference", *ACCENTS))
        assert not any(word in page for word in ("ELECTRA", "BioM", "vanilla", "Known", " s</span>"))
    # One model's answer alone would tell which was read first.
    assert "waiting" in updates[1]["biom"]
    assert "waiting" in updates[1]["vanilla"]
    first, second = ("BRCA1", "CFTR") if swapped else ("CFTR", "BRCA1")
    run = updates[-1]["run"]
    for shown in (run, replace(run, blind=False)):
        left = change_view(shown, 0.0, 5, 30, 0.5)
        assert f">{first}</a>" in left["biom"]
        assert f">{second}</a>" in left["vanilla"]
    assert ("vanilla" if swapped else "biom") in left["biom"].split(">")[0]
    assert "Known answer" in left["biom"]


def test_gold_answers_hold_for_the_unchanged_question_only():
    placed = Placed(TEXT, "Which gene?", ("CFTR",), "file", 3)
    given = Inquiry(TEXT, "Which gene?", "mini", placed=placed)
    assert given.gold(TEXT) == ("CFTR",)
    assert given.of_deck == ("file", 3)
    other = replace(given, question="Which other gene?")
    assert other.gold(TEXT) is None
    assert other.of_deck is None
    assert other.is_text
    assert not replace(given, typed="36990001").is_text


def test_a_session_remembers_its_newest_runs_within_bounds(monkeypatch):
    run = asked(site_of())["run"]
    runs = History()
    for _ in range(30):
        runs = remembered(runs, replace(run))
    assert (len(runs), runs.dropped) == (20, 10)
    monkeypatch.setattr("biom_demo.ui.run.HISTORY_CHARS", 2 * len(TEXT))
    assert len(remembered(runs, run)) == 2
    assert remembered(runs, run).runs[-1] is run


def test_the_box_says_what_it_takes_its_content_for():
    assert "PMID 36990001" in take_for("36990001")["taken_for"]
    assert "Pasted text" in take_for(TEXT * 3)["taken_for"]
    assert take_for(None)["taken_for"]


def test_a_long_text_is_told_beforehand_with_what_it_takes_by_the_last_run():
    long = "The gene was read again. " * 1_000
    taken = take_for(long, None, "mini")["taken_for"]
    assert "That is long" in taken
    assert "takes about" in taken
    # No pace of those models is known here.
    assert "takes a while" in take_for(long, None, "large")["taken_for"]
    for words in ("word " * 100, "36990001"):
        assert "is long" not in take_for(words)["taken_for"]
    run = asked(site_of())["run"]
    slow, slower = (
        replace(
            run,
            comparison=replace(
                run.comparison, sides=tuple(replace(side, seconds=s) for side in run.comparison.sides)
            ),
        )
        for s in (1.0, 2.0)
    )
    assert expected_s(long, slower, "mini") == pytest.approx(2 * expected_s(long, slow, "mini"))
    assert expected_s(long, slow, "large") is None  # it was of another pair
    assert long_words("word " * LONG_WORDS, slow, "mini") == ""


def test_the_page_opens_with_the_example_unless_its_address_asks_something():
    site = site_of()
    assert open_example(site, {}) == {}  # nothing is stored for these models, and nothing read yet
    site.opening.read(site.models, MINI)
    left = open_example(site, {"__theme": "dark"})
    assert left["run"] is left["displayed"]
    assert "Ask your own" in left["head"]
    assert "waiting" not in left["biom"]
    linked = open_example(site, {"q": "Which gene?"})
    assert linked["run"] is None
    assert linked["head"] == ""
    assert "waiting" in linked["biom"]


def test_a_chip_puts_its_example_into_the_boxes_and_nothing_else_does():
    left = choose_example("2:1764516000000")
    assert (left["context"], left["question"]) == (EXAMPLES[2]["context"], EXAMPLES[2]["question"])
    assert left["placed"] is None
    assert left["otherwise"] == ""
    for nonsense in ("", "x", "-1", f"{len(EXAMPLES)}:1", "²", "1e3"):
        assert choose_example(nonsense) == {}


BOTH = "Mutations of CFTR cause cystic fibrosis"


def test_what_could_be_taken_in_two_ways_is_offered_and_nothing_is_sent_by_the_offer():
    taken = take_for(BOTH)
    identified = identify(BOTH)
    assert identified.alternative is not None
    assert taken["offer"]["visible"]
    assert taken["offer"]["value"] == identified.alternative.offer
    other = take_otherwise(BOTH, "")
    assert other["otherwise"] == BOTH
    assert other["taken_for"] != taken["taken_for"]
    assert take_otherwise(BOTH, BOTH)["otherwise"] == ""
    assert take_otherwise("36990001", "") == {**take_for("36990001"), "otherwise": ""}
    assert inquiry(typed=BOTH).taken_for == identified
    assert inquiry(typed=BOTH, otherwise=BOTH).taken_for == identified.alternative
    assert inquiry(typed=BOTH + " more", otherwise=BOTH).taken_for == identify(BOTH + " more")


class Downloads:
    """In the place of ``fetching``: goes on until it is stopped."""

    def __init__(self):
        self.begun = threading.Event()

    def __call__(self, checkpoint, cancelled, timeout_s):
        self.begun.set()
        assert cancelled.wait(10), "never stopped"
        raise FetchCancelled("stopped")
        yield


def test_a_download_is_stopped_by_its_own_visitor_only(monkeypatch):
    monkeypatch.setattr(compare_tab, "fetching", fetch := Downloads())
    monkeypatch.setattr(compare_tab, "missing", lambda checkpoints: [Checkpoint("x/y", "Y", "")])
    site = site_of()
    left = {}
    thread = threading.Thread(target=lambda: left.update(last(download(site, "mini", [], "me"))))
    thread.start()
    assert fetch.begun.wait(10)
    site.stops.stop("someone else", "fetch")
    thread.join(0.2)
    assert thread.is_alive()
    site.stops.stop("me", "fetch")
    thread.join(10)
    assert "Stopped" in left["status"]
    assert len(site.stops) == 0


def test_the_run_is_what_was_asked():
    run = asked(site_of())["run"]
    assert isinstance(run, Run)
    assert run.asked == inquiry()


@pytest.mark.parametrize(
    ("site", "end"),
    [(site_of(), End.DONE), (site_of(broken=[MINI.vanilla]), End.FAILED)],
    ids=["done", "failed"],
)
def test_a_run_is_counted_once_by_how_it_ended(site, end):
    asked(site)
    counts = site.counters.counts()
    assert {run: number for run, number in counts.runs.items() if number} == {(Work.COMPARE, end): 1}
    assert sum(counts.waits) == 1


def test_a_run_whose_visitor_left_counts_as_stopped():
    site = site_of()
    prepared = last(prepare(site, inquiry(), ME))["prepared"]
    running = answer(site, prepared, View(), (), ME)
    next(running)
    next(running)
    running.close()
    assert site.counters.counts().runs[Work.COMPARE, End.STOPPED] == 1
    assert prepared.stop.is_set()
    assert len(site.stops) == 0
