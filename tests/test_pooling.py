"""Answers over several contexts become one ranked list."""

from __future__ import annotations

import pytest

from biom_demo.qa.pooling import cleaned, pool
from biom_demo.qa.records import Answer, CharSpan, Prediction, Question


def prediction(index, *answers):
    made = tuple(
        Answer(index, CharSpan(0, len(text)), text, probability, probability) for text, probability in answers
    )
    return Prediction(Question("q", "?"), index, made, 0.0, 0.0)


def test_probabilities_of_one_text_add_up_over_contexts():
    pooled = pool([prediction(0, ("IL-6", 0.5), ("TNF", 0.3)), prediction(1, ("tnf,", 0.4), ("il-8", 0.1))])
    assert [(p.text, round(p.score, 6)) for p in pooled] == [("tnf", 0.7), ("IL-6", 0.5), ("il-8", 0.1)]
    assert [a.context_index for a in pooled[0].evidence] == [1, 0]


def test_long_empty_and_unbalanced_texts_are_left_out():
    found = pool(
        [prediction(0, ("a" * 101, 0.9), (",", 0.8), ("p53 (TP53", 0.7), ("p53)(", 0.6), ("ok", 0.1))]
    )
    assert [answer.text for answer in found] == ["ok"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("IL-6.", "IL-6"), ("IL-6,,", "IL-6,"), ("(IL-6)", "IL-6"), ("(a) b", "(a) b"), ("p53 (x)", "p53 (x)")],
)
def test_cleaning(text, expected):
    assert cleaned(text) == expected


def test_only_the_top_n_come_back_and_ties_do_not_hang_on_the_order():
    contexts = [prediction(i, (name, 0.2)) for i, name in enumerate("gfedcba")]
    assert [a.text for a in pool(contexts)] == list("abcde")
    assert [a.text for a in pool(contexts[::-1], top_n=3)] == list("abc")
    assert pool([]) == []
