"""``biom-demo fetch``, and the warnings that go with a record wherever the command line prints one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from biom_demo.cli import ask, fetch, main
from tests.entrez_server import entrez_server
from tests.site import MINI, WordModels

RETRACTED = "This article was retracted: Notes Inv J. 2010 (PMID 90000007)."


@pytest.fixture(autouse=True)
def server(monkeypatch):
    with entrez_server() as made:
        monkeypatch.setenv("BIOM_ENTREZ_URL", made.url)
        monkeypatch.setenv("BIOM_CACHE", "off")
        yield made


def test_records_are_printed_with_their_warnings_before_their_text(server, capsys):
    assert main(["fetch", "90000006", "90000001", "99999999"]) == 0
    out = capsys.readouterr().out
    assert "note: PubMed does not know 99999999." in out
    assert out.index("PMID 90000006") < out.index(f"  ! {RETRACTED}") < out.index("PMID 90000001")
    assert len(server.calls("efetch")) == 1


def test_more_names_than_one_look_up_takes_are_all_fetched(monkeypatch, capsys):
    monkeypatch.setattr(fetch, "MAX_NAMES", 2)
    pmids = [f"9000000{i}" for i in range(1, 6)]
    assert main(["fetch", *pmids, "--json"]) == 0
    assert [record["pmid"] for record in json.loads(capsys.readouterr().out)["records"]] == pmids


def test_a_query_and_json(capsys):
    assert main(["fetch", "--query", "CFTR", "--top", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["records"]) == 1
    assert "CFTR" in document["records"][0]["text"]
    assert any("records match" in notice for notice in document["notices"])
    assert main(["fetch", "90000006", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["records"][0]["warnings"] == [RETRACTED]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name a record"),
        (["cystic fibrosis AND gene[ti]"], "use --query"),
        (["99999999"], "does not know 99999999"),
        (["--query", "x", "--top", "0"], "from 1 to"),
    ],
)
def test_what_cannot_be_fetched_is_said(arguments, words, capsys):
    assert main(["fetch", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_answers_from_records_come_with_their_warnings_and_notices(monkeypatch, capsys):
    models = WordModels({MINI.biom: "vaccine", MINI.vanilla: "vaccine"})
    monkeypatch.setattr(ask, "Models", lambda **_options: models)
    assert main(["ask", "Which claim?", "--pmid", "90000006", "--pair", "mini"]) == 0
    assert f"  ! {RETRACTED}" in capsys.readouterr().out
    assert main(["ask", "Which claim?", "--query", "vaccine", "--pair", "mini"]) == 0
    assert f"  ! {RETRACTED}" in capsys.readouterr().out
    looked_up = ask.passage_of_names

    def old(*given, **options):
        return replace(looked_up(*given, **options), notices=("Shown is the copy of 2020-01-01.",))

    monkeypatch.setattr(ask, "passage_of_names", old)
    assert main(["ask", "Which claim?", "--pmid", "90000001", "--pair", "mini"]) == 0
    assert "note: Shown is the copy of 2020-01-01." in capsys.readouterr().out


def test_every_command_has_help_with_examples_and_statuses_are_told(capsys):
    for command in ("ask", "batch", "fetch", "serve"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert f"biom-demo {command}" in capsys.readouterr().out.split("examples:")[1]
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert "exit status:" in out
    assert all(f"\n    {command} " in out for command in ("ask", "batch", "evaluate", "fetch", "serve"))


def test_serve_refuses_what_cannot_be_a_port(capsys):
    assert main(["serve", "--port", "70000"]) == 2
    assert "is no port" in capsys.readouterr().err
