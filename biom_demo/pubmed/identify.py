"""What did the user type? A record's name, a PubMed query, or the text itself. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit


class Kind(StrEnum):
    """What an input was taken for."""

    EMPTY = "empty"
    RECORDS = "records"  # PMIDs, PMCIDs, DOIs
    QUERY = "query"
    TEXT = "text"
    FOREIGN_ADDRESS = "foreign address"


class Scheme(StrEnum):
    """The kinds of names a record has."""

    PMID = "PMID"
    PMCID = "PMCID"
    DOI = "DOI"


@dataclass(frozen=True, slots=True)
class Name:
    """A record's name in normal form: digits for a PMID, ``PMC123``, a lower-case DOI."""

    scheme: Scheme
    value: str


@dataclass(frozen=True, slots=True)
class Identified:
    """The input as understood; ``names`` for records, ``query`` for a query, one sentence for the user."""

    kind: Kind
    explanation: str
    names: tuple[Name, ...] = ()
    query: str = ""


MAX_NAMES = 200
_SEPARATORS = re.compile(r"[\s,;]+")
_PMID = re.compile(r"(?:pmid[:\s]*)?0*([1-9]\d{0,7})(?:\.\d+)?", re.IGNORECASE)
_PMCID = re.compile(r"(?:pmcid[:\s]*)?pmc[\s:]*0*([1-9]\d{0,8})(?:\.\d+)?", re.IGNORECASE)
_DOI = re.compile(r"(?:doi[:\s]*)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?://)?(?:[\w-]+\.)+[a-z]{2,}(?:/\S*|\?\S*)", re.IGNORECASE)
# "PMID: 123" and "doi: 10.1/x" are one name each, though they have a space.
_PREFIX = re.compile(r"\b(pmid|pmcid|doi)\s*[:\s]\s*(?=\S)", re.IGNORECASE)
_FIELD_TAG = re.compile(r"\[[A-Za-z][A-Za-z /:_-]*\]")
_OPERATOR = re.compile(r"(?<=\S)\s(?:AND|OR|NOT)\s(?=\S)")
_SENTENCE_END = re.compile(r"[.!?][\"”’)\]]?(?:\s|$)")
MIN_TEXT_WORDS = 25
MIN_SENTENCE_WORDS = 5


def identify(typed: str) -> Identified:
    """What ``typed`` was taken for. Never raises.

    Names of records (PMID, PMCID, DOI, or addresses of PubMed, PMC, Europe PMC and doi.org) in any
    mix, separated by spaces, commas, semicolons or lines, are taken as such only if nothing else
    stands beside them. Text is what has a sentence of five words or is 25 words long and holds no
    query syntax; the rest is a PubMed query.
    """
    text = typed.strip()
    if not text:
        return Identified(Kind.EMPTY, "")
    words = _SEPARATORS.split(_PREFIX.sub(lambda m: m[1] + ":", text).strip(",; "))
    if len(words) <= 2 * MAX_NAMES:
        if len(words) == 1 and (query := _query_of_address(words[0])):
            inner = identify(query)
            return inner if inner.kind is Kind.RECORDS else _query(query)
        names = [_name(word) for word in words]
        if all(names):
            found = tuple(dict.fromkeys(name for name in names if name))
            return Identified(Kind.RECORDS, _names_in_words(found), names=found)
        if len(words) == 1 and _ADDRESS.fullmatch(words[0]):
            return Identified(
                Kind.FOREIGN_ADDRESS,
                "This address is none of PubMed, PMC, Europe PMC or doi.org. Paste the abstract's text, or "
                "give its PMID or DOI.",
            )
    if _FIELD_TAG.search(text) or _OPERATOR.search(text):
        return _query(text)
    count = len(text.split())
    if count >= MIN_TEXT_WORDS or (count >= MIN_SENTENCE_WORDS and _SENTENCE_END.search(text)):
        if text.endswith("?") and count < MIN_TEXT_WORDS:
            return _query(text.rstrip("?").strip())
        return Identified(Kind.TEXT, f"Pasted text, {count:,} words.")
    return _query(text)


def _query(query: str) -> Identified:
    return Identified(
        Kind.QUERY, "PubMed query: its first result is read. (A full sentence is read as text.)", query=query
    )


def _names_in_words(names: tuple[Name, ...]) -> str:
    if len(names) == 1:
        return f"{names[0].scheme} {names[0].value}."
    totals = {scheme: sum(name.scheme is scheme for name in names) for scheme in Scheme}
    counts = [f"{n} {scheme}{'s' if n > 1 else ''}" for scheme, n in totals.items() if n]
    more = f" Only the first {MAX_NAMES} are fetched." if len(names) > MAX_NAMES else ""
    return f"{' and '.join(counts)}, read as one text.{more}"


def _name(word: str) -> Name | None:
    """The record a single word names, or ``None``."""
    if _ADDRESS.fullmatch(word) and not _DOI.fullmatch(word):
        return _name_of_address(word)
    if found := _PMCID.fullmatch(word):
        return Name(Scheme.PMCID, f"PMC{found[1]}")
    if found := _PMID.fullmatch(word.rstrip(".")):
        return Name(Scheme.PMID, found[1])
    if found := _DOI.fullmatch(word):
        return _doi(found[1])
    return None


def _doi(raw: str) -> Name | None:
    # DOIs are compared without regard to case; a full stop or bracket after one is not part of it.
    value = raw.rstrip(".,;:'\"»”")
    while value.endswith((")", "]", ">")) and value.count(value[-1]) > value.count(_OPENS[value[-1]]):
        value = value[:-1].rstrip(".,;:")
    return Name(Scheme.DOI, value.lower()) if re.fullmatch(r"10\.\d{4,9}/\S+", value) else None


_OPENS = {")": "(", "]": "[", ">": "<"}


def _parts_of_address(word: str) -> tuple[str, str, str] | None:
    """Host without ``www.`` or ``m.``, path and query string, or ``None`` for what is no address."""
    try:
        parts = urlsplit(word if "://" in word else f"https://{word}")
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    return host.removeprefix("www.").removeprefix("m."), unquote(parts.path), parts.query


def _name_of_address(word: str) -> Name | None:
    parts = _parts_of_address(word)
    if parts is None:
        return None
    host, path, _ = parts
    if host in {"doi.org", "dx.doi.org"}:
        found = re.fullmatch(r"/(10\.\d{4,9}/\S+)", path)
        return _doi(found[1]) if found else None
    pmid: re.Match[str] | None = None
    if host == "pubmed.ncbi.nlm.nih.gov":
        pmid = re.match(r"/0*([1-9]\d{0,7})(?:/|$)", path)
    elif host == "ncbi.nlm.nih.gov":
        pmid = re.match(r"/(?:m/)?pubmed/0*([1-9]\d{0,7})(?:/|$)", path)
    elif host == "europepmc.org":
        pmid = re.match(r"/(?:article|abstract)/med/0*([1-9]\d{0,7})(?:/|$)", path, re.IGNORECASE)
    if pmid:
        return Name(Scheme.PMID, pmid[1])
    if host in {"ncbi.nlm.nih.gov", "pmc.ncbi.nlm.nih.gov", "europepmc.org"}:
        pmc = re.search(r"/(?:articles?|abstract)/(?:pmc/)?pmc0*([1-9]\d{0,8})", path, re.IGNORECASE)
        if pmc:
            return Name(Scheme.PMCID, f"PMC{pmc[1]}")
    return None


def _query_of_address(word: str) -> str:
    """The search term in a PubMed or Europe PMC search's address, or ""."""
    parts = _parts_of_address(word) if _ADDRESS.fullmatch(word) else None
    if parts is None:
        return ""
    host, path, query = parts
    given = parse_qs(query)
    if host == "pubmed.ncbi.nlm.nih.gov" or (host == "ncbi.nlm.nih.gov" and path.startswith("/pubmed")):
        return given.get("term", [""])[0].strip()
    if host == "europepmc.org" and path.startswith("/search"):
        return given.get("query", [""])[0].strip()
    return ""
