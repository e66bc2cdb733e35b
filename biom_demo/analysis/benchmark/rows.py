"""The pairs of a gold file as the rows of a table: what two models answer to each; filtered and sorted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from biom_demo.analysis.benchmark.gold import Gold
from biom_demo.analysis.benchmark.scores import right_of
from biom_demo.analysis.benchmark.stretches import Stretch
from biom_demo.analysis.comparison import Agreement, verdict_of
from biom_demo.qa.records import Answer, Example

MAX_FIND_CHARS = 200
ROWS_A_PAGE = 50
LIKE = (Agreement.AGREE, Agreement.ELSEWHERE, Agreement.BOTH_ABSTAIN)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredRow:
    """A pair of a gold file, and what two models answer to it where they may abstain.

    ``number`` is its place in the file, from 0. ``answers`` and ``right`` are empty and ``agreement`` is
    ``None`` where it is not read yet.
    """

    number: int
    example: Example
    answers: tuple[Answer | None, ...] = ()
    right: tuple[bool | None, ...] = ()
    agreement: Agreement | None = None

    @property
    def known(self) -> str:
        """The first known answer, "" where there is none."""
        return self.example.gold_texts[0] if self.example.gold_texts else ""


def rows_of(gold: Gold, examples_at: dict[int, list[int]], stretch: Stretch) -> Iterator[ScoredRow]:
    """The rows of the pairs that a stretch has read; ``examples_at`` has the examples of a plan's places."""
    for place in range(stretch.start, stretch.stop):
        numbers = examples_at.get(place, ())
        if not numbers:
            continue
        answers = tuple(model[place - stretch.start].best() for model in stretch.predictions)
        agreement = verdict_of(*answers[:2]).agreement
        for number in numbers:
            example = gold.examples[number]
            right = tuple(right_of(example, answer) for answer in answers)
            yield ScoredRow(number, example, answers, right, agreement)


# What is shown of the table, and how a choice of it reads.
FILTERS: dict[str, tuple[str, Callable[[ScoredRow], bool]]] = {
    "all": ("All", lambda row: True),
    "unlike": ("Unlike answers", lambda row: row.agreement is not None and row.agreement not in LIKE),
    "first": ("Only the first model is right", lambda row: row.right == (True, False)),
    "second": ("Only the second model is right", lambda row: row.right == (False, True)),
    "both": ("Both are right", lambda row: row.right == (True, True)),
    "neither": ("Both are wrong", lambda row: row.right == (False, False)),
    "silent": ("A model gives no answer", lambda row: None in row.answers),
    "unread": ("Not read yet", lambda row: not row.answers),
}


def _answer(row: ScoredRow, model: int) -> Answer | None:
    return row.answers[model] if row.answers else None


def _said(model: int) -> Callable[[ScoredRow], str | None]:
    def said(row: ScoredRow) -> str | None:
        answer = _answer(row, model)
        return answer.text.casefold() if answer else None

    return said


def _sure(model: int) -> Callable[[ScoredRow], float | None]:
    def sure(row: ScoredRow) -> float | None:
        answer = _answer(row, model)
        return answer.probability if answer else None

    return sure


_AGREEMENTS = list(Agreement)

# What each column is sorted by; ``None`` stands last either way.
COLUMNS: dict[str, Callable[[ScoredRow], Any]] = {
    "number": lambda row: row.number,
    "question": lambda row: row.example.question.text.casefold(),
    "known": lambda row: row.known.casefold() or None,
    "first": _said(0),
    "first-sure": _sure(0),
    "second": _said(1),
    "second-sure": _sure(1),
    "verdict": lambda row: None if row.agreement is None else _AGREEMENTS.index(row.agreement),
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a table is looked at: which rows, in which order, which page (from 0), which row is open."""

    show: str = "all"
    find: str = ""
    column: str = "number"
    descending: bool = False
    page: int = 0
    at: int | None = None


def arranged(rows: Sequence[ScoredRow], look: Look) -> list[ScoredRow]:
    """The rows that the look shows, in its order; those without a value in its column stand last."""
    holds, find = FILTERS[look.show][1], look.find.casefold()
    kept = [row for row in rows if holds(row) and (not find or _has(row, find))]
    value = COLUMNS[look.column]
    valued = [(value(row), row) for row in kept]
    found = sorted(
        (pair for pair in valued if pair[0] is not None),
        key=lambda pair: pair[0],
        reverse=look.descending,
    )
    return [row for _, row in found] + [row for worth, row in valued if worth is None]


def _has(row: ScoredRow, find: str) -> bool:
    texts = [row.example.question.text, *row.example.gold_texts]
    texts += [answer.text for answer in row.answers if answer]
    return any(find in text.casefold() for text in texts)
