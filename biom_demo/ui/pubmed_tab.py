"""The Ask PubMed tab: a question -> a query -> abstracts -> each model's claims, with their evidence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from biom_demo.analysis.comparison import Comparison, View
from biom_demo.analysis.literature import (
    MAX_ABSTRACTS,
    Retrieved,
    queries_to_try,
    read_abstracts,
    retrieve,
    search,
    to_be_read,
)
from biom_demo.analysis.own_abstracts import FILE_TYPES, FILES_IN_WORDS, builtin_records
from biom_demo.analysis.passage import check_question, readable
from biom_demo.counters import Work
from biom_demo.errors import BioMError, InputError, PubMedCancelled, PubMedError, RefusedError
from biom_demo.models.catalogue import Checkpoint
from biom_demo.models.store import Visit
from biom_demo.settings import Extent, Precision
from biom_demo.show.cards import status_html
from biom_demo.show.claims import builtin_html, introduction_html
from biom_demo.show.export import VIEW_LIMITS, read_link
from biom_demo.show.words import chosen_words, search_words
from biom_demo.ui import evidence
from biom_demo.ui.compare_tab import SHOWN, Tab, extent_radio, pair_choices
from biom_demo.ui.evidence import (
    BUILT_IN,
    CARDS,
    DRAWN,
    FILES,
    NEWEST,
    OWN,
    PUBMED,
    RELEVANT,
    Asked,
    Generated,
    OwnFile,
    ReadSoFar,
    drawn,
    file_of,
    head_of,
    link_of,
    listed_searches,
    order_of,
    with_search,
)
from biom_demo.ui.keep_panel import NO_ENGINE, PUT_BACK, go_back
from biom_demo.ui.reading import ended_words, followed, reading_words
from biom_demo.ui.run import History, remembered
from biom_demo.ui.site import Site, Update, missing, words_of
from biom_demo.ui.wiring import (
    MAY_ASK_PUBMED,
    QUIET,
    QUIET_IN_QUEUE,
    READS,
    Parts,
    kept,
    script,
    stop_at,
)

# Of our own; the records of the local server answer them too.
EXAMPLES = (
    "Which gene is mutated in cystic fibrosis?",
    "What does infliximab bind?",
    "Which enzyme does metformin activate?",
)
USUAL_COUNT, LEAST_COUNT = 20, 5
BOXES = ("question", "query", "pair", "count", "order", "source", "own", "file", "engine", "extent")
FOUND = ("found-head", "query", "generated", "to_read", "pubmed_status", "stop")
# What the button says, and the choice, by where the abstracts are from.
ASKS = {PUBMED: "Ask PubMed", OWN: "Ask these abstracts", BUILT_IN: "Ask these records"}
QUESTION = "Question to PubMed"
SOURCE_NAMES = {PUBMED: "PubMed", OWN: "abstracts of your own", BUILT_IN: "built-in records"}
OTHER_WAYS = (
    f"Without PubMed, choose “{SOURCE_NAMES[OWN]}” or “{SOURCE_NAMES[BUILT_IN]}” above, and ask those."
)
READ = ("found-head", "read", *DRAWN, "pubmed_status", "stop", "searches", "past")
DRAWN_EVERY = 8  # abstracts


@dataclass(frozen=True, slots=True)
class ToRead:
    """What a search found, for the models to read, and the event that stops them.

    ``before`` is what was read of the same search, where this is the rest of it.
    """

    asked: Asked
    retrieved: Retrieved
    checkpoints: tuple[Checkpoint, ...]
    stop: threading.Event
    before: ReadSoFar | None = None


def asked_of(
    question: str | None,
    query: str | None,
    pair: str,
    count: float,
    order: str,
    source: str | None = PUBMED,
    own: str | None = "",
    file: OwnFile | None = None,
    engine: str | None = None,
    extent: str | None = None,
) -> Asked:
    """What stands in the boxes, in the order of ``BOXES``; of where the abstracts are from, that alone."""
    precision = Precision(engine or Precision.FLOAT32)
    asked = Asked(readable(question), "", pair, 0, False, precision=precision, extent=extent or Extent.AUTO)
    if source == OWN:
        return replace(asked, source=OWN, own=readable(own), file=file)
    if source == BUILT_IN:
        return replace(asked, source=BUILT_IN)
    return replace(asked, query=readable(query), limit=int(count), newest_first=order == NEWEST)


def asking_of(source: str | None) -> Update:
    """What the button and the question's box are called, by where the abstracts are from."""
    label = QUESTION if source in (None, PUBMED) else "Question"
    return {"ask": gr.update(value=ASKS[source or PUBMED]), "question": gr.update(label=label)}


def find_abstracts(
    site: Site,
    boxes: Asked,
    generated: Generated | None,
    before: ReadSoFar | None = None,
    *,
    api_key: str,
    session: str,
) -> Iterator[Update]:
    """The abstracts to read, with the query that found them, progress, and why there are none.

    A query that the page made of an earlier question is made anew; one that the user wrote is taken
    as it is. What was read ``before`` stays, marked as of the previous question.
    """
    stop = site.stops.begin(session, "search")
    hidden, visible = gr.update(visible=False), gr.update(visible=True)
    try:
        check_question(boxes.question)
        checkpoints = site.checkpoints(boxes.pair)
        site.precision_named(boxes.precision)
        if missing(checkpoints):
            raise InputError(missing_words(site, checkpoints))
        if boxes.source != PUBMED:
            given = boxes.given(max_chars=site.settings.max_context_chars)
            retrieved = Retrieved(boxes.question, None, given.records, given.notices)
            yield {
                "to_read": ToRead(boxes, retrieved, checkpoints, stop),
                "found-head": head_of(before, boxes),
                "pubmed_status": status_html("Reading …"),
                "stop": visible,
            }
            return
        own = boxes.query if generated is None or boxes.query != generated.query else ""
        asked = replace(boxes, query=own)
        tries = queries_to_try(asked.question, own)
        nothing: Update = {"to_read": None, "found-head": head_of(before, asked), "stop": visible}
        yield {**nothing, "pubmed_status": status_html("Searching PubMed …")}
        with site.asking_pubmed(api_key=api_key, stop=stop) as asking:
            made = search(tries, asking, limit=asked.limit, newest_first=asked.newest_first)
            sent = made.telling.query
            known = {"query": sent, "generated": None if own else Generated(asked.question, sent)}
            words = f"{made.telling.found.count:,} records match; fetching {len(made.pmids)} …"
            yield {**nothing, **known, "pubmed_status": status_html(words)}
            retrieved = retrieve(asked.question, made, asking)
        yield {
            **known,
            "to_read": ToRead(asked, retrieved, checkpoints, stop),
            "pubmed_status": status_html("Reading …"),
        }
    except Exception as error:
        site.stops.end(session, "search", stop)
        words = site.stops.words(words_of(error, "searching PubMed"))
        if isinstance(error, PubMedError) and not isinstance(error, PubMedCancelled | RefusedError):
            words = f"{words} {OTHER_WAYS}"
        status = status_html(words, kind="error")
        head = head_of(before, boxes)
        yield {"to_read": None, "found-head": head, "pubmed_status": status, "stop": hidden}


def missing_words(site: Site, checkpoints: tuple[Checkpoint, ...]) -> str:
    """That models are not on this machine, and where they are fetched; "" where all are."""
    absent = ", ".join(checkpoint.label for checkpoint in missing(checkpoints))
    if not absent:
        return ""
    fetch = "Choose them on the Compare tab to fetch them, or" if site.may_fetch else "Please"
    return f"Not on this machine yet: {absent}. {fetch} choose other models here."


def read_found(
    site: Site,
    to_read: ToRead | None,
    view: View,
    searches: tuple[ReadSoFar, ...],
    session: str,
) -> Iterator[Update]:
    """Claims and table, a few abstracts more each time; what was read stays when it is stopped."""
    # The status says why there is none; a second question replaces the first.
    if to_read is None or not site.stops.take_up(session, "search", to_read.stop):
        return
    chosen, made, before = to_read.retrieved, to_read.retrieved.search, to_read.before
    number = searches[-1].number + 1 if searches else 1
    sent = made.telling.query if made else ""
    read = ReadSoFar(to_read.asked, sent, to_read.checkpoints, number=number)
    if before is not None:
        read = replace(before, unread=(), chosen_by="")
        searches = tuple(one for one in searches if one.number != read.number)
    known = len(read.comparisons)  # from before

    def so_far(status: str) -> Update:
        return {"read": read, "found-head": head_of(read), **drawn(read, view), "pubmed_status": status}

    def ended(status: str) -> Update:
        all_read = with_search(searches, read) if read.comparisons else searches
        stop = gr.update(visible=False)
        return {**so_far(status), "searches": all_read, **listed_searches(all_read), "stop": stop}

    def left() -> ReadSoFar:
        """What was read, with what was not: the less promising, or all that was not reached."""
        missed = chosen.records[len(read.comparisons) - known :]
        return replace(read, unread=(*missed, *chosen.unread), chosen_by="" if missed else chosen.chosen_by)

    def work(visit: Visit) -> Iterator[Retrieved | Comparison]:
        found = chosen
        if before is None:
            extent = Extent(to_read.asked.extent)
            found = to_be_read(found, to_read.checkpoints, visit, extent)
            yield found
        yield from read_abstracts(found, to_read.checkpoints, visit)

    try:
        with site.reading(Work.ASK_PUBMED, session, to_read.stop, to_read.asked.precision) as visit:
            for step in followed(work(visit), visit):
                done, count = len(read.comparisons) - known, len(chosen.records)
                if step is None:
                    words = f"Read {done} of {count}; {reading_words(visit)}"
                    yield {"pubmed_status": status_html(words, progress=done / count)}
                    continue
                if isinstance(step, Retrieved):
                    chosen = step
                    continue
                read = replace(read, comparisons=(*read.comparisons, step))
                done += 1
                if done % DRAWN_EVERY == 0 and done < count:
                    words = f"Read {done} of {count} …"
                    yield so_far(status_html(words, progress=done / count))
        read, count = left(), len(read.comparisons)
        every = count + len(read.unread)
        words = (
            search_words(made, count, chosen_of=every if read.unread else 0)
            if made
            else f"Read: {read.source}. Nothing was sent to NCBI."
        )
        words = " ".join([words, *chosen.notices])
        if read.unread:
            words = f"{words} {chosen_words(count, len(read.unread), read.chosen_by)}"
        if count - known < len(chosen.records):
            words = f"{ended_words(visit)} {count} of {every} abstracts were read."
        read = replace(read, told=words)
        yield ended(status_html(words))
    except Exception as error:
        words = site.stops.words(words_of(error, "reading abstracts"))
        read = replace(left(), told=words)
        yield ended(status_html(words, kind="error"))
    finally:
        site.stops.end(session, "search", to_read.stop)


def the_rest(site: Site, read: ReadSoFar | None, session: str) -> Iterator[Update]:
    """The abstracts of a search that were not read, for the models to read; why there is nothing to read."""
    if read is None or not read.unread:
        words = "There is nothing else to read. Ask a question first."
        yield {"to_read": None, "pubmed_status": status_html(words, kind="error")}
        return
    stop = site.stops.begin(session, "search")
    retrieved = Retrieved(read.asked.question, None, read.unread)
    yield {
        "to_read": ToRead(read.asked, retrieved, read.checkpoints, stop, before=read),
        "pubmed_status": status_html("Reading …"),
        "stop": gr.update(visible=True),
    }


def open_abstract(wanted: str | None, read: ReadSoFar | None, history: History, view: View) -> Update:
    """One of the abstracts on the page of Compare, from what was read; it is in Compare's history then.

    ``wanted`` is a record's key and what tells this click from others; ``view`` is Compare's.
    """
    run = read.opened((wanted or " ").split(" ")[0]) if read else None
    if run is None:
        words = "That abstract is no longer kept, to make room. Ask the question again."
        return {"pubmed_status": status_html(words, kind="error"), "landed": ""}
    history = remembered(history, run)
    update = go_back(history.dropped + len(history) - 1, history, view) or {}
    words = "From Ask PubMed; nothing was read anew."
    shown = gr.update(visible=True)
    return {**update, "history": history, "status": status_html(words), "back": shown, "landed": wanted}


def open_link(site: Site, parameters: Mapping[str, str]) -> Update:
    """What the address asks PubMed for, in the boxes; ``linked`` is the question to ask at once."""
    try:
        link = read_link(parameters)
    except BioMError:
        return {}  # Compare says why
    if link is None or link.tab != "ask":
        return {}
    question = readable(link.question)
    update: Update = {
        "question": question,
        "query": readable(link.query),
        "count": max(LEAST_COUNT, link.abstracts or USUAL_COUNT),
        "order": order_of(link.newest_first),
        "source": link.source or PUBMED,
        "threshold": link.view.null_threshold,
        "top": link.view.shown,
    }
    update["engine"] = str(link.precision if link.precision in site.precisions else site.precision)
    if link.precision and link.precision not in site.precisions:
        update["pubmed_status"] = status_html(NO_ENGINE.format(link.precision, site.precision))
    if link.source == OWN:
        words = "The link asks about abstracts of one’s own, and holds none: paste yours, and ask."
        return update | {"linked": "", "pubmed_status": status_html(words)}
    if link.pair in site.pairs:
        update["pair"] = link.pair
    elif link.pair:
        words = "The link names models that are not on offer here; these are used instead."
        update["pubmed_status"] = status_html(words)
    return update | {"linked": question}


def build(site: Site, page: gr.Blocks, tab: Tab, back: gr.Button) -> None:
    """Lay out the tab and wire its events.

    ``tab`` is Compare's, where an abstract opens; ``back`` the button there that leads back here.
    """
    parts = Parts(back=back, engine=tab.parts["engine"])
    _layout_boxes(site, parts)
    _layout_results(parts)
    _layout_keeping(parts)
    for name in ("to_read", "read", "generated", "file"):
        parts[name] = kept(None)
    parts["searches"], parts["linked"] = kept(()), kept("")
    _wire_asking(site, parts, page)
    _wire_view(parts)
    _wire_keeping(site, parts)
    _wire_opening(parts, tab)
    page.load(None, None, None, js=script("evidence_table"))


def _layout_sources(parts: Parts) -> None:
    """Where the abstracts are from. ``style.css`` shows what belongs to the choice."""
    builtin = builtin_records().records
    parts["source"] = gr.Radio(
        [(words, name) for name, words in SOURCE_NAMES.items()],
        value=PUBMED,
        label="Abstracts from",
        elem_id="read-from",
    )
    with gr.Column(elem_id="own-panel"):
        parts["own"] = gr.Textbox(
            label="Abstracts of your own: one a paragraph, with a blank line between",
            placeholder="Paste them here; what PubMed saves in its format, or RIS, is read as it is.",
            lines=6,
            max_lines=14,
            elem_id="own-abstracts",
        )
        with gr.Row():
            parts["upload"] = gr.UploadButton(
                f"Upload a file of abstracts ({FILES_IN_WORDS})",
                file_types=list(FILE_TYPES),
                elem_id="own-file",
                size="sm",
            )
            parts["drop"] = gr.Button("Remove the file", visible=False, elem_id="drop-file", size="sm")
        parts["own_told"] = gr.HTML(str(file_of(None)["own_told"]), elem_id="own-told", padding=False)
    gr.HTML(str(builtin_html(builtin)), elem_id="builtin-panel", padding=False)


def _layout_boxes(site: Site, parts: Parts) -> None:
    gr.HTML(str(introduction_html()), elem_id="pubmed-about", padding=False)
    with gr.Row(equal_height=False, elem_id="pubmed-ask"):
        parts["question"] = gr.Textbox(
            label=QUESTION,
            placeholder="Which gene …? What drug …? (Enter asks)",
            lines=1,
            max_lines=3,
            elem_id="pubmed-question",
            scale=5,
            min_width=260,
        )
        parts["ask"] = gr.Button(
            "Ask PubMed", variant="primary", elem_id="ask-pubmed", scale=1, min_width=140
        )
        parts["stop"] = gr.Button(
            "Stop", visible=False, variant="stop", elem_id="stop-pubmed", scale=1, min_width=100
        )
    with gr.Row(elem_id="pubmed-examples"):
        parts["examples"] = gr.Dataset(
            label="Examples; a click asks",
            components=[gr.Textbox(visible=False)],
            samples=[[question] for question in EXAMPLES],
            sample_labels=list(EXAMPLES),
            type="index",
            elem_id="pubmed-example",
        )
    _layout_sources(parts)
    with gr.Row(equal_height=False, elem_id="pubmed-settings"):
        parts["count"] = gr.Slider(
            LEAST_COUNT, MAX_ABSTRACTS, value=USUAL_COUNT, step=5, label="Abstracts to read", elem_id="count"
        )
        parts["order"] = gr.Radio([RELEVANT, NEWEST], value=RELEVANT, label="Sort by", elem_id="order")
        parts["pair"] = gr.Dropdown(
            label="Models", choices=pair_choices(site), value=site.pair.name, elem_id="pubmed-pair"
        )
    parts["query"] = gr.Textbox(
        label="PubMed query: made of the question where empty; yours is taken, for records with an abstract",
        lines=1,
        max_lines=3,
        elem_id="pubmed-query",
    )
    with gr.Accordion("More: no-answer threshold, claims shown, what is read, NCBI key", open=False):
        parts["extent"] = extent_radio(site, elem_id="extent-pubmed")
        with gr.Row():
            parts["threshold"] = gr.Slider(
                *VIEW_LIMITS["null_threshold"],
                value=View().null_threshold,
                step=0.5,
                label="No-answer threshold: lower, and more abstracts are silent",
                elem_id="threshold",
            )
            parts["top"] = gr.Slider(
                *VIEW_LIMITS["shown"], value=View().shown, step=1, label="Claims shown", elem_id="top"
            )
        parts["key"] = gr.Textbox(
            label="NCBI API key, for this session only: 10 requests a second instead of 3",
            type="password",
            elem_id="ncbi-key",
        )


def _layout_results(parts: Parts) -> None:
    parts["pubmed_status"] = gr.HTML(str(status_html("")), elem_id="pubmed-status", padding=False)
    parts["found-head"] = gr.HTML(str(head_of(None)), elem_id="found-head", padding=False)
    parts["shared"] = gr.HTML("", elem_id="shared-claims", padding=False)
    with gr.Row(equal_height=False):
        for name in CARDS:
            with gr.Column(min_width=320):
                parts[name] = gr.HTML("", elem_id=name, padding=False)
    parts["abstracts"] = gr.HTML("", elem_id="abstracts", padding=False)
    parts["unread"] = gr.HTML("", elem_id="unread", padding=False)
    parts["rest"] = gr.Button("", visible=False, elem_id="read-rest", size="sm")


def _layout_keeping(parts: Parts) -> None:
    with gr.Accordion("Keep these results: history, link, files", open=False, elem_id="keep-search"):
        parts["past"] = gr.Dropdown(
            label="Searches of this session (nothing is read anew)",
            choices=[],
            value=None,
            elem_id="past-searches",
        )
        parts["link"] = gr.Textbox(
            label="Link that asks the same again",
            interactive=False,
            buttons=["copy"],
            elem_id="search-link",
            max_lines=2,
        )
        parts["kept_status"] = gr.HTML(str(status_html("")), elem_id="kept-status", padding=False)
        with gr.Row():
            for kind, (_, _, words) in FILES.items():
                parts[kind] = gr.Button(words, elem_id=f"evidence-{kind}")
    parts["search_query"] = gr.Textbox(visible="hidden", elem_id="search-link-query")
    parts["search_payload"] = gr.Textbox(visible="hidden", elem_id="evidence-payload")
    parts["opened"] = gr.Textbox(visible="hidden", elem_id="opened")
    parts["landed"] = gr.Textbox(visible="hidden", elem_id="landed")


def _view(threshold: float, shown: float) -> View:
    return View(null_threshold=float(threshold), shown=int(shown))


def _wire_asking(site: Site, parts: Parts, page: gr.Blocks) -> None:
    sliders = parts.of("threshold", "top")

    # Gradio passes the request to a parameter of that type, wherever it stands.
    def on_ask(request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
        *boxes, made, before, own_key = values
        updates = find_abstracts(
            site.seen_by(request.headers),
            asked_of(*boxes),
            made,
            before,
            api_key=(own_key or "").strip(),
            session=request.session_hash or "",
        )
        yield from parts.streamed(updates, *FOUND)

    def on_found(
        to_read: ToRead | None,
        searches: tuple[ReadSoFar, ...],
        threshold: float,
        shown: float,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        view = _view(threshold, shown)
        updates = read_found(site, to_read, view, searches, request.session_hash or "")
        yield from parts.streamed(updates, *READ)

    def on_linked(request: gr.Request, linked: str, *values: Any) -> Iterator[dict[Any, Any]]:
        # Gradio tells of a state also when the page has just been opened, and nothing was linked to.
        if linked:
            yield from on_ask(request, *values)
        else:
            yield from parts.streamed((), *FOUND)

    def asks(listen: Callable[..., Any], function: Callable[..., Any] = on_ask, *more: str) -> None:
        listen(
            function,
            parts.of(*more, *BOXES, "generated", "read", "key"),
            parts.of(*FOUND),
            show_progress_on=parts.of("pubmed_status"),
            **MAY_ASK_PUBMED,
        ).then(
            on_found,
            [*parts.of("to_read", "searches"), *sliders],
            parts.of(*READ),
            show_progress_on=parts.of("pubmed_status"),
            **READS,
        ).then(
            # The boxes and sliders may have been changed while the models read.
            on_settled,
            [*parts.of(*BOXES, "read"), *sliders],
            parts.of("found-head", *DRAWN),
            **QUIET,
        )

    def on_settled(*values: Any) -> dict[Any, Any]:
        *boxes, read, threshold, shown = values
        if read is None:
            return {parts[name]: gr.skip() for name in ("found-head", *DRAWN)}
        view = _view(threshold, shown)
        return parts.changed({**drawn(read, view), "found-head": head_of(read, asked_of(*boxes))})

    def on_rest(request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
        *_, before, _own_key = values
        yield from parts.streamed(the_rest(site, before, request.session_hash or ""), *FOUND)

    for listen in (parts["ask"].click, parts["question"].submit, parts["query"].submit):
        asks(listen)
    asks(parts["rest"].click, on_rest)
    # An example's question stands alone: its query is made of it.
    asks(
        parts["examples"]
        .click(
            lambda place: [EXAMPLES[place], ""],
            parts.of("examples"),
            parts.of("question", "query"),
            **QUIET,
        )
        .then
    )
    stop_at(parts["stop"], site.stops, "search", parts["pubmed_status"])

    parts["source"].change(
        lambda source: parts.changed(asking_of(source)),
        parts.of("source"),
        parts.of("ask", "question"),
        **QUIET,
    )
    on_file = ("file", "own_told", "drop")
    parts["upload"].upload(
        lambda path, before: parts.changed(evidence.take_file(path, before)),
        parts.of("upload", "file"),
        parts.of(*on_file),
        **QUIET_IN_QUEUE,
    )
    parts["drop"].click(lambda: parts.changed(file_of(None)), None, parts.of(*on_file), **QUIET_IN_QUEUE)

    def on_load(request: gr.Request) -> dict[Any, Any]:
        seen = site.seen_by(request.headers)
        update = open_link(seen, dict(request.query_params))
        if seen is not site:
            pair = {"value": update["pair"]} if "pair" in update else {}
            update["pair"] = gr.update(choices=pair_choices(seen), **pair)
        return parts.changed(update or {"linked": ""})

    page.load(
        on_load,
        None,
        parts.of(*BOXES, "threshold", "top", "pubmed_status", "linked"),
        **QUIET_IN_QUEUE,
    )
    # A state changes where its tab is not shown as yet, too.
    asks(parts["linked"].change, on_linked, "linked")

    def on_pair(name: str, request: gr.Request) -> str:
        seen = site.seen_by(request.headers)
        return str(status_html(missing_words(seen, seen.checkpoints(name))))

    parts["pair"].input(on_pair, parts.of("pair"), parts.of("pubmed_status"), **QUIET)


def _wire_view(parts: Parts) -> None:
    sliders = parts.of("threshold", "top")

    def on_view(read: ReadSoFar | None, threshold: float, shown: float) -> dict[Any, Any]:
        if read is None:
            return {parts[name]: gr.skip() for name in DRAWN}
        return parts.changed(drawn(read, _view(threshold, shown)))

    for slider in sliders:
        slider.change(
            on_view, [parts["read"], *sliders], parts.of(*DRAWN), trigger_mode="always_last", **QUIET
        )

    def on_boxes(*values: Any) -> str:
        *boxes, read = values
        return str(head_of(read, asked_of(*boxes)))

    for name in BOXES:
        parts[name].change(
            on_boxes, parts.of(*BOXES, "read"), parts.of("found-head"), trigger_mode="always_last", **QUIET
        )


def _wire_keeping(site: Site, parts: Parts) -> None:
    sliders = parts.of("threshold", "top")

    def on_link(read: ReadSoFar | None, threshold: float, shown: float) -> dict[Any, Any]:
        return parts.changed(link_of(site, read, _view(threshold, shown)))

    for listen in (parts["read"].change, *(slider.change for slider in sliders)):
        listen(on_link, [parts["read"], *sliders], parts.of("search_query", "kept_status"), **QUIET)
    parts["search_query"].change(
        None, parts.of("search_query"), parts.of("link"), js=script("whole_search_link")
    )

    def on_again(
        number: int | None, searches: tuple[ReadSoFar, ...], threshold: float, shown: float
    ) -> dict[Any, Any]:
        update = evidence.again(number, searches, _view(threshold, shown))
        return parts.changed(update or {"pubmed_status": gr.skip()})

    parts["past"].input(
        on_again,
        [*parts.of("past", "searches"), *sliders],
        parts.of(*DRAWN, "read", "generated", "found-head", "pubmed_status", *BOXES, "own_told", "drop"),
        **QUIET_IN_QUEUE,
    )

    for kind in FILES:
        parts[kind].click(
            lambda read, threshold, shown, kind=kind: parts.changed(
                evidence.as_file(kind, read, _view(threshold, shown))
            ),
            [parts["read"], *sliders],
            parts.of("search_payload", "kept_status"),
            **QUIET,
        ).then(None, parts.of("search_payload"), None, js=script("download"))


def _wire_opening(parts: Parts, tab: Tab) -> None:
    both = tab.parts.joined(
        {name: parts[name] for name in ("opened", "read", "landed", "back", "pubmed_status")}
    )

    def on_open(wanted: str | None, read: ReadSoFar | None, history: History, view: View) -> dict[Any, Any]:
        return both.changed(open_abstract(wanted, read, history, view))

    parts["opened"].change(
        on_open,
        both.of("opened", "read", "history", "view"),
        both.of(
            *SHOWN,
            "status",
            "run",
            "displayed",
            "drawn",
            *PUT_BACK,
            "history",
            "back",
            "landed",
            "pubmed_status",
        ),
        **QUIET_IN_QUEUE,
    ).then(None, both.of("landed"), None, js=script("show_opened"))
    parts["back"].click(None, None, None, js=script("back_to_table"))
