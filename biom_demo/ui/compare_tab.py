"""The Compare tab: name an abstract or paste a text, ask, read the models' answers side by side.

``build`` lays out and wires; what an event does is a function over records that gives what changes,
by the name of the part of the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import gradio as gr

from biom_demo.analysis.comparison import MAX_SIDES, Comparison, View, compare
from biom_demo.analysis.hints import paste_hint
from biom_demo.analysis.passage import check_input, passage_of_names, passage_of_text, readable
from biom_demo.counters import Work
from biom_demo.errors import FetchCancelled, InputError
from biom_demo.models.catalogue import ModelPair
from biom_demo.models.download import fetching, progress_words
from biom_demo.pubmed.identify import Identified, Kind, identify
from biom_demo.qa.records import Question
from biom_demo.qa.windows import MAX_SEQ_LENGTH, READING_STEP_TOKENS
from biom_demo.settings import Extent, Precision
from biom_demo.show.cards import ACCENTS, chips_html, status_html, switches_html
from biom_demo.show.engines import engines_html
from biom_demo.show.export import VIEW_LIMITS
from biom_demo.show.words import duration
from biom_demo.ui import hint_line
from biom_demo.ui.examples import EXAMPLES
from biom_demo.ui.reading import ended_words, followed, reading_html
from biom_demo.ui.run import History, Inquiry, Placed, Prepared, Run, drawn, head_of, idle, remembered
from biom_demo.ui.site import Site, Update, missing, words_of
from biom_demo.ui.wiring import MAY_ASK_PUBMED, QUIET, READS, Parts, kept, script, stop_at


@dataclass(frozen=True, slots=True)
class Tab:
    """What the tab's neighbours on the page work with.

    ``view_changes`` are the events after which the part ``view`` has changed.
    """

    parts: Parts
    vote_row: gr.Row  # below the cards, for a blind test's buttons
    view_changes: Sequence[Any]


SHOWN = ("record", "verdict", *ACCENTS[:MAX_SIDES], "difference", "flips")
PREPARED = ("prepared", "status", "halt")
ANSWERED = ("head", *SHOWN, "displayed", "drawn", "status", "halt", "run", "history")
OPENED = ("head", *SHOWN, "displayed", "run")
LONG_WORDS = 3_000  # from here on reading is told beforehand to take a while
# Of one model of the bundled pair on two cores of a Zen 3 server (README, Speed), for one who has read
# nothing here yet: 4.0 s for a text of 11,713 characters by both.
SECONDS_A_CHAR = 2e-4
CHARS_A_TOKEN = 4.5
ENGINE_NAMES = {Precision.FLOAT32: "float32, exact"}
BOXES = ("context", "question", "pair", "further", "blind", "placed", "otherwise", "engine", "extent")


def inquiry_of(
    typed: str | None,
    question: str | None,
    pair: str,
    further: Sequence[str] | None,
    blind: bool,
    placed: Placed | None,
    otherwise: str,
    engine: str | None = None,
    extent: str | None = None,
) -> Inquiry:
    """What stands in the boxes, in the order of ``BOXES``."""
    return Inquiry(
        readable(typed),
        readable(question),
        pair,
        tuple(further or ()),
        bool(blind),
        placed,
        otherwise,
        Precision(engine or Precision.FLOAT32),
        extent or Extent.AUTO,
    )


def take_for(typed: str | None, shown: Run | None = None, pair: str = "mini") -> Update:
    """What the input box's content is taken for, and the offer to take it otherwise.

    A long text comes with what reading it will take with the ``pair``, by the run that is ``shown``.
    """
    typed = readable(typed)
    if words := paste_hint(typed):
        return {"taken_for": status_html(words, kind="error"), "offer": gr.update(visible=False)}
    identified = identify(typed)
    taken = _taken(identified)
    if identified.kind is Kind.TEXT and (long := long_words(typed, shown, pair)):
        taken["taken_for"] = status_html(f"{identified.explanation} {long}")
    return taken


def long_words(text: str, shown: Run | None, pair: str) -> str:
    """That a text is long, and about what reading it will take; "" for one that is not."""
    if len(text.split()) <= LONG_WORDS:
        return ""
    seconds = expected_s(text, shown, pair)
    cost = f"takes about {duration(seconds)} here" if seconds else "takes a while"
    return f"That is long: reading all of it {cost}. The page shows how far it is, and Stop ends it."


def expected_s(text: str, shown: Run | None, pair: str) -> float | None:
    """The seconds that all models of the ``pair`` will take to read a long text.

    By the pace of the run that is ``shown`` where that was of this pair, else as the bundled pair was
    measured; ``None`` where neither says it.
    """
    sides = shown.comparison.sides if shown is not None and shown.asked.pair == pair else ()
    timed = [(side.pace_s, side.reading) for side in sides if side.pace_s]
    if not timed:
        return 2 * SECONDS_A_CHAR * len(text) if pair == "mini" else None
    tokens = len(text) / CHARS_A_TOKEN
    positions = tokens / READING_STEP_TOKENS * MAX_SEQ_LENGTH  # many of them are read twice
    return positions * sum(seconds / sum(map(len, reading.windows)) for seconds, reading in timed)


def open_example(site: Site, parameters: Mapping[str, str]) -> Update:
    """The answered example of a page just opened, as it was read here if it was by now.

    Nothing of it where the address brings a question of its own.
    """
    run = Run.of_opening(site.opening, site.pair.name)
    if parameters.get("q") or parameters.get("id") or parameters.get("text"):
        return {"head": head_of(None), **idle(site.pair.checkpoints), "displayed": None, "run": None}
    if run is None:
        return {}
    return {"head": head_of(run), **drawn(run, View()), "displayed": run, "run": run}


def choose_example(chosen: str) -> Update:
    """An example in the boxes, by its number and whatever tells two clicks apart: "3:1764516000000"."""
    number = chosen.partition(":")[0]
    if not (number.isdecimal() and int(number) < len(EXAMPLES)):
        return {}
    example = EXAMPLES[int(number)]
    return {
        "context": example["context"],
        "question": example["question"],
        "placed": None,
        "otherwise": "",
    }


def take_otherwise(typed: str | None, otherwise: str) -> Update:
    """The content taken in the other way it can be taken, or back again. Nothing is sent by this."""
    typed = readable(typed)
    identified = identify(typed)
    if identified.alternative is None or otherwise == typed:
        return {**_taken(identified), "otherwise": ""}
    return {**_taken(replace(identified.alternative, alternative=identified)), "otherwise": typed}


def _taken(identified: Identified) -> Update:
    other = identified.alternative
    return {
        "taken_for": status_html(identified.explanation),
        "offer": gr.update(visible=other is not None, value=other.offer if other else ""),
    }


def prepare(site: Site, asked: Inquiry, session: str) -> Iterator[Update]:
    """The inquiry made ready to be read, from PubMed where a record is named; or why it cannot be.

    A text waits for nobody: only those who name records pass the gate to PubMed.
    """
    stop = site.stops.begin(session, "compare")
    try:
        check_input(asked.typed, asked.question, max_chars=site.settings.max_context_chars)
        checkpoints = site.checkpoints(asked.pair, asked.further)
        site.precision_named(asked.precision)
        if absent := missing(checkpoints):
            fetch = "Press “Fetch these models”, or choose" if site.may_fetch else "Choose"
            raise InputError(
                f"{', '.join(c.label for c in absent)}: not on this machine yet. {fetch} the mini pair."
            )
        if asked.is_text or asked.taken_for.kind is Kind.TEXT:
            # A data set's context is read as it stands: its gold answers do.
            exactly = asked.is_text and asked.placed is not None and asked.placed.gold is not None
            passage = passage_of_text(asked.typed, exactly=exactly)
        else:
            yield {
                "prepared": None,
                "status": status_html("Asking PubMed …"),
                "halt": gr.update(visible=True),
            }
            with site.asking_pubmed(stop=stop) as asking:
                passage = passage_of_names(
                    asked.taken_for, asked.typed, asking, max_chars=site.settings.max_context_chars
                )
        yield {"prepared": Prepared(asked, passage, checkpoints, stop), "status": status_html("Reading …")}
    except Exception as error:
        site.stops.end(session, "compare", stop)
        words = site.stops.words(words_of(error, "preparing an inquiry"))
        yield {
            "prepared": None,
            "status": status_html(words, kind="error"),
            "halt": gr.update(visible=False),
        }


def answer(
    site: Site, prepared: Prepared | None, view: View, history: History, session: str
) -> Iterator[Update]:
    """Record, cards, verdict and difference, each as soon as it is known; at the end the run.

    What was answered before stays on the page until reading has begun, and what was read stays
    whatever happens to the models after. Gives nothing for an inquiry that another has replaced.
    """
    # The status says why there is none.
    if prepared is None or not site.stops.take_up(session, "compare", prepared.stop):
        return
    asked, passage = prepared.asked, prepared.passage
    question = Question(asked.question)
    run = Run.begin(asked, Comparison(question, passage, prepared.checkpoints))

    def shown(words: str, *, kind: Literal["info", "error"] = "info", reading: bool = True) -> Update:
        page = drawn(run, view, reading=reading)
        status = status_html(words, kind=kind)
        halt = gr.update(visible=False)
        return {**page, "head": head_of(run), "displayed": run, "drawn": view, "status": status, "halt": halt}

    try:
        with site.reading(Work.COMPARE, session, prepared.stop, asked.precision) as visit:
            yield {**shown("Reading …"), "halt": gr.update(visible=True)}
            grown = compare(question, passage, prepared.checkpoints, visit, Extent(asked.extent))
            for comparison in followed(grown, visit):
                if comparison is None:
                    yield {"status": reading_html(visit)}
                    continue
                run = replace(run, comparison=comparison)
                if not comparison.complete:
                    words = f"{len(comparison.sides)} of {len(prepared.checkpoints)} models have read."
                    yield {**shown(words), "halt": gr.update(visible=True)}
        if not run.comparison.complete:
            yield shown(ended_words(visit), reading=False)
            return
    except Exception as error:
        words = site.stops.words(words_of(error, "reading"))
        if len(run.comparison.sides) < 2:
            yield {**shown(words, kind="error", reading=False), "run": None}
        else:
            run = run.without_those_that_did_not_read()
            yield {**shown(words, kind="error"), "run": run, "history": remembered(history, run)}
        return
    finally:
        site.stops.end(session, "compare", prepared.stop)
    seconds = sum(side.seconds for side in run.comparison.sides if side.seconds is not None)
    count = {2: "Two", 3: "Three", 4: "Four"}[len(run.comparison.sides)]
    unread = sum(map(len, run.comparison.sides[0].reading.gaps))
    read = f"{len(passage.text) - unread:,} of {len(passage.text):,}" if unread else f"{len(passage.text):,}"
    words = f"{count} models read {read} characters in {seconds:.2f} s{_known_words(run)}."
    if visit.ended:
        words = ended_words(visit)
    yield {**shown(words), "run": run, "history": remembered(history, run)}


def _known_words(run: Run) -> str:
    """That some or all of a text was not read anew, since it had been read before."""
    readings = [side.reading for side in run.comparison.sides]
    known = sum(reading.known for reading in readings)
    if not known:
        return ""
    return (
        ": all known from before"
        if known == sum(len(r.windows) for r in readings)
        else ", some known from before"
    )


def settle(shown: Run | None, drawn_under: View, view: View, boxes: Inquiry) -> Update:
    """What has changed on the page while the models read: the boxes, or the view."""
    update: Update = {"head": head_of(shown, boxes)}
    if shown is not None and view != drawn_under:
        update |= {**drawn(shown, view), "drawn": view}
    return update


def change_view(shown: Run | None, *numbers: float) -> Update:
    """The view that the sliders are set to, and the same readings under it: nothing is read anew."""
    view = view_of(numbers)
    return {"view": view, **({**drawn(shown, view), "drawn": view} if shown else {})}


def view_of(numbers: Sequence[float]) -> View:
    """The view of the sliders, which are in its order."""
    null_threshold, shown, max_answer_length, near_duplicate_threshold = numbers
    return View(float(null_threshold), int(shown), int(max_answer_length), float(near_duplicate_threshold))


def choose(site: Site, name: str, further: Sequence[str] | None) -> Update:
    """What the page offers for the chosen models: nothing more if they are here, else to fetch them."""
    try:
        checkpoints = site.checkpoints(name, further or ())
    except InputError as error:
        return {"get": gr.update(visible=False), "status": status_html(str(error), kind="error")}
    absent = missing(checkpoints)
    megabytes = sum(checkpoint.download_mb or 0 for checkpoint in absent)
    size = f" (about {megabytes:,} MB)" if megabytes else ""
    words = f"Not on this machine: {', '.join(c.label for c in absent)}." if absent else ""
    return {
        "get": gr.update(visible=bool(absent) and site.may_fetch, value=f"Fetch these models{size}"),
        "status": status_html(words),
        "engine_told": engines_html(site.engines, checkpoints),
    }


def offer(site: Site, *, seen: Site) -> Update:
    """What the page of ``site`` offers to a visitor who sees it as ``seen``.

    That is fewer pairs and models to one of a proxy, and the default pair's fetch button where it is
    needed. Nothing to offer is left alone: a visitor may be quicker than this, and have chosen already.
    """
    absent = missing(seen.checkpoints(seen.pair.name))
    fewer = seen is not site
    return {
        "get": choose(seen, seen.pair.name, ())["get"] if absent else gr.skip(),
        "pair": gr.update(choices=pair_choices(seen)) if fewer else gr.skip(),
        "further": gr.update(**_further(seen)) if fewer else gr.skip(),
    }


def download(site: Site, name: str, further: Sequence[str] | None, session: str) -> Iterator[Update]:
    """Status lines while the missing files arrive; the rest of the page stays usable."""
    hidden, visible = gr.update(visible=False), gr.update(visible=True)
    stop = site.stops.begin(session, "fetch")
    try:
        if not site.may_fetch:
            raise InputError("Models are not fetched here on a visitor's word. Choose the mini pair.")
        for checkpoint in missing(site.checkpoints(name, further or ())):
            for progress in fetching(checkpoint, stop, site.settings.fetch_timeout_s):
                share = progress.done_bytes / max(progress.total_bytes, 1)
                status = status_html(progress_words(checkpoint, progress), progress=share)
                yield {"get": hidden, "cancel": visible, "status": status}
        yield {"get": hidden, "cancel": hidden, "status": status_html("Fetched. Ask away.")}
    except FetchCancelled:
        words = site.stops.words("Stopped. What has arrived is kept; fetching again goes on from there.")
        yield {"get": visible, "cancel": hidden, "status": status_html(words)}
    except Exception as error:
        status = status_html(words_of(error, "fetching models"), kind="error")
        yield {"get": visible, "cancel": hidden, "status": status}
    finally:
        site.stops.end(session, "fetch", stop)


def build(site: Site, page: gr.Blocks) -> Tab:
    """Lay out the tab and wire its events, those of the whole ``page`` too."""
    parts = Parts()
    with gr.Row(equal_height=False, elem_id="boxes"):  # folded once asked, opened by the head's button
        with gr.Column(scale=3, min_width=320):
            parts["context"] = gr.Textbox(
                label="Abstract: a PMID, DOI, PMCID, address or PubMed query, or the text itself",
                placeholder="36990001, 10.1038/…, PMC…, a PubMed query, or paste any text …",
                lines=7,
                max_lines=7,  # as high when filled as when empty: nothing below it jumps
                elem_id="context",
            )
            with gr.Row(elem_id="taken"):
                parts["taken_for"] = gr.HTML(str(status_html("")), elem_id="taken-for", padding=False)
                parts["offer"] = gr.Button("", visible=False, size="sm", elem_id="take-otherwise")
        with gr.Column(scale=2, min_width=320):
            parts["question"] = gr.Textbox(
                label="Question",
                placeholder="Which gene …? What drug …? (Enter asks)",
                lines=1,
                max_lines=3,
                elem_id="question",
            )
            hint_line.layout_under_question(parts)
            parts["pair"] = gr.Dropdown(
                label="Models",
                choices=pair_choices(site),
                value=site.pair.name,
                elem_id="pair",
            )
            ask = gr.Button("Ask", variant="primary", elem_id="ask")
            more = "More: further models, engine, blind test, what is read and listed"
            with gr.Accordion(more, open=False, elem_id="more"):
                sliders = _layout_more(site, parts)
    titles = [(example["title"], example["question"]) for example in EXAMPLES]
    gr.HTML(str(chips_html(titles)), elem_id="examples", padding=False)
    parts["example"] = gr.Textbox(visible="hidden", elem_id="example-chosen")
    with gr.Row(elem_id="progress"):
        parts["status"] = gr.HTML(str(status_html("")), elem_id="status", padding=False)
        parts["halt"] = gr.Button("Stop", visible=False, variant="stop", elem_id="halt", scale=0)
        parts["get"] = gr.Button("Fetch these models", visible=False, elem_id="fetch", scale=0)
        parts["cancel"] = gr.Button("Cancel", visible=False, variant="stop", elem_id="cancel", scale=0)
    columns, vote_row = _layout_results(site, parts)
    parts["placed"], parts["prepared"], parts["otherwise"] = kept(None), kept(None), kept("")
    parts["view"], parts["drawn"] = kept(View()), kept(View())  # the sliders', and the page's
    parts["displayed"] = kept(None)  # the run on the page, not complete as yet perhaps
    parts["run"] = kept(None)
    parts["history"] = kept(History())
    _wire_boxes(parts, columns)
    hint_line.wire(parts)
    _wire_asking(site, parts, ask)
    changes = [
        slider.change(
            lambda shown, *numbers: parts.changed(change_view(shown, *numbers)),
            [parts["displayed"], *sliders.values()],
            parts.of("view", "drawn", *SHOWN),
            trigger_mode="always_last",
            **QUIET,
        )
        for slider in sliders.values()
    ]
    _wire_fetching(site, parts, page)
    _wire_examples(site, parts, page)
    return Tab(parts.joined(sliders), vote_row, changes)


def _layout_more(site: Site, parts: Parts) -> dict[str, gr.Slider]:
    """Further models, the engine, the blind test, and the view's sliders by the name of its fields."""
    parts["further"] = gr.Dropdown(
        **_further(site),
        value=[],
        multiselect=True,
        max_choices=MAX_SIDES - 2,
        elem_id="further",
    )
    parts["engine"] = gr.Radio(
        label="Engine: what the models compute in, on all tabs",
        choices=[(ENGINE_NAMES.get(one, str(one)), str(one)) for one in site.precisions],
        value=str(site.precision),
        elem_id="engine",
    )
    parts["engine_told"] = gr.HTML(
        str(engines_html(site.engines, site.pair.checkpoints)), elem_id="engine-told", padding=False
    )
    parts["blind"] = gr.Checkbox(label="Blind: hide which model is which until I have voted", elem_id="blind")
    parts["extent"] = extent_radio(site, elem_id="extent")
    sliders = {}
    for name, label, step in (
        ("null_threshold", "No-answer threshold: further down, the models say “not in the text” sooner", 0.5),
        ("shown", "Answers listed", 1),
        ("max_answer_length", "Longest answer, in tokens (words and pieces of words)", 1),
        ("near_duplicate_threshold", "List an answer that shares up to this part with a better one", 0.05),
    ):
        sliders[name] = gr.Slider(
            *VIEW_LIMITS[name],
            value=getattr(View(), name),
            step=step,
            label=label,
            elem_id=name.replace("_", "-"),
        )
        if name == "null_threshold":
            parts["flips"] = gr.HTML(_at_first(site)["flips"], elem_id="flips", padding=False)
    return sliders


def _layout_results(site: Site, parts: Parts) -> tuple[list[gr.Column], gr.Row]:
    """Head, record, verdict, a column a model, and the panel below: at first, of the example."""
    first = _at_first(site)

    def box(name: str) -> None:
        parts[name] = gr.HTML(first[name], elem_id=name, padding=False)

    box("head")
    hint_line.layout_above_answers(parts)
    box("record")
    box("verdict")
    gr.HTML(str(switches_html()), elem_id="switches", padding=False)
    columns = []
    with gr.Row(equal_height=False, elem_id="cards"):
        for place, accent in enumerate(ACCENTS[:MAX_SIDES]):
            with gr.Column(min_width=320, visible=place < 2, elem_id=f"column-{accent}") as column:
                box(accent)
            columns.append(column)
    vote_row = gr.Row(visible=False, elem_id="votes")
    box("difference")
    return columns, vote_row


def _at_first(site: Site) -> dict[str, str]:
    """What stands on the page before anything was asked: the example, where it is answered, else nothing."""
    run = Run.of_opening(site.opening, site.pair.name)
    made = drawn(run, View()) if run else idle(site.pair.checkpoints)
    return {name: str(html) for name, html in {**made, "head": head_of(run)}.items()}


def _wire_boxes(parts: Parts, columns: list[gr.Column]) -> None:
    """What the page says while its boxes are filled; an old result is told from the new input."""
    parts["further"].change(
        lambda names: [gr.update(visible=len(names or []) > place) for place in range(MAX_SIDES - 2)],
        [parts["further"]],
        columns[2:],
        **QUIET,
    )
    parts["context"].change(
        lambda *values: parts.changed(take_for(*values)),
        parts.of("context", "displayed", "pair"),
        parts.of("taken_for", "offer"),
        trigger_mode="always_last",
        **QUIET,
    )
    parts["offer"].click(
        lambda typed, otherwise: parts.changed(take_otherwise(typed, otherwise)),
        parts.of("context", "otherwise"),
        parts.of("taken_for", "offer", "otherwise"),
        **QUIET,
    ).then(head_of_boxes, parts.of(*BOXES, "displayed"), parts.of("head"), **QUIET)
    # A vote, or an earlier run out of the history: another run is on the page now.
    parts["displayed"].change(head_of_boxes, parts.of(*BOXES, "displayed"), parts.of("head"), **QUIET)
    for name in ("context", "question", "pair", "further", "engine"):
        parts[name].change(
            head_of_boxes,
            parts.of(*BOXES, "displayed"),
            parts.of("head"),
            trigger_mode="always_last",
            **QUIET,
        )


def head_of_boxes(*values: Any) -> str:
    """The head of the results, given the boxes' values and the run on the page."""
    *boxes, shown = values
    return str(head_of(shown, inquiry_of(*boxes)))


def _wire_asking(site: Site, parts: Parts, ask: gr.Button) -> None:

    # Gradio passes the request to a parameter of that type only, so the boxes are named.
    def on_ask(
        context: str,
        question: str,
        pair: str,
        further: list[str] | None,
        blind: bool,
        placed: Placed | None,
        otherwise: str,
        engine: str | None,
        extent: str,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        asked = inquiry_of(context, question, pair, further, blind, placed, otherwise, engine, extent)
        updates = prepare(site.seen_by(request.headers), asked, request.session_hash or "")
        yield from parts.streamed(updates, *PREPARED)

    # Gradio names an event's address after its function: this one must not take "answer" from the API.
    def on_prepared(
        prepared: Prepared | None, view: View, history: History, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        updates = answer(site, prepared, view, history, request.session_hash or "")
        yield from parts.streamed(updates, *ANSWERED)

    stop_at(parts["halt"], site.stops, "compare", parts["status"])

    def on_settled(shown: Run | None, drawn_under: View, view: View, *boxes: Any) -> dict[Any, Any]:
        return parts.changed(settle(shown, drawn_under, view, inquiry_of(*boxes)))

    for trigger in (ask.click, parts["question"].submit):
        trigger(
            on_ask,
            parts.of(*BOXES),
            parts.of(*PREPARED),
            show_progress_on=parts.of("status"),
            **MAY_ASK_PUBMED,
        ).then(
            on_prepared,
            parts.of("prepared", "view", "history"),
            parts.of(*ANSWERED),
            show_progress_on=parts.of("status"),
            **READS,
        ).then(
            on_settled,
            parts.of("displayed", "drawn", "view", *BOXES),
            parts.of("head", "drawn", *SHOWN),
            **QUIET,
        ).then(None, None, None, js=script("scroll_to_answers"))


def _wire_fetching(site: Site, parts: Parts, page: gr.Blocks) -> None:

    def on_fetch(name: str, further: list[str] | None, request: gr.Request) -> Iterator[dict[Any, Any]]:
        updates = download(site.seen_by(request.headers), name, further, request.session_hash or "")
        yield from parts.streamed(updates, "get", "cancel", "status")

    def on_choice(name: str, further: list[str] | None, request: gr.Request) -> dict[Any, Any]:
        return parts.changed(choose(site.seen_by(request.headers), name, further))

    def on_load(request: gr.Request) -> dict[Any, Any]:
        return parts.changed(offer(site, seen=site.seen_by(request.headers)))

    for changed in (parts["pair"].change, parts["further"].change):
        changed(
            on_choice,
            parts.of("pair", "further"),
            parts.of("get", "status", "engine_told"),
            **QUIET,
        )
    parts["get"].click(
        on_fetch,
        parts.of("pair", "further"),
        parts.of("get", "cancel", "status"),
        concurrency_id="fetch",
        concurrency_limit=2,
        show_progress="hidden",
        api_visibility="private",
    )
    stop_at(parts["cancel"], site.stops, "fetch", parts["status"])
    page.load(on_load, None, parts.of("get", "pair", "further"), **QUIET)


def _wire_examples(site: Site, parts: Parts, page: gr.Blocks) -> None:

    def on_open(request: gr.Request) -> dict[Any, Any]:
        return parts.changed(open_example(site, request.query_params) or {"run": None})

    page.load(on_open, None, parts.of(*OPENED), **QUIET)
    page.load(None, None, None, js=script("compare"))
    parts["example"].change(
        lambda chosen: parts.changed(choose_example(chosen) or {"placed": None}),
        parts.of("example"),
        parts.of("context", "question", "placed", "otherwise"),
        **QUIET,
    ).then(None, parts.of("question"), None, js=script("ask_if_ready"))


EXTENTS = (
    ("automatic", Extent.AUTO),
    ("what looks promising", Extent.PROMISING),
    ("everything", Extent.ALL),
)


def extent_radio(site: Site, *, elem_id: str) -> gr.Radio:
    """What is read of many abstracts or of a long text; at first as the settings say."""
    return gr.Radio(
        [(words, str(extent)) for words, extent in EXTENTS],
        value=str(site.settings.read),
        label="Of many abstracts or a long text, read (promising to a small model, or to BM25)",
        elem_id=elem_id,
    )


def pair_choices(site: Site) -> list[tuple[str, str]]:
    """The pairs on offer, each as it is named for a choice, and its name."""
    return [(_pair_title(pair), name) for name, pair in site.pairs.items()]


def _further(site: Site) -> dict[str, Any]:
    """What the box of further models offers, and whether others may be typed there."""
    typed = "; a folder or Hub id may be typed" if site.own_models else ""
    return {
        "label": f"Further models beside the pair (up to two{typed})",
        "choices": [(checkpoint.label, key) for key, checkpoint in site.catalogue.items()],
        "allow_custom_value": site.own_models,
    }


def _pair_title(pair: ModelPair) -> str:
    # The cards say in full what each has seen; here the names must fit the width of a phone.
    biom, vanilla = (checkpoint.label.split("-SQuAD")[0] for checkpoint in (pair.biom, pair.vanilla))
    return f"{pair.name}: {biom} and {vanilla}"
