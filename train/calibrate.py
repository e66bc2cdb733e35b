"""A checkpoint's temperature and null bias, fitted on held-out questions and measured on the test sets.

    python -m train calibrate --model runs/biom --bioasq 2B1_golden.json ... 7B5_golden.json \\
        --measure "BioASQ 8B=dev.json" "SQuAD=squad-test.json"

Fitted are two numbers, so that the confidence of a checkpoint's best answer is the share of such answers
that are right (exact match). The held-out questions (``train.held_out``) are read with the snippets that
hold their answer, and with as many snippets of other questions, those that BM25 ranks first and that hold
no known answer: near misses, as a search brings them; there no answer is right. The best answer stays the
best, so EM and F1 do not move.

Source: Guo et al. 2017 (temperature scaling), with a second parameter for "no answer".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biom_demo.analysis.benchmark import progress_line
from biom_demo.errors import DataError
from biom_demo.qa.calibration import (
    CALIBRATION_FILE,
    UNCALIBRATED,
    Calibration,
    Measured,
    Reliability,
    reliability,
)
from biom_demo.qa.datasets import BioAsqQuestion, convert, factoid_golds, write_json
from biom_demo.qa.metrics import squad_exact_match
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Example, Question, Reading
from biom_demo.qa.spans import score_candidates
from train.held_out import Excluded
from train.pairs import retrieved_pairs

Floats = NDArray[np.float64]

NEAR_MISSES = 6  # a question, of which those count that hold no answer
SMALLEST = 1e-12  # probability whose logarithm is taken


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a reader said of an example: all scores (M,), the null score, and whether its best is right.

    ``right`` is ``None`` where the example is known to hold no answer.
    """

    scores: Floats
    null_score: float
    right: bool | None

    def probabilities(self, calibration: Calibration) -> tuple[float, float]:
        """Of the best answer and of "no answer", with that calibration."""
        scores = np.append(self.scores, self.null_score + calibration.null_bias) / calibration.temperature
        total = float(np.logaddexp.reduce(scores))
        best = float(np.exp(scores[:-1].max() - total)) if len(self.scores) else 0.0
        return best, float(np.exp(scores[-1] - total))


def scored(reader: Reader, examples: Sequence[Example]) -> list[Scored]:
    """What the reader says of each example, in order."""
    with progress_line("windows read") as progress:
        readings = reader.readings([(e.question, e.context) for e in examples], progress=progress)
        return [_scored(reading, example) for reading, example in zip(readings, examples, strict=True)]


def _scored(reading: Reading, example: Example) -> Scored:
    candidates = score_candidates(reading)
    right = None
    if example.answerable:
        text = ""
        if len(candidates.scores):
            start, end = candidates.spans[int(candidates.scores.argmax())]
            text = reading.context[start:end]
        right = any(squad_exact_match(text, gold) for gold in example.gold_texts)
    return Scored(candidates.scores, candidates.null_score, right)


def fitted(examples: Sequence[Scored], *, fitted_on: str) -> Calibration:
    """The temperature and null bias under which best answers are as likely as right.

    Minimised is the mean cross-entropy of "the best answer is right"; where the text does not answer,
    none is. (A second one, of p(no answer) itself, was tried and left out: train/EXPERIMENTS.md.) Raises
    ``DataError`` without answers both right and wrong.
    """
    if len({one.right for one in examples if one.right is not None}) < 2:
        raise DataError("A temperature needs answers both right and wrong. Give more questions.")

    def loss(warmth: float, bias: float) -> float:
        calibration = Calibration(float(np.exp(warmth)), bias)
        total = 0.0
        for one in examples:
            best, _ = one.probabilities(calibration)
            total -= np.log(max(best if one.right else 1 - best, SMALLEST))
        return float(total) / len(examples)

    # Two smooth numbers: a grid around the best so far, each time a quarter as wide.
    warmth, bias, width = 0.5, 0.0, 1.5
    while width > 0.005:
        steps = np.linspace(-width, width, 7)
        grid = ((warmth + float(w), bias + 4 * float(b)) for w in steps for b in steps)
        warmth, bias = min(grid, key=lambda place: loss(*place))
        width /= 4
    return Calibration(round(float(np.exp(warmth)), 4), round(bias, 4), fitted_on=fitted_on)


def measured(examples: Sequence[Scored], calibration: Calibration, *, name: str) -> Measured:
    """The reliability of the best answers to the answerable examples, without and with the calibration."""
    answerable = [one for one in examples if one.right is not None]

    def under(settings: Calibration) -> Reliability:
        confidences = [one.probabilities(settings)[0] for one in answerable]
        return reliability(confidences, [bool(one.right) for one in answerable], measured_on=name)

    return Measured(under(UNCALIBRATED), under(calibration))


def calibrate(
    model: Path, questions: Sequence[BioAsqQuestion], measure: Iterable[tuple[str, Sequence[Example]]]
) -> Calibration:
    """The model's calibration, fitted on the (held-out) questions; it is also written into its folder.

    ``measure`` are named test sets. Raises ``CheckpointError`` and ``DataError`` as loading and
    fitting do.
    """
    reader = Reader.load(model)
    answerable = convert(questions, mode="card").examples
    silent = near_misses(questions)[: len(answerable)]
    fit = scored(reader, [*answerable, *silent])
    calibration = fitted(
        fit,
        fitted_on=(
            f"{len(answerable)} pairs of {len(questions)} held-out BioASQ questions of years 2 to 7, and "
            f"{len(silent)} of them with snippets that do not answer"
        ),
    )
    found = tuple(measured(scored(reader, pairs), calibration, name=name) for name, pairs in measure)
    calibration = Calibration(calibration.temperature, calibration.null_bias, calibration.fitted_on, found)
    write_json(calibration.as_json(), model / CALIBRATION_FILE)
    return calibration


def near_misses(questions: Sequence[BioAsqQuestion]) -> list[Example]:
    """Factoid questions with snippets of other questions that BM25 finds for them and that do not answer.

    The first of each question come first, then the second, so that any first part has all questions.
    """
    factoids = {q.id: q for q in questions if q.type == "factoid" and q.synonyms}
    own = {q.id: {snippet.text for snippet in q.snippets} for q in questions}
    snippets = dict.fromkeys(
        snippet.text for q in questions for snippet in q.snippets if snippet.text.strip()
    )
    asked = [Question(q.body, q.id) for q in factoids.values()]
    found: dict[str, list[Example]] = {}
    for pair in retrieved_pairs(asked, snippets, per_question=NEAR_MISSES, excluded=Excluded()):
        identity = pair.example.question.id.rsplit("_r", 1)[0]
        text = pair.example.context
        if text not in own[identity] and not factoid_golds(factoids[identity], text):
            found.setdefault(identity, []).append(Example(pair.example.question, text))
    ranked = [(place, example) for rows in found.values() for place, example in enumerate(rows)]
    return [example for _, example in sorted(ranked, key=lambda row: row[0])]
