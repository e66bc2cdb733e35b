"""Gold files and readers -> figures: one module for the command line, ``train evaluate``, page and API.

read_gold(files) -> Gold -> measured(gold, readers)              -> Benchmark -> readable, benchmark_json, ...
                         -> benchmark_steps(gold, checkpoints, visit)
"""

from __future__ import annotations

from biom_demo.analysis.benchmark.evaluation import Evaluation, score
from biom_demo.analysis.benchmark.gold import (
    Gold,
    Plan,
    answer_form,
    answer_length,
    length_class,
    plan_of,
    question_word,
    read_gold,
)
from biom_demo.analysis.benchmark.report import (
    PUBLISHED,
    benchmark_json,
    model_json,
    prediction_rows,
    progress_line,
    readable,
    submission,
    table,
)
from biom_demo.analysis.benchmark.scores import (
    ANSWERABLE,
    LABELLED,
    QUESTIONS,
    Benchmark,
    Disagreement,
    Figure,
    Found,
    Interval,
    KindScore,
    ModelScores,
    PairScore,
    benchmark,
    benchmark_steps,
    measured,
)

__all__ = [
    "ANSWERABLE",
    "LABELLED",
    "PUBLISHED",
    "QUESTIONS",
    "Benchmark",
    "Disagreement",
    "Evaluation",
    "Figure",
    "Found",
    "Gold",
    "Interval",
    "KindScore",
    "ModelScores",
    "PairScore",
    "Plan",
    "answer_form",
    "answer_length",
    "benchmark",
    "benchmark_json",
    "benchmark_steps",
    "length_class",
    "measured",
    "model_json",
    "plan_of",
    "prediction_rows",
    "progress_line",
    "question_word",
    "read_gold",
    "readable",
    "score",
    "submission",
    "table",
]
