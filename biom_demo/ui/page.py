"""The whole page, and how it is served."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import gradio as gr

from biom_demo import __version__
from biom_demo.errors import BioMError
from biom_demo.qa.records import Question
from biom_demo.settings import ASSETS, Settings
from biom_demo.show.about import TITLE, title_html
from biom_demo.show.pubmed import elsewhere_html
from biom_demo.ui import about_tab, api, compare_tab, keep_panel, practice_panel, pubmed_tab, why_panel
from biom_demo.ui.site import PUBMED_AT_ONCE, PUBMED_WAITING, Site, default_pair
from biom_demo.ui.wiring import script

# The reader's own fonts: nothing to load, nothing to ask a font server for.
FONTS = ("system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
# Whoever waits for PubMed keeps a thread; as many as Gradio has by default are left for the others.
THREADS = PUBMED_AT_ONCE + PUBMED_WAITING + 40


def build_page(settings: Settings) -> gr.Blocks:
    """The whole page, with its queue; launch it with ``launch``.

    Raises ``InputError`` where the settings name no pair that exists.
    """
    site = Site.from_settings(settings)

    def forget(request: gr.Request) -> None:
        site.stops.leave(request.session_hash or "")

    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(str(title_html()), elem_id="title", padding=False)
        if settings.entrez_url:
            gr.HTML(str(elsewhere_html(settings.entrez_url)), elem_id="elsewhere", padding=False)
        with gr.Tab("Compare", elem_id="tab-compare"):
            tab = compare_tab.build(site, page)
            why_panel.build(site, tab)
            practice_panel.build(site, tab)
            keep_panel.build(site, tab, page)
        page.load(None, None, None, js=script("page"))
        with gr.Tab("Ask PubMed", elem_id="tab-ask"):
            pubmed_tab.build(site, page)
        with gr.Tab("About"):
            about_tab.build(site.pair)
        api.build(site)
        page.unload(forget)
    page.queue(max_size=settings.queue_size)
    threading.Thread(target=warm_up, args=(site, page), daemon=True, name="warm-up").start()
    return page


def warm_up(site: Site, page: gr.Blocks) -> None:
    """Load the default pair and read once, so that the first visitor does not wait for it."""
    # Importing torch takes seconds of the processor that the page needs to come up.
    while not page.is_running:
        time.sleep(0.1)
    try:
        for checkpoint in site.pair.checkpoints:
            site.models.read(checkpoint, [(Question("What is read?"), "Nothing yet is read.")])
    except BioMError as error:
        # The page says the same when someone asks; here it is for whoever runs the server.
        logging.getLogger(__name__).warning("%s", error)


def launch(page: gr.Blocks, settings: Settings) -> None:
    """Serve the page until interrupted; ``/healthz`` answers as soon as it is up."""
    from fastapi.routing import APIRoute

    pair = default_pair(settings)

    def healthz() -> dict[str, Any]:
        return {"status": "ok", "version": __version__, "pair": pair.name}

    page.launch(
        server_name=settings.host,
        server_port=settings.port,
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
