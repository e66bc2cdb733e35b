"""What a running site has done so far, as numbers.

Every label is a member of an enumeration, so no word of a visitor can become one. Counting takes a lock and
an addition, whether or not anybody ever asks; who shows the numbers, and in what form, is no matter here.

    counters = Counters()
    counters.waited(0.2)
    counters.ran(Work.COMPARE, End.DONE, read_s=1.4)
    counters.refused(Refusal.QUEUE_FULL)
    counters.asked_pubmed(Outcome.ANSWERED)
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# Upper bounds in seconds, each inclusive; a longer wait counts beyond the last.
WAIT_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0)


class Work(StrEnum):
    """What a run was for."""

    COMPARE = "compare"
    ASK_PUBMED = "ask_pubmed"
    WHY = "why"
    BATCH = "batch"
    BENCHMARK = "benchmark"
    API = "api"


class End(StrEnum):
    """How a run ended."""

    DONE = "done"
    STOPPED = "stopped"  # its visitor stopped it, or left
    OUT_OF_TIME = "out_of_time"  # its budget was used up; what was read was kept
    FAILED = "failed"


class Refusal(StrEnum):
    """Why a visitor was turned away before any work."""

    QUEUE_FULL = "queue_full"
    PUBMED_BUSY = "pubmed_busy"
    HOST = "host"  # of an address that is not the page's
    BODY_SIZE = "body_size"
    SLOW = "slow"  # the request took too long to arrive
    REQUEST = "request"  # of a form that no page sends
    GOING_DOWN = "going_down"


class Outcome(StrEnum):
    """What became of one request to PubMed, retries counted one by one."""

    ANSWERED = "answered"
    REFUSED = "refused"  # a wrong key, a malformed query: asking again is no use
    FAILED = "failed"  # no answer, or none that can be read
    STOPPED = "stopped"  # its visitor stopped it, or its time was used up


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers at one moment, all since the start.

    ``waits`` has one more entry than ``WAIT_BOUNDS_S``: how many waits ended within each bound and in none
    before it, and last those beyond all. Seconds are floats.
    """

    runs: Mapping[tuple[Work, End], int]
    read_s: float
    waits: tuple[int, ...]
    waited_s: float
    refusals: Mapping[Refusal, int]
    pubmed_requests: Mapping[Outcome, int]


class Counters:
    """Counts what happens; safe to share between threads. Raises ``KeyError`` for a label that is none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # All there can be is there from the start: a rate needs its zero.
        self._runs = {(work, end): 0 for work in Work for end in End}
        self._read_s = 0.0
        self._waits = [0] * (len(WAIT_BOUNDS_S) + 1)
        self._waited_s = 0.0
        self._refusals = dict.fromkeys(Refusal, 0)
        self._pubmed_requests = dict.fromkeys(Outcome, 0)

    def ran(self, work: Work, end: End, *, read_s: float = 0.0) -> None:
        """A run has ended, after ``read_s`` seconds in which models read for it."""
        with self._lock:
            self._runs[work, end] += 1
            self._read_s += read_s

    def waited(self, seconds: float) -> None:
        """A run began to be read so many seconds after it was asked for."""
        place = next((i for i, bound in enumerate(WAIT_BOUNDS_S) if seconds <= bound), len(WAIT_BOUNDS_S))
        with self._lock:
            self._waits[place] += 1
            self._waited_s += seconds

    def refused(self, why: Refusal) -> None:
        """A visitor was turned away."""
        with self._lock:
            self._refusals[why] += 1

    def asked_pubmed(self, outcome: Outcome) -> None:
        """A request to PubMed has ended."""
        with self._lock:
            self._pubmed_requests[outcome] += 1

    def counts(self) -> Counts:
        """The numbers of this moment."""
        with self._lock:
            return Counts(
                dict(self._runs),
                self._read_s,
                tuple(self._waits),
                self._waited_s,
                dict(self._refusals),
                dict(self._pubmed_requests),
            )
