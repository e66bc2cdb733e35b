"""The cache: bounded, shared, and whatever its file or folder is like, no reason to fail or to lose more."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.pubmed import cache as cache_module
from biom_demo.pubmed.cache import FILE_NAME, Cache
from tests.entrez_server import ends_within


def cache(folder, **options):
    return Cache(folder, **({"max_bytes": 10_000_000, "max_age_s": 1000.0} | options))


def change(folder, statement, *values):
    """Change the file as another program would."""
    with sqlite3.connect(folder / FILE_NAME) as connection:
        connection.execute(statement, values)
    connection.close()


def test_it_gives_back_what_was_put(tmp_path):
    kept = cache(tmp_path)
    assert kept.get(["a"]) == {}
    kept.put({"a": {"text": "β\n", "list": [1, None, 2.5]}, "b": "x"})
    assert kept.get(["a", "b", "c"])["a"].value == {"text": "β\n", "list": [1, None, 2.5]}
    assert set(cache(tmp_path).get(["a", "b", "c"])) == {"a", "b"}


def test_entries_age_by_what_the_caller_calls_old(tmp_path):
    now = [1_800_000_000.0]
    kept = cache(tmp_path, now=lambda: now[0])
    kept.put({"a": 1})
    now[0] += 900
    entry = kept.get(["a"])["a"]
    assert (entry.stored, entry.age_s, entry.fresh) == (1_800_000_000.0, 900.0, True)
    assert not kept.get(["a"], max_age_s=800)["a"].fresh
    now[0] += 200
    assert not kept.get(["a"])["a"].fresh


def test_an_entry_of_the_future_is_there_but_not_fresh(tmp_path):
    now = [1_800_000_000.0]
    kept = cache(tmp_path, now=lambda: now[0])
    kept.put({"a": 1})
    now[0] -= 10  # a clock that was corrected a little
    assert kept.get(["a"])["a"].fresh
    now[0] -= 100_000  # one that was wrong by a day
    assert not kept.get(["a"])["a"].fresh
    kept.put({"a": 2})
    assert kept.get(["a"])["a"].fresh


def test_the_least_used_go_whatever_the_clock_does(tmp_path):
    now = [4e9]
    kept = cache(tmp_path, max_bytes=10_000, now=lambda: now[0])
    for i in range(30):
        now[0] = 4e9 if i % 2 else 1e9
        kept.put({f"record {i}": "x" * 1000})
        kept.get(["record 0"])  # used all the time: it stays
    left = kept.get(f"record {i}" for i in range(30))
    assert "record 0" in left
    assert {"record 27", "record 28", "record 29"} <= set(left)
    assert len(left) <= 10


def test_an_entry_larger_than_the_bound_is_not_kept_and_drives_nothing_out(tmp_path):
    kept = cache(tmp_path, max_bytes=10_000)
    kept.put({"a": "x" * 1000})
    kept.put({"b": "y", "huge": "x" * 20_000})
    assert set(kept.get(["a", "b", "huge"])) == {"a", "b"}


def test_processes_and_threads_share_it(tmp_path):
    kept, other = cache(tmp_path), cache(tmp_path)

    def write(which):
        for i in range(10):
            (kept if which % 2 else other).put({f"thread {which} {i}": i})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(other.get(f"thread {which} {i}" for which in range(8) for i in range(10))) == 80


# What a person types, and what others leave


@pytest.mark.parametrize(
    "text", ["\ud800", "a\udfffb", "\x00", "\\ud800", '"', "é", "\U0001f9ec", "'; DROP TABLE"]
)
def test_any_text_is_a_key_and_a_value(tmp_path, text):
    kept = cache(tmp_path)
    kept.put({"before": 1})
    kept.put({text: text})
    assert kept.get([text])[text].value == text
    assert kept.get(["before"])["before"].value == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec=None)), inner),
    max_leaves=5,
)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.text(st.characters(codec=None)), JSON, max_size=4))
def test_whatever_is_json_comes_back(tmp_path_factory, values):
    kept = cache(tmp_path_factory.mktemp("cache"))
    kept.put(values)
    assert {key: entry.value for key, entry in kept.get(values).items()} == values


def test_what_is_no_json_is_not_kept_and_the_rest_is(tmp_path):
    circle = []
    circle.append(circle)
    deep = json.loads("[" * 500 + "]" * 500)
    for _ in range(2000):
        deep = [deep]
    kept = cache(tmp_path)
    kept.put({"set": {1}, "circle": circle, "deep": deep, "good": 1})
    assert set(kept.get(["set", "circle", "deep", "good"])) == {"good"}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("value", "no JSON"), ("value", ""), ("value", b"\xff\xfe\x00"), ("value", "[" * 200_000),
        ("stored", "now"), ("stored", float("inf")), ("stored", -1e300), ("stored", b"x"), ("stored", 1e300),
    ],
)  # fmt: skip
def test_an_entry_of_another_shape_is_not_there_and_the_rest_is(tmp_path, column, value):
    kept = cache(tmp_path)
    kept.put({"bad": 1, "good": 2})
    change(tmp_path, f"UPDATE entry SET {column} = ? WHERE key = 'bad'", value)
    assert set(kept.get(["bad", "good"])) == {"good"}
    kept.put({"bad": 3})
    assert kept.get(["bad", "good"])["bad"].value == 3


@pytest.mark.parametrize(
    ("column", "value"), [("used", "x"), ("used", 1e300), ("bytes", "x"), ("bytes", -1e9)]
)
def test_odd_book_keeping_loses_nothing(tmp_path, column, value):
    kept = cache(tmp_path)
    kept.put({"a": 1})
    change(tmp_path, f"UPDATE entry SET {column} = ?", value)
    kept.put({"b": 2})
    assert set(kept.get(["a", "b"])) == {"a", "b"}


def test_a_table_of_another_program_is_replaced(tmp_path):
    change(tmp_path, "CREATE TABLE entry (key TEXT PRIMARY KEY, body BLOB)")
    kept = cache(tmp_path)
    assert kept.get(["a"]) == {}
    kept.put({"a": 1})
    assert kept.get(["a"])["a"].value == 1


@pytest.mark.parametrize(
    "damage", [b"not a database at all" * 500, b"", b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_damaged_file_is_begun_anew(tmp_path, damage):
    kept = cache(tmp_path)
    kept.put({"a": 1})
    for suffix in ("-wal", "-shm"):
        (tmp_path / (FILE_NAME + suffix)).unlink(missing_ok=True)
    (tmp_path / FILE_NAME).write_bytes(damage)
    assert kept.get(["a"]) == {}
    kept.put({"new": 1})
    assert kept.get(["new"])["new"].value == 1


# Folders and disks


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    kept = cache(tmp_path / "file" / "folder")
    for _ in range(3):
        kept.put({"a": 1})
        assert kept.get(["a"]) == {}
    assert len(caplog.records) == 1  # said once
    assert str(tmp_path) not in caplog.text


AS_NOBODY = """
import os, sys
from pathlib import Path
from biom_demo.pubmed.cache import Cache
sys.stdin.read(1)
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
cache = Cache(sys.argv[1], max_bytes=10**6, max_age_s=10**6)
cache.put({"b": 2})
print(sorted(cache.get(["a", "b"])))
"""


def by_nobody(folder):
    """What a process without rights finds there."""
    command = [sys.executable, "-c", AS_NOBODY, str(folder)]
    done = subprocess.run(command, input="x", capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(os.name != "posix", reason="rights of folders are POSIX's here")
@pytest.mark.parametrize("journal", ["closed", "open"])
def test_a_read_only_folder_is_still_read(journal):
    with tempfile.TemporaryDirectory() as outer:  # pytest's own folder lets nobody in
        os.chmod(outer, 0o755)
        folder = Path(outer) / "shared"
        cache(folder).put({"a": 1})
        connection = sqlite3.connect(folder / FILE_NAME)
        if journal == "open":
            connection.execute("SELECT * FROM entry").fetchall()
        else:
            connection.close()
        for file in folder.iterdir():
            file.chmod(0o444)
        folder.chmod(0o555)
        try:
            assert by_nobody(folder) == "['a']"
        finally:
            folder.chmod(0o755)
            connection.close()


ON_A_FULL_DISK = """
import resource, signal, sys
from biom_demo.pubmed.cache import Cache
cache = Cache(sys.argv[1], max_bytes=10**9, max_age_s=10**6)
cache.put({"a": 1})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
cache.put({"b": "x" * 10_000_000})
print(sorted(cache.get(["a", "b"])))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit of file sizes")
def test_a_full_disk_keeps_what_is_there(tmp_path):
    command = [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "['a']"


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "PRAGMA locking_mode = EXCLUSIVE"])
def test_a_locked_file_is_not_waited_for(tmp_path, lock):
    kept = cache(tmp_path)
    kept.put({"a": 1})
    holder = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    try:
        holder.execute(lock)
        if "PRAGMA" in lock:
            holder.execute("BEGIN EXCLUSIVE")
        # 40 s when each waited for itself, one after the other.
        with ends_within(2 * cache_module.WAIT_S), ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda i: (kept.put({f"b{i}": 1}), kept.get(["a"])), range(16)))
    finally:
        holder.close()


def test_who_only_reads_is_not_held_up_by_who_writes(tmp_path):
    kept = cache(tmp_path)
    kept.put({"a": 1})
    holder = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        assert kept.get(["a"])["a"].value == 1
    finally:
        holder.close()


def test_after_a_lock_it_is_used_again(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "WAIT_S", 0.05)
    monkeypatch.setattr(cache_module, "REST_S", 0.3)
    kept = cache(tmp_path)
    kept.put({"a": 1})
    holder = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    kept.put({"b": 1})
    holder.close()
    threading.Event().wait(0.4)
    kept.put({"c": 1})
    assert set(kept.get(["a", "b", "c"])) == {"a", "c"}


def test_room_is_made_without_reading_the_values(tmp_path):
    kept = cache(tmp_path)
    kept.put({"a": 1})
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        (*_, plan) = connection.execute("EXPLAIN QUERY PLAN SELECT TOTAL(bytes) FROM entry").fetchone()
    connection.close()
    assert "COVERING INDEX" in plan


def test_the_wall_clock_may_be_any(tmp_path, monkeypatch):
    for seconds in (0.0, -5.0, 1e18):
        monkeypatch.setattr(time, "time", lambda s=seconds: s)
        kept = cache(tmp_path / str(seconds), now=time.time)
        kept.put({"a": 1})
        kept.get(["a"])
