"""A site without a page, network or torch: models that answer with a word they are told."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import CATALOGUE, Checkpoint
from biom_demo.models.worker import Ended, Progress
from biom_demo.qa.reader import READING, Decoding
from biom_demo.settings import Precision, Settings
from biom_demo.ui.run import Inquiry
from biom_demo.ui.site import Site
from tests.readings import WORD, reading_of

MINI = next(pair for pair in CATALOGUE if pair.name == "mini")
TEXT = "Cystic fibrosis is caused by mutations of CFTR. Mice without it live. BRCA1 is another gene."


@dataclass
class WordVisit:
    """In the place of ``models.store.Visit``; pairs take no time, until ``stop`` is set."""

    models: WordModels
    visitor: str
    stop: threading.Event
    budget_s: float | None
    precision: Precision = Precision.FLOAT32
    ended: Ended | None = None
    reads: str = ""
    used_s: float = 0.0
    waited_s: float = 0.0
    decoding: Decoding = READING
    progress: Progress = field(default_factory=Progress)

    def read(self, checkpoint, pairs, *, share=1.0, begun=False, regions=()):
        self.reads = checkpoint.label
        if checkpoint in self.models.broken:
            raise CheckpointError(f"{checkpoint.label} is damaged. Fetch it again.")
        self.models.calls.append((checkpoint, len(pairs)))
        if len(self.models.calls) == self.models.stop_at:
            self.stop.set()
        if self.stop.is_set():
            self.ended = Ended.STOPPED
            return []
        return [self.models.reading(checkpoint, question, text, self.precision) for question, text in pairs]


@dataclass
class WordModels:
    """In the place of ``models.store.Models``: each checkpoint points at its word, where the text has it."""

    words: dict[Checkpoint, str]
    null: float = 24.0  # without the word "no answer" wins
    broken: frozenset[Checkpoint] = frozenset()
    calls: list[tuple[Checkpoint, int]] = field(default_factory=list)
    stop_at: int = 0  # the reading that is stopped, from 1 on

    def read(self, checkpoint, pairs, **options):
        return self.visit().read(checkpoint, pairs, **options)

    @property
    def loaded(self):
        return 0

    def visit(self, visitor="", *, stop=None, budget_s=None, precision=None):
        return WordVisit(self, visitor, stop or threading.Event(), budget_s, precision or Precision.FLOAT32)

    def reading(self, checkpoint, question, text, precision=Precision.FLOAT32):
        words = [match.group() for match in WORD.finditer(text)]
        word = self.words.get(checkpoint, "")
        at = [words.index(word)] if word in words else []
        logits = dict.fromkeys(at, 15.0)
        return reading_of(text, logits, logits, null=self.null, question=question, precision=precision)


class BlockedPubMed:
    """In the place of ``PubMed``: what a session asks waits until ``answer`` is set, and then fails."""

    def __init__(self):
        self.answer, self.asked = threading.Event(), threading.Semaphore(0)

    @contextmanager
    def session(self, **_options):
        yield self

    def __getattr__(self, name):
        def call(*_args, **_options):
            self.asked.release()
            self.answer.wait(30)
            raise AssertionError(f"{name} was let go")

        return call


def site_of(biom="CFTR", vanilla="BRCA1", *, settings=None, pubmed=None, broken=(), further=()):
    """A site whose two models (and further ones) answer with these words."""
    models = WordModels({MINI.biom: biom, MINI.vanilla: vanilla, **dict(further)}, broken=frozenset(broken))
    return Site(settings or Settings(), MINI, models, pubmed or BlockedPubMed())


@contextmanager
def built(build):
    """What ``build`` makes with Gradio, whose event loops nobody else closes."""
    loops, make = [], asyncio.new_event_loop
    with patch.object(asyncio, "new_event_loop", lambda: loops.append(make()) or loops[-1]):
        made = build()
    yield made
    asyncio.set_event_loop(None)
    for loop in loops:
        if not loop.is_running():
            loop.close()


def inquiry(typed=TEXT, question="Which gene causes cystic fibrosis?", **rest):
    """What stands on the page at a click."""
    return Inquiry(typed, question, "mini", **rest)


def last(updates):
    """All that a handler's updates leave on the page."""
    left = {}
    for update in updates:
        left |= update
    return left
