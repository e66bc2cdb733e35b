"""Make the README's screenshots: ``make screenshots``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.browser.conftest import FLAGS, find_browser, running_app
from tests.browser.test_benchmark import open_tab, upload
from tests.conftest import ROOT
from tests.entrez_server import entrez_server

FOLDER = ROOT / "assets" / "screenshots"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def main() -> None:
    """The first example, answered, and a question to PubMed: desktop and phone, light and dark.

    PubMed's records are those of the local server.
    """
    example = json.loads((ROOT / "assets" / "examples.json").read_text("utf-8"))[0]
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        entrez_server() as server,
        running_app(Path(folder) / "log", BIOM_CACHE=folder) as address,
        running_app(Path(folder) / "log2", BIOM_ENTREZ_URL=server.url, BIOM_CACHE=folder) as with_records,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        for size, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
                page.goto(f"{address}/?__theme={theme}")
                page.locator("figure.curves").wait_for()
                page.screenshot(path=FOLDER / f"cold-{size}-{theme}.png")
                page.locator(".chip").first.click()
                expect(page.locator("#head")).to_contain_text(example["question"], timeout=60_000)
                expect(page.locator("#status")).to_contain_text("Two models read", timeout=60_000)
                page.wait_for_timeout(500)  # both texts have scrolled to their answers
                foot = page.locator("#cards").bounding_box()
                bottom = page.evaluate("window.scrollY") + foot["y"] + foot["height"] + 16
                clip = {"x": 0, "y": 0, "width": width, "height": bottom}
                page.screenshot(path=FOLDER / f"compare-{size}-{theme}.png", full_page=True, clip=clip)
                page.locator(".switches [data-text=one]").click()
                page.locator(".merged-text mark").first.hover()
                # The head stays in sight, and would cover the curves.
                page.add_style_tag(content="#head { position: static !important }")
                page.locator("#difference").screenshot(path=FOLDER / f"difference-{size}-{theme}.png")
                page.goto(f"{with_records}/?__theme={theme}")
                page.get_by_role("tab", name="Ask PubMed").click()
                page.locator("#pubmed-question textarea").fill("What does infliximab bind?")
                page.locator("#pubmed-question textarea").press("Enter")
                expect(page.locator("#pubmed-status")).to_contain_text("read: the first", timeout=60_000)
                page.screenshot(path=FOLDER / f"ask-pubmed-{size}-{theme}.png", full_page=True)
                page.goto(f"{address}/?__theme={theme}")
                open_tab(page)
                upload(page, known_answers(Path(folder)))
                expect(page.locator("#benchmark-table tbody tr").first).to_be_visible(timeout=20_000)
                page.locator("#score-all").click()
                expect(page.locator("#benchmark-status")).to_contain_text("have read all", timeout=90_000)
                page.wait_for_timeout(1_000)
                page.screenshot(path=FOLDER / f"benchmark-{size}-{theme}.png", full_page=True)
        browser.close()
    for path in FOLDER.glob("*.png"):
        # 256 colours: a third of the bytes, which the repository keeps for ever.
        Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def known_answers(folder: Path) -> Path:
    """The examples as a BioASQ file."""
    examples = json.loads((ROOT / "assets" / "examples.json").read_text("utf-8"))
    questions = [
        {
            "id": f"example-{number}",
            "type": "factoid",
            "body": example["question"],
            "exact_answer": [example["answers"]],
            "snippets": [{"text": example["context"], "document": "example"}],
        }
        for number, example in enumerate(examples, start=1)
    ]
    path = folder / "examples.json"
    path.write_text(json.dumps({"questions": questions}))
    return path


if __name__ == "__main__":
    main()
