"""The running page and a browser, started once for all browser tests."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_browser() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_app(log: Path, **environment: str) -> Iterator[str]:
    """The address of ``python app.py`` once it answers; its output goes to ``log``."""
    port = free_port()
    settings = {"GRADIO_SERVER_PORT": str(port), "BIOM_PAIR": "mini", "HF_ENDPOINT": "http://127.0.0.1:9"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env={**os.environ, **settings, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(600):
                if process.poll() is not None:
                    raise RuntimeError(f"the app ended: {log.read_text()}")
                try:
                    with urllib.request.urlopen(f"{address}/healthz", timeout=2):
                        break
                except OSError:
                    time.sleep(0.2)
            else:
                raise RuntimeError(f"the app did not start: {log.read_text()}")
            yield address
        finally:
            process.terminate()
            process.wait(20)


def api_answer(address: str, text: str, question: str, pair: str = "mini") -> dict:
    """What the API's ``/answer`` gives."""
    call = urllib.request.Request(
        f"{address}/gradio_api/call/answer",
        data=json.dumps({"data": [text, question, pair]}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(call, timeout=60) as response:
        event = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{address}/gradio_api/call/answer/{event}", timeout=120) as response:
        stream = response.read().decode()
    return json.loads(stream.split("event: complete\ndata: ")[1].split("\n")[0])[0]


@pytest.fixture(scope="package")
def app(tmp_path_factory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("app") / "app.log") as address:
        yield address


# Of this package alone: while Playwright runs, no other test of the process can run an event loop.
@pytest.fixture(scope="package")
def browser():
    path = find_browser()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed; `make test` installs it where it may")
        pytest.skip("needs chromium (Debian: apt-get install chromium)")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # the other half of the suite runs on the same cores
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def open_page(app, browser):
    """A function that opens the page at a size and theme.

    No request may leave this machine, and nothing be held back by the page's own policy.
    """
    contexts = []
    outside: list[str] = []
    held_back: list[str] = []

    def opened(*, width=1280, height=900, theme="light", address=app):
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda r: None if is_local(r.url) else outside.append(r.url))
        page.on("console", lambda m: held_back.append(m.text) if "Security Policy" in m.text else None)
        page.goto(f"{address}/?__theme={theme}")
        page.locator(":root[data-ready]").wait_for(state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert outside == []
    assert held_back == []


def is_local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:"))
