"""Results in plain words: numbers and agreements."""

from __future__ import annotations

import pytest

from biom_demo.analysis.comparison import Agreement, Verdict
from biom_demo.analysis.literature import Round, Search
from biom_demo.pubmed.session import Searched
from biom_demo.qa.calibration import Bin
from biom_demo.qa.records import Answer, CharSpan
from biom_demo.show.words import (
    AGREEMENT_WORDS,
    as_sure_words,
    counted,
    ordinal,
    percent,
    search_words,
    translation_words,
    verdict_words,
)


def test_probabilities_are_never_rounded_to_certainty():
    shares = (0.0, 0.0005, 0.001, 0.123, 0.999, 0.9995, 1.0)
    assert list(map(percent, shares)) == [
        "0.0%", "< 0.1%", "0.1%", "12.3%", "99.9%", "> 99.9%", "100.0%",
    ]  # fmt: skip


def test_numbers_have_their_plural():
    assert [counted(n, "abstract") for n in (0, 1, 2, 1200)] == [
        "0 abstracts", "1 abstract", "2 abstracts", "1,200 abstracts",
    ]  # fmt: skip
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 21, 112, 1003)] == [
        "1st", "2nd", "3rd", "4th", "11th", "21st", "112th", "1,003rd",
    ]  # fmt: skip


@pytest.mark.parametrize("agreement", Agreement)
def test_every_agreement_has_words_and_names_of_models_are_no_templates(agreement):
    told = AGREEMENT_WORDS[agreement]
    assert told.icon
    assert told.short
    answer = Answer(CharSpan(0, 4), "{f1} {biom.__class__}", 1.0, 0.5)
    said = verdict_words(Verdict(agreement, 0.5, answer, answer), "{vanilla}", "{0}")
    assert said.startswith(told.lead)
    assert said.endswith(".")
    if "biom_text" in told.rest:
        assert "“{f1} {biom.__class__}”" in said
    if "{vanilla}" in told.rest:
        assert "{0}" in said


def test_a_verdict_in_a_sentence():
    answers = Answer(CharSpan(0, 4), "CFTR", 1.0, 0.5), Answer(CharSpan(9, 12), "ALK", 1.0, 0.5)
    assert (
        verdict_words(Verdict(Agreement.DISAGREE, 0.0, *answers), "B", "V")
        == "Disagree: B answers “CFTR”, V “ALK”."
    )
    overlap = verdict_words(Verdict(Agreement.OVERLAP, 2 / 3, *answers), "B", "V")
    assert overlap == "Overlap: B answers “CFTR”, V “ALK”."


def test_a_search_tells_its_rounds_and_what_pubmed_made_of_the_query():
    strict = Round("a AND b", Searched(1, ("1",), '"a"[MeSH] AND b[All Fields]'))
    loose = Round("a", Searched(1200, ("1", "2")))
    empty = Round("a b c", Searched(0, ()))
    assert search_words(Search((empty, strict, loose), ("1", "2")), 2) == (
        "1 record match “a AND b”; 1,200 match the looser “a”; read: the first 2. "
        'PubMed read the query as: "a"[MeSH] AND b[All Fields]'
    )
    assert search_words(Search((loose,), ("1",)), 1) == "1,200 records match “a”; read: the first 1."
    assert translation_words("Cystic", "cystic") == ""


@pytest.mark.parametrize(
    ("alike", "words"),
    [
        (Bin(0.6, 0.7, 83, 0.65, 46 / 83), "Of 83 answers about this sure (60–70%), 55% were right on B."),
        (Bin(0.9, 1.0, 1250, 0.95, 1249 / 1250),
         "Of 1,250 answers about this sure (90–100%), > 99% were right on B."),
        (Bin(0.0, 0.3, 250, 0.1, 1 / 250), "Of 250 answers about this sure (0–30%), < 1% were right on B."),
        (Bin(0.3, 0.4, 20, 0.3, 1.0), "Of 20 answers about this sure (30–40%), 100% were right on B."),
        (Bin(0.3, 0.4, 20, 0.3, 0.0), "Of 20 answers about this sure (30–40%), 0% were right on B."),
    ],
)  # fmt: skip
def test_how_often_answers_as_sure_were_right_in_words(alike, words):
    assert as_sure_words("B", alike) == words
