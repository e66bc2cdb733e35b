"""Stored comparisons: what is read back is what was read, and only for the very files that read it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from biom_demo.analysis.comparison import View, compared
from biom_demo.analysis.stored import comparison_of, digest_of, document_of
from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import CATALOGUE, Checkpoint, locate, resolve_pair
from biom_demo.models.store import Models
from biom_demo.settings import ASSETS
from biom_demo.ui.examples import ANSWERED, OPENING, Opening, stored_answer
from biom_demo.ui.run import Run, head_of
from tests import readings
from tests.site import MINI, inquiry, site_of

RUNNING = "python -m benchmarks.answered_example"


@pytest.fixture
def checkpoints(tmp_path):
    """Two folders that look like checkpoints."""
    made = []
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        for file in ("config.json", "model.safetensors", "vocab.txt"):
            (folder / file).write_text(f"{name} {file}")
        made.append(Checkpoint(str(folder), name.upper(), ""))
    return made


@pytest.fixture
def comparison(checkpoints):
    text = "Mutations of CFTR, not of BRCA1."
    sides = [readings.pointing_at(text, "CFTR"), readings.pointing_at(text, "BRCA1", label="V", null=30.0)]
    made = readings.comparison_of(*sides)
    return replace(
        made,
        checkpoints=tuple(checkpoints),
        sides=tuple(replace(side, checkpoint=c) for side, c in zip(made.sides, checkpoints, strict=True)),
    )


def test_what_is_read_back_is_what_was_read(comparison, checkpoints):
    document = json.loads(json.dumps(document_of(comparison)))
    again = comparison_of(document, checkpoints)
    assert again.question == comparison.question
    assert again.passage.text == comparison.passage.text
    for one, other in zip(again.sides, comparison.sides, strict=True):
        assert one.prediction(View()) == other.prediction(View())
        assert one.seconds is None  # nobody waited for it
        for window, was in zip(one.reading.windows, other.reading.windows, strict=True):
            assert np.array_equal(window.ids, was.ids)
            assert np.array_equal(window.offsets, was.offsets)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "vocab.txt"])
def test_it_holds_for_the_files_that_read_it_only(comparison, checkpoints, file):
    document = document_of(comparison)
    (locate(checkpoints[1]) / file).write_text("another")
    assert comparison_of(document, checkpoints) is None


def test_a_model_that_is_not_here_or_stands_elsewhere_has_read_nothing(comparison, checkpoints, tmp_path):
    document = document_of(comparison)
    assert comparison_of(document, list(reversed(checkpoints))) is None
    assert comparison_of(document, [checkpoints[0], Checkpoint(str(tmp_path / "none"), "N", "")]) is None
    assert comparison_of(document, checkpoints[:1]) is None
    with pytest.raises(ValueError, match="not on this machine"):
        document_of(readings.comparison_of(readings.side_of("a"), readings.side_of("a", label="V")))


@pytest.mark.parametrize(
    "spoilt", [{}, {"sides": None}, {"sides": [{}, {}]}, {"question": 3}, {"text": None}]
)
def test_a_document_that_is_none_gives_nothing(comparison, checkpoints, spoilt):
    document = {**document_of(comparison), **spoilt} if spoilt else {}
    assert comparison_of(document, checkpoints) is None


def test_logits_that_are_not_those_of_the_window_give_nothing(comparison, checkpoints):
    document = document_of(comparison)
    document["sides"][0]["windows"][0]["start"].pop()
    assert comparison_of(document, checkpoints) is None


def test_a_damaged_calibration_gives_nothing(comparison, checkpoints):
    document = document_of(comparison)
    (locate(checkpoints[0]) / "calibration.json").write_text("{")
    assert comparison_of(document, checkpoints) is None


def test_the_digest_of_a_folder_is_not_that_of_its_copy_with_files_swapped(tmp_path):
    for name, files in (("a", ("x", "y")), ("b", ("y", "x"))):
        (tmp_path / name).mkdir()
        for file, content in zip(("config.json", "vocab.txt"), files, strict=True):
            (tmp_path / name / file).write_text(content)
    assert digest_of(tmp_path / "a") != digest_of(tmp_path / "b")


# The file that the page opens with.


def test_the_stored_answer_is_that_of_the_bundled_pair_and_the_opening_example():
    assert stored_answer(resolve_pair("mini")) is not None, f"it is stale: run {RUNNING}"
    assert ANSWERED.stat().st_size < 40_000


def test_the_bundled_pair_still_answers_as_stored():
    stored = stored_answer(resolve_pair("mini"))
    read = compared(stored.question, stored.passage, stored.checkpoints, Models(threads=1).visit())
    for one, other in zip(stored.sides, read.sides, strict=True):
        for was, now in zip(one.reading.logits, other.reading.logits, strict=True):
            assert np.abs(was.start - now.start).max() < 0.01, f"it is stale: run {RUNNING}"
            assert np.abs(was.end - now.end).max() < 0.01
        assert one.answer(View()).span == other.answer(View()).span


def test_another_pair_or_another_example_opens_with_nothing(monkeypatch):
    assert stored_answer(next(pair for pair in CATALOGUE if pair.name == "base")) is None
    monkeypatch.setitem(OPENING, "question", "Which other enzyme?")
    assert stored_answer(resolve_pair("mini")) is None


def test_no_file_and_a_damaged_one_open_with_nothing(monkeypatch, tmp_path):
    for content in (None, "{", "[]", "{}"):
        path = tmp_path / "answered.json"
        if content is not None:
            path.write_text(content)
        monkeypatch.setattr("biom_demo.ui.examples.ANSWERED", path)
        assert stored_answer(resolve_pair("mini")) is None


def test_the_opening_says_where_its_answers_are_from():
    site = site_of()
    assert Run.of_opening(site.opening, "mini") is None
    site.opening.read(site.models, MINI)
    run = Run.of_opening(site.opening, "mini")
    assert "read by this server" in head_of(run)
    assert all(side.seconds is not None for side in run.comparison.sides)
    stored = Run.of_opening(Opening(run.comparison), "mini")
    assert "stored with the app" in head_of(stored)
    # It stands beside empty boxes, and is of another question as soon as one is typed.
    assert "previous" not in head_of(stored, inquiry(typed="", question=""))
    assert "previous" in head_of(stored, inquiry(typed="", question="Which"))
    assert stored.gold


def test_models_that_cannot_read_leave_what_was_stored():
    site = site_of(broken=[MINI.vanilla])
    opening = Opening("stored")
    with pytest.raises(CheckpointError):
        opening.read(site.models, MINI)
    assert (opening.comparison, opening.read_here) == ("stored", False)


def test_the_wheel_has_the_file():
    assert ANSWERED.parent == ASSETS
