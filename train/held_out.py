"""What no training may see: the test sets, and the BioASQ questions on which choices are made.

Three sets, none of which a teacher, its labels or a student learns from:

- BioASQ 8B, the test set of the published table: give its files to ``--exclude``;
- eight articles of SQuAD's development set, left out of every SQuAD file by their titles;
- about an eighth of the questions of the other BioASQ years (``is_held_out``), for choosing rates,
  weights, temperatures and epochs (``--hold-out``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from biom_demo.errors import DataError
from biom_demo.qa.datasets import question_of_pair, read_bioasq, read_json, read_squad
from biom_demo.qa.records import Example

SQUAD_TEST_ARTICLES = frozenset(
    {
        "1973_oil_crisis",
        "European_Union_law",
        "Force",
        "French_and_Indian_War",
        "Fresno,_California",
        "Oxygen",
        "Scottish_Parliament",
        "Victoria_(Australia)",
    }
)
HELD_OUT_PERCENT = 12
RUN_WORDS = 10  # so many words in a row are shared by texts of one source, hardly by others


def is_held_out(question_id: str) -> bool:
    """Whether a BioASQ question is kept for choosing: about 12 in 100, by a hash of its id alone."""
    digest = hashlib.sha256(f"held out {question_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < HELD_OUT_PERCENT


@dataclass(frozen=True, slots=True)
class Excluded:
    """Questions (by id and by text) and passages that may not be learned from.

    Texts are compared as their words in lower case. A passage is known whole, and as a part of
    another or overlapping one by any ten words in a row.
    """

    ids: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()
    passages: frozenset[str] = frozenset()
    runs: frozenset[int] = frozenset()

    @classmethod
    def of(cls, files: Iterable[Path]) -> Excluded:
        """All questions, contexts and snippets of SQuAD and BioASQ files.

        Raises ``DataError`` where a file is neither.
        """
        ids: set[str] = set()
        questions: set[str] = set()
        passages: set[str] = set()
        runs: set[int] = set()
        for path in files:
            for identity, question, contexts in _questions_of(path):
                ids.add(identity)
                questions.add(plain(question))
                for context in contexts:
                    passages.add(plain(context))
                    runs.update(_runs(context))
        return cls(frozenset(ids), frozenset(questions), frozenset(passages), frozenset(runs))

    def admits_question(self, identity: str, text: str) -> bool:
        """Whether the question (a pair's id does too) may be learned from."""
        return question_of_pair(identity) not in self.ids and plain(text) not in self.questions

    def admits_passage(self, text: str) -> bool:
        """Whether the text may be read in training."""
        return plain(text) not in self.passages and not any(run in self.runs for run in _runs(text))

    def admits(self, example: Example) -> bool:
        """Whether the example may be learned from."""
        return self.admits_question(example.question.id, example.question.text) and self.admits_passage(
            example.context
        )


def plain(text: str) -> str:
    """The words of the text in lower case, one blank between them."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _runs(text: str) -> Iterator[int]:
    words = re.findall(r"\w+", text.lower())
    for first in range(len(words) - RUN_WORDS + 1):
        yield hash(tuple(words[first : first + RUN_WORDS]))


def _questions_of(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    document = read_json(path)
    if isinstance(document, dict) and "questions" in document:
        for question in read_bioasq(path):
            yield question.id, question.body, [snippet.text for snippet in question.snippets]
    elif isinstance(document, dict) and "data" in document:
        for example in read_squad(path):
            yield question_of_pair(example.question.id), example.question.text, [example.context]
    else:
        raise DataError(f"{path} is neither a SQuAD nor a BioASQ file. Check --exclude.")
