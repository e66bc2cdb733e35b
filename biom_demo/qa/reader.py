"""(question, context) pairs -> ``Reading``s and ``Prediction``s: a stream, whatever its length.

The reader tokenises, cuts windows, batches them and decodes; an engine (``qa.engines``) runs the
model. Nothing here imports the library that does.
"""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from biom_demo.errors import InputError
from biom_demo.qa import spans, windows
from biom_demo.qa.calibration import UNCALIBRATED, Calibration
from biom_demo.qa.engines import Engine
from biom_demo.qa.logits_cache import LogitsCache
from biom_demo.qa.records import CharSpan, Prediction, Question, Reading, SpanLogits, Windows
from biom_demo.settings import Precision

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Attention is quadratic and batches share memory, so a batch is bounded by positions, not rows.
BATCH_POSITIONS = 4096
# From so many on a larger batch is no quicker, and windows shorter than this share of the longest wait.
ENOUGH_POSITIONS = 512
LIKE_LENGTH = 0.9
# What is read ahead of the answers, in characters: windows of like length are found among it, and no
# more of a stream is ever held. It starts at about one batch, so that the first answers come soon.
LOOK_AHEAD_CHARS = 1 << 18
FIRST_LOOK_AHEAD_CHARS = 1 << 14
PAIR_CHARS = 16  # what a pair costs beside its text

Pair = tuple[Question, str]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How windows are cut and spans chosen; the defaults are ``evaluate``'s.

    With ``run_squad`` the published table's decoding is used (shortlists, max-context rule, its texts).
    """

    max_seq_length: int = windows.MAX_SEQ_LENGTH
    window_step_tokens: int = windows.WINDOW_STEP_TOKENS
    max_question_tokens: int = windows.MAX_QUESTION_TOKENS
    max_answer_length: int = spans.MAX_ANSWER_LENGTH
    n_best: int = 20
    run_squad: bool = False


READING = Decoding(window_step_tokens=windows.READING_STEP_TOKENS)  # the app's


def decoding_of(reading: Reading) -> Decoding:
    """Which of the two ways of cutting a text the reading's windows show: ``evaluate``'s, or the app's.

    The app's where one window shows the whole context, as both cut that alike.
    """
    if len(reading.windows) < 2 or reading.gaps:
        return READING
    first, second, *_ = reading.windows
    published = second.first_token - first.first_token == windows.WINDOW_STEP_TOKENS
    return Decoding() if published else READING


class Reader:
    """A tokenizer and an engine that runs the model. Threads may share it.

    With a ``cache`` a window that it holds is not read again; with ``pieces``, which readers may share, a
    text that another reader of this vocabulary has tokenised is not tokenised again. ``precision`` is what
    the engine computes in, which its readings tell.
    """

    def __init__(
        self,
        engine: Engine,
        tokenizer: PreTrainedTokenizerFast,
        decoding: Decoding | None = None,
        calibration: Calibration = UNCALIBRATED,
        cache: LogitsCache | None = None,
        pieces: windows.PiecesCache | None = None,
        precision: Precision = Precision.FLOAT32,
    ) -> None:
        self.engine = engine
        self.precision = precision
        self.cache = cache
        self._pieces = pieces
        # The same for all tokenizers that tokenise alike; it is a text of some size, so it is taken once.
        self._vocabulary = _vocabulary_of(tokenizer) if pieces else b""
        self.tokenizer = tokenizer
        self.decoding = decoding or Decoding()
        self.calibration = calibration
        # A checkpoint of shorter positions (ELECTRA pre-trained at 128, say) bounds the window.
        self.max_seq_length = min(self.decoding.max_seq_length, engine.max_positions)

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        name: str | None = None,
        decoding: Decoding | None = None,
        allow_new_head: bool = False,
        cache: LogitsCache | None = None,
        pieces: windows.PiecesCache | None = None,
        precision: Precision = Precision.FLOAT32,
    ) -> Reader:
        """A reader of a checkpoint folder, or of a Hub id whose files lie in the local cache.

        ``name`` is what messages call it, in place of ``source``. A folder's calibration is used (see
        ``qa.calibration``). Raises ``CheckpointError`` as
        ``PyTorchEngine.load`` does, and where the calibration is damaged.
        """
        # Imported here: torch takes seconds, and most modules that import this one need none.
        from biom_demo.qa.engines.pytorch import PyTorchEngine

        engine = PyTorchEngine.load(source, name=name, allow_new_head=allow_new_head, precision=precision)
        calibration = Calibration.of_folder(Path(source))
        return cls(engine, engine.tokenizer, decoding, calibration, cache, pieces, precision)

    def decoding_as(self, decoding: Decoding) -> Reader:
        """This reader with another way to cut and choose; engine and caches are shared."""
        made = copy.copy(self)
        made.decoding = decoding
        made.max_seq_length = min(decoding.max_seq_length, self.engine.max_positions)
        return made

    def predictions(
        self,
        pairs: Iterable[Pair],
        *,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Prediction]:
        """The ranked answers to each (question, context) pair, in order; see ``readings``."""
        decode: Callable[..., Prediction] = spans.decode
        if self.decoding.run_squad:
            decode = partial(spans.decode_run_squad, tokenizer=self.tokenizer)
        for reading in self.readings(pairs, progress=progress, stop=stop):
            yield decode(
                reading,
                max_answer_length=self.decoding.max_answer_length,
                n_best=self.decoding.n_best,
            )

    def readings(
        self,
        pairs: Iterable[Pair],
        *,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Reading]:
        """The undecoded logits of each (question, context) pair, in order.

        ``pairs`` may be an iterator of any length, or without end: no more than the look-ahead is
        held. ``progress`` is called after each batch with the number of windows read so far. When
        ``stop`` is set, no pair comes after the batch in hand.

        Raises ``InputError`` at an empty question, once the pairs before it have been read.
        """
        steps = self.steps(pairs, batch_positions=BATCH_POSITIONS, stop=stop)
        done = 0
        for step in steps:
            if progress and step.windows > done:
                done = step.windows
                progress(done)
            yield from step.readings

    def steps(
        self,
        pairs: Iterable[Pair],
        *,
        batch_positions: int,
        stop: threading.Event | None = None,
        regions: Sequence[CharSpan] = (),
    ) -> Steps:
        """The same readings as ``readings`` gives, one batch of at most ``batch_positions`` at a time.

        Whoever takes the steps may do other work in between, or take no more of them. With ``regions``
        only windows that show these characters of each context are read (``windows.build_windows``).
        """
        return Steps(self, pairs, batch_positions, stop, regions)

    def cut(
        self, pairs: Sequence[Pair], regions: Sequence[CharSpan] = ()
    ) -> tuple[list[_Pending], InputError | None]:
        """The pairs' windows, as far as the first question that cannot be read, and what is wrong with it."""
        made = windows.build_windows(
            self.tokenizer,
            [(question.text, context) for question, context in pairs],
            max_seq_length=self.max_seq_length,
            window_step_tokens=self.decoding.window_step_tokens,
            max_question_tokens=self.decoding.max_question_tokens,
            regions=regions,
            tokenized=self._tokenized if self._pieces else None,
        )
        waiting: list[_Pending] = []
        try:
            for (question, context), cut in zip(pairs, made, strict=True):
                waiting.append(_Pending(question, context, cut, self.precision))
        except InputError as error:
            return waiting, error
        return waiting, None

    def _tokenized(self, texts: Sequence[str]) -> Sequence[windows.Pieces]:
        assert self._pieces is not None
        return self._pieces.tokenize(self.tokenizer, self._vocabulary, texts)


def _vocabulary_of(tokenizer: PreTrainedTokenizerFast) -> bytes:
    return hashlib.blake2b(windows.tokenizer_fingerprint(tokenizer).encode()).digest()


@dataclass(frozen=True, slots=True)
class Step:
    """What one step brought: the readings that it completed, in order, each made as it is taken.

    ``windows`` have been read so far, and of the pairs' characters ``chars``, in all steps.
    """

    readings: Iterator[Reading]
    windows: int
    chars: float


class Steps(Iterator[Step]):
    """A stream of pairs being read. A step cuts some pairs into windows, or reads one batch of them."""

    def __init__(
        self,
        reader: Reader,
        pairs: Iterable[Pair],
        batch_positions: int,
        stop: threading.Event | None,
        regions: Sequence[CharSpan] = (),
    ) -> None:
        self._waiting: list[_Pending] = []
        self._first = 0  # the first of the waiting whose reading has not been given
        self._steps = self._taken(reader, pairs, batch_positions, stop, regions)

    def __next__(self) -> Step:
        return next(self._steps)

    def begun(self, calibration: Calibration) -> Reading | None:
        """The reading of the first pair that is not complete, of the windows read from its start on.

        It says how much of the text they cover. ``None`` where the first window has not been read.
        """
        if self._first == len(self._waiting):
            return None
        return self._waiting[self._first].so_far(calibration)

    def _taken(
        self,
        reader: Reader,
        pairs: Iterable[Pair],
        batch_positions: int,
        stop: threading.Event | None,
        regions: Sequence[CharSpan],
    ) -> Iterator[Step]:
        windows, chars = 0, 0.0
        for chunk in _look_ahead(pairs, stop):
            self._waiting, failure = reader.cut(chunk, regions)
            self._first = 0
            places = [(pending, i) for pending in self._waiting for i in range(len(pending.made.windows))]
            a_window = sum(size_of(*pair) for pair in chunk) / max(len(places), 1)
            unread = [place for place in places if not self._known(reader, *place)]
            windows += len(places) - len(unread)
            chars += a_window * (len(places) - len(unread))
            yield Step(self._completed(reader), windows, chars)
            places = unread
            lengths = [len(pending.made.windows[i]) for pending, i in places]
            for batch in _batches(lengths, batch_positions):
                if stop is not None and stop.is_set():
                    return
                taken = [places[i] for i in batch]
                found = reader.engine.logits([pending.made.windows[i] for pending, i in taken])
                for (pending, i), logits in zip(taken, found, strict=True):
                    pending.take(i, logits)
                    if reader.cache is not None:
                        reader.cache.put(pending.made.windows[i], logits)
                windows += len(batch)
                chars += a_window * len(batch)
                yield Step(self._completed(reader), windows, chars)
            if failure:
                raise failure

    @staticmethod
    def _known(reader: Reader, pending: _Pending, i: int) -> bool:
        """Whether the window's logits were known, and are taken."""
        logits = reader.cache.get(pending.made.windows[i]) if reader.cache is not None else None
        if logits is not None:
            pending.take(i, logits, known=True)
        return logits is not None

    def _completed(self, reader: Reader) -> Iterator[Reading]:
        """The readings complete by now and not given before, each made as it is taken."""
        before = self._first
        while self._first < len(self._waiting) and not self._waiting[self._first].missing:
            self._first += 1
        complete = self._waiting[before : self._first]
        return (one.reading(reader.calibration) for one in complete)


class _Pending:
    """A pair, and the logits of those of its windows that have been read."""

    def __init__(self, question: Question, context: str, made: Windows, precision: Precision) -> None:
        self.precision = precision
        self.question = question
        self.context = context
        self.made = made
        self.logits: list[SpanLogits | None] = [None] * len(made.windows)
        self.missing = len(made.windows)
        self.known = 0

    def take(self, i: int, logits: SpanLogits, *, known: bool = False) -> None:
        """The logits of the window ``i`` have come."""
        self.logits[i] = logits
        self.missing -= 1
        self.known += known

    def reading(self, calibration: Calibration) -> Reading:
        """The pair's reading; no window may be missing."""
        logits = tuple(found for found in self.logits if found is not None)
        made = self.made
        return Reading(
            self.question,
            self.context,
            made.windows,
            logits,
            made.notices,
            calibration,
            self.known,
            self.precision,
        )

    def so_far(self, calibration: Calibration) -> Reading | None:
        """The reading of the windows before the first missing one, with a notice; ``None`` for none."""
        logits = tuple(found for found in takewhile(lambda found: found is not None, self.logits) if found)
        if not logits:
            return None
        windows = self.made.windows[: len(logits)]
        end = int(windows[-1].offsets.max())
        notice = f"Only the first {end:,} of {len(self.context):,} characters were read."
        if Reading(self.question, self.context, windows, logits).gaps[:-1]:  # regions were asked for
            notice = f"Reading ended early: nothing after character {end:,} was read."
        notices = (*self.made.notices, notice)
        known = min(self.known, len(windows))
        return Reading(
            self.question, self.context, windows, logits, notices, calibration, known, self.precision
        )


def _look_ahead(pairs: Iterable[Pair], stop: threading.Event | None) -> Iterator[list[Pair]]:
    """The pairs, some at a time, up to ``LOOK_AHEAD_CHARS`` and one pair more."""
    limit, held = FIRST_LOOK_AHEAD_CHARS, 0
    chunk: list[Pair] = []
    try:
        for question, context in pairs:
            if stop is not None and stop.is_set():
                return
            chunk.append((question, context))
            held += size_of(question, context)
            if held >= limit:
                yield chunk
                limit, held, chunk = min(2 * limit, LOOK_AHEAD_CHARS), 0, []
    except Exception:  # the source's own: what came before it is read first
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def size_of(question: Question, context: str) -> int:
    """What a pair costs, in characters; ``Step.chars`` counts them."""
    return len(question.text) + len(context) + PAIR_CHARS


def _batches(lengths: Sequence[int], positions: int) -> Iterator[list[int]]:
    """Indices by batch, longest first, each batch at most ``positions`` padded ones (or one window).

    A batch that is full enough takes no window much shorter than its longest: that would be padding.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    batch: list[int] = []
    for index in order:
        if batch:
            longest = lengths[batch[0]]
            full = longest * (len(batch) + 1) > positions
            enough = longest * len(batch) >= ENOUGH_POSITIONS
            if full or (enough and lengths[index] < LIKE_LENGTH * longest):
                yield batch
                batch = []
        batch.append(index)
    if batch:
        yield batch
