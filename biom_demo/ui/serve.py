"""How the page is served: address, health, and models that are warm when the first visitor asks."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import gradio as gr

from biom_demo import __version__
from biom_demo.errors import BioMError
from biom_demo.qa.records import Question
from biom_demo.settings import ASSETS
from biom_demo.ui.site import PUBMED_AT_ONCE, PUBMED_WAITING, Site
from biom_demo.ui.wiring import READING_AT_ONCE

# The reader's own fonts: nothing to load, nothing to ask a font server for.
FONTS = ("system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
# Whoever waits for PubMed or the worker keeps a thread; as many as Gradio has by default are left for others.
THREADS = PUBMED_AT_ONCE + PUBMED_WAITING + READING_AT_ONCE + 40


def warm_up(site: Site, page: gr.Blocks) -> None:
    """Load the default pair and read once, so that the first visitor does not wait for it."""
    # Importing torch takes seconds of the processor that the page needs to come up.
    while not page.is_running:
        time.sleep(0.1)
    try:
        for checkpoint in site.pair.checkpoints:
            site.models.visit().read(checkpoint, [(Question("What is read?"), "Nothing yet is read.")])
    except BioMError as error:
        # The page says the same when someone asks; here it is for whoever runs the server.
        logging.getLogger(__name__).warning("%s", error)


def launch(page: gr.Blocks, site: Site) -> None:
    """Serve the page until interrupted; ``/healthz`` answers as soon as it is up."""
    from fastapi.routing import APIRoute

    def healthz() -> dict[str, Any]:
        return {"status": "ok", "version": __version__, "pair": site.pair.name}

    threading.Thread(target=warm_up, args=(site, page), daemon=True, name="warm-up").start()
    page.launch(
        server_name=site.settings.host,
        server_port=site.settings.port,
        css_paths=[ASSETS / "style.css"],
        # Gradio's own shade of the main button is a hair below WCAG AA.
        theme=gr.themes.Default(primary_hue="indigo", font=FONTS).set(
            button_primary_background_fill="*primary_600", button_primary_background_fill_hover="*primary_700"
        ),
        app_kwargs={"routes": [APIRoute("/healthz", healthz)]},
        footer_links=["api"],
        max_file_size="64mb",
        max_threads=THREADS,
        run_history=False,
        ssr_mode=False,
    )
