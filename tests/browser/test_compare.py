"""The Compare tab in Chromium, on the bundled pair: ask, read both highlights, wrong inputs."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from biom_demo import __version__
from biom_demo.analysis.passage import passage_of_text
from biom_demo.models.catalogue import CATALOGUE
from tests.browser.conftest import api_answer, running_app
from tests.conftest import ROOT
from tests.hub_server import HubServer
from tests.tiny import save_old_layout, save_tiny

pytestmark = pytest.mark.browser

TEXT = (
    "Cystic fibrosis is an inherited disease of the lungs and the pancreas. It is caused by mutations "
    "of the CFTR gene, which encodes a chloride channel of epithelial cells."
)
QUESTION = "Which gene is mutated in cystic fibrosis?"
HOSTILE = "<img src=x onerror=\"document.title='run'\"> ${document.title='run'} </mark><script>"
SIDES = ("biom", "vanilla")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_of_a_long_text_the_promising_places_are_read_and_the_others_marked(
    open_page, width, theme, tmp_path
):
    page = open_page(width=width, theme=theme)
    filler = "Metformin lowers glucose from the liver in adults with diabetes. "
    said = "Cystic fibrosis is caused by mutations of the CFTR gene. "
    edit(page)
    page.get_by_role("button", name=re.compile("^More: further")).click()
    page.wait_for_timeout(1_000)
    page.locator("#extent").get_by_role("radio", name="what looks promising").check()
    page.locator("#context textarea").fill(filler * 100 + said + filler * 200)
    page.locator("#question textarea").fill("Which gene is mutated in cystic fibrosis?")
    page.locator("#question textarea").press("Enter")
    status = re.compile(r"Two models read [\d,]+ of 19,\d+ characters")
    expect(page.locator("#status")).to_contain_text(status, timeout=90_000)
    for side in ("biom", "vanilla"):
        expect(page.locator(f"#{side} .notice")).to_contain_text("most promising to BM25")
        expect(page.locator(f"#{side} p.answer")).to_contain_text("CFTR")
        assert page.locator(f"#{side} .context .not-read").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=tmp_path / "long.png", full_page=True)
    page.locator(".not-read:visible").first.scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "gap.png")


def edit(page):
    """The boxes open, where they have made room for the answers."""
    page.locator(":root[data-ready]").wait_for(state="attached")
    if not page.locator("#boxes").is_visible():
        page.locator("#head .edit").click()


def fill(page, text, question):
    edit(page)
    page.get_by_role("textbox", name=re.compile("^Abstract")).fill(text)
    page.get_by_role("textbox", name="Question", exact=True).fill(question)


def ask(page, text, question):
    fill(page, text, question)
    page.get_by_role("textbox", name="Question", exact=True).press("Enter")
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)


def choose(page, pair):
    edit(page)
    page.get_by_role("combobox", name="Models").click()
    page.get_by_role("option", name=re.compile(f"^{pair}:")).click()


def test_enter_asks_and_both_answers_are_highlighted_in_the_text(open_page, tmp_path):
    page = open_page()
    ask(page, TEXT, QUESTION)
    for side in SIDES:
        card = page.locator(f"#{side} .card")
        answer = card.locator("p.answer a").inner_text()
        assert answer in TEXT
        assert "".join(card.locator("mark.answer").all_inner_texts()) == answer
        assert card.locator(".context").inner_text() == TEXT
        expect(card.locator(".meters")).to_contain_text(re.compile(r"confidence\s*[\d.<> ]+%"))
        expect(card.locator(".time")).to_have_text(re.compile(r"\d\.\d\d s"))
    assert "CFTR" in page.locator("#biom p.answer").inner_text()
    expect(page.locator("#verdict")).to_contain_text(re.compile("agree|overlap|abstain", re.IGNORECASE))
    page.screenshot(path=tmp_path / "answered.png", full_page=True)
    assert (tmp_path / "answered.png").stat().st_size > 20_000


def test_a_chip_asks_its_example_at_once_and_its_known_answer_is_shown(open_page):
    page = open_page()
    example = json.loads((ROOT / "assets" / "examples.json").read_text("utf-8"))[0]
    chip = page.get_by_role(
        "button", name=re.compile(f"^{example['title']} ?: {re.escape(example['question'])}")
    )
    expect(chip).to_have_attribute("title", example["question"])
    chip.click()
    expect(page.locator("#head")).to_contain_text(example["question"], timeout=60_000)
    expect(page.locator("#question textarea")).to_have_value(example["question"])
    for side in SIDES:
        expect(page.locator(f"#{side} .gold")).to_contain_text(example["answers"][0], timeout=60_000)


def test_wrong_input_is_told_and_loses_nothing(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    before = page.locator("#biom .card").inner_html()
    for text, question, words in (
        ("", QUESTION, "There is no text yet"),
        (TEXT, "  ", "There is no question yet"),
        ("\ufffd\x01\x02\ufffd" * 20, QUESTION, "looks like a binary file"),
        ("gene " * 100_000, QUESTION, "at most 400,000 are read"),
    ):
        fill(page, text, question)
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.locator("#status [role=alert]")).to_contain_text(words, timeout=30_000)
        assert page.locator("#biom .card").inner_html() == before


def test_hostile_text_is_shown_as_text(open_page):
    page = open_page()
    ask(page, f"{HOSTILE} {TEXT}", f"{HOSTILE} {QUESTION}")
    # Known tags of a pasted web page go; what is no such tag is text.
    assert page.locator("#biom .context").inner_text() == passage_of_text(f"{HOSTILE} {TEXT}").text
    assert page.locator("#biom .context img, #biom .context script").count() == 0
    assert page.title() != "run"


def test_a_long_text_scrolls_to_its_answer(open_page):
    page = open_page()
    filler = "The weather of the day was noted in the diary of the ward. " * 150
    ask(page, filler + TEXT, QUESTION)
    for side in SIDES:
        box = page.locator(f"#{side} .context")
        # Inside the box's own viewport, once the script after the answer has run.
        page.wait_for_function(
            """side => { const box = document.querySelector(`#${side} .context`);
            const mark = box.querySelector('mark.answer, mark.tentative').getBoundingClientRect();
            const frame = box.getBoundingClientRect();
            return mark.top >= frame.top && mark.bottom <= frame.bottom; }""",
            arg=side,
            timeout=30_000,
        )
        assert box.evaluate("box => box.scrollHeight > box.clientHeight")


def test_a_question_too_long_for_its_share_is_told(open_page):
    page = open_page()
    ask(page, TEXT, "Which gene " * 60)
    expect(page.locator("#biom .notice")).to_contain_text("only its first 64 were read")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_phone_width_needs_no_sideways_scrolling(open_page, theme, tmp_path):
    page = open_page(width=390, height=844, theme=theme)
    ask(page, TEXT, QUESTION)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    # Both in one look: the page may still be scrolling to the verdict.
    first, second = page.locator(".card").evaluate_all("cards => cards.map(c => c.getBoundingClientRect())")
    assert second["top"] > first["bottom"] - 1
    page.screenshot(path=tmp_path / f"phone-{theme}.png", full_page=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_highlights_have_the_contrast_of_wcag_aa(open_page, theme):
    page = open_page(theme=theme)
    ask(page, TEXT, QUESTION)
    for side in SIDES:
        mark = page.locator(f"#{side} :is(mark.answer, mark.tentative)").first
        colours = mark.evaluate("e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]")
        assert contrast(*colours) >= 4.5


def contrast(first: str, second: str) -> float:
    """The WCAG 2 contrast ratio of two CSS rgb() colours."""

    def luminance(colour):
        channels = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_a_pair_that_is_not_here_is_offered_and_a_dead_network_is_told(open_page):
    page = open_page()
    choose(page, "base")
    fetch = page.get_by_role("button", name=re.compile("Fetch these models.*MB"))
    expect(fetch).to_be_visible(timeout=30_000)
    fill(page, TEXT, QUESTION)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#status [role=alert]")).to_contain_text("Fetch these models", timeout=30_000)
    fetch.click()
    expect(page.locator("#status [role=alert]")).to_contain_text("could not be reached", timeout=60_000)
    expect(fetch).to_be_visible()


def test_a_pair_is_fetched_with_progress_stopped_fetched_again_and_asked(browser, tmp_path):
    pair = next(pair for pair in CATALOGUE if pair.name == "large")
    for checkpoint in (pair.biom, pair.vanilla):
        save_old_layout(tmp_path / "hub" / checkpoint.source, words=30_000)
    hub = HubServer(tmp_path / "hub", mode="slow")
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    try:
        with running_app(tmp_path / "log", **environment) as address:
            page = browser.new_page()
            page.goto(address)
            choose(page, "large")
            fetch = page.get_by_role("button", name=re.compile("Fetch these models.*MB"))
            fetch.click()
            status = page.locator("#status")
            expect(status).to_contain_text(re.compile(r"Fetching BioM\S+: \d+ of 2 MB"), timeout=30_000)
            page.get_by_role("button", name="Cancel").click()
            expect(status).to_contain_text("Stopped.", timeout=30_000)
            hub.mode = "normal"
            fetch.click()
            expect(status).to_contain_text("Fetched. Ask away.", timeout=30_000)
            expect(fetch).to_be_hidden()
            ask(page, TEXT, QUESTION)
            expect(page.locator("#biom h3")).to_have_text(pair.biom.label)
            page.close()
    finally:
        hub.close()


def test_the_about_tab_says_what_the_models_saw(open_page):
    page = open_page()
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#about")).to_contain_text("questions over PubMed text")
    expect(page.locator("#about")).to_contain_text("74.31")


def test_health_and_api_answer_with_offsets(app):
    import urllib.request

    with urllib.request.urlopen(f"{app}/healthz", timeout=10) as response:
        assert json.load(response) == {"status": "ok", "version": __version__, "pair": "mini"}
    with urllib.request.urlopen(f"{app}/gradio_api/info", timeout=10) as response:
        named = set(json.load(response)["named_endpoints"])  # the page's events are its own
    assert named == {"/answer", "/compare", "/search_pubmed", "/ask_pubmed", "/evaluate_file"}
    data = api_answer(app, TEXT, QUESTION)
    for side in SIDES:
        for answer in data[side]["n_best"]:
            assert TEXT[answer["start"] : answer["end"]] == answer["text"]


def test_any_two_checkpoints_can_be_compared(open_page, tmp_path):
    folders = {
        "BIOM_MODEL": save_tiny("bert", tmp_path / "a"),
        "VANILLA_MODEL": save_tiny("electra", tmp_path / "b"),
    }
    with running_app(tmp_path / "log", **{k: str(v) for k, v in folders.items()}) as address:
        page = open_page(address=address)
        ask(page, TEXT, QUESTION)
        expect(page.locator("#biom h3")).to_have_text("a")
