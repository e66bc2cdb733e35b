"""The engine in Chromium: chosen beside its cost, told with the answers, kept in the address."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from biom_demo.qa.engines.processor import refusal
from biom_demo.settings import Precision
from tests.browser.test_compare import QUESTION, SIDES, TEXT, ask, edit
from tests.browser.test_difference import unfold

pytestmark = pytest.mark.browser

QUICK = Precision.BFLOAT16


def opened(page):
    """The fold with the engines."""
    edit(page)
    unfold(page, "More: further")
    return page.locator("#engine-told")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_engine_is_told_with_its_cost_or_why_it_is_not_there(open_page, width, theme, tmp_path):
    page = open_page(width=width, theme=theme)
    told = opened(page)
    for precision in (QUICK, Precision.INT8):
        entry = told.locator("li", has_text=re.compile(f"^{precision}: "))
        choice = page.locator("#engine").get_by_role("radio", name=str(precision))
        if choice.count():
            expect(entry).to_contain_text(
                re.compile(r"about [\d.]+( to [\d.]+)? times as fast\. Exact match")
            )
            expect(entry).to_contain_text("475 pairs of BioASQ 8B")
        else:
            expect(entry).to_contain_text(f"not available here. {refusal(precision)}".strip())
    expect(page.locator("#engine").get_by_role("radio", name="float32, exact")).to_be_checked()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.locator("#more").screenshot(path=tmp_path / f"engine-{width}-{theme}.png")


@pytest.mark.skipif(bool(refusal(QUICK)), reason="this processor has no bfloat16")
def test_the_answers_say_what_they_were_computed_in_and_a_reload_asks_in_the_same(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    expect(page.locator("#biom .time")).not_to_contain_text("bfloat16")
    opened(page)
    page.locator("#engine").get_by_role("radio", name="bfloat16").check()
    expect(page.locator("#head")).to_contain_text("previous question")
    ask(page, TEXT, QUESTION)
    for side in SIDES:
        expect(page.locator(f"#{side} .time")).to_contain_text("in bfloat16")
    expect(page.locator("#head")).to_contain_text("in bfloat16")
    expect(page.locator("#head")).not_to_contain_text("previous question")
    expect(page).to_have_url(re.compile("engine=bfloat16"))
    page.reload()
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)
    expect(page.locator("#biom .time")).to_contain_text("in bfloat16")
    opened(page)
    expect(page.locator("#engine").get_by_role("radio", name="bfloat16")).to_be_checked()
