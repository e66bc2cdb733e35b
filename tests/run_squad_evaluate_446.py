"""What transformers 4.46's own ``squad_evaluate`` makes of made-up answers, for the test of our figures.

Development only; the values are stored in ``tests/data``. To make them again (``tests/run_squad_446.py``
says how to make the environment):

    /tmp/venv446/bin/python -m tests.run_squad_evaluate_446 --out tests/data/squad_evaluate_446.json
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

PIECES = [
    "the",
    "IL-6",
    "il6",
    "TNF-α",
    "β",
    "gene",
    "Gene.",
    ",",
    "hepatitis A",
    "a",
    "(x)",
    "p < 0.05",
    "95%",
]
SETS, QUESTIONS = 12, 9


def cases() -> list[dict]:
    """Sets of questions with gold texts, a prediction and its null odds, drawn from one seed."""
    drawn = random.Random(446)

    def text(least: int) -> str:
        return " ".join(drawn.choice(PIECES) for _ in range(drawn.randint(least, 4)))

    made = []
    for _ in range(SETS):
        questions = {}
        for number in range(QUESTIONS):
            golds = [text(1) for _ in range(drawn.choice([0, 1, 1, 2, 3]))]
            prediction = drawn.choice([*golds, text(0), text(1)])
            questions[f"q{number}"] = {
                "golds": golds,
                "prediction": prediction,
                "null_odds": round(drawn.uniform(-3, 3), 3),
            }
        made.append(questions)
    return made


def main() -> None:
    import transformers
    from transformers.data.metrics.squad_metrics import squad_evaluate
    from transformers.data.processors.squad import SquadExample

    assert transformers.__version__ == "4.46.3", transformers.__version__
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    stored = []
    for questions in cases():
        examples = [
            SquadExample(
                qas_id=key,
                question_text="?",
                context_text="",
                answer_text=None,
                start_position_character=None,
                title="",
                answers=[{"text": text} for text in one["golds"]],
                is_impossible=not one["golds"],
            )
            for key, one in questions.items()
        ]
        figures = squad_evaluate(
            examples,
            {key: one["prediction"] for key, one in questions.items()},
            no_answer_probs={key: one["null_odds"] for key, one in questions.items()},
            no_answer_probability_threshold=0.0,
        )
        stored.append({"questions": questions, "figures": figures})
    rows = ",\n".join(json.dumps(one, ensure_ascii=False) for one in stored)
    out.write_text('{"transformers": "4.46.3", "sets": [\n' + rows + "\n]}\n", "utf-8")


if __name__ == "__main__":
    main()
