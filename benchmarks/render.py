"""The tables of README and docs/measurements.md, and the plot, of a run's JSON file.

    python -m benchmarks.render [benchmarks/results/bench.json]

They stand between ``<!-- bench -->`` and ``<!-- /bench -->``; the plot needs matplotlib
(requirements-bench.txt).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.plot import drawn

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "bench.json"
PLOT = ROOT / "docs" / "bench.png"
START, END = "<!-- bench -->", "<!-- /bench -->"


def blocks(document: report.Document) -> dict[str, str]:
    """What stands between the marks, by file."""
    return {
        "README.md": report.readme_table(document),
        "docs/measurements.md": report.measurements(document, PLOT.name),
    }


def with_block(text: str, block: str) -> str:
    """A text with the block between its marks. Raises ``ValueError`` where they do not stand there once."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end) or START in after or END in after:
        raise ValueError(f"{START} and {END} must stand there once, in this order")
    return f"{before}{START}\n{block}\n{END}{after}"


def main(argv: Sequence[str] | None = None) -> int:
    """Write them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", nargs="?", type=Path, default=RESULT)
    arguments = parser.parse_args(argv)
    document = json.loads(arguments.result.read_text("utf-8"))
    for name, block in blocks(document).items():
        path = ROOT / name
        path.write_text(with_block(path.read_text("utf-8"), block), "utf-8")
    drawn(document, PLOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
