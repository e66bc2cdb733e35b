"""The names a record goes by: PMIDs, PMCIDs and DOIs as people write them. Pure.

Every function is near-linear in its input.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote


class Scheme(StrEnum):
    """The kinds of names a record has."""

    PMID = "PMID"
    PMCID = "PMCID"
    DOI = "DOI"


@dataclass(frozen=True, slots=True)
class Name:
    """A record's name in normal form: digits for a PMID, ``PMC123``, a lower-case DOI.

    ``version`` is what stood behind the dot of ``12345678.2``, 0 where none was given. A version is
    no part of the record's identity: names that differ in it alone are equal.
    """

    scheme: Scheme
    value: str
    version: int = field(default=0, compare=False)


# The invisible: byte order mark, zero-width and direction marks, soft hyphen.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_LOOKALIKES = str.maketrans("‐‑⁄∕ː∶꞉、،؛", "--//:::,,;")


def plain_signs(text: str) -> str:
    """The text with full-width signs, foreign digits and odd spaces made plain, invisible signs gone."""
    if text.isascii():
        return text
    text = _INVISIBLE.sub("", text).translate(_LOOKALIKES)
    return "".join(_plain_sign(c) if c > "\u009f" else c for c in text)


def _plain_sign(character: str) -> str:
    if "\uff01" <= character <= "\uff5e":  # full-width forms
        return chr(ord(character) - 0xFEE0)
    if "\ufe10" <= character <= "\ufe19" or "\ufe50" <= character <= "\ufe6b":  # vertical and small forms
        return unicodedata.normalize("NFKC", character)
    if character.isspace():
        return "\n" if character in "\u2028\u2029" else " "
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)


# --- one name ----------------------------------------------------------------------------------------

_LABELS = (
    r"(?P<PMCID>(?:pubmed central[\s:-]{0,3})?(?:pmcid(?:['’]?s|\(s\))?|pmc[\s-]{0,2}ids?)"
    r"|pubmed central(?: ids?)?|pmc(?=[\s:-]{1,3}[0-9]))"
    r"|(?P<PMID>(?:(?:pubmed|medline)[\s:-]{0,3})?pmid(?:['’]?s|\(s\))?"
    r"|pubmed(?:[\s-]{0,2}(?:ids?|identifiers?|uids?))?|uids?)"
    r"|(?P<DOI>(?:info:|urn:)?dois?(?:\(s\))?|digital object identifiers?)"
)
# "PMID:", "PubMed ID no.", "doi " with what joins it to its name.
LABEL = re.compile(
    rf"(?<![\w./-])(?:{_LABELS})(?:[\s-]?(?:nos?\.?|nrs?\.?|num\.?|n[°º]\.?|№|numbers?|nummer|is)(?=[\s:#0-9]))?"
    r"\s{0,3}(?:[:=#/-]|\s|(?=10\.[0-9]|[0-9])|$){1,3}",
    re.IGNORECASE,
)
_PMID = re.compile(r"#?0*([1-9][0-9]{0,7})(?:[.vV]([1-9][0-9]?))?")
GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3}){1,2}")  # 12,345,678
_PMCID = re.compile(r"pmc[:\s-]{0,3}0*([1-9][0-9]{0,8})(?:[.v]([1-9][0-9]?))?", re.IGNORECASE)
_DOI = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+")
_POSSESSIVE = re.compile(r"['’]s$")
_MIN_DIGITS_WITH_VERSION = 5  # 3.5 is a number, 12345678.2 the second version of a record
_MIN_DIGITS_WITH_STOP = 4  # "1." numbers a list
_OPENS = {")": "(", "]": "[", ">": "<", "}": "{"}
_TRAILING = ".,;:'\"`´’‘“”«»‹›…!?|\\*†‡·"
LEADING = "'\"`´’‘“”„«»‹›<([{|*•·,;:"  # signs that may stand before a name


def doi_of(written: str) -> Name | None:
    """The DOI that is all of ``written``, without the signs around it; ``None`` where it is none.

    DOIs are compared without regard to case. Percent-encoding and entities, of all or part, go.
    """
    value = written.strip()
    if "&" in value:
        value = html.unescape(value)
    for _ in range(2):
        if "%" in value:
            value = unquote(value)
    value = _POSSESSIVE.sub("", without_signs_behind(value))
    return Name(Scheme.DOI, value.lower()) if _DOI.fullmatch(value) else None


def without_signs_behind(value: str) -> str:
    """The value without full stops, quotation marks and unopened brackets behind it."""
    count = Counter(c for c in value if c in "()[]<>{}")
    end = len(value)
    while end:
        last = value[end - 1]
        if last in _OPENS and count[last] > count[_OPENS[last]]:
            count[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return value[:end].rstrip("/") if end > 1 and value[end - 1] == "/" else value[:end]


def name_of(word: str, scheme: Scheme | None = None) -> Name | None:
    """The record a single word names, or ``None``; ``scheme`` is what a label before it said."""
    core = word.lstrip(LEADING)
    if core[:3] == "10.":
        return doi_of(core)
    bare = without_signs_behind(core)
    if found := _PMCID.fullmatch(bare):
        return Name(Scheme.PMCID, f"PMC{found[1]}", int(found[2] or 0))
    if GROUPED.fullmatch(bare):
        bare = core = bare.replace(",", "")
    found = _PMID.fullmatch(bare)
    if not found or scheme is Scheme.DOI:
        return None
    version = int(found[2] or 0)
    if scheme is Scheme.PMCID:
        return Name(scheme, f"PMC{found[1]}", version)
    if scheme is None:
        if version and len(found[1]) < _MIN_DIGITS_WITH_VERSION:
            return None
        if core != bare and core[len(bare)] in ".):]" and len(found[1]) < _MIN_DIGITS_WITH_STOP:
            return None
    return Name(Scheme.PMID, found[1], version)


def scheme_of(label: re.Match[str]) -> Scheme:
    """The scheme that a match of ``LABEL`` announces."""
    return next(scheme for scheme in Scheme if label[scheme.value] is not None)
