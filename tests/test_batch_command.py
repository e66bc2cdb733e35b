"""``biom-demo batch``: a killed run is gone on with and ends as any other, or is refused in words."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from biom_demo.analysis.batch import ROWS_AT_ONCE
from biom_demo.cli import batch as command
from biom_demo.cli import main
from biom_demo.show.growing import Growing
from tests.conftest import ROOT
from tests.site import MINI, WordModels
from tests.test_rows import BIOASQ, NBIB, SQUAD
from tests.tiny import save_tiny

ROWS = 60


@pytest.fixture
def words(monkeypatch):
    """The models that the command reads with, which need no torch."""
    models = WordModels({MINI.biom: "CFTR", MINI.vanilla: "gene"})
    monkeypatch.setattr(command, "Models", lambda **_options: models)
    return models


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in.csv"
    lines = [f'{i},Which gene {i}?,"CFTR is, in line {i}, a gene."' for i in range(1, ROWS + 1)]
    lines[40] = "41,Which?"
    path.write_text("\n".join(["id,question,text", *lines]) + "\n")
    return path


def batch(*arguments):
    return main(["batch", *map(str, arguments), "--pair", "mini"])


def kept(out):
    return json.loads(out.with_name(out.name + ".run.json").read_text())["state"]


def test_a_batch_is_read_and_bad_rows_are_in_a_file_of_their_own(words, table, tmp_path, capsys):
    out = tmp_path / "o.csv"
    assert batch(table, "--out", out) == 1
    captured = capsys.readouterr()
    assert f"{out}: 59 rows answered, 1 bad" in captured.out
    assert "o.csv.bad.jsonl" in captured.err
    assert len(out.read_text().splitlines()) == ROWS  # a header, and all but one
    (bad,) = (json.loads(line) for line in (tmp_path / "o.csv.bad.jsonl").read_text().splitlines())
    assert (bad["row"], bad["line"], bad["id"]) == (41, 42, "41")
    read = len(words.calls)
    assert batch(table, "--out", out, "--json") == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["rows"] == ROWS
    assert "complete already" in captured.err
    assert len(words.calls) == read
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.csv", "o.csv", "o.csv.bad.jsonl", "o.csv.run.json",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["o.csv", "o.jsonl", "o.json"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_what_a_killed_run_left_is_gone_on_with(words, table, tmp_path, monkeypatch, name, after):
    """Killed behind its first pieces, with half a line or more written that does not count."""
    whole, out = tmp_path / "whole" / name, tmp_path / name
    assert batch(table, "--out", whole) == 1
    appended = Growing.append

    def killed(self, text, bad, **counts):
        if self.state.pieces == after:
            self._files[0].write(text.encode()[: len(text) // 2])
            self._files[0].flush()
            self._files[1].write(b'{"row": 4')
            self._files[1].flush()
            raise SystemExit(9)
        appended(self, text, bad, **counts)

    with monkeypatch.context() as patch:
        patch.setattr(Growing, "append", killed)  # all is read at 2, and nothing is made of it as yet
        patch.setattr(command, "finish", lambda *_: sys.exit(9))
        with pytest.raises(SystemExit):
            batch(table, "--out", out)
    assert kept(out)["pieces"] == after
    words.calls.clear()
    assert batch(table, "--out", out) == 1
    assert [n for _, n in words.calls] == [[32, 32, 27, 27], [27, 27], []][after]  # nothing twice
    assert out.read_bytes() == whole.read_bytes()
    for ending in (".bad.jsonl", ".run.json"):
        assert (tmp_path / (name + ending)).read_bytes() == (whole.parent / (name + ending)).read_bytes()
    assert not list(tmp_path.glob("*.rows.jsonl"))


def run_batch(table, out, folders, **options):
    environment = os.environ | {"BIOM_MODEL": str(folders[0]), "VANILLA_MODEL": str(folders[1])}
    environment |= {"OMP_NUM_THREADS": "1", "BIOM_CACHE": "off"}
    line = [sys.executable, "-m", "biom_demo", "batch", str(table), "--out", str(out)]
    return subprocess.Popen(line, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, **options)


def wait_for_a_piece(process, out):
    journal = out.with_name(out.name + ".run.json")
    for _ in range(2_400):
        if process.poll() is not None:
            pytest.fail(f"ended by itself: {process.stderr.read()}")
        if journal.exists() and json.loads(journal.read_text())["state"]["pieces"]:
            return
        time.sleep(0.05)
    pytest.fail("no piece came")


def test_a_killed_process_is_gone_on_with_to_the_same_bytes(tmp_path, tiny_checkpoint, monkeypatch, capsys):
    """Real models and a real signal: the rows are long enough that it comes between two pieces.

    Rows come again in later pieces: what was read before a kill is no help after it, and makes no odds.
    """
    folders = tiny_checkpoint, save_tiny("albert", tmp_path / "other")
    text = "The virus binds the protein; a drug of the gene causes it, which is the virus in the protein. "
    rows = [
        {"id": str(i), "question": f"which gene {i % 40}?", "text": f"{text * (1 + i % 40 % 7 * 6)}"}
        for i in range(3 * ROWS_AT_ONCE)
    ]
    table, out, whole = (tmp_path / name for name in ("in.jsonl", "o.jsonl", "whole.jsonl"))
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    process = run_batch(table, out, folders)
    wait_for_a_piece(process, out)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    rows_before = kept(out)["rows"]
    assert rows_before in (ROWS_AT_ONCE, 2 * ROWS_AT_ONCE), "the signal came too late to show anything"
    for name, folder in zip(("BIOM_MODEL", "VANILLA_MODEL"), folders, strict=True):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("BIOM_CACHE", "off")
    assert main(["batch", str(table), "--out", str(out)]) == 0
    assert f"Going on behind row {rows_before} of" in capsys.readouterr().err
    assert main(["batch", str(table), "--out", str(whole)]) == 0
    assert out.read_bytes() == whole.read_bytes()


def test_a_stopped_run_says_how_it_is_gone_on_with(words, table, tmp_path, monkeypatch, capsys):
    def interrupted(self, *_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command.Progress, "show", interrupted)
        assert batch(table, "--out", tmp_path / "o.csv") == 130
    said = capsys.readouterr().err
    assert "32 rows kept. The same command again goes on from there." in said
    assert "Traceback" not in said
    assert batch(table, "--out", tmp_path / "o.csv") == 1
    assert kept(tmp_path / "o.csv")["rows"] == ROWS


def test_a_run_is_not_gone_on_with_where_anything_else_is_to_be_read(
    words, table, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "o.csv"

    def refused(*more):
        before = out.read_bytes()
        assert batch(table, "--out", out, *more) == 2
        assert out.read_bytes() == before
        return capsys.readouterr().err

    assert batch(table, "--out", out) == 1
    assert "other options (question)" in refused("--question", "Why?")
    assert "(abstracts)" in refused("--abstracts", "3")
    assert "(always answer, side)" in refused("--side", "vanilla", "--always-answer")
    with monkeypatch.context() as patch:
        patch.setattr(command, "digest_of", lambda folder: "another")
        assert "begun with other models" in refused()
    with monkeypatch.context() as patch:
        patch.setattr(command, "__version__", "9.9")
        assert "begun by version 0.1.0" in refused()
    lines = table.read_text()
    table.write_text(lines + "61,A?,CFTR\n")
    assert "in.csv is not the file it was begun with" in refused()
    table.write_text(lines)
    journal = tmp_path / "o.csv.run.json"
    whole = journal.read_text()
    journal.write_text(whole[:40])
    assert "cannot be read" in refused()
    journal.write_text(whole.replace('"complete": true', '"complete": false'))
    out.write_bytes(out.read_bytes()[:-10])
    assert "was shortened" in refused()
    journal.unlink()
    assert "is there already" in refused()
    assert batch(table, "--out", out, "--overwrite") == 1
    assert kept(out)["rows"] == ROWS


def test_an_output_that_cannot_be_written_is_told_before_anything_is_read(words, table, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert batch(table, "--out", tmp_path / "file" / "o.csv") == 2
    assert "cannot be written" in capsys.readouterr().err
    (tmp_path / "o.csv.bad.jsonl").mkdir()
    assert batch(table, "--out", tmp_path / "o.csv") == 2
    assert "cannot be written" in capsys.readouterr().err
    assert not words.calls


def test_two_runs_do_not_write_one_output(words, table, tmp_path, capsys):
    out = tmp_path / "o.csv"
    with Growing(out, out, {"input": "1"}, name="in", head="") as growing:
        growing.append("a\n", "", rows=1, bad_rows=0)
        assert batch(table, "--out", out) == 2
    assert "another process" in capsys.readouterr().err


def test_a_preview_shows_rows_as_they_are_understood_and_reads_nothing(words, table, capsys):
    assert batch(table, "--preview", 2) == 0
    assert capsys.readouterr().out == (
        "in.csv is read as csv.\n  question: question\n  context: text\n  id: id\n"
        "row 1, line 2, id 1: Which gene 1?\n  text: CFTR is, in line 1, a gene.\n"
        "row 2, line 3, id 2: Which gene 2?\n  text: CFTR is, in line 2, a gene.\n"
    )
    assert batch(table, "--preview", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["text"] == "CFTR is, in line 1, a gene."
    assert not words.calls


@pytest.mark.parametrize(
    ("arguments", "words_said"),
    [
        ([], "Say where the answers go"),
        (["--out", "IN"], "is the file that is read"),
        (["--out", "o.xlsx"], ".csv, .jsonl, .parquet"),
        (["--out", "o.csv", "--question-column", "nosuch"], "no column 'nosuch'"),
        (["--out", "o.csv", "--abstracts", "0"], "at least 1"),
        (["--out", "o.csv", "--form", "ris"], "records and no questions"),
    ],
)
def test_what_cannot_be_done_is_said(words, table, capsys, arguments, words_said):
    assert batch(table, *(str(table) if a == "IN" else a for a in arguments)) == 2
    assert words_said in capsys.readouterr().err
    assert not words.calls


def test_a_missing_model_is_told_before_anything_is_read(words, table, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "locate", lambda checkpoint: None)
    assert batch(table, "--out", tmp_path / "o.csv") == 2
    assert "not on this machine" in capsys.readouterr().err
    assert not (tmp_path / "o.csv").exists()


def test_data_sets_and_exports_in_and_what_they_call_for_out(words, tmp_path, capsys):
    (tmp_path / "squad.json").write_text(json.dumps(SQUAD))
    assert batch(tmp_path / "squad.json", "--out", tmp_path / "p.json", "--side", "vanilla") == 1
    assert json.loads((tmp_path / "p.json").read_text()) == dict.fromkeys("abc", "gene")
    twice = json.loads(json.dumps(SQUAD))
    twice["data"] *= 2
    (tmp_path / "squad.json").write_text(json.dumps(twice))
    capsys.readouterr()
    assert batch(tmp_path / "squad.json", "--out", tmp_path / "p2.json") == 1
    assert "note: ids that occur again, of which the first answer is written: 3" in capsys.readouterr().err
    bioasq = {"questions": [q for q in BIOASQ["questions"] if "documents" not in q]}
    (tmp_path / "bioasq.json").write_text(json.dumps(bioasq))
    assert batch(tmp_path / "bioasq.json", "--out", tmp_path / "s.json") == 1  # of one nothing can be read
    entries = json.loads((tmp_path / "s.json").read_text())["questions"]
    assert [entry["id"] for entry in entries] == ["q1", "q2", "q4"]
    assert entries[0]["exact_answer"][0] == ["CFTR"]
    (tmp_path / "a.nbib").write_text(NBIB.split("PMID- 102")[0])
    assert batch(tmp_path / "a.nbib", "--out", tmp_path / "a.jsonl", "--question", "Which gene?") == 0
    (made,) = map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines())
    assert made["biom"]["answer"]["text"] == "CFTR"
    assert made["records"][0]["retracted"]


def test_progress_tells_rows_rate_share_and_time_left(words, table, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    said = Terminal()
    monkeypatch.setattr("sys.stderr", said)
    assert batch(table, "--out", tmp_path / "o.csv") == 1
    assert "\r32 rows, " in said.getvalue()
    state = argparse.Namespace(rows=1_064, bad=2)
    progress = command.Progress(state)
    state.rows, progress._share_before = 2_064, 0.25
    assert progress.words(0.5, 10.0) == "2,064 rows, 100.0 a second, 50% of the file, about 20 s left, 2 bad"
