"""Read the example that the page opens with, by the bundled pair, into ``assets/answered_example.json``.

    python -m benchmarks.answered_example

To be done again whenever a bundled checkpoint or the opening example changes; until then the page leaves the
stored answer out, and ``tests/test_stored.py`` fails.
"""

from __future__ import annotations

import json

from biom_demo.analysis.comparison import compared
from biom_demo.analysis.passage import passage_of_text
from biom_demo.analysis.stored import document_of
from biom_demo.models.catalogue import resolve_pair
from biom_demo.models.store import Models
from biom_demo.qa.records import Question
from biom_demo.ui.examples import ANSWERED, OPENING


def main() -> None:
    """Read, write, and say what was answered."""
    comparison = compared(
        Question(OPENING["question"]),
        passage_of_text(OPENING["context"], exactly=True),
        resolve_pair("mini").checkpoints,
        Models().visit(),
    )
    ANSWERED.write_text(json.dumps(document_of(comparison), ensure_ascii=False) + "\n", "utf-8")
    print(f"{ANSWERED.name}: {ANSWERED.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
