"""The Compare tab: name an abstract or paste a text, ask, read the models' answers side by side."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from biom_demo.analysis.comparison import compare, comparison_json
from biom_demo.analysis.difference import View
from biom_demo.analysis.passage import EXAMPLES, Passage, check_input, known_answers, passage_of, readable
from biom_demo.errors import BioMError, FetchCancelled, InputError
from biom_demo.models.catalogue import CATALOGUE, Checkpoint, ModelPair, given, locate
from biom_demo.models.download import fetching, progress_words
from biom_demo.models.store import OUR_FAULT, Models
from biom_demo.pubmed.identify import identify
from biom_demo.pubmed.session import PubMed
from biom_demo.qa.records import Question
from biom_demo.settings import Settings
from biom_demo.show.cards import status_html, waiting_html
from biom_demo.show.difference import SIDES
from biom_demo.show.export import VIEW_LIMITS
from biom_demo.ui.run import (
    IDLE_DIFFERENCE,
    IDLE_VERDICT,
    MAX_MODELS,
    Run,
    card_of,
    difference_of,
    read_text,
    verdict_of,
)

HISTORY_KEPT = 20  # runs of a session, with their readings
HISTORY_CHARS = 1_000_000  # of text in them; logits weigh some hundred bytes a character

# The answer is brought into view inside its own box. The page itself moves only where the verdict
# would be left below the fold, as on a phone.
SCROLL_TO_ANSWERS = """() => {
  document.querySelectorAll('.card .context, .merged-text').forEach(box => {
    const mark = box.querySelector('mark.answer, mark.tentative, mark.merged');
    if (mark) box.scrollTop = mark.offsetTop - box.clientHeight / 3;
  });
  const verdict = document.querySelector('#verdict');
  if (document.querySelector('#status [role=alert]') || !verdict) return;
  if (verdict.getBoundingClientRect().bottom > 0.75 * window.innerHeight) {
    const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    verdict.scrollIntoView({behavior: still ? 'auto' : 'smooth', block: 'start'});
  }
}"""

# Asks what another event has just put on the page, where it put something there.
ASK_IF_READY = "ready => { if (ready) setTimeout(() => document.querySelector('#ask').click(), 50); }"

# Offers what ``as_download`` made for saving.
DOWNLOAD = "payload => window.biomDownload(payload)"
# Events of the page's own that ask nothing of a model.
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A text that is to be read as it is, whatever it looks like, with its question's known answers."""

    text: str
    question: str = ""
    answers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Tab:
    """The parts of the tab that its neighbours on the page work with."""

    context: gr.Textbox
    question: gr.Textbox
    pair: gr.Dropdown
    sliders: list[gr.Slider]  # in the order of ``View``
    blind: gr.Checkbox
    known: gr.State  # Known | None
    run: gr.State  # Run | None
    history: gr.State  # tuple[Run, ...], newest last
    status: gr.HTML
    record: gr.HTML
    shown: list[gr.HTML]  # verdict, cards, difference
    vote_row: gr.Row  # below the cards, for a blind test's buttons
    checkpoints: Callable[
        [str, Sequence[str]], list[Checkpoint]
    ]  # a function: a pair's name and further sources -> checkpoints


def build(settings: Settings, default: ModelPair, models: Models, pubmed: PubMed, page: gr.Blocks) -> Tab:
    """Lay out the tab and wire its events, those of the whole ``page`` too."""
    pairs = {pair.name: pair for pair in (default, *CATALOGUE)}
    catalogue = {c.source: c for pair in pairs.values() for c in (pair.biom, pair.vanilla)}
    # Whoever can name a folder can have it opened: on a public page only the catalogue is on offer.
    own_models = settings.host in ("127.0.0.1", "localhost", "::1") and not settings.on_spaces
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            context = gr.Textbox(
                label="Abstract: a PMID, DOI, PMCID, address or PubMed query, or the text itself",
                placeholder="36990001, 10.1038/…, PMC…, a PubMed query, or paste any text …",
                lines=11,
                max_lines=11,  # as high when filled as when empty: nothing below it jumps
                elem_id="context",
            )
            taken_for = gr.HTML(status_html(""), elem_id="taken-for", padding=False)
        with gr.Column(scale=2, min_width=320):
            question = gr.Textbox(
                label="Question",
                placeholder="Which gene …? What drug …? (Enter asks)",
                lines=1,
                max_lines=3,
                elem_id="question",
            )
            chosen = gr.Dropdown(
                label="Models",
                choices=[(_pair_title(pair), name) for name, pair in pairs.items()],
                value=default.name,
                elem_id="pair",
            )
            ask = gr.Button("Ask", variant="primary", elem_id="ask")
            with gr.Row():
                get = gr.Button("Fetch these models", visible=False, elem_id="fetch")
                cancel = gr.Button("Cancel", visible=False, variant="stop", elem_id="cancel")
            status = gr.HTML(status_html(""), elem_id="status", padding=False)
            with gr.Accordion("More: further models, blind test, decoding", open=False, elem_id="more"):
                further = gr.Dropdown(
                    label="Further models beside the pair (up to two"
                    + ("; a folder or Hub id may be typed)" if own_models else ")"),
                    choices=[(c.label, source) for source, c in catalogue.items()],
                    value=[],
                    multiselect=True,
                    max_choices=MAX_MODELS - 2,
                    allow_custom_value=own_models,
                    elem_id="further",
                )
                blind = gr.Checkbox(
                    label="Blind: hide which model is which until I have voted", elem_id="blind"
                )
                sliders = [
                    _slider("null_threshold", "No-answer threshold: lower, and the models abstain more", 0.5),
                    _slider("shown", "Answers listed", 1),
                    _slider("max_answer_length", "Longest answer, in tokens", 1),
                    _slider(
                        "near_duplicate_threshold", "List spans that overlap a better one by up to", 0.05
                    ),
                ]
    gr.Examples(
        examples=[[example["context"], example["question"]] for example in EXAMPLES],
        example_labels=[example["title"] for example in EXAMPLES],
        inputs=[context, question],
        label="Examples; the known answer of each is shown after the run",
        elem_id="examples",
        examples_per_page=len(EXAMPLES),
        api_visibility="private",
    )
    record = gr.HTML("", elem_id="record", padding=False)
    passage, known, run = gr.State(None), gr.State(None), gr.State(None, time_to_live=3600)
    history: gr.State = gr.State((), time_to_live=3600)
    verdict = gr.HTML(IDLE_VERDICT, elem_id="verdict", padding=False)
    cards: list[gr.HTML] = []
    columns: list[gr.Column] = []
    with gr.Row(equal_height=False, elem_id="cards"):
        for side, checkpoint in zip(SIDES, (default.biom, default.vanilla, None, None), strict=True):
            with gr.Column(min_width=320, visible=checkpoint is not None, elem_id=f"column-{side}") as column:
                empty = waiting_html(checkpoint.label, checkpoint.trained_on, side) if checkpoint else ""
                card = gr.HTML(empty, elem_id=side, padding=False)
            cards.append(card)
            columns.append(column)
    vote_row = gr.Row(visible=False, elem_id="votes")
    panel = gr.HTML(IDLE_DIFFERENCE, elem_id="difference", padding=False)
    shown = [verdict, *cards, panel]

    def make_room(names: list[str] | None) -> list[Any]:
        """A column for each further model."""
        return [gr.update(visible=len(names or []) > place) for place in range(MAX_MODELS - 2)]

    further.change(
        make_room, [further], columns[2:], queue=False, show_progress="hidden", api_visibility="private"
    )

    def take_for(typed: str) -> str:
        return status_html(identify(readable(typed)).explanation)

    context.change(
        take_for,
        [context],
        [taken_for],
        queue=False,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
    )

    def get_passage(typed: str, asked: str, known: Known | None) -> tuple[Passage | None, str]:
        """The text to read, from PubMed where a record is named; ``None`` and why where there is none."""
        try:
            typed = readable(typed)
            check_input(typed, readable(asked), settings)
            if known and typed == known.text:
                return Passage(typed), status_html("Reading …")
            return passage_of(typed, pubmed, settings), status_html("Reading …")
        except BioMError as error:
            return None, status_html(str(error), kind="error")
        except Exception:
            log.exception("fetching failed")
            return None, status_html(OUR_FAULT, kind="error")

    # Gradio names an event's address after its function: this one must not take "answer" from the API.
    def show_answers(
        given_passage: Passage | None,
        asked: str,
        name: str,
        others: list[str] | None,
        hide: bool,
        known: Known | None,
        earlier: tuple[Run, ...],
        *numbers: float,
    ) -> Iterator[tuple[Any, ...]]:
        """Record, verdict, cards, difference, status, run and history, each as soon as it is known."""
        # What was answered before stays on the page until reading has begun.
        kept: tuple[Any, ...] = (gr.skip(),) * (len(shown) + 1)
        nothing = (gr.skip(), gr.skip())
        if given_passage is None:  # the status says why
            yield *kept, gr.skip(), *nothing
            return
        current: Run | None = None
        view = view_of(numbers)

        def stopped(words: str) -> tuple[Any, ...]:
            """Why it ended early, and all that was read before."""
            if current is None:
                return *kept, status_html(words, kind="error"), *nothing
            if len(current.reads) < 2:
                cards = drawn(current, view, reading=False)
                return given_passage.header, *cards, status_html(words, kind="error"), None, gr.skip()
            partial = current.of_what_was_read()
            return (
                given_passage.header,
                *drawn(partial, view),
                status_html(words, kind="error"),
                partial,
                remembered(earlier, partial),
            )

        try:
            if name not in pairs:
                raise InputError("These models are not on offer. Choose a pair from the list.")
            checkpoints = tuple(all_of(name, others))
            absent = missing(checkpoints)
            if absent:
                raise InputError(
                    f"{', '.join(c.label for c in absent)}: not on this machine yet. Press “Fetch these "
                    "models”, or choose the mini pair."
                )
            asked = readable(asked)
            text = given_passage.text
            current = Run(
                given_passage,
                asked,
                name,
                checkpoints,
                gold=gold_of(text, asked, known),
                blind=bool(hide),
                swapped=bool(hide) and random.random() < 0.5,
            )
            first = (given_passage.header, *drawn(current, view))
            yield *first, status_html("Reading …"), *nothing
            for checkpoint in checkpoints:
                read = read_text(models.reader(checkpoint), checkpoint, asked, text)
                current = current.with_read(read)
                if not current.complete:
                    words = f"{len(current.reads)} of {len(checkpoints)} models have read."
                    yield given_passage.header, *drawn(current, view), status_html(words), *nothing
            seconds = sum(read.seconds for read in current.reads)
            count = {2: "Two", 3: "Three", 4: "Four"}[len(checkpoints)]
            words = f"{count} models read {len(text):,} characters in {seconds:.2f} s."
            yield (
                given_passage.header,
                *drawn(current, view),
                status_html(words),
                current,
                remembered(earlier, current),
            )
        except BioMError as error:
            yield stopped(str(error))
        except Exception:
            log.exception("answering failed")
            yield stopped(OUR_FAULT)

    for trigger in (ask.click, question.submit):
        trigger(
            get_passage,
            [context, question, known],
            [passage, status],
            concurrency_id="pubmed",  # waiting for PubMed keeps no model from reading
            concurrency_limit=8,
            show_progress="minimal",
            show_progress_on=[status],
            api_visibility="private",
        ).then(
            show_answers,
            [passage, question, chosen, further, blind, known, history, *sliders],
            [record, *shown, status, run, history],
            concurrency_id="model",
            concurrency_limit=1,
            show_progress="minimal",  # says the place in the queue when others are before
            show_progress_on=[status],
            api_visibility="private",
        ).then(None, None, None, js=SCROLL_TO_ANSWERS)

    def redraw(current: Run | None, *numbers: float) -> list[Any]:
        """The same readings under other settings: nothing is read anew."""
        if current is None:
            return [gr.skip()] * len(shown)
        return drawn(current, view_of(numbers))

    for slider in sliders:
        slider.change(
            redraw,
            [run, *sliders],
            shown,
            queue=False,
            trigger_mode="always_last",
            show_progress="hidden",
            api_visibility="private",
        )

    def all_of(name: str, others: Sequence[str] | None) -> list[Checkpoint]:
        """The pair's checkpoints and the further ones. Raises ``InputError`` for one not on offer."""
        sources = list(dict.fromkeys(source.strip() for source in others or () if source.strip()))
        unknown = [source for source in sources if source not in catalogue]
        if unknown and not own_models:
            raise InputError("Only the models of the list are on offer here.")
        pair = pairs[name]
        further = [catalogue.get(source) or given(source) for source in sources[: MAX_MODELS - 2]]
        return [pair.biom, pair.vanilla, *further]

    def choose(name: str, others: list[str] | None) -> tuple[Any, ...]:
        """What the page offers for the models: nothing more if they are here, else to fetch them."""
        try:
            absent = missing(all_of(name, others))
        except BioMError as error:
            return gr.update(visible=False), status_html(str(error), kind="error")
        megabytes = sum(checkpoint.download_mb or 0 for checkpoint in absent)
        size = f" (about {megabytes:,} MB)" if megabytes else ""
        words = f"Not on this machine: {', '.join(c.label for c in absent)}." if absent else ""
        return gr.update(visible=bool(absent), value=f"Fetch these models{size}"), status_html(words)

    for offer in (chosen.change, further.change):
        offer(
            choose,
            [chosen, further],
            [get, status],
            show_progress="hidden",
            queue=False,
            api_visibility="private",
        )

    running: dict[str, threading.Event] = {}  # by session, so that a visitor stops only their own

    def download(name: str, others: list[str] | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Status lines while the missing files arrive; the rest of the page stays usable."""
        cancelled = running.setdefault(request.session_hash or "", threading.Event())
        cancelled.clear()
        busy = (gr.update(visible=False), gr.update(visible=True))
        try:
            for checkpoint in missing(all_of(name, others)):
                for progress in fetching(checkpoint, cancelled, settings.fetch_timeout_s):
                    share = progress.done_bytes / max(progress.total_bytes, 1)
                    yield *busy, status_html(progress_words(checkpoint, progress), progress=share)
            yield gr.update(visible=False), gr.update(visible=False), status_html("Fetched. Ask away.")
        except FetchCancelled:
            words = "Stopped. What has arrived is kept; fetching again goes on from there."
            yield gr.update(visible=True), gr.update(visible=False), status_html(words)
        except BioMError as error:
            yield gr.update(visible=True), gr.update(visible=False), status_html(str(error), kind="error")
        finally:
            running.pop(request.session_hash or "", None)

    def stop(request: gr.Request) -> str:
        if event := running.get(request.session_hash or ""):
            event.set()
        return status_html("Stopping …")

    get.click(
        download,
        [chosen, further],
        [get, cancel, status],
        concurrency_id="fetch",
        concurrency_limit=2,
        show_progress="hidden",
        api_visibility="private",
    )
    cancel.click(stop, None, [status], queue=False, show_progress="hidden", api_visibility="private")

    def offer_default() -> Any:
        # Nothing to offer is left alone: a visitor may be quicker than this, and have chosen another pair.
        return choose(default.name, [])[0] if missing(all_of(default.name, [])) else gr.skip()

    page.load(
        offer_default,
        None,
        [get],
        show_progress="hidden",
        queue=False,
        api_visibility="private",
    )

    def answer_json(text: str, question: str, pair: str = default.name) -> dict[str, Any]:
        """Both models' answers to a question about a text, with character offsets (half-open)."""
        try:
            text, question = readable(text), readable(question)
            check_input(text, question, settings)
            if pair not in pairs:
                raise InputError(f"There is no pair {pair!r}. Choose one of: {', '.join(pairs)}.")
            sides = pairs[pair]
            return comparison_json(
                compare(
                    models.reader(sides.biom),
                    models.reader(sides.vanilla),
                    Question("api", question),
                    [text],
                    biom_label=sides.biom.label,
                    vanilla_label=sides.vanilla.label,
                )
            )
        except BioMError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except Exception as error:
            log.exception("answering failed")
            raise gr.Error("Something went wrong on our side; the log has the details.") from error

    gr.api(answer_json, api_name="answer", concurrency_id="model", concurrency_limit=1)
    return Tab(
        context,
        question,
        chosen,
        sliders,
        blind,
        known,
        run,
        history,
        status,
        record,
        shown,
        vote_row,
        all_of,
    )


def drawn(run: Run, view: View, *, reading: bool = True) -> list[Any]:
    """Verdict, the four places for cards, and the difference panel; ``reading``: more is to come."""
    count = len(run.checkpoints)
    cards = [
        card_of(run, place, view, reading=reading) if place < count else "" for place in range(MAX_MODELS)
    ]
    return [verdict_of(run, view), *cards, difference_of(run, view)]


def view_of(numbers: Sequence[float]) -> View:
    """The view that the sliders, in its order, are set to."""
    null_threshold, shown, max_answer_length, near_duplicate_threshold = numbers
    return View(float(null_threshold), int(shown), int(max_answer_length), float(near_duplicate_threshold))


def remembered(earlier: Sequence[Run], current: Run) -> tuple[Run, ...]:
    """The session's runs with the current one, as many of the newest as are kept."""
    kept = [current]
    for run in reversed(earlier[-HISTORY_KEPT + 1 :]):
        if sum(len(one.passage.text) for one in kept) + len(run.passage.text) > HISTORY_CHARS:
            break
        kept.append(run)
    return tuple(reversed(kept))


def gold_of(text: str, question: str, known: Known | None) -> tuple[str, ...] | None:
    """The known answers of an uploaded question or an example, if it is unchanged."""
    if known and known.answers is not None and known.text == text and known.question == question:
        return known.answers
    return known_answers(text, question)


def missing(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Those of the checkpoints that are not on this machine."""
    return [checkpoint for checkpoint in checkpoints if locate(checkpoint) is None]


def _slider(name: str, label: str, step: float) -> gr.Slider:
    low, high = VIEW_LIMITS[name]
    return gr.Slider(
        low, high, value=getattr(View(), name), step=step, label=label, elem_id=name.replace("_", "-")
    )


def _pair_title(pair: ModelPair) -> str:
    # The cards say in full what each has seen; here the names must fit the width of a phone.
    biom, vanilla = (checkpoint.label.split("-SQuAD")[0] for checkpoint in (pair.biom, pair.vanilla))
    return f"{pair.name}: {biom} and {vanilla}"
