"""What every event of the page works with: settings, model pairs, readers, PubMed, and who may be stopped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from biom_demo.analysis.comparison import MAX_SIDES
from biom_demo.analysis.engine_costs import Engines
from biom_demo.counters import Counters, End, Refusal, Work
from biom_demo.errors import BioMError, BusyError, InputError, PubMedCancelled
from biom_demo.models.catalogue import (
    CATALOGUE,
    Checkpoint,
    ModelPair,
    automatic_pair,
    given,
    locate,
    resolve_pair,
)
from biom_demo.models.store import Models, Visit
from biom_demo.models.worker import Ended
from biom_demo.pubmed.session import PubMed, Session
from biom_demo.qa.engines.processor import refusal
from biom_demo.settings import Precision, Settings, Switch
from biom_demo.show.words import listed
from biom_demo.ui.ending import RESTARTING
from biom_demo.ui.examples import Opening, stored_answer

# What an event changes, by the name of the part of the page.
Update = dict[str, Any]
OUR_FAULT = "Something went wrong on our side; the log has the details. Try again."
ENDS = {
    None: End.DONE,
    Ended.STOPPED: End.STOPPED,
    Ended.BUDGET: End.OUT_OF_TIME,
    Ended.CLOSED: End.STOPPED,
}
# What proxies add to the requests they pass on.
FORWARDED = (
    "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port",
    "x-forwarded-prefix", "x-forwarded-server", "x-original-host", "x-real-ip", "cf-connecting-ip",
    "true-client-ip",
)  # fmt: skip
PUBMED_AT_ONCE = 8
PUBMED_WAITING = 16
PROGRAMS_NAMING_AT_ONCE = 8

log = logging.getLogger(__name__)


class Gate:
    """Lets a number of callers through at once and a number wait; the rest are told to come back.

    PubMed may take its whole time budget to answer: without a bound its callers would use up all
    threads of the server, and those who only paste a text would wait behind them.
    """

    def __init__(self, *, at_once: int = PUBMED_AT_ONCE, waiting: int = PUBMED_WAITING) -> None:
        self._inside = threading.BoundedSemaphore(at_once)
        self._all = threading.BoundedSemaphore(at_once + waiting)

    @property
    def full(self) -> bool:
        """Whether the next caller would be told to come back."""
        if self._all.acquire(blocking=False):
            self._all.release()
            return False
        return True

    @contextmanager
    def passed(self, *, within_s: float, stop: threading.Event | None = None) -> Iterator[None]:
        """Inside, the caller may ask.

        Raises ``BusyError`` where too many wait already, or the wait takes longer than ``within_s``
        seconds; ``PubMedCancelled`` once ``stop`` is set.
        """
        busy = BusyError(
            "Many visitors are asking PubMed just now. Try again in a minute, or paste the abstract’s text."
        )
        if not self._all.acquire(blocking=False):
            raise busy
        try:
            deadline = time.monotonic() + within_s
            while not self._inside.acquire(timeout=0.1):
                if stop is not None and stop.is_set():
                    raise PubMedCancelled("Stopped.")
                if time.monotonic() > deadline:
                    raise busy
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self._all.release()


class Stops:
    """The events that stop what runs, by session and kind, so that visitors stop only their own.

    A step that follows another finds what the first one left in the session's state, where a second
    click may have put something else: each event is taken up once.
    """

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], dict[threading.Event, bool]] = {}  # whether it was taken up
        self._going_down = False
        self._lock = threading.Lock()

    def begin(self, session: str, kind: str) -> threading.Event:
        """An event of a run that begins; it replaces the session's earlier runs of its kind.

        It is set from the start where the server goes down.
        """
        event = threading.Event()
        with self._lock:
            if self._going_down:
                event.set()
            for earlier in self._running.pop((session, kind), {}):
                earlier.set()
            self._running[session, kind] = {event: False}
        return event

    def take_up(self, session: str, kind: str, event: threading.Event) -> bool:
        """Whether the run is to go on with its next step; ``False`` once replaced, or taken up before."""
        with self._lock:
            running = self._running.get((session, kind), {})
            if running.get(event, True):
                return False
            running[event] = True
            return True

    def end(self, session: str, kind: str, event: threading.Event) -> None:
        """Forget the event of a run that has ended, and no other."""
        with self._lock:
            running = self._running.get((session, kind), {})
            running.pop(event, None)
            if not running:
                self._running.pop((session, kind), None)

    def stop(self, session: str, kind: str) -> bool:
        """Stop the session's runs of a kind; whether there was one."""
        with self._lock:
            running = self._running.get((session, kind), {})
            for event in running:
                event.set()
            return bool(running)

    def leave(self, session: str) -> None:
        """Stop and forget all runs of a visitor who has left."""
        with self._lock:
            for key in [key for key in self._running if key[0] == session]:
                for event in self._running.pop(key):
                    event.set()

    def stop_all(self) -> None:
        """Stop the runs of all visitors, and those that would begin: the server goes down."""
        with self._lock:
            self._going_down = True
            for running in self._running.values():
                for event in running:
                    event.set()

    def words(self, otherwise: str) -> str:
        """What a visitor is told of a run that came to no end: ``otherwise``, or that the server restarts."""
        return RESTARTING if self._going_down else otherwise

    def check_open(self) -> None:
        """Raises ``BusyError`` where the server goes down."""
        if self._going_down:
            raise BusyError(RESTARTING)

    def __len__(self) -> int:
        return sum(map(len, self._running.values()))


@dataclass(frozen=True, slots=True)
class Site:
    """One running page."""

    settings: Settings
    pair: ModelPair  # the default one
    models: Models
    pubmed: PubMed
    pubmed_gate: Gate = field(default_factory=Gate)
    # Programs that name records hold a place among those that read: half of the places are for texts.
    names_gate: Gate = field(default_factory=lambda: Gate(at_once=PROGRAMS_NAMING_AT_ONCE, waiting=0))
    stops: Stops = field(default_factory=Stops)
    counters: Counters = field(default_factory=Counters)
    opening: Opening = field(default_factory=Opening)
    engines: Engines = field(default_factory=Engines.of_file)
    notices: tuple[str, ...] = ()  # what visitors are told of this server: why not the bigger pair, say

    @classmethod
    def from_settings(cls, settings: Settings) -> Site:
        """The site that the settings ask for. Raises ``InputError`` where they name no pair that exists."""
        known = {"auto", "all", *(pair.name for pair in CATALOGUE)}
        unknown = [name for name in settings.pairs.lower().split(",") if name.strip() not in known]
        if unknown:
            raise InputError(
                f"BIOM_PAIRS={settings.pairs!r} cannot be used. Set it to auto, all, or names parted by "
                f"commas, such as mini,base."
            )
        pair, notices = default_pair(settings)
        precision = _usable(settings.precision)
        if precision is not settings.precision:
            told = f"{settings.precision} is not used, but float32. {refusal(settings.precision)}"
            notices = (*notices, f"BIOM_ENGINE: {told}")
        models, counters = Models(threads=settings.threads, precision=precision), Counters()
        pubmed = PubMed.from_settings(settings, counters)
        opening = Opening(stored_answer(pair))
        return cls(settings, pair, models, pubmed, counters=counters, opening=opening, notices=notices)

    def seen_by(self, headers: Mapping[str, str]) -> Site:
        """The site as whoever sent a request with these headers may use it.

        What came through a proxy may come from anyone, also where nobody told the page of the proxy.
        """
        forwarded = any(name in headers for name in FORWARDED)
        if not forwarded or self.settings.public is Switch.OFF or self.public:
            return self
        return replace(self, settings=replace(self.settings, public=Switch.ON))

    @property
    def public(self) -> bool:
        """Whether strangers reach the page."""
        return self.settings.is_public

    @property
    def own_models(self) -> bool:
        """Whether any folder or Hub id may be named: whoever can name a folder can have it opened."""
        return self.settings.own_models.holds(otherwise=not self.public)

    @property
    def may_fetch(self) -> bool:
        """Whether a visitor may have models fetched."""
        return self.settings.fetch.holds(otherwise=not self.public)

    @property
    def precision(self) -> Precision:
        """What models compute in where nobody asks for anything else."""
        return _usable(self.settings.precision)

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """What models may be asked to compute in: what is on offer here, and what the operator has set."""
        offered = self.engines.offered
        return tuple(one for one in Precision if one in offered or one is self.precision)

    def precision_named(self, name: str) -> Precision:
        """The precision of that name. Raises ``InputError`` where it is not on offer."""
        found = next((one for one in Precision if isinstance(name, str) and one == name), None)
        if found in self.precisions:
            return found
        why = f" {self.engines.why_not(found)}" if found else ""
        raise InputError(f"Models cannot compute in that here. Choose {listed(self.precisions, 'or')}.{why}")

    def linked(self, precision: Precision) -> Precision | None:
        """What a link says of a precision; ``None`` where it goes without saying, here and elsewhere."""
        return None if precision is self.precision is Precision.FLOAT32 else precision

    @property
    def pairs(self) -> Mapping[str, ModelPair]:
        """The pairs on offer by name, the default one first."""
        asked = self.settings.pairs.lower()
        everything = asked == "all" or (asked == "auto" and not self.public)
        names = {"mini"} if asked == "auto" else {name.strip() for name in asked.split(",")}
        offered = (pair for pair in CATALOGUE if everything or pair.name in names)
        return {pair.name: pair for pair in (self.pair, *offered)}

    @property
    def catalogue(self) -> Mapping[str, Checkpoint]:
        """The checkpoints of all pairs on offer by key: the Hub id or, of a folder, a name for it."""
        found: dict[str, Checkpoint] = {}
        for checkpoint in dict.fromkeys(c for pair in self.pairs.values() for c in pair.checkpoints):
            key, number = checkpoint.name, 1
            while key in found:
                number += 1
                key = f"{checkpoint.name} ({number})"
            found[key] = checkpoint
        return found

    @contextmanager
    def reading(
        self,
        work: Work,
        visitor: str,
        stop: threading.Event | None = None,
        precision: Precision | None = None,
    ) -> Iterator[Visit]:
        """What reads for one request of a visitor, within the budget of the settings; counted at its end."""
        budget_s = self.settings.reading_budget_s or None
        visit = self.models.visit(
            visitor, stop=stop, budget_s=budget_s, precision=precision or self.precision
        )
        end = End.FAILED
        try:
            yield visit
            end = ENDS[visit.ended]
        except GeneratorExit:
            end = End.STOPPED
            raise
        finally:
            self.counters.waited(visit.waited_s)
            self.counters.ran(work, end, read_s=visit.used_s)

    @contextmanager
    def asking_pubmed(self, *, api_key: str = "", stop: threading.Event | None = None) -> Iterator[Session]:
        """A session for one question of a visitor; the wait for the gate is within its budget."""
        with self.pubmed.session(api_key=api_key, cancelled=stop) as session, ExitStack() as inside:
            try:
                gate = self.pubmed_gate.passed(within_s=self.settings.pubmed_budget_s, stop=stop)
                inside.enter_context(gate)
            except InputError:
                self.counters.refused(Refusal.PUBMED_BUSY)
                raise
            yield session

    def pair_named(self, name: str) -> ModelPair:
        """The pair of that name. Raises ``InputError`` where it is not on offer."""
        pair = self.pairs.get(name) if isinstance(name, str) else None
        if pair is None:
            # Not repeated: an error's words are HTML to Gradio.
            raise InputError(f"There is no pair of that name. Choose one of: {', '.join(self.pairs)}.")
        return pair

    def checkpoints(self, name: str, further: Sequence[str] = ()) -> tuple[Checkpoint, ...]:
        """The pair's checkpoints and the further ones. Raises ``InputError`` for one not on offer."""
        pair = self.pair_named(name)
        sources = list(dict.fromkeys(source.strip() for source in further if source.strip()))
        catalogue = self.catalogue
        if not self.own_models and any(source not in catalogue for source in sources):
            raise InputError("Only the models of the list are on offer here.")
        others = [catalogue.get(source) or given(source) for source in sources[: MAX_SIDES - 2]]
        return (*pair.checkpoints, *others)


def default_pair(settings: Settings) -> tuple[ModelPair, tuple[str, ...]]:
    """The pair that the settings name, and why it is not a bigger one that lies here.

    Raises ``InputError`` where there is none of that name.
    """
    name = settings.pair
    notices: tuple[str, ...] = ()
    if name == "auto":
        automatic, notices = automatic_pair()
        name = automatic.name
    return resolve_pair(name, biom=settings.biom_model, vanilla=settings.vanilla_model), notices


def _usable(precision: Precision) -> Precision:
    """The precision where this processor should compute in it, else float32."""
    return Precision.FLOAT32 if refusal(precision) else precision


def missing(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Those of the checkpoints that are not on this machine."""
    return [checkpoint for checkpoint in checkpoints if locate(checkpoint) is None]


def words_of(error: Exception, doing: str) -> str:
    """What a visitor is told of an error; one that nobody foresaw goes to the log with ``doing``."""
    if isinstance(error, BioMError):
        return str(error)
    log.error("%s failed", doing, exc_info=error)
    return OUR_FAULT
