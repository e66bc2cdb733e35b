"""``biom-demo ask``: both models' answers to one question about a text, a record, or what a query finds."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from biom_demo.analysis.benchmark import progress_line
from biom_demo.analysis.comparison import Comparison, compare, comparison_json
from biom_demo.analysis.literature import SIDES, Read, find_records, literature_json, read_all, tries_of
from biom_demo.cli.loading import PAIR_HELP, load, pair_of
from biom_demo.errors import InputError
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.identify import Kind, identify
from biom_demo.pubmed.lookup import look_up
from biom_demo.pubmed.session import PubMed
from biom_demo.qa.records import Question
from biom_demo.settings import Settings

if TYPE_CHECKING:
    from biom_demo.cli import Commands


def add_to(commands: Commands) -> None:
    """Add the command with its options."""
    parser = commands.add_parser("ask", help="ask both models one question about a text")
    parser.add_argument("question")
    about = parser.add_mutually_exclusive_group(required=True)
    about.add_argument("--text", metavar="FILE|-", help="a UTF-8 text file, or - for stdin")
    about.add_argument("--pmid", metavar="NAME", help="a PubMed record: PMID, PMCID, DOI or its address")
    about.add_argument(
        "--query",
        nargs="?",
        const="",
        metavar="Q",
        help="ask over what a PubMed query finds; made of the question where left out",
    )
    parser.add_argument("--top", type=int, default=20, metavar="N", help="abstracts to read for --query")
    parser.add_argument("--pair", default=None, help=PAIR_HELP)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    settings = Settings.from_environment()
    if arguments.query is not None:
        _ask_literature(arguments, settings)
        return
    record = None
    if arguments.pmid:
        identified = identify(arguments.pmid)
        if identified.kind is not Kind.RECORDS or len(identified.names) != 1:
            raise InputError(
                f"{arguments.pmid!r} names no single PubMed record. Give a PMID, PMCID, DOI or address."
            )
        looked_up = look_up(PubMed.from_settings(settings), identified)
        record = looked_up.records[0]
        for notice in looked_up.notices:
            print(f"note: {notice}", file=sys.stderr)
        text = record.text
    else:
        text = _read_text(arguments.text)
    if len(text) > settings.max_context_chars:
        raise InputError(
            f"The text has {len(text):,} characters; at most {settings.max_context_chars:,} are read. "
            "Cut it to the part in question."
        )
    if not text.strip():
        raise InputError("The text is empty. Give a file with an abstract in it.")
    pair = pair_of(settings, arguments.pair)
    comparison = compare(
        load(pair.biom, settings),
        load(pair.vanilla, settings),
        Question(id="ask", text=arguments.question),
        [text],
        biom_label=pair.biom.label,
        vanilla_label=pair.vanilla.label,
    )
    if arguments.json:
        document = comparison_json(comparison)
        if record:
            document["record"] = record.as_json()
        print(json.dumps(document, ensure_ascii=False, indent=1))
        return
    if record:
        print(_record_line(record))
    print("\n".join(_ask_lines(comparison)))


def _record_line(record: Abstract) -> str:
    retracted = "  RETRACTED" if record.retracted else ""
    return f"PMID {record.pmid}  {record.title} {record.journal} {record.date}{retracted}"


def _ask_literature(arguments: argparse.Namespace, settings: Settings) -> None:
    question = arguments.question
    tries = tries_of(question, arguments.query)
    if not tries:
        raise InputError("The question has no word to search for. Give a query: --query 'cystic fibrosis'")
    pair = pair_of(settings, arguments.pair)
    pubmed = PubMed.from_settings(settings)
    used, found = find_records(pubmed, tries, limit=max(1, arguments.top))
    if not found.pmids:
        raise InputError(f"PubMed finds nothing for {used!r}. Use fewer or other words.")
    records = pubmed.fetch(found.pmids).records
    readers = load(pair.biom, settings), load(pair.vanilla, settings)
    done: list[Read] = []
    with progress_line(f"of {len(records)} abstracts read") as progress:
        for done in read_all(records, Question(id="ask", text=question), *readers):
            progress(len(done))
    document = literature_json(question, used, found, done, labels=(pair.biom.label, pair.vanilla.label))
    if arguments.json:
        print(json.dumps(document, ensure_ascii=False, indent=1))
        return
    print(f"query: {used}   {found.count:,} records match, {len(done)} read")
    for side in SIDES:
        print(document[side]["model"])
        for answer in document[side]["answers"]:
            pmids = ", ".join(
                e["pmid"] + (" (retracted)" if e["retracted"] else "") for e in answer["evidence"][:5]
            )
            print(f"  {answer['share']:6.1%}  {answer['text']}   PMID {pmids}")


def _ask_lines(comparison: Comparison) -> list[str]:
    lines = []
    for output in (comparison.biom, comparison.vanilla):
        prediction = output.predictions[0]
        best = prediction.best()
        lines.append(f"{output.label}  ({output.seconds:.2f} s)")
        if best:
            lines.append(
                f"  {best.text}   [{best.span.start}, {best.span.end})   confidence {best.probability:.1%}"
            )
        else:
            lines.append("  no answer in this text")
        lines.append(f"  p(no answer) {prediction.null_probability:.1%}")
        lines += [f"  note: {notice}" for notice in prediction.notices]
    lines.append(f"verdict: {comparison.verdict().agreement}")
    return lines


def _read_text(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}. Check the path.") from error
    except UnicodeDecodeError:
        raise InputError(
            f"{name} is not UTF-8 text. Give a plain text file, not a PDF or Word file."
        ) from None
