"""A visitor's data file -> its questions, read in a process of its own.

Whoever can reach the page can send any bytes, and what JSON unpacks to may be fifty times its size. So a
file is refused by its size before it is opened, and opened by a child process that has only so much
memory and time: the server neither stops nor grows, whatever the file holds. ``read_dataset`` itself,
for training and the command line, has no such limits.

The child is ``python -m biom_demo.qa.datasets.uploads FILE [MODE]``; it writes one JSON value.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from biom_demo.errors import BioMError, BusyError, DataError, InputError
from biom_demo.qa.datasets import BioAsqFile, BioAsqQuestion, Mode, Snippet, convert, read_dataset
from biom_demo.qa.records import CharSpan, Example, Question

MAX_UPLOAD_BYTES = 8_000_000  # also of what a .gz file unpacks to; the development set of SQuAD has 4.9
MAX_UPLOAD_QUESTIONS = 15_000
MAX_MEMORY_BYTES = 2**30
MAX_SECONDS = 20
READ_AT_A_TIME = 2  # files; others wait for their turn, MAX_SECONDS at most

_TURNS = threading.BoundedSemaphore(READ_AT_A_TIME)
_PACKAGES = str(Path(__file__).resolve().parents[3])  # the folder that the package lies in
_TOO_LONG = -int(getattr(signal, "SIGXCPU", 0))  # how a child ends that has used up its processor time


@dataclass(frozen=True, slots=True)
class Upload:
    """The questions of a visitor's file, and what was mended or left out to read them, as sentences.

    ``questions`` are all of a BioASQ file, of whatever type, where the file was read as gold.
    """

    examples: tuple[Example, ...]
    notes: tuple[str, ...] = ()
    questions: tuple[BioAsqQuestion, ...] = ()


def limits_in_words() -> str:
    """How large a file may be: "at most 8 MB and 15,000 questions"."""
    return f"at most {MAX_UPLOAD_BYTES // 10**6} MB and {MAX_UPLOAD_QUESTIONS:,} questions"


def read_upload(path: Path | str, *, mode: Mode = "wide") -> Upload:
    """The questions of a BioASQ or SQuAD file; of BioASQ its factoids, as ``convert`` has them.

    In ``card`` mode the file is read as gold: all questions of a BioASQ file are given too. Raises
    ``DataError`` for a file that is neither, too large, or that takes more memory or time than there is
    for it; ``InputError`` where it holds no question that can be asked, ``BusyError`` where the server
    has too many files to read.
    """
    path = Path(path).resolve()
    return _upload_of(read_in_child(path, __name__, mode, too_large=_too_large), path.name)


def _too_large(what: str) -> str:
    return f"{what}; a file may have {limits_in_words()}. Give the questions in parts."


def read_in_child(
    path: Path, module: str, *arguments: str, too_large: Callable[[str], str]
) -> dict[str, Any]:
    """The JSON value that ``python -m MODULE PATH ARGUMENTS`` writes of an uploaded file.

    The module's ``main`` is ``write_as_child``. A ``wrong`` in what it writes is raised as
    ``DataError``, and so is a ``limit``, which it is, or was ended by, in the words of ``too_large`` (given
    what is). Raises ``DataError`` for a file that is not there or too large, too; ``BusyError`` where the
    server has too many files to read.
    """
    name = path.name
    try:
        size = path.stat().st_size
    except OSError:
        raise DataError(f"{name} has not arrived. Upload it again.") from None
    if size > MAX_UPLOAD_BYTES:
        raise DataError(too_large(f"{name} has {size / 1e6:,.1f} MB"))
    if not _TURNS.acquire(timeout=MAX_SECONDS):
        raise BusyError("Other files are being read. Upload yours again in a minute.")
    try:
        document = _answer_of_child(path, module, arguments)
    finally:
        _TURNS.release()
    if limit := document.get("limit"):
        raise DataError(too_large(f"{name} takes more {limit} to read than there is for it"))
    if wrong := document.get("wrong"):
        raise DataError(wrong)
    return document


def _answer_of_child(path: Path, module: str, arguments: Sequence[str]) -> dict[str, Any]:
    """What the child process wrote of the file; where it was ended, which limit ended it."""
    found_in = os.pathsep.join(filter(None, (_PACKAGES, os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, str(path), *arguments],
            env=os.environ | {"PYTHONPATH": found_in},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=MAX_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return {"limit": "time"}
    if done.returncode == 0:
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
    return {"limit": "time" if done.returncode == _TOO_LONG else "memory"}


def _upload_of(document: dict[str, Any], name: str) -> Upload:
    """The records of what the child wrote. Raises what it was to raise."""
    if document["count"] > MAX_UPLOAD_QUESTIONS:
        raise DataError(_too_large(f"{name} holds {document['count']:,} questions"))
    contexts: list[str] = document["contexts"]
    questions = tuple(_question_of(row, contexts) for row in document["questions"])
    if not document["count"] and not any(q.type == "factoid" and q.snippets for q in questions):
        raise InputError(f"{name} holds no factoid question with an answer in one of its snippets.")
    examples = []
    for context, identity, question, gold, labelled in document["rows"]:
        spans = tuple(CharSpan(start, end) for start, end in gold)
        texts = tuple(span.of(contexts[context]) for span in spans)
        examples.append(Example(Question(question, identity), contexts[context], texts, spans, labelled))
    return Upload(tuple(examples), tuple(document["notes"]), questions)


def _question_of(row: Sequence[Any], contexts: Sequence[str]) -> BioAsqQuestion:
    identity, body, kind, answers, places = row
    snippets = tuple(Snippet(contexts[place], "") for place in places)
    return BioAsqQuestion(identity, body, kind, tuple(tuple(names) for names in answers), snippets)


# --- the child -----------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Read a file within the limits and write its questions as JSON to standard output; 0, if it could."""
    given, *mode = sys.argv[1:] if argv is None else argv
    return write_as_child(given, lambda name: _document_of(name, "card" if mode == ["card"] else "wide"))


def write_as_child(
    given: str, document_of: Callable[[str], dict[str, Any]], *, words: Callable[[str], str] = str
) -> int:
    """What the ``main`` of a module does that ``read_in_child`` runs: bounded, write the document of a file.

    ``document_of`` is given the file's name, in its own folder; what it raises for a visitor is written as
    "wrong", in ``words``, and what it has no memory for as "limit". Returns 0, the exit status.
    """
    _limit_this_process()
    path = Path(given)
    os.chdir(path.parent)  # so that messages name the file and not where it lies
    try:
        written = json.dumps(document_of(path.name))
    except BioMError as error:
        written = json.dumps({"wrong": words(str(error))})
    except (MemoryError, RecursionError):
        written = json.dumps({"limit": "memory"})
    sys.stdout.write(written)
    return 0


def _limit_this_process() -> None:
    """Bound the memory and processor time of this process, where the system knows how to."""
    if find_spec("resource") is None:  # Windows: the parent's clock and the size of the file are left
        return
    import resource

    for kind, most in ((resource.RLIMIT_AS, MAX_MEMORY_BYTES), (resource.RLIMIT_CPU, MAX_SECONDS)):
        try:
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):  # a system that does not bound it, or bounds it lower already
            continue


def _document_of(name: str, mode: Mode) -> dict[str, Any]:
    """What is read of the file as plain JSON values, each context once; no more than can be used."""
    found = read_dataset(name, max_bytes=MAX_UPLOAD_BYTES)
    asked: tuple[BioAsqQuestion, ...] = ()
    if isinstance(found, BioAsqFile):
        examples = convert(found.questions, mode=mode).examples
        asked = found.questions if mode == "card" else ()
    else:
        examples = found.examples
    if max(len(examples), len(asked)) > MAX_UPLOAD_QUESTIONS:
        return {"count": max(len(examples), len(asked))}
    if sum(len(text) for example in examples for text in example.gold_texts) > MAX_UPLOAD_BYTES:
        return {"limit": "memory"}  # answers that overlap, and are together larger than the file
    places: dict[str, int] = {}
    rows = [
        (
            places.setdefault(example.context, len(places)),
            example.question.id,
            example.question.text,
            [(span.start, span.end) for span in example.gold_spans],
            example.labelled,
        )
        for example in examples
    ]
    questions = [
        (
            question.id,
            question.body,
            question.type,
            question.exact_answer,
            [places.setdefault(snippet.text, len(places)) for snippet in question.snippets],
        )
        for question in asked
    ]
    return {
        "count": len(rows),
        "contexts": list(places),
        "rows": rows,
        "questions": questions,
        "notes": found.notes,
    }


if __name__ == "__main__":
    sys.exit(main())
