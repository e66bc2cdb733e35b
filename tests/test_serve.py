"""Serving: health and readiness, and the end of a running server with visitors at work."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from biom_demo.errors import CheckpointError
from biom_demo.settings import Settings
from biom_demo.ui import serve
from biom_demo.ui.ending import RESTARTING
from biom_demo.ui.examples import Opening
from biom_demo.ui.serve import Readiness, State, routes, warm_up
from biom_demo.ui.site import Stops
from tests.browser.conftest import free_port
from tests.conftest import ROOT
from tests.readings import comparison_of, pointing_at
from tests.site import MINI, site_of


@pytest.fixture
def client():
    """A client of the two addresses alone, and their readiness."""
    readiness = Readiness()
    client = TestClient(Starlette(routes=routes(site_of(), readiness)))
    return client, readiness


def test_the_picture_of_a_link_is_the_opening_examples_card_where_there_is_one():
    def asked(opening):
        site = replace(site_of(), opening=opening)
        return TestClient(Starlette(routes=routes(site, Readiness()))).get("/card.png")

    assert asked(Opening()).status_code == 404
    picture = asked(Opening(comparison_of(*(pointing_at("the gene binds", "gene") for _ in range(2)))))
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size == (1200, 630)


@pytest.mark.parametrize("state", State)
def test_readyz_is_200_only_where_the_models_are_ready(client, state):
    asked, readiness = client
    if state is State.GOING_DOWN:
        readiness.go_down()
    else:
        readiness.now(state)
    answer = asked.get("/readyz")
    assert answer.status_code == (200 if state is State.READY else 503)
    assert answer.json()["status"] == state.value
    assert ("reason" in answer.json()) == (state is not State.READY)
    assert answer.headers["cache-control"] == "no-store"
    assert asked.get("/healthz").json()["status"] == "ok"
    for path in ("/readyz", "/healthz"):
        head = asked.head(path)
        assert (head.status_code, head.content) == (asked.get(path).status_code, b"")


def test_nothing_makes_ready_again_what_goes_down():
    readiness = Readiness()
    readiness.go_down()
    readiness.now(State.READY)
    assert readiness.state is State.GOING_DOWN


def warmed(site, monkeypatch, *, rounds=1):
    """The states that the warm-up leaves, at most so many rounds of it."""
    readiness, states = Readiness(), []

    def wait(_seconds):
        states.append(readiness.state)
        return len(states) >= rounds

    monkeypatch.setattr(readiness, "going_down_within", wait)
    warm_up(site, readiness)
    return [*states, readiness.state]


def test_the_warm_up_reads_with_both_models(monkeypatch):
    site = site_of()
    assert warmed(site, monkeypatch) == [State.READY]
    # Something short first, as the first reading takes longer, and then the example that the page opens with.
    assert [checkpoint for checkpoint, _ in site.models.calls] == [
        MINI.biom, MINI.vanilla, MINI.biom, MINI.vanilla
    ]  # fmt: skip
    assert site.opening.read_here


def test_what_cannot_be_read_is_logged_once_and_tried_again(monkeypatch, caplog):
    site = site_of(broken=[MINI.vanilla])
    assert warmed(site, monkeypatch, rounds=3) == [State.FAILED] * 4
    assert len(caplog.records) == 1
    site = site_of(broken=[MINI.vanilla])

    def mend(checkpoint, pairs, **_):
        if len(site.models.calls) < 3:
            site.models.calls.append((checkpoint, 0))
            raise CheckpointError("broken")
        return []

    monkeypatch.setattr(site.models, "visit", lambda: SimpleNamespace(read=mend))
    assert warmed(site, monkeypatch, rounds=9)[-1] is State.READY


def test_models_that_are_not_here_are_told_from_broken_ones(monkeypatch, caplog):
    monkeypatch.setattr(serve, "missing", lambda checkpoints: list(checkpoints))
    assert warmed(site_of(broken=MINI.checkpoints), monkeypatch) == [State.MISSING] * 2
    assert "damaged" in caplog.text


def test_an_error_nobody_foresaw_leaves_the_page_not_ready_with_a_trace_in_the_log(monkeypatch, caplog):
    site = site_of()
    monkeypatch.setattr(site.models, "visit", lambda: SimpleNamespace(read=lambda *_: 1 / 0))
    assert warmed(site, monkeypatch) == [State.FAILED] * 2
    assert "ZeroDivisionError" in caplog.text


def test_when_the_server_goes_down_all_runs_stop_and_new_ones_do_not_begin():
    stops = Stops()
    events = [stops.begin("a", "compare"), stops.begin("b", "search")]
    assert stops.words("Stopped.") == "Stopped."
    stops.check_open()
    stops.stop_all()
    assert all(event.is_set() for event in events)
    assert stops.begin("c", "compare").is_set()
    assert stops.words("Stopped.") == RESTARTING
    assert stops.take_up("a", "compare", events[0])  # the next step tells its visitor
    with pytest.raises(ValueError, match="restarting"):
        stops.check_open()


TEXT = "The CFTR gene is mutated in cystic fibrosis. " * 2000


class Served:
    """A running ``python app.py``, and what streams of it say."""

    def __init__(self, process, port, log):
        self.process, self.log, self.address = process, log, f"http://127.0.0.1:{port}"
        self.told: dict[str, str] = {}
        self.streams: list[threading.Thread] = []

    def get(self, path):
        """Status and body; the status is ``None`` where nobody answers."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None, ""

    def post(self, path, body):
        call = urllib.request.Request(
            self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(call, timeout=30) as response:
            return json.load(response)

    def listen(self, path):
        """Collect what a stream says, until it ends."""

        def read():
            with urllib.request.urlopen(self.address + path, timeout=100) as response:
                self.told[path] = ""
                for line in response:
                    self.told[path] += line.decode()

        self.streams.append(threading.Thread(target=read))
        self.streams[-1].start()
        self.until(lambda: path in self.told)

    def until(self, condition):
        for _ in range(600):
            if condition():
                return
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError(f"it did not come to this: {self.log.read_text()}")

    def ask(self):
        """A long reading by a program, whose stream is listened to."""
        event = self.post("/gradio_api/call/answer", {"data": [TEXT, "Which gene?", "mini"]})["event_id"]
        self.listen(f"/gradio_api/call/answer/{event}")

    def ended(self):
        status = self.process.wait(60)
        for stream in self.streams:
            stream.join(30)
            assert not stream.is_alive()
        return status


@contextmanager
def served(folder, *prefix, **environment):
    """The running app, once it is ready; ``prefix`` is the command that runs it."""
    port, log = free_port(), folder / "log"
    settings = {"GRADIO_SERVER_PORT": str(port), "BIOM_PAIR": "mini", "BIOM_CACHE": "off"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prefix, sys.executable, "app.py"],
            cwd=ROOT,
            env={**os.environ, **settings, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    app = Served(process, port, log)
    try:
        app.until(lambda: app.get("/readyz")[0] == 200)
        yield app
    finally:
        process.kill()
        process.wait()


def test_sigterm_tells_the_streams_and_ends(tmp_path):
    with served(tmp_path, BIOM_GRACE="2") as app:
        app.listen("/gradio_api/heartbeat/me")
        app.ask()
        app.process.send_signal(signal.SIGTERM)
        app.until(lambda: app.get("/readyz")[0] == 503)
        assert app.get("/healthz")[0] in (200, None)
        # 143 where the reading would not end in time, and its stream was ended for it.
        assert app.ended() in (0, 143)
        answer = next(told for path, told in app.told.items() if "/call/" in path)
        assert RESTARTING in answer, answer
        assert "Traceback" not in app.log.read_text()


def test_an_idle_server_ends_with_status_0_also_at_an_interrupt(tmp_path):
    with served(tmp_path) as app:
        app.listen("/gradio_api/heartbeat/me")
        app.process.send_signal(signal.SIGINT)
        assert app.ended() == 0
        assert not re.search(r"Traceback|Error", app.log.read_text())


def test_a_second_signal_ends_a_server_at_once(tmp_path):
    with served(tmp_path, BIOM_GRACE="3600") as app:
        app.ask()
        app.process.send_signal(signal.SIGTERM)
        app.until(lambda: app.get("/readyz")[0] == 503)
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(60) == 143


def test_process_1_of_a_container_ends_too(tmp_path):
    """The kernel gives process 1 no default action for a signal: it must be taken."""
    apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if not shutil.which("unshare") or subprocess.run([*apart, "true"], check=False).returncode:
        pytest.skip("needs the right to make a process namespace (root, and unshare)")
    with served(tmp_path, *apart) as app:
        proc = Path("/proc")
        (first,) = (proc / f"{app.process.pid}/task/{app.process.pid}/children").read_text().split()
        assert re.search(r"(?m)^NSpid:.*\t1$", (proc / first / "status").read_text())
        os.kill(int(first), signal.SIGTERM)
        assert app.ended() == 0


def test_the_time_to_tell_visitors_is_a_setting():
    assert Settings.from_environment({"BIOM_GRACE": "0"}).grace_s == 0
