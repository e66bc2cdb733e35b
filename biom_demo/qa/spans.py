"""A ``Reading`` (a context's windows and their logits) -> ranked answers and the null score. Pure numpy.

Two decoders:

- ``decode``, ours: exhaustive over every span of at most ``max_answer_length`` tokens that cuts no word
  and no pair of brackets in two.
- ``decode_run_squad``: the published table's, with its shortlist of starts and ends in each window
  and its own way from tokens to text (``run_squad_text``).

Spans are half-open in characters; token positions below are inclusive at both ends, as the logits
are indexed. Source: facts of google-research/bert and transformers ``run_squad.py``; exhaustive
banded search as in DrQA (Chen et al. 2017, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from biom_demo.errors import CheckpointError
from biom_demo.qa.calibration import UNCALIBRATED, Calibration
from biom_demo.qa.records import Answer, CharSpan, Prediction, Reading
from biom_demo.qa.run_squad_text import WordAligner, joined_words
from biom_demo.qa.word_edges import WordEdges

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MAX_ANSWER_LENGTH = 30  # tokens
N_BEST = 20
NEAR_DUPLICATE_THRESHOLD = 0.5  # intersection over union, in characters
# First tokens whose spans are scored at a time, so that a long text takes no more memory on the way than
# its candidates do in the end.
_ROWS_AT_ONCE = 4_096

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Every distinct candidate span of a context, sorted by start, then end.

    ``spans`` are half-open characters, int64 (M, 2); ``scores`` (start + end logit) and
    ``probabilities`` are float64 (M,). The probabilities and ``null_probability`` sum to 1.
    """

    spans: Ints
    scores: Floats
    probabilities: Floats
    null_score: float
    null_probability: float

    def index_of(self, span: CharSpan) -> int | None:
        """Which candidate has exactly these characters; ``None`` if the model cannot point at them."""
        low, high = np.searchsorted(self.spans[:, 0], [span.start, span.start + 1])
        at = low + int(np.searchsorted(self.spans[low:high, 1], span.end))
        return int(at) if at < high and self.spans[at, 1] == span.end else None

    def rank_of(self, index: int) -> int:
        """The place of a candidate among all, 1 for the best; equal scores share a place."""
        return 1 + int((self.scores > self.scores[index]).sum())


def decode(
    reading: Reading,
    *,
    max_answer_length: int = MAX_ANSWER_LENGTH,
    n_best: int = N_BEST,
    near_duplicate_threshold: float = NEAR_DUPLICATE_THRESHOLD,
) -> Prediction:
    """The best answers of one context, from every candidate span of every window.

    - *Candidates*: all spans of 1 to ``max_answer_length`` context tokens, as the characters they
      cover less white space at the edges, that are whole (``whole_answers``: from word edge to word
      edge, brackets and quotation marks in balance); all of them where none is. The same characters
      seen from several windows, or as several token spans, are one candidate with its best score.
    - *Score*: start logit + end logit. *Null score*: the least over the windows of
      start[CLS] + end[CLS], since the answer is absent only if no window shows it.
    - *Probability*: softmax over all distinct candidates of the context and null, taken together, at
      the temperature and null bias of the checkpoint's calibration (scores stay as they are).
    - *Order*: by score, ties by earlier start, then by shorter span. A span that shares more than
      ``near_duplicate_threshold`` of its characters (intersection over union) with a better one
      kept is left out of the list, not out of the softmax; 1.0 keeps all.

    Raises ``CheckpointError`` where logits are not finite.
    """
    return ranked(
        score_candidates(reading, max_answer_length=max_answer_length),
        reading,
        n_best=n_best,
        near_duplicate_threshold=near_duplicate_threshold,
    )


def score_candidates(reading: Reading, *, max_answer_length: int = MAX_ANSWER_LENGTH) -> Candidates:
    """All candidates of a context, scored as ``decode`` says, before any is left out.

    Raises ``CheckpointError`` where logits are not finite.
    """
    _require_finite(reading)
    spans, scores = _candidates(reading, max_answer_length)  # (M, 2), (M,)
    null_score = _null_score(reading)
    probabilities, null_probability = _softmax(scores, null_score, reading.calibration)
    return Candidates(spans, scores, probabilities, null_score, null_probability)


def ranked(
    candidates: Candidates,
    reading: Reading,
    *,
    n_best: int = N_BEST,
    near_duplicate_threshold: float = NEAR_DUPLICATE_THRESHOLD,
) -> Prediction:
    """The best of a reading's candidates without near-duplicates, as ``decode`` says."""
    spans, scores, probabilities = candidates.spans, candidates.scores, candidates.probabilities
    kept = _without_near_duplicates(spans, scores, n_best, near_duplicate_threshold)
    answers = tuple(
        _answer(reading.context, spans[i, 0], spans[i, 1], scores[i], probabilities[i]) for i in kept
    )
    return Prediction(
        reading.question, answers, candidates.null_score, candidates.null_probability, reading.notices
    )


def decode_run_squad(
    reading: Reading,
    *,
    tokenizer: PreTrainedTokenizerFast,
    max_answer_length: int = MAX_ANSWER_LENGTH,
    n_best: int = N_BEST,
) -> Prediction:
    """The best answers of one context as ``run_squad.py`` finds them, for the published table.

    The spans of ``run_squad_n_best``; probabilities are a plain softmax over that list and null, whose
    score is the least over the windows.

    Raises ``CheckpointError`` where logits are not finite.
    """
    kept = run_squad_n_best(reading, tokenizer=tokenizer, max_answer_length=max_answer_length, n_best=n_best)
    return prediction_of(reading, kept)


class ScoredSpan(NamedTuple):
    """Characters of the context with the logits that they were chosen by."""

    span: CharSpan
    start_logit: float
    end_logit: float

    @property
    def score(self) -> float:
        """Start + end logit."""
        return self.start_logit + self.end_logit


def prediction_of(reading: Reading, spans: Sequence[ScoredSpan]) -> Prediction:
    """The spans, best first, as answers; the probabilities of theirs and of null's sum to 1."""
    null_score = _null_score(reading)
    scores = np.array([found.score for found in spans])
    probabilities, null_probability = _softmax(scores, null_score, UNCALIBRATED)
    answers = tuple(
        _answer(reading.context, found.span.start, found.span.end, found.score, probability)
        for found, probability in zip(spans, probabilities, strict=True)
    )
    return Prediction(reading.question, answers, null_score, null_probability, reading.notices)


def run_squad_n_best(
    reading: Reading,
    *,
    tokenizer: PreTrainedTokenizerFast,
    max_answer_length: int = MAX_ANSWER_LENGTH,
    n_best: int = N_BEST,
) -> list[ScoredSpan]:
    """The ``n_best`` best spans as ``run_squad.py`` finds them, null left out, one of each text.

    The token spans are those of ``run_squad_shortlist``, with lists of ``n_best``; their text is found
    by words and not by offsets (see ``run_squad_text``). A window in which the tokenizer found "[PAD]"
    in the text itself is taken to end there, as the script took it.

    Raises ``CheckpointError`` where logits are not finite.
    """
    aligner = WordAligner(reading.context, tokenizer)
    kept: list[ScoredSpan] = []
    spans: set[CharSpan] = set()
    texts: set[str] = set()
    ends = [_first(window.ids == tokenizer.pad_token_id, len(window)) for window in reading.windows]
    for found in run_squad_shortlist(reading, max_answer_length=max_answer_length, size=n_best):
        if len(kept) == n_best:
            break
        if found.last >= ends[found.window]:
            continue
        span = aligner.span(reading.windows[found.window], found.first, found.last)
        if span is None or span in spans:
            continue
        spans.add(span)
        text = joined_words(span.of(reading.context))
        if text not in texts:
            texts.add(text)
            kept.append(ScoredSpan(span, found.start_logit, found.end_logit))
    return kept


def _first(where: NDArray[np.bool_], otherwise: int) -> int:
    return int(where.argmax()) if where.any() else otherwise


class TokenSpan(NamedTuple):
    """Positions ``first`` to ``last`` (inclusive) of a reading's window, and their logits."""

    window: int
    first: int
    last: int
    start_logit: float
    end_logit: float


def run_squad_shortlist(
    reading: Reading, *, max_answer_length: int = MAX_ANSWER_LENGTH, size: int = N_BEST
) -> list[TokenSpan]:
    """The token spans among which ``run_squad.py`` looks for an answer, best first.

    In each window the ``size`` best starts and ``size`` best ends over *all* positions are paired,
    then kept if both show context, the start has its max context in this window (most context on
    its poorer side), the end is not before the start and the span has at most ``max_answer_length``
    tokens.

    Raises ``CheckpointError`` where logits are not finite.
    """
    _require_finite(reading)
    found: list[TokenSpan] = []
    best_window = _max_context_windows(reading)  # (L,)
    for index, (window, logit) in enumerate(zip(reading.windows, reading.logits, strict=True)):
        starts = np.argsort(-logit.start, kind="stable")[:size].tolist()
        ends = np.argsort(-logit.end, kind="stable")[:size].tolist()
        shown = range(window.context_start, len(window) - 1)
        for first in starts:
            if first not in shown or best_window[window.first_token + first - shown.start] != index:
                continue
            found += [
                TokenSpan(index, first, last, float(logit.start[first]), float(logit.end[last]))
                for last in ends
                if last in shown and first <= last < first + max_answer_length
            ]
    found.sort(key=lambda span: -(span.start_logit + span.end_logit))
    return found


def _require_finite(reading: Reading) -> None:
    for logit in reading.logits:
        if not (np.isfinite(logit.start).all() and np.isfinite(logit.end).all()):
            raise CheckpointError(
                "The model returned numbers that are not finite; its weights are damaged. Fetch it again."
            )


def _null_score(reading: Reading) -> float:
    return min(float(logit.start[0]) + float(logit.end[0]) for logit in reading.logits)


def _candidates(reading: Reading, max_answer_length: int) -> tuple[Ints, Floats]:
    """Distinct candidate spans (M, 2) and their best scores (M,), sorted by start, then end."""
    tokens = max(window.first_token + window.context_length for window in reading.windows)  # L
    width = max(min(max_answer_length, max(w.context_length for w in reading.windows)), 1)
    offsets = np.zeros((tokens + width - 1, 2), np.int64)
    showing: list[list[int]] = [[] for _ in range(0, max(tokens, 1), _ROWS_AT_ONCE)]  # windows, by their rows
    for index, window in enumerate(reading.windows):
        after = window.first_token + window.context_length
        offsets[window.first_token : after] = window.offsets[window.context_start : len(window) - 1]
        for group in showing[window.first_token // _ROWS_AT_ONCE : (after - 1) // _ROWS_AT_ONCE + 1]:
            group.append(index)
    edges = WordEdges.of(reading.context)
    low, high = _trimmer(reading.context)(offsets[:, 0], offsets[:, 1])
    high = edges.past_marks[high]
    base = len(reading.context) + 1
    for only_whole in (True, False):  # all of them where none is whole
        keys: list[Ints] = []
        scores: list[Floats] = []
        for number, windows in enumerate(showing):
            first, last = number * _ROWS_AT_ONCE, min((number + 1) * _ROWS_AT_ONCE, tokens)
            band = _band(reading, windows, first, last, width)  # (R, width)
            lows, highs = low[first:last, None], _shifted(high[first : last + width - 1], width)
            # Where a token stands for white space, or for no characters, nothing may be left.
            kept = (band > -np.inf) & (lows < highs)
            if only_whole:
                kept &= whole_answers(edges, lows, highs)
            keys.append((lows * base + highs)[kept])
            scores.append(band[kept])
        if any(map(len, keys)):
            break
    return _distinct(np.concatenate(keys), np.concatenate(scores), base)


def _band(reading: Reading, windows: Sequence[int], first: int, last: int, width: int) -> Floats:
    """The best score in any of the windows of each span that begins at tokens ``first`` to ``last``.

    Column j is of spans of j + 1 tokens (R, width); -inf where no window shows the whole span.
    """
    band = np.full((last - first, width), -np.inf)
    for index in windows:
        window, logit = reading.windows[index], reading.logits[index]
        begin = max(window.first_token, first)
        rows = slice(begin - first, min(window.first_token + window.context_length, last) - first)
        shown = slice(window.context_start + begin - window.first_token, len(window) - 1)
        size = rows.stop - rows.start
        # An end beyond the window's edge is none.
        ends = np.full(size + width - 1, -np.inf)
        found = logit.end[shown][: len(ends)]
        ends[: len(found)] = found
        scores = logit.start[shown][:size].astype(np.float64)[:, None] + _shifted(ends, width)
        np.maximum(band[rows], scores, out=band[rows])
    return band


def whole_answers(edges: WordEdges, starts: Ints, ends: Ints) -> Bools:
    """Which spans are what a person would call an answer: bool, in the shape ``starts`` and ``ends`` make.

    Both ends are edges of words (``qa.word_edges`` says which), and brackets and quotation marks in the
    span have their partners in it.
    """
    whole: Bools = edges.may_start[starts] & edges.may_end[ends]
    whole &= edges.enclosure[starts] == edges.enclosure[ends]
    return whole


def _shifted(values: NDArray[T], width: int) -> NDArray[T]:
    """Row i holds ``values[i : i + width]``; a view (N - width + 1, width)."""
    if len(values) < width:  # a window that shows nothing
        return np.empty((0, width), values.dtype)
    return np.lib.stride_tricks.sliding_window_view(values, width)


def _distinct(keys: Ints, scores: Floats, base: int) -> tuple[Ints, Floats]:
    """Each span once, with its best score: (M, 2) sorted by start, then end, and (M,).

    ``keys`` are start * ``base`` + end.
    """
    if (keys[1:] <= keys[:-1]).any():
        # Tokens come in the order of the text, so this is nearly sorted, which a stable sort is quick at.
        order = np.argsort(keys, kind="stable")
        keys, scores = keys[order], scores[order]
        fresh = np.flatnonzero(np.diff(keys, prepend=-1))
        keys, scores = keys[fresh], np.maximum.reduceat(scores, fresh)
    return np.stack(np.divmod(keys, base), axis=1), scores


def _trimmer(context: str) -> Callable[[Ints, Ints], tuple[Ints, Ints]]:
    """A function that moves span bounds, one each or (M,), inwards over white space."""
    blank = np.fromiter((c.isspace() for c in context), bool, len(context))
    positions = np.arange(len(context) + 1)
    # next_word[i]: the first non-blank character at or after i; word_end[i]: past the last before i.
    next_word = np.full(len(context) + 1, len(context))
    next_word[:-1] = np.where(blank, len(context), positions[:-1])
    next_word = np.minimum.accumulate(next_word[::-1])[::-1]
    word_end = np.zeros(len(context) + 1, np.int64)
    word_end[1:] = np.where(blank, 0, positions[1:])
    word_end = np.maximum.accumulate(word_end)

    def trim(low: Ints, high: Ints) -> tuple[Ints, Ints]:
        return next_word[low], word_end[high]

    return trim


def _softmax(scores: Floats, null_score: float, calibration: Calibration) -> tuple[Floats, float]:
    """Probabilities (M,) of the scores and the probability of null; together they sum to 1."""
    scores = scores / calibration.temperature
    null_score = (null_score + calibration.null_bias) / calibration.temperature
    top = max(float(scores.max(initial=-np.inf)), null_score)
    weights = np.exp(scores - top)
    null_weight = float(np.exp(null_score - top))
    total = float(weights.sum()) + null_weight
    return weights / total, null_weight / total


def _without_near_duplicates(spans: Ints, scores: Floats, n_best: int, threshold: float) -> list[int]:
    """Indices of the ``n_best`` best spans that overlap no better kept one by more than ``threshold``.

    ``spans`` are sorted by start, then end. They are never sorted by score: all of a long text's may
    have the same, and only ``n_best`` are asked for.
    """
    left = scores.copy()
    starts = spans[:, 0]
    longest = int((spans[:, 1] - starts).max(initial=0))
    kept: list[int] = []
    while len(kept) < min(n_best, len(left)):
        best = int(left.argmax())  # of equal scores the first: the earliest start, then the shortest
        if left[best] == -np.inf:
            break
        kept.append(best)
        low, high = spans[best]
        near = slice(*np.searchsorted(starts, [low - longest, high]))  # all that share a character
        shared = np.minimum(spans[near, 1], high) - np.maximum(spans[near, 0], low)
        union = np.maximum(spans[near, 1], high) - np.minimum(spans[near, 0], low)
        left[near][shared > threshold * union] = -np.inf
        left[best] = -np.inf
    return kept


def _max_context_windows(reading: Reading) -> Ints:
    """The window that shows most context on the poorer side of each token (L,); the first wins ties.

    A longer window wins among those alike in that.
    """
    tokens = max(window.first_token + window.context_length for window in reading.windows)
    most = np.full(tokens, -np.inf)
    best = np.full(tokens, -1)
    for index, window in enumerate(reading.windows):
        length = window.context_length
        before = np.arange(length)
        richer = np.minimum(before, before[::-1]) + 0.01 * length
        rows = slice(window.first_token, window.first_token + length)
        better = richer > most[rows]
        most[rows][better] = richer[better]
        best[rows][better] = index
    return best


def _answer(context: str, low: int, high: int, score: float, probability: float) -> Answer:
    span = CharSpan(int(low), int(high))
    return Answer(span, span.of(context), float(score), float(probability))
