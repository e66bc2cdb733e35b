"""One question over many abstracts: searching, reading in parts, pooling without reading anew."""

from __future__ import annotations

import json
import threading
import tracemalloc

import pytest

from biom_demo.analysis.comparison import Agreement, View
from biom_demo.analysis.literature import (
    Retrieved,
    Round,
    Search,
    findings,
    queries_to_try,
    read_abstracts,
    retrieve,
    search,
)
from biom_demo.cli import main
from biom_demo.errors import InputError, PubMedCancelled, PubMedError
from biom_demo.pubmed.local_server import article_xml
from biom_demo.pubmed.pace import Pace
from biom_demo.pubmed.parse import parse_articles
from biom_demo.pubmed.session import PubMed, Searched
from tests.entrez_server import PLAY, entrez_server
from tests.site import MINI, WordModels

PAIR = MINI.checkpoints
BIOM, VANILLA = 0, 1


def records(items=PLAY):
    xml = "".join(map(article_xml, items))
    return [r for r in parse_articles(f"<PubmedArticleSet>{xml}</PubmedArticleSet>".encode()) if r.text]


def models(biom="CFTR", vanilla="IL"):
    return WordModels({MINI.biom: biom, MINI.vanilla: vanilla})


def retrieved(given, question="Which gene?"):
    found = Searched(len(given), tuple(record.pmid for record in given))
    return Retrieved(question, Search((Round("gene", found),), found.pmids), tuple(given))


def test_abstracts_are_read_a_few_at_a_time_and_reading_stops_when_told():
    given, readers = records() * 3, models()
    read = list(read_abstracts(retrieved(given), PAIR, readers))
    assert [comparison.passage.records for comparison in read] == [(record,) for record in given]
    assert [count for checkpoint, count in readers.calls if checkpoint is MINI.biom] == [8, 8, 8]
    stop = threading.Event()
    cut = []
    for comparison in read_abstracts(retrieved(given), PAIR, models().visit(stop=stop)):
        cut.append(comparison)
        stop.set()
    assert len(cut) == 8  # what was under way is not lost


def test_findings_lead_back_to_sentences_and_nothing_is_read_anew():
    readers = models("CFTR", "TNF-alpha")
    read = list(read_abstracts(retrieved(records()), PAIR, readers))
    calls = list(readers.calls)
    found, *others = findings(read, BIOM, top_n=50)
    assert found.text == "CFTR"
    assert found.share > 3 * max(other.share for other in others)
    assert {e.record.pmid for e in found.evidence} == {"90000001", "90000002"}
    for e in found.evidence:
        assert e.answer.span.of(e.record.text) == "CFTR"
        assert "CFTR" in e.sentence
    # A looser threshold lets the unsure ones speak.
    assert len(findings(read, BIOM, top_n=5000, null_threshold=30.0)) > 1 + len(others)
    assert len(findings(read, BIOM, top_n=1, null_threshold=30.0)) == 1
    assert findings(read, BIOM, top_n=5, null_threshold=-20.0) == []
    assert readers.calls == calls
    kinds = {c.passage.pmids[0]: c.verdict(View()).agreement for c in read}
    assert kinds["90000001"] is Agreement.VANILLA_ABSTAINS
    assert kinds["90000008"] is Agreement.BOTH_ABSTAIN


def test_500_abstracts_are_read_in_bounded_memory():
    items = [
        {"pmid": str(i), "title": f"Gene{i % 7} of trial {i}", "sections": [["", "word " * 200]]}
        for i in range(1, 501)
    ]
    with entrez_server(items) as server, PubMed(base_url=server.url, pace=Pace()).session() as session:
        made = search(["zebra unicorn", "trial"], session, limit=500)
        assert (made.telling.query, made.telling.found.count) == ("trial", 500)
        fetched = retrieve("Which gene?", made, session)
    tracemalloc.start()
    read = list(read_abstracts(fetched, PAIR, models("Gene3", "Gene4")))
    best = findings(read, BIOM, top_n=5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(read) == 500
    assert len(best[0].evidence) == sum(i % 7 == 3 for i in range(1, 501))
    assert peak < 60e6


def test_a_users_query_is_taken_as_it_is():
    assert queries_to_try("Which gene?", " aspirin[ti] ") == ["aspirin[ti] AND hasabstract"]
    made = queries_to_try("Which gene causes CF?", "")
    assert all("CF" in query and query.endswith("AND hasabstract") for query in made)
    for question, query, words in (("What is it?", "", "no word"), ("Which gene?", "x" * 3000, "at most")):
        with pytest.raises(InputError, match=words):
            queries_to_try(question, query)
    with pytest.raises(ValueError, match="at least one"):
        search([], None, limit=1)


class Searches:
    """In the place of a session: what each query finds, or what it raises."""

    def __init__(self, found):
        self.found, self.asked = found, []

    def search(self, query, *, limit, newest_first):
        self.asked.append(query)
        pmids = self.found[query]
        if isinstance(pmids, Exception):
            raise pmids
        return Searched(len(pmids), tuple(pmids)[:limit], "", (f"{query} warned",))


def test_looser_queries_follow_until_about_as_many_are_found_as_were_asked_for():
    session = Searches({"a AND b": "1", "a": "123", "a OR b": "23456789"})
    made = search(list(session.found), session, limit=8)
    assert made.pmids == tuple("12345678")  # what a stricter query found stands first
    assert made.telling.query == "a AND b"
    assert made.warnings == ("a AND b warned", "a warned", "a OR b warned")
    session = Searches({"a AND b": "1", "a": "1234", "a OR b": "23456789"})
    assert search(list(session.found), session, limit=4).pmids == tuple("1234")
    assert session.asked == ["a AND b", "a"]
    with pytest.raises(InputError, match=r"finds nothing for “b”.*b warned"):
        search(["a", "b"], Searches({"a": "", "b": ""}), limit=4)


def test_what_was_found_before_pubmed_failed_is_kept():
    failing = {"a": "12", "b": PubMedError("PubMed has trouble.")}
    made = search(list(failing), Searches(failing), limit=9)
    assert made.pmids == ("1", "2")
    assert "PubMed has trouble" in made.trouble
    for error in (PubMedError("It has trouble."), PubMedCancelled("Stopped.")):
        with pytest.raises(type(error)):
            search(["a", "b"], Searches({"a": "", "b": error}), limit=9)
    with pytest.raises(PubMedCancelled):
        search(["a", "b"], Searches({"a": "1", "b": PubMedCancelled("Stopped.")}), limit=9)


def test_the_command_line_asks_pubmed(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("BIOM_CACHE", str(tmp_path))
    with entrez_server() as server:
        monkeypatch.setenv("BIOM_ENTREZ_URL", server.url)
        question = "Which gene is mutated in cystic fibrosis?"
        assert main(["ask", question, "--pmid", "10.5555/play.1", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["pmids"] == ["90000001"]
        answer = document["biom"]["answer"]
        assert document["text"][answer["start"] : answer["end"]] == answer["text"]
        assert main(["ask", question, "--query", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert "cystic fibrosis" in document["query"]
        assert document["query"].endswith("AND hasabstract")
        assert document["read"] == 2
        assert document["biom"]["answers"][0]["evidence"]
        assert main(["ask", question, "--query", "cystic", "--top", "1"]) == 0
        out = capsys.readouterr().out
        assert "2 records match “cystic AND hasabstract”; read: the first 1." in out
        assert "PMID 90000001" in out
        assert main(["ask", question, "--pmid", "90000006"]) == 0
        assert "This article was retracted" in capsys.readouterr().out
        for arguments, words in (
            (["--pmid", "cystic fibrosis"], "names no PubMed record"),
            (["--pmid", "12"], "does not know 12"),
            (["--query", "xyzzy"], "finds nothing"),
        ):
            assert main(["ask", question, *arguments]) == 2
            assert words in capsys.readouterr().err
    monkeypatch.setenv("BIOM_PUBMED_BUDGET", "2")
    assert main(["ask", question, "--pmid", "90000004"]) == 2
    assert "cannot be reached" in capsys.readouterr().err
