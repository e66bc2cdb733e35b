"""What it costs to compute in shorter numbers, and how much quicker that is: measured, from a bundled file.

``python -m benchmarks.engine_cost`` writes the file. Its figures hold for the very checkpoints they were
measured on, which are known by the digests stored with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biom_demo.analysis.stored import known_digest_of
from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import Checkpoint, locate
from biom_demo.qa.checkpoint_files import weights_of
from biom_demo.qa.engines.processor import refusal
from biom_demo.settings import ASSETS, Precision

ENGINES = ASSETS / "engines.json"


@dataclass(frozen=True, slots=True)
class Change:
    """What EM and F1 become on the ``pairs`` of a file, in points of 100: below 0 is what it costs."""

    file: str
    pairs: int
    exact_match: float
    f1: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a precision costs one model, and how many times as fast as float32 it was."""

    label: str
    speed: float
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Engines:
    """What was measured: the file's models, each as the plain JSON values it has there."""

    models: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of_file(cls, path: Path = ENGINES) -> Engines:
        """The measurements of a file; none where there is no such file, or it is of another form."""
        try:
            document = json.loads(path.read_text("utf-8"))
            made = cls(tuple(document["models"]))
            for precision in Precision:
                made.bundled(precision)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return cls()
        return made

    def bundled(self, precision: Precision) -> tuple[Cost, ...]:
        """The costs of all models of the file, in its order; those that were not measured are left out."""
        costs = (_cost(model, precision) for model in self.models)
        return tuple(cost for cost in costs if cost is not None)

    def of(self, checkpoint: Checkpoint, precision: Precision) -> Cost | None:
        """What the precision costs a checkpoint; ``None`` where that was not measured."""
        folder = locate(checkpoint)
        if folder is None:
            return None
        try:
            size = weights_of(folder).path.stat().st_size
            # To hash a Large model takes seconds: only what has the size of a measured one is hashed.
            alike = [model for model in self.models if model["bytes"] == size]
            digest = known_digest_of(folder) if alike else ""
        except (CheckpointError, OSError):
            return None
        found = (_cost(model, precision) for model in alike if model["digest"] == digest)
        return next(found, None)

    def why_not(self, precision: Precision) -> str:
        """Why a precision is not on offer here, a sentence; "" where it is.

        It is where the processor should compute in it, and its cost was measured.
        """
        if precision is Precision.FLOAT32:
            return ""
        return refusal(precision) or ("" if self.bundled(precision) else "What it costs was not measured.")

    @property
    def offered(self) -> tuple[Precision, ...]:
        """The precisions on offer, float32 first."""
        return tuple(precision for precision in Precision if not self.why_not(precision))


def _cost(model: Mapping[str, Any], precision: Precision) -> Cost | None:
    measured = {(one["file"], one["precision"]): one for one in model["figures"]}
    speed = model["speed"].get(precision)
    changes = tuple(
        Change(
            file,
            int(exact["pairs"]),
            measured[file, precision]["exact_match"] - exact["exact_match"],
            measured[file, precision]["f1"] - exact["f1"],
        )
        for (file, in_), exact in measured.items()
        if in_ == Precision.FLOAT32 and (file, precision) in measured
    )
    return Cost(str(model["label"]), float(speed["ratio"]), changes) if speed and changes else None
