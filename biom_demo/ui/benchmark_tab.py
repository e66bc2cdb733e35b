"""The Benchmark tab: a file with known answers -> all its questions in a table, totals, and files to save."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from biom_demo.analysis.benchmark import FILTERS, ROWS_A_PAGE, Look, arranged, benchmark_of, read_on
from biom_demo.analysis.comparison import View
from biom_demo.counters import Work
from biom_demo.errors import BioMError, InputError
from biom_demo.models.store import Visit
from biom_demo.models.worker import Ended
from biom_demo.qa.datasets.uploads import limits_in_words
from biom_demo.qa.reader import Decoding
from biom_demo.settings import Precision
from biom_demo.show.benchmark import benchmark_about_html, benchmark_html, questions_html
from biom_demo.show.cards import personas, status_html
from biom_demo.show.words import counted, duration, in_precision
from biom_demo.ui.compare_tab import SECONDS_A_CHAR, SHOWN, Tab, pair_choices
from biom_demo.ui.gold_table import (
    FILES,
    GoldFile,
    Part,
    Scored,
    about_words,
    asked_of,
    left_of,
    looked,
    number_of,
    page_of,
    part_of,
    parts_of,
    read_file,
    rows_now,
    run_of,
    saved,
)
from biom_demo.ui.keep_panel import PUT_BACK, go_back
from biom_demo.ui.pubmed_tab import missing_words
from biom_demo.ui.reading import ended_words, followed, reading_words
from biom_demo.ui.run import History, Run, remembered
from biom_demo.ui.site import Site, Update, missing, words_of
from biom_demo.ui.wiring import QUIET, QUIET_IN_QUEUE, READS, Parts, kept, script, stop_at

READINGS_KEPT_BYTES = 48_000_000  # of a file, for rows to open in Compare without being read again
DRAWN_EVERY_S = 2.0
NO_FILE = "There is no file yet. Upload one first."
NO_LONGER = "The file is no longer kept, to make room. Upload it again."
LOADED = ("gold", "read", "scored", "look", "show", "find", "table", "totals", "benchmark_status", "score")
SCORING = ("read", "scored", "totals", "benchmark_status", "score", "halt_scoring", "tick")
DRAWN = ("table", "look", "totals", "score")
TABLE = ("gold", "read", "look", "wanted", "show", "find", "benchmark_pair", "blind")
OPENED = (
    *SHOWN, "status", "run", "displayed", "drawn", *PUT_BACK, "history", "back", "walk", "walk_place",
    "look", "table", "landed_row", "row_ready", "benchmark_status",
)  # fmt: skip


def load(site: Site, path: str, pair: str, session: str, *, blind: bool = False) -> Update:
    """An uploaded file's questions, none of them read yet; a file that cannot be used changes nothing."""
    try:
        file = read_file(path)
        longest = max(len(text) for _, text in file.plan.pairs)
        if longest > (most := site.settings.max_context_chars):
            raise InputError(
                f"{file.gold.file} holds a text of {longest:,} characters; at most {most:,} are read. "
                "Leave it out, or give it in parts."
            )
    except Exception as error:
        words = words_of(error, "reading an uploaded file")
        return {"benchmark_status": status_html(words, kind="error")}
    # What is read for an earlier file is of no use any more, and must not write over this one.
    site.stops.end(session, "benchmark", site.stops.begin(session, "benchmark"))
    chars = sum(len(text) + len(question.text) for question, text in file.plan.pairs)
    cost = f"Scoring them takes about {duration(2 * SECONDS_A_CHAR * chars)} here." if pair == "mini" else ""
    return {
        "gold": file,
        "read": (),
        "scored": None,
        "look": Look(),
        "show": "all",
        "find": "",
        "benchmark_status": status_html(f"{about_words(file)} {cost}".strip()),
        **table(site, file, (), Look(), pair, blind=blind),
        "totals": "",
        "score": score_button(file, ()),
    }


def table(
    site: Site, file: GoldFile | None, read: tuple[Part, ...], look: Look, pair: str, *, blind: bool
) -> Update:
    """The page of the table that the look is at, of what the pair has read."""
    if file is None:
        return {"table": "", "look": look}
    shown = page_of(rows_now(file, parts_of(file, pair, read)), look, hidden=blind)
    return {"table": questions_html(shown, personas(site.pair_named(pair).checkpoints)), "look": shown.look}


def score_button(file: GoldFile | None, parts: tuple[Part, ...]) -> Any:
    """What the button says that reads what is left."""
    left = left_of(file, parts) if file else 0
    words = f"Score the rest ({left:,})" if file and parts and left else "Score all"
    return gr.update(value=words)


def totals(site: Site, scored: Scored | None, file: GoldFile | None, pair: str) -> str:
    """The figures, where they are of this file and pair."""
    if scored is None or file is None or (scored.key, scored.pair) != (file.key, pair):
        return ""
    return str(benchmark_html(scored.found, personas(site.pair_named(pair).checkpoints)))


def change_engine(
    site: Site, file: GoldFile | None, look: Look, pair: str, session: str, *, blind: bool
) -> Update:
    """Nothing is read yet: what was read in the engine before is none of the one now chosen."""
    site.stops.end(session, "benchmark", site.stops.begin(session, "benchmark"))
    words = "Another engine was chosen: nothing is read in it yet." if file else ""
    return {
        "read": (),
        "scored": None,
        **table(site, file, (), look, pair, blind=blind),
        "totals": "",
        "score": score_button(file, ()),
        "benchmark_status": status_html(words),
        "halt_scoring": gr.update(visible=False),
    }


def score_all(
    site: Site,
    file: GoldFile | None,
    read: tuple[Part, ...],
    pair: str,
    session: str,
    engine: str | None = None,
) -> Iterator[Update]:
    """What is not read yet of the file, with progress; at the end all figures over what is read.

    ``tick`` changes where the table is to be drawn again: what it shows is the visitor's to choose meanwhile.
    """
    stop = site.stops.begin(session, "benchmark")
    hidden, visible = gr.update(visible=False), gr.update(visible=True)
    try:
        if file is None:
            raise InputError(NO_FILE)
        checkpoints, precision = site.checkpoints(pair), Precision(engine or site.precision)
        site.precision_named(precision)
        if missing(checkpoints):
            raise InputError(missing_words(site, checkpoints))
        parts, total = parts_of(file, pair, read), len(file.plan.pairs)
        yield {"benchmark_status": status_html("Reading …"), "halt_scoring": visible}
        started, drawn_at, before = time.monotonic(), time.monotonic(), left_of(file, parts)
        with site.reading(Work.BENCHMARK, session, stop, precision) as visit:
            visit.decoding = Decoding()  # as ``evaluate`` reads
            earlier = [part.stretch for part in parts]
            work = read_on(file.plan, checkpoints, visit, earlier, most_bytes=READINGS_KEPT_BYTES)
            for stretch in followed(work, visit):
                if stretch is not None:
                    parts = (*parts, part_of(file, pair, stretch))
                if stop.is_set():
                    continue
                left = left_of(file, parts)
                seconds = time.monotonic() - started
                words = progress_words(total - left, total, before - left, seconds, visit)
                update: Update = {"benchmark_status": status_html(words, progress=(total - left) / total)}
                if stretch is not None:
                    update["read"] = parts
                    if time.monotonic() - drawn_at > DRAWN_EVERY_S:
                        drawn_at = time.monotonic()
                        update["tick"] = f"{file.key} {left}"
                yield update
        # Where another file, or a second click, has taken its place, there is nothing to say.
        if not site.stops.take_up(session, "benchmark", stop):
            return
        left = left_of(file, parts)
        yield {"read": parts, "benchmark_status": status_html("Counting …"), "halt_scoring": hidden}
        found = benchmark_of(file.gold, file.plan, checkpoints, [part.stretch for part in parts])
        scored = Scored(file.key, pair, found) if found else None
        yield {
            "read": parts,
            "scored": scored,
            "totals": totals(site, scored, file, pair),
            "benchmark_status": status_html(done_words(total - left, total, visit, precision)),
            "score": score_button(file, parts),
            "halt_scoring": hidden,
            "tick": f"{file.key} {left} end",
        }
    except Exception as error:
        status = status_html(site.stops.words(words_of(error, "scoring a file")), kind="error")
        yield {"benchmark_status": status, "halt_scoring": hidden, "tick": f"{time.monotonic()}"}
    finally:
        site.stops.end(session, "benchmark", stop)


def progress_words(done: int, total: int, fresh: int, seconds: float, visit: Visit) -> str:
    """How far scoring is, and how long the rest takes at the pace so far."""
    if visit.progress.ahead:
        return f"Read {done:,} of {counted(total, 'text')}; {reading_words(visit)}"
    left = f", about {duration(seconds / fresh * (total - done))} left" if fresh else ""
    return f"Both models have read {done:,} of {counted(total, 'text')}{left} …"


def done_words(done: int, total: int, visit: Visit, precision: Precision = Precision.FLOAT32) -> str:
    """That all is read; else why not, and how to go on."""
    if done == total:
        how = f", {words}" if (words := in_precision(precision)) else ""
        took = duration(visit.used_s)
        return f"Both models have read all {counted(total, 'text')} in {took} of reading{how}."
    words = ended_words(visit)
    if visit.ended is Ended.BUDGET:
        words = f"Stopped: one request may take {visit.budget_s:,.0f} s of reading; what was read is kept."
    elif visit.ended is Ended.CLOSED:
        return words
    rest = "“Score the rest” goes on."
    if not done:
        return f"{words} {rest}"
    return f"{words} {done:,} of {counted(total, 'text')} are read, and the figures are over those. {rest}"


def open_row(
    site: Site,
    number: int | None,
    file: GoldFile | None,
    read: tuple[Part, ...],
    look: Look,
    pair: str,
    history: History,
    view: View,
    *,
    blind: bool,
) -> Update:
    """A row in Compare: drawn of what was read, else put into the boxes to be asked at once.

    ``landed_row`` changes where Compare is to be shown, ``row_ready`` is "ask" where it is to be asked.
    """
    if file is None or number is None:
        words = NO_LONGER if file is None else "There is no such row. Choose one of the table."
        return {"benchmark_status": status_html(words, kind="error"), "landed_row": "", "row_ready": ""}
    try:
        checkpoints = site.checkpoints(pair)
    except BioMError as error:
        return {
            "benchmark_status": status_html(str(error), kind="error"), "landed_row": "", "row_ready": ""
        }  # fmt: skip
    parts = parts_of(file, pair, read)
    order = [row.number for row in arranged(rows_now(file, parts), look)]
    place = order.index(number) if number in order else None
    look = replace(look, at=number)
    if place is not None:
        look = replace(look, page=place // ROWS_A_PAGE)
    words = f"Row {place + 1:,} of {len(order):,} in the table." if place is not None else "Of the table."
    update: Update = {
        **table(site, file, read, look, pair, blind=blind),
        "walk": gr.update(visible=True),
        "walk_place": status_html(words),
        "back": gr.update(visible=False),
        "landed_row": f"{number} {time.monotonic()}",
        "row_ready": "",
    }
    run = run_of(file, number, pair, checkpoints, parts, blind=blind)
    if run is None:
        asked = asked_of(file, number, pair, blind=blind)
        return {
            **update,
            "context": asked.typed,
            "question": asked.question,
            "pair": pair,
            "further": [],
            "placed": asked.placed,
            "otherwise": "",
            "row_ready": "ask",
        }
    history = remembered(history, run)
    drawn = go_back(history.dropped + len(history) - 1, history, view) or {}
    status = status_html("From the benchmark’s table; nothing was read anew.")
    return {**update, **drawn, "history": history, "status": status}


def step(file: GoldFile | None, read: tuple[Part, ...], look: Look, pair: str, by: int) -> int | None:
    """The row that many further on from the open one, in the table's order; the last one at its end."""
    if file is None or look.at is None:
        return None
    order = [row.number for row in arranged(rows_now(file, parts_of(file, pair, read)), look)]
    if look.at not in order:  # the choice of rows is another now
        return order[0] if order else None
    return order[min(max(order.index(look.at) + by, 0), len(order) - 1)]


def walk_of(run: Run | None, file: GoldFile | None, look: Look) -> Update:
    """The way back to the table, only while its open row is what stands in Compare."""
    placed = run.asked.of_deck if run is not None else None
    is_row = placed is not None and file is not None and placed == (file.key, look.at)
    return {"walk": gr.update(visible=is_row)}


def as_file(kind: str, scored: Scored | None, file: GoldFile | None, pair: str) -> Update:
    """All answers, or a submission, as a file to save; "" and why where there is nothing."""
    words, payload = "", ""
    if scored is None or file is None or (scored.key, scored.pair) != (file.key, pair):
        words = "There is nothing to save yet. Upload a file and score it with these models first."
    else:
        payload = saved(kind, file, scored.found)
        if not payload:
            words = f"{file.gold.file} is a SQuAD file. A submission answers BioASQ questions: upload one."
    status = status_html(words, kind="error") if words else status_html("")
    return {"gold_payload": payload, "saved_status": status}


def layout_walk() -> Parts:
    """Above Compare: from an open row back to the table, or to the rows beside it."""
    parts = Parts()
    with gr.Row(visible=False, elem_id="walk") as parts["walk"]:
        parts["to_rows"] = gr.Button("← Back to the table", size="sm", elem_id="back-to-rows", scale=0)
        parts["previous"] = gr.Button("← Previous", size="sm", elem_id="previous-row", scale=0)
        parts["next"] = gr.Button("Next →", size="sm", elem_id="next-row", scale=0)
        parts["walk_place"] = gr.HTML(str(status_html("")), elem_id="walk-place", padding=False)
    return parts


def build(site: Site, page: gr.Blocks, tab: Tab, walk: Parts, back: gr.Button) -> None:
    """Lay out the tab and wire its events.

    ``tab`` is Compare's, where a row opens, with ``walk`` above it; ``back`` leads from there to Ask PubMed.
    """
    parts = walk.joined({"back": back, "blind": tab.parts["blind"], "engine": tab.parts["engine"]})
    _layout_file(site, parts)
    _layout_table(parts)
    for name in ("gold", "scored"):
        parts[name] = kept(None)
    parts["read"], parts["look"] = kept(()), kept(Look())
    _wire_file(site, parts)
    _wire_table(site, parts)
    _wire_saving(parts)
    _wire_opening(site, parts, tab)
    page.load(None, None, None, js=script("question_table"))


def _layout_file(site: Site, parts: Parts) -> None:
    gr.HTML(str(benchmark_about_html(limits_in_words())), elem_id="benchmark-about", padding=False)
    with gr.Row(equal_height=False, elem_id="benchmark-file"):
        parts["upload"] = gr.UploadButton(
            "Upload a file",
            file_types=[".json", ".gz"],
            elem_id="gold-file",
            scale=2,
            min_width=260,
        )
        parts["benchmark_pair"] = gr.Dropdown(
            label="Models",
            choices=pair_choices(site),
            value=site.pair.name,
            elem_id="benchmark-pair",
            scale=3,
            min_width=260,
        )
        parts["score"] = gr.Button(
            "Score all", variant="primary", elem_id="score-all", scale=1, min_width=160
        )
        parts["halt_scoring"] = gr.Button(
            "Stop", visible=False, variant="stop", elem_id="stop-scoring", scale=1, min_width=100
        )
    parts["benchmark_status"] = gr.HTML(str(status_html("")), elem_id="benchmark-status", padding=False)
    parts["totals"] = gr.HTML("", elem_id="benchmark-totals", padding=False)


def _layout_table(parts: Parts) -> None:
    with gr.Row(equal_height=False, elem_id="row-choice"):
        parts["show"] = gr.Dropdown(
            label="Show",
            choices=[(words, key) for key, (words, _) in FILTERS.items()],
            value="all",
            elem_id="rows-shown",
            min_width=200,
        )
        parts["find"] = gr.Textbox(
            label="Find in questions and answers (Enter)",
            lines=1,
            max_lines=1,
            elem_id="rows-found",
            min_width=200,
        )
    parts["table"] = gr.HTML("", elem_id="benchmark-table", padding=False)
    with gr.Accordion("Save: every answer, a BioASQ submission", open=False, elem_id="save-answers"):
        parts["saved_status"] = gr.HTML(str(status_html("")), elem_id="saved-status", padding=False)
        with gr.Row():
            for kind, (_, _, words) in FILES.items():
                parts[f"save-{kind}"] = gr.Button(words, elem_id=f"save-{kind}")
    for name, identity in (
        ("wanted", "rows-wanted"),
        ("wanted_row", "row-wanted"),
        ("landed_row", "row-landed"),
        ("row_ready", "row-ready"),
        ("tick", "rows-tick"),
        ("gold_payload", "gold-payload"),
    ):
        parts[name] = gr.Textbox(visible="hidden", elem_id=identity)


def _wire_file(site: Site, parts: Parts) -> None:

    def on_upload(path: str, pair: str, blind: bool | None, request: gr.Request) -> dict[Any, Any]:
        seen = site.seen_by(request.headers)
        return parts.changed(load(seen, path, pair, request.session_hash or "", blind=bool(blind)))

    parts["upload"].upload(
        on_upload, parts.of("upload", "benchmark_pair", "blind"), parts.of(*LOADED), **QUIET
    )

    def on_score(
        file: GoldFile | None, read: tuple[Part, ...], pair: str, engine: str | None, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        session = request.session_hash or ""
        updates = score_all(site.seen_by(request.headers), file, read, pair, session, engine)
        yield from parts.streamed(updates, *SCORING)

    parts["score"].click(
        on_score,
        parts.of("gold", "read", "benchmark_pair", "engine"),
        parts.of(*SCORING),
        show_progress_on=parts.of("benchmark_status"),
        **READS,
    )

    def on_engine(
        file: GoldFile | None, look: Look, pair: str, blind: bool | None, request: gr.Request
    ) -> dict[Any, Any]:
        seen, session = site.seen_by(request.headers), request.session_hash or ""
        return parts.changed(change_engine(seen, file, look, pair, session, blind=bool(blind)))

    parts["engine"].change(
        on_engine,
        parts.of("gold", "look", "benchmark_pair", "blind"),
        parts.of("read", "scored", *DRAWN, "benchmark_status", "halt_scoring"),
        **QUIET,
    )
    stop_at(parts["halt_scoring"], site.stops, "benchmark", parts["benchmark_status"])

    def on_pair(
        file: GoldFile | None,
        read: tuple[Part, ...],
        scored: Scored | None,
        look: Look,
        pair: str,
        blind: bool | None,
        request: gr.Request,
    ) -> dict[Any, Any]:
        seen = site.seen_by(request.headers)
        words = missing_words(seen, seen.checkpoints(pair))
        update = {
            **table(seen, file, read, look, pair, blind=bool(blind)),
            "totals": totals(seen, scored, file, pair),
            "score": score_button(file, parts_of(file, pair, read) if file else ()),
        }
        return parts.changed(update | ({"benchmark_status": status_html(words)} if words else {}))

    parts["benchmark_pair"].input(
        on_pair,
        parts.of("gold", "read", "scored", "look", "benchmark_pair", "blind"),
        parts.of(*DRAWN, "benchmark_status"),
        **QUIET,
    )


def _wire_table(site: Site, parts: Parts) -> None:

    def on_look(
        file: GoldFile | None,
        read: tuple[Part, ...],
        look: Look,
        wanted: str | None,
        show: str,
        find: str | None,
        pair: str,
        blind: bool | None,
    ) -> dict[Any, Any]:
        look = looked(look, wanted, show=show, find=find)
        return parts.changed(table(site, file, read, look, pair, blind=bool(blind)))

    def draws(listen: Callable[..., Any], *, click: bool = False) -> None:
        def on_event(
            file: GoldFile | None, read: tuple[Part, ...], look: Look, wanted: str | None, *more: Any
        ) -> dict[Any, Any]:
            # The last click in the table stands in its box still: it is taken once.
            return on_look(file, read, look, wanted if click else None, *more)

        listen(
            on_event,
            parts.of(*TABLE),
            parts.of("table", "look"),
            trigger_mode="always_last",
            **QUIET,
        ).then(None, None, None, js=script("table_drawn"))

    draws(parts["wanted"].change, click=True)
    for listen in (parts["show"].input, parts["find"].submit, parts["tick"].change):
        draws(listen)
    draws(parts["blind"].change)


def _wire_saving(parts: Parts) -> None:
    for kind in FILES:
        parts[f"save-{kind}"].click(
            lambda scored, file, pair, kind=kind: parts.changed(as_file(kind, scored, file, pair)),
            parts.of("scored", "gold", "benchmark_pair"),
            parts.of("gold_payload", "saved_status"),
            **QUIET,
        ).then(None, parts.of("gold_payload"), None, js=script("download"))


def _wire_opening(site: Site, parts: Parts, tab: Tab) -> None:
    both = tab.parts.joined({name: part for name, part in parts.items() if name not in ("blind", "engine")})
    inputs = both.of("wanted_row", "gold", "read", "look", "benchmark_pair", "history", "view", "blind")

    def opening(by: int = 0) -> Callable[..., dict[Any, Any]]:
        """What opens the row that was clicked, or the one ``by`` further on from the open one."""

        def on_row(
            wanted: str | None,
            file: GoldFile | None,
            read: tuple[Part, ...],
            look: Look,
            pair: str,
            history: History,
            view: View,
            blind: bool | None,
            request: gr.Request,
        ) -> dict[Any, Any]:
            number = None
            if file is not None:
                number = step(file, read, look, pair, by) if by else number_of(wanted, file)
            seen = site.seen_by(request.headers)
            update = open_row(seen, number, file, read, look, pair, history, view, blind=bool(blind))
            return both.changed(update)

        return on_row

    for listen, by in (
        (parts["wanted_row"].change, 0),
        (parts["previous"].click, -1),
        (parts["next"].click, 1),
    ):
        listen(opening(by), inputs, both.of(*OPENED), **QUIET_IN_QUEUE).then(
            None, both.of("landed_row"), None, js=script("show_row")
        ).then(None, both.of("row_ready"), None, js=script("ask_if_ready"))
    tab.parts["displayed"].change(
        lambda *values: both.changed(walk_of(*values)),
        both.of("displayed", "gold", "look"),
        both.of("walk"),
        **QUIET,
    )
    parts["to_rows"].click(None, None, None, js=script("back_to_rows"))
