"""The whole page: its tabs, its queue, and what is forgotten when a visitor leaves."""

from __future__ import annotations

import gradio as gr

from biom_demo.show.about import TITLE, title_html
from biom_demo.show.cards import status_html
from biom_demo.show.pubmed import elsewhere_html
from biom_demo.ui import (
    about_tab,
    api,
    batch_tab,
    benchmark_tab,
    compare_tab,
    keep_panel,
    pubmed_tab,
    vote_panel,
    why_panel,
)
from biom_demo.ui.events import Page
from biom_demo.ui.guard import UPLOADS_KEPT_S
from biom_demo.ui.site import Site
from biom_demo.ui.wiring import script

SWEPT_EVERY_S = 60


def build_page(site: Site) -> Page:
    """The whole page of a site, with its queue; ``serve.launch`` serves it."""

    def forget(request: gr.Request) -> None:
        site.stops.leave(request.session_hash or "")

    page = Page(
        # What is somewhat too long is told beside its box: that takes no more than to count it.
        longest=dict.fromkeys(
            ("context", "stored-text", "restore", "own-abstracts"), 2 * site.settings.max_context_chars
        ),
        title=TITLE,
        analytics_enabled=False,
        delete_cache=(SWEPT_EVERY_S, UPLOADS_KEPT_S),
    )
    with page:
        gr.HTML(str(title_html()), elem_id="title", padding=False)
        if site.settings.entrez_url:
            gr.HTML(str(elsewhere_html(site.settings.entrez_url)), elem_id="elsewhere", padding=False)
        for notice in site.notices:
            gr.HTML(str(status_html(notice)), elem_classes="notice", padding=False)
        with gr.Tab("Compare", elem_id="tab-compare"):
            back = gr.Button(
                "← Back to the evidence table", visible=False, size="sm", elem_id="back-to-table"
            )
            walk = benchmark_tab.layout_walk()
            tab = compare_tab.build(site, page)
            why_panel.build(site, tab)
            vote_panel.build(tab)
            keep_panel.build(site, tab, page)
        page.load(None, None, None, js=script("page"))
        page.load(None, None, None, js=script("address"))
        with gr.Tab("Ask PubMed", elem_id="tab-ask"):
            pubmed_tab.build(site, page, tab, back)
        with gr.Tab("Batch", elem_id="tab-batch"):
            batch_tab.build(site, page, tab)
        with gr.Tab("Benchmark", elem_id="tab-benchmark"):
            benchmark_tab.build(site, page, tab, walk, back)
        with gr.Tab("About", elem_id="tab-about"):
            about_tab.build(site.pair)
        api.build(site)
        page.unload(forget)
    # Asked outside of the queue, the API would read for any number of callers at once.
    page.queue(max_size=site.settings.queue_size, api_open=False)
    return page
