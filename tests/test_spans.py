"""Span decoding against brute force, hand-written logits, and any Unicode text."""

from __future__ import annotations

import math
import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.errors import CheckpointError
from biom_demo.qa.records import CharSpan, Question, SpanLogits, Window
from biom_demo.qa.spans import decode, decode_run_squad
from biom_demo.qa.windows import build_windows
from tests.tiny import sentencepiece_like_tokenizer, wordpiece_tokenizer

QUESTION = Question("q", "?")
TOKENIZERS = {"wordpiece": wordpiece_tokenizer(), "sentencepiece": sentencepiece_like_tokenizer()}


def windows_over(offsets, capacity, step):
    """Windows of one question token over tokens with the given character offsets."""
    made = []
    start = 0
    while True:
        shown = offsets[start : start + capacity]
        spans = (None, None, None, *(CharSpan(a, b) for a, b in shown), None)
        made.append(Window(0, (0,) * len(spans), (0,) * len(spans), spans, start, len(offsets)))
        if start + capacity >= len(offsets):
            return made
        start += step


def random_case(seed):
    """A text, windows over it and logits; ties are frequent, some tokens have no characters."""
    draw = random.Random(seed)
    text, offsets = "", []
    for _ in range(draw.choice([0, 1, 3, 8, 20])):
        gap, word = draw.choice(["", " ", "  "]), draw.choice(["a", "bc", "βé", "𝛼", "", " "])
        # Some tokenizers count the space before a word as part of it.
        start = len(text) if draw.random() < 0.3 else len(text) + len(gap)
        text += gap + word
        offsets.append((start, len(text)))
    capacity = draw.randint(1, 9)
    windows = windows_over(offsets, capacity, draw.randint(1, capacity))
    ties = draw.random() < 0.5
    logits = []
    for window in windows:
        values = [
            [draw.randint(-2, 2) if ties else draw.gauss(0, 3) for _ in range(len(window))] for _ in "se"
        ]
        logits.append(SpanLogits(*(np.array(v, np.float32) for v in values)))
    return text, windows, logits, draw


def stripped(text, low, high):
    piece = text[low:high]
    low += len(piece) - len(piece.lstrip())
    return low, low + len(piece.strip())


def brute_force(text, windows, logits, max_answer_length):
    """Every candidate span with its best score, and the null score, by plain loops."""
    best = {}
    for window, logit in zip(windows, logits, strict=True):
        for first, head in enumerate(window.char_spans):
            for last in range(first, min(first + max_answer_length, len(window))):
                tail = window.char_spans[last]
                if head is None or tail is None:
                    continue
                low, high = stripped(text, head.start, max(tail.end, head.start))
                if low < high:
                    score = float(logit.start[first]) + float(logit.end[last])
                    best[low, high] = max(best.get((low, high), -math.inf), score)
    return best, min(float(logit.start[0]) + float(logit.end[0]) for logit in logits)


@pytest.mark.parametrize("block", range(10))
def test_decoding_equals_brute_force(block):
    for seed in range(block * 50, block * 50 + 50):
        text, windows, logits, draw = random_case(seed)
        length, n_best = draw.choice([1, 2, 5, 30]), draw.choice([1, 3, 1000])
        threshold = draw.choice([0.0, 0.3, 0.5, 1.0])
        best, null = brute_force(text, windows, logits, length)
        total = math.fsum([*(math.exp(s) for s in best.values()), math.exp(null)])
        expected = []
        for (low, high), score in sorted(best.items(), key=lambda item: (-item[1], item[0][0], item[0][1])):

            def iou(kept, low=low, high=high):
                shared = min(high, kept[1]) - max(low, kept[0])
                union = (high - low) + (kept[1] - kept[0]) - shared
                return shared / union if shared > 0 else 0.0

            if len(expected) < n_best and all(iou(kept) <= threshold for kept, _ in expected):
                expected.append(((low, high), score))
        found = decode(
            QUESTION, text, 4, windows, logits,
            max_answer_length=length, n_best=n_best, near_duplicate_threshold=threshold,
        )  # fmt: skip
        assert [(a.span.start, a.span.end) for a in found.answers] == [span for span, _ in expected]
        assert [a.score for a in found.answers] == pytest.approx([score for _, score in expected])
        assert [a.probability for a in found.answers] == pytest.approx(
            [math.exp(s) / total for _, s in expected]
        )
        assert found.null_score == pytest.approx(null)
        assert found.null_probability == pytest.approx(math.exp(null) / total)
        assert all(a.text == text[a.span.start : a.span.end] and a.context_index == 4 for a in found.answers)


def run_squad_brute_force(text, windows, logits, max_answer_length, n_best):
    found = []
    for index, (window, logit) in enumerate(zip(windows, logits, strict=True)):

        def ranked(values):
            return sorted(range(len(values)), key=lambda i: -values[i])[:20]

        for first in ranked(list(logit.start)):
            for last in ranked(list(logit.end)):
                head, tail = window.char_spans[first], window.char_spans[last]
                if head is None or tail is None or last < first or last - first + 1 > max_answer_length:
                    continue
                token = window.first_token + first - window.context_start
                rooms = []
                for other in windows:
                    before = token - other.first_token
                    after = other.first_token + other.context_length - 1 - token
                    rooms.append(
                        min(before, after) + 0.01 * other.context_length
                        if before >= 0 <= after
                        else -math.inf
                    )
                low, high = stripped(text, head.start, max(tail.end, head.start))
                if rooms.index(max(rooms)) == index and low < high:
                    found.append((float(logit.start[first]) + float(logit.end[last]), text[low:high]))
    found.sort(key=lambda item: -item[0])
    by_text = {}
    for score, piece in found:
        by_text.setdefault(piece, score)
    return list(by_text.items())[:n_best]


@pytest.mark.parametrize("block", range(6))
def test_run_squad_mode_equals_brute_force(block):
    for seed in range(block * 50, block * 50 + 50):
        text, windows, logits, draw = random_case(seed)
        length, n_best = draw.choice([1, 3, 30]), draw.choice([1, 20])
        expected = run_squad_brute_force(text, windows, logits, length, n_best)
        found = decode_run_squad(QUESTION, text, 0, windows, logits, max_answer_length=length, n_best=n_best)
        assert [a.score for a in found.answers] == pytest.approx([score for _, score in expected])
        if len({score for _, score in expected}) == len(expected):  # ties may come in any order
            assert [a.text for a in found.answers] == [text for text, _ in expected]
        assert sum(a.probability for a in found.answers) + found.null_probability == pytest.approx(1)
        _, null = brute_force(text, windows, logits, length)
        assert found.null_score == pytest.approx(null)


def one_window(text, start, end):
    """A window of the words of ``text``; logits are given for [CLS] and each word."""
    offsets, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        offsets.append((at, at + len(word)))
        at += len(word)
    (window,) = windows_over(offsets, len(offsets), 1)
    low = -50.0
    rows = [[values[0], low, low, *values[1:], low] for values in (start, end)]
    return [window], [SpanLogits(*(np.array(row, np.float32) for row in rows))]


def test_the_best_pair_of_start_and_end_wins():
    windows, logits = one_window("IL-6 and TNF rise", [0, 1, 0, 4, 0], [0, 2, 0, 3, 1])
    found = decode(QUESTION, "IL-6 and TNF rise", 0, windows, logits)
    assert found.answers[0].text == "TNF"
    assert found.answers[0].score == 7
    assert found.null_score == 0
    # "TNF rise" (5) shares 3 of 8 characters with "TNF": not a near duplicate; "and TNF" (3 of 7) neither.
    assert [a.text for a in found.answers][:2] == ["TNF", "TNF rise"]


def test_an_end_before_the_start_and_a_span_too_long_are_no_candidates():
    text = "a b c d"
    windows, logits = one_window(text, [0, 0, 0, 0, 9], [0, 9, 0, 0, 0])
    assert decode(QUESTION, text, 0, windows, logits, max_answer_length=4).answers[0].score == 9
    windows, logits = one_window(text, [0, 9, 0, 0, 0], [0, 0, 0, 0, 9])
    assert decode(QUESTION, text, 0, windows, logits, max_answer_length=4).answers[0].text == text
    assert decode(QUESTION, text, 0, windows, logits, max_answer_length=3).answers[0].text != text


def test_a_shortlist_misses_what_exhaustive_search_finds():
    # 21 starts that lead nowhere crowd out the start of the best valid span.
    words = [f"w{i}" for i in range(60)]
    text = " ".join(words)
    start = [0.0] + [1.0] + [0.0] * 30 + [5.0] * 29
    end = [0.0] + [0.0] + [6.0] + [-40.0] * 58
    windows, logits = one_window(text, start, end)
    assert decode(QUESTION, text, 0, windows, logits).answers[0].text == "w0 w1"
    assert "w0 w1" not in [a.text for a in decode_run_squad(QUESTION, text, 0, windows, logits).answers]


def test_run_squad_reads_a_word_in_the_window_with_most_context():
    text = "a b c d e"
    offsets = [(2 * i, 2 * i + 1) for i in range(5)]
    windows = windows_over(offsets, 4, 1)  # a-d and b-e
    first, second = (np.full(len(w), -9.0, np.float32) for w in windows)
    first[3 + 3] = 9.0  # d, the last word of the first window: the second shows more around it
    second[3 + 2] = 1.0  # d there
    logits = [SpanLogits(first, first), SpanLogits(second, second)]
    assert decode(QUESTION, text, 0, windows, logits).answers[0].score == 18
    compatible = decode_run_squad(QUESTION, text, 0, windows, logits).answers
    assert next(a.score for a in compatible if a.text == "d") == 2


def test_abstaining_is_null_minus_best_over_the_threshold():
    windows, logits = one_window("IL-6", [3, 2], [3, 2])
    found = decode(QUESTION, "IL-6", 0, windows, logits)
    assert (found.null_score, found.answers[0].score) == (6, 4)
    assert found.best() is None
    assert found.best(null_threshold=2.0).text == "IL-6"
    assert found.best(null_threshold=None).text == "IL-6"
    assert found.null_probability == pytest.approx(math.e**2 / (1 + math.e**2))


def test_the_null_score_is_the_least_over_the_windows():
    windows = windows_over([(0, 1), (1, 2)], 1, 1)
    logits = [SpanLogits(*(np.full(5, v, np.float32),) * 2) for v in (5.0, -3.0)]
    assert decode(QUESTION, "ab", 0, windows, logits).null_score == -6
    assert decode_run_squad(QUESTION, "ab", 0, windows, logits).null_score == -6


def test_nothing_to_answer_with_is_null_for_sure():
    windows = windows_over([], 1, 1)
    logits = [SpanLogits(np.zeros(4, np.float32), np.zeros(4, np.float32))]
    for decoder in (decode, decode_run_squad):
        found = decoder(QUESTION, "", 0, windows, logits)
        assert (found.answers, found.null_probability, found.best()) == ((), 1.0, None)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("decoder", [decode, decode_run_squad])
def test_numbers_that_are_not_finite_are_refused(decoder, bad):
    windows, logits = one_window("a b", [0, bad, 0], [0, 0, 0])
    with pytest.raises(CheckpointError, match="not finite"):
        decoder(QUESTION, "a b", 0, windows, logits)


def test_logits_of_another_window_are_refused():
    windows, _ = one_window("a b", [0, 0, 0], [0, 0, 0])
    with pytest.raises(ValueError, match="logits for a window"):
        decode(QUESTION, "a b", 0, windows, [SpanLogits(np.zeros(3, np.float32), np.zeros(3, np.float32))])


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=200, deadline=None)
@given(context=st.text(max_size=200), seed=st.integers(0, 2**32 - 1), max_seq_length=st.integers(16, 64))
def test_answers_stand_in_any_unicode_text(kind, context, seed, max_seq_length):
    (made,) = build_windows(
        TOKENIZERS[kind], "what", [context], max_seq_length=max_seq_length, window_step_tokens=7
    )
    noise = np.random.default_rng(seed)
    logits = [
        SpanLogits(*(noise.normal(size=len(w)).astype(np.float32) for _ in range(2))) for w in made.windows
    ]
    for decoder in (decode, decode_run_squad):
        for answer in decoder(QUESTION, context, 0, made.windows, logits).answers:
            assert context[answer.span.start : answer.span.end] == answer.text == answer.text.strip() != ""


def test_a_book_is_decoded_in_bounded_memory():
    words = 50_000
    text = "ab " * words
    windows = windows_over([(3 * i, 3 * i + 2) for i in range(words)], 500, 128)
    noise = np.random.default_rng(0)
    logits = [SpanLogits(*(noise.normal(size=len(w)).astype(np.float32) for _ in range(2))) for w in windows]
    tracemalloc.start()
    found = decode(QUESTION, text, 0, windows, logits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.answers) == 20
    assert peak < 400e6
