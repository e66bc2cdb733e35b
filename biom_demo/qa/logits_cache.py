"""Logits of windows that were read before, so that nothing is read twice; bounded in bytes."""

from __future__ import annotations

import hashlib

from biom_demo.qa.last_used import LastUsed
from biom_demo.qa.records import SpanLogits, Window

BYTES_KEPT = 32 << 20  # of one model: some 7,000 whole windows


class LogitsCache:
    """What one model made of windows, by their tokens. Threads may share it.

    The same tokens give the same logits, but for the last bits, which depend on what else was in the
    batch. Of a window a digest is kept, and no text.
    """

    def __init__(self, most_bytes: int = BYTES_KEPT) -> None:
        self._kept: LastUsed[bytes, SpanLogits] = LastUsed(most_bytes, _size)

    @property
    def bytes_held(self) -> int:
        """What is kept takes so many."""
        return self._kept.bytes_held

    def get(self, window: Window) -> SpanLogits | None:
        """The window's logits, float32 (T,) each; ``None`` where they are not kept."""
        return self._kept.get(_key(window))

    def put(self, window: Window, logits: SpanLogits) -> None:
        """Keep the window's logits, in place of those that were of no use for the longest time."""
        self._kept.put(_key(window), logits)

    def __len__(self) -> int:
        """Windows kept."""
        return len(self._kept)


def _key(window: Window) -> bytes:
    """What the model is given of a window: its tokens, and where the context begins."""
    made = hashlib.blake2b(window.ids.tobytes(), digest_size=16)
    made.update(window.context_start.to_bytes(4, "little"))
    return made.digest()


def _size(logits: SpanLogits) -> int:
    return logits.start.nbytes + logits.end.nbytes
