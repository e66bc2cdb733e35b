"""The Ask PubMed tab: a question -> a query -> abstracts -> both models' pooled answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from biom_demo.analysis.literature import (
    SIDES,
    Read,
    find_records,
    findings,
    literature_json,
    read_all,
    tries_of,
)
from biom_demo.analysis.passage import check_input, readable
from biom_demo.errors import BioMError, InputError
from biom_demo.models.catalogue import CATALOGUE, ModelPair, locate
from biom_demo.models.store import OUR_FAULT, Models
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.lookup import notices_of_age
from biom_demo.pubmed.session import PubMed
from biom_demo.qa.records import Question
from biom_demo.settings import Settings
from biom_demo.show.cards import status_html
from biom_demo.show.pubmed import findings_html, table_html

MAX_ABSTRACTS = 100
MAX_QUERY_CHARS = 2_000
NO_RECORDS: tuple[Abstract, ...] = ()

# A row's button puts its abstract and the question into Compare and asks there.
OPEN_IN_COMPARE = """() => {
  if (window.biomOpensAbstracts) return;
  window.biomOpensAbstracts = true;
  const fill = (selector, value) => {
    const box = document.querySelector(selector);
    const setter = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set;
    setter.call(box, value);
    box.dispatchEvent(new Event('input', {bubbles: true}));
  };
  document.addEventListener('click', event => {
    const button = event.target.closest && event.target.closest('.open-abstract');
    if (!button) return;
    const tab = [...document.querySelectorAll('[role=tab]')].find(t => t.textContent.trim() === 'Compare');
    tab.click();
    setTimeout(() => {
      fill('#context textarea', button.dataset.pmid);
      fill('#question textarea', button.dataset.question);
      setTimeout(() => document.querySelector('#ask').click(), 300);
      window.scrollTo({top: 0});
    }, 200);
  });
}"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """The abstracts to read, the question they are for, and what to tell the user."""

    question: str
    records: tuple[Abstract, ...]
    words: str


def build(settings: Settings, default: ModelPair, models: Models, pubmed: PubMed, page: gr.Blocks) -> None:
    """Lay out the tab and wire its events."""
    pairs = {pair.name: pair for pair in (default, *CATALOGUE)}
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            question = gr.Textbox(
                label="Question to PubMed",
                placeholder="Which gene is mutated in cystic fibrosis? (Enter asks)",
                lines=1,
                max_lines=3,
                elem_id="pubmed-question",
            )
            query = gr.Textbox(
                label="PubMed query (made of the question where empty; yours is taken as it is)",
                lines=1,
                max_lines=3,
                elem_id="pubmed-query",
            )
        with gr.Column(scale=2, min_width=320):
            count = gr.Slider(5, MAX_ABSTRACTS, value=20, step=5, label="Abstracts to read", elem_id="count")
            newest = gr.Radio(
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
    status = gr.HTML(status_html(""), elem_id="pubmed-status", padding=False)
    with gr.Row():
        top = gr.Slider(1, 10, value=5, step=1, label="Answers shown", elem_id="top")
        threshold = gr.Slider(
            -10,
            10,
            value=0,
            step=0.5,
            label="No-answer threshold (lower: more abstracts count as silent)",
            elem_id="threshold",
        )
    with gr.Row(equal_height=False):
        cards = []
        for side, checkpoint in zip(SIDES, (default.biom, default.vanilla), strict=True):
            with gr.Column(min_width=320):
                empty = findings_html([], side, checkpoint.label, read=0, silent=0)
                cards.append(gr.HTML(empty, elem_id=f"found-{side}", padding=False))
    table = gr.HTML("", elem_id="abstracts", padding=False)
    found = gr.State(None)
    reads: gr.State = gr.State(())

    running: dict[str, threading.Event] = {}  # by session, so that a visitor stops only their own

    def search(
        asked: str, typed: str, limit: float, order: str, api_key: str | None, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """The abstracts, with the query that found them, progress, and why there are none."""
        session = request.session_hash or ""
        cancelled = running[session] = threading.Event()
        try:
            asked, typed = readable(asked), readable(typed)
            own_key = (api_key or "").strip()
            check_input("an abstract", asked, settings)
            if len(typed) > MAX_QUERY_CHARS:
                raise InputError(f"The query has {len(typed):,} characters. Use at most {MAX_QUERY_CHARS:,}.")
            tries = tries_of(asked, typed)
            if not tries:
                raise InputError("The question has no word to search for. Write a PubMed query of your own.")
            yield gr.skip(), None, status_html("Searching PubMed …")
            used, hits = find_records(
                pubmed,
                tries,
                limit=int(limit),
                newest_first=order == "newest",
                api_key=own_key,
                cancelled=cancelled,
            )
            if not hits.pmids:
                more = f" ({'; '.join(hits.warnings)})" if hits.warnings else ""
                raise InputError(f"PubMed finds nothing for “{used}”{more}. Use fewer or other words.")
            yield used, None, status_html(f"{hits.count:,} records match; fetching {len(hits.pmids)} …")
            fetched = pubmed.fetch(hits.pmids, api_key=own_key, cancelled=cancelled)
            if not fetched.records:
                raise InputError("PubMed has no text of these records. Try another query.")
            words = f"{hits.count:,} records match; read: the first {len(fetched.records)}."
            words = " ".join([words, *notices_of_age(fetched)])
            yield used, Found(asked, fetched.records, words), status_html("Reading …")
        except BioMError as error:
            yield gr.skip(), None, status_html(str(error), kind="error")
        except Exception:
            log.exception("searching failed")
            yield gr.skip(), None, status_html(OUR_FAULT, kind="error")

    def read(
        given: Found | None, shown: float, null_threshold: float, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """Findings and table, a few abstracts more each time."""
        if given is None:  # the status says why
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip()
            return
        cancelled = running.setdefault(request.session_hash or "", threading.Event())
        total = len(given.records)
        done: list[Read] = []
        try:
            if locate(default.biom) is None or locate(default.vanilla) is None:
                raise InputError("The models are not on this machine yet. Fetch them on the Compare tab.")
            sides = models.reader(default.biom), models.reader(default.vanilla)
            for done in read_all(
                given.records, Question("pubmed", given.question), *sides, cancelled=cancelled
            ):
                views = view(done, given.question, shown, null_threshold)
                words = f"Read {len(done)} of {total} …"
                yield tuple(done), *views, status_html(words, progress=len(done) / total)
            words = given.words
            if cancelled.is_set():
                words = f"Stopped after {len(done)} of {total} abstracts; what was read is kept."
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), status_html(words)
        except BioMError as error:
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), status_html(str(error), kind="error")
        except Exception:
            log.exception("reading failed")
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), status_html(OUR_FAULT, kind="error")
        finally:
            running.pop(request.session_hash or "", None)

    def view(done: Sequence[Read], asked: str, shown: float, null_threshold: float) -> list[str]:
        """Both models' findings and the table; nothing is read anew."""
        made = []
        for side, checkpoint in zip(SIDES, (default.biom, default.vanilla), strict=True):
            best = findings(done, side, top_n=int(shown), null_threshold=null_threshold)
            silent = sum(r.by(side).best(null_threshold=null_threshold) is None for r in done)
            made.append(findings_html(best, side, checkpoint.label, read=len(done), silent=silent))
        return [*made, table_html(done, asked, null_threshold=null_threshold)]

    def change_view(
        done: tuple[Read, ...], given: Found | None, shown: float, null_threshold: float
    ) -> list[Any]:
        if not done or given is None:
            return [gr.skip(), gr.skip(), gr.skip()]
        return list(view(done, given.question, shown, null_threshold))

    def halt(request: gr.Request) -> str:
        if event := running.get(request.session_hash or ""):
            event.set()
            return status_html("Stopping …")
        return status_html("Nothing is running.")

    for trigger in (ask.click, question.submit, query.submit):
        trigger(
            search,
            [question, query, count, newest, key],
            [query, found, status],
            concurrency_id="pubmed",
            show_progress="minimal",
            show_progress_on=[status],
            api_visibility="private",
        ).then(
            read,
            [found, top, threshold],
            [reads, *cards, table, status],
            concurrency_id="model",
            show_progress="minimal",
            show_progress_on=[status],
            api_visibility="private",
        )
    for slider in (top, threshold):
        slider.change(
            change_view,
            [reads, found, top, threshold],
            [*cards, table],
            queue=False,
            trigger_mode="always_last",
            show_progress="hidden",
            api_visibility="private",
        )
    stop.click(halt, None, [status], queue=False, show_progress="hidden", api_visibility="private")
    # A new question needs a new query; what the user wrote for the old one would find the wrong records.
    question.input(lambda: "", None, [query], queue=False, show_progress="hidden", api_visibility="private")
    page.load(None, None, None, js=OPEN_IN_COMPARE)

    def ask_pubmed_json(
        question: str, query: str = "", abstracts: int = 20, pair: str = default.name
    ) -> dict[str, Any]:
        """Both models' answers to a question over the PubMed abstracts it finds, with PMIDs and offsets."""
        try:
            asked, typed = readable(question), readable(query)
            check_input("an abstract", asked, settings)
            if pair not in pairs:
                raise InputError(f"There is no pair {pair!r}. Choose one of: {', '.join(pairs)}.")
            tries = tries_of(asked, typed)
            if not tries:
                raise InputError("The question has no word to search for. Give a query.")
            limit = max(1, min(int(abstracts), MAX_ABSTRACTS))
            used, hits = find_records(pubmed, tries, limit=limit)
            records = pubmed.fetch(hits.pmids).records if hits.pmids else NO_RECORDS
            chosen = pairs[pair]
            sides = models.reader(chosen.biom), models.reader(chosen.vanilla)
            *_, done = [[], *read_all(records, Question("api", asked), *sides)]
            labels = (chosen.biom.label, chosen.vanilla.label)
            return literature_json(asked, used, hits, done, labels=labels)
        except BioMError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except Exception as error:
            log.exception("asking PubMed failed")
            raise gr.Error("Something went wrong on our side; the log has the details.") from error

    gr.api(ask_pubmed_json, api_name="ask_pubmed", concurrency_id="model")
