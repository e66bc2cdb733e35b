"""The evidence table as the page shows it: numbers that agree, singular and plural, exact marks, flags."""

from __future__ import annotations

import re

import pytest

from biom_demo.analysis.claims import evidence_table
from biom_demo.analysis.comparison import View
from biom_demo.analysis.passage import passage_of_records
from biom_demo.pubmed.abstract import Abstract, Note, NoteKind
from biom_demo.show.cards import personas
from biom_demo.show.claims import (
    SHOWN_QUOTES,
    claims_html,
    papers_html,
    shared_html,
    shared_words,
)
from biom_demo.show.words import listed
from tests.markup import Page
from tests.readings import comparison_of, side_of
from tests.test_claims import OTHER, PAPERS, SHORT, SILENT, read_of, record_of, saying, table_of


def drawn(table, model=0, shown=5):
    return claims_html(table, model, personas([m.checkpoint for m in table.models])[model], shown=shown)


def test_a_claim_shows_support_years_wordings_quote_and_what_is_against_it():
    page = Page(drawn(table_of(*PAPERS)))
    assert "4 abstracts read, silent in 1" in page.text
    assert "supported by 2 of 4 abstracts, 2001–2008" in page.text
    assert "supported by 1 of 4 abstracts, 2005" in page.text
    assert "also written “" in page.text
    assert "1 abstract answers otherwise, 1 is silent" in page.text
    assert "“insulin”: PMID 3" in page.text
    assert "no answer: PMID 4" in page.text
    assert "of the evidence" not in page.text
    assert {text for _, text in page.marked} >= {"TNF-alpha", "insulin"}
    assert "https://pubmed.ncbi.nlm.nih.gov/3/" in [v for n, v in page.attributes if n == "href"]


@pytest.mark.parametrize(
    ("papers", "words"),
    [
        (
            [(SHORT, "TNF-alpha", "")],
            ["supported by 1 of 1 abstract, 2008", "1 abstract read, an answer in it"],
        ),
        (
            [(SHORT, "TNF-alpha", ""), (OTHER, "insulin", "")],
            ["2 abstracts read, an answer in each", "1 abstract answers otherwise"],
        ),
        ([(SHORT, "TNF-alpha", ""), (SILENT, "", "")], ["1 abstract is silent"]),
        (
            [(SHORT, "TNF-alpha", ""), (SILENT, "", ""), (record_of("5", "Nor of this."), "", "")],
            ["supported by 1 of 3 abstracts", "2 abstracts are silent"],
        ),
        (
            [(SHORT, "TNF-alpha", ""), (OTHER, "insulin", ""), (record_of("6", "It is iron."), "iron", "")],
            ["2 abstracts answer otherwise"],
        ),
    ],
)
def test_one_is_singular_and_more_are_plural(papers, words):
    text = Page(drawn(table_of(*papers))).text
    for expected in words:
        assert expected in text
    assert not re.search(r"\b1 (abstracts|answers|claims)\b", text)


def test_the_mark_is_at_the_answer_and_not_at_an_earlier_mention():
    text = "The gene CFTR is not BRCA1 and CFTR is the cause."
    record = record_of("1", text)
    at_second = saying(text, "CFTR", after="BRCA1", label="B")
    read = comparison_of(at_second, saying(text, "", label="V"), passage=passage_of_records((record,)))
    html = drawn(evidence_table("?", [read], read.checkpoints, View()))
    assert "BRCA1 and <mark>CFTR</mark> is the cause" in html


def test_retractions_and_concerns_stand_at_the_claim_and_at_the_abstract():
    gone = record_of("9", "It is CFTR.", notes=(Note(NoteKind.RETRACTED_BY, "10", "J 2010"),))
    doubted = record_of("8", "CFTR is it.", notes=(Note(NoteKind.CONCERN_BY, "11", "J 2011"),))
    sound = record_of("7", "The cause is CFTR.", notes=(Note(NoteKind.PREPRINT),))
    html = drawn(table_of((gone, "CFTR", ""), (doubted, "CFTR", ""), (sound, "CFTR", "")))
    page = Page(html)
    assert "PMID 9: This article was retracted: J 2010." in page.text
    assert "PMID 8: An expression of concern was published" in page.text
    assert html.count('class="warning"') == 2
    assert "preprint" in page.text
    table = papers_html(table_of((gone, "CFTR", ""), (sound, "CFTR", "")))
    assert "retracted" in table.split("<tr>")[2]


def test_which_claims_are_shared_is_said_in_one_sentence_and_marked():
    table = table_of(*PAPERS)
    html = drawn(table)
    assert html.count("both models") >= 2
    words = shared_words(table, shown=10)
    assert words.startswith(("Both models claim “", "Both models make the same"))
    assert words.count(".") == 1
    apart = table_of((SHORT, "TNF-alpha", "joints"))
    assert shared_words(apart, shown=1) == (
        "The two models share none of these claims; B alone “TNF-alpha”; V alone “joints”."
    )
    same = table_of((SHORT, "TNF-alpha", "TNF-alpha"))
    assert shared_words(same, shown=1) == "Both models make the same claim, “TNF-alpha”."
    assert shared_html(table_of((SHORT, "TNF-alpha", "")), shown=5) == ""


def test_what_is_not_listed_is_said():
    table = table_of(*PAPERS)
    dropped = table.models[0].dropped
    text = Page(drawn(table, shown=1)).text
    assert f"{dropped} answers left out: below 1% in every abstract" in text
    further = len(table.models[0].claims) - 1
    assert f"{further} more claim" in text
    silent = table_of((SILENT, "", ""))
    assert "finds no answer in any of these abstracts" in Page(drawn(silent)).text


def test_many_quotes_end_in_a_list_of_pmids():
    papers = [(record_of(str(n), f"The gene no. {n} is CFTR."), "CFTR", "") for n in range(SHOWN_QUOTES + 3)]
    html = drawn(table_of(*papers), shown=1)
    assert f"{SHOWN_QUOTES + 2} more abstracts" in html
    assert html.count("<mark>") == SHOWN_QUOTES + 1
    assert "and PMID" in html


def test_the_table_has_a_row_a_paper_that_can_be_sorted():
    html = papers_html(table_of(*PAPERS))
    rows = html.split("<tr>")[2:]
    assert [row.count("<td") for row in rows] == [7] * 4
    page = Page(html)
    assert [v for n, v in page.attributes if n == "data-record"] == ["1", "2", "3", "4"]
    assert [v for n, v in page.attributes if n == "data-column"] == list("123456")
    values = [re.findall(r'data-value="([^"]*)"', row) for row in rows]
    assert [v[0] for v in values] == ["2001", "2008", "2005", ""]
    assert values[0][1] == values[0][3]  # the same claim sorts together, however it is written
    assert values[3][1:5] == ["", "", "", ""]
    assert float(values[0][2]) > 0.5
    assert "∅ both abstain" in rows[3]
    assert papers_html(evidence_table("?", [], (), View())) == ""


def test_support_is_of_lower_answers_where_no_abstract_has_it_first():
    text = "CFTR or BRCA1 may be it."
    unsure = side_of(text, {0: 9.0, 2: 8.0}, {0: 9.0, 2: 8.0}, label="B")
    passage = passage_of_records((record_of("1", text, year=2000),))
    read = comparison_of(unsure, saying(text, "", label="V"), passage=passage)
    html = drawn(evidence_table("?", [read], read.checkpoints, View()), shown=10)
    assert "no abstract’s first answer; a lower one in 1 of 1 abstract, 2000" in Page(html).text


def test_things_are_listed():
    assert [listed(list(things)) for things in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]


def test_a_table_of_a_hundred_abstracts_can_be_sent():
    papers = [
        (Abstract(str(n), f"T{n}", f"Gene{n % 7} is it.", (), True, year=2000), f"Gene{n % 7}", "")
        for n in range(100)
    ]
    table = evidence_table("?", read_of(*papers), read_of(papers[0])[0].checkpoints, View())
    assert len(drawn(table)) + len(papers_html(table)) < 250_000


def test_a_record_without_a_pmid_goes_by_its_name_wherever_it_is_named():
    records = [
        record_of("", text, called=f"Abstract {n}") for n, text in enumerate(("It is CFTR.", "Of CFTR."))
    ]
    quiet = record_of("", "Nothing <b>here</b>.", called="Abstract 2")
    table = table_of(
        (records[0], "CFTR", ""), (records[1], "CFTR", ""), (quiet, "", ""), (SHORT, "TNF-alpha", "")
    )
    page = Page(drawn(table))
    assert "“TNF-alpha”: PMID 2" in page.text
    assert "no answer: Abstract 2" in page.text
    assert {v for n, v in page.attributes if n == "href"} == {"https://pubmed.ncbi.nlm.nih.gov/2/"}
    page = Page(papers_html(table))
    assert [v for n, v in page.attributes if n == "data-record"] == [
        "Abstract-0",
        "Abstract-1",
        "Abstract-2",
        "2",
    ]
    assert "Nothing <b>here</b>. Abstract 2" in page.text
    assert "PMID ," not in page.text
