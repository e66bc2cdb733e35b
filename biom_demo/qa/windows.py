"""Question and context -> model inputs with exact character offsets. The only tokenizer caller.

Two strides are in use in the field: ``doc_stride`` of run_squad.py is the *step* from one window
to the next, ``stride`` of the fast tokenizers is the *overlap*. Here it is the step,
``window_step_tokens``, and the windows are cut by hand so that the two cannot be confused.

Source: facts of google-research/bert ``run_squad.py`` and transformers ``run_squad.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from biom_demo.errors import CheckpointError, InputError
from biom_demo.qa.last_used import LastUsed
from biom_demo.qa.records import CharSpan, Window, Windows

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from biom_demo.qa.records import Ids

MAX_SEQ_LENGTH = 512
WINDOW_STEP_TOKENS = 128  # the published table's
# The app's: a long text is read less than half as often, and no answer that was right is lost by it
# (benchmarks/window_step.py). Windows still share more than the longest answer and what stands around it.
READING_STEP_TOKENS = 320
MAX_QUESTION_TOKENS = 64
PIECES_BYTES_KEPT = 16 << 20  # of all texts: some 4 million characters


class Pieces(NamedTuple):
    """A text as tokens: ids, int32 (L,), and the characters each stands for, int32 (L, 2).

    The spans are half-open, and empty for a token that stands for no characters.
    """

    ids: Ids
    offsets: Ids


def tokenize(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[Pieces]:
    """The tokens of each text without special tokens, padding or truncation.

    Lone surrogates, which are legal in a Python string but not in UTF-8, are read as U+FFFD: one
    character for one character, so offsets stay true.
    """
    backend = _plain(tokenizer)
    encodings = backend.encode_batch([_encodable(text) for text in texts], add_special_tokens=False)
    return [
        Pieces(
            np.array(encoding.ids, np.int32),
            np.fromiter(chain.from_iterable(encoding.offsets), np.int32, 2 * len(encoding)).reshape(-1, 2),
        )
        for encoding in encodings
    ]


class PiecesCache:
    """The tokens of the texts that were read last, so that models of one vocabulary tokenise a text once.

    Of a text a digest is kept, not itself. Threads may share it.
    """

    def __init__(self, most_bytes: int = PIECES_BYTES_KEPT) -> None:
        self._kept: LastUsed[tuple[bytes, bytes], Pieces] = LastUsed(most_bytes, _size)

    @property
    def bytes_held(self) -> int:
        """What is kept takes so many."""
        return self._kept.bytes_held

    def tokenize(
        self, tokenizer: PreTrainedTokenizerFast, vocabulary: bytes, texts: Sequence[str]
    ) -> list[Pieces]:
        """As ``tokenize`` does; ``vocabulary`` is the same for tokenizers that tokenise alike."""
        keys = [(vocabulary, _digest(text)) for text in texts]
        found = {key: self._kept.get(key) for key in keys}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if found[key] is None}
        made = dict(zip(missing, tokenize(tokenizer, list(missing.values())), strict=True)) if missing else {}
        for key, pieces in made.items():
            self._kept.put(key, pieces)
        return [found[key] or made[key] for key in keys]


def _size(pieces: Pieces) -> int:
    return pieces.ids.nbytes + pieces.offsets.nbytes


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _plain(tokenizer: PreTrainedTokenizerFast) -> Any:
    """The Rust tokenizer without the padding and truncation that its file may have asked for."""
    backend = tokenizer.backend_tokenizer
    # Only where they are set, as another thread may be encoding.
    if backend.padding is not None:
        backend.no_padding()
    if backend.truncation is not None:
        backend.no_truncation()
    return backend


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


class Layout(NamedTuple):
    """How a tokenizer joins a question and a context: [CLS] question [SEP] context [SEP].

    ``before``, ``between`` and ``after`` are the ids of the special tokens; RoBERTa's and MPNet's
    have two between. ``types`` are the token types (segments) of the five parts in order.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    types: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerFast) -> Layout:
        """The layout that the tokenizer's own pair template gives, else the one of BERT.

        Raises ``CheckpointError`` where it is another than one token before, one or more between
        and one after: "no answer" is read off the first position.
        """
        parts: list[tuple[int | None, list[int], int]] = []  # text 0 or 1 or none, ids, type
        joined = _plain(tokenizer).encode("gene", "drug", add_special_tokens=True)
        for text, token, kind in zip(joined.sequence_ids, joined.ids, joined.type_ids, strict=True):
            if not parts or parts[-1][0] != text:
                parts.append((text, [], kind))
            parts[-1][1].append(token)
        if [text for text, _, _ in parts] == [None, 0, None, 1, None]:
            (_, before, _), _, (_, between, _), _, (_, after, _) = parts
            found = cls(tuple(before), tuple(between), tuple(after), tuple(kind for _, _, kind in parts))
            if len(before) == len(after) == 1:
                return found
        cls_id, sep_id = tokenizer.cls_token_id, tokenizer.sep_token_id
        if None not in [text for text, _, _ in parts] and cls_id is not None and sep_id is not None:
            return cls((cls_id,), (sep_id,), (sep_id,), (0, 0, 0, 1, 1))
        raise CheckpointError(
            "Its tokenizer does not join a question and a text as [CLS] question [SEP] text [SEP]. "
            "Choose a checkpoint of the kind of BERT, ALBERT, ELECTRA or RoBERTa."
        )

    @property
    def special_tokens(self) -> int:
        """How many positions of a window the special tokens take."""
        return len(self.before) + len(self.between) + len(self.after)

    def token_types(self, length: int, context_start: int) -> Ids:
        """The token types, int32 (T,), of a window of ``length`` whose context starts there."""
        before, between, after = len(self.before), len(self.between), len(self.after)
        sizes = (
            before,
            context_start - before - between,
            between,
            length - context_start - after,
            after,
        )
        return np.repeat(np.array(self.types, np.int32), sizes)


def build_windows(
    tokenizer: PreTrainedTokenizerFast,
    pairs: Iterable[tuple[str, str]],
    *,
    max_seq_length: int = MAX_SEQ_LENGTH,
    window_step_tokens: int = WINDOW_STEP_TOKENS,
    max_question_tokens: int = MAX_QUESTION_TOKENS,
    regions: Sequence[CharSpan] = (),
    tokenized: Callable[[Sequence[str]], Sequence[Pieces]] | None = None,
) -> Iterator[Windows]:
    """The windows of each (question, context) pair, in order; all are tokenised together first.

    ``tokenized`` gives the tokens of texts, as ``tokenize`` does with this tokenizer.

    A context of L tokens with room for C a window gives one window if L <= C, else
    ``1 + ceil((L - C) / window_step_tokens)``, so every context token is in at least one. A context
    without tokens still gives one window (the model can say "no answer" there).

    With ``regions`` windows show these characters of each context, and what stands around them where
    that does not fill a window; the rest is in none (``Reading.gaps``).

    Raises ``InputError`` where an empty question is met, ``ValueError`` for lengths that leave no
    room, ``CheckpointError`` for a tokenizer of another kind (see ``Layout``).
    """
    pairs = list(pairs)
    layout = Layout.of(tokenizer)
    room = max_seq_length - layout.special_tokens
    if room < 2 or window_step_tokens < 1 or max_question_tokens < 1:
        raise ValueError(f"no room: {max_seq_length=}, {window_step_tokens=}, {max_question_tokens=}")
    # Where a short window is asked for, the question may take half of it at most.
    share = min(max_question_tokens, room // 2)
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    found = tokenized(texts) if tokenized else tokenize(tokenizer, texts)
    pieces = dict(zip(texts, found, strict=True))
    for question, context in pairs:
        if not question.strip():
            raise InputError("The question is empty. Type a question, for example: Which gene is mutated?")
        question_ids = pieces[question].ids
        if not len(question_ids):
            raise InputError("The question holds no readable character. Type it in words.")
        notices: tuple[str, ...] = ()
        if len(question_ids) > share:
            notices = (
                f"The question has {len(question_ids)} tokens; only its first {share} were read. "
                "Shorten it to have all of it count.",
            )
            question_ids = question_ids[:share]
        head = np.concatenate([layout.before, question_ids, layout.between]).astype(np.int32)
        capacity = room - len(question_ids)
        step = min(window_step_tokens, capacity)  # a longer step would leave tokens unread
        shown = pieces[context]
        runs = _runs(shown, len(context), regions, capacity) if regions else [(0, len(shown.ids))]
        made = chain.from_iterable(_cut(head, shown, layout.after, capacity, step, *run) for run in runs)
        yield Windows(tuple(made), notices)


def _runs(context: Pieces, chars: int, regions: Sequence[CharSpan], capacity: int) -> list[tuple[int, int]]:
    """The tokens [first, end) to show for ``regions``, each run filled up to a window where that is possible.

    One run at least, of nothing where no token is in a region.
    """
    inside = np.zeros(chars + 1, np.int64)
    for region in regions:
        inside[region.start : region.end] = 1
    before = np.concatenate([[0], np.cumsum(inside)])  # characters in a region before each
    shown = before[context.offsets[:, 1]] > before[context.offsets[:, 0]]  # (L,)
    edges = np.flatnonzero(np.diff(shown, prepend=False, append=False)).tolist()
    runs: list[tuple[int, int]] = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        wider = max(0, capacity - (end - first))
        first = max(0, min(first - wider // 2, len(shown) - capacity))
        end = max(end, min(first + capacity, len(shown)))
        if runs and first <= runs[-1][1]:
            first, end = runs[-1][0], max(end, runs.pop()[1])
        runs.append((first, end))
    return runs or [(0, 0)]


def _cut(
    head: Ids, context: Pieces, after: tuple[int, ...], capacity: int, step: int, first: int, end: int
) -> Iterator[Window]:
    """Windows over the context's tokens [first, end)."""
    total = len(context.ids)
    for start in range(first, max(end - capacity, first) + step, step):
        stop = min(start + capacity, end)
        shown = context.ids[start:stop]
        ids = np.concatenate([head, shown, after]).astype(np.int32)
        offsets = np.zeros((len(ids), 2), np.int32)
        offsets[len(head) : len(head) + len(shown)] = context.offsets[start:stop]
        yield Window(ids, offsets, first_token=start, context_start=len(head), context_tokens=total)
        if stop >= end:
            return


def label(window: Window, gold: CharSpan | None) -> tuple[int, int]:
    """(first, last) positions of the tokens that cover ``gold``, both inclusive, as the loss wants.

    (0, 0), the [CLS] position, where there is no gold answer or this window does not show all of
    it: such windows teach the null score. Tokens without characters never count.
    """
    if gold is None:
        return 0, 0
    starts, ends = window.offsets[:, 0], window.offsets[:, 1]
    real = starts < ends
    covering = np.flatnonzero(real & (starts < gold.end) & (ends > gold.start))
    if not len(covering):
        return 0, 0
    first, last = int(covering[0]), int(covering[-1])
    # At a window's edge the answer may go on outside of it.
    more_before = window.first_token > 0 and not real[:first].any()
    shown_to = window.first_token + window.context_length
    more_after = shown_to < window.context_tokens and not real[last + 1 :].any()
    if (more_before and starts[first] > gold.start) or (more_after and ends[last] < gold.end):
        return 0, 0
    return first, last


def tokenizer_fingerprint(tokenizer: Any) -> str:
    """The tokenizer as its JSON text; equal strings tokenize alike."""
    return str(tokenizer.backend_tokenizer.to_str())
