"""The readers in memory: loaded once, shared by page and API, the least used pair dropped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import Checkpoint, locate

if TYPE_CHECKING:
    from biom_demo.qa.reader import Reader

READERS_KEPT = 4  # two pairs, or the most models of one comparison
OUR_FAULT = "Something went wrong on our side; the log has the details. Try again."


class Models:
    """A thread-safe store of readers by checkpoint folder."""

    def __init__(self, *, threads: int = 0) -> None:
        self._threads = threads
        self._readers: OrderedDict[Path, Reader] = OrderedDict()
        self._lock = threading.Lock()

    def reader(self, checkpoint: Checkpoint) -> Reader:
        """The checkpoint's reader, loaded at its first use.

        Raises ``CheckpointError`` if it is not on this machine or cannot be loaded.
        """
        folder = locate(checkpoint)
        if folder is None:
            raise CheckpointError(
                f"{checkpoint.label} is not on this machine yet. Fetch the pair first, or choose mini."
            )
        with self._lock:
            if folder in self._readers:
                self._readers.move_to_end(folder)
                return self._readers[folder]
            # torch and transformers take seconds to import: the page is up before they are needed.
            import torch

            from biom_demo.qa.reader import Reader

            if self._threads:
                torch.set_num_threads(self._threads)
            reader = Reader.load(folder)
            self._readers[folder] = reader
            while len(self._readers) > READERS_KEPT:
                self._readers.popitem(last=False)
            return reader
