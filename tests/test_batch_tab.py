"""The Batch tab without a page: what a file is taken for, what is read and kept, and what is taken home."""

from __future__ import annotations

import csv
import gzip
import io
import json
import threading

import pytest

from biom_demo.analysis import uploaded_rows
from biom_demo.analysis.rows import BadRow, Columns, Form
from biom_demo.analysis.uploaded_rows import MAX_PAGE_ROWS, read_rows
from biom_demo.counters import End, Work
from biom_demo.errors import DataError
from biom_demo.models.worker import Ended
from biom_demo.pubmed.session import PubMed
from biom_demo.qa.datasets import read_bioasq
from biom_demo.settings import Settings
from biom_demo.ui.batch_tab import as_file, chosen, load, looked_at, read_batch
from tests.entrez_server import entrez_server, status
from tests.site import MINI, TEXT, last, site_of
from tests.test_rows import BIOASQ, NBIB, SQUAD

ME = "me"


def file_of(folder, content, name="rows.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def table(count, *, question="Which gene?", text="CFTR, not BRCA1"):
    return "id,question,text\n" + "".join(f'r{n},{question},"{text} ({n})."\n' for n in range(count))


@pytest.fixture
def rows_file(tmp_path):
    return file_of(tmp_path, table(20))


def start(site, file, *, question="", before=None):
    return last(read_batch(site, file, question, "mini", before, ME))


def saved(name, answered, *, always=False):
    return json.loads(as_file(name, answered, always)["payload"])


# --- files ---------------------------------------------------------------------------------------------


def test_a_file_is_understood_and_its_columns_can_be_chosen(tmp_path):
    path = file_of(tmp_path, "nr,Frage,Titel,Inhalt\n1,Which gene?,A title,CFTR is.\n2,,Other,BRCA1 is.\n")
    found = read_rows(path)
    assert (found.form, found.names) == (Form.CSV, ("nr", "Frage", "Titel", "Inhalt"))
    assert found.columns.context == found.columns.question == ()
    columns = chosen("Frage", ["Titel", "Inhalt"], "", "", "nr")
    first, second = read_rows(path, columns=columns).rows
    assert (first.id, first.question, first.context) == ("1", "Which gene?", "A title\nCFTR is.")
    assert second.question == ""
    # What is not chosen is not taken, however it is called.
    named = file_of(tmp_path, table(1), "named.csv")
    (row,) = read_rows(named, columns=Columns(context=("text",), only=True)).rows
    assert (row.id, row.question, row.context) == ("", "", "CFTR, not BRCA1 (0).")
    with pytest.raises(DataError, match="no column 'gone'"):
        read_rows(path, columns=chosen("gone", [], "", "", ""))


@pytest.mark.parametrize(
    ("name", "content", "form", "rows"),
    [
        ("a.tsv", "question\ttext\nWhich gene?\tCFTR\n", Form.TSV, 1),
        ("a.jsonl", '{"question": "Q?", "context": "CFTR \\ud800"}\nbad\n', Form.JSONL, 2),
        ("a.json", json.dumps(SQUAD), Form.SQUAD, None),
        ("a.json", json.dumps(BIOASQ), Form.BIOASQ, None),
        ("a.nbib", NBIB, Form.MEDLINE, None),
        ("a.ris", "TY  - JOUR\nTI  - A title\nAB  - CFTR is.\nER  - \n", Form.RIS, 1),
    ],
)  # fmt: skip
def test_every_form_comes_through_the_child_as_it_is_read_in_process(tmp_path, name, content, form, rows):
    for packed in (False, True):
        data = gzip.compress(content.encode()) if packed else content.encode()
        found = read_rows(file_of(tmp_path, data, name + (".gz" if packed else "")))
        assert found.form is form
        assert len(found.rows) == (rows or len(found.rows)) > 0
        json.dumps([row.read_of[1] for row in found.rows if not isinstance(row, BadRow)]).encode()


def test_records_of_an_export_come_whole(tmp_path):
    from biom_demo.analysis.rows import open_rows

    path = file_of(tmp_path, NBIB, "a.nbib")
    plain = [row for row in open_rows(path, question="Q?") if not isinstance(row, BadRow)]
    ours = [row for row in read_rows(path).asked("Q?") if not isinstance(row, BadRow)]
    assert [row.records for row in ours] == [row.records for row in plain]
    assert ours == plain


def test_more_rows_than_the_page_reads_are_told_with_the_command_line(tmp_path):
    path = file_of(tmp_path, table(MAX_PAGE_ROWS + 3))
    update = load(str(path))
    assert len(update["upload"].rows) == MAX_PAGE_ROWS
    assert "at most 8 MB and 2,000 rows are read here" in update["file-told"]
    assert "biom-demo batch FILE" in update["file-told"]
    long = file_of(tmp_path, gzip.compress(table(1_500, text="x" * 9_000).encode()), "long.csv.gz")
    found = read_rows(long)
    assert 0 < len(found.rows) < 1_000
    assert found.more


HOSTILE = {
    "empty": (b"", "is empty"),
    "no text": (b"\x00\x01" * 500, "no text file"),
    "html": (b"<html>", "no XML of PubMed"),
    "deep": (b"[" * 500_000, "rows.csv"),
    "cut off": (b'{"data": [', "rows.csv"),
    "a damaged package": (gzip.compress(table(9).encode(), mtime=0)[:-9], "damaged .gz"),
    "a packed bomb": (gzip.compress(b'{"data": "' + bytes(50_000_000), mtime=0), "rows.csv"),
    "one enormous row": (
        gzip.compress(b"question,text\na," + b"x" * 9_000_000),
        "at most 8 MB and 2,000 rows",
    ),
    "a header alone": (b"question,text\n", "has no row"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_file_of_rows_is_told_by_its_name_alone_and_takes_nothing_away(tmp_path, kind):
    content, words = HOSTILE[kind]
    update = load(str(file_of(tmp_path, content)))
    assert list(update) == ["file-told"]
    assert "error" in update["file-told"]
    assert words in update["file-told"]
    assert str(tmp_path) not in update["file-told"]


def test_a_file_that_needs_too_much_is_ended_by_its_limits(rows_file, monkeypatch):
    monkeypatch.setattr("biom_demo.qa.datasets.uploads.MAX_SECONDS", 0.01)
    with pytest.raises(DataError, match=r"takes more time .* use the command line"):
        read_rows(rows_file)


def test_a_damaged_end_leaves_the_rows_before_it(tmp_path):
    data = gzip.compress(table(1_500, text="CFTR is. " * 200).encode(), mtime=0)
    found = read_rows(file_of(tmp_path, data[: len(data) * 3 // 4], "cut.csv.gz"))
    assert 0 < len(found.rows) < MAX_PAGE_ROWS
    assert "damaged .gz" in " ".join(found.notes)


def test_texts_that_many_rows_share_count_once(tmp_path):
    qas = [{"id": str(n), "question": f"Q{n}?", "answers": []} for n in range(100)]
    document = {"data": [{"paragraphs": [{"context": "x" * 1_000_000, "qas": qas}]}]}
    found = read_rows(file_of(tmp_path, json.dumps(document), "a.json"))
    assert (len(found.rows), found.more) == (100, False)
    assert len({id(row.context) for row in found.rows}) == 1


# --- reading -------------------------------------------------------------------------------------------


def test_all_rows_are_answered_and_taken_home(tmp_path):
    path = file_of(tmp_path, table(20) + 'r20,Q?,a,b\nr21,=1+1?,"=CFTR"\n')
    site = site_of()
    left = start(site, read_rows(path))
    answered = left["answered"]
    assert (answered.done, answered.complete) == (22, True)
    assert "All 22 rows read" in left["batch_status"]
    assert "1 row could not be read" in left["batch_status"]
    assert left["start"]["value"] == "Start"
    assert left["stop"]["visible"] is False
    assert left["results"].count("<tr>") == 22  # with the head
    assert "22: " in left["bad"] or "line 22" in left["bad"]
    made = list(csv.DictReader(io.StringIO(saved("csv", answered)["text"])))
    assert [row["row"] for row in made] == [str(n) for n in (*range(1, 21), 22)]
    assert {row["biom_answer"] for row in made[:20]} == {"CFTR"}
    assert made[-1]["question"] == "'=1+1?"
    lines = [json.loads(line) for line in saved("jsonl", answered)["text"].splitlines()]
    assert [line["id"] for line in lines] == [f"r{n}" for n in (*range(20), 21)]
    (bad,) = csv.DictReader(io.StringIO(saved("bad", answered)["text"]))
    assert (bad["row"], bad["line"]) == ("21", "22")
    assert "4 cells" in bad["reason"]
    assert site.counters.counts().runs[Work.BATCH, End.DONE] == 1
    assert len(site.stops) == 0


def test_stop_keeps_what_was_read_and_start_goes_on(rows_file):
    site = site_of()
    site.models.stop_at = 4  # the second model's second turn
    file = read_rows(rows_file)
    left = start(site, file)
    assert left["answered"].done == 8
    assert "8 rows of 20 kept" in left["batch_status"]
    assert left["start"]["value"] == "Go on"
    assert looked_at(file, "", "mini", left["answered"])["start"]["value"] == "Go on"
    assert saved("csv", left["answered"])["text"].count("\n") == 9
    assert "8 rows of 20; the rest is not read yet" in as_file("csv", left["answered"], None)["batch_status"]
    before = len(site.models.calls)
    whole = start(site, file, before=left["answered"])
    # Of the chunk in hand the first model's readings were kept.
    assert [(c, n) for c, n in site.models.calls[before:]] == [
        (MINI.vanilla, 8), (MINI.biom, 4), (MINI.vanilla, 4),
    ]  # fmt: skip
    at_once = start(site_of(), file)
    assert saved("jsonl", whole["answered"]) == saved("jsonl", at_once["answered"])


class Budgeted:
    """In the place of ``Visit``: reads so many pairs, and then its budget is used up."""

    def __init__(self, visit, budget):
        self.visit, self.left_over = visit, budget

    def __getattr__(self, name):
        return getattr(self.visit, name)

    def __setattr__(self, name, value):
        super().__setattr__(name, value) if name in ("visit", "left_over") else setattr(
            self.visit, name, value
        )

    def read(self, checkpoint, pairs, **options):
        taken = [pair for pair in pairs if len(pair[1]) < 1_000][: self.left_over]
        self.left_over -= len(taken)
        if len(taken) < len(pairs):
            self.visit.ended, self.left_over = Ended.BUDGET, 0
        return self.visit.read(checkpoint, taken)


def budgeted_site(budget, monkeypatch):
    site = site_of(settings=Settings(reading_budget_s=5))
    plain = site.models.visit
    monkeypatch.setattr(site.models, "visit", lambda *a, **k: Budgeted(plain(*a, **k), budget), raising=False)
    return site


def test_a_budget_that_ends_within_rows_reads_nothing_twice(rows_file, monkeypatch):
    site = budgeted_site(13, monkeypatch)
    file, answered, starts = read_rows(rows_file), None, 0
    while answered is None or not answered.complete:
        left = start(site, file, before=answered)
        answered, starts = left["answered"], starts + 1
        if not answered.complete:
            assert "one start may read for 5 s here" in left["batch_status"]
    assert starts == 4  # 40 readings, 13 a start
    assert sum(n for _, n in site.models.calls) == 40
    assert saved("csv", answered) == saved("csv", start(site_of(), file)["answered"])


def test_a_text_that_no_start_can_read_is_told_and_left_out(tmp_path, monkeypatch):
    path = file_of(tmp_path, table(2) + f'long,Which gene?,"CFTR {"x " * 900}"\n')
    site = budgeted_site(100, monkeypatch)
    file, answered, starts = read_rows(path), None, 0
    while answered is None or not answered.complete:
        answered, starts = start(site, file, before=answered)["answered"], starts + 1
        assert starts < 9
    (bad,) = answered.bad
    assert (bad.id, bad.number) == ("long", 3)
    assert "more than the 5 s of reading" in bad.reason


def test_another_question_or_pair_begins_anew_and_an_unneeded_question_does_not(rows_file, tmp_path):
    site = site_of()
    site.models.stop_at = 4
    file = read_rows(rows_file)
    part = start(site, file)["answered"]
    assert looked_at(file, "Never asked?", "mini", part)["start"]["value"] == "Go on"
    assert looked_at(file, "", "base", part)["start"]["value"] == "Start"
    bare = read_rows(file_of(tmp_path, "text\nCFTR is.\nBRCA1 is.\n", "bare.csv"))
    assert "no question" in looked_at(bare, "", "mini", None)["preview"]
    assert "Which &lt;gene&gt;?" in looked_at(bare, "Which <gene>?", "mini", None)["preview"]
    assert "one question for all rows" in start(site, bare)["batch_status"]
    done = start(site_of(), bare, question="Which gene?")["answered"]
    assert done.complete
    assert done.wanted != start(site_of(), bare, question="Who?", before=done)["answered"].wanted


@pytest.mark.parametrize(
    ("content", "words"),
    [("a,b\n1,2\n", "No column holds what is to be read"), ("text\nCFTR\n", "No row has a question")],
)
def test_what_is_missing_is_told_and_nothing_is_lost(tmp_path, rows_file, content, words):
    site = site_of()
    before = start(site, read_rows(rows_file))["answered"]
    left = start(site, read_rows(file_of(tmp_path, content, "lacking.csv")), before=before)
    assert words in left["batch_status"]
    assert "answered" not in left
    assert "Upload it" in start(site, None)["batch_status"]
    assert "at most" in start(site, read_rows(rows_file), question="x" * 19_000)["batch_status"]


def test_a_model_that_is_damaged_ends_the_run_and_what_was_read_stays(rows_file):
    site = site_of()
    site.models.stop_at = 4
    file = read_rows(rows_file)
    part = start(site, file)["answered"]
    site.models.broken = frozenset({MINI.vanilla})
    left = start(site, file, before=part)
    assert "is damaged" in left["batch_status"]
    assert "8 rows of 20 kept" in left["batch_status"]
    assert left["answered"].done == 8


def test_stopping_ends_the_sessions_own_run_alone():
    site = site_of()
    mine, other = site.stops.begin(ME, "batch"), site.stops.begin("other", "batch")
    assert site.stops.stop(ME, "batch")
    assert mine.is_set()
    assert not other.is_set()
    assert not site.stops.stop("nobody", "batch")


def test_rows_that_name_records_ask_pubmed_within_the_sites_bounds(tmp_path):
    path = file_of(tmp_path, "question,pmid\nWhich gene?,90000001\nWhich gene?,77\n")
    with entrez_server() as server:
        settings = Settings(entrez_url=server.url, pubmed_cache="off", pubmed_budget_s=2)
        site = site_of(settings=settings, pubmed=PubMed.from_settings(settings))
        entered = []
        passed = site.pubmed_gate.passed
        object.__setattr__(site.pubmed_gate, "passed", lambda **k: entered.append(k) or passed(**k))
        file = read_rows(path)
        answered = start(site, file)["answered"]
        assert entered
        assert [row.number for row in answered.bad] == [2]
        assert "90000001" in saved("csv", answered)["text"]
        server.faults = [status(500)] * 50
        left = start(site, file)
        assert "0 rows of 2 kept" in left["batch_status"]
        assert left["answered"].bad == ()


def test_a_busy_gate_makes_no_row_bad(tmp_path, monkeypatch):
    path = file_of(tmp_path, "question,pmid\nWhich gene?,90000001\n")
    site = site_of(settings=Settings(pubmed_budget_s=0.01), pubmed=PubMed.from_settings(Settings()))
    inside = [site.pubmed_gate._inside.acquire() for _ in range(8)]
    assert all(inside)
    left = start(site, read_rows(path))
    assert "Many visitors are asking PubMed" in left["batch_status"]
    assert left["answered"].bad == ()
    assert left["answered"].done == 0


# --- files of data sets --------------------------------------------------------------------------------


def test_a_squad_file_gives_predictions_of_both_sides(tmp_path):
    qas = [
        {"id": "a", "question": "Which gene?", "answers": []},
        {"id": "b", "question": "Who?", "answers": []},
    ]
    paragraphs = [{"context": TEXT, "qas": qas[:1]}, {"context": "Nobody.", "qas": qas[1:]}]
    path = file_of(tmp_path, json.dumps({"data": [{"paragraphs": paragraphs}]}), "dev.json")
    left = start(site_of(), read_rows(path))
    assert left["save-biom"]["visible"]
    assert left["always"]["visible"]
    assert "SQuAD predictions of" in left["save-biom"]["value"]
    file = saved("biom", left["answered"])
    assert file["name"] == "predictions-biom.json"
    assert json.loads(file["text"]) == {"a": "CFTR", "b": ""}
    assert json.loads(saved("vanilla", left["answered"])["text"]) == {"a": "BRCA1", "b": ""}
    assert json.loads(saved("biom", left["answered"], always=True)["text"])["b"]


def test_a_bioasq_file_gives_a_submission_with_every_question(tmp_path):
    questions = [question | {"documents": []} for question in BIOASQ["questions"]]
    path = file_of(tmp_path, json.dumps({"questions": questions}), "batch.json")
    answered = start(site_of(), read_rows(path))["answered"]
    made = json.loads(saved("vanilla", answered)["text"])["questions"]
    assert [one["id"] for one in made] == [one.id for one in read_bioasq(path).questions]
    assert all(len(a) == 1 for one in made if one["type"] == "factoid" for a in one["exact_answer"])
    assert saved("biom", answered)["name"] == "submission-biom.json"


def test_a_table_gives_no_predictions(rows_file):
    left = start(site_of(), read_rows(rows_file))
    assert not left["save-biom"]["visible"]
    assert not left["always"]["visible"]
    assert as_file("csv", None, None)["payload"] == ""


def test_the_limits_of_the_child_are_those_that_are_told():
    assert uploaded_rows.rows_in_words() == "at most 8 MB and 2,000 rows"


def test_two_starts_at_once_leave_no_event_behind(rows_file):
    site = site_of()
    threads = [threading.Thread(target=start, args=(site, read_rows(rows_file))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(site.stops) == 0
