"""Difference: curves against brute force, cross-scores, places, and each kind of difference in words."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.analysis.attribution import blocks
from biom_demo.analysis.comparison import Agreement, View, candidates_of, decoded
from biom_demo.analysis.difference import (
    cross_score,
    difference_of,
    heatmap,
    short_names,
    stretch,
    words_of,
)
from biom_demo.qa.records import CharSpan
from biom_demo.qa.spans import decode
from biom_demo.show.words import in_words, ordinal
from tests.readings import comparison_of, reading_of, side_of

TEXT = "BACKGROUND: The gene is CFTR. It is long.\nRESULTS: CFTR or BRCA1 was found."
WORDS = [word.of(TEXT) for word in words_of(TEXT)]
CFTR, BRCA1 = WORDS.index("CFTR"), WORDS.index("BRCA1")
SECOND_CFTR = CFTR + 1 + WORDS[CFTR + 1 :].index("CFTR")

logits = st.dictionaries(st.integers(0, 7), st.floats(-8, 8), max_size=8)


def pair(first, second):
    sides = side_of(TEXT, **first), side_of(TEXT, **second, label="Vanilla-Mini-SQuAD")
    return difference_of(comparison_of(*sides), View())


def at(index, height=9.0):
    return {"start": {index: height}, "end": {index: height}}


@settings(max_examples=150, deadline=None)
@given(logits, logits, st.floats(-8, 8), st.integers(1, 9))
def test_curves_are_the_marginals_of_all_spans(start, end, null, longest):
    text = "one two three four five six seven eight"
    reading = reading_of(text, start, end, null=null)
    words = words_of(text)
    view = View(max_answer_length=longest)
    one = side_of(text, start, end, null=null)
    side = difference_of(comparison_of(one, one), view).sides[0]
    weights = {
        (i, j): np.exp(np.float32(start.get(i, 0)) + np.float32(end.get(j, 0)), dtype=np.float64)
        for i in range(8)
        for j in range(i, min(8, i + longest))
    }
    total = sum(weights.values()) + np.exp(2 * np.float32(null / 2), dtype=np.float64)
    for k in range(8):
        assert side.curve.start[k] == pytest.approx(sum(w for (i, _), w in weights.items() if i == k) / total)
        assert side.curve.end[k] == pytest.approx(sum(w for (_, j), w in weights.items() if j == k) / total)
    assert side.curve.start.sum() == pytest.approx(1 - side.prediction.null_probability)
    assert side.prediction.answers == decode(reading, max_answer_length=longest).answers
    found = heatmap(side, words, size=8)
    for row, i in enumerate(found.starts):
        for column, j in enumerate(found.ends):
            assert found.values[row, column] == pytest.approx(weights.get((i, j), 0.0) / total)


def test_a_view_changes_what_is_listed_and_abstained_and_reads_nothing():
    reading = reading_of(TEXT, **at(CFTR), null=17.0)
    assert decoded(reading, View()).best().text == "CFTR"
    assert decoded(reading, View()).best(null_threshold=-2.0) is None
    assert decoded(reading, View(shown=3)) is decoded(reading, View(null_threshold=5.0))
    assert all(a.text.count(" ") == 0 for a in decoded(reading, View(max_answer_length=1, shown=9)).answers)
    spans = [a.span for a in decoded(reading, View(near_duplicate_threshold=0.0, shown=9)).answers]
    assert not any(a.overlaps(b) for a in spans for b in spans if a is not b)
    assert candidates_of(reading, 30) is candidates_of(reading, 30)


def test_cross_scores_are_ranks_and_logits_under_the_other_model():
    found = pair(at(CFTR), {"start": {BRCA1: 9, CFTR: 5}, "end": {BRCA1: 9, CFTR: 5}})
    own, other = found.cross[0]
    assert (own.rank, own.behind) == (1, 0.0)
    better = sum(found.sides[1].candidates.scores > 10.0)
    assert (other.rank, other.behind) == (1 + better, pytest.approx(8.0))
    assert other.probability == pytest.approx(np.exp(-8) * found.cross[1][1].probability)
    assert cross_score(found.sides[0].candidates, CharSpan(0, 3)) is None  # inside a word
    assert found.sides[0].candidates.index_of(CharSpan(0, len(TEXT) - 1)) is not None


@pytest.mark.parametrize(
    ("first", "second", "agreement", "words"),
    [
        (at(CFTR), at(CFTR), Agreement.AGREE, "Both point at the same place, BACKGROUND, sentence 1."),
        (at(CFTR), at(SECOND_CFTR), Agreement.ELSEWHERE, "The answer is the same, its place is not"),
        (
            at(CFTR),
            {"start": {CFTR - 1: 9}, "end": {CFTR: 9}},
            Agreement.OVERLAP,
            "cut the answer differently: BioM-Mini takes “CFTR”, Vanilla-Mini “is CFTR”",
        ),
        (at(CFTR), at(BRCA1), Agreement.DISAGREE, "Vanilla-Mini at RESULTS, sentence 3 (“BRCA1”)"),
        (at(CFTR) | {"null": 21.0}, at(BRCA1), Agreement.BIOM_ABSTAINS, "finds no answer; if it had to"),
        (at(CFTR), at(BRCA1) | {"null": 21.0}, Agreement.VANILLA_ABSTAINS, "Vanilla-Mini finds no answer"),
        (
            at(CFTR) | {"null": 21.0},
            at(BRCA1) | {"null": 21.0},
            Agreement.BOTH_ABSTAIN,
            "Vanilla-Mini finds no answer",
        ),
    ],
)  # fmt: skip
def test_each_kind_of_difference_is_told_in_words(first, second, agreement, words):
    found = pair(first, second)
    assert found.verdict.agreement is agreement
    assert words in " ".join(in_words(found))


def test_a_disagreement_tells_what_each_makes_of_the_other():
    found = pair(at(CFTR), {"start": {BRCA1: 9, CFTR: 5.5}, "end": {BRCA1: 9, CFTR: 5.5}})
    rank = ordinal(found.cross[0][1].rank)
    times = "about 1,100 times less likely than its own"  # e to the 7 logits that it lies behind
    assert f"Vanilla-Mini ranks BioM-Mini’s answer {rank}, {times}." in in_words(found)


def test_the_stretch_drawn_holds_the_most_probability():
    text = "word " * 50 + "CFTR " + "word " * 49
    found = difference_of(comparison_of(side_of(text, **at(50)), side_of(text, **at(52))), View())
    first, last = stretch(found.sides, len(found.words), 11)
    assert last - first == 11
    assert first <= 50 < last
    assert first <= 52 < last
    assert stretch(found.sides, len(found.words), 200) == (0, 100)


@given(st.text(max_size=60))
def test_words_cover_all_but_white_space_and_do_not_overlap(text):
    covered = [i for word in words_of(text) for i in range(word.start, word.end)]
    assert covered == sorted(set(covered))
    assert all(text[i].isspace() for i in set(range(len(text))) - set(covered))


@given(st.integers(1, 90), st.integers(1, 40))
def test_blocks_are_whole_and_few(count, most):
    made = blocks([CharSpan(10 * i, 10 * i + 9) for i in range(count)], most)
    assert len(made) == min(count, most)
    assert (made[0].start, made[-1].end) == (0, 10 * count - 1)
    assert all(b.start == a.end + 1 for a, b in pairwise(made))


def test_names_are_shortened_only_where_they_stay_distinct():
    assert short_names(["A-SQuAD-BioASQ", "B-SQuAD2"]) == ["A", "B"]
    assert short_names(["A-SQuAD", "A-SQuAD2"]) == ["A-SQuAD", "A-SQuAD2"]


def test_ordinals():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 112, 1003)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th", "1,003rd",
    ]  # fmt: skip


def test_one_side_has_no_difference():
    whole = comparison_of(side_of(TEXT), side_of(TEXT))
    with pytest.raises(ValueError, match="two or more"):
        difference_of(replace(whole, sides=whole.sides[:1]), View())
