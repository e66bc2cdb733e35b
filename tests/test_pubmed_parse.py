"""E-utilities XML: all shapes in, one record out; broken or hostile answers are refused in words."""

from __future__ import annotations

import json
import random
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.errors import PubMedError, RecordError
from biom_demo.pubmed import parse
from biom_demo.pubmed.abstract import LANGUAGES, Abstract, Note, NoteKind, Section
from biom_demo.pubmed.local_server import DOCTYPE, RECORDS_FILE, article_xml
from biom_demo.pubmed.parse import parse_articles, parse_idconv, parse_search
from tests.costs import MAX_RATIO, ratio_of

MML = 'xmlns:mml="http://www.w3.org/1998/Math/MathML"'
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
<Language>fre</Language><Language>eng</Language>
<PublicationTypeList><PublicationType>Journal Article</PublicationType></PublicationTypeList>
<VernacularTitle>Titre</VernacularTitle></Article>
<KeywordList Owner="NOTNLM"><Keyword>growth</Keyword><Keyword>Ca<sup>2+</sup></Keyword></KeywordList>
<KeywordList Owner="KIE"><Keyword>growth</Keyword></KeywordList>
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
BOOK = """<PubmedBookArticle><BookDocument><PMID Version="1">444</PMID>
<ArticleIdList><ArticleId IdType="bookaccession">NBK1</ArticleId></ArticleIdList><Book>
<Publisher><PublisherName>A Press</PublisherName></Publisher><BookTitle>The Book<sup>®</sup></BookTitle>
<PubDate><Year>2001</Year></PubDate>
<AuthorList Type="editors"><Author><LastName>Noether</LastName><Initials>E</Initials></Author></AuthorList>
</Book><ArticleTitle>A chapter</ArticleTitle><Language>eng</Language>
<AuthorList Type="authors"><Author><LastName>Hypatia</LastName></Author></AuthorList>
<PublicationType>Review</PublicationType><Abstract><AbstractText Label="Summary">About it.</AbstractText>
<CopyrightInformation>Copyright by us.</CopyrightInformation></Abstract>
<Sections><Section><SectionTitle>Not read</SectionTitle></Section></Sections>
<KeywordList><Keyword>genes</Keyword></KeywordList>
<ContributionDate><Year>2010</Year><Month>03</Month><Day>07</Day></ContributionDate></BookDocument>
<PubmedBookData><ArticleIdList><ArticleId IdType="pubmed">444</ArticleId>
<ArticleId IdType="doi">10.5555/chapter</ArticleId></ArticleIdList></PubmedBookData></PubmedBookArticle>"""


def wrapped(*articles, doctype=DOCTYPE):
    return f"{doctype}<PubmedArticleSet>{''.join(articles)}</PubmedArticleSet>".encode()


def article(
    title="A title.", *, inside="", abstract="<AbstractText>A text.</AbstractText>", types=(), beside=""
):
    """An article of PubMed's XML: ``inside`` stands in Article, ``beside`` after it."""
    listed = "".join(f"<PublicationType>{name}</PublicationType>" for name in ("Journal Article", *types))
    return (
        "<PubmedArticle><MedlineCitation><PMID Version='1'>5</PMID><Article>"
        f"<ArticleTitle>{title}</ArticleTitle>"
        f"{f'<Abstract>{abstract}</Abstract>' if abstract else ''}"
        f"<PublicationTypeList>{listed}</PublicationTypeList>{inside}</Article>{beside}</MedlineCitation>"
        "</PubmedArticle>"
    )


def read(*args, **how):
    (record,) = parse_articles(wrapped(article(*args, **how)))
    return record


def linked(kind, *, pmid="99", source="J Tests 2020", note=""):
    return (
        f"<CommentsCorrections RefType='{kind}'><RefSource>{source}</RefSource>"
        f"{f'<PMID>{pmid}</PMID>' if pmid else ''}{f'<Note>{note}</Note>' if note else ''}"
        "</CommentsCorrections>"
    )


def links(*given):
    return f"<CommentsCorrectionsList>{''.join(given)}</CommentsCorrectionsList>"


def test_every_field_of_a_rich_record():
    (record,) = parse_articles(wrapped(FULL))
    assert (record.pmid, record.doi, record.pmcid) == ("111", "10.1/right", "PMC77")
    assert record.title == "[Effects of E. coli on Ca2+.]"
    assert record.vernacular_title == "Titre"
    assert record.authors == ("Curie M", "The Test Group")
    assert (record.journal, record.year, record.date) == ("Journal of Tests", 2019, "2019 Mar 4")
    assert record.mesh == ("Calcium/blood",)
    assert record.languages == ("fre", "eng")
    assert record.keywords == ("growth", "Ca2+")
    assert (record.version, record.editors, record.title_is_original) == (2, (), False)
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
    assert (book.pmid, book.title, book.journal, book.year) == ("444", "A chapter", "The Book®", 2010)
    assert (book.authors, book.editors) == (("Hypatia",), ("Noether E",))
    assert (book.doi, book.date, book.keywords) == ("10.5555/chapter", "2010 Mar 7", ("genes",))
    assert (book.languages, book.publication_types) == (("eng",), ("Review",))
    assert book.text == "A chapter.\nSUMMARY: About it."
    assert article.pmid == "111"


def test_a_whole_book_has_its_own_authors_and_its_publisher():
    whole = BOOK.replace("<ArticleTitle>A chapter</ArticleTitle>", "").replace(
        '<AuthorList Type="authors"><Author><LastName>Hypatia</LastName></Author></AuthorList>', ""
    )
    (book,) = parse_articles(wrapped(whole))
    assert (book.title, book.journal, book.authors) == ("The Book®", "A Press", ())
    assert book.editors == ("Noether E",)
    (book,) = parse_articles(wrapped(whole.replace('Type="editors"', 'Type="authors"')))
    assert (book.authors, book.editors) == (("Noether E",), ())
    (book,) = parse_articles(
        wrapped(whole.replace("<PubDate>", "<ELocationID EIdType='doi'>10.1/b</ELocationID><PubDate>"))
    )
    assert book.doi == "10.5555/chapter"


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("<LastName>Curie</LastName><ForeName>Marie</ForeName><Initials>M</Initials>", "Curie M"),
        ("<LastName>Curie</LastName><ForeName>Marie</ForeName>", "Curie Marie"),
        ("<LastName>King</LastName><Initials>ML</Initials><Suffix>Jr</Suffix>", "King ML Jr"),
        ("<LastName>Fern&#xe1;ndez</LastName>", "Fernández"),
        ("<CollectiveName>The <i>E. coli</i> Group</CollectiveName>", "The E. coli Group"),
    ],
)
def test_any_form_of_name(author, name):
    record = read(inside=f"<AuthorList><Author>{author}</Author><Author/></AuthorList>")
    assert record.authors == (name,)


def test_ids_in_any_form():
    ids = "<ArticleId IdType='pmcid'>pmc-id: pmc77;</ArticleId>"
    ids += "<ArticleId IdType='doi'>10.1/a&lt;b&gt;c</ArticleId>"
    xml = article().replace(
        "</PubmedArticle>", f"<PubmedData><ArticleIdList>{ids}</ArticleIdList></PubmedData></PubmedArticle>"
    )
    (record,) = parse_articles(wrapped(xml))
    assert (record.pmcid, record.doi) == ("PMC77", "10.1/a<b>c")


@pytest.mark.parametrize(
    ("title", "vernacular", "shown", "original"),
    [
        ("[Not Available].", "Zur Salbe.", "Zur Salbe.", True),
        ("[Not available]", "Zur <i>Salbe</i>.", "Zur Salbe.", True),
        ("Not Available.", "Zur Salbe.", "Zur Salbe.", True),
        ("[Translated title]", "Zur Salbe.", "Zur Salbe.", True),
        ("[Translated.]", "Zur Salbe.", "Zur Salbe.", True),
        ("[In Process Citation]", "Zur Salbe.", "Zur Salbe.", True),
        ("", "Zur Salbe.", "Zur Salbe.", True),
        ("[Not Available].", "", "", False),
        ("[On an ointment].", "Zur Salbe.", "[On an ointment].", False),
        ("Drugs not available in villages.", "", "Drugs not available in villages.", False),
    ],
)
def test_a_title_that_only_says_there_is_none(title, vernacular, shown, original):
    record = read(title, inside=f"<Language>ger</Language><VernacularTitle>{vernacular}</VernacularTitle>")
    assert (record.title, record.title_is_original) == (shown, original)
    assert record.text == (f"{shown}\n" if shown else "") + "A text."
    assert record.vernacular_title == ("Zur Salbe." if vernacular else "")
    assert (
        record.remarks[0] == "PubMed has no English title; this is the original one in German."
    ) == original


@pytest.mark.parametrize(
    ("title", "vernacular", "told"),
    [("[On salve.]", "Zur Salbe.", True), ("[On salve.]", "", False), ("On salve.", "Zur Salbe.", False)],
)
@pytest.mark.parametrize("language", ["", "<Language>ger</Language>", "<Language>eng</Language>"])
def test_a_translated_title_is_said_to_be_one(title, vernacular, told, language):
    record = read(title, inside=f"{language}<VernacularTitle>{vernacular}</VernacularTitle>")
    assert any("is a translation of the original" in remark for remark in record.remarks) == told


ABSTRACTS = [
    # abstract, other abstracts (type, language, text), what is read, its type, its language
    ("Own.", [("Publisher", "eng", "Other.")], "Own.", "", ""),
    ("", [("Publisher", "eng", "Other.")], "Other.", "Publisher", "eng"),
    ("No abstract available.", [("PIP", "eng", "Other.")], "Other.", "PIP", "eng"),
    (None, [("PIP", "eng", "Other.")], "Other.", "PIP", "eng"),
    (None, [("AAMC", "", "Other.")], "Other.", "AAMC", "eng"),
    (None, [("Publisher", "fre", "Autre."), ("Publisher", "eng", "Other.")], "Other.", "Publisher", "eng"),
    (
        None,
        [("plain-language-summary", "eng", "Simple."), ("Publisher", "eng", "Other.")],
        "Other.",
        "Publisher",
        "eng",
    ),
    (None, [("plain-language-summary", "eng", "Simple.")], "Simple.", "plain-language-summary", "eng"),
    (None, [("Publisher", "eng", ""), ("Publisher", "spa", "Otro.")], "Otro.", "Publisher", "spa"),
    (None, [("plain-language-summary", "eng", "Simple."), ("Publisher", "spa", "Otro.")], "Simple.",
     "plain-language-summary", "eng"),
    (None, [], "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("own", "others", "text", "kind", "language"), ABSTRACTS)
def test_which_abstract_is_read(own, others, text, kind, language):
    record = read(
        "",
        abstract="" if own is None else f"<AbstractText>{own}</AbstractText>",
        beside="".join(
            f"<OtherAbstract Type='{type_}'{f' Language={code!r}' if code else ''}><AbstractText>{words}"
            "</AbstractText><CopyrightInformation>Ours.</CopyrightInformation></OtherAbstract>"
            for type_, code, words in others
        ),
    )
    assert (record.text, record.abstract_type, record.abstract_language) == (text, kind, language)
    assert record.has_abstract == bool(text)
    assert bool(record.remarks) == bool(kind)


def test_whose_abstract_it_is_is_said():
    def remarks(kind, language="eng", **how):
        return replace(
            Abstract("1", "T", "T", (), True), abstract_type=kind, abstract_language=language, **how
        ).remarks

    own = "PubMed has no abstract of its own here; the text is"
    assert remarks("Publisher") == (f"{own} by the publisher.",)
    assert remarks("plain-language-summary") == (f"{own} a summary in plain language.",)
    assert remarks("KIE") == (f"{own} by the Kennedy Institute of Ethics.",)
    assert remarks("New Kind") == (f"{own} by New Kind.",)
    assert remarks("", "fre") == ("There is no English abstract; the text is in French.",)
    assert remarks("Publisher", "spa") == (
        "There is no English abstract; the text is in Spanish and is by the publisher.",
    )
    assert remarks("", "xyz") == ("There is no English abstract; the text is in the language 'xyz'.",)
    assert remarks("", "", languages=("rus",)) == ("The article itself is in Russian.",)
    assert remarks("", "", languages=("eng", "rus")) == remarks("", "", languages=("und",)) == ()
    assert len(LANGUAGES) > 50


def test_headings_inside_a_section_become_sections():
    record = read(
        abstract="<AbstractText Label='ALL'>Zero. &lt;h4&gt;Aims&lt;/h4&gt;One of H<sub>2</sub>O."
        "&lt;h4&gt;Results: &lt;/h4&gt;Two.</AbstractText>"
    )
    assert record.text == "A title.\nALL: Zero.\nAIMS: One of H2O.\nRESULTS: Two."
    assert [(s.label, record.text[s.start : s.end]) for s in record.sections] == [
        ("TITLE", "A title."),
        ("ALL", "Zero."),
        ("AIMS", "One of H2O."),
        ("RESULTS", "Two."),
    ]


@pytest.mark.parametrize("prefix", ["", "mml:", "m:"])
@pytest.mark.parametrize("declared", ["on the formula", "on the root", "nowhere"])
def test_mathml_with_any_prefix_declared_anywhere(prefix, declared):
    attribute = MML.replace(":mml", f":{prefix[:-1]}" if prefix else "")
    formula = (
        f"<math{f' {attribute}' if declared == 'on the formula' else ''}><mrow><mn>4</mn><mo>\u00d7</mo>"
        "<msup><mn>10</mn><mn>-3</mn></msup></mrow></math>"
    )
    for name in ("math", "mrow", "msup", "mn", "mo"):
        formula = formula.replace(f"<{name}", f"<{prefix}{name}").replace(f"</{name}", f"</{prefix}{name}")
    xml = wrapped(article(f"A rate of {formula} a day")).decode()
    if declared == "on the root" and prefix:
        xml = xml.replace("<PubmedArticleSet", f"<PubmedArticleSet {attribute}")
    (record,) = parse_articles(xml.encode())
    assert record.title == "A rate of 4×10^-3 a day"


NOTES = [
    # links, types, title, kinds of the notes, row's word, whether it no longer stands, how many warnings
    (["RetractionIn"], [], "", [NoteKind.RETRACTED_BY], "retracted", True, 1),
    (["RetractionIn"], ["Retracted Publication"], "", [NoteKind.RETRACTED_BY], "retracted", True, 1),
    ([], ["Retracted Publication"], "", [NoteKind.RETRACTED_BY], "retracted", True, 1),
    ([], [], "RETRACTED: ", [NoteKind.RETRACTED_BY], "retracted", True, 1),
    (["RetractionIn"], [], "RETRACTED: ", [NoteKind.RETRACTED_BY], "retracted", True, 1),
    (
        ["RetractedandRepublishedIn"],
        ["Retracted Publication"],
        "",
        [NoteKind.RETRACTED_AND_REPUBLISHED_IN],
        "retracted",
        True,
        1,
    ),
    (
        ["RetractedandRepublishedFrom"],
        ["Corrected and Republished Article"],
        "",
        [NoteKind.RETRACTED_AND_REPUBLISHED_FROM, NoteKind.CORRECTED_AND_REPUBLISHED_FROM],
        "replaces a retracted article",
        False,
        0,
    ),
    ([], [], "WITHDRAWN: ", [NoteKind.WITHDRAWN], "withdrawn", True, 1),
    (["PartialRetractionIn"], [], "", [NoteKind.PARTLY_RETRACTED_BY], "partly retracted", False, 1),
    (["PartialRetractionOf"], [], "", [NoteKind.PARTIAL_RETRACTION_OF], "retraction notice", False, 1),
    (["ExpressionOfConcernIn"], [], "", [NoteKind.CONCERN_BY], "expression of concern", False, 1),
    (
        ["ExpressionOfConcernFor"],
        ["Expression of Concern"],
        "",
        [NoteKind.CONCERN_ABOUT],
        "notice of concern",
        False,
        1,
    ),
    ([], ["Expression of Concern"], "", [NoteKind.CONCERN_ABOUT], "notice of concern", False, 1),
    (
        ["RetractionOf"],
        ["Retraction of Publication"],
        "",
        [NoteKind.RETRACTION_OF],
        "retraction notice",
        False,
        1,
    ),
    ([], ["Retraction Notice"], "", [NoteKind.RETRACTION_OF], "retraction notice", False, 1),
    (
        [],
        ["Retraction of Publication"],
        "Retracted: ",
        [NoteKind.RETRACTION_OF],
        "retraction notice",
        False,
        1,
    ),
    (
        ["CorrectedandRepublishedIn"],
        [],
        "",
        [NoteKind.CORRECTED_AND_REPUBLISHED_IN],
        "corrected version exists",
        False,
        1,
    ),
    (
        ["CorrectedandRepublishedFrom"],
        ["Corrected and Republished Article"],
        "",
        [NoteKind.CORRECTED_AND_REPUBLISHED_FROM],
        "corrected version",
        False,
        0,
    ),
    (["ErratumIn"], [], "", [NoteKind.ERRATUM_IN], "corrected", False, 0),
    (["ErratumFor"], ["Published Erratum"], "", [NoteKind.ERRATUM_FOR], "correction notice", False, 0),
    ([], ["Published Erratum"], "", [NoteKind.ERRATUM_FOR], "correction notice", False, 0),
    (["UpdateIn"], ["Systematic Review"], "", [NoteKind.UPDATE_IN], "later version exists", False, 0),
    (["UpdateOf"], [], "", [NoteKind.UPDATE_OF], "update", False, 0),
    (["RepublishedIn"], [], "", [NoteKind.REPUBLISHED_IN], "published again", False, 0),
    (
        ["RepublishedFrom"],
        ["Duplicate Publication"],
        "",
        [NoteKind.REPUBLISHED_FROM],
        "published before",
        False,
        0,
    ),
    (["ReprintOf"], [], "", [NoteKind.REPUBLISHED_FROM], "published before", False, 0),
    (["CommentOn"], [], "", [NoteKind.COMMENT_ON], "comment", False, 0),
    ([], ["Preprint"], "", [NoteKind.PREPRINT], "preprint", False, 0),
    (
        ["UpdateIn"],
        ["Preprint"],
        "",
        [NoteKind.UPDATE_IN, NoteKind.PREPRINT],
        "later version exists",
        False,
        0,
    ),
    ([], ["Case Reports"], "", [NoteKind.CASE_REPORT], "case report", False, 0),
    (
        ["ErratumIn", "Cites", "RetractionIn", "CommentIn", "RetractionIn", "ExpressionOfConcernIn"],
        ["Case Reports"],
        "",
        [NoteKind.RETRACTED_BY, NoteKind.CONCERN_BY, NoteKind.ERRATUM_IN, NoteKind.CASE_REPORT],
        "retracted",
        True,
        2,
    ),
    (["CommentIn", "Cites", "AssociatedDataset", "SomethingNew"], ["Review"], "", [], "", False, 0),
]


@pytest.mark.parametrize(("kinds", "types", "lead", "notes", "status", "gone", "warnings"), NOTES)
def test_integrity(kinds, types, lead, notes, status, gone, warnings):
    record = read(f"{lead}A title.", types=types, beside=links(*map(linked, kinds)))
    assert [note.kind for note in record.notes] == notes
    assert (record.status, record.retracted, len(record.warnings)) == (status, gone, warnings)
    assert record.warnings + record.lesser_notes == record.notes
    assert len(record.told) == len(notes)
    for note in record.notes:
        assert note.statement in record.told[record.notes.index(note)]
        # What only a type or a title tells has no other record to link to.
        assert (note.pmid, note.url) in {("", ""), ("99", "https://pubmed.ncbi.nlm.nih.gov/99/")}
        assert note.pmid or types or lead
    stored = json.loads(json.dumps(record.as_json()))
    assert (stored["status"], stored["retracted"], stored["told"]) == (status, gone, list(record.told))
    assert [note["sentence"] for note in stored["notes"]] == [note.sentence for note in record.notes]


def test_every_kind_has_words_and_every_link_a_kind():
    for kind in NoteKind:
        note = Note(kind)
        assert note.statement[0].isupper()
        assert not note.statement.endswith(".")
        assert note.short
        assert note.sentence == f"{note.statement}."
    assert set(parse._LINKS.values()) == set(NoteKind) - {
        NoteKind.WITHDRAWN,
        NoteKind.PREPRINT,
        NoteKind.CASE_REPORT,
    }


@pytest.mark.parametrize(
    ("note", "sentence", "url"),
    [
        (
            Note(NoteKind.RETRACTED_BY, "222", "J Tests. 2020;1(2):3."),
            "This article was retracted: J Tests. 2020;1(2):3 (PMID 222).",
            "https://pubmed.ncbi.nlm.nih.gov/222/",
        ),
        (
            Note(NoteKind.RETRACTED_BY, "222"),
            "This article was retracted: PMID 222.",
            "https://pubmed.ncbi.nlm.nih.gov/222/",
        ),
        (
            Note(NoteKind.ERRATUM_IN, "", "J Tests 2020. doi: 10.5555/err(1).", "Dose misprinted."),
            "A correction was published: J Tests 2020. doi: 10.5555/err(1). Dose misprinted.",
            "https://doi.org/10.5555/err(1)",
        ),
        (Note(NoteKind.ERRATUM_IN, "", "J Tests 2020"), "A correction was published: J Tests 2020.", ""),
    ],
)
def test_a_note_in_plain_words(note, sentence, url):
    assert (note.sentence, note.url) == (sentence, url)


TITLES = [
    ("RETRACTED: Aspirin halves strokes", NoteKind.RETRACTED_BY),
    ("Retracted: aspirin halves strokes.", NoteKind.RETRACTED_BY),
    ("RETRACTED ARTICLE: Aspirin halves strokes", NoteKind.RETRACTED_BY),
    ("Retracted article: Aspirin halves strokes", NoteKind.RETRACTED_BY),
    ("[RETRACTED] Aspirin halves strokes", NoteKind.RETRACTED_BY),
    ("[Retracted: Aspirin halves strokes].", NoteKind.RETRACTED_BY),
    ("Aspirin halves strokes [Retracted].", NoteKind.RETRACTED_BY),
    ("Aspirin halves strokes (Retracted article. See vol. 3, pg. 9, 2020)", NoteKind.RETRACTED_BY),
    ("Aspirin halves strokes (this article has been retracted)", NoteKind.RETRACTED_BY),
    ("Aspirin halves strokes. RETRACTED", NoteKind.RETRACTED_BY),
    ("Aspirin halves strokes - RETRACTED ARTICLE.", NoteKind.RETRACTED_BY),
    ("RETRACTED:Aspirin", NoteKind.RETRACTED_BY),
    ("RETRACTED CHAPTER: Aspirin", NoteKind.RETRACTED_BY),
    ("RETRACTED ARTICLE Aspirin in towns", NoteKind.RETRACTED_BY),
    ("*RETRACTED* Aspirin", NoteKind.RETRACTED_BY),
    ("RETRACTED – Aspirin", NoteKind.RETRACTED_BY),
    ("This article has been retracted: Aspirin", NoteKind.RETRACTED_BY),
    ("<b>RETRACTED</b>: Aspirin", NoteKind.RETRACTED_BY),
    ("[WITHDRAWN] Aspirin", NoteKind.WITHDRAWN),
    ("WITHDRAWN: Aspirin for towns.", NoteKind.WITHDRAWN),
    ("Withdrawn: Aspirin for towns.", NoteKind.WITHDRAWN),
    ("ARTICLE WITHDRAWN: Aspirin for towns.", NoteKind.WITHDRAWN),
    ("REMOVED: Aspirin for towns", NoteKind.WITHDRAWN),
    ("TEMPORARY REMOVAL: Aspirin for towns", NoteKind.WITHDRAWN),
    ("Aspirin for towns [Withdrawn]", NoteKind.WITHDRAWN),
    ("Retraction notice to: Aspirin halves strokes", NoteKind.RETRACTION_OF),
    ("Retraction Note: Aspirin halves strokes", NoteKind.RETRACTION_OF),
    ("RETRACTION: Aspirin halves strokes", NoteKind.RETRACTION_OF),
    ("Notice of Retraction: Aspirin halves strokes", NoteKind.RETRACTION_OF),
    ("Partial retraction: Aspirin halves strokes", NoteKind.PARTIAL_RETRACTION_OF),
    ("Expression of Concern: Aspirin halves strokes", NoteKind.CONCERN_ABOUT),
    ("Editorial Expression of Concern.", NoteKind.CONCERN_ABOUT),
    ("Erratum to: Aspirin halves strokes", NoteKind.ERRATUM_FOR),
    ("Corrigendum: Aspirin halves strokes", NoteKind.ERRATUM_FOR),
    ("Author Correction: Aspirin halves strokes", NoteKind.ERRATUM_FOR),
    ("Correction to: Aspirin halves strokes", NoteKind.ERRATUM_FOR),
    ("Retraction: Effects of aspirin on strokes", NoteKind.RETRACTION_OF),
    ("Retraction. Aspirin halves strokes", NoteKind.RETRACTION_OF),
    ("Retraction—Aspirin halves strokes", NoteKind.RETRACTION_OF),
    ('Retraction - "Aspirin halves strokes"', NoteKind.RETRACTION_OF),
    ("[Retraction] Aspirin halves strokes", NoteKind.RETRACTION_OF),
    ("Retraction.", NoteKind.RETRACTION_OF),
    ("Retraction to: Aspirin halves strokes", NoteKind.RETRACTION_OF),
    ("Retraction statement: Aspirin halves strokes", NoteKind.RETRACTION_OF),
    ("Retraction for Berg et al., Aspirin halves strokes", NoteKind.RETRACTION_OF),
    ("Correction: Aspirin halves strokes", NoteKind.ERRATUM_FOR),
    ("Corrections.", NoteKind.ERRATUM_FOR),
    ("Correction for Berg et al., Aspirin halves strokes", NoteKind.ERRATUM_FOR),
    ("Erratum. Aspirin halves strokes", NoteKind.ERRATUM_FOR),
    ("[Erratum] Aspirin halves strokes", NoteKind.ERRATUM_FOR),
    ("Errata", NoteKind.ERRATUM_FOR),
    ("Notice of correction: Aspirin halves strokes", NoteKind.ERRATUM_FOR),
    ("Correction: a review of lenses", None),
    ("Corrections of refraction in towns", None),
    ("Retraction for better sight in surgery", None),
    ("Retracted eardrums: a series", None),
    ("Aspirin in towns (Retraction of vol 3, pg 9, 2010)", None),
    ("Withdrawn drugs: a list", None),
    ("A study of retracted papers", None),
    ("Retraction of the tongue base in sleep", None),
    ("Retraction: surgical management of lids", None),
    ("EYELID RETRACTION: A STUDY", None),
    ("RETRACTION: A SURGICAL STUDY", None),
    ("Why papers are retracted", None),
    ("Outcome of dialysis (withdrawn patients)", None),
    ("Withdrawn from treatment: what next?", None),
    ("Alcohol withdrawal: delirium", None),
    ("Outcomes in the [withdrawn] arm of a trial", None),
    ("Expression of concern in nurses: a survey", None),
    ("Correction of scoliosis", None),
    ("Removed teeth and sinus floor", None),
]


@pytest.mark.parametrize(("title", "kind"), TITLES)
def test_what_a_title_says(title, kind):
    record = read(title)
    assert [note.kind for note in record.notes] == ([kind] if kind else [])


def test_what_the_first_words_of_a_text_say():
    record = read(abstract="<AbstractText>This article has been retracted: see our policy.</AbstractText>")
    assert record.status == "retracted"
    record = read(abstract="<AbstractText>This article was withdrawn by its authors.</AbstractText>")
    assert record.status == "withdrawn"
    record = read(abstract="<AbstractText>Why this article has been retracted.</AbstractText>")
    assert record.status == ""


def test_types_that_say_something():
    types = (
        "Research Support, N.I.H., Extramural",
        "Randomized Controlled Trial",
        "Case Reports",
        "English Abstract",
    )
    assert read(types=types).shown_types == ("Randomized Controlled Trial",)


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
        (wrapped(FULL) + b"<more/>", "cut off"),
        (wrapped(FULL).replace(b"E. coli", b"E. c\xf6li"), "cut off"),
        (b"<?xml version='1.0' encoding='nonsense'?><PubmedArticleSet/>", "cut off"),
        (b"\xef\xbb\xbf<!doctype HTML><p>x", "web page"),
        (b"<?xml version='1.0'?><html xmlns='urn:x'><body/></html>", "web page"),
        (
            b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><PubmedArticleSet>&e;</PubmedArticleSet>",
            "entities",
        ),
        (b"<!DOCTYPE x [<!ENTITY % p SYSTEM 'file:///x'>%p;]><PubmedArticleSet/>", "entities"),
    ],
)
def test_what_is_not_records_is_refused_in_words(answer, words):
    with pytest.raises(RecordError, match=words):
        parse_articles(answer)
    with pytest.raises(RecordError):
        parse_search(answer)


@pytest.mark.parametrize("part", range(1, 20))
def test_a_cut_answer_is_refused_wherever_it_is_cut(part):
    xml = wrapped(FULL, BOOK, FULL)
    with pytest.raises(RecordError, match="cut off"):
        parse_articles(xml[: len(xml) * part // 20])


@pytest.mark.parametrize(
    "encoded",
    [
        lambda xml: b"\xef\xbb\xbf" + xml.encode(),
        lambda xml: xml.replace('version="1.0"', 'version="1.0" encoding="UTF-16"').encode("utf-16"),
        lambda xml: xml.replace('version="1.0"', 'version="1.0" encoding="ISO-8859-1"').encode("latin-1"),
        lambda xml: xml.replace('version="1.0"', 'version="1.0" encoding="windows-1252"').encode("cp1252"),
        lambda xml: xml.replace("ö", "&ouml;").encode(),  # declared by the DTD, which is not read
        lambda xml: xml.replace("ö", "&#xf6;").encode(),
        lambda xml: xml.replace("ö", "<![CDATA[ö]]>").encode(),
        lambda xml: xml.replace("ö", "<!-- o --><?x y?>ö").encode(),
        lambda xml: xml.replace("<PubmedArticleSet>", '<PubmedArticleSet xmlns="urn:x" y="1">').encode(),
        lambda xml: xml.replace("<PubmedArticleSet>", "").replace("</PubmedArticleSet>", "").encode(),
    ],
)
def test_any_encoding_and_dress(encoded):
    (record,) = parse_articles(encoded(wrapped(article("Röntgen")).decode()))
    assert (record.pmid, record.title) == ("5", "Röntgen")


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
    found = parse_search(
        b"<eSearchResult><Count>0</Count><IdList/><ErrorList><FieldNotFound>[gene]</FieldNotFound></ErrorList>"
        b'<WarningList><QuotedPhraseNotFound>"a b"</QuotedPhraseNotFound><OutputMessage>No items found.'
        b"</OutputMessage><OutputMessage>Too long</OutputMessage></WarningList></eSearchResult>"
    )
    assert found.warnings == (
        "[gene] is no search field",
        'the phrase "a b" was not found, its words were searched one by one',
        "Too long",
    )
    for count in ("x", "-1", "²", "9" * 5000):
        with pytest.raises(RecordError, match="no count"):
            parse_search(f"<eSearchResult><Count>{count}</Count></eSearchResult>".encode())
    with pytest.raises(RecordError, match="records instead"):
        parse_search(wrapped(FULL))
    with pytest.raises(RecordError, match="Empty term"):
        parse_search(b"<eSearchResult><ERROR>Empty term</ERROR></eSearchResult>")
    with pytest.raises(RecordError, match="no count"):
        parse_search(b"<eSearchResult/>")


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ("1,234", 1234), ("1 234", 1234), ("1\u202f234", 1234), ("1.234", 1234), ("1'234'567", 1234567),
        ("1,234.0", 1234), ("12.0", 12), ("12.", 12), ("12.000", 12), ("+12", 12), (" 12\n", 12), ("007", 7),
        # of no form: the records are there, and their number is not known
        ("about 12", 0), ("12.5", 0), ("1,23", 0), ("-1", 0), ("", 0), ("9" * 5000, 0), ("0", 0),
    ],
)  # fmt: skip
def test_a_count_in_any_writing_does_not_cost_the_records(written, count):
    ids = "<IdList><Id>1</Id><Id>2</Id></IdList>"
    found = parse_search(f"<eSearchResult><Count>{written}</Count>{ids}</eSearchResult>".encode())
    assert (found.count, found.pmids) == (count, ("1", "2"))


def test_id_converter_answers():
    body = {"records": [{"pmcid": "PMC1", "pmid": 7}, {"pmcid": "PMC2", "status": "error"}]}
    assert parse_idconv(json.dumps(body).encode()) == {"PMC1": "7"}
    for broken in (b"", b"<html>", b"[]", b'{"records": 3}', b'{"records": [3]}', b"[" * 100_000):
        with pytest.raises(RecordError):
            parse_idconv(broken)


def test_a_record_survives_being_stored():
    for record in parse_articles(wrapped(FULL, BOOK)):
        stored = json.loads(json.dumps(record.as_json()))
        assert Abstract.from_json(stored) == record
        assert Abstract.from_json(stored | {"of the future": 1}) == record
        assert Abstract.from_json(stored, older=True) == record
    with pytest.raises(ValueError, match="outside"):
        Abstract("1", "t", "t", (Section("", 0, 9),), has_abstract=True)


def test_a_stored_record_of_any_other_shape_is_refused():
    whole = json.loads(json.dumps(parse_articles(wrapped(FULL))[0].as_json()))
    broken = [None, [], "text", 3, {}, {"pmid": "1"}, {"form": 2}, whole | {"form": 1}]
    for name in set(whole) - {"retracted", "status", "told"}:
        broken += [whole | {name: value} for value in (None, 1.5, {"a": 1}, [1], [[]])]
    broken += [
        whole | {"sections": [{"label": "x"}]},
        whole | {"sections": [{"label": "x", "start": 0, "end": 10**9}]},
    ]
    broken += [
        whole | {"notes": [{"kind": "unheard of"}]},
        whole | {"notes": [{"kind": "retracted by", "pmid": 3}]},
    ]
    for document in broken:
        with pytest.raises(RecordError, match="fetched again"):
            Abstract.from_json(document)


def test_a_record_stored_by_an_older_version_is_read_on_demand_only():
    old = {
        "pmid": "7",
        "title": "RETRACTED: Old",
        "text": "RETRACTED: Old.",
        "sections": [{"label": "TITLE", "start": 0, "end": 15}],
        "has_abstract": False,
        "vernacular_title": "",
        "authors": ["A B"],
        "journal": "J",
        "year": 2001,
        "date": "2001",
        "doi": "",
        "pmcid": "",
        "mesh": [],
        "publication_types": ["Preprint"],
        "notes": [{"kind": "erratum in", "pmid": "8", "source": "J 2002"}],
    }
    with pytest.raises(RecordError):
        Abstract.from_json(old)
    record = Abstract.from_json(old, older=True)
    assert (record.version, record.keywords) == (1, ())
    assert [note.kind for note in record.notes] == [
        NoteKind.RETRACTED_BY,
        NoteKind.ERRATUM_IN,
        NoteKind.PREPRINT,
    ]
    with pytest.raises(RecordError):
        Abstract.from_json(old | {"year": "2001"}, older=True)


def test_the_play_records_are_whole():
    records = json.loads(RECORDS_FILE.read_text("utf-8"))
    made = parse_articles(wrapped(*map(article_xml, records)))
    assert [record.pmid for record in made] == [record["pmid"] for record in records]
    assert any(record.retracted for record in made)
    assert any("10^-3" in record.text for record in made)


def test_memory_follows_the_largest_record_not_the_answer():
    one = article(
        "A <i>title</i> of some length", abstract=f"<AbstractText>{'A sentence. ' * 50}</AbstractText>"
    )
    one = one.replace(
        "</MedlineCitation>", "<ReferenceList>" + "<Reference/>" * 200 + "</ReferenceList></MedlineCitation>"
    )

    def peak(count):
        xml = wrapped(*[one] * count)
        tracemalloc.start()
        records = parse_articles(xml)
        held, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(records) == count
        return highest - held

    few = peak(200)
    assert peak(2_000) < 2 * few + 3_000_000  # a piece of the answer is in work at a time


@pytest.mark.parametrize(
    "inner",
    [
        "<i/>" * (parse.MAX_ELEMENTS + 1),
        "x" * (parse.MAX_CHARS + 1),
        f"<i a='{'x' * (parse.MAX_CHARS + 1)}'/>",
    ],
    ids=["tags", "text", "attribute"],
)
def test_no_record_is_that_large(inner):
    for xml in (wrapped(article(inner)), f"<eSearchResult>{inner}</eSearchResult>".encode()):
        with pytest.raises(RecordError, match="larger than any record"):
            (parse_articles if b"Pubmed" in xml else parse_search)(xml)


def test_no_answer_holds_that_many_records(monkeypatch):
    monkeypatch.setattr(parse, "MAX_RECORDS", 3)
    assert len(parse_articles(wrapped(*[FULL] * 3))) == 3
    with pytest.raises(RecordError, match="more records"):
        parse_articles(wrapped(*[FULL] * 4))


HOSTILE = {
    "records": lambda n: "<PubmedArticle><MedlineCitation/></PubmedArticle>" * (n // 45),
    "unknown": lambda n: "<x/>" * (n // 4),
    "depth": lambda n: article("<i>" * (n // 7) + "</i>" * (n // 7)),
    "label": lambda n: article(abstract=f"<AbstractText Label='{': ' * (n // 2)}'>x</AbstractText>"),
    "sections": lambda n: article(abstract="<AbstractText Label='A'>x</AbstractText>" * (n // 41)),
    "other abstracts": lambda n: article(abstract="", beside="<OtherAbstract/>" * (n // 16)),
    "authors": lambda n: article(inside=f"<AuthorList>{'<Author/>' * (n // 9)}</AuthorList>"),
    "types": lambda n: article(types=[f"t{i}" for i in range(n // 40)]),
    "links": lambda n: article(beside=links(*[linked("ErratumIn", pmid=str(i)) for i in range(n // 90)])),
    "spaced title": lambda n: article("[" + " " * n + "not"),
    "bracketed title": lambda n: article("(retracted" * (n // 10)),
    "start of a text": lambda n: article(
        abstract=f"<AbstractText>{'this article ' * (n // 13)}</AbstractText>"
    ),
    "date": lambda n: article(
        inside=f"<Journal><JournalIssue><PubDate><MedlineDate>{'1' * n}</MedlineDate></PubDate>"
        "</JournalIssue></Journal>"
    ),
    "citation": lambda n: article(
        beside=links(linked("ErratumIn", pmid="", source="10.1234/" + ").,;" * (n // 4)))
    ),
    "prefixes": lambda n: article("<a:b/>" * (n // 6)),
    "many prefixes": lambda n: article("".join(f"<p{i}:b/>" for i in range(n // 9))),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_cost_is_near_linear(make):
    def read(xml):
        for record in parse_articles(xml):
            assert record.told is not None
            assert record.as_json()["notes"] is not None

    assert ratio_of(read, wrapped(make(25_000)), wrapped(make(100_000)), least_s=0.002) < MAX_RATIO


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
    for read_in in (parse_articles, parse_search, parse_idconv):
        try:
            read_in(data)
        except PubMedError:
            continue
