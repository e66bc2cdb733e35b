"""The command line: ``python -m biom_demo ask|evaluate --help``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from biom_demo.analysis.comparison import Comparison, compare, comparison_json
from biom_demo.analysis.literature import SIDES, Read, find_records, literature_json, read_all, tries_of
from biom_demo.errors import BioMError, CheckpointError, DataError, InputError
from biom_demo.models.catalogue import Checkpoint, ModelPair, locate, resolve_pair
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.identify import Kind, identify
from biom_demo.pubmed.lookup import look_up
from biom_demo.pubmed.session import PubMed
from biom_demo.qa.datasets import read_squad, write_json
from biom_demo.qa.records import Question
from biom_demo.settings import Settings

if TYPE_CHECKING:
    from biom_demo.qa.reader import Reader


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 2 after a message on what went wrong and what to do."""
    parser = argparse.ArgumentParser(prog="python -m biom_demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    ask = commands.add_parser("ask", help="ask both models one question about a text")
    ask.add_argument("question")
    about = ask.add_mutually_exclusive_group(required=True)
    about.add_argument("--text", metavar="FILE|-", help="a UTF-8 text file, or - for stdin")
    about.add_argument("--pmid", metavar="NAME", help="a PubMed record: PMID, PMCID, DOI or its address")
    about.add_argument(
        "--query",
        nargs="?",
        const="",
        metavar="Q",
        help="ask over what a PubMed query finds; made of the question where left out",
    )
    ask.add_argument("--top", type=int, default=20, metavar="N", help="abstracts to read for --query")
    ask.add_argument("--pair", default=None, help="auto, mini, base, large or albert")
    ask.add_argument("--json", action="store_true", help="print JSON")
    ask.set_defaults(run=run_ask)

    evaluate = commands.add_parser("evaluate", help="EM and F1 on a SQuAD file")
    evaluate.add_argument("file", type=Path, metavar="FILE")
    which = evaluate.add_mutually_exclusive_group()
    which.add_argument("--pair", default=None, help="auto, mini, base, large or albert")
    which.add_argument("--model", help="one checkpoint instead: a folder, or a Hub id in the local cache")
    evaluate.add_argument("--run-squad", action="store_true", help="decode as run_squad.py did")
    evaluate.add_argument("--json", type=Path, dest="json_out", metavar="OUT", help="write the result here")
    evaluate.set_defaults(run=run_evaluate)

    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except BioMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


def run_ask(arguments: argparse.Namespace) -> None:
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
        with PubMed.from_settings(settings).session() as session:
            looked_up = look_up(session, identified)
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
    pair = _pair(settings, arguments.pair)
    comparison = compare(
        _load(pair.biom, settings),
        _load(pair.vanilla, settings),
        Question("ask", arguments.question),
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
    pair = _pair(settings, arguments.pair)
    pubmed = PubMed.from_settings(settings)
    used, found = find_records(pubmed, tries, limit=max(1, arguments.top))
    if not found.pmids:
        raise InputError(f"PubMed finds nothing for {used!r}. Use fewer or other words.")
    records = pubmed.fetch(found.pmids).records
    readers = _load(pair.biom, settings), _load(pair.vanilla, settings)
    done: list[Read] = []
    for part in read_all(records, Question("ask", question), *readers):
        done = part
        print(f"\rread {len(done)} of {len(records)}", end="", file=sys.stderr)
    print(file=sys.stderr)
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


def run_evaluate(arguments: argparse.Namespace) -> None:
    # The imports that bring in torch wait until the file has been read and found good.
    examples = read_squad(arguments.file)
    if not examples:
        raise DataError(f"{arguments.file} holds no question.")
    settings = Settings.from_environment()
    from biom_demo.analysis.benchmark import evaluate, show_progress, table

    if arguments.model:
        sides = {"model": (_load_source(arguments.model, settings, arguments.run_squad), arguments.model)}
    else:
        pair = _pair(settings, arguments.pair)
        sides = {
            side: (_load(checkpoint, settings, arguments.run_squad), checkpoint.label)
            for side, checkpoint in (("biom", pair.biom), ("vanilla", pair.vanilla))
        }
    results = {
        side: evaluate(reader, examples, label=label, file=arguments.file.name, progress=show_progress)
        for side, (reader, label) in sides.items()
    }
    print(table(list(results.values())))
    if arguments.json_out:
        write_json({side: result.as_json() for side, result in results.items()}, arguments.json_out)


def _pair(settings: Settings, name: str | None) -> ModelPair:
    # A pair named on the command line wins over models named in the environment.
    if name:
        return resolve_pair(name)
    return resolve_pair(settings.pair, biom=settings.biom_model, vanilla=settings.vanilla_model)


def _load(checkpoint: Checkpoint, settings: Settings, run_squad: bool = False) -> Reader:
    folder = locate(checkpoint)
    if folder is None:
        raise CheckpointError(
            f"{checkpoint.label} ({checkpoint.source}) is not on this machine. Fetch it from the page "
            f"(python app.py), or run: hf download {checkpoint.source}"
        )
    return _load_source(folder, settings, run_squad)


def _load_source(source: str | Path, settings: Settings, run_squad: bool = False) -> Reader:
    import torch

    from biom_demo.qa.reader import Decoding, Reader

    if settings.threads:
        torch.set_num_threads(settings.threads)
    return Reader.load(source, decoding=Decoding(run_squad=run_squad))


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


if __name__ == "__main__":
    sys.exit(main())
