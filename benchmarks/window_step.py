"""How far apart the windows of a long text may be: what it costs, and whether answers are lost.

    python -m train convert [2-7]B*_golden.json --held-out --mode card --out choice.json
    python -m benchmarks.window_step choice.json --abstracts pubmed_abstracts.txt.xz

Each pair's snippet stands somewhere among whole abstracts (one a line of the file), so that the text takes
several windows. All steps read the same texts; a window that two steps share is read once.
"""

from __future__ import annotations

import argparse
import itertools
import lzma
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from biom_demo.models.catalogue import Checkpoint, locate, resolve_pair
from biom_demo.qa.datasets import read_squad
from biom_demo.qa.logits_cache import LogitsCache
from biom_demo.qa.metrics import squad_v1_each
from biom_demo.qa.reader import Decoding, Reader
from biom_demo.qa.records import Example, Question
from biom_demo.qa.spans import decode

STEPS = (128, 256, 320, 384)
AROUND = (2, 4, 8)  # abstracts beside the snippet, in turn
CHARS = (600, 3_000)  # of an abstract: whole ones, and no full texts


def long_texts(
    examples: Sequence[Example], abstracts: Sequence[str], seed: int
) -> Iterator[tuple[Example, str]]:
    """Each example, and its context hidden among abstracts that do not hold its answers."""
    draw = random.Random(seed)
    for place, example in enumerate(examples):
        golds = [text.lower() for text in example.gold_texts]
        around: list[str] = []
        while len(around) < AROUND[place % len(AROUND)]:
            drawn = draw.choice(abstracts)
            if not any(gold in drawn.lower() for gold in golds):
                around.append(drawn)
        around.insert(draw.randint(0, len(around)), example.context)
        yield example, "\n".join(around)


def _abstracts(path: Path, most: int) -> list[str]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        fitting = (line.strip() for line in lines)
        return list(itertools.islice((line for line in fitting if CHARS[0] <= len(line) <= CHARS[1]), most))


def measure(checkpoint: Checkpoint, texts: Sequence[tuple[Example, str]], steps: Sequence[int]) -> None:
    """Print a line a step: positions read, EM, F1, and answers that are the first step's."""
    folder = locate(checkpoint)
    if folder is None:
        raise SystemExit(f"{checkpoint.label} is not on this machine")
    shared = Reader.load(folder, cache=LogitsCache(8 << 30))
    readers = [shared.decoding_as(replace(Decoding(), window_step_tokens=step)) for step in steps]
    scores: dict[int, list[tuple[int, float, float, str]]] = {step: [] for step in steps}
    for example, text in texts:
        for step, reader in zip(steps, readers, strict=True):
            (reading,) = reader.readings([(Question(example.question.text), text)])
            best = decode(reading).best(null_threshold=None)
            answer = best.text if best else ""
            (judged,) = squad_v1_each({"": answer}, {"": example.gold_texts}).values()
            scores[step].append((sum(map(len, reading.windows)), *judged, answer))
    first = scores[steps[0]]
    size = statistics.median(len(text) for _, text in texts)
    print(f"{checkpoint.label}, {len(texts)} texts of {size:,.0f} characters in the median")
    print("step  positions   EM     F1    same answer  gained  lost")
    for step in steps:
        found = scores[step]
        pairs = list(zip(first, found, strict=True))
        print(
            f"{step:4d}  {sum(a for a, *_ in found) / sum(a for a, *_ in first):8.1%}  "
            f"{100 * statistics.mean(b for _, b, *_ in found):6.2f} "
            f"{100 * statistics.mean(c for *_, c, _ in found):6.2f}  "
            f"{statistics.mean(a[3] == b[3] for a, b in pairs):10.1%}  "
            f"{sum(b[1] > a[1] for a, b in pairs):6d} {sum(b[1] < a[1] for a, b in pairs):5d}",
            flush=True,
        )


def main() -> None:
    """Print the table of each side of the pair."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("examples", type=Path, help="a SQuAD file of pairs to choose on")
    parser.add_argument("--abstracts", type=Path, required=True)
    parser.add_argument("--most", type=int, default=4_000, help="abstracts to draw from")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth pair only")
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS)
    parser.add_argument("--pair", default="mini")
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()
    examples = [example for example in read_squad(arguments.examples).examples if example.answerable]
    examples = examples[:: arguments.every]
    texts = list(long_texts(examples, _abstracts(arguments.abstracts, arguments.most), arguments.seed))
    pair = resolve_pair(arguments.pair)
    for checkpoint in (pair.biom, pair.vanilla):
        measure(checkpoint, texts, arguments.steps)


if __name__ == "__main__":
    main()
