"""``Difference``, attribution and rewordings -> HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from markupsafe import Markup

from biom_demo.analysis.attribution import Attribution, Effect, Rewording
from biom_demo.analysis.difference import (
    CrossScore,
    Curve,
    Difference,
    ViewedSide,
    heatmap,
    rounded,
    stretch,
)
from biom_demo.analysis.passage import Passage
from biom_demo.show.cards import ACCENTS, LISTED_FROM, Accent, Persona, status_html
from biom_demo.show.pieces import pieces
from biom_demo.show.words import in_words, ordinal, percent

# What tells the models apart in the merged text where colours cannot be seen.
LETTERS: dict[Accent, str] = {"biom": "B", "vanilla": "V", "third": "3", "fourth": "4"}
MAX_CURVE_WORDS = 1_500  # more would be thinner than a pixel, and slow to draw
LEAST_PEAK = 0.01  # curves below it, of models that give no answer, are a line along the axis
TOP_EFFECTS = 3

CURVES_HELP = (
    "Upwards: the probability that the answer starts at this word; downwards: that it ends there. "
    "Both sum up all possible spans, so a curve adds up to 100% less the share of “not in the text”. Heights "
    "are square roots, so that small probabilities can be seen."
)
CROSS_HELP = (
    "Each model also scores the other’s answer: its place among all possible spans, and the probability it "
    "has there. The distance in logits, the scores before they are made probabilities, shows at a cell: one "
    "logit behind is e, about 2.7, times less likely where the model is not calibrated."
)


SHADING_LEGEND = Markup(
    '<p class="shaded key"><span class="effect for" style="--effect:0.300">Shaded</span>'
    '<span class="effect for" style="--effect:0.900"> darker</span>: the answer needs it more. '
    '<span class="effect holds">Underlined</span>: the answer stands here. '
    '<span class="effect against">Dotted</span>: without it the model would be surer.</p>'
)


def idle_difference_html() -> Markup:
    """The panel before there is anything to compare."""
    return _unfilled(
        "After the run: start and end probabilities of both models over the text, all answers in one text, "
        "and what each model makes of the other’s answer."
    )


def hidden_difference_html() -> Markup:
    """The panel in a blind test, before the vote."""
    return _unfilled("Hidden until you have voted.")


def _unfilled(words: str) -> Markup:
    return Markup(
        '<section class="difference idle"><h3>Where they look</h3><p class="empty">{}</p></section>'
    ).format(words)


def _accented(found: Difference) -> Iterator[tuple[Accent, ViewedSide]]:
    return zip(ACCENTS, found.sides, strict=False)


def difference_html(found: Difference) -> Markup:
    """The panel below the cards: in words, curves over the merged text, cross-scores, start x end maps."""
    return Markup(
        '<section class="difference" data-question="{question}" '
        'aria-label="Where and why the models differ">'
        '<h3>Where they look</h3><p class="in-words">{words}</p>{legend}{curves}{merged}{cross}{maps}'
        "</section>"
    ).format(
        question=found.comparison.question.text,
        words=" ".join(in_words(found)),
        legend=legend_html(found),
        curves=curves_html(found),
        merged=merged_html(found),
        cross=cross_html(found),
        maps=Markup() if _nothing_to_see(found) else _maps_html(found),
    )


def _maps_html(found: Difference) -> Markup:
    return Markup(
        '<details class="maps"><summary>Start × end maps of the likeliest words</summary>'
        '<div class="heatmaps">{}</div></details>'
    ).format(Markup().join(heatmap_html(side, accent, found) for accent, side in _accented(found)))


def legend_html(found: Difference) -> Markup:
    """Which letter, line and colour stands for which model."""
    items = Markup().join(
        Markup(
            '<li class="{accent}"><mark class="merged {accent}">{letter}</mark> {label}{silent}</li>'
        ).format(
            accent=accent,
            letter=LETTERS[accent],
            label=side.label,
            silent="" if side.answer else " (gives no answer; its best guess is marked)",
        )
        for accent, side in _accented(found)
    )
    return Markup('<ul class="legend">{}</ul>').format(items)


def curves_html(found: Difference) -> Markup:
    """Start and end probabilities of all models over the words, one drawing; the page adds the cursor."""
    first, last = stretch(found.sides, len(found.words), MAX_CURVE_WORDS)
    if first == last:
        return Markup()
    if _nothing_to_see(found):
        return Markup(
            '<p class="explained">No curves: no word is the start or the end of an answer with a probability '
            "of {} or more under any of the models.</p>"
        ).format(percent(LEAST_PEAK))
    unread = "Words that no model has read stand at 0. " if found.gaps else ""
    data = [
        {
            "label": side.name,
            "start": rounded(side.curve.start[first:last]),
            "end": rounded(side.curve.end[first:last]),
        }
        for side in found.sides
    ]
    part = (
        f"Drawn for words {first + 1:,} to {last:,} of {len(found.words):,}, which hold most of the "
        "probability. "
        if last - first < len(found.words)
        else ""
    )
    return Markup(
        '<figure class="curves" tabindex="0" role="group" data-first="{first}" data-curves="{data}" '
        'aria-label="Probability curves. {peaks}. Left and right arrow keys go from word to word.">'
        '<span class="tick" aria-hidden="true">↑ starts here</span>'
        '<svg viewBox="0 0 {count} 200" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="axis" d="M0 100H{count}"/>{paths}'
        '<rect class="cursor" x="0" y="0" width="0" height="200"/></svg>'
        '<span class="tick" aria-hidden="true">↓ ends here</span>'
        '<figcaption><p class="readout" role="status"><span class="by-pointer">Point at</span>'
        '<span class="by-touch">Tap</span> a word, or the curves, to see its numbers.</p>'
        '<p class="explained">{part}{help}</p></figcaption></figure>'
    ).format(
        first=first,
        data=json.dumps(data),
        peaks="; ".join(_peak(side, found) for side in found.sides),
        count=last - first,
        paths=Markup().join(
            Markup('<path class="{}" d="{}"/>').format(accent, _steps(side.curve, first, last))
            for accent, side in _accented(found)
        ),
        part=part + unread,
        help=CURVES_HELP,
    )


def _nothing_to_see(found: Difference) -> bool:
    """Whether no model gives an answer, and all curves are lines along the axis."""
    return all(
        side.answer is None
        and max(side.curve.start.max(initial=0.0), side.curve.end.max(initial=0.0)) < LEAST_PEAK
        for side in found.sides
    )


def _steps(curve: Curve, first: int, last: int) -> str:
    """An SVG path: a bar a word, starts above the axis at y = 100, ends below."""
    parts = []
    for values, sign in ((curve.start, -1), (curve.end, 1)):
        for i, p in enumerate(values[first:last]):
            if p >= 0.0004:  # a pixel and less
                parts.append(f"M{i} 100V{100 + sign * 95 * float(p) ** 0.5:.1f}H{i + 1}V100")
    return "".join(parts)


def _peak(side: ViewedSide, found: Difference) -> str:
    start, end = int(side.curve.start.argmax()), int(side.curve.end.argmax())
    return (
        f"{side.name} starts most likely at “{found.words[start].of(found.text)}” "
        f"({percent(float(side.curve.start[start]))}) and ends at “{found.words[end].of(found.text)}” "
        f"({percent(float(side.curve.end[end]))})"
    )


def merged_html(found: Difference) -> Markup:
    """The text once, with every model's answer marked; with tags stripped it is the text, exactly.

    Overlapping and nested answers are cut at their boundaries; a piece under several carries the
    class of each. Words under the curves carry their number in ``data-w``.
    """
    text = found.text
    first, last = stretch(found.sides, len(found.words), MAX_CURVE_WORDS)
    answers = [(accent, side, side.top.span) for accent, side in _accented(found) if side.top]
    words, labels, gaps = found.words[first:last], found.comparison.passage.labels, found.gaps
    word_from, label_from = len(answers), len(answers) + len(words)
    gap_from = label_from + len(labels)
    parts: list[Markup] = []
    before: list[Accent] = []
    for start, end, over in pieces(len(text), [*(span for _, _, span in answers), *words, *labels, *gaps]):
        piece = Markup.escape(text[start:end])
        under = [answers[i] for i in over if i < word_from]
        word = next((i - word_from for i in over if word_from <= i < label_from), None)
        place = Markup() if word is None else Markup(' data-w="{}"').format(first + word)
        kinds = "section" if any(label_from <= i < gap_from for i in over) else ""
        if over and over[-1] >= gap_from:
            kinds = f"{kinds} not-read".strip()
        covering = [accent for accent, _, _ in under]
        if covering:
            stop = Markup()
            if covering != before:  # a new region: a stop of the tab key, and its letters
                stop = Markup(' tabindex="0" data-who="{}" aria-label="{}: answer"').format(
                    "".join(LETTERS[accent] for accent in covering),
                    " and ".join(side.label for _, side, _ in under),
                )
            tentative = "tentative" if all(side.answer is None for _, side, _ in under) else ""
            classes = " ".join(filter(None, ["merged", *covering, kinds, tentative]))
            piece = Markup('<mark class="{}"{}{}>{}</mark>').format(classes, place, stop, piece)
        elif place or kinds:
            kind = Markup(' class="{}"').format(kinds) if kinds else ""
            piece = Markup("<span{}{}>{}</span>").format(kind, place, piece)
        parts.append(piece)
        before = covering
    return Markup(
        '<div class="merged-text" dir="auto" tabindex="0" role="region" '
        'aria-label="The text with all answers">{}</div>'
    ).format(Markup().join(parts))


def cross_html(found: Difference) -> Markup:
    """A row for each model's answer, a column for each model that judges it, with its heading.

    The best guess of a model that gives no answer has a row only where it is likely enough to be listed;
    without a row there is nothing.
    """
    judged = [
        (accent, side, scores)
        for (accent, side), scores in zip(_accented(found), found.cross, strict=True)
        if side.answer or (side.top and side.top.probability >= LISTED_FROM)
    ]
    if not judged:
        return Markup()
    head = Markup().join(
        Markup('<th scope="col" class="{}">what {} makes of it</th>').format(accent, side.name)
        for accent, side in _accented(found)
    )
    rows = Markup().join(
        Markup('<tr><th scope="row" class="{accent}">{answer}<span>{name}</span></th>{cells}</tr>').format(
            accent=accent,
            answer=f"“{side.top.text}”" if side.top else "nothing",
            name=side.name if side.answer else f"{side.name}, a guess",
            cells=Markup().join(Markup("<td>{}</td>").format(_cross_cell(score)) for score in scores),
        )
        for accent, side, scores in judged
    )
    return Markup(
        '<h3>What each makes of the other’s answer</h3><div class="table-scroll" tabindex="0" role="region" '
        'aria-label="Each answer under each model"><table class="cross"><thead><tr>'
        '<th scope="col">answer</th>{}</tr></thead><tbody>{}</tbody></table></div><p class="explained">{}</p>'
    ).format(head, rows, CROSS_HELP)


def _cross_cell(score: CrossScore | None) -> Markup | str:
    if score is None:
        return "it cannot point at exactly that"
    behind = f"{score.behind:.1f} logits behind its best span" if score.rank > 1 else "its best span"
    return Markup('<span title="{}"><b>{}</b> choice, {}</span>').format(
        behind, ordinal(score.rank), percent(score.probability)
    )


def flips_html(found: Difference, low: float, high: float) -> Markup:
    """Where on the no-answer threshold's scale, from ``low`` to ``high``, each model begins to answer."""
    marks, told = [], []
    for accent, side in _accented(found):
        at = side.abstains_by
        share = (at - low) / (high - low)
        if low < at <= high:
            marks.append(
                Markup('<span class="flip {}" style="--effect:{:.3f}">{}</span>').format(
                    accent, share, LETTERS[accent]
                )
            )
        where = (
            "answers at every setting"
            if at <= low
            else "answers at no setting"
            if at > high
            else f"answers from {at:.1f} on"
        )
        told.append(Markup('<li class="{}">{}: {} {}</li>').format(accent, LETTERS[accent], side.name, where))
    return Markup(
        '<div class="flips"><div class="scale" aria-hidden="true">{}</div><ul>{}</ul></div>'
    ).format(Markup().join(marks), Markup().join(told))


def heatmap_html(side: ViewedSide, accent: Accent, found: Difference) -> Markup:
    """Probability by start word (rows) and end word (columns), of the model's likeliest words."""
    drawn = heatmap(side, found.words)
    head = Markup().join(
        Markup('<th scope="col">{}</th>').format(found.words[i].of(found.text)) for i in drawn.ends
    )
    rows = Markup().join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            found.words[i].of(found.text), Markup().join(_heat(float(p)) for p in values)
        )
        for i, values in zip(drawn.starts, drawn.values, strict=True)
    )
    return Markup(
        '<div class="table-scroll {accent}" tabindex="0" role="region" '
        'aria-label="Start and end words of {label}"><table class="heatmap">'
        "<caption>{label}: percent by start (rows) and end (columns)</caption>"
        "<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    ).format(accent=accent, label=side.label, head=head, rows=rows)


def _heat(p: float) -> Markup:
    return Markup('<td style="--effect:{:.3f}" title="{}">{}</td>').format(
        p**0.5, percent(p), f"{100 * p:.0f}" if p >= 0.005 else ""
    )


def attribution_html(attribution: Attribution, persona: Persona, passage: Passage, question: str) -> Markup:
    """One model's answer with its question and text shaded by what the answer hangs on."""
    left_out = [(effect, passage.text, "sentence") for effect in attribution.sentences]
    left_out += [(effect, question, "question word") for effect in attribution.words]
    left_out = [entry for entry in left_out if not entry[0].holds_answer]
    left_out.sort(key=lambda entry: -abs(_share(entry[0], attribution)))
    if left_out and abs(_share(left_out[0][0], attribution)) >= 0.01:
        most = Markup().join(
            Markup("<li>{} without the {} “{}”</li>").format(
                _without_words(effect, attribution), kind, _shortened(effect.part.of(source))
            )
            for effect, source, kind in left_out[:TOP_EFFECTS]
        )
    else:
        most = Markup("<li>No single sentence or question word matters: none moves it by a hundredth.</li>")
    others = [effect for effect in attribution.sentences if not effect.holds_answer]
    return Markup(
        '<section class="card wide {accent}" aria-label="Why {label} answers so"><header><h3>{label}</h3>'
        '</header><p class="finding"><b>{answer}</b> <span class="value">{probability} with everything '
        'there</span></p><ul class="effects">{most}</ul>'
        '<p class="stays">The answer stays in {kept} of {among} texts with another sentence left out.</p>'
        '<h4>Question</h4><p class="shaded" dir="auto">{question}</p>'
        '<h4>Text</h4><div class="shaded context" dir="auto" tabindex="0" role="region" '
        'aria-label="Text shaded by what {label} needs">{text}</div></section>'
    ).format(
        accent=persona.accent,
        label=persona.label,
        answer=attribution.answer.text,
        probability=percent(attribution.answer.probability),
        most=most,
        kept=sum(effect.survives for effect in others),
        among=len(others),
        question=_shaded(question, attribution.words, attribution),
        text=_shaded(passage.text, attribution.sentences, attribution),
    )


def attributions_html(explained: Sequence[tuple[Persona, Attribution, Passage, str]]) -> Markup:
    """What the answer of each model hangs on, beside each other: ``attribution_html`` of each."""
    if not explained:
        return Markup()
    return Markup('{}<div class="explained-cards">{}</div>').format(
        SHADING_LEGEND,
        Markup().join(
            attribution_html(attribution, persona, passage, question)
            for persona, attribution, passage, question in explained
        ),
    )


def _share(effect: Effect, attribution: Attribution) -> float:
    """What part of the answer's probability goes when the part is left out; below 0 if it grows."""
    if not attribution.answer.probability:
        return 0.0
    return max(-1.0, 1 - effect.probability / attribution.answer.probability)


def _without_words(effect: Effect, attribution: Attribution) -> str:
    change = f"{percent(attribution.answer.probability)} → {percent(effect.probability)}"
    if effect.survives:
        return change
    return f"{change}, and {f'“{effect.answer}” wins' if effect.answer else 'it abstains'},"


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 90 else words[:88].rsplit(" ", 1)[0] + " …"


def _shaded(text: str, effects: Sequence[Effect], attribution: Attribution) -> Markup:
    parts: list[Markup] = []
    at = 0
    for effect in effects:
        share = _share(effect, attribution)
        title = (
            "The answer stands here."
            if effect.holds_answer
            else f"Without this: {percent(effect.probability)} "
            f"instead of {percent(attribution.answer.probability)}."
        )
        parts.append(
            Markup('{}<span class="effect {}" style="--effect:{:.3f}" title="{}">{}</span>').format(
                text[at : effect.part.start],
                "holds" if effect.holds_answer else "against" if share < -0.01 else "for",
                0.0 if effect.holds_answer else max(share, 0.0),
                title,
                effect.part.of(text),
            )
        )
        at = effect.part.end
    return Markup().join([*parts, text[at:]])


def rewordings_html(rows: Sequence[tuple[Persona, Sequence[Rewording]]], *, ended: str = "") -> Markup:
    """A row a wording, a column a model: its answer there, and whether it is still the same.

    ``ended`` says why reading ended early: models may then have read different numbers of wordings.
    """
    if not any(made for _, made in rows):
        return status_html(ended) if ended else Markup()
    head = Markup().join(
        Markup('<th scope="col" class="{}">{}: same answer in {} of {}</th>').format(
            persona.accent, persona.label, sum(r.survives for r in made), len(made)
        )
        for persona, made in rows
    )
    body = Markup().join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            next(r.question for r in wording if r), Markup().join(map(_reworded_cell, wording))
        )
        for wording in zip_longest(*(made for _, made in rows))
    )
    return Markup(
        '{}<div class="table-scroll" tabindex="0" role="region" aria-label="Answers to other wordings">'
        '<table class="cross"><thead><tr><th scope="col">wording</th>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(status_html(ended) if ended else "", head, body)


def _reworded_cell(rewording: Rewording | None) -> Markup:
    if rewording is None:
        return Markup("<td>not read</td>")
    return Markup('<td>{}: {} <span class="value">{}</span></td>').format(
        "✓ same" if rewording.survives else "✗ other",
        rewording.answer or "no answer",
        percent(rewording.probability) if rewording.answer else "",
    )


def cost_html(times: int | None, seconds: float) -> Markup:
    """What an explanation will cost, before it is asked for: readings by each model, seconds in all.

    ``times`` is ``None`` where there is nothing to explain yet.
    """
    if times is None:
        return status_html("Each sentence and each word of the question is left out in turn, and read again.")
    takes = f"at most about {max(seconds, 0.1):.1f} s by what this text took" if seconds else "some seconds"
    return status_html(
        f"Each sentence and each question word is left out in turn: {times} more readings by each model, "
        f"{takes}."
    )
