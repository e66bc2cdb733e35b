"""The night's size of the hostile suite.

python -m tests.hostile --inputs 10000
python -m tests.hostile --seed 7 --only "private event:31"
"""

from __future__ import annotations

import argparse
import sys

from tests.hostile.suite import KINDS, harm, plan, run


def main() -> int:
    """The exit status: 0, or 1 where an input did harm."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", choices=("tiny", "bundled"), default="tiny")
    parser.add_argument(
        "--kind", action="append", choices=KINDS, help="only inputs of this kind (repeatable)"
    )
    parser.add_argument("--only", metavar="KIND:NUMBER", action="append", help="only this input (repeatable)")
    parser.add_argument("--log", action="store_true", help="print the server's log too")
    given = parser.parse_args()
    if given.only:
        pairs = [only.rpartition(":") for only in given.only]
        chosen = [(kind, int(number)) for kind, _, number in pairs]
    else:
        chosen = [one for one in plan(given.inputs) if not given.kind or one[0] in given.kind]
    report = run(
        chosen,
        seed=given.seed,
        models=given.models,
        told=lambda words: print(words, file=sys.stderr, flush=True),
    )
    print(report.told())
    for words in harm(report):
        print(f"harm: {words}")
    if given.log:
        print(report.log)
    return 1 if report.faults or harm(report) else 0


if __name__ == "__main__":
    raise SystemExit(main())
