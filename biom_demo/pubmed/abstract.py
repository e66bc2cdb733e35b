"""A PubMed record as the rest of the system sees it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from biom_demo.errors import RecordError


class NoteKind(StrEnum):
    """What another record says of this one, or this one of another."""

    RETRACTED_BY = "retracted by"
    RETRACTION_OF = "retraction of"
    CONCERN_BY = "expression of concern in"
    CONCERN_ABOUT = "expression of concern about"
    ERRATUM_IN = "erratum in"
    ERRATUM_FOR = "erratum for"


@dataclass(frozen=True, slots=True)
class Note:
    """A link to the other record; ``pmid`` may be empty where only a citation is given."""

    kind: NoteKind
    pmid: str
    source: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of ``Abstract.text``: its label ("TITLE", "METHODS", or "" for an unlabelled one).

    Characters ``start`` to ``end`` (exclusive) are its body; the label itself stands before them.
    """

    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Abstract:
    """One record. ``text`` is what the models read: the title, then each section on lines of its own.

    ``sections`` cover the text without its labels. ``has_abstract`` is false where PubMed has a
    title only. ``date`` is the publication date as printed; ``year`` is 0 where none is given.

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

    def __post_init__(self) -> None:
        for section in self.sections:
            if not 0 <= section.start <= section.end <= len(self.text):
                raise ValueError(f"{self.pmid}: section {section.label!r} is outside the text")

    @property
    def retracted(self) -> bool:
        """Whether the article was withdrawn (the notice that withdraws one is not itself retracted)."""
        return "Retracted Publication" in self.publication_types or any(
            note.kind is NoteKind.RETRACTED_BY for note in self.notes
        )

    @property
    def warnings(self) -> tuple[Note, ...]:
        """The notes a reader must see beside any answer: retractions and expressions of concern."""
        return tuple(note for note in self.notes if note.kind in _SERIOUS)

    def section_at(self, position: int) -> str:
        """The label of the section that holds the character, or ""."""
        return next((s.label for s in self.sections if s.start <= position < s.end), "")

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> Abstract:
        """The record of what ``as_json`` gave. Raises ``RecordError`` for anything else."""
        try:
            values = dict(document)
            values["sections"] = tuple(Section(**section) for section in values["sections"])
            values["notes"] = tuple(
                Note(NoteKind(note["kind"]), note["pmid"], note["source"]) for note in values["notes"]
            )
            for name in ("authors", "mesh", "publication_types"):
                values[name] = tuple(values[name])
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError("A stored record is of another version. It will be fetched again.") from error


_SERIOUS = {
    NoteKind.RETRACTED_BY,
    NoteKind.RETRACTION_OF,
    NoteKind.CONCERN_BY,
    NoteKind.CONCERN_ABOUT,
}
