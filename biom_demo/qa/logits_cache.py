"""Logits of windows that were read before, so that nothing is read twice; bounded in bytes."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from biom_demo.qa.records import SpanLogits, Window

BYTES_KEPT = 32 << 20  # of one model: some 7,000 whole windows
_ENTRY_BYTES = 400  # what an entry costs beside its numbers


class LogitsCache:
    """What one model made of windows, by their tokens. Threads may share it.

    The same tokens give the same logits, but for the last bits, which depend on what else was in the
    batch. Of a window a digest is kept, and no text.
    """

    def __init__(self, most_bytes: int = BYTES_KEPT) -> None:
        self.most_bytes = most_bytes
        self.bytes_held = 0
        self._kept: OrderedDict[bytes, SpanLogits] = OrderedDict()
        self._changing = threading.Lock()

    def get(self, window: Window) -> SpanLogits | None:
        """The window's logits, float32 (T,) each; ``None`` where they are not kept."""
        key = _key(window)
        with self._changing:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, window: Window, logits: SpanLogits) -> None:
        """Keep the window's logits, in place of those that were of no use for the longest time."""
        key = _key(window)
        with self._changing:
            if key in self._kept:
                self._kept.move_to_end(key)
                return
            self._kept[key] = logits
            self.bytes_held += _size(logits)
            while self.bytes_held > self.most_bytes:
                _, dropped = self._kept.popitem(last=False)
                self.bytes_held -= _size(dropped)

    def __len__(self) -> int:
        """Windows kept."""
        return len(self._kept)


def _key(window: Window) -> bytes:
    """What the model is given of a window: its tokens, and where the context begins."""
    made = hashlib.blake2b(window.ids.tobytes(), digest_size=16)
    made.update(window.context_start.to_bytes(4, "little"))
    return made.digest()


def _size(logits: SpanLogits) -> int:
    return logits.start.nbytes + logits.end.nbytes + _ENTRY_BYTES
