"""The jobs that are timed, and the rows that come of them: seconds a round by task and variant.

Ours is timed from texts to undecoded readings, tokenising included, with nothing remembered. Baseline A
reads a sample of its windows, which all cost the same; a row's seconds are of the whole task either way, and
it says of how many windows they were reckoned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.floor import operations_of
from benchmarks.report import BASELINE, SINGLY
from benchmarks.rounds import interleaved
from benchmarks.sizes import Subject
from benchmarks.texts import abstracts, questions, text_of_chars, text_of_tokens
from biom_demo.qa.engines.pytorch import set_threads
from biom_demo.qa.reader import READING, Decoding, Pair, Reader
from biom_demo.settings import Precision

ABSTRACTS, QUESTIONS_ASKED, LONG_CHARS = 50, 20, 50_000
QUESTIONED_TOKENS = 384
PUBLISHED_STEP = 128


@dataclass(frozen=True, slots=True)
class Task:
    """Pairs to be read, and how; of them ``read`` are, and the seconds reckoned for all.

    ``singly``: each pair is handed to the reader for itself. ``variants`` bounds the engines that do it.
    """

    name: str
    pairs: Sequence[Pair]
    read: Sequence[Pair]
    decoding: Decoding = READING
    singly: bool = False
    variants: tuple[str, ...] | None = None

    def run(self, reader: Reader) -> None:
        """Read what is to be read."""
        for pairs in [[pair] for pair in self.read] if self.singly else [self.read]:
            for _ in reader.readings(pairs):
                pass


def abstract(subject: Subject, tokens: int) -> Task:
    """One abstract that is one window of so many tokens."""
    (question,) = questions(1)
    pairs = [(question, text_of_tokens(subject.tokenizer, question, tokens))]
    return Task(f"{tokens} tokens", pairs, pairs)


def tasks_of_many_windows(subject: Subject) -> list[Task]:
    """Many abstracts, many questions, and a long text, as far as the size's model reads them."""
    size, tokenizer = subject.size, subject.tokenizer
    asked = questions(QUESTIONS_ASKED)
    (one, *_) = asked
    many = [(one, text) for text in abstracts(tokenizer, one, ABSTRACTS)]
    text = text_of_tokens(tokenizer, one, QUESTIONED_TOKENS)
    each = [(question, text) for question in asked]
    whole = text_of_chars(LONG_CHARS)
    long, part = [(one, whole)], [(one, whole[: size.long_chars])]
    name = f"a text of {LONG_CHARS:,} characters"
    made = [
        Task(f"1 question, {ABSTRACTS} abstracts", many, many[: size.texts]),
        Task(f"{QUESTIONS_ASKED} questions, 1 abstract", each, each[: size.questions]),
        Task(f"{QUESTIONS_ASKED} questions, 1 abstract{SINGLY}", each, each[: size.questions], singly=True),
        Task(name, long, part),
    ]
    if READING.window_step_tokens != PUBLISHED_STEP:
        published = replace(READING, window_step_tokens=PUBLISHED_STEP)
        only = (str(Precision.FLOAT32),)
        made.append(Task(f"{name}, step {PUBLISHED_STEP}", long, part, published, variants=only))
    return made


def timed(subject: Subject, tasks: Sequence[Task], *, threads: int, rounds: int, warm_up: int) -> list[Any]:
    """One row a task and variant, all in turn. Baseline A's windows are a sample, read before each task."""
    set_threads(threads)
    size, plain = subject.size, subject.plain
    # All windows are padded to the same length, so any text will do.
    question, text = tasks[0].pairs[0][0].text, text_of_chars(12 * 512 * size.sample)
    runs: dict[str, Callable[[], object]] = {}
    rows: dict[str, dict[str, Any]] = {}
    scales: dict[str, float] = {}

    def add(task: Task, variant: str, run: Callable[[], object], scale: float, **more: Any) -> None:
        key = f"{task.name}: {variant}"
        about = {"subject": size.name, "threads": threads, "task": task.name, "variant": variant}
        runs[key], rows[key], scales[key] = run, about | more, scale

    for task in tasks:
        windows = sum(len(plain.windows(q.text, t)["input_ids"]) for q, t in task.pairs)
        add(
            task,
            BASELINE,
            partial(plain.read, question, text, most=size.sample),
            windows / size.sample,
            windows=windows,
            windows_timed=size.sample,
        )
        for name, engine in subject.engines.items():
            if task.variants is not None and name not in task.variants:
                continue
            reader = Reader(engine, subject.tokenizer, task.decoding)
            read, all_of = (_lengths(reader, pairs) for pairs in (task.read, task.pairs))
            whole = operations_of(subject.config, all_of)
            add(
                task,
                name,
                partial(task.run, reader),
                whole.all / operations_of(subject.config, read).all,
                windows=len(all_of),
                windows_timed=len(read),
                step_tokens=task.decoding.window_step_tokens,
                operations={"linear": whole.linear, "attention": whole.attention},
            )
    found = interleaved(runs, rounds, warm_up=warm_up)
    return [
        row | {"seconds": [round(one * scales[key], 6) for one in found[key]]} for key, row in rows.items()
    ]


def _lengths(reader: Reader, pairs: Sequence[Pair]) -> list[int]:
    cut, _ = reader.cut(pairs)
    return [len(window) for pending in cut for window in pending.made.windows]


def deviations(subject: Subject, tokens: int = QUESTIONED_TOKENS) -> dict[str, float]:
    """How far each engine's start logits are off A's over one abstract, as a share of their norm."""
    (pair,) = abstract(subject, tokens).pairs
    (exact,) = subject.plain.read(pair[0].text, pair[1])
    found = {}
    for name, engine in subject.engines.items():
        (reading,) = Reader(engine, subject.tokenizer).readings([pair])
        theirs = exact.numpy()[: len(reading.logits[0].start)]
        found[name] = float(np.linalg.norm(reading.logits[0].start - theirs) / np.linalg.norm(theirs))
    return found
