"""Strings that cost careless code too much, and how a function's cost grows with them."""

from __future__ import annotations

import time

CHARS = 100_000
MAX_RATIO = 10.0  # linear code comes to 4, quadratic to 16
# fmt: off
PIECES = (
    ")", "(", "]", "[", "<", ">", '"', "'", "a", "é", "\u0301", "\u200b", "\u00ad", "\ud800", "中", "。",
    "ﬁ ", "1", "0", "-", ".", "%", "%25", "&amp;", "&#x3b2;", "AND ", "OR(", "[ti]", "[ti", "a.",
    "A. ", "a. ", "x-\n", "\n", "\n ", " ", "PMID", "PMID: ", "doi:", "PMC1 ", "12345678, ", "1;",
    "1,000,", "10.5555/", "10.5555/a;", "10.5555/a)", "http://", "www.", "a.b.", "https://x.org/?url=",
    "https://pubmed.ncbi.nlm.nih.gov/?term=", "t(9;", "(S)-", "2',3'-", "N,N-", "HLA-B*27:", "::",
    "+/-", "<sup>", "<a ", "2019;1:", "Smith AB, ", "a ", "1 ", "vitamin A ", "a AND ", "word of the ",
    "Was ", "ALL ", "(1) ", "a (b) ", "(a ", "a or ", "a,b or ",
)
# fmt: on


def hostile(piece, chars=CHARS):
    """A string of ``chars`` characters of one piece, over and over."""
    return (piece * (chars // len(piece) + 1))[:chars]


def _seconds(function, text):
    """The thread's own processor time, so that a busy machine does not count; the better of two."""
    times = []
    for _ in range(2):
        start = time.thread_time()
        function(text)
        times.append(time.thread_time() - start)
    return min(times)


def costliest(function, *, before="", chars=CHARS):
    """(ratio, piece) of the hostile string of ``chars`` / 4 whose fourfold costs the most times more.

    Times under 10 ms say nothing and count as 10 ms.
    """
    worst = (0.0, "")
    for piece in PIECES:
        short, long = before + hostile(piece, chars // 4), before + hostile(piece, chars)
        ratio = _ratio(function, short, long)
        if ratio >= MAX_RATIO:  # once more, as other work on the machine may have come between
            ratio = min(ratio, *(_ratio(function, short, long) for _ in range(3)))
        worst = max(worst, (ratio, piece))
    return worst


def _ratio(function, short, long):
    return _seconds(function, long) / max(_seconds(function, short), 0.01)
