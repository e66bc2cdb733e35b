"""Which spans of a text a person would call an answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.qa.word_edges import WordEdges


def is_whole(text, part, occurrence=0):
    start = -1
    for _ in range(occurrence + 1):
        start = text.index(part, start + 1)
    edges = WordEdges.of(text)
    end = start + len(part)
    assert edges.past_marks[end] >= end
    return bool(
        edges.may_start[start]
        and edges.may_end[end]
        and edges.past_marks[end] == end
        and edges.enclosure[start] == edges.enclosure[end]
    )


# A text, what of it is whole, and what is not.
TABLE = [
    (
        "Poor: CYP2C19*17 carriers.",
        ["CYP2C19*17", "CYP2C19*17 carriers"],
        ["CYP2C", "CYP2C19", "17", "19*17"],
    ),
    ("HLA-B*27:05 is linked.", ["HLA-B*27:05"], ["HLA", "HLA-B", "B*27", "HLA-B*27", "27:05", "05"]),
    ("IL-1β, 5-HT2A and PD-L1", ["IL-1β", "5-HT2A", "PD-L1"], ["IL", "1β", "IL-1", "HT2A", "5", "PD", "L1"]),
    ("SARS-CoV-2 and COVID-19", ["SARS-CoV-2", "COVID-19"], ["SARS", "CoV", "SARS-CoV", "CoV-2", "19"]),
    ("HER2-positive tumours", ["HER2", "HER2-positive", "positive"], ["HER", "HER2-"]),
    ("TNF-alpha-induced death", ["TNF-alpha", "TNF-alpha-induced", "induced"], ["TNF", "alpha"]),
    ("IDH1-Mutant Glioma", ["IDH1", "Mutant"], ["IDH"]),
    (
        "non-small-cell and two-thirds",
        ["non-small-cell", "two-thirds"],
        ["small", "small-cell", "cell", "two"],
    ),
    (
        "X-linked, T-cell, beta-catenin",
        ["X-linked", "T-cell", "beta-catenin"],
        ["X", "linked", "cell", "catenin"],
    ),
    ("Guillain-Barré", ["Guillain-Barré"], ["Guillain", "Barré"]),
    ("anti-CD38, anti-interleukin-6", ["CD38", "anti-CD38", "interleukin-6"], ["anti", "interleukin", "6"]),
    ("anti-inflammatory", ["anti-inflammatory"], ["inflammatory", "anti"]),
    ("65-year-old, 3-fold", ["65-year-old", "3-fold"], ["year", "old", "65", "fold", "3"]),
    ("EGFR/HER2 and PI3K/AKT/mTOR", ["EGFR", "HER2", "EGFR/HER2", "PI3K", "AKT", "mTOR"], ["/HER2"]),
    ("5 mg/kg of ERK1/2 and/or", ["5 mg/kg", "ERK1/2", "and/or"], ["mg", "kg", "5 mg", "ERK1", "2", "or"]),
    ("Wnt/β-catenin, IL-2/IL-15", ["Wnt", "β-catenin", "IL-2", "IL-15"], ["β", "catenin", "IL"]),
    (
        "Ca2+, Na+/K+-ATPase, CD4+ T",
        ["Ca2+", "Na+/K+-ATPase", "CD4+", "CD4+ T"],
        ["Ca2", "Na", "ATPase", "CD4"],
    ),
    ("TNF+IL6", ["TNF", "IL6", "TNF+IL6"], ["TNF+"]),
    ("in 95% at 37°C or −5 °C", ["95%", "37°C", "−5 °C"], ["95", "37", "5 °C", "%"]),
    ("cost $5 or €7", ["$5", "€7"], ["5", "7"]),
    ("p<0.05 of 1,000 at 4·5", ["0.05", "1,000", "4·5"], ["0", "05", "1", "000", "4", "5"]),
    ("from 5–10 to 20", ["5–10", "20"], ["10", "5–"]),
    ("Crohn's and CFTR's", ["Crohn's", "CFTR", "CFTR's"], ["s", "'s"]),
    ("t(9;22)(q34;q11)", ["t(9;22)", "t(9;22)(q34;q11)", "q34"], ["t", "9", "(9;22)", "t(9"]),
    ("1,25(OH)2D3 and Ca(2+)", ["1,25(OH)2D3", "Ca(2+)"], ["1,25", "OH", "2D3", "Ca", "(2+)", "2+"]),
    ("[18F]FDG", ["[18F]FDG"], ["18F", "FDG", "[18F]"]),
    ("interleukin-6(IL-6) rose", ["interleukin-6", "IL-6", "(IL-6)"], ["interleukin", "interleukin-6(IL-6"]),
    (
        "factor (TNF) rose",
        ["factor", "TNF", "factor (TNF)", "(TNF)", "(TNF) rose"],
        ["factor (TNF", "TNF) rose"],
    ),
    ("a (b [c] d) e", ["(b [c] d)", "b [c] d", "[c] d"], ["(b [c]", "b [c", "c] d", "a (b"]),
    ("a) first b) second", ["first", "second"], ["a) first", "first b) second"]),
    ("cut (open text goes on", ["open text goes on", "cut"], ["cut (open", "(open"]),
    ("the “smart” mark", ["smart", "“smart”", "the “smart” mark"], ["the “smart", "smart” mark"]),
    ('the "plain" mark', ["plain", '"plain"', 'the "plain" mark'], ['the "plain', 'plain" mark']),
    ('5" long, "x" ends', ["x", '"x"', "long"], ['long, "x']),
    ("677C>T and p.Val600Glu", ["677C>T", "p.Val600Glu"], ["677C", "T", "Val600Glu", "p"]),
    ("E. coli in the U.S. now", ["E. coli", "E", "U.S.", "coli"], ["U", "S"]),
    ("an infection.2 Then.Next", ["infection", "Then", "Next"], ["infection."]),
    ("mi\u00adRNA and mi\u00adRNA", ["mi\u00adRNA"], ["mi", "RNA"]),
    ("cafe\u0301 e\u0301te\u0301", ["cafe\u0301", "e\u0301te\u0301"], ["cafe", "e\u0301t", "te\u0301"]),
    ("肺癌の治療", ["肺癌", "の", "治療"], []),
    ("word, next. Then; more:", ["word", "next", "Then", "more"], ["word,", "next.", ", next", "more:"]),
    ("a\u200bb", ["a", "b"], []),
]


@pytest.mark.parametrize(("text", "whole", "cut"), TABLE, ids=[row[0] for row in TABLE])
def test_answers_are_whole_words_with_their_brackets(text, whole, cut):
    assert [part for part in whole if not is_whole(text, part)] == []
    assert [part for part in cut if is_whole(text, part)] == []


@pytest.mark.parametrize(
    ("text", "word"), [("cafe\u0301 au", "cafe"), ("mir\u00ad na", "mir"), ("x\u20d7", "x")]
)
def test_a_word_ends_past_its_marks(text, word):
    assert WordEdges.of(text).past_marks[len(word)] == len(word) + 1
    assert WordEdges.of(text).may_end[len(word) + 1]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text("aB1 -/*()[]\"“”'’\u0301\u00ad.,%+<肺\n", max_size=60))
def test_any_text_has_edges_and_spans_hold_whole_pairs(text):
    edges = WordEdges.of(text)
    assert {len(edges.may_start), len(edges.may_end), len(edges.enclosure), len(edges.past_marks)} == {
        len(text) + 1
    }
    assert not edges.may_start[-1]
    assert not edges.may_end[0]
    assert all(i <= end <= len(text) for i, end in enumerate(edges.past_marks.tolist()))
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            if (
                edges.may_start[start]
                and edges.may_end[end]
                and edges.enclosure[start] == edges.enclosure[end]
            ):
                inside = text[start:end]
                for opener, closer in ("()", "[]", "{}"):
                    assert inside.count(opener) == inside.count(closer)
                around = (text[max(start - 1, 0) : start + 1], text[end - 1 : end + 1])
                assert not any(len(two) == 2 and two.isascii() and two.isalnum() for two in around)
