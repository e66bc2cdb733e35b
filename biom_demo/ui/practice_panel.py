"""Teach and test: questions of an uploaded BioASQ or SQuAD file one by one, scores, blind votes."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from biom_demo.analysis.difference import decoded
from biom_demo.errors import BioMError, DataError, InputError
from biom_demo.models.store import OUR_FAULT, Models
from biom_demo.qa.datasets import convert, read_bioasq, read_json, read_squad
from biom_demo.qa.metrics import squad_exact_match
from biom_demo.qa.records import Example
from biom_demo.show.cards import status_html
from biom_demo.show.export import as_download, csv_text
from biom_demo.ui.compare_tab import ASK_IF_READY, DOWNLOAD, QUIET, Known, Tab, drawn, view_of
from biom_demo.ui.run import BLIND_LABELS, Run, scores

SEARCHED = 60  # questions read at most to find the next one the models disagree on
BATCH = 6
NO_FILE = "Upload a file to go through its questions."
VOTES = {"A": "A is better", "B": "B is better", "tie": "Both are right", "none": "Both are wrong"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Deck:
    """The questions of a file and which is on the page."""

    name: str
    examples: tuple[Example, ...]
    at: int = 0


def build(tab: Tab, models: Models) -> None:
    """Lay out the panel and wire it."""
    deck, tally, votes = gr.State(None), gr.State(()), gr.State(())
    with tab.vote_row:
        buttons = {name: gr.Button(words, elem_id=f"vote-{name}") for name, words in VOTES.items()}
    with gr.Accordion("Test with known answers, and blind votes", open=False, elem_id="practice-panel"):
        upload = gr.UploadButton(
            "Upload a BioASQ golden file or a SQuAD file (.json)", file_types=[".json"], elem_id="deck"
        )
        with gr.Row():
            previous = gr.Button("← Previous", elem_id="previous")
            following = gr.Button("Next →", elem_id="next")
            anywhere = gr.Button("Random", elem_id="random")
            disagree = gr.Button("Next disagreement", elem_id="disagreement")
        place = gr.HTML(status_html(NO_FILE), elem_id="place", padding=False)
        told = gr.HTML("", elem_id="tally", padding=False)
        with gr.Row():
            counted = gr.HTML(votes_html(()), elem_id="vote-count", padding=False)
            export = gr.Button("Download votes (CSV)", elem_id="export-votes")
    payload = gr.Textbox(visible="hidden", elem_id="votes-payload")
    ready = gr.Textbox(visible="hidden", elem_id="deck-ready")
    on_page = [deck, tab.context, tab.question, tab.known, place, ready]

    def put(chosen: Deck) -> tuple[Any, ...]:
        """The deck's question on the page."""
        example = chosen.examples[chosen.at]
        words = f"{chosen.name}: question {chosen.at + 1:,} of {len(chosen.examples):,}."
        known = Known(example.context, example.question.text, example.gold_texts)
        return chosen, example.context, example.question.text, known, status_html(words), "ask"

    def refused(words: str) -> tuple[Any, ...]:
        return gr.skip(), gr.skip(), gr.skip(), gr.skip(), status_html(words, kind="error"), ""

    def load(path: str) -> tuple[Any, ...]:
        try:
            return put(read_deck(path))
        except BioMError as error:
            return refused(str(error))
        except Exception:
            log.exception("reading an uploaded file failed")
            return refused("This file cannot be read. Upload a BioASQ or SQuAD file as JSON.")

    def go(chosen: Deck | None, step: int) -> tuple[Any, ...]:
        if chosen is None:
            return refused("There is no file yet. Upload one first.")
        count = len(chosen.examples)
        at = random.randrange(count) if step == 0 else (chosen.at + step) % count
        return put(replace(chosen, at=at))

    def go_to_disagreement(chosen: Deck | None, pair: str, *numbers: float) -> Iterator[tuple[Any, ...]]:
        """The next question on which the pair's answers differ; progress on the way."""
        if chosen is None:
            yield refused("There is no file yet. Upload one first.")
            return
        try:
            view = view_of(numbers)
            readers = [models.reader(checkpoint) for checkpoint in tab.checkpoints(pair, [])[:2]]
            count = len(chosen.examples)
            ahead = [(chosen.at + 1 + i) % count for i in range(min(SEARCHED, count))]
            for first in range(0, len(ahead), BATCH):
                batch = ahead[first : first + BATCH]
                words = f"Reading questions {first + 1} to {first + len(batch)} of the next {len(ahead)} …"
                yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), status_html(words), ""
                pairs = [(chosen.examples[i].question, chosen.examples[i].context) for i in batch]
                answers = [
                    [
                        best.text if best else ""
                        for best in (
                            decoded(reading, view).best(null_threshold=view.null_threshold)
                            for reading in reader.readings(pairs)
                        )
                    ]
                    for reader in readers
                ]
                for index, one, other in zip(batch, *answers, strict=True):
                    if not squad_exact_match(one, other):
                        yield put(replace(chosen, at=index))
                        return
            yield refused(f"The models agree on the next {len(ahead)} questions.")
        except BioMError as error:
            yield refused(str(error))
        except Exception:
            log.exception("looking for a disagreement failed")
            yield refused(OUR_FAULT)

    upload.upload(load, [upload], on_page, **QUIET)
    for button, step in ((previous, -1), (following, 1), (anywhere, 0)):
        button.click(lambda d, by=step: go(d, by), [deck], on_page, **QUIET).then(
            None, [ready], None, js=ASK_IF_READY
        )
    disagree.click(
        go_to_disagreement,
        [deck, tab.pair, *tab.sliders],
        on_page,
        concurrency_id="model",
        show_progress="minimal",
        show_progress_on=[place],
        api_visibility="private",
    ).then(None, [ready], None, js=ASK_IF_READY)

    def after_run(run: Run | None, kept: tuple[Any, ...], *numbers: float) -> tuple[Any, ...]:
        """Both models' scores on this question and over the session; the vote's buttons."""
        if run is None:
            return gr.skip(), gr.skip(), gr.skip()
        made = scores(run, view_of(numbers))
        if made and not run.blind:
            key = (run.question, run.passage.text)
            kept = (*(entry for entry in kept if entry[0] != key), (key, tuple(made)))
        words = "" if run.blind else tally_html(made, kept)
        return words, kept, gr.update(visible=run.blind)

    tab.run.change(after_run, [tab.run, tally, *tab.sliders], [told, tally, tab.vote_row], **QUIET)

    def vote(
        name: str, run: Run | None, cast: tuple[Any, ...], runs: tuple[Run, ...], *numbers: float
    ) -> tuple[Any, ...]:
        if run is None or not run.blind:
            return (gr.skip(),) * (4 + len(tab.shown))
        open_run = replace(run, blind=False)
        cast = (*cast, ballot(name, run, numbers))
        return (
            open_run,
            cast,
            tuple(open_run if earlier is run else earlier for earlier in runs),
            votes_html(cast),
            *drawn(open_run, view_of(numbers)),
        )

    for name, button in buttons.items():
        button.click(
            lambda run, cast, runs, *numbers, name=name: vote(name, run, cast, runs, *numbers),
            [tab.run, votes, tab.history, *tab.sliders],
            [tab.run, votes, tab.history, counted, *tab.shown],
            **(QUIET | {"queue": True}),  # outside the queue a changed state sets off nothing
        )
    export.click(
        lambda cast: as_download("votes.csv", "text/csv", csv_text(cast)) if cast else "",
        [votes],
        [payload],
        **QUIET,
    ).then(None, [payload], None, js=DOWNLOAD)


def ballot(name: str, run: Run, numbers: tuple[float, ...]) -> dict[str, Any]:
    """One vote as a row: what was asked, what each model answered, and which was preferred."""
    found = run.found(view_of(numbers))
    order = (1, 0) if run.swapped else (0, 1)
    a, b = (found.sides[i] for i in order)
    preferred = {"A": a.label, "B": b.label}.get(name, VOTES[name])
    return {
        "question": run.question,
        "source": run.passage.source,
        "model A": a.label,
        "answer A": a.answer.text if a.answer else "",
        "model B": b.label,
        "answer B": b.answer.text if b.answer else "",
        "vote": preferred,
    }


def votes_html(cast: tuple[dict[str, Any], ...]) -> str:
    """The count of each outcome so far."""
    if not cast:
        return status_html("No votes yet. Tick “Blind” under “More”, ask, and vote.")
    counts: dict[str, int] = {}
    for entry in cast:
        counts[entry["vote"]] = counts.get(entry["vote"], 0) + 1
    last = cast[-1]
    shown = "; ".join(f"{name}: {count}" for name, count in sorted(counts.items(), key=lambda x: -x[1]))
    return status_html(
        f"{BLIND_LABELS[0]} was {last['model A']}, {BLIND_LABELS[1]} was {last['model B']}. "
        f"Votes of this session ({len(cast)}): {shown}."
    )


def tally_html(made: list[tuple[str, bool, float]], kept: tuple[Any, ...]) -> str:
    """EM and F1 of each model here and over the session's questions with known answers."""
    if not made:
        return ""
    rows = ""
    for label, exact, f1 in made:
        own = [entry for _, entries in kept for entry in entries if entry[0] == label]
        rows += (
            f"<tr><th scope='row'>{escape(label)}</th><td>{int(exact)}</td><td>{f1:.2f}</td>"
            f"<td>{len(own)}</td><td>{100 * sum(e[1] for e in own) / len(own):.1f}</td>"
            f"<td>{100 * sum(e[2] for e in own) / len(own):.1f}</td></tr>"
        )
    return (
        '<div class="table-scroll" tabindex="0" role="region" aria-label="Scores"><table class="cross">'
        "<thead><tr><th scope='col'>model</th><th scope='col'>EM here</th><th scope='col'>F1 here</th>"
        "<th scope='col'>questions so far</th><th scope='col'>EM, %</th><th scope='col'>F1, %</th></tr>"
        "</thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def read_deck(path: str) -> Deck:
    """The questions of a BioASQ or SQuAD file; of BioASQ its factoids with each snippet that holds an answer.

    Raises ``DataError`` where it is neither, or holds none.
    """
    document = read_json(path)
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    if isinstance(document, dict) and "questions" in document:
        examples = convert(read_bioasq(path), mode="wide").examples
    elif isinstance(document, dict) and "data" in document:
        examples = tuple(read_squad(path))
    else:
        raise DataError(f"{name} is neither a BioASQ nor a SQuAD file: it has no “questions” and no “data”.")
    if not examples:
        raise InputError(f"{name} holds no factoid question with an answer in one of its snippets.")
    return Deck(name, examples)
