"""A comparison under a view -> where and why its models differ. Pure numpy; no inference.

A model's *curve* says with what probability its answer starts, or ends, within each word: the sum
over all candidate spans that do. So a curve is on the scale of ``confidence``, its sum is
1 - p(no answer), and models that cut words into different tokens can be drawn over one text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from biom_demo.analysis.comparison import Comparison, Side, Verdict, View, candidates_of
from biom_demo.analysis.passage import Place, place_of
from biom_demo.qa.records import Answer, CharSpan, Prediction
from biom_demo.qa.spans import Candidates, Floats

WORD = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]")
HEATMAP_WORDS = 10  # starts and ends of the plausible region


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
class Heatmap:
    """Start x end probabilities of a model's most likely words; float64 (S, E), words by index."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    values: Floats


@dataclass(frozen=True, slots=True)
class ViewedSide:
    """One model under a view: its prediction, what it answers, and where it looks."""

    side: Side
    name: str  # the label, shortened where the models stay distinct
    prediction: Prediction
    candidates: Candidates
    answer: Answer | None  # None where it abstains
    top: Answer | None  # its best span, whether or not it abstains
    place: Place | None  # of ``top``
    curve: Curve

    @property
    def label(self) -> str:
        """The model's name for people."""
        return self.side.label

    @property
    def abstains_by(self) -> float:
        """How many logits "no answer" lies above its best span; negative where a span is better."""
        return self.prediction.null_score - (self.top.score if self.top else -np.inf)


@dataclass(frozen=True, slots=True)
class Difference:
    """A comparison under one view.

    ``cross[i][j]`` is what model j makes of model i's best span; ``None`` where i has none or j
    cannot point at exactly those characters.
    """

    comparison: Comparison
    view: View
    words: tuple[CharSpan, ...]
    sides: tuple[ViewedSide, ...]
    cross: tuple[tuple[CrossScore | None, ...], ...]

    @property
    def text(self) -> str:
        """The passage's text."""
        return self.comparison.passage.text

    @property
    def verdict(self) -> Verdict:
        """How the first two models' answers relate."""
        return self.comparison.verdict(self.view)

    @property
    def gaps(self) -> tuple[CharSpan, ...]:
        """The stretches of the text that no model has read, in order."""
        first, *others = (side.side.reading.gaps for side in self.sides)
        for other in others:
            first = _shared(first, other)
        return first


def _shared(spans: Sequence[CharSpan], others: Sequence[CharSpan]) -> tuple[CharSpan, ...]:
    """The characters that are in a span of both; each has its spans in order, apart from each other."""
    found, place = [], 0
    for span in spans:
        while place < len(others) and others[place].end <= span.start:
            place += 1
        for other in others[place:]:
            if other.start >= span.end:
                break
            found.append(CharSpan(max(span.start, other.start), min(span.end, other.end)))
    return tuple(found)


@lru_cache(maxsize=4)
def difference_of(comparison: Comparison, view: View) -> Difference:
    """The readings of a comparison, decoded under a view and set against each other.

    Raises ``ValueError`` for fewer than two sides.
    """
    if len(comparison.sides) < 2:
        raise ValueError("two or more readings are needed")
    words = words_of(comparison.passage.text)
    names = short_names([side.label for side in comparison.sides])
    sides = tuple(
        _viewed(side, name, comparison, words, view)
        for side, name in zip(comparison.sides, names, strict=True)
    )
    cross = tuple(
        tuple(cross_score(other.candidates, side.top.span) if side.top else None for other in sides)
        for side in sides
    )
    return Difference(comparison, view, words, sides, cross)


def _viewed(
    side: Side, name: str, comparison: Comparison, words: tuple[CharSpan, ...], view: View
) -> ViewedSide:
    candidates = candidates_of(side.reading, view.max_answer_length)
    prediction = side.prediction(view)
    top = prediction.answers[0] if prediction.answers else None
    return ViewedSide(
        side=side,
        name=name,
        prediction=prediction,
        candidates=candidates,
        answer=side.answer(view),
        top=top,
        place=place_of(comparison.passage, top.span) if top else None,
        curve=curve(candidates, words),
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


def heatmap(side: ViewedSide, words: Sequence[CharSpan], *, size: int = HEATMAP_WORDS) -> Heatmap:
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


def stretch(sides: Sequence[ViewedSide], words: int, most: int) -> tuple[int, int]:
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
