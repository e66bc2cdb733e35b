"""One question, one passage, two to four readers -> ``Comparison``: what each said and how they relate.

The page, the API and the command line all ask through here. Reading is the only step that costs;
everything shown is decoded from the stored readings under a ``View``, without reading anew.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Protocol
from weakref import WeakKeyDictionary, ref

from biom_demo.analysis.cascade import Regions, promising_regions
from biom_demo.analysis.passage import Passage
from biom_demo.models.catalogue import Checkpoint, weights_bytes
from biom_demo.qa import spans
from biom_demo.qa.calibration import Bin
from biom_demo.qa.metrics import squad_exact_match, squad_f1
from biom_demo.qa.records import Answer, CharSpan, Prediction, Question, Reading
from biom_demo.qa.spans import Candidates
from biom_demo.settings import Extent, Precision

MAX_SIDES = 4
READ_AT_ONCE = 8  # passages of one turn, where many are read
CLEARLY_CHEAPER = 0.5  # with at most this share of another's weights a model is read before it


class Readers(Protocol):
    """Where readers come from (``models.store.Visit``)."""

    def read(
        self,
        checkpoint: Checkpoint,
        pairs: Sequence[tuple[Question, str]],
        *,
        share: float = 1.0,
        begun: bool = False,
        regions: Sequence[CharSpan] = (),
    ) -> list[Reading]:
        """The checkpoint's readings of the pairs, in order; fewer where reading ended early.

        At most ``share`` of what reading may still cost is spent. With ``begun`` a text in hand at an
        early end is given as far as it was read. With ``regions`` only these characters of each text are
        read, and what fills their windows. Raises ``CheckpointError`` where the checkpoint is not
        on this machine or cannot be loaded.
        """
        ...


@dataclass(frozen=True, slots=True)
class View:
    """What a user can change without any inference.

    ``null_threshold``: a model abstains when its null score exceeds its best score by more.
    ``shown``: answers listed. ``max_answer_length`` in tokens. ``near_duplicate_threshold``: a span
    that shares more of its characters with a better one is not listed (1 lists all).
    """

    null_threshold: float = 0.0
    shown: int = 5
    max_answer_length: int = spans.MAX_ANSWER_LENGTH
    near_duplicate_threshold: float = spans.NEAR_DUPLICATE_THRESHOLD


class Agreement(StrEnum):
    """How two answers to one question over one passage relate."""

    AGREE = "agree"  # the same answer after SQuAD normalisation, at overlapping places
    ELSEWHERE = "elsewhere"  # the same answer, at another mention
    OVERLAP = "overlap"  # different bounds of overlapping spans
    DISAGREE = "disagree"  # two different spans
    BIOM_ABSTAINS = "biom abstains"
    VANILLA_ABSTAINS = "vanilla abstains"
    BOTH_ABSTAIN = "both abstain"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the best answers of the first two sides relate.

    ``f1`` is their token overlap, 0 to 1 (1 if both abstain); an answer is ``None`` where its model
    abstains.
    """

    agreement: Agreement
    f1: float
    biom: Answer | None
    vanilla: Answer | None


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One model's reading of the passage; ``seconds`` of wall time, ``None`` where it was one of many."""

    checkpoint: Checkpoint
    reading: Reading
    seconds: float | None = None

    @property
    def pace_s(self) -> float | None:
        """``seconds``, where all of it was read in them; ``None`` where some was known from before."""
        return None if self.reading.known else self.seconds

    @property
    def precision(self) -> Precision:
        """What the model computed in."""
        return self.reading.precision

    @property
    def label(self) -> str:
        """The model's name for people."""
        return self.checkpoint.label

    def prediction(self, view: View) -> Prediction:
        """The ranked answers under a view."""
        return decoded(self.reading, view)

    def answer(self, view: View) -> Answer | None:
        """The best answer under a view, ``None`` where the model abstains."""
        return self.prediction(view).best(null_threshold=view.null_threshold)

    def answers_as_sure(self, view: View) -> tuple[str, Bin] | None:
        """A data set's name, and how often answers there were right that are about as sure as the view's.

        The first data set that the checkpoint was measured on. ``None`` where it was not, or on too few
        answers; where the view takes other lengths of answers than were measured, as confidence is then
        shared among other spans; and where the model abstains: measured are texts that hold an answer,
        and it says that this one does not.
        """
        answer, measured = self.answer(view), self.reading.calibration.measured
        if answer is None or not measured or view.max_answer_length != spans.MAX_ANSWER_LENGTH:
            return None
        alike = measured[0].after.around(answer.probability)
        return (measured[0].after.measured_on, alike) if alike else None


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One question over one passage, and the readings of the models that have read it so far.

    ``checkpoints`` are the two to four models asked, BioM's and the vanilla one first; ``sides`` are
    the readings there are, in the same order, whichever was read first. Raises ``ValueError`` for sides of
    another text or another order.
    """

    question: Question
    passage: Passage
    checkpoints: tuple[Checkpoint, ...]
    sides: tuple[Side, ...] = ()

    def __post_init__(self) -> None:
        if not 2 <= len(self.checkpoints) <= MAX_SIDES:
            raise ValueError(f"two to {MAX_SIDES} models are compared, not {len(self.checkpoints)}")
        if sum(side is not None for side in self.placed) < len(self.sides):
            raise ValueError("the sides are not of the checkpoints, or not in their order")
        for side in self.sides:
            if side.reading.context != self.passage.text:
                raise ValueError(f"{side.label} has read another text")

    @property
    def precision(self) -> Precision:
        """What the models computed in; float32 while none has read."""
        return self.sides[0].precision if self.sides else Precision.FLOAT32

    @property
    def complete(self) -> bool:
        """Whether every model has read."""
        return len(self.sides) == len(self.checkpoints)

    @property
    def placed(self) -> tuple[Side | None, ...]:
        """The side of each checkpoint, in order; ``None`` of one that has not read."""
        sides = list(self.sides)
        return tuple(
            sides.pop(0) if sides and sides[0].checkpoint == checkpoint else None
            for checkpoint in self.checkpoints
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of all models asked."""
        return tuple(checkpoint.label for checkpoint in self.checkpoints)

    def with_side(self, side: Side) -> Comparison:
        """The comparison with one more model's reading."""
        placed = list(self.placed)
        waiting = (
            checkpoint if had is None else None
            for checkpoint, had in zip(self.checkpoints, placed, strict=True)
        )
        placed[list(waiting).index(side.checkpoint)] = side  # a model may be asked twice
        return replace(self, sides=tuple(one for one in placed if one is not None))

    def of_what_was_read(self) -> Comparison:
        """The comparison without the models that have not read. Needs two sides."""
        return replace(self, checkpoints=tuple(side.checkpoint for side in self.sides))

    def verdict(self, view: View) -> Verdict:
        """How the answers of the first two sides relate under a view. Needs two sides."""
        return verdict_of(*(side.answer(view) for side in self.sides[:2]))


def verdict_of(biom: Answer | None, vanilla: Answer | None) -> Verdict:
    """How two answers to one question over one text relate, ``None`` where a model abstains."""
    if biom is None or vanilla is None:
        agreement = (
            Agreement.BOTH_ABSTAIN
            if biom is vanilla
            else Agreement.BIOM_ABSTAINS
            if biom is None
            else Agreement.VANILLA_ABSTAINS
        )
        return Verdict(agreement, float(biom is vanilla), biom, vanilla)
    overlap = biom.span.overlaps(vanilla.span)
    if squad_exact_match(biom.text, vanilla.text):
        agreement = Agreement.AGREE if overlap else Agreement.ELSEWHERE
    else:
        agreement = Agreement.OVERLAP if overlap else Agreement.DISAGREE
    return Verdict(agreement, squad_f1(biom.text, vanilla.text), biom, vanilla)


def compare(
    question: Question,
    passage: Passage,
    checkpoints: Sequence[Checkpoint],
    readers: Readers,
    extent: Extent = Extent.ALL,
) -> Iterator[Comparison]:
    """The comparison again and again, one side more each time; the last one is complete.

    No model waits for one that is far larger (``reading_order``). Ends early at a model that was kept from
    reading; one that was kept from reading to the end of the text is a side like others, with a notice, and
    the models after it have their share of the budget. Of a long text less may be read (``extent``; see
    ``analysis.cascade``): a notice says so then. Raises what ``Readers.read`` raises; what was read before
    stays with whoever took it.
    """
    comparison = Comparison(question, passage, tuple(checkpoints))
    regions = promising_regions(question, passage.text, checkpoints, readers, extent)
    chosen = regions.spans if regions else ()
    order = reading_order(checkpoints)
    for place, checkpoint in enumerate(order):
        started = time.perf_counter()
        share = 1 / (len(order) - place)
        pair = (question, passage.text)
        found = readers.read(checkpoint, [pair], share=share, begun=True, regions=chosen)
        if not found:
            return
        (reading,) = found
        if regions:
            reading = replace(reading, notices=(*reading.notices, *_not_read(reading, regions)))
        decoded(reading, View())  # the time a user waits for an answer includes finding it
        comparison = comparison.with_side(Side(checkpoint, reading, time.perf_counter() - started))
        yield comparison


def reading_order(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """The checkpoints in the order in which they read: theirs, but one far smaller than another before it.

    Small is what has few bytes of weights; of two sizes that are alike, or not known, the first is first.
    """
    waiting = [(checkpoint, weights_bytes(checkpoint)) for checkpoint in checkpoints]
    order: list[Checkpoint] = []
    while waiting:
        chosen = waiting[0]
        for one in waiting[1:]:
            if one[1] and chosen[1] and one[1] <= CLEARLY_CHEAPER * chosen[1]:
                chosen = one
        waiting.remove(chosen)
        order.append(chosen[0])
    return order


def _not_read(reading: Reading, regions: Regions) -> list[str]:
    """How much of the text a model did not read, in a sentence; none where it has read all of it."""
    gaps = reading.gaps
    if not gaps:
        return []
    whole = len(reading.context)
    return [
        f"Read: {whole - sum(map(len, gaps)):,} of {whole:,} characters, those that look most promising to "
        f"{regions.by}. The others are marked as not read; an answer in them is missed."
    ]


def compared(
    question: Question,
    passage: Passage,
    checkpoints: Sequence[Checkpoint],
    readers: Readers,
    extent: Extent = Extent.ALL,
) -> Comparison:
    """The comparison, complete unless a model was kept from reading; see ``compare``."""
    comparison = Comparison(question, passage, tuple(checkpoints))
    for grown in compare(question, passage, checkpoints, readers, extent):
        comparison = grown
    return comparison


def compare_many(
    asked: Iterable[tuple[Question, Passage]], checkpoints: Sequence[Checkpoint], readers: Readers
) -> Iterator[Comparison]:
    """A complete comparison for each question and passage, in order, read a few at a time.

    Any number of pairs is read in bounded memory. Ends early, after whole comparisons, where the
    readers were kept from going on.
    """
    waiting = iter(asked)
    while chunk := list(islice(waiting, READ_AT_ONCE)):
        pairs = [(question, passage.text) for question, passage in chunk]
        made = [readers.read(checkpoint, pairs) for checkpoint in checkpoints]
        for (question, passage), *readings in zip(chunk, *made, strict=False):  # fewer at an early end
            sides = tuple(Side(c, reading) for c, reading in zip(checkpoints, readings, strict=True))
            yield Comparison(question, passage, tuple(checkpoints), sides)
        if any(len(readings) < len(chunk) for readings in made):
            return


class _Kept:
    """The candidates used last, as many as fit: a book has millions. Threads may share it.

    Readings that are forgotten everywhere else are forgotten here. One of the same logits as another that
    is not (what is known is not read again) has its candidates.
    """

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._made: OrderedDict[tuple[ref[Reading], int], Candidates] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, reading: Reading, max_answer_length: int) -> Candidates:
        key = (ref(reading), max_answer_length)
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
            alike = (
                made
                for (other, length), made in self._made.items()
                if length == max_answer_length and _alike(reading, other())
            )
            made = next(alike, None)
        if made is None:
            made = spans.score_candidates(reading, max_answer_length=max_answer_length)
        with self._lock:
            self._made[key] = made
            for gone in [kept for kept in self._made if kept[0]() is None]:
                del self._made[gone]
            while len(self._made) > 1 and not self._fit():
                self._made.popitem(last=False)
        return made

    def _fit(self) -> bool:
        return len(self._made) <= self._most and sum(map(_bytes_of, self._made.values())) <= self._most_bytes


def _alike(reading: Reading, other: Reading | None) -> bool:
    """Whether both are of one text, and of the very logits that a cache gave."""
    return (
        other is not None
        and len(reading.logits) == len(other.logits)
        and all(a is b for a, b in zip(reading.logits, other.logits, strict=True))
        and reading.context == other.context
        and reading.calibration == other.calibration
    )


def _bytes_of(candidates: Candidates) -> int:
    return candidates.spans.nbytes + candidates.scores.nbytes + candidates.probabilities.nbytes


# Of all visitors; both models' candidates of the longest text that is read by default.
_CANDIDATES = _Kept(most=8, most_bytes=256_000_000)


def candidates_of(reading: Reading, max_answer_length: int) -> Candidates:
    """The reading's scored candidates; kept, as every change of the view asks for them again."""
    return _CANDIDATES.of(reading, max_answer_length)


# As long as a reading lives, so do the predictions made of it: a threshold moves many at once.
_PREDICTIONS: WeakKeyDictionary[Reading, dict[tuple[int, float], Prediction]] = WeakKeyDictionary()
_VIEWS_KEPT = 16


def decoded(reading: Reading, view: View) -> Prediction:
    """The reading's ranked answers under a view, ``spans.N_BEST`` of them whatever the view shows."""
    made = _PREDICTIONS.setdefault(reading, {})
    key = (view.max_answer_length, view.near_duplicate_threshold)
    if key not in made:
        if len(made) >= _VIEWS_KEPT:
            made.clear()
        made[key] = spans.ranked(
            candidates_of(reading, view.max_answer_length),
            reading,
            near_duplicate_threshold=view.near_duplicate_threshold,
        )
    return made[key]
