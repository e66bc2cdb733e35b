"""The suite: so many inputs of every kind, and what they did to the server.

An input is made of the seed, its kind and its number alone, so that a fault is made again by these.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from tests.hostile.calls import call_api, call_event, send_body
from tests.hostile.checkpoints import stranger
from tests.hostile.exports import export_answer
from tests.hostile.payloads import CANARY
from tests.hostile.routes import ask_route
from tests.hostile.served import Served, Usage, served
from tests.hostile.visitor import QUIET_S, Site
from tests.hostile.visits import ask_about_record, ask_about_text, open_link, upload_file, upload_rows
from tests.hostile.wire import ask

VISITORS_AT_ONCE = 6
HEALTH_EVERY_S = 0.5
HEALTH_WITHIN_S = 10.0
# What the server may hold more after any number of inputs than after the first few.
MORE_MEMORY_MB, MORE_THREADS, MORE_FILES = 600.0, 80, 60

Attempt = Callable[[Random, int, list[Any]], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of input: its share of all, and the seconds that one may take with all that it sets off."""

    share: float
    budget_s: float
    over_http: Callable[[Site, Random, int, list[Any]], None] | None = None


KINDS = {
    "private event": Kind(0.28, 120, call_event),
    "api": Kind(0.10, 200, call_api),
    "body": Kind(0.08, 60, send_body),
    "route": Kind(0.18, 60, ask_route),
    "link": Kind(0.05, 300, open_link),
    "upload": Kind(0.07, 300, upload_file),
    "batch": Kind(0.04, 300, upload_rows),
    "text": Kind(0.06, 300, ask_about_text),
    "record": Kind(0.04, 300, ask_about_record),
    "export": Kind(0.07, 20),
    "checkpoint": Kind(0.03, 30),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """An input that did harm: what it is made of again, what was wrong, and what was sent."""

    kind: str
    number: int
    words: str
    sent: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}: {self.words}\n    sent: {self.sent}"


@dataclass(slots=True)
class Report:
    """What a run did: inputs and the worst seconds by kind, faults, health, and what the server held."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    worst_s: dict[str, float] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    health: list[float] = field(default_factory=list)  # seconds of each answer; inf for none
    before: Usage = field(default_factory=Usage)
    after: Usage = field(default_factory=Usage)
    log: str = ""
    reached: Counter[str] = field(default_factory=Counter)  # parts of the page that were shown something

    def told(self, most: int = 40) -> str:
        """The run as a table, and its faults, those of one kind and words once."""
        rows = [f"{'kind':<14}{'inputs':>8}{'worst s':>10}{'faults':>8}"]
        failed = Counter(fault.kind for fault in self.faults)
        rows += [
            f"{kind:<14}{count:>8,}{self.worst_s[kind]:>10.2f}{failed[kind]:>8}"
            for kind, count in self.counts.items()
        ]
        rows.append(f"{'all':<14}{self.counts.total():>8,}{'':>10}{len(self.faults):>8}")
        worst = max(self.health, default=0.0)
        rows.append(f"health: {len(self.health):,} answers, the slowest after {worst:.2f} s")
        rows.append(
            f"memory {self.before.memory_mb:,.0f} -> {self.after.memory_mb:,.0f} MB, threads "
            f"{self.before.threads} -> {self.after.threads}, files {self.before.files} -> {self.after.files}"
        )
        alike: dict[tuple[str, str], list[Fault]] = {}
        for fault in self.faults:
            alike.setdefault((fault.kind, fault.words[:60]), []).append(fault)
        for faults in sorted(alike.values(), key=len, reverse=True)[:most]:
            rows.append(f"\n{len(faults)} x {faults[0]}")
        if self.faults:
            first = self.faults[0]
            rows.append(
                f"\nagain: python -m tests.hostile --seed {self.seed} --only '{first.kind}:{first.number}'"
            )
        return "\n".join(rows)


def plan(inputs: int) -> list[tuple[str, int]]:
    """So many inputs by kind and number, the kinds mixed evenly; at least one of each."""
    counts = {name: max(1, round(kind.share * inputs)) for name, kind in KINDS.items()}
    placed = [(number / count, name, number) for name, count in counts.items() for number in range(count)]
    return [(name, number) for _, name, number in sorted(placed)]


def run(
    chosen: Sequence[tuple[str, int]],
    *,
    seed: int,
    models: str = "tiny",
    told: Callable[[str], None] = lambda _words: None,
) -> Report:
    """What the chosen inputs, by kind and number, did. ``told`` hears how far it is."""
    report = Report(seed)
    with served(seed=seed, models=models) as page, stranger() as checkpoints:
        site = Site.of(page)
        attempts: dict[str, Attempt] = {"export": export_answer, "checkpoint": checkpoints.load}
        attempts |= {name: partial(kind.over_http, site) for name, kind in KINDS.items() if kind.over_http}
        over_http = [(kind, number) for kind, number in chosen if KINDS[kind].over_http]
        within = [(kind, number) for kind, number in chosen if not KINDS[kind].over_http]
        warm = over_http[: len(over_http) // 10]
        one = partial(_attempt, report, attempts, told)
        with health(page, report), ThreadPoolExecutor(VISITORS_AT_ONCE) as visitors:
            list(visitors.map(one, warm))
            report.before = page.usage()
            rest = visitors.map(one, over_http[len(warm) :])
            for each in within:
                one(each)
            list(rest)
        report.after = page.usage()
        report.reached = site.reached
        report.log = page.log.read_text("utf-8", "replace")
    return report


def _attempt(
    report: Report, attempts: dict[str, Attempt], told: Callable[[str], None], chosen: tuple[str, int]
) -> None:
    kind, number = chosen
    sent: list[Any] = []
    started = time.monotonic()
    words = ""
    try:
        attempts[kind](Random(f"{report.seed}/{kind}/{number}"), number, sent)
    except AssertionError as error:
        words = str(error) or "an assertion without words"
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - started
    if not words and seconds > KINDS[kind].budget_s:
        words = f"{seconds:.0f} s in all, more than {KINDS[kind].budget_s:g} s"
    report.counts[kind] += 1
    report.worst_s[kind] = max(report.worst_s.get(kind, 0.0), seconds)
    if words:
        report.faults.append(Fault(kind, number, words[:1_500], repr(sent)[-1_500:]))
    if (done := report.counts.total()) % 250 == 0:
        told(f"{done:,} inputs, {len(report.faults)} faults")


@contextmanager
def health(page: Served, report: Report) -> Iterator[None]:
    """Within, the server's health is asked for again and again."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(HEALTH_EVERY_S):
            reply = ask(page.port, "GET", "/healthz", within_s=2 * HEALTH_WITHIN_S)
            report.health.append(reply.seconds if reply.status == 200 else float("inf"))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(2 * HEALTH_WITHIN_S + QUIET_S)


def harm(report: Report) -> list[str]:
    """What the run as a whole did to the server, beside the faults of its inputs."""
    found = []
    if not report.health or max(report.health) > HEALTH_WITHIN_S:
        found.append(f"health was silent for {max(report.health, default=float('inf')):.1f} s")
    before, after = report.before, report.after
    if after.memory_mb - before.memory_mb > MORE_MEMORY_MB:
        found.append(f"memory grew from {before.memory_mb:,.0f} to {after.memory_mb:,.0f} MB")
    if after.threads - before.threads > MORE_THREADS or after.files - before.files > MORE_FILES:
        found.append(f"threads or files leak: {before} -> {after}")
    if "Traceback" in report.log:
        found.append(f"the log has a trace: {report.log[report.log.index('Traceback') :][:1_500]}")
    if CANARY in report.log:
        place = report.log.index(CANARY)
        found.append(f"the log has a visitor's text: {report.log[max(0, place - 200) : place + 200]}")
    return found
