"""The Batch tab in Chromium: a file up, its columns, the first rows, answers, Stop, going on, files home."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_compare import TEXT

pytestmark = pytest.mark.browser

ROWS = 600
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def opened(open_page, size="desktop"):
    width, height = SIZES[size]
    page = open_page(width=width, height=height)
    page.get_by_role("tab", name="Batch").click()
    expect(page.locator("#batch-told")).to_contain_text("No file yet")
    return page


def upload(page, name, content):
    with page.expect_file_chooser() as chooser:
        page.locator("#batch-file").click()
    chooser.value.set_files({"name": name, "mimeType": "text/csv", "buffer": content.encode()})


def saved(page, kind):
    with page.expect_download(timeout=30_000) as waiting:
        page.locator(f"#batch-{kind}").click()
    return waiting.value.suggested_filename, waiting.value.path().read_text("utf-8")


def choose(page, what, name):
    page.locator(f"#batch-{what} input").click()
    page.get_by_role("option", name=name, exact=True).click()


def table(count):
    return "nr,Frage,Inhalt\n" + "".join(f'n{n},Which gene?,"{TEXT} ({n})"\n' for n in range(count))


def no_wider_than_the_window(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("size", SIZES)
def test_a_file_up_its_columns_mapped_its_answers_home(open_page, size):
    page = opened(open_page, size)
    upload(page, "fragen.csv", table(6) + "n6,x,y,z\n")
    expect(page.locator("#batch-told")).to_contain_text(
        "fragen.csv is read as a CSV table: 7 rows, 1 of them bad"
    )
    expect(page.locator("#batch-preview")).to_contain_text("nothing to read")
    page.locator("#start-batch").click()
    expect(page.locator("#batch-status")).to_contain_text(
        "No column holds what is to be read", timeout=30_000
    )
    choose(page, "context", "Inhalt")
    page.keyboard.press("Escape")
    expect(page.locator("#batch-preview")).to_contain_text("inherited disease", timeout=30_000)
    expect(page.locator("#batch-preview")).to_contain_text("no question")
    page.locator("#batch-own-question textarea").fill("Which gene is mutated?")
    expect(page.locator("#batch-preview")).to_contain_text("Which gene is mutated?", timeout=30_000)
    choose(page, "question", "Frage")
    expect(page.locator("#batch-preview tbody tr").first).to_contain_text("Which gene?", timeout=30_000)
    page.locator("#start-batch").click()
    expect(page.locator("#batch-status")).to_contain_text("All 7 rows read", timeout=90_000)
    expect(page.locator("#batch-results tbody tr")).to_have_count(6)
    expect(page.locator("#batch-bad-rows")).to_contain_text("line 8")
    assert no_wider_than_the_window(page)
    name, content = saved(page, "csv")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert name == "answers.csv"
    assert [row["row"] for row in rows] == [str(n) for n in range(1, 7)]
    shown = page.locator("#batch-results tbody tr").first.locator("b").first.inner_text()
    assert rows[0]["biom_answer"] == shown
    _, content = saved(page, "jsonl")
    assert [json.loads(line)["row"] for line in content.splitlines()] == list(range(1, 7))
    name, content = saved(page, "bad")
    assert (name, content.count("\n")) == ("bad-rows.csv", 2)
    # A file that cannot be read takes nothing away.
    upload(page, "other.csv", "")
    expect(page.locator("#batch-told")).to_contain_text("is empty", timeout=30_000)
    expect(page.locator("#batch-results tbody tr")).to_have_count(6)
    expect(page.locator("#batch-preview tbody tr").first).to_contain_text("Which gene?")


def test_stop_keeps_what_was_read_and_go_on_reads_the_rest(open_page):
    page = opened(open_page)
    upload(
        page, "many.csv", "question,text\n" + "".join(f'Which gene?,"{TEXT} ({n})"\n' for n in range(ROWS))
    )
    expect(page.locator("#batch-told")).to_contain_text(f"{ROWS} rows", timeout=30_000)
    page.locator("#start-batch").click()
    expect(page.locator("#batch-status")).to_contain_text(
        re.compile(r"a second, about .* left"), timeout=90_000
    )
    _, content = saved(page, "csv")
    assert content.count("\n") > 1  # while it runs
    page.locator("#stop-batch").click()
    expect(page.locator("#batch-status")).to_contain_text("Stopped.", timeout=60_000)
    kept = int(re.search(r"([\d,]+) rows of", page.locator("#batch-status").inner_text())[1])
    assert 0 < kept < ROWS
    expect(page.locator("#start-batch")).to_have_text("Go on")
    page.locator("#start-batch").click()
    told = re.compile(rf"(?!{kept} )\d+ of {ROWS} rows")
    expect(page.locator("#batch-status")).to_contain_text(told, timeout=60_000)
    page.locator("#stop-batch").click()
    expect(page.locator("#batch-status")).to_contain_text("Stopped.", timeout=60_000)
    _, content = saved(page, "csv")
    numbers = [int(row["row"]) for row in csv.DictReader(io.StringIO(content))]
    assert len(numbers) > kept
    assert numbers == list(range(1, len(numbers) + 1))
