"""What no training may see: the test sets, and the BioASQ questions on which choices are made.

Three sets, none of which a teacher, its labels or a student learns from:

- BioASQ 8B, the test set of the published table: give its files to ``--exclude``;
- eight articles of SQuAD's development set, left out of every SQuAD file by their titles;
- about an eighth of the questions of the other BioASQ years (``is_held_out``), for choosing rates,
  weights, temperatures and epochs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
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


def is_held_out(question_id: str) -> bool:
    """Whether a BioASQ question is kept for choosing: about 12 in 100, by a hash of its id alone."""
    digest = hashlib.sha256(f"held out {question_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < HELD_OUT_PERCENT


@dataclass(frozen=True, slots=True)
class Excluded:
    """Questions (by id and by text) and contexts that may not be learned from.

    Texts are compared in lower case with white space made single, so that a question asked again in
    another file, or a snippet cited by two questions, is known too.
    """

    ids: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, files: Iterable[Path]) -> Excluded:
        """All questions, contexts and snippets of SQuAD and BioASQ files.

        Raises ``DataError`` where a file is neither.
        """
        ids: set[str] = set()
        texts: set[str] = set()
        for path in files:
            document = read_json(path)
            if not isinstance(document, dict) or not ("data" in document or "questions" in document):
                raise DataError(f"{path} is neither a SQuAD nor a BioASQ file. Check --exclude.")
            if "data" in document:
                for example in read_squad(path):
                    ids.add(question_of_pair(example.question.id))
                    texts.update((plain(example.question.text), plain(example.context)))
            else:
                for question in read_bioasq(path):
                    ids.add(question.id)
                    texts.update((plain(question.body), *(plain(s.text) for s in question.snippets)))
        return cls(frozenset(ids), frozenset(texts))

    def admits(self, example: Example) -> bool:
        """Whether the example may be learned from."""
        return (
            question_of_pair(example.question.id) not in self.ids
            and plain(example.question.text) not in self.texts
            and plain(example.context) not in self.texts
        )


def plain(text: str) -> str:
    """The text in lower case, its white space made single blanks."""
    return " ".join(text.lower().split())
