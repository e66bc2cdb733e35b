"""PubMed's MEDLINE exports (``.nbib``, "PubMed" format) and RIS files -> records, one by one.

Both are lines of a tag of two to four letters, a hyphen at the fifth place, and a value that may go on over
the next lines; one loop reads both, with the line each record begins on.

Source: NLM's "MEDLINE/PubMed Data Element (Field) Descriptions"; RIS tags as EndNote and Zotero write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from biom_demo.errors import RecordError
from biom_demo.pubmed.abstract import Abstract, Note, NoteKind, joined
from biom_demo.pubmed.parse import MAX_CHARS, title_of, year_of

_TAGGED = re.compile(r"(?=.{4}-)([A-Z][A-Z0-9]{1,3}) {0,2}- ?(.*)", re.DOTALL)
_PMID = re.compile(r"[1-9][0-9]{0,8}")
_PMID_AT_PUBMED = re.compile(
    r"\b(?:pubmed\.ncbi\.nlm\.nih\.gov|ncbi\.nlm\.nih\.gov/pubmed)/([1-9][0-9]{0,8})\b"
)
_DOI = re.compile(r"(10\.\d{4,9}/\S{1,200}?)(?:\s*\[doi\]|\s|$)")
_LINKED_PMID = re.compile(r"\bPMID: ?([0-9]{1,9})\b")
# A section's label in an abstract on one line: at its head or behind a sentence, in capitals.
_LABEL = re.compile(r"(?:(?<=[.?!)\]] )|^)([A-Z][A-Z/&,'() -]{2,60}): (?=\S)")
_LINKS = {
    "RIN": NoteKind.RETRACTED_BY, "ROF": NoteKind.RETRACTION_OF,
    "PRIN": NoteKind.PARTLY_RETRACTED_BY, "PROF": NoteKind.PARTIAL_RETRACTION_OF,
    "RRI": NoteKind.RETRACTED_AND_REPUBLISHED_IN, "RRF": NoteKind.RETRACTED_AND_REPUBLISHED_FROM,
    "CRI": NoteKind.CORRECTED_AND_REPUBLISHED_IN, "CRF": NoteKind.CORRECTED_AND_REPUBLISHED_FROM,
    "RPI": NoteKind.REPUBLISHED_IN, "RPF": NoteKind.REPUBLISHED_FROM,
    "EIN": NoteKind.ERRATUM_IN, "EFR": NoteKind.ERRATUM_FOR,
    "ECI": NoteKind.CONCERN_BY, "ECF": NoteKind.CONCERN_ABOUT,
    "UIN": NoteKind.UPDATE_IN, "UOF": NoteKind.UPDATE_OF, "CON": NoteKind.COMMENT_ON,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Export:
    """One record of an export, the ``line`` it begins on, from 1, and its ``abstract`` on one line.

    ``found`` is all there is of it; its ``pmid`` is "" where the export has none.
    """

    line: int
    found: Abstract
    abstract: str

    @property
    def record(self) -> Abstract | None:
        """The record, ``None`` where it has no PMID."""
        return self.found if self.found.pmid else None

    @property
    def title(self) -> str:
        """Its title, or ""."""
        return self.found.title

    @property
    def doi(self) -> str:
        """Its DOI, or ""."""
        return self.found.doi


def medline_records(lines: Iterable[str]) -> Iterator[Export | RecordError]:
    """The records of a MEDLINE file in order; a ``RecordError`` in the place of one that cannot be read."""
    for line, fields in _records(lines, first="PMID", last=""):
        yield _too_large(line) if fields is None else Export(line, *_of_medline(fields))


def ris_records(lines: Iterable[str]) -> Iterator[Export | RecordError]:
    """The records of a RIS file in order; a ``RecordError`` in the place of one that cannot be read."""
    for line, fields in _records(lines, first="TY", last="ER"):
        yield _too_large(line) if fields is None else Export(line, *_of_ris(fields))


def _too_large(line: int) -> RecordError:
    return RecordError(f"The record at line {line:,} is larger than any record is. It was not read.")


Fields = Mapping[str, Sequence[str]]


def _records(lines: Iterable[str], *, first: str, last: str) -> Iterator[tuple[int, Fields | None]]:
    """The tags and values of each record with its first line; ``None`` for one too large to be one.

    A record begins with the tag ``first`` and ends with ``last``, where there is such a tag, or before
    the next.
    """
    began, chars = 0, 0
    values: dict[str, list[list[str]]] = {}
    for number, raw in enumerate(lines, start=1):
        line = raw.rstrip("\r\n")
        tagged = None if line.startswith(" ") else _TAGGED.match(line)
        if tagged is not None and tagged[1] == first:
            if began:
                yield began, _whole(values, chars)
            began, chars, values = number, 0, {}
        if not began:
            continue
        chars += len(line)
        if chars > MAX_CHARS:
            continue
        if tagged is None:
            if line.strip() and values:
                next(reversed(values.values()))[-1].append(line.strip())
        elif tagged[1] == last:
            yield began, _whole(values, chars)
            began = 0
        else:
            # Put last, so that a line without a tag goes on with it.
            earlier = values.pop(tagged[1], [])
            values[tagged[1]] = [*earlier, [tagged[2].strip()]]
    if began:
        yield began, _whole(values, chars)


def _whole(values: Mapping[str, list[list[str]]], chars: int) -> Fields | None:
    if chars > MAX_CHARS:
        return None
    return {tag: [" ".join(filter(None, pieces)) for pieces in given] for tag, given in values.items()}


def _first(fields: Fields, *tags: str) -> str:
    return next((value for tag in tags for value in fields.get(tag, ()) if value), "")


def _all(fields: Fields, *tags: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for tag in tags for value in fields.get(tag, ()) if value))


def _sections(abstract: str) -> list[tuple[str, str]]:
    """Label and body of each section of an abstract on one line; one without a label where none has one."""
    labels = list(_LABEL.finditer(abstract))
    ends = [label.start() for label in labels[1:]] + [len(abstract)]
    found = [("", abstract[: labels[0].start() if labels else len(abstract)].strip())]
    found += [(m[1], abstract[m.end() : end].strip()) for m, end in zip(labels, ends, strict=False)]
    return [(label, body) for label, body in found if body]


def _of_medline(fields: Fields) -> tuple[Abstract, str]:
    own, vernacular = title_of(_first(fields, "TI", "BTI", "CTI")), title_of(_first(fields, "TT"))
    title = own or vernacular
    abstract = _first(fields, "AB")
    other = "" if abstract else _first(fields, "OAB")
    doi = next(
        (m[1] for value in _all(fields, "LID", "AID") if "[doi]" in value and (m := _DOI.match(value))), ""
    )
    pmid = _first(fields, "PMID")
    written = _sections(abstract or other)
    text, sections = joined(title, written)
    date = _first(fields, "DP")
    notes = []
    for tag, kind in _LINKS.items():
        for value in fields.get(tag, ()):
            linked = _LINKED_PMID.search(value)
            source = value[: linked.start()].strip() if linked else value
            notes.append(Note(kind, linked[1] if linked else "", source))
    record = Abstract(
        pmid=pmid if _PMID.fullmatch(pmid) else "",
        title=title,
        text=text,
        sections=sections,
        has_abstract=bool(written),
        vernacular_title=vernacular,
        authors=_all(fields, "AU", "CN"),
        journal=_first(fields, "JT", "TA"),
        year=year_of(date),
        date=date,
        doi=doi,
        pmcid=_first(fields, "PMC").upper(),
        mesh=_all(fields, "MH"),
        publication_types=_all(fields, "PT"),
        notes=tuple(notes),
        title_is_original=not own and bool(vernacular),
        abstract_type="Publisher"
        if other and "publisher" in _first(fields, "OABL", "OAB")[:20].lower()
        else "",
        languages=tuple(code.lower() for code in _all(fields, "LA")),
        keywords=_all(fields, "OT"),
    )
    return record, abstract or other


def _of_ris(fields: Fields) -> tuple[Abstract, str]:
    title, abstract = title_of(_first(fields, "TI", "T1")), _first(fields, "AB", "N2")
    doi = next((m[1] for value in _all(fields, "DO", "M3", "UR") if (m := _DOI.search(value))), "")
    written = _sections(abstract)
    text, sections = joined(title, written)
    date = _first(fields, "PY", "Y1", "DA")
    record = Abstract(
        pmid=_pmid_of_ris(fields),
        title=title,
        text=text,
        sections=sections,
        has_abstract=bool(written),
        authors=_all(fields, "AU", "A1"),
        journal=_first(fields, "JO", "JF", "T2", "JA"),
        year=year_of(date),
        date=date,
        doi=doi,
        pmcid=next((v.upper() for v in _all(fields, "C2") if v.upper().startswith("PMC")), ""),
        mesh=_all(fields, "KW"),
    )
    return record, abstract


def _pmid_of_ris(fields: Fields) -> str:
    """The PMID where the record says that its accession number or its address is PubMed's."""
    of_pubmed = any(re.search("pubmed|medline", value, re.IGNORECASE) for value in _all(fields, "DB", "DP"))
    number = _first(fields, "AN")
    if of_pubmed and _PMID.fullmatch(number):
        return number
    return next((m[1] for value in _all(fields, "UR", "L2") if (m := _PMID_AT_PUBMED.search(value))), "")
