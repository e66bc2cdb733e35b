"""What was used last, by key, within a number of bytes; what was of no use for the longest time goes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_ENTRY_BYTES = 400  # what an entry costs beside its numbers


class LastUsed(Generic[K, V]):
    """Values of at most ``most_bytes`` in all: ``size_of`` each, and what an entry costs.

    Threads may share it.
    """

    def __init__(self, most_bytes: int, size_of: Callable[[V], int]) -> None:
        self.most_bytes = most_bytes
        self.bytes_held = 0
        self._size_of = size_of
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._changing = threading.Lock()

    def get(self, key: K) -> V | None:
        """The key's value; ``None`` where it is not kept."""
        with self._changing:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: K, value: V) -> None:
        """Keep the value; one that is kept for the key already stays."""
        with self._changing:
            if key in self._kept:
                self._kept.move_to_end(key)
                return
            self._kept[key] = value
            self.bytes_held += self._size_of(value) + _ENTRY_BYTES
            while self.bytes_held > self.most_bytes:
                _, dropped = self._kept.popitem(last=False)
                self.bytes_held -= self._size_of(dropped) + _ENTRY_BYTES

    def __len__(self) -> int:
        """Values kept."""
        return len(self._kept)
