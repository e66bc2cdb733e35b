"""A gold file read stretch by stretch, where visitors take turns: what is read is kept, and gone on with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from biom_demo.analysis.benchmark.gold import Gold, Pair, Plan, plan_of
from biom_demo.analysis.benchmark.scores import SUBMITTED, Benchmark, Found, benchmark
from biom_demo.models.catalogue import Checkpoint
from biom_demo.qa import spans
from biom_demo.qa.records import Prediction, Reading

READ_AT_ONCE = 32  # pairs of one turn, at most
READ_CHARS_AT_ONCE = 60_000  # a turn ends with the pair that reaches them


class Reads(Protocol):
    """Where readings come from (``models.store.Visit``)."""

    def read(self, checkpoint: Checkpoint, pairs: Sequence[Pair]) -> list[Reading]:
        """The readings of the pairs, in order; fewer where reading ended early."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """What each model made of some pairs of a plan, from the ``start``-th on.

    ``predictions`` and ``readings`` have a tuple a model, with an entry a pair; a reading is ``None`` where
    it is not kept.
    """

    start: int
    predictions: tuple[tuple[Prediction, ...], ...]
    readings: tuple[tuple[Reading | None, ...], ...]

    @property
    def stop(self) -> int:
        """The place after the last of its pairs."""
        return self.start + len(self.predictions[0])


def left_to_read(plan: Plan, read: Iterable[Stretch]) -> Iterator[tuple[int, int]]:
    """The places [start, stop) of the plan that no stretch has, in order."""
    at = 0
    for stretch in sorted(read, key=lambda one: one.start):
        if stretch.start > at:
            yield at, stretch.start
        at = max(at, stretch.stop)
    if at < len(plan.pairs):
        yield at, len(plan.pairs)


def read_on(
    plan: Plan,
    checkpoints: Sequence[Checkpoint],
    reads: Reads,
    earlier: Sequence[Stretch] = (),
    *,
    most_bytes: int = 0,
) -> Iterator[Stretch]:
    """What is not read yet of a plan, some pairs at a time, by all models each.

    Ends early where a model was kept from reading. Readings of the file's pairs are kept while those of all
    stretches, earlier ones too, take at most ``most_bytes``. Raises what ``reads`` raises.
    """
    pooled = {place for places in plan.of_questions.values() for place in places}
    asked = set(plan.of_examples)
    held = sum(_bytes_of(reading) for one in earlier for model in one.readings for reading in model)
    for start, stop in left_to_read(plan, earlier):
        for first, last in _turns(plan, start, stop):
            pairs = plan.pairs[first:last]
            made: list[list[Reading]] = []
            for checkpoint in checkpoints:
                made.append(reads.read(checkpoint, pairs))
                if len(made[-1]) < len(pairs):
                    break
            count = min(map(len, made)) if len(made) == len(checkpoints) else 0
            if count:
                readings = [model[:count] for model in made]
                size = sum(
                    _bytes_of(reading)
                    for model in readings
                    for place, reading in enumerate(model, start=first)
                    if place in asked
                )
                fits = held + size <= most_bytes
                held += size if fits else 0
                yield Stretch(
                    first,
                    tuple(
                        tuple(
                            _prediction_of(reading, whole=place in pooled)
                            for place, reading in enumerate(model, start=first)
                        )
                        for model in readings
                    ),
                    tuple(
                        tuple(
                            reading if fits and place in asked else None
                            for place, reading in enumerate(model, start=first)
                        )
                        for model in readings
                    ),
                )
            if count < len(pairs):
                return


def _turns(plan: Plan, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The places [start, stop) in parts read at one time: what an early end loses is small."""
    first, chars = start, 0
    for place in range(start, stop):
        chars += len(plan.pairs[place][1])
        if place + 1 - first >= READ_AT_ONCE or chars >= READ_CHARS_AT_ONCE or place + 1 == stop:
            yield first, place + 1
            first, chars = place + 1, 0


def _prediction_of(reading: Reading, *, whole: bool) -> Prediction:
    prediction = spans.decode(reading)
    # Of what is not pooled no more is ever looked at, and there may be many.
    return prediction if whole else replace(prediction, answers=prediction.answers[:SUBMITTED])


def _bytes_of(reading: Reading | None) -> int:
    if reading is None:
        return 0
    windows = sum(window.ids.nbytes + window.offsets.nbytes for window in reading.windows)
    return windows + sum(logits.start.nbytes + logits.end.nbytes for logits in reading.logits)


def benchmark_of(
    gold: Gold, plan: Plan, checkpoints: Sequence[Checkpoint], read: Iterable[Stretch]
) -> Benchmark | None:
    """All figures over the first pairs of the plan, as far as all are read; ``None`` where none is."""
    found = [Found(checkpoint.label, []) for checkpoint in checkpoints]
    done = 0
    for stretch in sorted(read, key=lambda one: one.start):
        if stretch.start != done:
            break
        for one, predictions in zip(found, stretch.predictions, strict=True):
            one.predictions.extend(predictions)
        done = stretch.stop
    return benchmark(gold, plan, found) if done else None


def benchmark_steps(
    gold: Gold, checkpoints: Sequence[Checkpoint], reads: Reads
) -> Iterator[tuple[int, int, Benchmark | None]]:
    """How many pairs of how many are read, again and again; at last with the figures.

    The models read some pairs each in turn, so that an early end leaves figures over what both have
    read; those are ``None`` where that is nothing. Raises what ``reads`` raises.
    """
    plan = plan_of(gold)
    read: list[Stretch] = []
    for stretch in read_on(plan, checkpoints, reads):
        read.append(stretch)
        yield stretch.stop, len(plan.pairs), None
    done = read[-1].stop if read else 0
    yield done, len(plan.pairs), benchmark_of(gold, plan, checkpoints, read)
