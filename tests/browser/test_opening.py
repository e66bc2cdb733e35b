"""The page as it opens, and how it moves: the answered example, boxes that fold, one text or two."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from biom_demo.show.about import TITLE
from biom_demo.ui.examples import OPENING
from tests.browser.test_compare import QUESTION, SIDES, TEXT, ask, contrast, edit, fill

pytestmark = pytest.mark.browser

WIDTHS = [(1280, 900), (390, 844)]
SHIFTS = """
  window.shifts = [];
  const named = source => source.node && (source.node.id || source.node.className || source.node.nodeName);
  new PerformanceObserver(list => list.getEntries().forEach(shift => {
    if (!shift.hadRecentInput) window.shifts.push([shift.value, shift.sources.map(named)]);
  })).observe({type: 'layout-shift', buffered: true});
"""


def shifted(page):
    """The layout shift since the last call, and what shifted."""
    page.wait_for_timeout(700)  # what a click moves within half a second is what was asked for
    shifts = page.evaluate("window.shifts.splice(0)")
    return sum(value for value, _ in shifts), shifts


@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_the_cold_page_shows_an_answered_example_and_says_that_it_is_one(open_page, width, height):
    page = open_page(width=width, height=height)
    head = page.locator("#head")
    expect(head).to_contain_text(OPENING["question"])
    expect(head).to_contain_text(re.compile("stored with the app|read by this server"))
    expect(head).not_to_contain_text("previous question")
    for side in SIDES:
        expect(page.locator(f"#{side} p.answer")).to_be_visible()
    expect(page.locator("#verdict")).to_contain_text("Disagree")
    for words in ("BioM-ELECTRA", "writes nothing of its own"):
        expect(page.locator("#title")).to_contain_text(words)
    # Its boxes are empty, and its numbers can be played with.
    expect(page.locator("#question textarea")).to_have_value("")
    page.get_by_role("button", name="Ask your own").click()
    expect(page.locator("#question textarea")).to_be_focused()
    page.keyboard.type("Which")
    expect(head).to_contain_text("previous question")


@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_the_page_stays_still_while_it_opens_answers_and_refuses(open_page, browser, app, width, height):
    context = browser.new_context(viewport={"width": width, "height": height})
    try:
        page = context.new_page()
        page.add_init_script(SHIFTS)
        page.goto(app)
        page.locator("figure.curves").wait_for()
        for doing, act in {
            "opening": lambda: None,
            "running": lambda: ask(page, TEXT, QUESTION),
            "a chip": lambda: chip(page),
            "an error": lambda: refused(page),
            "an error before the boxes fold": lambda: (fill(page, "", QUESTION), refused(page)),
        }.items():
            act()
            total, what = shifted(page)
            assert total < 0.05, (doing, what)
    finally:
        context.close()


@pytest.mark.parametrize(("width", "height"), [*WIDTHS, (720, 900), (719, 900)])
def test_what_of_the_still_picture_has_come_stays_where_it_is_as_the_rest_comes(browser, app, width, height):
    context = browser.new_context(viewport={"width": width, "height": height})
    try:
        page = context.new_page()
        page.route("**/*.js", lambda route: route.abort())
        page.goto(app)
        # Each part's place while nothing behind it is there as yet, and in the whole picture.
        moved = page.evaluate(
            """() => {
              const root = document.querySelector('#meanwhile').shadowRoot;
              const parts = [...root.querySelectorAll('main > *, .meanwhile-example > *, .columns > *')];
              const place = part => {
                const {x, y, width} = part.getBoundingClientRect();
                return `${x}, ${y}, ${width} wide`;
              };
              const whole = parts.map(place);
              const early = [];
              for (const part of [...parts].reverse()) {
                early.unshift(place(part));
                part.remove();
              }
              return parts.map((part, i) => [part.className || part.tagName, early[i], whole[i]])
                .filter(([, before, after]) => before !== after);
            }"""
        )
        assert moved == []
    finally:
        context.close()


def chip(page):
    page.locator(".chip").first.click()
    expect(page.locator("#head")).to_contain_text("T790M", timeout=60_000)
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)


def refused(page):
    edit(page)
    page.locator("#question textarea").fill("??")
    page.locator("#question textarea").press("Enter")
    expect(page.locator("#status [role=alert]")).to_be_visible(timeout=30_000)


def test_the_boxes_fold_into_the_head_of_the_result_and_open_again(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    expect(page.locator("#boxes")).to_be_hidden()
    head = page.locator("#head")
    for words in (QUESTION, "pasted text", "BioM-ELECTRA-Mini · ELECTRA-Mini"):
        expect(head).to_contain_text(words)
    page.mouse.wheel(0, 700)
    page.wait_for_timeout(300)
    assert abs(head.bounding_box()["y"]) < 2  # it stays in sight
    page.get_by_role("button", name="Edit").click()
    expect(page.locator("#question textarea")).to_be_focused()
    expect(page.locator("#context textarea")).to_have_value(TEXT)
    page.locator("#question textarea").fill("Which organ?")
    expect(head).to_contain_text("for the previous question")
    assert page.locator("#cards").evaluate("e => getComputedStyle(e).opacity") < "1"


def visible_texts(page):
    return [
        name
        for name in ("#biom .context", "#vanilla .context", ".merged-text", "#context textarea")
        if page.locator(name).is_visible()
    ]


def test_the_text_stands_side_by_side_or_once_and_on_a_phone_once(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    assert visible_texts(page) == ["#biom .context", "#vanilla .context"]
    page.get_by_role("button", name="Both in one text").click()
    assert visible_texts(page) == [".merged-text"]
    expect(page.get_by_role("button", name="Both in one text")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Side by side").click()
    assert visible_texts(page) == ["#biom .context", "#vanilla .context"]
    phone = open_page(width=390, height=844)
    ask(phone, TEXT, QUESTION)
    assert visible_texts(phone) == [".merged-text"]
    phone.get_by_role("button", name="vanilla’s").click()
    mark = phone.locator(".merged-text mark").first
    ground = "e => getComputedStyle(e).backgroundColor + getComputedStyle(e).backgroundImage"
    alone = mark.evaluate(ground)
    phone.get_by_role("button", name="BioM’s").click()
    assert mark.evaluate(ground) != alone
    # A runner-up is shown in its model's own text.
    phone.locator("#biom .runners-up a").first.click()
    assert "#biom .context" in visible_texts(phone)
    phone.locator("#biom p.answer a").first.click()
    assert visible_texts(phone) == [".merged-text"]


def test_the_two_texts_scroll_together_where_that_is_chosen(open_page):
    page = open_page()
    ask(page, "The weather of the day was noted in the diary of the ward. " * 80 + TEXT, QUESTION)
    page.wait_for_timeout(500)
    tops = "() => [...document.querySelectorAll('#cards .context')].map(e => Math.round(e.scrollTop))"
    scroll = "top => document.querySelector('#biom .context').scrollTop = top"
    page.evaluate(scroll, 30)
    page.wait_for_timeout(200)
    one, other = page.evaluate(tops)
    assert one != other
    page.get_by_role("button", name="Scroll together").click()
    page.evaluate(scroll, 60)
    page.wait_for_timeout(200)
    assert page.evaluate(tops) == [60, 60]


def test_a_blind_test_on_a_phone_shows_the_texts_as_there_is_none_of_both(open_page):
    page = open_page(width=390, height=844)
    edit(page)
    page.get_by_role("button", name=re.compile("^More: further")).click()
    page.wait_for_timeout(800)
    page.get_by_label("Blind").check()
    ask(page, TEXT, QUESTION)
    assert visible_texts(page) == ["#biom .context", "#vanilla .context"]


def test_a_phone_does_not_magnify_where_one_types_and_says_tap(browser, app):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        page = context.new_page()
        page.goto(app)
        page.locator("figure.curves").wait_for()
        sizes = page.locator("#boxes :is(input, textarea)").evaluate_all(
            "boxes => boxes.map(box => parseFloat(getComputedStyle(box).fontSize))"
        )
        assert min(sizes) >= 16
        expect(page.locator(".readout")).to_have_text(re.compile("^Tap a word"), use_inner_text=True)
        titles = page.locator(".label-wrap > span:first-child").evaluate_all(
            "titles => titles.map(e => getComputedStyle(e).textAlign)"
        )
        assert set(titles) <= {"left", "start"}
    finally:
        context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_placeholders_have_the_contrast_of_wcag_aa(open_page, theme):
    page = open_page(theme=theme)
    for box in ("#context textarea", "#question textarea"):
        colours = page.locator(box).evaluate(
            """e => {
              const behind = ground => getComputedStyle(ground).backgroundColor;
              let ground = e;
              while (/rgba\\(.*, 0\\)/.test(behind(ground))) ground = ground.parentElement;
              return [getComputedStyle(e, '::placeholder').color, behind(ground)];
            }"""
        )
        assert contrast(*colours) >= 4.5


def test_something_is_shown_before_the_scripts_have_come(browser, app):
    context = browser.new_context()
    try:
        page = context.new_page()
        page.route(re.compile(r"\.js($|\?)"), lambda route: route.abort())
        page.goto(app)
        said = page.locator("#meanwhile")
        expect(said.locator(".loading")).to_contain_text("loading")
        expect(said.locator("h1")).to_have_text(TITLE)
        expect(said.locator("p.answer")).to_have_count(2)
        page.goto(f"{app}/?q=Which+gene%3F")
        expect(said.locator(".loading")).to_contain_text("loading")
        expect(said.locator("p.answer")).to_have_count(0)
    finally:
        context.close()


def test_a_page_with_a_question_in_its_address_shows_no_example(open_page, app):
    page = open_page()
    page.goto(f"{app}/?q=Which+gene%3F")
    expect(page.locator("#status")).to_contain_text("the question alone", timeout=30_000)
    expect(page.locator("#biom")).to_contain_text("Ask a question")
    expect(page.locator("#head")).to_have_text("")


def test_each_models_turning_point_stands_under_the_threshold(open_page):
    page = open_page()
    page.get_by_role("button", name=re.compile("^More: further")).click()
    expect(page.locator("#flips li")).to_have_count(2)
    expect(page.locator("#flips")).to_contain_text(
        re.compile(r"answers (from -?\d+\.\d on|at every setting)")
    )
