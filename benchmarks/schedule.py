"""Two models over one abstract: one after the other with all threads, or both at once with half of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

from benchmarks.sizes import Size, engine_of
from benchmarks.texts import questions, text_of_tokens
from biom_demo.errors import CheckpointError
from biom_demo.qa.engines.pytorch import set_threads
from biom_demo.qa.reader import Pair, Reader
from biom_demo.settings import Precision

TOKENS = 384
AFTER, AT_ONCE = "one after the other", "both at once"


def timed(size: Size, tokenizer: Any, *, threads: int, rounds: int) -> list[dict[str, Any]]:
    """One row a precision and schedule: seconds to the first answer and to both, a round each.

    A thread of Python has OpenMP threads of its own, as many as are set when it first computes, and torch
    holds no lock while it computes: so both models at once are two Python threads of one process.
    """
    (question,) = questions(1)
    pair = (question, text_of_tokens(tokenizer, question, TOKENS))
    schedules: dict[str, Callable[[list[Reader], Pair, int], list[float]]] = {AFTER: _after}
    if threads > 1:
        schedules[AT_ONCE] = _at_once
    rows = []
    for precision in Precision:
        try:
            engines = [engine_of(size, tokenizer, precision, seed=seed) for seed in (0, 1)]
        except CheckpointError:
            continue
        readers = [Reader(engine, tokenizer) for engine in engines]
        took: dict[str, list[list[float]]] = {name: [] for name in schedules}
        for turn in range(rounds + 1):
            for name, run in schedules.items():
                seconds = run(readers, pair, threads)
                if turn:  # the first warms up
                    took[name].append(seconds)
        for name, found in took.items():
            about = {"subject": size.name, "threads": threads, "variant": str(precision), "schedule": name}
            first, both = ([round(place(one), 6) for one in found] for place in (min, max))
            rows.append(about | {"first": first, "both": both})
        del readers, engines
        gc.collect()
    set_threads(threads)
    return rows


def _read(reader: Reader, pair: Pair) -> None:
    for _ in reader.readings([pair]):
        pass


def _after(readers: list[Reader], pair: Pair, threads: int) -> list[float]:
    """Seconds from the start to each model's end."""
    set_threads(threads)
    started, ends = time.perf_counter(), []
    for reader in readers:
        _read(reader, pair)
        ends.append(time.perf_counter() - started)
    return ends


def _at_once(readers: list[Reader], pair: Pair, threads: int) -> list[float]:
    set_threads(threads // 2)
    ends: list[float] = []
    started = time.perf_counter()

    def run(reader: Reader) -> None:
        _read(reader, pair)
        ends.append(time.perf_counter() - started)

    running = [Thread(target=run, args=(reader,)) for reader in readers]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return ends
