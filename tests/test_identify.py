"""What an input is taken for: every way to name a record, queries, text, addresses of others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biom_demo.pubmed.identify import MAX_NAMES, Kind, Name, Scheme, identify

PMID, PMCID, DOI = Scheme.PMID, Scheme.PMCID, Scheme.DOI


@pytest.mark.parametrize(
    ("typed", "scheme", "value"),
    [
        ("12345", PMID, "12345"),
        ("  0012345 ", PMID, "12345"),
        ("PMID: 12345", PMID, "12345"),
        ("pmid12345", PMID, "12345"),
        ("PMID 12345.", PMID, "12345"),
        ("12345.2", PMID, "12345"),  # a version
        ("PMC1234567", PMCID, "PMC1234567"),
        ("pmcid: pmc0012", PMCID, "PMC12"),
        ("PMC12.1", PMCID, "PMC12"),
        ("10.1038/Nature123", DOI, "10.1038/nature123"),
        ("doi:10.1038/nature123.", DOI, "10.1038/nature123"),
        ("DOI 10.1002/(SICI)1097-0142(19990101)", DOI, "10.1002/(sici)1097-0142(19990101)"),
        ("10.1234/x).", DOI, "10.1234/x"),
        ("https://doi.org/10.1234/a%2Fb", DOI, "10.1234/a/b"),
        ("http://dx.doi.org/10.1234/ab?utm=1", DOI, "10.1234/ab"),
        ("https://pubmed.ncbi.nlm.nih.gov/12345/", PMID, "12345"),
        ("pubmed.ncbi.nlm.nih.gov/12345?from=x#top", PMID, "12345"),
        ("https://www.ncbi.nlm.nih.gov/pubmed/12345", PMID, "12345"),
        ("https://www.ncbi.nlm.nih.gov/m/pubmed/12345/", PMID, "12345"),
        ("https://pubmed.ncbi.nlm.nih.gov/?term=12345", PMID, "12345"),
        ("https://www.ncbi.nlm.nih.gov/pmc/articles/PMC12/", PMCID, "PMC12"),
        ("https://pmc.ncbi.nlm.nih.gov/articles/PMC12/#sec1", PMCID, "PMC12"),
        ("https://europepmc.org/article/MED/12345", PMID, "12345"),
        ("europepmc.org/abstract/med/12345", PMID, "12345"),
        ("https://europepmc.org/article/PMC/PMC12", PMCID, "PMC12"),
        ("https://europepmc.org/articles/pmc12", PMCID, "PMC12"),
    ],
)
def test_a_record_is_named(typed, scheme, value):
    found = identify(typed)
    assert found.kind is Kind.RECORDS
    assert found.names == (Name(scheme, value),)
    assert value in found.explanation


def test_several_records_in_any_mix_each_once():
    found = identify("12345, PMID: 678;\n10.1234/x PMC9\n12345")
    assert found.names == (
        Name(PMID, "12345"),
        Name(PMID, "678"),
        Name(DOI, "10.1234/x"),
        Name(PMCID, "PMC9"),
    )
    assert found.explanation == "2 PMIDs and 1 PMCID and 1 DOI, read as one text."
    many = identify(" ".join(str(i) for i in range(1, MAX_NAMES + 50)))
    assert f"Only the first {MAX_NAMES}" in many.explanation


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("cystic fibrosis", "cystic fibrosis"),
        ("aspirin[ti] AND 2020[dp]", "aspirin[ti] AND 2020[dp]"),
        ("(a OR b) NOT c", "(a OR b) NOT c"),
        ("Which gene causes cystic fibrosis?", "Which gene causes cystic fibrosis"),
        ("https://pubmed.ncbi.nlm.nih.gov/?term=cystic+fibrosis&sort=date", "cystic fibrosis"),
        ("https://www.ncbi.nlm.nih.gov/pubmed/?term=TNF%5Bti%5D", "TNF[ti]"),
        ("https://europepmc.org/search?query=insulin", "insulin"),
        ("12345 and more", "12345 and more"),
        ("BRCA1", "BRCA1"),
        ("0", "0"),
        ("cancer[mh] " + "AND gene" * 30, "cancer[mh] " + "AND gene" * 30),
    ],
)
def test_a_query_keeps_its_own_syntax(typed, query):
    found = identify(typed)
    assert found.kind is Kind.QUERY
    assert found.query == query


@pytest.mark.parametrize(
    "typed",
    [
        "Insulin lowers glucose in most patients.",
        "word " * 25,
        "We studied 12 mice (3 died). Results follow.\n\nMETHODS: none.",
        "Does it help? We asked 100 people in two towns. It did.",
    ],
)
def test_text_is_text(typed):
    assert identify(typed).kind is Kind.TEXT


@pytest.mark.parametrize(
    "typed", ["https://example.org/paper.pdf", "doi.org/nothing", "https://pubmed.ncbi.nlm.nih.gov/help/"]
)
def test_other_addresses_say_what_is_taken(typed):
    found = identify(typed)
    assert found.kind is Kind.FOREIGN_ADDRESS
    assert "PMID or DOI" in found.explanation


def test_nothing_is_empty():
    assert identify(" \n ").kind is Kind.EMPTY


@given(st.text(max_size=300))
def test_any_input_is_understood_somehow(typed):
    found = identify(typed)
    assert bool(found.names) == (found.kind is Kind.RECORDS)
    assert bool(found.query) == (found.kind is Kind.QUERY)
    assert bool(found.explanation) == (found.kind is not Kind.EMPTY)


@given(st.integers(1, 99_999_999))
def test_every_way_to_write_a_pmid_is_the_same_record(number):
    ways = [f"{number}", f"PMID:{number}", f"pubmed.ncbi.nlm.nih.gov/{number}/"]
    assert {identify(way).names for way in ways} == {(Name(PMID, str(number)),)}
