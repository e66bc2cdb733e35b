"""``biom-demo serve``: the page, as ``python app.py`` serves it from a checkout."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from biom_demo.cli.loading import add_precision_to, settings_of
from biom_demo.errors import InputError

if TYPE_CHECKING:
    from biom_demo.cli import Commands

EXAMPLES = """\
examples:
  biom-demo serve
  biom-demo serve --port 8080

All settings are environment variables; the README lists them. Ends with 0 after SIGTERM or Ctrl-C, when all
who had asked were told; docs/operating.md has the other exit statuses.
"""


def add_to(commands: Commands) -> None:
    """Add the command with its options."""
    parser = commands.add_parser(
        "serve",
        help="serve the page",
        description="Serve the page and its API at http://127.0.0.1:7860.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default=None, help="address to listen at (default: GRADIO_SERVER_NAME)")
    parser.add_argument(
        "--port", type=int, default=None, help="port to listen at (default: GRADIO_SERVER_PORT)"
    )
    add_precision_to(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Serve until a signal; does not return.

    Raises ``InputError`` for settings that cannot be used.
    """
    from biom_demo.ui.ending import leave
    from biom_demo.ui.start import main

    settings = settings_of(arguments)
    if arguments.host:
        settings = replace(settings, host=arguments.host)
    if arguments.port is not None:
        if not 1 <= arguments.port <= 65_535:
            raise InputError(f"--port {arguments.port} is no port. Give a number from 1 to 65535.")
        settings = replace(settings, port=arguments.port)
    leave(main(settings))
