"""Sentences of biomedical prose: where each begins and ends.

NLTK's Punkt decides, with parameters of our own (``assets/abbreviations.json``) in place of trained
ones. Around it stand a few rules for what a list of abbreviations cannot tell: "30 min. Cells were"
ends a sentence and "min. 5" does not, "release of NO. Endothelial" is not a number, the K of
"vitamin K. Warfarin" is no initial, "7.4. mRNA" begins anew in lower case, "fell.Fever" has lost its
space, and lines of a pasted abstract are wrapped anywhere.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from biom_demo.qa.records import CharSpan
from biom_demo.settings import ASSETS

ABBREVIATIONS = ASSETS / "abbreviations.json"

# A label at a line's head as ``Abstract.text`` and structured abstracts write it: "METHODS:".
SECTION_LABEL = re.compile(r"(?m)^[A-Z][A-Z ,/&()-]{2,48}:")

_NEWLINE = r"(?:\r\n|\r(?!\n)|[\n\v\f\x85\u2028])"
_PARAGRAPH_END = re.compile(rf"{_NEWLINE}\s*{_NEWLINE}|\u2029")
_BLANKS = r"[^\S\r\n\v\f\x85\u2028\u2029]*+"  # never given back: a long run is walked once
_LINE_START = re.compile(rf"{_NEWLINE}{_BLANKS}(?=\S)")
_LABEL = re.compile(r"([A-Z][A-Za-z ,/&-]{2,60}):(?=\s|$)")  # METHODS: Main outcome measures:
_HEADING = re.compile(rf"([A-Z][A-Za-z ,/&-]{{2,60}}?){_BLANKS}(?=[\r\n]|$)")  # a line of its own
_JOINING_WORDS = frozenset({"and", "of", "or", "the"})

_FULL_STOP = re.compile(r"\.([)\]}\"'’”»]*)\s+(?=\S)")
_LAST_WORD = re.compile(r"[^\s()\[\]{}\"'“”‘’«»,;:/<>=~±≈]*$")
_CAPITALISED = re.compile(r"[A-Z][a-z]{2}")
_NUMBERED = re.compile(r"[(\[#]?[A-Z]{0,2}\d|(?:and|of)\b")  # no. 5, no. and year
_LISTED_LETTER = re.compile(r"[A-Z0-9]{1,4},?|and|or")
_SURNAME = re.compile(r"[A-Z][a-z'’-]+")
_CITATION = re.compile(r"(?:\[\d[\d,;–\- ]*\]\s*)+(?=\S)")  # stop.[3,4] Next
_NOTE_NUMBER = re.compile(r"(?<=[a-z]{3})\.\d{1,3}(?:[,–-]\d{1,3})*\s+(?=[A-Z])")  # stop.12 Next
_CLOSED_ASIDE = re.compile(r"[.?!][)\]}\"'’”»]+\s*$")
_LOWER_WORD = re.compile(r"[a-z]{2,}(?![\w-])")
_LOWER_TERM = re.compile(r"[a-z]{1,4}-?[A-Z]|[a-z]{1,3}\d|[α-ω]")  # mRNA, c-Myc, p53, β-catenin
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*%?")
_YEAR = re.compile(r"(?:1[89]|20)\d\d")
_UNITS = frozenset("ACFGKLMNTUVW")  # 37 C, 12 V; not the initials that numbers seldom count
_SHORTENED = re.compile(r"[A-Z][a-z]{0,4}[b-df-hj-np-tv-z]")  # Hosp, Univ
_NO_SURNAMES = frozenset({"he", "an", "so", "she", "no"})  # that begin sentences: J. He
_BEFORE_INITIAL = frozenset(
    {"by", "and", "of", "with", "from", "to", "or", "for", "see", "after", "per", "&"}
)
_CHEMICAL = re.compile(r"[a-z-]{4,}(?<!ta)(?<!ma)(?<!pla)(?<!with)in")  # annexin V, mitomycin C

# A stop that lost its space, and what may stand behind it: a word, a label, an acronym.
_RUN_ON = re.compile(r"(?<=[\w%)\]])\.(?=[A-Zα-ωΑ-Ω]|[a-z]{1,3}[A-Z]{2}|[a-z]-[A-Z]|p\d\d)")
_RUN_ON_WORD = re.compile(r"(?:[A-Z][a-z]+|A)(?![\w@/]|\.\w)|[A-Z]{2}[A-Z -]{0,48}:")
_RUN_ON_ACRONYM = re.compile(
    r"(?!(?:PDF|DOCX?|PNG|JPE?G|CSV|TXT|XML|ZIP|EXE|COM|ORG|NET|GOV|EDU)\b)[A-Z]{2}[A-Z\d-]*+(?=[\s,(])"
)
_RUN_ON_TERM = re.compile(  # α-synuclein, Δ9-THC, mRNA, siRNA, cAMP, c-Myc, p53
    r"[α-ωΑ-Ω](?=[\W\dA-Za-z]|$)|(?:[a-z]{1,3}[A-Z]{2,}[A-Z\d]*|[a-z]-[A-Z][a-z]+|p\d\d)(?=[\s,(/-])"
)
_LAST_RUN = re.compile(r"(?:[A-Z]+|[a-z]+)$")
_FIRST_WORD = re.compile(r"[A-Z][a-z]*(?![\w.])")
_GREEK_LETTERS = frozenset("αβγδεζηθικλμνξοπρστυφχψω")
_ADDRESS = re.compile(r"://|\bwww\.|[@\\]|\w\.\w+/")
_LIST_MARKER = re.compile(r"\(?\d{1,2}\.")
_SEEN_IN_LOWER_CASE = 1 << 5  # Punkt's flag for a word met in lower case inside a sentence
_STRETCH = 100_000  # characters Punkt reads at a time
_ABSTRACT_CHARS = 10_000
_LOOK_BACK = 80  # characters; longer than any abbreviation and the word before it


@dataclass(frozen=True, slots=True)
class _Rules:
    """The word lists, abbreviations in lower case without their last full stop."""

    abbreviations: frozenset[str]
    never_last: frozenset[str]
    often_last: frozenset[str]
    before_number: frozenset[str]
    sentence_starters: frozenset[str]
    lettered_names: frozenset[str]
    section_words: frozenset[str]


def split_sentences(text: str) -> list[CharSpan]:
    """The sentences of ``text`` in order, without the white space around them.

    They cover every character but white space and do not overlap. Full stops, question and
    exclamation marks end sentences, and so do blank lines and newlines before a section label
    ("METHODS:"); any other newline counts as a space.
    """
    return list(_sentences(text))


def sentence_around(text: str, span: CharSpan) -> CharSpan:
    """The smallest run of whole sentences that covers ``span``; ``span`` itself if it meets none."""
    sentences = _sentences(text)
    first = bisect_right(sentences, span.start, key=lambda sentence: sentence.end)
    after = bisect_left(sentences, max(span.end, span.start + 1), key=lambda sentence: sentence.start)
    if first >= after:
        return span
    return CharSpan(min(sentences[first].start, span.start), max(sentences[after - 1].end, span.end))


def _sentences(text: str) -> tuple[CharSpan, ...]:
    """What ``split_sentences`` gives; kept, as one text is asked about many times over.

    Of the abstracts of a search all are; of long texts a few, for the room they take.
    """
    return (_of_abstract if len(text) <= _ABSTRACT_CHARS else _of_long_text)(text)


@lru_cache(maxsize=256)
def _of_abstract(text: str) -> tuple[CharSpan, ...]:
    return _split(text)


@lru_cache(maxsize=8)
def _of_long_text(text: str) -> tuple[CharSpan, ...]:
    return _split(text)


def _split(text: str) -> tuple[CharSpan, ...]:
    edges = [0, *_block_starts(text), len(text)]
    return tuple(span for start, end in pairwise(edges) for span in _sentences_of_block(text, start, end))


def _block_starts(text: str) -> list[int]:
    """Where a new line begins a sentence whatever stands before it."""
    starts = {match.end() for match in _PARAGRAPH_END.finditer(text)}
    lines = [match.end() for match in _LINE_START.finditer(text)]
    for line_start in lines:
        label = _LABEL.match(text, line_start)
        if text[line_start] == "•" or (label and _is_label(label[1], colon=True)):
            starts.add(line_start)
    for line_start in (0, *lines):
        heading = _HEADING.match(text, line_start)
        if heading and _is_label(heading[1], colon=False):
            starts |= {line_start, heading.end()}
    return sorted(starts - {0, len(text)})


def _is_label(name: str, *, colon: bool) -> bool:
    """Whether ``name`` reads like the label of a section: "METHODS", "Main outcome measures"."""
    words = re.findall(r"[A-Za-z]+", name)
    if colon and name.isupper() and len(words) > 1:
        return True
    known = [word.lower() in _rules().section_words for word in words]
    joining = [word.lower() in _JOINING_WORDS for word in words]
    return any(known) and all(a or b for a, b in zip(known, joining, strict=True))


def _sentences_of_block(text: str, start: int, end: int) -> Iterator[CharSpan]:
    """The sentences between ``start`` and ``end``, where no newline ends one."""
    block = re.sub(r"\s", " ", text[start:end])
    if not block.strip():
        return
    cuts = {_after_citation(block, cut) for cut in _punkt_cuts(block) if not _inside_sentence(block, cut)}
    cuts |= {match.end() for match in _NOTE_NUMBER.finditer(block)}
    for stop in _FULL_STOP.finditer(block):
        verdict = _ends_sentence(block, stop)
        if verdict is not None:
            cuts.discard(stop.end())
            if verdict:
                cuts.add(stop.end())
    cuts |= {stop.end() for stop in _RUN_ON.finditer(block) if _ends_run_on(block, stop.start())}
    edges = [0, *sorted(cuts - {0, len(block)}), len(block)]
    begin: int | None = None
    for left, right in pairwise(edges):
        piece = block[left:right]
        if not piece.strip():
            continue
        if begin is None:
            begin = left + len(piece) - len(piece.lstrip())
        last = left + len(piece.rstrip())
        if right < len(block) and _LIST_MARKER.fullmatch(block[begin:last]):
            continue  # "1." belongs to what it numbers
        yield CharSpan(start + begin, start + last)
        begin = None
    if begin is not None:
        yield CharSpan(start + begin, start + len(block.rstrip()))


def _punkt_cuts(block: str) -> set[int]:
    """Where Punkt begins a new sentence, asked stretch by stretch as NLTK gives up after 5 s."""
    cuts: set[int] = set()
    begin = 0
    while begin < len(block):
        stretch = block[begin : begin + _STRETCH]
        found = {begin + first for first, _ in _punkt().span_tokenize(stretch)} - {begin}
        cuts |= found
        whole = begin + len(stretch) == len(block)
        begin = max(found) if found and not whole else begin + len(stretch)
    return cuts


def _inside_sentence(block: str, cut: int) -> bool:
    """Whether a sentence runs on at ``cut``, as after "(is it safe?) and"."""
    before = block[max(0, cut - _LOOK_BACK) : cut]
    return bool(_CLOSED_ASIDE.search(before) and _LOWER_WORD.match(block, cut))


def _after_citation(block: str, cut: int) -> int:
    """``cut`` moved behind the reference numbers of the sentence it ends, as in "stop.[3] Next"."""
    citation = _CITATION.match(block, cut)
    return citation.end() if citation and block[cut - 1 : cut] == "." else cut


def _ends_sentence(block: str, stop: re.Match[str]) -> bool | None:
    """Whether this full stop ends a sentence; ``None`` where Punkt's word is good."""
    rules = _rules()
    before, word = _before(block, stop.start())
    key = word.lower()
    capital = block[stop.end()].isupper()
    term = _LOWER_TERM.match(block, stop.end()) is not None
    if word.isupper() and word.isalpha() and len(word) > 1 and capital:
        return True  # an acronym: CF, NO, AL, not cf., no., al.
    if key in rules.never_last and not stop[1]:
        return False
    if key in rules.before_number and _NUMBERED.match(block, stop.end()):
        return False
    if key in rules.often_last and _CAPITALISED.match(block, stop.end()):
        return True
    earlier = before[: len(before) - len(word)].split()
    counted = bool(earlier) and earlier[-1][-1].isdigit()
    if term and (_NUMBER.fullmatch(word) or (counted and word.isalpha() and len(word) <= 4)):
        return True  # pH 7.4. mRNA, 24 h. siRNA
    if _SHORTENED.fullmatch(word) and _LOWER_WORD.match(block, stop.end()):
        return False  # Hosp. in
    if len(word) == 1 and (capital or term):
        if word.islower() and counted:
            return True  # a unit: 12 h. Samples
        return _is_designation(word, earlier, block, stop.end())
    return None


def _before(block: str, stop: int) -> tuple[str, str]:
    """The text just before a full stop, and the word it ends with."""
    before = block[max(0, stop - _LOOK_BACK) : stop]
    found = _LAST_WORD.search(before)
    return before, found[0] if found else ""


def _is_designation(letter: str, earlier: list[str], block: str, following: int) -> bool | None:
    """Whether a letter at a stop names a kind or counts a unit, and is no initial; ``None``: who knows."""
    rules = _rules()
    if earlier and letter in _UNITS and _NUMBER.fullmatch(earlier[-1]) and not _YEAR.fullmatch(earlier[-1]):
        return True  # 37 C. Cells
    series: list[str] = []
    while earlier and _LISTED_LETTER.fullmatch(earlier[-1]):
        series.append(earlier.pop())
    name = earlier[-1].strip("()[],") if earlier else ""
    if _is_series(series, name):
        return True  # genes A, B, and C. D was lost
    last = name.lower().rpartition("-")[2]  # NF-kappa B
    if {name.lower(), last, last.removesuffix("s")} & rules.lettered_names or last in _GREEK_LETTERS:
        return True  # vitamin K. Warfarin, factors VII, IX and X. Dabigatran
    if _CHEMICAL.fullmatch(name):
        return True
    starter = _FIRST_WORD.match(block, following)
    if (
        starter
        and name not in _BEFORE_INITIAL
        and starter[0].lower() in rules.sentence_starters - _NO_SURNAMES
    ):
        return True
    return None


def _is_series(words: list[str], name: str) -> bool:
    """Whether words before a letter, the last first, list letters of their own: not Brown A, and C. Jones."""
    letters = sum(
        word.rstrip(",").isalpha() and word[0].isupper() and len(word.rstrip(",")) == 1 for word in words
    )
    joined = bool(words) and words[0] in ("and", "or")
    if _SURNAME.fullmatch(name):
        return letters > 1 and name.endswith("s")  # Genes A, B and C
    return letters > 1 or (joined and letters == 1)


def _ends_run_on(block: str, stop: int) -> bool:
    """Whether the full stop at ``stop``, with no space behind it, ends a sentence: "fell.Fever"."""
    rules = _rules()
    before, word = _before(block, stop)
    token = before[-1:] if before[-1:] in ")]%" else word
    capitalised = _RUN_ON_WORD.match(block, stop + 1) is not None
    if not (capitalised or _RUN_ON_ACRONYM.match(block, stop + 1) or _RUN_ON_TERM.match(block, stop + 1)):
        return False
    if _ADDRESS.search(before.split(" ")[-1]):
        return False
    if token in (")", "]", "%"):
        return True
    key = word.lower()
    part = key.rpartition(".")[2]  # sp.nov
    if {key, part if len(part) > 2 else key} & (rules.never_last | rules.before_number | rules.abbreviations):
        return False
    if key in rules.often_last or word.startswith("°"):
        return capitalised
    run = _LAST_RUN.search(word)
    if run is None:  # a number, or a name that ends with one: 3.5, IL-2
        return capitalised and word[-1:].isdigit()
    if run[0].isupper():
        if len(word) > 1:
            return capitalised and len(run[0]) > 1  # CFTR.The
        earlier = before[: len(before) - len(word)].split()
        return capitalised and bool(_is_designation(word, earlier, block, stop + 1))
    counted = before.split()[-2:-1]  # 5 mg/kg.Patients
    return len(run[0]) > 2 or bool(counted and counted[0][-1].isdigit())


@cache
def _rules() -> _Rules:
    """The word lists of ``assets/abbreviations.json``."""
    lists: dict[str, list[str]] = json.loads(ABBREVIATIONS.read_text("utf-8"))
    return _Rules(**{name: frozenset(w.lower().removesuffix(".") for w in lists[name]) for name in lists})


@cache
def _punkt() -> Any:
    """Punkt with our parameters. NLTK is imported here, as it takes most of a second."""
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    rules = _rules()
    parameters = PunktParameters()
    parameters.abbrev_types = set(rules.abbreviations | rules.never_last | rules.often_last)
    parameters.sent_starters = set(rules.sentence_starters)
    # A counter, as Punkt's own defaultdict would keep each word it is ever asked about. One-letter
    # words stay out: "hepatitis B. The" ends a sentence, "J. A. Smith" does not.
    parameters.ortho_context = Counter(
        {word: _SEEN_IN_LOWER_CASE for word in rules.sentence_starters if len(word) > 1}
    )
    return PunktSentenceTokenizer(parameters)
