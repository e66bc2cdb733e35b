"""Full and unwritable disks, little memory, a taken port, odd outputs: each for real, each with its words."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from functools import partial

import pytest

from biom_demo.models import memory
from biom_demo.models.memory import available_bytes, require_memory
from biom_demo.pubmed.cache import Cache
from tests.browser.conftest import api_answer, free_port, running_app
from tests.conftest import ROOT

TEXT = "Die Genmutation „β-CFTR“ 🧬 causes cystic fibrosis — naïve."
GREEK = "Which gene β is it?"


def command(*arguments, stdin=TEXT, stdout=subprocess.PIPE, **environment):
    """A command of the line run to its end, in an environment with these variables."""
    return subprocess.run(
        [sys.executable, "-m", "biom_demo", *arguments],
        input=stdin.encode(), stdout=stdout, stderr=subprocess.PIPE, timeout=300, cwd=ROOT, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["ascii", "C"],
)
def test_an_output_of_ascii_alone_takes_everything(environment, tmp_path):
    done = command("ask", GREEK, "--text", "-", "--pair", "mini", "--json", **environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode("ascii"))["text"] == TEXT
    done = command("ask", GREEK, "--text", "-", "--pair", "mini", **environment)
    assert done.returncode == 0, done.stderr
    assert b"verdict: " in done.stdout
    done.stdout.decode("ascii")
    done = command("evaluate", "βase.json", **environment)
    assert done.returncode == 2
    assert b"error: There is no file" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_wants_no_more_is_no_fault():
    closed, writes = os.pipe()
    os.close(closed)
    try:
        done = command("ask", GREEK, "--text", "-", "--pair", "mini", "--json", stdout=writes)
    finally:
        os.close(writes)
    assert done.returncode == 141
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    with open("/dev/full", "wb") as full:
        done = command("ask", GREEK, "--text", "-", "--pair", "mini", stdout=full)
    assert done.returncode == 2
    assert b"error: the output cannot be written (No space left on device)" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def python(program, *arguments, **environment):
    """A program run to its end in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True, text=True, timeout=120, cwd=ROOT, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def app(**environment):
    """The app, run until it ends by itself."""
    return subprocess.run(
        [sys.executable, "app.py"],
        capture_output=True, text=True, timeout=120, cwd=ROOT, check=False,
        env={**os.environ, "BIOM_PAIR": "mini", **environment},
    )  # fmt: skip


def test_a_port_that_is_taken_is_named_with_what_to_change():
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        done = app(GRADIO_SERVER_PORT=str(port))
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr
    assert "set GRADIO_SERVER_PORT to a free port" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_of_another_machine_is_named():
    done = app(GRADIO_SERVER_NAME="203.0.113.7", GRADIO_SERVER_PORT=str(free_port()))
    assert done.returncode == 2
    assert "GRADIO_SERVER_NAME to an address of this machine" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_page_answers_without_a_home_a_cache_or_the_usual_folder_for_temporary_files(tmp_path):
    """A file stands where each of these folders would be: root, too, cannot write there."""
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "below")
    environment = dict.fromkeys(("HOME", "TMPDIR", "BIOM_CACHE", "HF_HOME", "MPLCONFIGDIR"), nowhere)
    log = tmp_path / "log"
    with running_app(log, **environment) as address:
        found = api_answer(address, "The CFTR gene is mutated.", "Which gene is mutated?")
    assert "CFTR" in found["biom"]["answer"]["text"]
    assert "Traceback" not in log.read_text()


def test_a_folder_for_temporary_files_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    done = app(GRADIO_TEMP_DIR=str(tmp_path / "file" / "below"), GRADIO_SERVER_PORT=str(free_port()))
    assert done.returncode == 2
    assert "GRADIO_TEMP_DIR" in done.stderr
    assert "Traceback" not in done.stderr


FULL = """
import resource, runpy, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
from biom_demo.pubmed.cache import Cache
cache = Cache(sys.argv[1], max_bytes=10**6, max_age_s=60)
cache.put({"a": 1})
assert not cache.get(["a"])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
cache.put({"a": 1})
assert cache.get(["a"])["a"].value == 1
"""


def test_a_full_disk_under_the_cache_is_done_without_and_used_again_later(tmp_path):
    done = python(FULL, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the PubMed cache cannot be used now") == 1
    assert str(tmp_path) not in done.stderr


WRITER = """
import sys
from biom_demo.pubmed.cache import Cache
cache = Cache(sys.argv[1], max_bytes=10**7, max_age_s=600)
for number in range(40):
    cache.put({f"{sys.argv[2]}-{number}": sys.argv[2] * 1000})
    cache.get([f"{other}-{number}" for other in "ab"])
"""


def test_two_instances_write_to_one_cache_at_once(tmp_path):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name], cwd=ROOT, stderr=subprocess.PIPE
        )
        for name in "ab"
    ]
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert writer.returncode == 0
        assert b"damaged" not in said
    cache = Cache(tmp_path, max_bytes=10**7, max_age_s=600)
    found = cache.get([f"{name}-{number}" for name in "ab" for number in range(40)])
    # A lock that is not given up in time costs an entry or some, never a wrong one.
    assert len(found) > 40
    assert all(stored.value == key[0] * 1000 for key, stored in found.items())


# Memory

SHORT = """
import resource, sys
from pathlib import Path
from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import given
from biom_demo.models.store import Models
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + 1_000_000_000
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    Models().reader(given(sys.argv[1]))
except CheckpointError as error:
    print(error)
"""


def big_weights(path, numbers=500_000_000):
    described = json.dumps(
        {"a": {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}}
    ).encode()
    with path.open("wb") as file:
        file.write(len(described).to_bytes(8, "little") + described)
        file.truncate(file.tell() + 4 * numbers)  # a hole: it takes no disk
    return path


@pytest.mark.skipif(not memory.PROC.is_dir(), reason="needs /proc")
def test_a_model_that_does_not_fit_into_memory_is_not_begun(tmp_path):
    for name in ("config.json", "vocab.txt"):
        (tmp_path / name).write_text("{}")
    big_weights(tmp_path / "model.safetensors")
    done = python(SHORT, tmp_path)
    # What importing torch has taken on the way is no longer free.
    assert re.search(r"needs about 2\.5 GB of memory, and [01]\.\d GB are free here", done.stdout), (
        done.stderr
    )
    assert "Choose a smaller pair" in done.stdout
    assert str(tmp_path.parent) not in done.stdout


def hub_snapshot(home, source):
    """A whole checkpoint of 2 GB in the local Hub cache, as far as files say."""
    folder = home / "hub" / f"models--{source.replace('/', '--')}"
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    for name in ("config.json", "vocab.txt"):
        (snapshot / name).write_text("{}")
    return big_weights(snapshot / "model.safetensors")


AUTO = """
import resource, sys
from pathlib import Path
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + 2_000_000_000
resource.setrlimit(resource.RLIMIT_AS, (most, most))
from biom_demo.settings import Settings
from biom_demo.ui.site import Site
site = Site.from_settings(Settings.from_environment())
print(site.pair.name, *site.notices)
"""


@pytest.mark.skipif(not memory.PROC.is_dir(), reason="needs /proc")
def test_a_big_pair_that_does_not_fit_gives_way_to_mini_and_the_page_says_so(tmp_path):
    from biom_demo.models.catalogue import CATALOGUE

    base = next(pair for pair in CATALOGUE if pair.name == "base")
    weights = [hub_snapshot(tmp_path, checkpoint.source) for checkpoint in base.checkpoints]
    environment = {"HF_HOME": str(tmp_path), "BIOM_PAIR": "auto", "BIOM_CACHE": "off"}
    started = partial(python, AUTO, **environment)
    assert "mini The base pair is here and not used: it needs about 4.5 GB" in started().stdout
    # An interrupted copy, whatever the memory.
    with weights[0].open("r+b") as file:
        file.truncate(1_000_000)
    assert "mini The base pair is here and not used: BioM-ELECTRA-Base" in started().stdout


def test_what_is_left_is_the_least_of_machine_container_and_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "cgroup")
    assert available_bytes() is None
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4000 kB\n")
    assert available_bytes() == 4_096_000
    (tmp_path / "proc/self/cgroup").write_text("0::/app\n")
    group = tmp_path / "cgroup/app"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    assert available_bytes() == 4_096_000
    (group / "memory.max").write_text("3000000\n")
    (group / "memory.current").write_text("2500000\n")
    (group / "memory.stat").write_text("anon 2000000\ninactive_file 400000\n")
    assert available_bytes() == 900_000
    (group / "memory.current").write_text("9000000\n")
    assert available_bytes() == 0
    (group / "memory.current").write_text("what\n")
    assert available_bytes() == 4_096_000
    for path in group.iterdir():
        path.unlink()
    old = tmp_path / "cgroup/memory"
    old.mkdir()
    (old / "memory.limit_in_bytes").write_text("1000\n")
    (old / "memory.usage_in_bytes").write_text("400\n")
    (old / "memory.stat").write_text("total_inactive_file 100\n")
    assert available_bytes() == 700


def test_where_nobody_says_what_is_left_nothing_is_refused(tmp_path, monkeypatch):
    big_weights(tmp_path / "model.safetensors")
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    require_memory(tmp_path, "Big")
