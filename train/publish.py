"""A fine-tuned checkpoint -> a folder to ship: float16 safetensors, tokenizer, model card, figures.

    python -m train publish --model runs/bioasq --out assets/BioM-ELECTRA-Mini-SQuAD-BioASQ8B \\
        --card train/cards/biom-electra-mini.json --evaluation runs/bioasq-475.json
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from biom_demo.errors import TrainingError
from biom_demo.qa.datasets import write_json
from biom_demo.qa.reader import Reader

CARD_FIELDS = ("title", "license", "summary", "start", "data", "commands", "limits")


def publish(*, model: Path, out: Path, card: dict[str, Any], evaluations: Sequence[dict[str, Any]]) -> Path:
    """The folder ``out``; it replaces what was there only once all of it is written.

    ``card`` has the facts a program cannot know (what it was trained on, licences, commands);
    ``evaluations`` are results of ``evaluate --json``, kept beside the card as ``evaluation.json``.
    """
    missing = [field for field in CARD_FIELDS if field not in card]
    if missing:
        raise TrainingError(f"The model card's facts lack {', '.join(missing)}.")
    partial = out.with_name(out.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    reader = Reader.load(model)
    # float16 halves the download; the reader makes float32 of it again.
    reader.model.half()
    reader.save(partial)
    (partial / "model.safetensors").chmod(0o644)
    (partial / "README.md").write_text(model_card(card, evaluations, name=out.name), encoding="utf-8")
    write_json({"results": list(evaluations)}, partial / "evaluation.json")
    if out.exists():
        shutil.rmtree(out)
    partial.replace(out)
    return out


def model_card(card: dict[str, Any], evaluations: Sequence[dict[str, Any]], *, name: str) -> str:
    """The model card of the checkpoint folder ``name`` as Markdown with the Hub's front matter."""
    lines = ["---", f"license: {card['license']}", "language: en", "pipeline_tag: question-answering"]
    lines += ["library_name: transformers", "---", "", f"# {card['title']}", "", card["summary"], ""]
    lines += ["## Start weights", "", card["start"], "", "## Training data", ""]
    lines += ["| data | pairs used | licence |", "|---|---|---|"]
    lines += [f"| {row['name']} | {row['pairs']} | {row['licence']} |" for row in card["data"]]
    lines += ["", "## Commands", "", "```", *card["commands"], "```", "", "## Measured", ""]
    lines += ["| file | n | EM | F1 | EM, may abstain | F1, may abstain | command |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in evaluations:
        with_null = row["with_null"]
        lines.append(
            f"| {row['file']} | {row['n']} | {row['exact_match']} | {row['f1']} "
            f"| {with_null['exact_match']} | {with_null['f1']} "
            f"| `python -m train evaluate {row['file']} --model {name}` |"
        )
    lines += [
        "",
        "EM and F1 in percent. The first pair is over the answerable pairs with the model made to "
        "answer (as in the published table); the second lets it abstain at threshold 0 and counts all pairs.",
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in card["limits"]),
        "",
        "## Environment",
        "",
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {version('transformers')}, {platform.machine()} CPU.",
        "",
    ]
    return "\n".join(lines)
