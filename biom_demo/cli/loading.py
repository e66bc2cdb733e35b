"""The models a command reads with: which pair was meant, and its readers."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from biom_demo.errors import CheckpointError, InputError
from biom_demo.models.catalogue import Checkpoint, ModelPair, locate, resolve_pair
from biom_demo.qa.engines.processor import refusal
from biom_demo.settings import Precision, Settings

if TYPE_CHECKING:
    from biom_demo.qa.reader import Reader

PAIR_HELP = "auto, mini, base, large or albert"


def add_precision_to(parser: argparse.ArgumentParser) -> None:
    """Add the option that says what models compute in."""
    parser.add_argument(
        "--precision",
        choices=[str(one) for one in Precision],
        default=None,
        help="what models compute in: float32 is exact, the others are quicker where the processor has them "
        "(default: BIOM_ENGINE)",
    )


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The environment's settings, in the precision that was asked for on the command line.

    Raises ``InputError`` for a variable that cannot be used, or where this processor should not compute so.
    """
    settings = Settings.from_environment()
    if arguments.precision is None:
        return settings
    precision = Precision(arguments.precision)
    if why := refusal(precision):
        raise InputError(f"--precision {precision} cannot be used here. {why}")
    return replace(settings, precision=precision)


def pair_of(settings: Settings, name: str | None) -> ModelPair:
    """The pair named on the command line, which wins over models named in the environment."""
    if name:
        return resolve_pair(name)
    return resolve_pair(settings.pair, biom=settings.biom_model, vanilla=settings.vanilla_model)


def load(checkpoint: Checkpoint, settings: Settings, *, run_squad: bool = False) -> Reader:
    """The checkpoint's reader. Raises ``CheckpointError`` where it is not on this machine or broken."""
    folder = locate(checkpoint)
    if folder is None:
        raise CheckpointError(
            f"{checkpoint.label} ({checkpoint.source}) is not on this machine. Fetch it from the page "
            f"(biom-demo serve), or run: hf download {checkpoint.source}"
        )
    return load_source(folder, settings, name=checkpoint.label, run_squad=run_squad)


def load_source(
    source: str | Path, settings: Settings, *, name: str | None = None, run_squad: bool = False
) -> Reader:
    """The reader of a folder, or of a Hub id in the local cache; see ``Reader.load``."""
    from biom_demo.qa.engines.pytorch import set_threads
    from biom_demo.qa.reader import Decoding, Reader

    if settings.threads:
        set_threads(settings.threads)
    return Reader.load(
        source, name=name, decoding=Decoding(run_squad=run_squad), precision=settings.precision
    )
