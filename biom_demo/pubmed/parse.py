"""E-utilities XML -> records. Any DTD version, any unknown element; nothing is downloaded.

Source: NLM's PubMed DTD documentation; shapes seen in efetch answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from biom_demo.errors import RecordError
from biom_demo.pubmed.abstract import Abstract, Note, NoteKind, Section

_NOTES = {
    "RetractionIn": NoteKind.RETRACTED_BY,
    "RetractionOf": NoteKind.RETRACTION_OF,
    "ExpressionOfConcernIn": NoteKind.CONCERN_BY,
    "ExpressionOfConcernFor": NoteKind.CONCERN_ABOUT,
    "ErratumIn": NoteKind.ERRATUM_IN,
    "ErratumFor": NoteKind.ERRATUM_FOR,
}
# Invisible or odd spaces become plain ones; zero-width characters go.
_SPACES = re.compile(r"[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_ZERO_WIDTH = re.compile(r"[\u200b-\u200d\u2060\ufeff\u00ad]")
_YEAR = re.compile(r"\b(1[5-9]\d\d|20\d\d)\b")


@dataclass(frozen=True, slots=True)
class Found:
    """An answer of esearch: how many records match in all, and the first of them.

    ``translation`` is the query as PubMed understood it; ``warnings`` say what it ignored.
    """

    count: int
    pmids: tuple[str, ...]
    translation: str = ""
    warnings: tuple[str, ...] = ()


def parse_articles(xml: bytes) -> list[Abstract]:
    """The records of an efetch answer, articles and books, in order; those without a PMID left out.

    Raises ``RecordError`` where the answer is no such XML (a web page, cut off, an entity bomb).
    """
    root = _root(xml)
    if root.tag not in {"PubmedArticleSet", "PubmedBookArticleSet"}:
        raise RecordError(_not_records(root))
    records = []
    for element in root:
        made = None
        if element.tag == "PubmedArticle":
            made = _article(element)
        elif element.tag == "PubmedBookArticle":
            made = _book(element)
        if made:
            records.append(made)
    return records


def parse_search(xml: bytes) -> Found:
    """What an esearch answer says. Raises ``RecordError`` where it is none or reports an error."""
    root = _root(xml)
    if root.tag != "eSearchResult" or root.find("ERROR") is not None:
        raise RecordError(_not_records(root))
    count = _flat(root.find("Count"))
    if not count.isdigit():
        raise RecordError("PubMed's answer to the search has no count. Try again in a minute.")
    ignored = [f"{_flat(e)} was not found" for e in root.findall("ErrorList/PhraseNotFound")]
    ignored += [
        f"{_flat(e)} was ignored"
        for name in ("PhraseIgnored", "QuotedPhraseNotFound")
        for e in root.findall(f"WarningList/{name}")
    ]
    return Found(
        int(count),
        tuple(pmid for e in root.findall("IdList/Id") if (pmid := _flat(e)).isdigit()),
        _flat(root.find("QueryTranslation")),
        tuple(ignored),
    )


def parse_idconv(body: bytes) -> dict[str, str]:
    """PMCID -> PMID of an answer of the ID Converter; ids without a PMID left out.

    Raises ``RecordError`` where it is no such JSON.
    """
    try:
        document = json.loads(body)
        rows = document["records"]
        return {
            str(row["pmcid"]).upper().split(".")[0]: str(row["pmid"])
            for row in rows
            if row.get("pmcid") and str(row.get("pmid", "")).isdigit()
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise RecordError(
            "The ID Converter of PMC gave an answer that cannot be read. Try again in a minute."
        ) from None


def _root(xml: bytes) -> Element:
    if re.match(rb"\s*(<!doctype html|<html)", xml[:2000], re.IGNORECASE):
        raise RecordError("PubMed sent a web page instead of records; it may be under maintenance.")
    try:
        root: Element = ElementTree.fromstring(xml)
        return root
    except DefusedXmlException:
        raise RecordError(
            "The answer holds XML entities, which PubMed never sends. It was not read."
        ) from None
    except (ParseError, ValueError, LookupError, RecursionError):
        raise RecordError("PubMed's answer is cut off or no XML. Try again in a minute.") from None


def _not_records(root: Element) -> str:
    error = next((e for e in root.iter() if e.tag.lower() == "error"), None)
    words = _flat(error)[:200] if error is not None else ""
    if words:
        return f"PubMed says: {words}"
    return "PubMed's answer holds no records. Try again in a minute."


def _article(element: Element) -> Abstract | None:
    citation = element.find("MedlineCitation")
    pmid = _flat(citation.find("PMID")) if citation is not None else ""
    article = citation.find("Article") if citation is not None else None
    if citation is None or article is None or not pmid.isdigit():
        return None
    history = element.find("PubmedData")
    # ArticleIdList of the record itself: those of its references lie deeper.
    ids = {
        (e.get("IdType") or ""): _flat(e)
        for e in (history.findall("ArticleIdList/ArticleId") if history is not None else ())
    }
    doi = next(
        (
            _flat(e)
            for e in article.findall("ELocationID")
            if e.get("EIdType") == "doi" and e.get("ValidYN") != "N"
        ),
        ids.get("doi", ""),
    )
    date = _date(article.find("Journal/JournalIssue/PubDate")) or _date(article.find("ArticleDate"))
    journal = article.find("Journal")
    return _made(
        pmid,
        article.find("ArticleTitle"),
        article.find("Abstract"),
        vernacular_title=_flat(article.find("VernacularTitle")),
        authors=tuple(_authors(article.find("AuthorList"))),
        journal=(_flat(journal.find("Title")) or _flat(journal.find("ISOAbbreviation")))
        if journal is not None
        else "",
        date=date,
        doi=doi,
        pmcid=ids.get("pmc", ""),
        mesh=tuple(_mesh(citation)),
        publication_types=_texts(article, "PublicationTypeList/PublicationType"),
        notes=tuple(_notes(citation)),
    )


def _book(element: Element) -> Abstract | None:
    document = element.find("BookDocument")
    pmid = _flat(document.find("PMID")) if document is not None else ""
    if document is None or not pmid.isdigit():
        return None
    ids = {(e.get("IdType") or ""): _flat(e) for e in document.findall("ArticleIdList/ArticleId")}
    book = document.find("Book")
    title = document.find("ArticleTitle")
    return _made(
        pmid,
        title if title is not None and _flat(title) else document.find("Book/BookTitle"),
        document.find("Abstract"),
        vernacular_title=_flat(document.find("VernacularTitle")),
        authors=tuple(_authors(document.find("AuthorList"))),
        journal=_flat(book.find("BookTitle")) if book is not None else "",
        date=_date(document.find("ContributionDate")) or _date(document.find("Book/PubDate")),
        doi=ids.get("doi", ""),
        pmcid=ids.get("pmc", ""),
        mesh=(),
        publication_types=_texts(document, "PublicationType"),
        notes=(),
    )


def _made(
    pmid: str,
    title_element: Element | None,
    abstract: Element | None,
    *,
    vernacular_title: str,
    authors: tuple[str, ...],
    journal: str,
    date: str,
    doi: str,
    pmcid: str,
    mesh: tuple[str, ...],
    publication_types: tuple[str, ...],
    notes: tuple[Note, ...],
) -> Abstract:
    title = _flat(title_element)
    parts: list[str] = []
    sections: list[Section] = []
    at = 0

    def add(label: str, shown: str, body: str) -> None:
        nonlocal at
        lead = ("\n" if parts else "") + (f"{shown}: " if shown else "")
        start = at + len(lead)
        parts.append(lead + body)
        at = start + len(body)
        sections.append(Section(label, start, at))

    if title:
        # Closed with a full stop, so that no sentence runs on from the title into the text.
        add("TITLE", "", title if title.endswith((".", "?", "!", "]")) else f"{title}.")
    # Direct children only: OtherAbstract (other languages) is a sibling of Abstract.
    for element in abstract.findall("AbstractText") if abstract is not None else ():
        if body := _flat(element):
            label = _SPACES.sub(" ", element.get("Label") or "").strip().rstrip(":").upper()
            label = "" if label == "UNLABELLED" else label
            add(label, label, body)
    year = _YEAR.search(date)
    return Abstract(
        pmid=pmid,
        title=title,
        text="".join(parts),
        sections=tuple(sections),
        has_abstract=any(section.label != "TITLE" for section in sections),
        vernacular_title=vernacular_title,
        authors=authors,
        journal=journal,
        year=int(year[1]) if year else 0,
        date=date,
        doi=doi,
        pmcid=pmcid,
        mesh=mesh,
        publication_types=publication_types,
        notes=notes,
    )


def _flat(element: Element | None) -> str:
    """The element's text with its inline markup made readable and spaces made plain.

    ``10<sup>-3</sup>`` becomes ``10^-3``; ``Ca<sup>2+</sup>`` and ``H<sub>2</sub>O`` stay as they
    are usually typed, ``Ca2+`` and ``H2O``.
    """
    if element is None:
        return ""
    text = "".join(_pieces(element))
    return _SPACES.sub(" ", _ZERO_WIDTH.sub("", text)).strip()


def _pieces(element: Element) -> Iterator[str]:
    before = ""
    for piece, tag in _walk(element):
        signed = re.match(r"[-−–]\d", piece)
        if tag == "sup" and (signed or (re.match(r"\+?\d", piece) and before[-1:].isdigit())):
            piece = f"^{piece}"
        elif tag == "sub" and piece[:1].isdigit() and before[-1:].isdigit():
            piece = f"_{piece}"
        before = piece or before
        yield piece


def _walk(element: Element, tag: str = "") -> Iterator[tuple[str, str]]:
    """Each stretch of text in order with the sup or sub it stands in; without recursion."""
    stack: list[tuple[Element, str, Iterator[Element]]] = []
    if element.text:
        yield element.text, tag
    stack.append((element, tag, iter(element)))
    while stack:
        parent, own, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            if stack and parent.tail:
                yield parent.tail, stack[-1][1]
            continue
        inner = str(child.tag).rpartition("}")[2].lower()
        inside = inner if inner in {"sup", "sub"} else own
        if child.text:
            yield child.text, inside
        stack.append((child, inside, iter(child)))


def _date(element: Element | None) -> str:
    """The date as printed: "2019 Mar 4", "2001 Winter", "1998 Dec-1999 Jan", or ""."""
    if element is None:
        return ""
    free = _flat(element.find("MedlineDate"))
    if free:
        return free
    parts = [_flat(element.find(name)) for name in ("Year", "Season", "Month", "Day")]
    return " ".join(part for part in parts if part) if parts[0] else ""


def _authors(authors: Element | None) -> Iterator[str]:
    for author in authors.findall("Author") if authors is not None else ():
        if author.get("ValidYN") == "N":
            continue
        collective = _flat(author.find("CollectiveName"))
        last, initials = _flat(author.find("LastName")), _flat(author.find("Initials"))
        if name := collective or f"{last} {initials}".strip():
            yield name


def _mesh(citation: Element) -> Iterator[str]:
    for heading in citation.findall("MeshHeadingList/MeshHeading"):
        if descriptor := _flat(heading.find("DescriptorName")):
            qualifiers = [_flat(e) for e in heading.findall("QualifierName")]
            yield "/".join([descriptor, *(q for q in qualifiers if q)])


def _notes(citation: Element) -> Iterator[Note]:
    for element in citation.findall("CommentsCorrectionsList/CommentsCorrections"):
        if kind := _NOTES.get(element.get("RefType") or ""):
            yield Note(kind, _flat(element.find("PMID")), _flat(element.find("RefSource")))


def _texts(element: Element, path: str) -> tuple[str, ...]:
    return tuple(text for e in element.findall(path) if (text := _flat(e)))
