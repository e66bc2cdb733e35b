"""The command line: answers and figures on the bundled pair, clear refusals, exit statuses."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from biom_demo import __version__, cli
from biom_demo.cli import ask, main
from biom_demo.qa.datasets import write_squad
from biom_demo.qa.metrics import squad_exact_match
from biom_demo.qa.records import CharSpan, Example, Question
from tests.conftest import ROOT
from tests.readings import calibration_of, comparison_of, measured_on, pointing_at

TEXT = "Cystic fibrosis is caused by mutations of the CFTR gene, a chloride channel."
QUESTION = "Which gene is mutated in cystic fibrosis?"


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


def test_ask_prints_both_answers_and_how_they_relate(text_file, capsys):
    assert main(["ask", QUESTION, "--text", text_file, "--pair", "mini"]) == 0
    out = capsys.readouterr().out
    assert "BioM-ELECTRA-Mini" in out
    assert "ELECTRA-Mini-SQuAD" in out
    assert "CFTR" in out
    assert "verdict: " in out


def test_ask_says_how_often_answers_as_sure_were_right(text_file, monkeypatch, capsys):
    measured = calibration_of(measured_on("BioASQ 8B", [(0.95, 50, 40)]))
    sides = pointing_at(TEXT, "CFTR", calibration=measured), pointing_at(TEXT, "chloride", null=99.0)
    monkeypatch.setattr(ask, "compared", lambda *asked: comparison_of(*sides))
    assert main(["ask", QUESTION, "--text", text_file, "--pair", "mini"]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = "  Of 50 answers about this sure (90–100%), 80% were right on BioASQ 8B."
    assert lines.index(told) == 2  # under the answer
    assert lines.count(told) == sum("about this sure" in line for line in lines) == 1


def test_ask_json_has_offsets_that_cut_out_the_answers(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert main(["ask", QUESTION, "--text", "-", "--pair", "mini", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    for side in ("biom", "vanilla"):
        for answer in result[side]["n_best"]:
            assert TEXT[answer["start"] : answer["end"]] == answer["text"]
        assert 0 <= result[side]["p_no_answer"] <= 1
    assert "CFTR" in result["biom"]["answer"]["text"]


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "biom_demo"]
    for arguments, status, words in (
        (["--version"], 0, f"biom-demo {__version__}"),
        (["ask", "--help"], 0, "usage: python -m biom_demo ask"),
        (["evaluate", "none.json"], 2, "error: There is no file none.json."),
        (["dance"], 2, "invalid choice"),
    ):
        ended = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert ended.returncode == status
        assert words in ended.stdout + ended.stderr


def test_a_stopped_command_says_so(monkeypatch, capsys):
    def stopped(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.evaluate, "run", stopped)
    assert main(["evaluate", "d.json"]) == 130
    assert capsys.readouterr().err == "\nstopped\n"


def test_importing_the_command_line_loads_no_model_library():
    code = "import sys, biom_demo.cli; sys.exit(bool({'torch', 'transformers', 'gradio'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_evaluate_counts_both_sides_and_one_model(tmp_path, tiny_checkpoint, capsys):
    start = TEXT.index("CFTR")
    examples = [
        Example(Question(id="a", text=QUESTION), TEXT, ("CFTR",), (CharSpan(start, start + 4),)),
        Example(Question(id="b", text="Who won the match?"), TEXT),
    ]
    data, out = tmp_path / "d.json", tmp_path / "r.json"
    write_squad(examples, data, title="t")
    assert main(["evaluate", str(data), "--pair", "mini", "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    for side in (result["biom"], result["vanilla"]):
        assert side["n"] == 2
        assert side["f1"] > 0  # over the answerable pair alone
        assert side["with_null"]["no_answer"]["n"] == 1
        assert set(side["predictions"]) == set(side["null_odds"]) == {"a", "b"}
        assert side["predictions"]["b"] in TEXT  # what it answers where it is made to
        right = squad_exact_match(side["predictions"]["a"], "CFTR")
        assert side["exact_match"] == 100 * right
        abstains = side["null_odds"]["b"] > 0
        assert side["with_null"]["no_answer"]["exact_match"] == 100 * abstains
    assert (
        main(["evaluate", str(data), "--model", str(tiny_checkpoint), "--run-squad", "--json", str(out)]) == 0
    )
    assert json.loads(out.read_text())["model"]["decoding"] == "run_squad"
    assert "EM" in capsys.readouterr().out


def test_evaluate_answers_what_it_cannot_score(tmp_path, tiny_checkpoint, capsys):
    asked = [{"id": i, "question": QUESTION} for i in (1, 2)]
    data, out = tmp_path / "d.json", tmp_path / "r.json"
    data.write_text(json.dumps({"data": [{"paragraphs": [{"context": TEXT, "qas": asked}]}]}))
    command = ["evaluate", str(data), "--model", str(tiny_checkpoint), "--json", str(out)]
    assert main(command) == 0
    captured = capsys.readouterr()
    assert "note: ids that are numbers, read as text: 2 (1, 2)." in captured.err
    assert "note: questions without gold answers, which are answered and not scored: 2" in captured.err
    assert captured.out.splitlines()[1].split()[1:] == ["2", "-", "-", "-", "-"]
    document = json.loads(out.read_text())
    assert document["figures"] == []
    result = document["model"]
    assert result["exact_match"] is result["with_null"] is None
    assert set(result["predictions"]) == {"1", "2"}
    asked[1]["answers"] = [{"text": "zinc", "answer_start": 0}]
    data.write_text(json.dumps({"data": [{"paragraphs": [{"context": TEXT, "qas": asked}]}]}))
    assert main([*command, "--strict"]) == 2
    assert "does not stand in the text: 1 (2: 'zinc')" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask", "Q?", "--text", "none.txt"], "Check the path"),
        (["ask", " ", "--text", "TEXT", "--pair", "mini"], "no question yet"),
        (["ask", "Q?", "--text", "TEXT", "--pair", "huge"], "Choose one of: auto, mini"),
        (["ask", "Q?", "--text", "TEXT", "--pair", "albert"], "is not on this machine"),
        (["evaluate", "none.json"], "no file"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(
    arguments, words, text_file, monkeypatch, tmp_path, capsys
):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    assert main([text_file if a == "TEXT" else a for a in arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_binary_or_empty_file_is_refused(tmp_path, capsys):
    for data, words in ((b"\xff\xfe\x00", "not UTF-8"), (b" \n", "The text is empty")):
        (tmp_path / "x").write_bytes(data)
        assert main(["ask", "Q?", "--text", str(tmp_path / "x"), "--pair", "mini"]) == 2
        assert words in capsys.readouterr().err
