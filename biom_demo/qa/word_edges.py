"""Where in a text an answer may begin and end: at the edges of words as a reader sees them.

Words are letters and digits in a row, and what belongs to them:

- combining accents, soft hyphens and signs behind them (``Ca2+``, ``95%``, ``5′``), the sign before a
  number (``−5``, ``$5``);
- the joints of a name: ``CYP2C19*17``, ``HLA-B*27:05``, ``IL-1β``, ``5-HT2A``, ``1,25(OH)2D3``. A hyphen or a
  slash is an edge only where whole words stand on both sides of it (``HER2-positive``, ``EGFR/HER2``).

An ideograph or a pictograph is a word by itself, as for BERT's tokenizers. Brackets and quotation marks
are paired, so that a span can be asked to hold both or none. All of it takes time in proportion to the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_LETTER, _DIGIT, _ALONE, _MARK, _OTHER = range(5)  # kinds of characters
_BREAKS = "\u200b"  # a format character that ends a word
_IDEOGRAPHS = ((0x2E80, 0x2FDF), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
_HYPHENS = "-\u2010\u2011\u2012\u2013\u2212"
_JOINTS = "*_@^·'’ʼ°′″"  # between two words: inside a name
_BEHIND_WORD = "+′″®™"
_BEHIND_NUMBER = "%‰°"
_BEFORE_NUMBER = "-\u2212+±~≈<>≤≥$€£¥."
_PAIRS = {"(": ")", "[": "]", "{": "}", "“": "”", "‘": "’", "«": "»", '"': '"'}
_OPENERS = {closer: opener for opener, closer in _PAIRS.items()}
_GREEK_NAMES = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho
    sigma tau upsilon phi chi psi omega"""
_GREEK = frozenset(_GREEK_NAMES.split())
# What a hyphen binds to the word behind it, so that neither says by itself what both say.
_PREFIXES = """anti auto bi counter cross de di endo epi ex exo extra half hyper hypo inter intra iso long low
    high macro mal meta micro mid mono multi neo non ortho over pan para peri poly post pre pro pseudo quasi
    re self semi short sub super supra trans tri ultra un under well one two three four five six seven eight
    nine ten twenty thirty forty fifty sixty seventy eighty ninety"""
_BOUND = frozenset(_PREFIXES.split())
# A name as CD38, PD-L1 or interleukin-6: capitals or digits in it.
_NAME = re.compile(r"(?=\S{3})[^\W\dA-Z]{,30}-?[\dA-Z]")


@dataclass(frozen=True, slots=True, eq=False)
class WordEdges:
    """The boundaries of a text of N characters; boundary i stands before character i.

    ``may_start`` and ``may_end`` are bool (N + 1,). ``enclosure`` is int64 (N + 1,): two boundaries have
    the same number if as many brackets and quotation marks open as close between them, each pair whole.
    ``past_marks``, int64 (N + 1,): where a word ends whose last letter or digit ends at i.
    """

    may_start: Bools
    may_end: Bools
    enclosure: Ints
    past_marks: Ints

    @classmethod
    def of(cls, text: str) -> WordEdges:
        """The boundaries of ``text``."""
        kinds = _kinds(text)
        # Marks belong to what stands before them: from here on only the other characters count.
        solid = np.flatnonzero(kinds != _MARK)
        bare = text if len(solid) == len(text) else "".join(text[i] for i in solid.tolist())
        kinds = kinds[solid]
        enclosure, partners = _enclosure(bare)
        may_start, may_end = _edges(bare, kinds, partners)
        places = np.append(solid, len(text))  # of the boundaries of the bare text
        whole = [np.zeros(len(text) + 1, bool), np.zeros(len(text) + 1, bool)]
        whole[0][places], whole[1][places] = may_start, may_end
        spread = np.zeros(len(text) + 1, np.int64)
        spread[places] = enclosure
        ends = np.arange(len(text) + 1)
        ends = places[np.searchsorted(places, ends)]
        ends[0] = 0
        return cls(whole[0], whole[1], spread, ends)


def _kinds(text: str) -> NDArray[np.int8]:
    """The kind of each character, (N,)."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    distinct, where = np.unique(codes, return_inverse=True)
    return np.array([_kind(chr(code)) for code in distinct.tolist()], np.int8)[where]


def _kind(char: str) -> int:
    category = unicodedata.category(char)
    if char.isdecimal():
        return _DIGIT
    if category == "So" and char not in _BEHIND_WORD + _BEHIND_NUMBER:
        return _ALONE
    if any(low <= ord(char) <= high for low, high in _IDEOGRAPHS) and char.isalnum():
        return _ALONE
    if char.isalnum():
        return _LETTER
    if category[0] == "M" or (category == "Cf" and char not in _BREAKS):
        return _MARK
    return _OTHER


def _enclosure(text: str) -> tuple[Ints, dict[int, int]]:
    """What encloses each boundary (N + 1,), and the partner of each paired bracket or mark, both ways."""
    partners = _partners(text)
    numbers = np.zeros(len(text) + 1, np.int64)
    inside, strays, done = [0], 0, 0
    for at, char in enumerate(text):
        if (char not in _PAIRS and char not in _OPENERS) or (char == "’" and at not in partners):
            continue  # such a mark without a partner is an apostrophe
        numbers[done : at + 1] = inside[-1] + strays
        done = at + 1
        partner = partners.get(at)
        if partner is None:
            strays += 1
        elif partner > at:
            inside.append((at + 1) * (len(text) + 1))  # more than there can be strays
        else:
            inside.pop()
    numbers[done:] = inside[-1] + strays
    return numbers, partners


def _partners(text: str) -> dict[int, int]:
    """Where the other one of each paired bracket or quotation mark stands; pairs nest."""
    partners: dict[int, int] = {}
    waiting: list[int] = []
    count: Counter[str] = Counter()
    line = 0  # where it begins: a straight mark, which opens and closes, is closed on its line
    for at, char in enumerate(text):
        if char == "\n":
            line = at
        opener = _OPENERS.get(char)
        if opener and count[opener]:
            while text[waiting[-1]] != opener:
                count[text[waiting.pop()]] -= 1
            count[opener] -= 1
            start = waiting.pop()
            if char != '"' or start >= line:
                partners[start], partners[at] = at, start
                continue
        if char in _PAIRS and not (char == '"' and at and text[at - 1].isdecimal()):  # 5": inches
            waiting.append(at)
            count[char] += 1
    return partners


def _edges(text: str, kinds: NDArray[np.int8], partners: dict[int, int]) -> tuple[Bools, Bools]:
    """At which boundaries (N + 1,) of a text without marks an answer may start, and may end."""
    size = len(text)
    word = kinds <= _DIGIT
    start, end = np.zeros(size + 1, bool), np.zeros(size + 1, bool)
    start[:size] = end[1:] = kinds <= _ALONE
    joined = np.zeros(size + 1, bool)  # inside a word
    joined[1:size] = word[:-1] & word[1:]
    breaks = np.flatnonzero(~joined)  # where each run of letters and digits begins, and the text's end
    run_of = np.cumsum(~joined) - 1

    def run(at: int) -> str:
        return text[breaks[run_of[at]] : breaks[run_of[at] + 1]]

    def stands_alone(at: int) -> bool:
        begin = breaks[run_of[at]]
        return begin == at and (at == 0 or text[at - 1] in " \t\n([{,;")

    names = np.zeros(size + 2, np.int64)  # +1 and -1 where brackets that belong to a name begin and end
    hyphens: list[int] = []
    slashes: list[int] = []
    behind = -1  # past the last sign that belongs to what stands before it
    for at in np.flatnonzero(kinds == _OTHER).tolist():
        char = text[at]
        before = at > 0 and bool(word[at - 1] or behind == at)
        after = at + 1 < size and bool(word[at + 1])
        closer = partners.get(at, -1)
        if closer > at:
            start[at] = True
            # Ca(2+), 1,25(OH)2D3, t(9;22); not a word and its explanation, interleukin-6(IL-6).
            if before and (closer - at <= 3 or stands_alone(at - 1)):
                names[at] += 1
                names[closer + 1] -= 1
            elif char == "[" and closer + 1 < size and word[closer + 1]:  # [18F]FDG
                names[at + 1] += 1
                names[closer + 1] -= 1
        elif at in partners:
            end[at + 1] = True
            joined[at + 1] = after and char in ")]}"
        elif before and after and char in "'’" and run(at + 1) == "s":
            joined[at + 1] = True  # CFTR's: the name may be cut off, the s not
        elif before and after and _is_joint(char, run(at - 1), run(at + 1)):
            joined[at] = joined[at + 1] = True
        elif before and after and char in _HYPHENS:
            hyphens.append(at)
        elif before and after and char == "/":
            slashes.append(at)
        elif before and (
            (char in _BEHIND_WORD and not after) or (char in _BEHIND_NUMBER and kinds[at - 1] == _DIGIT)
        ):
            joined[at] = end[at + 1] = True
            behind = at + 1
        elif after and not before and (char == "°" or (char in _BEFORE_NUMBER and kinds[at + 1] == _DIGIT)):
            start[at] = joined[at + 1] = True
        elif char == "." and before and len(run(at - 1)) == 1 and run(at - 1).isalpha():
            end[at + 1] = True  # E. coli, U.S.
    joined |= np.cumsum(names)[: size + 1] > 0

    letters = _counts(c.isalpha() for c in text)
    marked = _counts(c.isupper() or c.isdecimal() for c in text)
    words = _counts(word.tolist())
    begins = np.maximum.accumulate(np.where(joined, 0, np.arange(size + 1)))  # of what holds each character
    chain, chain_last = (
        0,
        -1,
    )  # names joined by the last hyphens: where they begin, and where the last of them
    for at in hyphens:
        begin = int(begins[at - 1])
        low = chain if begin == chain_last else begin
        left, right = run(at - 1), run(at + 1)
        if low < breaks[run_of[at - 1]]:  # of several parts: is it a name, as TNF-alpha in TNF-alpha-induced?
            stands = marked[at] > marked[low]
        else:
            stands = left.lower() not in _BOUND | _GREEK
        stands &= letters[at] > letters[low] and words[at] - words[low] > 1
        plain = right.islower() or (marked[at] - marked[low] > 1 and right.istitle())  # also IDH1-Mutant
        parted = stands and len(right) > 3 and right.isalpha() and plain and right.lower() not in _GREEK
        if left.lower() == "anti" and _NAME.match(text, at + 1):
            joined[at] = True  # CD38 is a name by itself, "anti" is none
        elif not parted:
            joined[at] = joined[at + 1] = True
            chain, chain_last = low, int(begins[at + 1])
    edges = np.flatnonzero(~joined)
    for at in slashes:
        # The parts on both sides, as far as they are joined.
        low = edges[np.searchsorted(edges, at - 1, side="right") - 1]
        high = edges[np.searchsorted(edges, at + 1, side="right")]
        if any(words[b] - words[a] < 3 or letters[a] == letters[b] for a, b in ((low, at), (at + 1, high))):
            joined[at] = joined[at + 1] = True  # mg/kg, BRCA1/2
    return start & ~joined, end & ~joined


def _is_joint(char: str, left: str, right: str) -> bool:
    """Whether a sign between two runs of letters and digits stands inside a name or a number."""
    if char in _JOINTS:
        return True
    if char in ",:":
        return left[-1].isdecimal() and right[0].isdecimal()
    if char == ".":  # 4.5, p.V600E, i.v.; not "infection.2" and "end.Next"
        return len(left) == 1 or (left[-1].isdecimal() and right[0].isdecimal())
    return char in ">&" and len(right) == 1 and left[-1].isalpha() and right.isalpha()  # 677C>T


def _counts(is_one: Iterable[bool]) -> Ints:
    """How many of the characters before each boundary are one, (N + 1,)."""
    return np.concatenate([[0], np.cumsum(np.fromiter(is_one, bool), dtype=np.int64)])
