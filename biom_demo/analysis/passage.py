"""From what was typed to what is read: a text, the records it is from, and what to know about them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache

from biom_demo.analysis.hints import paste_hint
from biom_demo.errors import InputError
from biom_demo.pubmed.abstract import Abstract, Section
from biom_demo.pubmed.identify import Identified, Kind, identify
from biom_demo.pubmed.lookup import look_up
from biom_demo.pubmed.paste import ReadableText, readable_text
from biom_demo.pubmed.session import Asking, Session
from biom_demo.qa.records import CharSpan
from biom_demo.qa.sentences import SECTION_LABEL, split_sentences

MAX_QUESTION_CHARS = 2_000
BETWEEN_RECORDS = "\n\n"


@dataclass(frozen=True, slots=True)
class Passage:
    """What is read: one text, of a paste or of one or several records.

    ``text`` is the records' texts with a blank line between. ``named`` is how the records were
    named, "" for a pasted text; ``notices`` are sentences for the user about how they were found.
    ``mended`` has where each character of a pasted text was given, ``None`` where it is read as given.
    """

    text: str
    records: tuple[Abstract, ...] = ()
    notices: tuple[str, ...] = ()
    named: str = ""
    mended: ReadableText | None = None

    def in_given(self, span: CharSpan) -> CharSpan:
        """Where a span of ``text`` stands in what was given."""
        return CharSpan(*self.mended.in_given(span.start, span.end)) if self.mended else span

    @property
    def pmids(self) -> tuple[str, ...]:
        """The records' PMIDs, of those that have one, in the order of their texts."""
        return tuple(record.pmid for record in self.records if record.pmid)

    @property
    def source(self) -> str:
        """Where the text is from, in words."""
        if len(self.pmids) < len(self.records):
            return ", ".join(record.name for record in self.records)
        return f"PubMed, PMID {', '.join(self.pmids)}" if self.records else "pasted text"

    @property
    def sections(self) -> tuple[Section, ...]:
        """The labelled and unlabelled sections, in order; offsets count characters of ``text``.

        Those of records are PubMed's own; in a pasted text they are guessed from lines that begin
        with a label in capitals.
        """
        return _recorded(self.records) if self.records else _guessed(self.text)

    @property
    def labels(self) -> tuple[CharSpan, ...]:
        """Where the sections' labels stand, with their colons."""
        found = []
        for section in self.sections:
            head = self.text.rfind("\n", 0, section.start) + 1
            label = self.text[head : section.start].rstrip()
            if label:
                found.append(CharSpan(head, head + len(label)))
        return tuple(found)

    def section_at(self, position: int) -> str:
        """The label of the section that holds a character, "" where it has none."""
        sections = self.sections
        index = bisect_right(sections, position, key=lambda section: section.start) - 1
        return sections[index].label if index >= 0 and position < sections[index].end else ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a span stands: its section's label, if it is in one, and its sentence counted from 1."""

    section: str
    sentence: int

    def __str__(self) -> str:
        return f"{self.section}, sentence {self.sentence}" if self.section else f"sentence {self.sentence}"


@lru_cache(maxsize=32)
def _recorded(records: tuple[Abstract, ...]) -> tuple[Section, ...]:
    found: list[Section] = []
    at = 0
    for record in records:
        found += [Section(s.label, s.start + at, s.end + at) for s in record.sections]
        at += len(record.text) + len(BETWEEN_RECORDS)
    return tuple(found)


@lru_cache(maxsize=8)
def _guessed(text: str) -> tuple[Section, ...]:
    """A section from each label to the next; what stands before the first has none."""
    matches = list(SECTION_LABEL.finditer(text))
    found = []
    for index, match in enumerate(matches):
        end = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        body = match.end()
        while body < end and text[body] in " \t":
            body += 1
        found.append(Section(match.group().removesuffix(":"), body, end))
    return tuple(found)


def place_of(passage: Passage, span: CharSpan) -> Place:
    """The section and sentence in which a span begins."""
    sentences = split_sentences(passage.text)
    before = bisect_right(sentences, span.start, key=lambda sentence: sentence.start)
    return Place(passage.section_at(span.start), max(before, 1))


def passage_of_text(given: str, *, exactly: bool = False) -> Passage:
    """The passage of a pasted text, as a person would have written it.

    A paste out of a PDF or a web page has words cut at line ends, ligatures and entities; they are
    mended, and ``Passage.in_given`` leads back. ``exactly`` reads it as it stands, as a data set's
    contexts are.
    """
    mended = None if exactly else readable_text(given)
    if mended is None or mended.text == given:
        return Passage(given)
    return Passage(mended.text, mended=mended)


def passage_of_records(
    records: tuple[Abstract, ...], *, notices: tuple[str, ...] = (), named: str = ""
) -> Passage:
    """The passage of one or several records, their texts one after the other."""
    return Passage(BETWEEN_RECORDS.join(record.text for record in records), records, notices, named)


def passage_of_input(
    typed: str, session: Callable[[], AbstractContextManager[Session]], *, max_chars: int
) -> Passage:
    """The passage of what may be a text, or name records: taken as the page's box takes it.

    ``session`` begins one with PubMed, and is called only where records are named. Raises as
    ``passage_of_names`` does.
    """
    identified = identify(typed)
    if identified.kind is Kind.TEXT:
        return passage_of_text(typed)
    with session() as asking:
        return passage_of_names(identified, typed, asking, max_chars=max_chars)


def passage_of_names(
    identified: Identified, typed: str, session: Asking, *, max_chars: int, limit: int = 1
) -> Passage:
    """The text of the records that ``typed``, understood as ``identified``, names.

    Of what a query finds the first ``limit`` records are read as one text. Raises ``InputError`` where
    nothing is found or it is longer than ``max_chars``, ``PubMedError`` where PubMed cannot be asked.
    """
    found = look_up(session, identified, limit=limit)
    passage = passage_of_records(found.records, notices=found.notices, named=typed.strip())
    if len(passage.text) > max_chars:
        raise InputError(
            f"These records have {len(passage.text):,} characters; at most {max_chars:,} are read. "
            "Name fewer, or use the Ask PubMed tab."
        )
    return passage


_SURROGATES = re.compile("[\ud800-\udfff]")


def readable(text: str | None) -> str:
    """The text with each lone surrogate as U+FFFD: they cannot be sent back as UTF-8. Offsets stay."""
    return _SURROGATES.sub("\ufffd", text or "")


def check_input(text: str, question: str, *, max_chars: int) -> None:
    """Nothing, where both can be used. Raises ``InputError`` that says what to change."""
    if not text or not text.strip():
        raise InputError("There is no text yet. Name or paste an abstract, or click an example.")
    check_question(question)
    if len(text) > max_chars:
        raise InputError(
            f"The text has {len(text):,} characters; at most {max_chars:,} are read. "
            "Paste only the part in question."
        )
    if words := paste_hint(text):
        raise InputError(words)


def check_question(question: str) -> None:
    """Nothing, where the question can be used. Raises ``InputError`` that says what to change."""
    if not question or not question.strip():
        raise InputError("There is no question yet. Type one, for example: Which gene is mutated?")
    if len(question) > MAX_QUESTION_CHARS:
        raise InputError(
            f"The question has {len(question):,} characters. Ask in one sentence, and paste the rest as text."
        )
    if not any(c.isalnum() for c in question):
        raise InputError("The question holds no word. Ask in words, for example: Which gene is mutated?")
