"""How a model does on questions of our own: right where the text answers, silent where it does not.

    python benchmarks/own_questions.py [--model FOLDER_OR_ID ...] [--json OUT]

``own_questions.json`` holds 60 questions over 20 passages, all written for this project; 20 of them are not
answered in their passage. Nothing is ever trained on them, and no setting, checkpoint or threshold is ever
chosen by them. Prints one row a model, then all that went wrong, with the model's answer and confidence.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from biom_demo.analysis.benchmark import progress_line
from biom_demo.models.catalogue import given, resolve_pair
from biom_demo.qa.datasets import read_squad, write_json
from biom_demo.qa.metrics import squad_exact_match, squad_f1
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Example, Prediction

OWN_QUESTIONS = Path(__file__).with_suffix(".json")
SURE = 0.5  # an answer of more confidence than this, where the text has none, misleads
NEARLY = 0.8  # the F1 from which an answer counts as nearly right


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model made of one question: its best span, whether or not it would abstain.

    ``confidence`` is the probability of that span; ``text`` is "" where the passage holds no span.
    ``exact`` and ``f1`` (0 to 1) are the best over the gold texts, ``overlaps`` says whether the span shares
    a character with a gold one: all three are nothing where the text does not answer.
    """

    example: Example
    text: str
    confidence: float
    abstains: bool
    exact: bool
    f1: float
    overlaps: bool

    @property
    def nearly(self) -> bool:
        """Whether the answer is right, or as good as right and from the right place."""
        return self.exact or (self.overlaps and self.f1 >= NEARLY)

    @property
    def wrong(self) -> bool:
        """Whether the answer is not exactly right; where the text has none, whether the model gave one."""
        return not self.exact if self.example.answerable else not self.abstains


def outcome(example: Example, prediction: Prediction) -> Outcome:
    """The outcome of one question. The model abstains where null scores above its best span (threshold 0)."""
    best = prediction.best(null_threshold=None)
    text = best.text if best else ""
    return Outcome(
        example,
        text,
        best.probability if best else 0.0,
        prediction.best() is None,
        any(squad_exact_match(text, gold) for gold in example.gold_texts),
        max((squad_f1(text, gold) for gold in example.gold_texts), default=0.0),
        best is not None and any(best.span.overlaps(gold) for gold in example.gold_spans),
    )


@dataclass(frozen=True, slots=True)
class Result:
    """One model's outcomes, and their shares in percent (``None`` where there is no such question).

    Where the text answers the model is made to answer: ``right`` is SQuAD's exact match, ``nearly`` counts
    also what overlaps a gold span with an F1 of ``NEARLY`` or more, ``f1`` is SQuAD's. ``silent`` is where it
    would have abstained. Where the text does not answer: ``misled`` is answers above ``SURE``, ``abstained``
    what the model leaves unanswered.
    """

    label: str
    outcomes: tuple[Outcome, ...]

    def figures(self) -> dict[str, float | None]:
        """The shares by name, in the order of the table's columns."""
        answered = [o for o in self.outcomes if o.example.answerable]
        unanswered = [o for o in self.outcomes if not o.example.answerable]
        return {
            "right": _percent([o.exact for o in answered]),
            "nearly": _percent([o.nearly for o in answered]),
            "f1": _percent([o.f1 for o in answered]),
            "silent": _percent([o.abstains for o in answered]),
            "misled": _percent([o.confidence > SURE for o in unanswered]),
            "abstained": _percent([o.abstains for o in unanswered]),
        }

    def as_json(self) -> dict[str, Any]:
        """The figures and every outcome as plain JSON values."""
        return {
            "label": self.label,
            **self.figures(),
            "outcomes": [
                {
                    "id": o.example.question.id,
                    "question": o.example.question.text,
                    "gold": list(o.example.gold_texts),
                    "answer": o.text,
                    "confidence": round(o.confidence, 4),
                    "abstains": o.abstains,
                    "exact": o.exact,
                    "f1": round(o.f1, 4),
                    "nearly": o.nearly,
                    "wrong": o.wrong,
                }
                for o in self.outcomes
            ],
        }


def _percent(values: Sequence[float]) -> float | None:
    return 100 * sum(values) / len(values) if values else None


def measured(reader: Reader, examples: Sequence[Example], *, label: str) -> Result:
    """The reader's outcomes on the examples, in their order."""
    with progress_line("windows read") as progress:
        predictions = list(reader.predictions([(e.question, e.context) for e in examples], progress=progress))
    return Result(label, tuple(map(outcome, examples, predictions)))


COLUMNS = {
    "right": "right",
    "nearly": f"F1 >= {NEARLY}",
    "f1": "F1",
    "silent": "abstains",
    "misled": f"above {SURE:.0%}",
    "abstained": "abstains",
}


def table(results: Sequence[Result]) -> str:
    """One row a model, shares in percent: four columns where the text answers, two where it does not."""
    width = max(len(name) for name in ["model", *(result.label for result in results)])
    widths = [max(len(title), 6) for title in COLUMNS.values()]
    titles = "  ".join(title.rjust(w) for title, w in zip(COLUMNS.values(), widths, strict=True))
    rows = [
        f"{'':{width}}  {'answered in the text':{sum(widths[:4]) + 6}}  not answered",
        f"{'model':{width}}  {titles}",
    ]
    for result in results:
        shares = result.figures()
        cells = (
            ("-" if shares[name] is None else f"{shares[name]:.1f}").rjust(w)
            for name, w in zip(COLUMNS, widths, strict=True)
        )
        rows.append(f"{result.label:{width}}  {'  '.join(cells)}")
    return "\n".join(rows)


def faults(result: Result) -> str:
    """A line for each question that went wrong: id, question, the model's answer and confidence, the gold."""
    lines = [f"{result.label}: wrong, or answered where the text does not answer"]
    for o in result.outcomes:
        if o.wrong:
            gold = o.example.gold_texts[0] if o.example.gold_texts else "not in the text"
            notes = ", nearly" * o.nearly + ", abstains" * o.abstains
            lines.append(
                f"  {o.example.question.id}  {o.example.question.text}\n"
                f"      {o.text!r} at {o.confidence:.1%}{notes}; gold: {gold}"
            )
    return "\n".join(lines)


def main() -> None:
    """Print the table and what went wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", nargs="+", help="folders or Hub ids in the local cache; the bundled pair if none"
    )
    parser.add_argument("--json", type=Path, dest="json_out", metavar="OUT", help="write all outcomes here")
    arguments = parser.parse_args()
    examples = read_squad(OWN_QUESTIONS, strict=True).examples
    checkpoints = [given(s) for s in arguments.model] if arguments.model else resolve_pair("mini").checkpoints
    results = [measured(Reader.load(c.source), examples, label=c.label) for c in checkpoints]
    if arguments.json_out:
        write_json([result.as_json() for result in results], arguments.json_out)
    print(table(results))
    for result in results:
        print(f"\n{faults(result)}")


if __name__ == "__main__":
    main()
