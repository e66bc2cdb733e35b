"""A comparison in a file, with the digests of the checkpoints that read it, and read back from there.

So the page can show an answer before any model is loaded. What is stored are the logits: the same file is
decoded, and drawn, as a reading of this moment is. It holds for the very files it was made with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from biom_demo.analysis.comparison import Comparison, Side
from biom_demo.analysis.passage import passage_of_text
from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import Checkpoint, locate
from biom_demo.qa.calibration import Calibration
from biom_demo.qa.checkpoint_files import VOCABULARIES, WEIGHTS
from biom_demo.qa.records import Question, Reading, SpanLogits, Window
from biom_demo.settings import Precision

DECIMALS = 4  # of a logit


def digest_of(folder: Path) -> str:
    """A hex digest of all that decides what a checkpoint reads out of a text: its weights, vocabulary, sizes.

    Raises ``OSError`` where a file cannot be read.
    """
    digest = hashlib.sha256()
    for name in sorted(("config.json", *WEIGHTS, *VOCABULARIES)):
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                digest.update(f"{name}\n{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def known_digest_of(folder: Path) -> str:
    """The same, remembered for as long as none of the files changes. Raises ``OSError`` likewise."""
    files = (folder / name for name in sorted(("config.json", *WEIGHTS, *VOCABULARIES)))
    stats = [file.stat() for file in files if file.is_file()]
    return _remembered(folder, tuple((stat.st_mtime_ns, stat.st_size) for stat in stats))


@lru_cache(maxsize=16)
def _remembered(folder: Path, _changed: tuple[tuple[int, int], ...]) -> str:
    return digest_of(folder)


def document_of(comparison: Comparison) -> dict[str, Any]:
    """A complete comparison of a text, with logits to four decimals, as plain JSON values.

    Raises ``ValueError`` for a checkpoint that is not on this machine.
    """
    return {
        "question": comparison.question.text,
        "text": comparison.passage.text,
        "sides": [_side_document(side) for side in comparison.sides],
    }


def comparison_of(document: Mapping[str, Any], checkpoints: Sequence[Checkpoint]) -> Comparison | None:
    """The comparison that a document holds; ``None`` where these checkpoints are not those that read it.

    Calibrations are those of the checkpoints' folders now. Nothing is given for a document that is no such
    comparison, or for a checkpoint that is not here or whose files cannot be read.
    """
    try:
        text, asked = document["text"], document["question"]
        if not (isinstance(text, str) and isinstance(asked, str)):
            return None
        passage, question = passage_of_text(text, exactly=True), Question(asked)
        comparison = Comparison(question, passage, tuple(checkpoints))
        for checkpoint, stored in zip(checkpoints, document["sides"], strict=True):
            folder = locate(checkpoint)
            if folder is None or digest_of(folder) != stored["digest"]:
                return None
            windows = tuple(_window(one) for one in stored["windows"])
            logits = tuple(_logits(one) for one in stored["windows"])
            calibration = Calibration.of_folder(folder)
            precision = Precision(stored.get("precision", Precision.FLOAT32))
            reading = Reading(
                question, passage.text, windows, logits, calibration=calibration, precision=precision
            )
            comparison = comparison.with_side(Side(checkpoint, reading))
        return comparison
    except (CheckpointError, KeyError, OSError, TypeError, ValueError):
        return None


def _side_document(side: Side) -> dict[str, Any]:
    folder = locate(side.checkpoint)
    if folder is None:
        raise ValueError(f"{side.label} is not on this machine")
    pairs = zip(side.reading.windows, side.reading.logits, strict=True)
    return {
        "digest": digest_of(folder),
        "precision": side.precision,
        "windows": [
            {
                "ids": window.ids.tolist(),
                "offsets": window.offsets.reshape(-1).tolist(),
                "first_token": window.first_token,
                "context_start": window.context_start,
                "context_tokens": window.context_tokens,
                "start": [round(float(logit), DECIMALS) for logit in logits.start],
                "end": [round(float(logit), DECIMALS) for logit in logits.end],
            }
            for window, logits in pairs
        ],
    }


def _window(stored: Mapping[str, Any]) -> Window:
    return Window(
        ids=np.array(stored["ids"], np.int32),
        offsets=np.array(stored["offsets"], np.int32).reshape(-1, 2),
        first_token=int(stored["first_token"]),
        context_start=int(stored["context_start"]),
        context_tokens=int(stored["context_tokens"]),
    )


def _logits(stored: Mapping[str, Any]) -> SpanLogits:
    return SpanLogits(np.array(stored["start"], np.float32), np.array(stored["end"], np.float32))
