"""A visitor's file of rows -> rows, read in a process of its own, as ``qa.datasets.uploads`` reads its files.

The page reads no more than so many rows and so much text of a file; the command line has no such limit.

The child is ``python -m biom_demo.analysis.uploaded_rows FILE COLUMNS``; it writes one JSON value.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from biom_demo.analysis.batch import SPAN_KINDS
from biom_demo.analysis.passage import readable
from biom_demo.analysis.rows import BadRow, Columns, Form, Row, open_rows
from biom_demo.errors import BioMError, InputError
from biom_demo.pubmed.abstract import Abstract
from biom_demo.qa.datasets import BioAsqQuestion
from biom_demo.qa.datasets.bioasq import questions_of
from biom_demo.qa.datasets.files import document_of
from biom_demo.qa.datasets.uploads import MAX_UPLOAD_BYTES, read_in_child, write_as_child

MAX_PAGE_ROWS = 2_000
MAX_NAMES, MAX_NAME_CHARS = 200, 200  # of columns that are offered; others can be named on the command line
COMMAND = "biom-demo batch FILE --out answers.csv"


@dataclass(frozen=True, slots=True, eq=False)
class UploadedRows:
    """The rows of a visitor's file, as many as the page reads, and how they were understood.

    ``names`` are the columns that it has, and ``columns`` those that were taken. ``questions`` are all of
    a BioASQ file, with id, type and body alone. ``more``: the file goes on. ``notes`` are sentences; the
    ``key`` is no other reading's.
    """

    path: Path
    form: Form
    names: tuple[str, ...]
    columns: Columns
    rows: tuple[Row | BadRow, ...]
    questions: tuple[BioAsqQuestion, ...] = ()
    more: bool = False
    notes: tuple[str, ...] = ()
    key: str = field(default_factory=lambda: uuid4().hex)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def bad(self) -> int:
        """How many of the rows cannot be read."""
        return sum(isinstance(row, BadRow) for row in self.rows)

    @property
    def lacks_questions(self) -> bool:
        """Whether there is a row that has none."""
        return any(isinstance(row, Row) and not row.question.strip() for row in self.rows)

    def asked(self, question: str) -> tuple[Row | BadRow, ...]:
        """The rows, ``question`` asked where one has none."""
        return tuple(
            replace(row, question=question) if isinstance(row, Row) and not row.question.strip() else row
            for row in self.rows
        )


def rows_in_words() -> str:
    """How much of a file the page reads: "at most 8 MB and 2,000 rows"."""
    return f"at most {MAX_UPLOAD_BYTES // 10**6} MB and {MAX_PAGE_ROWS:,} rows"


def read_rows(path: Path | str, *, columns: Columns | None = None) -> UploadedRows:
    """The first rows of a file of any form that ``open_rows`` knows, with ``columns`` or those it finds.

    Raises ``DataError`` for a file of no such form, too large, or that takes more memory or time than there
    is for it; ``InputError`` where it has no rows, ``BusyError`` where too many files are being read.
    """
    path = Path(path).resolve()
    given = json.dumps(asdict(columns) if columns else {})
    document = read_in_child(path, __name__, given, too_large=_too_large)
    if not document["rows"]:
        raise InputError(" ".join([f"{path.name} has no row to read.", *document["notes"]]))
    contexts = document["contexts"]
    return UploadedRows(
        path,
        Form(document["form"]),
        tuple(document["names"]),
        _columns_of(document["columns"]),
        tuple(_row_of(row, contexts) for row in document["rows"]),
        tuple(BioAsqQuestion(identity, body, kind, (), ()) for identity, body, kind in document["questions"]),
        document["more"],
        tuple(document["notes"]),
    )


def _columns_of(given: Mapping[str, Any]) -> Columns:
    made: dict[str, Any] = {what: v if what == "only" else tuple(v) for what, v in given.items()}
    return Columns(**made)


def _too_large(what: str) -> str:
    return f"{what}; a file may have {rows_in_words()} here. For more use the command line: {COMMAND}"


def _row_of(given: Mapping[str, Any], contexts: Sequence[str]) -> Row | BadRow:
    if "reason" in given:
        return BadRow(**given)
    values = dict(given, records=tuple(Abstract.from_json(record) for record in given["records"]))
    return Row(**values | {"context": contexts[given["context"]]})


# --- the child -----------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Read a file within the limits and write its rows as JSON to standard output; 0, if it could."""
    given, columns = sys.argv[1:] if argv is None else argv
    return write_as_child(
        given, lambda name: _document_of(name, _columns_of(json.loads(columns))), words=readable
    )


def _document_of(name: str, columns: Columns) -> dict[str, Any]:
    """What is read of the file as plain JSON values, each context once; no more than can be used."""
    file = open_rows(name, columns=columns, whole=False, max_bytes=MAX_UPLOAD_BYTES)
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    places: dict[str, int] = {"": 0}
    size, left_out, more = 0, 0, False
    try:
        for row in file:
            if isinstance(row, Row) and file.form is Form.BIOASQ and row.kind not in SPAN_KINDS:
                left_out += 1
                continue
            known = len(places)
            made = _plain(row, places)
            # Texts that many rows share are sent, and counted, once.
            new = len(places) > known
            size += _size(made.values()) + (len(row.context) if isinstance(row, Row) and new else 0)
            if len(rows) == MAX_PAGE_ROWS or size > MAX_UPLOAD_BYTES:
                more = True
                break
            rows.append(made)
    except BioMError as error:
        if not rows:
            raise
        notes.append(readable(str(error)))
    if more and not rows:
        return {"limit": "memory"}
    if left_out:
        notes.append(
            f"Texts of yes/no and summary questions are left out, since no span answers those: {left_out:,}."
        )
    questions = []
    if file.form is Form.BIOASQ:
        found = questions_of(
            document_of(name, max_bytes=MAX_UPLOAD_BYTES), Path(name), strict=False
        ).questions
        questions = [tuple(map(readable, (one.id, one.body, one.type))) for one in found]
    names = [n for n in dict.fromkeys(file.names) if n and len(n) <= MAX_NAME_CHARS and readable(n) == n]
    offered = names[:MAX_NAMES]
    taken = {what: [n for n in given if n in offered] for what, given in file.columns.items()}
    return {
        "form": file.form,
        "names": offered,
        "columns": taken,
        "rows": rows,
        "contexts": list(places),
        "questions": questions,
        "more": more,
        "notes": notes,
    }


def _plain(row: Row | BadRow, places: dict[str, int]) -> dict[str, Any]:
    """The row as JSON values, every text fit to be sent; its context is a place among ``places``."""
    texts = {what: readable(v) if isinstance(v, str) else v for what, v in _fields(row).items()}
    if isinstance(row, Row):
        texts["records"] = [_readable_values(record.as_json()) for record in row.records]
        texts["context"] = places.setdefault(readable(row.context), len(places))
    return texts


def _fields(row: Row | BadRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).__dataclass_fields__}


def _readable_values(value: Any) -> Any:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {key: _readable_values(one) for key, one in value.items()}
    return [_readable_values(one) for one in value] if isinstance(value, list | tuple) else value


def _size(values: Iterable[Any]) -> int:
    """About how many characters JSON values hold."""
    total = 0
    for value in values:
        if isinstance(value, str):
            total += len(value)
        elif isinstance(value, dict):
            total += _size(value.values())
        elif isinstance(value, list):
            total += _size(value)
        else:
            total += 8
    return total


if __name__ == "__main__":
    sys.exit(main())
