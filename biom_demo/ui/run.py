"""A run of the Compare tab: what was asked, what was read, and everything that is drawn of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from biom_demo.analysis.comparison import MAX_SIDES, Comparison, View
from biom_demo.analysis.difference import difference_of, short_names
from biom_demo.analysis.passage import Passage
from biom_demo.models.catalogue import Checkpoint
from biom_demo.pubmed.identify import Identified, identify
from biom_demo.settings import Extent, Precision
from biom_demo.show.cards import (
    ACCENTS,
    BLIND,
    Persona,
    card_html,
    head_html,
    idle_verdict_html,
    no_head_html,
    personas,
    verdict_html,
    waiting_html,
)
from biom_demo.show.difference import (
    difference_html,
    flips_html,
    hidden_difference_html,
    idle_difference_html,
)
from biom_demo.show.export import VIEW_LIMITS
from biom_demo.show.pubmed import records_html
from biom_demo.show.words import in_precision
from biom_demo.ui.examples import Opening, gold_of_example
from biom_demo.ui.site import Update

STORED = "answers stored with the app"
READ_HERE = "read by this server when it started"
HISTORY_KEPT = 20  # runs of a session, with their readings
HISTORY_CHARS = 1_000_000  # of text in them; logits weigh some hundred bytes a character


@dataclass(frozen=True, slots=True)
class Placed:
    """What the page itself has put into the boxes: a link's text, an earlier run, a file's question.

    ``text`` is read as it is, whatever it looks like. ``gold`` are the question's gold answers
    (``None``: not known; empty: the text holds none). ``deck`` is the key of the uploaded file it is of,
    ``number`` counts the file's questions from 0 on.
    """

    text: str
    question: str = ""
    gold: tuple[str, ...] | None = None
    deck: str = ""
    number: int = 0

    def is_of(self, text: str, question: str) -> bool:
        """Whether text and question are still those that were put in."""
        return self.text == text and self.question == question


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What stood on the page at the click: all that a run works on."""

    typed: str
    question: str
    pair: str
    further: tuple[str, ...] = ()
    blind: bool = False
    placed: Placed | None = None
    otherwise: str = ""  # what the user asked to have taken in the other way it can be taken
    precision: Precision = Precision.FLOAT32
    extent: str = Extent.AUTO

    @property
    def is_text(self) -> bool:
        """Whether what was typed is read as a text, because the page put it there as one."""
        return self.placed is not None and self.placed.text == self.typed

    @property
    def taken_for(self) -> Identified:
        """What the typed is taken for; the other way it can be taken where the user asked for that."""
        identified = identify(self.typed)
        if self.otherwise == self.typed and identified.alternative:
            return identified.alternative
        return identified

    def gold(self, text: str) -> tuple[str, ...] | None:
        """The gold answers to the question over ``text``, ``None`` where none are known."""
        if self.placed and self.placed.gold is not None and self.placed.is_of(text, self.question):
            return self.placed.gold
        return gold_of_example(text, self.question)

    @property
    def of_deck(self) -> tuple[str, int] | None:
        """Which question of which uploaded file this is, ``None`` if it is none, or was changed."""
        placed = self.placed
        if placed is None or not placed.deck or not placed.is_of(self.typed, self.question):
            return None
        return placed.deck, placed.number


@dataclass(frozen=True, slots=True)
class Prepared:
    """An inquiry that can be read: its passage and models, and the event that stops it."""

    asked: Inquiry
    passage: Passage
    checkpoints: tuple[Checkpoint, ...]
    stop: threading.Event


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """An inquiry and its comparison so far.

    ``blind`` hides which model is which until the vote; ``swapped``: the second model stands first,
    also after the vote. ``note`` says what it is where nobody has asked it: the example of a page just
    opened.
    """

    asked: Inquiry
    comparison: Comparison
    gold: tuple[str, ...] | None = field(default=None)
    blind: bool = False
    swapped: bool = False
    note: str = ""

    @classmethod
    def begin(cls, asked: Inquiry, comparison: Comparison) -> Run:
        """A run of which nothing is read yet."""
        swapped = asked.blind and random.random() < 0.5
        return cls(asked, comparison, asked.gold(comparison.passage.text), asked.blind, swapped)

    @classmethod
    def of_opening(cls, opening: Opening, pair: str) -> Run | None:
        """The answered example that the page opens with, ``None`` where there is none."""
        comparison = opening.comparison
        if comparison is None:
            return None
        text, question = comparison.passage.text, comparison.question.text
        asked = Inquiry(text, question, pair, precision=comparison.precision)
        gold = asked.gold(comparison.passage.text)
        return cls(asked, comparison, gold, note=READ_HERE if opening.read_here else STORED)

    @property
    def passage(self) -> Passage:
        """What is read."""
        return self.comparison.passage

    @property
    def order(self) -> tuple[int, ...]:
        """Which of the models stands at each place of the page."""
        count = len(self.comparison.checkpoints)
        return (1, 0, *range(2, count)) if self.swapped else tuple(range(count))

    @property
    def personas(self) -> tuple[Persona, ...]:
        """How each model, in the comparison's order, is presented."""
        shown = personas(self.comparison.checkpoints)
        if not self.blind:
            return shown
        first, second = reversed(BLIND) if self.swapped else BLIND
        return (first, second, *shown[2:])

    def opened(self) -> Run:
        """The run once it is voted on; the models stay where they stood."""
        return replace(self, blind=False)

    def without_those_that_did_not_read(self) -> Run:
        """The run over the models that have read. Needs two."""
        return replace(self, comparison=self.comparison.of_what_was_read())


def drawn(run: Run, view: View, *, reading: bool = True) -> Update:
    """All that shows a run but its head; ``reading``: what is missing is still to come."""
    comparison = run.comparison
    shown = run.personas
    cards: Update = dict.fromkeys(ACCENTS[:MAX_SIDES], "")
    for place, index in zip(ACCENTS, run.order, strict=False):
        # Blind, both answers come at once: which model is first, or slower, would tell.
        hidden = run.blind and index < 2
        side = comparison.placed[index]
        if side is None or (hidden and not comparison.complete):
            cards[place] = waiting_html(shown[index], reading=reading)
        else:
            cards[place] = card_html(
                shown[index],
                run.passage,
                side,
                view,
                # The known answer, or how long a model took, would tell who is who, or whom to vote for.
                gold=None if run.blind else run.gold,
                timed=not run.blind,
            )
    return {
        "record": records_html(run.passage),
        "verdict": verdict_html(comparison.verdict(view), shown[0], shown[1], swapped=run.swapped)
        if comparison.complete
        else idle_verdict_html(),
        **cards,
        "difference": idle_difference_html()
        if not comparison.complete
        else hidden_difference_html()
        if run.blind
        else difference_html(difference_of(comparison, view)),
        "flips": flips_html(difference_of(comparison, view), *VIEW_LIMITS["null_threshold"])
        if comparison.complete and not run.blind
        else "",
    }


def idle(checkpoints: Sequence[Checkpoint]) -> Update:
    """What is shown before anything was asked."""
    cards: Update = dict.fromkeys(ACCENTS[:MAX_SIDES], "")
    cards |= {persona.accent: waiting_html(persona) for persona in personas(checkpoints)}
    return {
        "record": "",
        "verdict": idle_verdict_html(),
        **cards,
        "difference": idle_difference_html(),
        "flips": "",
    }


def head_of(run: Run | None, boxes: Inquiry | None = None) -> str:
    """The head of the results on the page, which are ``run``'s; ``boxes``: what stands in the boxes now."""
    if run is None:
        return no_head_html()
    asked = run.asked
    stale = boxes is not None and any(
        getattr(boxes, name) != getattr(asked, name)
        for name in ("typed", "question", "pair", "further", "otherwise", "precision")
    )
    if run.note and boxes is not None and not (boxes.typed or boxes.question):
        stale = False  # the example stands beside boxes that are still empty
    models = short_names(run.comparison.labels) if not run.blind else ["which is which is hidden"]
    models = [*models, *filter(None, [in_precision(asked.precision)])]
    return head_html(
        asked.question,
        run.note or run.passage.source,
        " · ".join(models),
        stale=stale,
        edit="Ask your own" if run.note else "Edit",
        example=bool(run.note),
    )


@dataclass(frozen=True, slots=True)
class History:
    """A session's runs that are kept, oldest first, and how many before them are not any more."""

    runs: tuple[Run, ...] = ()
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.runs)

    def at(self, number: int) -> Run | None:
        """The session's run of that number, from 0 on; ``None`` where it is not kept, or there is none."""
        place = number - self.dropped
        return self.runs[place] if 0 <= place < len(self.runs) else None

    def number_of(self, run: Run) -> int | None:
        """The number of a run, ``None`` where it is not kept."""
        return next((number for number, one in enumerate(self.runs, self.dropped) if one is run), None)

    def without(self, run: Run) -> History:
        """The history up to a run no longer kept: runs are dropped from the oldest on."""
        place = next((place for place, one in enumerate(self.runs) if one is run), -1)
        return History(self.runs[place + 1 :], self.dropped + place + 1)

    def replaced(self, run: Run, by: Run) -> History:
        """The history with another run in a run's place."""
        return replace(self, runs=tuple(by if one is run else one for one in self.runs))


def remembered(earlier: History, current: Run) -> History:
    """The session's runs with the current one, as many of the newest as are kept."""
    kept = [current]
    for run in reversed(earlier.runs[-HISTORY_KEPT + 1 :]):
        if sum(len(one.passage.text) for one in kept) + len(run.passage.text) > HISTORY_CHARS:
            break
        kept.append(run)
    return History(tuple(reversed(kept)), earlier.dropped + len(earlier) + 1 - len(kept))
