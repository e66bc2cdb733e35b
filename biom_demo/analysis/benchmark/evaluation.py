"""One model's predictions on the pairs of a file -> EM and F1, with and without the right to abstain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from biom_demo.qa.datasets import question_of_pair
from biom_demo.qa.metrics import SquadV2Score, squad_v1, squad_v2
from biom_demo.qa.records import Example, Prediction


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
            "exact_match": rounded(self.exact_match),
            "f1": rounded(self.f1),
            "with_null": score
            and {
                "n": score.n,
                "exact_match": rounded(score.exact_match),
                "f1": rounded(score.f1),
                "has_answer": score.has_answer
                and {
                    "n": score.has_answer.n,
                    "exact_match": rounded(score.has_answer.exact_match),
                    "f1": rounded(score.has_answer.f1),
                },
                "no_answer": score.no_answer
                and {"n": score.no_answer.n, "exact_match": rounded(score.no_answer.exact_match)},
                "best_exact_match": rounded(score.best_exact_match),
                "best_exact_threshold": score.best_exact_threshold,
                "best_f1": rounded(score.best_f1),
                "best_f1_threshold": score.best_f1_threshold,
            },
            "decoding": self.decoding,
            "seconds": round(self.seconds, 1),
            "predictions": self.predictions,
            "null_odds": self.null_odds,
        }


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
    for example, prediction in zip(examples, predictions, strict=True):
        best = prediction.best(null_threshold=None)
        texts[example.question.id] = best.text if best else ""
        # Where there is no span the answer is "" at any threshold, so any odds will do.
        null_odds[example.question.id] = prediction.null_score - best.score if best else 0.0
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


def rounded(value: float | None) -> float | None:
    """A percent to two decimals, as files have it."""
    return None if value is None else round(value, 2)
