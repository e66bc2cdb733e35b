"""The example questions of the page, of our own writing, their gold answers, and the one it opens with."""

from __future__ import annotations

import json
import time
from typing import Any

from biom_demo.analysis.comparison import Comparison, Side
from biom_demo.analysis.passage import passage_of_text
from biom_demo.analysis.stored import comparison_of
from biom_demo.models.catalogue import ModelPair
from biom_demo.models.store import Models
from biom_demo.qa.records import Question
from biom_demo.settings import ASSETS

EXAMPLES: list[dict[str, Any]] = json.loads((ASSETS / "examples.json").read_text("utf-8"))
# One on which the two differ shows what the page is for.
OPENING = next(example for example in EXAMPLES if example["title"] == "Clopidogrel")
# The opening example as the bundled pair answers it; ``python -m benchmarks.answered_example`` writes it.
ANSWERED = ASSETS / "answered_example.json"


def gold_of_example(text: str, question: str) -> tuple[str, ...] | None:
    """The gold answers if this is one of the examples, unchanged; ``None`` otherwise."""
    for example in EXAMPLES:
        if example["context"].strip() == text.strip() and example["question"].strip() == question.strip():
            return tuple(example["answers"])
    return None


def stored_answer(pair: ModelPair) -> Comparison | None:
    """The opening example as it was stored; ``None`` where that was another example, or by other models."""
    try:
        document = json.loads(ANSWERED.read_text("utf-8"))
        is_opening = (document["question"], document["text"]) == (OPENING["question"], OPENING["context"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return comparison_of(document, pair.checkpoints) if is_opening else None


class Opening:
    """The answered example that the page opens with: as stored at first, as read here once that is done."""

    def __init__(self, comparison: Comparison | None = None) -> None:
        self.comparison = comparison
        self.read_here = False

    def read(self, models: Models, pair: ModelPair) -> None:
        """Read the example with the pair, whose models have read something before.

        Raises as ``models.store.Visit.read`` does; then, and where reading ends early, what was there stays.
        """
        question, passage = Question(OPENING["question"]), passage_of_text(OPENING["context"], exactly=True)
        comparison = Comparison(question, passage, pair.checkpoints)
        for checkpoint in pair.checkpoints:
            started = time.perf_counter()
            for reading in models.visit().read(checkpoint, [(question, passage.text)]):
                comparison = comparison.with_side(Side(checkpoint, reading, time.perf_counter() - started))
        if comparison.complete:
            self.comparison, self.read_here = comparison, True
