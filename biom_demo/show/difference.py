"""``Difference``, attribution and rewordings -> escaped HTML. Pure: records in, strings out."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from html import escape

from biom_demo.analysis.attribution import Attribution, Effect, Rewording
from biom_demo.analysis.comparison import percent
from biom_demo.analysis.difference import CrossScore, Curve, Difference, heatmap, ordinal, rounded, stretch
from biom_demo.analysis.difference import Side as ModelSide
from biom_demo.qa.records import CharSpan
from biom_demo.qa.sentences import SECTION_LABEL
from biom_demo.show.cards import Side

SIDES: tuple[Side, ...] = ("biom", "vanilla", "third", "fourth")
# What tells the models apart in the merged text where colours cannot be seen.
LETTERS: dict[Side, str] = {"biom": "B", "vanilla": "V", "third": "3", "fourth": "4"}
MAX_CURVE_WORDS = 1_500  # more would be thinner than a pixel, and slow to draw
TOP_EFFECTS = 3

CURVES_HELP = (
    "Upwards: the probability that the answer starts at this word; downwards: that it ends there. "
    "Both sum up all possible spans, so a curve adds up to 1 less p(no answer). Heights are square "
    "roots, so that small probabilities can be seen."
)
CROSS_HELP = (
    "Each model also scores the other’s answer. The rank is among all possible spans; logits are "
    "the scores before they are made probabilities: 1 logit behind is 2.7 times less likely."
)


def difference_html(found: Difference) -> str:
    """The panel below the cards: in words, curves over the merged text, cross-scores, start x end maps."""
    words = " ".join(escape(sentence) for sentence in found.sentences())
    return (
        f'<section class="difference" data-question="{escape(found.sides[0].prediction.question.text)}" '
        'aria-label="Where and why the models differ">'
        f'<h3>Where they look</h3><p class="in-words">{words}</p>'
        f"{legend_html(found)}{curves_html(found)}{merged_html(found)}"
        f"<h3>What each makes of the other’s answer</h3>{cross_html(found)}"
        f'<p class="explained">{CROSS_HELP}</p>'
        f"<details class='maps'><summary>Start × end maps of the likeliest words</summary>"
        f'<div class="heatmaps">'
        + "".join(heatmap_html(side, name, found) for side, name in zip(found.sides, SIDES, strict=False))
        + "</div></details></section>"
    )


def legend_html(found: Difference) -> str:
    """Which letter, line and colour stands for which model."""
    items = "".join(
        f'<li class="{name}"><mark class="merged {name}">{LETTERS[name]}</mark> {escape(side.label)}'
        f"{'' if side.answer else ' (abstains; its best guess is marked)'}</li>"
        for side, name in zip(found.sides, SIDES, strict=False)
    )
    return f'<ul class="legend">{items}</ul>'


def curves_html(found: Difference) -> str:
    """Start and end probabilities of all models over the words, one drawing; the page adds the cursor."""
    first, last = stretch(found.sides, len(found.words), MAX_CURVE_WORDS)
    if first == last:
        return ""
    paths = "".join(
        f'<path class="{name}" d="{_steps(side.curve, first, last)}"/>'
        for side, name in zip(found.sides, SIDES, strict=False)
    )
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
    peaks = "; ".join(_peak(side, found) for side in found.sides)
    return (
        f'<figure class="curves" tabindex="0" role="group" data-first="{first}" '
        f'data-curves="{escape(json.dumps(data))}" aria-label="Probability curves. {escape(peaks)}. '
        'Left and right arrow keys go from word to word.">'
        f'<svg viewBox="0 0 {last - first} 200" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="axis" d="M0 100H{last - first}"/>{paths}'
        '<rect class="cursor" x="0" y="0" width="0" height="200"/></svg>'
        '<span class="tick start" aria-hidden="true">starts ↑</span>'
        '<span class="tick end" aria-hidden="true">ends ↓</span>'
        f'<figcaption><p class="readout" role="status">Point at a word, or at the curves, to see its '
        f'numbers.</p><p class="explained">{part}{CURVES_HELP}</p></figcaption></figure>'
    )


def _steps(curve: Curve, first: int, last: int) -> str:
    """An SVG path: a bar a word, starts above the axis at y = 100, ends below."""
    parts = []
    for values, sign in ((curve.start, -1), (curve.end, 1)):
        for i, p in enumerate(values[first:last]):
            if p >= 0.0004:  # a pixel and less
                parts.append(f"M{i} 100V{100 + sign * 95 * float(p) ** 0.5:.1f}H{i + 1}V100")
    return "".join(parts)


def _peak(side: ModelSide, found: Difference) -> str:
    start, end = int(side.curve.start.argmax()), int(side.curve.end.argmax())
    return (
        f"{side.name} starts most likely at “{found.words[start].of(found.text)}” "
        f"({percent(float(side.curve.start[start]))}) and ends at “{found.words[end].of(found.text)}” "
        f"({percent(float(side.curve.end[end]))})"
    )


def merged_html(found: Difference) -> str:
    """The text once, with every model's answer marked; with tags stripped it is the text, exactly.

    Overlapping and nested answers are cut at their boundaries; a piece under several carries the
    class of each. Words under the curves carry their number in ``data-w``.
    """
    text = found.text
    first, last = stretch(found.sides, len(found.words), MAX_CURVE_WORDS)
    words = found.words[first:last]
    labels = [CharSpan(*match.span()) for match in SECTION_LABEL.finditer(text)]
    answers = [(name, side) for name, side in zip(SIDES, found.sides, strict=False) if side.top]
    cuts = {0, len(text)}
    for span in [*words, *labels, *(side.top.span for _, side in answers if side.top)]:
        cuts |= {span.start, span.end}
    label_ends = {label.start: label.end for label in labels}
    label_end = 0
    word_at = {word.start: index for index, word in enumerate(words, start=first)}
    parts: list[str] = []
    before: list[Side] = []
    word, word_end = -1, 0
    for start, end in itertools.pairwise(sorted(cuts)):
        here = CharSpan(start, end)
        if start in word_at:
            word = word_at[start]
            word_end = found.words[word].end
        label_end = label_ends.get(start, label_end)
        classes = ["section"] if start < label_end else []
        place = f' data-w="{word}"' if start < word_end else ""
        covering = [name for name, side in answers if side.top and side.top.span.overlaps(here)]
        piece = escape(text[start:end])
        if covering:
            tentative = all(side.answer is None for name, side in answers if name in covering)
            who = "".join(LETTERS[name] for name in covering)
            stop = ""
            if covering != before:  # a new region: a stop of the tab key, and its letters
                said = " and ".join(side.label for name, side in answers if name in covering)
                stop = f' tabindex="0" data-who="{who}" aria-label="{escape(said)}: answer"'
            kinds = " ".join(["merged", *covering, *classes, *(["tentative"] if tentative else [])])
            parts.append(f'<mark class="{kinds}"{place}{stop}>{piece}</mark>')
        elif place or classes:
            kind = f' class="{" ".join(classes)}"' if classes else ""
            parts.append(f"<span{kind}{place}>{piece}</span>")
        else:
            parts.append(piece)
        before = covering
    return (
        '<div class="merged-text" tabindex="0" role="region" aria-label="The text with all answers">'
        f"{''.join(parts)}</div>"
    )


def cross_html(found: Difference) -> str:
    """A row for each model's answer, a column for each model that judges it."""
    head = "".join(
        f'<th scope="col" class="{name}">under {escape(side.name)}</th>'
        for side, name in zip(found.sides, SIDES, strict=False)
    )
    rows = ""
    for side, name, scores in zip(found.sides, SIDES, found.cross, strict=False):
        answer = f"“{escape(side.top.text)}”" if side.top else "nothing"
        cells = "".join(f"<td>{_cross_cell(score)}</td>" for score in scores)
        rows += (
            f'<tr><th scope="row" class="{name}">{answer}<span>{escape(side.name)}</span></th>{cells}</tr>'
        )
    return (
        '<div class="table-scroll" tabindex="0" role="region" aria-label="Each answer under each model">'
        f'<table class="cross"><thead><tr><th scope="col">best span of</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cross_cell(score: CrossScore | None) -> str:
    if score is None:
        return "not one of its spans"
    behind = "" if score.rank == 1 else f", {score.behind:.1f} logits behind"
    return f"<b>{ordinal(score.rank)}</b>{behind}, {percent(score.probability)}"


def heatmap_html(side: ModelSide, name: Side, found: Difference) -> str:
    """Probability by start word (rows) and end word (columns), of the model's likeliest words."""
    found_map = heatmap(side, found.words)
    head = "".join(f'<th scope="col">{escape(found.words[i].of(found.text))}</th>' for i in found_map.ends)
    rows = ""
    for i, values in zip(found_map.starts, found_map.values, strict=True):
        cells = "".join(
            f'<td style="--effect:{float(p) ** 0.5:.3f}" title="{percent(float(p))}">'
            f"{f'{100 * p:.0f}' if p >= 0.005 else ''}</td>"
            for p in values
        )
        rows += f'<tr><th scope="row">{escape(found.words[i].of(found.text))}</th>{cells}</tr>'
    return (
        f'<div class="table-scroll {name}" tabindex="0" role="region" '
        f'aria-label="Start and end words of {escape(side.label)}"><table class="heatmap">'
        f"<caption>{escape(side.label)}: percent by start (rows) and end (columns)</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def attribution_html(attribution: Attribution, name: Side, label: str, text: str, question: str) -> str:
    """One model's answer with its question and text shaded by what the answer hangs on."""
    effects = [*attribution.sentences, *attribution.words]
    if not any(abs(_share(effect, attribution)) >= 0.01 for effect in effects if not effect.holds_answer):
        most = "<li>No single sentence or question word matters: none moves it by a hundredth.</li>"
    else:
        pieces = [(effect, text, "sentence") for effect in attribution.sentences]
        pieces += [(effect, question, "question word") for effect in attribution.words]
        pieces = [piece for piece in pieces if not piece[0].holds_answer]
        pieces.sort(key=lambda piece: -abs(_share(piece[0], attribution)))
        most = "".join(
            f"<li>{_without_words(effect, attribution)} without the {kind} "
            f"“{escape(_shortened(effect.part.of(source)))}”</li>"
            for effect, source, kind in pieces[:TOP_EFFECTS]
        )
    kept = sum(e.survives for e in attribution.sentences if not e.holds_answer)
    among = sum(not e.holds_answer for e in attribution.sentences)
    return (
        f'<section class="card wide {name}" aria-label="Why {escape(label)} answers so"><header><h3>'
        f"{escape(label)}</h3></header>"
        f'<p class="finding"><b>{escape(attribution.answer.text)}</b> <span class="value">'
        f"{percent(attribution.answer.probability)} with everything there</span></p>"
        f'<ul class="effects">{most}</ul>'
        f"<p class='stays'>The answer stays in {kept} of {among} texts with another sentence left out.</p>"
        f"<h4>Question</h4><p class='shaded'>{_shaded(question, attribution.words, attribution)}</p>"
        f"<h4>Text</h4><div class='shaded context' tabindex='0' role='region' "
        f'aria-label="Text shaded by what {escape(label)} needs">'
        f"{_shaded(text, attribution.sentences, attribution)}</div></section>"
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
    return f"{change}, and {f'“{escape(effect.answer)}” wins' if effect.answer else 'it abstains'},"


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 90 else words[:88].rsplit(" ", 1)[0] + " …"


def _shaded(text: str, effects: Sequence[Effect], attribution: Attribution) -> str:
    parts: list[str] = []
    at = 0
    for effect in effects:
        share = _share(effect, attribution)
        title = (
            "The answer stands here."
            if effect.holds_answer
            else f"Without this: {percent(effect.probability)} "
            f"instead of {percent(attribution.answer.probability)}."
        )
        kind = "holds" if effect.holds_answer else "against" if share < -0.01 else "for"
        strength = 0.0 if effect.holds_answer else max(share, 0.0)
        parts.append(escape(text[at : effect.part.start]))
        parts.append(
            f'<span class="effect {kind}" style="--effect:{strength:.3f}" title="{title}">'
            f"{escape(effect.part.of(text))}</span>"
        )
        at = effect.part.end
    return "".join([*parts, escape(text[at:])])


def rewordings_html(rows: Sequence[tuple[Side, str, Sequence[Rewording]]]) -> str:
    """A row a wording, a column a model: its answer there, and whether it is still the same."""
    if not rows:
        return ""
    head = "".join(
        f'<th scope="col" class="{name}">{escape(label)}: same answer in '
        f"{sum(r.survives for r in made)} of {len(made)}</th>"
        for name, label, made in rows
    )
    body = ""
    for per_model in zip(*(made for _, _, made in rows), strict=True):
        cells = "".join(
            f"<td>{'✓ same' if r.survives else '✗ other'}: "
            f"{escape(r.answer) if r.answer else 'no answer'} "
            f'<span class="value">{percent(r.probability) if r.answer else ""}</span></td>'
            for r in per_model
        )
        body += f'<tr><th scope="row">{escape(per_model[0].question)}</th>{cells}</tr>'
    return (
        '<div class="table-scroll" tabindex="0" role="region" aria-label="Answers to other wordings">'
        f'<table class="cross"><thead><tr><th scope="col">wording</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
