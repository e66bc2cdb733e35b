"""Frozen records that flow through the system.

All intervals are half-open, ``start`` inclusive and ``end`` exclusive. ``CharSpan`` counts
characters (Python code points) of the context; token intervals count positions of a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from biom_demo.qa.calibration import UNCALIBRATED, Calibration
from biom_demo.settings import Precision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int32]
    Logits = NDArray[np.float32]


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
    """A question in natural language; its ``id`` means something in data sets only."""

    text: str
    id: str = ""


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


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """One model input: [CLS], question, [SEP], a piece of the context, [SEP]; unpadded.

    ``ids`` are the tokens, int32 (T,); ``offsets`` the characters of the context that each stands
    for, int32 (T, 2), half-open, (0, 0) where a position shows none. Positions ``context_start`` to
    T - 1 (exclusive) show context: its tokens from ``first_token`` on, of ``context_tokens`` in all.

    Raises ``ValueError`` for shapes that do not fit each other.
    """

    ids: Ids
    offsets: Ids
    first_token: int
    context_start: int
    context_tokens: int

    def __post_init__(self) -> None:
        if self.ids.ndim != 1 or self.offsets.shape != (len(self.ids), 2):
            raise ValueError(f"ids must be (T,), offsets (T, 2): {self.ids.shape}, {self.offsets.shape}")
        if not 0 < self.context_start < len(self.ids):
            raise ValueError(f"no context can start at {self.context_start} of {len(self.ids)} positions")
        if not 0 <= self.first_token <= self.context_tokens - self.context_length:
            raise ValueError(
                f"{self.context_length} tokens from {self.first_token} on are not of {self.context_tokens}"
            )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def context_length(self) -> int:
        """How many positions show context; the last position, a [SEP], does not."""
        return len(self.ids) - 1 - self.context_start


@dataclass(frozen=True, slots=True)
class Windows:
    """All windows of one (question, context) pair, and what had to be left out to make them.

    ``notices`` are sentences for the user (a question cut to its share, ...); empty as a rule.
    """

    windows: tuple[Window, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SpanLogits:
    """What a model says of one window: float32 start and end logits, one a position (T,)."""

    start: Logits
    end: Logits

    def __post_init__(self) -> None:
        if self.start.ndim != 1 or self.start.shape != self.end.shape:
            raise ValueError(
                f"start and end logits must be (T,) alike, not {self.start.shape} and {self.end.shape}"
            )


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Reading:
    """All that a model says of one (question, context) pair, before any decoding.

    Decoding it anew with other settings costs no inference. ``logits`` has one entry a window;
    ``calibration`` is the checkpoint's, which its probabilities are made with; of so many of the windows
    the logits were ``known`` from before (``qa.logits_cache``); ``precision`` is what the model computed
    in. A reading equals only itself and can be referred to weakly, so that what is computed from it can be
    kept by identity for as long as it lives.

    Raises ``ValueError`` without a window, or where the logits are not those of the windows.
    """

    question: Question
    context: str
    windows: tuple[Window, ...]
    logits: tuple[SpanLogits, ...]
    notices: tuple[str, ...] = ()
    calibration: Calibration = UNCALIBRATED
    known: int = 0
    precision: Precision = Precision.FLOAT32

    def __post_init__(self) -> None:
        if not self.windows:
            raise ValueError("at least one window is needed")
        for window, logit in zip(self.windows, self.logits, strict=True):
            if len(window) != len(logit.start):
                raise ValueError(f"{len(logit.start)} logits for a window of {len(window)} positions")

    @property
    def gaps(self) -> tuple[CharSpan, ...]:
        """The stretches of the context that no window shows, in order; none where all of it was read."""
        gaps = []
        token = char = 0  # shown up to here
        for window in sorted(self.windows, key=lambda window: window.first_token):
            shown = window.offsets[window.context_start : -1]
            if window.first_token > token and len(shown):
                gaps.append(CharSpan(char, max(char, int(shown[0, 0]))))
            end = window.first_token + len(shown)
            if end > token:
                token, char = end, int(shown[-1, 1])
        if token < self.windows[0].context_tokens:
            gaps.append(CharSpan(char, max(char, len(self.context))))
        return tuple(gap for gap in gaps if len(gap))


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of a context, with ``score`` (start + end logit) and ``probability`` (see spans)."""

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
    answers: tuple[Answer, ...]
    null_score: float
    null_probability: float
    notices: tuple[str, ...] = ()

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
