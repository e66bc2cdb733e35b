"""Text files -> passages -> blocks of tokens, streamed: a corpus may be larger than memory."""

from __future__ import annotations

import lzma
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from biom_demo.errors import DataError
from biom_demo.qa.datasets import read_squad
from biom_demo.qa.windows import tokenize
from train.held_out import SQUAD_TEST_ARTICLES

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Tokenised together: the Rust tokenizer runs over many passages faster than over one.
PASSAGES_AT_ONCE = 256


def read_passages(files: Sequence[Path]) -> Iterator[str]:
    """The passages (lines) of ``.txt`` and ``.xz`` files in order, stripped, empty ones left out.

    Bytes that are not UTF-8 become U+FFFD. Raises ``DataError`` for a file that is missing, damaged
    or not compressed as its name says.
    """
    for path in files:
        try:
            with lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb") as file:
                for line in file:
                    passage = line.decode("utf-8", "replace").strip()
                    if passage:
                        yield passage
        except FileNotFoundError:
            raise DataError(f"There is no text file {path}. Check the path.") from None
        except (OSError, lzma.LZMAError, EOFError) as error:
            raise DataError(f"{path} cannot be read as text ({error}). Get it again.") from error


def drawn_passages(files: Sequence[Path], share: float, seed: int) -> Iterator[str]:
    """About ``share`` of the passages of text files and of the contexts of SQuAD files, by ``seed``.

    SQuAD test articles are left out.
    """
    draw = random.Random(seed)
    for path in files:
        if path.suffix == ".json":
            examples = read_squad(path, without_articles=SQUAD_TEST_ARTICLES)
            passages: Iterable[str] = dict.fromkeys(example.context for example in examples)
        else:
            passages = read_passages([path])
        yield from (passage for passage in passages if share >= 1 or draw.random() < share)


def token_blocks(
    tokenizer: PreTrainedTokenizerFast, passages: Iterable[str], block_tokens: int
) -> Iterator[list[int]]:
    """Blocks of exactly ``block_tokens`` ids: [CLS], packed passages each closed by [SEP].

    A passage that does not fit goes on in the next block; the rest at the very end is dropped.
    """
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    rest: list[int] = []
    for batch in _batches(passages):
        for piece in tokenize(tokenizer, batch):
            rest += [*piece.ids.tolist(), sep]
        while len(rest) >= block_tokens - 1:
            yield [cls, *rest[: block_tokens - 1]]
            rest = rest[block_tokens - 1 :]


def shuffled(blocks: Iterable[list[int]], *, buffer: int, seed: int) -> Iterator[list[int]]:
    """The blocks in an order that hangs on ``seed`` alone, with ``buffer`` of them in memory."""
    draw = random.Random(seed)
    held: list[list[int]] = []
    for block in blocks:
        if len(held) < buffer:
            held.append(block)
            continue
        index = draw.randrange(buffer)
        yield held[index]
        held[index] = block
    draw.shuffle(held)
    yield from held


def train_vocabulary(files: Sequence[Path], *, size: int) -> list[str]:
    """A lower-casing WordPiece vocabulary of ``size`` tokens at most, trained on the files."""
    from tokenizers import BertWordPieceTokenizer

    trainer = BertWordPieceTokenizer(lowercase=True)
    trainer.train_from_iterator(read_passages(files), vocab_size=size, show_progress=False)
    vocabulary: dict[str, int] = trainer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


def _batches(passages: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for passage in passages:
        batch.append(passage)
        if len(batch) == PASSAGES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
