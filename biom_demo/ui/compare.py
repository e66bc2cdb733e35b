"""The Compare tab: name an abstract or paste a text, ask, read both models' answers side by side."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from biom_demo.checkpoints import CATALOGUE, Checkpoint, FetchProgress, ModelPair, fetch, locate
from biom_demo.compare import Comparison, ModelOutput, compare, comparison_json, read_timed
from biom_demo.errors import BioMError, FetchCancelled, InputError
from biom_demo.pubmed.client import PubMed
from biom_demo.pubmed.identify import Kind, identify
from biom_demo.pubmed.lookup import look_up
from biom_demo.qa.records import Question
from biom_demo.render import Side, side_html, status_html, verdict_html, waiting_html
from biom_demo.render_pubmed import record_html, warning_html
from biom_demo.settings import Settings
from biom_demo.ui.models import Models

EXAMPLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent.parent / "assets" / "examples.json").read_text("utf-8")
)
MAX_QUESTION_CHARS = 2_000
PROGRESS_EVERY_S = 0.2
OUR_FAULT = "Something went wrong on our side; the log has the details. Try again."
IDLE_VERDICT = '<p class="verdict idle">The two answers are compared here.</p>'

# The answer is brought into view inside its own box. The page itself moves only where the verdict
# would be left below the fold, as on a phone.
SCROLL_TO_ANSWERS = """() => {
  document.querySelectorAll('.card .context').forEach(box => {
    const mark = box.querySelector('mark.answer, mark.tentative');
    if (mark) box.scrollTop = mark.offsetTop - box.clientHeight / 3;
  });
  const verdict = document.querySelector('#verdict');
  if (document.querySelector('#status [role=alert]') || !verdict) return;
  if (verdict.getBoundingClientRect().bottom > 0.75 * window.innerHeight) {
    const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    verdict.scrollIntoView({behavior: still ? 'auto' : 'smooth', block: 'start'});
  }
}"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Passage:
    """What is to be read: its text, and as HTML its record's header and what to beware of."""

    text: str
    header: str = ""
    warning: str = ""


def build(settings: Settings, default: ModelPair, models: Models, pubmed: PubMed, page: gr.Blocks) -> None:
    """Lay out the tab and wire its events, those of the whole ``page`` too."""
    pairs = {pair.name: pair for pair in (default, *CATALOGUE)}
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
    passage = gr.State(None)
    verdict = gr.HTML(IDLE_VERDICT, elem_id="verdict", padding=False)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            biom_card = gr.HTML(_waiting(default.biom, "biom"), elem_id="biom", padding=False)
        with gr.Column(min_width=320):
            vanilla_card = gr.HTML(_waiting(default.vanilla, "vanilla"), elem_id="vanilla", padding=False)

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

    def get_passage(typed: str, asked: str) -> tuple[Passage | None, str]:
        """The text to read, from PubMed where a record is named; ``None`` and why where there is none."""
        try:
            typed = readable(typed)
            check_input(typed, readable(asked), settings)
            return passage_of(typed, pubmed, settings), status_html("Reading …")
        except BioMError as error:
            return None, status_html(str(error), kind="error")
        except Exception:
            log.exception("fetching failed")
            return None, status_html(OUR_FAULT, kind="error")

    # Gradio names an event's address after its function: this one must not take "answer" from the API.
    def show_answers(given: Passage | None, asked: str, name: str) -> Iterator[tuple[Any, ...]]:
        """Verdict, both cards and the status, each as soon as it is known."""
        # What was answered before stays on the page until reading has begun.
        unanswered: list[Any] = [gr.skip(), gr.skip(), gr.skip(), gr.skip()]
        if given is None:  # the status says why
            yield *unanswered, gr.skip()
            return
        try:
            if name not in pairs:
                raise InputError("These models are not on offer. Choose a pair from the list.")
            pair = pairs[name]
            text, asked = given.text, readable(asked)
            if not _on_disk(pair):
                raise InputError(
                    f"The {pair.name} models are not on this machine yet. Press “Fetch these models”, "
                    "or choose the mini pair."
                )
            unanswered = [
                given.header,
                IDLE_VERDICT,
                _waiting(pair.biom, "biom"),
                _waiting(pair.vanilla, "vanilla"),
            ]
            yield (
                given.header,
                IDLE_VERDICT,
                waiting_html(pair.biom.label, pair.biom.trained_on, "biom", reading=True),
                waiting_html(pair.vanilla.label, pair.vanilla.trained_on, "vanilla", reading=True),
                status_html("Reading …"),
            )
            identity = Question("page", asked)
            gold = known_answers(text, asked)
            biom = read_timed(models.reader(pair.biom), pair.biom.label, identity, [text])
            card = _card(biom, text, pair.biom, "biom", gold, given.warning)
            yield gr.skip(), gr.skip(), card, gr.skip(), gr.skip()
            unanswered[2] = gr.skip()
            vanilla = read_timed(models.reader(pair.vanilla), pair.vanilla.label, identity, [text])
            comparison = Comparison(identity, (text,), biom, vanilla)
            seconds = biom.seconds + vanilla.seconds
            yield (
                gr.skip(),
                verdict_html(comparison),
                gr.skip(),
                _card(vanilla, text, pair.vanilla, "vanilla", gold, given.warning),
                status_html(f"Two models read {len(text):,} characters in {seconds:.2f} s."),
            )
        except BioMError as error:
            yield *unanswered, status_html(str(error), kind="error")
        except Exception:
            log.exception("answering failed")
            yield *unanswered, status_html(OUR_FAULT, kind="error")

    outputs = [record, verdict, biom_card, vanilla_card, status]
    for trigger in (ask.click, question.submit):
        trigger(
            get_passage,
            [context, question],
            [passage, status],
            concurrency_id="pubmed",  # waiting for PubMed keeps no model from reading
            concurrency_limit=8,
            show_progress="minimal",
            show_progress_on=[status],
            api_visibility="private",
        ).then(
            show_answers,
            [passage, question, chosen],
            outputs,
            concurrency_id="model",
            concurrency_limit=1,
            show_progress="minimal",  # says the place in the queue when others are before
            show_progress_on=[status],
            api_visibility="private",
        ).then(None, None, None, js=SCROLL_TO_ANSWERS)

    def choose(name: str) -> tuple[Any, ...]:
        """What the page offers for a pair: nothing more if it is here, else to fetch it."""
        missing = _missing(pairs[name])
        megabytes = sum(checkpoint.download_mb or 0 for checkpoint in missing)
        size = f" (about {megabytes:,} MB)" if megabytes else ""
        words = f"Not on this machine: {', '.join(c.label for c in missing)}." if missing else ""
        return gr.update(visible=bool(missing), value=f"Fetch these models{size}"), status_html(words)

    for offer in (page.load, chosen.change):
        offer(choose, [chosen], [get, status], show_progress="hidden", queue=False, api_visibility="private")

    running: dict[str, threading.Event] = {}  # by session, so that a visitor stops only their own

    def download(name: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Status lines while the pair's missing files arrive; the rest of the page stays usable."""
        cancelled = running.setdefault(request.session_hash or "", threading.Event())
        cancelled.clear()
        busy = (gr.update(visible=False), gr.update(visible=True))
        try:
            for checkpoint in _missing(pairs[name]):
                for progress in fetching(checkpoint, cancelled, settings.fetch_timeout_s):
                    share = progress.done_bytes / max(progress.total_bytes, 1)
                    yield *busy, status_html(_progress_words(checkpoint, progress), progress=share)
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
        [chosen],
        [get, cancel, status],
        concurrency_id="fetch",
        concurrency_limit=2,
        show_progress="hidden",
        api_visibility="private",
    )
    cancel.click(stop, None, [status], queue=False, show_progress="hidden", api_visibility="private")

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


def passage_of(typed: str, pubmed: PubMed, settings: Settings) -> Passage:
    """The text itself, or the text of the record or records it names.

    Raises ``InputError`` where nothing is found, ``PubMedError`` where PubMed cannot be asked.
    """
    identified = identify(typed)
    if identified.kind is Kind.TEXT:
        return Passage(typed)
    found = look_up(pubmed, identified)
    text = "\n\n".join(record.text for record in found.records)
    if len(text) > settings.max_context_chars:
        raise InputError(
            f"These records have {len(text):,} characters; at most {settings.max_context_chars:,} are read. "
            "Name fewer, or use the Ask PubMed tab."
        )
    first, *others = found.records
    headers = [record_html(first, found.notices), *(record_html(record) for record in others)]
    return Passage(text, "".join(headers), "".join(warning_html(record) for record in found.records))


def readable(text: str | None) -> str:
    """The text with each lone surrogate as U+FFFD: they cannot be sent back as UTF-8. Offsets stay."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text or "")


def check_input(text: str, question: str, settings: Settings) -> None:
    """Nothing, where both can be used. Raises ``InputError`` that says what to change."""
    if not text or not text.strip():
        raise InputError("There is no text yet. Name or paste an abstract, or click an example.")
    if not question or not question.strip():
        raise InputError("There is no question yet. Type one, for example: Which gene is mutated?")
    if len(text) > settings.max_context_chars:
        raise InputError(
            f"The text has {len(text):,} characters; at most {settings.max_context_chars:,} are read. "
            "Paste only the part in question."
        )
    if len(question) > MAX_QUESTION_CHARS:
        raise InputError(
            f"The question has {len(question):,} characters. Ask in one sentence, and paste the rest as text."
        )
    if not any(c.isalnum() for c in question):
        raise InputError("The question holds no word. Ask in words, for example: Which gene is mutated?")
    unreadable = sum(c == "\ufffd" or (c < " " and c not in "\t\n\r\f\v") for c in text)
    if unreadable > 0.05 * len(text):
        raise InputError("This looks like a binary file, not text. Paste the words of the abstract itself.")


def known_answers(text: str, question: str) -> tuple[str, ...] | None:
    """The known answers if this is one of the examples, unchanged; ``None`` otherwise."""
    for example in EXAMPLES:
        if example["context"].strip() == text.strip() and example["question"].strip() == question.strip():
            return tuple(example["answers"])
    return None


def fetching(checkpoint: Checkpoint, cancelled: threading.Event, timeout_s: float) -> Iterator[FetchProgress]:
    """The progress of one download, a few times a second, until it is complete.

    Raises what ``fetch`` raises.
    """
    reports: queue.SimpleQueue[FetchProgress | BaseException | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            fetch(checkpoint, progress=reports.put, cancelled=cancelled, timeout_s=timeout_s)
            reports.put(None)
        except BaseException as error:
            reports.put(error)

    threading.Thread(target=work, daemon=True, name=f"fetch {checkpoint.label}").start()
    try:
        while True:
            report = reports.get()
            while isinstance(report, FetchProgress) and not reports.empty():
                report = reports.get()  # only the newest is worth showing
            if report is None:
                return
            if isinstance(report, BaseException):
                raise report
            yield report
            time.sleep(PROGRESS_EVERY_S)
    except GeneratorExit:
        # A visitor who leaves closes this generator; nobody would see the rest arrive.
        cancelled.set()
        raise


def _progress_words(checkpoint: Checkpoint, progress: FetchProgress) -> str:
    done, total = progress.done_bytes / 1e6, progress.total_bytes / 1e6
    return f"Fetching {checkpoint.label}: {done:,.0f} of {total:,.0f} MB"


def _missing(pair: ModelPair) -> list[Checkpoint]:
    return [checkpoint for checkpoint in (pair.biom, pair.vanilla) if locate(checkpoint) is None]


def _on_disk(pair: ModelPair) -> bool:
    return not _missing(pair)


def _pair_title(pair: ModelPair) -> str:
    # The cards say in full what each has seen; here the names must fit the width of a phone.
    biom, vanilla = (checkpoint.label.split("-SQuAD")[0] for checkpoint in (pair.biom, pair.vanilla))
    return f"{pair.name}: {biom} and {vanilla}"


def _waiting(checkpoint: Checkpoint, side: Side) -> str:
    return waiting_html(checkpoint.label, checkpoint.trained_on, side)


def _card(
    output: ModelOutput,
    text: str,
    checkpoint: Checkpoint,
    side: Side,
    gold: tuple[str, ...] | None,
    warning: str,
) -> str:
    return side_html(output, text, side, trained_on=checkpoint.trained_on, gold=gold, warning=warning)
