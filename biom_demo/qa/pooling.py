"""Answers over many contexts -> one ranked list of answers for the question.

Source: the submission step of dmis-lab's BioASQ code (transform_n2b_factoid), as facts: pool the
n-best entries of all contexts of a question, clean each text, sum probabilities by lower-cased text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from biom_demo.qa.records import Answer, Prediction

MAX_ANSWER_CHARS = 100


@dataclass(frozen=True, slots=True)
class PooledAnswer:
    """One answer of a question: its text as most strongly seen, its summed ``score``, its evidence."""

    text: str
    score: float
    evidence: tuple[Answer, ...]


def pool(predictions: Iterable[Prediction], *, top_n: int = 5) -> list[PooledAnswer]:
    """The question's ``top_n`` answers, best first; ``evidence`` is best first too.

    ``score`` is the sum of probabilities over contexts. Each context spreads at most 1.0, and what
    it gives to "no answer" counts for none, so contexts that do not help have little say.
    """
    members: dict[str, list[tuple[str, Answer]]] = {}
    for prediction in predictions:
        for answer in prediction.answers:
            text = cleaned(answer.text)
            if text and len(text) <= MAX_ANSWER_CHARS and _balanced(text):
                members.setdefault(text.lower(), []).append((text, answer))
    pooled = []
    for entries in members.values():
        entries.sort(key=lambda entry: entry[1].probability, reverse=True)
        evidence = tuple(answer for _, answer in entries)
        pooled.append(PooledAnswer(entries[0][0], sum(a.probability for a in evidence), evidence))
    # Ties by text, so that the order never hangs on the order of the contexts.
    return sorted(pooled, key=lambda answer: (-answer.score, answer.text.lower()))[:top_n]


def cleaned(text: str) -> str:
    """The text without one trailing comma, full stop or space, and without brackets all around it."""
    text = re.sub(r"[,. ]$", "", text)
    inside = re.fullmatch(r"\(([^()]*)\)", text)
    return inside[1] if inside else text


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0
