"""Frozen records that flow through the system.

All intervals are half-open, ``start`` inclusive and ``end`` exclusive. ``CharSpan`` counts
characters (Python code points) of the context; token intervals count positions of a window.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, order=True)
class CharSpan:
    """Characters ``start`` to ``end`` (exclusive) of a context. Raises ``ValueError`` if reversed."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a span: [{self.start}, {self.end})")

    def __len__(self) -> int:
        return self.end - self.start

    def of(self, text: str) -> str:
        """The characters of ``text`` this span covers."""
        return text[self.start : self.end]

    def overlaps(self, other: CharSpan) -> bool:
        """Whether the two spans share at least one character."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Question:
    """A question in natural language and the identity its results carry."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """One (question, context) pair with its gold answers.

    ``gold_texts`` are all acceptable answers (none: the question is unanswerable here);
    ``gold_spans`` are where they stand in ``context``, one for each text. An example that is not
    ``labelled`` comes without gold: whether and how it can be answered is not known.

    Raises ``ValueError`` if a gold span does not cut out its text.
    """

    question: Question
    context: str
    gold_texts: tuple[str, ...] = ()
    gold_spans: tuple[CharSpan, ...] = ()
    labelled: bool = True

    def __post_init__(self) -> None:
        if self.gold_texts and not self.labelled:
            raise ValueError(f"{self.question.id}: an example with gold answers is labelled")
        if len(self.gold_texts) != len(self.gold_spans):
            raise ValueError(f"{self.question.id}: one gold span is needed for each gold text")
        for text, span in zip(self.gold_texts, self.gold_spans, strict=True):
            if span.of(self.context) != text:
                raise ValueError(
                    f"{self.question.id}: gold span [{span.start}, {span.end}) reads "
                    f"{span.of(self.context)!r}, not {text!r}"
                )

    @property
    def answerable(self) -> bool:
        """Whether the context is known to hold an answer."""
        return bool(self.gold_texts)


@dataclass(frozen=True, slots=True)
class Window:
    """One model input: ``[CLS] question [SEP] piece of context [SEP]``, unpadded.

    ``input_ids`` and ``token_type_ids`` have one entry a position (T). ``char_spans`` has the
    context characters of each position, ``None`` for special and question tokens. ``first_token``
    and ``context_tokens`` say which of the context's tokens this window shows:
    ``[first_token, first_token + number of its context positions)`` of ``context_tokens``.
    """

    context_index: int
    input_ids: tuple[int, ...]
    token_type_ids: tuple[int, ...]
    char_spans: tuple[CharSpan | None, ...]
    first_token: int
    context_tokens: int

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def context_start(self) -> int:
        """The first position that shows context (its end is ``len(self) - 1``, the last [SEP])."""
        return len(self.input_ids) - 1 - self.context_length

    @property
    def context_length(self) -> int:
        """How many positions show context."""
        return sum(span is not None for span in self.char_spans)


@dataclass(frozen=True, slots=True)
class Windows:
    """All windows of one (question, context) pair, and what had to be left out to make them.

    ``notices`` are sentences for the user (a question cut to its share, ...); empty as a rule.
    """

    windows: tuple[Window, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpanLogits:
    """What a model says of one window: float32 start and end logits, one a position (T,)."""

    start: np.ndarray
    end: np.ndarray

    def __post_init__(self) -> None:
        if self.start.ndim != 1 or self.start.shape != self.end.shape:
            raise ValueError(
                f"start and end logits must be (T,) alike, not {self.start.shape} and {self.end.shape}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """All that a model says of one (question, context) pair, before any decoding.

    Decoding it anew with other settings costs no inference. ``logits`` has one entry a window. A
    reading equals only itself, so that what is computed from it can be kept by identity.
    """

    question: Question
    context: str
    context_index: int
    windows: tuple[Window, ...]
    logits: tuple[SpanLogits, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of a context, with ``score`` (start + end logit) and ``probability`` (see spans)."""

    context_index: int
    span: CharSpan
    text: str
    score: float
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """Ranked answers of one model to one question over one context, best first.

    ``null_score`` is the score of "no answer" on the scale of ``Answer.score``, and
    ``null_probability`` its share of the same distribution. ``answers`` may be empty (a context
    without a word); "no answer" itself is never among them.
    """

    question: Question
    context_index: int
    answers: tuple[Answer, ...]
    null_score: float
    null_probability: float
    notices: tuple[str, ...] = field(default=())

    def best(self, *, null_threshold: float | None = 0.0) -> Answer | None:
        """The best answer, or ``None`` where the model abstains.

        It abstains when ``null_score - best score > null_threshold`` (the rule of SQuAD v2.0);
        with ``null_threshold=None`` it always answers if it can.
        """
        if not self.answers:
            return None
        top = self.answers[0]
        if null_threshold is not None and self.null_score - top.score > null_threshold:
            return None
        return top
