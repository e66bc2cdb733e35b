"""A reader over a SQuAD file -> EM and F1, with and without the right to abstain.

One function serves the app's command line and ``train evaluate``, so a figure means the same in both.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from biom_demo.qa.datasets import question_of_pair
from biom_demo.qa.metrics import SquadV2Score, squad_v1, squad_v2
from biom_demo.qa.records import Example, Prediction

if TYPE_CHECKING:
    from biom_demo.qa.reader import Reader


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model on one file; EM and F1 in percent.

    ``exact_match`` and ``f1`` are SQuAD v1.1's over the answerable pairs with the model made to
    answer, ``None`` if there are none; the published table is of this kind. ``with_null`` lets the
    model abstain (SQuAD v2.0, threshold 0) and counts every labelled pair, ``None`` if there are none.
    ``n`` counts all pairs that were read, with gold answers or without.

    ``predictions`` has the model's best span of each pair, by id, whether or not it would abstain
    ("" where the context holds no span at all), and ``null_odds`` how far its null score lies above
    that span's. Both are what the official script takes: blank what lies above 0 for ``with_null``.
    """

    label: str
    file: str
    n: int
    n_questions: int
    exact_match: float | None
    f1: float | None
    with_null: SquadV2Score | None
    decoding: str
    seconds: float
    predictions: dict[str, str]
    null_odds: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """The evaluation as plain JSON values; percents rounded to two decimals.

        ``predictions`` and ``null_odds`` stand beside the figures they explain, each in the form
        that the official script reads from a file of its own.
        """
        score = self.with_null
        return {
            "label": self.label,
            "file": self.file,
            "n": self.n,
            "n_questions": self.n_questions,
            "exact_match": _rounded(self.exact_match),
            "f1": _rounded(self.f1),
            "with_null": score
            and {
                "n": score.n,
                "exact_match": _rounded(score.exact_match),
                "f1": _rounded(score.f1),
                "has_answer": score.has_answer
                and {
                    "n": score.has_answer.n,
                    "exact_match": _rounded(score.has_answer.exact_match),
                    "f1": _rounded(score.has_answer.f1),
                },
                "no_answer": score.no_answer
                and {"n": score.no_answer.n, "exact_match": _rounded(score.no_answer.exact_match)},
                "best_exact_match": _rounded(score.best_exact_match),
                "best_exact_threshold": score.best_exact_threshold,
                "best_f1": _rounded(score.best_f1),
                "best_f1_threshold": score.best_f1_threshold,
            },
            "decoding": self.decoding,
            "seconds": round(self.seconds, 1),
            "predictions": self.predictions,
            "null_odds": self.null_odds,
        }


def evaluate(
    reader: Reader,
    examples: Iterable[Example],
    *,
    label: str,
    file: str,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """The reader's scores on the examples of ``file`` (its name is kept with the figures).

    ``progress`` is called with the number of windows read so far.
    """
    started = time.perf_counter()
    examples = tuple(examples)
    predictions = list(
        reader.predictions([(example.question, example.context) for example in examples], progress=progress)
    )
    return score(
        predictions,
        examples,
        label=label,
        file=file,
        decoding="run_squad" if reader.decoding.run_squad else "exhaustive",
        seconds=time.perf_counter() - started,
    )


def score(
    predictions: Sequence[Prediction],
    examples: Sequence[Example],
    *,
    label: str,
    file: str,
    decoding: str,
    seconds: float,
) -> Evaluation:
    """EM and F1 of one prediction for each example, in order."""
    golds = {example.question.id: example.gold_texts for example in examples if example.labelled}
    answerable = {key: texts for key, texts in golds.items() if texts}
    texts: dict[str, str] = {}
    null_odds: dict[str, float] = {}
    for prediction in predictions:
        best = prediction.best(null_threshold=None)
        texts[prediction.question.id] = best.text if best else ""
        # Where there is no span the answer is "" at any threshold, so any odds will do.
        null_odds[prediction.question.id] = prediction.null_score - best.score if best else 0.0
    forced = squad_v1(texts, answerable) if answerable else None
    return Evaluation(
        label=label,
        file=file,
        n=len(examples),
        n_questions=len({question_of_pair(example.question.id) for example in examples}),
        exact_match=forced.exact_match if forced else None,
        f1=forced.f1 if forced else None,
        with_null=squad_v2(texts, golds, null_odds, null_threshold=0.0) if golds else None,
        decoding=decoding,
        seconds=seconds,
        predictions=texts,
        null_odds=null_odds,
    )


@contextmanager
def progress_line(unit: str) -> Iterator[Callable[[int], None]]:
    """A function that says on the terminal how many ``unit`` are done, each time on the same line.

    The line is ended when the block is left, in whatever way, so that what is printed next has its
    own. Silent where stderr is no terminal.
    """
    written = False

    def show(done: int) -> None:
        nonlocal written
        if sys.stderr.isatty():
            written = True
            print(f"\r{done:,} {unit}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if written:
            print(file=sys.stderr, flush=True)


def table(results: Sequence[Evaluation]) -> str:
    """The evaluations as an aligned text table."""
    rows = [("model", "n", "EM", "F1", "EM, may abstain", "F1, may abstain")]
    rows += [
        (
            result.label,
            str(result.n),
            _shown(result.exact_match),
            _shown(result.f1),
            _shown(result.with_null.exact_match if result.with_null else None),
            _shown(result.with_null.f1 if result.with_null else None),
        )
        for result in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
