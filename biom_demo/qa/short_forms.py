"""Abbreviations a text defines: ``tumor necrosis factor (TNF)`` -> TNF is tumor necrosis factor.

Source: Schwartz & Hearst 2003 (the letters of the short form occur in order in the words before it).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_IN_BRACKETS = re.compile(r"\(([A-Za-z0-9α-ω][\w\-/+.']{1,9})\)")
_LOOK_BACK = 600  # characters: more than 15 words


def short_forms(texts: Iterable[str]) -> dict[str, str]:
    """Short form -> long form as written; the first definition of a short form counts."""
    found: dict[str, str] = {}
    for text in texts:
        for match in _IN_BRACKETS.finditer(text):
            short = match[1]
            if any(c.isupper() for c in short) and short not in found:
                words = _words_before(text, match.start())
                long = _long_form(short, " ".join(words[-min(len(short) + 5, 2 * len(short)) :]))
                if long:
                    found[short] = long
    return found


def _words_before(text: str, end: int) -> list[str]:
    """The words that end before ``end``, no farther back than any long form reaches."""
    start = max(0, end - _LOOK_BACK)
    words = text[start:end].split()
    cut_in_two = start > 0 and not text[start - 1].isspace() and not text[start].isspace()
    return words[1:] if cut_in_two else words


def _long_form(short: str, before: str) -> str:
    """The shortest end of ``before`` whose letters hold those of ``short`` in order, or ""."""
    at = len(before) - 1
    for index in range(len(short) - 1, -1, -1):
        letter = short[index].lower()
        if not letter.isalnum():
            continue
        # The first letter of the short form begins a word.
        while at >= 0 and (
            before[at].lower() != letter or (index == 0 and at > 0 and before[at - 1].isalnum())
        ):
            at -= 1
        if at < 0:
            return ""
        at -= 1
    found = before[at + 1 :].strip()
    return found if len(found) > len(short) else ""
