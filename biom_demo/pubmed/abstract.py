"""A PubMed record as the rest of the system sees it, and what a reader of it must be told.

What is told is data and plain sentences; ``show`` makes links and markup of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from biom_demo.errors import RecordError

# The form of a stored record. Of an older one the text may hold wrong numbers and notes may be missing.
FORM = 2


class NoteKind(StrEnum):
    """What another record says of this one, this one of another, or PubMed of this one; gravest first."""

    RETRACTED_BY = "retracted by"
    RETRACTED_AND_REPUBLISHED_IN = "retracted and republished in"
    WITHDRAWN = "withdrawn"
    PARTLY_RETRACTED_BY = "partly retracted by"
    CONCERN_BY = "expression of concern in"
    RETRACTION_OF = "retraction of"
    PARTIAL_RETRACTION_OF = "partial retraction of"
    CONCERN_ABOUT = "expression of concern about"
    CORRECTED_AND_REPUBLISHED_IN = "corrected and republished in"
    ERRATUM_IN = "erratum in"
    UPDATE_IN = "update in"
    REPUBLISHED_IN = "republished in"
    RETRACTED_AND_REPUBLISHED_FROM = "retracted and republished from"
    CORRECTED_AND_REPUBLISHED_FROM = "corrected and republished from"
    ERRATUM_FOR = "erratum for"
    UPDATE_OF = "update of"
    REPUBLISHED_FROM = "republished from"
    COMMENT_ON = "comment on"
    PREPRINT = "preprint"
    CASE_REPORT = "case report"


# For each kind: what it says of the record, and the same in a word or two for a row of a table.
_WORDS: dict[NoteKind, tuple[str, str]] = {
    NoteKind.RETRACTED_BY: ("This article was retracted", "retracted"),
    NoteKind.RETRACTED_AND_REPUBLISHED_IN: ("This article was retracted and published anew", "retracted"),
    NoteKind.WITHDRAWN: ("This article was withdrawn", "withdrawn"),
    NoteKind.PARTLY_RETRACTED_BY: ("Part of this article was retracted", "partly retracted"),
    NoteKind.CONCERN_BY: (
        "An expression of concern was published about this article",
        "expression of concern",
    ),
    NoteKind.RETRACTION_OF: ("This is the notice that retracts another article", "retraction notice"),
    NoteKind.PARTIAL_RETRACTION_OF: (
        "This is the notice that retracts part of another article",
        "retraction notice",
    ),
    NoteKind.CONCERN_ABOUT: ("This is an expression of concern about another article", "notice of concern"),
    NoteKind.CORRECTED_AND_REPUBLISHED_IN: (
        "This article was corrected and published anew",
        "corrected version exists",
    ),
    NoteKind.ERRATUM_IN: ("A correction was published", "corrected"),
    NoteKind.UPDATE_IN: ("A later version was published", "later version exists"),
    NoteKind.REPUBLISHED_IN: ("This article was published again", "published again"),
    NoteKind.RETRACTED_AND_REPUBLISHED_FROM: (
        "This replaces an article that was retracted",
        "replaces a retracted article",
    ),
    NoteKind.CORRECTED_AND_REPUBLISHED_FROM: (
        "This is the corrected version of an article published before",
        "corrected version",
    ),
    NoteKind.ERRATUM_FOR: ("This corrects another article", "correction notice"),
    NoteKind.UPDATE_OF: ("This updates an earlier version", "update"),
    NoteKind.REPUBLISHED_FROM: ("This was published before", "published before"),
    NoteKind.COMMENT_ON: ("This is a comment on another article", "comment"),
    NoteKind.PREPRINT: ("This is a preprint, not yet reviewed by peers", "preprint"),
    NoteKind.CASE_REPORT: ("This is a case report: it tells of one patient or a few", "case report"),
}
_GRAVITY = {kind: place for place, kind in enumerate(NoteKind)}
_GONE = frozenset({NoteKind.RETRACTED_BY, NoteKind.RETRACTED_AND_REPUBLISHED_IN, NoteKind.WITHDRAWN})
_SERIOUS = frozenset(list(NoteKind)[: _GRAVITY[NoteKind.ERRATUM_IN]])

_BY_TYPE = {
    "retracted publication": NoteKind.RETRACTED_BY,
    "retraction of publication": NoteKind.RETRACTION_OF,
    "retraction notice": NoteKind.RETRACTION_OF,
    "published erratum": NoteKind.ERRATUM_FOR,
    "expression of concern": NoteKind.CONCERN_ABOUT,
    "corrected and republished article": NoteKind.CORRECTED_AND_REPUBLISHED_FROM,
    "duplicate publication": NoteKind.REPUBLISHED_FROM,
    "preprint": NoteKind.PREPRINT,
    "case reports": NoteKind.CASE_REPORT,
}
# A type says nothing new where a link says the same, or more exactly.
_SAID_BY = {
    NoteKind.RETRACTED_BY: _GONE | {NoteKind.PARTLY_RETRACTED_BY},
    NoteKind.RETRACTION_OF: {NoteKind.RETRACTION_OF, NoteKind.PARTIAL_RETRACTION_OF},
    NoteKind.ERRATUM_FOR: {NoteKind.ERRATUM_FOR, NoteKind.RETRACTION_OF, NoteKind.CONCERN_ABOUT},
    NoteKind.REPUBLISHED_FROM: {
        NoteKind.REPUBLISHED_FROM,
        NoteKind.REPUBLISHED_IN,
        NoteKind.RETRACTED_AND_REPUBLISHED_FROM,
        NoteKind.CORRECTED_AND_REPUBLISHED_FROM,
    },
}
_WHAT = r"(?:\s+(?:article|paper|publication|chapter|manuscript|study|review))?"
# What parts the name of a notice from the title it is about, which begins anew with a capital: the notice
# "Retraction: Effects of ...", and not the study "Retraction: surgical management".
_SET_OFF = r"(?:(?:[:.\])*]|[-–—])+\s*(?=[^\w\s]*[A-Z\dα-ω].*[a-z]|\W*$)|$)"
_BY_TITLE = (
    (
        NoteKind.RETRACTION_OF,
        re.compile(
            r"(?i:(?:notice|statement)\s+of\s+retraction|retraction\s+(?:note|notice|statement))\b"
            rf"|R(?:etraction|ETRACTION)\s*{_SET_OFF}"
            r"|(?i:retraction\s+(?:to\s*:|(?:of|for|to)\b.*\bet\s+al\b))|RETRACTION\s+OF\b(?=.*[a-z])"
        ),
    ),
    (NoteKind.PARTIAL_RETRACTION_OF, re.compile(r"(?i:partial\s+retraction\s*(?::|of\b|to\b|notice\b))")),
    (
        NoteKind.CONCERN_ABOUT,
        re.compile(
            r"(?i:(?:editorial\s+)?expression\s+of\s+concern)\s*"
            r"(?i:[:.\])]|$|about\b|regarding\b|on\b|for\b|to\b|over\b|notice\b)"
        ),
    ),
    (
        NoteKind.ERRATUM_FOR,
        re.compile(
            r"(?i:(?:errat(?:um|a)|corrigend(?:um|a)|(?:(?:author|publisher)(?:'s|’s)?|notice\s+of)\s+correction)"
            r"\s*(?:[:.\])*]|[-–—]|$|(?:to|for|in|of)\b))"
            rf"|C(?:orrections?|ORRECTIONS?)\s*(?:{_SET_OFF}|(?i:to\s*:|(?:to|for)\b.*\bet\s+al\b))"
        ),
    ),
    (
        NoteKind.RETRACTED_BY,
        re.compile(
            rf"(?i:retracted{_WHAT})\s*(?:[:\])*]|[-–—]\s)|RETRACTED\s+ARTICLE\b(?=.*[a-z])"
            r"|(?i:this\s+article\s+(?:has\s+been|was)\s+retracted\b)"
        ),
    ),
    (
        NoteKind.WITHDRAWN,
        re.compile(
            rf"(?i:(?:article\s+)?(?:withdrawn|removed|temporary\s+removal){_WHAT})\s*(?:[:\])*]|[-–—]\s)"
            r"|(?i:this\s+article\s+(?:has\s+been|was)\s+withdrawn\b)"
        ),
    ),
)
_TITLE_START = re.compile(r"[\s\[(\"'“‘*]*")
_TITLE_END = re.compile(
    r"(?i:[\[(]\s*(?:this\s+)?(?:article\s+)?(?:has\s+been\s+|was\s+)?(retracted|withdrawn)"
    r"(?:\s+(?:article|paper|publication)\b[^\])]*|[.:;,][^\])]*)?[\])]\W*$)"
    r"|[a-z][.?!]?\s+(?:[-–—]\s+)?(RETRACTED|WITHDRAWN)(?:\s+ARTICLE)?\W*$"
)
_TEXT_START = re.compile(
    r"(?i:\W{0,3}this\s+(?:article|paper|review|chapter)\s+(?:has\s+been|was)\s+(retracted|withdrawn)\b)"
)
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>]+")
_NOT_TELLING = frozenset({"journal article", "english abstract"})

_ABSTRACT_TYPES = {
    "publisher": "the publisher",
    "plain-language-summary": "a summary in plain language",
    "pip": "the Population Information Program",
    "kie": "the Kennedy Institute of Ethics",
    "nasa": "NASA",
    "aamc": "the Association of American Medical Colleges",
    "aids": "an AIDS database",
}
# MARC codes, as PubMed has them.
LANGUAGES: Mapping[str, str] = dict(
    re.findall(
        r"(\w+)=(\w+)",
        """afr=Afrikaans alb=Albanian ara=Arabic arm=Armenian aze=Azerbaijani baq=Basque bel=Belarusian
        ben=Bengali bos=Bosnian bul=Bulgarian cat=Catalan chi=Chinese cze=Czech dan=Danish dut=Dutch
        eng=English epo=Esperanto est=Estonian fin=Finnish fre=French geo=Georgian ger=German gla=Gaelic
        glg=Galician gre=Greek heb=Hebrew hin=Hindi hrv=Croatian hun=Hungarian ice=Icelandic ind=Indonesian
        ita=Italian jpn=Japanese kaz=Kazakh kor=Korean lat=Latin lav=Latvian lit=Lithuanian mac=Macedonian
        may=Malay mon=Mongolian nor=Norwegian per=Persian pol=Polish por=Portuguese rum=Romanian rus=Russian
        slo=Slovak slv=Slovenian spa=Spanish srp=Serbian swe=Swedish tha=Thai tur=Turkish ukr=Ukrainian
        urd=Urdu uzb=Uzbek vie=Vietnamese wel=Welsh""",
    )
)


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be told of a record, with a link to the other record where there is one.

    ``pmid`` and ``source`` (a citation) may be empty; ``detail`` is what PubMed adds in words.
    """

    kind: NoteKind
    pmid: str = ""
    source: str = ""
    detail: str = ""

    @property
    def serious(self) -> bool:
        """Whether it must stand beside every answer from the record: a banner, not a footnote."""
        return self.kind in _SERIOUS

    @property
    def statement(self) -> str:
        """What it says of the record, without the link and without a full stop."""
        return _WORDS[self.kind][0]

    @property
    def short(self) -> str:
        """The same in a word or two, for a row: "retracted"."""
        return _WORDS[self.kind][1]

    @property
    def url(self) -> str:
        """The address of the other record at PubMed or by its DOI, or ""."""
        if self.pmid.isdecimal():
            return f"https://pubmed.ncbi.nlm.nih.gov/{self.pmid}/"
        found = _DOI.search(self.source)
        if found is None:
            return ""
        doi = found[0].rstrip(".,;)]")
        closing = found[0][len(doi) : len(doi) + 1] == ")" and doi.count("(") > doi.count(")")
        return f"https://doi.org/{doi}{')' if closing else ''}"

    @property
    def sentence(self) -> str:
        """All of it in plain words: "This article was retracted: J Tests 2020 (PMID 222)."."""
        source = self.source.rstrip(". ")
        number = f"PMID {self.pmid}" if self.pmid else ""
        where = f"{source} ({number})" if source and number else source or number
        detail = f" {self.detail.rstrip('. ')}." if self.detail.strip(". ") else ""
        return f"{self.statement}{f': {where}' if where else ''}.{detail}"

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values: what is stored, and its words and address beside it."""
        return asdict(self) | {
            "kind": str(self.kind),
            "serious": self.serious,
            "sentence": self.sentence,
            "url": self.url,
        }


def _completed(
    linked: tuple[Note, ...], *, title: str, publication_types: tuple[str, ...], body: str
) -> tuple[Note, ...]:
    """All notes of a record, the gravest first: its links, and what its types, title and text add to them.

    Where a link says what a type says, the link alone is kept. Nothing is added twice.
    """
    notes = list(dict.fromkeys(linked))
    for name in publication_types:
        kind = _BY_TYPE.get(name.strip().lower())
        if kind and not any(note.kind in _SAID_BY.get(kind, {kind}) for note in notes):
            notes.append(Note(kind))
    told = _told_by_words(title, body)
    # A notice bears the title of what it retracts, so the title counts where nothing else has spoken.
    if told and not any(note.kind in _STATUS for note in notes):
        notes.append(Note(told))
    return tuple(sorted(notes, key=lambda note: _GRAVITY[note.kind]))


_STATUS = _GONE | {
    NoteKind.PARTLY_RETRACTED_BY,
    NoteKind.RETRACTION_OF,
    NoteKind.PARTIAL_RETRACTION_OF,
    NoteKind.CONCERN_ABOUT,
    NoteKind.ERRATUM_FOR,
    NoteKind.RETRACTED_AND_REPUBLISHED_FROM,
}


def _told_by_words(title: str, body: str) -> NoteKind | None:
    """What the title ("RETRACTED: ...", "... [Retracted]") or the first words of the text say."""
    start = _TITLE_START.match(title)
    head = title[start.end() if start else 0 :][:300]
    for kind, pattern in _BY_TITLE:
        if pattern.match(head):
            return kind
    said = _TITLE_END.search(title[-120:]) or _TEXT_START.match(body[:120])
    if said is None:
        return None
    return NoteKind.RETRACTED_BY if (said[said.lastindex or 0]).lower() == "retracted" else NoteKind.WITHDRAWN


@dataclass(frozen=True, slots=True)
class Section:
    """A part of ``Abstract.text``: its label ("TITLE", "METHODS", or "" for an unlabelled one).

    Characters ``start`` to ``end`` (exclusive) are its body; the label itself stands before them.
    """

    label: str
    start: int
    end: int


def joined(title: str, written: Iterable[tuple[str, str]]) -> tuple[str, tuple[Section, ...]]:
    """The text of a title and of (label, body) parts as the models read it, and where its sections are."""
    parts: list[str] = []
    sections: list[Section] = []
    at = 0
    # Closed with a full stop, so that no sentence runs on from the title into the text.
    closed = title if title.endswith((".", "?", "!", "]")) else f"{title}."
    for label, shown, body in (
        *([("TITLE", "", closed)] if title else []),
        *((label, label, body) for label, body in written),
    ):
        lead = ("\n" if parts else "") + (f"{shown}: " if shown else "")
        start = at + len(lead)
        parts.append(lead + body)
        at = start + len(body)
        sections.append(Section(label, start, at))
    return "".join(parts), tuple(sections)


@dataclass(frozen=True, slots=True)
class Abstract:
    """One record. ``text`` is what the models read: the title, then each section on lines of its own.

    ``sections`` cover the text without its labels. ``has_abstract`` is false where PubMed has a title
    only. ``date`` is the publication date as printed; ``year`` is 0 where none is given. ``version`` is
    N of PMID.N.

    ``title_is_original``: PubMed has no English title, so ``title`` is the ``vernacular_title``.
    ``abstract_type`` and ``abstract_language`` are "" for PubMed's own abstract, and say whose the text
    is (``Publisher``, ``plain-language-summary``, ...) and in what language where there is none.
    ``languages`` are those of the article, as PubMed's codes (``LANGUAGES``).

    A record that a user gave may have no PMID: ``pmid`` is then "", and ``called`` is what tells it from
    others ("Abstract 3").

    ``notes`` come with the links to other records; what the publication types, the title ("RETRACTED:
    ...") and the text add is put beside them here, so that no record is without its warnings.

    Raises ``ValueError`` if a section lies outside the text.
    """

    pmid: str
    title: str
    text: str
    sections: tuple[Section, ...]
    has_abstract: bool
    vernacular_title: str = ""
    authors: tuple[str, ...] = ()
    journal: str = ""
    year: int = 0
    date: str = ""
    doi: str = ""
    pmcid: str = ""
    mesh: tuple[str, ...] = ()
    publication_types: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    version: int = 1
    title_is_original: bool = False
    abstract_type: str = ""
    abstract_language: str = ""
    languages: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()
    called: str = ""

    def __post_init__(self) -> None:
        for section in self.sections:
            if not 0 <= section.start <= section.end <= len(self.text):
                raise ValueError(f"{self.name}: section {section.label!r} is outside the text")
        body = next((self.text[s.start : s.start + 200] for s in self.sections if s.label != "TITLE"), "")
        notes = _completed(self.notes, title=self.title, publication_types=self.publication_types, body=body)
        object.__setattr__(self, "notes", notes)

    @property
    def name(self) -> str:
        """What the record is named by: "PMID 123", or what it is called where it has none."""
        return f"PMID {self.pmid}" if self.pmid else self.called or "an abstract without a PMID"

    @property
    def key(self) -> str:
        """What tells the record from others that are read with it, without a space; "" for nothing."""
        return self.pmid or "-".join(self.called.split())

    @property
    def retracted(self) -> bool:
        """Whether the article as a whole no longer stands: retracted or withdrawn.

        The notice that retracts one is not itself retracted.
        """
        return any(note.kind in _GONE for note in self.notes)

    @property
    def warnings(self) -> tuple[Note, ...]:
        """The notes a reader must see beside any answer: retractions, concerns, a corrected version."""
        return tuple(note for note in self.notes if note.serious)

    @property
    def lesser_notes(self) -> tuple[Note, ...]:
        """The other notes: corrections, later versions, preprints, case reports."""
        return tuple(note for note in self.notes if not note.serious)

    @property
    def status(self) -> str:
        """The gravest note in a word or two for a row ("retracted", "preprint"), or ""."""
        return self.notes[0].short if self.notes else ""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on the text itself: that the title is not English, whose abstract it is."""
        return tuple(_remarks(self))

    @property
    def told(self) -> tuple[str, ...]:
        """All a reader must be told, as plain sentences, the gravest first."""
        return (*(note.sentence for note in self.notes), *self.remarks)

    @property
    def shown_types(self) -> tuple[str, ...]:
        """The publication types that say something no note says: "Randomized Controlled Trial"."""
        return tuple(
            name
            for name in self.publication_types
            if name.lower() not in _NOT_TELLING
            and name.lower() not in _BY_TYPE
            and not name.startswith("Research Support")
        )

    def section_at(self, position: int) -> str:
        """The label of the section that holds the character, or ""."""
        return next((s.label for s in self.sections if s.start <= position < s.end), "")

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_json``; what follows from them is written out beside."""
        return {
            **asdict(self),
            "notes": [note.as_json() for note in self.notes],
            "retracted": self.retracted,
            "status": self.status,
            "told": list(self.told),
            "form": FORM,
        }

    @classmethod
    def from_json(cls, document: Any, *, older: bool = False) -> Abstract:
        """The record of what ``as_json`` gave.

        A record stored by an older version is refused, since its numbers may be wrong and its warnings
        missing; with ``older`` it is read, for when nothing better can be had, with what its fields still
        tell. Raises ``RecordError`` for anything else.
        """
        try:
            if document.get("form") != FORM and not older:
                raise ValueError("an older form")
            values = {
                field.name: _checked(document[field.name], str(field.type))
                for field in fields(cls)
                if field.name in document and field.name not in {"sections", "notes"}
            }
            sections = tuple(Section(s["label"], s["start"], s["end"]) for s in document["sections"])
            for section in sections:
                _checked(section.label, "str")
            linked = tuple(
                Note(
                    NoteKind(note["kind"]),
                    *(_checked(note.get(name, ""), "str") for name in ("pmid", "source", "detail")),
                )
                for note in document["notes"]
            )
            return cls(sections=sections, notes=linked, **values)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise RecordError("A stored record is of another version. It will be fetched again.") from error


def _checked(value: Any, kind: str) -> Any:
    """The value of a stored field as its type. Raises ``TypeError`` if it is another."""
    if kind.startswith("tuple"):
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise TypeError("a list of texts was expected")
        return tuple(value)
    wanted = {"str": str, "int": int, "bool": bool}[kind]
    if type(value) is not wanted:
        raise TypeError(f"{wanted.__name__} was expected")
    return value


def _remarks(record: Abstract) -> Iterator[str]:
    foreign = [code for code in record.languages if code not in {"und", "mul"}]
    foreign = [] if "eng" in foreign else foreign
    if record.title_is_original:
        yield f"PubMed has no English title; this is the original one{_in(foreign)}."
    elif record.vernacular_title and record.title.startswith("["):
        yield "The English title, in square brackets, is a translation of the original one."
    if record.abstract_language or record.abstract_type:
        whose = _ABSTRACT_TYPES.get(record.abstract_type.lower(), record.abstract_type)
        english = record.abstract_language in {"", "eng"}
        plain = record.abstract_type.lower() == "plain-language-summary"
        by = "" if not whose else f"is {whose}" if plain else f"is by {whose}"
        if english:
            yield f"PubMed has no abstract of its own here; the text {by or 'is from another source'}."
        else:
            more = f" and {by}" if by else ""
            yield f"There is no English abstract; the text is{_in([record.abstract_language])}{more}."
    elif foreign and not record.title_is_original:
        yield f"The article itself is{_in(foreign)}."


def _in(codes: list[str]) -> str:
    """The names after "in", or "" for none."""
    names = [LANGUAGES.get(code, f"the language {code!r}") for code in codes]
    return f" in {' and '.join(names)}" if names else ""
