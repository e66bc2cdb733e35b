"""Keep and share: permalink, Markdown, JSON, CSV, PNG, and the session's history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import gradio as gr

from biom_demo.analysis.comparison import View
from biom_demo.analysis.difference import difference_of
from biom_demo.analysis.passage import readable
from biom_demo.errors import BioMError
from biom_demo.show.cards import status_html
from biom_demo.show.export import (
    Link,
    as_download,
    comparison_csv,
    comparison_document,
    link_query,
    markdown,
    read_link,
)
from biom_demo.ui.compare_tab import SHOWN, Tab
from biom_demo.ui.run import History, Placed, Run, drawn
from biom_demo.ui.site import Site, Update
from biom_demo.ui.wiring import QUIET, QUIET_IN_QUEUE, script

PUT_BACK = ("context", "question", "pair", "further", "placed", "otherwise")
VIEW_PARTS = ("null_threshold", "shown", "max_answer_length", "near_duplicate_threshold")


def make_link(run: Run | None, with_text: bool, view: View) -> Update:
    """The permalink of the run under a view; a pasted text is in it only where that was chosen."""
    if run is None:
        return {"query": "", "link_status": status_html("")}
    pasted = "" if run.passage.named else run.asked.typed  # as it was given, not as it was mended
    link = Link(
        named=run.passage.named,
        text=pasted if with_text else "",
        question=run.asked.question,
        pair=run.asked.pair,
        otherwise=bool(run.passage.named) and run.asked.otherwise == run.asked.typed,
        view=view,
    )
    words = (
        "The pasted text is not in the link; tick the box to put it in." if pasted and not with_text else ""
    )
    try:
        return {"query": link_query(link), "link_status": status_html(words)}
    except BioMError as error:
        return {"query": "", "link_status": status_html(str(error), kind="error")}


def make_notes(run: Run | None, view: View) -> Update:
    """The comparison as Markdown; nothing that tells the models apart before the vote."""
    if run is None:
        return {"notes": gr.skip()}
    return {"notes": "Vote first." if run.blind else markdown(difference_of(run.comparison, view))}


def list_history(history: History) -> Update:
    """The session's runs to choose from, newest last, and whether there were earlier ones."""
    choices = [
        (f"{number + 1}. {run.asked.question[:80]} — {run.passage.source}", number)
        for number, run in enumerate(history.runs, start=history.dropped)
    ]
    words = (
        f"Runs before number {history.dropped + 1:,} are no longer kept, to make room."
        if history.dropped
        else None
    )
    return {"past": gr.update(choices=choices, value=None, info=words)}


def go_back(number: int | None, history: History, view: View) -> Update | None:
    """An earlier run on the page again, from what was read then; ``None`` where none is chosen."""
    if number is None:
        return None
    run = history.at(number)
    if run is None:
        words = "That run is no longer kept, to make room. Ask its question again."
        return {"status": status_html(words, kind="error")}
    asked = run.asked
    # A pasted text goes back as the text it was, whatever it looks like.
    placed = asked.placed
    if not run.passage.named and not asked.is_text:
        placed = Placed(asked.typed)
    return {
        **drawn(run, view),
        "status": status_html("From this session; nothing was read anew."),
        "run": run,
        "displayed": run,
        "drawn": view,
        "context": asked.typed,
        "question": asked.question,
        "pair": asked.pair,
        "further": list(asked.further),
        "placed": placed,
        "otherwise": asked.otherwise,
    }


def as_file(kind: str, run: Run | None, view: View) -> Update:
    """The comparison as a file to save; "" and why where there is nothing to keep yet."""
    if run is None or run.blind:
        words = "Vote first." if run else "There is nothing to keep yet. Ask a question first."
        return {"payload": "", "link_status": status_html(words, kind="error")}
    found = difference_of(run.comparison, view)
    if kind == "json":
        text = json.dumps(comparison_document(found, pair=run.asked.pair), ensure_ascii=False, indent=1)
        payload = as_download("comparison.json", "application/json", text)
    else:
        payload = as_download("comparison.csv", "text/csv", comparison_csv(found))
    return {"payload": payload, "link_status": gr.skip()}


def open_link(site: Site, parameters: Mapping[str, str]) -> Update:
    """What the address asks for, in the boxes; ``linked`` says whether to ask at once."""
    try:
        link = read_link(parameters)
    except BioMError as error:
        return {"linked": "", "status": status_html(str(error), kind="error")}
    if link is None:
        return {"linked": ""}
    typed, question = readable(link.text or link.named), readable(link.question)
    update: Update = {
        "context": typed,
        "question": question,
        "view": link.view,
        **asdict(link.view),
        "placed": Placed(typed) if link.text else None,
        "otherwise": typed if link.otherwise else "",
        "linked": "ask" if typed and question else "",
    }
    if link.pair in site.pairs:
        update["pair"] = link.pair
    if not typed:
        words = "This link brings the question alone. Name or paste the text it is about."
        update["status"] = status_html(words)
    elif link.pair and link.pair not in site.pairs:
        words = "The link names models that are not on offer here; these are used instead."
        update["status"] = status_html(words)
    return update


def build(site: Site, tab: Tab, page: gr.Blocks) -> None:
    """Lay out the panel and wire it; opens the page's own permalink."""
    parts: dict[str, Any] = {}
    with gr.Accordion("Keep and share", open=False, elem_id="keep-panel"):
        parts["past"] = gr.Dropdown(
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
        parts["link_status"] = gr.HTML(str(status_html("")), elem_id="link-status", padding=False)
        parts["notes"] = gr.Textbox(
            label="As Markdown, with offsets and PMID",
            interactive=False,
            buttons=["copy"],
            lines=6,
            max_lines=12,
            elem_id="markdown",
        )
        with gr.Row():
            files = {
                "json": gr.Button("JSON", elem_id="as-json"),
                "csv": gr.Button("CSV", elem_id="as-csv"),
            }
            as_png = gr.Button("PNG", elem_id="as-png")
    parts["query"] = gr.Textbox(visible="hidden", elem_id="link-query")
    parts["payload"] = gr.Textbox(visible="hidden", elem_id="download-payload")
    parts["linked"] = gr.Textbox(visible="hidden", elem_id="linked")
    panel = tab.parts.joined(parts)

    def on_change(run: Run | None, include: bool, view: View) -> dict[Any, Any]:
        return panel.changed({**make_link(run, include, view), **make_notes(run, view)})

    inputs = [panel["run"], with_text, panel["view"]]
    outputs = panel.of("query", "link_status", "notes")
    tab.parts["run"].change(on_change, inputs, outputs, **QUIET)
    with_text.change(on_change, inputs, outputs, **QUIET)
    for change in tab.view_changes:
        change.then(on_change, inputs, outputs, **QUIET)
    parts["query"].change(None, panel.of("query"), [link], js=script("whole_link"))
    tab.parts["run"].change(
        lambda history: panel.changed(list_history(history)), panel.of("history"), panel.of("past"), **QUIET
    )

    def on_go_back(*values: Any) -> dict[Any, Any]:
        return panel.changed(go_back(*values) or {"status": gr.skip()})

    parts["past"].input(
        on_go_back,
        panel.of("past", "history", "view"),
        panel.of(*SHOWN, "status", "run", "displayed", "drawn", *PUT_BACK),
        **QUIET_IN_QUEUE,
    )
    for kind, button in files.items():
        button.click(
            lambda run, view, kind=kind: panel.changed(as_file(kind, run, view)),
            panel.of("run", "view"),
            panel.of("payload", "link_status"),
            **QUIET,
        ).then(None, panel.of("payload"), None, js=script("download"))
    as_png.click(None, None, None, js=script("picture"))

    def on_load(request: gr.Request) -> dict[Any, Any]:
        return panel.changed(open_link(site, dict(request.query_params)))

    page.load(
        on_load,
        None,
        panel.of(
            "context", "question", "pair", *VIEW_PARTS, "view", "placed", "otherwise", "linked", "status"
        ),
        **QUIET,
    ).then(None, panel.of("linked"), None, js=script("ask_if_ready"))
