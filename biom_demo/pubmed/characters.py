"""The characters of PubMed's texts made plain: entities escaped twice, invisible signs, odd spaces."""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from html.entities import html5

SPACES = re.compile(r"[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
# Zero-width signs, soft hyphens, and MathML's invisible "apply", "times" and "comma".
_INVISIBLE = re.compile(r"[\u200b-\u200d\u2060-\u2063\ufeff\u00ad]")
_FLOW_DOT = re.compile("(?<=[VQ])[\u0307\u02d9]")  # V̇O2 is said VO2
_STYLED_LETTERS = re.compile(r"[\U0001d400-\U0001d7ff]+")  # 𝑝 is p
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def decoded(text: str) -> str:
    """The text with its entities decoded, once: those with a semicolon and a known name or number.

    ``html.unescape`` alone would turn "&notch" into a sign.
    """
    return _ENTITY.sub(
        lambda found: unescape(found[0]) if found[0][1] == "#" or found[0][1:] in html5 else found[0], text
    )


def plain(text: str) -> str:
    """The text without invisible signs, styled letters plain; spaces are kept."""
    text = _FLOW_DOT.sub("", _INVISIBLE.sub("", text))
    return _STYLED_LETTERS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)


def one_line(text: str) -> str:
    """The text with each run of white space as one space, and none at its ends."""
    return SPACES.sub(" ", text).strip()


def unescaped(text: str) -> str:
    """The text of an attribute: entities escaped twice decoded, plain, on one line."""
    return one_line(plain(decoded(text)))
