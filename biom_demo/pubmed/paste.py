"""What was copied from a PDF or a web page -> the text a person would have written, offsets kept.

A paste brings what layout put in: soft hyphens and words cut at line ends, ligatures, entities,
inline tags, odd spaces, invisible signs, lines wrapped anywhere. Pure, and near-linear in the text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from html.entities import html5

from biom_demo.pubmed.words import words


@dataclass(frozen=True, slots=True)
class ReadableText:
    """``text`` as a person would write it, and where each of its characters stands in ``given``.

    ``text`` equals ``given`` where there was nothing to mend. Spans are half-open, in characters.
    """

    given: str
    text: str
    # For each character of the text, the span of ``given`` it came from; none where all is as given.
    _starts: array[int] | None = field(default=None, repr=False)
    _ends: array[int] | None = field(default=None, repr=False)

    def in_given(self, start: int, end: int) -> tuple[int, int]:
        """The span of ``given`` from which the text's characters ``start`` to ``end`` came.

        An empty span stays empty. Raises ``ValueError`` for a span outside the text.
        """
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"[{start}, {end}) is outside a text of {len(self.text)} characters")
        if self._starts is None or self._ends is None:
            return start, end
        if start == end:
            at = self._starts[start] if start < len(self.text) else len(self.given)
            return at, at
        return self._starts[start], self._ends[end - 1]

    def in_text(self, start: int, end: int) -> tuple[int, int]:
        """The smallest span of ``text`` that holds all that is left of ``given``'s ``start`` to ``end``.

        Raises ``ValueError`` for a span outside ``given``.
        """
        if not 0 <= start <= end <= len(self.given):
            raise ValueError(f"[{start}, {end}) is outside a text of {len(self.given)} characters")
        if self._starts is None or self._ends is None:
            return start, end
        first = bisect_right(self._ends, start)
        return first, max(first, bisect_left(self._starts, end))


def readable_text(given: str) -> ReadableText:
    """The text as a person would have written it, with its offsets in ``given``. Never raises.

    Entities (named, decimal, hexadecimal; escaped once or twice) become their characters, known
    inline tags go (``10<sup>-3</sup>`` is 10^-3), words cut at a line's end are joined ("dobu-" and
    "tamine" are dobutamine, while "IL-" and "6" keep their hyphen), wrapped lines run on, ligatures,
    combining marks and mathematical letters become plain ones, odd spaces plain spaces, and
    invisible signs go. Blank lines, and line breaks before labels and lists, stay.
    """
    mended = ReadableText(given, given)
    for pattern, replace in (
        (_MARKUP, _plain_markup),
        (_SIGN, _plain_sign),
        (_CUT, _mending_cuts()),
        (_SPACES, _one_space),
        (_WRAP, _run_on),
    ):
        mended = _mended(mended, pattern, replace)
    return mended


Replace = Callable[["re.Match[str]"], str]


def _mended(so_far: ReadableText, pattern: re.Pattern[str], replace: Replace) -> ReadableText:
    """The text with each match replaced; a replaced piece came from all of what it replaces."""
    text = so_far.text
    pieces: list[str] = []
    starts: array[int] = array("q")
    ends: array[int] = array("q")
    old_starts = so_far._starts if so_far._starts is not None else array("q", range(len(text)))
    old_ends = so_far._ends if so_far._ends is not None else array("q", range(1, len(text) + 1))
    done = 0
    for match in pattern.finditer(text):
        new = replace(match)
        if new == match[0]:
            continue
        begin, end = match.span()
        pieces += [text[done:begin], new]
        starts.extend(old_starts[done:begin])
        ends.extend(old_ends[done:begin])
        starts.extend([old_starts[begin]] * len(new))
        ends.extend([old_ends[end - 1]] * len(new))
        done = end
    if not done:
        return so_far
    pieces.append(text[done:])
    starts.extend(old_starts[done:])
    ends.extend(old_ends[done:])
    return ReadableText(so_far.given, "".join(pieces), starts, ends)


# --- entities and tags -----------------------------------------------------------------------------

_INLINE_TAGS = "a|b|bold|em|font|i|italic|mark|small|span|strong|sub|sup|tt|u"
_BLOCK_TAGS = "br|div|h[1-6]|li|ol|p|sec|title|ul"
_ATTRIBUTES = r"(?:\s{1,9}[\w:-]{1,30}\s?=\s?(?:\"[^\"<>]{0,300}\"|'[^'<>]{0,300}'))*"
_LT, _GT = r"(?:<|&(?:amp;)?lt;)", r"(?:>|&(?:amp;)?gt;)"
_MARKUP = re.compile(
    rf"{_LT}(?P<close>/?)(?:jats:)?(?P<tag>{_INLINE_TAGS}|{_BLOCK_TAGS}){_ATTRIBUTES}\s?/?{_GT}"
    r"|&(?:amp;)?(?P<entity>\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});",
    re.IGNORECASE,
)
_EXPONENT = re.compile(rf"[-−–+]?[0-9]{{1,3}}{_LT}/")


def _plain_markup(match: re.Match[str]) -> str:
    entity = match["entity"]
    if entity is None:
        return _without_tag(match)
    if entity[0] == "#":
        character = html.unescape(f"&{entity};")
        return match[0] if character in ("", "\ufffd") else character
    return html5.get(f"{entity};", match[0])


def _without_tag(match: re.Match[str]) -> str:
    name, text = match["tag"].lower(), match.string
    if re.fullmatch(_BLOCK_TAGS, name):
        return "\n"
    before = text[match.start() - 1] if match.start() else ""
    if name == "sup" and not match["close"] and before.isdigit() and _EXPONENT.match(text, match.end()):
        return "^"
    return ""


# --- characters -------------------------------------------------------------------------------------

_ODD_SPACE = "\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_SIGN = re.compile(
    "(?P<invisible>[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff])"
    rf"|(?P<space>[{_ODD_SPACE}])"
    "|(?P<newline>\r\n|[\r\v\f\x85\u2028\u2029])"
    # "signiﬁ cant": PDF readers leave a gap after these, with which no English word ends.
    "|(?P<ligature>[ﬀ-ﬆ](?:(?<=[ﬁﬂﬃﬄ])[ \u00a0](?=[a-z]))?)"
    "|(?P<compatible>[\U0001d400-\U0001d7ff])"
    r"|(?P<marked>[^\W\d_][\u0300-\u036f]{1,4})"
    "|(?P<symbol>[\uf02d\uf061-\uf07a\uf0a3\uf0b0\uf0b1\uf0b3\uf0b4])"
    "|(?P<hyphen>[‐‑])"
    "|(?P<surrogate>[\ud800-\udfff])"
)
# Word and PDF write Greek in the Symbol font, whose letters lie in the private area.
_SYMBOLS = dict(zip(range(0xF061, 0xF07B), "αβχδεφγηιϕκλμνοπθρστυϖωξψζ", strict=True)) | {
    0xF02D: "−", 0xF0A3: "≤", 0xF0B0: "°", 0xF0B1: "±", 0xF0B3: "≥", 0xF0B4: "×",
}  # fmt: skip
_PLAIN = {"invisible": "", "space": " ", "hyphen": "-", "surrogate": "\ufffd"}


def _plain_sign(match: re.Match[str]) -> str:
    kind, found = match.lastgroup or "", match[0]
    if kind == "newline":
        return "\n\n" if found == "\u2029" else "\n"
    if kind in ("ligature", "compatible"):
        return unicodedata.normalize("NFKC", found.strip())
    if kind == "marked":
        return unicodedata.normalize("NFC", found)
    return _SYMBOLS[ord(found)] if kind == "symbol" else _PLAIN[kind]


# --- words cut at a line's end ------------------------------------------------------------------------

# PDF readers put U+0002, U+FFFE or a soft hyphen where a line's end cut a word; a word processor "¬".
_SOFT = "\u00ad\u0002\ufffe"
# Nothing is given back: a long run of such signs is walked once.
_LINE_END = rf"[-¬{_SOFT}]++(?:[ ][ {_SOFT}]*+)?+\n[ {_SOFT}]*"
_CUT = re.compile(rf"(?<=\w){_LINE_END}(?=[\w(\[])|(?P<soft>[{_SOFT}])")
_CUT_WORD = re.compile(rf"[^\W_]{{1,40}}{_LINE_END}[^\W_]+")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LAST_PART = re.compile(r"[^\W_]+$")
_FIRST_PART = re.compile(r"[^\W_]+")
_LOOK = 40  # characters; longer than any part of a word


def _mending_cuts() -> Replace:
    """What each match of ``_CUT`` becomes; the words of the text are gathered when first needed."""
    seen: list[frozenset[str]] = []

    def replace(match: re.Match[str]) -> str:
        if match["soft"]:
            return _within_line(match)
        if not seen:
            whole_ones = _CUT_WORD.sub(" ", match.string)
            seen.append(frozenset(_WORD.findall(whole_ones.lower())))
        return _joint(match, seen[0])

    return replace


def _joint(match: re.Match[str], seen: Container[str]) -> str:
    """What stands between the halves of a word cut at a line's end: a hyphen or nothing."""
    text = match.string
    if match[0].count("-") > 1:
        return "--"  # a dash, as typewriters have it
    before = _LAST_PART.search(text, max(0, match.start() - _LOOK), match.start())
    after = _FIRST_PART.match(text, match.end(), match.end() + _LOOK)
    left, right = (before[0] if before else ""), (after[0] if after else "")
    if "\u00ad" in match[0] and left.isalpha() and right.isalpha() and right[0].islower():
        return ""
    whole = left.lower() + right.lower()
    if not _is_plain(left) or not (right.isalpha() and right[0].islower()):
        # IL- 6, 5-HT- induced, t- test, anti- TNF; but one word in capitals may be cut: HYPER- TENSION.
        capitals = left.isupper() and right.isupper() and len(left) > 1 and len(right) > 2
        return "" if capitals and whole in seen else "-"
    if whole in seen:
        return ""
    head, firsts = left.lower(), words("compound_first_parts")
    if right in ("and", "or", "to") and (head in firsts or head in words("suspended_prefixes")):
        return "- "  # pre- and postoperative
    compound = (
        "α" <= right[0] <= "ω"  # factor-κB
        or right in words("greek_names")
        or _goes_on_after_hyphen(text, match.end() - len(match[0]) - len(left), head, right, seen)
        or f"{head}-{right}" in seen
        or head in firsts
        or right in words("compound_last_parts")
        or (head[-1] == right[0] and right[0] in "aeio")  # anti-inflammatory, micro-organism
        or (min(len(head), len(right)) >= 4 and head in seen and right in seen)
    )
    return "-" if compound else ""


_ENDING = re.compile(  # what is left of a cut word, hardly a word by itself: "ergic", "tiveness"
    r"[a-z]{0,4}(?:[st]ions?|[st]ional|ments?|ness|it(?:y|ies)|ous|ively|ives?|ics?|ical|ically|at(?:ed?|es|ing)|ings?|ed|"
    r"[eo]rs?|al|ally|[ao]ry|[ai]ble|[ae]nc[ey]|[ae]nts?|is[mt]s?|ys[ei]s|ases?|ines?|ides?|oid|oidal|os[ei]s|itis|"
    r"a?emias?|oma|trum)"
)


def _goes_on_after_hyphen(text: str, at: int, head: str, right: str, seen: Container[str]) -> bool:
    """Whether the half that begins at ``at`` ends a compound's part: long-term-, but not beta-adren-."""
    if not (at > 1 and text[at - 1] == "-" and text[at - 2].isalnum()):
        return False
    whole_head = head in seen or any(
        head in words(name) for name in ("compound_last_parts", "compound_first_parts", "question_stops")
    )
    return whole_head or right in words("generic_words") or _ENDING.fullmatch(right) is None


def _is_plain(left: str) -> bool:
    """Whether the half before the cut may be the head of an ordinary word: "dobu", not "HT" or "B2"."""
    return len(left) > 1 and left.isalpha() and left[1:].islower() and left.isascii()


def _within_line(match: re.Match[str]) -> str:
    """Nothing for a soft hyphen inside a word; some PDFs write COVID-19 with one, which stays a hyphen."""
    text, at = match.string, match.start()
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if not (before.isalnum() and after.isalnum()):
        return ""
    inside = before.isalpha() and after.isalpha() and before.isascii() and after.isascii()
    return "" if inside and (after.islower() or before.isupper()) else "-"


# --- spaces and wrapped lines -----------------------------------------------------------------------------

_SPACES = re.compile(r"[ ](?=[ \n])[ ]*")


def _one_space(match: re.Match[str]) -> str:
    """One space for several, none at a line's end."""
    return "" if match.string[match.end() : match.end() + 1] in ("", "\n") else " "


_WRAP = re.compile(r"[ ]?\n[ ]?(?=\S)")
_MIN_WRAPPED_CHARS = 40
_RUNS_ON = re.compile(r"[a-z(≤≥<>=±]|[^\W\d_](?<=[α-ω])|\d+(?![\d.)\]])|\d+\.\d")


def _run_on(match: re.Match[str]) -> str:
    """A space where the next line goes on with the sentence of a long one; else the line break itself."""
    text, at = match.string, match.start()
    line_start = text.rfind("\n", 0, at) + 1
    last_word = text[max(line_start, at - _LOOK) : at].rpartition(" ")[2].lower()
    if last_word[:-1] and last_word.endswith(("–", "/")):
        return ""
    if at - line_start < _MIN_WRAPPED_CHARS:
        return match[0]
    goes_on = last_word in words("line_end_words") or last_word.endswith(",")
    if goes_on or (last_word[-1:] not in ".:;?!" and _RUNS_ON.match(text, match.end())):
        return " "
    return match[0]
