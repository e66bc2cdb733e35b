"""What did the user give? The name of a record, a title, a PubMed query, or the text itself. Pure.

Text comes first: what may be a pasted abstract is read here and sent nowhere. Where an input can be
taken in two ways, ``Identified.alternative`` is the other one, for the page to offer with one click.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum

from biom_demo.pubmed.addresses import Address, is_address, read_address
from biom_demo.pubmed.citations import Cited, cited, cited_title, names_alone
from biom_demo.pubmed.names import Name, Scheme, plain_signs, without_signs_behind
from biom_demo.pubmed.prose import (
    BRACKETED,
    LOOKED_AT,
    MAX_QUERY_STOPS,
    MAX_TITLE_WORDS,
    MIN_TEXT_WORDS,
    Shape,
    is_field_tag,
    is_short_form,
    opens_as_question,
    opens_with_question,
    shape_of,
)
from biom_demo.pubmed.query import queries, title_queries
from biom_demo.pubmed.question import with_names_quoted

# Where PubMed's client and the page know these from.
__all__ = ["MAX_NAMES", "Identified", "Kind", "Name", "Scheme", "identify", "same_title"]


class Kind(StrEnum):
    """What an input was taken for."""

    EMPTY = "empty"  # nothing that can be read or looked up
    RECORDS = "records"  # PMIDs, PMCIDs, DOIs
    TITLE = "title"
    QUERY = "query"
    TEXT = "text"
    FOREIGN_ADDRESS = "foreign address"


@dataclass(frozen=True, slots=True)
class Identified:
    """The input as understood, and one sentence about it for the user.

    ``names`` are of ``RECORDS``. ``query`` is what PubMed is asked for a ``QUERY`` or a ``TITLE``, and
    ``looser`` what it is asked next, in turn, where that finds nothing. ``title`` is what was taken for
    a title: the record found should have it (``same_title``). ``alternative`` is the other way to take
    the input, and is never taken without a click.
    """

    kind: Kind
    explanation: str
    names: tuple[Name, ...] = ()
    query: str = ""
    looser: tuple[str, ...] = ()
    title: str = ""
    alternative: Identified | None = None

    @property
    def offer(self) -> str:
        """What a button that takes the input this way says."""
        if self.kind is Kind.RECORDS:
            return f"Fetch {_listed(self.names)}"
        return {
            Kind.TEXT: "Read it as text",
            Kind.TITLE: "Look it up as a title",
            Kind.QUERY: "Search PubMed for it",
        }.get(self.kind, "")


MAX_NAMES = 200
MIN_SENTENCE_WORDS = 5
MIN_TITLE_WORDS = 3
MIN_BARE_TITLE_WORDS = 6  # of a title without a full stop; fewer words are key words
MAX_WORDS_BESIDE_NAME = 12
MAX_NESTED = 3  # an address whose search term is an address, ...


def identify(typed: str) -> Identified:
    """What ``typed`` was taken for. Never raises; near-linear, and bounded but for the count of words.

    In this order: names of records (PMID, PMCID, DOI, addresses that hold one) in any mix and however
    listed; a citation with a name in it; running text; a query in PubMed's syntax; a question; a
    title; key words.
    """
    return _identify(typed, MAX_NESTED)


def _identify(typed: str, nested: int) -> Identified:
    head = plain_signs(typed[:LOOKED_AT]).strip()
    if not any(c.isalnum() for c in head):
        rest = typed[LOOKED_AT:]
        return _text(len(typed.split())) if any(c.isalnum() for c in rest) else Identified(Kind.EMPTY, "")
    if len(typed) > LOOKED_AT:  # a list cut within a name would name another record
        head = head[: max(head.rfind(" "), head.rfind("\n"), 0)] or head
    if names := names_alone(head):
        return _records(names)
    word = _without_wrapping(head)
    if is_address(word) and "\n" not in word:
        address = read_address(word)
        spaced = " " in word  # in its search term only: "?term=asthma AND children"
        if address is not None and (not spaced or (address.query and "=" in word.split()[0])):
            return _of_address(address, nested)
    if not any(c.isalpha() for c in head) and not all(part.isdigit() for part in head.split()):
        return Identified(
            Kind.EMPTY,
            "These figures name no record: a PMID is a whole number of up to eight digits. Give a PMID or "
            "DOI, or paste the abstract's text.",
        )
    found = cited(head)
    if not found.names and (label := _TITLE_LABEL.match(head)):
        rest = head[label.end() :]
        shape = shape_of(rest)
        if (
            shape.words <= MAX_TITLE_WORDS
            and shape.tells == 0
            and "\n\n" not in rest
            and (title := _title(rest))
        ):
            return replace(title, alternative=_text(shape.words))
    shape = shape_of(plain_signs(typed) if len(typed) <= LOOKED_AT else typed)
    if found.names:
        return _of_citation(found, shape)
    if shape.tells == 0 and (title := _title(cited_title(head))):
        return replace(title, alternative=_text(shape.words))
    return _of_words(head, shape)


_TITLE_LABEL = re.compile(r"(?:(?:article|paper|full) )?title\s?[:=]\s{0,9}(?=\S)", re.IGNORECASE)


def _without_wrapping(head: str) -> str:
    """The input without signs around it; a star or quotation mark that belongs to a search term stays."""
    opened = head.lstrip("<([{\"'“”‘’«»‹›„` ")
    bare = without_signs_behind(opened)
    sign = opened[len(bare) : len(bare) + 1]
    own = "?" in bare and (sign == "*" or (sign == '"' and bare.count('"') % 2 == 1))
    return bare + sign if own else bare


def _of_words(head: str, shape: Shape) -> Identified:
    """What an input without a name of a record is taken for."""
    return _of_many_words(head, shape) if shape.words >= MIN_TEXT_WORDS else _of_few_words(head, shape)


def _of_many_words(head: str, shape: Shape) -> Identified:
    """Text, but for search strategies and plain questions: what may be of an abstract is sent nowhere."""
    text = _text(shape.words)
    if _is_long_query(shape):
        return replace(_query(head), alternative=text)
    one_sentence = shape.sentences == 1 and shape.words <= MAX_TITLE_WORDS and "\n\n" not in head
    if not one_sentence or shape.tells:
        return replace(text, alternative=_query(head)) if shape.syntax else text
    if shape.end == "?":
        question = _question(head)
        opens_as_one = opens_as_question(head)
        return replace(question, alternative=text) if opens_as_one else replace(text, alternative=question)
    return replace(text, alternative=_title(head))


def _of_few_words(head: str, shape: Shape) -> Identified:
    """One of text, query, question, title and key words; often with the next likely way beside it."""
    text = _text(shape.words)
    title = _title(head) if shape.words >= MIN_TITLE_WORDS else None
    sentence = shape.end == "." and shape.words >= MIN_SENTENCE_WORDS
    tells_text = shape.tells > 0 or (shape.sentences > 1 and shape.end != "?")
    if shape.syntax:
        if tells_text or (sentence and shape.verbs):
            return replace(text, alternative=_query(head))
        bare = not _OTHER_THAN_WORDS.search(_SITE.sub("", head))
        if bare and (shape.end == "?" or opens_as_question(head)):  # "BRCA1 AND BRCA2", stressed
            return replace(_question(head), alternative=title)
        beside = title if bare and shape.stops else None
        return replace(_query(head), alternative=text if sentence else beside)
    if title and shape.words >= MIN_SENTENCE_WORDS and opens_with_question(head):
        return replace(title, alternative=_question(head))
    if shape.asks and shape.tells < 2 and (shape.end != "." or shape.sentences == 1):
        return replace(_question(head), alternative=title if shape.words >= MIN_SENTENCE_WORDS else None)
    key_words = _query(head, syntax=0)
    if title is None:
        return key_words
    if tells_text or (sentence and shape.verbs):
        return replace(text, alternative=title)
    if shape.end:
        return replace(title, alternative=text)
    if shape.words >= MIN_BARE_TITLE_WORDS and _opens_like_title(head):
        return replace(title, alternative=text if shape.verbs else key_words)
    number = _LONE_NUMBER.search(head)  # "12345678 Smith 2019": a PMID, perhaps
    return replace(key_words, alternative=_records((Name(Scheme.PMID, number[0]),)) if number else title)


_OTHER_THAN_WORDS = re.compile(r"[\[\]()\"“”*]")  # an operator besides these is one, not a stressed word
_SITE = re.compile(r"\s{0,9}\[(?:pubmed|medline|internet)[^\[\]\n]{0,40}\]", re.IGNORECASE)  # "[PubMed]"
_LONE_NUMBER = re.compile(r"(?<![\w.,/-])[1-9][0-9]{6,7}(?![\w,/-]|\.[0-9])")


def _is_long_query(shape: Shape) -> bool:
    """Whether an input of a text's length is a search strategy: syntax throughout, hardly an "of"."""
    return (
        shape.syntax > 0
        and shape.tells == 0
        and shape.sentences == 1
        and shape.stops <= MAX_QUERY_STOPS
        and (shape.syntax * 8 >= shape.words or shape.stops <= MAX_QUERY_STOPS / 3)
    )


def _opens_like_title(head: str) -> bool:
    first = head.lstrip("\"'“‘([¿")[:1]
    return first.isupper() or first.isdigit() or "α" <= first <= "ω"


# --- the ways to take it ---------------------------------------------------------------------------------


def _text(words: int) -> Identified:
    return Identified(Kind.TEXT, f"Pasted text, {words:,} word{'s' if words != 1 else ''}.")


def _records(names: tuple[Name, ...]) -> Identified:
    return Identified(Kind.RECORDS, _names_in_words(names), names=names)


def _query(written: str, *, syntax: int = 1) -> Identified:
    """``written`` as a query; where it has none of PubMed's syntax, names are kept whole."""
    query = _clean_query(written)
    if not syntax:
        query = with_names_quoted(query)
    return Identified(Kind.QUERY, "PubMed query: its first result is read.", query=query)


def _question(written: str) -> Identified:
    tries = queries(written)
    if not tries:
        return _query(written)
    return Identified(
        Kind.QUERY,
        f"A question: PubMed is searched for {tries[0]}, and the first result is read.",
        query=tries[0],
        looser=tuple(tries[1:]),
    )


def _title(written: str) -> Identified | None:
    """``written`` as a title, ``None`` where it has no word to look one up by."""
    written = _SITE.sub("", written)
    tries = title_queries(written)
    if not tries:
        return None
    return Identified(
        Kind.TITLE,
        "A title: the record that has it is looked up in PubMed.",
        query=tries[0],
        looser=tuple(tries[1:]),
        title=" ".join(written.split()),
    )


def _of_address(address: Address, nested: int) -> Identified:
    if address.names:
        return _records(address.names)
    if address.query:
        inner = _identify(address.query, nested - 1) if nested else _query(address.query)
        if inner.kind is Kind.RECORDS:
            return inner
        title = inner.alternative if inner.kind is Kind.TEXT else inner
        if title is not None and title.kind is Kind.TITLE:  # an address is no text to read
            return replace(title, alternative=_query(address.query))
        left_out = f" Its filters {', '.join(address.dropped)} are left out." if address.dropped else ""
        return Identified(
            Kind.QUERY,
            f"PubMed query of this address: its first result is read.{left_out}",
            query=_clean_query(address.query),
        )
    if address.related:
        return Identified(
            Kind.FOREIGN_ADDRESS,
            f"This address lists articles related to PMID {address.related.value}, which cannot be read from "
            "it. Give the PMID or DOI of one of them, or paste its text.",
            alternative=_records((address.related,)),
        )
    if address.ours:
        return Identified(
            Kind.FOREIGN_ADDRESS,
            "This address names no record and no search of PubMed. Give a PMID or DOI, or paste the "
            "abstract's text.",
        )
    return Identified(
        Kind.FOREIGN_ADDRESS,
        "This address is none of PubMed, PMC, Europe PMC or doi.org, and there is no DOI in it. Paste the "
        "abstract's text, or give its PMID or DOI.",
    )


def _of_citation(found: Cited, shape: Shape) -> Identified:
    """The records a citation names, or the text that merely mentions them."""
    records = _records(found.names)
    text = _text(shape.words)
    if found.export:
        return records
    if found.is_citation and shape.tells < 2:
        return replace(records, alternative=text)
    beside = len(found.rest.split())
    if not (shape.verbs or shape.tells) and beside <= (2 if found.signs else 1) * MAX_WORDS_BESIDE_NAME:
        return records
    return replace(text, alternative=records)


def _names_in_words(names: tuple[Name, ...]) -> str:
    if len(names) == 1:
        version = f", version {names[0].version}" if names[0].version else ""
        return f"{names[0].scheme} {names[0].value}{version}."
    totals = {scheme: sum(name.scheme is scheme for name in names) for scheme in Scheme}
    counts = [f"{n} {scheme}{'s' if n > 1 else ''}" for scheme, n in totals.items() if n]
    more = f" Only the first {MAX_NAMES} are fetched." if len(names) > MAX_NAMES else ""
    return f"{' and '.join(counts)}, read as one text.{more}"


def _listed(names: tuple[Name, ...]) -> str:
    if len(names) > 3:
        return f"{len(names)} records"
    return ", ".join(
        name.value if name.scheme is Scheme.PMCID else f"{name.scheme} {name.value}" for name in names
    )


_CURLY = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})


def _clean_query(written: str) -> str:
    """The query with straight quotation marks, and without brackets that are no field tag of PubMed."""

    def kept(match: re.Match[str]) -> str:
        if is_field_tag(match[1]) and not is_short_form(text, match):
            return match[0]
        return (
            " "
            if is_short_form(text, match) or " " in match[1] or match[1] == "corrected"
            else f" {match[1]} "
        )

    text = _SITE.sub("", written.translate(_CURLY))
    return " ".join(BRACKETED.sub(kept, text).split()).rstrip("?. ") or written


def same_title(one: str, other: str) -> bool:
    """Whether two titles are the same but for case, punctuation, accents, and a subtitle left out."""
    first, second = _bare(one), _bare(other)
    short, long = sorted((first, second), key=len)
    return bool(short) and (short == long or (len(short) >= 5 and long[: len(short)] == short))


def _bare(title: str) -> list[str]:
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", title.casefold()) if not unicodedata.combining(c)
    )
    return re.findall(r"[^\W_]+", plain)
