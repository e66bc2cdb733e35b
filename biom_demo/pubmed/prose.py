"""How a short stretch of writing reads: as running text, a title, a question, or a query. Pure.

Every count is over the first ``LOOKED_AT`` characters, so that a paste of any length costs the same
at each key stroke.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache

from biom_demo.pubmed.words import phrases, words
from biom_demo.settings import ASSETS

LOOKED_AT = 20_000  # characters
MIN_TEXT_WORDS = 25
MAX_TITLE_WORDS = 45
MAX_QUERY_STOPS = 0.12  # of the words of a query, at most, are words like "of"; of a text a third

BRACKETED = re.compile(r"\[([^\[\]\n]{1,45})\]")
_TAG_SUFFIX = re.compile(r":\s?(?:noexp|~[0-9]{1,4})$", re.IGNORECASE)
# Words and marks of a query that no text has: hasabstract, truncat*, 2010:2020[dp].
_OTHER_SYNTAX = re.compile(
    r"\bhas(?:structured)?abstract\b|[a-z]{4}\*(?=[\s\"\[)]|\Z)|\b[0-9]{4}(?:/[0-9/]+)?:[0-9]{4}(?:/[0-9/]+)?(?=\[)"
)
_OPERATOR = re.compile(r"(?<=[\w)\]\"'*+])\s{1,9}(AND|OR|NOT)\s{1,9}(?=[\w(\[\"'])")
_HELPER = re.compile(
    r"(?:^|\W)(?:did|does|do|was|were|is|are|has|have|had|can|could|will|would|should|may|might|but|or|and|if|to)$",
    re.IGNORECASE,
)

_SENTENCE_END = re.compile(r"[.!?][\"”’')\]]{0,2}\s+(?=[\"“'(\[]?[A-Z0-9])|[。！？](?=\s?\S)")
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u4e00-\u9fff]")  # scripts that put no space between words
_FINAL = re.compile(r"[.!?。？؟][\"”’')\]»\s]{0,9}$")
_NO_END = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|[A-Za-z]\.[A-Za-z]|vs|v|sp|spp|subsp|var|cf|al|ca|approx|no|nos|fig|st|dr|mr|mrs|prof|jr)$",
    re.IGNORECASE,
)
_STATISTICS = re.compile(
    r"\bp\s?[<>=≤≥]\s?0?[.·]\d|\b95\s?%\s?(?:CI|confidence)|\bn\s?=\s?\d|\d\s?%|\bmg/(?:kg|day|d)\b|±|\+/-\s?\d",
    re.IGNORECASE,
)
_OF_PAPERS = re.compile(
    r"\b(?:[Tt]his|[Tt]hese|[Tt]he present|[Oo]ur|[Hh]erein|[Hh]ere),? "
    r"(?:we|stud|result|finding|data|review|paper|article|trial|case|work|analys)"
)
# "identified the", "fell significantly": a verb in the past and not a participle.
_PAST = re.compile(
    r"\b[a-z]{3,}ed (?:the|an?|that|this|these|no|not|less|more|both|all|any|only|similar|its|their|up|down|"
    r"[a-z]{3,}ly|[0-9]+)\b"
)
_OPENING = re.compile(
    r"To [a-z]+ |(?:Objectives?|Aims?|Background|Purpose|Methods?|Results?|Conclusions?|Introduction|"
    r"Findings|Main Outcome Measures?|Design|Settings?|Interventions?|Participants)[.:]?\s+[A-Z]"
)
_QUESTION_WORD = re.compile(
    r"(?:(?:in|of|for|to|by|at|on|with|from|under) )?(?:what|which|who|whom|whose|when|where|why|how|is|are|"
    r"was|were|do|does|did|can|could|should|would|will|has|have|may|might)\b",
    re.IGNORECASE,
)
_PLAIN_QUESTION_WORD = re.compile(
    r"(?:what|which|who|whose|how (?:many|much|is|are|does|do|can)|is|are|does|do|did|can|should|was|were|"
    r"has|have)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"(?:please|kindly|list|describe|define|explain|provide|show|tell me|give me|"
    r"name (?:an?|the|all|some|one|two|three|four|five))\s",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a stretch of writing shows.

    ``sentences`` counts its sentences, ``tells`` the marks that only running text has ("was", "we",
    "p < 0.05", "METHODS:"), ``verbs`` the finite verbs that a title may have too, ``stops`` the share
    of words like "of", ``syntax`` the operators and field tags of PubMed, ``end`` is ".", "?" or "".
    """

    words: int
    sentences: int
    tells: int
    verbs: int
    stops: float
    syntax: int
    end: str
    asks: bool


def shape_of(text: str) -> Shape:
    """What the text shows; the number of words counts all of it, the rest its first stretch."""
    head = text[:LOOKED_AT]
    tokens = head.split()
    total = len(tokens) if len(text) == len(head) else len(text.split())
    total += len(_UNSPACED.findall(head)) // 2
    found = [word.strip(".,;:()[]{}\"'“”‘’?!") for word in tokens]
    cased = any(word.islower() for word in found if len(word) > 1)
    low = [word if cased else word.lower() for word in found]
    ends = _ends(head)
    final = _FINAL.search(head)
    verbs = sum(word in words("finite_verbs") for word in low) + len(_PAST.findall(head))
    tells = sum(word in words("running_text_words") for word in _uncapitalised(low))
    tells += (
        bool(_OPENING.match(head))
        + len(_STATISTICS.findall(head))
        + len(_OF_PAPERS.findall(head))
        + _labels(head, verbs)
    )
    end = "" if final is None else "?" if set(final[0]) & set("?？؟") else "."
    return Shape(
        words=total,
        sentences=ends + 1,
        tells=tells,
        verbs=verbs,
        stops=sum(word in words("function_words") for word in low) / max(1, len(low)),
        syntax=_syntax(head, cased=cased),
        end=end,
        asks=_asks(head, end, sentences=ends + 1),
    )


def _asks(head: str, end: str, *, sentences: int) -> bool:
    """Whether it is a question or a request for an answer, with its mark or without."""
    if end == "?" or _REQUEST.match(head):
        return True
    if end == ".":  # "When treated early, most patients recover." is none
        return sentences == 1 and _PLAIN_QUESTION_WORD.match(head) is not None
    return opens_as_question(head)


def opens_as_question(head: str) -> bool:
    """Whether it begins as questions do: "In which gene", "Does"."""
    return _QUESTION_WORD.match(head) is not None


def opens_with_question(head: str) -> bool:
    """Whether it is a title that opens with a question: "Does zinc help? A randomised trial"."""
    question, mark, rest = head.rpartition("?")
    rest = rest.strip(" \t:–—-\"'”’)").rstrip(".")
    found = [word.lower() for word in _WORD.findall(rest)]
    says = [word for word in found if word not in words("function_words") | words("answer_words")]
    if not mark or len(found) < 2 or not says or not _WORD.search(question) or _SENTENCE_END.search(rest):
        return False
    asks = opens_as_question(rest) or _REQUEST.match(rest) is not None
    polite = any(word in words("polite_words") for word in (found[0], found[-1], says[0]))
    shape = shape_of(rest)
    personal = {"i", "my", "me", "your", "you", "please", "yes"} & set(found)
    return not (asks or polite or personal or shape.verbs or shape.tells)


def _uncapitalised(found: list[str]) -> list[str]:
    """The words, the first in lower case: "We" opens a sentence, WAS is a syndrome."""
    return [word.lower() if word.istitle() else word for word in found]


def _ends(head: str) -> int:
    """How many sentences end before another begins."""
    return sum(
        _NO_END.search(head, max(0, match.start() - 12), match.start()) is None
        for match in _SENTENCE_END.finditer(head)
    )


_CAPITAL_LABEL = re.compile(r"(?m)^[ \t]{0,9}[A-Z][A-Z ,/&-]{2,60}:")
_LABEL = re.compile(r"(?m)^[ \t]{0,9}([A-Z][A-Za-z ,/&-]{2,60})(:|[ \t]*$)")


def _labels(head: str, verbs: int) -> int:
    """How many lines begin with the label of a section: "PATIENTS AND METHODS:", "Methods"."""
    count = 0
    for match in _LABEL.finditer(head):
        parts = re.findall(r"[a-z]+", match[1].lower())
        known = all(part in _section_words() or part in ("and", "of", "or", "the") for part in parts)
        capitals = match[1].isupper() and match[2] == ":"
        if (known and (capitals or verbs or count or "\n" in head)) or (capitals and len(parts) > 1):
            count += 1
    return count


@cache
def _section_words() -> frozenset[str]:
    lists = json.loads((ASSETS / "abbreviations.json").read_text("utf-8"))
    return frozenset(lists["section_words"])


def _syntax(head: str, *, cased: bool) -> int:
    """How many operators and field tags of PubMed the text has.

    AND, OR and NOT count where they stand out from the words around them; a tag does not where it is
    the short form of the words before it, as in "insulin resistance [IR]".
    """
    head = _CAPITAL_LABEL.sub(" ", head)
    count = sum(
        is_field_tag(match[1]) and not is_short_form(head, match) for match in BRACKETED.finditer(head)
    )
    count += len(_OTHER_SYNTAX.findall(head))
    if cased:
        for match in _OPERATOR.finditer(head):
            count += not (
                match[1] == "NOT" and _HELPER.search(head, max(0, match.start() - 12), match.start())
            )
    return count


def is_field_tag(name: str) -> bool:
    """Whether PubMed knows the field ``[name]``. Source: PubMed User Guide, "Search field tags"."""
    return _TAG_SUFFIX.sub("", name).strip().lower() in phrases("field_tags")


def is_short_form(head: str, bracketed: re.Match[str]) -> bool:
    """Whether the brackets hold the first letters of the words before them."""
    letters = bracketed[1].strip()
    if not letters.isupper() or not 2 <= len(letters) <= 5:
        return False
    before = re.findall(r"[^\W_]+", head[max(0, bracketed.start() - 80) : bracketed.start()])[-len(letters) :]
    return "".join(word[0] for word in before).upper() == letters
