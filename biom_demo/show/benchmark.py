"""A benchmark -> HTML: figures with intervals, by kind, the published table, unlike answers, calibration."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from biom_demo.analysis.benchmark import PUBLISHED, Benchmark, Disagreement, Figure
from biom_demo.analysis.benchmark.report import MEASURES, METHOD
from biom_demo.qa.records import Answer
from biom_demo.show.cards import Persona
from biom_demo.show.reliability import measured_html
from biom_demo.show.words import counted, percent

MAX_DISAGREEMENTS = 200  # drawn at one time
MAX_SHOWN_CHARS = 300  # of a text in a cell


def benchmark_html(found: Benchmark, personas: Sequence[Persona]) -> Markup:
    """All figures of a benchmark as tables, and its reliability diagram; ``personas`` are its models."""
    labels = [persona.label for persona in personas]
    parts = [_figures_html(found, labels), published_html(found)]
    for title, rows in found.kinds.items():
        head = [title, "pairs", "questions", *(f"{m} {label}" for label in labels for m in ("EM", "F1"))]
        cells = [
            [
                row.kind,
                f"{row.n:,}",
                f"{row.questions:,}",
                *(f"{v:.1f}" for pair in zip(row.exact_match, row.f1, strict=True) for v in pair),
            ]
            for row in rows
        ]
        parts.append(_table(f"By {title}", head, cells))
    calibrated = [
        (persona, model.calibration)
        for persona, model in zip(personas, found.models, strict=True)
        if model.calibration
    ]
    parts.append(measured_html(calibrated, key="benchmark-reliability"))
    return Markup().join(parts)


def published_html(found: Benchmark) -> Markup:
    """The model card's table where the file is its own, told to be published and not measured."""
    if not found.published:
        return Markup()
    return _table(
        f"Model card’s table on the same {len(found.gold.examples)} pairs ({PUBLISHED})",
        ["model", "EM", "F1"],
        [[name, f"{em:.2f}", f"{f1:.2f}"] for name, em, f1 in found.published],
    )


def disagreements_html(found: Benchmark, labels: Sequence[str]) -> Markup:
    """The pairs to which two models give unlike answers, a row a pair; the first ``MAX_DISAGREEMENTS``.

    The question of a row is a button that carries its pair's place in the file, from 0.
    """
    rows = found.disagreements
    if not rows:
        return Markup()
    body = Markup().join(_disagreement_row(row) for row in rows[:MAX_DISAGREEMENTS])
    heads = Markup().join(
        Markup('<th scope="col">{}</th>').format(head) for head in ("question", *labels, "known answer")
    )
    more = len(rows) - MAX_DISAGREEMENTS
    note = f" The first {MAX_DISAGREEMENTS} are shown; the files have all." if more > 0 else ""
    return Markup(
        '<div class="table-scroll" tabindex="0" role="region" aria-label="Unlike answers">'
        '<table class="cross disagreements"><caption>{caption}</caption><thead><tr>{heads}</tr></thead>'
        "<tbody>{body}</tbody></table></div>"
    ).format(caption=f"Unlike answers to {counted(len(rows), 'pair')}.{note}", heads=heads, body=body)


def _disagreement_row(row: Disagreement) -> Markup:
    cells = Markup().join(
        Markup("<td>{}</td>").format(_answer_words(answer, right))
        for answer, right in zip(row.answers, row.right, strict=True)
    )
    return Markup(
        '<tr><th scope="row"><button type="button" class="open-pair" data-number="{}" '
        'title="Open in Compare">{}</button></th>{}<td>{}</td></tr>'
    ).format(
        row.number,
        _cut(row.example.question.text),
        cells,
        _cut(row.example.gold_texts[0]) if row.example.gold_texts else "not in the text",
    )


def _answer_words(answer: Answer | None, right: bool | None) -> str:
    mark = {True: "✓ ", False: "✗ ", None: ""}[right]
    if answer is None:
        return f"{mark}no answer"
    return f"{mark}{_cut(answer.text)} ({percent(answer.probability)})"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[: MAX_SHOWN_CHARS - 1]}…"


def _figures_html(found: Benchmark, labels: Sequence[str]) -> Markup:
    tables = []
    for over in dict.fromkeys(figure.over for figure in found.figures):
        figures = [figure for figure in found.figures if figure.over == over]
        head = ["measure", *labels]
        if len(labels) == 2:
            head += ["first minus second", "p (bootstrap)", "sign test"]
        caption = f"{over[0].upper()}{over[1:]}: {counted(figures[0].n, 'item')}"
        if figures[0].questions != figures[0].n:
            caption += f" of {counted(figures[0].questions, 'question')}"
        tables.append(_table(caption, head, [_figure_cells(figure) for figure in figures]))
    if tables:
        tables.append(Markup('<p class="explained">{}</p>').format(METHOD))
    return Markup().join(tables)


def _figure_cells(figure: Figure) -> list[str]:
    digits = 1 if figure.measure in ("exact_match", "f1") else 3
    cells = [MEASURES[figure.measure]]
    cells += [f"{m.mean:.{digits}f} [{m.low:.{digits}f}, {m.high:.{digits}f}]" for m in figure.models]
    if figure.difference and figure.sign_test:
        one, signs = figure.difference, figure.sign_test
        cells += [
            f"{one.mean:+.{digits}f} [{one.low:+.{digits}f}, {one.high:+.{digits}f}]",
            f"{one.p_value:.3f}",
            f"{signs.for_first}:{signs.for_second}, p {signs.p_value:.3f}",
        ]
    return cells


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    heads = Markup().join(Markup('<th scope="col">{}</th>').format(cell) for cell in head)
    body = Markup().join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            first, Markup().join(Markup("<td>{}</td>").format(cell) for cell in cells)
        )
        for first, *cells in rows
    )
    return Markup(
        '<div class="table-scroll" tabindex="0" role="region" aria-label="{caption}"><table class="cross">'
        "<caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    ).format(caption=caption, heads=heads, body=body)
