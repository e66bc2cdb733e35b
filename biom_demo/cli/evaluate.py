"""``biom-demo evaluate``: all figures of both models, or of one checkpoint, on a SQuAD or BioASQ file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biom_demo.analysis.benchmark import (
    Benchmark,
    benchmark_json,
    measured,
    model_json,
    prediction_rows,
    progress_line,
    read_gold,
    readable,
    submission,
)
from biom_demo.cli.loading import PAIR_HELP, add_precision_to, load, load_source, pair_of, settings_of
from biom_demo.cli.output import print_json
from biom_demo.errors import DataError, InputError
from biom_demo.qa.datasets import write_json
from biom_demo.settings import Precision
from biom_demo.show.export import csv_text

if TYPE_CHECKING:
    from biom_demo.cli import Commands

EXAMPLES = """\
examples:
  biom-demo evaluate dev.json --pair mini
  biom-demo evaluate 8B1_golden.json 8B2_golden.json --json result.json --submission submission.json
  biom-demo evaluate dev.json --predictions answers.csv
  biom-demo evaluate dev.json --model sultan/BioM-ELECTRA-Large-SQuAD2-BioASQ8B --run-squad

exit status: 0 done, 2 the file, models or output cannot be used (and what to do), 130 stopped,
141 whoever reads the output stopped reading
"""


def add_to(commands: Commands) -> None:
    """Add the command with its options."""
    parser = commands.add_parser(
        "evaluate",
        help="all figures on a SQuAD or BioASQ file",
        description="EM and F1, strict and lenient accuracy and MRR, with intervals and significance, by\n"
        "kind of question and answer; calibration; unlike answers. FILE is a SQuAD file (v1.1, v2.0),\n"
        "or BioASQ task B files of any year.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", type=Path, metavar="FILE", nargs="+")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pair", default=None, help=PAIR_HELP)
    which.add_argument("--model", help="one checkpoint instead: a folder, or a Hub id in the local cache")
    add_precision_to(parser)
    parser.add_argument(
        "--strict", action="store_true", help="refuse a file in which anything is to be mended"
    )
    parser.add_argument("--run-squad", action="store_true", help="decode as run_squad.py did")
    parser.add_argument(
        "--json",
        dest="json_out",
        nargs="?",
        const="-",
        metavar="OUT",
        help="print figures and predictions as JSON in place of text, or write them to OUT beside it",
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="OUT",
        help="write each model's answer to each pair: .csv or .json",
    )
    parser.add_argument(
        "--submission", type=Path, metavar="OUT", help="write a BioASQ phase B submission of all questions"
    )
    parser.add_argument(
        "--submission-of",
        choices=("biom", "vanilla"),
        default="biom",
        help="whose answers are submitted (default: biom; with --model, that one's)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read the file, then the models, and print their figures.

    Raises ``DataError``, ``InputError`` or ``CheckpointError`` with what to do.
    """
    rows_to: Path | None = arguments.predictions
    if rows_to and rows_to.suffix not in (".csv", ".json"):
        raise InputError(f"--predictions {rows_to}: name a file that ends in .csv or .json.")
    settings = settings_of(arguments)
    gold = read_gold(arguments.files, strict=arguments.strict)
    for note in gold.notes:
        print(f"note: {note}", file=sys.stderr)
    if arguments.submission and not gold.questions:
        raise DataError(
            f"{gold.file} is a SQuAD file. A submission answers BioASQ questions: give their file."
        )
    squad = arguments.run_squad
    if arguments.model:
        sides = ["model"]
        readers = [(arguments.model, load_source(arguments.model, settings, run_squad=squad))]
    else:
        sides = ["biom", "vanilla"]
        readers = [
            (checkpoint.label, load(checkpoint, settings, run_squad=squad))
            for checkpoint in pair_of(settings, arguments.pair).checkpoints
        ]
    with progress_line("windows read") as progress:
        found = measured(gold, readers, progress=progress)
    # Files are written before anything is printed, which a closed pipe could end.
    if rows_to:
        _write_rows(found, rows_to)
    if arguments.submission:
        side = sides.index(arguments.submission_of) if len(sides) > 1 else 0
        write_json(submission(gold.questions, found.models[side].pooled), arguments.submission)
    document = _document(sides, found, settings.precision) if arguments.json_out else {}
    if arguments.json_out == "-":
        print_json(document)
        return
    if arguments.json_out:
        write_json(document, arguments.json_out)
    print(readable(found))
    print(f"\ncomputed in {settings.precision}")


def _document(sides: list[str], found: Benchmark, precision: Precision) -> dict[str, Any]:
    """The benchmark as JSON, its models by side."""
    document = {**benchmark_json(found), "precision": str(precision)}
    del document["models"]
    return {side: model_json(model) for side, model in zip(sides, found.models, strict=True)} | document


def _write_rows(found: Benchmark, path: Path) -> None:
    rows = list(prediction_rows(found))
    if path.suffix == ".json":
        write_json(rows, path)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(csv_text(rows), "utf-8", newline="")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from error
