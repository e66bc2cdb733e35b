"""``biom-demo batch``: both models' answers to every row of a file; a killed run can be gone on with."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biom_demo import __version__
from biom_demo.analysis.batch import SPAN_KINDS, Chunks, Engine, LocalEngine, Reads
from biom_demo.analysis.rows import BadRow, Columns, Form, Row, RowFile, first_rows, open_rows
from biom_demo.analysis.stored import digest_of
from biom_demo.cli.loading import PAIR_HELP, add_precision_to, pair_of, settings_of
from biom_demo.cli.output import print_json
from biom_demo.errors import BioMError, CheckpointError, InputError
from biom_demo.models.catalogue import Checkpoint, locate
from biom_demo.models.store import Models
from biom_demo.pubmed.session import MAX_RESULTS, PubMed
from biom_demo.qa.datasets import read_bioasq
from biom_demo.settings import Settings
from biom_demo.show.batch import (
    SIDES,
    OutputForm,
    Written,
    bad_document,
    finish,
    form_of_output,
    head_of,
    piece_of,
)
from biom_demo.show.growing import Growing, State
from biom_demo.show.words import counted, duration

if TYPE_CHECKING:
    from biom_demo.cli import Commands

SAID_EVERY_S = 30.0  # where stderr is no terminal
SHOWN_CHARS = 100  # of a text in a preview
SOME_BAD = 1  # the exit status

EXAMPLES = """\
examples:
  biom-demo batch questions.csv --preview 5
  biom-demo batch questions.csv --out answers.csv
  biom-demo batch dev-v2.0.json --out predictions.json --side vanilla
  biom-demo batch 8B1_golden.json --out submission.json
  biom-demo batch pubmed26n0001.xml.gz --question "Which gene is mutated?" --out answers.jsonl

The same command again goes on where a killed or stopped one was. Rows that cannot be read are in
OUT.bad.jsonl, with line and reason; the exit status is then 1.
"""


def add_to(commands: Commands) -> None:
    """Add the command with its options."""
    parser = commands.add_parser(
        "batch",
        help="ask both models about every row of a file",
        description="Ask both models about every row of a file: CSV, TSV, JSON lines, SQuAD, BioASQ, "
        "MEDLINE (.nbib), RIS or PubMed XML, gzipped or not. A row has a question, and a text, PMIDs or a "
        "PubMed query.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="IN")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="OUT",
        help=".csv, .jsonl or .parquet; .json for SQuAD predictions or, of a BioASQ file, a submission",
    )
    parser.add_argument(
        "--preview", type=int, metavar="N", help="print the first N rows as understood, and end"
    )
    parser.add_argument("--question", default="", metavar="Q", help="asked of every row that has no question")
    for what, words in (
        ("question", "questions"),
        ("context", "texts (several, with commas between, are read as one text)"),
        ("pmid", "PMIDs, DOIs or other names of records"),
        ("query", "PubMed queries"),
        ("id", "ids, which the output repeats"),
    ):
        parser.add_argument(
            f"--{what}-column", default="", metavar="NAME", help=f"the column or key of {words}"
        )
    parser.add_argument("--form", choices=[str(form) for form in Form], help="what IN is, if not as it looks")
    parser.add_argument(
        "--abstracts", type=int, default=1, metavar="N", help="of a query's, read as one text (default: 1)"
    )
    parser.add_argument(
        "--side", choices=SIDES, default=SIDES[0], help="whose answers a .json has (default: biom)"
    )
    parser.add_argument(
        "--always-answer", action="store_true", help="in SQuAD predictions, where a model abstains too"
    )
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="what reads (default: local)"
    )
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="of --engine ray (default: 2)")
    parser.add_argument("--overwrite", action="store_true", help="begin anew, whatever is at OUT")
    parser.add_argument("--pair", default=None, help=PAIR_HELP)
    add_precision_to(parser)
    parser.add_argument("--json", action="store_true", help="print the summary or the preview as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the rows and write what the models say; the exit status: 1 where rows were bad.

    Raises ``InputError``, ``DataError``, ``PubMedError`` or ``CheckpointError`` with what to do.
    """
    settings = settings_of(arguments)
    file = open_rows(
        arguments.file,
        columns=Columns(
            question=_names(arguments.question_column),
            context=_names(arguments.context_column),
            pmids=_names(arguments.pmid_column),
            query=_names(arguments.query_column),
            id=_names(arguments.id_column),
        ),
        form=Form(arguments.form) if arguments.form else None,
        question=arguments.question,
    )
    if arguments.preview is not None:
        _preview(file, arguments.preview, as_json=arguments.json)
        return 0
    if arguments.out is None:
        raise InputError("Say where the answers go: --out answers.csv, say. To look first, use --preview 5.")
    if not 1 <= arguments.abstracts <= MAX_RESULTS:
        raise InputError(f"--abstracts {arguments.abstracts} cannot be used. Give a number of at least 1.")
    if arguments.out.resolve() == arguments.file.resolve():
        raise InputError("--out is the file that is read. Choose another name.")
    how = Written(
        form_of_output(arguments.out, file.form), SIDES.index(arguments.side), arguments.always_answer
    )
    if how.form is OutputForm.BIOASQ and file.form is not Form.BIOASQ:
        raise InputError("A submission is made of a BioASQ file.")
    checkpoints = pair_of(settings, arguments.pair).checkpoints
    made_of = {
        "version": __version__,
        "input": _digest_of_file(arguments.file),
        "models": [_digest(checkpoint) for checkpoint in checkpoints],
        "options": {
            "form": file.form,
            "output": how.form,
            "columns": {what: list(names) for what, names in file.columns.items()},
            "question": arguments.question,
            "abstracts": arguments.abstracts,
            "side": how.side,
            "always_answer": how.always_answer,
            "most_characters": settings.max_context_chars,
            "computed_in": settings.precision,
        },
    }
    lines = arguments.out if how.form.grows else Path(f"{arguments.out}.rows.jsonl")
    growing = Growing(
        arguments.out,
        lines,
        made_of,
        name=arguments.file.name,
        head=head_of(how),
        anew=arguments.overwrite,
    )
    with growing:
        if growing.state.complete:
            print(f"{arguments.out} is complete already; nothing was read.", file=sys.stderr)
        else:
            _read_all(arguments, file, how, checkpoints, settings, growing)
        state = growing.state
    summary = {"out": str(arguments.out), "rows": state.rows, "bad": state.bad}
    if state.bad:
        summary["bad_rows"] = str(growing.bad)
    if arguments.json:
        print_json(summary)
    else:
        print(f"{arguments.out}: {counted(state.rows - state.bad, 'row')} answered, {state.bad:,} bad")
    if state.bad:
        print(f"Rows that could not be read are in {growing.bad}, with line and reason.", file=sys.stderr)
    return SOME_BAD if state.bad else 0


def _read_all(
    arguments: argparse.Namespace,
    file: RowFile,
    how: Written,
    checkpoints: tuple[Checkpoint, ...],
    settings: Settings,
    growing: Growing,
) -> None:
    state = growing.state
    if state.rows:
        print(f"Going on behind row {state.rows:,} of {arguments.out}.", file=sys.stderr)
    chunks = Chunks(file, state.pieces, SPAN_KINDS if how.form is OutputForm.BIOASQ else frozenset())
    try:
        with _engine(arguments, checkpoints, settings) as engine, Progress(state) as progress:
            for piece, share in engine.read(chunks, partial(piece_of, how=how)):
                growing.append(piece.lines, piece.bad, rows=piece.rows, bad_rows=piece.bad_rows)
                progress.show(share)
        questions = read_bioasq(arguments.file).questions if how.form is OutputForm.BIOASQ else ()
        if note := finish(growing.lines, arguments.out, how, questions):
            print(f"note: {note}", file=sys.stderr)
        growing.complete()
    except (BioMError, KeyboardInterrupt):
        print(
            f"{counted(state.rows, 'row')} kept. The same command again goes on from there.", file=sys.stderr
        )
        raise


def _engine(
    arguments: argparse.Namespace, checkpoints: tuple[Checkpoint, ...], settings: Settings
) -> AbstractContextManager[Engine]:
    reads = Reads(checkpoints, settings.max_context_chars, arguments.abstracts)
    if arguments.engine == "ray":
        from biom_demo.analysis.ray_engine import RayEngine

        return RayEngine(reads, settings, workers=arguments.workers)
    visit = Models(threads=settings.threads, precision=settings.precision, remembering=False).visit()
    return nullcontext(LocalEngine(replace(reads, pubmed=PubMed.from_settings(settings)), visit, visit.stop))


class Progress:
    """A line on stderr that tells how far a run is: rows, how many a second, and about how long it takes yet.

    On a terminal it is written anew; elsewhere it comes every half a minute. Used as a context, which
    ends the line.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._began = self._said = time.monotonic()
        self._rows_before = state.rows
        self._share_before: float | None = None
        self._live = bool(sys.stderr and sys.stderr.isatty())
        self._width = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            print(file=sys.stderr, flush=True)

    def show(self, share: float) -> None:
        """Tell that ``share`` of the file has been read (0 to 1), if it is time to."""
        if self._share_before is None:  # what was skipped, and the first piece, with which models are loaded
            self._share_before, self._rows_before = share, self._state.rows
            self._began = time.monotonic()
        now = time.monotonic()
        if not self._live and now - self._said < SAID_EVERY_S:
            return
        self._said = now
        words = self.words(share, now - self._began)
        if self._live:
            print(f"\r{words.ljust(self._width)}", end="", file=sys.stderr, flush=True)
            self._width = len(words)
        else:
            print(words, file=sys.stderr, flush=True)

    def words(self, share: float, seconds: float) -> str:
        """The line, ``seconds`` after the first piece."""
        state = self._state
        words = counted(state.rows, "row")
        if (rows := state.rows - self._rows_before) and seconds:
            words += f", {rows / seconds:,.1f} a second"
        words += f", {share:.0%} of the file"
        read = share - (self._share_before or 0.0)
        if read > 0 and share < 1:
            words += f", about {duration(seconds / read * (1 - share))} left"
        return words + (f", {state.bad:,} bad" if state.bad else "")


def _preview(file: RowFile, count: int, *, as_json: bool) -> None:
    rows = first_rows(file, max(1, count))
    columns = {what: list(names) for what, names in file.columns.items() if names}
    if as_json:
        print_json({"form": file.form, "columns": columns, "rows": [_row_json(row) for row in rows]})
        return
    print(f"{file.path.name} is read as {file.form}.")
    for what, names in columns.items():
        print(f"  {what}: {' and '.join(names)}")
    for row in rows:
        where = f"row {row.number}" + (f", line {row.line}" if row.line else "")
        if isinstance(row, BadRow):
            print(f"{where}: bad: {row.reason}")
            continue
        print(
            f"{where}{f', id {_short(row.id)}' if row.id else ''}: {_short(row.question) or '(no question)'}"
        )
        what, text = row.read_of
        print(f"  {what}: {_short(text)}")


def _row_json(row: Row | BadRow) -> dict[str, Any]:
    if isinstance(row, BadRow):
        return bad_document(row)
    what, text = row.read_of
    return {"row": row.number, "line": row.line, "id": row.id, "question": row.question, what: text}


def _short(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= SHOWN_CHARS else f"{line[: SHOWN_CHARS - 2]} …"


def _names(given: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip())


def _digest(checkpoint: Checkpoint) -> str:
    """What its files hold. Raises ``CheckpointError`` where they are not on this machine."""
    folder = locate(checkpoint)
    if folder is None:
        raise CheckpointError(
            f"{checkpoint.label} ({checkpoint.source}) is not on this machine. Fetch it from the page "
            f"(biom-demo serve), or run: hf download {checkpoint.source}"
        )
    return digest_of(folder)


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
