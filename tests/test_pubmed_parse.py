"""E-utilities XML: all shapes in, one record out; broken or hostile answers are refused in words."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.errors import PubMedError, RecordError
from biom_demo.pubmed.abstract import Abstract, NoteKind, Section
from biom_demo.pubmed.local_server import DOCTYPE, RECORDS_FILE, article_xml
from biom_demo.pubmed.parse import parse_articles, parse_idconv, parse_search

FULL = """<PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="2">111</PMID>
<Article PubModel="Print"><Journal><ISSN>0</ISSN><JournalIssue><PubDate><Year>2019</Year><Month>Mar</Month>
<Day>4</Day></PubDate></JournalIssue><Title>Journal of Tests</Title><ISOAbbreviation>J Tests</ISOAbbreviation>
</Journal><ArticleTitle>[Effects of <i>E. coli</i> on Ca<sup>2+</sup>.]</ArticleTitle>
<ELocationID EIdType="doi" ValidYN="N">10.1/wrong</ELocationID>
<ELocationID EIdType="doi" ValidYN="Y">10.1/right</ELocationID>
<Abstract><AbstractText Label="AIMS &amp; SCOPE" NlmCategory="OBJECTIVE">Doses of 10<sup>-3</sup> and
10<sup>6</sup>\u2009mol, m<sup>2</sup>, s<sup>-1</sup>, H<sub>2</sub>O, log10<sub>2</sub>.</AbstractText>
<AbstractText Label="UNLABELLED">p &lt; 0.05 <b>and <i>nested <sub>x</sub></i></b> end</AbstractText>
<AbstractText Label="EMPTY"/><NewElement2031>?</NewElement2031></Abstract>
<AuthorList><Author><LastName>Curie</LastName><Initials>M</Initials></Author>
<Author ValidYN="N"><LastName>Wrong</LastName></Author>
<Author><CollectiveName>The Test Group</CollectiveName></Author></AuthorList>
<PublicationTypeList><PublicationType>Journal Article</PublicationType></PublicationTypeList>
<VernacularTitle>Titre</VernacularTitle></Article>
<OtherAbstract Language="fre"><AbstractText>Autre langue.</AbstractText></OtherAbstract>
<MeshHeadingList><MeshHeading><DescriptorName>Calcium</DescriptorName><QualifierName>blood</QualifierName>
</MeshHeading></MeshHeadingList>
<CommentsCorrectionsList>
<CommentsCorrections RefType="RetractionIn"><RefSource>J Tests 2020</RefSource><PMID>222</PMID>
</CommentsCorrections>
<CommentsCorrections RefType="ExpressionOfConcernIn"><RefSource>J Tests 2020</RefSource></CommentsCorrections>
<CommentsCorrections RefType="Cites"><PMID>333</PMID></CommentsCorrections></CommentsCorrectionsList>
</MedlineCitation><PubmedData><ArticleIdList><ArticleId IdType="pubmed">111</ArticleId>
<ArticleId IdType="pmc">PMC77</ArticleId></ArticleIdList><ReferenceList><Reference><ArticleIdList>
<ArticleId IdType="pmc">PMC88</ArticleId></ArticleIdList></Reference></ReferenceList></PubmedData>
</PubmedArticle>"""
BOOK = """<PubmedBookArticle><BookDocument><PMID>444</PMID><ArticleIdList/><Book>
<BookTitle>The Book</BookTitle>
<PubDate><Year>2001</Year></PubDate></Book><ArticleTitle>A chapter</ArticleTitle><Abstract><AbstractText>About
it.</AbstractText></Abstract></BookDocument></PubmedBookArticle>"""


def wrapped(*articles, doctype=DOCTYPE):
    return f"{doctype}<PubmedArticleSet>{''.join(articles)}</PubmedArticleSet>".encode()


def test_every_field_of_a_rich_record():
    (record,) = parse_articles(wrapped(FULL))
    assert (record.pmid, record.doi, record.pmcid) == ("111", "10.1/right", "PMC77")
    assert record.title == "[Effects of E. coli on Ca2+.]"
    assert record.vernacular_title == "Titre"
    assert record.authors == ("Curie M", "The Test Group")
    assert (record.journal, record.year, record.date) == ("Journal of Tests", 2019, "2019 Mar 4")
    assert record.mesh == ("Calcium/blood",)
    assert record.retracted
    assert [(n.kind, n.pmid) for n in record.warnings] == [
        (NoteKind.RETRACTED_BY, "222"),
        (NoteKind.CONCERN_BY, ""),
    ]
    assert record.text == (
        "[Effects of E. coli on Ca2+.]\n"
        "AIMS & SCOPE: Doses of 10^-3 and 10^6 mol, m2, s^-1, H2O, log10_2.\n"
        "p < 0.05 and nested x end"
    )
    assert "Autre" not in record.text
    assert [(s.label, record.text[s.start : s.end][:5]) for s in record.sections] == [
        ("TITLE", "[Effe"),
        ("AIMS & SCOPE", "Doses"),
        ("", "p < 0"),
    ]
    assert record.section_at(record.text.index("Doses")) == "AIMS & SCOPE"
    assert record.section_at(record.text.index("AIMS")) == ""


def test_books_articles_and_what_has_no_pmid_in_one_set():
    xml = wrapped(BOOK, "<PubmedArticle><MedlineCitation/></PubmedArticle>", FULL, "<DeleteCitation/>")
    book, article = parse_articles(xml)
    assert (book.pmid, book.title, book.journal, book.year) == ("444", "A chapter", "The Book", 2001)
    assert article.pmid == "111"


@pytest.mark.parametrize(
    ("date", "year", "shown"),
    [
        ("<Year>2001</Year>", 2001, "2001"),
        ("<Year>2001</Year><Season>Winter</Season>", 2001, "2001 Winter"),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", 1998, "1998 Dec-1999 Jan"),
        ("<MedlineDate>Spring</MedlineDate>", 0, "Spring"),
        ("<Month>Mar</Month>", 0, ""),
        ("", 0, ""),
    ],
)
def test_any_form_of_date(date, year, shown):
    xml = FULL.replace("<Year>2019</Year><Month>Mar</Month>\n<Day>4</Day>", date)
    (record,) = parse_articles(wrapped(xml))
    assert (record.year, record.date) == (year, shown)


def test_a_record_without_abstract_says_so():
    (record,) = parse_articles(wrapped(article_xml({"pmid": "5", "title": "Only a title"})))
    assert record.text == "Only a title."
    assert not record.has_abstract
    (record,) = parse_articles(wrapped(article_xml({"pmid": "5"})))
    assert record.text == ""
    assert record.sections == ()


def test_no_doctype_and_no_records():
    assert parse_articles(b"<PubmedArticleSet/>") == []
    assert parse_articles(wrapped(FULL, doctype=""))[0].pmid == "111"


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    "<PubmedArticleSet>&b;</PubmedArticleSet>"
)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"<!DOCTYPE html><html><body>Maintenance</body></html>", "web page"),
        (b"\n<HTML>down", "web page"),
        (BOMB.encode(), "entities"),
        (wrapped(FULL)[:400], "cut off"),
        (b"", "cut off"),
        (b"\xff\xfe\x00", "cut off"),
        (b"<other/>", "no records"),
        (b"<eFetchResult><ERROR>Cannot <b>do</b> it</ERROR></eFetchResult>", "PubMed says: Cannot do it"),
        (b"<x>" * 50_000, "cut off"),
    ],
)
def test_what_is_not_records_is_refused_in_words(answer, words):
    with pytest.raises(RecordError, match=words):
        parse_articles(answer)
    with pytest.raises(RecordError):
        parse_search(answer)


def test_deep_nesting_is_read_without_recursion():
    deep = "<i>" * 3000 + "core" + "</i>" * 3000
    (record,) = parse_articles(wrapped(article_xml({"pmid": "5", "title": deep})))
    assert (record.title, record.text) == ("core", "core.")


def test_search_answers():
    found = parse_search(
        b"<eSearchResult><Count>12</Count><IdList><Id>1</Id><Id>x</Id><Id>2</Id></IdList>"
        b'<QueryTranslation>"a"[MeSH Terms]</QueryTranslation><ErrorList><PhraseNotFound>zzz</PhraseNotFound>'
        b"</ErrorList><WarningList><PhraseIgnored>the</PhraseIgnored></WarningList></eSearchResult>"
    )
    assert (found.count, found.pmids, found.translation) == (12, ("1", "2"), '"a"[MeSH Terms]')
    assert found.warnings == ("zzz was not found", "the was ignored")
    with pytest.raises(RecordError, match="Empty term"):
        parse_search(b"<eSearchResult><ERROR>Empty term</ERROR></eSearchResult>")
    with pytest.raises(RecordError, match="no count"):
        parse_search(b"<eSearchResult/>")


def test_id_converter_answers():
    body = {"records": [{"pmcid": "PMC1", "pmid": 7}, {"pmcid": "PMC2", "status": "error"}]}
    assert parse_idconv(json.dumps(body).encode()) == {"PMC1": "7"}
    for broken in (b"", b"<html>", b"[]", b'{"records": 3}', b'{"records": [3]}', b"[" * 100_000):
        with pytest.raises(RecordError):
            parse_idconv(broken)


def test_a_record_survives_being_stored():
    (record,) = parse_articles(wrapped(FULL))
    assert Abstract.from_json(json.loads(json.dumps(record.as_json()))) == record
    for broken in (None, {}, {"pmid": "1"}, record.as_json() | {"sections": [{"label": "x"}]}):
        with pytest.raises(RecordError):
            Abstract.from_json(broken)
    with pytest.raises(ValueError, match="outside"):
        Abstract("1", "t", "t", (Section("", 0, 9),), has_abstract=True)


def test_the_play_records_are_whole():
    records = json.loads(RECORDS_FILE.read_text("utf-8"))
    made = parse_articles(wrapped(*map(article_xml, records)))
    assert [record.pmid for record in made] == [record["pmid"] for record in records]
    assert any(record.retracted for record in made)
    assert any("10^-3" in record.text for record in made)


WHOLE = wrapped(FULL, BOOK)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_mutated_xml_raises_nothing_but_our_own(seed):
    draw = random.Random(seed)
    data = bytearray(WHOLE)
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(data))
        kind = draw.randrange(4)
        if kind == 0:
            data[at] = draw.randrange(256)
        elif kind == 1:
            del data[at : at + draw.randint(1, 60)]
        elif kind == 2:
            data[at:at] = data[draw.randrange(len(data)) :][: draw.randint(1, 80)]
        else:
            data[at:at] = draw.choice([b"<", b"&amp;", b"</Article>", b"<PMID>9</PMID>", b"\x00", b"&x;"])
    try:
        records = parse_articles(bytes(data))
    except PubMedError:
        return
    for record in records:
        assert all(record.text[s.start : s.end] for s in record.sections)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_raise_nothing_but_our_own(data):
    for parse in (parse_articles, parse_search, parse_idconv):
        try:
            parse(data)
        except PubMedError:
            continue
