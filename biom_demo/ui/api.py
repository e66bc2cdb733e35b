"""The endpoints for programs: the same functions as the page, and JSON instead of a page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from biom_demo.analysis.comparison import compared
from biom_demo.analysis.literature import (
    MAX_ABSTRACTS,
    MAX_QUERY_CHARS,
    queries_to_try,
    read_abstracts,
    retrieve,
    search,
)
from biom_demo.analysis.passage import check_input, check_question, passage_of_text, readable
from biom_demo.counters import Work
from biom_demo.errors import InputError
from biom_demo.qa.records import Question
from biom_demo.show.export import comparison_json, literature_json
from biom_demo.ui.arguments import MAX_LINE_CHARS, number_of, text_of
from biom_demo.ui.reading import ended_words, result_of
from biom_demo.ui.site import Site, words_of
from biom_demo.ui.wiring import PROGRAMS_READING_AT_ONCE


def answer(site: Site, text: str, question: str, pair: str, *, visitor: str = "") -> dict[str, Any]:
    """Both models' answers to a question about a text, as plain JSON values.

    Raises ``InputError`` for what cannot be used or read in time, ``CheckpointError`` for models that
    cannot be read.
    """
    site.stops.check_open()
    text = readable(text_of(text, "text", most=2 * site.settings.max_context_chars))
    question = readable(text_of(question, "question", most=MAX_LINE_CHARS))
    check_input(text, question, max_chars=site.settings.max_context_chars)
    asked, passage, checkpoints = Question(question), passage_of_text(text), site.checkpoints(pair)
    with site.reading(Work.API, visitor) as visit:
        found = result_of(lambda: compared(asked, passage, checkpoints, visit), visit)
    if not found.complete:
        raise InputError(ended_words(visit))
    return comparison_json(found)


def ask_pubmed(
    site: Site, question: str, query: str, abstracts: int, pair: str, *, visitor: str = ""
) -> dict[str, Any]:
    """Both models' answers over the abstracts that PubMed finds for a question, as plain JSON values.

    No model is kept from others while PubMed answers. Raises what ``answer`` raises, and
    ``PubMedError`` where PubMed cannot be asked.
    """
    site.stops.check_open()
    question = readable(text_of(question, "question", most=MAX_LINE_CHARS))
    query = readable(text_of(query, "query", most=MAX_QUERY_CHARS))
    check_question(question)
    checkpoints = site.checkpoints(pair)
    limit = int(number_of(abstracts, "abstracts", least=1, most=MAX_ABSTRACTS))
    tries = queries_to_try(question, query)
    with site.asking_pubmed() as session:
        retrieved = retrieve(question, search(tries, session, limit=limit), session)
    with site.reading(Work.API, visitor) as visit:
        read = result_of(lambda: list(read_abstracts(retrieved, checkpoints, visit)), visit)
    if visit.ended:
        retrieved = replace(retrieved, notices=(*retrieved.notices, ended_words(visit)))
    return literature_json(retrieved, read, checkpoints=checkpoints)


def _visitor(request: gr.Request) -> str:
    """Who takes turns: a program may ask many things at once, each in a session of its own."""
    return f"program at {request.client.host}" if request.client else "program"


def build(site: Site) -> None:
    """Add the endpoints ``/answer`` and ``/ask_pubmed`` to the page being built."""
    default = site.pair.name

    def answer_json(text: str, question: str, request: gr.Request, pair: str = default) -> dict[str, Any]:
        """Both models' answers to a question about a text, with character offsets (half-open)."""
        try:
            return answer(site.seen_by(request.headers), text, question, pair, visitor=_visitor(request))
        except Exception as error:
            raise gr.Error(words_of(error, "the API's answer"), print_exception=False) from error

    def ask_pubmed_json(
        question: str, request: gr.Request, query: str = "", abstracts: int = 20, pair: str = default
    ) -> dict[str, Any]:
        """Both models' answers to a question over the PubMed abstracts it finds, with PMIDs and offsets."""
        try:
            return ask_pubmed(
                site.seen_by(request.headers), question, query, abstracts, pair, visitor=_visitor(request)
            )
        except Exception as error:
            raise gr.Error(words_of(error, "the API's search"), print_exception=False) from error

    # Apart from the page's: programs that ask and do not listen hold no visitor's place.
    gr.api(
        answer_json,
        api_name="answer",
        concurrency_id="programs",
        concurrency_limit=PROGRAMS_READING_AT_ONCE,
    )
    # Not the model's queue: it would stand still while PubMed answers. Reading still takes turns.
    gr.api(ask_pubmed_json, api_name="ask_pubmed", concurrency_limit=4)
