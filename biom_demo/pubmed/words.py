"""The word lists of ``assets/words.json``, which say what a paste, a title or a question is made of."""

from __future__ import annotations

import json
from functools import cache

from biom_demo.settings import ASSETS

WORDS = ASSETS / "words.json"


@cache
def words(name: str) -> frozenset[str]:
    """The words of one list, in lower case. Raises ``KeyError`` where there is no such list."""
    return frozenset(word for line in _lists()[name] for word in line.split())


@cache
def phrases(name: str) -> frozenset[str]:
    """The entries of a list whose lines are one name each."""
    return frozenset(_lists()[name])


@cache
def _lists() -> dict[str, list[str]]:
    lists: dict[str, list[str]] = json.loads(WORDS.read_text("utf-8"))
    return lists
