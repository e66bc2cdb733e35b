"""Texts that cost careless code too much, and how a function's cost grows with them."""

from __future__ import annotations

import gc
import sys
import time
from functools import cache

CHARS = 100_000
MAX_RATIO = 10.0  # linear code comes to 4, quadratic to 16
LEAST_S = 0.004  # times under it say nothing and count as it
# fmt: off
BLANKS = (  # each kind of white space and of invisible signs
    " ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\xa0", "\u2003", "\u2028", "\u2029", "\u3000",
    "\u200b", "\u00ad", "\ufeff", " \n", "\n ", "\f ", "\n\n ",
)
PIECES = (
    *BLANKS, ")", "(", "]", "[", "<", ">", '"', "'", "“", "”", "’", "«", "{", "}", "|", ",", ";", "&", "=",
    "?", "*", "_", "`", "#", "\\", "~", "$", "@", "a", "A", "é", "\u0301", "\ud800", "中", "。", "α", "•",
    "\x00", "ﬁ ", "1", "0", "-", ".", "%", "%25", "&amp;", "&#x3b2;", "AND ", "OR(", "[ti]", "[ti", "a.",
    "A.", "? ", "A. ", "a. ", "e.g. ", "x-\n", "\n-", "-\n", "PMID", "PMID: ", "doi:", "PMC1 ", "12345678, ",
    "1;", "1. ", "1,000,", "10.5555/", "10.5555/a;", "10.5555/a)", "http://", "www.", "a.b.", "https://x.org/?url=",
    "https://pubmed.ncbi.nlm.nih.gov/?term=", "t(9;", "(S)-", "2',3'-", "N,N-", "HLA-B*27:", "::", "/", "a/",
    "+/-", "<sup>", "<a ", "<!--", "2019;1:", "Smith AB, ", "a ", "1 ", "vitamin A ", "a AND ",
    "word of the ", "Was ", "ALL ", "(1) ", "a (b) ", "(a ", "a or ", "a,b or ", "ABC:\n", "METHODS: ",
    "METHODS:\n", "METHODS\n", "\n1.", "word", "tumor factor (TF) ", ".[1] ", "A, ", "A and ", "[a](b) ",
    "'s ", "a\n",
)
# fmt: on
SHAPES = ("{}", "Word{} Word.")  # the run alone, and behind and before other words


def hostile(piece, chars=CHARS):
    """A string of ``chars`` characters of one piece, over and over."""
    return (piece * (chars // len(piece) + 1))[:chars]


@cache
def _caches():
    """What the package's modules remember of texts; words lists and the like, which never change, apart."""
    return [
        value
        for name, module in list(sys.modules.items())
        if name.startswith("biom_demo.")
        for value in vars(module).values()
        if hasattr(value, "cache_info") and value.cache_info().maxsize is not None
    ]


def seconds(function, given):
    """The thread's own processor time, so that a busy machine counts for less; nothing is remembered."""
    for remembered in _caches():
        remembered.cache_clear()
    gc.disable()  # it goes through all that the tests before have left
    try:
        start = time.thread_time()
        function(given)
        return time.thread_time() - start
    finally:
        gc.enable()


def ratio_of(function, short, long, *, most=MAX_RATIO, least_s=LEAST_S):
    """How many times what ``short`` costs ``long`` costs; the least of three where it is not under ``most``.

    Times under ``least_s`` count as it.
    """
    ratio = 0.0
    for _ in range(3):  # once more, as other work on the machine may have come between
        cost = seconds(function, long)
        if cost < most * least_s:
            return cost / least_s
        found = cost / max(seconds(function, short), least_s)
        ratio = min(ratio or found, found)
        if ratio < most:
            break
    return ratio


def costliest(function, *, before="", chars=CHARS, shapes=SHAPES, pieces=PIECES):
    """(ratio, text's piece and shape) of the worst: how many times more a fourfold length costs."""
    worst = (0.0, "", "")
    for piece in pieces:
        for shape in shapes:
            short, long = (before + shape.format(hostile(piece, size)) for size in (chars // 4, chars))
            worst = max(worst, (ratio_of(function, short, long), piece, shape))
            if worst[0] >= MAX_RATIO:
                return worst
    return worst
