"""A question becomes PubMed queries, from strict to loose."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biom_demo.pubmed.query import MAX_TERMS, queries


@pytest.mark.parametrize(
    ("question", "rounds"),
    [
        (
            "Which gene is mutated in cystic fibrosis?",
            [
                "gene AND mutated AND (cystic fibrosis)",
                "gene AND mutated AND cystic AND fibrosis",
                "cystic AND fibrosis",
                "(cystic fibrosis)",
            ],
        ),
        (
            'Is "heart failure" treated with SGLT2 inhibitors?',
            [
                '"heart failure" AND treated AND (SGLT2 inhibitors)',
                '"heart failure" AND treated AND SGLT2 AND inhibitors',
                '"heart failure" AND SGLT2 AND inhibitors',
                '"heart failure" OR (SGLT2 inhibitors)',
            ],
        ),
        (
            "What does TNF-alpha, IL-6's partner, do?",
            ["TNF-alpha AND IL-6 AND partner", "TNF-alpha OR IL-6 OR partner"],
        ),
        ("Which drug?", ["drug"]),
        ("What is it?", []),
        ("???", []),
    ],
)
def test_rounds(question, rounds):
    assert queries(question) == rounds


@given(st.text(max_size=300))
def test_no_question_smuggles_in_syntax(question):
    for query in queries(question):
        assert not re.search(r"[\[\]:;?!]", query)
        assert query.count("(") == query.count(")")
        assert query.count('"') % 2 == 0
        assert len(re.findall(r" (?:AND|OR) ", query)) < 2 * MAX_TERMS
