"""Many rows, one iterator: what is read of each, what is said of those that are bad, every form of output."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Sequence
from itertools import count

import pytest

from biom_demo.analysis import batch
from biom_demo.analysis.batch import AnsweredRow, Chunks, LocalEngine, Reads
from biom_demo.analysis.rows import BadRow, Form, Row, open_rows
from biom_demo.errors import DataError, InputError, PubMedError
from biom_demo.pubmed.cache import Cache
from biom_demo.pubmed.pace import Pace
from biom_demo.pubmed.session import PubMed
from biom_demo.qa.datasets import read_bioasq, read_squad
from biom_demo.show import batch as shown
from biom_demo.show.batch import OutputForm, Written, finish, flat_row, form_of_output, head_of, lines_of
from biom_demo.show.export import comparison_json
from tests.entrez_server import entrez_server, status
from tests.site import MINI, WordModels
from tests.test_rows import BIOASQ, SQUAD

WORDS = {MINI.biom: "CFTR", MINI.vanilla: "gene"}


def row(number, context="", **fields):
    return Row(number, number + 1, f"r{number}", "Which gene?", context=context, **fields)


class Given:
    """Rows in the place of a file's."""

    share = 0.5

    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        return iter(self.rows)


def read(rows: Sequence[Row | BadRow], *, models=None, stop=None, **options):
    models = models or WordModels(WORDS)
    reads = Reads(MINI.checkpoints, options.pop("max_chars", 10_000), **options)
    visit = models.visit(stop=stop)
    engine = LocalEngine(reads, visit, visit.stop)
    return [done for piece, _ in engine.read(Chunks(Given(rows)), tuple) for done in piece]


def test_every_row_is_answered_in_its_place_or_told_why_not():
    rows = [
        row(1, "CFTR is a gene."),
        BadRow(2, 3, "The line is not valid JSON."),
        row(3),
        row(4, "x" * 20_000),
        Row(5, 6, "r5", " ", context="CFTR"),
        row(6, "%PDF-1.4 \x00\x01 CFTR"),
        row(7, "Nothing of that.\nCFTR-", exactly=True),
        Row(8, 9, "r8", "?!", context="CFTR"),
    ]
    done = read(rows)
    assert [one.row.number if isinstance(one, AnsweredRow) else one.number for one in done] == list(
        range(1, 9)
    )
    assert [type(one) for one in done] == [AnsweredRow, *[BadRow] * 5, AnsweredRow, BadRow]
    for one, words in zip(
        done[1:6], ("not valid JSON", "no text", "at most 10,000", "no question", ""), strict=True
    ):
        assert words in one.reason
    flat = flat_row(done[0])
    assert (flat["biom_answer"], flat["biom_start"], flat["biom_end"]) == ("CFTR", 0, 4)
    assert (flat["vanilla_answer"], flat["vanilla_start"]) == ("gene", 10)
    assert done[6].comparison.passage.text == "Nothing of that.\nCFTR-"


def test_rows_are_read_together_and_always_the_same_ones():
    models = WordModels(WORDS)
    read([row(i, "CFTR") for i in range(1, 71)], models=models)
    assert [n for _, n in models.calls] == [32, 32, 32, 32, 6, 6]


def test_no_more_than_a_chunk_of_an_endless_file_is_held():
    taken = []

    def endless():
        for number in count(1):
            taken.append(number)
            yield row(number, "CFTR")

    engine = LocalEngine(Reads(MINI.checkpoints, 1_000), WordModels(WORDS).visit())
    pieces = engine.read(Chunks(Given(endless())), len)
    for _ in range(3):
        assert next(pieces) == (batch.ROWS_AT_ONCE, 0.5)
    assert len(taken) == 3 * batch.ROWS_AT_ONCE


def test_a_stopped_run_ends_behind_whole_chunks():
    models = WordModels(WORDS, stop_at=4)  # the second model's second turn
    assert len(read([row(i, "CFTR") for i in range(1, 71)], models=models)) == 32


def test_one_question_that_cannot_be_read_does_not_take_others_with_it():
    models = WordModels(WORDS)
    plain = models.reading

    def refusing(checkpoint, question, text, precision):
        if question.id == "r2":
            raise InputError("The question holds no word.")
        return plain(checkpoint, question, text, precision)

    models.reading = refusing
    done = read([row(i, "CFTR") for i in (1, 2, 3)], models=models)
    assert [type(one) for one in done] == [AnsweredRow, BadRow, AnsweredRow]
    assert done[1].reason == "The question holds no word."


def test_records_are_fetched_together_and_read_as_on_the_page():
    rows = [
        row(1, names="90000001"),
        row(2, names="PMID: 90000006"),
        row(3, names="99999999"),
        row(4, names="90000001, 90000002"),
        row(5, names="nothing like a name, just words that say something of a kind."),
        row(6, query="imatinib"),
        row(7, query="nosuchwordatall"),
        row(8, "CFTR"),
    ]
    with entrez_server() as server:
        done = read(rows, pubmed=PubMed(base_url=server.url, pace=Pace()), max_chars=100_000)
        assert len(server.calls("efetch")) == 2  # all that are named, and the query's
    assert [type(one) for one in done] == [
        AnsweredRow, AnsweredRow, BadRow, AnsweredRow, BadRow, AnsweredRow, BadRow, AnsweredRow,
    ]  # fmt: skip
    assert "does not know 99999999" in done[2].reason
    assert "finds nothing" in done[6].reason
    assert done[0].comparison.passage.pmids == ("90000001",)
    flat = flat_row(done[1])
    assert "PMID 90000006: This article was retracted" in flat["warnings"]
    assert done[3].comparison.passage.pmids == ("90000001", "90000002")
    text, second = done[3].comparison.passage.text, done[3].comparison.passage.records[1].text
    assert done[3].record_of(text.index(second)).pmid == "90000002"
    assert done[3].record_of(0).pmid == "90000001"
    assert done[5].comparison.passage.pmids == ("90000003",)


def test_a_run_ends_where_pubmed_cannot_be_asked_and_no_row_is_called_bad(monkeypatch):
    monkeypatch.setattr(batch, "PAUSE_S", 0.0)
    with entrez_server() as server:
        server.faults = [status(503)] * 100
        pubmed = PubMed(base_url=server.url, pace=Pace(), budget_s=1.0)
        with pytest.raises(PubMedError):
            read([row(1, "CFTR"), row(2, names="90000001")], pubmed=pubmed)


def test_an_old_copy_is_read_and_says_so_and_half_of_what_is_named_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "PAUSE_S", 0.0)
    with entrez_server() as server:
        cache = Cache(tmp_path, max_bytes=10**7, max_age_s=0.0)
        pubmed = PubMed(base_url=server.url, pace=Pace(), cache=cache, budget_s=1.0)
        pubmed.fetch(["90000001"])
        server.faults = [status(503)] * 100
        (copy,) = read([row(1, names="90000001")], pubmed=pubmed)
        assert "Shown is the copy of" in flat_row(copy)["notices"]
        with pytest.raises(PubMedError):
            read([row(1, names="90000001, 90000002")], pubmed=pubmed)


def test_stop_ends_the_wait_for_pubmed():
    stop = threading.Event()
    stop.set()
    assert read([row(1, names="90000001")], stop=stop, pubmed=PubMed(base_url="http://127.0.0.1:9")) == []


def test_what_a_damaged_file_holds_before_the_damage_is_read():
    def damaged():
        yield row(1, "CFTR")
        raise DataError("a.gz is damaged.")

    engine = LocalEngine(Reads(MINI.checkpoints, 1_000), WordModels(WORDS).visit())
    pieces = engine.read(Chunks(Given(damaged())), len)
    assert next(pieces) == (1, 0.5)
    with pytest.raises(DataError):
        next(pieces)


# --- what is written --------------------------------------------------------------------------------------


def write(path, done, how, questions=()):
    """The output as the command line writes it, piece by piece."""
    answered = [one for one in done if isinstance(one, AnsweredRow)]
    text = head_of(how) + "".join(lines_of([one], how) for one in answered)
    lines = path if how.form.grows else path.with_name("lines")
    lines.write_text(text, "utf-8", newline="")
    if not how.form.grows:
        finish(lines, path, how, questions)
    return answered


ODD = [
    "CFTR",
    "=CFTR is a gene",
    "a\n\r\n@CFTR; gene\t+1",
    '"CFTR", «gene»',
    "β\u2028CFTR gene\x00.",
    "none here",
]


def odd_rows():
    return [
        Row(i, i, f"-{i}", f"=which {i}?", context=text, exactly=True) for i, text in enumerate(ODD, start=1)
    ]


def test_csv_comes_back_row_by_row_and_runs_no_formula(tmp_path):
    answered = write(tmp_path / "o.csv", read(odd_rows()), Written(OutputForm.CSV))
    with (tmp_path / "o.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == [str(i) for i in range(1, len(ODD) + 1)]
    assert list(rows[0]) == list(shown.COLUMNS)
    for given, one in zip(rows, answered, strict=True):
        assert given["question"] == f"'{one.row.question}"
        if given["biom_answer"]:
            start, end = int(given["biom_start"]), int(given["biom_end"])
            assert one.row.context[start:end] == given["biom_answer"].lstrip("'")
    assert rows[-1]["agreement"] == "both abstain"
    assert rows[-1]["biom_answer"] == rows[-1]["biom_start"] == ""


def test_json_lines_are_the_one_shape_of_a_comparison(tmp_path):
    answered = write(tmp_path / "o.jsonl", read(odd_rows()), Written(OutputForm.JSONL))
    made = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text("utf-8").split("\n")[:-1]]
    for document, one in zip(made, answered, strict=True):
        place = {"row": one.row.number, "line": one.row.line, "id": one.row.id}
        assert document == {**place, **json.loads(json.dumps(comparison_json(one.comparison)))}


def test_parquet_has_the_columns_of_the_table(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow: requirements-parquet.txt")
    monkeypatch.setattr(shown, "PARQUET_ROWS", 4)
    answered = write(tmp_path / "o.parquet", read(odd_rows()), Written(OutputForm.PARQUET))
    table = parquet.read_table(tmp_path / "o.parquet")
    assert table.to_pylist() == [flat_row(one) for one in answered]


def test_squad_in_predictions_out_lose_no_question(tmp_path):
    (tmp_path / "d.json").write_text(json.dumps(SQUAD))
    done = read(list(open_rows(tmp_path / "d.json")))
    for side, always, b in ((0, False, "CFTR"), (1, False, "gene")):
        write(tmp_path / "p.json", done, Written(OutputForm.SQUAD, side, always))
        assert json.loads((tmp_path / "p.json").read_text()) == dict.fromkeys("abc", b)
    ids = {example.question.id for example in read_squad(tmp_path / "d.json")}
    assert ids <= {"a", "b", "c"}  # all that the evaluation asks for is there
    silent = read(list(open_rows(tmp_path / "d.json")), models=WordModels({}))
    write(tmp_path / "p.json", silent, Written(OutputForm.SQUAD))
    assert set(json.loads((tmp_path / "p.json").read_text()).values()) == {""}
    write(tmp_path / "p.json", silent, Written(OutputForm.SQUAD, always_answer=True))
    assert all(json.loads((tmp_path / "p.json").read_text()).values())


def test_bioasq_in_submission_out_has_every_question(tmp_path):
    (tmp_path / "d.json").write_text(json.dumps(BIOASQ))
    questions = read_bioasq(tmp_path / "d.json").questions
    rows = [one for one in open_rows(tmp_path / "d.json") if isinstance(one, Row) and not one.names]
    write(tmp_path / "s.json", read(rows), Written(OutputForm.BIOASQ), questions)
    entries = json.loads((tmp_path / "s.json").read_text())["questions"]
    assert [(e["id"], e["type"], e["body"]) for e in entries] == [(q.id, q.type, q.body) for q in questions]
    answers = entries[0]["exact_answer"]
    assert answers[0] == ["CFTR"]
    assert 1 <= len(answers) <= 5
    assert all(isinstance(one, list) and len(one) == 1 for one in answers)
    again = read_bioasq(tmp_path / "s.json").questions
    assert [(q.id, q.type, q.body) for q in again] == [(q.id, q.type, q.body) for q in questions]


@pytest.mark.parametrize(
    ("name", "read_form", "form"),
    [("a.csv", Form.CSV, OutputForm.CSV), ("a.JSONL", Form.RIS, OutputForm.JSONL),
     ("a.json", Form.SQUAD, OutputForm.SQUAD), ("a.json", Form.BIOASQ, OutputForm.BIOASQ),
     ("a.json", Form.CSV, OutputForm.SQUAD)],
)  # fmt: skip
def test_the_output_is_known_by_its_name(tmp_path, name, read_form, form):
    assert form_of_output(tmp_path / name, read_form) is form


def test_an_unknown_or_unwritable_output_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"end in \.csv"):
        form_of_output(tmp_path / "a.xlsx", Form.CSV)
    monkeypatch.setattr(shown, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="requirements-parquet"):
        form_of_output(tmp_path / "a.parquet", Form.CSV)
