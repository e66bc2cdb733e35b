"""Time to an answer: our reader against a plain transformers loop, in one process, in turn.

    python benchmarks/answer_time.py [--pair mini] [--runs 15] [--threads 2]

The baseline does what a plain script does: eager attention, every window padded to 512, one at a
time; decoding is ours in both, so the ratio is the forward pass and its batching alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch

from biom_demo.models.catalogue import locate, resolve_pair
from biom_demo.qa.engines.pytorch import PyTorchEngine, set_threads
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Question
from biom_demo.qa.windows import build_windows

EXAMPLES = Path(__file__).parent.parent / "assets" / "examples.json"


def plain_loop(model: torch.nn.Module, engine: PyTorchEngine, question: str, context: str) -> None:
    """One padded window after the other, as a script without batching runs them."""
    (made,) = build_windows(engine.tokenizer, [(question, context)])
    for window in made.windows:
        inputs = engine.pad([window])
        short = 512 - len(window)
        inputs = {k: torch.nn.functional.pad(v, (0, short)) for k, v in inputs.items()}
        with torch.no_grad():
            model(**inputs)


def main() -> None:
    """Print the median seconds of each, and the ratio pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pair", default="mini")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    set_threads(arguments.threads)
    example = json.loads(EXAMPLES.read_text("utf-8"))[0]
    question = example["question"]
    texts = {
        "one abstract": example["context"],
        "ten abstracts as one text": "\n".join([example["context"]] * 10),
    }

    folder = locate(resolve_pair(arguments.pair).biom)
    if folder is None:
        sys.exit(f"the pair {arguments.pair} is not on this machine")
    engine = PyTorchEngine.load(folder)
    reader = Reader(engine, engine.tokenizer)
    from transformers import AutoModelForQuestionAnswering

    eager = AutoModelForQuestionAnswering.from_pretrained(
        folder,
        trust_remote_code=False,
        local_files_only=True,
        dtype=torch.float32,
        attn_implementation="eager",
    ).eval()
    print(
        f"{arguments.pair}, {arguments.threads} threads, {arguments.runs} runs in turn, "
        f"torch {torch.__version__}"
    )
    for name, text in texts.items():
        ours, plain = [], []
        for run in range(arguments.runs + 1):
            started = time.perf_counter()
            list(reader.predictions([(Question(question), text)]))
            middle = time.perf_counter()
            plain_loop(eager, engine, question, text)
            if run:  # the first warms up
                ours.append(middle - started)
                plain.append(time.perf_counter() - middle)
        ratios = [p / o for p, o in zip(plain, ours, strict=True)]
        print(
            f"{name}: ours {statistics.median(ours):.3f} s, plain loop {statistics.median(plain):.3f} s, "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
