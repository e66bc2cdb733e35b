"""BioASQ questions -> SQuAD-style pairs of a question and a snippet that holds its answer.

Source: the ``card`` conversion was worked out from the four EM values of the model card of
sultan/BioM-ELECTRA-Large-SQuAD2-BioASQ8B, which fit 475 pairs and no other count below 900.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from biom_demo.qa.datasets.bioasq import MAX_NAMES, BioAsqQuestion
from biom_demo.qa.datasets.matching import Words
from biom_demo.qa.records import CharSpan, Example, Question

Mode = Literal["card", "wide"]
MODES: tuple[Mode, ...] = get_args(Mode)
MAX_NAME_CHARS = 300  # no answer of 30 tokens is longer, and none of years 1 to 8


@dataclass(frozen=True, slots=True)
class Conversion:
    """SQuAD-style pairs made of factoid questions, with how many questions they came from."""

    examples: tuple[Example, ...]
    converted_questions: int
    total_questions: int


def convert(questions: Iterable[BioAsqQuestion], *, mode: Mode, unique_pairs: bool = False) -> Conversion:
    """SQuAD-style pairs of the factoid questions: one for each question and snippet with its answer.

    - ``card``: the *first* listed answer must occur *case-sensitively*; its first occurrence is the
      gold span. Repeated snippets stay. This gives the published table's 475 pairs of 8B.
    - ``wide``: any synonym may occur, however it is written (``Words``), as words of its own; each
      that does is a gold text as the snippet writes it, at its first such place. Better for training.
      The first ``MAX_NAMES`` synonyms of at most ``MAX_NAME_CHARS`` characters are looked for.

    With ``unique_pairs`` a question meets the same snippet text once. Ids are the question's id,
    ``_`` and a three-digit count from 000 on, as in the files of dmis-lab.
    """
    factoids = [question for question in questions if question.type == "factoid"]
    examples: list[Example] = []
    converted = set[str]()
    counts: Counter[str] = Counter()
    for question in factoids:
        names = question.synonyms  # once for all snippets: there may be many of both
        texts: Iterable[str] = [snippet.text for snippet in question.snippets]
        for text in dict.fromkeys(texts) if unique_pairs else texts:
            golds = _card_golds(names, text) if mode == "card" else _spans_of(names, text)
            if golds:
                converted.add(question.id)
                examples.append(_pair(question, counts, text, golds))
    return Conversion(tuple(examples), len(converted), len(factoids))


def list_pairs(questions: Iterable[BioAsqQuestion]) -> list[Example]:
    """Pairs of the *list* questions: each distinct snippet that names exactly one of the items.

    A snippet that names several has no single right span and is left out. Golds are found as in
    ``wide``; ids are made as ``convert`` makes them.
    """
    examples: list[Example] = []
    counts: Counter[str] = Counter()
    for question in questions:
        if question.type != "list":
            continue
        for text in dict.fromkeys(snippet.text for snippet in question.snippets):
            words, left, found = Words(text), MAX_NAMES, []
            for names in question.exact_answer:
                if spans := _spans_of(names[:left], words):
                    found.append(spans)
                left = max(0, left - len(names))
            if len(found) == 1:
                examples.append(_pair(question, counts, text, found[0]))
    return examples


def _pair(question: BioAsqQuestion, counts: Counter[str], text: str, spans: Sequence[CharSpan]) -> Example:
    identity = f"{question.id}_{counts[question.id]:03d}"
    counts[question.id] += 1
    return Example(
        Question(id=identity, text=question.body), text, tuple(span.of(text) for span in spans), tuple(spans)
    )


def _card_golds(names: Sequence[str], snippet: str) -> list[CharSpan]:
    start = snippet.find(names[0]) if names else -1
    return [] if start < 0 else [CharSpan(start, start + len(names[0]))]


def factoid_golds(question: BioAsqQuestion, context: str) -> list[CharSpan]:
    """Where the answers of a factoid question stand in any text, as ``wide`` finds them; else empty."""
    return _spans_of(question.synonyms, context) if question.type == "factoid" else []


def _spans_of(names: Sequence[str], snippet: str | Words) -> list[CharSpan]:
    """Where each name stands first; a place that several names share once."""
    words = Words(snippet) if isinstance(snippet, str) else snippet
    found = (words.find(name) for name in names[:MAX_NAMES] if len(name) <= MAX_NAME_CHARS)
    return list(dict.fromkeys(span for span in found if span))
