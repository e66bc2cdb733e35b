"""The records that a list of names or a whole citation stands for. Pure, near-linear in the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from biom_demo.pubmed.addresses import is_address, read_address
from biom_demo.pubmed.names import (
    GROUPED,
    LABEL,
    LEADING,
    Name,
    Scheme,
    doi_of,
    name_of,
    scheme_of,
    without_signs_behind,
)

# "[PubMed - indexed for MEDLINE]", "[pmid]" and the like stand behind a name and say nothing more.
_DECORATION = re.compile(
    r"[\[(][^\[\]()0-9]{0,40}?(?:pubmed|medline|pmc article)[^\[\]()0-9]{0,40}[\])]"
    r"|\[(?:pmid|uid|doi|aid|lid|pmc|pmcid|pii)\]"
    r"|\bfree (?:pmc )?article\b\.?"
    # "(accessed 3 May 2021)", "17284678 abstract"
    r"|[\[(]?\b(?:(?:last|date) )?(?:accessed|retrieved|visited|viewed|cited)(?: on| at)?:?\s(?:on )?"
    r"(?:[0-9]{1,4}[ ./-][a-z0-9]{1,9}\.?[ ,./-]{1,2}[0-9]{1,4}"
    r"|[a-z]{3,9}\.? (?:[0-9]{1,2},? )?[0-9]{4})[\])]?"
    r"|(?<=[0-9]{5})[ \t]{1,3}\(?(?:abstracts?|full[ -]?text|pdf|html|summary|citation|record)\)?"
    r"(?=\s{0,3}(?:[.,;\n]|\Z))"
    r"|\A(?:(?:get|fetch|show|open|read|find|see)(?: me)?(?: the)? )?"
    r"(?:(?:abstracts?|records?|articles?|papers?)(?: of| for| no\.?)? )?(?=\#?[1-9][0-9]{6,7}\b)",
    re.IGNORECASE,
)
_GROUPED_OTHERWISE = re.compile(  # 31 978 945, 31.978.945, 31'978'945
    r"(?<![0-9])(?<![0-9][ '’.])([1-9][0-9]?)([ '’.])([0-9]{3})\2([0-9]{3})(?![0-9]|[ '’.][0-9])"
)
_BROKEN_DOI = re.compile(
    r"(\b10\.[0-9]{4,9}/(?:[^\s/]{1,60}[-_/])?)[ \t]{0,3}(?:\n[ \t]{0,9}|(?<=/)[ \t])(?=[^\s/])"
)
# Broken at a full stop, or within a word ("10.1038/na", "ture12373"), where no other name begins.
_BROKEN_ELSEWHERE = re.compile(
    r"(\b10\.[0-9]{4,9}/[^\s]{1,80}(?:[a-z]|(?<=\.)|[0-9](?=[ \t]{0,3}\n[ \t]{0,9}\.)))[ \t]{0,3}\n[ \t]{0,9}"
    r"(?=(?![Pp][Mm]|[Dd][Oo][Ii]|v[0-9]|[0-9]{1,3}[.)]?\s|10\.[0-9]{4}|[0-9]{4,8}\s{0,9}(?:\Z|\n))"
    r"(?:(?<=[a-z]\n)[a-z]{2,20}[0-9]|(?<=\.\n)[a-z0-9]{1,20}[0-9.]|\.[0-9a-z])[\w.()-]{0,60}\s{0,9}(?:\Z|\n))"
)
_SEPARATORS = re.compile(r"[\s,;|]+")
_WRAPPERS = re.compile(r"[<(\[{\"'`´“”„‘’«»‹›]+")
_JOINER = re.compile(r"(?:and|or|&|\+)(?=\s)", re.IGNORECASE)
_MARKER = re.compile(
    r"(?:\(?(?:[0-9]{1,3}|[A-Za-z]|[ivx]{2,5}|[IVX]{2,5})[.):]|\[[0-9]{1,3}\]|[-–*•·#①-⑳])\s{1,9}(?=\S)"
)
_TOKEN = re.compile(r"\S+")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}\W{0,3}")
# Where one name ends and the next begins without a space: before an address, a DOI, a label, a PMID.
_NEXT_NAME = re.compile(
    r"(?:\]\(|<)(?=https?:|www\.)|(?<![,;|])[,;|]++(?=https?:|www\.|10\.[0-9]{4,9}/|pmc\s?[0-9]|pmid|doi|[0-9]{7,8}(?:[,;|]|$))",
    re.IGNORECASE,
)
_IN_TOKEN = re.compile(r"[,;|]+|/(?=pmc[0-9]|pmid|doi)", re.IGNORECASE)


def names_alone(text: str) -> tuple[Name, ...]:
    """The records a text names if it holds nothing but names, labels and marks of lists; else none.

    Each record comes once, in order; a bare number like a year's beside another name is a year.
    ``text`` has gone through ``plain_signs``.
    """
    text = _GROUPED_OTHERWISE.sub(r"\1\3\4", _with_whole_dois(_DECORATION.sub(" ", text)))
    found: dict[Name, None] = {}
    years: set[Name] = set()
    labelled = False
    scheme: Scheme | None = None
    at = 0
    while at < len(text):
        if between := _SEPARATORS.match(text, at) or _JOINER.match(text, at):
            at = between.end()
        elif (marker := _MARKER.match(text, at)) and _marks(text, marker, scheme):
            at = marker.end()
        elif wrapper := _WRAPPERS.match(text, at):
            at = wrapper.end()
        elif label := LABEL.match(text, at):
            scheme, at, labelled = scheme_of(label), max(label.end(), at + 1), True
        else:
            token = _TOKEN.match(text, at)
            assert token is not None  # white space was skipped
            names = _names_of_token(token[0], scheme)
            if not names:
                return ()
            if not labelled and _YEAR.fullmatch(token[0]):
                years.update(name for name in names if name not in found)
            else:
                years.difference_update(names)
            found.update(dict.fromkeys(names))
            at, labelled = token.end(), False
    if any(name.scheme is not Scheme.PMID or len(name.value) > len("2099") for name in found):
        return tuple(name for name in found if name not in years)
    return tuple(found)


def _with_whole_dois(text: str) -> str:
    """The text with DOIs made whole that a line's end cut."""
    return _BROKEN_ELSEWHERE.sub(r"\1", _BROKEN_DOI.sub(r"\1", text))


def _marks(text: str, marker: re.Match[str], scheme: Scheme | None) -> bool:
    """Whether "1." numbers the name behind it; in "PMID: 12. 13." it is a name itself."""
    at_line_start = not text[max(0, marker.start() - 9) : marker.start()].rpartition("\n")[2].strip()
    return at_line_start or scheme is None or LABEL.match(text, marker.end()) is not None


def _names_of_token(token: str, scheme: Scheme | None) -> tuple[Name, ...]:
    """The names in a stretch without spaces; none where any part of it is no name."""
    made: list[Name] = []
    for part in _parts(token, scheme):
        core = part.lstrip(LEADING)
        while label := LABEL.match(core):
            scheme, core = scheme_of(label), core[label.end() :].lstrip(LEADING)
        if is_address(core) and not core.startswith("10."):
            address = read_address(without_signs_behind(core))
            names = address.names if address else ()
        else:
            name = name_of(core, scheme)
            names = (name,) if name else ()
        if not names:
            return ()
        made += names
    return tuple(made)


def _parts(token: str, scheme: Scheme | None) -> Iterator[str]:
    """The token cut where names of a list meet; what may be one name is left whole."""
    grouped = GROUPED.fullmatch(without_signs_behind(token))
    if grouped and (scheme is Scheme.PMID or len(grouped[0]) > len("999,999")):
        yield token
        return
    for part in _NEXT_NAME.split(token):
        core = part.lstrip(LEADING)
        if "10." in core or is_address(core):  # signs inside a DOI or an address are its own
            yield part
        else:
            yield from (piece for piece in _IN_TOKEN.split(part) if without_signs_behind(piece))


# --- citations -----------------------------------------------------------------------------------------

_CITED = re.compile(
    r"(?P<address>(?:https?:/{0,2}|www\.|(?<![\w./@-])(?:[a-z0-9-]{1,40}\.){1,4}[a-z]{2,6}/)[^\s<>\"]+)"
    rf"|(?P<label>{LABEL.pattern})[{{\"']?(?P<numbers>(?!10\.[0-9]{{4}})\#?(?:PMC)?[0-9]{{1,9}}(?:\.[0-9])?"
    r"(?:\s{0,2}(?:,|;|/|&|and)\s{0,2}(?:PMC)?[0-9]{6,9}){0,200}(?![0-9]))"
    r"|(?<![\w./])(?:doi\s?[:=]?\s{0,2})?(?P<doi>10\.[0-9]{4,9}(?:\.[0-9]+)*(?:/|%2F)[^\s\"]+)"
    r"|(?<![\w./])(?P<pmc>PMC[0-9]{4,9})(?![\w])",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"(?:PMC)?[0-9]+(?:\.[0-9])?", re.IGNORECASE)
_NEW_ENTRY = re.compile(r"\n\s*\n|\n(?=[ \t]{0,9}(?:\(?[0-9]{1,3}[.)]|\[[0-9]{1,3}\]|[-–*•])\s)")
MAX_CITATION_WORDS = 80  # without its names
_EXPORT = re.compile(r"\s*(?:PMID\s?- ?[0-9]|TY  - |@[A-Za-z]+\s?\{|%0 [A-Z])")
_EXPORTED_PMID = re.compile(r"(?m)^(?:PMID|AN)\s{0,2}- ?([0-9]{1,8})\s*$")
_PART_END = re.compile(r"(?<=[\w)])[.?!][\"”]?\s+|\((?:1[89]|20)[0-9]{2}[a-z]?[^)]{0,20}\)[.,]?\s+|[\"“”]")
_AUTHORS = re.compile(  # Smith AB, or Smith, A. B.
    r"(?:\A|\n)\W{0,3}(?:[0-9]{1,3}[.)]\s)?[^\W\d_][\w'’-]{1,30},? (?:[A-Z]\.?[ -]?){1,3}"
    r"(?:[,.;:(]| and| &|\Z)"
)
# The first three say where in a journal the work stands.
_LOCATORS = 3
_BIBLIOGRAPHY = (
    re.compile(r"\b(?:1[89]|20)[0-9]{2}\b[^.;\n]{0,20};\s?[0-9]+"),  # 2019 Mar 5;12
    re.compile(r"\b[0-9]+\s?\([^()\n]{1,14}\)\s?[:,]\s?(?:pp?\.\s?)?[A-Za-z]{0,2}[0-9]+"),  # 12(3):101
    re.compile(r"\bvol(?:ume|\.)\s?[0-9]+|\bpp?\.\s?[0-9]+|\bno\.\s?[0-9]+", re.IGNORECASE),
    re.compile(r"\((?:1[89]|20)[0-9]{2}[a-z]?(?:, [A-Z][a-z]+(?: [0-9]{1,2})?)?\)"),  # (2019)
    re.compile(r"\bet al\b|\bEpub\b|\[Internet\]|\bAvailable (?:from|at)\b|\bAccessed\b"),
    _AUTHORS,
    # J Clin Invest. 2019
    re.compile(r"\b[A-Z][a-z]{2,12}(?: [A-Z][a-z]{1,12}){0,5}\.\s(?:1[89]|20)[0-9]{2}\b"),
)


@dataclass(frozen=True, slots=True)
class Cited:
    """The records that a text cites, one a citation; ``rest`` is the text without their names.

    ``signs`` counts the kinds of bibliographic matter in it: volume and pages, authors' initials,
    "et al", ...; ``authors`` says whether it opens with names. ``export`` is true for a file of a
    reference manager or of PubMed.
    """

    names: tuple[Name, ...]
    rest: str
    entries: int
    signs: int
    authors: bool = False
    export: bool = False

    @property
    def is_citation(self) -> bool:
        """Whether it reads like citations, no more, and not like a text that mentions a record."""
        longest = MAX_CITATION_WORDS if self.authors else MAX_CITATION_WORDS // 2
        return self.signs >= 2 and len(self.rest.split()) <= longest * self.entries


def cited(text: str) -> Cited:
    """What the text cites by PMID, PMCID, DOI or address; where a citation has several, the PMID.

    ``text`` has gone through ``plain_signs``.
    """
    text = _with_whole_dois(text)
    if _EXPORT.match(text):
        pmids = [Name(Scheme.PMID, number) for number in _EXPORTED_PMID.findall(text)]
        if pmids:
            return Cited(tuple(dict.fromkeys(pmids)), "", len(pmids), 0, export=True)
    found: list[tuple[int, tuple[Name, ...]]] = []
    rest: list[str] = []
    done = 0
    for match in _CITED.finditer(text):
        names = _names_of_match(match)
        if names:
            found.append((match.start(), names))
            rest.append(text[done : match.start()])
            done = match.end()
    rest.append(text[done:])
    by_entry: dict[int, list[Name]] = {}
    for entry, (_, names) in zip(_entries(text, [at for at, _ in found]), found, strict=True):
        by_entry.setdefault(entry, []).extend(names)
    chosen = dict.fromkeys(name for entry in by_entry.values() for name in _best(entry))
    remaining = _DECORATION.sub(" ", " ".join(rest))
    signs = sum(pattern.search(remaining) is not None for pattern in _BIBLIOGRAPHY)
    authors = _AUTHORS.match(remaining) is not None
    return Cited(tuple(chosen), remaining.strip(), len(by_entry), signs, authors, bool(_EXPORT.match(text)))


def cited_title(text: str) -> str:
    """The title in a citation of one work without any name of its record, or "".

    It is the longest of its parts that is made of words; "Smith AB, Doe C. Title. Journal. 2019;1:2-3."
    """
    if len(text.split()) > MAX_CITATION_WORDS or "\n\n" in text or not _AUTHORS.match(text):
        return ""
    found = [pattern.search(text) is not None for pattern in _BIBLIOGRAPHY]
    if sum(found) < 2 or not any(found[:_LOCATORS]):
        return ""
    parts = [part.strip(" \n\t.\"“”'") for part in _PART_END.split(text)]
    titles = [part for part in parts if len(re.findall(r"\b[^\W\d_]{3,}", part)) >= 3]
    titles = [part for part in titles if not any(p.search(part) for p in _BIBLIOGRAPHY)]
    return max(titles, key=len, default="")


def _names_of_match(match: re.Match[str]) -> tuple[Name, ...]:
    if match["address"]:
        address = read_address(without_signs_behind(match["address"]))
        return address.names if address else ()
    if match["doi"]:
        names = [doi_of(part) for part in _NEXT_NAME.split(match["doi"])]
    elif match["pmc"]:
        names = [name_of(match["pmc"])]
    else:
        names = [name_of(number, scheme_of(match)) for number in _NUMBERS.findall(match["numbers"])]
    return tuple(name for name in names if name)


def _best(names: list[Name]) -> list[Name]:
    """Of one citation's names those that are surest: PMIDs, else PMCIDs, else DOIs."""
    for scheme in Scheme:
        if of_scheme := [name for name in names if name.scheme is scheme]:
            return of_scheme
    return []


def _entries(text: str, positions: list[int]) -> list[int]:
    """The number of the citation that each position lies in."""
    starts = [match.end() for match in _NEW_ENTRY.finditer(text)]
    if not starts:
        lines = [match.start() for match in re.finditer(r"\n", text)]
        of_lines = {bisect_right(lines, at) for at in positions}
        filled = sum(bool(line.strip()) for line in text.split("\n"))
        starts = lines if len(of_lines) == filled else []
    return [bisect_right(starts, at) for at in positions]
