"""Keep and share: permalink, Markdown, JSON, CSV, PNG, history; Back, Forward and reload."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from biom_demo.analysis.comparison import View
from biom_demo.analysis.difference import difference_of
from biom_demo.analysis.passage import readable
from biom_demo.errors import BioMError
from biom_demo.show.cards import status_html
from biom_demo.show.export import (
    MAX_LINK_VALUE_CHARS,
    VIEW_LIMITS,
    Link,
    as_download,
    comparison_csv,
    comparison_document,
    link_query,
    markdown,
    read_link,
)
from biom_demo.show.share_card import share_card
from biom_demo.ui.compare_tab import SHOWN, Tab
from biom_demo.ui.run import History, Placed, Run, drawn
from biom_demo.ui.site import Site, Update
from biom_demo.ui.wiring import QUIET, QUIET_IN_QUEUE, script

PUT_BACK = ("context", "question", "pair", "further", "placed", "otherwise", "engine")
STORED_WORDS = (
    "Texts you paste and ask about are kept in this browser tab (the last 20), so that a reload, Back and "
    "Forward bring them back. They are gone when you close the tab."
)
VIEW_PARTS = tuple(VIEW_LIMITS)
NO_ENGINE = "The link asks for the engine {}, which is not on offer here; {} is used."


def link_of(site: Site, run: Run, view: View, *, with_text: bool) -> tuple[Link, str]:
    """The permalink of a run under a view, and what is not in it, in words.

    A pasted text is in it only where that was chosen, models beside the pair only where they are on offer.
    """
    pasted = "" if run.passage.named else run.asked.typed  # as it was given, not as it was mended
    further = tuple(key for key in run.asked.further if key in site.catalogue)
    link = Link(
        named=run.passage.named,
        text=pasted if with_text else "",
        question=run.asked.question,
        pair=run.asked.pair,
        otherwise=bool(run.passage.named) and run.asked.otherwise == run.asked.typed,
        view=view,
        further=further,
        precision=site.linked(run.asked.precision),
    )
    words = []
    if pasted and not with_text:
        words.append("The pasted text is not in the link; tick the box to put it in.")
    if len(further) < len(run.asked.further):
        words.append("Models that are not of the list are not in it.")
    return link, " ".join(words)


def make_link(site: Site, run: Run | None, with_text: bool, view: View) -> Update:
    """The permalink of the run under a view, and what is not in it."""
    if run is None:
        return {"query": "", "link_status": status_html("")}
    link, words = link_of(site, run, view, with_text=with_text)
    try:
        return {"query": link_query(link), "link_status": status_html(words)}
    except BioMError as error:
        return {"query": "", "link_status": status_html(str(error), kind="error")}


def make_address(site: Site, run: Run | None, history: History, view: View, *, new: bool) -> Update:
    """What the address bar is to show of the run, for ``assets/js/address.js``: its link, and its number.

    A pasted text is not in the link; of a ``new`` run it goes along, for the browser to keep. Nothing of a
    blind run, which a reload would give away.
    """
    number = None if run is None else history.number_of(run)
    if run is None or run.blind or number is None:
        return {"address": ""}
    link, _ = link_of(site, run, view, with_text=False)
    text = ("" if run.passage.named else run.asked.typed) if new else None
    told = {"query": link_query(link), "number": number, "text": text}
    return {"address": json.dumps(told, ensure_ascii=False)}


def make_notes(run: Run | None, view: View) -> Update:
    """The comparison as Markdown; nothing that tells the models apart before the vote."""
    if run is None:
        return {"notes": gr.skip()}
    return {"notes": _notes(run, view)}


def _notes(run: Run, view: View) -> str:
    return "Vote first." if run.blind else markdown(difference_of(run.comparison, view), gold=run.gold)


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
        "engine": str(asked.precision),
    }


def as_file(kind: str, run: Run | None, view: View, link: str | None = "") -> Update:
    """The comparison as a file to save; "" and why where there is nothing to keep yet.

    ``link`` is the permalink, for the picture.
    """
    if run is None or run.blind:
        words = "Vote first." if run else "There is nothing to keep yet. Ask a question first."
        return {"payload": "", "link_status": status_html(words, kind="error")}
    found = difference_of(run.comparison, view)
    match kind:
        case "json":
            text = json.dumps(comparison_document(found, pair=run.asked.pair), ensure_ascii=False, indent=1)
            payload = as_download("comparison.json", "application/json", text)
        case "csv":
            payload = as_download("comparison.csv", "text/csv", comparison_csv(found, gold=run.gold))
        case _:
            picture = share_card(found, link=readable(link), day=date.today())
            payload = as_download("comparison.png", "image/png", picture)
    return {"payload": payload, "link_status": gr.skip()}


def restore(site: Site, asked: str | None, history: History, view: View) -> Update:
    """The run that a step Back or Forward leads to, as it was read; asked anew if that was before a reload.

    ``asked`` is of ``assets/js/address.js``: the run's number, or its link and the text that goes with it.
    """
    try:
        step = json.loads(asked or "{}")
        number, query, text = (step.get(name) for name in ("number", "query", "text"))
    except (ValueError, AttributeError, RecursionError):
        return {"linked": ""}
    if isinstance(number, int):
        return {**(go_back(number, history, view) or {}), "linked": ""}
    if isinstance(query, str) and len(query) <= 4 * MAX_LINK_VALUE_CHARS:
        return open_link(
            site, dict(parse_qsl(query.removeprefix("?"))), text if isinstance(text, str) else ""
        )
    return {"linked": ""}


def open_link(site: Site, parameters: Mapping[str, str], stored: str | None = "") -> Update:
    """What the address asks for, in the boxes; ``linked`` says whether to ask at once.

    ``stored`` is the pasted text that the browser kept with an address that has none. What is for another
    tab is left to it.
    """
    try:
        link = read_link(parameters)
    except BioMError as error:
        return {"linked": "", "status": status_html(str(error), kind="error")}
    if link is None or link.tab:
        return {"linked": ""}
    text = link.text or (stored or "" if not link.named else "")
    typed, question = readable(text or link.named), readable(link.question)
    update: Update = {
        "context": typed,
        "question": question,
        "view": link.view,
        **asdict(link.view),
        "placed": Placed(typed) if text else None,
        "otherwise": typed if link.otherwise else "",
        "linked": "ask" if typed and question else "",
    }
    unknown = bool(link.pair) and link.pair not in site.pairs
    if link.pair and not unknown:
        update["pair"] = link.pair
    catalogue = site.catalogue
    further = [key for key in link.further if key in catalogue]
    if link.further:
        update["further"] = further
    not_here = link.precision is not None and link.precision not in site.precisions
    update["engine"] = str(site.precision if not_here else link.precision or site.precision)
    if not typed:
        words = "This link brings the question alone. Name or paste the text it is about."
        update["status"] = status_html(words)
    elif unknown or len(further) < len(link.further):
        words = "The link names models that are not on offer here; it is read without those."
        update["status"] = status_html(words)
    elif not_here:
        update["status"] = status_html(NO_ENGINE.format(link.precision, site.precision))
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
            label="As a note (Markdown), with the sentences, their places and PMID",
            interactive=False,
            buttons=["copy"],
            lines=6,
            max_lines=12,
            elem_id="markdown",
        )
        with gr.Row():
            files = {
                "json": gr.Button("Data (JSON)", elem_id="as-json"),
                "csv": gr.Button("Table (CSV)", elem_id="as-csv"),
                "png": gr.Button("Picture to share (PNG)", elem_id="as-png"),
            }
        with gr.Row(elem_id="stored-row"):
            parts["stored"] = gr.HTML(str(status_html(STORED_WORDS)), elem_id="stored", padding=False)
            forget = gr.Button("Forget these texts", size="sm", elem_id="forget-texts")
    parts["query"] = gr.Textbox(visible="hidden", elem_id="link-query")
    parts["payload"] = gr.Textbox(visible="hidden", elem_id="download-payload")
    parts["linked"] = gr.Textbox(visible="hidden", elem_id="linked")
    parts["address"] = gr.Textbox(visible="hidden", elem_id="address")
    parts["restore"] = gr.Textbox(visible="hidden", elem_id="restore")
    parts["stored_text"] = gr.Textbox(visible="hidden", elem_id="stored-text")
    panel = tab.parts.joined(parts)

    def on_change(
        run: Run | None, include: bool, view: View, history: History, *, new: bool = False
    ) -> dict[Any, Any]:
        address = make_address(site, run, history, view, new=new)
        return panel.changed({**make_link(site, run, include, view), **make_notes(run, view), **address})

    inputs = [panel["run"], with_text, *panel.of("view", "history")]
    outputs = panel.of("query", "link_status", "notes", "address")
    tab.parts["run"].change(partial(on_change, new=True), inputs, outputs, **QUIET)
    with_text.change(on_change, inputs, outputs, **QUIET)
    for change in tab.view_changes:
        change.then(on_change, inputs, outputs, **QUIET)
    parts["address"].change(None, panel.of("address"), None, js=script("show_address"))
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
            lambda *values, kind=kind: panel.changed(as_file(kind, *values)),
            [*panel.of("run", "view"), link],
            panel.of("payload", "link_status"),
            **QUIET,
        ).then(None, panel.of("payload"), None, js=script("download"))
    forget.click(None, None, None, js=script("forget_texts"))
    linked = (
        "context",
        "question",
        "pair",
        "further",
        *VIEW_PARTS,
        "view",
        "placed",
        "otherwise",
        "engine",
        "linked",
        "status",
    )

    def on_load(stored: str | None, request: gr.Request) -> dict[Any, Any]:
        here = site.seen_by(request.headers)
        return panel.changed(open_link(here, dict(request.query_params), stored))

    def on_restore(asked: str | None, history: History, view: View, request: gr.Request) -> dict[Any, Any]:
        return panel.changed(restore(site.seen_by(request.headers), asked, history, view))

    ask_if_ready = script("ask_if_ready")
    page.load(on_load, panel.of("stored_text"), panel.of(*linked), js=script("stored_text"), **QUIET).then(
        None, panel.of("linked"), None, js=ask_if_ready
    )
    parts["restore"].change(
        on_restore,
        panel.of("restore", "history", "view"),
        panel.of(*dict.fromkeys((*SHOWN, "run", "displayed", "drawn", *PUT_BACK, *linked))),
        **QUIET_IN_QUEUE,
    ).then(None, panel.of("linked"), None, js=ask_if_ready)
