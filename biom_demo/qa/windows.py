"""Question and context -> model inputs with exact character offsets. The only tokenizer caller.

Two strides are in use in the field: ``doc_stride`` of run_squad.py is the *step* from one window
to the next, ``stride`` of the fast tokenizers is the *overlap*. Here it is the step,
``window_step_tokens``, and the windows are cut by hand so that the two cannot be confused.

Source: facts of google-research/bert ``run_squad.py`` and transformers ``run_squad.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from biom_demo.errors import InputError
from biom_demo.qa.records import CharSpan, Window, Windows

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MAX_SEQ_LENGTH = 512
WINDOW_STEP_TOKENS = 128
MAX_QUESTION_TOKENS = 64


class Pieces(NamedTuple):
    """A text as tokens: ids, and the characters each stands for (empty spans where it has none)."""

    ids: list[int]
    offsets: list[tuple[int, int]]


def tokenize(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[Pieces]:
    """The tokens of each text without special tokens, padding or truncation.

    Lone surrogates, which are legal in a Python string but not in UTF-8, are read as U+FFFD: one
    character for one character, so offsets stay true.
    """
    clean = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    clean = [c if len(c) == len(t) else _replace_surrogates(t) for c, t in zip(clean, texts, strict=True)]
    backend = tokenizer.backend_tokenizer
    # A saved tokenizer.json may carry padding and truncation of its own; neither may act here.
    backend.no_padding()
    backend.no_truncation()
    return [Pieces(e.ids, e.offsets) for e in backend.encode_batch(clean, add_special_tokens=False)]


def _replace_surrogates(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


def build_windows(
    tokenizer: PreTrainedTokenizerFast,
    question: str,
    contexts: Sequence[str],
    *,
    max_seq_length: int = MAX_SEQ_LENGTH,
    window_step_tokens: int = WINDOW_STEP_TOKENS,
    max_question_tokens: int = MAX_QUESTION_TOKENS,
) -> list[Windows]:
    """One ``Windows`` for each context, in order; ``Window.context_index`` counts ``contexts``.

    A context of L tokens with room for C a window gives one window if L <= C, else
    ``1 + ceil((L - C) / window_step_tokens)``, so every context token is in at least one. A context
    without tokens still gives one window (the model can say "no answer" there).

    Raises ``InputError`` for an empty question, ``ValueError`` for lengths that leave no room or a
    step that would skip tokens.
    """
    if not question.strip():
        raise InputError("The question is empty. Type a question, for example: Which gene is mutated?")
    pieces = tokenize(tokenizer, [question, *contexts])
    question_ids = pieces[0].ids
    if not question_ids:
        raise InputError("The question holds no readable character. Type it in words.")
    # Where a short window is asked for, the question may take half of it at most.
    share = min(max_question_tokens, (max_seq_length - 3) // 2)
    notices: tuple[str, ...] = ()
    if len(question_ids) > share:
        notices = (
            f"The question has {len(question_ids)} tokens; only its first {share} were read. "
            "Shorten it to have all of it count.",
        )
        question_ids = question_ids[:share]
    capacity = max_seq_length - len(question_ids) - 3
    if capacity < 1 or window_step_tokens < 1:
        raise ValueError(f"no room: {max_seq_length=}, {window_step_tokens=}, {len(question_ids)=}")
    step = min(window_step_tokens, capacity)  # a longer step would leave tokens unread
    special = _Special.of(tokenizer)
    return [
        Windows(tuple(_cut(special, question_ids, piece, index, capacity, step)), notices)
        for index, piece in enumerate(pieces[1:])
    ]


class _Special(NamedTuple):
    cls: int
    sep: int
    context_type: int

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerFast) -> _Special:
        cls_id, sep_id = tokenizer.cls_token_id, tokenizer.sep_token_id
        if cls_id is None or sep_id is None:
            raise InputError(
                "This tokenizer has no [CLS] and [SEP] tokens. Choose a BERT, ALBERT or ELECTRA checkpoint."
            )
        return cls(cls_id, sep_id, 1)


def _cut(
    special: _Special, question_ids: list[int], context: Pieces, index: int, capacity: int, step: int
) -> Iterator[Window]:
    head = (special.cls, *question_ids, special.sep)
    total = len(context.ids)
    for start in range(0, max(total - capacity, 0) + step, step):
        ids = context.ids[start : start + capacity]
        yield Window(
            context_index=index,
            input_ids=(*head, *ids, special.sep),
            token_type_ids=(0,) * len(head) + (special.context_type,) * (len(ids) + 1),
            char_spans=(
                *(None,) * len(head),
                *(CharSpan(a, b) for a, b in context.offsets[start : start + capacity]),
                None,
            ),
            first_token=start,
            context_tokens=total,
        )
        if start + capacity >= total:
            return


def label(window: Window, gold: CharSpan | None) -> tuple[int, int]:
    """(first, last) positions of the tokens that cover ``gold``, both inclusive, as the loss wants.

    (0, 0), the [CLS] position, where there is no gold answer or this window does not show all of
    it: such windows teach the null score. Tokens without characters never count.
    """
    if gold is None:
        return 0, 0
    covering = [
        (position, span)
        for position, span in enumerate(window.char_spans)
        if span is not None and len(span) and span.overlaps(gold)
    ]
    if not covering:
        return 0, 0
    (first, first_span), (last, last_span) = covering[0], covering[-1]
    # At a window's edge the answer may go on outside of it.
    more_before = window.first_token > 0 and first == window.context_start
    more_after = (
        window.first_token + window.context_length < window.context_tokens and last == len(window) - 2
    )
    if (more_before and first_span.start > gold.start) or (more_after and last_span.end < gold.end):
        return 0, 0
    return first, last


def tokenizer_fingerprint(tokenizer: Any) -> str:
    """The tokenizer as its JSON text; equal strings tokenize alike."""
    return str(tokenizer.backend_tokenizer.to_str())
