"""The catalogue, the ``auto`` rule and fetching, against a local stand-in for the Hub."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from huggingface_hub import constants

from biom_demo.errors import CheckpointError, FetchCancelled, FetchError, InputError
from biom_demo.models import memory
from biom_demo.models.catalogue import CATALOGUE, Checkpoint, automatic_pair, locate, resolve_pair
from biom_demo.models.download import fetch, needed_files
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Question
from tests.conftest import ROOT
from tests.hub_server import COMMIT, HubServer
from tests.tiny import save_old_layout

REPOSITORY = "sultan/BioM-ELECTRA-Large-SQuAD2-BioASQ8B"
CHECKPOINT = Checkpoint(REPOSITORY, "large", "")
BIOM_VOCABULARY_SIZE = 28_895
EMPTY_SAFETENSORS = b"\x02" + bytes(7) + b"{}"


@pytest.fixture(scope="session")
def repositories(tmp_path_factory) -> Path:
    """A random ELECTRA in the published layout: pytorch_model.bin, vocab.txt, config.json, no more.

    Its vocabulary has as many entries as BioM's.
    """
    root = tmp_path_factory.mktemp("hub")
    folder = save_old_layout(root / REPOSITORY, words=BIOM_VOCABULARY_SIZE)
    (folder / "README.md").write_text("not needed", encoding="utf-8")
    return root


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "cache"


@pytest.fixture
def hub(repositories, monkeypatch, cache):
    server = HubServer(repositories)
    # Both are read from HF_ENDPOINT when the library is imported.
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 2)
    yield server
    server.close()


def weights_of(folder: Path) -> bytes:
    return (folder / "pytorch_model.bin").read_bytes()


def test_a_published_checkpoint_is_fetched_located_and_read(hub, repositories):
    assert locate(CHECKPOINT) is None
    seen = []
    folder = fetch(CHECKPOINT, progress=seen.append)
    assert locate(CHECKPOINT) == folder
    assert weights_of(folder) == weights_of(repositories / REPOSITORY)
    assert not (folder / "README.md").exists()
    done = [report.done_bytes for report in seen]
    assert done == sorted(done)
    assert seen[-1].done_bytes == seen[-1].total_bytes > len(weights_of(folder))
    reader = Reader.load(folder)
    assert len(reader.tokenizer) == BIOM_VOCABULARY_SIZE
    (prediction,) = reader.predictions([(Question("WHICH gene?"), "The Gene binds word77.")])
    assert prediction.answers
    # Lower-cased: the letter case of the text makes no difference.
    assert reader.tokenizer.tokenize("The GENE") == ["the", "gene"]
    asked = len(hub.requests)
    assert fetch(CHECKPOINT) == folder
    assert len(hub.requests) == asked


def test_a_cut_connection_is_resumed(hub, repositories):
    hub.mode = "cut-once"
    assert weights_of(fetch(CHECKPOINT)) == weights_of(repositories / REPOSITORY)
    assert hub.cuts == 1


@pytest.mark.parametrize("mode", ["cut-always", "silent", "silent-weights", "500"])
def test_a_hub_that_fails_ends_in_a_clear_error_in_bounded_time(hub, mode):
    hub.mode = mode
    started = time.monotonic()
    with pytest.raises(FetchError, match=r"Try again|fetch again"):
        fetch(CHECKPOINT, timeout_s=1.0)
    assert time.monotonic() - started < 15
    assert locate(CHECKPOINT) is None
    hub.mode = "normal"
    time.sleep(2.5)  # the abandoned worker lets go of its lock at its next time-out
    assert locate(CHECKPOINT) is None


def test_nothing_listening_is_said_at_once(cache, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    with pytest.raises(FetchError, match="could not be reached"):
        fetch(CHECKPOINT, timeout_s=1.0)


def test_an_unknown_model_is_named(hub):
    with pytest.raises(FetchError, match="no public model nobody/nothing"):
        fetch(Checkpoint("nobody/nothing", "x", ""))


def test_cancelling_stops_soon_and_a_later_fetch_completes(hub, repositories):
    hub.mode = "slow"
    cancelled = threading.Event()
    started = []

    def stop_at_first_bytes(report):
        if report.done_bytes > 300_000 and not started:
            started.append(time.monotonic())
            cancelled.set()

    with pytest.raises(FetchCancelled):
        fetch(CHECKPOINT, progress=stop_at_first_bytes, cancelled=cancelled)
    assert time.monotonic() - started[0] < 2
    assert locate(CHECKPOINT) is None
    hub.mode = "normal"
    assert weights_of(fetch(CHECKPOINT)) == weights_of(repositories / REPOSITORY)


def test_a_disk_too_small_is_said_before_anything_is_fetched(hub, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(FetchError, match="Free some space"):
        fetch(CHECKPOINT)
    assert not any("pytorch_model.bin" in request for request in hub.requests)


def test_the_endpoint_of_the_environment_is_used_by_a_fresh_process(hub, tmp_path):
    code = (
        "from biom_demo.models.catalogue import Checkpoint\n"
        "from biom_demo.models.download import fetch\n"
        f"print(fetch(Checkpoint({REPOSITORY!r}, 'x', '')))"
    )
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (Path(done.stdout.strip()) / "vocab.txt").is_file()


def put_in_cache(cache: Path, source: str, *, weights: str = "model.safetensors") -> None:
    folder = cache / f"models--{source.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    for name in ("config.json", "vocab.txt"):
        (snapshot / name).write_text("x")
    (snapshot / weights).write_bytes(EMPTY_SAFETENSORS if weights.endswith("tensors") else b"x")


def test_auto_takes_the_largest_pair_that_is_here_whole(cache, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    pairs = {pair.name: pair for pair in CATALOGUE}
    assert resolve_pair("auto").name == "mini"
    put_in_cache(cache, pairs["large"].biom.source, weights="pytorch_model.bin")
    assert resolve_pair("auto").name == "mini"  # one side is no pair
    put_in_cache(cache, pairs["base"].biom.source)
    put_in_cache(cache, pairs["base"].vanilla.source)
    assert resolve_pair("auto").name == "base"
    put_in_cache(cache, pairs["large"].vanilla.source, weights="half-of-it")
    assert resolve_pair("auto").name == "base"
    shutil.rmtree(cache / f"models--{pairs['large'].vanilla.source.replace('/', '--')}")
    put_in_cache(cache, pairs["large"].vanilla.source)
    assert resolve_pair("auto").name == "large"


def test_auto_passes_over_a_pair_that_is_cut_or_does_not_fit_and_says_so(cache, monkeypatch):
    pairs = {pair.name: pair for pair in CATALOGUE}
    for name in ("large", "base"):
        for checkpoint in pairs[name].checkpoints:
            put_in_cache(cache, checkpoint.source)
    assert automatic_pair() == (pairs["large"], ())
    weights = locate(pairs["large"].biom) / "model.safetensors"
    weights.write_bytes(EMPTY_SAFETENSORS[:-1])
    found, (notice,) = automatic_pair()
    assert found.name == resolve_pair("auto").name == "base"
    assert "large pair is here and not used: BioM-ELECTRA-Large" in notice
    assert "ends early" in notice
    weights.write_bytes(EMPTY_SAFETENSORS)
    described = b'{"a":{"dtype":"F32","shape":[500000000],"data_offsets":[0,2000000000]}}'
    with weights.open("wb") as file:
        file.write(len(described).to_bytes(8, "little") + described)
        file.truncate(file.tell() + 2_000_000_000)  # a hole: it takes no disk
    monkeypatch.setattr(memory, "available_bytes", lambda: 1_000_000_000)
    found, (notice,) = automatic_pair()
    assert found.name == "base"
    assert "needs about 2.5 GB of memory, and 1.0 GB are free" in notice
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    assert automatic_pair()[0].name == "large"


def test_either_side_can_be_replaced():
    pair = resolve_pair("mini", biom="some/model")
    assert (pair.name, pair.biom.label, pair.vanilla.label) == (
        "custom",
        "model",
        "ELECTRA-Mini-SQuAD-BioASQ8B",
    )


def test_an_unknown_pair_is_refused_with_the_names():
    with pytest.raises(InputError, match="auto, mini, base, large, albert"):
        resolve_pair("huge")


def test_a_folder_counts_only_with_all_its_files(tmp_path):
    checkpoint = Checkpoint(str(tmp_path), "x", "")
    for name in ("config.json", "vocab.txt"):
        (tmp_path / name).write_text("x")
        assert locate(checkpoint) is None
    (tmp_path / "model.safetensors").write_text("x")
    assert locate(checkpoint) == tmp_path
    assert locate(Checkpoint(str(tmp_path / "none"), "x", "")) is None


def test_needed_files():
    assert needed_files({"config.json", "vocab.txt", "pytorch_model.bin", "tf_model.h5"}, "x") == [
        "config.json", "vocab.txt", "pytorch_model.bin",
    ]  # fmt: skip
    both = needed_files({"config.json", "vocab.txt", "pytorch_model.bin", "model.safetensors"}, "x")
    assert "pytorch_model.bin" not in both
    with pytest.raises(CheckpointError, match="Choose another"):
        needed_files({"config.json", "vocab.txt", "model.safetensors.index.json"}, "x")


def test_a_source_that_is_neither_folder_nor_hub_id_is_refused(cache):
    with pytest.raises(CheckpointError, match="owner/name"):
        fetch(Checkpoint("/no/such/folder", "x", ""))
