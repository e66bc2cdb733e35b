"""Answers over hostile records, labels and questions, drawn and exported in every form, and parsed back."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from biom_demo.analysis.claims import evidence_table
from biom_demo.analysis.comparison import Comparison, View
from biom_demo.analysis.difference import difference_of
from biom_demo.analysis.literature import Retrieved, Round, Search
from biom_demo.analysis.passage import passage_of_records, passage_of_text, readable
from biom_demo.errors import PubMedError
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.parse import parse_articles, parse_search
from biom_demo.pubmed.session import Searched
from biom_demo.qa.records import Question
from biom_demo.show.cards import card_html, head_html, personas, status_html, verdict_html
from biom_demo.show.citations import bibtex, ris
from biom_demo.show.claims import claims_html, papers_html, shared_html, unread_html
from biom_demo.show.difference import difference_html
from biom_demo.show.export import (
    Link,
    as_download,
    comparison_csv,
    comparison_document,
    comparison_json,
    evidence_csv,
    evidence_markdown,
    link_query,
    literature_json,
    markdown,
    read_link,
)
from biom_demo.show.pubmed import records_html
from biom_demo.show.votes import Ballot, ballots_html
from biom_demo.ui.vote_panel import ballots_csv
from tests.hostile import inputs, pubmed
from tests.hostile.checks import check_download, check_html, check_json, check_link, check_markdown
from tests.readings import WORD, side_of


def hostile_record(random: Random, number: int) -> Abstract:
    """A record every field of which is the payload of that number, or any payload beyond their count."""
    pmid = str(random.randrange(1, 10**8))
    xml = f"<PubmedArticleSet>{pubmed.article(pmid, random, number)}</PubmedArticleSet>"
    (record,) = parse_articles(xml.encode())
    return record


def compared(random: Random, number: int, record: Abstract | None, asked: str) -> Comparison:
    """Two models' answers somewhere in a record or a hostile text, under hostile labels."""
    given = inputs.text(random, number=number)
    passage = passage_of_records((record,)) if record else passage_of_text(readable(given) or "x")
    words = max(1, sum(1 for _ in WORD.finditer(passage.text)))
    sides = []
    for _ in range(2):
        first = random.randrange(words)
        label = readable(inputs.payload(random, number)).strip() or "x"
        last = min(words - 1, first + random.randrange(6))
        sides.append(
            side_of(
                passage.text,
                {first: 9.0},
                {last: 9.0},
                label=label,
                trained_on=label,
                question=Question(asked),
            )
        )
    checkpoints = tuple(side.checkpoint for side in sides)
    return Comparison(Question(asked), passage, checkpoints, tuple(sides))


def export_answer(random: Random, number: int, sent: list[Any]) -> None:
    """One answer and a search's findings, in every form that leaves the program."""
    view = View(random.choice((0.0, -10.0, 10.0)), random.randrange(1, 11))
    which = number // 2
    record = hostile_record(random, which) if number % 2 == 0 else None
    asked = readable(inputs.question(random, which)).strip() or "x?"
    comparison = compared(random, which, record, asked)
    sent.append({"question": asked, "text": comparison.passage.text, "labels": comparison.labels})
    found = difference_of(comparison, view)
    shown = personas(comparison.checkpoints)
    for html in (
        records_html(comparison.passage),
        *(
            card_html(p, comparison.passage, s, view, gold=(asked,))
            for p, s in zip(shown, comparison.sides, strict=True)
        ),
        verdict_html(comparison.verdict(view), *shown),
        difference_html(found),
        head_html(asked, comparison.passage.source, asked, stale=True),
        status_html(asked, kind="error"),
    ):
        check_html(str(html))
    check_markdown(markdown(found))
    check_download(as_download("comparison.csv", "text/csv", comparison_csv(found)))
    check_json(json.dumps(comparison_document(found, pair=asked)))
    check_json(json.dumps(comparison_json(comparison, view)))
    ballots = (Ballot(asked, *(readable(inputs.payload(random, which)) for _ in range(6)), (asked,)),)
    check_html(str(ballots_html(ballots, revealed=True)))
    check_download(ballots_csv(ballots))
    link = Link(named=asked, text=comparison.passage.text[:5_000], question=asked, pair=asked, view=view)
    check_link(link_query(link))
    read_link(
        {name: inputs.payload(random) for name in ("id", "text", "q", "pair", "null", "top", "length", "dup")}
    )
    if record:
        export_findings(random, comparison, view)


def export_findings(random: Random, comparison: Comparison, view: View) -> None:
    """What a search over hostile answers of PubMed found."""
    asked, (record,) = comparison.question.text, comparison.passage.records
    try:
        listing = parse_search(pubmed.found(random).encode())
    except PubMedError as error:  # a count that is none
        check_html(str(status_html(str(error), kind="error")))
        return
    hits = Searched(listing.count, (record.pmid,), listing.translation, listing.warnings)
    retrieved = Retrieved(asked, Search((Round(asked, hits),), hits.pmids), (record,), (asked,))
    unread = comparison.passage.records
    table = evidence_table(asked, [comparison], comparison.checkpoints, view, unread=unread, chosen_by=asked)
    for side, persona in enumerate(personas(comparison.checkpoints)):
        check_html(str(claims_html(table, side, persona, shown=view.shown)))
    check_html(str(shared_html(table, shown=view.shown)))
    check_html(str(papers_html(table)))
    check_html(str(unread_html(table)))
    check_markdown(evidence_markdown(table, query=asked, shown=view.shown))
    check_download(as_download("evidence.csv", "text/csv", evidence_csv(table, query=asked)))
    check_download(
        as_download("evidence.ris", "application/x-research-info-systems", ris(table.cited(view.shown)))
    )
    check_download(as_download("evidence.bib", "application/x-bibtex", bibtex(table.cited(view.shown))))
    check_json(json.dumps(literature_json(retrieved, [comparison], checkpoints=comparison.checkpoints)))
