"""``python -m biom_demo``: the command line, as ``biom-demo`` has it where the package is installed."""

from __future__ import annotations

import sys

from biom_demo.cli import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m biom_demo"))
