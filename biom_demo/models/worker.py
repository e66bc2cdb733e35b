"""One thread that runs all inference, a small batch at a time, so that visitors take turns.

A text of hundreds of windows and a one-line abstract share it: after every batch the visitor who has
had the least of the worker's time is next. A newcomer is taken for one who has had an even share so
far, less a head start in which a short question is answered; as the even share grows with all that is
read, no stream of newcomers keeps a long text waiting (weighted fair queueing: Demers, Keshav & Shenker
1989). Among those who have had as much, whoever would be done first alone goes first: short before long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from biom_demo.qa.reader import Reader, size_of
from biom_demo.qa.records import CharSpan, Question, Reading

# One whole window, or some short ones: a larger batch is no quicker on a CPU, and all others wait for it.
TURN_POSITIONS = 512
# Of the worker's time; about what one model takes for an abstract.
HEAD_START_S = 0.5
# Puts short jobs before long ones; how fast a model really reads does not matter for that.
EXPECTED_CHARS_A_SECOND = 5_000


class Ended(StrEnum):
    """Why a job ended before all was read."""

    STOPPED = "stopped"  # by its visitor, or because they left
    BUDGET = "budget"  # its seconds of the worker's time are used up
    CLOSED = "closed"  # the worker ends


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    ``ahead`` other visitors have their turn before its text is begun; ``share`` of it has been read,
    from 0 to 1; at this pace ``left_s`` seconds are left, ``None`` while that is not known.
    """

    ahead: int = 0
    share: float = 0.0
    left_s: float | None = None


class Job:
    """(question, context) pairs that one reader reads for one visitor.

    ``budget_s`` are the most seconds of the worker's own time, ``None`` for any number. Where the job
    ends early and ``begun`` is set, the text in hand is given too, as far as it was read. With ``regions``
    only these characters of each context are read. Once
    ``done`` is set, ``readings`` are what was read, in order, ``ended`` says why that is not all, and
    ``error`` is what failed.
    """

    def __init__(
        self,
        visitor: str,
        reader: Reader,
        pairs: Sequence[tuple[Question, str]],
        *,
        stop: threading.Event,
        budget_s: float | None = None,
        begun: bool = False,
        regions: Sequence[CharSpan] = (),
    ) -> None:
        self.visitor = visitor
        self.stop = stop
        self.budget_s = budget_s
        self.readings: list[Reading] = []
        self.ended: Ended | None = None
        self.error: BaseException | None = None
        self.done = threading.Event()
        self.used_s = 0.0
        self.submitted: float | None = None
        self.first_turn: float | None = None  # when it began
        self.due = (0.0, 0)  # when it would be done if the worker were its own, and its number
        self._reader = reader
        self._begun = begun
        self._steps = reader.steps(pairs, batch_positions=TURN_POSITIONS, regions=regions)
        self._chars = sum(size_of(question, context) for question, context in pairs)
        self._chars_read = 0.0

    @property
    def expected_s(self) -> float:
        """A guess at the worker's time it takes, good enough to tell short from long."""
        return self._chars / EXPECTED_CHARS_A_SECOND

    @property
    def share(self) -> float:
        """How much of the text has been read, from 0 to 1."""
        return min(1.0, self._chars_read / self._chars) if self._chars else 0.0

    @property
    def waited_s(self) -> float:
        """From its submission to its first turn; 0 where it has had none."""
        if self.submitted is None or self.first_turn is None:
            return 0.0
        return self.first_turn - self.submitted

    def turn(self) -> None:
        """Read one batch, or end."""
        started = time.monotonic()
        if self.first_turn is None:
            self.first_turn = started
        try:
            step = next(self._steps, None)
            self.used_s += time.monotonic() - started
            if step is None:
                self.done.set()
                return
            self.readings += step.readings
            self._chars_read = step.chars
            if self.budget_s is not None and self.used_s >= self.budget_s:
                self.end(Ended.BUDGET)
        except BaseException as error:  # its visitor's, not the worker's
            self.error = error
            self.done.set()

    def end(self, ended: Ended) -> None:
        """End it early, with what was read."""
        self.ended = ended
        reading = self._steps.begun(self._reader.calibration) if self._begun else None
        if reading is not None:
            self.readings.append(reading)
        self.done.set()


@dataclass(slots=True, eq=False)
class _Queue:
    """A visitor's jobs, and how much of the worker's time they have had, on the clock of all visitors."""

    served_s: float
    jobs: list[Job] = field(default_factory=list)

    @property
    def next(self) -> Job:
        return min(self.jobs, key=lambda job: job.due)


class Worker:
    """The thread, begun with the first job. Threads may share it."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self.closed = False
        self._submitted = 0
        self._even_share_s = 0.0  # what a visitor would have had who was always there

    def submit(self, job: Job) -> None:
        """Put the job in the queue; its ``done`` is set at once where the worker is closed."""
        with self._changed:
            if self.closed:
                job.end(Ended.CLOSED)
                return
            self._submitted += 1
            job.submitted = time.monotonic()
            job.due = job.submitted + job.expected_s, self._submitted
            newcomer = _Queue(self._even_share_s - HEAD_START_S)
            self._queues.setdefault(job.visitor, newcomer).jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
                self._thread.start()
            self._changed.notify()

    def progress(self, job: Job) -> Progress:
        """How far the job is."""
        with self._changed:
            share = job.share
            if not share and job.visitor in self._queues:
                mine = self._place(job.visitor)
                return Progress(sum(self._place(other) < mine for other in self._queues))
            waited = time.monotonic() - job.first_turn if job.first_turn is not None else 0.0
            return Progress(0, share, waited / share * (1 - share) if share else None)

    def close(self, *, timeout_s: float) -> None:
        """End all jobs with what was read, and the thread; waits ``timeout_s`` for the batch in hand."""
        with self._changed:
            self.closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def __len__(self) -> int:
        """Visitors with a job."""
        return len(self._queues)

    def _run(self) -> None:
        while (chosen := self._choose()) is not None:
            queue, job = chosen
            before_s = job.used_s
            job.turn()
            with self._changed:
                queue.served_s += job.used_s - before_s
                self._even_share_s += (job.used_s - before_s) / len(self._queues)

    def _choose(self) -> tuple[_Queue, Job] | None:
        """Whose turn it is, and with which job; waits for one. ``None`` once closed."""
        with self._changed:
            while True:
                if self.closed:
                    for queue in self._queues.values():
                        for job in queue.jobs:
                            if not job.done.is_set():
                                job.end(Ended.CLOSED)
                    self._queues.clear()
                    return None
                self._tidy()
                if self._queues:
                    queue = self._queues[min(self._queues, key=self._place)]
                    return queue, queue.next
                self._changed.wait()

    def _tidy(self) -> None:
        """End the jobs of visitors who have left, whoever's turn it is, and forget those that are done."""
        for visitor, queue in list(self._queues.items()):
            for job in queue.jobs:
                if job.stop.is_set() and not job.done.is_set():
                    job.end(Ended.STOPPED)
            queue.jobs = [job for job in queue.jobs if not job.done.is_set()]
            if not queue.jobs:
                del self._queues[visitor]

    def _place(self, visitor: str) -> tuple[float, tuple[float, int]]:
        """Sorts visitors: the least goes next."""
        queue = self._queues[visitor]
        return queue.served_s, queue.next.due
