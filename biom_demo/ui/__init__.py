"""The page: one file a tab, wired here. The only package that imports gradio."""

from __future__ import annotations

import logging
import threading
import time
from html import escape
from typing import Any

import gradio as gr

from biom_demo import __version__
from biom_demo.errors import BioMError
from biom_demo.models.catalogue import CATALOGUE, ModelPair, resolve_pair
from biom_demo.models.store import Models
from biom_demo.pubmed.session import PubMed
from biom_demo.qa.records import Question
from biom_demo.settings import ASSETS, Settings
from biom_demo.ui import about_tab, compare_tab, keep_panel, practice_panel, pubmed_tab, why_panel

# The reader's own fonts: nothing to load, nothing to ask a font server for.
FONTS = ("system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
TITLE = "BioM: two readers, one abstract"


def build_ui(settings: Settings) -> gr.Blocks:
    """The whole page, with its queue; launch it with ``launch``.

    Raises ``InputError`` where the settings name no pair that exists.
    """
    pair = resolve_pair(settings.pair, biom=settings.biom_model, vanilla=settings.vanilla_model)
    models = Models(threads=settings.threads)
    pubmed = PubMed.from_settings(settings)
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(
            '<div class="page-title"><h1>Ask an abstract</h1><p>A question, a biomedical text, and two '
            'extractive readers side by side: <span class="biom">BioM-ELECTRA</span>, pre-trained '
            'on biomedical text, and <span class="vanilla">vanilla ELECTRA</span>, which was not. '
            "See what each answers, where, and how sure it is.</p></div>",
            elem_id="title",
            padding=False,
        )
        if settings.entrez_url:
            gr.HTML(elsewhere_html(settings.entrez_url), elem_id="elsewhere", padding=False)
        with gr.Tab("Compare", elem_id="tab-compare"):
            tab = compare_tab.build(settings, pair, models, pubmed, page)
            why_panel.build(tab, models)
            practice_panel.build(tab, models)
            keep_panel.build(tab, [pair.name, *(other.name for other in CATALOGUE)], page)
        page.load(None, None, None, js=(ASSETS / "page.js").read_text("utf-8"))
        with gr.Tab("Ask PubMed", elem_id="tab-ask"):
            pubmed_tab.build(settings, pair, models, pubmed, page)
        with gr.Tab("About"):
            about_tab.build(pair)
    page.queue(max_size=settings.queue_size)
    threading.Thread(target=warm_up, args=(models, pair, page), daemon=True, name="warm-up").start()
    return page


def elsewhere_html(address: str) -> str:
    """What a visitor must know where records do not come from PubMed."""
    return (
        '<p class="status error" role="note">Records come from another server, not from PubMed: '
        f"{escape(address)}</p>"
    )


def warm_up(models: Models, pair: ModelPair, page: gr.Blocks) -> None:
    """Load the default pair and read once, so that the first visitor does not wait for it."""
    # Importing torch takes seconds of the processor that the page needs to come up.
    while not page.is_running:
        time.sleep(0.1)
    try:
        for checkpoint in (pair.biom, pair.vanilla):
            models.reader(checkpoint).read(Question("warm-up", "What is read?"), ["Nothing yet is read."])
    except BioMError as error:
        # The page says the same when someone asks; here it is for whoever runs the server.
        logging.getLogger(__name__).warning("%s", error)


def launch(page: gr.Blocks, settings: Settings) -> None:
    """Serve the page until interrupted; ``/healthz`` answers as soon as it is up."""
    from fastapi.routing import APIRoute

    pair = resolve_pair(settings.pair, biom=settings.biom_model, vanilla=settings.vanilla_model)

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
        run_history=False,
        ssr_mode=False,
    )
