"""Records and banners as the page shows them."""

from __future__ import annotations

import pytest

from biom_demo.analysis.passage import Passage, passage_of_records
from biom_demo.pubmed.abstract import Abstract, Note, NoteKind
from biom_demo.pubmed.local_server import article_xml
from biom_demo.pubmed.parse import parse_articles
from biom_demo.show.pubmed import (
    elsewhere_html,
    record_html,
    records_html,
    status_of_record_html,
    warning_html,
    warnings_html,
)
from tests.entrez_server import PLAY
from tests.markup import Page


@pytest.fixture(scope="module")
def by_pmid():
    xml = "".join(map(article_xml, PLAY))
    return {r.pmid: r for r in parse_articles(f"<PubmedArticleSet>{xml}</PubmedArticleSet>".encode())}


def record_of(pmid="1", title="A title.", **rest):
    return Abstract(pmid, title, title, (), has_abstract=False, **rest)


def addresses(html):
    return [value for name, value in Page(html).attributes if name == "href"]


def test_a_record_shows_what_it_is_and_where_to_find_it(by_pmid):
    html = record_html(by_pmid["90000003"], ("Only its title is read.",))
    page = Page(html)
    assert "Moreau C, Sato K. Made-up Archives of Medicine. 2003" in page.text
    assert addresses(html)[:2] == [
        "https://pubmed.ncbi.nlm.nih.gov/90000003/",
        "https://doi.org/10.5555/play.3",
    ]
    assert "<summary>MeSH terms</summary>" in html
    assert "Only its title is read." in page.text
    bare = Page(
        record_html(record_of(title="", authors=[f"A{i}" for i in range(9)], vernacular_title="Titel"))
    )
    assert "(no title) Titel" in bare.text
    assert "A5 and 3 more" in bare.text
    assert "MeSH" not in bare.text


def test_links_lead_nowhere_else_whatever_a_record_says():
    record = record_of(
        "1/../../x?y", doi='10.1/(a)"b\'<c>;d:e?f#g\ud800', pmcid="PMC1/../../?q", notes=(
            Note(NoteKind.ERRATUM_IN, "javascript:alert(1)", "J"),
        )
    )  # fmt: skip
    assert addresses(record_html(record)) == [
        "https://pubmed.ncbi.nlm.nih.gov/1%2F..%2F..%2Fx%3Fy/",
        "https://doi.org/10.1/(a)%22b%27%3Cc%3E;d:e%3Ff%23g%3F",
        "https://pmc.ncbi.nlm.nih.gov/articles/PMC1%2F..%2F..%2F%3Fq/",
    ]


def test_all_records_of_a_passage_have_their_headers_and_the_notices_stand_once(by_pmid):
    passage = passage_of_records((by_pmid["90000001"], by_pmid["90000002"]), notices=("It may be old.",))
    html = records_html(passage)
    assert html.count("<article") == 2
    assert Page(html).text.count("It may be old.") == 1
    assert html.index("It may be old.") < html.index("90000002")
    assert records_html(Passage("pasted")) == ""


def test_a_record_shows_what_to_beware_of(by_pmid):
    withdrawn = warning_html(by_pmid["90000006"])
    assert "was retracted: Notes Inv J. 2010." in Page(withdrawn).text
    assert addresses(withdrawn) == ["https://pubmed.ncbi.nlm.nih.gov/90000007/"]
    assert withdrawn in record_html(by_pmid["90000006"])
    assert "notice that retracts" in warning_html(by_pmid["90000007"])
    assert warning_html(by_pmid["90000001"]) == ""
    # PubMed may mark an article without saying by what.
    marked = record_of(publication_types=("Retracted Publication",))
    assert Page(warning_html(marked)).text == "! This article was retracted."
    assert "! PMID 1: This" in Page(warnings_html((marked,), named=True)).text
    both = Page(warnings_html((marked, record_of("2"), by_pmid["90000006"])))
    assert both.text.startswith("! PMID 1: This article was retracted.! PMID 90000006: This")


def test_a_book_a_trial_and_a_foreign_text_say_what_they_are():
    record = record_of(
        authors=("Moreau C",),
        editors=("Sato K",),
        publication_types=("Journal Article", "Randomized Controlled Trial"),
        keywords=("asthma", "children"),
        vernacular_title="Ein Titel",
        languages=("ger",),
    )
    page = Page(record_html(record))
    assert "Moreau C, Sato K (ed.). Randomized Controlled Trial" in page.text
    assert "Keywordsasthma; children" in page.text
    assert "The article itself is in German." in page.text
    assert "Ein Titel" in page.text
    original = record_of(title="Ein Titel", vernacular_title="Ein Titel", title_is_original=True)
    assert Page(record_html(original)).text.count("Ein Titel") == 1


@pytest.mark.parametrize("kind", NoteKind)
def test_every_kind_of_note_stands_in_header_row_and_banner_with_its_link(kind):
    note = Note(kind, "8", "J Made Up. 2020;1:2.", "Wrong figure.")
    record = record_of(title="It is CFTR.", notes=(note,))
    html = record_html(record)
    assert "https://pubmed.ncbi.nlm.nih.gov/8/" in addresses(html)
    assert f"{note.statement}: J Made Up. 2020;1:2. Wrong figure." in Page(html).text
    assert ('class="warning"' in html) == note.serious == bool(warning_html(record))
    assert ('class="note"' in html) != note.serious
    row = status_of_record_html(record)
    assert f">{note.short}</a>" in row
    assert ('class="retracted"' in row) == note.serious
    assert "https://pubmed.ncbi.nlm.nih.gov/8/" in addresses(row)


def test_a_note_without_a_pmid_leads_to_its_doi_or_nowhere():
    def links(note):
        return addresses(warning_html(record_of(notes=(note,))))

    kind = NoteKind.RETRACTED_BY
    assert links(Note(kind, "", "J 2020. doi: 10.5555/a(1)b%c.")) == ["https://doi.org/10.5555/a(1)b%25c"]
    assert links(Note(kind, "", "J 2020")) == []
    assert links(Note(kind, "8/../9", "J 2020")) == []
    assert Page(warning_html(record_of(notes=(Note(kind, "8"),)))).text == (
        "! This article was retracted: PMID 8."
    )


def test_another_server_is_named():
    assert "not from PubMed: http://127.0.0.1:9/<x>" in Page(elsewhere_html("http://127.0.0.1:9/<x>")).text
