"""The models a command reads with: which pair was meant, and its readers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import Checkpoint, ModelPair, locate, resolve_pair
from biom_demo.settings import Settings

if TYPE_CHECKING:
    from biom_demo.qa.reader import Reader

PAIR_HELP = "auto, mini, base, large or albert"


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
