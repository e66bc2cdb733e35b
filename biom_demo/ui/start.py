"""Start the page: settings, site, page, launch. Imports gradio only once signals are taken."""

from __future__ import annotations

import errno
import os
import socket
import sys

# Before gradio is imported: it would otherwise report usage to its makers.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from biom_demo.errors import BioMError
from biom_demo.settings import Settings
from biom_demo.ui.ending import Signals


def main(settings: Settings | None = None) -> int:
    """The exit status: 2 after a message on what is wrong with the settings, else what ``launch`` gives.

    ``settings`` are those of the environment unless given.
    """
    signals = Signals()
    signals.install()
    try:
        used = settings or Settings.from_environment()
        from biom_demo.ui import logs
        from biom_demo.ui.page import build_page
        from biom_demo.ui.serve import launch
        from biom_demo.ui.site import Site

        logs.set_up()
        site = Site.from_settings(used)
        return launch(build_page(site), site, signals)
    except BioMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: the page cannot be served: {_reason(error, used)}", file=sys.stderr)
        return 2


def _reason(error: OSError, settings: Settings) -> str:
    """Why serving failed, and what to do; Gradio says of a port only that it found none."""
    try:
        socket.create_server((settings.host, settings.port)).close()
    except OSError as refused:
        where = f"port {settings.port} of {settings.host}"
        if refused.errno == errno.EADDRINUSE:
            return (
                f"{where} is in use. End the program that uses it, or set GRADIO_SERVER_PORT to a free port."
            )
        return (
            f"{where} cannot be listened at ({refused.strerror}). Set GRADIO_SERVER_PORT to a port above "
            "1023, and GRADIO_SERVER_NAME to an address of this machine."
        )
    return (
        f"{error.strerror or error}. Set TMPDIR (or GRADIO_TEMP_DIR, where it is set) to a folder that can "
        "be written to, on a disk with space."
    )
