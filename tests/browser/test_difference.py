"""Where and why two models differ, in Chromium: curves, highlights, sliders, votes, links, files."""

from __future__ import annotations

import base64
import csv
import io
import json
import re

import pytest
from playwright.sync_api import expect

from biom_demo.analysis.passage import passage_of_text
from tests.browser.conftest import api_answer
from tests.browser.test_compare import HOSTILE, QUESTION, SIDES, TEXT, ask, edit, fill
from tests.conftest import ROOT
from tests.tiny import save_tiny

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS_AND_THEMES = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
EXAMPLE = json.loads((ROOT / "assets" / "examples.json").read_text("utf-8"))[0]
PANELS = ("More: further", "Why this answer", "Keep and share")


def unfold(page, name):
    if name.startswith("More"):
        edit(page)
    page.get_by_role("button", name=re.compile(f"^{name}")).click()
    page.wait_for_timeout(800)  # it unfolds; what is typed meanwhile may be lost


def downloaded(page, button):
    with page.expect_download(timeout=30_000) as waiting:
        page.locator(button).click()
    return waiting.value.path().read_bytes()


def set_slider(page, name, value):
    box = page.locator(f"#{name} input[type=number]")
    box.fill(str(value))
    box.press("Enter")


@pytest.mark.parametrize(("width", "theme"), WIDTHS_AND_THEMES)
def test_curves_and_highlights_agree_with_the_json(open_page, width, theme, tmp_path):
    page = open_page(width=width, theme=theme)
    ask(page, EXAMPLE["context"], EXAMPLE["question"])
    unfold(page, "Keep and share")
    document = json.loads(downloaded(page, "#as-json"))
    curves = json.loads(page.locator("figure.curves").get_attribute("data-curves"))
    for side, shown, model in zip(SIDES, curves, document["models"], strict=True):
        assert shown["start"] == model["start_probabilities"]
        assert shown["end"] == model["end_probabilities"]
        best = model["n_best"][0]
        assert document["text"][best["start"] : best["end"]] == best["text"]
        assert "".join(page.locator(f".merged-text mark.{side}").all_inner_texts()) == best["text"]
        assert page.locator(f"#{side} p.answer a").first.inner_text() == best["text"]
    assert page.locator(".merged-text").inner_text() == document["text"]
    for index, (start, end) in enumerate(document["words"]):
        assert (
            "".join(page.locator(f'.merged-text [data-w="{index}"]').all_inner_texts())
            == document["text"][start:end]
        )
        if index > 12:
            break
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.screenshot(path=tmp_path / "difference.png", full_page=True)


def test_pointing_at_a_word_or_the_curve_lights_up_both(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    page.get_by_role("button", name="Both in one text").click()
    mark = page.locator(".merged-text mark.biom").first
    mark.hover()
    readout = page.locator(".readout")
    expect(readout.locator("b")).to_have_text("CFTR")
    assert re.findall(r"(starts|ends) [<> ]*[\d.]+%", readout.inner_text()) == ["starts", "ends"] * 2
    word = int(mark.get_attribute("data-w"))
    cursor = page.locator("figure.curves .cursor")
    expect(cursor).to_have_attribute("x", str(word))
    box = page.locator("figure.curves svg").bounding_box()
    count = len(json.loads(page.locator("figure.curves").get_attribute("data-curves"))[0]["start"])
    page.mouse.move(box["x"] + box["width"] * 1.5 / count, box["y"] + 20)
    expect(page.locator(".merged-text .lit")).to_have_text("fibrosis")
    expect(readout.locator("b")).to_have_text("fibrosis")


def test_sliders_change_the_answers_and_read_nothing(open_page, app):
    page = open_page()
    ask(page, EXAMPLE["context"], EXAMPLE["question"])
    times = page.locator(".card .time").all_inner_texts()
    unfold(page, "More: further")
    listed = page.locator("#biom .runners-up li")
    expect(listed).to_have_count(4)
    set_slider(page, "shown", 8)
    expect(listed).to_have_count(7)
    set_slider(page, "null-threshold", -10)
    # At this threshold a model abstains unless its best span lies 10 logits above "no answer".
    known = api_answer(app, EXAMPLE["context"], EXAMPLE["question"])
    for side in SIDES:
        abstains = known[side]["null_score"] - known[side]["n_best"][0]["score"] > -10
        expect(page.locator(f"#{side} p.answer.none")).to_have_count(int(abstains))
    # Of answers of one token each the best has one word; those after it are too unlikely to be listed.
    set_slider(page, "max-answer-length", 1)
    page.wait_for_function(
        "() => document.querySelector('#biom p.answer a').textContent.trim().split(/\\s+/).length === 1"
    )
    assert page.locator(".card .time").all_inner_texts() == times


def test_nothing_above_the_answers_jumps_while_they_come(open_page):
    page = open_page(height=1400)
    # A text of its own: what another test has read would be there at once.
    fill(page, f"{EXAMPLE['context']} It was read on one day.", EXAMPLE["question"])
    page.wait_for_timeout(500)
    tops = """() => ['#verdict', '#biom', '#vanilla'].map(
        s => document.querySelector(s).getBoundingClientRect().top)"""
    page.get_by_role("button", name="Ask", exact=True).click()
    # The boxes have folded with the click; from then on all stays where it is.
    expect(page.locator("#boxes")).to_be_hidden()
    before = page.evaluate(tops)
    page.evaluate(
        "tops => { window.seen = []; setInterval(() => window.seen.push(eval(tops)()), 20); }", tops
    )
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)
    page.wait_for_timeout(1_000)
    seen = page.evaluate("window.seen")
    assert len(seen) > 10
    assert all(abs(a - b) <= 1 for now in seen for a, b in zip(now, before, strict=True)), (before, seen[-1])


def test_choosing_a_runner_up_moves_the_highlight(open_page):
    page = open_page()
    ask(page, EXAMPLE["context"], EXAMPLE["question"])
    link = page.locator("#biom .runners-up a").nth(1)
    link.click()
    selected = page.locator("#biom mark.selected")
    assert "".join(selected.all_inner_texts()) == link.inner_text()
    expect(link).to_have_attribute("aria-current", "true")
    page.locator("#biom p.answer a").first.click()
    assert "".join(selected.all_inner_texts()) == page.locator("#biom p.answer a").first.inner_text()


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (f"Naïve β-Zellen 中文 🧬 {TEXT}", f"¿Qué gene is it? & 50% + {QUESTION}"),
        (f"{HOSTILE} {TEXT}", f"{HOSTILE}?"),
    ],
    ids=["unicode", "hostile"],
)  # fmt: skip
def test_a_permalink_brings_back_question_text_and_settings(open_page, text, question):
    page = open_page()
    ask(page, text, question)
    unfold(page, "Keep and share")
    link = page.locator("#link textarea, #link input")
    expect(link).to_have_value(re.compile(r"\?q="), timeout=30_000)
    expect(page.locator("#link-status")).to_contain_text("pasted text is not in the link")
    page.get_by_label("with the pasted text in it").check()
    unfold(page, "More: further")
    set_slider(page, "shown", 3)
    expect(page.locator("#biom .runners-up li")).to_have_count(2)
    expect(link).to_have_value(re.compile(r"text=.*top=3"), timeout=30_000)
    other = open_page()
    other.goto(link.input_value())
    expect(other.locator("#status")).to_contain_text("Two models read", timeout=60_000)
    expect(other.locator("#context textarea")).to_have_value(text)
    expect(other.locator("#question textarea")).to_have_value(question)
    assert other.locator(".merged-text").inner_text() == passage_of_text(text).text
    expect(other.locator("#biom .runners-up li")).to_have_count(2)
    assert other.title() != "run"
    answers = [page.locator(f"#{side} p.answer").inner_text() for side in SIDES]
    assert [other.locator(f"#{side} p.answer").inner_text() for side in SIDES] == answers


def test_a_link_with_nonsense_is_harmless(open_page, app):
    page = open_page()
    page.goto(
        f"{app}/?q=%3Cimg+src%3Dx+onerror%3D%22document.title%3D%27run%27%22%3E&null=1e99&top=x&pair=%00"
    )
    expect(page.locator("#status")).to_contain_text("the question alone", timeout=30_000)
    expect(page.locator("#question textarea")).to_have_value(re.compile("^<img"))
    assert page.title() != "run"


def test_everything_is_reached_by_keyboard_alone(open_page):
    page = open_page()

    def tab_to(selector, presses=120):
        for _ in range(presses):
            if page.evaluate("s => !!document.activeElement && document.activeElement.matches(s)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{selector} is not reached by the tab key")

    tab_to("#context textarea")
    page.keyboard.insert_text(TEXT)
    tab_to("#question textarea")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)
    tab_to("#biom .runners-up a")
    page.keyboard.press("Enter")
    expect(page.locator("#biom .runners-up a").first).to_have_attribute("aria-current", "true")
    tab_to(".switches [data-text=one]")
    page.keyboard.press("Enter")
    tab_to("figure.curves")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".readout b")).to_have_text("fibrosis")
    tab_to(".merged-text mark")
    expect(page.locator(".readout b")).to_have_text("CFTR")
    tab_to(".maps summary")
    page.keyboard.press("Enter")
    expect(page.locator("table.heatmap").first).to_be_visible()


@pytest.mark.parametrize(("width", "theme"), WIDTHS_AND_THEMES)
def test_axe_finds_no_serious_violation(open_page, width, theme):
    if not AXE.is_file():
        pytest.skip("needs axe-core (make test installs it where npm is)")
    page = open_page(width=width, theme=theme)
    ask(page, EXAMPLE["context"], EXAMPLE["question"])
    for name in PANELS:
        unfold(page, name)
    page.locator(".maps summary").click()
    page.locator("#explain").click()
    expect(page.locator("#why .card")).to_have_count(2, timeout=60_000)
    page.wait_for_timeout(500)
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        (violation["id"], violation["help"], [node["html"][:160] for node in violation["nodes"]][:4])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert not serious, json.dumps(serious, indent=1)


def test_files_to_keep(open_page, tmp_path):
    page = open_page()
    ask(page, TEXT, QUESTION)
    unfold(page, "Keep and share")
    expect(page.locator("#markdown textarea")).to_have_value(re.compile(r"\*\*Question:\*\* Which gene"))
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "#as-csv").decode())))
    assert all(TEXT[int(row["start"]) : int(row["end"])] == row["answer"] for row in rows)
    picture = downloaded(page, "#as-png")
    assert picture.startswith(b"\x89PNG")
    (tmp_path / "comparison.png").write_bytes(picture)
    # Something is painted: more than the colours of an empty sheet.
    colours = page.evaluate(
        """async url => { const image = new Image(); image.src = url; await image.decode();
        const canvas = document.createElement('canvas');
        canvas.width = image.width; canvas.height = image.height;
        const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
        const data = new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer);
        return new Set(data).size; }""",
        "data:image/png;base64," + base64.b64encode(picture).decode(),
    )
    assert colours > 100


def test_of_the_example_the_page_opens_with_everything_can_be_kept(open_page):
    page = open_page()
    unfold(page, "Keep and share")
    document = json.loads(downloaded(page, "#as-json"))
    assert document["question"] in page.locator("#head").inner_text()
    assert len(document["models"]) == 2


def test_history_brings_an_earlier_run_back_unread(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    first = page.locator("#biom .context").inner_text()
    ask(page, EXAMPLE["context"], EXAMPLE["question"])
    expect(page.locator("#biom .context")).not_to_have_text(first)
    unfold(page, "Keep and share")
    page.get_by_role("combobox", name=re.compile("^History")).click()
    page.get_by_role("option", name=re.compile(f"^1. {re.escape(QUESTION)}")).click()
    expect(page.locator("#status")).to_contain_text("nothing was read anew")
    assert page.locator("#biom .context").inner_text() == first
    expect(page.locator("#question textarea")).to_have_value(QUESTION)


def test_a_blind_vote_hides_the_models_until_it_is_cast(open_page):
    page = open_page()
    unfold(page, "More: further")
    page.get_by_label("Blind").check()
    ask(page, TEXT, QUESTION)
    expect(page.locator("#biom h3")).to_have_text("Model A")
    expect(page.locator("#vanilla h3")).to_have_text("Model B")
    answers = page.locator("#biom .card, #vanilla .card, #verdict, #difference")
    assert not any("ELECTRA" in text for text in answers.all_inner_texts())
    shown = [page.locator(f"#{side} p.answer").inner_text() for side in SIDES]
    page.locator("#vote-A").click()
    expect(page.locator("#vote-A")).to_be_hidden()
    names = page.locator("#biom h3, #vanilla h3").all_inner_texts()
    assert sorted(name.split("-SQuAD")[0] for name in names) == ["BioM-ELECTRA-Mini", "ELECTRA-Mini"]
    expect(page.locator("figure.curves")).to_be_visible()
    expect(page.locator("#vote-count")).to_contain_text("Votes of this session (1)")
    (row,) = csv.DictReader(io.StringIO(downloaded(page, "#export-votes").decode()))
    assert row["vote"] == row["model A"] == names[0]
    assert sorted([row["answer A"], row["answer B"]]) == sorted(shown)


def test_why_and_other_wordings_are_read_on_demand(open_page):
    page = open_page()
    ask(page, TEXT, QUESTION)
    unfold(page, "Why this answer")
    expect(page.locator("#why-cost")).to_contain_text(re.compile(r"9 more readings by each model.* s"))
    page.locator("#explain").click()
    expect(page.locator("#why .card")).to_have_count(2, timeout=60_000)
    expect(page.locator("#why .card .effect.holds").first).to_contain_text("CFTR")
    page.locator("#wordings textarea").fill("What gene causes cystic fibrosis?\nWho wrote this?")
    page.locator("#reask").click()
    expect(page.locator("#rewordings tbody tr")).to_have_count(2, timeout=60_000)
    expect(page.locator("#rewordings thead")).to_contain_text(re.compile(r"same answer in \d of 2"))


@pytest.mark.parametrize("width", [1280, 390])
def test_four_models_stand_side_by_side(open_page, tmp_path, width):
    folders = [save_tiny("bert", tmp_path / "third-model"), save_tiny("electra", tmp_path / "fourth-model")]
    page = open_page(width=width)
    unfold(page, "More: further")
    box = (
        page.get_by_role("combobox", name=re.compile("^Further models"))
        .or_(page.locator("#further input"))
        .first
    )
    for folder in folders:
        box.fill(str(folder))
        box.press("Enter")
    fill(page, TEXT, QUESTION)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Four models read", timeout=60_000)
    expect(page.locator(".card:visible h3")).to_have_count(4)
    expect(page.locator("table.cross").first.locator("tbody tr")).to_have_count(4)
    expect(page.locator("figure.curves path")).to_have_count(5)
    assert page.locator(".merged-text").inner_text() == TEXT
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.screenshot(path=tmp_path / "four.png", full_page=True)


def test_a_further_model_that_cannot_be_read_loses_nothing(open_page, tmp_path):
    broken = save_tiny("bert", tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"no weights")
    page = open_page()
    unfold(page, "More: further")
    box = page.locator("#further input")
    box.fill(str(broken))
    box.press("Enter")
    fill(page, TEXT, QUESTION)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#status [role=alert]")).to_contain_text("cannot be loaded", timeout=60_000)
    assert "CFTR" in page.locator("#biom p.answer").inner_text()
    expect(page.locator("#verdict")).to_contain_text(re.compile("agree|overlap|abstain", re.IGNORECASE))
    expect(page.locator("figure.curves path")).to_have_count(3)
