"""All figures of a checkpoint: EM/F1 by kind of pair, pooled BioASQ answers, significance.

    python -m train evaluate dev.json --model runs/biom --against runs/vanilla \\
        --bioasq 8B1_golden.json 8B2_golden.json --json result.json
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from biom_demo.analysis.benchmark import Evaluation, progress_line, score, table
from biom_demo.models.catalogue import PUBLISHED_PAIRS, PUBLISHED_SCORES
from biom_demo.qa.datasets import BioAsqQuestion, question_of_pair
from biom_demo.qa.metrics import (
    FactoidScore,
    bioasq_factoid,
    mcnemar_exact,
    paired_bootstrap,
    squad_exact_match,
    squad_f1,
)
from biom_demo.qa.pooling import pool
from biom_demo.qa.reader import Decoding, Reader
from biom_demo.qa.records import Example, Prediction, Question

QUESTION_WORDS = ("which", "what", "who", "where", "when", "how")
# Upper bounds in words of the context.
LENGTHS = (25, 50, 100, 200)


@dataclass(frozen=True, slots=True)
class PairScore:
    """EM and F1 (0 to 1) of the forced answer to one answerable pair."""

    pair_id: str
    exact_match: float
    f1: float


@dataclass(frozen=True, slots=True)
class FullEvaluation:
    """One checkpoint's figures; ``pooled`` has each factoid question's ranked answers."""

    evaluation: Evaluation
    pairs: tuple[PairScore, ...]
    by_question_word: dict[str, dict[str, float]]
    by_length: dict[str, dict[str, float]]
    factoid: FactoidScore | None
    pooled: dict[str, list[str]]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; percents and accuracies rounded."""
        document = self.evaluation.as_json()
        document["by_question_word"] = self.by_question_word
        document["by_length"] = self.by_length
        if self.factoid:
            document["bioasq"] = {key: round(value, 4) for key, value in asdict(self.factoid).items()}
        return document


def full_evaluation(
    model: str,
    examples: Sequence[Example],
    questions: Sequence[BioAsqQuestion],
    *,
    file: str,
    run_squad: bool = False,
) -> FullEvaluation:
    """The figures of ``model`` on the pairs, and pooled over each factoid question's snippets.

    Pooling reads every distinct snippet of every factoid question, also those without the answer,
    as a participant of BioASQ would. Raises ``CheckpointError`` as ``Reader.load`` does.
    """
    reader = Reader.load(model, decoding=Decoding(run_squad=run_squad))
    started = time.perf_counter()
    with progress_line("windows read") as progress:
        predictions = list(reader.predictions([(e.question, e.context) for e in examples], progress=progress))
    evaluation = score(
        predictions,
        examples,
        label=model,
        file=file,
        decoding="run_squad" if run_squad else "exhaustive",
        seconds=time.perf_counter() - started,
    )
    pairs = []
    answerable = []
    for example, prediction in zip(examples, predictions, strict=True):
        if example.answerable:
            best = prediction.best(null_threshold=None)
            text = best.text if best else ""
            exact = max(squad_exact_match(text, gold) for gold in example.gold_texts)
            f1 = max(squad_f1(text, gold) for gold in example.gold_texts)
            pairs.append(PairScore(example.question.id, float(exact), f1))
            answerable.append(example)
    factoids = [question for question in questions if question.type == "factoid" and question.synonyms]
    pooled = pooled_answers(reader, factoids)
    return FullEvaluation(
        evaluation=evaluation,
        pairs=tuple(pairs),
        by_question_word=breakdown(pairs, answerable, lambda e: question_word(e.question.text)),
        by_length=breakdown(pairs, answerable, lambda e: length_class(e.context)),
        factoid=bioasq_factoid(pooled, {q.id: q.synonyms for q in factoids}) if factoids else None,
        pooled=pooled,
    )


def pooled_answers(reader: Reader, questions: Iterable[BioAsqQuestion]) -> dict[str, list[str]]:
    """Up to five ranked answers of each question from its distinct snippets."""
    wanted = list(questions)
    pairs = [
        (Question(asked.body, asked.id), text)
        for asked in wanted
        for text in dict.fromkeys(snippet.text for snippet in asked.snippets)
        if text.strip()
    ]
    by_question: dict[str, list[tuple[str, Prediction]]] = {asked.id: [] for asked in wanted}
    with progress_line("windows read") as progress:
        predictions = list(reader.predictions(pairs, progress=progress))
    for (question, text), prediction in zip(pairs, predictions, strict=True):
        by_question[question.id].append((text, prediction))
    return {key: [answer.text for answer in pool(found)] for key, found in by_question.items()}


def question_word(question: str) -> str:
    """The first of the wh-words in the question, lower case, or "other"."""
    words = question.lower().replace(",", " ").split()
    return next((word for word in words if word in QUESTION_WORDS), "other")


def length_class(context: str) -> str:
    """The class of the context's length in words, such as "26-50"."""
    words = len(context.split())
    low = 1
    for high in LENGTHS:
        if words <= high:
            return f"{low}-{high}"
        low = high + 1
    return f"{low}+"


def breakdown(
    pairs: Sequence[PairScore], examples: Sequence[Example], kind: Callable[[Example], str]
) -> dict[str, dict[str, float]]:
    """n, EM and F1 (percent) of each kind of pair, the largest first."""
    groups: dict[str, list[PairScore]] = {}
    for pair, example in zip(pairs, examples, strict=True):
        groups.setdefault(kind(example), []).append(pair)
    return {
        name: {
            "n": len(members),
            "exact_match": round(100 * sum(m.exact_match for m in members) / len(members), 2),
            "f1": round(100 * sum(m.f1 for m in members) / len(members), 2),
        }
        for name, members in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    }


def difference(first: FullEvaluation, second: FullEvaluation) -> dict[str, Any]:
    """First minus second on the same answerable pairs, in points, with its significance.

    The bootstrap draws whole questions, as pairs of one question are not independent. McNemar's
    test takes one majority verdict a question for the same reason: a question counts for a model
    that is right on more of its pairs.
    """
    golds = [pair.pair_id for pair in first.pairs]
    if not golds or golds != [pair.pair_id for pair in second.pairs]:
        raise ValueError("both evaluations must be of the same answerable pairs")
    clusters = [question_of_pair(pair_id) for pair_id in golds]
    document: dict[str, Any] = {"pairs": len(golds), "questions": len(set(clusters))}
    for name in ("exact_match", "f1"):
        found = paired_bootstrap(
            [100 * getattr(pair, name) for pair in first.pairs],
            [100 * getattr(pair, name) for pair in second.pairs],
            clusters,
        )
        document[name] = {key: round(value, 4) for key, value in asdict(found).items()}
    margin: dict[str, float] = {}
    for cluster, one, other in zip(clusters, first.pairs, second.pairs, strict=True):
        margin[cluster] = margin.get(cluster, 0.0) + one.exact_match - other.exact_match
    only_first = sum(value > 0 for value in margin.values())
    only_second = sum(value < 0 for value in margin.values())
    document["mcnemar"] = {
        "questions_for_first": only_first,
        "questions_for_second": only_second,
        "p_value": round(mcnemar_exact(only_first, only_second), 4),
    }
    return document


def submission(questions: Sequence[BioAsqQuestion], pooled: dict[str, list[str]]) -> dict[str, Any]:
    """A BioASQ phase B file: each factoid question with its answers, one-element lists, best first.

    Only ``id``, ``type``, ``body``, ``ideal_answer`` and ``exact_answer`` are written, as the
    official program reads no more.
    """
    return {
        "questions": [
            {
                "id": question.id,
                "type": question.type,
                "body": question.body,
                "ideal_answer": [],
                "exact_answer": [[text] for text in pooled[question.id]],
            }
            for question in questions
            if question.id in pooled
        ]
    }


def readable(results: Sequence[FullEvaluation], compared: dict[str, Any] | None) -> str:
    """The results as text for a terminal; beside the card's table where the pairs are the card's."""
    lines = [table([result.evaluation for result in results])]
    for result in results:
        for title, groups in (("question word", result.by_question_word), ("words", result.by_length)):
            lines.append(f"\n{result.evaluation.label}, by {title}")
            lines += [
                f"  {name:10} n {row['n']:>5}  EM {row['exact_match']:6.2f}  F1 {row['f1']:6.2f}"
                for name, row in groups.items()
            ]
        if result.factoid:
            lines.append(
                f"  pooled, {result.factoid.n} questions: strict {result.factoid.strict_accuracy:.4f}  "
                f"lenient {result.factoid.lenient_accuracy:.4f}  MRR {result.factoid.mrr:.4f}"
            )
    if compared:
        lines.append("\nfirst minus second (95% interval, drawn by question)")
        for name in ("exact_match", "f1"):
            row = compared[name]
            lines.append(
                f"  {name:11} {row['mean']:+.2f}  [{row['low']:+.2f}, {row['high']:+.2f}]  "
                f"p {row['p_value']:.4f}"
            )
        lines.append(f"  McNemar by question: p {compared['mcnemar']['p_value']:.4f}")
    if results[0].evaluation.n == PUBLISHED_PAIRS:
        lines.append("\npublished, same 475 pairs")
        lines += [f"  {name:35} EM {em:.2f}  F1 {f1:.2f}" for name, em, f1 in PUBLISHED_SCORES]
    return "\n".join(lines)
