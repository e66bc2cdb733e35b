"""``biom-demo fetch``: the abstracts that names or a query stand for, as the models would read them."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from biom_demo.cli.output import print_json, record_lines
from biom_demo.errors import InputError
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.identify import MAX_NAMES, Identified, Kind, identify
from biom_demo.pubmed.lookup import look_up
from biom_demo.pubmed.session import MAX_RESULTS, PubMed
from biom_demo.settings import Settings
from biom_demo.show.export import record_json

if TYPE_CHECKING:
    from biom_demo.cli import Commands

EXAMPLES = """\
examples:
  biom-demo fetch 36990001
  biom-demo fetch 36990001 10.1038/s41586-020-2649-2 PMC7029759 --json
  biom-demo fetch --query "cystic fibrosis AND ivacaftor" --top 5
"""


def add_to(commands: Commands) -> None:
    """Add the command with its options."""
    parser = commands.add_parser(
        "fetch",
        help="print PubMed abstracts",
        description="Print PubMed abstracts as the models read them, with retractions and other warnings.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a PMID, DOI, PMCID, address or title; several at once"
    )
    parser.add_argument("--query", default="", metavar="Q", help="what a PubMed query finds")
    parser.add_argument("--top", type=int, default=20, metavar="N", help="abstracts of a query (default: 20)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Fetch and print.

    Raises ``InputError`` or ``PubMedError`` with what to do.
    """
    if not arguments.names and not arguments.query.strip():
        raise InputError("Name a record (a PMID, DOI, PMCID, address or title), or give a --query.")
    if not 1 <= arguments.top <= MAX_RESULTS:
        raise InputError(f"--top {arguments.top} cannot be used. Give a number from 1 to {MAX_RESULTS:,}.")
    wanted = [_named(name) for name in arguments.names]
    if arguments.query.strip():
        wanted.append(Identified(Kind.QUERY, "", query=arguments.query.strip()))
    records: dict[str, Abstract] = {}
    notices: dict[str, None] = {}
    with PubMed.from_settings(Settings.from_environment()).session() as session:
        for identified in _together(wanted):
            found = look_up(session, identified, limit=arguments.top)
            records |= {record.pmid: record for record in found.records}
            notices |= dict.fromkeys(found.notices)
    if arguments.json:
        print_json({"records": [_document(record) for record in records.values()], "notices": list(notices)})
        return
    for notice in notices:
        print(f"note: {notice}")
    for record in records.values():
        print("\n".join([*record_lines(record), "", record.text, ""]))
    print(f"{len(records):,} fetched", file=sys.stderr)


def _named(name: str) -> Identified:
    identified = identify(name)
    if identified.kind not in (Kind.RECORDS, Kind.TITLE):
        raise InputError(
            f"{name[:80]!r} names no PubMed record. Give a PMID, PMCID, DOI, address or title; for "
            "what a query finds, use --query."
        )
    return identified


def _together(wanted: list[Identified]) -> list[Identified]:
    """The records that are named outright, as many at once as a look-up takes; then the others."""
    names = [name for one in wanted if one.kind is Kind.RECORDS for name in one.names]
    named = [
        Identified(Kind.RECORDS, "", names=tuple(names[first : first + MAX_NAMES]))
        for first in range(0, len(names), MAX_NAMES)
    ]
    return named + [one for one in wanted if one.kind is not Kind.RECORDS]


def _document(record: Abstract) -> dict[str, Any]:
    return {
        **record_json(record),
        "authors": list(record.authors),
        "date": record.date,
        "pmcid": record.pmcid,
        "mesh": list(record.mesh),
        "text": record.text,
    }
