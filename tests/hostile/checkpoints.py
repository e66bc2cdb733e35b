"""Checkpoints of strangers: pickles that run, headers that lie, configs that ask for code or a warehouse."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from biom_demo.analysis.passage import readable
from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import Checkpoint
from biom_demo.models.store import Models
from biom_demo.qa.records import Question
from tests.hostile import inputs

CODE = "import pathlib; pathlib.Path({ran!r}).touch()\nclass Evil: pass\n"
AUTO = ("AutoConfig", "AutoModelForQuestionAnswering", "AutoTokenizer")
SIZES = ("num_hidden_layers", "hidden_size", "embedding_size", "vocab_size", "intermediate_size",
         "num_attention_heads", "max_position_embeddings", "type_vocab_size", "num_labels")  # fmt: skip


class Stranger:
    """A sound tiny checkpoint to be made hostile, and the file that code of a checkpoint would leave."""

    def __init__(self, folder: Path) -> None:
        from tests.tiny import save_tiny

        self.folder = folder
        self.sound = folder / "sound"
        self.sound.mkdir()
        self.ran = folder / "ran"
        save_tiny("electra", self.sound)
        self.models = Models()

    def load(self, random: Random, number: int, sent: list[Any]) -> None:
        """A hostile checkpoint is refused in words, or read as a harmless one."""
        made = self.folder / f"made-{number}"
        shutil.copytree(self.sound, made)
        way = WAYS[number % len(WAYS)]
        sent.append({"way": way.__name__})
        words = ""
        try:
            way(made, random, self.ran)
            checkpoint = Checkpoint(str(made), "Own", "")
            asked = Question("Which gene?"), "The gene is CFTR. " + readable(inputs.text(random, most=300))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's, of the protocols of pickles
                self.models.visit("me", budget_s=20).read(checkpoint, [asked])
        except CheckpointError as error:
            words = str(error)
        finally:
            sent.append(sorted(path.name for path in made.iterdir()))
            shutil.rmtree(made, ignore_errors=True)
        sent.append(words)
        assert str(self.folder) not in words, f"names a place on the disk: {words}"
        assert "\n" not in words, f"more than a sentence: {words}"
        assert not self.ran.exists(), "the checkpoint's code ran"

    def close(self) -> None:
        """End the worker that read."""
        self.models.worker.close(timeout_s=5)


@contextmanager
def stranger() -> Iterator[Stranger]:
    """A ``Stranger`` in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        made = Stranger(Path(folder))
        try:
            yield made
        finally:
            made.close()


class Runs:
    """An object that runs something when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def pickled(folder: Path, random: Random, ran: Path) -> None:
    """Weights as a pickle that runs code: bare, in torch's package, or of another protocol."""
    call = random.choice((
        Runs(os.system, f"touch {ran}"), Runs(eval, f"open({str(ran)!r}, 'w')"),
        Runs(exec, CODE.format(ran=str(ran))), Runs(Path.touch, ran), Runs(os.mkdir, str(ran)),
    ))  # fmt: skip
    content = pickle.dumps({"electra.weight": call}, protocol=random.randrange(6))
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    if random.random() < 0.5:
        path.write_bytes(content)
        return
    with zipfile.ZipFile(path, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        archive.writestr(random.choice(("archive/data.pkl", "data.pkl", "x/../data.pkl")), content)
        archive.writestr("archive/version", "3")
        archive.writestr("archive/data/0", bytes(random.choice((0, 16, 1 << 22))))


def pickle_bomb(folder: Path, random: Random, ran: Path) -> None:
    """A pickle that is small and grows, or never ends."""
    grows = (
        pickle.EMPTY_LIST + pickle.BINPUT + b"\0" + (pickle.DUP + pickle.APPEND) * random.choice((10, 10_000))
    )
    long = pickle.LONG4 + struct.pack("<i", 2**31 - 1) + b"\xff"
    deep = pickle.PROTO + b"\2" + pickle.MARK * 100_000 + pickle.TUPLE * 100_000 + pickle.STOP
    named = b"\x80\x02" + pickle.BINUNICODE + struct.pack("<I", 2**32 - 1) + b"x"
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(
        random.choice((grows, long, deep, named, b"", b"PK\3\4", random.randbytes(99)))
    )


def header(folder: Path, random: Random, ran: Path) -> None:
    """Safetensors whose header is longer than the file, no JSON, or speaks of other tensors."""
    path = folder / "model.safetensors"
    sound = path.read_bytes()
    (length,) = struct.unpack("<Q", sound[:8])
    described = json.loads(sound[8 : 8 + length])
    name = random.choice([name for name in described if name != "__metadata__"])
    changed = {
        "dtype": random.choice(("F64", "Q4", "", None, 7)),
        "shape": random.choice(([2**62, 2**62], [-1], [10**300], "x", [1.5], [], None, [2**31] * 8)),
        "data_offsets": random.choice(([0, 2**63], [8, 0], [-4, 0], [0], None, [0, 0], ["0", "4"])),
    }
    key = random.choice(list(changed))
    described[name] = {**described[name], key: changed[key]}
    text = json.dumps(described).encode()
    path.write_bytes(
        random.choice(
            (
                struct.pack("<Q", len(text)) + text + sound[8 + length :],
                struct.pack("<Q", random.choice((0, 1, 2**32, 2**63, 2**64 - 1))) + sound[8:],
                struct.pack("<Q", 100_000) + b"[" * 100_000,
                struct.pack("<Q", 2) + b"{}" + sound[8 + length :],
                sound[: random.randrange(len(sound))],
                sound[:8] + random.randbytes(length) + sound[8 + length :],
                b"",
            )
        )
    )


def config(folder: Path, random: Random, ran: Path) -> None:
    """A config that asks for code, for kernels, for another model, or for sizes that no machine has."""
    (folder / "evil.py").write_text(CODE.format(ran=str(ran)))
    wanted = [
        {
            "auto_map": dict.fromkeys(
                ("AutoConfig", "AutoModelForQuestionAnswering", "AutoTokenizer"), "evil.Evil"
            )
        },
        {"auto_map": {"AutoConfig": "someone/else--evil.Evil"}},
        {"model_type": "evil"},
        {"model_type": "../../evil"},
        {"_attn_implementation": "kernels-community/evil"},
        {"attn_implementation": "evil/evil@main:evil"},
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
        {"transformers_weights": "../../evil.bin"},
        {"architectures": ["Evil"], "torch_dtype": "evil"},
        {"dtype": "float4_evil"},
        {
            random.choice(SIZES): random.choice(
                (0, -1, 200_000, 10**9, 2**63, 1e300, "x", None, [], True, 0.5)
            )
        },
        {random.choice(SIZES): random.choice((200_000, 10**6, 2**40))},
        {"label2id": {str(i): i for i in range(100_000)}},
        {"layer_norm_eps": float("nan"), "hidden_act": "evil", "initializer_range": float("inf")},
    ]
    path = folder / random.choice(("config.json", "config.json", "tokenizer_config.json"))
    document = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    path.write_text(json.dumps(document | random.choice(wanted)), "utf-8")


def broken_json(folder: Path, random: Random, ran: Path) -> None:
    """A JSON file of a checkpoint that is cut, deep, long or of another type."""
    path = folder / random.choice(("config.json", "tokenizer_config.json", "tokenizer.json"))
    sound = path.read_bytes() if path.is_file() else b"{}"
    path.write_bytes(
        random.choice(
            (
                b"", b"[]", b"null", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe",
                sound[: len(sound) // 2], sound * 2, b'{"a": ' + b"9" * 5_000 + b"}",
                b"{" + b",".join(b'"%d":{}' % i for i in range(100_000)) + b"}",
            )
        )
    )  # fmt: skip


def tokenizer(folder: Path, random: Random, ran: Path) -> None:
    """A tokenizer that knows more than the model, nothing, or another file."""
    path = folder / "tokenizer.json"
    document = json.loads(path.read_text("utf-8"))
    vocabulary = document["model"]["vocab"]
    way = random.randrange(5)
    if way == 0:
        vocabulary |= {f"evil{i}": len(vocabulary) + i for i in range(1_000)}
    elif way == 1:
        vocabulary.clear()
    elif way == 2:
        document["pre_tokenizer"] = {
            "type": "Split",
            "pattern": {"Regex": "(a+)+$"},
            "behavior": "Isolated",
            "invert": False,
        }
    elif way == 3:
        document["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": "evil " * 1_000}
    else:
        document["added_tokens"] = [{"id": 2**31, "content": "evil", "special": True}]
    path.write_text(json.dumps(document), "utf-8")


def elsewhere(folder: Path, random: Random, ran: Path) -> None:
    """A file of the checkpoint that is a link to a device, a pipe or a folder."""
    path = folder / random.choice(("config.json", "model.safetensors", "tokenizer.json", "vocab.txt"))
    path.unlink(missing_ok=True)
    random.choice(
        (
            lambda: path.symlink_to("/dev/zero"),
            lambda: path.symlink_to("/etc/passwd"),
            lambda: path.symlink_to(path),
            path.mkdir,
            lambda: os.mkfifo(path),
        )
    )()


WAYS = (pickled, header, config, pickled, header, config, pickle_bomb, broken_json, tokenizer, elsewhere)
