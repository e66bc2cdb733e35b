"""How sure a checkpoint's probabilities are made to be, and how often answers that sure were right.

A checkpoint's folder may hold ``calibration.json``, written by ``train calibrate``; a reader loads it with
the weights and every reading carries it. Without the file probabilities are the plain softmax.

Source: Guo et al. 2017 (temperature scaling; expected calibration error).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from biom_demo.errors import CheckpointError

CALIBRATION_FILE = "calibration.json"
BINS = 10
ENOUGH = 20  # answers, before a share of them is told to people
MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Bin:
    """The ``n`` answers with a confidence of ``low`` to ``high``: their mean confidence, the share right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often answers were right (exact match), by confidence; bins of equal width, empty ones left out.

    ``ece`` is the expected calibration error: the mean distance, over all answers, between the
    confidence and the accuracy of an answer's bin. 0 to 1.
    """

    measured_on: str
    n: int
    ece: float
    bins: tuple[Bin, ...]

    def around(self, confidence: float) -> Bin | None:
        """The bin of that confidence, widened to its neighbours until it holds ``ENOUGH`` answers.

        ``None`` where there are not so many in all.
        """
        if self.n < ENOUGH:
            return None
        first = min(range(len(self.bins)), key=lambda i: _distance(self.bins[i], confidence))
        last = first
        while sum(one.n for one in self.bins[first : last + 1]) < ENOUGH:
            down = self.bins[first].low - self.bins[first - 1].high if first else math.inf
            up = self.bins[last + 1].low - self.bins[last].high if last + 1 < len(self.bins) else math.inf
            if down < up or (down == up and confidence < (self.bins[first].low + self.bins[last].high) / 2):
                first -= 1
            else:
                last += 1
        return _together(self.bins[first : last + 1])


def _distance(one: Bin, confidence: float) -> float:
    return max(one.low - confidence, confidence - one.high, 0.0)


def _together(bins: Sequence[Bin]) -> Bin:
    n = sum(one.n for one in bins)
    return Bin(
        bins[0].low,
        bins[-1].high,
        n,
        sum(one.n * one.confidence for one in bins) / n,
        sum(one.n * one.accuracy for one in bins) / n,
    )


def reliability(confidences: Sequence[float], right: Sequence[bool], *, measured_on: str) -> Reliability:
    """The reliability of answers, each with its confidence (0 to 1) and whether it was right."""
    members: dict[int, list[tuple[float, bool]]] = {}
    for confidence, is_right in zip(confidences, right, strict=True):
        members.setdefault(min(int(confidence * BINS), BINS - 1), []).append((confidence, is_right))
    bins = tuple(
        Bin(
            number / BINS,
            (number + 1) / BINS,
            len(held),
            math.fsum(confidence for confidence, _ in held) / len(held),
            sum(is_right for _, is_right in held) / len(held),
        )
        for number, held in sorted(members.items())
    )
    n = len(confidences)
    ece = math.fsum(one.n * abs(one.confidence - one.accuracy) for one in bins) / n if n else 0.0
    return Reliability(measured_on, n, ece, bins)


@dataclass(frozen=True, slots=True)
class Measured:
    """The reliability on one data set without temperature and null bias, and with them."""

    before: Reliability
    after: Reliability


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a checkpoint's probabilities are made: a softmax over scores / ``temperature``.

    "No answer" scores ``null_bias`` more in it. Scores, their order and thresholds on them stay as
    they are. ``fitted_on`` says in words on what; ``measured`` is how it turned out on data that it
    was not fitted on, BioASQ first.
    """

    temperature: float = 1.0
    null_bias: float = 0.0
    fitted_on: str = ""
    measured: tuple[Measured, ...] = ()

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and math.isfinite(self.temperature) and math.isfinite(self.null_bias)):
            raise ValueError(f"no temperature and bias: {self.temperature}, {self.null_bias}")

    def as_json(self) -> dict[str, Any]:
        """The calibration as plain JSON values."""
        return asdict(self)

    @classmethod
    def of_folder(cls, folder: Path) -> Calibration:
        """What the folder's file says; the plain softmax where there is none.

        Raises ``CheckpointError`` where the file is damaged.
        """
        path = folder / CALIBRATION_FILE
        try:
            if not path.is_file():
                return UNCALIBRATED
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ValueError("it is too large")
            return _calibration(json.loads(path.read_text("utf-8")))
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            # The words of an OSError have the folder's place on this machine in them.
            reason = error.strerror if isinstance(error, OSError) else error
            raise CheckpointError(
                f"{CALIBRATION_FILE} of this checkpoint is damaged ({reason}). Fetch it again, or delete it."
            ) from None


UNCALIBRATED = Calibration()


def _calibration(document: Any) -> Calibration:
    return Calibration(
        float(document["temperature"]),
        float(document["null_bias"]),
        str(document.get("fitted_on", "")),
        tuple(
            Measured(_reliability(one["before"]), _reliability(one["after"]))
            for one in document.get("measured", [])
        ),
    )


def _reliability(document: Any) -> Reliability:
    bins = tuple(
        Bin(
            float(one["low"]),
            float(one["high"]),
            int(one["n"]),
            float(one["confidence"]),
            float(one["accuracy"]),
        )
        for one in document["bins"]
    )
    if any(one.n < 1 for one in bins) or sum(one.n for one in bins) != document["n"]:
        raise ValueError("its bins do not add up")
    if not all(math.isfinite(x) for one in bins for x in (one.low, one.high, one.confidence, one.accuracy)):
        raise ValueError("a figure is no number")
    return Reliability(str(document["measured_on"]), int(document["n"]), float(document["ece"]), bins)
