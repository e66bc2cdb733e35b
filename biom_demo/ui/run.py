"""A run: one question, one text, what each model read. Everything shown is made from it, unread anew."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from biom_demo.analysis.comparison import ModelOutput
from biom_demo.analysis.difference import Difference, Read, View, decoded, difference
from biom_demo.analysis.passage import Passage
from biom_demo.models.catalogue import Checkpoint
from biom_demo.qa.metrics import squad_exact_match, squad_f1
from biom_demo.qa.records import Question
from biom_demo.show.cards import Side, side_html, verdict_html, waiting_html
from biom_demo.show.difference import SIDES, difference_html

if TYPE_CHECKING:
    from biom_demo.qa.reader import Reader

MAX_MODELS = len(SIDES)
BLIND_SIDES: tuple[Side, Side] = ("blind-a", "blind-b")
BLIND_LABELS = ("Model A", "Model B")
BLIND_WORDS = "Which model this is shows once you have voted."
IDLE_VERDICT = '<p class="verdict idle">The two answers are compared here.</p>'
IDLE_DIFFERENCE = (
    '<section class="difference idle"><h3>Where they look</h3><p class="empty">After the run: start and end '
    "probabilities of both models over the text, all answers in one text, and what each model makes of the "
    "other’s answer.</p></section>"
)
BLIND_DIFFERENCE = (
    '<section class="difference idle"><h3>Where they look</h3><p class="empty">Hidden until you have '
    "voted.</p></section>"
)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What was asked, the known answers if any (``None``: not known; empty: none in the text), and the
    models' readings so far.

    ``blind`` hides which model is which; ``swapped`` then says that the second one is shown first.
    """

    passage: Passage
    question: str
    pair: str
    checkpoints: tuple[Checkpoint, ...]
    reads: tuple[Read, ...] = ()
    gold: tuple[str, ...] | None = None
    blind: bool = False
    swapped: bool = False

    @property
    def complete(self) -> bool:
        """Whether every model has read."""
        return len(self.reads) == len(self.checkpoints)

    def of_what_was_read(self) -> Run:
        """The run without the models that have not read."""
        return replace(self, checkpoints=self.checkpoints[: len(self.reads)])

    def with_read(self, read: Read) -> Run:
        """The run with one more model's reading."""
        return replace(self, reads=(*self.reads, read))

    def found(self, view: View) -> Difference:
        """All readings set against each other under a view. Needs a complete run."""
        return difference(self.reads, view)


def read_text(reader: Reader, checkpoint: Checkpoint, question: str, text: str) -> Read:
    """One model's reading, with the wall time it took."""
    started = time.perf_counter()
    reading = reader.readings([(Question("page", question), text)])[0]
    decoded(reading, View())  # the time a user waits for an answer includes finding it
    return Read(checkpoint.label, checkpoint.trained_on, reading, time.perf_counter() - started)


def verdict_of(run: Run, view: View) -> str:
    """The strip above the cards."""
    if not run.complete:
        return IDLE_VERDICT
    comparison = run.found(view).comparison()
    sides: tuple[Side, Side] = ("biom", "vanilla")
    if run.blind:
        first, second = (comparison.biom, comparison.vanilla)
        if run.swapped:
            first, second = second, first
        comparison = replace(
            comparison,
            biom=replace(first, label=BLIND_LABELS[0]),
            vanilla=replace(second, label=BLIND_LABELS[1]),
        )
        sides = BLIND_SIDES
    return verdict_html(comparison, null_threshold=view.null_threshold, sides=sides)


def card_of(run: Run, position: int, view: View, *, reading: bool = True) -> str:
    """The card at a place of the page: an answer, or that there is none yet."""
    hidden = run.blind and position < 2
    index = 1 - position if hidden and run.swapped else position
    checkpoint = run.checkpoints[index]
    side = BLIND_SIDES[position] if hidden else SIDES[position]
    label = BLIND_LABELS[position] if hidden else checkpoint.label
    words = BLIND_WORDS if hidden else checkpoint.trained_on
    # Blind, both answers come at once: which model is first, or slower, would tell.
    if index >= len(run.reads) or (hidden and not run.complete):
        return waiting_html(label, words, side, reading=reading)
    read = run.reads[index]
    output = ModelOutput(label, (decoded(read.reading, view),), 0.0 if hidden else read.seconds)
    return side_html(
        output,
        run.passage.text,
        side,
        trained_on=words,
        gold=run.gold,
        warning=run.passage.warning,
        null_threshold=view.null_threshold,
        shown=view.shown,
    )


def difference_of(run: Run, view: View) -> str:
    """The panel below the cards."""
    if run.blind:
        return BLIND_DIFFERENCE
    return difference_html(run.found(view)) if run.complete else IDLE_DIFFERENCE


def scores(run: Run, view: View) -> list[tuple[str, bool, float]]:
    """Label, exact match and F1 of each model against the known answers; nothing where none are known.

    As in SQuAD v2.0, abstaining is right where the text does not hold the answer, and only there.
    """
    if run.gold is None:
        return []
    made = []
    for side in run.found(view).sides:
        text = side.answer.text if side.answer else ""
        golds: Sequence[str] = run.gold or ("",)
        made.append(
            (
                side.label,
                any(squad_exact_match(text, g) for g in golds),
                max(squad_f1(text, g) for g in golds),
            )
        )
    return made
