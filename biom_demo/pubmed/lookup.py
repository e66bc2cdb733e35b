"""A named record, several, or a query -> the abstracts themselves."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from biom_demo.errors import InputError
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.identify import MAX_NAMES, Identified, Kind
from biom_demo.pubmed.session import Fetched, PubMed


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Abstracts, and what the user should know about them (one sentence each)."""

    records: tuple[Abstract, ...]
    notices: tuple[str, ...] = ()


def look_up(
    pubmed: PubMed,
    identified: Identified,
    *,
    limit: int = 1,
    api_key: str = "",
    cancelled: threading.Event | None = None,
) -> LookedUp:
    """The abstracts an input names: every record of a list, the first ``limit`` results of a query.

    Raises ``InputError`` where nothing is found or nothing of it has an abstract or a title,
    ``PubMedError`` where PubMed cannot be asked.
    """
    notices: list[str] = []
    if identified.kind is Kind.RECORDS:
        names = identified.names[:MAX_NAMES]
        found = pubmed.resolve(names, api_key=api_key, cancelled=cancelled)
        unknown = [name.value for name in names if name not in found]
        pmids = [found[name] for name in names if name in found]
        if not pmids:
            raise InputError(f"PubMed does not know {_listed(unknown)}. Check it, or paste the text.")
    elif identified.kind is Kind.QUERY:
        answer = pubmed.search(identified.query, limit=limit, api_key=api_key, cancelled=cancelled)
        if not answer.pmids:
            more = f" ({'; '.join(answer.warnings)})" if answer.warnings else ""
            raise InputError(
                f"PubMed finds nothing for this query{more}. Use fewer words, or paste the abstract's text."
            )
        unknown, pmids = [], list(answer.pmids)
        notices.append(f"{answer.count:,} records match; read: the first {len(pmids):,}.")
    else:
        raise InputError(identified.explanation or "Name a record, write a PubMed query, or paste a text.")
    fetched = pubmed.fetch(pmids, api_key=api_key, cancelled=cancelled)
    unknown += fetched.missing
    if unknown:
        notices.append(f"PubMed does not know {_listed(unknown)}.")
    records = tuple(record for record in fetched.records if record.text)
    if not records:
        raise InputError(
            f"PubMed does not know {_listed(unknown)}. Check it, or paste the text."
            if unknown
            else "PubMed has neither title nor abstract of it. Paste the text."
        )
    notices += [
        f"PMID {r.pmid} has no abstract; only its title is read." for r in records if not r.has_abstract
    ]
    notices += notices_of_age(fetched)
    return LookedUp(records, tuple(notices))


def notices_of_age(fetched: Fetched) -> list[str]:
    """What to say where PubMed could not be asked and an older copy was served."""
    if not fetched.seen:
        return []
    oldest = min(stored for _, stored in fetched.seen)
    date = datetime.fromtimestamp(oldest, UTC).strftime("%Y-%m-%d")
    return [f"PubMed could not be asked: this is the copy of {date}; it may be out of date."]


def _listed(values: list[str]) -> str:
    shown = ", ".join(values[:5])
    return f"{shown} and {len(values) - 5} more" if len(values) > 5 else shown
