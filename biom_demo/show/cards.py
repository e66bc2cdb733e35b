"""A model's card, the verdict above the cards, the head of a result, messages to the user -> HTML.

Colours and patterns are in ``assets/style.css``; each model has one accent and one underline, so
nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from biom_demo.analysis.comparison import Agreement, Side, Verdict, View
from biom_demo.analysis.difference import short_names
from biom_demo.analysis.passage import Passage
from biom_demo.models.catalogue import Checkpoint
from biom_demo.qa.calibration import UNCALIBRATED
from biom_demo.qa.metrics import normalize_answer, squad_exact_match, squad_f1
from biom_demo.qa.records import Answer, CharSpan
from biom_demo.qa.sentences import sentence_around
from biom_demo.show.pieces import pieces
from biom_demo.show.pubmed import warnings_html
from biom_demo.show.words import AGREEMENT_WORDS, as_sure_words, in_precision, percent

# The accents of ``assets/style.css``: of a pair, of further models, and of two models whose names are hidden.
Accent = Literal["biom", "vanilla", "third", "fourth", "blind-a", "blind-b"]
ACCENTS: tuple[Accent, ...] = ("biom", "vanilla", "third", "fourth")
LISTED_FROM = 0.001  # what is less likely is no answer to weigh against others
FRAGMENT_CHARS = 2


@dataclass(frozen=True, slots=True)
class Persona:
    """How a model appears: its accent, its name, and what it was trained on in words."""

    accent: Accent
    label: str
    trained_on: str


_HIDDEN = "Which model this is shows once you have voted."
# What a blind test shows in place of the first two models.
BLIND = (Persona("blind-a", "Model A", _HIDDEN), Persona("blind-b", "Model B", _HIDDEN))


def personas(checkpoints: Sequence[Checkpoint]) -> tuple[Persona, ...]:
    """How the models of a comparison appear, in its order."""
    return tuple(
        Persona(accent, checkpoint.label, checkpoint.trained_on)
        for accent, checkpoint in zip(ACCENTS, checkpoints, strict=False)
    )


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


UNREAD = Markup('<span class="not-read" title="Not read">')


def text_html(
    text: str,
    labels: Sequence[CharSpan],
    marks: Sequence[Mark],
    accent: Accent,
    gaps: Sequence[CharSpan] = (),
) -> Markup:
    """The whole text with the marks' spans in ``<mark>`` elements and section ``labels`` set apart.

    So are ``gaps``, which the model has not read.

    Overlapping and nested spans are cut at their boundaries; a piece under several marks shows the
    best ranked one. With tags stripped and entities resolved the result is the text, exactly.
    """
    seen: set[str] = set()  # anchors whose mark has begun, on top or under another
    parts: list[Markup] = []
    label_to = len(marks) + len(labels)
    for start, end, over in pieces(len(text), [*(mark.span for mark in marks), *labels, *gaps]):
        piece = Markup.escape(text[start:end])
        if any(len(marks) <= i < label_to for i in over):
            # Added and not formatted, as there may be as many labels as lines.
            piece = Markup('<span class="section">') + piece + Markup("</span>")
        if over and over[-1] >= label_to:
            piece = UNREAD + piece + Markup("</span>")
        covering = sorted((marks[i] for i in over if i < len(marks)), key=lambda mark: mark.rank)
        if covering:
            best = covering[0]
            # Only a mark's first piece is a stop of the tab key and the place its link leads to.
            place = Markup() if best.anchor in seen else Markup(' id="{}" tabindex="0"').format(best.anchor)
            # A mark that begins under a better one still has a place to lead to.
            parts += [
                Markup('<span class="anchor" id="{}"></span>').format(mark.anchor)
                for mark in covering[1:]
                if mark.anchor not in seen
            ]
            seen |= {mark.anchor for mark in covering}
            piece = Markup(
                '<mark class="{accent} {kind}"{place} data-ranks="{ranks}" title="{title}" '
                'aria-label="{title}">{piece}</mark>'
            ).format(
                accent=accent,
                kind=best.kind,
                place=place,
                ranks=" ".join(str(mark.rank) for mark in covering),
                title=best.title,
                piece=piece,
            )
        parts.append(piece)
    return Markup().join(parts)


def card_html(
    persona: Persona,
    passage: Passage,
    side: Side,
    view: View,
    *,
    gold: Sequence[str] | None = None,
    timed: bool = True,
) -> Markup:
    """One model's card: answer, sentence, how sure it is, marked text and runners-up.

    Runners-up are those that ``listed`` leaves. ``gold`` are the known answers (``None``: not known; empty:
    the text holds none). ``timed`` shows the seconds the model took, where they are known, and what it
    computed in unless that is exact. How often answers about as sure were right is told of an answer of a
    model that was measured, and not in a blind test, where it would tell which model it is. Banners of
    retracted records stand beside the answer. A runner-up's link is told apart by its ``data-rank``: the page
    moves the highlight to it.
    """
    prediction = side.prediction(view)
    best = prediction.best(null_threshold=view.null_threshold)
    answers = listed(prediction.answers[: view.shown])
    top = prediction.answers[0] if prediction.answers else None
    marks = [
        Mark(
            answer.span,
            rank,
            f"{persona.accent}-answer-{rank}",
            f"{persona.label}: {_role(rank, abstains=best is None)}, {percent(answer.probability)}",
            tentative=best is None,
        )
        for rank, answer in enumerate(answers, start=1)
    ]
    return Markup(
        '<section class="card {accent}" aria-label="{label}">{heading}{answer}{warnings}{gold}{notices}'
        '{sentence}{meters}<div class="own-text"><h4>In the text</h4><div class="context" dir="auto" '
        'tabindex="0" role="region" aria-label="Text with the answer of {label}">{text}</div></div>'
        "{runners_up}</section>"
    ).format(
        accent=persona.accent,
        label=persona.label,
        heading=_heading(persona, side if timed else None),
        answer=_answer_html(top, best, persona.accent),
        warnings=warnings_html(passage.records),
        gold=_gold_html(best, gold),
        notices=Markup().join(Markup('<p class="notice">{}</p>').format(n) for n in prediction.notices),
        sentence=_sentence_html(passage.text, top),
        meters=_meters_html(side, view, blind=persona in BLIND),
        text=text_html(passage.text, passage.labels, marks, persona.accent, side.reading.gaps),
        runners_up=_runners_up_html(answers, persona.accent),
    )


def listed(answers: Sequence[Answer]) -> list[Answer]:
    """The first of a model's ranked answers, and those after it that are worth a place in a list.

    Not worth one: what is less likely than ``LISTED_FROM``, and a letter or two of a better answer ("mg").
    """
    kept = list(answers[:1])
    for answer in answers[1:]:
        short = sum(map(str.isalnum, answer.text)) <= FRAGMENT_CHARS
        fragment = short and any(answer.span.overlaps(better.span) for better in kept)
        if answer.probability >= LISTED_FROM and not fragment:
            kept.append(answer)
    return kept


def _role(rank: int, *, abstains: bool) -> str:
    if rank > 1:
        return f"runner-up {rank - 1}"
    return "best guess" if abstains else "answer"


def waiting_html(persona: Persona, *, reading: bool = False) -> Markup:
    """A model's card before it has answered; it keeps the place, so nothing jumps."""
    return Markup(
        '<section class="card {accent} waiting" aria-label="{label}">{heading}<p class="empty">{words}</p>'
        "</section>"
    ).format(
        accent=persona.accent,
        label=persona.label,
        heading=_heading(persona, None),
        words="Reading …" if reading else "Ask a question to see this model’s answer.",
    )


def _heading(persona: Persona, side: Side | None) -> Markup:
    seconds, reading = (side.seconds, side.reading) if side else (None, None)
    took = "" if seconds is None else f"{seconds:.2f} s"
    known = ""
    if reading is not None and reading.known:
        known = "Known from before" if reading.known == len(reading.windows) else "In part known from before"
    return Markup(
        '<header><h3>{label}</h3><span class="time"{known}>{time}</span>'
        '<p class="trained">{trained_on}</p></header>'
    ).format(
        label=persona.label,
        time=" ".join(part for part in (took, in_precision(side.precision) if side else "") if part),
        known=Markup(' title="{}"').format(known) if known else "",
        trained_on=persona.trained_on,
    )


def _answer_html(top: Answer | None, best: Answer | None, accent: Accent) -> Markup:
    if best:
        return Markup('<p class="answer" dir="auto"><a href="#{}-answer-1">{}</a></p>').format(
            accent, best.text
        )
    guess = Markup()
    if top:
        guess = Markup(
            '<span class="guess">Its best guess would be “<a href="#{}-answer-1">{}</a>”.</span>'
        ).format(accent, top.text)
    return Markup('<p class="answer none">No answer in this text {}</p>').format(guess)


def _gold_html(best: Answer | None, gold: Sequence[str] | None) -> Markup:
    if gold is None:
        return Markup()
    if not gold:
        right = best is None
        known = "Known: the text does not say"
        detail = "right to give no answer" if right else "it should have given no answer"
        term = "Exact match, where giving no answer is right"
    else:
        text = best.text if best else ""
        right = any(squad_exact_match(text, one) for one in gold)
        f1 = max(squad_f1(text, one) for one in gold)
        distinct = {normalize_answer(one): one for one in reversed(gold)}
        known = f"Known answer: {' or '.join(reversed(distinct.values()))}"
        other = "some of the same words" if f1 else "another answer" if best else "it gave no answer"
        detail = "the same answer" if right else other
        term = f"Exact match: {'yes' if right else 'no'}. Words in common, from 0 to 1 (token F1): {f1:.2f}"
    return Markup('<p class="gold {kind}" title="{term}">{sign} {known} — {detail}</p>').format(
        kind="right" if right else "wrong",
        term=term,
        sign="✓" if right else "✗",
        known=known,
        detail=detail,
    )


CONFIDENCE_HELP = (
    "The model’s share of probability on exactly this span, out of every possible span of the text and "
    "“no answer”."
)
# How far it can be trusted: one of these three follows.
UNCALIBRATED_HELP = "It tells how sure the model is, not how often it is right."
CALIBRATED_HELP = (
    "It is calibrated, as the share of “not in the text” is: fitted on held-out questions to come near to "
    "how often it is right. On texts unlike those it may be off."
)
BLIND_HELP = "Whether it tells how often the model is right shows once you have voted."
AS_SURE_HELP = (
    "The line under it counts the model’s answers to questions whose text holds the answer; right are "
    "those with the words of a known answer (exact match)."
)
NO_ANSWER_HELP = (
    "The share of the same probability on “the text does not say it”, also called p(no answer). It is a "
    "gauge, not a switch: the model gives no answer where that scores higher than its best span by more "
    "than the no-answer threshold, whatever this share is."
)


def _meters_html(side: Side, view: View, *, blind: bool) -> Markup:
    prediction, best = side.prediction(view), side.answer(view)
    top = prediction.answers[0] if prediction.answers else None
    # Which of two models is calibrated, or how often it was right, would tell who is who.
    as_sure = None if blind else side.answers_as_sure(view)
    if blind:
        trust = BLIND_HELP
    else:
        trust = UNCALIBRATED_HELP if side.reading.calibration == UNCALIBRATED else CALIBRATED_HELP
    explanation = " ".join([CONFIDENCE_HELP, trust, *([AS_SURE_HELP] if as_sure else [])])
    # A tooltip alone is out of reach of a finger or a keyboard.
    return Markup(
        '<div class="meters">{sure}{as_sure}{silent}<details class="help"><summary>What these mean</summary>'
        "<p><b>Confidence:</b> {confidence}</p><p><b>Not in the text:</b> {no_answer}</p></details></div>"
    ).format(
        sure=_meter("confidence" if best else "its best guess", top.probability if top else 0.0, explanation),
        as_sure=Markup('<p class="as-sure">{}</p>').format(as_sure_words(*as_sure)) if as_sure else "",
        silent=_meter("not in the text", prediction.null_probability, NO_ANSWER_HELP),
        confidence=explanation,
        no_answer=NO_ANSWER_HELP,
    )


def _meter(name: str, value: float, explanation: str) -> Markup:
    return Markup(
        '<div class="meter" title="{explanation}"><span class="name">{name}</span>{bar}'
        '<span class="value">{value}</span></div>'
    ).format(explanation=explanation, name=name, bar=_bar(value), value=percent(value))


def _bar(share: float) -> Markup:
    return Markup('<span class="bar" aria-hidden="true"><i style="width:{:.1f}%"></i></span>').format(
        100 * share
    )


def _sentence_html(context: str, answer: Answer | None) -> Markup:
    if answer is None:
        return Markup()
    sentence = sentence_around(context, answer.span)
    return Markup('<blockquote class="sentence" dir="auto">{}<b>{}</b>{}</blockquote>').format(
        context[sentence.start : answer.span.start], answer.text, context[answer.span.end : sentence.end]
    )


def _runners_up_html(shown: Sequence[Answer], accent: Accent) -> Markup:
    if len(shown) < 2:
        return Markup()
    rows = Markup().join(
        Markup(
            '<li value="{rank}"><a href="#{accent}-answer-{rank}" data-rank="{rank}">{text}</a>'
            '<span class="value">{value}</span></li>'
        ).format(rank=rank, accent=accent, text=answer.text, value=percent(answer.probability))
        for rank, answer in enumerate(shown[1:], start=2)
    )
    return Markup('<div class="runners-up"><h4>Runners-up</h4><ol>{}</ol></div>').format(rows)


# What an agreement is when the other side is named first.
_TURNED = {
    Agreement.BIOM_ABSTAINS: Agreement.VANILLA_ABSTAINS,
    Agreement.VANILLA_ABSTAINS: Agreement.BIOM_ABSTAINS,
}


def verdict_html(verdict: Verdict, biom: Persona, vanilla: Persona, *, swapped: bool = False) -> Markup:
    """One strip that says in words how the two answers relate.

    ``biom`` and ``vanilla`` are how the two sides appear. ``swapped``: the vanilla side is named
    first, as where it stands first on the page.
    """
    first, second = biom, vanilla
    if swapped:
        first, second = vanilla, biom
        agreement = _TURNED.get(verdict.agreement, verdict.agreement)
        verdict = Verdict(agreement, verdict.f1, verdict.vanilla, verdict.biom)
    told = AGREEMENT_WORDS[verdict.agreement]
    names = short_names([first.label, second.label])
    # Where one model abstains, the class must not tell which: the test may be blind.
    kind = "one-abstains" if verdict.agreement in _TURNED else verdict.agreement.name.lower()
    rest = Markup.escape(told.rest).format(
        biom=_name_html(first, names[0]),
        vanilla=_name_html(second, names[1]),
        biom_text=verdict.biom.text if verdict.biom else "",
        vanilla_text=verdict.vanilla.text if verdict.vanilla else "",
    )
    return Markup(
        '<p class="verdict {kind}" role="status"><span class="icon" aria-hidden="true">{icon}</span>'
        '<span class="words"><b{term}>{lead}</b> {rest}</span></p>'
    ).format(
        kind=kind.replace("_", "-"),
        term=Markup(' title="Words in common, from 0 to 1 (token F1): {:.2f}"').format(verdict.f1)
        if verdict.agreement is Agreement.OVERLAP
        else "",
        icon=told.icon,
        lead=told.lead,
        rest=rest,
    )


def _name_html(persona: Persona, short: str) -> Markup:
    return Markup('<b class="{}">{}</b>').format(persona.accent, short)


def idle_verdict_html() -> Markup:
    """The strip before there is anything to compare."""
    return Markup('<p class="verdict idle">The two answers are compared here.</p>')


def head_html(
    question: str, source: str, models: str, *, stale: bool, edit: str = "", example: bool = False
) -> Markup:
    """The head of a result: its question, where its text is from, and which models read it.

    A ``stale`` one says that it is for the previous question; the style dims what stands under it. An
    ``example`` is called one.
    ``edit`` names the button that leads to the boxes ("": none).
    """
    previous = (
        Markup('<b class="previous" role="status">for the previous question</b> ') if stale else Markup()
    )
    return Markup(
        '<div class="result-head{kind}{example}"><p>{previous}<span class="asked"><b>{lead}:</b> '
        '<bdi>{question}</bdi></span><span class="of"> · {source} · {models}</span></p>{edit}</div>'
    ).format(
        kind=" stale" if stale else "",
        example=" example" if example else "",
        previous=previous,
        lead="Example" if example else "Q",
        question=question,
        source=source,
        models=models,
        edit=Markup('<button type="button" class="edit">{}</button>').format(edit) if edit else "",
    )


def chips_html(examples: Sequence[tuple[str, str]]) -> Markup:
    """A button an example, (title, question), which asks it at once; its question shows at the button."""
    chips = Markup().join(
        Markup(
            '<li><button type="button" class="chip" data-example="{number}" title="{question}">{title}'
            '<span class="unseen">: {question}</span></button></li>'
        ).format(number=number, title=title, question=question)
        for number, (title, question) in enumerate(examples)
    )
    return Markup('<div class="chips"><span class="lead">Try one:</span><ul>{}</ul></div>').format(chips)


def switches_html() -> Markup:
    """How the texts stand: a column a model, or one text with the marks of all or of one."""
    return Markup(
        '<div class="switches"><div role="group" aria-label="The text">'
        '<button type="button" data-text="two" aria-pressed="true">Side by side</button>'
        '<button type="button" data-text="one" aria-pressed="false">Both in one text</button></div>'
        '<div role="group" aria-label="Scrolling" class="of-two">'
        '<button type="button" data-together="" aria-pressed="false">Scroll together</button></div>'
        '<div role="group" aria-label="Marks in the text" class="of-one">'
        '<button type="button" data-only="" aria-pressed="true">All marks</button>'
        '<button type="button" data-only="biom" aria-pressed="false">BioM’s</button>'
        '<button type="button" data-only="vanilla" aria-pressed="false">vanilla’s</button></div></div>'
    )


def no_head_html() -> Markup:
    """The head where there is no result: nothing."""
    return Markup()


def status_html(
    message: str, *, kind: Literal["info", "error"] = "info", progress: float | None = None
) -> Markup:
    """A message to the user, with a bar where ``progress`` (0 to 1) is known.

    Errors are announced at once by screen readers.
    """
    return Markup('<p class="status {kind}" role="{role}">{message}{bar}</p>').format(
        kind=kind,
        role="alert" if kind == "error" else "status",
        message=message,
        bar=Markup() if progress is None else _bar(progress),
    )
