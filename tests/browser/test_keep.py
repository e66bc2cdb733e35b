"""Coming back, in Chromium: links, Back and Forward, reload, the picture to share; hints while one types."""

from __future__ import annotations

import io
import json
import re
from urllib.parse import urlencode

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.test_compare import QUESTION, TEXT, ask, edit, fill
from tests.browser.test_difference import downloaded, set_slider, unfold

pytestmark = pytest.mark.browser

OTHER = "Which organ does it affect?"
NAMED = re.compile(r"[?&]q=Which\+gene")


def answered(page, question):
    expect(page.locator("#head")).to_contain_text(question, timeout=60_000)
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)


def times(page):
    """How long the models took: another run has others."""
    return page.locator(".card .time").all_inner_texts()


def test_a_reload_asks_the_same_again_and_no_text_is_in_the_address(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    expect(page).to_have_url(NAMED)
    assert "chloride" not in page.url
    assert "__theme=light" in page.url
    answer = page.locator("#biom p.answer").inner_text()
    page.reload()
    answered(page, QUESTION)
    expect(page.locator("#context textarea")).to_have_value(TEXT)
    assert page.locator("#biom p.answer").inner_text() == answer


def test_texts_that_the_tab_keeps_are_told_and_can_be_forgotten(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    expect(page).to_have_url(NAMED)
    unfold(page, "Keep and share")
    expect(page.locator("#stored")).to_contain_text("kept in this browser tab")
    page.locator("#forget-texts").click()
    expect(page.locator("#stored")).to_contain_text("Forgotten")
    assert page.evaluate("sessionStorage.getItem('biom-texts')") is None
    page.reload()
    expect(page.locator("#status")).to_contain_text("the question alone", timeout=30_000)
    expect(page.locator("#context textarea")).to_have_value("")


def test_what_the_tab_keeps_is_bounded(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    expect(page).to_have_url(NAMED)
    page.evaluate(
        """() => { for (let number = 100; number < 140; number++) window.biomAddress.show(
            JSON.stringify({query: '?q=x', number, text: 'x'.repeat(20000)})); }"""
    )
    kept = json.loads(page.evaluate("sessionStorage.getItem('biom-texts')"))
    assert sum(len(one["text"]) for one in kept) == 300_000
    assert len({one["key"] for one in kept}) == 15


def test_back_and_forward_move_between_runs_and_read_nothing(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    expect(page).to_have_url(NAMED)
    first = times(page)
    ask(page, TEXT, OTHER)
    answered(page, OTHER)
    expect(page).to_have_url(re.compile("q=Which\\+organ"))
    second = times(page)
    page.go_back()
    expect(page.locator("#head")).to_contain_text(QUESTION, timeout=30_000)
    expect(page.locator("#status")).to_contain_text("nothing was read anew")
    expect(page.locator("#question textarea")).to_have_value(QUESTION)
    assert times(page) == first
    expect(page).to_have_url(NAMED)
    page.go_forward()
    expect(page.locator("#head")).to_contain_text(OTHER, timeout=30_000)
    assert times(page) == second
    # A setting is a change of the step, not a step.
    edit(page)
    unfold(page, "More: further")
    set_slider(page, "shown", 3)
    expect(page).to_have_url(re.compile("top=3"))
    page.go_back()
    expect(page.locator("#head")).to_contain_text(QUESTION, timeout=30_000)


def test_a_step_back_over_a_reload_asks_again(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    expect(page).to_have_url(NAMED)
    ask(page, TEXT, OTHER)
    expect(page).to_have_url(re.compile("q=Which\\+organ"))
    page.reload()
    answered(page, OTHER)
    page.go_back()
    answered(page, QUESTION)
    expect(page.locator("#context textarea")).to_have_value(TEXT)
    expect(page).to_have_url(NAMED)


def test_an_earlier_run_out_of_the_list_is_drawn_again(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    first = times(page)
    ask(page, TEXT, OTHER)
    answered(page, OTHER)
    unfold(page, "Keep and share")
    page.get_by_role("combobox", name=re.compile("^History")).click()
    page.get_by_role("option", name=re.compile("^1\\.")).click()
    expect(page.locator("#status")).to_contain_text("nothing was read anew", timeout=30_000)
    assert times(page) == first
    expect(page).to_have_url(NAMED)


def test_tabs_are_in_the_address(open_page, app):
    page = open_page()
    page.get_by_role("tab", name="Ask PubMed").click()
    expect(page).to_have_url(re.compile("tab=ask"))
    page.get_by_role("tab", name="About").click()
    expect(page).to_have_url(re.compile("tab=about"))
    page.go_back()
    expect(page.get_by_role("tab", name="Ask PubMed")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.get_by_role("tab", name="Compare")).to_have_attribute("aria-selected", "true")
    other = open_page()
    other.goto(f"{app}/?tab=about")
    expect(other.get_by_role("tab", name="About")).to_have_attribute("aria-selected", "true", timeout=30_000)
    other.goto(f"{app}/?tab=constructor&q=x")
    expect(other.locator("#status")).to_contain_text("the question alone", timeout=30_000)
    expect(other.get_by_role("tab", name="Compare")).to_have_attribute("aria-selected", "true")


def test_a_link_brings_further_models(open_page, app):
    page = open_page()
    key = page.evaluate(
        "() => window.gradio_config.components.find(c => c.props.elem_id === 'further').props.choices[0][1]"
    )
    page.goto(f"{app}/?" + urlencode({"text": TEXT, "q": QUESTION, "model3": key, "model4": "/etc"}))
    expect(page.locator("#status")).to_contain_text("Three models read", timeout=60_000)
    expect(page.locator("#third .card")).to_have_count(1)
    expect(page.locator("#fourth .card")).to_have_count(0)


def test_the_picture_to_share_opens_with_the_right_size(open_page, tmp_path):
    page = open_page()
    ask(page, TEXT, QUESTION)
    unfold(page, "Keep and share")
    expect(page.locator("#link textarea, #link input")).to_have_value(NAMED)
    data = downloaded(page, "#as-png")
    (tmp_path / "card.png").write_bytes(data)
    picture = Image.open(io.BytesIO(data))
    picture.load()
    assert (picture.format, picture.size) == ("PNG", (1200, 630))
    assert len(picture.getcolors(1_000_000)) > 20


@pytest.mark.parametrize("width", [1280, 390])
def test_a_question_the_models_cannot_take_is_told_while_typing_and_beside_its_result(open_page, width):
    page = open_page(width=width)
    edit(page)
    hint = page.locator("#question-hint")
    expect(hint).to_contain_text("point at the answer")
    box = page.get_by_role("textbox", name="Question", exact=True)
    below = page.locator("#ask").bounding_box()["y"]
    box.press_sequentially("Is CFTR mutated?")
    expect(hint).to_contain_text("yes or no")
    assert abs(page.locator("#ask").bounding_box()["y"] - below) <= (1 if width > 400 else 30)
    ask(page, TEXT, "Is CFTR mutated?")
    expect(page.locator("#asked-hint")).to_contain_text("yes or no")
    ask(page, TEXT, QUESTION)
    expect(hint).to_contain_text("point at the answer")
    expect(page.locator("#asked-hint")).to_be_hidden()


def test_a_question_without_a_text_can_go_to_ask_pubmed(open_page):
    page = open_page()
    way = page.locator("#to-pubmed")
    expect(way).to_be_hidden()
    fill(page, "", QUESTION)
    expect(way).to_be_visible()
    fill(page, TEXT, QUESTION)
    expect(way).to_be_hidden()
    fill(page, "", QUESTION)
    way.click()
    expect(page.get_by_role("tab", name="Ask PubMed")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#pubmed-question textarea")).to_have_value(QUESTION)
    expect(page).to_have_url(re.compile("tab=ask"))
    page.go_back()
    expect(page.get_by_role("tab", name="Compare")).to_have_attribute("aria-selected", "true")


def test_a_file_in_place_of_a_text_is_named(open_page):
    page = open_page()
    fill(page, "%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>", QUESTION)
    expect(page.locator("#taken-for")).to_contain_text("looks like a PDF file")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#status")).to_contain_text("looks like a PDF file")


def test_text_that_runs_from_the_right_is_set_right(open_page):
    page = open_page()
    text = "التليف الكيسي مرض وراثي يصيب الرئتين. يسببه الجين CFTR في الكروموسوم السابع. وهو شائع في أوروبا. "
    ask(page, 3 * text, "أي جين يسبب التليف الكيسي؟")
    for selector in ("#context textarea", "#biom .context", "#question textarea"):
        assert page.locator(selector).evaluate("e => getComputedStyle(e).unicodeBidi") == "plaintext"
    expect(page.locator("#question-hint")).to_contain_text("Arabic")
