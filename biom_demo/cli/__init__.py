"""The command line, one file a command: ``biom-demo COMMAND --help``, or ``python -m biom_demo``."""

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
from biom_demo.cli import ask, evaluate
from biom_demo.errors import BioMError

# What a command is added to; argparse has no public name for it.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(argv: Sequence[str] | None = None, *, prog: str = "biom-demo") -> int:
    """The exit status.

    That is 0, 2 after a message on what went wrong and what to do, 130 when stopped, 141 when
    whoever reads the output stops reading."""
    parser = argparse.ArgumentParser(prog=prog, description="Ask BioM-ELECTRA and ELECTRA about a text.")
    parser.add_argument("--version", action="version", version=f"biom-demo {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (ask, evaluate):
        command.add_to(commands)
    make_writable()
    try:
        arguments = parser.parse_args(argv)
        arguments.run(arguments)
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
    return 0


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
