"""The rows of a visitor's file, and what both models say of them -> HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from biom_demo.analysis.comparison import Agreement
from biom_demo.analysis.rows import BadRow, Form, Row
from biom_demo.analysis.uploaded_rows import COMMAND, UploadedRows, rows_in_words
from biom_demo.show.batch import SIDES
from biom_demo.show.cards import status_html
from biom_demo.show.pubmed import pmid_link
from biom_demo.show.words import AGREEMENT_WORDS, counted, percent

SHOWN_ROWS = 50
PREVIEWED_ROWS = 5
SHOWN_CHARS = 140  # of a text

FORM_WORDS: Mapping[Form, str] = {
    Form.CSV: "a CSV table",
    Form.TSV: "a table with tabs (TSV)",
    Form.JSONL: "JSON lines",
    Form.SQUAD: "SQuAD",
    Form.BIOASQ: "BioASQ",
    Form.MEDLINE: "a MEDLINE export",
    Form.RIS: "an RIS export",
    Form.PUBMED_XML: "PubMed XML",
}
NO_ROWS = "No file yet. Its rows are shown here as they are understood, and nothing is read before you start."


def about_batch_html() -> Markup:
    """What the tab does, what it takes, and where there is more."""
    return Markup(
        '<p class="introduction">Ask both models about every row of a file: CSV, TSV, JSON lines, SQuAD, '
        "BioASQ, PubMed’s MEDLINE, RIS or XML, gzipped or not; here {}. A row has a question, and a text, "
        "PMIDs or a PubMed query. Files of any length: <b>{}</b> on your own machine.</p>"
    ).format(rows_in_words(), COMMAND)


def file_html(file: UploadedRows | None) -> Markup:
    """What the file was taken for, how many rows it has, and what was left out of it."""
    if file is None:
        return status_html(NO_ROWS)
    words = [f"{file.name} is read as {FORM_WORDS[file.form]}: {counted(len(file.rows), 'row')}"]
    words[0] += f", {file.bad:,} of them bad." if file.bad else "."
    if file.more:
        words.append(f"The file goes on: {rows_in_words()} are read here. For all of it: {COMMAND}")
    return status_html(" ".join([*words, *file.notes]))


def rows_html(rows: Sequence[Row | BadRow]) -> Markup:
    """The first rows as they are understood: what is asked, and of what; of bad ones the reason."""
    if not rows:
        return Markup()
    lines = Markup().join(_preview_row(row) for row in rows[:PREVIEWED_ROWS])
    return _table("The first rows as they are understood", ("row", "question", "read"), lines)


def _preview_row(row: Row | BadRow) -> Markup:
    if isinstance(row, BadRow):
        return Markup('<tr><th scope="row">{}</th><td><i>bad</i></td><td>{}</td></tr>').format(
            _place(row), row.reason
        )
    what, text = row.read_of
    return Markup('<tr><th scope="row">{}</th><td>{}</td><td><i>{}</i> {}</td></tr>').format(
        _place(row), _short(row.question) or Markup("<i>no question</i>"), what, _short(text)
    )


def answers_html(title: str, labels: Sequence[str], rows: Sequence[Mapping[str, Any]], read: int) -> Markup:
    """Both models' answers to the first rows (each as ``show.batch.flat_row`` has it), ``read`` of all."""
    if not rows:
        return Markup()
    models = [
        Markup('<th scope="col" class="{}">{}</th>').format(accent, label)
        for accent, label in zip(SIDES, labels, strict=False)
    ]
    head = ("row", "question", *models, "they")
    body = Markup().join(_answer_row(row) for row in rows[:SHOWN_ROWS])
    more = read - min(len(rows), SHOWN_ROWS)
    rest = (
        Markup('<p class="explained">{} more in the files.</p>').format(counted(more, "row"))
        if more > 0
        else Markup()
    )
    return _table(title, head, body) + rest


def _answer_row(row: Mapping[str, Any]) -> Markup:
    name = Markup("{}<span>{}</span>").format(row["row"], _short(row["id"], 24))
    cells = [_said(row, side) for side in SIDES]
    return Markup('<tr><th scope="row">{}</th><td>{}{}</td><td>{}</td><td>{}</td><td>{}</td></tr>').format(
        name,
        _short(row["question"]),
        _warned(row),
        *cells,
        AGREEMENT_WORDS[Agreement(row["agreement"])].short,
    )


def _said(row: Mapping[str, Any], side: str) -> Markup:
    answer = row[f"{side}_answer"]
    if answer is None:
        return Markup("<i>not in the text</i> {}").format(percent(row[f"{side}_p_no_answer"]))
    pmid = row[f"{side}_pmid"]
    link = Markup(" {}").format(pmid_link(pmid, f"PMID {pmid}")) if pmid else Markup()
    return Markup("<b>{}</b> {}{}").format(_short(answer), percent(row[f"{side}_probability"]), link)


def _warned(row: Mapping[str, Any]) -> Markup:
    warnings = row["warnings"]
    return Markup('<span class="warned">{}</span>').format(warnings) if warnings else Markup()


def bad_rows_html(bad: Sequence[BadRow]) -> Markup:
    """The rows that were not read, with line and reason; "" for none."""
    if not bad:
        return Markup()
    body = Markup().join(
        Markup('<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>').format(
            _place(row), _short(row.id, 40), row.reason
        )
        for row in bad[:SHOWN_ROWS]
    )
    title = f"{counted(len(bad), 'bad row')}, left out"
    return _table(title, ("row", "id", "why"), body)


def _place(row: Row | BadRow) -> Markup:
    line = Markup("<span>line {}</span>").format(row.line) if row.line else Markup()
    return Markup("{}{}").format(row.number, line)


def _table(title: str, head: Sequence[str], body: Markup) -> Markup:
    names = [
        name if isinstance(name, Markup) else Markup('<th scope="col">{}</th>').format(name) for name in head
    ]
    cells = Markup().join(names)
    return Markup(
        '<h3 class="rows-title">{title}</h3>'
        '<div class="table-scroll" tabindex="0" role="region" aria-label="{title}"><table class="cross rows">'
        "<thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>"
    ).format(title=title, cells=cells, body=body)


def _short(text: str, most: int = SHOWN_CHARS) -> str:
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most and len(text) <= 4 * most else f"{line[: most - 2]} …"
