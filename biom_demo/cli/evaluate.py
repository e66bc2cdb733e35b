"""``biom-demo evaluate``: EM and F1 of both models, or of one checkpoint, on a SQuAD file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from biom_demo.analysis.benchmark import Evaluation, evaluate, progress_line, table
from biom_demo.cli.loading import PAIR_HELP, load, load_source, pair_of
from biom_demo.errors import DataError
from biom_demo.qa.datasets import read_squad, write_json
from biom_demo.settings import Settings

if TYPE_CHECKING:
    from biom_demo.cli import Commands


def add_to(commands: Commands) -> None:
    """Add the command with its options."""
    parser = commands.add_parser("evaluate", help="EM and F1 on a SQuAD file")
    parser.add_argument("file", type=Path, metavar="FILE")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pair", default=None, help=PAIR_HELP)
    which.add_argument("--model", help="one checkpoint instead: a folder, or a Hub id in the local cache")
    parser.add_argument(
        "--strict", action="store_true", help="refuse a file in which anything is to be mended"
    )
    parser.add_argument("--run-squad", action="store_true", help="decode as run_squad.py did")
    parser.add_argument(
        "--json", type=Path, dest="json_out", metavar="OUT", help="write figures and predictions here"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read the file, then the models, and print their figures.

    Raises ``DataError`` or ``CheckpointError`` as the two do.
    """
    file = read_squad(arguments.file, strict=arguments.strict)
    for note in file.notes:
        print(f"note: {note}", file=sys.stderr)
    if not file.examples:
        raise DataError(f"{arguments.file} holds no question.")
    settings = Settings.from_environment()
    squad = arguments.run_squad
    if arguments.model:
        sides = {"model": (load_source(arguments.model, settings, run_squad=squad), arguments.model)}
    else:
        pair = pair_of(settings, arguments.pair)
        sides = {
            side: (load(checkpoint, settings, run_squad=squad), checkpoint.label)
            for side, checkpoint in (("biom", pair.biom), ("vanilla", pair.vanilla))
        }
    results: dict[str, Evaluation] = {}
    for side, (reader, label) in sides.items():
        with progress_line("windows read") as progress:
            results[side] = evaluate(
                reader, file.examples, label=label, file=arguments.file.name, progress=progress
            )
    print(table(list(results.values())))
    if arguments.json_out:
        write_json({side: result.as_json() for side, result in results.items()}, arguments.json_out)
