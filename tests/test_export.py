"""Permalinks, Markdown, CSV and JSON: round trips, hostile values, agreement with the answers."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biom_demo.analysis.difference import View, difference
from biom_demo.errors import InputError
from biom_demo.show.export import (
    MAX_LINKED_TEXT_CHARS,
    VIEW_LIMITS,
    Shared,
    comparison_csv,
    comparison_document,
    csv_text,
    link_query,
    markdown,
    read_link,
)
from tests.readings import read_of

HOSTILE = "<b>|*x*_`y`[z](javascript:alert(1))</b> = &"
TEXT = f"The gene is CFTR. {HOSTILE} is not."


def found(text=TEXT, null=0.0):
    heights = {3: 9.0}
    reads = [
        read_of(text, heights, heights),
        read_of(text, {1: 7.0}, {1: 7.0}, null=null, label="=Other"),
    ]
    return difference(reads)


def read_back(query):
    assert query.startswith("?")
    return read_link({key: values[0] for key, values in parse_qs(query[1:], keep_blank_values=True).items()})


views = st.builds(
    View,
    st.integers(-20, 20).map(lambda n: n / 2),
    st.integers(1, 10),
    st.integers(1, 60),
    st.integers(0, 20).map(lambda n: n / 20),
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(st.builds(Shared, words, words, words, words, views))
def test_a_link_brings_back_what_was_put_in(shared):
    back = read_back(link_query(shared))
    if not (shared.typed or shared.text or shared.question):
        assert back is None
    else:
        assert back == shared


@given(
    st.dictionaries(st.sampled_from(["id", "q", "text", "null", "top", "length", "dup", "pair", "x"]), words)
)
def test_any_link_is_read_or_ignored_within_the_limits(parameters):
    shared = read_link(parameters)
    for name, (low, high) in VIEW_LIMITS.items():
        assert low <= getattr(shared.view if shared else View(), name) <= high


def test_numbers_out_of_bounds_and_no_numbers():
    view = read_link({"q": "x", "null": "1e9", "top": "-3", "length": "nan", "dup": "many"}).view
    assert (view.null_threshold, view.shown) == (10.0, 1)
    assert (view.max_answer_length, view.near_duplicate_threshold) == (30, 0.5)


def test_texts_too_long_for_a_link_are_refused():
    with pytest.raises(InputError, match="at most 6,000"):
        link_query(Shared(text="x" * (MAX_LINKED_TEXT_CHARS + 1)))
    with pytest.raises(InputError, match="too long"):
        read_link({"q": "x" * 20_001})


def test_markdown_has_answers_offsets_and_pmids_and_escapes():
    text = markdown(found(), source="PubMed, PMID 1", pmids=["1"])
    assert "**BioM-Mini-SQuAD:** CFTR" in text
    assert f"PMID 1, characters {TEXT.index('CFTR')}–{TEXT.index('CFTR') + 4}" in text
    assert "> The gene is CFTR." in text
    assert "[z](javascript" not in markdown(found(HOSTILE + " gene is CFTR now"), source=HOSTILE)
    abstained = markdown(found(null=30.0), source="pasted text")
    assert "no answer in this text (best guess: gene)" in abstained


def test_csv_rows_are_the_answers_and_formulas_are_disarmed():
    rows = list(csv.DictReader(io.StringIO(comparison_csv(found(), pmids=["1", "2"]))))
    assert rows[0]["answer"] == "CFTR"
    for row in rows:
        assert row["answer"].lstrip("'") == TEXT[int(row["start"]) : int(row["end"])]
        assert row["pmids"] == "1 2"
    assert {row["model"] for row in rows} == {"BioM-Mini-SQuAD", "'=Other"}
    assert csv_text([{"a": "-1+2", "b": -1}]) == "a,b\n'-1+2,-1\n"
    assert csv_text([]) == ""


def test_the_document_is_json_and_agrees_with_the_answers():
    difference_found = found()
    document = json.loads(
        json.dumps(comparison_document(difference_found, source="pasted text", pair="mini"))
    )
    assert document["text"] == TEXT
    for model, side in zip(document["models"], difference_found.sides, strict=True):
        best = model["n_best"][0]
        assert document["text"][best["start"] : best["end"]] == best["text"] == model["answer"]
        assert sum(model["start_probabilities"]) == pytest.approx(1 - model["p_no_answer"], abs=1e-3)
        assert len(model["end_probabilities"]) == len(document["words"])
        assert model["model"] == side.label
    assert [c["rank"] for c in document["cross_scores"]][::3] == [1, 1]
    assert document["in_words"] == difference_found.sentences()
