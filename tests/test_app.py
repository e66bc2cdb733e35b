"""Starting the app: no look-up of a host name, modest memory, clear words for bad settings."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from biom_demo.analysis.comparison import View
from biom_demo.ui.examples import stored_answer
from tests.browser.conftest import api_answer, running_app
from tests.conftest import ROOT
from tests.served import wait_for
from tests.site import MINI

# Runs in the app's process before anything else, and notes every host name looked up.
WATCHER = """
import os, socket
original = socket.getaddrinfo
def watched(host, *args, **kwargs):
    with open(os.environ["LOOKUPS"], "a") as file:
        file.write(f"{host}\\n")
    return original(host, *args, **kwargs)
socket.getaddrinfo = watched
"""
LOCAL = {"127.0.0.1", "localhost", "None", "0.0.0.0", "::1", ""}


def test_start_and_first_answer_look_up_no_host_and_take_under_2_gb(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WATCHER)
    lookups = tmp_path / "lookups"
    lookups.touch()
    environment = {"PYTHONPATH": str(tmp_path), "LOOKUPS": str(lookups), "BIOM_PAIR": "auto"}
    with running_app(tmp_path / "log", HF_HOME=str(tmp_path / "home"), **environment) as address:
        found = api_answer(address, "The CFTR gene is mutated.", "Which gene is mutated?")
        assert "CFTR" in found["biom"]["answer"]["text"]
        peaks = [peak_memory_gb(pid) for pid in app_processes()]
    looked_up = set(lookups.read_text().splitlines())
    assert looked_up, "the watcher was not in place"
    assert looked_up <= LOCAL
    if Path("/proc").is_dir():
        assert peaks, "the app was not among the processes"
    assert all(peak < 2 for peak in peaks)


# Runs before anything else: no model is read until the file GO is there.
HOLDER = """
import os, threading, time
start = threading.Thread.start
def held(self):
    run = self.run
    def waiting():
        while not os.path.exists(os.environ["GO"]):
            time.sleep(0.05)
        run()
    if self.name == "warm-up":
        self.run = waiting
    start(self)
threading.Thread.start = held
"""


def got(address: str) -> str:
    with urllib.request.urlopen(address, timeout=60) as response:
        return response.read().decode()


def test_the_page_is_there_with_an_answer_before_any_model_is_in_memory(tmp_path):
    pytest.importorskip("prometheus_client", reason="needs pip install -r requirements-metrics.txt")
    (tmp_path / "sitecustomize.py").write_text(HOLDER)
    environment = {"PYTHONPATH": str(tmp_path), "GO": str(tmp_path / "go")}
    answers = {side.answer(View()).text for side in stored_answer(MINI).sides}
    with running_app(tmp_path / "log", **environment) as address:
        page = got(f"{address}/")
        assert all(answer in page for answer in answers)  # without any script
        assert '"components"' in got(f"{address}/config")
        assert "biom_readers_loaded 0.0" in got(f"{address}/metrics")
        with pytest.raises(urllib.error.HTTPError, match="503"):
            got(f"{address}/readyz")
        (tmp_path / "go").touch()
        wait_for(lambda: "biom_readers_loaded 2.0" in got(f"{address}/metrics"), within_s=120)


def app_processes() -> list[int]:
    """The processes that run app.py; none where the system has no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"app.py" in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue  # it ended while we looked
    return found


def peak_memory_gb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e6


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [("BIOM_PAIR", "huge", "no model pair 'huge'"), ("GRADIO_SERVER_PORT", "many", "a whole number")],
)
def test_bad_settings_end_with_a_message_not_a_trace(variable, value, words):
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
