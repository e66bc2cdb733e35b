"""What runs a model: one file an engine, and here what a reader needs of any.

Only an engine's own file imports its library; importing this package imports none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from biom_demo.qa.records import SpanLogits, Window


class Engine(Protocol):
    """A model that points at spans."""

    @property
    def max_positions(self) -> int:
        """The longest window it takes."""
        ...

    def logits(self, windows: Sequence[Window]) -> list[SpanLogits]:
        """The logits of each window, in order, from one forward pass over all of them."""
        ...
