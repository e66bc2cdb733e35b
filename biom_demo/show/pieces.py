"""A text cut at the bounds of the spans that are drawn in it."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from biom_demo.qa.records import CharSpan


def pieces(length: int, spans: Sequence[CharSpan]) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Each stretch [start, end) between two bounds, in order, with the indices of the spans over it.

    The stretches cover ``length`` characters; indices ascend. One pass over the sorted bounds, so the
    cost is that of sorting them and of what comes out, however many spans there are.
    """
    opening: defaultdict[int, list[int]] = defaultdict(list)
    closing: defaultdict[int, list[int]] = defaultdict(list)
    for index, span in enumerate(spans):
        if len(span):
            opening[span.start].append(index)
            closing[span.end].append(index)
    over: list[int] = []
    for start, end in pairwise(sorted({0, length, *opening, *closing})):
        for index in closing.get(start, ()):
            over.remove(index)
        for index in opening.get(start, ()):
            insort(over, index)
        yield start, end, tuple(over)
