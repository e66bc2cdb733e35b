"""Sentence boundaries: hand-checked prose, sections, any Unicode text."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.qa.records import CharSpan
from biom_demo.sentences import sentence_around, split_sentences
from tests.conftest import ROOT

DOCUMENTS = json.loads((ROOT / "tests" / "data" / "sentences.json").read_text("utf-8"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d["title"])
def test_hand_checked_boundaries(document):
    text = " ".join(document["sentences"])
    assert [span.of(text) for span in split_sentences(text)] == document["sentences"]


def test_there_are_200_boundaries_and_100_dots_that_are_none():
    assert sum(len(document["sentences"]) - 1 for document in DOCUMENTS) >= 200
    inner = sum(len(re.findall(r"\.(?=.)", s)) for document in DOCUMENTS for s in document["sentences"])
    assert inner >= 100


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["E. coli", "p < 0.05.", "\n", "METHODS:", "A.", "b"])).map(" ".join)
)
def test_sentences_cover_every_character_but_white_space_in_order(text):
    spans = split_sentences(text)
    covered = set()
    for before, span in zip([CharSpan(0, 0), *spans], spans, strict=False):
        assert before.end <= span.start < span.end
        assert span.of(text) == span.of(text).strip()
        covered |= set(range(span.start, span.end))
    assert all(text[i].isspace() for i in range(len(text)) if i not in covered)


def test_section_labels_and_blank_lines_end_sentences_but_wrapped_lines_do_not():
    text = "BACKGROUND: Iron is an\nessential metal\nMETHODS: Rats were fed.\n\nno full stop here\n\nEnd"
    assert [span.of(text) for span in split_sentences(text)] == [
        "BACKGROUND: Iron is an\nessential metal",
        "METHODS: Rats were fed.",
        "no full stop here",
        "End",
    ]


def test_the_sentence_around_a_span_covers_it():
    text = "E. coli grows. It divides by ca. 20 min. Then it rests."
    start = text.index("20")
    assert sentence_around(text, CharSpan(start, start + 2)).of(text) == "It divides by ca. 20 min."
    across = CharSpan(text.index("grows"), text.index("divides") + 3)
    assert sentence_around(text, across).of(text) == "E. coli grows. It divides by ca. 20 min."
    assert sentence_around("   ", CharSpan(1, 2)) == CharSpan(1, 2)
