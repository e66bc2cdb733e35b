"""A named record, several, or a query -> the abstracts themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from biom_demo.errors import InputError
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.identify import MAX_NAMES, Identified, Kind, Name, Scheme, same_title
from biom_demo.pubmed.names import doi_of
from biom_demo.pubmed.session import Asking, Fetched, Searched, named

TITLES_COMPARED = 5


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Abstracts, and what the user should know about them (one sentence each).

    ``search`` is PubMed's answer where the input was no name: what it made of it, and what it ignored.
    """

    records: tuple[Abstract, ...]
    notices: tuple[str, ...] = ()
    search: Searched | None = None


def look_up(session: Asking, identified: Identified, *, limit: int = 1) -> LookedUp:
    """The abstracts an input names: every record of a list, the first ``limit`` results of a query.

    Raises ``InputError`` where nothing is found or nothing of it has an abstract or a title,
    ``PubMedError`` where PubMed cannot be asked.
    """
    notices: list[str] = []
    search: Searched | None = None
    pmid_of: Mapping[Name, str] = {}
    unknown: list[str] = []
    if identified.kind is Kind.RECORDS:
        resolved = session.resolve(identified.names[:MAX_NAMES])
        pmid_of, pmids = resolved.pmids, tuple(resolved.pmids.values())
        unknown = [name.value for name in resolved.unknown]
        notices += resolved.notices
    elif identified.kind in (Kind.QUERY, Kind.TITLE):
        wanted = TITLES_COMPARED if identified.kind is Kind.TITLE else limit
        search = _first_found(session, identified, limit=wanted)
        pmids = search.pmids
        if identified.kind is Kind.QUERY:
            notices.append(f"{search.count:,} records match; read: the first {len(pmids):,}.")
            if search.translation and search.translation.casefold() != identified.query.casefold():
                notices.append(f"PubMed read the query as: {search.translation[:500]}")
        notices += [f"PubMed: {warning}." for warning in search.warnings]
        notices += search.notices
    else:
        raise InputError(identified.explanation or "Name a record, write a PubMed query, or paste a text.")
    fetched = session.fetch(pmids) if pmids else Fetched(())
    unknown += fetched.missing
    records = tuple(record for record in fetched.records if record.text)
    if identified.kind is Kind.TITLE and records:
        records, said = _of_title(records, identified.title)
        notices += said
    if not records:
        raise InputError(
            f"PubMed does not know {named(unknown)}. Check it, or paste the text."
            if unknown
            else "PubMed has neither title nor abstract of it. Paste the text."
        )
    notices += fetched.notices
    notices += _differing(pmid_of, fetched)
    notices += [
        f"PMID {r.pmid} has no abstract; only its title is read." for r in records if not r.has_abstract
    ]
    return LookedUp(records, tuple(dict.fromkeys(notices)), search)


def _first_found(session: Asking, identified: Identified, *, limit: int) -> Searched:
    """The answer to the first of the input's queries that finds anything.

    Raises ``InputError`` where none does.
    """
    for query in (identified.query, *identified.looser):
        found = session.search(query, limit=limit)
        if found.pmids:
            return found
    what = "no record of this title" if identified.kind is Kind.TITLE else "nothing for this query"
    more = f" ({'; '.join(found.warnings)})" if found.warnings else ""
    raise InputError(f"PubMed finds {what}{more}. Use fewer words, or paste the abstract's text.")


def _of_title(records: tuple[Abstract, ...], title: str) -> tuple[tuple[Abstract, ...], list[str]]:
    """The one record that has the title, else the first with a word of warning."""
    for record in records:
        if same_title(record.title, title) or same_title(record.vernacular_title, title):
            return (record,), []
    return records[:1], ["No record has just this title; this is the nearest that PubMed finds. Check it."]


def _differing(pmid_of: Mapping[Name, str], fetched: Fetched) -> list[str]:
    """What to say where a name led to a record that has another: NCBI resolves some wrongly."""
    records = {record.pmid: record for record in fetched.records}
    notices = []
    for name, pmid in pmid_of.items():
        record = records.get(pmid)
        if record is None:
            continue
        if name.version and name.version != record.version:
            notices.append(f"PubMed has version {record.version} of PMID {pmid}, not version {name.version}.")
        if name.scheme is Scheme.DOI:
            own, same = record.doi, doi_of(record.doi) == name
        else:
            own, same = record.pmcid, record.pmcid.upper().split(".")[0] == name.value
        if own and not same and name.scheme is not Scheme.PMID:
            notices.append(f"PubMed gives PMID {pmid} for {name.value}, but that record is {own}. Check it.")
    return notices
