"""Two readers, one question -> ``Comparison``: what each said and how the two relate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from biom_demo.qa.metrics import squad_exact_match, squad_f1
from biom_demo.qa.records import Answer, Prediction, Question


class CanRead(Protocol):
    """What ``compare`` needs of a reader."""

    def read(self, question: Question, contexts: Sequence[str]) -> list[Prediction]:
        """One prediction for each context, in order."""
        ...


class Agreement(StrEnum):
    """How two answers to one question over one context relate."""

    AGREE = "agree"  # the same answer after SQuAD normalisation, at overlapping places
    ELSEWHERE = "elsewhere"  # the same answer, at another mention
    OVERLAP = "overlap"  # different bounds of overlapping spans
    DISAGREE = "disagree"  # two different spans
    BIOM_ABSTAINS = "biom abstains"
    VANILLA_ABSTAINS = "vanilla abstains"
    BOTH_ABSTAIN = "both abstain"


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """What one model said: a prediction for each context, in ``seconds`` of wall time."""

    label: str
    predictions: tuple[Prediction, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the two best answers relate; ``f1`` is their token overlap, 0 to 1 (1 if both abstain)."""

    agreement: Agreement
    f1: float
    biom: Answer | None
    vanilla: Answer | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One question over the same contexts, read by both models."""

    question: Question
    contexts: tuple[str, ...]
    biom: ModelOutput
    vanilla: ModelOutput

    def __post_init__(self) -> None:
        for output in (self.biom, self.vanilla):
            if len(output.predictions) != len(self.contexts):
                raise ValueError(f"{output.label}: one prediction is needed for each context")
            for prediction in output.predictions:
                context = self.contexts[prediction.context_index]
                for answer in prediction.answers:
                    if answer.span.of(context) != answer.text:
                        raise ValueError(f"{output.label}: {answer.text!r} is not at {answer.span}")

    def verdict(self, context_index: int = 0, *, null_threshold: float | None = 0.0) -> Verdict:
        """How the models' best answers in one context relate under a no-answer threshold."""
        biom = self.biom.predictions[context_index].best(null_threshold=null_threshold)
        vanilla = self.vanilla.predictions[context_index].best(null_threshold=null_threshold)
        if biom is None or vanilla is None:
            agreement = (
                Agreement.BOTH_ABSTAIN
                if biom is vanilla
                else Agreement.BIOM_ABSTAINS
                if biom is None
                else Agreement.VANILLA_ABSTAINS
            )
            return Verdict(agreement, float(biom is vanilla), biom, vanilla)
        overlap = biom.span.overlaps(vanilla.span)
        if squad_exact_match(biom.text, vanilla.text):
            agreement = Agreement.AGREE if overlap else Agreement.ELSEWHERE
        else:
            agreement = Agreement.OVERLAP if overlap else Agreement.DISAGREE
        return Verdict(agreement, squad_f1(biom.text, vanilla.text), biom, vanilla)


def read_timed(reader: CanRead, label: str, question: Question, contexts: Sequence[str]) -> ModelOutput:
    """One reader's output with the wall time it took; the page shows each as it arrives."""
    started = time.perf_counter()
    predictions = tuple(reader.read(question, contexts))
    return ModelOutput(label, predictions, time.perf_counter() - started)


def compare(
    biom: CanRead,
    vanilla: CanRead,
    question: Question,
    contexts: Sequence[str],
    *,
    biom_label: str,
    vanilla_label: str,
) -> Comparison:
    """Both readers' answers to ``question`` over ``contexts``, one model after the other."""
    return Comparison(
        question,
        tuple(contexts),
        read_timed(biom, biom_label, question, contexts),
        read_timed(vanilla, vanilla_label, question, contexts),
    )


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """A comparison over one context as plain JSON values; offsets count characters, half-open."""
    verdict = comparison.verdict()
    return {
        "question": comparison.question.text,
        "agreement": str(verdict.agreement),
        "answer_f1": verdict.f1,
        "biom": _output_json(comparison.biom),
        "vanilla": _output_json(comparison.vanilla),
    }


def _output_json(output: ModelOutput) -> dict[str, Any]:
    prediction = output.predictions[0]
    best = prediction.best()
    return {
        "model": output.label,
        "answer": answer_json(best) if best else None,
        "p_no_answer": prediction.null_probability,
        "null_score": prediction.null_score,
        "n_best": [answer_json(answer) for answer in prediction.answers],
        "notices": list(prediction.notices),
        "seconds": output.seconds,
    }


def answer_json(answer: Answer) -> dict[str, Any]:
    """An answer as plain JSON values."""
    return {
        "text": answer.text,
        "start": answer.span.start,
        "end": answer.span.end,
        "score": answer.score,
        "probability": answer.probability,
    }


def percent(value: float) -> str:
    """A probability as a percent; never a rounded 0% or 100% that it is not."""
    if 0 < value < 0.001:
        return "< 0.1%"
    if 0.999 < value < 1:
        return "> 99.9%"
    return f"{value:.1%}"
