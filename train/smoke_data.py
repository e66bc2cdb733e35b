"""Made-up text and questions for the smoke recipe: they show that the chain runs, and no more.

Every gene, drug and disease in them is invented.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

from biom_demo.qa.datasets import write_json

SYLLABLES = ["ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu"]


class Passage(NamedTuple):
    """Three sentences: ``gene`` causes a disease, and ``drug`` binds it."""

    gene: str
    drug: str
    causes: str
    treats: str
    closes: str

    @property
    def text(self) -> str:
        """The sentences in a row."""
        return f"{self.causes} {self.treats} {self.closes}"


def made_up_passages(*, seed: int, count: int) -> list[Passage]:
    """So many passages, each of a gene of its own."""
    draw = random.Random(seed)
    made: list[Passage] = []
    for number in range(count):
        gene, drug = _name(draw).upper() + str(number), _name(draw) + "mab"
        causes = f"A change of {gene} is the cause of the disease in mice and men."
        treats = f"The drug {drug} can bind {gene} and stops the virus in cells."
        closes = f"So {drug} is of use where other drugs fail to bind a protein."
        made.append(Passage(gene, drug, causes, treats, closes))
    return made


def write_smoke_data(out: Path, *, seed: int, count: int = 24) -> Path:
    """``out`` with ``text.txt``, ``squad.json``, ``bioasq_train.json`` and, last, ``bioasq_test.json``."""
    made = made_up_passages(seed=seed, count=count)
    passages = [passage.text for passage in made]
    questions: list[dict[str, Any]] = [
        {
            "id": f"{number:024d}",
            "type": "factoid",
            "body": f"Which drug can bind {passage.gene}?",
            "exact_answer": [[passage.drug]],
            "snippets": [
                {"text": passage.treats, "document": "made up"},
                {"text": passage.causes, "document": "made up"},
            ],
            "documents": [],
        }
        for number, passage in enumerate(made)
    ]
    out.mkdir(parents=True, exist_ok=True)
    (out / "text.txt").write_text("\n".join(passages) + "\n", encoding="utf-8")
    paragraphs = [
        {
            "context": passage,
            "qas": [
                {
                    "id": f"squad{number}",
                    "question": "What is the cause of the disease?",
                    "answers": [{"text": answer, "answer_start": passage.index(answer)}],
                }
            ],
        }
        for number, passage in enumerate(passages)
        for answer in [passage.split(" is the cause")[0]]
    ]
    write_json({"version": "1.1", "data": [{"title": "smoke", "paragraphs": paragraphs}]}, out / "squad.json")
    half = count // 2
    write_json({"questions": questions[:half]}, out / "bioasq_train.json")
    write_json({"questions": questions[half:]}, out / "bioasq_test.json")
    return out


def _name(draw: random.Random) -> str:
    return "".join(draw.choice(SYLLABLES) for _ in range(3))
