"""Files of questions: each form is known by its content and read row by row, bad rows too."""

from __future__ import annotations

import gzip
import json

import pytest

from biom_demo.analysis.rows import BadRow, Columns, Form, Row, open_rows
from biom_demo.errors import DataError, InputError
from biom_demo.pubmed.local_server import article_xml
from biom_demo.show.citations import ris
from tests.entrez_server import PLAY

NBIB = """
PMID- 101
TI  - A deletion in CFTR and the chloride
      channel of epithelia
AB  - BACKGROUND: Cystic fibrosis is common. METHODS: We read (n = 12) of them.
      RESULTS: CFTR is mutated.
FAU - Hart, Anna L
AU  - Hart AL
LA  - eng
DP  - 2019 Mar 4
JT  - Notes of tests
LID - 10.5555/abc [doi]
RIN - Notes Inv J. 2020;1:2. PMID: 222

PMID- 102
TI  - A title alone.
"""


def written(tmp_path, name, text, *, packed=False):
    path = tmp_path / name
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def read(path, **options):
    file = open_rows(path, **options)
    return file, list(file)


def essence(rows):
    return [(row.id, row.question, row.context, row.names, row.query) for row in rows]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("name", "form", "text"),
    [
        ("a.csv", Form.CSV, 'id,Question,TEXT\n1,"Which, gene?","CFTR\nis"\n2,B?,"a ""b"""\n'),
        ("a.txt", Form.CSV, 'id;question;text\n1;"Which, gene?";"CFTR\nis"\n2;B?;"a ""b"""\n'),
        ("a.tsv", Form.TSV, 'id\tquestion\tcontext\n1\tWhich, gene?\t"CFTR\nis"\n2\tB?\t"a ""b"""\n'),
        ("a.dat", Form.CSV, '\ufeffquestion,abstract,qid\n"Which, gene?","CFTR\nis",1\nB?,"a ""b""",2\n'),
        (
            "a.jsonl",
            Form.JSONL,
            '{"id": 1, "question": "Which, gene?", "context": "CFTR\\nis"}\n\n'
            '{"id": "2", "question": "B?", "context": "a \\"b\\""}\n',
        ),
    ],
)
def test_a_table_is_read_whatever_parts_its_cells(tmp_path, name, form, text, packed):
    file, rows = read(written(tmp_path, name, text, packed=packed))
    assert file.form is form
    assert essence(rows) == [("1", "Which, gene?", "CFTR\nis", "", ""), ("2", "B?", 'a "b"', "", "")]
    assert [row.number for row in rows] == [1, 2]
    assert file.share == 1
    assert rows[0].line == (1 if form is Form.JSONL else 2)


def test_a_spreadsheet_in_utf_16_is_read(tmp_path):
    _, rows = read(written(tmp_path, "a.csv", "question\tpmid\nβ?\t123\n".encode("utf-16")))
    assert essence(rows) == [("", "β?", "", "123", "")]


def test_columns_can_be_named_and_a_title_is_read_before_its_abstract(tmp_path):
    text = "Title,Abstract,Frage,PMID\nT1,A1,F1?,5\n"
    path = written(tmp_path, "a.csv", text)
    _, rows = read(path, columns=Columns(question=("frage",)))
    assert essence(rows) == [("", "F1?", "T1\nA1", "5", "")]
    _, rows = read(path, columns=Columns(question=("Frage",), context=("Abstract",)))
    assert rows[0].context == "A1"
    with pytest.raises(InputError, match=r"no column 'Fragen'\. The columns of .* are: Title, Abstract"):
        open_rows(path, columns=Columns(question=("Fragen",)))
    with pytest.raises(InputError, match="No column holds questions"):
        open_rows(path)
    _, rows = read(path, question="Which?")
    assert rows[0].question == "Which?"
    with pytest.raises(InputError, match="No column holds a text"):
        open_rows(written(tmp_path, "b.csv", "question,note\nA?,b\n"))


def test_bad_rows_are_told_with_their_line_and_the_others_read(tmp_path):
    text = b"question,text\nA?,one\nB?,\xff\xfe\nC?,three,and,more\n\nD?,four\n"
    _, rows = read(written(tmp_path, "a.csv", text))
    assert [(type(row), row.number, row.line) for row in rows] == [
        (Row, 1, 2), (BadRow, 2, 3), (BadRow, 3, 4), (Row, 4, 6),
    ]  # fmt: skip
    assert "UTF-8" in rows[1].reason
    assert "4 cells under 2 names" in rows[2].reason
    text = (
        '{"question": "A?", "text": "one"}\n{"question": "B?", "te\n7\n{"question": "D?", "text": "four"}\n'
    )
    _, rows = read(written(tmp_path, "a.jsonl", text))
    assert [(type(row), row.line) for row in rows] == [(Row, 1), (BadRow, 2), (BadRow, 3), (Row, 4)]
    _, rows = read(written(tmp_path, "b.jsonl", text.split("\n", 1)[1]))
    assert [(type(row), row.line) for row in rows] == [(BadRow, 1), (BadRow, 2), (Row, 3)]


SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "t",
            "paragraphs": [
                {
                    "context": "CFTR is a gene. ",
                    "qas": [
                        {"id": "a", "question": "A?", "answers": [{"text": "CFTR", "answer_start": 0}]},
                        {"id": "b", "question": "B?", "is_impossible": True, "answers": []},
                        {"id": "c", "question": "C?", "answers": [{"text": "not there", "answer_start": 0}]},
                        {"id": "d"},
                    ],
                },
                {"qas": []},
            ],
        }
    ],
}


@pytest.mark.parametrize("indent", [None, 1])
def test_all_questions_of_a_squad_file_are_read_as_they_stand(tmp_path, indent):
    file, rows = read(written(tmp_path, "a.json", json.dumps(SQUAD, indent=indent)))
    assert file.form is Form.SQUAD
    assert [row.id for row in rows] == ["a", "b", "c", "d", ""]
    assert [row.context for row in rows[:3]] == ["CFTR is a gene. "] * 3
    assert all(row.exactly for row in rows[:3])
    assert [type(row) for row in rows[3:]] == [BadRow, BadRow]
    assert file.share == 1


def test_rows_as_the_hub_has_them_are_read_as_they_stand(tmp_path):
    row = {"id": "a", "title": "t", "context": "CFTR is", "question": "A?",
           "answers": {"text": ["CFTR"], "answer_start": [0]}}  # fmt: skip
    for name, text in (("a.jsonl", json.dumps(row) + "\n"), ("b.json", json.dumps([row], indent=1)),
                       ("c.json", json.dumps({"version": "v2.0", "data": [row]}))):  # fmt: skip
        _, rows = read(written(tmp_path, name, text))
        assert [(r.id, r.question, r.context, r.exactly) for r in rows] == [("a", "A?", "CFTR is", True)]


BIOASQ = {
    "questions": [
        {"id": "q1", "type": "factoid", "body": "Which gene?", "exact_answer": [["CFTR"]],
         "snippets": [{"text": "CFTR is.", "document": "d"}, {"text": "CFTR is.", "document": "e"},
                      {"text": "It is CFTR.", "document": "d"}]},
        {"id": "q2", "type": "yesno", "body": "Is it?", "exact_answer": "yes",
         "snippets": [{"text": "Yes."}]},
        {"id": "q3", "type": "list", "body": "Which?",
         "documents": ["http://www.ncbi.nlm.nih.gov/pubmed/90000001"]},
        {"id": "q4", "type": "summary", "body": "What?"},
    ]
}  # fmt: skip


def test_a_bioasq_file_has_a_row_a_snippet_or_a_document(tmp_path):
    lines = "".join(json.dumps(question) + "\n" for question in BIOASQ["questions"])
    whole = read(written(tmp_path, "a.json", json.dumps(BIOASQ)))
    streamed = read(written(tmp_path, "a.jsonl", lines))
    for (file, rows), form in ((whole, Form.BIOASQ), (streamed, Form.JSONL)):
        assert file.form is form
        assert [row.id for row in rows] == ["q1_000", "q1_001", "q2_000", "q3_000", "q4"]
        assert [row.question_id for row in rows[:4]] == ["q1", "q1", "q2", "q3"]
        assert rows[3].names.endswith("/90000001")
        assert isinstance(rows[4], BadRow)


def test_a_medline_export_is_read_as_the_record_on_the_page(tmp_path):
    file, rows = read(written(tmp_path, "pubmed.nbib", NBIB), question="Which gene?")
    assert file.form is Form.MEDLINE
    first, second = rows
    (record,) = first.records
    assert record.text == (
        "A deletion in CFTR and the chloride channel of epithelia.\n"
        "BACKGROUND: Cystic fibrosis is common.\nMETHODS: We read (n = 12) of them.\n"
        "RESULTS: CFTR is mutated."
    )
    assert [s.label for s in record.sections] == ["TITLE", "BACKGROUND", "METHODS", "RESULTS"]
    assert (record.pmid, record.year, record.doi, record.authors) == (
        "101",
        2019,
        "10.5555/abc",
        ("Hart AL",),
    )
    assert record.retracted
    assert record.notes[0].pmid == "222"
    assert (first.line, first.question) == (2, "Which gene?")
    assert second.records[0].text == "A title alone."
    assert not second.records[0].has_abstract
    with pytest.raises(InputError, match="--question"):
        open_rows(tmp_path / "pubmed.nbib")


def test_ris_is_read_its_abstract_or_the_record_it_names(tmp_path):
    given = (
        "TY  - JOUR\r\nTI  - One\r\nAB  - CFTR is\r\nmutated.\r\nDB  - PubMed\r\nAN  - 101\r\nER  - \r\n\r\n"
        "TY  - JOUR\r\nT1  - Two\r\nN2  - ATP7B is.\r\nER  - \r\n"
        "TY  - JOUR\r\nTI  - Three\r\nDO  - 10.5555/xyz\r\nER  - \r\n"
        "TY  - JOUR\r\nER  - \r\n"
    )
    file, rows = read(written(tmp_path, "a.ris", given), question="Which?")
    assert file.form is Form.RIS
    assert rows[0].records[0].text == "One.\nCFTR is mutated."
    assert rows[1].context == "Two\nATP7B is."
    assert rows[2].names == "10.5555/xyz"
    assert isinstance(rows[3], BadRow)
    _, ours = read(written(tmp_path, "ours.ris", ris([rows[0].records[0]])), question="Which?")
    assert ours[0].names == "101"  # our own has no abstracts


@pytest.mark.parametrize("packed", [False, True])
def test_pubmeds_own_files_are_streamed(tmp_path, packed):
    head = '<?xml version="1.0"?>\n<!DOCTYPE PubmedArticleSet SYSTEM "x.dtd">\n<PubmedArticleSet>\n'
    articles = [article_xml(record) for record in PLAY] * 3
    tail = "<DeleteCitation><PMID>7</PMID></DeleteCitation></PubmedArticleSet>"
    path = written(tmp_path, "pubmed26n0001.xml.gz", head + "\n".join(articles) + tail, packed=packed)
    file, rows = read(path, question="Which gene?")
    assert file.form is Form.PUBMED_XML
    assert [row.id for row in rows] == [record["pmid"] for record in PLAY] * 3
    assert all(row.records[0].text for row in rows)
    cut = written(tmp_path, "cut.xml", head + articles[0] + articles[1][:200])
    waiting = iter(open_rows(cut, question="Which gene?"))
    assert next(waiting).id == PLAY[0]["pmid"]
    with pytest.raises(DataError, match="cut off"):
        next(waiting)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04\x00\x00", "no text file"),
        (b"<html><p>a</p></html>", "no XML of PubMed"),
        (b'{"a": [1, 2\n', "not valid JSON"),
        (gzip.compress(b"question,text\nA?,b\n" * 9, mtime=0)[:-12], "damaged .gz"),
    ],
)
def test_what_is_no_file_of_rows_is_refused_with_what_to_do(tmp_path, data, words):
    path = written(tmp_path, "a.csv", data)
    with pytest.raises((DataError, InputError), match=words):
        list(open_rows(path))


def test_a_damaged_file_gives_the_rows_before_the_damage(tmp_path):
    lines = [b"question,text", *(b"Q%d?,%s" % (i, str(i**7).encode() * 100) for i in range(4_000))]
    whole = gzip.compress(b"\n".join(lines), 1)
    waiting = iter(open_rows(written(tmp_path, "a.csv", whole[: len(whole) // 2])))
    assert next(waiting).question == "Q0?"
    with pytest.raises(DataError, match="damaged"):
        for _ in waiting:
            pass
