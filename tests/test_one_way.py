"""The same question over the same text: page, API, command line, library, batch and evaluation agree.

The MCP tools give what the API gives: ``test_mcp.py``.
"""

from __future__ import annotations

import itertools
import json

import pytest

from biom_demo import ask, load_pair
from biom_demo.analysis.benchmark import read_gold
from biom_demo.analysis.comparison import View
from biom_demo.cli import main
from biom_demo.counters import Work
from biom_demo.qa.datasets import write_squad
from biom_demo.qa.records import CharSpan, Example, Question
from biom_demo.qa.spans import decode
from biom_demo.settings import Settings
from biom_demo.ui.api import answer as api_answer
from biom_demo.ui.benchmark_tab import score_all
from biom_demo.ui.compare_tab import answer, prepare
from biom_demo.ui.gold_table import GoldFile
from biom_demo.ui.run import History, Inquiry, Placed
from biom_demo.ui.site import Site
from tests.site import last
from tests.tiny import save_tiny

TEXTS = [
    "The virus binds the protein. A drug of the gene causes it, which is the virus in the protein.",
    "Which drug binds? The gene binds what the protein causes; the virus is of the drug.",
    "A gene. A protein.",
]
ASKED = "which gene binds the protein"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    return save_tiny("electra", folder / "one"), save_tiny("albert", folder / "other")


@pytest.fixture(scope="module")
def site(folders):
    return Site.from_settings(
        Settings(biom_model=str(folders[0]), vanilla_model=str(folders[1]), threads=1, pubmed_cache="off")
    )


@pytest.fixture(scope="module")
def on_page(site):
    """The two answers' texts, spans and probabilities to each text, as the page has them."""
    found = []
    for text in TEXTS:
        asked = Inquiry(text, ASKED, site.pair.name, placed=Placed(text))
        prepared = last(prepare(site, asked, "me"))["prepared"]
        run = last(answer(site, prepared, View(), History(), "me"))["run"]
        found.append([side.prediction(View()) for side in run.comparison.sides])
    return found


def seen(answer):
    return (answer["text"], answer["start"], answer["end"], pytest.approx(answer["probability"], rel=1e-4))


def as_seen(prediction):
    return [(a.text, a.span.start, a.span.end, a.probability) for a in prediction.answers]


def test_the_api_answers_as_the_page(site, on_page):
    for text, predictions in zip(TEXTS, on_page, strict=True):
        document = api_answer(site, text, ASKED, site.pair.name)
        for side, prediction in zip(("biom", "vanilla"), predictions, strict=True):
            assert as_seen(prediction) == [seen(a) for a in document[side]["n_best"]]


def test_the_command_line_answers_as_the_page(folders, on_page, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BIOM_MODEL", str(folders[0]))
    monkeypatch.setenv("VANILLA_MODEL", str(folders[1]))
    for text, predictions in zip(TEXTS, on_page, strict=True):
        (tmp_path / "text").write_text(text)
        assert main(["ask", ASKED, "--text", str(tmp_path / "text"), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        for side, prediction in zip(("biom", "vanilla"), predictions, strict=True):
            assert as_seen(prediction) == [seen(a) for a in document[side]["n_best"]]
            best = document[side]["answer"]
            assert (best is None) == (prediction.best() is None)


def test_the_library_answers_as_the_page(folders, on_page):
    pair = load_pair(biom=str(folders[0]), vanilla=str(folders[1]), settings=Settings(threads=1))
    for text, predictions in zip(TEXTS, on_page, strict=True):
        document = ask(ASKED, text, pair).to_json()
        for side, prediction in zip(("biom", "vanilla"), predictions, strict=True):
            assert as_seen(prediction) == [seen(a) for a in document[side]["n_best"]]


def test_a_batch_answers_as_the_page(folders, on_page, tmp_path, monkeypatch):
    monkeypatch.setenv("BIOM_MODEL", str(folders[0]))
    monkeypatch.setenv("VANILLA_MODEL", str(folders[1]))
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    data.write_text("".join(json.dumps({"question": ASKED, "text": text}) + "\n" for text in TEXTS))
    assert main(["batch", str(data), "--out", str(out)]) == 0
    for line, predictions in zip(out.read_text().splitlines(), on_page, strict=True):
        document = json.loads(line)
        for side, prediction in zip(("biom", "vanilla"), predictions, strict=True):
            assert as_seen(prediction) == [seen(a) for a in document[side]["n_best"]]


def test_evaluation_answers_as_the_page(folders, on_page, tmp_path):
    examples = [
        Example(Question(ASKED, id=str(i)), text, (text[:1],), (CharSpan(0, 1),))
        for i, text in enumerate(TEXTS)
    ]
    data, out = tmp_path / "d.json", tmp_path / "r.json"
    write_squad(examples, data, title="t")
    for place, folder in enumerate(folders):
        assert main(["evaluate", str(data), "--model", str(folder), "--json", str(out)]) == 0
        predictions = json.loads(out.read_text())["model"]["predictions"]
        assert predictions == {str(i): sides[place].answers[0].text for i, sides in enumerate(on_page)}


def test_the_texts_tell_the_models_apart(on_page):
    """Else the tests above could not fail."""
    answers = [[prediction.answers[0].text for prediction in sides] for sides in on_page]
    assert any(one != other for one, other in answers), answers
    assert len({text for sides in answers for text in sides}) > 2


LONG = " ".join(f"The gene {number} binds the protein of the virus." for number in range(120))


def test_a_long_text_has_the_published_windows_where_it_is_scored_and_fewer_where_it_is_asked_of(
    site, folders, tmp_path
):
    data, out = tmp_path / "d.json", tmp_path / "r.json"
    gold = Example(Question(ASKED, id="0"), LONG, (LONG[:8],), (CharSpan(0, 8),))
    write_squad([gold], data, title="t")
    assert main(["evaluate", str(data), "--model", str(folders[0]), "--json", str(out)]) == 0
    scored = json.loads(out.read_text())["model"]["predictions"]["0"]
    (part,) = last(score_all(site, GoldFile.of(read_gold([data])), (), site.pair.name, "me"))["read"]
    row = part.stretch.readings[0][0]
    assert decode(row).answers[0].text == scored
    with site.reading(Work.COMPARE, "") as visit:
        (asked,) = visit.read(site.pair.biom, [(gold.question, LONG)])
    assert windows_between(row) == [128] * (len(row.windows) - 1)
    assert windows_between(asked) == [320] * (len(asked.windows) - 1)
    assert len(asked.windows) > 2


def windows_between(reading):
    firsts = [window.first_token for window in reading.windows]
    return [after - before for before, after in itertools.pairwise(firsts)]
