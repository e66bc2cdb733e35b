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
    uploaded_gold,
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
from biom_demo.analysis.benchmark.rows import (
    COLUMNS,
    FILTERS,
    MAX_FIND_CHARS,
    ROWS_A_PAGE,
    Look,
    ScoredRow,
    arranged,
    rows_of,
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
    measured,
)
from biom_demo.analysis.benchmark.stretches import (
    Reads,
    Stretch,
    benchmark_of,
    benchmark_steps,
    left_to_read,
    read_on,
)

__all__ = [
    "ANSWERABLE",
    "COLUMNS",
    "FILTERS",
    "LABELLED",
    "MAX_FIND_CHARS",
    "PUBLISHED",
    "QUESTIONS",
    "ROWS_A_PAGE",
    "Benchmark",
    "Disagreement",
    "Evaluation",
    "Figure",
    "Found",
    "Gold",
    "Interval",
    "KindScore",
    "Look",
    "ModelScores",
    "PairScore",
    "Plan",
    "Reads",
    "ScoredRow",
    "Stretch",
    "answer_form",
    "answer_length",
    "arranged",
    "benchmark",
    "benchmark_json",
    "benchmark_of",
    "benchmark_steps",
    "left_to_read",
    "length_class",
    "measured",
    "model_json",
    "plan_of",
    "prediction_rows",
    "progress_line",
    "question_word",
    "read_gold",
    "read_on",
    "readable",
    "rows_of",
    "score",
    "submission",
    "table",
    "uploaded_gold",
]
