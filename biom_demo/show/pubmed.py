"""PubMed records and findings over many abstracts -> HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from biom_demo.analysis.comparison import Comparison, Side, View
from biom_demo.analysis.literature import Finding
from biom_demo.analysis.passage import Passage
from biom_demo.pubmed.abstract import Abstract, Note
from biom_demo.show.words import AGREEMENT_WORDS, counted, percent

if TYPE_CHECKING:
    from biom_demo.show.cards import Persona

SHOWN_AUTHORS = 6
SHOWN_EVIDENCE = 4


def records_html(passage: Passage) -> Markup:
    """The headers of all records of a passage; what is to know about them all stands in the first."""
    return Markup().join(
        record_html(record, passage.notices if place == 0 else ())
        for place, record in enumerate(passage.records)
    )


def record_html(record: Abstract, notices: Sequence[str] = ()) -> Markup:
    """The header of a record: title, authors, journal, links, MeSH on demand, and what to beware of."""
    vernacular = Markup()
    if record.vernacular_title and not record.title_is_original:
        vernacular = Markup(' <span class="vernacular">{}</span>').format(record.vernacular_title)
    names = [*record.authors, *(f"{editor} (ed.)" for editor in record.editors)]
    people = ", ".join(names[:SHOWN_AUTHORS])
    if len(names) > SHOWN_AUTHORS:
        people += f" and {len(names) - SHOWN_AUTHORS} more"
    parts = [people, record.journal, record.date, "; ".join(record.shown_types)]
    links = [pmid_link(record.pmid, f"PMID {record.pmid}")]
    if record.doi:
        address = f"https://doi.org/{quote(record.doi, safe='/:;()', errors='replace')}"
        links.append(_link(address, f"DOI {record.doi}"))
    if record.pmcid:
        address = f"https://pmc.ncbi.nlm.nih.gov/articles/{quote(record.pmcid, safe='', errors='replace')}/"
        links.append(_link(address, record.pmcid))
    notes = [*map(_note_html, record.lesser_notes), *record.remarks, *notices]
    return Markup(
        '<article class="record"><h3>{title}{vernacular}</h3><p class="source">{parts}</p>'
        '<p class="source">{links}</p>{mesh}{keywords}{warning}{notes}</article>'
    ).format(
        title=record.title or "(no title)",
        vernacular=vernacular,
        parts=". ".join(part for part in parts if part),
        links=Markup(" · ").join(links),
        mesh=_terms("MeSH terms", record.mesh),
        keywords=_terms("Keywords", record.keywords),
        warning=warning_html(record),
        notes=Markup().join(Markup('<p class="note">{}</p>').format(note) for note in notes),
    )


def _terms(name: str, terms: Sequence[str]) -> Markup:
    if not terms:
        return Markup()
    return Markup("<details><summary>{}</summary><p>{}</p></details>").format(name, "; ".join(terms))


def warnings_html(records: Sequence[Abstract]) -> Markup:
    """The banners of all records that have one; of several records each says whose it is."""
    return Markup().join(warning_html(record, named=len(records) > 1) for record in records)


def warning_html(record: Abstract, *, named: bool = False) -> Markup:
    """The banner of a retracted or doubted article, or nothing; it stands beside every answer from it."""
    if not record.warnings:
        return Markup()
    return Markup('<p class="warning" role="note"><b aria-hidden="true">!</b> {}{}</p>').format(
        f"PMID {record.pmid}: " if named else "", Markup(" ").join(map(_note_html, record.warnings))
    )


def _note_html(note: Note) -> Markup:
    """A note as ``Note.sentence`` has it, the other record named by a link."""
    source = note.source.rstrip(". ")
    named = _linked(note, source or (f"PMID {note.pmid}" if note.pmid else ""))
    detail = note.detail.strip(". ")
    return Markup("{}{}{}.{}").format(
        note.statement, ": " if named else "", named, f" {detail}." if detail else ""
    )


def _status_html(record: Abstract) -> Markup:
    """The gravest note of a record in a word or two, nothing where there is none."""
    if not record.notes:
        return Markup()
    note = record.notes[0]
    return Markup('<b class="{}">{}</b>').format(
        "retracted" if note.serious else "noted", _linked(note, note.short)
    )


def _linked(note: Note, words: str) -> Markup:
    """The words as a link to the other record, where it has an address."""
    if note.pmid.isdigit():
        return pmid_link(note.pmid, words)
    if note.url and not note.pmid:
        return _link(quote(note.url, safe="/:;()", errors="replace"), words)
    return Markup.escape(words)


def pmid_link(pmid: str, words: str) -> Markup:
    """A link to PubMed that opens beside the page."""
    return _link(f"https://pubmed.ncbi.nlm.nih.gov/{quote(pmid, safe='', errors='replace')}/", words)


def _link(address: str, words: str) -> Markup:
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(address, words)


def elsewhere_html(address: str) -> Markup:
    """What a visitor must know where records do not come from PubMed."""
    return Markup(
        '<p class="status error" role="note">Records come from another server, not from PubMed: {}</p>'
    ).format(address)


def findings_html(found: Sequence[Finding], persona: Persona, *, read: int, silent: int) -> Markup:
    """One model's ranked answers over all abstracts, each with its sentences and PMIDs.

    ``silent`` is in how many of the ``read`` abstracts the model abstains.
    """
    rows = Markup().join(_finding_html(rank, finding) for rank, finding in enumerate(found, start=1))
    return Markup(
        '<section class="card wide {accent}" aria-label="{label}"><header><h3>{label}</h3>'
        '<span class="time">{counts}</span></header>{body}</section>'
    ).format(
        accent=persona.accent,
        label=persona.label,
        counts=f"{counted(read, 'abstract')} read, no answer in {silent}" if read else "",
        body=Markup('<ol class="findings">{}</ol>').format(rows)
        if rows
        else Markup('<p class="empty">No answer yet.</p>'),
    )


def _finding_html(rank: int, finding: Finding) -> Markup:
    count = len(finding.evidence)
    rows = Markup().join(
        Markup('<li>{sentence} <span class="cite">{link}{year}, {probability}{status}</span></li>').format(
            sentence=_sentence_html(e.sentence, e.answer.text),
            link=pmid_link(e.record.pmid, f"PMID {e.record.pmid}"),
            year=f", {e.record.year}" if e.record.year else "",
            probability=percent(e.answer.probability),
            status=Markup(" ({})").format(_status_html(e.record)) if e.record.notes else "",
        )
        for e in finding.evidence[:SHOWN_EVIDENCE]
    )
    more = Markup()
    if count > SHOWN_EVIDENCE:
        more = Markup('<p class="more">and {}</p>').format(counted(count - SHOWN_EVIDENCE, "more abstract"))
    return Markup(
        '<li value="{rank}"><p class="finding"><b>{text}</b> <span class="value">{count}, {share} of the '
        "evidence</span></p><ul>{rows}</ul>{more}</li>"
    ).format(
        rank=rank,
        text=finding.text,
        count=counted(count, "abstract"),
        share=percent(finding.share),
        rows=rows,
        more=more,
    )


def _sentence_html(sentence: str, answer: str) -> Markup:
    before, found, after = sentence.partition(answer)
    if not found:
        return Markup.escape(sentence)
    return Markup("{}<mark>{}</mark>{}").format(before, answer, after)


def abstracts_html(comparisons: Sequence[Comparison], question: str, *, null_threshold: float) -> Markup:
    """A row an abstract: PMID, year, both answers, how they relate; a button opens it in Compare."""
    if not comparisons:
        return Markup()
    view = View(null_threshold=null_threshold)
    return Markup(
        '<div class="table-scroll" tabindex="0" role="region" aria-label="Answers by abstract">'
        '<table class="abstracts"><thead><tr><th>abstract</th><th>year</th><th>BioM side</th>'
        "<th>vanilla side</th><th>relation</th></tr></thead><tbody>{}</tbody></table></div>"
    ).format(Markup().join(_row_html(comparison, question, view) for comparison in comparisons))


def _row_html(comparison: Comparison, question: str, view: View) -> Markup:
    (record,) = comparison.passage.records
    told = AGREEMENT_WORDS[comparison.verdict(view).agreement]
    biom, vanilla = (_cell_html(side, view) for side in comparison.sides[:2])
    return Markup(
        '<tr><td><button type="button" class="open-abstract" data-pmid="{pmid}" data-question="{question}" '
        'title="Open in Compare">{pmid}</button> {status}<br><span class="title">{title}</span></td>'
        "<td>{year}</td><td>{biom}</td><td>{vanilla}</td><td>{icon} {short}</td></tr>"
    ).format(
        pmid=record.pmid,
        question=question,
        status=_status_html(record),
        title=record.title,
        year=record.year or "",
        biom=biom,
        vanilla=vanilla,
        icon=told.icon,
        short=told.short,
    )


def _cell_html(side: Side, view: View) -> Markup:
    best = side.answer(view)
    if best is None:
        return Markup('<span class="none">no answer</span>')
    return Markup('{} <span class="value">{}</span>').format(best.text, percent(best.probability))
