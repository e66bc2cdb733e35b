"""Abstracts that a visitor gives: what is read of a paste or a file, by which names, and why nothing is."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys

import pytest

from biom_demo.analysis.literature import MAX_ABSTRACTS
from biom_demo.analysis.own_abstracts import (
    FILE_TYPES,
    Given,
    abstracts_of_file,
    abstracts_of_text,
    builtin_records,
    together,
)
from biom_demo.analysis.rows import BadRow, open_rows
from biom_demo.errors import DataError, InputError
from biom_demo.pubmed.local_server import RECORDS_FILE
from tests.conftest import ROOT

MEDLINE = """\

PMID- 123
TI  - Mutations in CFTR
AB  - BACKGROUND: Cystic fibrosis is inherited. RESULTS: CFTR is mutated.
DP  - 2010 May
AU  - Hart AL
JT  - Some journal

PMID- 124
TI  - A title and nothing else

PMID-
TI  - No number
AB  - FBN1 is mutated in Marfan syndrome.
"""
RIS = """\
TY  - JOUR
TI  - Of Embase
AB  - Marfan syndrome follows mutations of FBN1.
PY  - 2003
AU  - Okoye, N.
DO  - 10.5555/own.1
ER  -

TY  - JOUR
TI  - Of PubMed
AB  - CFTR is a channel.
DB  - PubMed
AN  - 77
ER  -
"""
CSV = """\
PMID,Title,Authors,Publication Year,Journal/Book,DOI,Abstract
11,On CFTR,"Hart AL, Okoye N.",2015,Notes,10.5555/a,"CFTR is mutated, they say."
,On FBN1,,1999,Notes,,FBN1 is mutated.
12,On nothing,,2001,Notes,,
"""


def saved(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(given, max_chars=10_000):
    return together([given], max_chars=max_chars)


def test_a_paste_is_one_abstract_a_paragraph():
    text = "One is of CFTR.\r\n\r\n  \r\nTwo is of FBN1\r\nand goes on.\n \n----\n\nRESULTS: Three.\n"
    records = read(abstracts_of_text(text)).records
    assert [record.text for record in records] == [
        "One is of CFTR.", "Two is of FBN1\nand goes on.", "RESULTS: Three.",
    ]  # fmt: skip
    assert [(record.name, record.key, record.pmid) for record in records] == [
        (f"Abstract {n}", f"Abstract-{n}", "") for n in (1, 2, 3)
    ]
    assert records[2].section_at(10) == "RESULTS"


def test_a_paste_is_read_as_a_person_would_have_written_it():
    (record,) = read(abstracts_of_text("The gene is of inter-\nest: CF&#84;R, 10<sup>-3</sup>.")).records
    assert record.text == "The gene is of interest: CFTR, 10^-3."


def test_what_pubmed_saves_may_be_pasted_as_it_is():
    given = abstracts_of_text(MEDLINE)
    assert [record.pmid for record in given.records] == ["123", ""]
    assert given.records[0].year == 2010
    assert given.records[0].section_at(given.records[0].text.index("CFTR is mutated")) == "RESULTS"
    assert given.notices == ("1 record was left out: The record has no abstract.",)
    assert [record.pmid for record in abstracts_of_text(RIS).records] == ["", "77"]


@pytest.mark.parametrize("text", ["%PDF-1.7 x", "\x00\x01" * 50])
def test_a_paste_that_is_no_text_is_named(text):
    with pytest.raises(InputError, match="looks like"):
        abstracts_of_text(text)


@pytest.mark.parametrize(
    ("name", "content", "titles"),
    [
        ("a.nbib", MEDLINE, ["Mutations in CFTR", "No number"]),
        ("a.ris", RIS, ["Of Embase", "Of PubMed"]),
        ("a.csv", CSV, ["On CFTR", "On FBN1"]),
        ("a.tsv", "title\tabstract\nT\tCFTR is it.\n", ["T"]),
        ("a.csv", "\ufeffText;Nr\nCFTR is it.;1\n", [""]),
        ("a.txt", "One is CFTR.\n\nTwo is FBN1.", ["", ""]),
        ("a.txt", "[Article in German] CFTR is it.", [""]),
        ("a.txt", MEDLINE, ["Mutations in CFTR", "No number"]),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0), ["On CFTR", "On FBN1"]),
        (
            "a.xml",
            "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>5</PMID><Article><ArticleTitle>X"
            "</ArticleTitle><Abstract><AbstractText>CFTR.</AbstractText></Abstract></Article>"
            "</MedlineCitation></PubmedArticle></PubmedArticleSet>",
            ["X"],
        ),
    ],
)
def test_a_file_is_known_by_its_content(tmp_path, name, content, titles):
    given = abstracts_of_file(saved(tmp_path, name, content))
    assert [record.title for record in given.records] == titles
    assert given.count == len(titles)


def test_a_row_of_a_csv_file_is_a_record_with_all_it_has(tmp_path):
    first, second = read(abstracts_of_file(saved(tmp_path, "a.csv", CSV))).records
    assert (first.pmid, first.year, first.journal, first.doi) == ("11", 2015, "Notes", "10.5555/a")
    assert first.authors == ("Hart AL", "Okoye N")
    assert first.text == "On CFTR.\nCFTR is mutated, they say."
    assert (second.pmid, second.name, second.year) == ("", "Abstract 2", 1999)


def test_a_citation_of_elsewhere_keeps_what_it_has():
    embase, _ = read(abstracts_of_text(RIS)).records
    assert (embase.pmid, embase.year, embase.doi, embase.name) == ("", 2003, "10.5555/own.1", "Abstract 1")
    assert embase.authors == ("Okoye, N.",)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "pmid,title\n1,x\n", "has no column of abstracts.*PubMed’s own CSV has none"),
        ("a.csv", "a,b\n1,x\n", "has no column of abstracts"),
        ("a.csv", "abstract\n\n", "holds no abstract"),
        ("a.nbib", "PMID- 1\nTI  - x\n", "holds no abstract. 1 record was left out: The record has no abstr"),
        ("a.json", json.dumps({"data": []}), "a.json is JSON"),
        ("a.txt", "", "is empty"),
        ("a.txt", b"\xff\xfa" * 40, "UTF-8"),
        ("a.pdf", b"%PDF-1.7\n\x00\x01", "no text file"),
        ("a.txt", b"%PDF-1.7\nabc", "looks like a PDF file"),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:30], "damaged"),
        ("a.html", "<html></html>", "no XML of PubMed"),
    ],
)
def test_why_nothing_is_read_of_a_file(tmp_path, name, content, words):
    with pytest.raises(InputError, match=words) as refused:
        abstracts_of_file(saved(tmp_path, name, content))
    assert str(tmp_path) not in str(refused.value)


def test_a_file_has_the_limits_of_every_upload(tmp_path, monkeypatch):
    monkeypatch.setattr("biom_demo.qa.datasets.uploads.MAX_UPLOAD_BYTES", 10)
    with pytest.raises(DataError, match="Give the abstracts in parts"):
        abstracts_of_file(saved(tmp_path, "a.csv", CSV))
    with pytest.raises(DataError, match="has not arrived"):
        abstracts_of_file(tmp_path / "gone.csv")


def test_a_file_that_unpacks_to_very_much_costs_no_more_than_a_child_may_take(tmp_path, monkeypatch):
    monkeypatch.setattr("biom_demo.qa.datasets.uploads.MAX_SECONDS", 0.01)
    with pytest.raises(DataError, match="takes more time to read"):
        abstracts_of_file(saved(tmp_path, "a.csv", CSV))


def test_what_is_read_is_bounded_and_said():
    many = abstracts_of_text("\n\n".join(f"Gene number {n} is mutated." for n in range(MAX_ABSTRACTS + 20)))
    assert (len(many.records), many.count) == (MAX_ABSTRACTS, MAX_ABSTRACTS + 20)
    given = read(many)
    assert len(given.records) == MAX_ABSTRACTS
    assert re.search(r"120 abstracts were given; the first 100 are read", given.notices[0])
    few = read(many, max_chars=100)
    assert sum(len(record.text) for record in few.records) <= 100
    assert f"the first {len(few.records)} are read" in few.notices[0]
    with pytest.raises(InputError, match="longer than the 10 characters"):
        read(many, max_chars=10)
    with pytest.raises(InputError, match="There is no abstract yet"):
        together([], max_chars=100)


def test_each_record_is_read_once_and_numbered_over_all():
    one, two = abstracts_of_text("A is CFTR.\n\nB is FBN1."), abstracts_of_text(RIS + RIS)
    given = together([one, two, one], max_chars=10_000)
    assert [record.name for record in given.records] == ["Abstract 1", "Abstract 2", "Abstract 3", "PMID 77"]
    assert given.notices == ("4 given more than once: read once.",)
    assert isinstance(given, Given)


def test_the_built_in_records_are_those_of_the_local_server_without_their_pmids():
    described = json.loads(RECORDS_FILE.read_text("utf-8"))
    records = builtin_records().records
    assert [record.title for record in records] == [one["title"] for one in described if one.get("sections")]
    assert not any(record.pmid or record.doi or record.pmcid for record in records)
    assert len({record.key for record in records}) == len(records)
    assert any(record.retracted for record in records)
    assert not any(note.pmid for record in records for note in record.notes)


def test_a_damaged_row_is_left_out_and_those_behind_it_are_read(tmp_path):
    rows = b"abstract\nCFTR is it.\n\xff\xfe\nFBN1 is it.\n"
    found = list(open_rows(saved(tmp_path, "a.csv", rows), question="?").abstracts())
    assert [isinstance(one, BadRow) for one in found] == [False, True, False]
    cited = RIS.encode().replace(b"Okoye", b"Ok\xffye")
    found = list(open_rows(saved(tmp_path, "a.ris", cited), question="?").abstracts())
    assert [isinstance(one, BadRow) for one in found] == [True, False]


def test_the_file_is_read_in_a_process_of_its_own(tmp_path):
    path = saved(tmp_path, "a.csv", CSV)
    command = [sys.executable, "-m", "biom_demo.analysis.own_abstracts", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    document = json.loads(done.stdout)
    assert [record["pmid"] for record in document["records"]] == ["11", ""]
    assert document["notices"] == ["1 record was left out: The row has no abstract or text."]
    assert all(name.startswith(".") for name in FILE_TYPES)
