"""PubMed on the page, against the local server: a PMID in, answers out; a question over many abstracts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import running_app
from tests.browser.test_compare import edit
from tests.entrez_server import entrez_server, status

pytestmark = pytest.mark.browser

QUESTION = "Which gene is mutated in cystic fibrosis?"


@pytest.fixture(scope="module")
def pubmed_app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pubmed")
    with (
        entrez_server() as server,
        running_app(
            folder / "log", BIOM_ENTREZ_URL=server.url, BIOM_CACHE=str(folder), BIOM_PUBMED_BUDGET="3"
        ) as address,
    ):
        yield address, server


def ask(page, typed, question=QUESTION):
    edit(page)
    page.locator("#context textarea").fill(typed)
    page.locator("#question textarea").fill(question)
    page.locator("#question textarea").press("Enter")


def test_a_pmid_in_an_answer_out(open_page, pubmed_app):
    page = open_page(address=pubmed_app[0])
    expect(page.locator("#elsewhere")).to_contain_text("not from PubMed")
    page.locator("#context textarea").fill("PMC9900001")
    expect(page.locator("#taken-for")).to_contain_text("PMCID PMC9900001")
    ask(page, "90000001")
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)
    expect(page.locator("#record h3")).to_contain_text("A deletion in CFTR")
    expect(page.locator("#record a").first).to_have_attribute(
        "href", "https://pubmed.ncbi.nlm.nih.gov/90000001/"
    )
    expect(page.locator("#biom .context .section").first).to_have_text("BACKGROUND:")
    assert "CFTR" in page.locator("#biom p.answer a").inner_text()
    ask(page, "90000006", "What did the authors claim?")
    for side in ("biom", "vanilla"):
        expect(page.locator(f"#{side} .warning")).to_contain_text("was retracted", timeout=60_000)


def test_what_cannot_be_fetched_is_told_and_loses_nothing(open_page, pubmed_app):
    address, server = pubmed_app
    page = open_page(address=address)
    ask(page, "90000002")
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)
    before = page.locator("#biom .card").inner_html()
    ask(page, "77")
    expect(page.locator("#status")).to_contain_text("does not know 77", timeout=30_000)
    server.faults = [status(500)] * 20
    ask(page, "90000005")
    expect(page.locator("#status")).to_contain_text("has trouble", timeout=30_000)
    server.faults = []
    ask(page, "https://example.org/paper")
    expect(page.locator("#status")).to_contain_text("none of PubMed", timeout=30_000)
    assert page.locator("#biom .card").inner_html() == before


def ask_pubmed(page, question=QUESTION, query=""):
    page.get_by_role("tab", name="Ask PubMed").click()
    page.locator("#pubmed-query textarea").fill(query)
    page.locator("#pubmed-question textarea").fill(question)
    page.locator("#pubmed-question textarea").press("Enter")


def read(page):
    """Waits until all abstracts are read."""
    expect(page.locator("#pubmed-status")).to_contain_text("read: the first", timeout=60_000)
    expect(page.locator("#stop-pubmed")).to_be_hidden()


EVERYTHING = "TNF-alpha OR imatinib OR cystic OR vaccine OR metformin"


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_a_question_to_pubmed_on_to_compare_and_back(open_page, pubmed_app, width, theme, tmp_path):
    address, server = pubmed_app
    page = open_page(address=address, width=width, theme=theme)
    ask_pubmed(page)
    read(page)
    expect(page.locator("#pubmed-status")).to_contain_text(
        "2 records match “(cystic fibrosis) AND hasabstract”"
    )
    expect(page.locator("#pubmed-query textarea")).to_have_value("(cystic fibrosis) AND hasabstract")
    claims = page.locator("#found-biom .findings > li")
    assert claims.count() > 1
    expect(claims.first.locator(".support")).to_contain_text(
        re.compile(r"supported by \d of 2 abstracts, 20")
    )
    expect(claims.first.locator("blockquote mark").first).to_be_visible()
    expect(page.locator("#shared-claims")).to_contain_text("models")
    expect(page.locator("#abstracts tbody tr")).to_have_count(2)
    page.get_by_role("button", name="More: no-answer threshold").click()
    page.wait_for_timeout(1_000)  # it unfolds; what is typed meanwhile may be lost
    page.locator("#top input[type=number]").fill("1")
    page.locator("#top input[type=number]").press("Enter")
    expect(claims).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    before, requests = page.locator("#found-biom .card").inner_html(), len(server.requests)
    page.locator("#abstracts .open-abstract").nth(1).click()
    expect(page.locator("#record")).to_contain_text("PMID 90000002", timeout=30_000)
    expect(page.locator("#status")).to_contain_text("nothing was read anew")
    expect(page.locator("#question textarea")).to_have_value(QUESTION)
    expect(page.locator("#context textarea")).to_have_value("90000002")
    expect(page.locator("#biom p.answer")).to_be_visible()
    assert len(server.requests) == requests
    page.locator("#back-to-table").click()
    expect(page.locator("#found-biom")).to_be_visible()
    assert page.locator("#found-biom .card").inner_html() == before
    page.locator("#abstracts .open-abstract").first.click()
    expect(page.locator("#record")).to_contain_text("PMID 90000001", timeout=30_000)
    expect(page.locator("#back-to-table")).to_be_visible()  # the tab is shown once the server has answered
    page.go_back()  # the browser's own way back
    expect(page.locator("#found-biom")).to_be_visible()
    assert page.locator("#found-biom .card").inner_html() == before
    # Last: it resizes the page, and a click just behind it may miss.
    page.screenshot(path=tmp_path / "asked.png", full_page=True)


def test_an_example_asks_at_one_click_and_stop_is_there_only_while_it_runs(open_page, pubmed_app):
    page = open_page(address=pubmed_app[0])
    page.get_by_role("tab", name="Ask PubMed").click()
    expect(page.locator("#pubmed-about")).to_contain_text("in your own words")
    expect(page.locator("#stop-pubmed")).to_be_hidden()
    page.get_by_role("button", name="What does infliximab bind?").click()
    read(page)
    expect(page.locator("#pubmed-question textarea")).to_have_value("What does infliximab bind?")
    expect(page.locator("#found-head")).to_contain_text("What does infliximab bind?")
    page.locator("#pubmed-question textarea").fill("What else?")
    expect(page.locator("#found-head")).to_contain_text("for the previous question")


def test_the_table_is_sorted_by_its_heads(open_page, pubmed_app):
    page = open_page(address=pubmed_app[0])
    ask_pubmed(page, "What blocks TNF-alpha?", EVERYTHING)
    read(page)
    rows = page.locator("#abstracts tbody tr")
    assert rows.count() > 4

    def column(number):
        return [
            rows.nth(i).locator("td").nth(number).get_attribute("data-value") for i in range(rows.count())
        ]

    page.locator('.sort-rows[data-column="1"]').click()
    assert column(1) == sorted(column(1))
    page.locator('.sort-rows[data-column="1"]').click()
    assert column(1) == sorted(column(1), reverse=True)
    page.locator('.sort-rows[data-column="3"]').click()
    sure = [float(value) for value in column(3) if value]
    assert sure == sorted(sure)
    assert all(column(3)[: len(sure)])  # silent rows stand last
    assert page.locator('th[aria-sort="ascending"]').count() == 1


def test_results_are_kept_as_files_a_link_and_a_history(open_page, pubmed_app):
    address, server = pubmed_app
    page = open_page(address=address)
    ask_pubmed(page)
    read(page)
    page.get_by_role("button", name="Keep these results").click()
    for kind, words in (
        ("csv", '"pmid"'),
        ("markdown", "PMID 9000000"),
        ("ris", "TY  - JOUR"),
        ("bibtex", "@article{"),
    ):
        with page.expect_download() as download:
            page.locator(f"#evidence-{kind}").click()
        assert words in download.value.path().read_text("utf-8")
    link = page.locator("#search-link textarea")
    expect(link).to_have_value(re.compile(r"\?tab=ask&q=Which"), timeout=30_000)
    found = page.locator("#found-biom .card").inner_html()
    ask_pubmed(page, "What does infliximab bind?")
    expect(page.locator("#found-head")).to_contain_text("infliximab", timeout=60_000)
    read(page)
    requests = len(server.requests)
    page.locator("#past-searches input").click()
    page.get_by_role("option", name=QUESTION).click()
    expect(page.locator("#pubmed-status")).to_contain_text("nothing was read anew", timeout=30_000)
    expect(page.locator("#pubmed-question textarea")).to_have_value(QUESTION)
    assert page.locator("#found-biom .card").inner_html() == found
    assert len(server.requests) == requests
    # The link follows in an event of its own, after the results.
    expect(link).to_have_value(re.compile(r"\?tab=ask&q=Which"), timeout=30_000)
    page.goto(link.input_value())
    expect(page.locator("#found-head")).to_contain_text(QUESTION, timeout=60_000)
    read(page)
    expect(page.locator("#found-biom")).to_be_visible()  # the link opens its tab
    assert page.locator("#found-biom .card").inner_html() == found


OWN_TEXT = "Cystic fibrosis is caused by mutations of the CFTR gene.\n\nMarfan syndrome is of FBN1."


@pytest.mark.parametrize(("width", "theme"), [(1280, "dark"), (390, "light")])
def test_without_pubmed_own_abstracts_and_the_built_in_records_are_read(
    open_page, tmp_path_factory, width, theme, tmp_path
):
    folder = tmp_path_factory.mktemp("dead")
    nowhere = "http://127.0.0.1:9"
    with running_app(folder / "log", BIOM_ENTREZ_URL=nowhere, BIOM_CACHE=str(folder)) as address:
        page = open_page(address=address, width=width, theme=theme)
        ask_pubmed(page)
        status = page.locator("#pubmed-status")
        expect(status).to_contain_text("choose “abstracts of your own” or “built-in", timeout=60_000)
        expect(page.locator("#own-abstracts")).to_be_hidden()
        page.get_by_role("radio", name="abstracts of your own").check()
        expect(page.locator("#pubmed-query")).to_be_hidden()
        expect(page.locator("#own-told")).to_contain_text("Nothing is sent to NCBI")
        page.locator("#own-abstracts textarea").fill(OWN_TEXT)
        file = {"name": "mine.csv", "mimeType": "text/csv", "buffer": b"abstract\nSickle cells are of HBB.\n"}
        with page.expect_file_chooser() as chooser:
            page.locator("#own-file").click()
        chooser.value.set_files(file)
        expect(page.locator("#own-told")).to_contain_text("mine.csv: 1 abstract.", timeout=30_000)
        expect(page.locator("#ask-pubmed")).to_have_text("Ask these abstracts")
        page.locator("#ask-pubmed").click()
        expect(page.locator("#found-head")).to_contain_text("3 abstracts of your own", timeout=60_000)
        expect(page.locator("#abstracts tbody tr")).to_have_count(3)
        expect(status).to_contain_text("Nothing was sent to NCBI")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.locator("#abstracts .open-abstract").nth(1).click()
        expect(page.locator("#context textarea")).to_have_value("Marfan syndrome is of FBN1.", timeout=30_000)
        expect(page.locator("#record")).to_contain_text("Abstract 2")
        page.locator("#back-to-table").click()
        page.get_by_role("radio", name="built-in records").check()
        expect(page.locator("#builtin-panel")).to_contain_text("Ivacaftor opens the CFTR channel")
        expect(page.locator("#found-head")).to_contain_text("for the previous question")
        page.locator("#ask-pubmed").click()
        expect(page.locator("#found-head")).to_contain_text("7 built-in records", timeout=60_000)
        page.get_by_role("radio", name="PubMed").check()
        expect(page.locator("#ask-pubmed")).to_have_text("Ask PubMed")
        expect(page.locator("#pubmed-query")).to_be_visible()
        page.screenshot(path=tmp_path / "own.png", full_page=True)


MANY_TEXTS = "\n\n".join(
    f"Cystic fibrosis of patient {n} is caused by mutations of the CFTR gene."
    if n % 6 == 0
    else f"Report {n}: metformin lowers glucose from the liver in adults with diabetes."
    for n in range(24)
)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_what_looks_promising_is_read_first_and_the_rest_at_a_click(open_page, width, theme, tmp_path):
    page = open_page(width=width, theme=theme)
    page.get_by_role("tab", name="Ask PubMed").click()
    page.get_by_role("radio", name="abstracts of your own").check()
    page.locator("#own-abstracts textarea").fill(MANY_TEXTS)
    page.get_by_role("button", name="More: no-answer threshold").click()
    page.wait_for_timeout(1_000)
    page.locator("#extent-pubmed").get_by_role("radio", name="what looks promising").check()
    page.locator("#pubmed-question textarea").fill(QUESTION)
    page.locator("#ask-pubmed").click()
    unread = page.locator("#unread")
    expect(unread).to_contain_text("8 of 24 abstracts were read; the others look less", timeout=60_000)
    expect(page.locator("#found-head")).to_contain_text("24 abstracts of your own, 8 of them read")
    expect(page.locator("#abstracts tbody tr")).to_have_count(8)
    unread.locator("summary").click()
    expect(unread.locator("li")).to_have_count(16)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=tmp_path / "unread.png", full_page=True)
    page.locator("#read-rest").click()
    expect(page.locator("#abstracts tbody tr")).to_have_count(24, timeout=60_000)
    expect(unread).to_be_hidden()
    expect(page.locator("#read-rest")).to_be_hidden()
    expect(page.locator("#found-head")).not_to_contain_text("of them read")


def test_a_question_without_a_hit_is_told(open_page, pubmed_app):
    page = open_page(address=pubmed_app[0])
    ask_pubmed(page, "Which xyzzy plugh?")
    expect(page.locator("#pubmed-status")).to_contain_text("finds nothing", timeout=30_000)


def test_a_link_to_a_record_has_its_pmid_and_not_its_text(open_page, pubmed_app):
    page = open_page(address=pubmed_app[0])
    ask(page, "90000001")
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)
    page.get_by_role("button", name="Keep and share").click()
    link = page.locator("#link textarea")
    expect(link).to_have_value(re.compile(r"\?id=90000001&q=Which"), timeout=30_000)
    assert "text=" not in link.input_value()
    expect(page.locator("#markdown textarea")).to_have_value(re.compile(r"PMID 90000001, characters \d+"))
    answer = page.locator("#biom p.answer").inner_text()
    page.goto(link.input_value())
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)
    expect(page.locator("#record")).to_contain_text("PMID 90000001")
    assert page.locator("#biom p.answer").inner_text() == answer


def test_the_tab_opens_without_having_asked(open_page):
    page = open_page()
    page.get_by_role("tab", name="Ask PubMed").click()
    expect(page.locator("#ask-pubmed")).to_be_visible(timeout=30_000)
    page.wait_for_timeout(1_000)
    expect(page.locator("#pubmed-status")).to_have_text("")
