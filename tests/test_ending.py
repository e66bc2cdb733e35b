"""Ending: which signal does what, when all are answered, and what a stream is told at the end."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys

import pytest

from biom_demo.ui.ending import RESTARTING, Requests, Signals, Streams
from tests.conftest import ROOT

STREAM = [(b"content-type", b"text/event-stream; charset=utf-8")]


def answered(app, path, *, ending_at=None):
    """What is sent of a request; ``ending_at``: after so many messages the server ends all that is left."""
    requests, sent = Requests(), []

    async def send(message):
        sent.append(message)
        if len(sent) == ending_at:
            requests.end()

    async def run():
        scope = {"type": "http", "path": path, "method": "GET"}
        task = asyncio.ensure_future(Streams(app, requests)(scope, None, send))
        await asyncio.sleep(0)
        if ending_at == 0:
            requests.end()
        await task

    asyncio.run(run())
    assert requests.open == 0
    return sent


async def endless(_scope, _receive, send):
    """A stream whose handler, like Gradio's, has something to say when it is cancelled."""
    await send({"type": "http.response.start", "status": 200, "headers": STREAM})
    try:
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        await send({"type": "http.response.body", "body": b"data: unexpected!\n\n", "more_body": True})
        raise


async def whole(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"all"})


async def silent(_scope, _receive, _send):
    await asyncio.sleep(3600)


@pytest.mark.parametrize("path", ["/gradio_api/queue/data", "/gradio_api/call/answer/17"])
def test_a_stream_that_is_ended_is_told_why_and_nothing_after(path):
    sent = answered(endless, path, ending_at=2)
    assert [message.get("body") for message in sent[:2]] == [None, b"data: 1\n\n"]
    assert len(sent) == 3
    assert not sent[2].get("more_body", False)
    told = json.loads(sent[2]["body"].decode().split("data: ")[1])
    assert RESTARTING in (told.get("message"), told.get("error"))


def test_a_heartbeat_ends_without_a_word():
    assert answered(endless, "/gradio_api/heartbeat/me", ending_at=2)[2]["body"] == b""


def test_what_was_not_answered_at_all_is_put_off():
    sent = answered(silent, "/gradio_api/upload", ending_at=0)
    assert [message.get("status") for message in sent] == [503, None]


def test_an_answer_that_was_complete_is_left_as_it_is():
    assert answered(whole, "/config", ending_at=2) == answered(whole, "/config")
    assert [message.get("body") for message in answered(whole, "/config")] == [None, b"all"]


def test_an_apps_own_cancellation_is_none_of_ours():
    async def cancelled(*_):
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        answered(cancelled, "/gradio_api/queue/data")


def test_heartbeats_do_not_count_as_requests_to_answer():
    counts = {}

    async def app(scope, _receive, _send):
        counts[scope["path"]] = requests.open

    requests = Requests()

    async def send(_message): ...

    for path in ("/gradio_api/heartbeat/me", "/gradio_api/queue/data"):
        asyncio.run(Streams(app, requests)({"type": "http", "path": path}, None, send))
    assert counts == {"/gradio_api/heartbeat/me": 0, "/gradio_api/queue/data": 1}


def test_it_is_told_whether_all_were_answered_in_time():
    requests = Requests()
    assert requests.answered_within(10)
    requests.open = 1
    assert not requests.answered_within(0.2)


def ended_by(code, *signals):
    """The exit status of a process that sends itself signals while it waits for the first."""
    program = f"""
import os, threading, time
from biom_demo.ui.ending import Signals, leave
signals = Signals()
signals.install()
def later():
    time.sleep(0.3)
    for number in {[int(number) for number in signals]}:
        os.kill(os.getpid(), number)
        time.sleep(0.3)
{code}
"""
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60, check=False).returncode


WAITS = "threading.Thread(target=later, daemon=True).start(); number = signals.wait(lambda: True)\n"


def test_the_first_signal_is_handed_to_who_waits_for_it():
    assert ended_by(WAITS + "leave(number)", signal.SIGTERM) == signal.SIGTERM
    assert ended_by(WAITS + "leave(number)", signal.SIGINT) == signal.SIGINT


def test_a_second_signal_ends_at_once():
    assert ended_by(WAITS + "time.sleep(3600)", signal.SIGTERM, signal.SIGTERM) == 143
    assert ended_by(WAITS + "time.sleep(3600)", signal.SIGTERM, signal.SIGINT) == 130


def test_a_signal_before_anything_is_served_ends_at_once():
    start = "threading.Thread(target=later, daemon=True).start(); time.sleep(3600)"
    assert ended_by(start, signal.SIGTERM) == 143


def test_leaving_waits_for_no_thread_and_loses_no_output():
    code = "import threading, time; from biom_demo.ui.ending import leave\n"
    code += "threading.Thread(target=time.sleep, args=(3600,)).start(); print('said'); leave(3)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (3, b"said\n")


def test_the_wait_ends_when_there_is_nothing_left_to_end():
    assert Signals().wait(lambda: False) is None
