"""The readers in memory: loaded once, shared by page and API, the least used dropped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import Checkpoint, is_hub_id, locate
from biom_demo.models.memory import require_memory, shortage
from biom_demo.models.worker import Ended, Job, Progress, Worker
from biom_demo.qa.checkpoint_files import weights_of
from biom_demo.qa.reader import READING, Decoding
from biom_demo.qa.records import CharSpan, Question, Reading
from biom_demo.settings import Precision

if TYPE_CHECKING:
    from biom_demo.qa.reader import Reader
    from biom_demo.qa.windows import PiecesCache

READERS_KEPT = 6  # a pair in every precision, or the most models of one comparison and a pair


class Models:
    """A thread-safe store of readers by checkpoint folder and precision, and the worker that runs them.

    ``threads`` are a model's CPU threads; 0 is torch's choice. ``precision`` is what models compute in where
    nobody asks for another.
    Nothing that costs seconds is imported before the first reading. With ``remembering`` what was read
    lately is not read again (``qa.logits_cache``); a run that must end the same wherever it was broken off
    goes without.
    """

    def __init__(
        self,
        *,
        threads: int = 0,
        precision: Precision = Precision.FLOAT32,
        remembering: bool = True,
    ) -> None:
        self.worker = Worker()
        self._threads = threads
        self.precision = precision
        self._remembering = remembering
        self._readers: OrderedDict[tuple[Path, Precision], Reader] = OrderedDict()
        self._pieces: PiecesCache | None = None
        self._loading = threading.Lock()

    def reader(self, checkpoint: Checkpoint, precision: Precision | None = None) -> Reader:
        """The checkpoint's reader in a precision (``None``: that of all), loaded at its first use.

        Each has its own cache of logits. Where the memory left is not enough for it, those that were used
        the longest ago make room. Raises ``CheckpointError`` if it is not on this machine, cannot be loaded
        or does not fit, and where the processor should not compute in that precision.
        """
        precision = precision or self.precision
        folder = locate(checkpoint)
        if folder is None:
            by_hand = f" (hf download {checkpoint.name})" if is_hub_id(checkpoint.name) else ""
            raise CheckpointError(
                f"{checkpoint.label} is not on this machine. Choose the mini pair, or have it fetched by "
                f"whoever runs the page{by_hand}."
            )
        with self._loading:
            key = folder, precision
            if key in self._readers:
                self._readers.move_to_end(key)
                return self._readers[key]
            from biom_demo.qa.engines.pytorch import set_threads
            from biom_demo.qa.logits_cache import LogitsCache
            from biom_demo.qa.reader import Reader
            from biom_demo.qa.windows import PiecesCache

            if self._pieces is None:
                self._pieces = PiecesCache()
            self._make_room(folder)
            require_memory(folder, checkpoint.label)
            if self._threads:
                set_threads(self._threads)
            reader = Reader.load(
                folder,
                name=checkpoint.label,
                decoding=READING,
                cache=LogitsCache() if self._remembering else None,
                pieces=self._pieces,
                precision=precision,
            )
            self._readers[key] = reader
            while len(self._readers) > READERS_KEPT:
                self._readers.popitem(last=False)
            return reader

    def _make_room(self, folder: Path) -> None:
        """Drop the least used readers where the folder's weights do not fit beside them, but do without."""
        with suppress(CheckpointError):  # of a damaged file ``require_memory`` tells
            needed = weights_of(folder).bytes_read
            held = sum(weights_of(kept).bytes_read for kept, _ in self._readers)
            if shortage(max(0, needed - held)):
                return
            while self._readers and shortage(needed):
                self._readers.popitem(last=False)

    @property
    def loaded(self) -> int:
        """Readers in memory."""
        return len(self._readers)

    def visit(
        self,
        visitor: str = "",
        *,
        stop: threading.Event | None = None,
        budget_s: float | None = None,
        precision: Precision | None = None,
    ) -> Visit:
        """What reads for one request of a visitor; see ``Visit``."""
        return Visit(self, visitor, stop=stop, budget_s=budget_s, precision=precision)


class Visit:
    """The readers as one request of a visitor has them: in turn with all others, and within a budget.

    ``stop`` ends what is being read within a batch; ``budget_s`` are the seconds of the worker's time
    that all readings of the request may take, ``None`` for any number. ``precision`` is what all its models
    compute in, ``None`` for that of the store. ``left`` tells whether nobody is there any more to be shown
    what was read; ``decoding`` is how texts are cut into windows, as the app does unless it is set.
    """

    def __init__(
        self,
        models: Models,
        visitor: str = "",
        *,
        stop: threading.Event | None = None,
        budget_s: float | None = None,
        precision: Precision | None = None,
    ) -> None:
        self.visitor = visitor
        self.stop = stop or threading.Event()
        self.left: Callable[[], bool] = lambda: False
        self.decoding: Decoding = READING  # how texts are cut into windows
        self.budget_s = budget_s
        self.used_s = 0.0
        self.waited_s = 0.0  # for the first turns of what was read
        self.ended: Ended | None = None  # why not all that was asked for was read
        self._models = models
        self._precision = precision
        self._job: Job | None = None
        self._reads = ""

    def read(
        self,
        checkpoint: Checkpoint,
        pairs: Sequence[tuple[Question, str]],
        *,
        share: float = 1.0,
        begun: bool = False,
        regions: Sequence[CharSpan] = (),
    ) -> list[Reading]:
        """The checkpoint's readings of the pairs, in order; fewer where ``ended`` says why.

        It takes at most ``share`` of what is left of the budget. With ``begun`` the text in hand at
        an early end is among the readings, as far as it was read, with a notice; nothing is given to
        a visitor who has left. With ``regions`` only these characters of each context are read, and what
        fills their windows. Raises ``CheckpointError`` as ``Models.reader`` does, ``InputError``
        for an empty question.
        """
        left_s = None if self.budget_s is None else max(0.0, self.budget_s - self.used_s) * share
        self._reads = checkpoint.label
        if left_s == 0:
            self.ended = self.ended or Ended.BUDGET
            return []
        reader = self._models.reader(checkpoint, self._precision)
        if reader.decoding != self.decoding:
            reader = reader.decoding_as(self.decoding)
        job = Job(self.visitor, reader, pairs, stop=self.stop, budget_s=left_s, begun=begun, regions=regions)
        self._job = job
        self._models.worker.submit(job)
        job.done.wait()
        self.used_s += job.used_s
        self.waited_s += job.waited_s
        self.ended = self.ended or job.ended
        if job.error is not None:
            raise job.error
        # To find the answers in half a long text takes as long as some batches.
        return [] if job.ended is Ended.STOPPED and self.left() else job.readings

    @property
    def reads(self) -> str:
        """The label of the model whose turn it is, "" before any."""
        return self._reads

    @property
    def progress(self) -> Progress:
        """How far the model in hand is with what it was last asked to read."""
        return self._models.worker.progress(self._job) if self._job is not None else Progress()
