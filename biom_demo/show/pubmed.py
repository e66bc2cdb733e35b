"""PubMed records, and what is to be told of them -> HTML."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from markupsafe import Markup

from biom_demo.analysis.passage import Passage
from biom_demo.pubmed.abstract import Abstract, Note

SHOWN_AUTHORS = 6


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
    links = [name_html(record)] if record.pmid or record.title else []  # else it is the heading
    if record.doi:
        address = f"https://doi.org/{quote(record.doi, safe='/:;()', errors='replace')}"
        links.append(_link(address, f"DOI {record.doi}"))
    if record.pmcid:
        address = f"https://pmc.ncbi.nlm.nih.gov/articles/{quote(record.pmcid, safe='', errors='replace')}/"
        links.append(_link(address, record.pmcid))
    notes = [*map(_note_html, record.lesser_notes), *record.remarks, *notices]
    return Markup(
        '<article class="record"><h3 dir="auto">{title}{vernacular}</h3><p class="source">{parts}</p>'
        '<p class="source">{links}</p>{mesh}{keywords}{warning}{notes}</article>'
    ).format(
        title=record.title or (record.name if record.called else "(no title)"),
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


def warnings_html(records: Sequence[Abstract], *, named: bool = False) -> Markup:
    """The banners of all records that have one; of several records each says whose it is."""
    return Markup().join(warning_html(record, named=named or len(records) > 1) for record in records)


def warning_html(record: Abstract, *, named: bool = False) -> Markup:
    """The banner of a retracted or doubted article, or nothing; it stands beside every answer from it."""
    if not record.warnings:
        return Markup()
    return Markup('<p class="warning" role="note"><b aria-hidden="true">!</b> {}{}</p>').format(
        f"{record.name}: " if named else "", Markup(" ").join(map(_note_html, record.warnings))
    )


def _note_html(note: Note) -> Markup:
    """A note as ``Note.sentence`` has it, the other record named by a link."""
    source = note.source.rstrip(". ")
    named = _linked(note, source or (f"PMID {note.pmid}" if note.pmid else ""))
    detail = note.detail.strip(". ")
    return Markup("{}{}{}.{}").format(
        note.statement, ": " if named else "", named, f" {detail}." if detail else ""
    )


def status_of_record_html(record: Abstract) -> Markup:
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


def name_html(record: Abstract, *, short: bool = False) -> Markup:
    """A record by name: "PMID 123" as a link (``short``: the number), or what it is called."""
    if not record.pmid:
        return Markup.escape(record.name)
    return pmid_link(record.pmid, record.pmid if short else record.name)


def names_html(records: Sequence[Abstract]) -> Markup:
    """Several records by name, "PMID" once: "PMID 1, 2", "Abstract 3, Abstract 4"."""
    named = [
        Markup("{}{}").format(
            name_html(record, short=True),
            Markup(" ({})").format(status_of_record_html(record)) if record.warnings else "",
        )
        for record in sorted(records, key=lambda record: not record.pmid)
    ]
    first = "PMID " if any(record.pmid for record in records) else ""
    return Markup("{}{}").format(first, Markup(", ").join(named))


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
