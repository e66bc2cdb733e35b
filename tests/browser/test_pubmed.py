"""PubMed on the page, against the local server: a PMID in, answers out; a question over many abstracts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import running_app
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


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_a_question_to_pubmed_and_on_to_compare(open_page, pubmed_app, width, theme, tmp_path):
    page = open_page(address=pubmed_app[0], width=width, theme=theme)
    page.get_by_role("tab", name="Ask PubMed").click()
    page.locator("#pubmed-question textarea").fill(QUESTION)
    page.locator("#pubmed-question textarea").press("Enter")
    expect(page.locator("#pubmed-status")).to_contain_text(
        "2 records match “(cystic fibrosis) AND hasabstract”", timeout=60_000
    )
    expect(page.locator("#pubmed-query textarea")).to_have_value("(cystic fibrosis) AND hasabstract")
    assert page.locator("#found-biom .findings > li").count() > 1
    expect(page.locator("#abstracts tbody tr")).to_have_count(2)
    page.locator("#top input[type=number]").fill("1")
    page.locator("#top input[type=number]").press("Enter")
    expect(page.locator("#found-biom .findings > li")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=tmp_path / "asked.png", full_page=True)
    page.locator(".open-abstract").nth(1).click()
    expect(page.locator("#record")).to_contain_text("PMID 90000002", timeout=60_000)
    expect(page.locator("#question textarea")).to_have_value(QUESTION)
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)


def test_a_question_without_a_hit_is_told(open_page, pubmed_app):
    page = open_page(address=pubmed_app[0])
    page.get_by_role("tab", name="Ask PubMed").click()
    page.locator("#pubmed-question textarea").fill("Which xyzzy plugh?")
    page.locator("#pubmed-question textarea").press("Enter")
    expect(page.locator("#pubmed-status")).to_contain_text("finds nothing", timeout=30_000)


def test_a_link_to_a_record_has_its_pmid_and_not_its_text(open_page, pubmed_app):
    page = open_page(address=pubmed_app[0])
    ask(page, "90000001")
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)
    page.get_by_role("button", name="Keep and share").click()
    link = page.locator("#link textarea")
    expect(link).to_have_value(re.compile(r"\?id=90000001&q=Which"), timeout=10_000)
    assert "text=" not in link.input_value()
    expect(page.locator("#markdown textarea")).to_have_value(re.compile(r"PMID 90000001, characters \d+"))
    answer = page.locator("#biom p.answer").inner_text()
    page.goto(link.input_value())
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)
    expect(page.locator("#record")).to_contain_text("PMID 90000001")
    assert page.locator("#biom p.answer").inner_text() == answer
