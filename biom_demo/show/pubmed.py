"""PubMed records and findings over many abstracts -> escaped HTML. Pure: records in, strings out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from biom_demo.analysis.comparison import Agreement, percent
from biom_demo.analysis.literature import Finding, Read, Side
from biom_demo.pubmed.abstract import Abstract, Note
from biom_demo.qa.records import Prediction

SHOWN_AUTHORS = 6
SHOWN_EVIDENCE = 4
_AGREEMENT_WORDS = {
    Agreement.AGREE: "= agree",
    Agreement.ELSEWHERE: "= agree",
    Agreement.OVERLAP: "≈ overlap",
    Agreement.DISAGREE: "≠ disagree",
    Agreement.BIOM_ABSTAINS: "½ BioM abstains",
    Agreement.VANILLA_ABSTAINS: "½ vanilla abstains",
    Agreement.BOTH_ABSTAIN: "∅ both abstain",
}


def record_html(record: Abstract, notices: Sequence[str] = ()) -> str:
    """The header of a record: title, authors, journal, links, MeSH on demand, and what to beware of."""
    title = escape(record.title or "(no title)")
    if record.vernacular_title and not record.title_is_original:
        title += f' <span class="vernacular">{escape(record.vernacular_title)}</span>'
    authors = ", ".join(record.authors[:SHOWN_AUTHORS])
    if len(record.authors) > SHOWN_AUTHORS:
        authors += f" and {len(record.authors) - SHOWN_AUTHORS} more"
    parts = [part for part in (record.journal, record.date) if part]
    links = [pmid_link(record.pmid, f"PMID {record.pmid}")]
    if record.doi:
        links.append(_link(f"https://doi.org/{quote(record.doi, safe='/:;()')}", f"DOI {record.doi}"))
    if record.pmcid:
        links.append(_link(f"https://pmc.ncbi.nlm.nih.gov/articles/{quote(record.pmcid)}/", record.pmcid))
    mesh = ""
    if record.mesh:
        mesh = f"<details><summary>MeSH terms</summary><p>{escape('; '.join(record.mesh))}</p></details>"
    lesser = "".join(
        f'<p class="note">{words}</p>'
        for words in (*map(_note_html, record.lesser_notes), *map(escape, record.remarks))
    )
    told = "".join(f'<p class="note">{escape(notice)}</p>' for notice in notices)
    return (
        f'<article class="record"><h3>{title}</h3><p class="source">{escape(authors)}'
        f"{'. ' if authors else ''}{escape('. '.join(parts))}</p>"
        f'<p class="source">{" · ".join(links)}</p>{mesh}{warning_html(record)}{lesser}{told}</article>'
    )


def warning_html(record: Abstract) -> str:
    """The banner of a retracted or doubted article, or ""; it stands beside every answer from it."""
    words = [_note_html(note) for note in record.warnings]
    if not words:
        return ""
    return f'<p class="warning" role="note"><b aria-hidden="true">!</b> {" ".join(words)}</p>'


def _note_html(note: Note) -> str:
    source = escape(note.source)
    where = f": {pmid_link(note.pmid, source or f'PMID {note.pmid}')}" if note.pmid.isdigit() else ""
    return f"{note.statement}{where or (': ' + source if source else '')}."


def pmid_link(pmid: str, words: str) -> str:
    """A link to PubMed that opens beside the page. ``words`` are escaped already or safe."""
    return _link(f"https://pubmed.ncbi.nlm.nih.gov/{quote(pmid)}/", words, escaped=True)


def _link(address: str, words: str, *, escaped: bool = False) -> str:
    shown = words if escaped else escape(words)
    return f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer">{shown}</a>'


def findings_html(found: Sequence[Finding], side: Side, label: str, *, read: int, silent: int) -> str:
    """One model's ranked answers over all abstracts, each with its sentences and PMIDs.

    ``silent`` is in how many of the ``read`` abstracts the model abstains.
    """
    rows = "".join(_finding_html(rank, finding) for rank, finding in enumerate(found, start=1))
    body = f'<ol class="findings">{rows}</ol>' if rows else '<p class="empty">No answer yet.</p>'
    counts = f"{read} abstracts read, no answer in {silent}" if read else ""
    return (
        f'<section class="card wide {side}" aria-label="{escape(label)}"><header><h3>{escape(label)}</h3>'
        f'<span class="time">{counts}</span></header>{body}</section>'
    )


def _finding_html(rank: int, finding: Finding) -> str:
    shown = finding.evidence[:SHOWN_EVIDENCE]
    rows = "".join(
        f"<li>{_sentence_html(e.sentence, e.answer.text)} "
        f'<span class="cite">{pmid_link(e.record.pmid, f"PMID {e.record.pmid}")}'
        f"{f', {e.record.year}' if e.record.year else ''}, {percent(e.answer.probability)}"
        f"{' <b>(retracted)</b>' if e.record.retracted else ''}</span></li>"
        for e in shown
    )
    more = len(finding.evidence) - len(shown)
    rest = f'<p class="more">and {more} more abstract{"s" if more > 1 else ""}</p>' if more else ""
    count = len(finding.evidence)
    return (
        f'<li value="{rank}"><p class="finding"><b>{escape(finding.text)}</b> <span class="value">'
        f"{count} abstract{'s' if count > 1 else ''}, {percent(finding.share)} of the evidence</span></p>"
        f"<ul>{rows}</ul>{rest}</li>"
    )


def _sentence_html(sentence: str, answer: str) -> str:
    at = sentence.find(answer)
    if at < 0:
        return escape(sentence)
    before, after = sentence[:at], sentence[at + len(answer) :]
    return f"{escape(before)}<mark>{escape(answer)}</mark>{escape(after)}"


def table_html(reads: Sequence[Read], question: str, *, null_threshold: float) -> str:
    """A row an abstract: PMID, year, both answers, how they relate; a button opens it in Compare."""
    if not reads:
        return ""
    rows = "".join(_row_html(read, question, null_threshold) for read in reads)
    return (
        '<div class="table-scroll" tabindex="0" role="region" aria-label="Answers by abstract">'
        '<table class="abstracts"><thead><tr><th>abstract</th><th>year</th><th>BioM side</th>'
        "<th>vanilla side</th><th>relation</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row_html(read: Read, question: str, null_threshold: float) -> str:
    record = read.record
    pmid = escape(record.pmid)
    retracted = ' <b class="retracted">retracted</b>' if record.retracted else ""
    return (
        f'<tr><td><button type="button" class="open-abstract" data-pmid="{pmid}" '
        f'data-question="{escape(question)}" title="Open in Compare">{pmid}</button>{retracted}'
        f'<br><span class="title">{escape(record.title)}</span></td><td>{record.year or ""}</td>'
        f"<td>{_cell(read.biom, null_threshold)}</td><td>{_cell(read.vanilla, null_threshold)}</td>"
        f"<td>{_AGREEMENT_WORDS[read.agreement(null_threshold=null_threshold)]}</td></tr>"
    )


def _cell(prediction: Prediction, null_threshold: float) -> str:
    best = prediction.best(null_threshold=null_threshold)
    if best is None:
        return '<span class="none">no answer</span>'
    return f'{escape(best.text)} <span class="value">{percent(best.probability)}</span>'
