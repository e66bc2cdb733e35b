"""Span decoding against brute force, hand-written logits, and any Unicode text."""

from __future__ import annotations

import math
import random
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.errors import CheckpointError
from biom_demo.qa import spans
from biom_demo.qa.records import CharSpan, Question, Reading, SpanLogits, Window
from biom_demo.qa.spans import decode, decode_run_squad, run_squad_n_best, run_squad_shortlist
from biom_demo.qa.windows import build_windows
from biom_demo.qa.word_edges import WordEdges
from tests.costs import MAX_RATIO, ratio_of
from tests.tiny import byte_level_tokenizer, sentencepiece_like_tokenizer, wordpiece_tokenizer

QUESTION = Question("?")
TOKENIZERS = {
    "wordpiece": wordpiece_tokenizer(),
    "sentencepiece": sentencepiece_like_tokenizer(),
    "byte level": byte_level_tokenizer(),
}


# Any text, then one that also has lone surrogates, then one thick with white space and ligatures.
ANY_TEXT = (
    st.text(max_size=200)
    | st.text(st.characters(exclude_categories=()), max_size=60)
    | st.text(" \t\n\u00a0\u200b\u2028\x1cagene\ufb01\u00bdβ\u0301\U0001f9ec", max_size=120)
)


def windows_over(offsets, capacity, step):
    """Windows of one question token over tokens with the given character offsets."""
    made = []
    start = 0
    while True:
        shown = offsets[start : start + capacity]
        rows = np.array([*[(0, 0)] * 3, *shown, (0, 0)], np.int32)
        made.append(Window(np.zeros(len(rows), np.int32), rows, start, 3, len(offsets)))
        if start + capacity >= len(offsets):
            return made
        start += step


def reading(text, windows, logits, notices=()):
    return Reading(QUESTION, text, tuple(windows), tuple(logits), notices)


def shown_by(window):
    """The characters of each position, ``None`` where it shows no context."""
    inside = range(window.context_start, window.context_start + window.context_length)
    return [tuple(map(int, row)) if i in inside else None for i, row in enumerate(window.offsets)]


def random_case(seed):
    """A text, windows over it and logits; ties are frequent, some tokens have no characters."""
    draw = random.Random(seed)
    text, offsets = "", []
    for _ in range(draw.choice([0, 1, 3, 8, 8, 20, 20, 60])):
        gap, word = draw.choice(["", " ", "  "]), draw.choice(["a", "bc", "βé", "𝛼", "", " "])
        # Some tokenizers count the space before a word as part of it.
        start = len(text) if draw.random() < 0.3 else len(text) + len(gap)
        text += gap + word
        offsets.append((start, len(text)))
    capacity = draw.randint(1, 9) if draw.random() < 0.7 else draw.randint(20, 50)
    windows = windows_over(offsets, capacity, draw.randint(1, capacity))
    if draw.random() < 0.3:  # no rule rests on the order of the windows, save for ties
        draw.shuffle(windows)
    ties = draw.random() < 0.5
    return text, windows, random_logits(windows, draw, ties), draw


def random_logits(windows, draw, ties=False):
    def row(window):
        return np.array([draw.randint(-2, 2) if ties else draw.gauss(0, 3) for _ in window.ids])

    return [SpanLogits(row(w).astype(np.float32), row(w).astype(np.float32)) for w in windows]


def stripped(text, low, high):
    piece = text[low:high]
    low += len(piece) - len(piece.lstrip())
    return low, low + len(piece.strip())


def is_whole(text, low, high):
    """Whether a span of the made-up texts (letters and white space alone) cuts no word in two."""
    return (
        text[low].isalnum()
        and text[high - 1].isalnum()
        and not (low and text[low - 1].isalnum())
        and not (high < len(text) and text[high].isalnum())
    )


def is_whole_in_any_text(text, low, high):
    edges = WordEdges.of(text)
    return bool(
        edges.may_start[low] and edges.may_end[high] and edges.enclosure[low] == edges.enclosure[high]
    )


def brute_force(text, windows, logits, max_answer_length, whole=is_whole):
    """Every candidate span with its best score, and the null score, by plain loops."""
    past_marks = WordEdges.of(text).past_marks.tolist()
    best = {}
    for window, logit in zip(windows, logits, strict=True):
        shown = shown_by(window)
        for first, head in enumerate(shown):
            for last in range(first, min(first + max_answer_length, len(window))):
                tail = shown[last]
                if head is None or tail is None:
                    continue
                low, high = stripped(text, head[0], max(tail[1], head[0]))
                if low < high:  # of white space alone is no span, whatever marks stand behind it
                    high = past_marks[high]
                    score = float(logit.start[first]) + float(logit.end[last])
                    best[low, high] = max(best.get((low, high), -math.inf), score)
    best = {span: score for span, score in best.items() if whole(text, *span)} or best
    return best, min(float(logit.start[0]) + float(logit.end[0]) for logit in logits)


def overlap(one, other):
    """Intersection over union of two spans."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    union = (one[1] - one[0]) + (other[1] - other[0]) - shared
    return shared / union if shared > 0 else 0.0


def check_decode(text, windows, logits, length, n_best, threshold, whole=is_whole):
    best, null = brute_force(text, windows, logits, length, whole)
    total = math.fsum([*(math.exp(s) for s in best.values()), math.exp(null)])
    expected = []
    for span, score in sorted(best.items(), key=lambda item: (-item[1], item[0])):
        if len(expected) == n_best:
            break
        if all(overlap(span, kept) <= threshold for kept, _ in expected):
            expected.append((span, score))
    found = decode(
        reading(text, windows, logits, ("cut",)),
        max_answer_length=length, n_best=n_best, near_duplicate_threshold=threshold,
    )  # fmt: skip
    assert [(a.span.start, a.span.end) for a in found.answers] == [span for span, _ in expected]
    assert [a.score for a in found.answers] == pytest.approx([score for _, score in expected])
    assert [a.probability for a in found.answers] == pytest.approx([math.exp(s) / total for _, s in expected])
    assert found.null_score == pytest.approx(null)
    assert found.null_probability == pytest.approx(math.exp(null) / total)
    assert all(a.text == text[a.span.start : a.span.end] for a in found.answers)
    assert (found.question, found.notices) == (QUESTION, ("cut",))


@pytest.mark.parametrize("block", range(10))
def test_decoding_equals_brute_force(block):
    for seed in range(block * 50, block * 50 + 50):
        text, windows, logits, draw = random_case(seed)
        length, n_best = draw.choice([1, 2, 5, 30]), draw.choice([1, 3, 200])
        check_decode(text, windows, logits, length, n_best, draw.choice([0.0, 0.3, 0.5, 1.0]))


@pytest.mark.parametrize("ties", [False, True])
def test_decoding_hundreds_of_windows_equals_brute_force(ties):
    draw = random.Random(5)
    text = " ".join(f"w{i}" for i in range(400))
    offsets = [(found.start(), found.end()) for found in re.finditer(r"\S+", text)]
    windows = windows_over(offsets, 6, 2)
    assert len(windows) == 198
    check_decode(text, windows, random_logits(windows, draw, ties), 4, 50, 0.5)


def run_squad_brute_force(windows, logits, max_answer_length, size):
    """(window, first, last) of each span of the shortlists, best first, by plain loops."""
    found = []
    for index, (window, logit) in enumerate(zip(windows, logits, strict=True)):
        shown = shown_by(window)

        def ranked(values):
            return sorted(range(len(values)), key=lambda i: -values[i])[:size]

        for first in ranked(list(logit.start)):
            for last in ranked(list(logit.end)):
                if shown[first] is None or shown[last] is None:
                    continue
                if last < first or last - first + 1 > max_answer_length:
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
                if rooms.index(max(rooms)) == index:
                    score = float(logit.start[first]) + float(logit.end[last])
                    found.append((score, (index, first, last)))
    return [span for _, span in sorted(found, key=lambda item: -item[0])]


@pytest.mark.parametrize("block", range(6))
def test_run_squads_shortlist_equals_brute_force(block):
    for seed in range(block * 50, block * 50 + 50):
        text, windows, logits, draw = random_case(seed)
        length, size = draw.choice([1, 3, 30]), draw.choice([1, 5, 20])
        found = run_squad_shortlist(reading(text, windows, logits), max_answer_length=length, size=size)
        assert [span[:3] for span in found] == run_squad_brute_force(windows, logits, length, size)
        for index, first, last, start, end in found:
            assert (start, end) == (logits[index].start[first], logits[index].end[last])


def wordpiece_reading(text, start, end, *, kind="wordpiece", **lengths):
    """A reading of a real tokenizer's windows; logits are given for [CLS] and each token of the text."""
    (made,) = build_windows(TOKENIZERS[kind], [("what", text)], **lengths)
    logits = []
    for window in made.windows:
        rows = np.full((2, len(window)), -50, np.float32)
        shown = slice(window.context_start, len(window) - 1)
        tokens = slice(1 + window.first_token, 1 + window.first_token + window.context_length)
        for row, values in zip(rows, (start, end), strict=True):
            row[0], row[shown] = values[0], values[tokens]
        logits.append(SpanLogits(*rows))
    return reading(text, made.windows, logits, ("cut",))


def as_run_squad(whole, kind="wordpiece", **limits):
    return decode_run_squad(whole, tokenizer=TOKENIZERS[kind], **limits)


DECODERS = pytest.mark.parametrize("decoder", [decode, as_run_squad])


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
    found = decode(reading("IL-6 and TNF rise", windows, logits))
    assert found.answers[0].text == "TNF"
    assert found.answers[0].score == 7
    assert found.null_score == 0
    # "TNF rise" (5) shares 3 of 8 characters with "TNF": not a near duplicate; "and TNF" (3 of 7) neither.
    assert [a.text for a in found.answers][:2] == ["TNF", "TNF rise"]


def test_an_end_before_the_start_and_a_span_too_long_are_no_candidates():
    text = "a b c d"
    windows, logits = one_window(text, [0, 0, 0, 0, 9], [0, 9, 0, 0, 0])
    assert decode(reading(text, windows, logits), max_answer_length=4).answers[0].score == 9
    windows, logits = one_window(text, [0, 9, 0, 0, 0], [0, 0, 0, 0, 9])
    assert decode(reading(text, windows, logits), max_answer_length=4).answers[0].text == text
    assert decode(reading(text, windows, logits), max_answer_length=3).answers[0].text != text


def test_a_shortlist_misses_what_exhaustive_search_finds():
    # 21 starts that lead nowhere crowd out the start of the best valid span.
    words = [f"w{i}" for i in range(60)]
    text = " ".join(words)
    start = [0.0] + [1.0] + [0.0] * 30 + [5.0] * 29
    end = [0.0] + [0.0] + [6.0] + [-40.0] * 58
    windows, logits = one_window(text, start, end)
    assert decode(reading(text, windows, logits)).answers[0].text == "w0 w1"
    w0, w1 = 3, 4
    assert (w0, w1) not in {
        (span.first, span.last) for span in run_squad_shortlist(reading(text, windows, logits))
    }


def test_a_near_duplicate_leaves_the_list_but_not_the_softmax():
    text = "IL-6 rise"
    windows, logits = one_window(text, [0, 2, 0], [0, 1, 2])
    # IL-6 rise 4, IL-6 3, rise 2, null 0. "IL-6" is 4 of 9 characters: kept at 0.5, not at 0.4.
    total = math.exp(4) + math.exp(3) + math.exp(2) + 1
    for threshold, texts in ((0.5, ["IL-6 rise", "IL-6", "rise"]), (0.4, ["IL-6 rise"])):
        found = decode(reading(text, windows, logits), near_duplicate_threshold=threshold)
        # "rise", too, is 4 of 9 characters.
        assert [a.text for a in found.answers] == texts
        assert found.answers[0].probability == pytest.approx(math.exp(4) / total)
        assert found.null_probability == pytest.approx(1 / total)


def test_white_space_that_belongs_to_a_token_is_not_part_of_the_answer():
    text = "the  gene "
    windows = windows_over([(0, 3), (3, 9), (9, 10)], 3, 1)  # "the", "  gene", " "
    start = np.array([0, -9, -9, -9, 5, 5, -9], np.float32)
    end = np.array([0, -9, -9, -9, 1, 3, -9], np.float32)
    top = decode(reading(text, windows, [SpanLogits(start, end)])).answers[0]
    # "  gene" (6) and "  gene " (8) are one answer; the blank alone (8) is none.
    assert (top.text, top.span, top.score) == ("gene", CharSpan(5, 9), 8)


def test_equal_scores_go_to_the_earlier_then_the_shorter_span():
    windows, logits = one_window("a b", [0, 1, 1], [0, 1, 1])
    found = decode(reading("a b", windows, logits), near_duplicate_threshold=1.0)
    assert [a.text for a in found.answers] == ["a", "a b", "b"]


def test_run_squad_lists_a_text_once_where_it_scores_best():
    text = "gene of gene"
    whole = wordpiece_reading(text, [0, 1, -49, 3], [0, 1, -49, 3])
    found = [a for a in as_run_squad(whole, max_answer_length=1).answers if a.text == "gene"]
    assert [(a.span, a.score) for a in found] == [(CharSpan(8, 12), 6)]
    assert len([a for a in decode(whole, max_answer_length=1).answers if a.text == "gene"]) == 2


def test_run_squads_probabilities_are_those_of_its_list():
    # The two best starts and the two best ends are those of "gene" and null: one answer.
    whole = wordpiece_reading("gene of", [1, 2, 0], [1, 1, 0])
    assert [a.text for a in as_run_squad(whole, n_best=2).answers] == ["gene"]
    found = as_run_squad(whole, n_best=3)
    assert [(a.text, a.score) for a in found.answers] == [("gene", 3), ("gene of", 2), ("of", 0)]
    total = math.exp(3) + math.exp(2) + math.exp(2) + 1
    shares = [math.exp(3) / total, math.exp(2) / total, 1 / total]
    assert [a.probability for a in found.answers] == pytest.approx(shares)
    assert (found.null_score, found.null_probability) == (2, pytest.approx(math.exp(2) / total))
    assert (found.question, found.notices) == (QUESTION, ("cut",))


def test_run_squads_texts_are_its_own():
    # "b" is a token inside the word "ab", which run_squad cannot find again.
    text = "the (ab), gene"
    tokens = ["the", "(", "a", "##b", ")", ",", "gene"]
    assert TOKENIZERS["wordpiece"].tokenize(text) == tokens
    start = [0, *(5 if token == "##b" else -40 for token in tokens)]
    whole = wordpiece_reading(text, start, start)
    (found,) = run_squad_n_best(whole, tokenizer=TOKENIZERS["wordpiece"], n_best=1)
    assert (found.span.of(text), found.start_logit, found.end_logit, found.score) == ("(ab),", 5, 5, 10)


def test_a_padding_token_in_the_text_ends_what_run_squad_reads():
    text = "gene of [PAD] the drug"
    whole = wordpiece_reading(text, [0, 1, 1, 1, 1, 9], [0, 1, 1, 1, 1, 9])
    assert decode(whole).answers[0].text == "drug"
    assert {a.text for a in as_run_squad(whole).answers} == {"gene", "gene of", "of"}


@DECODERS
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_huge_logits_still_give_probabilities(decoder, size):
    for sign in (1, -1):
        found = decoder(wordpiece_reading("a", [0, sign * size], [0, sign * size]))
        assert (found.answers[0].probability, found.null_probability) == ((1, 0) if sign > 0 else (0, 1))


def test_run_squad_reads_a_word_in_the_window_with_most_context():
    text = "a b c d e"
    offsets = [(2 * i, 2 * i + 1) for i in range(5)]
    windows = windows_over(offsets, 4, 1)  # a-d and b-e
    first, second = (np.full(len(w), -9.0, np.float32) for w in windows)
    first[3 + 3] = 9.0  # d, the last word of the first window: the second shows more around it
    second[3 + 2] = 1.0  # d there
    whole = reading(text, windows, [SpanLogits(first, first), SpanLogits(second, second)])
    assert decode(whole).answers[0].score == 18
    best = next(s for s in run_squad_shortlist(whole) if s.first == s.last)
    assert best == (1, 3 + 2, 3 + 2, 1, 1)


def test_equal_context_goes_to_the_longer_window_then_to_the_first():
    text = "a b c d e f"
    offsets = [(2 * i, 2 * i + 1) for i in range(6)]
    long, short = windows_over(offsets, 5, 2)  # a-e and c-f: d has one word on its poorer side in both
    even = windows_over(offsets, 4, 1)[:2]  # a-d and b-e: so has c, and they are alike long
    for windows, word, winner in (((long, short), 3, 0), ((short, long), 3, 1), (even, 2, 0)):
        logits = []
        for score, window in enumerate(windows, start=1):
            row = np.full(len(window), -9.0, np.float32)
            row[window.context_start + word - window.first_token] = score
            logits.append(SpanLogits(row, row))
        found = run_squad_shortlist(reading(text, windows, logits))
        assert (found[0].window, found[0].start_logit) == (winner, winner + 1)
        assert windows[winner].offsets[found[0].first, 0] == 2 * word


def test_abstaining_is_null_minus_best_over_the_threshold():
    windows, logits = one_window("IL-6", [3, 2], [3, 2])
    found = decode(reading("IL-6", windows, logits))
    assert (found.null_score, found.answers[0].score) == (6, 4)
    assert found.best() is None
    assert found.best(null_threshold=2.0).text == "IL-6"
    assert found.best(null_threshold=None).text == "IL-6"
    assert found.null_probability == pytest.approx(math.e**2 / (1 + math.e**2))


def test_the_null_score_is_the_least_over_the_windows():
    windows = windows_over([(0, 1), (1, 2)], 1, 1)
    logits = [SpanLogits(*(np.full(5, v, np.float32),) * 2) for v in (5.0, -3.0)]
    assert decode(reading("ab", windows, logits)).null_score == -6
    assert as_run_squad(reading("ab", windows, logits)).null_score == -6


def test_nothing_to_answer_with_is_null_for_sure():
    windows = windows_over([], 1, 1)
    logits = [SpanLogits(np.zeros(4, np.float32), np.zeros(4, np.float32))]
    for decoder in (decode, as_run_squad):
        found = decoder(reading("", windows, logits))
        assert (found.answers, found.null_probability, found.best()) == ((), 1.0, None)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@DECODERS
def test_numbers_that_are_not_finite_are_refused(decoder, bad):
    windows, logits = one_window("a b", [0, bad, 0], [0, 0, 0])
    with pytest.raises(CheckpointError, match="not finite"):
        decoder(reading("a b", windows, logits))


def test_logits_of_another_window_are_refused():
    windows, logits = one_window("a b", [0, 0, 0], [0, 0, 0])
    with pytest.raises(ValueError, match="logits for a window"):
        reading("a b", windows, [SpanLogits(np.zeros(3, np.float32), np.zeros(3, np.float32))])
    with pytest.raises(ValueError, match="shorter"):
        reading("a b", windows * 2, logits)
    with pytest.raises(ValueError, match="longer"):
        reading("a b", windows, logits * 2)
    with pytest.raises(ValueError, match="at least one window"):
        reading("a b", [], [])


@pytest.mark.parametrize(("start", "end"), [((3,), (4,)), ((1, 3), (1, 3)), ((), ())])
def test_start_and_end_logits_are_one_dimensional_and_alike(start, end):
    with pytest.raises(ValueError, match="alike"):
        SpanLogits(np.zeros(start, np.float32), np.zeros(end, np.float32))


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=200, deadline=None)
@given(context=ANY_TEXT, seed=st.integers(0, 2**32 - 1), max_seq_length=st.integers(16, 64))
def test_answers_stand_in_any_unicode_text(kind, context, seed, max_seq_length):
    (made,) = build_windows(
        TOKENIZERS[kind], [("what", context)], max_seq_length=max_seq_length, window_step_tokens=7
    )
    logits = random_logits(made.windows, random.Random(seed))
    check_decode(context, made.windows, logits, 5, 20, 0.5, whole=is_whole_in_any_text)
    whole = reading(context, made.windows, logits)
    for answer in decode(whole).answers:
        assert context[answer.span.start : answer.span.end] == answer.text == answer.text.strip() != ""
    for answer in as_run_squad(whole, kind).answers:
        assert context[answer.span.start : answer.span.end] == answer.text
        assert answer.text == answer.text.strip(" \t\r\n\u202f") != ""


def book(words):
    """A reading of a text of that many words, four in five of them of two tokens."""
    text = "abcd " * words
    offsets = []
    for i in range(words):
        offsets += [(5 * i, 5 * i + 4)] if i % 5 == 0 else [(5 * i, 5 * i + 2), (5 * i + 2, 5 * i + 4)]
    windows = windows_over(offsets, 508, 128)
    noise = np.random.default_rng(0)
    logits = [SpanLogits(*(noise.normal(size=len(w)).astype(np.float32) for _ in range(2))) for w in windows]
    return reading(text, windows, logits)


def test_a_book_is_decoded_in_bounded_memory():
    whole = book(50_000)
    assert (len(whole.windows), len(whole.windows[0])) == (701, 512)
    tracemalloc.start()
    try:
        found = decode(whole)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.answers) == 20
    assert peak < 250e6, f"{peak / 1e6:.0f} MB"


@DECODERS
def test_what_a_long_text_takes_grows_as_its_length(decoder):
    assert ratio_of(decoder, book(10_000), book(40_000), most=8) < 8


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 1.0]), st.integers(1, 5))
def test_what_is_listed_is_the_best_that_overlap_no_better_one(seed, threshold, n_best):
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, 400, 4000)
    all_spans = np.unique(np.stack([starts, starts + generator.integers(1, 30, 4000)], axis=1), axis=0)
    scores = generator.integers(-3, 3, len(all_spans)).astype(float)  # many ties
    found = spans._without_near_duplicates(all_spans, scores, n_best, threshold)
    kept = []
    for index in np.lexsort((all_spans[:, 1], all_spans[:, 0], -scores)).tolist():
        low, high = all_spans[index]
        others = all_spans[kept]
        shared = np.minimum(others[:, 1], high) - np.maximum(others[:, 0], low)
        union = np.maximum(others[:, 1], high) - np.minimum(others[:, 0], low)
        if len(kept) < n_best and (shared <= threshold * union).all():
            kept.append(index)
    assert found == kept


@DECODERS
def test_a_text_read_in_several_stretches_has_the_answers_of_one_read_whole(decoder, monkeypatch):
    whole = decoder(book(3_000))
    monkeypatch.setattr(spans, "_ROWS_AT_ONCE", 7)
    assert decoder(book(3_000)) == whole


def test_a_text_whose_spans_all_score_alike_costs_in_proportion_to_its_length():
    def alike(tokens):
        made = book(tokens)
        logits = tuple(SpanLogits(np.zeros_like(o.start), np.zeros_like(o.end)) for o in made.logits)
        return Reading(made.question, made.context, made.windows, logits)

    ratio = ratio_of(decode, alike(10_000), alike(40_000))
    assert ratio < MAX_RATIO
