"""The endpoints for programs: the same functions as the page, and JSON instead of a page.

Where an endpoint cannot do what it is asked, what it gives is an error with a sentence (``error``) and a
code (``title``, one of ``CODES``). With ``BIOM_MCP`` they are tools of an MCP server too (``ui.mcp``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import get_blocks_context
from gradio.utils import get_function_description, get_upload_folder

from biom_demo import __version__
from biom_demo.analysis.benchmark import benchmark_json, benchmark_steps, uploaded_gold
from biom_demo.analysis.cascade import extent_of
from biom_demo.analysis.comparison import MAX_SIDES, Comparison, View, compared
from biom_demo.analysis.difference import difference_of
from biom_demo.analysis.literature import (
    MAX_ABSTRACTS,
    MAX_QUERY_CHARS,
    queries_to_try,
    read_abstracts,
    retrieve,
    search,
    to_be_read,
)
from biom_demo.analysis.passage import (
    Passage,
    check_input,
    check_question,
    passage_of_names,
    passage_of_text,
    readable,
)
from biom_demo.analysis.stored import known_digest_of
from biom_demo.counters import Work
from biom_demo.errors import (
    BusyError,
    CheckpointError,
    DataError,
    InputError,
    OutOfTimeError,
    PubMedError,
    RefusedError,
)
from biom_demo.models.catalogue import Checkpoint, locate
from biom_demo.models.store import Visit
from biom_demo.models.worker import Ended
from biom_demo.pubmed.identify import Kind, identify
from biom_demo.qa.reader import Decoding
from biom_demo.qa.records import Question
from biom_demo.settings import Precision
from biom_demo.show.export import (
    VIEW_LIMITS,
    comparison_document,
    comparison_json,
    literature_json,
    retrieved_json,
)
from biom_demo.ui.arguments import (
    MAX_CHOICE_CHARS,
    MAX_FILE_NAME_CHARS,
    MAX_LINE_CHARS,
    MAX_PATH_CHARS,
    number_of,
    text_of,
)
from biom_demo.ui.reading import ended_words, result_of
from biom_demo.ui.site import Site, words_of
from biom_demo.ui.wiring import PROGRAMS_READING_AT_ONCE

# The first that an error is of; what nobody foresaw is the last one.
CODES: tuple[tuple[type[Exception], str], ...] = (
    (BusyError, "busy"),
    (OutOfTimeError, "out_of_time"),
    (DataError, "unusable_file"),
    (InputError, "unusable_input"),
    (CheckpointError, "models_unavailable"),
    (RefusedError, "pubmed_refuses"),
    (PubMedError, "pubmed_unavailable"),
    (Exception, "internal_error"),
)


def code_of(error: Exception) -> str:
    """The code of an error, for programs."""
    return next(code for kind, code in CODES if isinstance(error, kind))


def answer(
    site: Site, text: str, question: str, pair: str, precision: str = "", *, visitor: str = ""
) -> dict[str, Any]:
    """Both models' answers to a question about a text, or the record it names, as plain JSON values.

    Raises ``InputError`` for what cannot be used or read in time, ``CheckpointError`` for models that
    cannot be read, ``PubMedError`` where a record is named and PubMed cannot be asked. ``precision`` "" is
    that of the server.
    """
    in_ = precision_of(site, precision)
    found = _compared(site, text, question, site.checkpoints(pair), in_, visitor, exactly=False)
    return {**comparison_json(found), **made_with(found.checkpoints)}


def compare(
    site: Site,
    text: str,
    question: str,
    pair: str,
    further: Sequence[str] | None = None,
    settings: Mapping[str, float] | None = None,
    precision: str = "",
    *,
    exactly: bool = False,
    read: str | None = None,
    visitor: str = "",
) -> dict[str, Any]:
    """All that Compare shows of two to four models, as plain JSON values, under the ``settings`` of the view.

    With ``exactly`` the text is read as it stands, whatever it looks like. Raises what ``answer`` raises,
    and ``InputError`` for a setting that is beyond the ends of the page's sliders.
    """
    view = view_of(settings or {})
    names = [] if further is None else further
    if not isinstance(names, Sequence) or isinstance(names, str) or len(names) > MAX_SIDES - 2:
        raise InputError(f"further must be a list of at most {MAX_SIDES - 2} models.")
    names = [text_of(name, "a model of further", most=MAX_CHOICE_CHARS) for name in names]
    in_, checkpoints = precision_of(site, precision), site.checkpoints(pair, names)
    found = _compared(site, text, question, checkpoints, in_, visitor, exactly=exactly, read=read)
    return {**comparison_document(difference_of(found, view), pair=pair), **made_with(found.checkpoints)}


def precision_of(site: Site, name: str) -> Precision:
    """The precision of that name, the server's for "". Raises ``InputError`` for one not on offer."""
    return site.precision if name == "" else site.precision_named(name)


def view_of(settings: Mapping[str, float]) -> View:
    """The view of these settings; what is not among them is as on the page.

    Raises ``InputError`` for one that is beyond the ends of the page's sliders, ``KeyError`` for an
    unknown one.
    """
    whole = {item.name for item in fields(View) if item.type == "int"}
    values: dict[str, Any] = {}
    for name, value in settings.items():
        least, most = VIEW_LIMITS[name]
        number = number_of(value, name, least=least, most=most)
        values[name] = int(number) if name in whole else number
    return replace(View(), **values)


def _compared(
    site: Site,
    text: str,
    question: str,
    checkpoints: Sequence[Checkpoint],
    precision: Precision,
    visitor: str,
    *,
    exactly: bool,
    read: str | None = None,
) -> Comparison:
    site.stops.check_open()
    text = readable(text_of(text, "text", most=2 * site.settings.max_context_chars))
    question = readable(text_of(question, "question", most=MAX_LINE_CHARS))
    check_input(text, question, max_chars=site.settings.max_context_chars)
    if not isinstance(exactly, bool):
        raise InputError("exactly must be true or false.")
    asked, passage = Question(question), _passage(site, text, exactly=exactly)
    extent = extent_of(read, site.settings)
    with site.reading(Work.API, visitor, precision=precision) as visit:
        found = result_of(lambda: compared(asked, passage, checkpoints, visit, extent), visit)
    if not found.complete:
        raise _ended(visit)
    return found


def _passage(site: Site, text: str, *, exactly: bool) -> Passage:
    """What is read where ``text`` is given: the records it names, as in the page's box, or the text.

    What may be a title or a query is read as a text. A person sees what it is taken for, and may say
    otherwise; a program's short text is not to leave for PubMed on a guess.
    """
    if exactly:
        return passage_of_text(text, exactly=True)
    identified = identify(text)
    if identified.kind not in (Kind.RECORDS, Kind.FOREIGN_ADDRESS):
        return passage_of_text(text)
    within_s = site.settings.pubmed_budget_s
    with site.names_gate.passed(within_s=within_s), site.asking_pubmed() as session:
        return passage_of_names(identified, text, session, max_chars=site.settings.max_context_chars)


def _ended(visit: Visit) -> InputError:
    kinds = {Ended.BUDGET: OutOfTimeError, Ended.CLOSED: BusyError}
    kind = kinds.get(visit.ended, InputError) if visit.ended else InputError
    return kind(ended_words(visit))


def search_pubmed(site: Site, question: str, query: str, abstracts: int) -> dict[str, Any]:
    """What PubMed finds for a question, with the abstracts' texts, as plain JSON values. No model reads.

    Raises ``InputError`` for what cannot be used or finds nothing, ``PubMedError`` where PubMed cannot
    be asked.
    """
    site.stops.check_open()
    question, query, limit = _search_arguments(question, query, abstracts)
    with site.asking_pubmed() as session:
        found = search(queries_to_try(question, query), session, limit=limit)
        return {**retrieved_json(retrieve(question, found, session)), "version": __version__}


def ask_pubmed(
    site: Site,
    question: str,
    query: str,
    abstracts: int,
    pair: str,
    precision: str = "",
    read: str | None = None,
    *,
    visitor: str = "",
) -> dict[str, Any]:
    """Both models' answers over the abstracts that PubMed finds for a question, as plain JSON values.

    No model is kept from others while PubMed answers. Raises what ``answer`` raises, and
    ``PubMedError`` where PubMed cannot be asked.
    """
    site.stops.check_open()
    question, query, limit = _search_arguments(question, query, abstracts)
    checkpoints, in_ = site.checkpoints(pair), precision_of(site, precision)
    extent = extent_of(read, site.settings)
    tries = queries_to_try(question, query)
    with site.asking_pubmed() as session:
        retrieved = retrieve(question, search(tries, session, limit=limit), session)
    with site.reading(Work.API, visitor, precision=in_) as visit:
        chosen = result_of(lambda: to_be_read(retrieved, checkpoints, visit, extent), visit)
        made = result_of(lambda: list(read_abstracts(chosen, checkpoints, visit)), visit)
    if visit.ended:
        chosen = replace(chosen, notices=(*chosen.notices, ended_words(visit)))
    return {**literature_json(chosen, made, checkpoints=checkpoints), **made_with(checkpoints)}


def _search_arguments(question: str, query: str, abstracts: int) -> tuple[str, str, int]:
    question = readable(text_of(question, "question", most=MAX_LINE_CHARS))
    query = readable(text_of(query, "query", most=MAX_QUERY_CHARS))
    check_question(question)
    return question, query, int(number_of(abstracts, "abstracts", least=1, most=MAX_ABSTRACTS))


def evaluate_file(
    site: Site, file: Any, pair: str, precision: str = "", *, visitor: str = ""
) -> dict[str, Any]:
    """Both models' figures on an uploaded SQuAD or BioASQ file, as plain JSON values.

    Where the time for one request ends before the file, they are over what both models have read, and
    ``notices`` say so. Raises ``DataError`` for a file that cannot be used, else what ``answer`` raises.
    """
    site.stops.check_open()
    checkpoints, in_ = site.checkpoints(pair), precision_of(site, precision)
    path = uploaded(file)
    gold = uploaded_gold(path, str(file.get("orig_name") or path.name))
    with site.reading(Work.API, visitor, precision=in_) as visit:
        visit.decoding = Decoding()  # as ``biom-demo evaluate`` reads
        *_, (_, _, made) = result_of(lambda: list(benchmark_steps(gold, checkpoints, visit)), visit)
    if made is None:
        raise _ended(visit)
    notices = [ended_words(visit)] if visit.ended else []
    return {**benchmark_json(made), "precision": str(in_), "notices": notices, **made_with(checkpoints)}


def uploaded(file: Any) -> Path:
    """Where a file lies that was uploaded here. Raises ``DataError`` for any other place."""
    path = file.get("path") if isinstance(file, dict) else None
    name = file.get("orig_name") if isinstance(file, dict) else None
    fits = isinstance(path, str) and 0 < len(path) <= MAX_PATH_CHARS and "\0" not in path
    fits = fits and (name is None or (isinstance(name, str) and len(name) <= MAX_FILE_NAME_CHARS))
    if fits:
        place = Path(str(path)).resolve()
        if place.is_relative_to(Path(get_upload_folder()).resolve()) and place.is_file():
            return place
    raise DataError("file must be one that was uploaded here (/gradio_api/upload). Upload it, and name it.")


def made_with(checkpoints: Sequence[Checkpoint]) -> dict[str, Any]:
    """The program's version, and each checkpoint's id and digest, as plain JSON values."""
    return {
        "version": __version__,
        "checkpoints": [{"label": one.label, "id": one.name, "digest": _digest(one)} for one in checkpoints],
    }


def _digest(checkpoint: Checkpoint) -> str | None:
    folder = locate(checkpoint)
    if folder is None:
        return None
    try:
        return known_digest_of(folder)
    except OSError:
        return None


def _visitor(request: gr.Request) -> str:
    """Who takes turns: a program may ask many things at once, each in a session of its own."""
    return f"program at {request.client.host}" if request.client else "program"


def _given(work: Callable[[], dict[str, Any]], doing: str) -> dict[str, Any]:
    """What the work gives. Raises ``gr.Error`` with its words and code where it cannot be done."""
    try:
        return work()
    except Exception as error:
        raise gr.Error(words_of(error, doing), title=code_of(error), print_exception=False) from error


def build(site: Site) -> None:
    """Add the endpoints to the page being built."""
    default, exact = site.pair.name, str(site.precision)
    view = View()
    usual = str(site.settings.read)

    # Gradio shows a function's name, and each line of its "Args", on the page of the API and to agents.
    # Its arguments stay these three: programs send them as a list, and Gradio wants the whole of it.
    def answer_(text: str, question: str, request: gr.Request, pair: str = default) -> dict[str, Any]:
        """Both models' answers to a question about a text or a PubMed record, side by side.

        Offsets count characters and are half-open: start and end into the text as read (it is given
        back), given_start and given_end into what you gave.

        Args:
            text: The text; or PMIDs, DOIs, PMCIDs, PubMed addresses or citations, whose abstracts are read.
            question: One question in English, such as: Which gene is mutated in cystic fibrosis?
            pair: The pair of models; see the README for their names.

        Returns:
            answers with probabilities and runners-up of each model, how they relate, PMIDs with citation
            and warnings (retractions), model ids, checkpoint digests and version
        """
        return _given(
            lambda: answer(site.seen_by(request.headers), text, question, pair, visitor=_visitor(request)),
            "the API's answer",
        )

    def compare_(
        text: str,
        question: str,
        request: gr.Request,
        pair: str = default,
        further: list[str] | None = None,
        null_threshold: float = view.null_threshold,
        shown: int = view.shown,
        max_answer_length: int = view.max_answer_length,
        near_duplicate_threshold: float = view.near_duplicate_threshold,
        exactly: bool = False,
        precision: str = exact,
        read: str = usual,
    ) -> dict[str, Any]:
        """All that the Compare tab shows: answers of two to four models, and each answer under each model.

        Args:
            text: The text; or PMIDs, DOIs, PMCIDs, PubMed addresses or citations, whose abstracts are read.
            question: One question in English.
            pair: The pair of models.
            further: Up to two more models, by their names in the page's list.
            null_threshold: A model abstains where "no answer" scores higher than its best answer by more.
            shown: Answers listed of each model, 1 to 10.
            max_answer_length: The longest answer, in tokens, 1 to 60.
            near_duplicate_threshold: Answers that overlap a better one by more are left out, 0 to 1.
            exactly: Read the text as it stands, whatever it looks like; nothing is looked up or mended.
            precision: What the models compute in: float32 (exact), or bfloat16 or int8 where on offer.
            read: How much of a long text is read: all, promising (what looks so to a quicker first stage), or
                auto, which is all.

        Returns:
            what /answer gives of each model, probabilities by word, cross-scores, and the difference in words
        """
        settings = {
            "null_threshold": null_threshold,
            "shown": shown,
            "max_answer_length": max_answer_length,
            "near_duplicate_threshold": near_duplicate_threshold,
        }
        return _given(
            lambda: compare(
                site.seen_by(request.headers),
                text,
                question,
                pair,
                further,
                settings,
                precision,
                exactly=exactly,
                read=read,
                visitor=_visitor(request),
            ),
            "the API's comparison",
        )

    def search_pubmed_(
        question: str, request: gr.Request, query: str = "", abstracts: int = 20
    ) -> dict[str, Any]:
        """The PubMed abstracts for a question, with texts, citations and warnings. No model reads them.

        Args:
            question: One question in English; queries are made of it, from strict to loose.
            query: Your own PubMed query in their place.
            abstracts: How many abstracts at most, 1 to 100.

        Returns:
            the queries and what PubMed made of them, and the records, best first
        """
        return _given(
            lambda: search_pubmed(site.seen_by(request.headers), question, query, abstracts),
            "the API's search",
        )

    def ask_pubmed_(
        question: str,
        request: gr.Request,
        query: str = "",
        abstracts: int = 20,
        pair: str = default,
        precision: str = exact,
        read: str = usual,
    ) -> dict[str, Any]:
        """Both models' answers to a question over the PubMed abstracts it finds, with sentences to quote.

        Args:
            question: One question in English; queries are made of it, from strict to loose.
            query: Your own PubMed query in their place.
            abstracts: How many abstracts are read at most, 1 to 100.
            pair: The pair of models.
            precision: What the models compute in: float32 (exact), or bfloat16 or int8 where on offer.
            read: How much of them is read: all, promising (what looks so to a quicker first stage), or auto.

        Returns:
            each model's answers with the sentences and PMIDs they stand in, and all abstracts read with
            citation and warnings
        """
        return _given(
            lambda: ask_pubmed(
                site.seen_by(request.headers),
                question,
                query,
                abstracts,
                pair,
                precision,
                read,
                visitor=_visitor(request),
            ),
            "the API's question to PubMed",
        )

    def evaluate_file_(
        file: gr.FileData, request: gr.Request, pair: str = default, precision: str = exact
    ) -> dict[str, Any]:
        """Both models' figures on a file with known answers: SQuAD (v1.1, v2.0) or BioASQ task B.

        Args:
            file: An uploaded file (.json), at most 8 MB and 15,000 questions.
            pair: The pair of models.
            precision: What the models compute in: float32 (exact), or bfloat16 or int8 where on offer.

        Returns:
            EM, F1, strict and lenient accuracy and MRR with intervals and significance, by kind of question
            and answer, calibration, unlike answers, and every prediction
        """
        return _given(
            lambda: evaluate_file(
                site.seen_by(request.headers), file, pair, precision, visitor=_visitor(request)
            ),
            "the API's evaluation",
        )

    # Apart from the page's: programs that ask and do not listen hold no visitor's place.
    reads = {"concurrency_id": "programs", "concurrency_limit": PROGRAMS_READING_AT_ONCE}
    # Not the model's queue: it would stand still while PubMed answers. Reading still takes turns.
    asks = {"concurrency_limit": 4}
    for function, queue in (
        (answer_, reads),
        (compare_, reads),
        (search_pubmed_, asks),
        (ask_pubmed_, asks),
        (evaluate_file_, reads),
    ):
        function.__name__ = function.__name__.removesuffix("_")
        gr.api(function, api_name=function.__name__, **queue)
        _describe(function)


def _describe(function: Callable[..., Any]) -> None:
    """Put the words on a function's parameters where Gradio's page of the API looks for them."""
    page = get_blocks_context()
    made = next(one for one in page.fns.values() if one.fn is function)
    _, words, _ = get_function_description(function)
    names = [name for name in words if name != "request"]
    for name, box in zip(names, made.inputs, strict=True):
        box.label = name
        # The first is shown on that page, the other to readers of the schema.
        told = {"additional_description": words[name], "description": words[name]}
        box._api_info = {**box._api_info, **told}
