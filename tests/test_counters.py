"""Counters: nothing is lost between threads, waits fall where they belong, labels are known ones."""

from __future__ import annotations

import threading

import pytest

from biom_demo.counters import WAIT_BOUNDS_S, Counters, End, Outcome, Refusal, Work


def test_all_labels_are_there_from_the_start_at_zero():
    counts = Counters().counts()
    assert counts.runs == dict.fromkeys(((work, end) for work in Work for end in End), 0)
    assert counts.refusals == dict.fromkeys(Refusal, 0)
    assert counts.pubmed_requests == dict.fromkeys(Outcome, 0)
    assert sum(counts.waits) == counts.waited_s == counts.read_s == 0


def test_each_event_adds_to_its_own_number():
    counters = Counters()
    counters.ran(Work.WHY, End.STOPPED, read_s=1.5)
    counters.ran(Work.WHY, End.DONE, read_s=0.25)
    counters.refused(Refusal.HOST)
    counters.asked_pubmed(Outcome.FAILED)
    counts = counters.counts()
    assert {key: n for key, n in counts.runs.items() if n} == {
        (Work.WHY, End.STOPPED): 1,
        (Work.WHY, End.DONE): 1,
    }
    assert counts.read_s == 1.75
    assert {key: n for key, n in counts.refusals.items() if n} == {Refusal.HOST: 1}
    assert {key: n for key, n in counts.pubmed_requests.items() if n} == {Outcome.FAILED: 1}


def test_a_wait_counts_within_the_first_bound_that_holds_it():
    counters = Counters()
    for seconds in (0.0, WAIT_BOUNDS_S[0], 0.051, WAIT_BOUNDS_S[-1], WAIT_BOUNDS_S[-1] + 1):
        counters.waited(seconds)
    waits = counters.counts().waits
    assert (waits[0], waits[1], waits[-2], waits[-1]) == (2, 1, 1, 1)
    assert sum(waits) == 5


def test_no_word_of_a_visitor_becomes_a_label():
    counters = Counters()
    with pytest.raises(KeyError):
        counters.refused("my secret question")  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        counters.asked_pubmed("cystic fibrosis")  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        counters.ran("x", End.DONE)  # type: ignore[arg-type]
    assert counters.counts() == Counters().counts()


def test_no_count_is_lost_between_threads():
    counters = Counters()

    def count():
        for _ in range(1000):
            counters.ran(Work.API, End.DONE, read_s=0.5)
            counters.waited(0.5)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = counters.counts()
    assert counts.runs[Work.API, End.DONE] == sum(counts.waits) == 8000
    assert (counts.read_s, counts.waited_s) == (4000, 4000)


def test_a_copy_of_the_numbers_stays_as_it_was():
    counters = Counters()
    before = counters.counts()
    counters.refused(Refusal.QUEUE_FULL)
    assert before.refusals[Refusal.QUEUE_FULL] == 0
