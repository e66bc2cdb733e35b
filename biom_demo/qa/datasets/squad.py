"""SQuAD files, in every form in which they go around, -> examples, and back.

Source: the SQuAD v1.1/v2.0 and MRQA 2019 file formats, and the columns of Hugging Face's datasets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from biom_demo.errors import DataError
from biom_demo.qa.datasets.bioasq import is_bioasq
from biom_demo.qa.datasets.files import Notes, document_of, identity_of, whole, write_json
from biom_demo.qa.datasets.matching import Context, trimmed
from biom_demo.qa.records import CharSpan, Example, Question

_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no", ""})


@dataclass(frozen=True, slots=True)
class SquadFile:
    """The examples of a file in its order, and what was mended or left out to read them, as sentences."""

    examples: tuple[Example, ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Example]:
        return iter(self.examples)

    def __len__(self) -> int:
        return len(self.examples)


def read_squad(
    path: Path | str,
    *,
    only_articles: Collection[str] = (),
    without_articles: Collection[str] = (),
    strict: bool = False,
) -> SquadFile:
    """The examples of a SQuAD v1.1 or v2.0 file, in file order, and notes.

    Also read: rows of question and context with answers in columns (Hugging Face), MRQA's lines of
    JSON, all of them gzipped too. Articles are chosen by title: those of ``only_articles`` if any are
    named, none of ``without_articles``.

    An answer is taken where it stands nearest to its ``answer_start``, without white space around it, in
    the context's own letters where the Unicode form, a dash, a quotation mark or a space differs. A
    question whose answers stand nowhere in its context is left out; one without ``answers``, unless marked
    impossible, is not ``labelled``. An id that occurs again for another text gets a number. All of this is
    noted, by kind and id.

    Raises ``DataError`` where the file is no SQuAD file or nothing of it can be used; with ``strict``
    also where anything was mended or left out, forms of writing apart.
    """
    return examples_of(
        document_of(path),
        path,
        only_articles=only_articles,
        without_articles=without_articles,
        strict=strict,
    )


def examples_of(
    document: Any,
    path: Path | str,
    *,
    only_articles: Collection[str] = (),
    without_articles: Collection[str] = (),
    strict: bool,
) -> SquadFile:
    """What ``read_squad`` makes of a file's JSON; ``path`` is for its messages."""
    notes = Notes(path)
    examples: list[Example] = []
    seen: dict[str, Example] = {}
    repeats: Counter[str] = Counter()
    given, context = "", Context("")
    for number, (title, text, qa) in enumerate(_squad_rows(document, path, notes), start=1):
        if title in without_articles or (only_articles and title not in only_articles):
            continue
        if text != given:
            given, context = text, Context(whole(text))
        example = _squad_example(context, qa, f"question-{number}", notes)
        if example is None:
            continue
        identity = example.question.id
        first = seen.get(identity)
        if first and (first.question, first.context) == (example.question, example.context):
            same = (first.labelled, set(first.gold_spans)) == (example.labelled, set(example.gold_spans))
            with_what = "" if same else " with other answers"
            notes.fault(f"questions left out, as they were there already{with_what}", identity)
            continue
        if identity in seen:
            notes.fault("ids that name another question too, and were given a number", identity)
            while (numbered := f"{identity}_{repeats[identity]:03d}") in seen:
                repeats[identity] += 1
            example = replace(example, question=replace(example.question, id=numbered))
        seen[example.question.id] = example
        examples.append(example)
    if not examples and (reason := notes.first_fault()):
        raise DataError(f"Nothing of {path} can be used: {reason}")
    return SquadFile(tuple(examples), notes.sentences(strict=strict))


def _squad_rows(document: Any, path: Path | str, notes: Notes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The title, context and question of each row, whichever form the file has."""
    entries = document
    if isinstance(document, dict):
        entries = [document] if {"paragraphs", "context"} & document.keys() else document.get("data")
    if is_bioasq(document):
        raise DataError(
            f"{path} is a BioASQ file. Make pairs of it first: "
            f"python -m train convert {path} --mode card --out dev.json"
        )
    if not isinstance(entries, list) or (not entries and isinstance(document, list)):
        raise DataError(
            f"{path} is not a SQuAD file: it needs "
            'data -> paragraphs -> {"context", "qas": [{"id", "question", "answers"}]}.'
        )
    count = 0
    for entry in entries:
        if isinstance(entry, dict) and "header" in entry:
            continue  # MRQA's first line
        paragraphs = entry.get("paragraphs", [entry]) if isinstance(entry, dict) else [entry]
        for paragraph in paragraphs if isinstance(paragraphs, list) else [None]:
            count += 1
            parts = paragraph if isinstance(paragraph, dict) else {}
            context, qas = parts.get("context"), parts.get("qas", [parts] if "question" in parts else None)
            if not isinstance(context, str) or not isinstance(qas, list):
                notes.fault('paragraphs left out, as they lack "context" or "qas"', f"paragraph {count}")
                continue
            for qa in qas:
                yield str(entry.get("title", "")), context, qa if isinstance(qa, dict) else {}


def _squad_example(context: Context, qa: dict[str, Any], place: str, notes: Notes) -> Example | None:
    """The question with its answers placed, or ``None`` where it has to be left out."""
    identity = identity_of(qa.get("id", qa.get("qid")), place, notes)
    text = qa.get("question")
    if not isinstance(text, str) or not text.strip():
        notes.fault("questions left out, as they have no text", identity)
        return None
    question = Question(id=identity, text=whole(text))
    impossible = _truth(qa.get("is_impossible"), identity, notes)
    answers = _given_answers(qa, identity, notes)
    if impossible:
        if answers:
            notes.form("questions marked impossible, whose answers were not read", identity)
        return Example(question, context.text)
    if not answers:
        # "answers": [] says that there is none, in files of Hugging Face too; a missing key says nothing.
        labelled = answers is not None and impossible is None
        if not labelled:
            notes.form("questions without gold answers, which are answered and not scored", identity)
        return Example(question, context.text, labelled=labelled)
    golds: dict[tuple[str, CharSpan], None] = {}
    missing: list[Any] = []
    for answer, start in answers:
        found = None
        bare, before = trimmed(whole(str(answer))) if isinstance(answer, (str, int, float)) else ("", 0)
        if bare:
            at = start or 0  # of the answer as given or of its first letter: files do either
            found = context.place(bare, at if context.text.startswith(bare, max(at, 0)) else at + before)
        if found is None:
            missing.append(answer)
            continue
        span, how = found
        golds[span.of(context.text), span] = None
        if bare != str(answer):
            notes.form("answers taken without the white space around them", identity)
        if start is None:
            notes.fault("answers without answer_start, taken where they stand first", identity)
        elif how == "moved":
            notes.fault("answers moved to where they stand", identity)
        if how == "rewritten":
            notes.fault("answers written as their text writes them", identity)
    for answer in missing:
        what = "answers" if golds else "questions"
        notes.fault(
            f"{what} left out, as the answer does not stand in the text", f"{identity}: {str(answer)[:40]!r}"
        )
        if not golds:
            return None
    return Example(question, context.text, tuple(t for t, _ in golds), tuple(s for _, s in golds))


def _given_answers(qa: dict[str, Any], where: str, notes: Notes) -> list[tuple[Any, int | None]] | None:
    """(text, answer_start) of each answer in whatever form; ``None`` where a question says nothing."""
    detected, answers = qa.get("detected_answers"), qa.get("answers")
    if isinstance(detected, list):  # MRQA: the first of each answer's places counts
        notes.form("answers in MRQA's form", where)
        return [
            (answer.get("text"), _first_number(answer.get("char_spans")))
            for answer in detected
            if isinstance(answer, dict)
        ]
    if isinstance(answers, dict):  # lists of texts and of starts, or one of each
        notes.form("answers in columns of texts and starts", where)
        texts, starts = answers.get("text"), answers.get("answer_start")
        texts = texts if isinstance(texts, list) else [] if texts is None else [texts]
        starts = starts if isinstance(starts, list) else [starts]
        return [(text, _first_number(start)) for text, start in zip_longest(texts, starts[: len(texts)])]
    if isinstance(answers, list):
        return [
            (answer.get("text"), _first_number(answer.get("answer_start")))
            if isinstance(answer, dict)
            else (answer, None)
            for answer in answers
        ]
    return None if answers is None else [(answers, None)]


def _first_number(value: Any) -> int | None:
    """The first whole number in a value or in lists of lists of it."""
    while isinstance(value, list) and value:
        value = value[0]
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _truth(value: Any, where: str, notes: Notes) -> bool | None:
    if not isinstance(value, str):
        return None if value is None else bool(value)
    notes.form("is_impossible written as text", where)
    plain = value.strip().casefold()
    return True if plain in _TRUE else False if plain in _FALSE else None


def write_squad(examples: Iterable[Example], path: Path | str, *, title: str, version: str = "v2.0") -> None:
    """Write examples as a SQuAD file: one entry named ``title``, one paragraph an example."""
    paragraphs = [
        {
            "context": example.context,
            "qas": [{"id": example.question.id, "question": example.question.text} | _answer_fields(example)],
        }
        for example in examples
    ]
    write_json({"version": version, "data": [{"title": title, "paragraphs": paragraphs}]}, path)


def _answer_fields(example: Example) -> dict[str, Any]:
    if not example.labelled:
        return {}
    return {
        "answers": [
            {"text": text, "answer_start": span.start}
            for text, span in zip(example.gold_texts, example.gold_spans, strict=True)
        ],
        "is_impossible": not example.answerable,
    }
