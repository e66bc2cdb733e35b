"""The catalogue of model pairs, and where their files lie. Nothing here touches the network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from biom_demo.errors import CheckpointError, InputError
from biom_demo.models.memory import shortage
from biom_demo.qa.checkpoint_files import VOCABULARIES, WEIGHTS, weights_of
from biom_demo.settings import ASSETS


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model: a folder or a Hub id, its name for people, what it was trained on, its download size."""

    source: str
    label: str
    trained_on: str
    download_mb: int | None = None

    @property
    def name(self) -> str:
        """Its Hub id, or its label where it is a folder: whose place is nobody's business on a page."""
        is_folder = not is_hub_id(self.source) or Path(self.source).is_dir()
        return self.label if is_folder else self.source


@dataclass(frozen=True, slots=True)
class ModelPair:
    """A biomedical model and the general one it is compared with."""

    name: str
    biom: Checkpoint
    vanilla: Checkpoint

    @property
    def checkpoints(self) -> tuple[Checkpoint, Checkpoint]:
        """Both models, the biomedical one first: the order in which they read and are shown."""
        return self.biom, self.vanilla


_ELECTRA_LARGE = Checkpoint(
    "ahotrod/electra_large_discriminator_squad2_512",
    "ELECTRA-Large-SQuAD2",
    "General text, then SQuAD2.0. No BioASQ.",
    1340,
)

# EM and F1 (percent) on the 475 pairs of the five BioASQ 8B test batches, as their authors report them.
# Source: model card of sultan/BioM-ELECTRA-Large-SQuAD2-BioASQ8B.
PUBLISHED_SCORES = (
    ("ELECTRA-Base-SQuAD2-BioASQ8B", 61.89, 74.39),
    ("BioM-ELECTRA-Base-SQuAD2-BioASQ8B", 70.31, 80.90),
    ("ELECTRA-Large-SQuAD2-BioASQ8B", 67.36, 78.90),
    ("BioM-ELECTRA-Large-SQuAD2-BioASQ8B", 74.31, 84.72),
)
PUBLISHED_PAIRS = 475

CATALOGUE: tuple[ModelPair, ...] = (
    ModelPair(
        "mini",
        Checkpoint(
            str(ASSETS / "BioM-ELECTRA-Mini-SQuAD-BioASQ8B"),
            "BioM-ELECTRA-Mini-SQuAD-BioASQ8B",
            "MiniLM-L6 weights, then general questions, then questions over PubMed text, then BioASQ "
            "questions of years 1 to 7; a bigger model taught it.",
        ),
        Checkpoint(
            str(ASSETS / "ELECTRA-Mini-SQuAD-BioASQ8B"),
            "ELECTRA-Mini-SQuAD-BioASQ8B",
            "MiniLM-L6 weights, then the same general questions, then as many over Wikipedia and books, "
            "then the same BioASQ questions; the same bigger model taught it.",
        ),
    ),
    ModelPair(
        "base",
        Checkpoint(
            "sultan/BioM-ELECTRA-Base-SQuAD2-BioASQ8B",
            "BioM-ELECTRA-Base-SQuAD2-BioASQ8B",
            "PubMed abstracts, then SQuAD2.0, then BioASQ factoid questions.",
            440,
        ),
        Checkpoint(
            "deepset/electra-base-squad2",
            "ELECTRA-Base-SQuAD2",
            "General text, then SQuAD2.0. No BioASQ.",
            440,
        ),
    ),
    ModelPair(
        "large",
        Checkpoint(
            "sultan/BioM-ELECTRA-Large-SQuAD2-BioASQ8B",
            "BioM-ELECTRA-Large-SQuAD2-BioASQ8B",
            "PubMed abstracts, then SQuAD2.0, then BioASQ factoid questions.",
            1340,
        ),
        _ELECTRA_LARGE,
    ),
    ModelPair(
        "albert",
        Checkpoint(
            "sultan/BioM-ALBERT-xxlarge-SQuAD2",
            "BioM-ALBERT-xxlarge-SQuAD2",
            "PubMed abstracts, then SQuAD2.0. No BioASQ.",
            890,
        ),
        _ELECTRA_LARGE,
    ),
)


def resolve_pair(name: str, *, biom: str | None = None, vanilla: str | None = None) -> ModelPair:
    """The pair of that name, with either side replaced by a folder or Hub id if given.

    ``auto`` is ``large``, else ``base``, if both sides already lie on this machine whole and fit into its
    memory, else ``mini``. Raises ``InputError`` for an unknown name.
    """
    by_name = {pair.name: pair for pair in CATALOGUE}
    if name == "auto":
        pair, _ = automatic_pair()
    elif name in by_name:
        pair = by_name[name]
    else:
        raise InputError(f"There is no model pair {name!r}. Choose one of: auto, {', '.join(by_name)}.")
    if not (biom or vanilla):
        return pair
    return ModelPair(
        "custom",
        given(biom) if biom else pair.biom,
        given(vanilla) if vanilla else pair.vanilla,
    )


def automatic_pair() -> tuple[ModelPair, tuple[str, ...]]:
    """The biggest pair that lies here and can be read, and why each bigger one that lies here cannot."""
    by_name = {pair.name: pair for pair in CATALOGUE}
    notices: list[str] = []
    for pair in (by_name["large"], by_name["base"]):
        if not _on_disk(pair):
            continue
        reason = _unfit(pair)
        if not reason:
            return pair, tuple(notices)
        notices.append(f"The {pair.name} pair is here and not used: {reason}")
    return by_name["mini"], tuple(notices)


def _unfit(pair: ModelPair) -> str:
    """Why a pair on this machine cannot be read, in a sentence; "" where it can."""
    weights_bytes = 0
    for checkpoint in pair.checkpoints:
        folder = locate(checkpoint)
        try:
            weights_bytes += weights_of(folder).bytes_read if folder else 0
        except CheckpointError as error:
            return f"{checkpoint.label} cannot be loaded. {error}"
    short = shortage(weights_bytes)
    return f"it {short}." if short else ""


def _on_disk(pair: ModelPair) -> bool:
    return locate(pair.biom) is not None and locate(pair.vanilla) is not None


def given(source: str) -> Checkpoint:
    """A checkpoint that is not in the catalogue, by its folder or Hub id."""
    # The folder's place on a server is nobody's business on a public page.
    said = f"Given as {source}." if is_hub_id(source) and not Path(source).is_dir() else "Given as a folder."
    return Checkpoint(source, source.rstrip("/").rsplit("/", 1)[-1], said)


def locate(checkpoint: Checkpoint) -> Path | None:
    """The folder that holds the checkpoint's files, ``None`` if it is not on this machine.

    A folder is taken as it is, a Hub id is looked up in the local Hub cache.
    """
    folder = Path(checkpoint.source).expanduser()
    if not folder.is_dir():
        if not is_hub_id(checkpoint.source):
            return None
        from huggingface_hub import constants, try_to_load_from_cache

        found = try_to_load_from_cache(checkpoint.source, "config.json", cache_dir=constants.HF_HUB_CACHE)
        if not isinstance(found, str):
            return None
        folder = Path(found).parent
    has = {name for name in ("config.json", *WEIGHTS, *VOCABULARIES) if (folder / name).is_file()}
    complete = "config.json" in has and has.intersection(WEIGHTS) and has.intersection(VOCABULARIES)
    return folder if complete else None


def weights_bytes(checkpoint: Checkpoint) -> int | None:
    """The bytes of a checkpoint's weights as float32; ``None`` where it is not here, or damaged."""
    folder = locate(checkpoint)
    try:
        return weights_of(folder).bytes_read if folder else None
    except CheckpointError:
        return None


def is_hub_id(source: str) -> bool:
    """Whether ``source`` has the form of a Hub id, ``owner/name``."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+", source) is not None
