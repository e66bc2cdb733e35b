"""Rows -> what both models say of each: one iterator behind whoever asks many things.

Rows are read some at a time, so that short ones fill a batch together, and always the same ones together:
what is said of a row does not hang on where a run was broken off and gone on with. No more than one such
chunk is held. An engine may read chunks elsewhere (``analysis.ray_engine``); ``LocalEngine`` reads them here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import count, islice
from typing import Protocol, TypeVar

from biom_demo.analysis.comparison import Comparison, Readers, Side
from biom_demo.analysis.passage import (
    BETWEEN_RECORDS,
    Passage,
    check_input,
    check_question,
    passage_of_names,
    passage_of_records,
    passage_of_text,
    readable,
)
from biom_demo.analysis.rows import BadRow, Row
from biom_demo.errors import (
    BioMError,
    BusyError,
    InputError,
    PubMedCancelled,
    PubMedError,
    RecordError,
    RefusedError,
)
from biom_demo.models.catalogue import Checkpoint
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.identify import Identified, Kind, Scheme, identify
from biom_demo.pubmed.names import Name
from biom_demo.pubmed.query import with_abstracts
from biom_demo.pubmed.session import Fetched, Resolved, Searched, Session
from biom_demo.pubmed.transport import BAD_KEY
from biom_demo.qa.records import Question, Reading

ROWS_AT_ONCE = 32
TRIES = 3  # of a row that PubMed does not answer for, before the run ends
PAUSE_S = 20.0  # between them

# The types of BioASQ questions that a span can answer.
SPAN_KINDS = frozenset({"factoid", "list"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredRow:
    """A row, and the complete comparison of what was read for it."""

    row: Row
    comparison: Comparison

    def record_of(self, position: int) -> Abstract | None:
        """The record that holds a character of the text that was read; ``None`` for a text of no record."""
        at = 0
        for record in self.comparison.passage.records:
            at += len(record.text) + len(BETWEEN_RECORDS)
            if position < at:
                return record
        return None


ReadRow = AnsweredRow | BadRow


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that are read together, and how much of their file has been read behind them, from 0 to 1."""

    rows: tuple[Row | BadRow, ...]
    share: float = 0.0


class Rows(Protocol):
    """What ``Chunks`` needs of a ``rows.RowFile``."""

    @property
    def share(self) -> float:
        """How much has been read, from 0 to 1."""
        ...

    def __iter__(self) -> Iterator[Row | BadRow]:
        """The rows in order."""
        ...


@dataclass(frozen=True, slots=True)
class Chunks:
    """A file's rows, ``size`` at a time: the same chunks whenever they are gone through.

    The first ``skip`` chunks are left out. Of BioASQ questions those of other ``kinds`` are no rows, where
    any are named. What reading the file raises comes behind the rows before it.
    """

    file: Rows
    skip: int = 0
    kinds: frozenset[str] = frozenset()
    size: int = ROWS_AT_ONCE

    def __iter__(self) -> Iterator[Chunk]:
        waiting = (row for row in self.file if isinstance(row, BadRow) or self._is_read(row))
        for number in count():
            rows: list[Row | BadRow] = []
            trouble: BioMError | None = None
            try:
                rows.extend(islice(waiting, self.size))
            except BioMError as error:
                trouble = error
            if rows and number >= self.skip:
                yield Chunk(tuple(rows), self.file.share)
            if trouble:
                raise trouble
            if not rows:
                return

    def _is_read(self, row: Row) -> bool:
        return not self.kinds or row.kind in self.kinds


class Asks(Protocol):
    """What gives a session that asks PubMed: ``PubMed``, or whoever bounds what visitors ask."""

    def session(self, *, cancelled: threading.Event | None = None) -> AbstractContextManager[Session]:
        """A session for a few questions, which ends once ``cancelled`` is set."""
        ...


@dataclass(frozen=True, slots=True)
class Reads:
    """How rows are read: ``abstracts`` of a query's, at most ``max_chars`` of a text.

    What PubMed does not answer is asked ``tries`` times in all, with pauses between.
    """

    checkpoints: tuple[Checkpoint, ...]
    max_chars: int
    abstracts: int = 1
    pubmed: Asks | None = None
    tries: int = TRIES


Make = Callable[[Sequence[ReadRow]], T]


class Engine(Protocol):
    """Reads chunks of rows, wherever."""

    def read(self, chunks: Chunks, make: Make[T]) -> Iterator[tuple[T, float]]:
        """What ``make`` makes of each chunk's rows, and the chunk's share, in the order of the chunks.

        It is made where the chunk was read: so little as possible comes back. Each is given as soon as
        it is known. Ends early where it was stopped. Raises ``PubMedError`` where PubMed cannot be
        asked, and ``CheckpointError``, for all rows from there on.
        """
        ...


class LocalEngine:
    """Reads with the models of this process. ``stop`` ends it within a batch of windows."""

    def __init__(self, reads: Reads, readers: Readers, stop: threading.Event | None = None) -> None:
        self._reads = reads
        self._readers = readers
        self._stop = stop or threading.Event()

    def read(self, chunks: Chunks, make: Make[T]) -> Iterator[tuple[T, float]]:
        """See ``Engine.read``."""
        for chunk in chunks:
            found = read_chunk(chunk, self._reads, self._readers, self._stop)
            if found is None:
                return
            yield make(found), chunk.share


def read_chunk(
    chunk: Chunk, reads: Reads, readers: Readers, stop: threading.Event
) -> tuple[ReadRow, ...] | None:
    """What became of each of the rows, in their order; ``None`` where reading was stopped on the way."""
    made = _passages(chunk.rows, reads, stop)
    if made is None:
        return None
    asked = [
        (Question(readable(row.question), row.id), passage)
        for row, passage in zip(chunk.rows, made, strict=True)
        if isinstance(row, Row) and isinstance(passage, Passage)
    ]
    found = _compared(asked, reads, readers)
    if found is None:
        return None
    results = iter(found)
    done: list[ReadRow] = []
    for row, passage in zip(chunk.rows, made, strict=True):
        if isinstance(row, BadRow):
            done.append(row)
            continue
        result = next(results) if isinstance(passage, Passage) else passage
        if isinstance(result, Comparison):
            done.append(AnsweredRow(row, result))
        else:
            done.append(BadRow(row.number, row.line, str(result), row.id))
    return tuple(done)


def _compared(
    asked: Sequence[tuple[Question, Passage]], reads: Reads, readers: Readers
) -> list[Comparison | InputError] | None:
    """A comparison of each, or what is wrong with it; ``None`` where reading ended early."""
    pairs = [(question, passage.text) for question, passage in asked]
    made: list[list[Reading]] = []
    try:
        for checkpoint in reads.checkpoints:
            readings = readers.read(checkpoint, pairs) if pairs else []
            if len(readings) < len(pairs):
                return None
            made.append(readings)
    except InputError as error:
        if len(asked) == 1:
            return [error]
        alone = [_compared([one], reads, readers) for one in asked]  # one of them cannot be read
        return None if any(one is None for one in alone) else [one[0] for one in alone if one]
    return [
        Comparison(
            question, passage, reads.checkpoints,
            tuple(Side(c, reading) for c, reading in zip(reads.checkpoints, readings, strict=True)),
        )
        for (question, passage), *readings in zip(asked, *made, strict=True)
    ]  # fmt: skip


def _passages(
    rows: Sequence[Row | BadRow], reads: Reads, stop: threading.Event
) -> list[Passage | str] | None:
    """What is read for each row, or in words why nothing is; ``None`` once stopped."""
    identified = {
        row.number: identify(row.names)
        for row in rows
        if isinstance(row, Row) and row.names.strip() and not (row.context.strip() or row.records)
    }
    fetched: list[Fetched] = []  # of all rows that name PMIDs, in one request, when it is needed
    made: list[Passage | str] = []
    for row in rows:
        if stop.is_set():
            return None
        if isinstance(row, BadRow):
            made.append(row.reason)
            continue
        try:
            made.append(_passage(row, identified, fetched, reads, stop))
        except PubMedCancelled:
            return None
        except BusyError:  # no row's fault
            raise
        except (InputError, RefusedError, RecordError) as error:
            if str(error) == BAD_KEY:
                raise
            made.append(str(error))
    return made


def _passage(
    row: Row,
    identified: dict[int, Identified],
    fetched: list[Fetched],
    reads: Reads,
    stop: threading.Event,
) -> Passage:
    question = readable(row.question)
    check_question(question)
    if row.records:
        untold = [r for r in row.records if not r.has_abstract]
        notices = tuple(f"PMID {r.pmid} has no abstract; only its title is read." for r in untold)
        passage = passage_of_records(row.records, notices=notices)
        if len(passage.text) > reads.max_chars:
            raise InputError(
                f"The record has {len(passage.text):,} characters; at most {reads.max_chars:,} are read."
            )
        return passage
    if row.context.strip():
        text = readable(row.context)
        if row.exactly and len(text) <= reads.max_chars:
            return passage_of_text(text, exactly=True)
        check_input(text, question, max_chars=reads.max_chars)
        return passage_of_text(text)
    if row.names.strip():
        named, typed = identified[row.number], row.names
        if named.kind not in (Kind.RECORDS, Kind.TITLE):
            raise InputError(
                f"{row.names[:80]!r} names no PubMed record. Give a PMID, DOI, PMCID, address or title."
            )
    elif row.query.strip():
        typed = row.query.strip()
        named = Identified(Kind.QUERY, "", query=with_abstracts(typed))
    else:
        raise InputError("The row has no text, names no record and has no query.")
    if reads.pubmed is None:
        raise InputError("Rows that name records need PubMed.")
    wanted = _pmids(named)
    if wanted and not fetched:
        everything = [pmid for one in identified.values() for pmid in _pmids(one)]
        try:
            fetched.append(_asked(reads, stop, lambda session: session.fetch(everything)))
        except RecordError:  # one of them cannot be read: each for itself
            fetched.append(Fetched(()))
    at_hand = fetched[0] if fetched else Fetched(())
    return _asked(
        reads,
        stop,
        lambda session: passage_of_names(
            named, typed, _Ahead(session, at_hand), max_chars=reads.max_chars, limit=reads.abstracts
        ),
    )


def _pmids(named: Identified) -> list[str]:
    """The PMIDs that an input names, where it names nothing else."""
    pmids = [name.value for name in named.names if name.scheme is Scheme.PMID]
    return pmids if named.kind is Kind.RECORDS and len(pmids) == len(named.names) else []


class _Ahead:
    """A session with records at hand that were fetched for many rows together."""

    def __init__(self, session: Session, fetched: Fetched) -> None:
        self._session = session
        self._fetched = fetched
        self._known = {*(record.pmid for record in fetched.records), *fetched.missing}

    def search(self, query: str, *, limit: int, newest_first: bool = False) -> Searched:
        return self._session.search(query, limit=limit, newest_first=newest_first)

    def resolve(self, names: Sequence[Name]) -> Resolved:
        return self._session.resolve(names)

    def fetch(self, pmids: Sequence[str]) -> Fetched:
        if self._known.issuperset(pmids):
            return self._fetched.of(pmids)
        found = self._session.fetch(pmids)
        if found.unasked:  # half an answer would stand in the output for good
            raise PubMedError(
                found.notices[0] if found.notices else "PubMed could not be asked for all records."
            )
        return found


def _asked(reads: Reads, stop: threading.Event, ask: Callable[[Session], T]) -> T:
    """What PubMed answers, asked again after a pause where it has trouble.

    Raises ``PubMedError`` where it cannot be asked: no row's fault, and no reason to leave it out.
    """
    assert reads.pubmed is not None
    for left in reversed(range(reads.tries)):
        try:
            with reads.pubmed.session(cancelled=stop) as session:
                return ask(session)
        except (PubMedCancelled, RefusedError):
            raise
        except PubMedError:
            if not left:
                raise
            if stop.wait(PAUSE_S):
                raise PubMedCancelled("Stopped.") from None
    raise AssertionError("unreachable")
