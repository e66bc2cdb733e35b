"""The worker: turns, short before long, budgets, early ends; and what a visit and an event make of it."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from biom_demo.errors import InputError
from biom_demo.models import worker as module
from biom_demo.models.catalogue import Checkpoint
from biom_demo.models.store import Visit
from biom_demo.models.worker import Ended, Job, Worker
from biom_demo.qa import spans
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Question, SpanLogits
from biom_demo.ui.reading import ended_words, followed, reading_words, result_of
from tests.tiny import wordpiece_tokenizer

QUESTION = Question("which gene")
LONG = "the gene binds the drug " * 700  # some thirty windows
SHORT = "the gene binds"
MODEL = Checkpoint("rule", "Rule", "It follows a rule.")


class Machine:
    """A worker on a clock of its own: each batch takes a second and is noted with whose it was."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.batches = []
        self.at_batch = {}  # by number of the batch, what happens while it is read
        self.worker = Worker()
        self.gate = threading.Event()  # nothing is read before it is open
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))

    def reader(self, name):
        return Reader(SimpleNamespace(max_positions=512, logits=lambda w: self.read(name, w)), TOKENIZER)

    def read(self, name, windows):
        assert self.gate.wait(30)
        self.batches.append(name)
        self.now += 1.0
        self.at_batch.get(len(self.batches), lambda: None)()
        return [SpanLogits(np.sin(w.ids, dtype=np.float32), np.cos(w.ids, dtype=np.float32)) for w in windows]

    def job(self, visitor, *texts, **options):
        """A job in the queue."""
        pairs = [(QUESTION, text) for text in texts]
        job = Job(visitor, self.reader(visitor), pairs, **({"stop": threading.Event()} | options))
        self.worker.submit(job)
        return job

    def run(self, *jobs):
        """Open the gate, and wait until the jobs are done."""
        self.gate.set()
        assert all(job.done.wait(30) for job in jobs)
        return self.batches


TOKENIZER = wordpiece_tokenizer()


@pytest.fixture
def machine(monkeypatch):
    made = Machine(monkeypatch)
    yield made
    made.gate.set()
    made.worker.close(timeout_s=30)


def test_what_is_read_in_turns_is_what_the_reader_reads(machine):
    texts = [LONG, SHORT, "", "the virus"]
    job, other = machine.job("A", *texts), machine.job("B", LONG)
    machine.run(job, other)
    alone = list(machine.reader("A").readings([(QUESTION, text) for text in texts]))
    assert [reading.context for reading in job.readings] == texts
    assert [spans.decode(r) for r in job.readings] == [spans.decode(r) for r in alone]
    assert (job.ended, job.error) == (None, None)


def test_visitors_take_turns_however_many_jobs_each_has(machine):
    first = machine.job("A", LONG)
    jobs = [machine.job("A", LONG), machine.job("A", LONG), machine.job("B", LONG)]
    read = machine.run(first, *jobs)
    until = max(place for place, name in enumerate(read) if name == "B")
    assert abs(read[:until].count("A") - read[:until].count("B")) <= 2
    assert read.count("A") >= 3 * read.count("B") > 0


def test_short_goes_before_long_among_equals_and_nobody_waits_behind_what_came_first(machine):
    long = machine.job("A", LONG)
    others = [machine.job("C", LONG), machine.job("B", SHORT)]
    read = machine.run(long, *others)
    assert read.index("B") < read.index("C")
    assert read.index("B") <= 2
    assert read.index("B") < max(place for place, name in enumerate(read) if name == "A")


def test_no_stream_of_short_ones_keeps_a_long_one_waiting(machine):
    """They ask for two thirds of the worker's time; the long one has the rest, though each of them is new."""
    long = machine.job("A", LONG)
    (cut,), _ = machine.reader("A").cut([(QUESTION, LONG)])
    alone = len(cut.made.windows)
    comers = []
    for number in (n for n in range(1, 40 * alone) if n % 3):
        machine.at_batch[number] = lambda number=number: comers.append(machine.job(f"N{number}", SHORT))
    machine.run(long)
    assert machine.batches.count("A") >= alone
    assert len(machine.batches) <= 3 * alone + 6


def test_a_job_ends_within_a_batch_of_its_visitor_leaving_and_another_takes_no_turn(machine):
    gone, waiting, stays = machine.job("A", LONG), machine.job("B", LONG), machine.job("C", SHORT)
    machine.at_batch[1] = lambda: (gone.stop.set(), waiting.stop.set())
    machine.run(gone, waiting, stays)
    assert gone.ended is waiting.ended is Ended.STOPPED
    assert stays.ended is None
    assert len(stays.readings) == 1
    assert len(machine.batches) <= 3


def test_a_budget_ends_a_job_with_what_was_read(machine):
    job = machine.job("A", LONG, budget_s=4.0, begun=True)
    plain = machine.job("B", SHORT, LONG, budget_s=4.0)
    machine.run(job, plain)
    assert job.ended is plain.ended is Ended.BUDGET
    assert plain.readings == []
    (begun,) = job.readings
    assert begun.context == LONG
    assert 0 < len(begun.windows) < 30
    (notice,) = begun.notices
    assert "Only the first" in notice
    assert f"of {len(LONG):,} characters" in notice
    end = int(begun.windows[-1].offsets.max())
    prediction = spans.decode(begun)
    assert prediction.answers
    assert all(answer.span.end <= end for answer in prediction.answers)
    assert sum(a.probability for a in prediction.answers) + prediction.null_probability <= 1 + 1e-9


def test_a_job_that_fails_is_its_own_visitors_failure(machine):
    failing = machine.job("A", SHORT)
    machine.at_batch[1] = lambda: 1 / 0
    other = machine.job("B", SHORT)
    empty = Job("C", machine.reader("C"), [(Question(" "), SHORT)], stop=threading.Event())
    machine.worker.submit(empty)
    machine.run(failing, other, empty)
    assert {type(job.error) for job in (failing, other)} == {ZeroDivisionError, type(None)}
    assert isinstance(empty.error, InputError)


def test_a_closed_worker_ends_all_jobs_and_takes_no_more(machine):
    job, waiting = machine.job("A", SHORT, LONG, begun=True), machine.job("B", LONG)
    closing = threading.Thread(target=lambda: machine.worker.close(timeout_s=30))

    def close():
        closing.start()
        while not machine.worker.closed:
            time.sleep(0.01)

    machine.at_batch[3] = close
    machine.run(job, waiting)
    closing.join(30)
    assert len(machine.batches) == 3
    assert job.ended is waiting.ended is Ended.CLOSED
    assert machine.job("C", SHORT).ended is Ended.CLOSED


def test_progress_tells_place_share_and_time_left(machine):
    first, second = machine.job("A", LONG), machine.job("B", LONG)
    seen = []
    machine.at_batch = {n: lambda: seen.append(machine.worker.progress(first)) for n in range(1, 60)}
    assert machine.worker.progress(second).ahead == 1
    machine.run(first, second)
    shares = [progress.share for progress in seen]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    half = min(seen, key=lambda progress: abs(progress.share - 0.5))
    assert half.left_s == pytest.approx(len(machine.batches) / 2, rel=0.3)  # B has every other turn
    assert machine.worker.progress(first).share == pytest.approx(1.0)


# A visit: one request's readings, within one budget.


class Store:
    def __init__(self, machine):
        self.worker = machine.worker
        self.reader = lambda checkpoint, _precision: machine.reader(checkpoint.label)


def test_the_readings_of_a_request_share_one_budget(machine):
    machine.gate.set()
    visit = Visit(Store(machine), "me", budget_s=8.0)
    half = visit.read(MODEL, [(QUESTION, LONG)], share=0.5, begun=True)
    assert visit.used_s == pytest.approx(4.0, abs=1)
    assert len(half) == 1
    assert visit.ended is Ended.BUDGET
    visit.read(MODEL, [(QUESTION, LONG)])
    assert visit.used_s == pytest.approx(8.0, abs=1)
    before = len(machine.batches)
    assert visit.read(MODEL, [(QUESTION, LONG)]) == []
    assert len(machine.batches) == before
    assert "one question may take 8 s" in ended_words(visit)


def test_a_visit_without_a_budget_reads_to_the_end(machine):
    machine.gate.set()
    visit = Visit(Store(machine))
    assert len(visit.read(MODEL, [(QUESTION, LONG), (QUESTION, SHORT)])) == 2
    assert (visit.ended, ended_words(visit)) == (None, "")
    with pytest.raises(InputError):
        visit.read(MODEL, [(Question(""), SHORT)])


# An event that follows its work.


def test_an_event_hears_of_progress_and_ends_its_reading_when_it_is_ended(machine, monkeypatch):
    monkeypatch.setattr("biom_demo.ui.reading.TOLD_EVERY_S", 0.01)
    ahead = machine.job("A", LONG)
    visit = Visit(Store(machine), "me")
    seen = followed((visit.read(MODEL, [(QUESTION, LONG)]) for _ in range(3)), visit)
    assert next(seen) is None
    while reading_words(visit) != "1 visitor before you …":
        assert next(seen) is None
    machine.gate.set()
    while not (visit.progress.share or ahead.done.is_set()):
        next(seen)
    seen.close()
    assert visit.stop.is_set()
    assert ahead.done.wait(30)


def test_a_failure_of_the_work_is_the_events(machine):
    machine.gate.set()
    visit = Visit(Store(machine))
    with pytest.raises(InputError):
        list(followed((visit.read(MODEL, [(Question(""), SHORT)]) for _ in range(1)), visit))
    assert result_of(lambda: 5, visit) == 5
    with pytest.raises(ZeroDivisionError):
        result_of(lambda: 1 / 0, visit)
