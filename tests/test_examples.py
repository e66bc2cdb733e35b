"""The example questions: complete, answered by their own texts, of abstract length."""

from __future__ import annotations

import json

import pytest

from tests.conftest import ROOT

EXAMPLES = json.loads((ROOT / "assets" / "examples.json").read_text("utf-8"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["title"])
def test_an_example_is_complete_and_its_answers_stand_in_its_text(example):
    assert set(example) == {"title", "topic", "context", "question", "answers"}
    assert example["question"].endswith("?")
    assert 100 <= len(example["context"].split()) <= 220
    assert all(answer in example["context"] for answer in example["answers"])


def test_there_are_enough_of_every_kind():
    assert len(EXAMPLES) >= 8
    assert len({example["title"] for example in EXAMPLES}) == len(EXAMPLES)
    assert any(not example["answers"] for example in EXAMPLES)
    assert sum("METHODS:" in example["context"] for example in EXAMPLES) >= 3
