"""Why and how stable: leave sentences and question words out, ask in other words. Read on demand."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import gradio as gr

from biom_demo.analysis.attribution import cost, leave_one_out, reworded, wordings
from biom_demo.errors import BioMError, InputError
from biom_demo.models.store import OUR_FAULT, Models
from biom_demo.show.cards import status_html
from biom_demo.show.difference import SIDES, attribution_html, rewordings_html
from biom_demo.ui.compare_tab import Tab, view_of
from biom_demo.ui.run import Run

MAX_EXPLAINED_CHARS = 30_000

log = logging.getLogger(__name__)


def build(tab: Tab, models: Models) -> None:
    """Lay out the two panels below the comparison and wire them."""
    with gr.Accordion("Why this answer, and does it hold?", open=False, elem_id="why-panel"):
        told = gr.HTML(cost_html(None), elem_id="why-cost", padding=False)
        explain = gr.Button("Show what each answer hangs on", elem_id="explain")
        why = gr.HTML("", elem_id="why", padding=False)
        others = gr.Textbox(
            label="The question in other words, one a line",
            placeholder="Mutations of which gene cause …?\nWhat gene is responsible for …?",
            lines=3,
            max_lines=6,
            elem_id="wordings",
        )
        reask = gr.Button("Ask these too", elem_id="reask")
        again = gr.HTML("", elem_id="rewordings", padding=False)

    def shown_run(run: Run | None) -> Run:
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

    def show_why(run: Run | None, *numbers: float) -> Iterator[tuple[str, str]]:
        """The cost line, and each model's shaded text as soon as it is known."""
        try:
            current, view = shown_run(run), view_of(numbers)
            made = ""
            for name, checkpoint, read in zip(SIDES, current.checkpoints, current.reads, strict=False):
                yield status_html(f"{checkpoint.label} reads …"), made
                found = leave_one_out(models.reader(checkpoint), read.reading, view)
                made += attribution_html(
                    found, name, checkpoint.label, current.passage.text, current.question
                )
            yield cost_html(current), f'<div class="explained-cards">{made}</div>'
        except BioMError as error:
            yield status_html(str(error), kind="error"), ""
        except Exception:
            log.exception("explaining failed")
            yield status_html(OUR_FAULT, kind="error"), ""

    def show_rewordings(run: Run | None, typed: str, *numbers: float) -> str:
        try:
            current, view, questions = shown_run(run), view_of(numbers), wordings(typed or "")
            rows = [
                (name, checkpoint.label, reworded(models.reader(checkpoint), read.reading, questions, view))
                for name, checkpoint, read in zip(SIDES, current.checkpoints, current.reads, strict=False)
            ]
            return rewordings_html(rows)
        except BioMError as error:
            return status_html(str(error), kind="error")
        except Exception:
            log.exception("asking in other words failed")
            return status_html(OUR_FAULT, kind="error")

    explain.click(
        show_why,
        [tab.run, *tab.sliders],
        [told, why],
        concurrency_id="model",
        show_progress="minimal",
        show_progress_on=[told],
        api_visibility="private",
    )
    reask.click(
        show_rewordings,
        [tab.run, others, *tab.sliders],
        [again],
        concurrency_id="model",
        show_progress="minimal",
        api_visibility="private",
    )
    # What was explained was another run.
    tab.run.change(
        lambda run: (cost_html(run), "", ""),
        [tab.run],
        [told, why, again],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )


def cost_html(run: Run | None) -> str:
    """What an explanation will cost, before it is asked for."""
    if run is None:
        return status_html("Each sentence and each word of the question is left out in turn, and read again.")
    times = cost(run.question, run.passage.text)
    seconds = times * sum(read.seconds for read in run.reads)
    return status_html(
        f"Each sentence and each question word is left out in turn: {times} more readings by each model, "
        f"at most about {max(seconds, 0.1):.1f} s by what this text took."
    )
