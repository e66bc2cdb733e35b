"""The command line, one file a command: ``biom-demo COMMAND --help``, or ``python -m biom_demo``.

Answers go to standard output; progress and what is said beside them to standard error.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias

from biom_demo import __version__
from biom_demo.cli import ask, batch, evaluate, fetch, serve
from biom_demo.errors import BioMError

# What a command is added to; argparse has no public name for it.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

EXAMPLES = """\
examples:
  biom-demo ask "Which gene is mutated?" --pmid 36990001
  biom-demo batch questions.csv --out answers.csv
  biom-demo fetch 36990001 --json
  biom-demo serve
"""
EXIT_STATUSES = """\
exit status:
  0    done
  1    batch: done, and some rows could not be read (OUT.bad.jsonl says why)
  2    not done; a message says what went wrong and what to do
  130  stopped (Ctrl-C); batch goes on when it is given again
  141  whoever read the output stopped reading
"""


def main(argv: Sequence[str] | None = None, *, prog: str = "biom-demo") -> int:
    """The exit status (``EXIT_STATUSES``)."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Ask BioM-ELECTRA and ELECTRA about a text.",
        epilog=f"{EXAMPLES.replace('biom-demo', prog)}\n{EXIT_STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"biom-demo {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (ask, batch, evaluate, fetch, serve):
        command.add_to(commands)
    make_writable()
    try:
        arguments = parser.parse_args(argv)
        status: int | None = arguments.run(arguments)
        if sys.stdout is not None:  # as it is where it was closed from the beginning
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read it wants no more (``| head``): no fault, and nobody to tell.
        leave_pipe()
        return 141
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        leave_pipe()
        print(f"error: the output cannot be written ({error.strerror}). Free some space.", file=sys.stderr)
        return 2
    except BioMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return status or 0


def make_writable() -> None:
    """Let standard output and error take any text: what their encoding has no sign for is escaped.

    Under ``PYTHONIOENCODING=ascii`` and the like half of what is printed is no ASCII, and file names may
    hold what no encoding has.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def leave_pipe() -> None:
    """Have what is left for standard output go nowhere: the interpreter would complain at its end."""
    with suppress(OSError, ValueError):  # a stream without a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
