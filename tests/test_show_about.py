"""The title and the About tab: what is measured comes from the checkpoints' own files."""

from __future__ import annotations

import json

import pytest

from biom_demo.models.catalogue import CATALOGUE, PUBLISHED_SCORES, Checkpoint, ModelPair
from biom_demo.show.about import about_html, title_html
from tests.markup import HOSTILE, Page
from tests.tiny import save_tiny

MINI = next(pair for pair in CATALOGUE if pair.name == "mini")


def test_about_says_what_the_models_saw_and_what_was_measured():
    page = Page(about_html(MINI))
    for words in ("then PubMed abstracts", "Measured", "Not medical advice", "What each stage brings"):
        assert words in page.text
    for name, exact_match, f1 in PUBLISHED_SCORES:
        assert f"{name}{exact_match:.2f}{f1:.2f}" in page.text
    assert "Ask an abstract" in Page(title_html()).text


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
    assert f"{HOSTILE[0]} on {HOSTILE[2]} (n = {HOSTILE[3]})12.3550.00" in page.text
