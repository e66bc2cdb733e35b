"""A benchmark -> HTML: figures with intervals, by kind, calibration, published table; its rows as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from biom_demo.analysis.benchmark import PUBLISHED, ROWS_A_PAGE, Benchmark, Figure, Look, ScoredRow
from biom_demo.analysis.benchmark.report import MEASURES, METHOD
from biom_demo.analysis.difference import short_names
from biom_demo.show.cards import Persona
from biom_demo.show.reliability import measured_html
from biom_demo.show.words import AGREEMENT_WORDS, counted, percent

MAX_SHOWN_CHARS = 300  # of a text in a cell


def benchmark_html(found: Benchmark, personas: Sequence[Persona]) -> Markup:
    """All figures of a benchmark as tables, and its reliability diagram; ``personas`` are its models.

    By kind, and how sure the models were, stands folded.
    """
    labels = [persona.label for persona in personas]
    short = short_names(labels)
    parts = list[Markup]()
    for title, rows in found.kinds.items():
        head = [title, "pairs", "questions", *(f"{m} {label}" for label in short for m in ("EM", "F1"))]
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
    kinds = Markup().join(parts)
    folded = Markup(
        '<details class="by-kind"><summary>By kind of question and answer, and how often answers were right '
        "by confidence</summary>{}</details>"
    ).format(kinds)
    return Markup().join([_figures_html(found, short), published_html(found), folded if kinds else Markup()])


def published_html(found: Benchmark) -> Markup:
    """The model card's table where the file is its own, told to be published and not measured."""
    if not found.published:
        return Markup()
    return _table(
        f"Model card’s table on the same {len(found.gold.examples)} pairs ({PUBLISHED})",
        ["model", "EM", "F1"],
        [[name, f"{em:.2f}", f"{f1:.2f}"] for name, em, f1 in found.published],
    )


def benchmark_about_html(limits: str) -> Markup:
    """What the tab does, in three sentences; ``limits`` says how large a file may be."""
    return Markup(
        '<p class="introduction">Upload questions with known answers: a BioASQ golden file of any year, or a '
        "SQuAD file ({}). “Score all” has both models read every text; each question is a row with the known "
        "answer and what each model says, and the totals come with 95% intervals. A click on a row opens it "
        "in Compare, from what was read.</p>"
    ).format(limits)


@dataclass(frozen=True, slots=True)
class Shown:
    """One page of a table's rows: ``rows`` of ``matching`` that are shown, of ``total``; ``look`` chose them.

    ``hidden`` leaves out the known answers and what the models say: a blind test is to come.
    """

    rows: Sequence[ScoredRow]
    matching: int
    total: int
    look: Look
    hidden: bool = False

    @property
    def pages(self) -> int:
        """How many pages there are, one at least."""
        return max(1, -(-self.matching // ROWS_A_PAGE))


HIDDEN = "Hidden: “Blind” is ticked on Compare. Rows open blind; the known answer shows once you have voted."


def questions_html(shown: Shown, personas: Sequence[Persona]) -> Markup:
    """A page of the rows of a file with known answers, its heads to sort by, and the way to other pages.

    The question of a row is a button that carries its pair's place in the file, from 0.
    """
    if not shown.total:
        return Markup()
    names = short_names([persona.label for persona in personas])
    heads = [
        ("number", "no.", "plain"),
        ("question", "question", "plain"),
        ("known", "known answer", "plain"),
    ]
    for key, name, persona in zip(("first", "second"), names, personas, strict=False):
        heads += [(key, name, persona.accent), (f"{key}-sure", "confidence", persona.accent)]
    heads.append(("verdict", "the two models", "plain"))
    if shown.hidden:
        heads = heads[:2]
    labels = [name for _, name, _ in heads]
    head = Markup().join(_head_html(*one, look=shown.look) for one in heads)
    body = Markup().join(_row_html(row, labels, shown) for row in shown.rows)
    note = Markup('<p class="explained">{}</p>').format(HIDDEN) if shown.hidden else ""
    return Markup(
        '{note}<div class="table-scroll" tabindex="0" role="region" aria-label="Questions of the file">'
        '<table class="abstracts questions"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        "{pager}"
    ).format(note=note, head=head, body=body, pager=_pager_html(shown))


def _head_html(key: str, name: str, accent: str, *, look: Look) -> Markup:
    way = ("descending" if look.descending else "ascending") if look.column == key else "none"
    return Markup(
        '<th scope="col" class="{accent}" aria-sort="{way}">'
        '<button type="button" class="sort-by" data-key="{key}">{name}</button></th>'
    ).format(accent=accent, way=way, key=key, name=name)


def _row_html(row: ScoredRow, labels: Sequence[str], shown: Shown) -> Markup:
    cells = [
        Markup('<td class="place">{}</td>').format(f"{row.number + 1:,}"),
        Markup(
            '<td class="asked"><button type="button" class="open-row" data-number="{}" '
            'dir="auto">{}</button></td>'
        ).format(row.number, _cut(row.example.question.text) or "(no question)"),
    ]
    if not shown.hidden:
        cells.append(_cell(labels[2], _known_words(row)))
        for model in range((len(labels) - 4) // 2):
            cells += _said_html(row, model, labels[3 + 2 * model : 5 + 2 * model])
        verdict = "not read yet"
        if row.agreement is not None:
            told = AGREEMENT_WORDS[row.agreement]
            verdict = f"{told.icon} {told.short}"
        cells.append(_cell(labels[-1], verdict))
    return Markup('<tr data-number="{}"{}>{}</tr>').format(
        row.number,
        Markup(' aria-current="true"') if row.number == shown.look.at else "",
        Markup().join(cells),
    )


def _known_words(row: ScoredRow) -> str:
    if row.known:
        more = len(set(row.example.gold_texts)) - 1
        return _cut(row.known) + (f" (or {counted(more, 'other')})" if more else "")
    return "not in the text" if row.example.labelled else "not known"


def _said_html(row: ScoredRow, model: int, labels: Sequence[str]) -> list[Markup]:
    if not row.answers:
        return [_cell(labels[0], "–"), _cell(labels[1], "–")]
    answer, right = row.answers[model], row.right[model]
    words = _cut(answer.text) if answer else Markup('<span class="none">no answer</span>')
    mark = _MARKS[right]
    return [
        _cell(labels[0], Markup("<span>{} {}</span>").format(mark, words)),
        _cell(labels[1], percent(answer.probability) if answer else "–"),
    ]


_MARKS = {
    True: Markup('<span class="right" role="img" aria-label="right" title="right">✓</span>'),
    False: Markup('<span class="wrong" role="img" aria-label="wrong" title="wrong">✗</span>'),
    None: Markup(),
}


def _cell(label: str, content: str) -> Markup:
    return Markup('<td data-label="{}" dir="auto">{}</td>').format(label, content)


def _pager_html(shown: Shown) -> Markup:
    page, last = shown.look.page, shown.pages - 1
    first = page * ROWS_A_PAGE
    words = "No row is left by this choice."
    if shown.matching:
        words = f"Rows {first + 1:,} to {first + len(shown.rows):,} of {shown.matching:,}"
        if shown.matching < shown.total:
            words += f", of {counted(shown.total, 'pair')}"
    buttons = [
        _page_html(target, name, disabled=target == page or not 0 <= target <= last)
        for target, name in ((0, "First"), (page - 1, "Previous"), (page + 1, "Next"), (last, "Last"))
    ]
    return Markup(
        '<nav class="pager" aria-label="Pages of the table"><span class="pages">{}</span>'
        '<span role="status">{}</span></nav><p class="explained">Arrow keys, or j and k, move from row '
        "to row; Enter opens one in Compare.</p>"
    ).format(Markup().join(buttons) if last else "", words)


def _page_html(target: int, name: str, *, disabled: bool) -> Markup:
    return Markup('<button type="button" data-page="{}" aria-label="{} page"{}>{}</button>').format(
        target, name, Markup(" disabled") if disabled else "", name
    )


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
