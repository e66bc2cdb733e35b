"""The Benchmark tab in a browser: a file scored, sorted, filtered, a row in Compare and back, files kept."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_difference import AXE, downloaded
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

EXAMPLES = json.loads((ROOT / "assets" / "examples.json").read_text("utf-8"))
ASKED = [one for one in EXAMPLES if any(text in one["context"] for text in one["answers"][:1])][:6]


@pytest.fixture
def golden(tmp_path):
    """A BioASQ file: a factoid of each example, and a question of another type."""
    questions = [
        {
            "id": f"e{number}",
            "type": "factoid",
            "body": example["question"],
            "exact_answer": [example["answers"][:1]],
            "snippets": [{"text": example["context"], "document": "d"}],
        }
        for number, example in enumerate(ASKED)
    ]
    questions.append({"id": "y", "type": "yesno", "body": "Is it?", "exact_answer": "yes", "snippets": []})
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"questions": questions}))
    return path


def upload(page, path):
    with page.expect_file_chooser() as chooser:
        page.locator("#gold-file").click()
    chooser.value.set_files(path)


def open_tab(page):
    page.get_by_role("tab", name="Benchmark").click()
    expect(page.locator("#benchmark-about")).to_be_visible(timeout=30_000)


def scored(page, path):
    open_tab(page)
    upload(page, path)
    expect(page.locator("#benchmark-table tbody tr")).to_have_count(len(ASKED), timeout=30_000)
    page.locator("#score-all").click()
    expect(page.locator("#benchmark-status")).to_contain_text("have read all 6 texts", timeout=90_000)
    expect(page.locator("#benchmark-table")).not_to_contain_text("not read yet")


def column(page, number):
    return page.locator(f"#benchmark-table tbody td:nth-child({number})").all_inner_texts()


def focused_row(page):
    return page.evaluate("document.activeElement.dataset.number")


def serious(page):
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        (violation["id"], [node["html"][:160] for node in violation["nodes"]][:4])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_a_file_is_scored_sorted_filtered_opened_and_saved(open_page, width, theme, golden, tmp_path):
    page = open_page(width=width, theme=theme)
    scored(page, golden)
    assert "tab=benchmark" in page.url
    expect(page.locator("#benchmark-totals")).to_contain_text(re.compile(r"EM\s*\d+\.\d \[\d"))
    expect(page.locator("#stop-scoring")).to_be_hidden()
    # Sorted by a head, twice; the head has the focus still.
    page.locator(".sort-by[data-key=question]").click()
    expect(page.locator("th[aria-sort=ascending] [data-key=question]")).to_be_visible()
    questions = column(page, 2)
    assert questions == sorted(questions, key=str.casefold)
    page.locator(".sort-by[data-key=question]").click()
    expect(page.locator("th[aria-sort=descending] [data-key=question]")).to_be_visible()
    assert column(page, 2) == questions[::-1]
    # Filtered: what is found, and nothing.
    page.locator("#rows-found input, #rows-found textarea").first.fill(ASKED[0]["question"])
    page.keyboard.press("Enter")
    expect(page.locator("#benchmark-table tbody tr")).to_have_count(1)
    page.locator("#rows-found input, #rows-found textarea").first.fill("xyzzy")
    page.keyboard.press("Enter")
    expect(page.locator("#benchmark-table")).to_contain_text("No row is left")
    page.locator("#rows-found input, #rows-found textarea").first.fill("")
    page.keyboard.press("Enter")
    expect(page.locator("#benchmark-table tbody tr")).to_have_count(len(ASKED))
    if AXE.is_file():
        assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=tmp_path / "scored.png", full_page=True)
    # A row in Compare, in view, and back to it.
    rows = page.locator("#benchmark-table .open-row")
    row = rows.nth(3)
    question, number = row.inner_text(), row.get_attribute("data-number")
    answers = column(page, 4)[3]
    row.click()
    expect(page.locator("#status")).to_contain_text("nothing was read anew", timeout=30_000)
    expect(page.locator("#head")).to_contain_text(question)
    expect(page.locator("#head")).to_be_in_viewport()
    expect(page.locator("#walk-place")).to_contain_text("Row 4 of 6")
    expect(page.locator("#biom .gold")).to_be_visible()
    assert page.locator("#biom p.answer").inner_text().split("\n")[0].strip() in answers
    if AXE.is_file():
        assert serious(page) == []
    page.locator("#next-row").focus()
    page.keyboard.press("j")
    expect(page.locator("#walk-place")).to_contain_text("Row 5 of 6")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#walk-place")).to_contain_text("Row 4 of 6")
    page.locator("#back-to-rows").click()
    expect(page.locator("#benchmark-table")).to_be_visible()
    page.wait_for_function("document.activeElement.dataset.number !== undefined")
    assert focused_row(page) == number
    # Keys move between the rows.
    page.keyboard.press("ArrowDown")
    below = focused_row(page)
    assert below == rows.nth(4).get_attribute("data-number")
    page.keyboard.press("k")
    assert focused_row(page) == number
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#walk-place")).to_contain_text("Row 5 of 6")
    expect(page.locator("#walk-place")).to_be_visible()  # the tab is shown once the server has answered
    expect(page.locator("#head")).to_contain_text(rows.nth(4).text_content())
    page.go_back()  # the browser's own way back
    expect(page.locator("#benchmark-table")).to_be_visible()
    # Files.
    page.get_by_role("button", name="Save: every answer").click()
    page.wait_for_timeout(800)
    saved = list(csv.DictReader(io.StringIO(downloaded(page, "#save-csv").decode())))
    assert len(saved) == 2 * len(ASKED)
    made = json.loads(downloaded(page, "#save-first"))
    assert [one["id"] for one in made["questions"]] == [*(f"e{n}" for n in range(len(ASKED))), "y"]


def test_a_blind_test_goes_through_a_file_without_telling(open_page, golden):
    page = open_page()
    page.locator("#head .edit").click()
    page.get_by_role("button", name=re.compile("^More: further")).click()
    page.wait_for_timeout(800)
    page.get_by_label("Blind").check()
    open_tab(page)
    upload(page, golden)
    rows = page.locator("#benchmark-table tbody tr")
    expect(rows).to_have_count(len(ASKED), timeout=30_000)
    expect(page.locator("#benchmark-table")).to_contain_text("Hidden")
    expect(page.locator("#benchmark-table th")).to_have_count(2)
    # Not read yet: it is asked, blind.
    page.locator("#benchmark-table .open-row").first.click()
    expect(page.locator("#vote-A")).to_be_visible(timeout=60_000)
    expect(page.locator("#biom h3")).to_have_text("Model A")
    shown = page.locator("#biom, #vanilla, #verdict, #votes, #walk, #head").all_inner_texts()
    assert not any("ELECTRA" in text or "Known" in text for text in shown)
    page.locator("#vote-B").click()
    told = page.locator("#vote-count")
    expect(told).to_contain_text(
        re.compile(r"Model A was .*ELECTRA.*Known answer: .*Votes of this session \(1\)")
    )
    expect(told).to_be_in_viewport()
    expect(page.locator("#vote-B")).to_be_hidden()
    page.locator("#next-row").click()
    expect(page.locator("#walk-place")).to_contain_text("Row 2 of 6")
    expect(page.locator("#vote-A")).to_be_visible(timeout=60_000)
    expect(page.locator("#head")).to_contain_text(ASKED[1]["question"])
    assert "ELECTRA" not in told.inner_text()


def test_a_file_that_cannot_be_used_is_told(open_page, tmp_path):
    page = open_page()
    open_tab(page)
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    upload(page, bad)
    expect(page.locator("#benchmark-status [role=alert]")).to_contain_text("not valid JSON", timeout=30_000)
    expect(page.locator("#benchmark-table")).to_be_hidden()
    page.locator("#score-all").click()
    expect(page.locator("#benchmark-status")).to_contain_text("no file yet", timeout=30_000)
