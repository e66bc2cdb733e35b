"""Answers over several contexts become one ranked list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biom_demo.qa.pooling import cleaned, normalized, pool
from biom_demo.qa.records import Answer, CharSpan, Prediction, Question
from biom_demo.qa.short_forms import short_forms

PLAIN = {"exponent": 1.0, "related_share": 0.0, "cluster": False}


def source(*answers, text=""):
    made = tuple(
        Answer(CharSpan(0, len(answer)), answer, probability, probability) for answer, probability in answers
    )
    return text, Prediction(Question("?"), made, 0.0, 0.0)


def test_probabilities_of_one_text_add_up_over_contexts():
    pooled = pool([source(("IL-6", 0.5), ("TNF", 0.3)), source(("tnf,", 0.4), ("il-8", 0.1))], **PLAIN)
    assert [(p.text, round(p.score, 6)) for p in pooled] == [("tnf", 0.7), ("IL-6", 0.5), ("il-8", 0.1)]
    assert [m.source for m in pooled[0].mentions] == [1, 0]
    assert [m.answer.text for m in pooled[0].mentions] == ["tnf,", "TNF"]


def test_many_that_agree_count_more_than_one_that_is_sure():
    sources = [source(("A", 0.6)), *[source(("B", 0.19))] * 3]
    assert [answer.text for answer in pool(sources)] == ["B", "A"]
    assert [answer.text for answer in pool(sources, **PLAIN)] == ["A", "B"]


def test_an_abbreviation_is_one_answer_with_its_long_form_and_ways_of_writing():
    text = "It binds tumor necrosis factor alpha (TNF-alpha)."
    sources = [
        source(("tumor necrosis factor alpha (TNF-alpha)", 0.3), text=text),
        source(("TNF-α", 0.3)),
        source(("TNF alpha", 0.2)),
        source(("the tumor necrosis factor-alpha", 0.2)),
        source(("insulin", 0.7)),
    ]
    first, second = pool(sources)
    assert len(first.mentions) == 4
    assert second.text == "insulin"
    assert len(pool(sources, **PLAIN)) == 5


def test_a_related_answer_lends_weight():
    sources = [source(("CFTR gene", 0.4)), source(("CFTR", 0.3)), source(("BRCA1", 0.42))]
    assert [answer.text for answer in pool(sources)] == ["CFTR gene", "CFTR", "BRCA1"]
    assert pool(sources, related_share=0.0)[0].text == "BRCA1"


def test_long_empty_and_unbalanced_texts_are_left_out():
    found = pool([source(("a" * 101, 0.9), (",", 0.8), ("p53 (TP53", 0.7), ("p53)(", 0.6), ("ok", 0.1))])
    assert [answer.text for answer in found] == ["ok"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("IL-6.", "IL-6"), ("IL-6,,", "IL-6,"), ("(IL-6)", "IL-6"), ("(a) b", "(a) b"), ("p53 (x)", "p53 (x)")],
)
def test_cleaning(text, expected):
    assert cleaned(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("TNF-α", "tnf alpha"), ("The CD4+ cell", "cd4+ cell"), ("5'-end", "5 end"), ("…", "…")],
)
def test_normalisation(text, expected):
    assert normalized(text) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "cystic fibrosis transmembrane regulator (CFTR) opens",
            {"CFTR": "cystic fibrosis transmembrane regulator"},
        ),
        ("We used interleukin 6 (IL-6).", {"IL-6": "interleukin 6"}),
        ("in mice (see Fig) and men (MRI)", {}),
        ("a (b) c (2019)", {}),
        ("heat shock protein (HSP) and heavy saline (HSP)", {"HSP": "heat shock protein"}),
    ],
)
def test_short_forms_are_found_where_they_are_defined(text, found):
    assert short_forms([text]) == found


@given(st.text(max_size=200))
def test_any_text_has_short_forms_that_are_shorter(text):
    assert all(len(long) > len(short) for short, long in short_forms([text, text + " (AB)"]).items())


def test_only_the_top_n_come_back_and_ties_do_not_hang_on_the_order():
    contexts = [source((name, 0.2)) for name in "gfedcba"]
    assert [a.text for a in pool(contexts)] == list("abcde")
    assert [a.text for a in pool(contexts[::-1], top_n=3)] == [a.text for a in pool(contexts, top_n=3)]
    assert pool([]) == []
