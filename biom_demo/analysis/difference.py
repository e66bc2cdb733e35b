"""Stored readings of several models -> where and why they differ. Pure numpy; no inference.

A model's *curve* says with what probability its answer starts, or ends, within each word: the sum
over all candidate spans that do. So a curve is on the scale of ``confidence``, its sum is
1 - p(no answer), and models that cut words into different tokens can be drawn over one text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np

from biom_demo.analysis.comparison import Agreement, Comparison, ModelOutput, Verdict, percent
from biom_demo.qa import spans
from biom_demo.qa.records import Answer, CharSpan, Prediction, Reading
from biom_demo.qa.sentences import SECTION_LABEL, split_sentences
from biom_demo.qa.spans import Candidates, Floats

WORD = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]")
HEATMAP_WORDS = 10  # starts and ends of the plausible region


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


@dataclass(frozen=True, slots=True)
class Read:
    """One model's reading of the text, and the seconds it took."""

    label: str
    trained_on: str
    reading: Reading
    seconds: float


@dataclass(frozen=True, slots=True)
class Curve:
    """The probability that the answer starts, or ends, within each word; float64 (N,) each."""

    start: Floats
    end: Floats


@dataclass(frozen=True, slots=True)
class CrossScore:
    """What one model makes of a given span: its rank among all spans (1 is best), its probability,
    its score, and how many logits it lies ``behind`` the model's own best span (0 for that one)."""

    rank: int
    probability: float
    score: float
    behind: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a span stands: its section's label, if it is in one, and its sentence counted from 1."""

    section: str | None
    sentence: int

    def __str__(self) -> str:
        return f"{self.section}, sentence {self.sentence}" if self.section else f"sentence {self.sentence}"


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Start x end probabilities of a model's most likely words; float64 (S, E), words by index."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    values: Floats


@dataclass(frozen=True, slots=True)
class Side:
    """One model under a view: its prediction, what it answers, and where it looks."""

    label: str
    name: str  # the label, shortened where the models stay distinct
    trained_on: str
    seconds: float
    prediction: Prediction
    candidates: Candidates
    answer: Answer | None  # None where it abstains
    top: Answer | None  # its best span, whether or not it abstains
    place: Place | None  # of ``top``
    curve: Curve

    @property
    def abstains_by(self) -> float:
        """How many logits "no answer" lies above its best span; negative where a span is better."""
        return self.prediction.null_score - (self.top.score if self.top else -np.inf)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two or more models over one text under one view.

    ``cross[i][j]`` is what model j makes of model i's best span; ``None`` where i has none or j
    cannot point at exactly those characters.
    """

    text: str
    view: View
    words: tuple[CharSpan, ...]
    sides: tuple[Side, ...]
    cross: tuple[tuple[CrossScore | None, ...], ...] = field(default=())

    @property
    def verdict(self) -> Verdict:
        """How the first two models' answers relate."""
        return self.comparison().verdict(null_threshold=self.view.null_threshold)

    def comparison(self) -> Comparison:
        """The first two models' predictions as a ``Comparison``."""
        first, second = (ModelOutput(s.label, (s.prediction,), s.seconds) for s in self.sides[:2])
        return Comparison(self.sides[0].prediction.question, (self.text,), first, second)

    def sentences(self) -> list[str]:
        """How and where the first two models differ, in plain words; one to three sentences."""
        return _in_words(self)


def difference(reads: Sequence[Read], view: View | None = None) -> Difference:
    """The models' readings of one text, decoded and set against each other.

    Raises ``ValueError`` for fewer than two readings or readings of different texts.
    """
    return _difference(tuple(reads), view or View())


@lru_cache(maxsize=4)
def _difference(reads: tuple[Read, ...], view: View) -> Difference:
    if len(reads) < 2 or len({read.reading.context for read in reads}) != 1:
        raise ValueError("two or more readings of one text are needed")
    text = reads[0].reading.context
    words = words_of(text)
    names = short_names([read.label for read in reads])
    sides = tuple(_side(read, name, text, words, view) for read, name in zip(reads, names, strict=True))
    cross = tuple(
        tuple(cross_score(other.candidates, side.top.span) if side.top else None for other in sides)
        for side in sides
    )
    return Difference(text, view, words, sides, cross)


def _side(read: Read, name: str, text: str, words: tuple[CharSpan, ...], view: View) -> Side:
    candidates = candidates_of(read.reading, view.max_answer_length)
    prediction = decoded(read.reading, view)
    top = prediction.answers[0] if prediction.answers else None
    return Side(
        label=read.label,
        name=name,
        trained_on=read.trained_on,
        seconds=read.seconds,
        prediction=prediction,
        candidates=candidates,
        answer=prediction.best(null_threshold=view.null_threshold),
        top=top,
        place=place_of(text, top.span) if top else None,
        curve=curve(candidates, words),
    )


@lru_cache(maxsize=8)  # a book has millions of candidates
def candidates_of(reading: Reading, max_answer_length: int) -> Candidates:
    """The reading's scored candidates; kept, as every change of the view asks for them again."""
    return spans.score_candidates(
        reading.context, reading.windows, reading.logits, max_answer_length=max_answer_length
    )


@lru_cache(maxsize=32)
def decoded(reading: Reading, view: View) -> Prediction:
    """The reading's ranked answers under a view."""
    return spans.ranked(
        candidates_of(reading, view.max_answer_length),
        reading.question,
        reading.context,
        0,
        n_best=max(view.shown, 1),
        near_duplicate_threshold=view.near_duplicate_threshold,
        notices=reading.notices,
    )


@lru_cache(maxsize=8)
def words_of(text: str) -> tuple[CharSpan, ...]:
    """The words and single signs of a text, in order; every character that is not white space is in one."""
    return tuple(CharSpan(*match.span()) for match in WORD.finditer(text))


def curve(candidates: Candidates, words: Sequence[CharSpan]) -> Curve:
    """The probability that the answer starts, or ends, within each word."""
    first, last = _word_bounds(candidates, words)
    return Curve(
        np.bincount(first, candidates.probabilities, len(words)).astype(np.float64),
        np.bincount(last, candidates.probabilities, len(words)).astype(np.float64),
    )


def rounded(probabilities: Floats) -> list[float]:
    """A curve's values as the page and the JSON file carry them."""
    return [round(float(p), 6) for p in probabilities]


def _word_bounds(
    candidates: Candidates, words: Sequence[CharSpan]
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The words in which each candidate begins and ends, (M,) each."""
    starts = np.array([word.start for word in words], np.int64)
    first = np.searchsorted(starts, candidates.spans[:, 0], side="right") - 1
    last = np.searchsorted(starts, candidates.spans[:, 1] - 1, side="right") - 1
    return np.maximum(first, 0), np.maximum(last, 0)


def heatmap(side: Side, words: Sequence[CharSpan], *, size: int = HEATMAP_WORDS) -> Heatmap:
    """Start x end probabilities over up to ``size`` of the likeliest starts and ends, in text order."""
    starts, ends = (_likeliest(values, size) for values in (side.curve.start, side.curve.end))
    first, last = _word_bounds(side.candidates, words)
    row = np.full(len(words) + 1, -1)
    column = row.copy()
    row[starts], column[ends] = np.arange(len(starts)), np.arange(len(ends))
    inside = (row[first] >= 0) & (column[last] >= 0)
    values = np.zeros((len(starts), len(ends)))
    np.add.at(values, (row[first[inside]], column[last[inside]]), side.candidates.probabilities[inside])
    return Heatmap(tuple(map(int, starts)), tuple(map(int, ends)), values)


def _likeliest(values: Floats, size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Up to ``size`` words that matter, in text order: the best three, and others of 0.5% or more."""
    order = np.argsort(-values, kind="stable")[:size]
    return np.sort(order[(values[order] >= 0.005) | (np.arange(len(order)) < 3)])


def cross_score(candidates: Candidates, span: CharSpan) -> CrossScore | None:
    """What a model makes of a span; ``None`` if exactly those characters are no candidate of it."""
    index = candidates.index_of(span)
    if index is None:
        return None
    score = float(candidates.scores[index])
    return CrossScore(
        rank=candidates.rank_of(index),
        probability=float(candidates.probabilities[index]),
        score=score,
        behind=float(candidates.scores.max()) - score,
    )


def place_of(text: str, span: CharSpan) -> Place:
    """The section and sentence in which a span begins."""
    label = None
    for match in SECTION_LABEL.finditer(text, 0, span.start):
        label = match.group().rstrip(":")
    sentences = split_sentences(text)
    before = sum(sentence.start <= span.start for sentence in sentences)
    return Place(label, max(before, 1))


def stretch(sides: Sequence[Side], words: int, most: int) -> tuple[int, int]:
    """The ``most`` consecutive words, as [first, end), that hold most of all models' probability."""
    if words <= most:
        return 0, words
    mass = np.concatenate([[0.0], np.cumsum(sum(side.curve.start + side.curve.end for side in sides))])
    sums = mass[most:] - mass[:-most]
    best = np.flatnonzero(sums >= sums.max() - 1e-12)
    first = int(best[len(best) // 2])  # the answer in the middle, not at the edge
    return first, first + most


def short_names(labels: Sequence[str]) -> list[str]:
    """The labels without what they were fine-tuned on, if that leaves them distinct."""
    short = [label.split("-SQuAD")[0] for label in labels]
    return short if len(set(short)) == len(labels) else list(labels)


def ordinal(rank: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, ..."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(rank % 10 if rank % 100 not in (11, 12, 13) else 0, "th")
    return f"{rank:,}{ending}"


def _in_words(found: Difference) -> list[str]:
    first, second = found.sides[:2]
    match found.verdict.agreement:
        case Agreement.AGREE:
            return [f"Both point at the same place, {first.place}.", *_confidence_gap(first, second)]
        case Agreement.ELSEWHERE:
            return [
                "The answer is the same, its place is not: "
                f"{first.name} points at {first.place}, {second.name} at {second.place}.",
                *_preferences(found),
            ]
        case Agreement.OVERLAP:
            return [
                f"Both look at {first.place} and cut the answer differently: {first.name} takes "
                f"“{_text(first)}”, {second.name} “{_text(second)}”.",
                *_preferences(found),
            ]
        case Agreement.DISAGREE:
            return [
                f"{first.name} looks at {first.place} (“{_text(first)}”), {second.name} at "
                f"{second.place} (“{_text(second)}”).",
                *_preferences(found),
            ]
        case Agreement.BIOM_ABSTAINS:
            return [_abstains(first), f"{second.name} answers “{_text(second)}” in {second.place}."]
        case Agreement.VANILLA_ABSTAINS:
            return [f"{first.name} answers “{_text(first)}” in {first.place}.", _abstains(second)]
        case Agreement.BOTH_ABSTAIN:
            return [_abstains(first), _abstains(second)]


def _text(side: Side) -> str:
    return side.top.text if side.top else ""


def _confidence_gap(first: Side, second: Side) -> list[str]:
    if not first.top or not second.top:
        return []
    return [
        f"{first.name} is {percent(first.top.probability)} sure of it, {second.name} "
        f"{percent(second.top.probability)}."
    ]


def _preferences(found: Difference) -> list[str]:
    """What each of the first two makes of the other's answer."""
    made = []
    for own, other in ((0, 1), (1, 0)):
        side, rival = found.sides[own], found.sides[other]
        score = found.cross[other][own]
        if score is None:
            made.append(f"{side.name} cannot point at exactly {rival.name}’s answer.")
        else:
            made.append(
                f"{side.name} ranks {rival.name}’s answer {ordinal(score.rank)}, "
                f"{score.behind:.1f} logits behind its own."
            )
    return made


def _abstains(side: Side) -> str:
    if side.top is None:
        return f"{side.name} finds nothing to point at."
    return (
        f"{side.name} abstains: “no answer” scores {side.abstains_by:.1f} logits above its best span, "
        f"“{side.top.text}” in {side.place}."
    )


def blocks(sentences: Sequence[CharSpan], most: int) -> list[CharSpan]:
    """At most ``most`` runs of whole sentences, as even as can be; all sentences are in one."""
    edges = np.linspace(0, len(sentences), min(most, len(sentences)) + 1).round().astype(int)
    return [CharSpan(sentences[a].start, sentences[b - 1].end) for a, b in pairwise(edges) if b > a]
