"""What the page says of a question the models cannot take: while it is typed, and beside its result."""

from __future__ import annotations

from typing import Any

import gradio as gr

from biom_demo.analysis.hints import EXTRACTIVE, question_hint
from biom_demo.analysis.passage import readable
from biom_demo.show.cards import status_html
from biom_demo.ui.run import Run
from biom_demo.ui.site import Update
from biom_demo.ui.wiring import QUIET, Parts, script


def hint(question: str | None) -> Update:
    """What to ask instead, or how to ask, under the question as it is typed."""
    return {"hint": status_html(question_hint(readable(question)) or EXTRACTIVE)}


def hint_of(run: Run | None) -> Update:
    """What to ask instead, above the answers of the run on the page; nothing where there is no need."""
    words = question_hint(run.asked.question) if run else ""
    return {"asked_hint": status_html(words) if words else ""}


def layout_under_question(parts: dict[str, Any]) -> None:
    """The line under the question, and the way to Ask PubMed; the style shows it while there is no text."""
    with gr.Row(elem_id="hint-row"):
        parts["hint"] = gr.HTML(str(status_html(EXTRACTIVE)), elem_id="question-hint", padding=False)
        parts["to_pubmed"] = gr.Button("No text? Ask PubMed", size="sm", elem_id="to-pubmed")


def layout_above_answers(parts: dict[str, Any]) -> None:
    """The same line for the question that was asked."""
    parts["asked_hint"] = gr.HTML("", elem_id="asked-hint", padding=False)


def wire(parts: Parts) -> None:
    """Wire both lines and the button."""
    parts["question"].change(
        lambda question: parts.changed(hint(question)),
        parts.of("question"),
        parts.of("hint"),
        trigger_mode="always_last",
        **QUIET,
    )
    parts["displayed"].change(
        lambda run: parts.changed(hint_of(run)), parts.of("displayed"), parts.of("asked_hint"), **QUIET
    )
    parts["to_pubmed"].click(None, parts.of("question"), None, js=script("to_ask_pubmed"))
