"""Runs as the page shows them: as they arrive, blind without a hint, scored as SQuAD scores."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from biom_demo.analysis.difference import View
from biom_demo.analysis.passage import EXAMPLES, Passage
from biom_demo.errors import BioMError
from biom_demo.models.catalogue import Checkpoint
from biom_demo.ui.compare_tab import HISTORY_CHARS, HISTORY_KEPT, Known, drawn, gold_of, remembered
from biom_demo.ui.practice_panel import ballot, read_deck
from biom_demo.ui.run import Run, scores
from tests.readings import read_of

TEXT = "The gene is CFTR or BRCA1 here."
CHECKPOINTS = (Checkpoint("a", "Bio-Secret", "saw PubMed"), Checkpoint("b", "Van-Secret", "saw books"))


def run_of(**changes):
    reads = (
        read_of(TEXT, {3: 9.0}, {3: 9.0}, label="Bio-Secret"),
        read_of(TEXT, {5: 9.0}, {5: 9.0}, label="Van-Secret"),
    )
    return replace(Run(Passage(TEXT), "Which gene?", "mini", CHECKPOINTS, reads), **changes)


def test_each_card_shows_as_soon_as_its_model_has_read():
    run = run_of()
    verdict, biom, vanilla, third, _, panel = drawn(replace(run, reads=run.reads[:1]), View())
    assert "CFTR" in biom
    assert "Reading …" in vanilla
    assert "compared here" in verdict
    assert "After the run" in panel
    assert third == ""
    verdict, _, vanilla, *_ = drawn(run, View())
    assert "BRCA1" in vanilla
    assert "Disagree" in verdict


@pytest.mark.parametrize("swapped", [False, True])
def test_blind_nothing_tells_which_model_is_which(swapped):
    run = run_of(blind=True, swapped=swapped)
    for state in (run, replace(run, reads=run.reads[:1]), replace(run, reads=())):
        html = " ".join(map(str, drawn(state, View())))
        for hint in ("Secret", "PubMed", "books", "biom", "vanilla", " s</span>"):
            assert hint not in html, hint
    first = drawn(run, View())[1]
    assert ("BRCA1" if swapped else "CFTR") in first.split("<h4>")[0]
    partial = drawn(replace(run, reads=run.reads[:1]), View())
    assert partial[1].count("Reading …") == partial[2].count("Reading …") == 1


def test_a_ballot_names_the_models_behind_the_letters():
    row = ballot("A", run_of(blind=True, swapped=True), (0.0, 5, 30, 0.5))
    assert (row["model A"], row["answer A"], row["vote"]) == ("Van-Secret", "BRCA1", "Van-Secret")
    assert ballot("tie", run_of(blind=True), (0.0, 5, 30, 0.5))["vote"] == "Both are right"


def test_scores_are_those_of_squad():
    assert scores(run_of(), View()) == []
    assert scores(run_of(gold=("the CFTR",)), View()) == [
        ("Bio-Secret", True, 1.0),
        ("Van-Secret", False, 0.0),
    ]
    abstaining = View(null_threshold=-30.0)
    assert [exact for _, exact, _ in scores(run_of(gold=()), abstaining)] == [True, True]
    assert [exact for _, exact, _ in scores(run_of(gold=()), View())] == [False, False]


def test_known_answers_hold_for_the_unchanged_question_only():
    known = Known("text", "question", ("x",))
    assert gold_of("text", "question", known) == ("x",)
    assert gold_of("text", "another", known) is None
    example = EXAMPLES[0]
    assert gold_of(example["context"], example["question"], known) == tuple(example["answers"])


def test_a_deck_is_read_from_either_format_and_refused_otherwise(tmp_path):
    qa = {"id": "1", "question": "Which gene?", "answers": [{"text": "CFTR", "answer_start": 12}]}
    squad = {"data": [{"title": "t", "paragraphs": [{"context": TEXT, "qas": [qa]}]}]}
    snippets = [{"text": TEXT, "document": "d"}, {"text": "No."}]
    question = {"id": "2", "body": "Which gene?", "type": "factoid", "exact_answer": [["cftr"]]}
    bioasq = {"questions": [question | {"snippets": snippets}]}
    for name, document in (("squad.json", squad), ("bioasq.json", bioasq)):
        (tmp_path / name).write_text(json.dumps(document))
        deck = read_deck(str(tmp_path / name))
        assert (deck.name, len(deck.examples)) == (name, 1)
        assert deck.examples[0].gold_texts == ("CFTR",)
    for content, words in (
        ("[]", "neither a BioASQ nor"),
        ("{", "not valid JSON"),
        ('{"questions": []}', "no factoid"),
    ):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(BioMError, match=words):
            read_deck(str(tmp_path / "bad.json"))


def test_a_session_remembers_its_newest_runs_within_bounds():
    runs = ()
    for _ in range(HISTORY_KEPT + 5):
        newest = run_of()
        runs = remembered(runs, newest)
    assert len(runs) == HISTORY_KEPT
    assert runs[-1] is newest
    long = run_of(passage=Passage("x" * HISTORY_CHARS))
    assert remembered(runs, long) == (long,)
