"""Records -> RIS and BibTeX, for reference managers; what a record lacks is left out.

A record has no volume or pages here; its PMID, DOI and address lead to them.

Source: the RIS tags as EndNote and Zotero read them; BibTeX as biber and bibtex8 read UTF-8.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

from biom_demo.pubmed.abstract import Abstract

LINE_END = "\r\n"  # as RIS has it
# A person as PubMed writes one: a family name, initials without stops, and perhaps a suffix.
_PERSON = re.compile(r"(\S.*?) ([^\W\d_]{1,4})(?: (Jr|Sr|II|III|IV|2nd|3rd|4th))?")
# BibTeX counts a brace behind a backslash like any other, so none stands alone.
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}",
    "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", '"': '{"}',
}  # fmt: skip


MAX_NAMED = 3  # authors in a line


def citation_text(record: Abstract) -> str:
    """The record on one line, to quote: authors, title, journal, year, DOI and PMID, where they are known."""
    people = record.authors or record.editors
    named = ", ".join(_one_line(name) for name in people[:MAX_NAMED])
    parts = [
        f"{named}, et al" if len(people) > MAX_NAMED else named,
        _one_line(record.title),
        _one_line(record.journal),
        str(record.year or ""),
        f"doi:{_one_line(record.doi)}" if record.doi else "",
        record.name if record.pmid or not record.title else "",
    ]
    return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts if part)


def address_of(record: Abstract) -> str:
    """Where the record stands: at PubMed, else where its DOI leads, "" where it has neither."""
    if record.pmid:
        return f"https://pubmed.ncbi.nlm.nih.gov/{record.pmid}/"
    return f"https://doi.org/{quote(record.doi, safe='/:;()', errors='replace')}" if record.doi else ""


def ris(records: Sequence[Abstract]) -> str:
    """The records as a RIS file; "" for none. Warnings stand in notes."""
    return "".join(_ris_of(record) for record in records)


def _ris_of(record: Abstract) -> str:
    kind = "CHAP" if record.editors else "JOUR"
    tags = [("TY", kind)]
    tags += [("AU", _inverted(name)) for name in record.authors]
    tags += [("ED", _inverted(name)) for name in record.editors]
    tags += [
        ("TI", record.title),
        ("T2", record.journal),
        ("PY", str(record.year or "")),
        ("DO", record.doi),
        ("AN", record.pmid),
        ("C2", record.pmcid),
        ("DB", "PubMed" if record.pmid else ""),
        ("UR", address_of(record)),
    ]
    tags += [("KW", term) for term in record.mesh]
    tags += [("N1", note.sentence) for note in record.warnings]
    # A tag and its value are one line, whatever was in the value.
    lines = [f"{tag}  - {_one_line(value)}" for tag, value in tags if _one_line(value)]
    return LINE_END.join([*lines, "ER  - ", "", ""])


def bibtex(records: Sequence[Abstract]) -> str:
    """The records as BibTeX entries with keys of their own; "" for none. Warnings stand in notes."""
    keys = citation_keys(records)
    return "\n".join(_bibtex_of(record, key) for record, key in zip(records, keys, strict=True))


def _bibtex_of(record: Abstract, key: str) -> str:
    is_chapter = bool(record.editors)
    words = _one_line(record.title).split()
    title = " ".join(_title_word(word, first=place == 0) for place, word in enumerate(words))
    fields = {
        "author": " and ".join(_bibtex_name(name) for name in record.authors),
        "editor": " and ".join(_bibtex_name(name) for name in record.editors),
        "title": title,
        "booktitle" if is_chapter else "journal": latex(record.journal),
        "year": str(record.year or ""),
        # Addresses are read as they are, so only what would end the field is written otherwise.
        "doi": _in_braces(record.doi),
        "pmid": _in_braces(record.pmid),
        "pmcid": _in_braces(record.pmcid),
        "url": _in_braces(address_of(record)),
        "note": " ".join(latex(note.sentence) for note in record.warnings),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{'incollection' if is_chapter else 'article'}{{{key},", *lines, "}", ""])


def latex(text: str) -> str:
    """The text on one line, with what LaTeX takes for a command or a group written as a character."""
    return "".join(_LATEX.get(character, character) for character in _one_line(text))


def citation_keys(records: Sequence[Abstract]) -> list[str]:
    """A key for each record, all different: first author, year and, where two have both, a letter."""
    stems = [_stem(record) for record in records]
    having = Counter(stem.lower() for stem in stems)
    made: list[str] = []
    taken: set[str] = set()  # keys that differ in their letters' case only are one to BibTeX
    for stem in stems:
        key, number = stem, 0
        while key.lower() in taken or (number == 0 and having[stem.lower()] > 1):
            key, number = f"{stem}{_letters(number)}", number + 1
        taken.add(key.lower())
        made.append(key)
    return made


def _stem(record: Abstract) -> str:
    name = _one_line(next(iter(record.authors or record.editors), ""))
    person = _PERSON.fullmatch(name)
    family = person[1] if person else name.partition(" ")[0]
    plain = unicodedata.normalize("NFKD", family).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z]", "", plain) or re.sub(r"[^A-Za-z0-9]", "", record.name)
    return f"{plain}{record.year or ''}"


def _letters(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    text = ""
    while number >= 0:
        text = chr(ord("a") + number % 26) + text
        number = number // 26 - 1
    return text


def _inverted(name: str) -> str:
    """ "Hart AL" as "Hart, A. L."; what is no person's name as it is."""
    person = _PERSON.fullmatch(_one_line(name))
    if person is None or not person[2].isupper():
        return name
    family, initials, suffix = person.groups()
    parts = [family, " ".join(f"{initial}." for initial in initials), suffix]
    return ", ".join(part for part in parts if part)


def _bibtex_name(name: str) -> str:
    inverted = _inverted(name)
    if inverted == name:  # a study group's name must not be cut at its "and", or turned round
        return f"{{{latex(name)}}}"
    family, given, *suffix = inverted.split(", ")
    return latex(", ".join([family, *suffix, given]))


def _title_word(word: str, *, first: bool) -> str:
    """The word, in braces where a style must not write it in small letters: CFTR, mRNA, Crohn's.

    PubMed's titles have capitals in names only, and at their beginning.
    """
    kept = any(character.isupper() for character in word[1 if first else 0 :])
    return f"{{{latex(word)}}}" if kept else latex(word)


def _in_braces(text: str) -> str:
    return re.sub(r"[{}\\]", lambda found: f"%{ord(found[0]):02X}", _one_line(text))


def _one_line(text: str) -> str:
    """The text on one line, without characters that are not seen."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
