"""The title and the About tab: what is measured comes from the checkpoints' own files."""

from __future__ import annotations

import json

import pytest

from biom_demo import __version__
from biom_demo.models.catalogue import CATALOGUE, PUBLISHED_SCORES, Checkpoint, ModelPair, locate
from biom_demo.qa.calibration import CALIBRATION_FILE
from biom_demo.show.about import TITLE, about_html, title_html
from tests.markup import HOSTILE, Page
from tests.readings import calibration_of, measured_on
from tests.tiny import save_tiny

MINI = next(pair for pair in CATALOGUE if pair.name == "mini")


def test_about_says_what_the_models_saw_and_what_was_measured():
    page = Page(about_html(MINI))
    for words in ("questions over PubMed text", "Measured", "Not medical advice", "What each stage brings",
                  "EM, exact match", "MRR, mean reciprocal rank", "Lenient accuracy", "What was not measured",
                  "What is sent, and what is kept", "MIT licence", "make demo", "2021.bionlp-1.24",
                  __version__):  # fmt: skip
        assert words in page.text
    for name, exact_match, f1 in PUBLISHED_SCORES:
        assert f"{name}{exact_match:.2f}{f1:.2f}" in page.text
    assert ".json" not in page.text  # data go by plain names
    for folder in (locate(checkpoint) for checkpoint in MINI.checkpoints):
        for result in json.loads((folder / "evaluation.json").read_text("utf-8"))["results"]:
            assert f"{result['exact_match']:.2f}{result['f1']:.2f}" in page.text
    assert TITLE in Page(title_html()).text


@pytest.mark.parametrize(
    "written",
    [
        "no JSON",
        "[]",
        json.dumps({"results": [{"file": "f", "n": 1, "exact_match": "x", "f1": 1}]}),
        json.dumps({"results": 3}),
        "[" * 100_000,
    ],
)
def test_a_folder_with_another_kind_of_file_has_no_figures(tmp_path, written):
    folder = save_tiny("electra", tmp_path / "own")
    (folder / "evaluation.json").write_text(written)
    own = Checkpoint(str(folder), HOSTILE[0], HOSTILE[1])
    page = Page(about_html(ModelPair("custom", own, own)))
    assert "Measured" not in page.text
    assert HOSTILE[0] in page.text
    assert HOSTILE[1] in page.text


def test_figures_of_a_folder_stay_text(tmp_path):
    folder = save_tiny("electra", tmp_path / "own")
    results = [{"file": HOSTILE[2], "n": HOSTILE[3], "exact_match": 12.345, "f1": 50}]
    (folder / "evaluation.json").write_text(json.dumps({"results": results}))
    own = Checkpoint(str(folder), HOSTILE[0], "")
    page = Page(about_html(ModelPair("custom", own, own)))
    assert f"{HOSTILE[0]}{HOSTILE[2]}{HOSTILE[3]}12.3550.00" in page.text


def a_pair(tmp_path, *calibrations):
    """Two folders, each with a calibration file of that content (``None``: without)."""
    made = []
    for name, calibration in zip(("one", "two"), calibrations, strict=True):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("config.json", "model.safetensors", "vocab.txt"):  # there, and not read here
            (folder / file).touch()
        if calibration is not None:
            text = calibration if isinstance(calibration, str) else json.dumps(calibration.as_json())
            (folder / CALIBRATION_FILE).write_text(text, "utf-8")
        made.append(Checkpoint(str(folder), f"Model {name}", ""))
    return ModelPair("custom", *made)


BIOASQ = measured_on("BioASQ 8B", [(0.25, 40, 10), (0.65, 80, 44), (0.95, 12, 11)])
SQUAD = measured_on("SQuAD", [(0.55, 60, 30)])


def test_a_measured_pair_shows_how_sure_is_how_right(tmp_path):
    pair = a_pair(tmp_path, calibration_of(BIOASQ, SQUAD), calibration_of(BIOASQ))
    page = Page(about_html(pair))
    assert "How sure is how right" in page.text
    for measured, labels in ((BIOASQ, ("Model one", "Model two")), (SQUAD, ("Model one",))):
        ece = f"ECE {measured.before.ece:.3f} before, {measured.after.ece:.3f} after"
        assert page.text.count(ece) == len(labels)
        assert f"The numbers on {measured.after.measured_on}" in page.text
        for one in measured.after.bins:
            row = f"{100 * one.low:.0f}–{100 * one.high:.0f}%{one.n}{one.confidence:.1%}{one.accuracy:.1%}"
            assert page.text.count(row) == len(labels)
    assert "brackets and quotation marks in balance" in page.text
    assert "Both are calibrated" in page.text
    assert "fitted on made-up pairs." in page.text
    assert "not how often it is right" not in page.text


def test_one_calibrated_model_is_told_apart_from_the_other(tmp_path):
    page = Page(about_html(a_pair(tmp_path, None, calibration_of(SQUAD))))
    assert "Those of Model one tell how sure a model is, not how often it is right." in page.text
    assert "Those of Model two are calibrated" in page.text
    assert page.text.count("ECE") == 2  # what it is, and of the one model


@pytest.mark.parametrize("content", [None, "{", json.dumps({"temperature": 0, "null_bias": 0})])
def test_nothing_is_told_of_a_pair_that_was_not_measured(tmp_path, content):
    page = Page(about_html(a_pair(tmp_path, content, content)))
    assert "How sure is how right" not in page.text
    assert "svg" not in page.tags
    assert "Both tell how sure a model is, not how often it is right." in page.text


def test_a_calibration_that_was_not_measured_is_told_in_words(tmp_path):
    for number, fitted_on in enumerate(("", HOSTILE[0])):
        (tmp_path / str(number)).mkdir()
        made = calibration_of(fitted_on=fitted_on)
        page = Page(about_html(a_pair(tmp_path / str(number), made, made)))
        assert "How sure is how right" not in page.text
        ends = f"they are right, fitted on {fitted_on}." if fitted_on else "they are right."
        assert ends in page.text
