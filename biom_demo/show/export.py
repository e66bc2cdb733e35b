"""A comparison to keep or pass on: permalink, Markdown, CSV, JSON. Pure: values in, strings out."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlencode

from biom_demo.analysis.comparison import answer_json, percent
from biom_demo.analysis.difference import CrossScore, Difference, View, rounded
from biom_demo.errors import InputError
from biom_demo.qa.sentences import sentence_around

MAX_LINKED_TEXT_CHARS = 6_000  # longer addresses are cut off by servers and mail programs
MAX_LINK_VALUE_CHARS = 20_000
# The least and most each setting of the view may be; the page's sliders have the same ends.
VIEW_LIMITS: dict[str, tuple[float, float]] = {
    "null_threshold": (-10.0, 10.0),
    "shown": (1, 10),
    "max_answer_length": (1, 60),
    "near_duplicate_threshold": (0.0, 1.0),
}
_VIEW_KEYS = {
    "null_threshold": "null",
    "shown": "top",
    "max_answer_length": "length",
    "near_duplicate_threshold": "dup",
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$])")


@dataclass(frozen=True, slots=True)
class Shared:
    """What a permalink carries: how a record was named, or a text, and what to do with it."""

    typed: str = ""  # a PMID, DOI, ... as it was named
    text: str = ""  # a pasted text, only where the user chose to share it
    question: str = ""
    pair: str = ""
    view: View = field(default_factory=View)


def link_query(shared: Shared) -> str:
    """The permalink's part from "?" on. Settings that are as usual are left out.

    Raises ``InputError`` for a text too long for an address.
    """
    if len(shared.text) > MAX_LINKED_TEXT_CHARS:
        raise InputError(
            f"The text has {len(shared.text):,} characters; a link holds at most {MAX_LINKED_TEXT_CHARS:,}. "
            "Leave the text out of the link, or send the JSON file."
        )
    values = {"id": shared.typed, "text": shared.text, "q": shared.question, "pair": shared.pair}
    usual = View()
    for item in fields(View):
        if getattr(shared.view, item.name) != getattr(usual, item.name):
            values[_VIEW_KEYS[item.name]] = f"{getattr(shared.view, item.name):g}"
    return "?" + urlencode({key: value for key, value in values.items() if value}, errors="replace")


def read_link(parameters: Mapping[str, str]) -> Shared | None:
    """What a permalink's parameters ask for, ``None`` where they ask for nothing.

    Anyone can write a link: numbers out of bounds are brought to the nearest bound and what is no
    number is ignored. Raises ``InputError`` for values too long to have come from ``link_query``.
    """
    known = {key: parameters.get(key, "") for key in ("id", "text", "q", "pair", *_VIEW_KEYS.values())}
    if not (known["id"] or known["text"] or known["q"]):
        return None
    if any(len(value) > MAX_LINK_VALUE_CHARS for value in known.values()):
        raise InputError("This link is too long to be one of ours. Ask its sender for the JSON file.")
    numbers: dict[str, Any] = {}
    for name, key in _VIEW_KEYS.items():
        low, high = VIEW_LIMITS[name]
        try:
            value = min(max(float(known[key]), low), high)
        except ValueError:
            continue
        if value == value:  # not NaN
            numbers[name] = int(value) if name in ("shown", "max_answer_length") else value
    return Shared(known["id"], known["text"], known["q"], known["pair"], View(**numbers))


def markdown(found: Difference, *, source: str, pmids: Sequence[str] = ()) -> str:
    """The comparison to paste into a note: each answer with its sentence, offsets and PMID.

    ``source`` names where the text is from. Offsets are half-open characters of the text as read.
    """
    question = found.sides[0].prediction.question.text
    lines = [f"**Question:** {_plain(question)}", "", f"**Text:** {_plain(source)}", ""]
    where = f"PMID {', '.join(pmids)}, " if pmids else ""
    for side in found.sides:
        if side.answer is None:
            guess = f" (best guess: {_plain(side.top.text)})" if side.top else ""
            lines.append(f"- **{_plain(side.label)}:** no answer in this text{guess}")
            continue
        span = side.answer.span
        sentence = " ".join(sentence_around(found.text, span).of(found.text).split())
        lines += [
            f"- **{_plain(side.label)}:** {_plain(side.answer.text)} "
            f"(confidence {_plain(percent(side.answer.probability))}; "
            f"{where}characters {span.start}–{span.end})",
            f"  > {_plain(sentence)}",
        ]
    lines += ["", *(_plain(sentence) for sentence in found.sentences())]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """The text on one line, with what Markdown would take for markup escaped."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def comparison_document(
    found: Difference, *, source: str, pmids: Sequence[str] = (), pair: str = ""
) -> dict[str, Any]:
    """The whole comparison as plain JSON values: answers, cross-scores, curves, settings, the text."""
    verdict = found.verdict
    sides = [
        {
            "model": side.label,
            "trained_on": side.trained_on,
            "answer": side.answer.text if side.answer else None,
            "p_no_answer": side.prediction.null_probability,
            "n_best": [answer_json(answer) for answer in side.prediction.answers],
            "start_probabilities": rounded(side.curve.start),
            "end_probabilities": rounded(side.curve.end),
        }
        for side in found.sides
    ]
    return {
        "question": found.sides[0].prediction.question.text,
        "source": source,
        "pmids": list(pmids),
        "pair": pair,
        "text": found.text,
        "settings": {item.name: getattr(found.view, item.name) for item in fields(View)},
        "agreement": str(verdict.agreement),
        "answer_f1": verdict.f1,
        "in_words": found.sentences(),
        "words": [[word.start, word.end] for word in found.words],
        "models": sides,
        "cross_scores": [
            {"answer_of": owner.label, "under": judge.label, **_cross_json(score)}
            for owner, row in zip(found.sides, found.cross, strict=True)
            for judge, score in zip(found.sides, row, strict=True)
        ],
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


def comparison_csv(found: Difference, *, pmids: Sequence[str] = ()) -> str:
    """A row an answer of each model, best first, under a header; offsets are half-open characters."""
    rows = [
        {
            "question": side.prediction.question.text,
            "pmids": " ".join(pmids),
            "model": side.label,
            "rank": rank,
            "answer": answer.text,
            "start": answer.span.start,
            "end": answer.span.end,
            "score": answer.score,
            "probability": answer.probability,
            "p_no_answer": side.prediction.null_probability,
            "abstains": side.answer is None,
        }
        for side in found.sides
        for rank, answer in enumerate(side.prediction.answers, start=1)
    ]
    return csv_text(rows)


def as_download(name: str, media_type: str, text: str) -> str:
    """A file as the page's script takes it to offer it for saving: nothing is left on the server."""
    return json.dumps({"name": name, "type": media_type, "text": text})


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV under a header of their keys; "" for none.

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    if not rows:
        return ""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
