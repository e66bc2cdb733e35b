"""Weights in memory: read from their file as they are needed, and once for all processes that read them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.tiny import VOCABULARY, wordpiece_tokenizer

MAPS = Path("/proc/self/smaps")
pytestmark = pytest.mark.skipif(not MAPS.is_file(), reason="needs /proc/self/smaps, which Linux has")

READS = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Question
reader = Reader.load(Path(sys.argv[1]))
list(reader.predictions([(Question("which gene"), "the gene binds the drug of the virus")]))
print("read", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A float32 checkpoint of 25 MB: what is mapped of it is no trifle."""
    from transformers import ElectraConfig, ElectraForQuestionAnswering

    folder = tmp_path_factory.mktemp("wide")
    config = ElectraConfig(
        vocab_size=len(VOCABULARY),
        embedding_size=512,
        hidden_size=512,
        num_hidden_layers=2,
        num_attention_heads=8,
        intermediate_size=2048,
    )
    ElectraForQuestionAnswering(config).save_pretrained(folder)
    wordpiece_tokenizer().save_pretrained(folder)
    return folder


def mapped(process, file):
    """Bytes of the file's mapping in a process: resident, its share of them, copies of its own."""
    text = Path(f"/proc/{process.pid}/smaps").read_text("utf-8")
    parts = [part for part in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", text) if str(file) in part]
    return [
        sum(1024 * int(re.search(rf"^{name}: +(\d+) kB", part, re.MULTILINE)[1]) for part in parts)
        for name in ("Rss", "Pss", "Anonymous")
    ]


def test_two_processes_that_read_a_float32_checkpoint_share_its_weights(folder):
    file = folder / "model.safetensors"
    size = file.stat().st_size
    assert size > 20_000_000
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", READS, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for process in processes:
            assert process.stdout.readline() == "read\n"
        for process in processes:
            resident, share, own = mapped(process, file)
            assert resident > 0.9 * size  # all that is read lies in the file's own pages
            assert own < 0.05 * size  # and was not copied
            assert share < 0.6 * resident  # which the other process uses too
    finally:
        for process in processes:
            process.communicate("\n", timeout=60)
