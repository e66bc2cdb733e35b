"""BioASQ task B files, in every form in which they go around, -> questions, and back.

Source: the BioASQ task B file format of years 1 to 13.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

from biom_demo.errors import DataError
from biom_demo.qa.datasets.files import Notes, document_of, identity_of, whole, write_json

# What programs write for nothing, where the file should say nothing.
_NOTHING = frozenset({"none", "null", "nan", "n/a", "undefined"})
# A question with more names is no factoid; real files have up to 35. The first are looked for.
MAX_NAMES = 100


@dataclass(frozen=True, slots=True)
class Snippet:
    """A passage cited by a BioASQ question, and the document (a PubMed URL) it is from."""

    text: str
    document: str


@dataclass(frozen=True, slots=True)
class BioAsqQuestion:
    """A BioASQ task B question.

    ``exact_answer`` is one tuple of synonyms for each answer entity, whatever shape the file had
    (a string, a list, lists of lists); empty where the file gives none, as all of year 1.
    ``ideal_answers`` are the answers in sentences.
    """

    id: str
    body: str
    type: str
    exact_answer: tuple[tuple[str, ...], ...]
    snippets: tuple[Snippet, ...]
    documents: tuple[str, ...] = ()
    ideal_answers: tuple[str, ...] = ()

    @property
    def synonyms(self) -> tuple[str, ...]:
        """All acceptable strings in the order listed, without repeats."""
        return tuple(dict.fromkeys(text for entity in self.exact_answer for text in entity))


@dataclass(frozen=True, slots=True)
class BioAsqFile:
    """The questions of one or several files in their order, and what was mended or left out."""

    questions: tuple[BioAsqQuestion, ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[BioAsqQuestion]:
        return iter(self.questions)

    def __len__(self) -> int:
        return len(self.questions)


def read_bioasq(path: Path | str, *, strict: bool = False) -> BioAsqFile:
    """All questions of a BioASQ task B file, of every type, and notes.

    Also read: a bare list of questions, JSON lines, gzipped files; ``exact_answer`` as text or as lists
    of any depth, without its empty entries (``null``, "None", "-"). A question of unknown type gets that
    of its answer's form, and questions of one id are made one (``read_bioasq_files``). Snippets without
    text and questions without ``body`` are left out. All of this is noted, by kind and id.

    Raises ``DataError`` where the file is no BioASQ file or nothing of it can be used; with ``strict``
    also where anything was mended or left out, forms of writing apart.
    """
    return questions_of(document_of(path), path, strict=strict)


def read_bioasq_files(paths: Iterable[Path | str], *, strict: bool = False) -> BioAsqFile:
    """The questions of several files, each id once, and the notes of each file.

    A question that occurs again adds the snippets it had not yet; where it has other exact answers the
    first are kept, and that is noted as a fault. Raises as ``read_bioasq`` does.
    """
    questions: list[BioAsqQuestion] = []
    notes: list[str] = []
    names: list[str] = []
    for path in paths:
        found = read_bioasq(path, strict=strict)
        questions += found.questions
        names.append(Path(path).name)
        notes += [f"{Path(path).name}: {note}" for note in found.notes]
    between = Notes(", ".join(names))
    merged = _each_once(questions, between)
    return BioAsqFile(merged, (*notes, *between.sentences(strict=strict)))


def is_bioasq(document: Any) -> bool:
    """Whether a file's JSON has the form of BioASQ."""
    if isinstance(document, dict):
        return "questions" in document
    return isinstance(document, list) and any(
        isinstance(entry, dict) and "body" in entry for entry in document
    )


def questions_of(document: Any, path: Path | str, *, strict: bool) -> BioAsqFile:
    """What ``read_bioasq`` makes of a file's JSON; ``path`` is for its messages."""
    notes = Notes(path)
    entries = document.get("questions") if isinstance(document, dict) else document
    questions: list[BioAsqQuestion] = []
    for number, raw in enumerate(entries if isinstance(entries, list) else [], start=1):
        body = raw.get("body") if isinstance(raw, dict) else None
        if not _is_text(body):
            notes.fault('questions left out, as they have no "body"', f"question-{number}")
            continue
        questions.append(_bioasq_question(raw, f"question-{number}", notes))
    if not questions and entries != []:
        raise DataError(
            f'{path} is not a BioASQ file: it needs "questions", each with "id", "body" and "type". '
            f"{notes.first_fault()}".strip()
        )
    merged = _each_once(questions, notes)
    return BioAsqFile(merged, notes.sentences(strict=strict))


def _bioasq_question(raw: dict[str, Any], place: str, notes: Notes) -> BioAsqQuestion:
    identity = identity_of(raw.get("id"), place, notes)
    written = raw.get("type")
    kind = re.sub(r"[^a-z]", "", written.casefold()) if isinstance(written, str) else ""
    if kind and kind != written:
        notes.form("types in other letters", identity)
    entities = _entities(raw.get("exact_answer"), kind, identity, notes)
    if not kind:
        kind = _kind_of(entities)
        notes.fault("types that are missing, taken from the form of the answer", identity)
    snippets = []
    for snippet in _listed(raw.get("snippets")):
        text = snippet.get("text") if isinstance(snippet, dict) else snippet
        if _is_text(text):
            document = snippet.get("document", "") if isinstance(snippet, dict) else ""
            snippets.append(Snippet(whole(text), str(document or "")))
        else:
            notes.fault("snippets left out, as they have no text", identity)
    return BioAsqQuestion(
        id=identity,
        body=whole(raw["body"]),
        type=kind,
        exact_answer=entities,
        snippets=tuple(snippets),
        documents=tuple(str(document) for document in _listed(raw.get("documents")) if document),
        ideal_answers=tuple(whole(text) for text in _listed(raw.get("ideal_answer")) if _is_text(text)),
    )


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _entities(answer: Any, kind: str, where: str, notes: Notes) -> tuple[tuple[str, ...], ...]:
    """Any shape of ``exact_answer`` as entities with their synonyms.

    A flat list is one factoid's synonyms, but a list question's separate items.
    """
    answer = _listed(answer)
    while len(answer) == 1 and isinstance(answer[0], list) and all(isinstance(i, list) for i in answer[0]):
        answer = answer[0]
    if kind != "list" and all(not isinstance(item, list) for item in answer):
        answer = [answer]
    entities = (tuple(_texts_in(item, where, notes)) for item in answer)
    found = tuple(entity for entity in entities if entity)
    if sum(len(entity) for entity in found) > MAX_NAMES:
        notes.form(f"questions with more than {MAX_NAMES} names; the first are looked for", where)
    return found


def _texts_in(value: Any, where: str, notes: Notes) -> Iterator[str]:
    """The texts in lists of lists, in order, without what is no text."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += reversed(item)
        elif isinstance(item, (str, int, float)) and _says_something(str(item)):
            yield whole(str(item))
        else:
            notes.form("empty entries of exact answers, left out", where)


def _says_something(text: str) -> bool:
    """Whether an exact answer is one: it has a letter or digit, and is not a program's word for nothing."""
    return text.strip().casefold() not in _NOTHING and any(map(str.isalnum, text))


def _kind_of(entities: tuple[tuple[str, ...], ...]) -> str:
    """The type of question that has such an answer."""
    if not entities:
        return "summary"
    if len(entities) > 1:
        return "list"
    return "yesno" if entities[0][0].strip().casefold() in ("yes", "no") else "factoid"


def _each_once(questions: Iterable[BioAsqQuestion], notes: Notes) -> tuple[BioAsqQuestion, ...]:
    """The questions by id; what a repeated one adds in snippets and answers is kept."""
    merged: dict[str, BioAsqQuestion] = {}
    snippets: dict[str, list[Snippet]] = {}
    known: set[tuple[str, Snippet]] = set()
    for question in questions:
        identity = question.id
        first = merged.setdefault(identity, question)
        if first is question:
            snippets[identity] = list(question.snippets)
        elif first.body != question.body:
            notes.fault("questions left out, as their id names another one", identity)
            continue
        else:
            notes.form("questions that occur again, taken once", identity)
            snippets[identity] += [s for s in question.snippets if (identity, s) not in known]
            if question.exact_answer and not first.exact_answer:
                merged[identity] = replace(first, exact_answer=question.exact_answer)
            elif question.exact_answer and _answers(question) != _answers(first):
                kept, left = (q.synonyms[0][:30] for q in (merged[identity], question))
                notes.fault(
                    "questions that occur again with other exact answers, of which the first are kept",
                    f"{identity}: {kept!r}, not {left!r}",
                )
        known.update((identity, snippet) for snippet in question.snippets)
    return tuple(replace(q, snippets=tuple(snippets[q.id])) for q in merged.values())


def _answers(question: BioAsqQuestion) -> frozenset[str]:
    return frozenset(" ".join(name.casefold().split()) for name in question.synonyms)


def write_bioasq(questions: Iterable[BioAsqQuestion], path: Path | str) -> None:
    """Write questions as a BioASQ task B file, ``exact_answer`` as lists of synonyms (yes/no: a string)."""
    write_json(
        {
            "questions": [
                {
                    "id": question.id,
                    "type": question.type,
                    "body": question.body,
                    "documents": list(question.documents),
                    "snippets": [{"text": s.text, "document": s.document} for s in question.snippets],
                }
                | ({"ideal_answer": list(question.ideal_answers)} if question.ideal_answers else {})
                | _exact_answer_field(question)
                for question in questions
            ]
        },
        path,
    )


def _exact_answer_field(question: BioAsqQuestion) -> dict[str, Any]:
    if not question.exact_answer:
        return {}
    if question.type == "yesno":
        return {"exact_answer": question.exact_answer[0][0]}
    return {"exact_answer": [list(entity) for entity in question.exact_answer]}


def question_of_pair(pair_id: str) -> str:
    """The BioASQ question's id of a pair's id (``qid_007`` -> ``qid``); other ids as they are."""
    head, _, tail = pair_id.rpartition("_")
    return head if head and tail.isdecimal() else pair_id
