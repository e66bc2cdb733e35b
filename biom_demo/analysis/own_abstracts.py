"""Abstracts that a visitor gives, or that come with the app, in place of what PubMed finds -> records.

A text is read here. A file is read in a process of its own, ``python -m biom_demo.analysis.own_abstracts
FILE``, within the limits of ``qa.datasets.uploads``. Nothing is asked of PubMed.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from biom_demo.analysis.hints import paste_hint
from biom_demo.analysis.literature import MAX_ABSTRACTS
from biom_demo.analysis.passage import Passage
from biom_demo.analysis.rows import BadRow, Form, form_of_text, open_rows, opens_json
from biom_demo.errors import DataError, InputError, RecordError
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.exports import medline_records, ris_records
from biom_demo.pubmed.local_server import RECORDS_FILE, article_xml
from biom_demo.pubmed.parse import parse_articles
from biom_demo.pubmed.paste import readable_text
from biom_demo.qa.datasets.uploads import MAX_UPLOAD_BYTES, read_in_child, write_as_child

FILE_TYPES = (".nbib", ".txt", ".ris", ".csv", ".tsv", ".xml")
FILES_IN_WORDS = (
    f"PubMed format (MEDLINE), RIS, CSV, PubMed XML or plain text; at most {MAX_UPLOAD_BYTES // 10**6} MB"
)
# A line without anything but spaces, or several, between two paragraphs.
_BETWEEN = re.compile(r"\n(?:[^\S\n]*\n)+")
_NO_TEXTS = (
    "{} has no column of abstracts. Name one “abstract” or “text”; PubMed’s own CSV has none, so save its "
    "results in the format “PubMed” instead."
)


@dataclass(frozen=True, slots=True)
class Given:
    """Records that were given and not searched for, and what to tell of them, as sentences.

    ``count`` is how many there were, also of those that are not kept.
    """

    records: tuple[Abstract, ...] = ()
    notices: tuple[str, ...] = ()
    count: int = 0


def abstracts_of_text(text: str) -> Given:
    """The abstracts of a pasted text: one a paragraph, or the records of PubMed's format or of RIS.

    Raises ``InputError`` for what is no text.
    """
    if words := paste_hint(text):
        raise InputError(words)
    form = form_of_text(text)
    if form is None:
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        records = [_of_paragraph(paragraph) for paragraph in _BETWEEN.split(plain)]
        return _given(record for record in records if record is not None)
    read = medline_records if form is Form.MEDLINE else ris_records
    found = [
        found if isinstance(found, RecordError) else found.found
        for found in read(io.StringIO(text, newline=None))
    ]
    return _given(
        BadRow(0, 0, str(one) if isinstance(one, RecordError) else "The record has no abstract.")
        if isinstance(one, RecordError) or not one.has_abstract
        else one
        for one in found
    )


def _of_paragraph(paragraph: str) -> Abstract | None:
    """The record of a paragraph as a person would have written it; ``None`` where it holds no word."""
    text = readable_text(paragraph).text.strip()
    if not any(character.isalnum() for character in text):
        return None
    return Abstract("", "", text, Passage(text).sections, has_abstract=True)


def abstracts_of_file(path: Path | str) -> Given:
    """The abstracts of a visitor's file, read in a process of its own.

    Raises ``DataError`` for a file of no form that is read, without abstracts, or too large; ``BusyError``
    where the server has too many files to read.
    """
    path = Path(path).resolve()
    document = read_in_child(path, __name__, too_large=_too_large)
    records = tuple(map(Abstract.from_json, document["records"]))
    return Given(records, tuple(document["notices"]), document["count"])


def _too_large(what: str) -> str:
    return f"{what}; a file may have {MAX_UPLOAD_BYTES // 10**6} MB. Give the abstracts in parts."


@cache
def builtin_records() -> Given:
    """The records that come with the app, of our own writing, those with an abstract.

    They bear no PMID here: theirs are of the local server alone, and at PubMed do not exist.
    """
    described = json.loads(RECORDS_FILE.read_text("utf-8"))
    xml = f"<PubmedArticleSet>{''.join(map(article_xml, described))}</PubmedArticleSet>"
    records = [
        replace(
            record,
            pmid="",
            pmcid="",
            doi="",
            notes=tuple(replace(note, pmid="") for note in record.notes),
            called=f"Built-in record {number}",
        )
        for number, record in enumerate(parse_articles(xml.encode()), start=1)
        if record.has_abstract
    ]
    return Given(tuple(records), count=len(records))


def together(given: Sequence[Given], *, max_chars: int) -> Given:
    """Several gifts as one: each record once, those without a PMID numbered, as many as are read.

    ``max_chars`` bounds their texts together. Raises ``InputError`` where there is nothing to read.
    """
    records: dict[str, Abstract] = {}
    count = sum(one.count for one in given)
    twice, chars, cut = 0, 0, False
    for record in (record for one in given for record in one.records):
        if (record.pmid or record.text) in records:
            twice += 1
            continue
        chars += len(record.text)
        if chars > max_chars or len(records) == MAX_ABSTRACTS:
            cut = True
            break
        number = len(records) + 1
        called = "" if record.pmid else f"Abstract {number}"
        records[record.pmid or record.text] = replace(record, called=called)
    notices = [notice for one in given for notice in one.notices]
    if not records:
        if cut:
            raise InputError(f"The first abstract is longer than the {max_chars:,} characters that are read.")
        raise InputError(
            " ".join([*notices, "There is no abstract yet. Paste some, one a paragraph, or upload a file."])
        )
    if twice:
        notices.append(f"{twice:,} given more than once: read once.")
    if cut or count > len(records) + twice:
        notices.append(
            f"{count:,} abstracts were given; the first {len(records):,} are read (at most {MAX_ABSTRACTS}, "
            f"and {max_chars:,} characters). Give the others by themselves."
        )
    return Given(tuple(records.values()), tuple(notices), count)


def _given(found: Iterable[Abstract | BadRow]) -> Given:
    """The first records, how many there are, and how many could not be read."""
    records: list[Abstract] = []
    count, bad, reason = 0, 0, ""
    for one in found:
        if isinstance(one, BadRow):
            bad, reason = bad + 1, reason or one.reason
            continue
        count += 1
        if len(records) < MAX_ABSTRACTS:
            records.append(one)
    words = f"{bad:,} {'record was' if bad == 1 else 'records were'} left out: {reason}"
    return Given(tuple(records), (words,) if bad else (), count)


# --- the child -----------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Read a file within the limits and write its abstracts as JSON to standard output; 0, if it could."""
    (given,) = sys.argv[1:] if argv is None else argv
    return write_as_child(given, _document_of)


def _document_of(name: str) -> dict[str, Any]:
    """What is read of the file as plain JSON values. Raises ``DataError``, ``InputError``."""
    if opens_json(name):
        if name.lower().endswith(".txt"):  # "[Article in German]"
            return _written(_of_plain_text(name), name)
        raise DataError(f"{name} is JSON, of questions perhaps. Give {FILES_IN_WORDS}.")
    try:
        # A question of nobody's: a file of abstracts has none.
        rows = open_rows(name, question="?")
    except DataError:
        raise
    except InputError:  # which columns there are not
        given = _of_plain_text(name)
    else:
        if rows.form in (Form.CSV, Form.TSV) and not rows.columns.get("context"):
            raise InputError(_NO_TEXTS.format(name))
        given = _given(rows.abstracts())
    return _written(given, name)


def _written(given: Given, name: str) -> dict[str, Any]:
    """The abstracts as plain JSON values. Raises ``InputError`` where there is none."""
    if not given.records:
        raise InputError(" ".join([f"{name} holds no abstract.", *given.notices]))
    records = [record.as_json() for record in given.records]
    return {"records": records, "notices": given.notices, "count": given.count}


def _of_plain_text(name: str) -> Given:
    """The paragraphs of a file that has no columns. Raises ``InputError`` where it is meant to have them."""
    if not name.lower().endswith(".txt"):
        raise InputError(_NO_TEXTS.format(name))
    data = Path(name).read_bytes()
    if len(data) > MAX_UPLOAD_BYTES:
        raise DataError(_too_large(f"{name} has {len(data) / 1e6:,.1f} MB"))
    try:
        return abstracts_of_text(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise DataError(f"{name} is not UTF-8 text. Save the file as UTF-8.") from None


if __name__ == "__main__":
    sys.exit(main())
