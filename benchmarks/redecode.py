"""What a moved slider costs on the server: redecoding and redrawing stored readings, against reading anew.

    python benchmarks/redecode.py

Both are measured in turn in one run on the bundled pair; medians of 15. "Redraw" is all a slider
does on the server: verdict, both cards and the difference panel. "Longest answer" is the one slider
that scores all spans anew.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from biom_demo.analysis.comparison import View, compared
from biom_demo.analysis.passage import passage_of_text
from biom_demo.models.catalogue import resolve_pair
from biom_demo.models.store import Models
from biom_demo.qa.records import Question
from biom_demo.ui.examples import EXAMPLES
from biom_demo.ui.run import Inquiry, Run, drawn

RUNS = 15


def seconds(call) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> None:
    pair = resolve_pair("mini")
    models = Models()
    question = EXAMPLES[0]["question"]
    texts = {
        "one abstract": EXAMPLES[0]["context"],
        "all examples": "\n\n".join(e["context"] for e in EXAMPLES),
    }
    results = []
    for name, text in texts.items():
        checkpoints = (pair.biom, pair.vanilla)

        def read(text: str = text, checkpoints=checkpoints) -> Run:
            passage = passage_of_text(text)
            return Run.begin(
                Inquiry(text, question, pair.name),
                compared(Question(question), passage, checkpoints, models.visit()),
            )

        run = read()
        drawn(run, View())
        times: dict[str, list[float]] = {"read": [], "redraw": [], "longest answer": []}
        for turn in range(RUNS):
            times["read"].append(seconds(read))
            threshold = replace(View(), null_threshold=turn / 10)
            times["redraw"].append(seconds(lambda v=threshold, r=run: drawn(r, v)))
            length = replace(View(), max_answer_length=turn + 5)
            times["longest answer"].append(seconds(lambda v=length, r=run: drawn(r, v)))
        medians = {key: statistics.median(values) for key, values in times.items()}
        results.append(
            {"text": name, "characters": len(text), **{k: round(v, 4) for k, v in medians.items()}}
        )
        print(
            f"{name} ({len(text):,} characters): redraw {1000 * medians['redraw']:.1f} ms, longest answer "
            f"{1000 * medians['longest answer']:.1f} ms, reading anew {1000 * medians['read']:.0f} ms "
            f"({medians['read'] / medians['redraw']:.0f} times the redraw)"
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
