"""A comparison to keep or pass on: permalink, Markdown, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlencode

from biom_demo.analysis.claims import Claim, EvidenceTable
from biom_demo.analysis.comparison import MAX_SIDES, Comparison, Side, View
from biom_demo.analysis.difference import CrossScore, Difference, rounded
from biom_demo.analysis.literature import MAX_ABSTRACTS, Finding, Retrieved, findings
from biom_demo.analysis.passage import Passage, passage_of_records
from biom_demo.errors import InputError
from biom_demo.models.catalogue import Checkpoint
from biom_demo.pubmed.abstract import Abstract
from biom_demo.qa.metrics import squad_exact_match
from biom_demo.qa.records import Answer
from biom_demo.qa.sentences import sentence_around
from biom_demo.settings import Precision
from biom_demo.show.citations import address_of, citation_text
from biom_demo.show.claims import shared_words, support_words
from biom_demo.show.words import as_sure_words, chosen_words, counted, in_words, named, percent, verdict_words

MAX_LINKED_TEXT_CHARS = 6_000  # longer addresses are cut off by servers and mail programs
MAX_LINK_VALUE_CHARS = 20_000
# The least and most each setting of the view may be; the page's sliders have the same ends.
VIEW_LIMITS: dict[str, tuple[float, float]] = {
    "null_threshold": (-10.0, 10.0),
    "shown": (1, 10),
    "max_answer_length": (1, 60),
    "near_duplicate_threshold": (0.0, 1.0),
}
OTHERWISE = "other"
NEWEST = "newest"
NOT_READ = "not read"
SOURCES = ("own", "built-in")  # of abstracts, beside PubMed, which needs no name
TABS = ("ask", "batch", "benchmark", "about")  # beside Compare, which needs no name
MAX_FURTHER = MAX_SIDES - 2
_VIEW_KEYS = {
    "null_threshold": "null",
    "shown": "top",
    "max_answer_length": "length",
    "near_duplicate_threshold": "dup",
}
_FURTHER_KEYS = tuple(f"model{place}" for place in range(3, 3 + MAX_FURTHER))
_KEYS = (
    "id",
    "text",
    "q",
    "pair",
    "as",
    "tab",
    "query",
    "sort",
    "n",
    "from",
    "engine",
    *_FURTHER_KEYS,
    *_VIEW_KEYS.values(),
)


@dataclass(frozen=True, slots=True)
class Link:
    """What a permalink carries: how a record was named, or a text, and what to do with it.

    ``tab`` is one of ``TABS``, "" for Compare. ``query``, ``newest_first`` and ``abstracts`` are of Ask
    PubMed.
    """

    named: str = ""  # a PMID, DOI, ... as it was typed
    text: str = ""  # a pasted text, only where the user chose to share it
    question: str = ""
    pair: str = ""
    otherwise: bool = False  # the name is taken in the other way it can be taken
    view: View = field(default_factory=View)
    tab: str = ""
    further: tuple[str, ...] = ()  # keys of models beside the pair
    query: str = ""  # the user's own, "" for one made of the question
    newest_first: bool = False
    abstracts: int = 0  # to read, 0 for as many as usual
    source: str = ""  # one of SOURCES where Ask PubMed asks not PubMed: no text is in a link
    precision: Precision | None = None  # what models compute in, None as the server has it


def link_query(link: Link) -> str:
    """The permalink's part from "?" on; "" for one that says nothing. What is as usual is left out.

    Raises ``InputError`` for a text too long for an address.
    """
    if len(link.text) > MAX_LINKED_TEXT_CHARS:
        raise InputError(
            f"The text has {len(link.text):,} characters; a link holds at most {MAX_LINKED_TEXT_CHARS:,}. "
            "Leave the text out of the link, or send the JSON file."
        )
    values = {
        "tab": link.tab,
        "id": link.named,
        "text": link.text,
        "q": link.question,
        "query": link.query,
        "sort": NEWEST if link.newest_first else "",
        "n": f"{link.abstracts}" if link.abstracts else "",
        "from": link.source,
        "pair": link.pair,
        **dict(zip(_FURTHER_KEYS, link.further, strict=False)),
        "as": OTHERWISE if link.otherwise else "",
        "engine": str(link.precision or ""),
    }
    usual = View()
    for item in fields(View):
        if getattr(link.view, item.name) != getattr(usual, item.name):
            values[_VIEW_KEYS[item.name]] = f"{getattr(link.view, item.name):g}"
    told = {key: value for key, value in values.items() if value}
    return "?" + urlencode(told, errors="replace") if told else ""


def read_link(parameters: Mapping[str, str]) -> Link | None:
    """What a permalink's parameters ask for, ``None`` where they ask for nothing.

    Anyone can write a link: numbers out of bounds are brought to the nearest bound, and what is no
    number, tab, order or engine is ignored. Raises ``InputError`` for values too long to have come from
    ``link_query``.
    """
    given = {key: parameters.get(key, "") for key in _KEYS}
    tab = given["tab"] if given["tab"] in TABS else ""
    if not (given["id"] or given["text"] or given["q"] or given["query"] or tab):
        return None
    if any(len(value) > MAX_LINK_VALUE_CHARS for value in given.values()):
        raise InputError("This link is too long to be one of ours. Ask its sender for the JSON file.")
    numbers: dict[str, Any] = {}
    for name, key in _VIEW_KEYS.items():
        value = _number(given[key], *VIEW_LIMITS[name])
        if value is not None:
            numbers[name] = int(value) if name in ("shown", "max_answer_length") else value
    return Link(
        named=given["id"],
        text=given["text"],
        question=given["q"],
        pair=given["pair"],
        otherwise=given["as"] == OTHERWISE,
        view=View(**numbers),
        tab=tab,
        further=tuple(given[key] for key in _FURTHER_KEYS if given[key]),
        query=given["query"],
        newest_first=given["sort"] == NEWEST,
        abstracts=int(_number(given["n"], 1, MAX_ABSTRACTS) or 0),
        source=given["from"] if given["from"] in SOURCES else "",
        precision=next((one for one in Precision if one == given["engine"]), None),
    )


def _number(text: str, low: float, high: float) -> float | None:
    """The number within bounds, ``None`` for what is no number."""
    try:
        value = min(max(float(text), low), high)
    except ValueError:
        return None
    return value if value == value else None  # NaN is none


def markdown(found: Difference, *, gold: Sequence[str] | None = None) -> str:
    """The comparison to paste into a note: the verdict, and each answer with its sentence, offsets and PMID.

    Offsets are half-open characters of the text as read. ``gold`` are the known answers (``None``: not
    known; empty: the text holds none). What came from outside is escaped: it makes no link, HTML, list
    or heading.
    """
    passage = found.comparison.passage
    lines = [f"**Question:** {_plain(found.comparison.question.text)}", ""]
    lines += [f"**Text:** {_plain(passage.source)}", ""]
    lines += [f"**Computed in:** {found.comparison.precision}", ""]
    for record in passage.records:
        for note in record.warnings:
            lines += [f"**{_plain(record.name)}:** {_plain(note.sentence)}", ""]
    first, second = (side.label for side in found.sides[:2])
    lines += [f"**Verdict:** {_plain(verdict_words(found.verdict, first, second))}", ""]
    if gold is not None:
        known = " or ".join(dict.fromkeys(gold)) if gold else "the text does not say"
        lines += [f"**Known answer:** {_plain(known)}", ""]
    where = f"PMID {_plain(', '.join(passage.pmids))}, " if passage.pmids else ""
    for side in found.sides:
        right = _right(side.answer, gold)
        lines += _gap_lines(side.side)
        met = "" if right is None else "; ✓ as known" if right else "; ✗ not as known"
        if side.answer is None:
            guess = f" (best guess: {_plain(side.top.text)})" if side.top else ""
            lines.append(f"- **{_plain(side.label)}:** no answer in this text{guess}{met}")
            continue
        span = side.answer.span
        lines.append(
            f"- **{_plain(side.label)}:** {_plain(side.answer.text)} "
            f"(confidence {_plain(percent(side.answer.probability))}; "
            f"{where}characters {span.start}–{span.end}){met}"
        )
        if as_sure := side.side.answers_as_sure(found.view):
            lines.append(f"  {_plain(as_sure_words(*as_sure))}")
        lines.append(f"  > {_plain(sentence_around(found.text, span).of(found.text))}")
    lines += ["", *(_plain(sentence) for sentence in in_words(found))]
    return "\n".join(lines) + "\n"


def _gap_lines(side: Side) -> list[str]:
    """How much of the text a model has not read, where it has not read all."""
    unread, whole = sum(map(len, side.reading.gaps)), len(side.reading.context)
    return [f"*{_plain(side.label)} did not read {unread:,} of {whole:,} characters.*", ""] if unread else []


def _right(answer: Answer | None, gold: Sequence[str] | None) -> bool | None:
    """Whether an answer is a known one (exact match), or abstaining is right; ``None``: not known."""
    if gold is None:
        return None
    if answer is None or not gold:
        return answer is None and not gold
    return any(squad_exact_match(answer.text, one) for one in gold)


# What opens markup anywhere in a line, "http://" and "www." that are made links as they stand, "&lt;", and
# ":smile:".
_MARKUP = re.compile(
    r"[\\`*_{}\[\]<>#|~$^!@]|:(?=//)|(?<=www)\.|&(?=#?\w{1,40};)|:(?=[\w+-]{1,40}:)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(\d{1,9})(?=[.)])")


def _plain(text: str) -> str:
    """The text on one line, with what Markdown would take for markup escaped."""
    line = _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
    # What opens a list, a heading or a definition at the head of a line.
    if line.startswith(("-", "+", "=", ":", "%")):
        return f"\\{line}"
    return _NUMBERED.sub(r"\1\\", line, count=1) if _NUMBERED.match(line) else line


def comparison_json(comparison: Comparison, view: View | None = None) -> dict[str, Any]:
    """A complete comparison as plain JSON values; offsets count characters of ``text``, half-open."""
    view = view or View()
    passage = comparison.passage
    biom, vanilla, *further = (side_json(side, passage, view) for side in comparison.sides)
    return {**_asked_json(comparison, view), "biom": biom, "vanilla": vanilla, "further": further}


def comparison_document(found: Difference, *, pair: str = "") -> dict[str, Any]:
    """All that the page shows of a comparison as plain JSON values: answers, cross-scores, curves."""
    return {
        **_asked_json(found.comparison, found.view),
        "pair": pair,
        "in_words": in_words(found),
        "words": [[word.start, word.end] for word in found.words],
        "models": [
            {
                **side_json(side.side, found.comparison.passage, found.view),
                "start_probabilities": rounded(side.curve.start),
                "end_probabilities": rounded(side.curve.end),
            }
            for side in found.sides
        ],
        "cross_scores": [
            {"answer_of": owner.label, "under": judge.label, **_cross_json(score)}
            for owner, row in zip(found.sides, found.cross, strict=True)
            for judge, score in zip(found.sides, row, strict=True)
        ],
    }


def _asked_json(comparison: Comparison, view: View) -> dict[str, Any]:
    """What was asked of which text, and how the first two answers relate."""
    passage = comparison.passage
    verdict = comparison.verdict(view)
    return {
        "question": comparison.question.text,
        "source": passage.source,
        "pmids": list(passage.pmids),
        "records": [record_json(record) for record in passage.records],
        "notices": list(passage.notices),
        "text": passage.text,
        "settings": {item.name: getattr(view, item.name) for item in fields(View)},
        "precision": str(comparison.precision),
        "agreement": str(verdict.agreement),
        "answer_f1": verdict.f1,
    }


def record_json(record: Abstract) -> dict[str, Any]:
    """A record as plain JSON values; ``warnings`` are sentences that must be told with any answer.

    ``notes`` are all notes, the gravest first, each with its address; ``status`` is the gravest in a
    word or two.
    """
    return {
        "pmid": record.pmid,
        "title": record.title,
        "journal": record.journal,
        "year": record.year,
        "doi": record.doi,
        "url": address_of(record),
        "citation": citation_text(record),
        **_standing_json(record),
        "notes": [note.as_json() for note in record.notes],
        "remarks": list(record.remarks),
    }


def _standing_json(record: Abstract) -> dict[str, Any]:
    return {
        "retracted": record.retracted,
        "status": record.status,
        "warnings": [note.sentence for note in record.warnings],
    }


def side_json(side: Side, passage: Passage, view: View) -> dict[str, Any]:
    """What one model said as plain JSON values; ``answer`` is ``None`` where it abstains.

    ``answers_as_sure`` says how often (0 to 1) answers of about this confidence were right on a data
    set, where that is known. Where not all of the text was read, ``not_read`` has the rest, as [start, end).
    """
    prediction, gaps = side.prediction(view), side.reading.gaps
    return {
        "model": side.label,
        "trained_on": side.checkpoint.trained_on,
        **_said_json(side, passage, view),
        "answers_as_sure": _as_sure_json(side, view),
        "n_best": [answer_json(answer, passage) for answer in prediction.answers],
        "notices": list(prediction.notices),
        **({"not_read": [[gap.start, gap.end] for gap in gaps]} if gaps else {}),
        "seconds": side.seconds,
    }


def _said_json(side: Side, passage: Passage, view: View) -> dict[str, Any]:
    prediction = side.prediction(view)
    answer = side.answer(view)
    return {
        "answer": answer_json(answer, passage) if answer else None,
        "p_no_answer": prediction.null_probability,
        "null_score": prediction.null_score,
    }


def _as_sure_json(side: Side, view: View) -> dict[str, Any] | None:
    as_sure = side.answers_as_sure(view)
    if as_sure is None:
        return None
    measured_on, alike = as_sure
    return {
        "measured_on": measured_on,
        "from": alike.low,
        "to": alike.high,
        "n": alike.n,
        "right": alike.accuracy,
    }


def answer_json(answer: Answer, passage: Passage) -> dict[str, Any]:
    """An answer as plain JSON values.

    ``start`` and ``end`` count characters of the text as read, ``given_start`` and ``given_end`` of what
    was given: they differ where a paste was mended.
    """
    given = passage.in_given(answer.span)
    return {
        "text": answer.text,
        "start": answer.span.start,
        "end": answer.span.end,
        "given_start": given.start,
        "given_end": given.end,
        "score": answer.score,
        "probability": answer.probability,
    }


def _cross_json(score: CrossScore | None) -> dict[str, Any]:
    if score is None:
        return {"rank": None}
    return {
        "rank": score.rank,
        "probability": score.probability,
        "score": score.score,
        "logits_behind": score.behind,
    }


def literature_json(
    retrieved: Retrieved,
    read: Sequence[Comparison],
    *,
    top_n: int = 5,
    null_threshold: float = 0.0,
    checkpoints: Sequence[Checkpoint],
) -> dict[str, Any]:
    """What was asked, found and answered over many abstracts as plain JSON values.

    ``checkpoints`` are those that read, BioM's and the vanilla one first. ``not_read`` are records that look
    less promising to what ``chosen_by`` names ("": all were to be read). Offsets count characters of the
    abstract's text, half-open.
    """
    view = View(null_threshold=null_threshold)
    return {
        **_search_json(retrieved),
        "precision": str(read[0].precision) if read else None,
        "read": len(read),
        "not_read": [record_json(record) for record in retrieved.unread],
        "chosen_by": retrieved.chosen_by,
        "notices": list(retrieved.notices),
        **{
            name: {
                "model": checkpoint.label,
                "trained_on": checkpoint.trained_on,
                "answers": [
                    _finding_json(finding)
                    for finding in findings(read, side, top_n=top_n, null_threshold=null_threshold)
                ],
            }
            for side, (name, checkpoint) in enumerate(zip(_PAIR, checkpoints, strict=False))
        },
        "abstracts": [
            {
                **record_json(record),
                "agreement": str(comparison.verdict(view).agreement),
                **{
                    name: _said_json(side, comparison.passage, view)
                    for name, side in zip(_PAIR, comparison.sides, strict=False)
                },
            }
            for comparison in read
            for record in comparison.passage.records
        ],
    }


def _search_json(retrieved: Retrieved) -> dict[str, Any]:
    if retrieved.search is None:
        return {"question": retrieved.question}
    telling = retrieved.search.telling
    return {
        "question": retrieved.question,
        "query": telling.query,
        "translation": telling.found.translation,
        "matches": telling.found.count,
        "warnings": list(retrieved.search.warnings),
        "rounds": [
            {
                "query": made.query,
                "translation": made.found.translation,
                "matches": made.found.count,
                "warnings": list(made.found.warnings),
            }
            for made in retrieved.search.rounds
        ],
    }


def retrieved_json(retrieved: Retrieved) -> dict[str, Any]:
    """What PubMed was asked and the records it has, with their texts, as plain JSON values.

    Sections count characters of the record's ``text``, half-open.
    """
    return {
        **_search_json(retrieved),
        "notices": list(retrieved.notices),
        "records": [
            {
                **record_json(record),
                "text": record.text,
                "sections": [
                    {"label": section.label, "start": section.start, "end": section.end}
                    for section in record.sections
                ],
            }
            for record in retrieved.records
        ],
    }


_PAIR = ("biom", "vanilla")


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "text": finding.text,
        "score": finding.score,
        "share": finding.share,
        "evidence": [
            {
                "pmid": e.record.pmid,
                **_standing_json(e.record),
                **answer_json(e.answer, passage_of_records((e.record,))),
                "sentence": e.sentence,
            }
            for e in finding.evidence
        ],
    }


def comparison_csv(found: Difference, *, gold: Sequence[str] | None = None) -> str:
    """A row an answer of each model, best first, under a header; offsets are half-open characters.

    As many answers of each as the view lists. ``known_answers`` and ``right`` are empty where ``gold``
    is ``None``: not known; ``gold`` is empty where the text holds none.
    """
    passage = found.comparison.passage
    warnings = [f"{record.name}: {note.sentence}" for record in passage.records for note in record.warnings]
    known = "" if gold is None else " | ".join(dict.fromkeys(gold)) or "(the text does not say)"
    rows = [
        {
            "question": found.comparison.question.text,
            "pmids": " ".join(passage.pmids),
            "verdict": str(found.verdict.agreement),
            "known_answers": known,
            "warnings": " ".join(warnings),
            "model": side.label,
            "precision": str(side.side.precision),
            "rank": rank,
            "answer": answer.text,
            "start": answer.span.start,
            "end": answer.span.end,
            "score": answer.score,
            "probability": answer.probability,
            "p_no_answer": side.prediction.null_probability,
            "abstains": side.answer is None,
            "right": "" if gold is None else _right(answer if gold or side.answer else None, gold),
        }
        for side in found.sides
        for rank, answer in enumerate(side.prediction.answers[: found.view.shown], start=1)
    ]
    return csv_text(rows)


def as_download(name: str, media_type: str, content: str | bytes) -> str:
    """A file as the page's script takes it to offer it for saving: nothing is left on the server."""
    if isinstance(content, bytes):
        return json.dumps({"name": name, "type": media_type, "base64": b64encode(content).decode()})
    return json.dumps({"name": name, "type": media_type, "text": content})


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV under a header of their keys; "" for none.

    A text that a spreadsheet would run as a formula gets an apostrophe before its sign, wherever a
    spreadsheet may begin a cell: also after tabs, line breaks and semicolons, which part cells in many
    countries.
    """
    if not rows:
        return ""
    buffer = io.StringIO()
    # Every text is quoted: a lone carriage return or semicolon must not end its cell.
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return buffer.getvalue()


_BREAKS = "\t\n\v\f\r\x85\u2028\u2029"
# What may stand between a cell's edge and its text without being seen; a quote mark closes at once.
# All controls, formats, spaces and marks without a width of their own, in Unicode 15.
_UNSEEN = (
    r"\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff\""
)
# A run of it before a sign that opens a formula, full-width and small forms too. Matched from its first
# character only, so that a long run costs once.
_FORMULA = re.compile(rf"(?<![{_UNSEEN}])[{_UNSEEN}]*+(?=[=+\-@＝＋－＠﹢﹣﹦﹫])")


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value

    def guarded(run: re.Match[str]) -> str:
        opens = run.start() == 0 or value[run.start() - 1] == ";" or any(c in _BREAKS for c in run.group())
        return f"{run.group()}'" if opens else run.group()

    text = _FORMULA.sub(guarded, value)
    return f"'{text}" if text.startswith(tuple(_BREAKS)) else text


def evidence_csv(table: EvidenceTable, *, query: str) -> str:
    """A row a paper and model, papers in the order they were read in, under a header.

    ``claim`` is the answer as the model's claim has it, with other ways of writing it folded into one.
    Papers that were not read stand at the end, with ``NOT_READ`` in place of a model.
    """
    texts = [{claim.key: claim.text for claim in model.claims} for model in table.models]
    rows = []
    for paper in table.papers:
        record = paper.record
        for place, (model, said) in enumerate(zip(table.models, paper.said, strict=True)):
            answer = said.answer
            sentence = paper.sentence_of(answer).of(record.text) if answer else ""
            rows.append(
                {
                    "question": table.question,
                    "query": query,
                    **_record_cells(record),
                    "model": model.checkpoint.label,
                    "precision": str(table.precision),
                    "claim": texts[place].get(said.key, answer.text) if answer else "",
                    "answer": answer.text if answer else "",
                    "probability": answer.probability if answer else "",
                    "p_no_answer": said.p_no_answer,
                    "sentence": sentence,
                    "start": answer.span.start if answer else "",
                    "end": answer.span.end if answer else "",
                }
            )
    for record in table.unread:
        known = {"question": table.question, "query": query, **_record_cells(record)}
        rows.append(dict.fromkeys(rows[0], "") | known | {"model": NOT_READ} if rows else known)
    return csv_text(rows)


def _record_cells(record: Abstract) -> dict[str, Any]:
    return {
        "pmid": record.pmid,
        "record": record.name,
        "year": record.year or "",
        "title": record.title,
        "journal": record.journal,
        "doi": record.doi,
        "status": record.status,
        "warnings": " ".join(note.sentence for note in record.warnings),
    }


def evidence_markdown(table: EvidenceTable, *, query: str, shown: int, source: str = "") -> str:
    """The first ``shown`` claims of each model to paste into a note, with support, quote and PMIDs.

    ``source`` says what was read where that was not found by a ``query``. What came from outside
    is escaped, as in ``markdown``.
    """
    read = f"**PubMed query:** {_plain(query)}" if query else f"**Read:** {_plain(source)}"
    lines = [f"**Question:** {_plain(table.question)}", "", read, ""]
    lines += [f"**Computed in:** {table.precision}", ""]
    if words := shared_words(table, shown=shown):
        lines += [_plain(words), ""]
    if table.unread:
        lines += [f"{_plain(_chosen(table))} Not read: {_plain(named(table.unread))}", ""]
    for place, model in enumerate(table.models):
        silent = len(table.silent(place))
        read = f"{counted(len(table.papers), 'abstract')} read, silent in {silent:,}"
        lines += [f"**{_plain(model.checkpoint.label)}** ({read})", ""]
        lines += [line for claim in model.claims[:shown] for line in _claim_markdown(claim, table)]
        lines += ["" if model.claims else "No answer in any of these abstracts.\n"]
    return "\n".join(lines).rstrip("\n") + "\n"


def _chosen(table: EvidenceTable) -> str:
    return chosen_words(len(table.papers), len(table.unread), table.chosen_by)


def _claim_markdown(claim: Claim, table: EvidenceTable) -> Iterator[str]:
    quoted = claim.quoted
    names = named([e.record for e in claim.evidence])
    yield f"- **{_plain(claim.text)}**: {support_words(claim, len(table.papers))}. {_plain(names)}"
    yield f"  > {_plain(quoted.sentence)} ({_plain(quoted.record.name)})"
