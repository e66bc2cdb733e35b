"""``biom-demo ask``: both models' answers to one question about a text, a record, or what a query finds."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from biom_demo.analysis.benchmark import progress_line
from biom_demo.analysis.cascade import extent_of
from biom_demo.analysis.claims import evidence_table
from biom_demo.analysis.comparison import Comparison, Side, View, compared
from biom_demo.analysis.literature import (
    MAX_ABSTRACTS,
    queries_to_try,
    read_abstracts,
    retrieve,
    search,
    to_be_read,
)
from biom_demo.analysis.passage import Passage, check_input, check_question, passage_of_names, passage_of_text
from biom_demo.cli.loading import PAIR_HELP, add_precision_to, pair_of, settings_of
from biom_demo.cli.output import print_json, record_lines
from biom_demo.errors import InputError
from biom_demo.models.store import Models
from biom_demo.pubmed.identify import Kind, identify
from biom_demo.pubmed.session import PubMed
from biom_demo.qa.records import Question
from biom_demo.settings import Extent, Settings
from biom_demo.show.claims import support_words
from biom_demo.show.export import comparison_json, literature_json
from biom_demo.show.words import (
    as_sure_words,
    chosen_words,
    in_precision,
    named,
    percent,
    search_words,
    verdict_words,
)

if TYPE_CHECKING:
    from biom_demo.cli import Commands

EXAMPLES = """\
examples:
  biom-demo ask "Which gene is mutated?" --text abstract.txt
  biom-demo ask "Which gene is mutated?" --pmid 36990001 --json
  biom-demo ask "Which gene is mutated in cystic fibrosis?" --query --top 20
"""


def add_to(commands: Commands) -> None:
    """Add the command with its options."""
    parser = commands.add_parser(
        "ask",
        help="ask both models one question about a text",
        description="Ask both models one question about a text, a PubMed record, or what a query finds.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("question")
    about = parser.add_mutually_exclusive_group(required=True)
    about.add_argument("--text", metavar="FILE|-", help="a UTF-8 text file, or - for stdin")
    about.add_argument("--pmid", metavar="NAME", help="a PubMed record: PMID, PMCID, DOI, address or title")
    about.add_argument(
        "--query",
        nargs="?",
        const="",
        metavar="Q",
        help="ask over what a PubMed query finds; made of the question where left out",
    )
    parser.add_argument("--top", type=int, default=20, metavar="N", help="abstracts to read for --query")
    parser.add_argument("--pair", default=None, help=PAIR_HELP)
    add_precision_to(parser)
    parser.add_argument(
        "--read",
        choices=list(Extent),
        help="of many abstracts or a long text: all, what looks promising to a quicker first stage, or auto",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Ask and print the answers.

    Raises ``InputError``, ``PubMedError`` or ``CheckpointError`` with what to do.
    """
    settings = settings_of(arguments)
    if arguments.query is None:
        _ask_passage(arguments, settings)
    else:
        _ask_literature(arguments, settings)


def _ask_passage(arguments: argparse.Namespace, settings: Settings) -> None:
    question, most = arguments.question, settings.max_context_chars
    if arguments.pmid:
        identified = identify(arguments.pmid)
        if identified.kind not in (Kind.RECORDS, Kind.TITLE):
            raise InputError(
                f"{arguments.pmid!r} names no PubMed record. Give a PMID, PMCID, DOI, address or title; "
                "for what a query finds, use --query."
            )
        check_question(question)
        with PubMed.from_settings(settings).session() as session:
            passage = passage_of_names(identified, arguments.pmid, session, max_chars=most)
    else:
        text = _read_text(arguments.text)
        if not text.strip():
            raise InputError("The text is empty. Give a file with an abstract in it.")
        check_input(text, question, max_chars=most)
        passage = passage_of_text(text)
    checkpoints = pair_of(settings, arguments.pair).checkpoints
    models = Models(threads=settings.threads, precision=settings.precision)
    extent = extent_of(arguments.read, settings)
    comparison = compared(Question(question), passage, checkpoints, models.visit(), extent)
    if arguments.json:
        print_json(comparison_json(comparison))
        return
    for notice in passage.notices:  # a copy's age, say: it belongs to the answer
        print(f"note: {notice}")
    for record in passage.records:
        print("\n".join(record_lines(record)))
    view = View()
    for side in comparison.sides:
        print("\n".join(_side_lines(side, comparison.passage, view)))
    print(f"verdict: {verdict_words(comparison.verdict(view), *comparison.labels[:2])}")


def _side_lines(side: Side, passage: Passage, view: View) -> list[str]:
    prediction, answer = side.prediction(view), side.answer(view)
    how = [f"{side.seconds:.2f} s"] if side.seconds is not None else []
    how += filter(None, [in_precision(side.precision)])
    as_sure = side.answers_as_sure(view)
    said = "  no answer in this text"
    if answer:
        given = passage.in_given(answer.span)
        where = f"[{given.start}, {given.end})"
        said = f"  {answer.text}   {where}   confidence {percent(answer.probability)}"
    return [
        side.label + (f"  ({', '.join(how)})" if how else ""),
        said,
        *([f"  {as_sure_words(*as_sure)}"] if as_sure else []),
        f"  p(no answer) {percent(prediction.null_probability)}",
        *(f"  note: {notice}" for notice in prediction.notices),
    ]


def _ask_literature(arguments: argparse.Namespace, settings: Settings) -> None:
    question = arguments.question
    check_question(question)
    tries = queries_to_try(question, arguments.query)
    checkpoints = pair_of(settings, arguments.pair).checkpoints
    limit = max(1, min(arguments.top, MAX_ABSTRACTS))
    with PubMed.from_settings(settings).session() as session:
        made = search(tries, session, limit=limit)
        retrieved = retrieve(question, made, session)
    models = Models(threads=settings.threads, precision=settings.precision)
    visit = models.visit()
    retrieved = to_be_read(retrieved, checkpoints, visit, extent_of(arguments.read, settings))
    read: list[Comparison] = []
    with progress_line(f"of {len(retrieved.records)} abstracts read") as progress:
        for comparison in read_abstracts(retrieved, checkpoints, visit):
            read.append(comparison)
            progress(len(read))
    if arguments.json:
        print_json(literature_json(retrieved, read, checkpoints=checkpoints))
        return
    for notice in retrieved.notices:
        print(f"note: {notice}")
    unread = retrieved.unread
    print(search_words(made, len(read), chosen_of=len(read) + len(unread) if unread else 0))
    if unread:
        told = chosen_words(len(read), len(unread), retrieved.chosen_by)
        print(f"{told} --read all reads them. Not read: {named(unread)}")
    table = evidence_table(question, read, checkpoints, View())
    for model in table.models:
        print(model.checkpoint.label)
        for claim in model.claims[: View().shown]:
            names = named([evidence.record for evidence in claim.evidence], shown=5)
            print(f"  {claim.text}   {support_words(claim, len(read))}   {names}")
        if not model.claims:
            print("  no answer in any of these abstracts")
    for comparison in read:
        for record in comparison.passage.records:
            if record.warnings:
                print("\n".join(record_lines(record)))


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
