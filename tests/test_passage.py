"""What is read: sections of records and of pastes, places, and input that cannot be used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biom_demo.analysis.passage import (
    check_input,
    passage_of_records,
    passage_of_text,
    place_of,
    readable,
)
from biom_demo.errors import InputError
from biom_demo.pubmed.local_server import article_xml
from biom_demo.pubmed.parse import parse_articles
from biom_demo.qa.records import CharSpan

TEXT = "BACKGROUND: The gene is CFTR. It is long.\nRESULTS: CFTR or BRCA1 was found."


def records(*items):
    xml = "".join(map(article_xml, items))
    return tuple(parse_articles(f"<PubmedArticleSet>{xml}</PubmedArticleSet>".encode()))


def item(pmid, title, *sections):
    return {"pmid": pmid, "title": title, "sections": [list(section) for section in sections]}


def test_sections_of_records_are_pubmeds_own_also_of_several():
    # A line of the text that looks like a label is none where PubMed says so.
    first = item("1", "A gene", ["BACKGROUND", "It is CFTR."], ["RESULTS", "It broke. NOTE: seen twice."])
    second = item("2", "Another gene", ["", "BRCA1 it is."])
    passage = passage_of_records(records(first, second), named="1 2")
    assert [passage.text[s.start : s.end] for s in passage.sections] == [
        "A gene.",
        "It is CFTR.",
        "It broke. NOTE: seen twice.",
        "Another gene.",
        "BRCA1 it is.",
    ]
    assert [label.of(passage.text) for label in passage.labels] == ["BACKGROUND:", "RESULTS:"]
    assert passage.section_at(passage.text.index("CFTR")) == "BACKGROUND"
    assert passage.section_at(passage.text.index("BRCA1")) == ""
    assert passage.source == "PubMed, PMID 1, 2"
    assert passage.pmids == ("1", "2")


def test_sections_of_a_paste_are_guessed_from_its_lines():
    passage = passage_of_text("Title.\n" + TEXT)
    assert [s.label for s in passage.sections] == ["BACKGROUND", "RESULTS"]
    assert [label.of(passage.text) for label in passage.labels] == ["BACKGROUND:", "RESULTS:"]
    assert passage.section_at(0) == ""
    assert passage.section_at(passage.text.index("BRCA1")) == "RESULTS"
    assert passage.source == "pasted text"


@given(st.text(alphabet="AB: \n.é", max_size=80), st.integers(0, 80))
def test_sections_are_inside_and_in_order(text, position):
    passage = passage_of_text(text)
    ends = 0
    for section, label in zip(passage.sections, passage.labels, strict=True):
        assert ends <= label.start < label.end <= section.start <= section.end <= len(passage.text)
        assert label.of(passage.text) == section.label + ":"
        ends = section.end
    assert isinstance(passage.section_at(position), str)


def test_places_name_section_and_sentence():
    passage = passage_of_text(TEXT)
    assert str(place_of(passage, CharSpan(24, 28))) == "BACKGROUND, sentence 1"
    assert str(place_of(passage, CharSpan(TEXT.index("BRCA1"), len(TEXT)))) == "RESULTS, sentence 3"
    assert str(place_of(passage_of_text("It is CFTR."), CharSpan(6, 10))) == "sentence 1"


@pytest.mark.parametrize(
    ("text", "question", "words"),
    [
        ("", "Which?", "no text yet"),
        ("  \n", "Which?", "no text yet"),
        ("text", "", "no question yet"),
        ("text", "?!", "holds no word"),
        ("text", "which " * 400, "one sentence"),
        ("x" * 2_000, "Which?", "at most 1,000"),
        ("PK\x03\x04\x00\x00" * 20, "Which?", "ZIP file"),
    ],
)
def test_input_that_cannot_be_used_is_told_what_to_change(text, question, words):
    with pytest.raises(InputError, match=words):
        check_input(text, question, max_chars=1_000)


@given(st.text())
def test_readable_text_keeps_its_offsets_and_can_be_sent(text):
    made = readable(text)
    assert len(made) == len(text)
    made.encode("utf-8")
    assert readable(None) == ""


def test_a_paste_is_read_as_a_person_would_write_it_and_leads_back_to_what_was_given():
    given_text = "Patients got dobu-\ntamine and IL-1&#x3b2; was high."
    passage = passage_of_text(given_text)
    assert passage.text == "Patients got dobutamine and IL-1β was high."
    for word, as_given in (("dobutamine", "dobu-\ntamine"), ("IL-1β", "IL-1&#x3b2;"), ("high", "high")):
        at = passage.text.index(word)
        assert passage.in_given(CharSpan(at, at + len(word))).of(given_text) == as_given
    exact = passage_of_text(given_text, exactly=True)
    assert exact.text == given_text
    assert exact.in_given(CharSpan(3, 9)) == CharSpan(3, 9)
    assert passage_of_text(TEXT).mended is None
