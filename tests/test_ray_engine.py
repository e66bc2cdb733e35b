"""``batch --engine ray``: the same output as here, on a local Ray of two actors, of which one is killed."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from biom_demo.analysis import ray_engine
from biom_demo.analysis.batch import Chunks, Reads
from biom_demo.analysis.rows import open_rows
from biom_demo.cli import main
from biom_demo.errors import DataError, InputError
from biom_demo.settings import Settings
from tests.conftest import ROOT
from tests.site import MINI, WordModels
from tests.tiny import save_tiny

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None, reason="needs Ray: pip install -r requirements-ray.txt"
)
READS = Reads(MINI.checkpoints, 1_000)


def table_of(tmp_path, rows, *, long=1):
    table = tmp_path / "in.jsonl"
    text = "The virus binds the protein; a drug of the gene causes it. " * long
    lines = [
        json.dumps({"id": str(i), "question": "which gene?", "text": f"{i} {text}"}) for i in range(rows)
    ]
    lines[rows // 2] = "no JSON"
    table.write_text("\n".join(lines) + "\n")
    return table


def test_an_actor_reads_the_chunks_that_the_cutting_task_gives(tmp_path, monkeypatch):
    """Both steps of the pipeline without Ray between them, through the same pickles."""
    models = WordModels({MINI.biom: "gene", MINI.vanilla: "virus"})
    monkeypatch.setattr(ray_engine, "Models", lambda **_options: models)
    actor = ray_engine.Actor(READS, Settings(pubmed_cache="off"), pickle.dumps(len))
    chunks = Chunks(open_rows(table_of(tmp_path, 70)), skip=1)
    done = [actor(batch)["done"] for batch in ray_engine._cut({}, pickle.dumps(chunks))]
    found = [ray_engine._opened(one) for (one,) in done]
    assert [rows for rows, _ in found] == [32, 6]
    assert found[-1][1] == 1.0


def test_what_ends_a_run_comes_back_as_what_it_is(tmp_path, monkeypatch):
    models = WordModels({}, broken=frozenset(MINI.checkpoints))
    monkeypatch.setattr(ray_engine, "Models", lambda **_options: models)
    actor = ray_engine.Actor(READS, Settings(pubmed_cache="off"), pickle.dumps(len))
    (batch,) = ray_engine._cut({}, pickle.dumps(Chunks(open_rows(table_of(tmp_path, 3)))))
    assert "is damaged" in str(ray_engine._opened(actor(batch)["done"][0]))
    (batch,) = ray_engine._cut({}, pickle.dumps(_Missing()))
    assert isinstance(ray_engine._opened(actor(batch)["done"][0]), DataError)


class _Missing:
    def __iter__(self):
        raise DataError("There is no file.")


def test_without_ray_or_workers_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(ray_engine, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="requirements-ray"):
        ray_engine.RayEngine(READS, Settings(), workers=2)
    monkeypatch.setattr(ray_engine, "find_spec", lambda name: "there")
    with pytest.raises(InputError, match="at least 1"):
        ray_engine.RayEngine(READS, Settings(), workers=0)


def actors():
    """The processes of actors that have a pair; Ray names them after their class."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:
            continue
        if words.startswith(b"ray::") and b"Map" in words and b"Actor" in words:
            found.append(int(entry.parent.name))
    return found


def state_of(journal):
    return json.loads(journal.read_text())["state"]


def ended_with_an_actor_lost(process, journal):
    """What a run says on stderr, one of whose actors is killed behind the first piece."""
    deadline = time.monotonic() + 200
    while not (journal.exists() and state_of(journal)["pieces"]):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "no piece came"
        time.sleep(0.05)
    assert not state_of(journal)["complete"], "there was no time to lose an actor"
    lost, *others = actors()
    assert others
    os.kill(lost, signal.SIGKILL)
    return process.communicate(timeout=300)[1]


@needs_ray
def test_ray_and_local_outputs_are_the_same_also_where_an_actor_is_lost(tmp_path, tiny_checkpoint):
    other = save_tiny("albert", tmp_path / "other")
    environment = os.environ | {"BIOM_MODEL": str(tiny_checkpoint), "VANILLA_MODEL": str(other)}
    environment |= {"OMP_NUM_THREADS": "1", "BIOM_CACHE": "off", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
    table = table_of(tmp_path, 200, long=40)

    def begin(out, *more):
        line = [sys.executable, "-m", "biom_demo", "batch", str(table), "--out", str(tmp_path / out), *more]
        return subprocess.Popen(line, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)

    process = begin("ray.jsonl", "--engine", "ray", "--workers", "2")
    try:
        said = ended_with_an_actor_lost(process, tmp_path / "ray.jsonl.run.json")
    finally:
        process.terminate()
    assert process.returncode == 1, said  # a row is no JSON
    assert state_of(tmp_path / "ray.jsonl.run.json")["rows"] == 200
    assert main_in(environment, "batch", table, "--out", tmp_path / "local.jsonl") == 1
    for ending in ("", ".bad.jsonl", ".run.json"):
        assert (tmp_path / f"ray.jsonl{ending}").read_bytes() == (
            tmp_path / f"local.jsonl{ending}"
        ).read_bytes()


def main_in(environment, *arguments):
    """The command's exit status under these variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return main([str(argument) for argument in arguments])
