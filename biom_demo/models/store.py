"""The readers in memory: loaded once, shared by page and API, the least used dropped; one reads at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import Checkpoint, is_hub_id, locate
from biom_demo.qa.records import Question, Reading

if TYPE_CHECKING:
    from biom_demo.qa.reader import Reader

READERS_KEPT = 4  # two pairs, or the most models of one comparison


class Models:
    """A thread-safe store of readers by checkpoint folder.

    ``threads`` are a model's CPU threads; 0 is torch's choice. Nothing that costs seconds is imported
    before the first reading.
    """

    def __init__(self, *, threads: int = 0) -> None:
        self._threads = threads
        self._readers: OrderedDict[Path, Reader] = OrderedDict()
        self._loading = threading.Lock()
        # Two readings at once would take turns on the same cores, and both end later.
        self._turn = threading.Lock()

    def reader(self, checkpoint: Checkpoint) -> Reader:
        """The checkpoint's reader, loaded at its first use.

        Raises ``CheckpointError`` if it is not on this machine or cannot be loaded.
        """
        folder = locate(checkpoint)
        if folder is None:
            # A folder's place is nobody's business on a public page.
            by_hand = f" (hf download {checkpoint.source})" if is_hub_id(checkpoint.source) else ""
            raise CheckpointError(
                f"{checkpoint.label} is not on this machine yet. Fetch it on the page{by_hand}, or choose "
                "the mini pair."
            )
        with self._loading:
            if folder in self._readers:
                self._readers.move_to_end(folder)
                return self._readers[folder]
            from biom_demo.qa.engines.pytorch import set_threads
            from biom_demo.qa.reader import Reader

            if self._threads:
                set_threads(self._threads)
            reader = Reader.load(folder)
            self._readers[folder] = reader
            while len(self._readers) > READERS_KEPT:
                self._readers.popitem(last=False)
            return reader

    def read(
        self,
        checkpoint: Checkpoint,
        pairs: Sequence[tuple[Question, str]],
        *,
        stop: threading.Event | None = None,
    ) -> list[Reading]:
        """The checkpoint's readings of the pairs, in order; fewer where ``stop`` was set on the way.

        Waits until no other reading runs. Raises ``CheckpointError`` as ``reader`` does,
        ``InputError`` for an empty question.
        """
        reader = self.reader(checkpoint)
        with self._turn:
            return list(reader.readings(pairs, stop=stop))
