"""A question to PubMed as the tab has it: what was asked, what was read, all that is drawn and kept of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import gradio as gr

from biom_demo.analysis.claims import EvidenceTable, evidence_table
from biom_demo.analysis.comparison import Comparison, View
from biom_demo.analysis.difference import short_names
from biom_demo.analysis.own_abstracts import (
    Given,
    abstracts_of_file,
    abstracts_of_text,
    builtin_records,
    together,
)
from biom_demo.errors import BioMError
from biom_demo.models.catalogue import Checkpoint
from biom_demo.pubmed.abstract import Abstract
from biom_demo.settings import Extent, Precision
from biom_demo.show.cards import head_html, no_head_html, personas, status_html
from biom_demo.show.citations import bibtex, ris
from biom_demo.show.claims import claims_html, papers_html, shared_html, unread_html
from biom_demo.show.export import Link, as_download, evidence_csv, evidence_markdown, link_query
from biom_demo.show.words import counted, in_precision
from biom_demo.ui.run import HISTORY_CHARS, Inquiry, Placed, Run
from biom_demo.ui.site import Site, Update, words_of

CARDS = ("found-biom", "found-vanilla")
DRAWN = ("shared", *CARDS, "abstracts", "unread", "rest")
SEARCHES_KEPT = 10  # of a session, with their readings


PUBMED, OWN, BUILT_IN = "pubmed", "own", "built-in"  # where the abstracts are from


@dataclass(frozen=True, slots=True, eq=False)
class OwnFile:
    """A visitor's file of abstracts: its name and what was read of it."""

    name: str
    given: Given


@dataclass(frozen=True, slots=True)
class Asked:
    """What stood in the boxes at the click; ``query`` is the user's own, "" where it is made.

    ``own`` and ``file`` are the abstracts that the user gave, where these are read; of the boxes that are
    about PubMed nothing is here then.
    """

    question: str
    query: str
    pair: str
    limit: int
    newest_first: bool
    source: str = PUBMED
    own: str = ""
    file: OwnFile | None = None
    precision: Precision = Precision.FLOAT32
    extent: str = Extent.AUTO

    def given(self, *, max_chars: int) -> Given:
        """The records to read without asking PubMed.

        Raises ``InputError`` where the user gave none that can be read.
        """
        if self.source == BUILT_IN:
            return builtin_records()
        gifts = [abstracts_of_text(self.own)] if self.own.strip() else []
        gifts += [self.file.given] if self.file else []
        return together(gifts, max_chars=max_chars)


def source_words(source: str, count: int) -> str:
    """What was read, in words: "PubMed, 20 abstracts", "20 abstracts of your own"."""
    if source == OWN:
        return f"{counted(count, 'abstract')} of your own"
    return (
        counted(count, "built-in record") if source == BUILT_IN else f"PubMed, {counted(count, 'abstract')}"
    )


@dataclass(frozen=True, slots=True)
class Generated:
    """A query that was made of a question: it is made anew for another one."""

    question: str
    query: str


@dataclass(frozen=True, slots=True, eq=False)
class ReadSoFar:
    """The abstracts that all models have read, and what they are of.

    ``sent`` is the query that found them; ``told`` says how much it found. ``number`` counts the
    session's searches from 1 on. ``unread`` are records that were not read, since they look less promising
    to what ``chosen_by`` names or, where that is "", since reading ended before.
    """

    asked: Asked
    sent: str
    checkpoints: tuple[Checkpoint, ...]
    comparisons: tuple[Comparison, ...] = ()
    told: str = ""
    number: int = 1
    unread: tuple[Abstract, ...] = ()
    chosen_by: str = ""

    def table(self, view: View) -> EvidenceTable:
        """The evidence table under a view."""
        return evidence_table(
            self.asked.question,
            self.comparisons,
            self.checkpoints,
            view,
            unread=self.unread,
            chosen_by=self.chosen_by,
        )

    def is_of(self, boxes: Asked) -> bool:
        """Whether it answers what stands in the boxes; the query that was sent may stand there too."""
        return boxes in (self.asked, replace(self.asked, query=self.sent))

    @property
    def source(self) -> str:
        """What was read, in words."""
        words = source_words(self.asked.source, len(self.comparisons) + len(self.unread))
        return f"{words}, {len(self.comparisons):,} of them read" if self.unread else words

    def opened(self, key: str) -> Run | None:
        """The run of Compare over the abstract of that key, of what was read; ``None`` where there is none.

        One of PubMed's stands there by its PMID, one that was given by its text.
        """
        found = (one for one in self.comparisons if key and one.passage.records[0].key == key)
        comparison = next(found, None)
        if comparison is None:
            return None
        text = comparison.passage.text if self.asked.source != PUBMED else key
        asked = Inquiry(text, self.asked.question, self.asked.pair, precision=self.asked.precision)
        if self.asked.source != PUBMED:
            return Run.begin(replace(asked, placed=Placed(text)), comparison)
        passage = replace(comparison.passage, named=key)
        return Run.begin(asked, replace(comparison, passage=passage))


def drawn(read: ReadSoFar | None, view: View) -> Update:
    """Both models' claims, what they share, and a row a paper, under a view; nothing is read anew."""
    if read is None or not read.comparisons:
        return {**dict.fromkeys(DRAWN, ""), "rest": gr.update(visible=False)}
    table = read.table(view)
    shown = personas(read.checkpoints)
    return {
        "shared": shared_html(table, shown=view.shown),
        **{
            name: claims_html(table, model, persona, shown=view.shown)
            for model, (name, persona) in enumerate(zip(CARDS, shown, strict=False))
        },
        "abstracts": papers_html(table),
        "unread": unread_html(table),
        "rest": gr.update(visible=bool(read.unread), value=rest_words(len(read.unread))),
    }


def rest_words(unread: int) -> str:
    """What the button says that has the other abstracts read."""
    return f"Read the other {unread:,}" if unread > 1 else "Read the other one"


def head_of(read: ReadSoFar | None, boxes: Asked | None = None) -> str:
    """What the results on the page are of; ``boxes``: what stands in the boxes now."""
    if read is None:
        return no_head_html()
    names = short_names([checkpoint.label for checkpoint in read.checkpoints])
    models = " · ".join([*names, *filter(None, [in_precision(read.asked.precision)])])
    stale = boxes is not None and not read.is_of(boxes)
    return head_html(read.asked.question, read.source, models, stale=stale)


def with_search(earlier: Sequence[ReadSoFar], current: ReadSoFar) -> tuple[ReadSoFar, ...]:
    """The session's searches with the current one, as many of the newest as are kept."""
    kept = [current]
    for search in reversed(earlier[-SEARCHES_KEPT + 1 :]):
        if sum(map(_chars, kept)) + _chars(search) > HISTORY_CHARS:
            break
        kept.append(search)
    return tuple(reversed(kept))


def _chars(search: ReadSoFar) -> int:
    return len(search.asked.own) + sum(len(one.passage.text) for one in search.comparisons)


def listed_searches(searches: Sequence[ReadSoFar]) -> Update:
    """The session's searches to choose from, newest last."""
    choices = [
        (
            f"{search.number}. {search.asked.question[:80]} — {_listed(search)}, {search.asked.pair}",
            search.number,
        )
        for search in searches
    ]
    dropped = searches[0].number - 1 if searches else 0
    words = f"The first {counted(dropped, 'search')} of this session: no longer kept." if dropped else None
    if dropped > 1:
        words = f"The first {dropped:,} searches of this session: no longer kept."
    return {"past": gr.update(choices=choices, value=None, info=words)}


def _listed(search: ReadSoFar) -> str:
    return search.source.removeprefix("PubMed, ")


def again(number: int | None, searches: Sequence[ReadSoFar], view: View) -> Update | None:
    """An earlier search on the page again, from what was read then; ``None`` where none is chosen."""
    if number is None:
        return None
    read = next((search for search in searches if search.number == number), None)
    if read is None:
        words = "That search is no longer kept, to make room. Ask its question again."
        return {"pubmed_status": status_html(words, kind="error")}
    asked = read.asked
    return {
        **drawn(read, view),
        "read": read,
        "generated": None if asked.query else Generated(asked.question, read.sent),
        "found-head": head_of(read),
        "pubmed_status": status_html(f"From this session; nothing was read anew. {read.told}"),
        "question": asked.question,
        "pair": asked.pair,
        "source": asked.source,
        "engine": str(asked.precision),
        "extent": asked.extent,
        **_source_boxes(read),
    }


def _source_boxes(read: ReadSoFar) -> Update:
    """The boxes of where the abstracts were from; those of elsewhere stay as they are."""
    asked = read.asked
    if asked.source == OWN:
        return {"own": asked.own, **file_of(asked.file)}
    if asked.source == BUILT_IN:
        return {}
    return {"query": read.sent, "count": asked.limit, "order": order_of(asked.newest_first)}


OWN_WORDS = "Nothing is sent to NCBI. Your texts are read on this server, and are never in a link."


def file_of(file: OwnFile | None) -> Update:
    """The file that is read with the pasted abstracts, what there is to know of it, and a way to drop it."""
    words = [OWN_WORDS]
    if file is not None:
        words = [f"{file.name}: {counted(file.given.count, 'abstract')}.", *file.given.notices, OWN_WORDS]
    return {
        "file": file,
        "own_told": status_html(" ".join(words)),
        "drop": gr.update(visible=file is not None),
    }


def take_file(path: str, before: OwnFile | None) -> Update:
    """An uploaded file's abstracts; why there are none, and the file ``before`` stays."""
    try:
        given = abstracts_of_file(path)
    except Exception as error:
        words = words_of(error, "reading an uploaded file")
        if before is not None:
            words = f"{words} Still read: {before.name}."
        return {"own_told": status_html(words, kind="error")}
    return file_of(OwnFile(path.replace("\\", "/").rsplit("/", 1)[-1], given))


NEWEST, RELEVANT = "newest", "most relevant"


def order_of(newest_first: bool) -> str:
    """The choice of the box "Sort by"."""
    return NEWEST if newest_first else RELEVANT


NOT_IN_LINK = (
    "Your abstracts are not in the link: it has the question and the settings. CSV and Markdown keep all."
)


def link_of(site: Site, read: ReadSoFar | None, view: View) -> Update:
    """The link that asks the same again; it holds no text of anyone's."""
    if read is None:
        return {"search_query": ""}
    asked = read.asked
    link = Link(
        tab="ask",
        question=asked.question,
        query=asked.query,
        pair=asked.pair,
        newest_first=asked.newest_first,
        abstracts=asked.limit,
        source="" if asked.source == PUBMED else asked.source,
        view=View(null_threshold=view.null_threshold, shown=view.shown),
        precision=site.linked(asked.precision),
    )
    # Whoever opens it asks about abstracts of theirs.
    told = {"kept_status": status_html(NOT_IN_LINK)} if asked.source == OWN else {}
    try:
        return {"search_query": link_query(link), **told}
    except BioMError as error:
        return {"search_query": "", "kept_status": status_html(str(error), kind="error")}


# What each button saves: the file's name, its type, and what its button says.
FILES: Mapping[str, tuple[str, str, str]] = {
    "csv": ("evidence.csv", "text/csv", "CSV: a row a paper and model"),
    "markdown": ("evidence.md", "text/markdown", "Markdown with PMIDs"),
    "ris": ("evidence.ris", "application/x-research-info-systems", "RIS of the cited records"),
    "bibtex": ("evidence.bib", "application/x-bibtex", "BibTeX of the cited records"),
}


def as_file(kind: str, read: ReadSoFar | None, view: View) -> Update:
    """The evidence table, or the records it cites, as a file to save; "" and why where there is nothing."""
    if read is None or not read.comparisons:
        words = "There is nothing to keep yet. Ask a question first."
        return {"search_payload": "", "kept_status": status_html(words, kind="error")}
    table = read.table(view)
    # A text alone is nothing that can be cited.
    cited = [one for one in table.cited(view.shown) if one.pmid or one.doi or one.title]
    if kind in ("ris", "bibtex") and not cited:
        words = "No record is cited: no abstract holds an answer."
        if table.cited(view.shown):
            words = "There is nothing to cite: the abstracts have neither title, PMID nor DOI."
        return {"search_payload": "", "kept_status": status_html(words, kind="error")}
    text = {
        "csv": lambda: evidence_csv(table, query=read.sent),
        "markdown": lambda: evidence_markdown(table, query=read.sent, shown=view.shown, source=read.source),
        "ris": lambda: ris(cited),
        "bibtex": lambda: bibtex(cited),
    }[kind]()
    name, media_type, _ = FILES[kind]
    return {"search_payload": as_download(name, media_type, text), "kept_status": status_html("")}
