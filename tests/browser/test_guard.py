"""The guard's policy in Chromium: everything the page does, without one error in the console."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from biom_demo.settings import Settings
from biom_demo.ui.guard import Guard
from tests.browser.test_benchmark import open_tab, upload
from tests.browser.test_compare import QUESTION, TEXT, ask
from tests.browser.test_difference import downloaded, unfold

pytestmark = pytest.mark.browser


def test_the_whole_page_works_under_the_policy(open_page, app, tmp_path):
    page = open_page()
    page.goto("about:blank")  # what is heard from here on is of one page alone
    told = []
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    closed = []
    page.on("response", lambda answer: closed.append(answer.url) if answer.status >= 400 else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(app)
    ask(page, TEXT, QUESTION)
    unfold(page, "Keep and share")
    for button in ("#as-json", "#as-csv", "#as-png"):
        assert downloaded(page, button)
    asked = {
        "id": "1",
        "question": QUESTION,
        "answers": [{"text": "CFTR", "answer_start": TEXT.index("CFTR")}],
    }
    own = {"data": [{"title": "own", "paragraphs": [{"context": TEXT, "qas": [asked]}]}]}
    (tmp_path / "own.json").write_text(json.dumps(own))
    open_tab(page)
    upload(page, tmp_path / "own.json")
    expect(page.locator("#benchmark-table tbody tr")).to_have_count(1, timeout=20_000)
    assert told == []
    page.get_by_role("button", name="Use via API").click()
    expect(page.get_by_text("/ask_pubmed").first).to_be_visible(timeout=20_000)
    # Gradio's panel asks how often each endpoint was called, and for tools: neither is here.
    assert {url.removeprefix(app) for url in closed} <= {"/monitoring/summary", "/gradio_api/mcp/schema"}


def test_a_text_that_no_body_may_hold_is_told_in_a_sentence(open_page):
    page = open_page()
    too_long = Guard(None, Settings()).max_json_bytes + 1_000
    page.locator("#context textarea").evaluate(
        """(box, size) => { box.value = 'a '.repeat(size / 2); box.dispatchEvent(new Event('input')); }""",
        too_long,
    )
    page.locator("#question textarea").fill(QUESTION)
    page.locator("#question textarea").press("Enter")
    expect(page.get_by_text("This is too much").first).to_be_visible(timeout=120_000)
