"""Why and how stable: leave sentences and question words out, ask in other words. Read on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from biom_demo.analysis.attribution import (
    Attribution,
    Rewording,
    cost,
    leave_one_out,
    reworded,
    wordings,
)
from biom_demo.analysis.comparison import View
from biom_demo.analysis.passage import Passage
from biom_demo.counters import Work
from biom_demo.errors import InputError
from biom_demo.models.store import Visit
from biom_demo.qa.reader import decoding_of
from biom_demo.show.cards import Persona, status_html
from biom_demo.show.difference import attributions_html, cost_html, rewordings_html
from biom_demo.ui.compare_tab import Tab
from biom_demo.ui.reading import ended_words, followed, reading_html, reading_words
from biom_demo.ui.run import Run
from biom_demo.ui.site import Site, Update, words_of
from biom_demo.ui.wiring import QUIET, READS

MAX_EXPLAINED_CHARS = 30_000


def show_why(site: Site, run: Run | None, view: View, session: str) -> Iterator[Update]:
    """What it will cost, progress, and each model's shaded text as soon as it is known."""
    made: list[tuple[Persona, Attribution, Passage, str]] = []
    stop = site.stops.begin(session, "why")
    try:
        explained = _explainable(run)
        sides = explained.comparison.sides
        yield {"why_cost": status_html("Reading …"), "why": attributions_html(made)}
        with _reading(site, explained, session, stop) as visit:
            for found in followed((leave_one_out(visit, side, view) for side in sides), visit):
                if found is None:
                    yield {"why_cost": reading_html(visit)}
                    continue
                persona = explained.personas[len(made)]
                made.append((persona, found, explained.passage, explained.asked.question))
                yield {"why_cost": status_html(reading_words(visit)), "why": attributions_html(made)}
        told = status_html(ended_words(visit)) if visit.ended else told_cost(explained)
        yield {"why_cost": told, "why": attributions_html(made)}
    except Exception as error:
        status = status_html(site.stops.words(words_of(error, "explaining an answer")), kind="error")
        yield {"why_cost": status, "why": attributions_html(made)}
    finally:
        site.stops.end(session, "why", stop)


def show_rewordings(site: Site, run: Run | None, typed: str, view: View, session: str) -> Iterator[Update]:
    """Progress, and each model's answers to the question in other words."""
    stop = site.stops.begin(session, "why")
    try:
        explained, questions = _explainable(run), wordings(typed or "")
        rows: list[tuple[Persona, list[Rewording]]] = []
        with _reading(site, explained, session, stop) as visit:
            read = (reworded(visit, side, questions, view) for side in explained.comparison.sides)
            for found in followed(read, visit):
                if found is None:
                    yield {"rewordings": reading_html(visit)}
                else:
                    rows.append((explained.personas[len(rows)], found))
        yield {"rewordings": rewordings_html(rows, ended=ended_words(visit))}
    except Exception as error:
        yield {"rewordings": status_html(words_of(error, "asking in other words"), kind="error")}
    finally:
        site.stops.end(session, "why", stop)


@contextmanager
def _reading(site: Site, run: Run, session: str, stop: threading.Event) -> Iterator[Visit]:
    """What reads as the run was read: a row of the Benchmark tab is read as ``evaluate`` reads."""
    with site.reading(Work.WHY, session, stop, run.comparison.precision) as visit:
        if run.comparison.sides:
            visit.decoding = decoding_of(run.comparison.sides[0].reading)
        yield visit


def told_cost(run: Run | None) -> str:
    """What an explanation will cost, before it is asked for."""
    if run is None:
        return cost_html(None, 0.0)
    times = cost(run.asked.question, run.passage.text)
    paces = [side.pace_s for side in run.comparison.sides]
    # What was known from before says nothing of what reading takes.
    return cost_html(times, 0.0 if None in paces else times * sum(pace for pace in paces if pace))


def _explainable(run: Run | None) -> Run:
    if run is None:
        raise InputError("There is no answer yet. Ask a question first.")
    if run.blind:
        raise InputError("Vote first: this would show which model is which.")
    if len(run.passage.text) > MAX_EXPLAINED_CHARS:
        raise InputError(
            f"The text has {len(run.passage.text):,} characters; up to {MAX_EXPLAINED_CHARS:,} are "
            "explained, as it is read once for each part. Paste only the part in question."
        )
    return run


def build(site: Site, tab: Tab) -> None:
    """Lay out the two panels below the comparison and wire them."""
    parts: dict[str, Any] = {}
    with gr.Accordion("Why this answer, and does it hold?", open=False, elem_id="why-panel"):
        parts["why_cost"] = gr.HTML(str(told_cost(None)), elem_id="why-cost", padding=False)
        explain = gr.Button("Show what each answer hangs on", elem_id="explain")
        parts["why"] = gr.HTML("", elem_id="why", padding=False)
        others = gr.Textbox(
            label="The question in other words, one a line",
            placeholder="Mutations of which gene cause …?\nWhat gene is responsible for …?",
            lines=3,
            max_lines=6,
            elem_id="wordings",
        )
        reask = gr.Button("Ask these too", elem_id="reask")
        parts["rewordings"] = gr.HTML("", elem_id="rewordings", padding=False)
    panel = tab.parts.joined(parts)

    def on_explain(run: Run | None, view: View, request: gr.Request) -> Iterator[dict[Any, Any]]:
        updates = show_why(site, run, view, request.session_hash or "")
        yield from panel.streamed(updates, "why_cost", "why")

    def on_reask(run: Run | None, typed: str, view: View, request: gr.Request) -> Iterator[dict[Any, Any]]:
        updates = show_rewordings(site, run, typed, view, request.session_hash or "")
        yield from panel.streamed(updates, "rewordings")

    explain.click(
        on_explain,
        tab.parts.of("run", "view"),
        panel.of("why_cost", "why"),
        show_progress_on=panel.of("why_cost"),
        **READS,
    )
    reask.click(
        on_reask,
        [tab.parts["run"], others, tab.parts["view"]],
        panel.of("rewordings"),
        **READS,
    )
    # What was explained was another run.
    tab.parts["run"].change(
        lambda run: panel.changed({"why_cost": told_cost(run), "why": "", "rewordings": ""}),
        tab.parts.of("run"),
        panel.of("why_cost", "why", "rewordings"),
        **QUIET,
    )
