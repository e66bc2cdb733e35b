"""One question over many abstracts: reading in parts, pooling without reading anew, the command line."""

from __future__ import annotations

import json
import threading
import tracemalloc

import pytest

from biom_demo.__main__ import main
from biom_demo.analysis.comparison import Agreement
from biom_demo.analysis.literature import find_records, findings, literature_json, read_all, tries_of
from biom_demo.pubmed.local_server import article_xml
from biom_demo.pubmed.parse import Found, parse_articles
from biom_demo.pubmed.session import Pace, PubMed
from biom_demo.qa.records import Answer, CharSpan, Prediction, Question
from biom_demo.show.pubmed import findings_html, record_html, table_html, warning_html
from tests.entrez_server import PLAY, entrez_server


class WordReader:
    """Answers with the word it is told, where a text has it; else it abstains."""

    def __init__(self, word, probability=0.8):
        self.word, self.probability, self.calls = word, probability, 0

    def read(self, question, contexts):
        self.calls += 1
        made = []
        for index, context in enumerate(contexts):
            at = context.find(self.word)
            if at < 0:
                first = Answer(index, CharSpan(0, 3), context[:3], -5.0, 0.01)
                made.append(Prediction(question, index, (first,), 5.0, 0.99))
            else:
                span = CharSpan(at, at + len(self.word))
                answer = Answer(index, span, self.word, 5.0, self.probability)
                made.append(Prediction(question, index, (answer,), 0.0, 1 - self.probability))
        return made


def records(items=PLAY):
    xml = "".join(map(article_xml, items))
    return [r for r in parse_articles(f"<PubmedArticleSet>{xml}</PubmedArticleSet>".encode()) if r.text]


QUESTION = Question("q", "Which gene?")


def test_reading_goes_on_in_parts_and_stops_when_told():
    given = records() * 3
    parts = list(read_all(given, QUESTION, WordReader("CFTR"), WordReader("TNF-alpha")))
    assert [len(part) for part in parts] == [8, 16, 24]
    assert [read.record for read in parts[-1]] == given
    cancelled = threading.Event()
    cut = []
    for part in read_all(given, QUESTION, WordReader("CFTR"), WordReader("IL"), cancelled=cancelled):
        cut = part
        cancelled.set()
    assert len(cut) == 8


def test_findings_lead_back_to_sentences_and_nothing_is_read_anew():
    biom, vanilla = WordReader("CFTR"), WordReader("TNF-alpha")
    *_, reads = read_all(records(), QUESTION, biom, vanilla)
    calls = biom.calls
    (found,) = findings(reads, "biom", top_n=5, null_threshold=0.0)
    assert found.text == "CFTR"
    assert found.share == pytest.approx(1.0)
    assert {e.record.pmid for e in found.evidence} == {"90000001", "90000002"}
    for e in found.evidence:
        assert e.answer.span.of(e.record.text) == "CFTR"
        assert "CFTR" in e.sentence
    # A looser threshold lets the unsure ones speak.
    assert len(findings(reads, "biom", top_n=50, null_threshold=20.0)) > 1
    assert len(findings(reads, "biom", top_n=1, null_threshold=20.0)) == 1
    assert findings(reads, "biom", top_n=5, null_threshold=-20.0) == []
    assert biom.calls == calls
    kinds = {read.record.pmid: read.agreement(null_threshold=0.0) for read in reads}
    assert kinds["90000001"] is Agreement.VANILLA_ABSTAINS
    assert kinds["90000008"] is Agreement.BOTH_ABSTAIN
    json.dumps(literature_json("Which?", "q", Found(9, ("1",)), reads, labels=("a", "b")))


def test_500_abstracts_are_read_in_bounded_memory():
    items = [
        {"pmid": str(i), "title": f"Gene{i % 7} of trial {i}", "sections": [["", "word " * 200]]}
        for i in range(1, 501)
    ]
    with entrez_server(items) as server:
        client = PubMed(base_url=server.url, pace=Pace())
        query, found = find_records(client, ["zebra unicorn", "trial"], limit=500)
        assert (query, found.count) == ("trial", 500)
        fetched = client.fetch(found.pmids).records
    tracemalloc.start()
    *_, reads = read_all(fetched, QUESTION, WordReader("Gene3"), WordReader("Gene4"))
    best = findings(reads, "biom", top_n=5, null_threshold=0.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(reads) == 500
    assert len(best[0].evidence) == sum(i % 7 == 3 for i in range(1, 501))
    assert peak < 50e6


def test_a_users_query_is_taken_as_it_is():
    assert tries_of("Which gene?", " aspirin[ti] ") == ["aspirin[ti]"]
    assert tries_of("Which gene causes CF?", "")[0].endswith("CF")
    with pytest.raises(ValueError, match="at least one"):
        find_records(PubMed(base_url="http://127.0.0.1:9"), [], limit=1)


HOSTILE = '<img src=x onerror="x"> " onmouseover="x'


def test_hostile_records_stay_text():
    from html import escape

    item = {
        "pmid": "7",
        "title": escape(HOSTILE),
        "sections": [["LABEL", escape(HOSTILE) + " CFTR ends."]],
        "authors": [[HOSTILE, "X"]],
        "journal": HOSTILE,
        "doi": '10.1/"><img>',
        "mesh": [HOSTILE],
        "notes": [["RetractionIn", "8", HOSTILE]],
    }
    (record,) = records([item])
    *_, reads = read_all([record], Question("q", HOSTILE), WordReader("CFTR"), WordReader("CFTR"))
    found = findings(reads, "biom", top_n=5, null_threshold=0.0)
    page = (
        record_html(record, [HOSTILE])
        + findings_html(found, "biom", HOSTILE, read=1, silent=0)
        + table_html(reads, HOSTILE, null_threshold=0.0)
    )
    assert "<img" not in page
    assert '" onmouseover' not in page
    assert warning_html(record) in record_html(record)


def test_a_record_shows_what_to_beware_of():
    by_pmid = {record.pmid: record for record in records()}
    assert "was retracted" in warning_html(by_pmid["90000006"])
    assert 'href="https://pubmed.ncbi.nlm.nih.gov/90000007/"' in warning_html(by_pmid["90000006"])
    assert "notice that retracts" in warning_html(by_pmid["90000007"])
    assert warning_html(by_pmid["90000001"]) == ""
    header = record_html(by_pmid["90000003"])
    assert "Moreau C, Sato K. Made-up Archives of Medicine. 2003" in header
    assert 'href="https://doi.org/10.5555/play.3"' in header
    assert "<summary>MeSH terms</summary>" in header


def test_the_command_line_asks_pubmed(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("BIOM_CACHE", str(tmp_path))
    with entrez_server() as server:
        monkeypatch.setenv("BIOM_ENTREZ_URL", server.url)
        question = "Which gene is mutated in cystic fibrosis?"
        assert main(["ask", question, "--pmid", "10.5555/play.1", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["record"]["pmid"] == "90000001"
        answer = document["biom"]["answer"]
        assert document["record"]["text"][answer["start"] : answer["end"]] == answer["text"]
        assert main(["ask", question, "--query", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["query"], document["read"]) == ("(cystic fibrosis)", 2)
        assert document["biom"]["answers"][0]["evidence"]
        assert main(["ask", question, "--query", "cystic", "--top", "1"]) == 0
        out = capsys.readouterr().out
        assert "2 records match, 1 read" in out
        assert "PMID 90000001" in out
        assert main(["ask", question, "--pmid", "90000006"]) == 0
        assert "RETRACTED" in capsys.readouterr().out
        for arguments, words in (
            (["--pmid", "cystic fibrosis"], "names no single"),
            (["--pmid", "12"], "does not know 12"),
            (["--query", "xyzzy"], "finds nothing"),
        ):
            assert main(["ask", question, *arguments]) == 2
            assert words in capsys.readouterr().err
    monkeypatch.setenv("BIOM_PUBMED_BUDGET", "2")
    assert main(["ask", question, "--pmid", "90000004"]) == 2
    assert "cannot be reached" in capsys.readouterr().err
