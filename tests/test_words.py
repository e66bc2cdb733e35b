"""The word lists: in form, and all in use."""

from __future__ import annotations

import json

import pytest

from biom_demo.pubmed.words import WORDS, phrases, words
from tests.conftest import ROOT

LISTS = json.loads(WORDS.read_text("utf-8"))
SOURCES = "".join(path.read_text("utf-8") for path in (ROOT / "biom_demo" / "pubmed").glob("*.py"))


@pytest.mark.parametrize("name", LISTS)
def test_each_list_is_in_form_and_in_use(name):
    lines = LISTS[name]
    assert all(line == line.lower().strip() for line in lines)
    in_phrases = f'phrases("{name}")' in SOURCES
    entries = lines if in_phrases else " ".join(lines).split()
    assert len(entries) == len(set(entries)), "an entry stands twice"
    assert (phrases(name) if in_phrases else words(name)) == set(entries)
    in_words = name.startswith("stops_") or f'"{name}"' in SOURCES
    assert in_phrases or in_words, "no code uses it"


def test_there_is_no_other_list():
    with pytest.raises(KeyError):
        words("zorn")
