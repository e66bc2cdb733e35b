"""The Ask PubMed tab: a question -> a query -> abstracts -> both models' pooled answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from biom_demo.analysis.comparison import Comparison, View
from biom_demo.analysis.difference import short_names
from biom_demo.analysis.literature import (
    MAX_ABSTRACTS,
    Retrieved,
    findings,
    queries_to_try,
    read_abstracts,
    retrieve,
    search,
)
from biom_demo.analysis.passage import check_question, readable
from biom_demo.counters import Work
from biom_demo.errors import InputError
from biom_demo.models.catalogue import Checkpoint
from biom_demo.show.cards import head_html, no_head_html, personas, status_html
from biom_demo.show.pubmed import abstracts_html, findings_html
from biom_demo.show.words import counted, search_words
from biom_demo.ui.reading import ended_words, followed, reading_words
from biom_demo.ui.site import Site, Update, missing, words_of
from biom_demo.ui.wiring import MAY_ASK_PUBMED, QUIET, READS, Parts, kept, on_session, script

CARDS = ("found-biom", "found-vanilla")
FOUND = ("found-head", "query", "generated", "to_read", "pubmed_status")
READ = ("found-head", "read", *CARDS, "abstracts", "pubmed_status")
DRAWN_EVERY = 8  # abstracts


@dataclass(frozen=True, slots=True)
class Generated:
    """A query that was made of a question: it is made anew for another one."""

    question: str
    query: str


@dataclass(frozen=True, slots=True)
class ToRead:
    """What a search found, for the models to read, and the event that stops them."""

    retrieved: Retrieved
    checkpoints: tuple[Checkpoint, ...]
    stop: threading.Event


@dataclass(frozen=True, slots=True)
class ReadSoFar:
    """The abstracts that both models have read, and the question and models they are of."""

    question: str
    checkpoints: tuple[Checkpoint, ...]
    comparisons: tuple[Comparison, ...]


def find_abstracts(
    site: Site,
    question: str,
    query: str,
    generated: Generated | None,
    before: ReadSoFar | None = None,
    *,
    limit: int,
    newest_first: bool,
    api_key: str,
    session: str,
) -> Iterator[Update]:
    """The abstracts to read, with the query that found them, progress, and why there are none.

    A query that the page made of an earlier question is made anew; one that the user wrote is taken
    as it is. What was read ``before`` stays, marked as of the previous question.
    """
    stop = site.stops.begin(session, "search")
    try:
        check_question(question)
        checkpoints = site.checkpoints(site.pair.name)
        if missing(checkpoints):
            raise InputError("The models are not on this machine yet. Fetch them on the Compare tab.")
        own = query if generated is None or query != generated.query else ""
        tries = queries_to_try(question, own)
        nothing: Update = {"to_read": None, "found-head": head_of_findings(before, stale=True)}
        yield {**nothing, "pubmed_status": status_html("Searching PubMed …")}
        with site.asking_pubmed(api_key=api_key, stop=stop) as asking:
            made = search(tries, asking, limit=limit, newest_first=newest_first)
            sent = made.telling.query
            known = {"query": sent, "generated": None if own else Generated(question, sent)}
            words = f"{made.telling.found.count:,} records match; fetching {len(made.pmids)} …"
            yield {**nothing, **known, "pubmed_status": status_html(words)}
            retrieved = retrieve(question, made, asking)
        yield {
            **known,
            "to_read": ToRead(retrieved, checkpoints, stop),
            "pubmed_status": status_html("Reading …"),
        }
    except Exception as error:
        site.stops.end(session, "search", stop)
        status = status_html(site.stops.words(words_of(error, "searching PubMed")), kind="error")
        stale = before is not None and before.question != question
        yield {
            "to_read": None,
            "found-head": head_of_findings(before, stale=stale),
            "pubmed_status": status,
        }


def read_found(site: Site, to_read: ToRead | None, view: View, session: str) -> Iterator[Update]:
    """Findings and table, a few abstracts more each time; what was read stays when it is stopped."""
    # The status says why there is none; a second question replaces the first.
    if to_read is None or not site.stops.take_up(session, "search", to_read.stop):
        return
    question, records = to_read.retrieved.question, to_read.retrieved.records
    comparisons: list[Comparison] = []

    def so_far(status: str) -> Update:
        read = ReadSoFar(question, to_read.checkpoints, tuple(comparisons))
        page = drawn_findings(read, view)
        return {"read": read, "found-head": head_of_findings(read), **page, "pubmed_status": status}

    try:
        with site.reading(Work.ASK_PUBMED, session, to_read.stop) as visit:
            readings = read_abstracts(to_read.retrieved, to_read.checkpoints, visit)
            for comparison in followed(readings, visit):
                if comparison is None:
                    share = len(comparisons) / len(records)
                    words = f"Read {len(comparisons)} of {len(records)}; {reading_words(visit)}"
                    yield {"pubmed_status": status_html(words, progress=share)}
                    continue
                comparisons.append(comparison)
                if len(comparisons) % DRAWN_EVERY == 0 and len(comparisons) < len(records):
                    share = len(comparisons) / len(records)
                    words = f"Read {len(comparisons)} of {len(records)} …"
                    yield so_far(status_html(words, progress=share))
        counts = search_words(to_read.retrieved.search, len(records))
        words = " ".join([counts, *to_read.retrieved.notices])
        if len(comparisons) < len(records):
            words = f"{ended_words(visit)} {len(comparisons)} of {len(records)} abstracts were read."
        yield so_far(status_html(words))
    except Exception as error:
        yield so_far(status_html(site.stops.words(words_of(error, "reading abstracts")), kind="error"))
    finally:
        site.stops.end(session, "search", to_read.stop)


def drawn_findings(read: ReadSoFar | None, view: View) -> Update:
    """Both models' findings and the table under a view; nothing is read anew."""
    if read is None:
        return dict.fromkeys((*CARDS, "abstracts"), gr.skip())
    made: Update = {}
    for side, (name, persona) in enumerate(zip(CARDS, personas(read.checkpoints), strict=True)):
        best = findings(read.comparisons, side, top_n=view.shown, null_threshold=view.null_threshold)
        silent = sum(comparison.sides[side].answer(view) is None for comparison in read.comparisons)
        made[name] = findings_html(best, persona, read=len(read.comparisons), silent=silent)
    table = abstracts_html(read.comparisons, read.question, null_threshold=view.null_threshold)
    return {**made, "abstracts": table}


def head_of_findings(read: ReadSoFar | None, *, stale: bool = False) -> str:
    """What the findings on the page are of."""
    if read is None:
        return no_head_html()
    source = f"PubMed, {counted(len(read.comparisons), 'abstract')}"
    models = " · ".join(short_names([checkpoint.label for checkpoint in read.checkpoints]))
    return head_html(read.question, source, models, stale=stale)


def halt(site: Site, session: str) -> str:
    """Stop what the session runs; what it says of that."""
    return str(status_html("Stopping …" if site.stops.stop(session, "search") else "Nothing is running."))


def build(site: Site, page: gr.Blocks) -> None:
    """Lay out the tab and wire its events."""
    parts = Parts()
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            question = gr.Textbox(
                label="Question to PubMed",
                placeholder="Which gene is mutated in cystic fibrosis? (Enter asks)",
                lines=1,
                max_lines=3,
                elem_id="pubmed-question",
            )
            query = parts["query"] = gr.Textbox(
                label="PubMed query (made of the question where empty; yours is taken, for records "
                "with an abstract)",
                lines=1,
                max_lines=3,
                elem_id="pubmed-query",
            )
        with gr.Column(scale=2, min_width=320):
            count = gr.Slider(5, MAX_ABSTRACTS, value=20, step=5, label="Abstracts to read", elem_id="count")
            order = gr.Radio(
                ["most relevant", "newest"], value="most relevant", label="First", elem_id="order"
            )
            with gr.Accordion("Your own NCBI key", open=False):
                key = gr.Textbox(
                    label="API key, for this session only: 10 requests a second instead of 3",
                    type="password",
                    elem_id="ncbi-key",
                )
            with gr.Row():
                ask = gr.Button("Search and read", variant="primary", elem_id="ask-pubmed")
                stop = gr.Button("Stop", elem_id="stop-pubmed")
    parts["pubmed_status"] = gr.HTML(str(status_html("")), elem_id="pubmed-status", padding=False)
    with gr.Row():
        sliders = [
            gr.Slider(
                -10,
                10,
                value=0,
                step=0.5,
                label="No-answer threshold (lower: more abstracts count as silent)",
                elem_id="threshold",
            ),
            gr.Slider(1, 10, value=5, step=1, label="Answers shown", elem_id="top"),
        ]
    parts["found-head"] = gr.HTML(str(head_of_findings(None)), elem_id="found-head", padding=False)
    with gr.Row(equal_height=False):
        for name, persona in zip(CARDS, personas(site.pair.checkpoints), strict=True):
            with gr.Column(min_width=320):
                empty = findings_html([], persona, read=0, silent=0)
                parts[name] = gr.HTML(str(empty), elem_id=name, padding=False)
    parts["abstracts"] = gr.HTML("", elem_id="abstracts", padding=False)
    for name in ("to_read", "read", "generated"):
        parts[name] = kept(None)

    def on_ask(
        asked: str | None,
        typed: str | None,
        made: Generated | None,
        before: ReadSoFar | None,
        limit: float,
        first: str,
        own_key: str | None,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        updates = find_abstracts(
            site,
            readable(asked),
            readable(typed),
            made,
            before,
            limit=int(limit),
            newest_first=first == "newest",
            api_key=(own_key or "").strip(),
            session=request.session_hash or "",
        )
        yield from parts.streamed(updates, *FOUND)

    def on_found(
        to_read: ToRead | None, threshold: float, shown: float, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        view = View(null_threshold=float(threshold), shown=int(shown))
        yield from parts.streamed(read_found(site, to_read, view, request.session_hash or ""), *READ)

    def on_view(read: ReadSoFar | None, threshold: float, shown: float) -> dict[Any, Any]:
        view = View(null_threshold=float(threshold), shown=int(shown))
        return parts.changed(drawn_findings(read, view))

    for trigger in (ask.click, question.submit, query.submit):
        trigger(
            on_ask,
            [question, query, parts["generated"], parts["read"], count, order, key],
            parts.of(*FOUND),
            show_progress_on=parts.of("pubmed_status"),
            **MAY_ASK_PUBMED,
        ).then(
            on_found,
            [parts["to_read"], *sliders],
            parts.of(*READ),
            show_progress_on=parts.of("pubmed_status"),
            **READS,
        ).then(
            # The sliders may have been moved while the models read.
            on_view,
            [parts["read"], *sliders],
            parts.of(*CARDS, "abstracts"),
            **QUIET,
        )
    for slider in sliders:
        slider.change(
            on_view,
            [parts["read"], *sliders],
            parts.of(*CARDS, "abstracts"),
            trigger_mode="always_last",
            **QUIET,
        )
    on_session(stop.click, lambda session: halt(site, session), parts.of("pubmed_status"))
    page.load(None, None, None, js=script("open_in_compare"))
