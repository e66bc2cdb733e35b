"""Keep and share: permalink, Markdown, JSON, CSV, PNG, and the session's history."""

from __future__ import annotations

import json
import logging
from dataclasses import fields
from typing import Any

import gradio as gr

from biom_demo.analysis.difference import View
from biom_demo.analysis.passage import readable
from biom_demo.errors import BioMError
from biom_demo.show.cards import status_html
from biom_demo.show.export import (
    Shared,
    as_download,
    comparison_csv,
    comparison_document,
    link_query,
    markdown,
    read_link,
)
from biom_demo.ui.compare_tab import ASK_IF_READY, DOWNLOAD, QUIET, Known, Tab, drawn, view_of
from biom_demo.ui.run import Run

WHOLE_LINK = "query => query ? window.location.origin + window.location.pathname + query : ''"

log = logging.getLogger(__name__)


def build(tab: Tab, pairs: list[str], page: gr.Blocks) -> None:
    """Lay out the panel and wire it; opens the page's own permalink."""
    with gr.Accordion("Keep and share", open=False, elem_id="keep-panel"):
        past = gr.Dropdown(
            label="History of this session (nothing is read anew)", choices=[], value=None, elem_id="history"
        )
        with gr.Row():
            link = gr.Textbox(
                label="Link to this comparison",
                interactive=False,
                buttons=["copy"],
                elem_id="link",
                max_lines=2,
                scale=3,
            )
            with_text = gr.Checkbox(label="with the pasted text in it", elem_id="link-text", scale=1)
        said = gr.HTML(status_html(""), elem_id="link-status", padding=False)
        notes = gr.Textbox(
            label="As Markdown, with offsets and PMID",
            interactive=False,
            buttons=["copy"],
            lines=6,
            max_lines=12,
            elem_id="markdown",
        )
        with gr.Row():
            as_json = gr.Button("JSON", elem_id="as-json")
            as_csv = gr.Button("CSV", elem_id="as-csv")
            as_png = gr.Button("PNG", elem_id="as-png")
    query = gr.Textbox(visible="hidden", elem_id="link-query")
    payload = gr.Textbox(visible="hidden", elem_id="download-payload")
    linked = gr.Textbox(visible="hidden", elem_id="linked")

    def make_link(run: Run | None, include: bool, *numbers: float) -> tuple[str, str]:
        if run is None:
            return "", status_html("")
        pasted = "" if run.passage.typed else run.passage.text
        shared = Shared(
            typed=run.passage.typed,
            text=pasted if include else "",
            question=run.question,
            pair=run.pair,
            view=view_of(numbers),
        )
        words = (
            "The pasted text is not in the link; tick the box to put it in." if pasted and not include else ""
        )
        try:
            return link_query(shared), status_html(words)
        except BioMError as error:
            return "", status_html(str(error), kind="error")

    def after_run(run: Run | None, runs: tuple[Run, ...], *numbers: float) -> tuple[Any, ...]:
        if run is None:
            return gr.skip(), gr.skip()
        choices = [
            (f"{place}. {entry.question[:80]} — {entry.passage.source}", place - 1)
            for place, entry in enumerate(runs, start=1)
        ]
        text = "Vote first." if run.blind else _markdown(run, view_of(numbers))
        return text, gr.update(choices=choices, value=None)

    for change in (tab.run.change, with_text.change, *(slider.change for slider in tab.sliders)):
        change(make_link, [tab.run, with_text, *tab.sliders], [query, said], **QUIET)
    query.change(None, [query], [link], js=WHOLE_LINK)
    tab.run.change(after_run, [tab.run, tab.history, *tab.sliders], [notes, past], **QUIET)
    for slider in tab.sliders:
        slider.change(
            lambda run, *numbers: _markdown(run, view_of(numbers)) if run and not run.blind else gr.skip(),
            [tab.run, *tab.sliders],
            [notes],
            **QUIET,
        )

    def go_back(place: int | None, runs: tuple[Run, ...], *numbers: float) -> tuple[Any, ...]:
        """An earlier run on the page again, from what was read then."""
        if place is None or not 0 <= place < len(runs):
            return (gr.skip(),) * (6 + len(tab.shown))
        run = runs[place]
        typed = run.passage.typed or run.passage.text
        known = Known(typed, run.question, run.gold) if not run.passage.typed else None
        words = status_html("From this session; nothing was read anew.")
        return (
            run.passage.header,
            *drawn(run, view_of(numbers)),
            words,
            run,
            typed,
            run.question,
            known,
        )

    past.input(
        go_back,
        [past, tab.history, *tab.sliders],
        [tab.record, *tab.shown, tab.status, tab.run, tab.context, tab.question, tab.known],
        **(QUIET | {"queue": True}),  # outside the queue a changed state sets off nothing
    )

    def as_file(kind: str, run: Run | None, *numbers: float) -> tuple[str, Any]:
        """The file as {name, type, text}; "" and why where there is nothing to keep yet."""
        if run is None or run.blind:
            words = "Vote first." if run else "There is nothing to keep yet. Ask a question first."
            return "", status_html(words, kind="error")
        found = run.found(view_of(numbers))
        pmids = run.passage.pmids
        if kind == "json":
            document = comparison_document(found, source=run.passage.source, pmids=pmids, pair=run.pair)
            text = json.dumps(document, ensure_ascii=False, indent=1)
            return as_download("comparison.json", "application/json", text), gr.skip()
        return as_download("comparison.csv", "text/csv", comparison_csv(found, pmids=pmids)), gr.skip()

    for button, kind in ((as_json, "json"), (as_csv, "csv")):
        button.click(
            lambda run, *numbers, kind=kind: as_file(kind, run, *numbers),
            [tab.run, *tab.sliders],
            [payload, said],
            **QUIET,
        ).then(None, [payload], None, js=DOWNLOAD)
    as_png.click(None, None, None, js="() => window.biomPicture()")

    def open_link(request: gr.Request) -> tuple[Any, ...]:
        """What the address asks for, on the page; the last value says whether to ask at once."""
        skipped = (gr.skip(),) * (5 + len(tab.sliders))
        try:
            shared = read_link(dict(request.query_params))
        except BioMError as error:
            return (*skipped[:-1], "", status_html(str(error), kind="error"))
        if shared is None:
            return (*skipped[:-1], "", gr.skip())
        typed = readable(shared.text or shared.typed)
        known = Known(typed) if shared.text else None
        pair = shared.pair if shared.pair in pairs else gr.skip()
        words = gr.skip()
        if not typed:
            words = status_html("This link brings the question alone. Name or paste the text it is about.")
        elif shared.pair and shared.pair not in pairs:
            words = status_html("The link names models that are not on offer here; these are used instead.")
        return (
            typed,
            readable(shared.question),
            pair,
            *(getattr(shared.view, item.name) for item in fields(View)),
            known,
            "ask" if typed and shared.question else "",
            words,
        )

    page.load(
        open_link,
        None,
        [tab.context, tab.question, tab.pair, *tab.sliders, tab.known, linked, tab.status],
        **QUIET,
    ).then(
        None,
        [linked],
        None,
        js=ASK_IF_READY,
    )


def _markdown(run: Run, view: View) -> str:
    return markdown(run.found(view), source=run.passage.source, pmids=run.passage.pmids)
