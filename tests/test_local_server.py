"""The local server's search: enough of PubMed's to play with the queries the page makes."""

from __future__ import annotations

import pytest

from biom_demo.pubmed.local_server import Library
from biom_demo.pubmed.parse import parse_search

RECORDS = [
    {
        "pmid": "1",
        "title": "CFTR in cystic fibrosis",
        "sections": [["", "Tumor necrosis factor alpha."]],
        "year": 1,
    },
    {"pmid": "2", "title": "Cystic kidneys", "sections": [["", "TNF and factor X."]], "year": 3},
    {"pmid": "3", "title": "Fibrosis, TNF", "year": 2, "doi": "10.5555/three"},
]


def found(term, **parameters):
    _, _, body = Library(RECORDS).answer("esearch", {"term": term, **parameters})
    return parse_search(body)


@pytest.mark.parametrize(
    ("term", "pmids"),
    [
        ("cystic", "12"),
        ("cystic fibrosis", "1"),
        ("cystic AND fibrosis[ti]", "1"),
        ("cystic OR fibrosis", "123"),
        ("fibrosis NOT cystic", "3"),
        ("cystic NOT tnf OR fibrosis", "13"),
        ('"cystic fibrosis"', "1"),
        ('"fibrosis cystic"', ""),
        ('("tumor necrosis factor alpha" OR TNF) AND fibrosis', "13"),
        ('fibrosis AND ("tumor necrosis factor alpha"[tiab] OR TNF[tiab]) AND hasabstract', "1"),
        ("fibros* AND hasabstract[text]", "1"),
        ('"10.5555/THREE"[doi]', "3"),
        ("((cystic", "12"),
        ("cystic))", "12"),
        ("OR OR", ""),
        ("[ti]", ""),
        ("", ""),
        ("(" * 50_000 + "cystic", "12"),
    ],
)
def test_queries_are_understood_as_pubmed_does(term, pmids):
    assert "".join(sorted(found(term).pmids)) == pmids


def test_what_occurs_nowhere_is_said():
    answer = found("cystic xyzzy")
    assert (answer.count, answer.pmids) == (0, ())
    assert "xyzzy" in " ".join(answer.warnings)


def test_the_newest_come_first_where_asked_for():
    assert found("cystic OR fibrosis", sort="pub_date").pmids == ("2", "3", "1")
    assert found("cystic OR fibrosis", retmax="1", sort="relevance").count == 3
    assert len(found("cystic OR fibrosis", retmax="nonsense").pmids) == 3
