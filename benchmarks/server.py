"""What the server does beside reading: a question asked again, a text changed at its end, a moved slider.

With the bundled pair, through the store of readers as the page has it, with all that is drawn. "Longest
answer" is the slider that scores all spans anew; the other views decode what is scored.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.texts import text_of_chars
from biom_demo.analysis.comparison import View, compared
from biom_demo.analysis.passage import passage_of_text
from biom_demo.models.catalogue import resolve_pair
from biom_demo.models.store import Models
from biom_demo.qa.records import Question
from biom_demo.ui.examples import EXAMPLES
from biom_demo.ui.run import Inquiry, Run, drawn

LONG_CHARS = 50_000
CHANGE = " The authors declare no competing interests."


def timed(*, rounds: int, long_chars: int = LONG_CHARS, pair: str = "mini") -> list[dict[str, Any]]:
    """One row a text: seconds of each kind of request, and the share of windows read anew after a change."""
    texts = {"one abstract": EXAMPLES[0]["context"], f"{long_chars:,} characters": text_of_chars(long_chars)}
    question, models = EXAMPLES[0]["question"], Models()
    checkpoints = resolve_pair(pair).checkpoints[:2]
    rows = []

    def asked(text: str) -> Run:
        passage = passage_of_text(text, exactly=True)
        comparison = compared(Question(question), passage, checkpoints, models.visit())
        return Run.begin(Inquiry(text, question, pair), comparison)

    def shown(text: str) -> Run:
        run = asked(text)
        drawn(run, View())
        return run

    shown("It is a gene.")  # the models are loaded
    for name, text in texts.items():
        row: dict[str, Any] = {"text": name, "characters": len(text), "read": [_seconds(shown, text)]}
        row["again"] = [_seconds(shown, text) for _ in range(rounds)]
        run = shown(text)
        row["slider"], row["longest answer"] = [], []
        for turn in range(rounds):
            for kind, view in (
                ("slider", replace(View(), null_threshold=(turn + 1) / 10)),
                ("longest answer", replace(View(), max_answer_length=turn + 5)),
            ):
                row[kind].append(_seconds(drawn, run, view))
        readings = [side.reading for side in asked(text + CHANGE).comparison.sides]
        row["windows"] = sum(len(reading.windows) for reading in readings)
        row["read_anew"] = row["windows"] - sum(reading.known for reading in readings)
        rows.append(row)
    return rows


def _seconds(call: Callable[..., object], *given: object) -> float:
    started = time.perf_counter()
    call(*given)
    return round(time.perf_counter() - started, 6)
