"""What starting takes: to import the library; from the command to the page and to models that have read."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
IMPORTED = ("biom_demo", "biom_demo.library")
LINE = re.compile(r"import time:\s*\d+ \|\s*(\d+) \| (\s*)(\S+)")
WAITS_S = 180.0


def imports(times: int) -> dict[str, list[float]]:
    """Seconds that importing each of ``IMPORTED`` takes, each time in a process of its own."""
    return {name: [_import_s(name) for _ in range(times)] for name in IMPORTED}


def _import_s(module: str) -> float:
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return import_seconds(ended.stderr, module)


def import_seconds(report: str, module: str) -> float:
    """What importing a module took, its packages and all they import, by the report of ``-X importtime``."""
    within = [module.rsplit(".", cut)[0] for cut in range(module.count("."), -1, -1)]
    found = (LINE.match(line) for line in report.splitlines())
    # Those on the outermost level alone: what another imports is in its own figure.
    micros = [int(one[1]) for one in found if one and len(one[2]) == 0 and one[3] in within]
    if not micros:
        raise ValueError(f"the report does not name {module}")
    return sum(micros) / 1e6


def page(times: int) -> dict[str, list[float]]:
    """Seconds from ``python app.py`` to its page's HTML, and to ``/readyz``, with the bundled pair."""
    found: dict[str, list[float]] = {"page": [], "ready": []}
    for _ in range(times):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
            environment = {"GRADIO_SERVER_PORT": str(port), "BIOM_PAIR": "mini", "BIOM_CACHE": "off"}
            started = time.perf_counter()
            server = subprocess.Popen(
                [sys.executable, "app.py"],
                cwd=ROOT,
                env={**os.environ, **environment, "GRADIO_TEMP_DIR": folder},
                stdout=log,
                stderr=log,
            )
            try:
                for name, path in (("page", "/"), ("ready", "/readyz")):
                    _wait_for(f"http://127.0.0.1:{port}{path}", server)
                    found[name].append(round(time.perf_counter() - started, 4))
            finally:
                server.terminate()
                server.wait(30)
    return found


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + WAITS_S
    while time.monotonic() < until:
        try:
            if httpx.get(url, timeout=10).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}")
        time.sleep(0.02)
    raise RuntimeError(f"no answer from {url} in {WAITS_S:.0f} s")
