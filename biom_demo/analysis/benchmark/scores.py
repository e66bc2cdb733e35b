"""What one or two models predicted for a gold file -> all figures: with intervals, by kind, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biom_demo.analysis.benchmark.evaluation import Evaluation, score
from biom_demo.analysis.benchmark.gold import KINDS, Gold, Plan, part_read, plan_of, question_of
from biom_demo.models.catalogue import PUBLISHED_PAIRS, PUBLISHED_SCORES
from biom_demo.qa.calibration import Reliability, reliability
from biom_demo.qa.metrics import (
    BootstrapDifference,
    FactoidScore,
    SignTest,
    bioasq_factoid,
    bioasq_factoid_each,
    difference_of,
    resampled_means,
    sign_test,
    squad_exact_match,
    squad_v1_each,
    squad_v2_each,
)
from biom_demo.qa.pooling import pool
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Answer, Example, Prediction

SUBMITTED = 5  # answers of a factoid question, at most
SAMPLES, SEED = 10_000, 0  # of the bootstrap


@dataclass(frozen=True, slots=True)
class PairScore:
    """One pair as a model answered it.

    ``best`` is its best span, whether or not it abstains (``None`` where the text holds no span);
    ``null_odds`` is how far its null score lies above that, ``null_probability`` its confidence that
    there is no answer. ``exact_match`` and ``f1`` (0 to 1) are of the best span, ``None`` where the
    pair is not answerable. ``right`` says whether what it gives where it may abstain is exactly right,
    ``None`` where the pair is not labelled.
    """

    pair_id: str
    best: Answer | None
    null_odds: float
    null_probability: float
    exact_match: float | None
    f1: float | None
    right: bool | None

    @property
    def given(self) -> Answer | None:
        """What it answers where it may abstain: ``None`` above threshold 0 of the null odds."""
        return None if self.null_odds > 0 else self.best


@dataclass(frozen=True, slots=True)
class ModelScores:
    """One model on a gold file.

    ``pooled`` has up to five ranked texts of each question: of each factoid of BioASQ's from all its
    snippets, of a SQuAD file's from the pairs of the file that are of one question. ``factoid`` scores
    those whose answer is known. ``calibration`` tells how often best answers to answerable pairs were
    right, by confidence. Both are ``None`` where there is nothing to score.
    """

    evaluation: Evaluation
    pairs: tuple[PairScore, ...]
    pooled: dict[str, list[str]]
    factoid: FactoidScore | None
    calibration: Reliability | None

    @property
    def label(self) -> str:
        """The model's name for people."""
        return self.evaluation.label


@dataclass(frozen=True, slots=True)
class Found:
    """What a model predicted for the first pairs of a plan, in order, and how many seconds that took."""

    label: str
    predictions: list[Prediction]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95% interval, from a bootstrap that draws whole questions."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure over one set, of each model; and first minus second, where there are two.

    EM and F1 are percents, BioASQ's measures go from 0 to 1. ``difference`` is of the paired
    bootstrap, ``sign_test`` exact; both take a question as one.
    """

    measure: str
    over: str
    n: int
    questions: int
    models: tuple[Interval, ...]
    difference: BootstrapDifference | None
    sign_test: SignTest | None


@dataclass(frozen=True, slots=True)
class KindScore:
    """EM and F1 (percent) of each model over the answerable pairs of one kind."""

    kind: str
    n: int
    questions: int
    exact_match: tuple[float, ...]
    f1: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A pair to which two models, who may abstain, give unlike answers; ``number`` is its place in the file.

    ``answers`` are ``None`` where a model abstains, ``right`` where the right answer is not known.
    """

    number: int
    example: Example
    answers: tuple[Answer | None, ...]
    right: tuple[bool | None, ...]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One or two models on a gold file, with all figures.

    ``read`` of ``pairs`` (each question and text once) were read; where they are fewer, ``gold`` and all
    figures are of the part that was read. ``published`` is the model card's table, which was not
    measured here: (model, EM, F1) where the pairs are as many as its own, else empty.
    """

    gold: Gold
    models: tuple[ModelScores, ...]
    figures: tuple[Figure, ...]
    kinds: dict[str, tuple[KindScore, ...]]
    disagreements: tuple[Disagreement, ...]
    read: int
    pairs: int

    @property
    def published(self) -> tuple[tuple[str, float, float], ...]:
        """The published table, beside the file it was measured on."""
        answerable = sum(example.answerable for example in self.gold.examples)
        return PUBLISHED_SCORES if answerable == len(self.gold.examples) == PUBLISHED_PAIRS else ()

    def figure(self, measure: str, over: str) -> Figure | None:
        """The figure of that name, ``None`` where there was nothing to score."""
        found = (f for f in self.figures if (f.measure, f.over) == (measure, over))
        return next(found, None)


# What figures are over.
ANSWERABLE = "answerable pairs, made to answer"
LABELLED = "all labelled pairs, may abstain"
QUESTIONS = "questions, up to five answers"


def benchmark(
    gold: Gold,
    plan: Plan,
    found: Sequence[Found],
    *,
    decoding: str = "exhaustive",
) -> Benchmark:
    """All figures of one or two models, from their predictions of the plan's pairs, in order.

    Where reading ended early, what counts is what all models have read. Raises ``ValueError`` for more
    than two models, or none.
    """
    if not 1 <= len(found) <= 2:
        raise ValueError(f"one or two models are measured, not {len(found)}")
    total, read = len(plan.pairs), min(len(one.predictions) for one in found)
    if read < total:
        gold, plan = part_read(gold, plan, read)
    models = tuple(_model_scores(one, gold, plan, decoding) for one in found)
    return Benchmark(
        gold=gold,
        models=models,
        figures=tuple(_figures(gold, models)),
        kinds=_kinds(gold, models),
        disagreements=tuple(_disagreements(gold, models)),
        read=read,
        pairs=total,
    )


def measured(
    gold: Gold,
    readers: Sequence[tuple[str, Reader]],
    *,
    progress: Callable[[int], None] | None = None,
) -> Benchmark:
    """All figures of one or two readers, with their labels; ``progress`` is told of the windows read so far.

    Raises what reading raises.
    """
    plan, found, before = plan_of(gold), list[Found](), 0
    for label, reader in readers:
        started, windows = time.perf_counter(), 0

        def told(count: int, before: int = before) -> None:
            nonlocal windows
            windows = count
            if progress:
                progress(before + count)

        predictions = list(reader.predictions(plan.pairs, progress=told))
        found.append(Found(label, predictions, time.perf_counter() - started))
        before += windows
    run_squad = any(reader.decoding.run_squad for _, reader in readers)
    return benchmark(gold, plan, found, decoding="run_squad" if run_squad else "exhaustive")


def _model_scores(found: Found, gold: Gold, plan: Plan, decoding: str) -> ModelScores:
    predictions = [found.predictions[place] for place in plan.of_examples]
    evaluation = score(
        predictions,
        gold.examples,
        label=found.label,
        file=gold.file,
        decoding=decoding,
        seconds=found.seconds,
    )
    answerable = {e.question.id: e.gold_texts for e in gold.examples if e.answerable}
    forced = squad_v1_each(evaluation.predictions, answerable)
    pairs = tuple(
        _pair_score(example, prediction, *forced.get(example.question.id, (None, None)))
        for example, prediction in zip(gold.examples, predictions, strict=True)
    )
    sure = [(pair.best.probability, pair.exact_match == 1) for pair in pairs if _scored(pair) and pair.best]
    pooled, golds = _pooled(gold, plan, found.predictions), known_answers(gold)
    return ModelScores(
        evaluation=evaluation,
        pairs=pairs,
        pooled=pooled,
        factoid=bioasq_factoid(pooled, golds) if golds else None,
        calibration=reliability([p for p, _ in sure], [r for _, r in sure], measured_on=gold.file)
        if sure
        else None,
    )


def _scored(pair: PairScore) -> bool:
    return pair.exact_match is not None


def _pair_score(
    example: Example, prediction: Prediction, exact_match: float | None, f1: float | None
) -> PairScore:
    best, given = prediction.best(null_threshold=None), prediction.best()
    return PairScore(
        pair_id=example.question.id,
        best=best,
        null_odds=prediction.null_score - best.score if best else 0.0,
        null_probability=prediction.null_probability,
        exact_match=exact_match,
        f1=f1,
        right=right_of(example, given),
    )


def right_of(example: Example, given: Answer | None) -> bool | None:
    """Whether an answer (``None``: an abstention) is exactly right, ``None`` where that is not known."""
    if not example.labelled:
        return None
    text = given.text if given else ""
    right = any(squad_exact_match(text, wanted) for wanted in example.gold_texts or ("",))
    return right and (given is None) == (not example.answerable)


def _pooled(gold: Gold, plan: Plan, predictions: Sequence[Prediction]) -> dict[str, list[str]]:
    """The ranked answers of each question."""
    places: dict[str, dict[int, None]] = {}
    if gold.questions:
        places = {key: dict.fromkeys(of) for key, of in plan.of_questions.items()}
    else:
        for example, place in zip(gold.examples, plan.of_examples, strict=True):
            if example.answerable:
                places.setdefault(question_of(example), {})[place] = None
    return {
        key: [
            answer.text for answer in pool(((plan.pairs[i][1], predictions[i]) for i in of), top_n=SUBMITTED)
        ]
        for key, of in places.items()
    }


def _figures(gold: Gold, models: Sequence[ModelScores]) -> Iterator[Figure]:
    golds = {e.question.id: e.gold_texts for e in gold.examples if e.labelled}
    clusters = {e.question.id: question_of(e) for e in gold.examples}
    answerable = {key: texts for key, texts in golds.items() if texts}
    forced = [squad_v1_each(m.evaluation.predictions, answerable) for m in models]
    yield from _figures_over(ANSWERABLE, ("exact_match", "f1"), forced, clusters, percent=True)
    abstaining = [
        squad_v2_each(m.evaluation.predictions, golds, m.evaluation.null_odds, null_threshold=0.0)
        for m in models
    ]
    yield from _figures_over(LABELLED, ("exact_match", "f1"), abstaining, clusters, percent=True)
    known = known_answers(gold)
    ranked = [bioasq_factoid_each(m.pooled, known) for m in models]
    yield from _figures_over(
        QUESTIONS,
        ("strict_accuracy", "lenient_accuracy", "mrr"),
        ranked,
        {key: key for key in known},
        percent=False,
    )


def known_answers(gold: Gold) -> dict[str, tuple[str, ...]]:
    """All known answers of each question whose ranked answers are scored."""
    if gold.questions:
        return {q.id: q.synonyms for q in gold.questions if q.type == "factoid" and q.synonyms}
    known: dict[str, tuple[str, ...]] = {}
    for example in gold.examples:
        if example.answerable:
            key = question_of(example)
            known[key] = tuple(dict.fromkeys((*known.get(key, ()), *example.gold_texts)))
    return known


def _figures_over(
    over: str,
    measures: Sequence[str],
    scores: Sequence[Mapping[str, tuple[float, ...]]],
    clusters: Mapping[str, str],
    *,
    percent: bool,
) -> Iterator[Figure]:
    """A figure for each measure, of scores (0 to 1) by item, one mapping a model."""
    keys = list(scores[0])
    if not keys:
        return
    of = [clusters[key] for key in keys]
    values = np.array([[v for one in scores for v in one[key]] for key in keys])  # (N, models * measures)
    values *= 100 if percent else 1
    means = resampled_means(values, of, samples=SAMPLES, seed=SEED)  # (S, models * measures)
    for index, measure in enumerate(measures):
        columns = [model * len(measures) + index for model in range(len(scores))]
        difference, signs = None, None
        if len(columns) == 2:
            one, other = columns
            mean = float((values[:, one] - values[:, other]).mean())
            difference = difference_of(mean, means[:, one] - means[:, other])
            signs = sign_test(values[:, one].tolist(), values[:, other].tolist(), of)
        yield Figure(
            measure,
            over,
            len(keys),
            len(set(of)),
            tuple(_interval(values[:, column], means[:, column]) for column in columns),
            difference,
            signs,
        )


def _interval(values: NDArray[np.float64], means: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def _kinds(gold: Gold, models: Sequence[ModelScores]) -> dict[str, tuple[KindScore, ...]]:
    """EM and F1 of the answerable pairs, told apart in each of the ways of ``KINDS``, the largest first."""
    answerable = [number for number, example in enumerate(gold.examples) if example.answerable]
    found: dict[str, tuple[KindScore, ...]] = {}
    for title, kind_of in KINDS.items():
        groups: dict[str, list[int]] = {}
        for number in answerable:
            groups.setdefault(kind_of(gold.examples[number]), []).append(number)
        if groups:
            ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
            found[title] = tuple(_kind_score(kind, gold, models, members) for kind, members in ordered)
    return found


def _kind_score(kind: str, gold: Gold, models: Sequence[ModelScores], members: Sequence[int]) -> KindScore:
    def mean(values: Sequence[float | None]) -> float:
        return 100 * sum(value or 0.0 for value in values) / len(values)

    return KindScore(
        kind,
        len(members),
        len({question_of(gold.examples[number]) for number in members}),
        tuple(mean([model.pairs[number].exact_match for number in members]) for model in models),
        tuple(mean([model.pairs[number].f1 for number in members]) for model in models),
    )


def _disagreements(gold: Gold, models: Sequence[ModelScores]) -> Iterator[Disagreement]:
    if len(models) < 2:
        return
    for number, (example, *pairs) in enumerate(
        zip(gold.examples, *(model.pairs for model in models), strict=True)
    ):
        answers = tuple(pair.given for pair in pairs)
        one, other = (answer.text if answer else "" for answer in answers)
        if (answers[0] is None) != (answers[1] is None) or not squad_exact_match(one, other):
            yield Disagreement(number, example, answers, tuple(pair.right for pair in pairs))
