"""Gold files -> what is to be read, each question and text once; and the kinds of pairs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from biom_demo.analysis.passage import readable
from biom_demo.errors import DataError
from biom_demo.qa.datasets import (
    BioAsqFile,
    BioAsqQuestion,
    Mode,
    convert,
    question_of_pair,
    read_bioasq_files,
    read_dataset,
)
from biom_demo.qa.datasets.uploads import read_upload
from biom_demo.qa.records import Example, Question

QUESTION_WORDS = ("which", "what", "who", "where", "when", "how")
# Upper bounds in words, of the context and of the answer.
CONTEXT_LENGTHS = (25, 50, 100, 200)
ANSWER_LENGTHS = (1, 2, 4, 8)

Pair = tuple[Question, str]


@dataclass(frozen=True, slots=True)
class Gold:
    """What a gold file asks: pairs with their answers, and BioASQ questions of every type.

    ``examples`` are scored by EM and F1; ``questions``, none of a SQuAD file, by what is pooled over
    their snippets. ``notes`` say what was mended or left out of the file.
    """

    file: str
    examples: tuple[Example, ...]
    questions: tuple[BioAsqQuestion, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def factoids(self) -> tuple[BioAsqQuestion, ...]:
        """The questions that are answered: factoids with a snippet to read."""
        return tuple(q for q in self.questions if q.type == "factoid" and q.snippets)


def uploaded_gold(path: Path | str, name: str) -> Gold:
    """The gold of a visitor's file, called ``name``. Raises as ``read_upload`` does."""
    found = read_upload(path, mode="card")
    return Gold(readable(name), found.examples, found.questions, found.notes)


def read_gold(paths: Sequence[Path | str], *, strict: bool = False, mode: Mode = "card") -> Gold:
    """The gold of one SQuAD file, or of one or several BioASQ files of any year's shape.

    Pairs of BioASQ questions are made by ``convert`` in its ``mode``; the default gives the published
    table's 475 of year 8. Raises ``DataError`` as the readers of files do, for several files that are
    not all BioASQ's, and where nothing is to be asked.
    """
    found = read_dataset(paths[0], strict=strict)
    name = ", ".join(Path(path).name for path in paths)
    if isinstance(found, BioAsqFile):
        if len(paths) > 1:
            found = read_bioasq_files(paths, strict=strict)
        examples = convert(found.questions, mode=mode).examples
        gold = Gold(name, examples, found.questions, found.notes)
    elif len(paths) > 1:
        raise DataError(f"{paths[0]} is a SQuAD file. Give it alone; only BioASQ batches are read together.")
    else:
        gold = Gold(name, found.examples, (), found.notes)
    if not (gold.examples or gold.factoids):
        raise DataError(
            f"{name} holds no question that can be asked: no pair, and no factoid with a snippet."
        )
    return gold


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read for a gold file: each question and text once, however often the file has them.

    ``of_questions`` and ``of_examples`` are places in ``pairs``: of each factoid's distinct snippets, by
    its id, and of each example. Questions come first, so that reading that ends early has whole ones.
    """

    pairs: tuple[Pair, ...]
    of_questions: dict[str, tuple[int, ...]]
    of_examples: tuple[int, ...]


def plan_of(gold: Gold) -> Plan:
    """The pairs to read for a gold file, and what they are for."""
    places: dict[tuple[str, str], int] = {}
    pairs: list[Pair] = []

    def place(question: Question, text: str) -> int:
        key = (question.text, text)
        if key not in places:
            places[key] = len(pairs)
            pairs.append((question, text))
        return places[key]

    of_questions = {
        asked.id: tuple(
            place(Question(asked.body, asked.id), text)
            for text in dict.fromkeys(snippet.text for snippet in asked.snippets)
        )
        for asked in gold.factoids
    }
    of_examples = tuple(place(example.question, example.context) for example in gold.examples)
    return Plan(tuple(pairs), of_questions, of_examples)


def part_read(gold: Gold, plan: Plan, count: int) -> tuple[Gold, Plan]:
    """The gold, and its plan, of which everything is among the first ``count`` pairs of the plan."""
    whole = {key for key, places in plan.of_questions.items() if all(place < count for place in places)}
    kept = [place < count for place in plan.of_examples]
    asked = {question.id for question in gold.factoids}
    part = replace(
        gold,
        examples=tuple(e for e, keep in zip(gold.examples, kept, strict=True) if keep),
        questions=tuple(q for q in gold.questions if q.id not in asked or q.id in whole),
    )
    return part, Plan(
        plan.pairs[:count],
        {key: places for key, places in plan.of_questions.items() if key in whole},
        tuple(place for place, keep in zip(plan.of_examples, kept, strict=True) if keep),
    )


def question_of(example: Example) -> str:
    """The question an example is of: pairs of one question are not independent, and are drawn together."""
    return question_of_pair(example.question.id)


def question_word(question: str) -> str:
    """The first of the wh-words in the question, lower case, or "other"."""
    words = question.lower().replace(",", " ").split()
    return next((word for word in words if word in QUESTION_WORDS), "other")


def length_class(context: str) -> str:
    """The class of the context's length in words, such as "26-50"."""
    return _class_of(len(context.split()), CONTEXT_LENGTHS)


def answer_length(answer: str) -> str:
    """The class of an answer's length in words, such as "3-4"."""
    return _class_of(len(answer.split()), ANSWER_LENGTHS)


def _class_of(words: int, bounds: Sequence[int]) -> str:
    low = 1
    for high in bounds:
        if words <= high:
            return f"{low}-{high}" if low < high else f"{low}"
        low = high + 1
    return f"{low}+"


_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_DATE = re.compile(
    rf"(?:in |on )?(?:(?:\d\d? )?{_MONTH}\b.{{0,12}}|(?:1[5-9]|20)\d\d(?:s|[-–]\d{{2,4}})?)", re.I
)
_NUMBER_WORD = re.compile(
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand"
    r"|million|billion|half|third|quarter|once|twice)(?:-\S*)?",
    re.I,
)
_SYMBOL = re.compile(r"(?=\S*[A-Z0-9α-ω])(?:\S*[A-Z]\S*[A-Z0-9α-ω]|\S*[a-z]\S*\d)\S*")


def answer_form(answer: str) -> str:
    """The form of an answer, by its letters alone: what it means is not looked at.

    The first that holds of: "date" (a month's name or a year), "number" (it begins with a figure or a
    number word, after a sign or "about"), "symbol" (one word with two capitals, or with letters and
    figures: BRCA1, TNF-α, miR-21), "name" (its first word has a capital, and it is no sentence), "words".
    """
    text = answer.strip()
    if not text:
        return "words"
    if len(text) <= 40 and _DATE.fullmatch(text):
        return "date"
    first, *others = text.split()
    if first.lower() in ("about", "approximately", "around", "over", "nearly") and others:
        first = others[0]
    bare = first.lstrip("~≈<>≤≥+-–±(")
    if bare[:1].isdigit() and not re.search(r"\d[-']?[A-Za-z]", bare[:6]):
        return "number"
    if _NUMBER_WORD.fullmatch(bare):
        return "number"
    if len(text) <= 60 and " " not in text and _SYMBOL.fullmatch(text):
        return "symbol"
    return "name" if text[0].isupper() and len(text.split()) <= 8 else "words"


# How the answerable pairs are told apart, by title.
KINDS: dict[str, Callable[[Example], str]] = {
    "question word": lambda example: question_word(example.question.text),
    "words in the text": lambda example: length_class(example.context),
    "words in the answer": lambda example: answer_length(example.gold_texts[0]),
    "form of the answer": lambda example: answer_form(example.gold_texts[0]),
}
