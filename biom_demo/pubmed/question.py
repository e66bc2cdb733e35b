"""What a question in plain language is about: its concepts, each by all of its names. Pure.

Small words, requests and what merely asks are told from names that look like them: WAS is a syndrome
and "was" is none, "vitamin A" has its letter and "a vitamin" does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from biom_demo.pubmed.language import language_of
from biom_demo.pubmed.paste import readable_text
from biom_demo.pubmed.words import phrases, words

MAX_QUESTION_CHARS = 2_000  # more is not looked at


@dataclass(frozen=True, slots=True)
class Unit:
    """Words that belong together: "type 2 diabetes", "fibrosis", or a name quoted as it stands."""

    text: str
    generic: bool = False
    quoted: bool = False

    def render(self) -> str:
        """As PubMed's grammar takes it for one thing."""
        if self.quoted and "*" in self.text and not self.text.endswith("*"):
            # A star inside is a wildcard to PubMed, and a space in its index.
            return f'("{self.text}" OR "{self.text.replace("*", " ")}")'
        if self.quoted:
            return f'"{self.text}"'
        return f"({self.text})" if " " in self.text else self.text


@dataclass(frozen=True, slots=True)
class Term:
    """A phrase, unit by unit."""

    units: tuple[Unit, ...]

    def render(self) -> str:
        """As a phrase where that can be said."""
        if len(self.units) > 1 and not any(unit.quoted for unit in self.units):
            return f"({' '.join(unit.text for unit in self.units)})"
        return _joined([unit.render() for unit in self.units])

    def loosened(self) -> Term:
        """Without generic words; compounds of plain words taken apart."""
        kept = [unit for unit in self.units if not unit.generic] or list(self.units)
        return Term(tuple(unit if unit.quoted else replace(unit, text=_apart(unit.text)) for unit in kept))

    @property
    def generic(self) -> bool:
        """Whether it only says what is asked: "gene", "treatment"."""
        return all(unit.generic for unit in self.units)


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing the question is about, by any of its names."""

    terms: tuple[Term, ...]

    def render(self) -> str:
        """Any of its names, as phrases."""
        return _either([term.render() for term in self.terms])

    def phrases(self) -> list[str]:
        """What to require where its words stand together."""
        if len(self.terms) == 1 and any(unit.quoted for unit in self.terms[0].units):
            return self.words()
        return [self.render()]

    def words(self) -> list[str]:
        """What to require where its words need not stand together."""
        if len(self.terms) == 1:
            return [unit.render() for unit in self.terms[0].units]
        return [_either([_joined([unit.render() for unit in term.units]) for term in self.terms])]

    def loosened(self) -> Concept:
        """Each of its names loosened."""
        return Concept(tuple(term.loosened() for term in self.terms))

    def parts(self) -> list[Concept]:
        """The units of a phrase that goes by no other name, each by itself."""
        if len(self.terms) > 1:
            return []
        return [Concept((Term((unit,)),)) for unit in self.terms[0].units]

    @property
    def generic(self) -> bool:
        """Whether it only says what is asked."""
        return all(term.generic for term in self.terms)

    @property
    def broad(self) -> bool:
        """Whether it says little by itself: "children", "cells"."""
        return all(unit.text.lower() in words("broad_words") for term in self.terms for unit in term.units)

    @property
    def is_name(self) -> bool:
        """Whether it is written like a gene, a drug's code, or another name."""
        return any(_NAME_LIKE.search(u.text) for t in self.terms for u in t.units)


# A digit, two capitals, a Greek letter, a letter by itself; but no word that PubMed leaves out.
_NAME_LIKE = re.compile(
    r"^(?!(?:AN|AS|AT|BE|BY|DO|IF|IN|IS|IT|OF|ON|OR|SO|TO|US|WE)$).*?(?:\d|[A-Z]{2}|[α-ω]|\b[A-Z]\b)"
)


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})"


def _either(names: list[str]) -> str:
    distinct = list(dict.fromkeys(names))
    return distinct[0] if len(distinct) == 1 else f"({' OR '.join(distinct)})"


_COMPOUND = re.compile(r"(?<![\w-])[^\W\d_]{3,}(?:-[^\W\d_]{3,})+(?![\w-])")


def _apart(text: str) -> str:
    """Compounds of plain words with spaces: PubMed finds a hyphenated phrase of its index alone.

    "Guillain-Barre", not "TNF-alpha".
    """

    def cut(match: re.Match[str]) -> str:
        parts = match[0].split("-")
        name = any(p.lower() in words("greek_names") or (p.isupper() and len(p) < 5) for p in parts)
        return match[0] if name else " ".join(parts)

    return _COMPOUND.sub(cut, text)


# --- from the question to words ------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"\n]{1,200})"
  | (?P<name>
      \b(?:t|del|dup|inv|ins|der|add|idic|r|i)\([\w.;?~-]{1,30}\)(?:\([\w.;?~-]{1,40}\))?         # t(9;22)
    | \((?:[+±–-]|\+/-|[RSEZDL](?:,[RSEZDL])*|[0-9][a-z]?[RSEZ](?:,[0-9][a-z]?[RSEZ])*)\)-?W(?:W|['-](?=W))*
    | \[(?:[0-9]{1,3}m?[A-Z][a-z]?|[A-Z][a-z]?[0-9]?[+-])\]-?W*(?:-W+)*                           # [18F]FDG
    | \b[A-Z]\.\s?(?!(?:what|which|who|how|why|when|where|is|are|was|does|do|can|and|or|the|in|of)\b)[a-z]{3,}
    | \bSt\.\s?[A-Z]W+(?:'s)?
    | (?:[0-9NOS]{1,3}[α-ω]?['′]?,(?=[0-9NOS,'′α-ω]{1,12}(?:-|\([A-Z])))*          # 1,25- N,N- 1,25(OH)2D3
      W(?:W
        | -(?=\([A-Z]{2,3}\)[0-9])
        | _(?=W) | [-*/@&](?=W) | ['′″](?=[-,]?W) | [+](?=[-/]W) | (?<=\+)[-/](?=W) | (?<=['′])-(?=W)
        | \.(?=[0-9]) | (?<=[0-9])[.:](?=W) | (?<=\b[a-z])\.(?=W) | ::(?=W) | :(?=[cgmnpr]\.[0-9(A-Z])
        | (?<=\b[cgp])\.(?=\() | (?<=[A-Z])>(?=[A-Z]\b) | (?<=[0-9]),(?=[0-9]{3}\b)
        | \([^\s()]{1,20}\)(?:-(?=W))?
      )*
      [+]{0,2}
    )
  | (?P<sign>\S)
    """.replace("W", r"[^\W_]"),  # a letter or digit, Greek ones too
    re.VERBOSE,
)
_STRAIGHT = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "−": "-"})
_SPACED_HYPHEN = re.compile(r"(?<=[^\W_])- (?=[^\W_])(?!(?:and|or|to)\b)")  # Prostate- Specific
# In PubMed's grammar these would group, truncate, tag or range outside quotation marks.
_SYNTAX = re.compile(r"[()\[\]{}*:;<>|=?!\\^~#\"&]")
# Acronyms that are stop words of PubMed, whose search would drop them.
_EXPANSIONS = {
    "ALL": "acute lymphoblastic leukemia",
    "AN": "anorexia nervosa",
    "MG": "myasthenia gravis",
    "MM": "multiple myeloma",
    "NO": "nitric oxide",
    "WAS": "Wiskott-Aldrich syndrome",
}
_EMPHASIS = frozenset(("AND", "OR", "NOT", "THE", "ONLY", "BUT", "MUST"))
_HELPERS = re.compile("IS|ARE|WAS|WERE|DO|DOES|DID|CAN|COULD|SHOULD|WOULD|WILL|MAY|HAS|HAVE|WHAT|WHICH|WHO")
_SYNONYM_OF = re.compile(
    r"(?:also |formerly |previously )?(?:known|called|named)(?: as)?"
    r"|aka|a\.k\.a|i\.?e|e\.?g|such as|or|and/or"
)
_MODIFIER = re.compile(r"[0-9]{1,3}[a-z]?|[^\W\d_]|[IVX]{1,4}a?")
_NUMBER = re.compile(r"[0-9]+[.,][0-9.,]+|[0-9]{4,}(?:'?s)?|[0-9.,]+%")


@dataclass(frozen=True, slots=True)
class _Word:
    """A word or mark of a sentence. ``stop`` words and marks stand between the words to search for."""

    text: str
    stop: bool = False
    mark: bool = False
    quoted: bool = False
    known: bool = False  # one of the names that hold generic or stop words
    proper: bool = False  # a capital where none is due

    @property
    def low(self) -> str:
        return self.text.lower()


def concepts_of(question: str, *, limit: int) -> list[Concept]:
    """What the question is about, each once, in order; at most ``limit`` that name and ``limit`` that ask."""
    text = readable_text(question[:MAX_QUESTION_CHARS]).text.translate(_STRAIGHT)
    text = _SPACED_HYPHEN.sub("-", text)
    sentences = _foreign_names(text) if language_of(text) else _without_requests(_sentences(text))
    found: dict[str, Concept] = {}
    for sentence in sentences:
        for concept in _concepts_of(sentence):
            found.setdefault(concept.render().lower(), concept)
    others = {term.render().lower() for c in found.values() if len(c.terms) > 1 for term in c.terms}
    kept = [c for key, c in found.items() if len(c.terms) > 1 or key not in others]
    specific = [c for c in kept if not c.generic][:limit]
    asked = [c for c in kept if c.generic][:limit]
    return [c for c in kept if c in specific or c in asked]


def with_names_quoted(text: str) -> str:
    """The key words with each name in quotation marks that PubMed's grammar would take apart: "t(9;22)"."""

    def quoted(match: re.Match[str]) -> str:
        name = match["name"]
        return _unit([_Word(name)], generic=False).render() if name and _SYNTAX.search(name) else match[0]

    return _TOKEN.sub(quoted, text)


def _sentences(text: str) -> list[list[_Word]]:
    """The words and marks of each sentence, stop words told from names."""
    sentences: list[list[_Word]] = [[]]
    found = list(_TOKEN.finditer(text))
    names = [match["name"] for match in found if match["name"]]
    cased = len(names) < 3 or any(name.islower() for name in names if len(name) > 1)
    stops = [name for name in names[1:] if name.lower() in words("question_stops")]
    cased_stops = sum(name.islower() for name in stops) * 2 > len(stops)
    for match in found:
        sentence = sentences[-1]
        if match["quoted"]:
            if quoted := _safe(match["quoted"]):
                sentence.append(_Word(quoted, quoted=True))
        elif match["sign"]:
            after_short_form = bool(sentence) and sentence[-1].low in words("short_forms")
            if match["sign"] == "." and after_short_form:
                continue
            if match["sign"] in ".?!¿¡":
                sentences.append([])
            elif match["sign"] != "'":
                sentence.append(_Word(match["sign"], mark=True))
        else:
            written = match["name"] if cased else match["name"].lower()
            sentence.append(_word(written, sentence, cased=cased, cased_stops=cased_stops))
    return [_with_known_names(_quantifiers(sentence)) for sentence in sentences if sentence]


def _word(written: str, before: list[_Word], *, cased: bool, cased_stops: bool) -> _Word:
    """A word, and whether it is a stop word where it stands: "all" is one, the leukemia ALL is not."""
    text = re.sub(r"\((?:s|es)\)$", "", written)
    low = text.lower()
    last = before[-1] if before else None
    opens = last is None or last.mark
    if low.endswith("'s") and low[:-2] in words("question_stops"):
        return _Word(text, stop=True)
    if last is not None and last.low == "how" and low in words("after_how"):
        return _Word(text, stop=True)
    if _NUMBER.fullmatch(text):
        return _Word(text, stop=True)
    # "bundle of His", "Lamin Associated Domains": a capital where none is due makes a name.
    proper = text.istitle() and cased and cased_stops and not opens
    if low in words("nouns_or_verbs") and _is_object(before):
        return _Word(text)
    if low not in words("question_stops") and low not in words("polite_words"):
        return _Word(text, proper=proper)
    if len(text) == 1:
        lettered = last is not None and last.low in (
            words("numbered_nouns") | words("lettered_nouns") if text.isupper() else words("lettered_nouns")
        )
        after_name = text == "I" and cased and last is not None and not (last.stop or last.mark)  # complex I
        return _Word(text, stop=not (lettered or after_name or (text == "A" and cased and not opens)))
    if cased and text.isupper() and text not in _EMPHASIS and not (opens and _HELPERS.fullmatch(text)):
        return _Word(text)
    return _Word(text, stop=not proper)


def _is_object(before: list[_Word]) -> bool:
    """Whether what follows is a noun, not the sentence's verb: "prevent falls", "the risk of falls"."""
    if before and before[-1].low in words("before_nouns"):
        return True
    return any(word.low in words("relation_words") or word.low in words("taking_objects") for word in before)


def _quantifiers(sentence: list[_Word]) -> list[_Word]:
    """The sentence with "ALL the", "list ALL drugs" as mere emphasis."""
    made = list(sentence)
    for at, word in enumerate(sentence):
        if word.text == "ALL":
            before = sentence[at - 1].low if at else ""
            after = sentence[at + 1].low if at + 1 < len(sentence) else ""
            if before in words("polite_words") or after in words("after_quantifier"):
                made[at] = replace(word, stop=True)
    return made


def _with_known_names(sentence: list[_Word]) -> list[_Word]:
    """The sentence with each known name, "quality of life", as one word."""
    made: list[_Word] = []
    at = 0
    while at < len(sentence):
        for length in range(7, 1, -1):
            parts = [word for word in sentence[at : at + length] if word.text != ","]
            joined = " ".join(word.low for word in parts)
            names = {joined, joined.removesuffix("s")}  # blood groups
            if len(parts) > 1 and (names & phrases("known_names") or joined in phrases("asking_names")):
                made.append(_Word(" ".join(word.text for word in parts), known=True))
                at += length
                break
        else:
            made.append(sentence[at])
            at += 1
    return made


def _without_requests(sentences: list[list[_Word]]) -> list[list[_Word]]:
    """Without sentences that only say how to answer ("Please give only the symbol"), if others say more."""
    kept: list[list[_Word]] = []
    for sentence in sentences:
        content = [word for word in sentence if not word.stop and not word.mark]
        if any(word.low not in words("answer_words") for word in content):
            requests = any(word.stop and word.low in words("polite_words") for word in sentence)
            kept.append([_unasked(word) for word in sentence] if requests else sentence)
    return kept or sentences


def _unasked(word: _Word) -> _Word:
    """The word, to be passed over if it only says how to answer: "Please answer briefly: ..."."""
    return replace(word, stop=word.stop or (word.low in words("answer_words") and not word.quoted))


# --- from words to concepts ----------------------------------------------------------------------------


def _concepts_of(sentence: list[_Word], *, in_brackets: bool = False) -> list[Concept]:
    """The concepts of a sentence; synonyms in brackets and alternatives ("A or B") are one.

    Brackets within brackets are marks like any other.
    """
    concepts: list[Concept] = []
    between: list[str] = []  # stop words and marks since the last run
    chain = 0  # the concepts from here on are joined by commas alone
    at = 0
    while at < len(sentence):
        word = sentence[at]
        if word.text == "(" and word.mark and not in_brackets:
            close = _closing(sentence, at)
            inner = sentence[at + 1 : close]
            if concepts and not between and not _stands_alone(inner):
                _add_synonyms(concepts, inner)
            else:
                concepts += _concepts_of(inner, in_brackets=True)
            at = close + 1
            continue
        if word.stop or word.mark:
            between.append(word.low)
            at += 1
            continue
        end = at
        while end < len(sentence) and not (sentence[end].stop or sentence[end].mark):
            end += 1
        new = _concepts_of_run(sentence[at:end], "" if end == len(sentence) else sentence[end].low)
        if any(mark != "," for mark in between):
            joined = " ".join(w for w in between if w not in (",", "the", "a", "an", "other", "either"))
            if concepts and new and _SYNONYM_OF.fullmatch(joined):
                _merge(concepts, min(chain, len(concepts) - 1), new[0])
                new = new[1:]
            chain = len(concepts)
        concepts += new
        between = []
        at = end
    return concepts


def _closing(sentence: list[_Word], at: int) -> int:
    """Where the bracket opened at ``at`` closes; the sentence's end where it does not."""
    depth = 0
    for index in range(at, len(sentence)):
        if sentence[index].mark:
            depth += {"(": 1, ")": -1}.get(sentence[index].text, 0)
        if depth == 0:
            return index
    return len(sentence)


def _stands_alone(inner: list[_Word]) -> bool:
    """Whether a bracket says something further rather than the same in other words: "(in children)"."""
    return bool(inner) and inner[0].stop and inner[0].low in words("bracket_openers")


def _add_synonyms(concepts: list[Concept], inner: list[_Word]) -> None:
    """What stands in the brackets, part by part, becomes further names of the last specific concept."""
    at = next((i for i in reversed(range(len(concepts))) if not concepts[i].generic), len(concepts) - 1)
    part: list[_Word] = []
    for word in [*inner, _Word(",", mark=True)]:
        if not (word.mark and word.text in ",;/") and word.low not in ("or", "and/or"):
            part.append(word)
            continue
        units = [
            unit
            for concept in _concepts_of(part, in_brackets=True)
            if not concept.generic
            for unit in concept.terms[0].units
        ]
        if units:
            concepts[at] = Concept((*concepts[at].terms, Term(tuple(units))))
        part = []


def _merge(concepts: list[Concept], first: int, other: Concept) -> None:
    """The concepts from ``first`` on and the other one become one; a generic one stays by itself."""
    same = [concept for concept in concepts[first:] if concept.generic == other.generic]
    if not same:
        concepts.append(other)
        return
    concepts[first:] = [concept for concept in concepts[first:] if concept.generic != other.generic]
    concepts.append(Concept(tuple(term for concept in (*same, other) for term in concept.terms)))


def _concepts_of_run(run: list[_Word], behind: str) -> list[Concept]:
    """The concepts in words that stand together; ``behind`` is the stop word or mark that follows."""
    concepts: list[Concept] = []
    phrase: list[Unit] = []

    def flush() -> None:
        """Ends a phrase; generic nouns at its end ("cystic fibrosis gene") stand by themselves."""
        tail: list[Unit] = []
        while len(phrase) > 1 and phrase[-1].generic and phrase[-1].text.lower() not in words("name_heads"):
            tail.insert(0, phrase.pop())
        for units in (tuple(phrase), *((unit,) for unit in tail)):
            if units:
                concepts.append(Concept((Term(units),)))
        phrase.clear()

    units = list(_units(run, behind))
    for at, unit in enumerate(units):
        relation = unit.generic and unit.text.lower() in words("relation_words")
        if unit.text in _EXPANSIONS:
            full = Unit(_EXPANSIONS[unit.text])
            concepts.append(Concept((Term((*phrase, unit)), Term((*phrase, full)))))  # B-cell ALL
            phrase.clear()
        elif relation or (unit.generic and not phrase) or _VARIANT.match(unit.text):
            flush()
            concepts.append(Concept((Term((unit,)),)))
        else:
            if at and at + 1 == len(units) and _PARTICIPLE.fullmatch(unit.text):
                flush()
            phrase.append(unit)
    flush()
    return concepts


# A sequence variant as HGVS or dbSNP writes it, which no phrase of PubMed's index holds.
_VARIANT = re.compile(r"[cgmnpr]\.[(*0-9A-Z-]|rs[0-9]{3,}$")
# "amplified" at the end of "Is HER2 amplified in": said of what stands before.
_PARTICIPLE = re.compile(r"[a-z]{4,}[^\We]ed")


def _units(run: list[_Word], behind: str) -> Iterator[Unit]:
    """The run's words, those that belong together as one: "type 2 diabetes", "vitamin A"."""
    glued = [False] * len(run)  # to the word before
    modifies = [_is_modifier(word) for word in run]
    generic = [_is_generic(word, behind if at + 1 == len(run) else "") for at, word in enumerate(run)]
    for at in range(1, len(run)):  # hormone replacement therapy
        if run[at].low in ("therapy", "therapies") and run[at - 1].low in words("therapy_kinds"):
            generic[at] = False
    for at, word in enumerate(run):
        named_before = at > 1 and not generic[at - 2] and run[at - 1].low in words("numbered_nouns")
        if modifies[at] and at and not run[at - 1].quoted:
            glued[at] = True
            if named_before:  # diabetes mellitus type 2
                for before in range(at - 1, 0, -1):
                    if generic[before - 1]:
                        break
                    glued[before] = True
        if at and modifies[at - 1] and not modifies[at]:
            first = at == 1 or all(modifies[:at])
            classed = at > 1 and run[at - 2].low in words("numbered_nouns") and not glued[at - 2]
            glued[at] |= not generic[at] and (first or (classed and not (at > 2 and glued[at - 2])))
        head = word.low in words("name_heads") and at and not generic[at - 1] and not modifies[at - 1]
        typed = (
            at > 2 and glued[at - 1] and run[at - 3].low in words("numbered_nouns")
        )  # type 2 Gaucher disease
        if head and (at == 1 or generic[at - 2] or typed) and not run[at - 1].quoted:
            glued[at] = True  # Marfan syndrome
    at = 0
    while at < len(run):
        end = at + 1
        while end < len(run) and glued[end]:
            end += 1
        if end - at > 1 or not modifies[at] or run[at].quoted:
            yield _unit(run[at:end], generic=end - at == 1 and generic[at])
        at = end


def _unit(group: list[_Word], *, generic: bool) -> Unit:
    text = " ".join(word.text for word in group)
    if group[0].quoted:
        return Unit(text, quoted=True)
    if _EMPHASIS & set(text.split()):  # an AND gate: no operator
        return Unit(text, quoted=True)
    if not _SYNTAX.search(text):
        return Unit(_unpossessed(text), generic)
    return Unit(re.sub(r"[\[\]\"]+", " ", text).strip(), quoted=True)


def _unpossessed(text: str) -> str:
    """Without the 's of a name in capitals or with digits: IL-6's, but Parkinson's."""
    return re.sub(r"(?<=[A-Z0-9])'s\b", "", text)


def _is_modifier(word: _Word) -> bool:
    """Whether it is nothing without its neighbour: a number, a letter, the name of a Greek one."""
    return not (word.quoted or word.known) and bool(
        _MODIFIER.fullmatch(word.text) is not None
        or word.low in words("greek_names")
        or (
            word.low.partition("-")[0] in words("greek_names")
            and _MODIFIER.fullmatch(word.low.partition("-")[2])
        )
    )


def _is_generic(word: _Word, behind: str) -> bool:
    if word.known:
        return word.low in phrases("asking_names")
    if word.quoted or word.proper or (word.text.isupper() and len(word.text) > 1):
        return False
    if word.low == "lead":
        return behind == "to"
    return any(word.low in words(name) for name in ("generic_words", "relation_words", "answer_words"))


def _safe(quoted: str) -> str:
    """What the user put in quotation marks, without signs that PubMed would not search for."""
    safe = " ".join(re.sub(r"[\[\]{}|\\^~<>=]", " ", quoted).split())
    return safe if any(c.isalnum() for c in safe) else ""


def _foreign_names(text: str) -> list[list[_Word]]:
    """What a question in another language names in a way that English does too: BRCA1, CFTR."""
    latin = re.findall(r"[A-Za-z0-9][A-Za-z0-9 /*:'-]*[A-Za-z0-9]", text)
    if any(c > "\u0400" for c in text):
        return [
            _with_known_names([_Word(word) for word in part.split()])
            for part in latin
            if re.search("[A-Za-z]{2}", part)
        ]
    names = [re.sub(r"-[A-Z]?[^\W\d_A-Z]{4,}$", "", m["name"]) for m in _TOKEN.finditer(text) if m["name"]]
    return [[_Word(name)] for name in names if re.search(r"[A-Z].*[A-Z0-9]|[a-z][0-9]", name)]
