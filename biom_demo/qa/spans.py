"""``SpanLogits`` of a context's windows -> ranked answers and the null score. Pure numpy.

Two decoders:

- ``decode``, ours: exhaustive over every span of at most ``max_answer_length`` tokens.
- ``decode_run_squad``: the published table's, with its shortlist of 20 starts x 20 ends a window.

Spans are half-open in characters; token positions below are inclusive at both ends, as the logits
are indexed. Source: facts of google-research/bert and transformers ``run_squad.py``; exhaustive
banded search as in DrQA (Chen et al. 2017, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biom_demo.errors import CheckpointError
from biom_demo.qa.records import Answer, CharSpan, Prediction, Question, SpanLogits, Window

MAX_ANSWER_LENGTH = 30  # tokens
N_BEST = 20
NEAR_DUPLICATE_THRESHOLD = 0.5  # intersection over union, in characters
SHORTLIST = 20  # starts and ends a window, run_squad's n_best_size

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


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
    question: Question,
    context: str,
    context_index: int,
    windows: Sequence[Window],
    logits: Sequence[SpanLogits],
    *,
    max_answer_length: int = MAX_ANSWER_LENGTH,
    n_best: int = N_BEST,
    near_duplicate_threshold: float = NEAR_DUPLICATE_THRESHOLD,
    notices: tuple[str, ...] = (),
) -> Prediction:
    """The best answers of one context, from every candidate span of every window.

    - *Candidates*: all spans of 1 to ``max_answer_length`` context tokens, as the characters they
      cover less white space at the edges. The same characters seen from several windows, or as
      several token spans, are one candidate with its best score.
    - *Score*: start logit + end logit. *Null score*: the least over the windows of
      start[CLS] + end[CLS], since the answer is absent only if no window shows it.
    - *Probability*: softmax over all distinct candidates of the context and null, taken together.
    - *Order*: by score, ties by earlier start, then by shorter span. A span that shares more than
      ``near_duplicate_threshold`` of its characters (intersection over union) with a better one
      kept is left out of the list, not out of the softmax; 1.0 keeps all.

    Raises ``CheckpointError`` where logits are not finite.
    """
    return ranked(
        score_candidates(context, windows, logits, max_answer_length=max_answer_length),
        question,
        context,
        context_index,
        n_best=n_best,
        near_duplicate_threshold=near_duplicate_threshold,
        notices=notices,
    )


def score_candidates(
    context: str,
    windows: Sequence[Window],
    logits: Sequence[SpanLogits],
    *,
    max_answer_length: int = MAX_ANSWER_LENGTH,
) -> Candidates:
    """All candidates of a context, scored as ``decode`` says, before any is left out.

    Raises ``CheckpointError`` where logits are not finite.
    """
    _check(windows, logits)
    spans, scores = _candidates(context, windows, logits, max_answer_length)  # (M, 2), (M,)
    null_score = _null_score(logits)
    probabilities, null_probability = _softmax(scores, null_score)
    return Candidates(spans, scores, probabilities, null_score, null_probability)


def ranked(
    candidates: Candidates,
    question: Question,
    context: str,
    context_index: int,
    *,
    n_best: int = N_BEST,
    near_duplicate_threshold: float = NEAR_DUPLICATE_THRESHOLD,
    notices: tuple[str, ...] = (),
) -> Prediction:
    """The best of the candidates without near-duplicates, as ``decode`` says."""
    spans, scores, probabilities = candidates.spans, candidates.scores, candidates.probabilities
    kept = _without_near_duplicates(spans, scores, n_best, near_duplicate_threshold)
    answers = tuple(
        _answer(context, context_index, spans[i, 0], spans[i, 1], scores[i], probabilities[i]) for i in kept
    )
    return Prediction(
        question, context_index, answers, candidates.null_score, candidates.null_probability, notices
    )


def decode_run_squad(
    question: Question,
    context: str,
    context_index: int,
    windows: Sequence[Window],
    logits: Sequence[SpanLogits],
    *,
    max_answer_length: int = MAX_ANSWER_LENGTH,
    n_best: int = N_BEST,
    notices: tuple[str, ...] = (),
) -> Prediction:
    """The best answers of one context as ``run_squad.py`` finds them, for the published table.

    In each window the 20 best starts and 20 best ends over *all* positions are paired, then kept if
    both show context, the start has its max context in this window (most context on its poorer
    side), the end is not before the start and the span has at most ``max_answer_length`` tokens.
    Sorted by score, one of each text, ``n_best`` kept; probabilities are a softmax over that list
    and null, whose score is the least over the windows.

    One difference: the text is cut from the context by exact offsets. run_squad re-aligned
    sub-tokens with its words, and fell back on whole words where that failed.

    Raises ``CheckpointError`` where logits are not finite.
    """
    _check(windows, logits)
    found: list[tuple[float, int, int]] = []
    shown = np.array([(w.first_token, w.context_length) for w in windows], np.int64)  # (W, 2)
    for index, (window, logit) in enumerate(zip(windows, logits, strict=True)):
        starts = np.argsort(-logit.start, kind="stable")[:SHORTLIST]
        ends = np.argsort(-logit.end, kind="stable")[:SHORTLIST]
        for first in starts:
            token = window.first_token + int(first) - window.context_start
            if not _has_max_context(shown, index, token):
                continue
            for last in ends:
                if not first <= last < first + max_answer_length:
                    continue
                head, tail = window.char_spans[first], window.char_spans[last]
                if head is None or tail is None:
                    continue
                low, high = _trimmed(context, head.start, tail.end)
                if low < high:
                    found.append((float(logit.start[first]) + float(logit.end[last]), low, high))
    found.sort(key=lambda item: -item[0])
    by_text: dict[str, tuple[float, int, int]] = {}
    for item in found:
        by_text.setdefault(context[item[1] : item[2]], item)
    kept = list(by_text.values())[:n_best]
    null_score = _null_score(logits)
    probabilities, null_probability = _softmax(np.array([item[0] for item in kept]), null_score)
    answers = tuple(
        _answer(context, context_index, low, high, score, probability)
        for (score, low, high), probability in zip(kept, probabilities, strict=True)
    )
    return Prediction(question, context_index, answers, null_score, null_probability, notices)


def _check(windows: Sequence[Window], logits: Sequence[SpanLogits]) -> None:
    if not windows:
        raise ValueError("at least one window is needed")
    for window, logit in zip(windows, logits, strict=True):
        if len(window) != len(logit.start):
            raise ValueError(f"{len(logit.start)} logits for a window of {len(window)} positions")
        if not (np.isfinite(logit.start).all() and np.isfinite(logit.end).all()):
            raise CheckpointError(
                "The model returned numbers that are not finite; its weights are damaged. Fetch it again."
            )


def _null_score(logits: Sequence[SpanLogits]) -> float:
    return min(float(logit.start[0]) + float(logit.end[0]) for logit in logits)


def _candidates(
    context: str, windows: Sequence[Window], logits: Sequence[SpanLogits], max_answer_length: int
) -> tuple[Ints, Floats]:
    """Distinct candidate spans (M, 2) and their best scores (M,), sorted by start, then end."""
    trim = _trimmer(context)
    all_spans: list[Ints] = [np.empty((0, 2), np.int64)]
    all_scores: list[Floats] = [np.empty(0)]
    for window, logit in zip(windows, logits, strict=True):
        first = window.context_start
        length = window.context_length
        if not length:
            continue
        offsets = np.array([(s.start, s.end) for s in window.char_spans if s is not None], np.int64)  # (L, 2)
        start = logit.start[first : first + length].astype(np.float64)  # (L,)
        end = logit.end[first : first + length].astype(np.float64)
        width = min(max_answer_length, length)
        last = np.arange(length)[:, None] + np.arange(width)[None, :]  # (L, width): end token of each pair
        inside = last < length
        last = np.minimum(last, length - 1)
        # A token may stand for no characters; the span then reaches to the characters it has.
        low = np.broadcast_to(offsets[:, :1], last.shape)[inside]  # (M,)
        high = offsets[:, 1][last][inside]
        scores = (start[:, None] + end[last])[inside]
        low, high = trim(low, high)
        real = low < high
        all_spans.append(np.stack([low[real], high[real]], axis=1))
        all_scores.append(scores[real])
        if len(all_spans) > 64:  # a book has hundreds of windows; keep memory to the distinct spans
            all_spans, all_scores = _merged(all_spans, all_scores)
    all_spans, all_scores = _merged(all_spans, all_scores)
    return all_spans[0], all_scores[0]


def _merged(all_spans: list[Ints], all_scores: list[Floats]) -> tuple[list[Ints], list[Floats]]:
    spans, scores = np.concatenate(all_spans), np.concatenate(all_scores)
    order = np.lexsort((-scores, spans[:, 1], spans[:, 0]))
    spans, scores = spans[order], scores[order]
    fresh = np.ones(len(spans), bool)
    fresh[1:] = (spans[1:] != spans[:-1]).any(axis=1)
    return [spans[fresh]], [scores[fresh]]


def _trimmer(context: str) -> Callable[[Ints, Ints], tuple[Ints, Ints]]:
    """A function that moves span bounds (M,), (M,) inwards over white space."""
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


def _trimmed(context: str, low: int, high: int) -> tuple[int, int]:
    while low < high and context[low].isspace():
        low += 1
    while low < high and context[high - 1].isspace():
        high -= 1
    return low, high


def _softmax(scores: Floats, null_score: float) -> tuple[Floats, float]:
    """Probabilities (M,) of the scores and the probability of null; together they sum to 1."""
    top = max(float(scores.max(initial=-np.inf)), null_score)
    weights = np.exp(scores - top)
    null_weight = float(np.exp(null_score - top))
    total = float(weights.sum()) + null_weight
    return weights / total, null_weight / total


def _without_near_duplicates(spans: Ints, scores: Floats, n_best: int, threshold: float) -> list[int]:
    """Indices of the ``n_best`` best spans that overlap no better kept one by more than ``threshold``."""
    # The best few are nearly always enough, and sorting a long text's million spans is not free.
    few = max(20 * n_best, 1000)
    if len(scores) > 2 * few:
        best = np.flatnonzero(scores >= np.partition(scores, -few)[-few])  # with all ties at the edge
        found = _greedy(spans[best], scores[best], n_best, threshold)
        if len(found) == n_best:
            return [int(best[i]) for i in found]
    return _greedy(spans, scores, n_best, threshold)


def _greedy(spans: Ints, scores: Floats, n_best: int, threshold: float) -> list[int]:
    order = np.lexsort((spans[:, 1], spans[:, 0], -scores))
    kept: list[int] = []
    alive = np.ones(len(order), bool)
    lows, highs = spans[order, 0], spans[order, 1]
    cursor = 0
    while len(kept) < n_best:
        left = np.flatnonzero(alive[cursor:])
        if not len(left):
            break
        cursor += int(left[0])
        kept.append(int(order[cursor]))
        shared = np.minimum(highs, highs[cursor]) - np.maximum(lows, lows[cursor])
        union = np.maximum(highs, highs[cursor]) - np.minimum(lows, lows[cursor])
        alive &= shared <= threshold * union
        alive[cursor] = False
    return kept


def _has_max_context(shown: Ints, index: int, token: int) -> bool:
    """Whether no window shows more context around a token than window ``index``; the first wins ties.

    ``shown`` has the first token and the number of tokens of each window (W, 2).
    """
    before = token - shown[:, 0]  # (W,)
    after = shown[:, 1] - 1 - before
    poorer = np.minimum(before, after)
    if poorer[index] < 0:
        return False
    return int(np.argmax(np.where(poorer < 0, -1.0, poorer + 0.01 * shown[:, 1]))) == index


def _answer(
    context: str, context_index: int, low: int, high: int, score: float, probability: float
) -> Answer:
    span = CharSpan(int(low), int(high))
    return Answer(context_index, span, span.of(context), float(score), float(probability))
