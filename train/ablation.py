"""The results of ``run.sh`` -> the ablation table: {vanilla, BioM} x {before BioASQ, + BioASQ}.

python -m train ablation runs/mini --out assets/ablation.json
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from biom_demo.errors import DataError
from biom_demo.qa.datasets import read_json

SIDES = {"vanilla": "ELECTRA-Mini", "biom": "BioM-ELECTRA-Mini"}
# Column: where its value lies in a result, and what it is multiplied with.
COLUMNS = {
    "EM": (("exact_match",), 1.0),
    "F1": (("f1",), 1.0),
    "strict": (("bioasq", "strict_accuracy"), 100.0),
    "lenient": (("bioasq", "lenient_accuracy"), 100.0),
    "MRR": (("bioasq", "mrr"), 100.0),
}


def ablation(runs: Path) -> dict[str, Any]:
    """Rows (one a side and stage, each figure with its spread over seeds) and differences, as JSON.

    ``rows`` have ``model``, ``stage``, ``seeds``, ``figures`` (column -> mean), ``spread`` (column ->
    sample standard deviation; empty for one run). ``differences`` are BioM minus vanilla by run.
    Raises ``DataError`` where a result is missing.
    """
    seeds = sorted(
        int(found[1])
        for path in runs.glob("result-*.json")
        if (found := re.search(r"-(\d+)\.json", path.name))
    )
    if not seeds:
        raise DataError(f"{runs} holds no result-SEED.json. Run train/run.sh to its end.")
    stages: list[tuple[str, list[str]]] = [
        ("before BioASQ", ["before"]),
        ("+ BioASQ", [str(seed) for seed in seeds]),
    ]
    if (runs / "result-mean.json").exists():
        stages.append(("+ BioASQ, mean of the seeds' weights", ["mean"]))
    rows = []
    for stage, names in stages:
        for side, model in SIDES.items():
            documents = [read_json(runs / f"result-{name}.json") for name in names]
            results = [d if side == "biom" else d["against"] for d in documents]
            figures = {column: [_value(r, *where) for r in results] for column, where in COLUMNS.items()}
            rows.append(
                {
                    "model": model,
                    "stage": stage,
                    "seeds": seeds if len(names) > 1 else [],
                    "figures": {column: round(mean(values), 2) for column, values in figures.items()},
                    "spread": {column: round(stdev(values), 2) for column, values in figures.items()}
                    if len(names) > 1
                    else {},
                }
            )
    differences = {
        name: read_json(runs / f"result-{name}.json")["difference"] for _, names in stages for name in names
    }
    general = [
        {
            "model": model,
            "stage": stage,
            "figures": {
                "EM": result["exact_match"],
                "F1": result["f1"],
                "EM, may abstain": result["with_null"]["exact_match"],
                "F1, may abstain": result["with_null"]["f1"],
            },
        }
        for stage, names in stages
        if (path := runs / f"squad-test-{names[-1]}.json").exists()
        for document in [read_json(path)]
        for side, model in SIDES.items()
        for result in [document if side == "biom" else document["against"]]
    ]
    return {"rows": rows, "differences": differences, "squad_test": general}


def _value(result: dict[str, Any], path: Sequence[str], factor: float) -> float:
    value: Any = result
    for key in path:
        value = value[key]
    return factor * float(value)


def markdown(document: dict[str, Any]) -> str:
    """The tables of ``ablation`` as Markdown."""
    columns = list(COLUMNS)
    lines = [f"| model | stage | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for row in document["rows"]:
        cells = [
            f"{row['figures'][c]:.2f}" + (f" ± {row['spread'][c]:.2f}" if row["spread"] else "")
            for c in columns
        ]
        lines.append(f"| {row['model']} | {row['stage']} | {' | '.join(cells)} |")
    lines += [
        "",
        "| run | EM, BioM - vanilla | 95% interval | p (bootstrap) | p (McNemar) |",
        "|---|---|---|---|---|",
    ]
    for name, found in document["differences"].items():
        exact = found["exact_match"]
        lines.append(
            f"| {name} | {exact['mean']:+.2f} | [{exact['low']:+.2f}, {exact['high']:+.2f}] "
            f"| {exact['p_value']:.3f} | {found['mcnemar']['p_value']:.3f} |"
        )
    if document["squad_test"]:
        heads = list(document["squad_test"][0]["figures"])
        lines += ["", f"| model | stage | {' | '.join(heads)} |", "|---" * (2 + len(heads)) + "|"]
        lines += [
            f"| {row['model']} | {row['stage']} | {' | '.join(f'{v:.2f}' for v in row['figures'].values())} |"
            for row in document["squad_test"]
        ]
    return "\n".join(lines)
