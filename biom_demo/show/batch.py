"""What was read of a file's rows -> CSV, JSON lines, Parquet, SQuAD predictions, a BioASQ phase B submission.

Every form is first written as lines that can be appended to and cut off (``lines_of``). Of CSV and JSON lines
that is the output itself; of the others, which are one value, ``finish`` makes it at the end.

Source: the official SQuAD scripts' prediction file; BioASQ's guidelines for task B, phase B.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from biom_demo.analysis.batch import AnsweredRow, ReadRow
from biom_demo.analysis.benchmark import submission
from biom_demo.analysis.comparison import View
from biom_demo.analysis.rows import BadRow, Form
from biom_demo.errors import DataError, InputError
from biom_demo.qa.datasets import BioAsqQuestion, write_json
from biom_demo.qa.pooling import pool
from biom_demo.qa.records import Answer, CharSpan, Prediction, Question
from biom_demo.show.export import comparison_json, csv_text

MAX_FACTOID_ANSWERS = 5
MAX_LIST_ANSWERS = 100
# Of a list question: answers with at least this share of the best one's score.
LIST_SHARE = 0.5
PARQUET_ROWS = 10_000  # of one row group
SIDES = ("biom", "vanilla")


class OutputForm(StrEnum):
    """What is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    SQUAD = "squad-predictions"
    BIOASQ = "bioasq-submission"

    @property
    def grows(self) -> bool:
        """Whether the output itself is appended to, and needs no ``finish``."""
        return self in (OutputForm.CSV, OutputForm.JSONL)


@dataclass(frozen=True, slots=True)
class Written:
    """How answers are written.

    ``side`` is the model whose answers predictions and submissions have, by its place in ``SIDES``;
    with ``always_answer`` a prediction is its best span also where it finds none.
    """

    form: OutputForm
    side: int = 0
    always_answer: bool = False


def form_of_output(out: Path, read: Form) -> OutputForm:
    """The form that the output's name asks for; ``.json`` is what the file that was read calls for.

    Raises ``InputError`` for another suffix, or where Parquet cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix == ".json":
        return OutputForm.BIOASQ if read is Form.BIOASQ else OutputForm.SQUAD
    forms = {
        ".csv": OutputForm.CSV,
        ".jsonl": OutputForm.JSONL,
        ".ndjson": OutputForm.JSONL,
        ".parquet": OutputForm.PARQUET,
    }
    if suffix not in forms:
        raise InputError(
            f"What {out} is to hold is not known by its name. Let it end in .csv, .jsonl, .parquet, or .json "
            "(SQuAD predictions, or a BioASQ submission)."
        )
    if forms[suffix] is OutputForm.PARQUET and find_spec("pyarrow") is None:
        raise InputError(
            "Parquet is written with pyarrow, which is not installed. Run: "
            "pip install -r requirements-parquet.txt, or write .csv or .jsonl."
        )
    return forms[suffix]


def row_document(answered: AnsweredRow) -> dict[str, Any]:
    """A row's comparison as JSON values, in the shape of ``ask --json``, behind which row it is."""
    row = answered.row
    return {"row": row.number, "line": row.line, "id": row.id, **comparison_json(answered.comparison)}


def bad_document(bad: BadRow) -> dict[str, Any]:
    """A row that was not read as JSON values: which, where, and why."""
    return {"row": bad.number, "line": bad.line, "id": bad.id, "reason": bad.reason}


def flat_row(answered: AnsweredRow) -> dict[str, Any]:
    """A row's best answers on one line of a table, under ``COLUMNS``.

    ``start`` and ``end`` count characters of the text as it was given (of records: as they were read),
    half-open. Where a model abstains its answer and all that belongs to it are ``None``; ``pmid`` is
    that of the record the answer stands in.
    """
    row, comparison, view = answered.row, answered.comparison, View()
    passage, verdict = comparison.passage, comparison.verdict(view)
    made: dict[str, Any] = {
        "row": row.number,
        "id": row.id,
        "question": comparison.question.text,
        "pmids": " ".join(passage.pmids),
        "agreement": str(verdict.agreement),
        "answer_f1": verdict.f1,
    }
    for name, side in zip(SIDES, comparison.sides, strict=False):
        answer = side.answer(view)
        span = passage.in_given(answer.span) if answer else None
        record = answered.record_of(answer.span.start) if answer else None
        made |= {
            f"{name}_answer": answer.text if answer else None,
            f"{name}_start": span.start if span else None,
            f"{name}_end": span.end if span else None,
            f"{name}_probability": answer.probability if answer else None,
            f"{name}_p_no_answer": side.prediction(view).null_probability,
            f"{name}_pmid": record.pmid if record else None,
        }
    warnings = [f"PMID {r.pmid}: {note.sentence}" for r in passage.records for note in r.warnings]
    return {
        **made,
        "warnings": " ".join(warnings),
        "notices": " ".join(passage.notices),
        "precision": str(comparison.precision),
    }


# Of a table, with the type of their values; both models' have the same.
_SIDE_COLUMNS = {
    "answer": str, "start": int, "end": int, "probability": float, "p_no_answer": float, "pmid": str
}  # fmt: skip
COLUMNS: Mapping[str, type] = {
    "row": int, "id": str, "question": str, "pmids": str, "agreement": str, "answer_f1": float,
    **{f"{side}_{name}": kind for side in SIDES for name, kind in _SIDE_COLUMNS.items()},
    "warnings": str, "notices": str, "precision": str,
}  # fmt: skip


def lines_of(answered: Sequence[AnsweredRow], how: Written) -> str:
    """The rows as lines to append, each ended; "" for none."""
    if how.form is OutputForm.CSV:
        blank = [{key: "" if v is None else v for key, v in flat_row(one).items()} for one in answered]
        return csv_text(blank).partition("\n")[2]
    made: dict[OutputForm, Callable[[AnsweredRow], dict[str, Any]]] = {
        OutputForm.JSONL: row_document,
        OutputForm.PARQUET: flat_row,
        OutputForm.SQUAD: lambda one: _prediction_line(one, how),
        OutputForm.BIOASQ: lambda one: _reading_line(one, how),
    }
    return "".join(json.dumps(made[how.form](one), ensure_ascii=False) + "\n" for one in answered)


@dataclass(frozen=True, slots=True)
class Piece:
    """What is appended for some rows: their ``lines``, those of the ``bad`` ones, and how many they are."""

    lines: str
    bad: str
    rows: int
    bad_rows: int


def piece_of(done: Sequence[ReadRow], how: Written) -> Piece:
    """What is appended for rows that were read together."""
    bad = [row for row in done if isinstance(row, BadRow)]
    lines = lines_of([row for row in done if isinstance(row, AnsweredRow)], how)
    told = "".join(json.dumps(bad_document(row), ensure_ascii=False) + "\n" for row in bad)
    return Piece(lines, told, len(done), len(bad))


def head_of(how: Written) -> str:
    """The first line of the output, "" where there is none."""
    return (
        csv_text([dict.fromkeys(COLUMNS, "")]).partition("\n")[0] + "\n" if how.form is OutputForm.CSV else ""
    )


def _prediction_line(answered: AnsweredRow, how: Written) -> dict[str, Any]:
    prediction = answered.comparison.sides[how.side].prediction(View())
    best = prediction.best(null_threshold=None if how.always_answer else 0.0)
    return {"id": answered.row.id or str(answered.row.number), "answer": best.text if best else ""}


def _reading_line(answered: AnsweredRow, how: Written) -> dict[str, Any]:
    prediction = answered.comparison.sides[how.side].prediction(View())
    return {
        "question_id": answered.row.question_id,
        "text": answered.comparison.passage.text,
        "answers": [asdict(answer) for answer in prediction.answers],
        "null": [prediction.null_score, prediction.null_probability],
    }


def finish(lines: Path, out: Path, how: Written, questions: Sequence[BioAsqQuestion] = ()) -> str:
    """Make the output of the lines that were appended, whole or not at all; what is to be said of it, or "".

    ``questions`` are all of a BioASQ file's. Raises ``DataError`` where it cannot be written.
    """
    if how.form is OutputForm.PARQUET:
        _write_parquet(_read(lines), out)
    elif how.form is OutputForm.SQUAD:
        answers, note = predictions(_read(lines))
        write_json(answers, out)
        return note
    elif how.form is OutputForm.BIOASQ:
        write_json(submitted(questions, _read(lines)), out)
    return ""


def _read(lines: Path) -> Iterator[dict[str, Any]]:
    with lines.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def predictions(read: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], str]:
    """A SQuAD prediction file, of the lines that ``lines_of`` makes; and what is to be said of it, or ""."""
    answers: dict[str, str] = {}
    repeated = 0
    for one in read:
        repeated += one["id"] in answers
        answers.setdefault(one["id"], one["answer"])
    note = f"ids that occur again, of which the first answer is written: {repeated:,}" if repeated else ""
    return answers, note


def submitted(questions: Sequence[BioAsqQuestion], read: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A BioASQ phase B file (``benchmark.submission``) of the lines that ``lines_of`` makes of what was read.

    A factoid has up to five answers, a list question those with at least half of the best one's score.
    """
    kinds = {question.id: question.type for question in questions}
    readings: dict[str, list[tuple[str, Prediction]]] = {}
    for one in read:
        readings.setdefault(one["question_id"], []).append((one["text"], _prediction_of(one)))
    answers = {id_: _pooled(found, kinds.get(id_, "")) for id_, found in readings.items()}
    return submission(questions, answers)


def _prediction_of(line: Mapping[str, Any]) -> Prediction:
    answers = tuple(
        Answer(CharSpan(**one["span"]), one["text"], one["score"], one["probability"])
        for one in line["answers"]
    )
    return Prediction(Question(""), answers, *line["null"])


def _pooled(found: list[tuple[str, Prediction]], kind: str) -> list[str]:
    if kind == "factoid":
        return [one.text for one in pool(found, top_n=MAX_FACTOID_ANSWERS)]
    pooled = pool(found, top_n=MAX_LIST_ANSWERS) if kind == "list" else []
    return [one.text for one in pooled if one.score >= LIST_SHARE * pooled[0].score]


def _write_parquet(rows: Iterable[Mapping[str, Any]], out: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    kinds = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    partial = out.with_name(out.name + ".part")
    try:
        with parquet.ParquetWriter(partial, schema) as writer:
            waiting = iter(rows)
            while held := list(islice(waiting, PARQUET_ROWS)):
                writer.write_table(pyarrow.Table.from_pylist(held, schema))
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(f"{out} cannot be written: {error.strerror or error}.") from error
