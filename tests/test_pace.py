"""Turns: over threads, over processes, given up ones, and a shared file in any state."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import threading
import time

import pytest

from biom_demo.pubmed import pace as pace_module
from biom_demo.pubmed.flight import Flights
from biom_demo.pubmed.pace import FILE_NAME, SENDERS, Pace

STOP = threading.Event()


@pytest.fixture(autouse=True)
def _no_turns_yet(monkeypatch):
    monkeypatch.setattr(pace_module, "_sent", {})


def turns(pace, count, *, sender="s", with_key=True):
    """When ``count`` turns came, for as many askers at once."""

    async def all_of_them():
        times = []

        async def one():
            await pace.turn(sender, with_key=with_key)
            times.append(time.monotonic())

        await asyncio.gather(*(one() for _ in range(count)))
        return times

    return asyncio.run(all_of_them())


def test_turns_come_one_after_the_other_and_by_sender():
    pace = Pace()
    times = turns(pace, 4)
    assert all(b - a >= 0.5 * pace_module.PAUSE_WITH_KEY_S for a, b in itertools.pairwise(times))
    before = time.monotonic()
    (other,) = turns(pace, 1, sender="another")
    assert other - before < pace_module.PAUSE_WITH_KEY_S


def test_a_turn_that_is_given_up_costs_nobody_anything():
    flights = Flights()
    pace = Pace()

    async def ask(flight):
        await pace.turn("s", with_key=False)

    def give_up(number):
        stop = threading.Event()
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(Exception, match="Stopped"):
            flights.join(number, ask, deadline=time.monotonic() + 60, stop=stop)

    flights.join("first", ask, deadline=time.monotonic() + 60, stop=STOP)
    leavers = [threading.Thread(target=give_up, args=(number,)) for number in range(100)]
    for thread in leavers:
        thread.start()
    for thread in leavers:
        thread.join()
    begun = time.monotonic()
    flights.join("last", ask, deadline=begun + 60, stop=STOP)
    # 100 reserved turns would have been 36 s.
    assert time.monotonic() - begun < 10


PROCESS = """
import asyncio, sys, time
from biom_demo.pubmed.pace import Pace

print("ready", flush=True)

async def main():
    pace = Pace(sys.argv[1])
    for _ in range(8):
        await pace.turn("sender", with_key=True)
        print(time.monotonic(), flush=True)

sys.stdin.readline()  # on a busy machine one process is ready long before the other
asyncio.run(main())
"""


def test_two_processes_share_a_pace(tmp_path):
    command = [sys.executable, "-c", PROCESS, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    both = [subprocess.Popen(command, text=True, **pipes) for _ in range(2)]
    for process in both:
        process.stdout.readline()
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    times = sorted(float(line) for process in both for line in process.communicate(timeout=60)[0].split())
    assert len(times) == 16
    # No second held more than ten, whether their turns alternated or (a busy machine) followed.
    assert all(later - earlier > 1.0 for earlier, later in zip(times, times[10:], strict=False))


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\x00" * 8 * SENDERS, b"\x7f" * 8 * SENDERS])
def test_a_file_of_another_boot_or_of_nonsense_holds_nobody_up(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    begun = time.monotonic()
    turns(Pace(tmp_path), 2)
    assert time.monotonic() - begun < 5


def test_no_key_is_kept(tmp_path):
    turns(Pace(tmp_path), 1, sender="https://server 0123456789abcdef")
    assert b"0123456789abcdef" not in (tmp_path / FILE_NAME).read_bytes()
    assert "0123456789abcdef" not in str(pace_module._sent)


def test_a_folder_of_no_use_leaves_each_process_its_own_pace(tmp_path):
    (tmp_path / "file").write_text("in the way")
    times = turns(Pace(tmp_path / "file" / "folder"), 3)
    assert times[2] - times[0] >= pace_module.PAUSE_WITH_KEY_S


def test_a_lock_that_is_never_given_up_is_not_waited_for(tmp_path, monkeypatch):
    from filelock import lock_descriptor

    monkeypatch.setattr(pace_module, "MAX_LOCK_TRIES", 5)
    turns(Pace(tmp_path), 1)
    with (tmp_path / FILE_NAME).open("r+b") as held:
        assert lock_descriptor(held.fileno(), blocking=False)
        assert len(turns(Pace(tmp_path), 2)) == 2


def test_the_wall_clock_has_no_say(monkeypatch):
    pace = Pace()
    turns(pace, 1)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    begun = time.monotonic()
    turns(pace, 2)
    assert time.monotonic() - begun < 5
