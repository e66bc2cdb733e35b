"""Where a gold answer stands in a text that writes it a little differently.

Two measures of "the same": ``Context.place`` takes a text character by character and forgives Unicode
form, kinds of dash and quotation mark, and how wide a space is, for files whose answers should be spans
already; ``Words.find`` takes it
word by word and forgives what writers of one name differ in, for names that a text may or may not use.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Literal

from biom_demo.qa.records import CharSpan

Found = Literal["exact", "moved", "rewritten"]
FAR_SEARCHES = 256  # from end to end of one context, for texts that are not near their offset
_NEAR_CHARS = 4096
_LONGEST_CLUSTER = 32  # marks on one letter; normalising longer runs would cost their square

_DASHES = frozenset("-‐‑‒–—―−⁃﹘﹣－")
_SUPERSCRIPT_SIGNS = frozenset("⁺⁻₊₋")
_QUOTES = str.maketrans(dict.fromkeys("’‘‚‛ʼʹ′`´‹›", "'") | dict.fromkeys("“”„‟″«»〝〞", '"'))
_SIGNS = _QUOTES | str.maketrans(dict.fromkeys(_DASHES, "-"))
_ASCII_SIGNS = str.maketrans(dict.fromkeys("\t\n\v\f\r\x1c\x1d\x1e\x1f", " ") | {"`": "'"})
# Blanks in a row, and a double quotation mark of two single ones. A wider gap is none that an answer has: a
# short answer that stood for a long stretch of blanks would make a small file a large set of examples.
_WIDE = re.compile(" {2,64}|'{2}")
_GREEK = {
    c: unicodedata.name(c).split()[-1].lower().replace("lamda", "lambda") for c in "αβγδεζηθικλμνξοπρσςτυφχψω"
}
# Names long enough to be told within a word: TNFalpha, NF-kappaB.
_GREEK_NAME = re.compile("(alpha|beta|gamma|delta|epsilon|theta|kappa|lambda|sigma|omega)")
_TOKEN = re.compile(r"(?P<greek>[α-ω])|(?P<digits>\d+)|(?P<letters>[^\W\d_α-ω]+)|(?P<sign>[^\w\s]|_)")
# Words that a name in capitals is not: NO is an oxide, "no" is none; and that name no kind of thing.
_COMMON_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about after aids all also an and are as at be been both but by can cat did do does each for from
        had has have he her his how if in into is it its may me met more most no nor not of off on
        one only or our out over own per see set she so some such than that the their them then
        there they this to two up us using via vs was we were what when where which who will with
        you""",
    )
)
_LETTER_LIST = frozenset({",", "and", "or", "/", "&"})
_ARTICLE = re.compile(r"(?:[Tt]he|[Aa]n|a)\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in plainer writing; character i of it stands for ``[starts[i], ends[i])`` of the original."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> CharSpan:
        """The characters of the original that ``[start, end)`` stands for; not for an empty interval."""
        return CharSpan(self.starts[start], self.ends[end - 1])


def _folded(text: str, plain: Callable[[str], str]) -> Folded:
    """The text with each character, together with the marks on it, in its plain writing.

    ``plain`` must keep the length of ASCII.
    """
    if text.isascii():
        return Folded(plain(text), range(len(text)), range(1, len(text) + 1))
    pieces: list[str] = []
    starts, ends = array("q"), array("q")
    for start, end in _clusters(text):
        piece = plain(text[start:end])
        pieces.append(piece)
        for _ in piece:
            starts.append(start)
            ends.append(end)
    return Folded("".join(pieces), starts, ends)


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Each character with the combining marks behind it."""
    start = 0
    for index in range(1, len(text) + 1):
        ended = index == len(text) or not unicodedata.combining(text[index])
        if ended or index - start >= _LONGEST_CLUSTER:
            yield start, index
            start = index


@lru_cache(maxsize=4096)
def _decomposed(cluster: str) -> str:
    letters = unicodedata.normalize("NFKD", cluster)
    return "".join(" " if c.isspace() else c for c in letters if unicodedata.category(c) != "Cf")


def _same_characters(text: str) -> str:
    """The text in one Unicode form and one kind of blank, dash and quotation mark; nothing invisible."""
    return text.translate(_ASCII_SIGNS) if text.isascii() else _decomposed(text.translate(_SIGNS))


def _in_one_writing(text: str) -> Folded:
    """As ``_same_characters``, blanks in a row taken as one, and two single quotation marks as a double."""
    folded = _folded(text, _same_characters)
    pieces: list[str] = []
    starts, ends = array("q"), array("q")
    at = 0
    for match in _WIDE.finditer(folded.text):
        first, after = match.span()
        pieces += [folded.text[at:first], " " if match[0][0] == " " else '"']
        starts.extend(folded.starts[at : first + 1])
        ends.extend(folded.ends[at:first])
        ends.append(folded.ends[after - 1])
        at = after
    if not at:
        return folded
    pieces.append(folded.text[at:])
    starts.extend(folded.starts[at:])
    ends.extend(folded.ends[at:])
    return Folded("".join(pieces), starts, ends)


@lru_cache(maxsize=4096)
def _without_marks(cluster: str) -> str:
    letters = _decomposed(cluster.translate(_QUOTES)).casefold()
    return "".join(c for c in letters if not unicodedata.combining(c))


def _same_letters(text: str) -> str:
    """As ``_same_characters``, in lower case, without accents, quotation marks the plain ones."""
    return text.translate(_ASCII_SIGNS).lower() if text.isascii() else _without_marks(text)


def trimmed(answer: str) -> tuple[str, int]:
    """The answer without white space and invisible characters around it, and how many stood before it."""
    start, end = 0, len(answer)
    while start < end and _is_invisible(answer[start]):
        start += 1
    while start < end and _is_invisible(answer[end - 1]):
        end -= 1
    return answer[start:end], start


def _is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


class Context:
    """A text in which answers are looked for near the place where a file says they stand."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._far_searches = FAR_SEARCHES

    def place(
        self, answer: str, start: int
    ) -> tuple[CharSpan, Literal["exact", "moved", "rewritten"]] | None:
        """Where ``answer`` stands, nearest to ``start``; ``None`` if nowhere.

        ``exact``: at ``start`` itself; ``moved``: letter for letter elsewhere; ``rewritten``: in
        another Unicode form, with other dashes or quotation marks, or wider white space. Answers
        more than ``_NEAR_CHARS`` from ``start`` are looked for ``FAR_SEARCHES`` times a context at most, so
        that a file of wrong answers costs no more than its length.
        """
        if start >= 0 and self.text.startswith(answer, start):
            return CharSpan(start, start + len(answer)), "exact"
        at = self._nearest(self.text, self._backwards, answer, min(max(start, 0), len(self.text)))
        if at is not None:
            return CharSpan(at, at + len(answer)), "moved"
        plain = _in_one_writing(answer).text.strip()
        folded, backwards = self._folded
        near = self._folded_position(start)
        at = self._nearest(folded.text, backwards, plain, near) if plain else None
        return None if at is None else (folded.span(at, at + len(plain)), "rewritten")

    @cached_property
    def _backwards(self) -> str:
        return self.text[::-1]

    @cached_property
    def _folded(self) -> tuple[Folded, str]:
        folded = _in_one_writing(self.text)
        return folded, folded.text[::-1]

    def _folded_position(self, start: int) -> int:
        return bisect_left(self._folded[0].starts, start)

    def _nearest(self, text: str, backwards: str, wanted: str, near: int) -> int | None:
        """The occurrence of ``wanted`` nearest to ``near``, looked for in growing circles around it."""
        size, reach = len(text), 64
        while True:
            if reach > _NEAR_CHARS and size > 2 * _NEAR_CHARS:
                if not self._far_searches:
                    return None
                self._far_searches -= 1
                reach = size
            low, high = max(0, near - reach), min(size, near + reach + len(wanted))
            after = text.find(wanted, near, high)
            # Looked for in the reversed text, as rfind takes the square of the length at worst.
            found = backwards.find(wanted[::-1], size - min(near + len(wanted) - 1, high), size - low)
            before = -1 if found < 0 else size - found - len(wanted)
            places = [place for place in (before, after) if place >= 0]
            if places:
                return min(places, key=lambda place: abs(place - near))
            if low == 0 and high == size:
                return None
            reach *= 4


class Words:
    """A text cut into words, numbers and signs, among which names are found however they are written.

    Letter case, accents, Unicode form, kinds of dash, space and quotation mark, and whether a dash or
    space stands between two parts make no difference, and Greek letters are their names: "IFN-γ",
    "IFN gamma" and "IFNγ" are one. Number keeps apart from number and letter from letter: "5-10" is
    not "510". A name is found only as words of its own, never within another ("MET" in "Metformin",
    "3" in "2013" or "0.3"). A name in capitals is no common word in lower case ("NO" and "no"), and a
    single letter stands as it is written behind what it is a kind of ("hepatitis A", not "A man").
    """

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        self._spans: list[tuple[int, int]] = []
        self._begins: list[bool] = []  # whether no word runs on before, and behind, a token
        self._ends: list[bool] = []
        self._text = text
        self._named: dict[int, bool] = {}
        for token, start, end in _tokens(text):
            number = token.isdigit()
            self._tokens.append(token)
            self._spans.append((start, end))
            self._begins.append(not _runs_on(text, start - 1, -1, number=number))
            self._ends.append(not _runs_on(text, end, 1, number=number))

    def __len__(self) -> int:
        return len(self._tokens)

    @cached_property
    def _joined(self) -> str:
        """All tokens in one string, each with a blank before and behind it: no token holds one."""
        return f" {' '.join(self._tokens)} "

    @cached_property
    def _starts(self) -> list[int]:
        """Where each token's blank stands in ``_joined``."""
        return list(accumulate((len(token) + 1 for token in self._tokens), initial=0))

    def find(self, name: str) -> CharSpan | None:
        """The first place where the text has ``name``; stops at its end and an article before it may lack."""
        name = name.strip().strip('"“”').rstrip(".,;: ")
        found = self._first(name)
        article = _ARTICLE.match(name)
        if found is None and article:
            found = self._first(name[article.end() :])
        return found

    def _first(self, name: str) -> CharSpan | None:
        wanted = _tokens_of_name(name)
        size = len(wanted)
        if not 0 < size <= len(self._tokens):
            return None
        bare_number = "".join(wanted).replace(".", "").isdigit()
        sought = f" {' '.join(wanted)} "
        at = self._joined.find(sought)
        while at >= 0:
            first = bisect_left(self._starts, at)
            last = first + size - 1
            if (
                self._begins[first]
                and self._ends[last]
                and not (bare_number and self._names_something(self._spans[first][0]))
                and self._is_meant(name, first, last)
            ):
                return CharSpan(self._spans[first][0], self._spans[last][1])
            at = self._joined.find(sought, at + 1)
        return None

    def _names_something(self, start: int) -> bool:
        """Whether a number at ``start`` is the end of a name, as 3 is of IL-3."""
        return start > 1 and self._text[start - 1] in _DASHES and self._text[start - 2].isalpha()

    def _is_meant(self, name: str, first: int, last: int) -> bool:
        """Whether the text's words are the name, where their letters are those of a common word too."""
        shown = self._text[self._spans[first][0] : self._spans[last][1]]
        if len(name) == 1 and name.isalpha() and name.isascii():
            return shown == name and self._has_kind(first)
        return not (name.isupper() and name.lower() in _COMMON_WORDS and shown != name)

    def _has_kind(self, index: int) -> bool:
        """Whether a letter stands behind a noun, also in a list: K in "vitamins A, D and K"."""
        passed: list[int] = []  # what the answer is kept for, so that a long list is walked once
        at = index - 1
        while at not in self._named:
            passed.append(at)
            letter = self._letter_before(at)
            if letter is None:
                token = self._tokens[at] if at >= 0 else ""
                self._named[at] = len(token) > 2 and token.isalpha() and token not in _COMMON_WORDS
            elif self._is_letter(letter):
                at = letter - 1
            else:
                self._named[at] = False
        self._named.update(dict.fromkeys(passed, self._named[at]))
        return self._named[at]

    def _letter_before(self, index: int) -> int | None:
        """Where the letter before a list's sign or word stands; ``None`` where ``index`` has none."""
        if index < 1 or self._tokens[index] not in _LETTER_LIST:
            return None
        return max(index - (2 if self._tokens[index - 1] == "," else 1), 0)  # A, B, and C

    def _is_letter(self, index: int) -> bool:
        start, end = self._spans[index]
        return end - start == 1 and self._text[start].isupper()


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """The words, numbers and signs of a text in plain writing, each with its characters' interval."""
    folded = _folded(text, _same_letters)
    plain = folded.text
    for match in _TOKEN.finditer(plain):
        start, end = match.span()
        if match.lastgroup == "sign" and match[0] in _DASHES:
            before, after = plain[start - 1 : start], plain[end : end + 1]
            # A dash is a space, but for a minus: before a digit and behind no word or bracket.
            if after.isdigit() and not (before.isalnum() or before in _DASHES or before in tuple(")]}'\"")):
                yield "-", *_ends_of(folded, start, end)
        elif match.lastgroup == "greek":
            yield _GREEK[match[0]], *_ends_of(folded, start, end)
        elif match.lastgroup == "letters" and len(match[0]) > 4:
            for part in _GREEK_NAME.split(match[0]):
                if part:
                    yield part, *_ends_of(folded, start, start + len(part))
                    start += len(part)
        else:
            yield match[0], *_ends_of(folded, start, end)


@lru_cache(maxsize=1024)  # a question's names are looked for in each of its snippets
def _tokens_of_name(name: str) -> tuple[str, ...]:
    return tuple(token for token, _, _ in _tokens(name))


def _ends_of(folded: Folded, start: int, end: int) -> tuple[int, int]:
    return folded.starts[start], folded.ends[end - 1]


def _runs_on(text: str, index: int, step: int, *, number: bool) -> bool:
    """Whether the word or number beside ``text[index]`` takes in that character."""
    if not 0 <= index < len(text):
        return False
    beside = text[index]
    if beside.isalnum() or beside == "_" or beside in _SUPERSCRIPT_SIGNS or unicodedata.combining(beside):
        return True
    beyond = index + step
    return number and beside in ".,·" and 0 <= beyond < len(text) and text[beyond].isdigit()
