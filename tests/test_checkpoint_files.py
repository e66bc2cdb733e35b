"""A checkpoint's files: code, kernels, impossible sizes and cut files are refused before they are read."""

from __future__ import annotations

import ast
import json
import os
import struct
import tracemalloc
import zipfile

import pytest

from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import CATALOGUE
from biom_demo.qa.checkpoint_files import MAX_BYTES, MAX_HEADER_BYTES, check_checkpoint, weights_of
from tests.conftest import ROOT

CONFIG = {
    "model_type": "electra",
    "architectures": ["ElectraForQuestionAnswering"],
    "hidden_size": 4,
    "embedding_size": 4,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "vocab_size": 10,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "torch_dtype": "float32",
    "label2id": {"layers": 5000, "B": 1},
}
TENSORS = {"a": ("F32", [10, 4]), "b": ("F16", [3])}


def safetensors(tensors=TENSORS, *, header=None, data=None):
    """A file of zeros with these tensors."""
    described, end = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = {"F32": 4, "F16": 2}[dtype]
        for side in shape:
            size *= side
        described[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(described).encode() if header is None else header
    return struct.pack("<Q", len(text)) + text + (bytes(end) if data is None else data)


@pytest.fixture
def folder(tmp_path):
    """A checkpoint as far as its files say so."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "tokenizer_config.json").write_text(
        # Published tokenizers carry such traces of the machine they were made on.
        json.dumps(
            {"tokenizer_class": "ElectraTokenizer", "model_max_length": 10**30, "vocab_file": "/root/x"}
        )
    )
    (tmp_path / "vocab.txt").write_text("x\n")
    (tmp_path / "model.safetensors").write_bytes(safetensors())
    return tmp_path


def refused(folder):
    """The reason, which names no place on this machine."""
    with pytest.raises(CheckpointError) as caught:
        check_checkpoint(folder)
    assert str(folder) not in str(caught.value)
    assert str(caught.value).startswith(("It ", "Its "))
    return str(caught.value)


def write_config(folder, **changes):
    (folder / "config.json").write_text(json.dumps(CONFIG | changes))


def test_a_sound_folder_passes_with_its_weights_counted(folder):
    weights = check_checkpoint(folder)
    assert (weights.path.name, weights.most_numbers, weights.bytes_read) == ("model.safetensors", 43, 172)


@pytest.mark.parametrize("checkpoint", CATALOGUE[0].checkpoints, ids=lambda c: c.label)
def test_the_bundled_pair_passes(checkpoint):
    assert 20_000_000 < check_checkpoint(type(ROOT)(checkpoint.source)).most_numbers < 25_000_000


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("auto_map", {"AutoConfig": "evil.Config"}),
        ("auto_map", "evil.Config"),
        ("auto_map", [None, "evil.Tokenizer"]),
        ("custom_pipelines", {"x": {"impl": "evil.Pipeline"}}),
        ("custom_generate", "someone/code"),
        ("quantization_config", {"quant_method": "bitsandbytes"}),
        ("transformers_weights", "../../other.bin"),
        ("tokenizer_class", "pipeline"),
        ("tokenizer_class", "../evil.Tokenizer"),
        ("tokenizer_class", ["A"]),
    ],
)
def test_code_and_foreign_weights_are_refused(folder, name, nested, key, value):
    document = json.loads((folder / name).read_text())
    (document.setdefault("text_config", {}) if nested else document)[key] = value
    (folder / name).write_text(json.dumps(document))
    assert key in refused(folder)


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "_experts_implementation"])
@pytest.mark.parametrize(
    "value",
    ["kernels-community/flash-attn", "paged|kernels-community/x", "x@main:y", 1, ["sdpa"], {"text": "a/b"}],
)
def test_an_attention_from_elsewhere_is_refused(folder, key, value):
    write_config(folder, **{key: value})
    assert "attention of its own" in refused(folder)


def test_the_usual_kinds_of_attention_pass(folder):
    for value in ("eager", "sdpa", None, {"text_config": "sdpa"}):
        write_config(folder, _attn_implementation=value)
        check_checkpoint(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_hidden_layers", 200_000), ("num_hidden_layers", -1), ("num_hidden_layers", "12"),
        ("num_hidden_layers", 2.5), ("num_hidden_layers", True), ("n_layers", 10**9),
        ("inner_group_num", 10**6), ("encoder_layers", 10**6), ("hidden_size", 10**12),
        ("hidden_size", 0), ("hidden_size", -4), ("hidden_size", "4"),
        ("vocab_size", 10**9), ("vocab_size", [10**9]), ("embedding_size", 10**8),
        ("intermediate_size", 2**40), ("num_attention_heads", 0), ("num_attention_heads", 10**6),
        ("max_position_embeddings", 10**9), ("type_vocab_size", 10**6), ("num_labels", 10**7),
        ("some_new_name", 10**15), ("pad_token_id", -(10**15)), ("model_type", 7), ("model_type", "../x"),
        ("torch_dtype", "hub"), ("dtype", ["float32"]), ("torch_dtype", 4),
    ],
)  # fmt: skip
def test_impossible_values_are_refused_by_name(folder, key, value):
    write_config(folder, **{key: value})
    assert key in refused(folder)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_numbers_that_are_none_are_refused(folder, number):
    text = json.dumps(CONFIG | {"layer_norm_eps": 0}).replace(
        '"layer_norm_eps": 0', f'"layer_norm_eps": {number}'
    )
    (folder / "config.json").write_text(text)
    refused(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [("vocab_size", 2**21), ("max_position_embeddings", 2**20 - 1), ("hidden_size", 65_536)],
)
def test_tables_larger_than_the_weights_are_refused(folder, key, value):
    write_config(folder, embedding_size=64, **{key: value})
    assert f"{key} = {value:,}" in refused(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe{}", b"{}x"])
def test_a_config_that_is_none_is_refused(folder, content):
    for name in ("config.json", "tokenizer_config.json"):
        (folder / name).write_bytes(content)
        assert name in refused(folder)
        (folder / name).write_text(json.dumps(CONFIG))


@pytest.mark.parametrize("shape", ['{{"a":{0}}}', '{{"a":[{0}]}}'])
@pytest.mark.parametrize("depth", [30, 100_000])
def test_deep_nesting_is_refused(folder, shape, depth):
    opened, closed = shape.split("{0}")
    text = opened.replace("{{", "{") * depth + "1" + closed.replace("}}", "}") * depth
    (folder / "config.json").write_text(text)
    assert "nested too deeply" in refused(folder)


@pytest.mark.parametrize("name", sorted(MAX_BYTES))
def test_a_file_too_large_is_refused_without_being_read(folder, name):
    with (folder / name).open("wb") as file:
        file.truncate(MAX_BYTES[name] + 1)  # holes take no disk
    tracemalloc.start()
    try:
        assert f"{name} is larger than" in refused(folder)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_is_refused_and_not_waited_for(folder):
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    assert "config.json is no file" in refused(folder)
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("/dev/zero")
    assert "config.json is no file" in refused(folder)


def test_an_adapter_is_refused(folder):
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else"}')
    assert "adapter" in refused(folder)


def entry(shape, offsets, dtype="F32"):
    return json.dumps({"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()


@pytest.mark.parametrize(
    "header",
    [
        b"", b"{", b"[]", b"[" * 100_000, b'{"a": 1}', b'{"a": {}}',
        entry([2], [0, 4]), entry([-1], [0, 4]), entry([1], [8, 4]), entry([1], [-4, 0]), entry("ab", [0, 4]),
        entry([1.0], [0, 4]), entry([2**62, 2**62], [0, 4]), entry([10**300] * 5000, [0, 4]), entry([1], [0]),
        entry([1], [0, 4], "Q4"), entry([True], [0, 4], ["F32"]),
    ],
    ids=range(17),
)  # fmt: skip
def test_a_damaged_header_is_refused(folder, header):
    (folder / "model.safetensors").write_bytes(safetensors(header=header, data=bytes(16)))
    assert "model.safetensors" in refused(folder)


def test_tensors_that_share_their_bytes_do_not_count_for_more(folder):
    shared = {str(i): {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} for i in range(100)}
    (folder / "model.safetensors").write_bytes(
        safetensors(header=json.dumps(shared).encode().replace(b" ", b""), data=bytes(16))
    )
    assert check_checkpoint(folder).most_numbers <= (folder / "model.safetensors").stat().st_size


def test_a_header_as_large_as_it_says_is_not_read(folder):
    for length in (MAX_HEADER_BYTES + 1, 2**63, 2**64 - 1):
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", length) + b"{}")
        assert "larger than any model needs" in refused(folder)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_weights_that_ended_early_are_told_apart(folder, share):
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: int(len(whole) * share)])
    assert "ends early" in refused(folder)
    (folder / "model.safetensors").unlink()
    with zipfile.ZipFile(folder / "pytorch_model.bin", "w") as archive:
        archive.writestr("archive/data.pkl", bytes(500))
    assert weights_of(folder).path.name == "pytorch_model.bin"
    whole = (folder / "pytorch_model.bin").read_bytes()
    (folder / "pytorch_model.bin").write_bytes(whole[: int(len(whole) * share)])
    if int(len(whole) * share) != 1:
        assert "ends early" in refused(folder)


def test_a_packed_pickle_is_refused_unread(folder):
    (folder / "model.safetensors").unlink()
    with zipfile.ZipFile(folder / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(1 << 22))
    assert "packed" in refused(folder)


def test_missing_weights_are_named(folder):
    (folder / "model.safetensors").unlink()
    assert "weights are missing" in refused(folder)


SOURCES = [
    path
    for pattern in ("*.py", "biom_demo/**/*.py", "train/**/*.py", "benchmarks/**/*.py", "tests/**/*.py")
    for path in sorted(ROOT.glob(pattern))
]


def loads_of(path):
    """The calls of a file that have transformers open a checkpoint or build a model of a config."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in (
            "from_pretrained",
            "from_config",
        ):
            yield node


def test_no_source_lets_a_checkpoint_run_code_or_choose_its_attention():
    """Without ``trust_remote_code`` transformers asks on standard input, where a server has a "y" or none."""
    seen = 0
    for path in SOURCES:
        for call in loads_of(path):
            seen += 1
            named = {keyword.arg: keyword.value for keyword in call.keywords}
            trusted = named.get("trust_remote_code")
            where = f"{path.relative_to(ROOT)}:{call.lineno}"
            assert isinstance(trusted, ast.Constant), where
            assert trusted.value is False, where
            # A config's own attention may be a kernel of the Hub.
            loader = call.func.value
            is_model = isinstance(loader, ast.Name) and "For" in loader.id
            assert not is_model or "attn_implementation" in named or path.parent.name == "tests", where
    assert seen > 5


def test_no_source_unpickles_more_than_weights():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                named = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert named.get("weights_only") == "True", f"{path.relative_to(ROOT)}:{node.lineno}"
