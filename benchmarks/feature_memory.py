"""What preparing training windows takes: resident memory before the first step, and the time.

    python benchmarks/feature_memory.py                        74,000 short windows
    python benchmarks/feature_memory.py --pairs 130319 --words 117     SQuAD2.0's real size

The pairs are made up of words from the bundled tokenizer's vocabulary; seven share a context, as in
SQuAD. Memory is this process's own, torch and the model included.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from biom_demo.models.catalogue import locate, resolve_pair
from biom_demo.qa.engines.pytorch import PyTorchEngine
from biom_demo.qa.records import CharSpan, Example, Question
from train.finetune import build_features, with_short_contexts, with_unanswerable
from train.recipes import MINI


def examples(words: list[str], count: int, length: int) -> Iterator[Example]:
    """Pairs over contexts of about ``length`` words; the answer is one of them."""
    draw = random.Random(0)
    for number in range(count):
        if number % 7 == 0:
            text = draw.choices(words, k=draw.randint(length // 2, 3 * length // 2))
            context = " ".join(text) + "."
        answer = draw.choice(text)
        start = context.index(answer)
        question = Question(" ".join(draw.choices(words, k=11)) + "?", f"q{number}")
        yield Example(question, context, (answer,), (CharSpan(start, start + len(answer)),))


def resident() -> str:
    """Resident memory now (where /proc has it) and at its peak."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    status = Path("/proc/self/status")
    now = next((line for line in status.read_text().splitlines() if line.startswith("VmRSS")), "")
    return f"{int(now.split()[1]) / 1024:,.0f} MB (peak {peak:,.0f} MB)" if now else f"peak {peak:,.0f} MB"


def main() -> None:
    """Print memory after each stage of the preparation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=67_500)
    parser.add_argument("--words", type=int, default=60, help="of a context, on average")
    arguments = parser.parse_args()
    folder = locate(resolve_pair("mini").biom)
    if folder is None:
        sys.exit("the bundled pair is not in assets/")
    engine = PyTorchEngine.load(folder)
    print(f"torch and the model: {resident()}")
    words = [word for word in engine.tokenizer.get_vocab() if word.isalpha() and len(word) > 3]
    pairs = list(examples(words, arguments.pairs, arguments.words))
    print(f"{len(pairs):,} pairs read: {resident()}")
    pairs = with_short_contexts(pairs, MINI.squad.short_context_fraction, 0)
    pairs = with_unanswerable(pairs, MINI.squad.unanswerable_fraction, 0)
    print(f"{len(pairs):,} pairs made of them: {resident()}")
    started = time.perf_counter()
    features = build_features(engine, pairs, MINI.squad)
    seconds = time.perf_counter() - started
    print(f"{len(features):,} windows, {len(features.ids):,} tokens, {seconds:.0f} s: {resident()}")
    features.digest()
    print(f"digest: {resident()}")


if __name__ == "__main__":
    main()
