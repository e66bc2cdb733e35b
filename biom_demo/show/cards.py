"""``Comparison`` -> escaped HTML. Pure: records in, strings out.

Everything that came from a visitor, a file or a model is escaped here and nowhere else. Colours
and patterns are in ``assets/style.css``; each model has one accent and one underline, so nothing is
told by colour alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from biom_demo.analysis.comparison import Agreement, Comparison, ModelOutput, Verdict, percent
from biom_demo.qa.metrics import normalize_answer, squad_exact_match, squad_f1
from biom_demo.qa.records import Answer, CharSpan, Prediction
from biom_demo.qa.sentences import SECTION_LABEL, sentence_around

# The accents of ``assets/style.css``: of a pair, of further models, and of two models whose names are hidden.
Side = Literal["biom", "vanilla", "third", "fourth", "blind-a", "blind-b"]

SHOWN_ANSWERS = 5  # the answer and its runners-up


@dataclass(frozen=True, slots=True)
class Mark:
    """A span to highlight: ``rank`` 1 is the answer; ``anchor`` is the HTML id a link can point at.

    A ``tentative`` answer is what a model that abstains would have said.
    """

    span: CharSpan
    rank: int
    anchor: str
    title: str
    tentative: bool = False

    @property
    def kind(self) -> str:
        """The CSS class that tells the kinds of marks apart."""
        if self.rank > 1:
            return "runner-up"
        return "tentative" if self.tentative else "answer"


def text_html(text: str, marks: Sequence[Mark], side: Side) -> str:
    """The whole text as HTML with the marks' spans in ``<mark>`` elements.

    Overlapping and nested spans are cut at their boundaries; a piece under several marks shows the
    best ranked one. With tags stripped and entities resolved the result is the text, exactly.
    """
    labels = [CharSpan(*match.span()) for match in SECTION_LABEL.finditer(text)]
    cuts = {0, len(text)}
    for span in [*labels, *(mark.span for mark in marks)]:
        cuts |= {span.start, span.end}
    bounds = sorted(cuts)
    seen: set[str] = set()  # anchors whose mark has begun, on top or under another
    parts: list[str] = []
    for start, end in itertools.pairwise(bounds):
        piece = escape(text[start:end])
        here = CharSpan(start, end)
        if any(label.overlaps(here) for label in labels):
            piece = f'<span class="section">{piece}</span>'
        covering = sorted((m for m in marks if m.span.overlaps(here)), key=lambda m: m.rank)
        if covering:
            best = covering[0]
            title = escape(best.title)
            # Only a mark's first piece is a stop of the tab key and the place its link leads to.
            place = "" if best.anchor in seen else f' id="{escape(best.anchor)}" tabindex="0"'
            ranks = " ".join(str(mark.rank) for mark in covering)
            kind = f"{side} {best.kind}"
            piece = (
                f'<mark class="{kind}"{place} data-ranks="{ranks}" title="{title}" aria-label="{title}">'
                f"{piece}</mark>"
            )
            # A mark that begins under a better one still has a place to lead to.
            parts += [
                f'<span class="anchor" id="{escape(mark.anchor)}"></span>'
                for mark in covering[1:]
                if mark.anchor not in seen
            ]
            seen |= {mark.anchor for mark in covering}
        parts.append(piece)
    return "".join(parts)


def side_html(
    output: ModelOutput,
    context: str,
    side: Side,
    *,
    trained_on: str,
    context_index: int = 0,
    gold: Sequence[str] | None = None,
    warning: str = "",
    null_threshold: float = 0.0,
    shown: int = SHOWN_ANSWERS,
) -> str:
    """One model's card: answer, confidence, p(no answer), sentence, runners-up and marked text.

    ``warning`` is HTML that belongs beside the answer (a retraction banner). A runner-up's link is
    told apart by its ``data-rank``: the page moves the highlight to it.
    """
    prediction = output.predictions[context_index]
    best = prediction.best(null_threshold=null_threshold)
    answers = prediction.answers[:shown]
    marks = [
        Mark(
            answer.span,
            rank,
            f"{side}-answer-{rank}",
            f"{output.label}: {_role(rank, abstains=best is None)}, {percent(answer.probability)}",
            tentative=best is None,
        )
        for rank, answer in enumerate(answers, start=1)
    ]
    notices = "".join(f'<p class="notice">{escape(notice)}</p>' for notice in prediction.notices)
    return (
        f'<section class="card {side}" aria-label="{escape(output.label)}">'
        f"{_heading(output.label, trained_on, f'{output.seconds:.2f} s' if output.seconds else '')}"
        f"{_answer_html(prediction, best, side)}{warning}"
        f"{_gold_html(best, gold)}"
        f"{notices}"
        f"{_sentence_html(context, answers[0] if answers else None)}"
        f"{_meters_html(best, answers[0] if answers else None, prediction)}"
        '<h4>The text as this model read it</h4><div class="context" tabindex="0" role="region" '
        f'aria-label="Text with the answer of {escape(output.label)}">'
        f"{text_html(context, marks, side)}</div>"
        f"{_runners_up_html(answers, side)}"
        "</section>"
    )


def _role(rank: int, *, abstains: bool) -> str:
    if rank > 1:
        return f"runner-up {rank - 1}"
    return "best guess" if abstains else "answer"


def waiting_html(label: str, trained_on: str, side: Side, *, reading: bool = False) -> str:
    """A model's card before it has answered; it keeps the place, so nothing jumps."""
    words = "Reading …" if reading else "Ask a question to see this model’s answer."
    return (
        f'<section class="card {side} waiting" aria-label="{escape(label)}">'
        f"{_heading(label, trained_on, '')}"
        f'<p class="empty">{words}</p></section>'
    )


def _heading(label: str, trained_on: str, time: str) -> str:
    return (
        f'<header><h3>{escape(label)}</h3><span class="time">{time}</span>'
        f'<p class="trained">{escape(trained_on)}</p></header>'
    )


def _answer_html(prediction: Prediction, best: Answer | None, side: Side) -> str:
    if best:
        return f'<p class="answer"><a href="#{side}-answer-1">{escape(best.text)}</a></p>'
    tentative = ""
    if prediction.answers:
        guess = escape(prediction.answers[0].text)
        tentative = (
            f'<span class="guess">Its best guess would be “<a href="#{side}-answer-1">{guess}</a>”.</span>'
        )
    return f'<p class="answer none">No answer in this text {tentative}</p>'


def _gold_html(best: Answer | None, gold: Sequence[str] | None) -> str:
    if gold is None:
        return ""
    if not gold:
        right = best is None
        known = "Known: the text does not say"
        detail = "right to abstain" if right else "it should have abstained"
    else:
        text = best.text if best else ""
        right = any(squad_exact_match(text, known) for known in gold)
        f1 = max(squad_f1(text, known) for known in gold)
        distinct = {normalize_answer(known): known for known in reversed(gold)}
        known = f"Known answer: {' or '.join(reversed(distinct.values()))}"
        detail = "exact match" if right else f"no exact match, token F1 {f1:.2f}"
    sign, kind = ("✓", "right") if right else ("✗", "wrong")
    return f'<p class="gold {kind}">{sign} {escape(known)} — {detail}</p>'


CONFIDENCE_HELP = (
    "The model’s share of probability on exactly this span, out of every possible span of the text and "
    "“no answer”. It tells how sure the model is, not how often it is right."
)
NO_ANSWER_HELP = "The share of the same probability on “the text does not say”."


def _meters_html(best: Answer | None, guess: Answer | None, prediction: Prediction) -> str:
    shown = best or guess
    return (
        '<div class="meters">'
        + _meter(
            "confidence" if best else "in its guess", shown.probability if shown else 0.0, CONFIDENCE_HELP
        )
        + _meter("p(no answer)", prediction.null_probability, NO_ANSWER_HELP)
        # A tooltip alone is out of reach of a finger or a keyboard.
        + '<details class="help"><summary>What these mean</summary>'
        f"<p><b>Confidence:</b> {CONFIDENCE_HELP}</p>"
        f"<p><b>p(no answer):</b> {NO_ANSWER_HELP}</p></details></div>"
    )


def _meter(name: str, value: float, explanation: str) -> str:
    return (
        f'<div class="meter" title="{escape(explanation)}"><span class="name">{name}</span>'
        f'<span class="bar" aria-hidden="true"><i style="width:{100 * value:.1f}%"></i></span>'
        f'<span class="value">{percent(value)}</span></div>'
    )


def _sentence_html(context: str, answer: Answer | None) -> str:
    if answer is None:
        return ""
    sentence = sentence_around(context, answer.span)
    before = escape(context[sentence.start : answer.span.start])
    after = escape(context[answer.span.end : sentence.end])
    return f'<blockquote class="sentence">{before}<b>{escape(answer.text)}</b>{after}</blockquote>'


def _runners_up_html(shown: Sequence[Answer], side: Side) -> str:
    if len(shown) < 2:
        return ""
    rows = "".join(
        f'<li value="{rank}"><a href="#{side}-answer-{rank}" data-rank="{rank}">{escape(answer.text)}</a>'
        f'<span class="value">{percent(answer.probability)}</span></li>'
        for rank, answer in enumerate(shown[1:], start=2)
    )
    return f'<div class="runners-up"><h4>Runners-up</h4><ol>{rows}</ol></div>'


def verdict_html(
    comparison: Comparison,
    context_index: int = 0,
    *,
    null_threshold: float = 0.0,
    sides: tuple[Side, Side] = ("biom", "vanilla"),
) -> str:
    """One strip that says in words how the two answers relate."""
    verdict = comparison.verdict(context_index, null_threshold=null_threshold)
    icon, words = _verdict_words(verdict, comparison.biom.label, comparison.vanilla.label, sides)
    kind = verdict.agreement.name.lower().replace("_", "-")
    return (
        f'<p class="verdict {kind}" role="status"><span class="icon" aria-hidden="true">{icon}</span>'
        f'<span class="words">{words}</span></p>'
    )


def _verdict_words(verdict: Verdict, biom: str, vanilla: str, sides: tuple[Side, Side]) -> tuple[str, str]:
    biom, vanilla = (
        f'<b class="{sides[0]}">{escape(biom)}</b>',
        f'<b class="{sides[1]}">{escape(vanilla)}</b>',
    )
    biom_text = f"“{escape(verdict.biom.text)}”" if verdict.biom else ""
    vanilla_text = f"“{escape(verdict.vanilla.text)}”" if verdict.vanilla else ""
    match verdict.agreement:
        case Agreement.AGREE:
            return "=", f"<b>Agree.</b> Both models answer {biom_text}."
        case Agreement.ELSEWHERE:
            return "=", f"<b>Agree,</b> but each points at another mention of {biom_text}."
        case Agreement.OVERLAP:
            return "≈", (
                f"<b>Overlap</b> (token F1 {verdict.f1:.2f}): {biom} answers {biom_text}, "
                f"{vanilla} {vanilla_text}."
            )
        case Agreement.DISAGREE:
            return "≠", f"<b>Disagree:</b> {biom} answers {biom_text}, {vanilla} {vanilla_text}."
        case Agreement.BIOM_ABSTAINS:
            return "½", f"<b>One abstains:</b> {vanilla} answers {vanilla_text}, {biom} finds no answer."
        case Agreement.VANILLA_ABSTAINS:
            return "½", f"<b>One abstains:</b> {biom} answers {biom_text}, {vanilla} finds no answer."
        case Agreement.BOTH_ABSTAIN:
            return "∅", "<b>Both abstain:</b> neither model finds an answer in this text."


def status_html(
    message: str, *, kind: Literal["info", "error"] = "info", progress: float | None = None
) -> str:
    """A message to the user, with a bar where ``progress`` (0 to 1) is known.

    Errors are announced at once by screen readers.
    """
    role = "alert" if kind == "error" else "status"
    bar = (
        f'<span class="bar" aria-hidden="true"><i style="width:{100 * progress:.1f}%"></i></span>'
        if progress is not None
        else ""
    )
    return f'<p class="status {kind}" role="{role}">{escape(message)}{bar}</p>'
