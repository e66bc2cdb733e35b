"""Times of several variants of one job, taken in turn, and what they say of each other.

A machine's pace changes within minutes (turbo, neighbours), so variants are compared within a round, never
across: each round runs every variant once, and a ratio is of two times of the same round.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures, the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """Raises ``ValueError`` for no figures."""
        if not figures:
            raise ValueError("no figures")
        return cls(statistics.median(figures), min(figures), max(figures))

    def text(self, digits: int = 2) -> str:
        """For a table: "2.41 (2.30 to 2.55)"."""
        return f"{self.median:.{digits}f} ({self.least:.{digits}f} to {self.most:.{digits}f})"


def interleaved(
    variants: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    warm_up: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each variant, one a round: round 1 of all, then round 2 of all, and so on.

    The first ``warm_up`` rounds, before the ``rounds`` that count, are not among them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(warm_up + rounds):
        for name, run in variants.items():
            started = clock()
            run()
            if turn >= warm_up:
                seconds[name].append(clock() - started)
    return seconds


def ratios(baseline: Sequence[float], ours: Sequence[float]) -> Spread:
    """How many times as fast as the baseline, round by round. Raises ``ValueError`` for unlike rounds."""
    return Spread.of([theirs / own for theirs, own in zip(baseline, ours, strict=True)])
