"""E-utilities XML -> records. Any DTD version, any unknown element; nothing is downloaded.

Records are built and let go one by one, without the parts that are never read (references, affiliations,
grants), so that memory follows the largest record and not the answer.

Source: NLM's PubMed DTD documentation; shapes seen in efetch answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html.entities import html5
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from biom_demo.errors import RecordError
from biom_demo.pubmed.abstract import Abstract, Note, NoteKind, joined
from biom_demo.pubmed.characters import unescaped
from biom_demo.pubmed.markup import parts_of, readable

# Far beyond any record of PubMed; what is larger is no record.
MAX_ELEMENTS = 250_000
MAX_CHARS = 8_000_000
MAX_RECORDS = 10_000  # efetch gives no more
_FEED_BYTES = 1_000_000  # an unfinished tag is scanned anew with each piece

_LINKS = {
    "retractionin": NoteKind.RETRACTED_BY,
    "retractionof": NoteKind.RETRACTION_OF,
    "partialretractionin": NoteKind.PARTLY_RETRACTED_BY,
    "partialretractionof": NoteKind.PARTIAL_RETRACTION_OF,
    "retractedandrepublishedin": NoteKind.RETRACTED_AND_REPUBLISHED_IN,
    "retractedandrepublishedfrom": NoteKind.RETRACTED_AND_REPUBLISHED_FROM,
    "correctedandrepublishedin": NoteKind.CORRECTED_AND_REPUBLISHED_IN,
    "correctedandrepublishedfrom": NoteKind.CORRECTED_AND_REPUBLISHED_FROM,
    "republishedin": NoteKind.REPUBLISHED_IN,
    "republishedfrom": NoteKind.REPUBLISHED_FROM,
    "reprintin": NoteKind.REPUBLISHED_IN,
    "reprintof": NoteKind.REPUBLISHED_FROM,
    "updatein": NoteKind.UPDATE_IN,
    "updateof": NoteKind.UPDATE_OF,
    "erratumin": NoteKind.ERRATUM_IN,
    "erratumfor": NoteKind.ERRATUM_FOR,
    "expressionofconcernin": NoteKind.CONCERN_BY,
    "expressionofconcernfor": NoteKind.CONCERN_ABOUT,
    "commenton": NoteKind.COMMENT_ON,
}
_RECORDS = frozenset({"PubmedArticle", "PubmedBookArticle"})
_SETS = frozenset({"PubmedArticleSet", "PubmedBookArticleSet"})
_NEVER_READ = frozenset(
    re.findall(
        r"\w+",
        """ReferenceList AffiliationInfo Affiliation Identifier ChemicalList GrantList DataBankList History
        InvestigatorList PersonalNameSubjectList GeneSymbolList SupplMeshList ObjectList CoiStatement
        CopyrightInformation Sections ItemList""",
    )
)
_PLACEHOLDER = re.compile(
    r"[\[(]?\s*(?:(?:title\s+)?not\s+available|translated(?:\s+title)?|no\s+title(?:\s+available)?"
    r"|untitled|in\s+process\s+citation)\s*\.?\s*[\])]?\s*\.?",
    re.IGNORECASE,
)
_NO_ABSTRACT = re.compile(
    r"[\[(]?\s*(?:no\s+abstract|abstract\s+not)\s+available\s*[\])]?\s*\.?", re.IGNORECASE
)
_YEAR = re.compile(r"\b(1[5-9]\d\d|20\d\d)\b")
_NUMBER = re.compile(r"[0-9]{1,12}")
# A point before zeros alone is a decimal one; any other sign before three digits groups them.
_COUNT = re.compile(r"\+?(?:\d{1,12}|\d{1,3}(?:[\s\u00a0\u2009\u202f,.'’_]\d{3}){1,3})(?:\.0*)?", re.ASCII)
_NO_FRACTION = re.compile(r"(?<!\.\d{3})\.0*$")
_PMCID = re.compile(r"PMC[0-9]{1,12}", re.IGNORECASE)
_WEB_PAGE = "PubMed sent a web page instead of records; it may be under maintenance."
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Of several abstracts that are not PubMed's own: the publisher's first, a lay summary last.
_BY_WHOM = {"publisher": 0, "plain-language-summary": 2}


@dataclass(frozen=True, slots=True)
class SearchResult:
    """An answer of esearch: how many records match in all, and the first of them.

    ``translation`` is the query as PubMed understood it; ``warnings`` say what it ignored.
    """

    count: int
    pmids: tuple[str, ...]
    translation: str = ""
    warnings: tuple[str, ...] = ()


def parse_articles(xml: bytes) -> list[Abstract]:
    """The records of an efetch answer, articles and books, in order; those without a PMID left out.

    Raises ``RecordError`` where the answer is no such XML (a web page, an entity bomb), holds more than
    any answer does, or is cut off: what came before the cut is not given, since the records after it
    would look as if PubMed did not have them.
    """
    records: list[Abstract] = []
    for element in _elements(_chunks(xml)):
        if element.tag not in _RECORDS:
            raise RecordError(_not_records(element))
        if len(records) == MAX_RECORDS:
            raise RecordError("PubMed's answer holds more records than were asked for. It was not read.")
        record = _article(element) if element.tag == "PubmedArticle" else _book(element)
        if record:
            records.append(record)
    return records


def stream_articles(file: BinaryIO) -> Iterator[Abstract | None]:
    """The records of a file of PubMed's XML, a baseline or update file say, one by one and any number.

    ``None`` for one without a PMID. No more than a record is held. Raises ``RecordError`` as
    ``parse_articles`` does, behind the records before the fault.
    """
    for element in _elements(_file_chunks(file), what="The file"):
        if element.tag not in _RECORDS:
            raise RecordError("The file holds no records of PubMed. Give one of its XML files.")
        yield _article(element) if element.tag == "PubmedArticle" else _book(element)


def parse_search(xml: bytes) -> SearchResult:
    """What an esearch answer says. Raises ``RecordError`` where it is none or reports an error."""
    root: Element | None = None
    for element in _elements(_chunks(xml)):
        root = element
    if root is None or root.tag in _RECORDS:
        raise RecordError("PubMed sent records instead of the answer to a search. Try again in a minute.")
    if root.tag != "eSearchResult" or root.find("ERROR") is not None:
        raise RecordError(_not_records(root))
    pmids = tuple(pmid for e in root.findall("IdList/Id") if _NUMBER.fullmatch(pmid := readable(e)))
    count = _count(readable(root.find("Count")))
    if count is None and not pmids:
        raise RecordError("PubMed's answer to the search has no count. Try again in a minute.")
    told = {
        "ErrorList/PhraseNotFound": "{} was not found",
        "ErrorList/FieldNotFound": "{} is no search field",
        "WarningList/PhraseIgnored": "{} was ignored",
        "WarningList/QuotedPhraseNotFound": "the phrase {} was not found, its words were searched one by one",
        "WarningList/OutputMessage": "{}",
    }
    warnings = [
        words.format(text)
        for path, words in told.items()
        for e in root.findall(path)
        if (text := readable(e))
    ]
    return SearchResult(
        count or 0,
        pmids,
        readable(root.find("QueryTranslation")),
        tuple(dict.fromkeys(words for words in warnings if words != "No items found.")),
    )


def title_of(text: str) -> str:
    """The title, "" for what PubMed writes where there is none: "[Not Available].\"."""
    return "" if _PLACEHOLDER.fullmatch(text) else text


def year_of(date: str) -> int:
    """The year of a date as printed, 0 where it has none."""
    year = _YEAR.search(date)
    return int(year[1]) if year else 0


def _count(text: str) -> int | None:
    """The whole number a text writes, however its digits are grouped: "1,234", "12.0"; else ``None``."""
    if not _COUNT.fullmatch(text):
        return None
    return int(re.sub(r"\D", "", _NO_FRACTION.sub("", text)))


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
            if row.get("pmcid") and _NUMBER.fullmatch(str(row.get("pmid", "")))
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise RecordError(
            "The ID Converter of PMC gave an answer that cannot be read. Try again in a minute."
        ) from None


class _Builder:
    """Takes a parser's events and leaves each record of a set in ``finished``.

    A document whose root is no set is one element there. What is never read is not built. Tags lose
    their namespace: "mml:mi" and "mi" are one.
    """

    def __init__(self) -> None:
        self.finished: list[Element] = []
        self._tree: TreeBuilder | None = None
        self._depth = self._skipped = self._elements = self._chars = 0
        self._in_set = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """A tag opens."""
        self._depth += 1
        name = tag.rpartition("}")[2]
        if self._depth == 1 and name in _SETS:
            self._in_set = True
        elif (
            self._skipped
            or name in _NEVER_READ
            or (self._depth == 2 and self._in_set and name not in _RECORDS)
        ):
            self._skipped += 1
        else:
            if self._tree is None:
                self._tree = TreeBuilder()
                self._elements = self._chars = 0
            self._elements += 1
            self._chars += sum(map(len, attributes.values()))
            self._check()
            self._tree.start(name, attributes)

    def data(self, text: str) -> None:
        """Text, which may come in pieces."""
        if self._tree is not None and not self._skipped:
            self._chars += len(text)
            self._check()
            self._tree.data(text)

    def end(self, tag: str) -> None:
        """A tag closes."""
        self._depth -= 1
        if self._skipped:
            self._skipped -= 1
        elif self._tree is not None:
            self._tree.end(tag.rpartition("}")[2])
            if self._depth == self._in_set:
                self.finished.append(self._tree.close())
                self._tree = None

    def _check(self) -> None:
        if self._elements > MAX_ELEMENTS or self._chars > MAX_CHARS:
            raise RecordError("PubMed's answer holds a record larger than any record is. It was not read.")


def _elements(chunks: Iterable[bytes], what: str = "PubMed's answer") -> Iterator[Element]:
    """The records of a set one by one, or the root of any other document.

    The document comes in pieces, the first with its root's tag, the last empty. Raises ``RecordError``
    where they are no whole XML document; ``what`` it is then called.
    """
    builder = _Builder()
    parser = DefusedXMLParser(target=builder)
    # "&beta;", "&InvisibleTimes;": the DTD that defines them is not read.
    parser.entity.update({name.rstrip(";"): text for name, text in html5.items()})
    for chunk in chunks:
        try:
            parser.feed(chunk) if chunk else parser.close()
        except DefusedXmlException:
            raise RecordError(
                f"{what} holds XML entities, which PubMed never sends. It was not read."
            ) from None
        except (ParseError, ValueError, LookupError):
            yield from builder.finished  # whole records all the same; an answer is refused as a whole
            raise RecordError(f"{what} is cut off or no XML. Try again in a minute.") from None
        yield from builder.finished
        builder.finished.clear()


def _chunks(xml: bytes) -> Iterator[bytes]:
    """The document in pieces and b"" at its end, with namespace prefixes declared that are not.

    PubMed's DTD declares "mml" for MathML, and the DTD is not read. Raises ``RecordError`` for a web page.
    """
    prefixes = set(re.findall(rb"<([A-Za-z_][\w.-]{0,30}):[A-Za-z]", xml))
    prefixes |= {name for name in (b"xlink", b"xsi") if b" " + name + b":" in xml}
    yield from _declaring(prefixes, xml[:_FEED_BYTES])
    for first in range(_FEED_BYTES, len(xml), _FEED_BYTES):
        yield xml[first : first + _FEED_BYTES]
    yield b""


def _file_chunks(file: BinaryIO) -> Iterator[bytes]:
    """The same of a file too large to be looked through beforehand: what PubMed uses is declared."""
    yield from _declaring({b"mml", b"xlink", b"xsi"}, file.read(_FEED_BYTES))
    while piece := file.read(_FEED_BYTES):
        yield piece
    yield b""


def _declaring(prefixes: set[bytes], head: bytes) -> Iterator[bytes]:
    """The head of a document in pieces, with the prefixes declared in its root's tag that are not."""
    if re.match(rb"(?:\xef\xbb\xbf)?\s*(<!doctype html|<html)", head[:2000], re.IGNORECASE):
        raise RecordError(_WEB_PAGE)
    root = re.search(rb"<[A-Za-z_][^\s<>/]*(?=[\s/>])", head[:4000])
    opening = head[root.start() : head.find(b">", root.start())] if root else b""
    missing = sorted(name for name in prefixes if b"xmlns:" + name not in opening)
    if root and missing:
        yield head[: root.end()]
        yield b"".join(b' xmlns:%b="urn:%b"' % (name, name) for name in missing)
        head = head[root.end() :]
    if head:  # an empty piece would end the document
        yield head


def _not_records(root: Element) -> str:
    if root.tag.lower() == "html":
        return _WEB_PAGE
    error = next((e for e in root.iter() if e.tag.lower() == "error"), None)
    words = readable(error)[:200]
    if words:
        return f"PubMed says: {words}"
    return "PubMed's answer holds no records. Try again in a minute."


def _article(element: Element) -> Abstract | None:
    citation = element.find("MedlineCitation")
    pmid = readable(citation.find("PMID")) if citation is not None else ""
    article = citation.find("Article") if citation is not None else None
    if citation is None or article is None or not _NUMBER.fullmatch(pmid):
        return None
    journal = article.find("Journal")
    # ArticleIdList of the record itself: those of its references lie deeper.
    ids = _ids(element.findall("PubmedData/ArticleIdList/ArticleId"))
    return _made(
        citation,
        article.find("ArticleTitle"),
        article.find("VernacularTitle"),
        article.find("Abstract"),
        citation.findall("OtherAbstract"),
        authors=_names(article.findall("AuthorList")),
        journal=_first(journal, "Title", "ISOAbbreviation")
        or _first(citation, "MedlineJournalInfo/MedlineTA"),
        date=_date(article.find("Journal/JournalIssue/PubDate")) or _date(article.find("ArticleDate")),
        doi=_doi(article) or ids.get("doi", ""),
        pmcid=ids.get("pmc", ""),
        mesh=tuple(_mesh(citation)),
        languages=_texts(article, "Language"),
        publication_types=_texts(article, "PublicationTypeList/PublicationType"),
        notes=(*_links(citation), *_links(article)),
    )


def _book(element: Element) -> Abstract | None:
    document = element.find("BookDocument")
    if document is None or not _NUMBER.fullmatch(readable(document.find("PMID"))):
        return None
    book = document.find("Book")
    chapter = document.find("ArticleTitle")
    whole = not readable(chapter)
    ids = _ids(
        [
            *element.findall("PubmedBookData/ArticleIdList/ArticleId"),
            *document.findall("ArticleIdList/ArticleId"),
        ]
    )
    own = document.findall("AuthorList")
    lists = [*own, *(book.findall("AuthorList") if book is not None else [])]
    editors = [names for names in lists if (names.get("Type") or "").lower() == "editors"]
    writers = [names for names in own if names not in editors]
    return _made(
        document,
        document.find("Book/BookTitle") if whole else chapter,
        document.find("VernacularTitle"),
        document.find("Abstract"),
        document.findall("OtherAbstract"),
        authors=_names(writers) or _names([names for names in lists if names not in editors]),
        journal=_first(book, "CollectionTitle", "Publisher/PublisherName")
        if whole
        else _first(book, "BookTitle"),
        date=_date(document.find("ContributionDate")) or _date(document.find("Book/PubDate")),
        doi=_doi(document) or ids.get("doi", "") or (_doi(book) if book is not None and whole else ""),
        pmcid=ids.get("pmc", ""),
        mesh=(),
        languages=_texts(document, "Language"),
        publication_types=_texts(document, "PublicationType"),
        notes=tuple(_links(document)),
        editors=_names(editors),
    )


def _made(
    document: Element,
    title_element: Element | None,
    vernacular: Element | None,
    abstract: Element | None,
    others: Sequence[Element],
    *,
    authors: tuple[str, ...],
    journal: str,
    date: str,
    doi: str,
    pmcid: str,
    mesh: tuple[str, ...],
    languages: tuple[str, ...],
    publication_types: tuple[str, ...],
    notes: tuple[Note, ...],
    editors: tuple[str, ...] = (),
) -> Abstract:
    """The record, its text put together of title and sections with their offsets."""
    number = document.find("PMID")
    version = (number.get("Version") or "") if number is not None else ""
    title, vernacular_title = (title_of(text) for text in (readable(title_element), readable(vernacular)))
    title_is_original = not title and bool(vernacular_title)
    title = title or vernacular_title
    written, kind, language = _written(abstract, others)
    text, sections = joined(title, written)
    return Abstract(
        pmid=readable(number),
        title=title,
        text=text,
        sections=sections,
        has_abstract=bool(written),
        vernacular_title=vernacular_title,
        authors=authors,
        journal=journal,
        year=year_of(date),
        date=date,
        doi=doi,
        pmcid=pmcid,
        mesh=mesh,
        publication_types=publication_types,
        notes=notes,
        version=int(version) if _NUMBER.fullmatch(version) else 1,
        title_is_original=title_is_original,
        abstract_type=kind,
        abstract_language=language,
        languages=tuple(code.lower() for code in languages),
        keywords=_texts(document, "KeywordList/Keyword"),
        editors=editors,
    )


def _written(abstract: Element | None, others: Sequence[Element]) -> tuple[list[tuple[str, str]], str, str]:
    """The sections of PubMed's abstract, or of the best other one with its type and language."""
    if abstract is not None and (sections := _sections(abstract)):
        return sections, "", ""

    def rank(other: Element) -> tuple[bool, int]:
        return _language(other) != "eng", _BY_WHOM.get((other.get("Type") or "").lower(), 1)

    for other in sorted(others, key=rank):
        if sections := _sections(other):
            return sections, unescaped(other.get("Type") or ""), _language(other)
    return [], "", ""


def _language(abstract: Element) -> str:
    code = (abstract.get("Language") or "eng").strip().lower()
    return "eng" if code.partition("-")[0] in {"en", "eng"} else code


def _sections(abstract: Element) -> list[tuple[str, str]]:
    """Label and body of each section that has a body."""
    found = []
    for element in abstract.findall("AbstractText"):
        own = unescaped(element.get("Label") or "").rstrip(": ").upper()
        for heading, body in parts_of(element):
            label = heading.upper() or own
            if not _NO_ABSTRACT.fullmatch(body):
                found.append(("" if label == "UNLABELLED" else label, body))
    return found


def _first(element: Element | None, *paths: str) -> str:
    """The text of the first of the paths that has any."""
    if element is None:
        return ""
    return next((text for path in paths if (text := readable(element.find(path)))), "")


def _ids(elements: Sequence[Element]) -> dict[str, str]:
    """The DOI and PMCID among a record's ids."""
    found: dict[str, str] = {}
    for element in elements:
        kind, value = (element.get("IdType") or "").lower(), readable(element)
        if kind == "doi" and value:
            found.setdefault("doi", value)
        elif kind in {"pmc", "pmcid"} and (pmcid := _PMCID.search(value)):
            found.setdefault("pmc", pmcid[0].upper())
    return found


def _doi(element: Element) -> str:
    """The DOI given as the place of an article or book."""
    return next(
        (
            readable(e)
            for e in element.findall("ELocationID")
            if e.get("EIdType") == "doi" and e.get("ValidYN") != "N"
        ),
        "",
    )


def _date(element: Element | None) -> str:
    """The date as printed: "2019 Mar 4", "2001 Winter", "1998 Dec-1999 Jan", or ""."""
    if element is None:
        return ""
    free = readable(element.find("MedlineDate"))
    if free:
        return free
    year, season, month, day = (readable(element.find(name)) for name in ("Year", "Season", "Month", "Day"))
    if re.fullmatch("0?[1-9]|1[0-2]", month):
        month = _MONTHS[int(month) - 1]
    if re.fullmatch("0[1-9]", day):
        day = day[1]
    return " ".join(part for part in (year, season, month, day) if part) if year else ""


def _names(lists: Sequence[Element]) -> tuple[str, ...]:
    """The people and groups of the lists, "Curie M", each once."""
    names = []
    for author in (author for authors in lists for author in authors.findall("Author")):
        if author.get("ValidYN") == "N":
            continue
        given = _first(author, "Initials", "ForeName")
        person = " ".join(
            part for part in (_first(author, "LastName"), given, _first(author, "Suffix")) if part
        )
        names.append(_first(author, "CollectiveName") or person)
    return tuple(dict.fromkeys(name for name in names if name))


def _mesh(citation: Element) -> Iterator[str]:
    for heading in citation.findall("MeshHeadingList/MeshHeading"):
        if descriptor := readable(heading.find("DescriptorName")):
            qualifiers = [readable(e) for e in heading.findall("QualifierName")]
            yield "/".join([descriptor, *(q for q in qualifiers if q)])


def _links(element: Element) -> Iterator[Note]:
    for link in element.findall("CommentsCorrectionsList/CommentsCorrections"):
        if kind := _LINKS.get((link.get("RefType") or "").lower()):
            pmid = _first(link, "PMID")
            yield Note(
                kind, pmid if _NUMBER.fullmatch(pmid) else "", _first(link, "RefSource"), _first(link, "Note")
            )


def _texts(element: Element, path: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for e in element.findall(path) if (text := readable(e))))
