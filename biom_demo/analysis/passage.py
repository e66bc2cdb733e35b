"""What is to be read: from the input box to a text, with its record's header and warnings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from biom_demo.errors import InputError
from biom_demo.pubmed.identify import Kind, identify
from biom_demo.pubmed.lookup import look_up
from biom_demo.pubmed.session import PubMed
from biom_demo.settings import ASSETS, Settings
from biom_demo.show.pubmed import record_html, warning_html

EXAMPLES: list[dict[str, Any]] = json.loads((ASSETS / "examples.json").read_text("utf-8"))
MAX_QUESTION_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Passage:
    """A text and where it is from; ``header`` and ``warning`` are HTML.

    ``typed`` is how its records were named, "" for a pasted text; ``pmids`` are the records'.
    """

    text: str
    header: str = ""
    warning: str = ""
    typed: str = ""
    pmids: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Where the text is from, in words."""
        return f"PubMed, PMID {', '.join(self.pmids)}" if self.pmids else "pasted text"


def passage_of(typed: str, pubmed: PubMed, settings: Settings) -> Passage:
    """The text itself, or the text of the record or records it names.

    Raises ``InputError`` where nothing is found, ``PubMedError`` where PubMed cannot be asked.
    """
    identified = identify(typed)
    if identified.kind is Kind.TEXT:
        return Passage(typed)
    with pubmed.session() as session:
        found = look_up(session, identified)
    text = "\n\n".join(record.text for record in found.records)
    if len(text) > settings.max_context_chars:
        raise InputError(
            f"These records have {len(text):,} characters; at most {settings.max_context_chars:,} are read. "
            "Name fewer, or use the Ask PubMed tab."
        )
    first, *others = found.records
    headers = [record_html(first, found.notices), *(record_html(record) for record in others)]
    return Passage(
        text,
        "".join(headers),
        "".join(warning_html(record) for record in found.records),
        typed.strip(),
        tuple(record.pmid for record in found.records),
    )


def readable(text: str | None) -> str:
    """The text with each lone surrogate as U+FFFD: they cannot be sent back as UTF-8. Offsets stay."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text or "")


def check_input(text: str, question: str, settings: Settings) -> None:
    """Nothing, where both can be used. Raises ``InputError`` that says what to change."""
    if not text or not text.strip():
        raise InputError("There is no text yet. Name or paste an abstract, or click an example.")
    if not question or not question.strip():
        raise InputError("There is no question yet. Type one, for example: Which gene is mutated?")
    if len(text) > settings.max_context_chars:
        raise InputError(
            f"The text has {len(text):,} characters; at most {settings.max_context_chars:,} are read. "
            "Paste only the part in question."
        )
    if len(question) > MAX_QUESTION_CHARS:
        raise InputError(
            f"The question has {len(question):,} characters. Ask in one sentence, and paste the rest as text."
        )
    if not any(c.isalnum() for c in question):
        raise InputError("The question holds no word. Ask in words, for example: Which gene is mutated?")
    unreadable = sum(c == "\ufffd" or (c < " " and c not in "\t\n\r\f\v") for c in text)
    if unreadable > 0.05 * len(text):
        raise InputError("This looks like a binary file, not text. Paste the words of the abstract itself.")


def known_answers(text: str, question: str) -> tuple[str, ...] | None:
    """The known answers if this is one of the examples, unchanged; ``None`` otherwise."""
    for example in EXAMPLES:
        if example["context"].strip() == text.strip() and example["question"].strip() == question.strip():
            return tuple(example["answers"])
    return None
