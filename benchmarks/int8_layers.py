"""Whether int8 spoils some layers: answers that stay the same, EM and F1, with some left in bfloat16.

    python -m train convert [2-7]B*_golden.json --held-out --mode wide --out choice.json
    python -m benchmarks.int8_layers choice.json

Years held out by question, never the test sets: that none is spared was chosen on this. Any change of the
rounding is another draw, and moves the figures by 1 EM and more (docs/measurements.md).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import nn

from biom_demo.models.catalogue import Checkpoint, locate, resolve_pair
from biom_demo.qa.datasets import read_squad
from biom_demo.qa.engines.linear import Bfloat16Linear, Int8Linear
from biom_demo.qa.engines.pytorch import PyTorchEngine
from biom_demo.qa.metrics import squad_v1
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Example
from biom_demo.settings import Precision

Spared = Callable[[str, nn.Linear], bool]


def _named(pattern: str) -> Spared:
    return lambda path, _: re.search(pattern, path) is not None


def _narrows(path: str, layer: nn.Linear) -> bool:
    """The second of each feed-forward block, behind the activation function."""
    return layer.in_features > layer.out_features


SPARED: dict[str, Spared] = {
    "none": lambda path, layer: False,
    "those that narrow": _narrows,
    "those that widen": lambda path, layer: layer.in_features < layer.out_features,
    "queries and keys": _named(r"query|key"),
    "queries, keys and those that narrow": lambda p, layer: (
        _named(r"query|key")(p, layer) or _narrows(p, layer)
    ),
    "the first block": _named(r"layer\.0\."),
    "the first three blocks": _named(r"layer\.[012]\."),
    "all": lambda path, layer: True,
}


def sparing(folder: Path, exact: PyTorchEngine, spared: Spared) -> Reader:
    """An int8 reader whose ``spared`` layers are bfloat16, made of the float32 engine's."""
    reader = Reader.load(folder, precision=Precision.INT8)
    model = reader.engine.model
    for path, layer in list(model.named_modules()):
        if isinstance(layer, Int8Linear) and spared(path, exact.model.get_submodule(path)):
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, Bfloat16Linear(exact.model.get_submodule(path)))
    return reader


def answers(reader: Reader, examples: Sequence[Example]) -> list[str]:
    """The best answer to each example."""
    made = reader.predictions((example.question, example.context) for example in examples)
    return [best.text if (best := found.best(null_threshold=None)) else "" for found in made]


def measure(checkpoint: Checkpoint, examples: Sequence[Example]) -> None:
    """Print a line for float32 and for each choice of layers."""
    folder = locate(checkpoint)
    if folder is None:
        raise SystemExit(f"{checkpoint.label} is not on this machine")
    reader = Reader.load(folder)
    exact = answers(reader, examples)
    print(f"{checkpoint.label}, {len(examples)} pairs\nspared{'':34}  EM     F1    same answer as in float32")
    _tell("(float32)", exact, exact, examples)
    for name, spared in SPARED.items():
        _tell(name, answers(sparing(folder, reader.engine, spared), examples), exact, examples)


def _tell(name: str, found: Sequence[str], exact: Sequence[str], examples: Sequence[Example]) -> None:
    keys = list(map(str, range(len(examples))))
    golds = {key: example.gold_texts for key, example in zip(keys, examples, strict=True)}
    score = squad_v1(dict(zip(keys, found, strict=True)), golds)
    same = sum(a == b for a, b in zip(found, exact, strict=True))
    print(f"{name:40} {score.exact_match:5.2f}  {score.f1:5.2f}  {same} of {len(found)}", flush=True)


def main() -> None:
    """Print the table of each side of the bundled pair."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("examples", type=Path, help="a SQuAD file of pairs to choose on")
    arguments = parser.parse_args()
    examples = [example for example in read_squad(arguments.examples).examples if example.answerable]
    pair = resolve_pair("mini")
    for checkpoint in (pair.biom, pair.vanilla):
        measure(checkpoint, examples)


if __name__ == "__main__":
    main()
