"""From what was typed to the abstracts: what was found, what not, and what does not fit."""

from __future__ import annotations

import pytest

from biom_demo.errors import InputError, PubMedError
from biom_demo.pubmed import pace as pace_module
from biom_demo.pubmed import request as request_module
from biom_demo.pubmed.cache import Cache
from biom_demo.pubmed.identify import Identified, Kind, Name, Scheme, identify
from biom_demo.pubmed.lookup import look_up
from biom_demo.pubmed.session import PubMed
from tests.entrez_server import entrez_server, searched, status

CFTR = "90000001"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(request_module, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(pace_module, "PAUSE_S", 0.01)


@pytest.fixture
def server():
    with entrez_server() as made:
        yield made


def looked_up(server, typed, **options):
    identified = typed if isinstance(typed, Identified) else identify(typed)
    with PubMed(base_url=server.url).session() as session:
        return look_up(session, identified, **options)


def test_records_come_with_what_is_to_be_known_of_them(server):
    assert looked_up(server, CFTR).notices == ()
    mixed = looked_up(server, f"{CFTR} PMC404 777")
    assert [record.pmid for record in mixed.records] == [CFTR]
    assert mixed.notices == ("PubMed does not know PMC404.", "PubMed does not know 777.")
    assert mixed.search is None
    assert "no abstract" in looked_up(server, "90000007").notices[0]


def test_a_query_comes_with_pubmeds_answer(server):
    found = looked_up(server, "cystic fibrosis")
    assert found.notices == ("2 records match; read: the first 1.",)
    assert found.search.translation == "cystic fibrosis"
    assert len(looked_up(server, "cystic fibrosis", limit=2).records) == 2


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("777", "does not know 777"),
        ("PMC404", "does not know PMC404"),
        ("xyzzy", r"finds nothing for this query \(xyzzy was not found\)"),
        ("https://example.org/x", "none of PubMed"),
    ],
)
def test_where_nothing_is_found_it_says_so(server, typed, words):
    with pytest.raises(InputError, match=words):
        looked_up(server, typed)


def test_a_name_that_leads_to_a_record_of_another_name_is_said(server):
    names = (
        Name(Scheme.DOI, "10.5555/other"),
        Name(Scheme.DOI, "10.5555/play.1"),
        Name(Scheme.PMID, "90000003"),
    )
    server.faults = [searched(1, ("90000002",))]
    found = looked_up(server, Identified(Kind.RECORDS, "", names=names))
    assert [record.pmid for record in found.records] == ["90000002", CFTR, "90000003"]
    assert found.notices == (
        "PubMed gives PMID 90000002 for 10.5555/other, but that record is 10.5555/play.2. Check it.",
    )


def test_what_cannot_be_asked_is_said_beside_what_is_there(server, tmp_path):
    client = PubMed(base_url=server.url, cache=Cache(tmp_path, max_bytes=10**7, max_age_s=1000.0))
    client.fetch([CFTR])
    server.faults = [status(500)] * 99
    with client.session() as session:
        found = look_up(session, identify(f"{CFTR} PMC9900003"))
    assert [record.pmid for record in found.records] == [CFTR]
    assert found.notices == (
        "PubMed has trouble (HTTP 500). Try again in a minute.",
        "PubMed could not be asked for PMC9900003.",
    )
    with client.session() as session, pytest.raises(PubMedError, match="HTTP 500"):
        look_up(session, identify("90000003"))
