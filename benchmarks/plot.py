"""A run's picture: times as fast as the plain loop, by tokens of one abstract, a panel a size."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import report
from benchmarks.rounds import Spread

# By engine; distinct in grey and for the colour-blind too (Okabe and Ito), and by their markers.
STYLES = {
    "float32": ("#0b6e4f", "o"),
    "bfloat16": ("#0072b2", "s"),
    "int8": ("#d55e00", "^"),
    "ONNX Runtime int8": ("#888888", "v"),
}


def drawn(document: report.Document, out: Path) -> bool:
    """Whether the PNG was drawn; without matplotlib it is not, which is said on standard error."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("No plot: pip install -r requirements-bench.txt", file=sys.stderr)
        return False
    rows = report.rows_of(document, "lengths")
    most = max(row["threads"] for row in rows)
    rows = [row for row in rows if row["threads"] == most]
    subjects = list(
        dict.fromkeys(row["subject"] for row in rows if row["subject"] not in report.LIKE_ANOTHER)
    )
    figure = Figure(figsize=(3.6 * len(subjects), 3.4), layout="constrained")
    panels = figure.subplots(1, len(subjects), squeeze=False, sharey=True)[0]
    for axes, subject in zip(panels, subjects, strict=True):
        axes.axhline(1, color="#333333", linewidth=0.8, linestyle="--")
        for variant, (color, marker) in STYLES.items():
            found: list[tuple[int, Spread]] = [
                (int(row["task"].split()[0]), report.ratio_of(rows, row))
                for row in rows
                if (row["subject"], row["variant"]) == (subject, variant)
            ]
            if not found:
                continue
            tokens, spreads = zip(*sorted(found, key=lambda one: one[0]), strict=True)
            medians = [spread.median for spread in spreads]
            errors = [
                [spread.median - spread.least for spread in spreads],
                [spread.most - spread.median for spread in spreads],
            ]
            axes.errorbar(
                tokens, medians, errors, color=color, marker=marker, markersize=5, capsize=3, label=variant
            )
        axes.set(title=report.NAMES.get(subject, subject), xlabel="tokens")
        axes.set_xticks(sorted({int(row["task"].split()[0]) for row in rows}))
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
    panels[0].set_ylabel(f"times as fast as the plain loop,\n{most} threads")
    panels[0].set_ylim(0)  # of all, now that all is drawn
    named = {
        name: line for axes in panels for line, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    panels[-1].legend(named.values(), named.keys(), fontsize="small")
    # Of a document always the same bytes: no date, no version.
    figure.savefig(out, dpi=110, metadata={"Software": None})
    return True
