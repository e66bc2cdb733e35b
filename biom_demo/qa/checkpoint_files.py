"""What the files of a checkpoint folder say, read within bounds before any library opens them.

A checkpoint comes from a stranger: its config may name code to run, kernels to fetch and sizes that no
machine has, and its weights may be half of what was sent. The reasons given here begin with "Its", for
the caller to say whose, and name no folder.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biom_demo.errors import CheckpointError

CONFIG = "config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first that exists is used
VOCABULARIES = ("tokenizer.json", "vocab.txt", "spiece.model")  # at least one must exist

# Everything else beside the weights that transformers opens in such a folder, in bytes at most.
MAX_BYTES = {
    CONFIG: 1 << 20,
    TOKENIZER_CONFIG: 1 << 23,
    "generation_config.json": 1 << 20,
    "special_tokens_map.json": 1 << 20,
    "added_tokens.json": 1 << 23,
    "chat_template.jinja": 1 << 20,
    "chat_template.json": 1 << 20,
    **dict.fromkeys((*VOCABULARIES, "vocab.json", "merges.txt", "sentencepiece.bpe.model"), 1 << 26),
}
MAX_HEADER_BYTES = 1 << 24  # of safetensors; 24 layers take some 50 kB
MAX_DEPTH = 20
MAX_DIMENSIONS, MAX_SIDE = 8, 1 << 32  # of a tensor
# The least and most of what a config may say, by the key's name in any of transformers' spellings.
SIZES: tuple[tuple[re.Pattern[str], int, int], ...] = tuple(
    (re.compile(pattern), least, most)
    for pattern, least, most in (
        (
            r"(num_|n_)?(hidden_|encoder_|decoder_)?layers?|num_\w*layers|num_hidden_groups|inner_group_num",
            0,
            256,
        ),
        (r"num_\w*heads|n_heads?|(encoder|decoder)_attention_heads", 1, 1024),
        (r"hidden_size|embedding_size|intermediate_size|d_model|d_ff|dim|hidden_dim|n_embd", 1, 1 << 16),
        (r"vocab_size", 1, 1 << 21),
        (r"max_position_embeddings|n_positions", -1, 1 << 20),  # -1: positions that are relative
        (r"type_vocab_size|num_labels|num_experts|num_local_experts", 0, 1024),
    )
)
MAX_WHOLE_NUMBER = 1 << 24
# Small tables that the weights need not hold.
FREE_NUMBERS = 1 << 22
ATTENTION = ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")
DTYPES = ("auto", "float32", "float16", "bfloat16", "float64")
_CODE = ("auto_map", "custom_pipelines", "custom_generate")
_OTHER_WEIGHTS = (
    "quantization_config",
    "compression_config",
    "transformers_weights",
    "base_model_name_or_path",
)
_TOKENIZER_CLASS = re.compile(r"\w*Tokenizer(Fast)?|TokenizersBackend", re.ASCII)
# Bytes of a number by its name in a safetensors header.
_NUMBER_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4,
    "U16": 2, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Weights:
    """A weights file: how many numbers it can hold at most, and their bytes once read as float32."""

    path: Path
    most_numbers: int
    bytes_read: int


def check_checkpoint(folder: Path) -> Weights:
    """The weights of a folder whose files may be handed to transformers.

    Raises ``CheckpointError`` where a file is missing, damaged or too large, where the config asks for
    code, kernels or other files, and where its sizes cannot be or are not those of the weights.
    """
    for name, most in MAX_BYTES.items():
        path = folder / name
        if path.exists() and not path.is_file():
            raise CheckpointError(f"Its {name} is no file. {_AGAIN}")
        if path.is_file() and path.stat().st_size > most:
            raise CheckpointError(f"Its {name} is larger than {most >> 20} MB. {_ANOTHER}")
    if (folder / "adapter_config.json").exists():
        raise CheckpointError(f"It is an adapter, which needs another model beneath it. {_ANOTHER}")
    config = read_json_object(folder / CONFIG)
    check_config(config)
    if (folder / TOKENIZER_CONFIG).is_file():
        check_tokenizer_config(read_json_object(folder / TOKENIZER_CONFIG))
    weights = weights_of(folder)
    check_tables(config, weights)
    return weights


_AGAIN = "Fetch it again."
_ANOTHER = "Choose another checkpoint."


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file of at most ``MAX_BYTES``; its numbers are finite.

    Raises ``CheckpointError`` where there is none.
    """
    most = MAX_BYTES[path.name]
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)  # a device or pipe has no size to go by
        if len(data) > most:
            raise CheckpointError(f"Its {path.name} is larger than {most >> 20} MB. {_ANOTHER}")
        document = json.loads(data.decode("utf-8"), parse_constant=_no_number)
    except OSError as error:
        raise CheckpointError(f"Its {path.name} cannot be read ({error.strerror}). {_AGAIN}") from None
    except RecursionError:
        raise CheckpointError(f"Its {path.name} is nested too deeply. {_ANOTHER}") from None
    except ValueError:
        raise CheckpointError(f"Its {path.name} is damaged: no JSON. {_AGAIN}") from None
    if not isinstance(document, dict):
        raise CheckpointError(f"Its {path.name} is no JSON object. {_AGAIN}")
    for _key, value in _within(document, path.name):
        if isinstance(value, float) and not math.isfinite(value):
            raise CheckpointError(f"Its {path.name} holds a number that is none. {_ANOTHER}")
    return document


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _within(document: dict[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    """Every value at any depth, with the key it is under; those of a list are under the list's key.

    Raises ``CheckpointError`` for one nested deeper than ``MAX_DEPTH``.
    """
    level: list[tuple[str, Any]] = list(document.items())
    for _ in range(MAX_DEPTH):
        yield from level
        deeper: list[tuple[str, Any]] = []
        for key, value in level:
            if isinstance(value, dict) and key != "label2id":  # its keys are words of anyone's
                deeper += value.items()
            elif isinstance(value, list):
                deeper += ((key, item) for item in value)
        if not deeper:
            return
        level = deeper
    raise CheckpointError(f"Its {name} is nested too deeply. {_ANOTHER}")


def check_config(config: dict[str, Any]) -> None:
    """Raise ``CheckpointError`` for a config that asks for more than weights of a possible size."""
    for key, value in _within(config, CONFIG):
        _check_harmless(key, value)
        if key.endswith("_implementation") or key == "_attn_implementation_internal":
            for name in value.values() if isinstance(value, dict) else [value]:
                if name is not None and name not in ATTENTION:
                    raise CheckpointError(f"Its config names an attention of its own ({key}). {_ANOTHER}")
        if key in ("dtype", "torch_dtype") and not isinstance(value, dict | None) and value not in DTYPES:
            raise CheckpointError(
                f"Its config names a kind of number that is not read here ({key}). {_ANOTHER}"
            )
        if key == "model_type" and not (isinstance(value, str) and re.fullmatch(r"[\w.-]{1,80}", value)):
            raise CheckpointError(f"Its config names no model_type. {_ANOTHER}")
        for pattern, least, most in SIZES:
            if pattern.fullmatch(key) and value is not None:
                for size in value if isinstance(value, list) else [value]:
                    if isinstance(size, bool) or not isinstance(size, int) or not least <= size <= most:
                        raise CheckpointError(
                            f"Its config says {key} = {str(size)[:20]}, and it must be a whole number from "
                            f"{least} to {most:,}. {_ANOTHER}"
                        )
        if isinstance(value, int) and abs(value) > MAX_WHOLE_NUMBER:
            raise CheckpointError(f"Its config says {key} = {str(value)[:20]}, which cannot be. {_ANOTHER}")


def check_tokenizer_config(config: dict[str, Any]) -> None:
    """Raise ``CheckpointError`` for a tokenizer config that asks for code, or for a class that is none."""
    for key, value in _within(config, TOKENIZER_CONFIG):
        _check_harmless(key, value)


def _check_harmless(key: str, value: Any) -> None:
    if key in _CODE and value:
        raise CheckpointError(f"It brings code of its own ({key}), which is never run here. {_ANOTHER}")
    if key in _OTHER_WEIGHTS and value:
        raise CheckpointError(f"Its weights are not plain numbers of this folder ({key}). {_ANOTHER}")
    if (
        key == "tokenizer_class"
        and value is not None
        and not (isinstance(value, str) and _TOKENIZER_CLASS.fullmatch(value))
    ):
        raise CheckpointError(f"Its tokenizer_class is no tokenizer. {_ANOTHER}")


def check_tables(config: dict[str, Any], weights: Weights) -> None:
    """Raise ``CheckpointError`` where one table of the config is larger than all the weights there are."""
    width = max(_size(config, name) for name in ("hidden_size", "d_model", "dim", "n_embd"))
    narrow = _size(config, "embedding_size") or width
    tables = {
        "vocab_size": _size(config, "vocab_size") * narrow,
        "max_position_embeddings": _size(config, "max_position_embeddings") * narrow,
        "hidden_size": width * width,
    }
    for key, numbers in tables.items():
        if numbers > max(weights.most_numbers, FREE_NUMBERS):
            raise CheckpointError(
                f"Its config says {key} = {_size(config, key) or width:,}, and its weights are too few "
                f"for that: they are of another model. {_AGAIN}"
            )


def _size(config: dict[str, Any], key: str) -> int:
    value = config.get(key)
    return value if isinstance(value, int) else 0


def weights_of(folder: Path) -> Weights:
    """The weights file of a folder, whole. Raises ``CheckpointError`` where it is missing, cut or padded."""
    path = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise CheckpointError(f"Its weights are missing: there is no {' or '.join(WEIGHTS)}. {_AGAIN}")
    try:
        return _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    except OSError as error:
        raise CheckpointError(f"Its {path.name} cannot be read ({error.strerror}). {_AGAIN}") from None


def _safetensors(path: Path) -> Weights:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if length > MAX_HEADER_BYTES:
            raise CheckpointError(f"Its {path.name} has a header larger than any model needs. {_AGAIN}")
        text = file.read(length)
    if length < 2 or len(text) < length:
        raise CheckpointError(_cut(path))
    numbers, ends = 0, 0
    try:
        for name, tensor in json.loads(text).items():
            if name == "__metadata__":
                continue
            begin, end = tensor["data_offsets"]
            shape = tensor["shape"]
            sides = all(isinstance(side, int) and 0 <= side < MAX_SIDE for side in shape)
            if not 0 <= begin <= end or len(shape) > MAX_DIMENSIONS or not sides:
                raise ValueError("an impossible tensor")
            held = math.prod(shape)
            if held * _NUMBER_BYTES[tensor["dtype"]] != end - begin:
                raise ValueError("a tensor whose size is not its shape's")
            numbers, ends = numbers + held, max(ends, end)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise CheckpointError(f"Its {path.name} has a damaged header. {_AGAIN}") from None
    if 8 + length + ends > size:
        raise CheckpointError(_cut(path))
    # Tensors that share bytes would count for more than there is.
    if numbers > size:
        raise CheckpointError(f"Its {path.name} has a damaged header. {_AGAIN}")
    return Weights(path, numbers, 4 * numbers)


def _pickled(path: Path) -> Weights:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(2)
    if not start:
        raise CheckpointError(_cut(path))
    if start == b"PK":
        try:
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            raise CheckpointError(_cut(path)) from None
        # torch packs nothing; what is packed may unpack to anything.
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise CheckpointError(f"Its {path.name} is packed, as no checkpoint is. {_ANOTHER}")
        if sum(entry.file_size for entry in entries) > size:
            raise CheckpointError(f"Its {path.name} is damaged. {_AGAIN}")
    return Weights(path, size, size)  # of a byte a number at least; nearly all are float32


def _cut(path: Path) -> str:
    return (
        f"Its {path.name} ends early: a download or copy was broken off. Delete the file and fetch the "
        "checkpoint again."
    )
