"""The Batch tab: a file's rows as they are understood, both models' answers to each, files to take home."""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr

from biom_demo.analysis.batch import AnsweredRow, Chunks, LocalEngine, ReadRow, Reads
from biom_demo.analysis.comparison import Readers
from biom_demo.analysis.difference import short_names
from biom_demo.analysis.passage import MAX_QUESTION_CHARS, readable
from biom_demo.analysis.rows import BadRow, Columns, Form, Row
from biom_demo.analysis.uploaded_rows import UploadedRows, read_rows, rows_in_words
from biom_demo.counters import Work
from biom_demo.errors import InputError
from biom_demo.models.catalogue import Checkpoint
from biom_demo.models.store import Visit
from biom_demo.models.worker import Ended
from biom_demo.pubmed.session import Session
from biom_demo.qa.datasets import BioAsqQuestion
from biom_demo.qa.records import CharSpan, Question, Reading
from biom_demo.settings import Precision
from biom_demo.show.batch import (
    SIDES,
    OutputForm,
    Written,
    bad_document,
    flat_row,
    head_of,
    lines_of,
    predictions,
    submitted,
)
from biom_demo.show.batch_table import (
    SHOWN_ROWS,
    about_batch_html,
    answers_html,
    bad_rows_html,
    file_html,
    rows_html,
)
from biom_demo.show.cards import status_html
from biom_demo.show.export import as_download, csv_text
from biom_demo.show.words import counted, duration, in_precision
from biom_demo.ui.compare_tab import Tab, pair_choices
from biom_demo.ui.pubmed_tab import missing_words
from biom_demo.ui.reading import ended_words, followed, reading_words
from biom_demo.ui.site import Site, Update, missing, words_of
from biom_demo.ui.wiring import QUIET, READS, Parts, kept, script, stop_at

CHUNK = 8  # rows read together: few, so that answers come soon
NONE = ("(none)", "")
COLUMN_BOXES = {
    "question": "Questions",
    "context": "Texts (several columns are read as one)",
    "pmids": "PMIDs, DOIs or other names of records",
    "query": "PubMed queries (the first abstract is read)",
    "id": "Ids, repeated in the files",
}
TYPES = [".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".nbib", ".ris", ".xml", ".gz"]
KIND = "batch"  # of what may be stopped
FILE = ("upload", "file-told", "preview", "columns", *COLUMN_BOXES)
SAVED = {
    "csv": "Save CSV",
    "jsonl": "Save JSON lines",
    **dict.fromkeys(SIDES, "Save predictions"),
    "bad": "Save bad rows",
}
RUN = ("answered", "batch_status", "start", "stop", "results", "bad", "always",
       *(f"save-{name}" for name in SAVED))  # fmt: skip
Key = tuple[Checkpoint, Question, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is of: a file as understood (its key), the question for rows without one, the models."""

    key: str
    question: str
    pair: str
    precision: Precision = Precision.FLOAT32


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What was read so far: the first ``done`` rows of what is ``wanted``.

    ``packed`` has the lines of each file there is, compressed piece by piece; ``first`` the rows that are
    shown. ``known`` are readings of rows that are not whole yet, and ``too_long`` what nobody could read
    within the budget: nothing is read twice.
    """

    wanted: Wanted
    name: str  # of the file
    form: Form
    rows: int  # of the file
    questions: tuple[BioAsqQuestion, ...]  # of a BioASQ file
    labels: tuple[str, ...]
    done: int = 0
    packed: Mapping[Written, tuple[bytes, ...]] = field(default_factory=dict)
    first: tuple[Mapping[str, Any], ...] = ()
    bad: tuple[BadRow, ...] = ()
    known: Mapping[Key, Reading] = field(default_factory=dict)
    too_long: frozenset[Key] = frozenset()

    @property
    def complete(self) -> bool:
        """Whether all rows were read."""
        return self.done >= self.rows

    @property
    def begun(self) -> bool:
        """Whether there is anything to go on from."""
        return bool(self.done or self.known or self.too_long)

    @classmethod
    def begin(cls, file: UploadedRows, wanted: Wanted, checkpoints: Sequence[Checkpoint]) -> Answered:
        """Of a run that has read nothing yet."""
        labels = tuple(short_names([checkpoint.label for checkpoint in checkpoints]))
        return cls(wanted, file.name, file.form, len(file.rows), file.questions, labels)

    def with_rows(self, rows: Sequence[ReadRow]) -> Answered:
        """With the next rows."""
        answered = [row for row in rows if isinstance(row, AnsweredRow)]
        bad = tuple(row for row in rows if isinstance(row, BadRow))
        packed = {
            how: (
                *self.packed.get(how, ()),
                zlib.compress(lines_of(answered, how).encode("utf-8", "replace")),
            )
            for how in files_of(self.form)
        }
        room = SHOWN_ROWS - len(self.first)
        shown = (*self.first, *map(flat_row, answered[:room]))
        return replace(
            self, done=self.done + len(rows), packed=packed, first=shown, bad=(*self.bad, *bad), known={}
        )

    def lines(self, how: Written) -> str:
        """The lines of one of its files, without a head."""
        return b"".join(map(zlib.decompress, self.packed.get(how, ()))).decode()


def files_of(form: Form) -> tuple[Written, ...]:
    """The files that can be made of what is read of a file: tables, and what its data set asks for."""
    tables = (Written(OutputForm.CSV), Written(OutputForm.JSONL))
    if form is Form.SQUAD:
        sides = [(side, always) for side in range(len(SIDES)) for always in (False, True)]
        return (*tables, *(Written(OutputForm.SQUAD, side, always) for side, always in sides))
    if form is Form.BIOASQ:
        return (*tables, *(Written(OutputForm.BIOASQ, side) for side in range(len(SIDES))))
    return tables


class Remembering:
    """Readers that read no pair twice: what a run leaves half read is ``known`` to the next.

    A pair that is ``too_long`` is refused.
    """

    def __init__(
        self, readers: Readers, known: Mapping[Key, Reading], too_long: frozenset[Key], reason: str
    ) -> None:
        self.known = dict(known)
        self.missing: list[Key] = []  # of what was last asked for
        self._readers, self._too_long, self._reason = readers, too_long, reason

    def read(
        self,
        checkpoint: Checkpoint,
        pairs: Sequence[tuple[Question, str]],
        *,
        share: float = 1.0,
        begun: bool = False,
        regions: Sequence[CharSpan] = (),
    ) -> list[Reading]:
        """See ``Readers.read``; whole texts only. Raises ``InputError`` for a pair that is too long, too."""
        if regions:
            raise ValueError("a batch reads whole texts")
        keys = [(checkpoint, question, text) for question, text in pairs]
        if not self._too_long.isdisjoint(keys):
            raise InputError(self._reason)
        self.missing = [key for key in dict.fromkeys(keys) if key not in self.known]
        if self.missing:
            unread = [(question, text) for _, question, text in self.missing]
            for reading in self._readers.read(checkpoint, unread, share=share, begun=begun):
                self.known[checkpoint, reading.question, reading.context] = reading
        found = [self.known.get(key) for key in keys]
        return [reading for reading in found if reading is not None]


class VisitorsPubMed:
    """PubMed as a visitor's rows ask it: through the site's gate, within its budget."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def session(self, *, cancelled: threading.Event | None = None) -> AbstractContextManager[Session]:
        """See ``analysis.batch.Asks``."""
        return self._site.asking_pubmed(stop=cancelled)


class Given:
    """Rows at hand in the place of a file's."""

    share = 1.0

    def __init__(self, rows: Iterable[Row | BadRow]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Row | BadRow]:
        return iter(self._rows)


def load(path: str | None, columns: Columns | None = None) -> Update:
    """A file as it is understood, to look at; what stood there stays where it cannot be read."""
    try:
        if not path:
            raise InputError("There is no file yet. Upload one first.")
        file = read_rows(path, columns=columns)
    except Exception as error:
        return {"file-told": status_html(words_of(error, "reading a file of rows"), kind="error")}
    boxes = {what: _column_box(file, what) for what in COLUMN_BOXES}
    return {
        "upload": file,
        "file-told": file_html(file),
        "columns": gr.update(visible=bool(file.names)),
        **boxes,
    }


def _column_box(file: UploadedRows, what: str) -> Any:
    taken = list(getattr(file.columns, what))
    if what == "context":
        return gr.update(choices=list(file.names), value=taken)
    return gr.update(choices=[NONE, *((name, name) for name in file.names)], value=taken[0] if taken else "")


def chosen(
    question: str | None,
    context: Sequence[str] | None,
    pmids: str | None,
    query: str | None,
    name: str | None,
) -> Columns:
    """The columns that the boxes name, and no others; in the order of ``COLUMN_BOXES``."""
    one = [(value,) if value else () for value in (question, pmids, query, name)]
    return Columns(one[0], tuple(context or ()), one[1], one[2], one[3], only=True)


def check_whole(file: UploadedRows | None, question: str) -> UploadedRows:
    """The file, where its rows can be read. Raises ``InputError`` that says which box lacks something."""
    if file is None:
        raise InputError("There is no file yet, or it is no longer kept, to make room. Upload it.")
    taken = file.columns
    if file.names and not (taken.context or taken.pmids or taken.query):
        raise InputError("No column holds what is to be read. Choose one for texts, PMIDs or queries.")
    if len(question) > MAX_QUESTION_CHARS:
        raise InputError(f"The question has {len(question):,} characters; at most {MAX_QUESTION_CHARS:,}.")
    if not question and not any(isinstance(row, Row) and row.question.strip() for row in file.rows):
        choose = "Choose the column of questions, or write" if file.names else "Write"
        raise InputError(f"No row has a question. {choose} one question for all rows.")
    return file


def wanted_of(file: UploadedRows, question: str | None, pair: str, engine: str | None = None) -> Wanted:
    """What a start with these boxes reads; a question that no row needs is none of it."""
    own = readable(question).strip()
    precision = Precision(engine or Precision.FLOAT32)
    return Wanted(file.key, own if file.lacks_questions else "", pair, precision)


def read_batch(
    site: Site,
    file: UploadedRows | None,
    question: str | None,
    pair: str,
    before: Answered | None,
    session: str,
    engine: str | None = None,
) -> Iterator[Update]:
    """Answers to the rows, some at a time, from where what was read ``before`` of the same ends.

    Where it ends early, by Stop, the budget or trouble, what was read is kept.
    """
    answered, readers = before, None
    stop = site.stops.begin(session, KIND)
    at_rest = {"stop": gr.update(visible=False)}
    try:
        file = check_whole(file, readable(question).strip())
        wanted, checkpoints = wanted_of(file, question, pair, engine), site.checkpoints(pair)
        site.precision_named(wanted.precision)
        if missing(checkpoints):
            raise InputError(missing_words(site, checkpoints))
        if answered is None or answered.complete or answered.wanted != wanted:
            answered = Answered.begin(file, wanted, checkpoints)
        running = {"start": gr.update(visible=False), "stop": gr.update(visible=True)}
        yield {**running, "batch_status": status_html("Reading …"), **drawn(answered)}
        begun, pace = answered, Pace(answered.done)
        rows = file.asked(wanted.question)[answered.done :]
        with site.reading(Work.BATCH, session, stop, wanted.precision) as visit:
            readers = Remembering(visit, answered.known, answered.too_long, _too_long_words(site))
            reads = Reads(checkpoints, site.settings.max_context_chars, pubmed=VisitorsPubMed(site), tries=1)
            pieces = LocalEngine(reads, readers, stop).read(Chunks(Given(rows), size=CHUNK), tuple)
            for piece in followed(pieces, visit):
                if piece is not None:
                    answered = answered.with_rows(piece[0])
                    readers.known.clear()
                    yield drawn(answered)
                words = f"{pace.words(answered)}; {reading_words(visit)}"
                yield {"batch_status": status_html(words, progress=answered.done / answered.rows)}
        answered = _left(answered, begun, readers, visit)
        words = _end_words(answered, visit, pace)
        yield {**drawn(answered), **at_rest, **start_of(answered, wanted), "batch_status": status_html(words)}
    except Exception as error:
        words = site.stops.words(words_of(error, "reading a file's rows"))
        update: Update = {**at_rest, "start": gr.update(visible=True)}
        if answered is not None and readers is not None:
            answered = replace(answered, known=dict(readers.known))
            update |= {**drawn(answered), **start_of(answered, answered.wanted)}
            words += f" {_kept_words(answered)}"
        yield {**update, "batch_status": status_html(words, kind="error")}
    finally:
        site.stops.end(session, KIND, stop)


def _left(answered: Answered, begun: Answered, readers: Remembering, visit: Visit) -> Answered:
    """With what was read of rows that are not whole yet, and what no start can read."""
    too_long = answered.too_long
    in_vain = answered.done == begun.done and len(readers.known) == len(begun.known)
    if visit.ended is Ended.BUDGET and in_vain and readers.missing:
        too_long |= {max(readers.missing, key=lambda key: len(key[2]))}
    return replace(answered, known=dict(readers.known), too_long=too_long)


def _too_long_words(site: Site) -> str:
    budget = f"{site.settings.reading_budget_s:,.0f} s"
    return f"The text takes more than the {budget} of reading that there are here. Use the command line."


def _kept_words(answered: Answered) -> str:
    return f"{counted(answered.done, 'row')} of {answered.rows:,} kept; “Go on” reads the rest."


def _end_words(answered: Answered, visit: Visit, pace: Pace) -> str:
    bad = f" {counted(len(answered.bad), 'row')} could not be read: see below." if answered.bad else ""
    if answered.complete:
        return f"All {counted(answered.rows, 'row')} read, in {duration(pace.seconds)}.{bad}"
    if visit.ended is Ended.BUDGET:
        budget = f"{visit.budget_s:,.0f} s"
        return f"Stopped: one start may read for {budget} here. {_kept_words(answered)}{bad}"
    if visit.ended is Ended.CLOSED:
        return f"{ended_words(visit)} Save now what was read, and the rest of the file for then."
    return f"Stopped. {_kept_words(answered)}{bad}"


class Pace:
    """How fast rows are read: since the first of a start, with which the models are loaded."""

    def __init__(self, done: int) -> None:
        self._begun = self._since = time.monotonic()
        self._before = done
        self._first = True

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._begun

    def words(self, answered: Answered) -> str:
        """How many rows were read, how many a second, and about how long it takes yet."""
        if self._first and answered.done > self._before:
            self._first, self._since, self._before = False, time.monotonic(), answered.done
        words = f"{answered.done:,} of {counted(answered.rows, 'row')}"
        seconds, read = time.monotonic() - self._since, answered.done - self._before
        if not read or not seconds:
            return words
        left = duration(seconds / read * (answered.rows - answered.done))
        return f"{words}, {read / seconds:,.1f} a second, about {left} left"


def drawn(answered: Answered) -> Update:
    """All that shows what was read, and the files that there are of it."""
    read = f"{answered.done:,} of {counted(answered.rows, 'row')} read"
    title = " ".join(filter(None, [f"{answered.name}: {read}", in_precision(answered.wanted.precision)]))
    return {
        "answered": answered,
        "results": answers_html(title, answered.labels, answered.first, answered.done - len(answered.bad)),
        "bad": bad_rows_html(answered.bad),
        **{f"save-{name}": gr.update(**how) for name, how in _save_buttons(answered).items()},
        "always": gr.update(visible=answered.form is Form.SQUAD and answered.done > 0),
    }


def _save_buttons(answered: Answered) -> dict[str, dict[str, Any]]:
    some = answered.done > 0
    what = {Form.SQUAD: "SQuAD predictions", Form.BIOASQ: "BioASQ submission"}.get(answered.form, "")
    sides = {
        side: {"visible": some and bool(what), "value": f"{what} of {label}"}
        for side, label in zip(SIDES, answered.labels, strict=False)
    }
    tables = {name: {"visible": some} for name in ("csv", "jsonl")}
    return {**tables, **sides, "bad": {"visible": bool(answered.bad)}}


def start_of(answered: Answered | None, wanted: Wanted | None) -> Update:
    """The button that starts: it goes on where there is something of the same to go on with."""
    same = answered is not None and wanted is not None and answered.wanted == wanted
    goes_on = same and answered is not None and not answered.complete and answered.begun
    return {"start": gr.update(value="Go on" if goes_on else "Start", visible=True)}


def looked_at(
    file: UploadedRows | None,
    question: str | None,
    pair: str,
    answered: Answered | None,
    engine: str | None = None,
) -> Update:
    """The first rows as they would be read now, and what the button does."""
    if file is None:
        return {"preview": "", "start": gr.update(value="Start")}
    wanted = wanted_of(file, question, pair, engine)
    start = start_of(answered, wanted)["start"]
    start.pop("visible")  # while a run is under way there is none
    return {"preview": rows_html(file.asked(wanted.question)), "start": start}


def as_file(name: str, answered: Answered | None, always: bool | None) -> Update:
    """One of the files of what was read, as the page's script saves it, and what there is to say of it."""
    if answered is None or not answered.done:
        return {"payload": "", "batch_status": status_html("Nothing is read yet, or it is no longer kept.")}
    made, note = _file_of(name, answered, always=bool(always))
    what = f"{counted(answered.done, 'row')} of {answered.rows:,}"
    words = f"Saved: {what}." if answered.complete else f"Saved: {what}; the rest is not read yet."
    return {"payload": made, "batch_status": status_html(f"{words} {note}".strip())}


def _file_of(name: str, answered: Answered, *, always: bool) -> tuple[str, str]:
    if name == "csv":
        how = Written(OutputForm.CSV)
        return as_download("answers.csv", "text/csv", head_of(how) + answered.lines(how)), ""
    if name == "jsonl":
        lines = answered.lines(Written(OutputForm.JSONL))
        return as_download("answers.jsonl", "application/jsonl", lines), ""
    if name == "bad":
        rows = [bad_document(row) for row in answered.bad]
        return as_download("bad-rows.csv", "text/csv", csv_text(rows)), ""
    side = SIDES.index(name)
    if answered.form is Form.BIOASQ:
        read = answered.lines(Written(OutputForm.BIOASQ, side)).splitlines()
        made, note = submitted(answered.questions, map(json.loads, read)), ""
        file = f"submission-{name}.json"
    else:
        read = answered.lines(Written(OutputForm.SQUAD, side, always)).splitlines()
        made, note = predictions(map(json.loads, read))
        file = f"predictions-{name}.json"
    return as_download(file, "application/json", json.dumps(made, ensure_ascii=False, indent=1)), note


def build(site: Site, page: gr.Blocks, tab: Tab) -> None:
    """Lay out the tab and wire its events; the engine is chosen on Compare's ``tab``."""
    parts = Parts(upload=kept(None), answered=kept(None), engine=tab.parts["engine"])
    _layout_file(site, parts)
    _layout_results(parts)
    _wire_file(site, parts, page)
    _wire_reading(site, parts)


def _layout_file(site: Site, parts: Parts) -> None:
    gr.HTML(str(about_batch_html()), elem_id="batch-about", padding=False)
    with gr.Row(equal_height=False):
        parts["file"] = gr.UploadButton(
            f"Upload a file of rows ({rows_in_words()})", file_types=TYPES, elem_id="batch-file", scale=2
        )
        parts["pair"] = gr.Dropdown(
            label="Models", choices=pair_choices(site), value=site.pair.name, elem_id="batch-pair", scale=1
        )
    parts["file-told"] = gr.HTML(str(file_html(None)), elem_id="batch-told", padding=False)
    with gr.Row(visible=False, elem_id="batch-columns") as parts["columns"]:
        for what, words in COLUMN_BOXES.items():
            many = what == "context"
            parts[what] = gr.Dropdown(
                label=words,
                choices=[] if many else [NONE],
                value=[] if many else "",
                multiselect=many,
                elem_id=f"batch-{what}",
                min_width=200,
            )
    parts["own"] = gr.Textbox(
        label="One question for all rows that have none",
        placeholder="Which gene is mutated?",
        lines=1,
        max_lines=3,
        elem_id="batch-own-question",
    )
    parts["preview"] = gr.HTML("", elem_id="batch-preview", padding=False)
    with gr.Row():
        parts["start"] = gr.Button("Start", variant="primary", elem_id="start-batch")
        parts["stop"] = gr.Button("Stop", visible=False, variant="stop", elem_id="stop-batch")


def _layout_results(parts: Parts) -> None:
    parts["batch_status"] = gr.HTML(str(status_html("")), elem_id="batch-status", padding=False)
    with gr.Row(elem_id="batch-files"):
        for name, words in SAVED.items():
            parts[f"save-{name}"] = gr.Button(words, visible=False, elem_id=f"batch-{name}", min_width=150)
    parts["always"] = gr.Checkbox(
        label="In predictions, an answer also where the model abstains (SQuAD v1.1)",
        visible=False,
        elem_id="batch-always",
    )
    parts["results"] = gr.HTML("", elem_id="batch-results", padding=False)
    parts["bad"] = gr.HTML("", elem_id="batch-bad-rows", padding=False)
    parts["payload"] = gr.Textbox(visible="hidden", elem_id="batch-payload")


def _wire_file(site: Site, parts: Parts, page: gr.Blocks) -> None:
    boxes = parts.of("own", "pair", "answered", "engine")

    def understood(update: Update, *values: Any) -> dict[Any, Any]:
        look = looked_at(update["upload"], *values) if "upload" in update else {}
        return parts.changed({**update, **look})

    def on_upload(path: str, *values: Any) -> dict[Any, Any]:
        return understood(load(path), *values)

    parts["file"].upload(on_upload, [parts["file"], *boxes], parts.of(*FILE, "start"), **QUIET)

    def on_map(
        file: UploadedRows | None,
        own: str | None,
        pair: str,
        answered: Answered | None,
        engine: str | None,
        question: str | None,
        context: list[str] | None,
        pmids: str | None,
        query: str | None,
        name: str | None,
    ) -> dict[Any, Any]:
        columns = chosen(question, context, pmids, query, name)
        return understood(load(str(file.path) if file else None, columns), own, pair, answered, engine)

    for what in COLUMN_BOXES:
        parts[what].input(
            on_map,
            [parts["upload"], *boxes, *parts.of(*COLUMN_BOXES)],
            parts.of(*FILE, "start"),
            trigger_mode="always_last",
            **QUIET,
        )

    def on_own(file: UploadedRows | None, *values: Any) -> dict[Any, Any]:
        return parts.changed(looked_at(file, *values))

    for name in ("own", "pair", "engine"):
        parts[name].change(
            on_own,
            [parts["upload"], *boxes],
            parts.of("preview", "start"),
            trigger_mode="always_last",
            **QUIET,
        )

    def on_pair(name: str, request: gr.Request) -> str:
        seen = site.seen_by(request.headers)
        return str(status_html(missing_words(seen, seen.checkpoints(name))))

    parts["pair"].input(on_pair, parts.of("pair"), parts.of("batch_status"), **QUIET)

    def on_load(request: gr.Request) -> Any:
        seen = site.seen_by(request.headers)
        return gr.update(choices=pair_choices(seen)) if seen is not site else gr.skip()

    page.load(on_load, None, parts.of("pair"), **QUIET)


def _wire_reading(site: Site, parts: Parts) -> None:
    def on_start(
        file: UploadedRows | None,
        own: str | None,
        pair: str,
        answered: Answered | None,
        engine: str | None,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        updates = read_batch(
            site.seen_by(request.headers), file, own, pair, answered, request.session_hash or "", engine
        )
        yield from parts.streamed(updates, *RUN)

    parts["start"].click(
        on_start,
        parts.of("upload", "own", "pair", "answered", "engine"),
        parts.of(*RUN),
        show_progress_on=parts.of("batch_status"),
        **READS,
    )
    stop_at(parts["stop"], site.stops, KIND, parts["batch_status"])
    for name in SAVED:
        parts[f"save-{name}"].click(
            lambda answered, always, name=name: parts.changed(as_file(name, answered, always)),
            parts.of("answered", "always"),
            parts.of("payload", "batch_status"),
            **QUIET,
        ).then(None, parts.of("payload"), None, js=script("download"))
