"""The library: light to import, typed, and the page's own records."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial

import pytest

import biom_demo
from biom_demo.analysis import literature
from biom_demo.analysis.cascade import Budget, most_promising
from biom_demo.cli import main
from biom_demo.errors import CheckpointError, InputError
from biom_demo.settings import Settings
from tests.conftest import ROOT
from tests.entrez_server import entrez_server
from tests.tiny import save_tiny

TEXT = "The virus binds the protein. A drug of the gene causes it, which is the virus in the protein."
ASKED = "which gene binds the protein"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    return save_tiny("electra", folder / "one"), save_tiny("albert", folder / "other")


@pytest.fixture(scope="module")
def server():
    with entrez_server() as made:
        yield made


@pytest.fixture(scope="module")
def pair(folders, server):
    settings = Settings(entrez_url=server.url, pubmed_cache="off", threads=1)
    return biom_demo.load_pair(biom=str(folders[0]), vanilla=str(folders[1]), settings=settings)


def test_importing_it_loads_nothing_that_costs():
    code = (
        "import sys, biom_demo; dir(biom_demo)\n"
        "heavy = {'torch', 'transformers', 'gradio', 'Bio', 'numpy', 'httpx', 'biom_demo.library'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "from biom_demo import load_pair, ask, ask_pubmed, LoadedPair\n"
        "assert not {'torch', 'transformers', 'gradio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_all_names_are_there_and_no_others():
    for name in biom_demo.__all__:
        assert getattr(biom_demo, name) is not None
        assert name in dir(biom_demo)
    with pytest.raises(AttributeError, match="no attribute 'load_pairs'"):
        biom_demo.load_pairs  # noqa: B018


def test_a_type_checker_sees_its_types(tmp_path):
    """Of the exports that are lazy at run time; and that a name which does not exist is an error."""
    pytest.importorskip("mypy", reason="needs mypy: pip install -r requirements-dev.txt")
    (tmp_path / "uses.py").write_text(
        "from biom_demo import ask, load_pair\nfound = ask('Q?', 'T', load_pair('mini'))\n"
        "reveal_type(found)\nreveal_type(found.to_json())\nfrom biom_demo import nosuch\n"
    )
    line = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(tmp_path / "uses.py")]
    cache = ["--cache-dir", str(tmp_path / "cache")]
    said = subprocess.run([*line, *cache], cwd=ROOT, capture_output=True, text=True, timeout=300).stdout
    assert 'Revealed type is "biom_demo.library.AnsweredComparison"' in said
    assert re.search(r'Revealed type is "(builtins\.)?dict\[(builtins\.)?str, Any\]"', said), said
    assert 'has no attribute "nosuch"' in said


def test_a_text_is_answered_as_the_command_line_answers(pair, folders, tmp_path, monkeypatch, capsys):
    found = biom_demo.ask(ASKED, TEXT, pair)
    assert found.complete
    for name, folder in zip(("BIOM_MODEL", "VANILLA_MODEL"), folders, strict=True):
        monkeypatch.setenv(name, str(folder))
    (tmp_path / "t.txt").write_text(TEXT)
    assert main(["ask", ASKED, "--text", str(tmp_path / "t.txt"), "--json"]) == 0
    said, ours = json.loads(capsys.readouterr().out), json.loads(json.dumps(found.to_json()))
    for document in (said, ours):
        for side in ("biom", "vanilla"):
            document[side].pop("seconds")
    assert ours == said
    assert ours["biom"]["n_best"][0]["text"] in TEXT


def test_a_batch_row_is_answered_as_the_library_answers(pair, folders, tmp_path, monkeypatch):
    for name, folder in zip(("BIOM_MODEL", "VANILLA_MODEL"), folders, strict=True):
        monkeypatch.setenv(name, str(folder))
    (tmp_path / "in.jsonl").write_text(json.dumps({"question": ASKED, "text": TEXT}) + "\n")
    assert main(["batch", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "o.jsonl")]) == 0
    row = json.loads((tmp_path / "o.jsonl").read_text())
    ours = json.loads(json.dumps(biom_demo.ask(ASKED, TEXT, pair).to_json()))
    for side in ("biom", "vanilla"):
        ours[side]["seconds"] = None
    assert {key: row[key] for key in ours} == ours
    assert set(row) - set(ours) == {"row", "line", "id"}


def test_a_name_is_looked_up_as_in_the_page_s_box(pair):
    found = biom_demo.ask("Which vaccine?", "PMID: 90000006", pair)
    assert found.passage.pmids == ("90000006",)
    assert found.to_json()["records"][0]["retracted"]
    exactly = biom_demo.ask("Which vaccine?", "PMID: 90000006", pair, exactly=True)
    assert exactly.passage.text == "PMID: 90000006"
    assert not exactly.passage.records


def test_pubmed_is_asked_and_its_abstracts_are_read(pair):
    found = biom_demo.ask_pubmed("Which drug opens the CFTR channel?", pair, query="CFTR", abstracts=2)
    assert len(found.read) == len(found.retrieved.records) == 2
    document = found.to_json()
    assert document["read"] == 2
    assert [paper["pmid"] for paper in document["abstracts"]] == [c.passage.pmids[0] for c in found.read]
    for side, name in enumerate(("biom", "vanilla")):
        assert [f.text for f in found.findings(side)] == [a["text"] for a in document[name]["answers"]]


def test_how_much_is_read_can_be_said(pair, monkeypatch):
    monkeypatch.setattr(literature, "most_promising", partial(most_promising, budget=Budget(0.0, 1)))
    question = "Which drug opens the CFTR channel?"
    found = biom_demo.ask_pubmed(question, pair, query="CFTR", abstracts=2, read="promising")
    assert len(found.read) == len(found.retrieved.unread) == 1
    assert found.to_json()["not_read"][0]["pmid"] == found.retrieved.unread[0].pmid
    long = f"{TEXT} " * 400
    whole, part = biom_demo.ask(ASKED, long, pair), biom_demo.ask(ASKED, long, pair, read="promising")
    assert [side.reading.gaps for side in whole.sides] == [(), ()]
    for side in ("biom", "vanilla"):
        assert "not_read" not in whole.to_json()[side]
        assert part.to_json()[side]["not_read"]
    with pytest.raises(InputError, match="read must be"):
        biom_demo.ask(ASKED, TEXT, pair, read="some")


def test_what_cannot_be_done_is_a_documented_error(pair, tmp_path):
    with pytest.raises(InputError, match="no question"):
        biom_demo.ask(" ", TEXT, pair)
    with pytest.raises(InputError, match="no text"):
        biom_demo.ask(ASKED, "", pair)
    with pytest.raises(InputError, match="from 1 to 100"):
        biom_demo.ask_pubmed(ASKED, pair, abstracts=0)
    with pytest.raises(InputError, match="finds nothing"):
        biom_demo.ask_pubmed(ASKED, pair, query="nosuchwordatall")
    with pytest.raises(InputError, match="no model pair"):
        biom_demo.load_pair("huge")
    with pytest.raises(CheckpointError, match="not on this machine"):
        biom_demo.load_pair("mini", biom=str(tmp_path / "nosuch"))
