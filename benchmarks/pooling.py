"""Which pooling answers BioASQ factoid questions best? One table, every variant over the same readings.

    python benchmarks/pooling.py --model FOLDER_OR_ID 7B1_golden.json 7B2_golden.json

Choose on questions the model was not trained on, and never on 8B. Each question is read once over its
distinct snippets; the variants differ in what they make of the same n-best answers.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from biom_demo.analysis.benchmark import progress_line
from biom_demo.qa.datasets import read_bioasq
from biom_demo.qa.metrics import bioasq_factoid
from biom_demo.qa.pooling import pool
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Answer, Prediction, Question

Sources = Sequence[tuple[str, Prediction]]


def reweighted(sources: Sources, weight: Callable[[Answer, Prediction], float]) -> Sources:
    """The sources with each answer's probability replaced."""
    return [
        (text, replace(p, answers=tuple(replace(a, probability=weight(a, p)) for a in p.answers)))
        for text, p in sources
    ]


def one_softmax(sources: Sources) -> Sources:
    """Probabilities over the spans of all contexts together, as if logits were comparable."""
    top = max((a.score for _, p in sources for a in p.answers), default=0.0)
    total = sum(math.exp(a.score - top) for _, p in sources for a in p.answers)
    return reweighted(sources, lambda a, _: math.exp(a.score - top) / total)


def margin(sources: Sources) -> Sources:
    """The sigmoid of the margin over the context's null score."""
    return reweighted(sources, lambda a, p: 1 / (1 + math.exp(min(50.0, p.null_score - a.score))))


def surest_only(sources: Sources) -> Sources:
    """Each text counted once, at its highest probability (lower case)."""
    best: dict[str, float] = {}
    for _, p in sources:
        for a in p.answers:
            best[a.text.lower()] = max(best.get(a.text.lower(), 0.0), a.probability)
    return reweighted(sources, lambda a, _: a.probability * (best[a.text.lower()] == a.probability))


PLAIN = {"exponent": 1.0, "related_share": 0.0, "cluster": False}
VARIANTS: dict[str, tuple[Callable[[Sources], Sources], dict[str, object]]] = {
    "sum of probabilities, lower case (dmis-lab)": (list, PLAIN),
    "  highest probability": (surest_only, PLAIN),
    "  one softmax over all contexts": (one_softmax, PLAIN),
    "  sigmoid of the margin over null": (margin, PLAIN),
    "  clustered": (list, PLAIN | {"cluster": True}),
    "  clustered, exponent 0.7": (list, PLAIN | {"cluster": True, "exponent": 0.7}),
    "  clustered, related 0.5": (list, PLAIN | {"cluster": True, "related_share": 0.5}),
    "clustered, exponent 0.7, related 0.5 (ours)": (list, {}),
    "  exponent 0.5": (list, {"exponent": 0.5}),
    "  related 1.0": (list, {"related_share": 1.0}),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="BioASQ golden files")
    parser.add_argument("--model", required=True)
    arguments = parser.parse_args()
    asked = [q for path in arguments.files for q in read_bioasq(path) if q.type == "factoid" and q.synonyms]
    reader = Reader.load(arguments.model)
    pairs = [
        (Question(q.body, q.id), text)
        for q in asked
        for text in dict.fromkeys(s.text for s in q.snippets)
        if text.strip()
    ]
    sources: dict[str, list[tuple[str, Prediction]]] = {q.id: [] for q in asked}
    with progress_line("windows read") as progress:
        predictions = list(reader.predictions(pairs, progress=progress))
    for (question, text), prediction in zip(pairs, predictions, strict=True):
        sources[question.id].append((text, prediction))
    golds = {q.id: q.synonyms for q in asked}
    print(f"{arguments.model}: {len(asked)} questions, {len(pairs)} snippets")
    print(f"{'variant':46} strict  lenient     MRR")
    for name, (change, options) in VARIANTS.items():
        answers = {
            key: [answer.text for answer in pool(change(found), **options)]  # type: ignore[arg-type]
            for key, found in sources.items()
        }
        score = bioasq_factoid(answers, golds)
        print(f"{name:46} {score.strict_accuracy:.4f}   {score.lenient_accuracy:.4f}  {score.mrr:.4f}")


if __name__ == "__main__":
    main()
