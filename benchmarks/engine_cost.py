"""What each engine costs the bundled pair in EM and F1, and its speed -> ``assets/engines.json``.

    python -m train convert 8B1_golden.json ... 8B5_golden.json --mode card --out dev.json
    python -m train select dev-v2.0.json --test-articles --out squad-test.json
    python -m benchmarks.engine_cost dev.json squad-test.json

Figures are those of ``biom-demo evaluate``. Seconds are of one abstract, all engines in turn, in one
process. To be done in parts, ``--side``, ``--precision`` and ``--no-speed`` leave things out: what the file
holds of the same checkpoints stays.

To be done again whenever a bundled checkpoint or an engine changes; until then the page says of another
checkpoint that its cost was not measured.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from biom_demo.analysis.benchmark import Gold, measured, read_gold
from biom_demo.analysis.engine_costs import ENGINES
from biom_demo.analysis.stored import digest_of
from biom_demo.models.catalogue import locate, resolve_pair
from biom_demo.qa.checkpoint_files import weights_of
from biom_demo.qa.engines.processor import CPUINFO, refusal
from biom_demo.qa.engines.pytorch import set_threads
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Question
from biom_demo.settings import Precision
from biom_demo.ui.examples import EXAMPLES

SIDES = ("biom", "vanilla")
TOLD_FLAGS = ("avx", "amx", "fma", "bf16", "i8mm", "asimd")


def figures_of(reader: Reader, label: str, gold: Gold, precision: Precision) -> dict[str, Any]:
    """EM and F1 of a reader on a file, over the answerable pairs and with the right to abstain."""
    (model,) = measured(gold, [(label, reader)]).models
    found = model.evaluation.as_json()
    with_null = found["with_null"]
    return {
        "file": gold.file,
        "precision": str(precision),
        "pairs": sum(example.answerable for example in gold.examples),
        "exact_match": found["exact_match"],
        "f1": found["f1"],
        "may_abstain": with_null and {key: with_null[key] for key in ("n", "exact_match", "f1")},
    }


def speeds(folder: Path, precisions: list[Precision], runs: int) -> dict[str, dict[str, float]]:
    """How many times as fast as in float32 an abstract is read, by precision: the median and its range."""
    readers = {
        one: Reader.load(folder, precision=one) for one in dict.fromkeys([Precision.FLOAT32, *precisions])
    }
    question, text = Question(EXAMPLES[0]["question"]), EXAMPLES[0]["context"]
    seconds: dict[Precision, list[float]] = {one: [] for one in readers}
    for run in range(runs + 1):
        for one, reader in readers.items():
            started = time.perf_counter()
            list(reader.predictions([(question, text)]))
            if run:  # the first warms up
                seconds[one].append(time.perf_counter() - started)
    exact = seconds[Precision.FLOAT32]
    made = {}
    for one, taken in seconds.items():
        ratios = [e / t for e, t in zip(exact, taken, strict=True)]
        median = statistics.median(ratios)
        made[str(one)] = {
            "ratio": round(median, 2), "low": round(min(ratios), 2), "high": round(max(ratios), 2)
        }  # fmt: skip
    return made


def main() -> None:
    """Measure, write, and say what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="SQuAD files")
    parser.add_argument("--side", choices=SIDES, action="append", help="this side alone")
    parser.add_argument(
        "--precision", type=Precision, choices=list(Precision), action="append", help="this precision alone"
    )
    parser.add_argument("--no-speed", action="store_true", help="measure no seconds")
    parser.add_argument("--runs", type=int, default=15, help="of an abstract, for the seconds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ENGINES)
    arguments = parser.parse_args()
    set_threads(arguments.threads)
    asked = arguments.precision or list(Precision)
    precisions = [precision for precision in asked if not refusal(precision)]
    for precision in set(asked) - set(precisions):
        print(f"{precision} is left out: {refusal(precision)}")
    before = json.loads(arguments.out.read_text("utf-8"))["models"] if arguments.out.is_file() else []
    golds = [read_gold([path]) for path in arguments.files]
    models = []
    for side, checkpoint in zip(SIDES, resolve_pair("mini").checkpoints, strict=True):
        folder = locate(checkpoint)
        if folder is None:
            parser.error(f"{checkpoint.label} is not on this machine")
        digest = digest_of(folder)
        model = next((one for one in before if one["digest"] == digest), {"speed": {}, "figures": []})
        kept = {(one["file"], one["precision"]): one for one in model["figures"]}
        if side in (arguments.side or SIDES):
            for precision in precisions if golds else ():
                reader = Reader.load(folder, name=checkpoint.label, precision=precision)
                for gold in golds:
                    made = figures_of(reader, checkpoint.label, gold, precision)
                    kept[made["file"], made["precision"]] = made
                    print(f"{checkpoint.label}  {made}", flush=True)
            if not arguments.no_speed:
                model["speed"] |= speeds(folder, precisions, arguments.runs)
                print(f"{checkpoint.label}  {model['speed']}", flush=True)
        models.append(
            {
                "label": checkpoint.label,
                "digest": digest,
                "bytes": weights_of(folder).path.stat().st_size,
                "speed": model["speed"],
                "figures": [
                    kept[key] for key in sorted(kept, key=lambda key: (key[0], [*Precision].index(key[1])))
                ],
            }
        )
    flags = set(CPUINFO.read_text("utf-8").split()) if CPUINFO.is_file() else set()
    document = {
        "command": "python -m benchmarks.engine_cost dev.json squad-test.json",
        "torch": torch.__version__,
        "threads": arguments.threads,
        "processor": sorted(flag for flag in flags if flag.startswith(TOLD_FLAGS)),
        "models": models,
    }
    arguments.out.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"{arguments.out.name}: {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
