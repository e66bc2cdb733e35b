"""A file of questions -> rows, one at a time: CSV, TSV, JSON lines, SQuAD, BioASQ, MEDLINE, RIS, PubMed XML.

The form is known by the file's content, gzipped or not. A row that cannot be read is given as a ``BadRow``
in its place, with the line and the reason, and those behind it are read. CSV, TSV, JSON lines, MEDLINE, RIS
and XML are streamed and may be of any length; SQuAD and BioASQ files, which are one JSON value, are read
whole (``qa.datasets.files.MAX_FILE_BYTES``).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from biom_demo.errors import DataError, InputError, RecordError
from biom_demo.pubmed.abstract import Abstract, joined
from biom_demo.pubmed.exports import Export, medline_records, ris_records
from biom_demo.pubmed.parse import stream_articles, year_of
from biom_demo.qa.datasets import BioAsqQuestion
from biom_demo.qa.datasets.bioasq import is_bioasq, questions_of
from biom_demo.qa.datasets.files import MAX_FILE_BYTES, document_of

HEAD_BYTES = 1 << 20  # by so much of a file its form is known
MAX_CELL_CHARS = 10_000_000  # far beyond any text that is read; what an open quotation mark swallows at most


class Form(StrEnum):
    """What kind of file it is."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    SQUAD = "squad"
    BIOASQ = "bioasq"
    MEDLINE = "medline"
    RIS = "ris"
    PUBMED_XML = "pubmed-xml"


# Files whose records are abstracts, and hold no question.
WITHOUT_QUESTIONS = frozenset({Form.MEDLINE, Form.RIS, Form.PUBMED_XML})


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns (of JSON: the keys) to take; () for whichever is named as one expects.

    Several ``context`` columns are read as one text, line by line: a title and an abstract, say. With
    ``only`` nothing is taken but what is named.
    """

    question: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    pmids: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    only: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One question and what it is asked of: a ``context``, ``records``, or what ``names`` or ``query`` find.

    ``number`` counts the file's rows from 1, bad ones too; ``line`` is where the row begins, 0 in a file
    that is one JSON value. ``exactly``: the context is read as it stands, as data sets' are. ``kind`` is
    a BioASQ question's type, and ``question_id`` its id, where ``id`` is that of a snippet's row.
    """

    number: int
    line: int
    id: str
    question: str
    context: str = ""
    names: str = ""
    query: str = ""
    records: tuple[Abstract, ...] = ()
    exactly: bool = False
    kind: str = ""
    question_id: str = ""

    @property
    def read_of(self) -> tuple[str, str]:
        """What is read for the row: a word for what it is, and that itself."""
        if self.records:
            return f"PMID {self.records[0].pmid}", self.records[0].text
        if self.context.strip():
            return "text", self.context
        if self.names.strip():
            return "records", self.names
        return ("query", self.query) if self.query.strip() else ("nothing to read", "")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not read, and why, in a sentence."""

    number: int
    line: int
    reason: str
    id: str = ""


# What people call a column, in letters and digits alone; the first that is there is taken.
_CALLED: Mapping[str, tuple[str, ...]] = {
    "question": ("question", "questiontext", "questions", "q", "body"),
    "context": ("context", "text", "abstract", "passage", "paragraph", "snippet", "abstracttext", "document"),
    "pmids": ("pmid", "pmids", "pubmedid", "pubmedids", "doi", "pmcid", "pmc"),
    "query": ("query", "pubmedquery", "search", "searchterm", "term"),
    "id": ("id", "qid", "questionid", "uid", "rowid", "key"),
}
_TITLES = ("title", "articletitle")
_YEARS = ("year", "publicationyear", "pubyear", "date", "publicationdate", "pubdate")
_MEDLINE = re.compile(r"(?:(?!\w{2,4} *- ).*\n){0,5}PMID- ?\d")  # PubMed puts lines of its own before it
_RIS = re.compile(r"TY  - ?\w")
_NO_UTF_8 = re.compile("[\udc80-\udcff]")


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


@dataclass(slots=True)
class RowFile:
    """An opened file of rows. Iterating reads it from the start, once at a time.

    ``names`` are the file's columns (of JSON: keys), and ``columns`` those that are taken, by what for, where
    the file has any. ``share`` tells how much of the file has been read, from 0 to 1.
    """

    path: Path
    form: Form
    columns: Mapping[str, Sequence[str]]
    question: str = ""
    names: Sequence[str] = ()
    max_bytes: int = MAX_FILE_BYTES
    _delimiter: str = ","
    _raw: BinaryIO | None = field(default=None, repr=False)
    _size: int = 1
    _counted: tuple[int, int] = (0, 0)  # rows given, and all of them, where that is known

    @property
    def share(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        given, of = self._counted
        if of:
            return given / of
        if self._raw is None or self._raw.closed:
            return 0.0
        return min(1.0, self._raw.tell() / self._size)

    def __iter__(self) -> Iterator[Row | BadRow]:
        """The rows in order, numbered from 1.

        Raises ``DataError`` where the file is damaged, behind the rows before the damage.
        """
        self._counted = (0, 0)
        with self._told():
            for number, row in enumerate(self._rows(), start=1):
                if isinstance(row, Row) and not row.question.strip() and self.question:
                    row = replace(row, question=self.question)
                yield replace(row, number=number)
            self._counted = (1, 1)

    def abstracts(self) -> Iterator[Abstract | BadRow]:
        """What the file holds to read, whatever it asks: a record a row, its PMID "" where it has none.

        A row that only names a record is bad, as nothing is fetched. Raises ``DataError`` where the file
        holds questions and no abstracts, or is damaged, behind the records before the damage.
        """
        made: Iterator[Abstract | BadRow]
        with self._told():
            match self.form:
                case Form.CSV | Form.TSV:
                    made = (row if isinstance(row, BadRow) else self._of_cells(*row) for row in self._cells())
                case Form.MEDLINE:
                    made = self._records(medline_records)
                case Form.RIS:
                    made = self._records(ris_records)
                case Form.PUBMED_XML:
                    made = (row.records[0] if isinstance(row, Row) else row for row in self._articles())
                case _:
                    raise DataError(f"{self.path} is a file of questions, not of abstracts.")
            yield from made

    def _records(
        self, read: Callable[[Iterable[str]], Iterator[Export | RecordError]]
    ) -> Iterator[Abstract | BadRow]:
        with self._text() as text:
            for found in read(text):
                if isinstance(found, RecordError):
                    yield BadRow(0, 0, str(found))
                elif not found.found.has_abstract:
                    yield BadRow(0, found.line, "The record has no abstract.", found.found.pmid)
                elif _NO_UTF_8.search("\n".join(_texts_of(found.found))):
                    yield BadRow(0, found.line, "The record is not UTF-8 text. Save the file as UTF-8.")
                else:
                    yield found.found

    def _of_cells(self, line: int, cells: Mapping[str, str]) -> Abstract | BadRow:
        """The record that a row of named cells is."""
        by_bare = {_bare(name): (cell or "").strip() for name, cell in reversed(list(cells.items()))}

        def taken(*called: str) -> str:
            return next((by_bare[name] for name in called if by_bare.get(name)), "")

        title, body = taken(*_TITLES), taken(*_CALLED["context"])
        if not body:
            return BadRow(0, line, "The row has no abstract or text.")
        if any(map(_NO_UTF_8.search, by_bare.values())):
            return BadRow(0, line, "The row is not UTF-8 text. Save the file as UTF-8.")
        pmid, date = taken("pmid", "pubmedid"), taken(*_YEARS)
        text, sections = joined(title, [("", body)])
        return Abstract(
            pmid if re.fullmatch(r"[1-9][0-9]{0,8}", pmid) else "", title, text, sections, has_abstract=True,
            journal=taken("journal", "journalbook", "journaltitle", "sourcetitle"), year=year_of(date),
            date=date, doi=taken("doi").removeprefix("https://doi.org/"),
            authors=tuple(filter(None, (name.strip(" .") for name in taken("authors").split(",")))),
        )  # fmt: skip

    def _rows(self) -> Iterator[Row | BadRow]:
        return {
            Form.CSV: self._delimited,
            Form.TSV: self._delimited,
            Form.JSONL: self._json_lines,
            Form.SQUAD: self._whole,
            Form.BIOASQ: self._whole,
            Form.MEDLINE: lambda: self._exported(medline_records),
            Form.RIS: lambda: self._exported(ris_records),
            Form.PUBMED_XML: self._articles,
        }[self.form]()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Damage as a ``DataError``."""
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise DataError(f"{self.path} is a damaged .gz file. Download it again.") from None
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}.") from error

    @contextmanager
    def _binary(self) -> Iterator[BinaryIO]:
        with _opened(self.path) as (self._raw, unpacked):
            self._size = max(1, self.path.stat().st_size)
            yield unpacked

    @contextmanager
    def _text(self) -> Iterator[TextIO]:
        # What is no UTF-8 is found out row by row: one bad byte does not end the file.
        encoding = _encoding(self.path)
        with (
            self._binary() as binary,
            io.TextIOWrapper(binary, encoding, errors="surrogateescape", newline="") as text,
        ):
            yield text

    def _delimited(self) -> Iterator[Row | BadRow]:
        for row in self._cells():
            yield row if isinstance(row, BadRow) else self._of_columns(row[1], row[0])

    def _cells(self) -> Iterator[tuple[int, Mapping[str, str]] | BadRow]:
        """The line and the named cells of each row."""
        with self._text() as text:
            reader = csv.reader(text, delimiter=self._delimiter)
            # The limit is one of the process: what is larger is a quotation mark that was left open.
            csv.field_size_limit(MAX_CELL_CHARS)
            header: list[str] | None = None
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader, None)
                except csv.Error as error:
                    yield BadRow(0, line, f"The row cannot be read ({error}). Check its quotation marks.")
                    continue
                if cells is None:
                    return
                if header is None:
                    header = [name.strip() for name in cells]
                    continue
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) > len(header):
                    found, wanted = len(cells), len(header)
                    yield BadRow(
                        0,
                        line,
                        f"The row has {found} cells under {wanted} names. Put texts in quotation marks.",
                    )
                    continue
                yield line, dict(zip(header, cells, strict=False))

    def _of_columns(self, cells: Mapping[str, Any], line: int) -> Row | BadRow:
        """The row that a record of named values is."""

        def taken(what: str, between: str = "\n") -> str:
            values = (_as_text(cells.get(name)) for name in self.columns.get(what, ()))
            return between.join(
                value.strip() if between != "\n" else value for value in values if value.strip()
            )

        row = Row(
            0, line, taken("id", " ").strip(), taken("question").strip(),
            context=taken("context"), names=taken("pmids", " "), query=taken("query", " "),
            # A data set's row, as the Hub has them: its answers are counted in its context as it stands.
            exactly="answers" in cells,
        )  # fmt: skip
        if any(map(_NO_UTF_8.search, (row.id, row.question, row.context, row.names, row.query))):
            return BadRow(0, line, "The row is not UTF-8 text. Save the file as UTF-8.")
        return row

    def _json_lines(self) -> Iterator[Row | BadRow]:
        with self._text() as text:
            for number, line in enumerate(text, start=1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError):
                    yield BadRow(0, number, "The line is not valid JSON. It may be cut off.")
                    continue
                if isinstance(value, dict) and "header" in value and "context" not in value:
                    continue  # MRQA's first line
                yield from self._of_value(value, number)

    def _of_value(self, value: Any, line: int) -> Iterator[Row | BadRow]:
        """The rows of one JSON value: a row of its own, a SQuAD article or paragraph, a BioASQ question."""
        if not isinstance(value, dict):
            yield BadRow(0, line, "This is no JSON object with a question in it.")
        elif "paragraphs" in value or "qas" in value:
            yield from _of_article(value, line)
        elif "body" in value and not self.columns.get("context"):
            try:
                (question,) = questions_of([value], self.path, strict=False).questions
            except (DataError, ValueError):
                yield BadRow(0, line, 'The question has no "body".', _as_text(value.get("id")))
                return
            yield from _of_bioasq(question, line)
        else:
            yield self._of_columns(value, line)

    def _whole(self) -> Iterator[Row | BadRow]:
        document = document_of(self.path, max_bytes=self.max_bytes)
        if self.form is Form.BIOASQ:
            questions = questions_of(document, self.path, strict=False).questions
            rows = [row for question in questions for row in _of_bioasq(question, 0)]
        else:
            entries = document
            if isinstance(document, dict):
                entries = (
                    [document] if "paragraphs" in document or "qas" in document else document.get("data")
                )
            if not isinstance(entries, list):
                raise DataError(f'{self.path} is no SQuAD file: it needs "data".')
            rows = [row for entry in entries for row in self._of_value(entry, 0)]
        for given, row in enumerate(rows, start=1):
            self._counted = (given, len(rows))
            yield row

    def _exported(
        self, read: Callable[[Iterable[str]], Iterator[Export | RecordError]]
    ) -> Iterator[Row | BadRow]:
        """The rows of an export. What PubMed exports is whole; a citation in RIS may lack its abstract."""
        with self._text() as text:
            for found in read(text):
                if isinstance(found, RecordError):
                    yield BadRow(0, 0, str(found))
                    continue
                record, context = found.record, "\n".join(filter(None, (found.title, found.abstract)))
                if record is not None and record.text and (record.has_abstract or self.form is Form.MEDLINE):
                    yield _of_record(record, found.line)
                elif found.abstract:
                    yield Row(0, found.line, found.doi, "", context=context)
                elif record is not None or found.doi:
                    name = record.pmid if record is not None else found.doi
                    yield Row(0, found.line, name, "", names=name)
                elif context:
                    yield Row(0, found.line, "", "", context=context)
                else:
                    yield BadRow(0, found.line, "The record has no title, abstract, PMID or DOI.")

    def _articles(self) -> Iterator[Row | BadRow]:
        with self._binary() as file:
            try:
                for record in stream_articles(file):
                    if record is None:
                        yield BadRow(0, 0, "The record has no PMID.")
                    elif not record.text.strip():
                        yield BadRow(0, 0, "The record has neither title nor abstract.", record.pmid)
                    else:
                        yield _of_record(record, 0)
            except RecordError as error:
                raise DataError(f"{self.path}: {error}") from error


def open_rows(
    path: Path | str,
    *,
    columns: Columns | None = None,
    form: Form | None = None,
    question: str = "",
    whole: bool = True,
    max_bytes: int = MAX_FILE_BYTES,
) -> RowFile:
    """The file's form and columns, known by its first megabyte; nothing else is read yet.

    ``form`` is used instead of what the file looks like; ``question`` is asked where a row has none.
    Raises ``DataError`` for a file that is missing or of no form that is read, ``InputError`` where a
    column that is named is not there, or none is that could be read: not without ``whole``, for whoever
    asks for what is missing. A file that is one JSON value may unpack to ``max_bytes``.
    """
    path, given = Path(path), columns or Columns()
    head, cut = _head(path)
    form = form or _form_of(head, cut, path, max_bytes)
    made = RowFile(path, form, {}, question, max_bytes=max_bytes)
    if whole and form in WITHOUT_QUESTIONS and not question.strip():
        raise InputError(f"{path} has records and no questions. Give one with --question.")
    if form in (Form.CSV, Form.TSV):
        made._delimiter = "\t" if form is Form.TSV else _delimiter(head)
        header = next(csv.reader(io.StringIO(head), delimiter=made._delimiter), [])
        made.names = [name.strip() for name in header]
    elif form in (Form.JSONL, Form.SQUAD):
        made.names = _keys(head, given, made)
    if made.names or form in (Form.CSV, Form.TSV):
        made.columns = _taken(made.names, given, path)
        if whole:
            _check_whole(made)
    return made


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The file, and what it unpacks to. Raises ``DataError``."""
    try:
        raw = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"There is no file {path}. Check the path.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    with raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not packed:
            yield raw, raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield raw, cast(BinaryIO, unpacked)


def _encoding(path: Path) -> str:
    """UTF-8 unless the file begins with a mark that says UTF-16, as spreadsheets write it."""
    with _opened(path) as (_, file):
        start = file.read(2)
    return "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _head(path: Path) -> tuple[str, bool]:
    """The beginning of the file as text, and whether there is more."""
    try:
        with _opened(path) as (_, file):
            data = file.read(HEAD_BYTES)
            more = bool(file.read(1))
        return data.decode(_encoding(path), "surrogateescape" if not more else "ignore"), more
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{path} is a damaged .gz file. Download it again.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text. Give a text file saved as UTF-8.") from None


def _texts_of(record: Abstract) -> Iterator[str]:
    """All that an export may have put into a record."""
    yield from (record.text, record.title, record.vernacular_title, record.journal, record.date, record.doi)
    yield from (*record.authors, *record.mesh, *record.keywords, *record.publication_types)
    yield from (record.pmcid, *record.languages, *(f"{note.source}{note.pmid}" for note in record.notes))


def opens_json(path: Path | str) -> bool:
    """Whether the file begins as JSON does. Raises ``DataError`` where it is missing or damaged."""
    return _head(Path(path))[0].lstrip("\ufeff \t\r\n").startswith(("{", "["))


def form_of_text(text: str) -> Form | None:
    """``MEDLINE`` or ``RIS`` where a text is such an export, ``None`` for any other."""
    start = text[:4_000].lstrip("\ufeff \t\r\n")
    if _RIS.match(start):
        return Form.RIS
    return Form.MEDLINE if _MEDLINE.match(start) else None


def _form_of(head: str, cut: bool, path: Path, max_bytes: int) -> Form:
    start = head.lstrip()
    if not start:
        raise DataError(f"{path} is empty.")
    if "\x00" in start[:1000]:
        raise DataError(f"{path} is no text file. Give CSV, TSV, JSON, MEDLINE, RIS or PubMed XML.")
    if start.startswith("<"):
        if re.search(r"<Pubmed(?:Book)?Article(?:Set)?\b", start[:200_000]):
            return Form.PUBMED_XML
        raise DataError(f"{path} is no XML of PubMed. Give CSV, TSV, JSON, MEDLINE, RIS or PubMed XML.")
    if start.startswith(("{", "[")):
        return _json_form(start, cut, path, max_bytes)
    if exported := form_of_text(start):
        return exported
    first = start.split("\n", 1)[0]
    if path.name.removesuffix(".gz").lower().endswith((".tsv", ".tab")) or (
        "\t" in first and "," not in first and ";" not in first
    ):
        return Form.TSV
    return Form.CSV


def _json_form(start: str, cut: bool, path: Path, max_bytes: int) -> Form:
    first, _, rest = start.partition("\n")
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        value = None
    named = path.name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson"))
    if isinstance(value, dict) and not isinstance(value.get("data", value.get("questions")), list):
        return Form.JSONL  # a row a line, also where it is the only one
    if named and value is None:
        return Form.JSONL  # whose first line is bad
    if isinstance(value, dict) and rest.strip().startswith("{") and "body" in value:
        return Form.JSONL
    # One JSON value. What is cut off here is known by its first keys.
    if re.search(r'^\s*(?:\{\s*|\{.{0,2000}?)"questions"\s*:', start[:4000], re.DOTALL) or (
        start.startswith("[") and re.search(r'"body"\s*:', start[:200_000])
    ):
        return Form.BIOASQ
    if start.startswith("[") or re.search(r'"(?:data|paragraphs|qas)"\s*:', start[:200_000]):
        return Form.SQUAD
    if not cut:
        document = document_of(path, max_bytes=max_bytes)  # raises, for what is no JSON, with what to do
        if is_bioasq(document):
            return Form.BIOASQ
    raise DataError(
        f'{path} is JSON of no form that is read. Give SQuAD ("data"), BioASQ ("questions"), a list of rows, '
        "or a row a line."
    )


def _delimiter(head: str) -> str:
    """Whichever of comma, semicolon and tab parts the first line into most cells."""
    first = next(iter(head.lstrip("\ufeff").splitlines()), "")
    unquoted = re.sub(r'"[^"]*"', "", first)
    return max(",;\t", key=unquoted.count)


def _taken(names: Sequence[str], given: Columns, path: Path) -> dict[str, tuple[str, ...]]:
    """Which of the names are taken for what. Raises ``InputError`` where one that is given is not there."""
    by_bare: dict[str, str] = {}
    for name in names:
        by_bare.setdefault(_bare(name), name)
    made: dict[str, tuple[str, ...]] = {}
    for what, called in _CALLED.items():
        wanted: tuple[str, ...] = getattr(given, what)
        missing = [name for name in wanted if name not in names and _bare(name) not in by_bare]
        if missing:
            raise InputError(f"There is no column {missing[0]!r}. {_there(path, names)}")
        if wanted or given.only:
            made[what] = tuple(name if name in names else by_bare[_bare(name)] for name in wanted)
        else:
            made[what] = tuple(by_bare[name] for name in called if name in by_bare)[:1]
    title = [by_bare[name] for name in _TITLES if name in by_bare][:1]
    if (
        title
        and not given.context
        and not given.only
        and made["context"]
        and "abstract" in _bare(made["context"][0])
    ):
        made["context"] = (*title, *made["context"])  # as PubMed's records are read
    return made


def _there(path: Path, names: Sequence[str]) -> str:
    return f"The columns of {path} are: {', '.join(names[:20]) or 'none'}."


def _check_whole(file: RowFile) -> None:
    """Nothing, where rows have all that is needed. Raises ``InputError``."""
    there, taken = _there(file.path, file.names), file.columns
    if not taken["question"] and not file.question.strip():
        raise InputError(
            f"No column holds questions. {there} Name one with --question-column, or ask --question."
        )
    if not (taken["context"] or taken["pmids"] or taken["query"]):
        raise InputError(
            f"No column holds a text, PMIDs or a query. {there} Name one with --context-column, "
            "--pmid-column or --query-column."
        )


def _keys(head: str, given: Columns, file: RowFile) -> list[str]:
    """The keys of rows that are flat JSON objects; none of SQuAD's and BioASQ's own forms."""
    names: dict[str, None] = {}
    lines = head.splitlines()
    for line in lines[:200] if file.form is Form.JSONL else ():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and {"paragraphs", "qas", "header"}.isdisjoint(value):
            if "body" in value and "context" not in value and not (given.question or given.only):
                return []
            names |= dict.fromkeys(map(str, value))
    if file.form is Form.SQUAD:
        # A list of rows, or SQuAD's own tree: the first object of either shows which.
        if re.search(r'"(?:paragraphs|qas)"\s*:', head):
            return []
        document = document_of(file.path, max_bytes=file.max_bytes)
        entries = document.get("data") if isinstance(document, dict) else document
        for value in entries[:200] if isinstance(entries, list) else ():
            if isinstance(value, dict):
                names |= dict.fromkeys(map(str, value))
    return list(names)


def _as_text(value: Any) -> str:
    """A cell as text; a list of PMIDs or lines one after the other."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(filter(None, map(_as_text, value)))
    return value if isinstance(value, str) else str(value)


def _of_record(record: Abstract, line: int) -> Row:
    return Row(0, line, record.pmid, "", records=(record,))


def _of_article(value: Mapping[str, Any], line: int) -> Iterator[Row | BadRow]:
    """The rows of a SQuAD article, or of one paragraph, also MRQA's."""
    paragraphs = value.get("paragraphs", [value])
    for count, paragraph in enumerate(paragraphs if isinstance(paragraphs, list) else [None], start=1):
        parts = paragraph if isinstance(paragraph, dict) else {}
        context, questions = parts.get("context"), parts.get("qas")
        if not isinstance(context, str) or not isinstance(questions, list):
            yield BadRow(0, line, f'Paragraph {count} lacks "context" or "qas".')
            continue
        for one in questions:
            raw = one if isinstance(one, dict) else {}
            identity = _as_text(raw.get("id", raw.get("qid")))
            question = raw.get("question")
            if not isinstance(question, str):
                yield BadRow(0, line, "The question has no text.", identity)
            else:
                yield Row(0, line, identity, question, context=context, exactly=True)


def _of_bioasq(question: BioAsqQuestion, line: int) -> Iterator[Row | BadRow]:
    """A row for each distinct snippet; for each document cited, where there are no snippets."""
    shared = partial(Row, 0, line, question=question.body, kind=question.type, question_id=question.id)
    texts = list(dict.fromkeys(snippet.text for snippet in question.snippets))
    if not texts and not question.documents:
        yield BadRow(0, line, "The question has neither snippets nor documents.", question.id)
    for count, text in enumerate(texts):
        identity = f"{question.id}_{count:03d}"
        yield shared(id=identity, context=text, exactly=True)
    for count, document in enumerate(() if texts else question.documents):
        identity = f"{question.id}_{count:03d}"
        yield shared(id=identity, names=document)


def first_rows(rows: Iterable[Row | BadRow], count: int) -> list[Row | BadRow]:
    """The first ``count`` rows."""
    return list(islice(rows, count))
