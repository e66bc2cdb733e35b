"""The README's commands, links and front matter exist and agree with the code."""

from __future__ import annotations

import gzip
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from biom_demo.cli import ask, batch
from biom_demo.cli import main as demo_main
from biom_demo.models.catalogue import CATALOGUE
from biom_demo.pubmed.local_server import main as local_server_main
from biom_demo.qa.datasets import write_squad
from biom_demo.qa.records import CharSpan, Example, Question
from biom_demo.ui.api import CODES
from tests.conftest import ROOT
from tests.entrez_server import entrez_server
from tests.site import MINI, WordModels
from train.__main__ import main as train_main

README = (ROOT / "README.md").read_text("utf-8")
FRONT_MATTER = README.split("---\n")[1]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
COMMANDS = [
    line.split("  #")[0].split(" < ")[0].strip()
    for language, block in BLOCKS
    for line in block.splitlines()
    if not language and line.startswith(("make ", "python ", "pip "))
]
MAINS = {"biom_demo": demo_main, "train": train_main}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists_with_its_options(command, capsys):
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"(?m)^{words[1]}:", (ROOT / "Makefile").read_text("utf-8"))
    elif words[2].startswith("biom_demo.pubmed"):
        with pytest.raises(SystemExit) as ended:
            local_server_main(["--help"])
        assert ended.value.code == 0
        help_text = capsys.readouterr().out
        assert all(option in help_text for option in words[3:] if option.startswith("--"))
    elif words[0] == "pip":
        assert all((ROOT / word).is_file() for word in words if word.endswith(".txt"))
    else:
        with pytest.raises(SystemExit) as ended:
            MAINS[words[2]]([words[3], "--help"])
        assert ended.value.code == 0
        help_text = capsys.readouterr().out
        for option in (word for word in words[4:] if word.startswith("--")):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", help_text), option


def block(language, served_page):
    """The README's block of a language, for the page that is served here."""
    (found,) = (text for name, text in BLOCKS if name == language and "http://127.0.0.1:7860" in text)
    return found.replace("http://127.0.0.1:7860", served_page.address)


def test_the_python_client_gets_its_answer_and_figures(served_page, tmp_path):
    text = "Cystic fibrosis is caused by mutations of CFTR."
    gold = CharSpan(text.index("CFTR"), len(text) - 1)
    write_squad(
        [Example(Question("Which gene?", "1"), text, ("CFTR",), (gold,))], tmp_path / "dev.json", title="t"
    )
    code = block("python", served_page)
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    answer, figures = ended.stdout.splitlines()
    assert answer == f"CFTR {gold.start} {gold.end}"
    assert figures == "BioM-ELECTRA-Mini-SQuAD-BioASQ8B 100.0"


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_gets_its_answer(served_page):
    code = block("sh", served_page)
    ended = subprocess.run(["sh", "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    event, data = ended.stdout.strip().split("\ndata: ")
    assert event == "event: complete"
    assert json.loads(data)[0]["biom"]["answer"]["text"] == "CFTR"


def test_the_codes_of_errors_are_those_there_are():
    told = README.split("a code (`title`): ")[1].split(".\n")[0]
    assert set(re.findall(r"`(\w+)`", told)) == {code for _, code in CODES}


def test_the_library_s_lines_run_as_they_stand(monkeypatch, tmp_path, capsys):
    (lines,) = (text for name, text in BLOCKS if name == "python" and "from biom_demo import" in text)
    assert len([line for line in lines.splitlines() if line.strip()]) == 5
    monkeypatch.setenv("BIOM_CACHE", str(tmp_path))
    with entrez_server() as server:
        monkeypatch.setenv("BIOM_ENTREZ_URL", server.url)
        names = {}
        exec(lines, names)
        assert server.calls("esearch")
    assert names["found"].to_json()["biom"]["answer"]["text"] == "CFTR"
    assert "CFTR" in capsys.readouterr().out


@pytest.mark.parametrize("command", [c for c in COMMANDS if " batch " in c])
def test_the_batches_run_as_they_stand(command, monkeypatch, tmp_path, capsys):
    """On files of the forms and columns that the README speaks of, with models that need no torch."""
    monkeypatch.setattr(batch, "Models", lambda **_: WordModels({MINI.biom: "CFTR", MINI.vanilla: "gene"}))
    monkeypatch.chdir(tmp_path)
    table = "id,question,text\n1,Which?,CFTR is a gene\n"
    Path("questions.csv").write_text(table)
    Path("questions.tsv.gz").write_bytes(gzip.compress(b"Frage\ttitle\tabstract\nWhich?\tT\tCFTR\n"))
    Path("dev-v2.0.json").write_text(json.dumps(
        {"data": [{"paragraphs": [{"context": "CFTR", "qas": [{"id": "a", "question": "Which?"}]}]}]}
    ))  # fmt: skip
    Path("8B1_golden.json").write_text(json.dumps(
        {"questions": [{"id": "q", "type": "factoid", "body": "Which?", "snippets": [{"text": "CFTR"}]}]}
    ))  # fmt: skip
    Path("pubmed-export.nbib").write_text("PMID- 101\nTI  - One\nAB  - CFTR is mutated.\n")
    if ".parquet" in command:
        pytest.importorskip("pyarrow", reason="needs pyarrow: requirements-parquet.txt")
    words = shlex.split(command)
    assert demo_main([*words[3:], "--pair", "mini"]) == 0
    if "--out" in words:
        made = Path(words[words.index("--out") + 1])
        assert b"CFTR" in made.read_bytes() or "--side" in words


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if re.search(" (ask|evaluate|fetch) ", c) and "biom_demo" in c]
)
def test_the_other_commands_run_as_they_stand(command, monkeypatch, tmp_path, capsys):
    """Against the local server's records; models that need no torch, but for the bundled pair's figures."""
    if "sultan/" in command:
        pytest.skip("needs the published checkpoint in the Hub cache")
    text = "Cystic fibrosis is caused by mutations of CFTR."
    monkeypatch.setattr(ask, "Models", lambda **_: WordModels({MINI.biom: "CFTR", MINI.vanilla: "gene"}))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    monkeypatch.setenv("BIOM_CACHE", "off")
    monkeypatch.setenv("BIOM_PAIR", "mini")
    monkeypatch.chdir(tmp_path)
    Path("abstract.txt").write_text(text)
    start = text.index("CFTR")
    write_squad(
        [Example(Question("Which gene?", "1"), text, ("CFTR",), (CharSpan(start, start + 4),))],
        Path("dev.json"), title="t",
    )  # fmt: skip
    for number in "12":
        snippets = [{"text": text, "document": "d"}]
        one = {"id": number, "type": "factoid", "body": "Which gene?", "exact_answer": [["CFTR"]]}
        Path(f"8B{number}_golden.json").write_text(json.dumps({"questions": [one | {"snippets": snippets}]}))
    words = shlex.split(command.partition(" < ")[0])
    with entrez_server() as server:
        monkeypatch.setenv("BIOM_ENTREZ_URL", server.url)
        assert demo_main(words[3:]) == 0
    assert "CFTR" in capsys.readouterr().out or "evaluate" in words
    for option in ("--json", "--predictions", "--submission"):
        if "evaluate" in words and option in words:
            assert "CFTR" in Path(words[words.index(option) + 1]).read_text("utf-8")


def test_files_that_are_named_exist():
    for path in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / path).is_file(), path
    for path in re.findall(r"\b(?:assets|train|benchmarks|tests)/[\w./-]*\w", README):
        assert (ROOT / path).exists(), path


def test_the_front_matter_agrees_with_the_pins():
    pins = dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)$", (ROOT / "requirements.txt").read_text("utf-8")))
    assert f"sdk_version: {pins['gradio']}\n" in FRONT_MATTER
    assert 'python_version: "3.11"\n' in FRONT_MATTER
    assert "app_file: app.py\n" in FRONT_MATTER
    assert len(re.search(r"short_description: (.*)", FRONT_MATTER)[1]) <= 60
    assert "torch" in pins


def test_the_large_pair_is_preloaded_with_the_files_it_needs():
    large = next(pair for pair in CATALOGUE if pair.name == "large")
    preloaded = dict(re.findall(r"- (\S+/\S+) (config\.json,\S+)", FRONT_MATTER))
    assert set(preloaded) == {large.biom.source, large.vanilla.source}
    assert set(preloaded.values()) == {"config.json,pytorch_model.bin,vocab.txt"}


def test_every_catalogue_pair_is_in_the_table():
    for pair in CATALOGUE:
        assert f"| `{pair.name}` |" in README


def test_the_measured_figures_are_those_of_the_evaluation_files():
    mini = next(pair for pair in CATALOGUE if pair.name == "mini")
    for checkpoint in (mini.biom, mini.vanilla):
        path = Path(checkpoint.source) / "evaluation.json"
        results = json.loads(path.read_text("utf-8"))["results"]
        assert {result["n"] for result in results} == {475, 2749}
        card = (path.parent / "README.md").read_text("utf-8")
        for result in results:
            figures = f"{result['exact_match']:.2f} | {result['f1']:.2f}"
            abstaining = result["with_null"]
            figures += f" | {abstaining['exact_match']:.2f} | {abstaining['f1']:.2f}"
            assert f"| {checkpoint.label} | `{result['file']}` | {figures} |" in README
            assert result["file"] in card
            assert str(result["exact_match"]) in card
