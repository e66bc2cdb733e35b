"""The command line, one file a command: ``biom-demo COMMAND --help``, or ``python -m biom_demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TypeAlias

from biom_demo import __version__
from biom_demo.cli import ask, evaluate
from biom_demo.errors import BioMError

# What a command is added to; argparse has no public name for it.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(argv: Sequence[str] | None = None, *, prog: str = "biom-demo") -> int:
    """The exit status: 0, 2 after a message on what went wrong and what to do, 130 when stopped."""
    parser = argparse.ArgumentParser(prog=prog, description="Ask BioM-ELECTRA and ELECTRA about a text.")
    parser.add_argument("--version", action="version", version=f"biom-demo {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (ask, evaluate):
        command.add_to(commands)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except BioMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0
