"""The page as ``python app.py`` serves it, in a process of its own that can be looked into."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.browser.conftest import free_port
from tests.conftest import ROOT
from tests.hostile.pubmed import hostile_entrez
from tests.hostile.wire import ask

SECRET = "the-secret-of-another-folder"
STARTS_WITHIN_S = 180.0


@dataclass(slots=True)
class Listener:
    """Someone on this machine whom the page has no reason to ask; ``asked`` counts who came."""

    port: int = 0
    asked: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Served:
    """A running page: where it listens, its process and log, and what it must keep to itself."""

    port: int
    process: int
    log: Path
    secret: Path  # a file outside of the project, with ``SECRET`` in it
    listener: Listener
    forbidden: tuple[str, ...]
    uploads: str  # the folder of uploads, which Gradio names to whoever uploads

    def usage(self) -> Usage:
        """What the process holds now."""
        return Usage.of(self.process)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds: MB of memory, threads, open files; zeros where the system does not say."""

    memory_mb: float = 0.0
    threads: int = 0
    files: int = 0

    @classmethod
    def of(cls, process: int) -> Usage:
        """What the process holds now."""
        folder = Path(f"/proc/{process}")
        try:
            lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            files = len(list((folder / "fd").iterdir()))
        except OSError:
            return cls()
        return cls(int(lines["VmRSS"].split()[0]) / 1000, int(lines["Threads"]), files)


@contextmanager
def served(*, seed: int, models: str = "tiny") -> Iterator[Served]:
    """A running page with hostile records in PubMed's place.

    ``models``: ``tiny`` random ones, which answer anything at once, or the ``bundled`` pair.
    """
    with (
        tempfile.TemporaryDirectory() as place,
        hostile_entrez(seed) as entrez,
        listening() as listener,
    ):
        folder, port = Path(place), free_port()
        secret = folder / "elsewhere" / "notes.json"
        secret.parent.mkdir()
        secret.write_text(f'{{"data": "{SECRET}"}}')
        environment = {
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_TEMP_DIR": str(folder / "uploads"),
            "BIOM_PAIR": "mini",
            "BIOM_CACHE": str(folder / "cache"),
            "BIOM_ENTREZ_URL": entrez.url,
            "NCBI_API_KEY": "0123456789" * 3 + "abcdef",  # ten requests a second instead of three
            "HF_HOME": str(folder / "hub"),
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "OMP_NUM_THREADS": "1",
        }
        if models == "tiny":
            environment |= {
                "BIOM_MODEL": str(tiny(folder / "tiny-biom")),
                "VANILLA_MODEL": str(tiny(folder / "tiny-vanilla")),
            }
        forbidden = (
            SECRET,
            str(ROOT),
            sys.prefix,
            *(str(folder / n) for n in ("cache", "hub", "tiny-")),
            "root:x:0",
        )
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "app.py"],
                cwd=ROOT,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_for(process, port, log)
            yield Served(port, process.pid, log, secret, listener, forbidden, str(folder / "uploads"))
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the app ended: {log.read_text()}")
        if ask(port, "GET", "/healthz", within_s=5).status == 200:
            return
        time.sleep(0.2)
    raise RuntimeError(f"the app did not start: {log.read_text()}")


def tiny(folder: Path) -> Path:
    """``folder`` with a tiny random checkpoint."""
    from tests.tiny import save_tiny

    folder.mkdir()
    return save_tiny("electra", folder)


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener that takes what it is sent and answers nothing."""

    def take() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    connection.settimeout(1)
                    made.asked.append(connection.recv(1000))

    made = Listener()
    with socket.create_server(("127.0.0.1", 0)) as server:
        made.port = server.getsockname()[1]
        threading.Thread(target=take, daemon=True).start()
        try:
            yield made
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
