"""All figures of a checkpoint: EM/F1 by kind of pair, pooled BioASQ answers, significance.

    python -m train evaluate dev.json --model runs/biom --against runs/vanilla \\
        --bioasq 8B1_golden.json 8B2_golden.json --json result.json

The figures are those of ``biom-demo evaluate`` (``analysis.benchmark``), in the form that ``ablation`` and
``publish`` read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from biom_demo.analysis.benchmark import (
    ANSWERABLE,
    Benchmark,
    Gold,
    measured,
    model_json,
    progress_line,
)
from biom_demo.qa.reader import Decoding, Reader


def evaluate(models: Sequence[str], gold: Gold, *, run_squad: bool = False) -> Benchmark:
    """The figures of one or two checkpoints on the gold's pairs, and over all its questions' snippets.

    Raises ``CheckpointError`` as ``Reader.load`` does.
    """
    readers = [(model, Reader.load(model, decoding=Decoding(run_squad=run_squad))) for model in models]
    with progress_line("windows read") as progress:
        return measured(gold, readers, progress=progress)


def document(found: Benchmark) -> dict[str, Any]:
    """The first model's figures as plain JSON values; of two also the second's, and the difference."""
    first, *others = (_model_document(found, place) for place in range(len(found.models)))
    if not others:
        return first
    compared = difference(found)
    return first | {"against": others[0]} | ({"difference": compared} if compared else {})


def _model_document(found: Benchmark, place: int) -> dict[str, Any]:
    made = model_json(found.models[place])
    del made["pooled"]
    for name, title in (("by_question_word", "question word"), ("by_length", "words in the text")):
        made[name] = {
            row.kind: {
                "n": row.n,
                "exact_match": round(row.exact_match[place], 2),
                "f1": round(row.f1[place], 2),
            }
            for row in found.kinds.get(title, ())
        }
    return made


def difference(found: Benchmark) -> dict[str, Any] | None:
    """First minus second on the answerable pairs, in points, with its significance; ``None`` without any.

    The bootstrap draws whole questions, as pairs of one question are not independent. McNemar's test
    takes one verdict a question for the same reason: a question counts for a model that is right on
    more of its pairs.
    """
    exact, f1 = (found.figure(measure, ANSWERABLE) for measure in ("exact_match", "f1"))
    if exact is None or f1 is None or not (exact.difference and f1.difference and exact.sign_test):
        return None
    return {
        "pairs": exact.n,
        "questions": exact.questions,
        "exact_match": {key: round(value, 4) for key, value in asdict(exact.difference).items()},
        "f1": {key: round(value, 4) for key, value in asdict(f1.difference).items()},
        "mcnemar": {
            "questions_for_first": exact.sign_test.for_first,
            "questions_for_second": exact.sign_test.for_second,
            "p_value": round(exact.sign_test.p_value, 4),
        },
    }
