"""A benchmark as text for a terminal, as JSON, as rows, and as a BioASQ submission."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from biom_demo.analysis.benchmark.evaluation import Evaluation, rounded
from biom_demo.analysis.benchmark.gold import question_of
from biom_demo.analysis.benchmark.scores import (
    SAMPLES,
    SEED,
    SUBMITTED,
    Benchmark,
    Disagreement,
    Figure,
    KindScore,
    ModelScores,
    PairScore,
)
from biom_demo.qa.calibration import Reliability
from biom_demo.qa.datasets import BioAsqQuestion
from biom_demo.qa.records import Answer, Example

MEASURES = {
    "exact_match": "EM",
    "f1": "F1",
    "strict_accuracy": "strict",
    "lenient_accuracy": "lenient",
    "mrr": "MRR",
}
PUBLISHED = "published, not measured"
TOLD = 10  # disagreements listed on a terminal
SHORT_CHARS = 40  # of a text in a table
METHOD = (
    f"Intervals: 95%, percentile, bootstrap of {SAMPLES:,} samples that draw whole questions (seed {SEED}). "
    "p of a difference: paired bootstrap, two-sided; sign test: exact, one verdict a question."
)


@contextmanager
def progress_line(unit: str) -> Iterator[Callable[[int], None]]:
    """A function that says on the terminal how many ``unit`` are done, each time on the same line.

    The line is ended when the block is left, in whatever way, so that what is printed next has its
    own. Silent where stderr is no terminal.
    """
    written = False

    def show(done: int) -> None:
        nonlocal written
        if sys.stderr.isatty():
            written = True
            print(f"\r{done:,} {unit}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if written:
            print(file=sys.stderr, flush=True)


def table(results: Sequence[Evaluation]) -> str:
    """The evaluations as an aligned text table."""
    rows = [("model", "n", "EM", "F1", "EM, may abstain", "F1, may abstain")]
    rows += [
        (
            result.label,
            str(result.n),
            _shown(result.exact_match),
            _shown(result.f1),
            _shown(result.with_null.exact_match if result.with_null else None),
            _shown(result.with_null.f1 if result.with_null else None),
        )
        for result in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def readable(found: Benchmark) -> str:
    """The benchmark as text for a terminal, the published table beside the file it is of."""
    models = found.models
    lines = [table([model.evaluation for model in models])]
    if found.read < found.pairs:
        lines.append(f"\nended early: over the {found.read:,} of {found.pairs:,} texts that were read")
    for over in dict.fromkeys(figure.over for figure in found.figures):
        figures = [figure for figure in found.figures if figure.over == over]
        n, questions = figures[0].n, figures[0].questions
        lines.append(f"\n{over}: {n:,}" + (f" of {questions:,} questions" if n != questions else ""))
        for figure in figures:
            lines += _figure_lines(figure, models)
    if found.figures:
        lines.append(f"  {METHOD}")
    for title, rows in found.kinds.items():
        lines.append(f"\nby {title}" + (" (by its letters alone)" if title.startswith("form") else ""))
        lines += [_kind_line(row) for row in rows]
    if any(model.calibration for model in models):
        lines.append("\nconfidence of the best answers to answerable pairs, and how many were right")
        lines += [line for model in models for line in _calibration_lines(model)]
    if len(models) == 2:
        lines += _disagreement_lines(found)
    if found.published:
        lines.append(f"\nmodel card's table, the same {len(found.gold.examples)} pairs ({PUBLISHED})")
        lines += [f"  {name:35} EM {em:.2f}  F1 {f1:.2f}" for name, em, f1 in found.published]
    return "\n".join(lines)


def _figure_lines(figure: Figure, models: Sequence[ModelScores]) -> list[str]:
    name, digits = MEASURES[figure.measure], 2 if figure.measure in ("exact_match", "f1") else 4
    width = max(len(model.label) for model in models)
    lines = [
        f"  {name:7} {model.label:{width}}  {one.mean:.{digits}f}  "
        f"[{one.low:.{digits}f}, {one.high:.{digits}f}]"
        for model, one in zip(models, figure.models, strict=True)
    ]
    if figure.difference and figure.sign_test:
        one, signs = figure.difference, figure.sign_test
        lines.append(
            f"  {name:7} {'first minus second':{width}}  {one.mean:+.{digits}f}  [{one.low:+.{digits}f}, "
            f"{one.high:+.{digits}f}]  p {one.p_value:.4f}  sign test {signs.for_first}:{signs.for_second} "
            f"p {signs.p_value:.4f}"
        )
    return lines


def _kind_line(row: KindScore) -> str:
    figures = "   ".join(
        f"EM {em:6.2f}  F1 {f1:6.2f}" for em, f1 in zip(row.exact_match, row.f1, strict=True)
    )
    return f"  {row.kind:10} n {row.n:>5} ({row.questions} questions)  {figures}"


def _calibration_lines(model: ModelScores) -> list[str]:
    if model.calibration is None:
        return []
    found = model.calibration
    return [
        f"  {model.label}: expected calibration error {found.ece:.3f} over {found.n:,} answers",
        *(
            f"    {100 * one.low:3.0f}-{100 * one.high:.0f}%  n {one.n:>5}  "
            f"sure {100 * one.confidence:5.1f}%  right {100 * one.accuracy:5.1f}%"
            for one in found.bins
        ),
    ]


def _disagreement_lines(found: Benchmark) -> list[str]:
    rows = found.disagreements
    only = [sum(1 for row in rows if row.right[side] and row.right[1 - side] is False) for side in (0, 1)]
    lines = [
        f"\nunlike answers: {len(rows):,} of {len(found.gold.examples):,} pairs; only the first is right on "
        f"{only[0]:,}, only the second on {only[1]:,}"
    ]
    for row in rows[:TOLD]:
        said = "  |  ".join(
            f"{_mark(right)} {_short(answer.text if answer else '(no answer)')}"
            for answer, right in zip(row.answers, row.right, strict=True)
        )
        wanted = _short(row.example.gold_texts[0]) if row.example.gold_texts else "(none)"
        lines.append(f"  {row.example.question.id}  {said}  |  known: {wanted}")
    if len(rows) > TOLD:
        lines.append(f"  and {len(rows) - TOLD:,} more; --json and --predictions have them all")
    return lines


def _mark(right: bool | None) -> str:
    return {True: "+", False: "-", None: " "}[right]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHORT_CHARS else f"{line[: SHORT_CHARS - 1]}…"


def benchmark_json(found: Benchmark) -> dict[str, Any]:
    """The benchmark as plain JSON values: EM and F1 in percent, BioASQ's measures and shares from 0 to 1.

    Offsets of answers count characters of the pair's text, half-open.
    """
    return {
        "file": found.gold.file,
        "notes": list(found.gold.notes),
        "texts": found.pairs,
        "texts_read": found.read,
        "models": [model_json(model) for model in found.models],
        "figures": [_figure_json(figure) for figure in found.figures],
        "method": METHOD,
        "by": {title: [_kind_json(row) for row in rows] for title, rows in found.kinds.items()},
        "disagreements": [_disagreement_json(row) for row in found.disagreements],
        "published": [
            {"model": name, "exact_match": em, "f1": f1, "status": PUBLISHED}
            for name, em, f1 in found.published
        ],
    }


def model_json(model: ModelScores) -> dict[str, Any]:
    """One model's figures and answers; the official script reads ``predictions`` and ``null_odds``."""
    return model.evaluation.as_json() | {
        "bioasq": {key: round(value, 4) for key, value in asdict(model.factoid).items()}
        if model.factoid
        else None,
        "calibration": _calibration_json(model.calibration),
        "pooled": model.pooled,
    }


def _calibration_json(found: Reliability | None) -> dict[str, Any] | None:
    return asdict(found) if found else None


def _figure_json(figure: Figure) -> dict[str, Any]:
    return {
        "measure": figure.measure,
        "over": figure.over,
        "n": figure.n,
        "questions": figure.questions,
        "models": [{key: round(value, 4) for key, value in asdict(one).items()} for one in figure.models],
        "difference": figure.difference
        and {key: round(value, 4) for key, value in asdict(figure.difference).items()},
        "sign_test": figure.sign_test and asdict(figure.sign_test),
    }


def _kind_json(row: KindScore) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "n": row.n,
        "questions": row.questions,
        "exact_match": [rounded(value) for value in row.exact_match],
        "f1": [rounded(value) for value in row.f1],
    }


def _disagreement_json(row: Disagreement) -> dict[str, Any]:
    return {
        "number": row.number,
        "id": row.example.question.id,
        "question": row.example.question.text,
        "gold": list(row.example.gold_texts),
        "answers": [_answer_json(answer) for answer in row.answers],
        "right": list(row.right),
    }


def _answer_json(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    return {
        "text": answer.text,
        "start": answer.span.start,
        "end": answer.span.end,
        "probability": answer.probability,
    }


def prediction_rows(found: Benchmark) -> Iterator[dict[str, Any]]:
    """What each model says of each pair, a row a pair and model, in the order of the file.

    ``answer`` is the best span whether or not the model abstains; ``start`` and ``end`` count characters
    of the pair's text, half-open.
    """
    for number, example in enumerate(found.gold.examples):
        for model in found.models:
            yield _prediction_row(example, model.label, model.pairs[number])


def _prediction_row(example: Example, label: str, pair: PairScore) -> dict[str, Any]:
    best = pair.best
    return {
        "id": pair.pair_id,
        "question_id": question_of(example),
        "question": example.question.text,
        "gold": " | ".join(example.gold_texts),
        "model": label,
        "answer": best.text if best else "",
        "start": best.span.start if best else None,
        "end": best.span.end if best else None,
        "probability": best.probability if best else None,
        "null_probability": pair.null_probability,
        "null_odds": pair.null_odds,
        "abstains": pair.given is None,
        "exact_match": pair.exact_match,
        "f1": pair.f1,
        "right": pair.right,
    }


def submission(questions: Sequence[BioAsqQuestion], answers: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """A BioASQ phase B file with an entry for every question, of whatever type.

    ``answers`` are those of factoid and list questions by id, best first; each becomes a list of one, and a
    factoid has at most five. What the models do not answer is there without an answer, as the official
    program needs the entry: a list question with an empty list, yes/no with "", which the program takes
    for neither; a summary has no exact answer.
    """
    return {"questions": [_submitted(question, answers.get(question.id, ())) for question in questions]}


def _submitted(question: BioAsqQuestion, answers: Sequence[str]) -> dict[str, Any]:
    exact: dict[str, Any] = {}
    if question.type in ("factoid", "list"):
        most = SUBMITTED if question.type == "factoid" else None
        exact = {"exact_answer": [[text] for text in answers[:most]]}
    elif question.type == "yesno":
        exact = {"exact_answer": ""}
    return {
        "id": question.id,
        "type": question.type,
        "body": question.body,
        "ideal_answer": "",
        **exact,
    }
