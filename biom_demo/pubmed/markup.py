"""Markup of titles and abstracts -> what a reader would say: 10^-3, Ca2+, H2O, VO2max, (a+b)/c.

Inline tags (``<sup>``, ``<sub>``, ``<i>``) are read by a few rules over neighbouring stretches of text;
formulas by ``mathml``. Some publishers deliver tags and entities escaped once too often, or with spaces
around; those are read as what they were meant to be. All of it comes before any text is joined, so that
offsets count what is shown. Elements have no namespace in their tags.

Cost is linear: looks back and ahead are bounded, nothing is recursive.

Source: NLM's PubMed DTD; shapes seen in efetch answers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal
from xml.etree.ElementTree import Element, TreeBuilder

from biom_demo.pubmed.characters import SPACES, decoded, one_line, plain, unescaped
from biom_demo.pubmed.mathml import (
    DOTS,
    EXPONENT,
    NOT_READ,
    ORDINAL,
    PICTURES,
    TAGS,
    Role,
    Stretch,
    stretches_of,
    words_of,
)

_REACH = 40  # characters looked back at and ahead to when a script is joined to its base

_TAG = re.compile(r"<(/?)(?:[A-Za-z]{1,8}:)?([A-Za-z][A-Za-z0-9-]{0,20})(\s[^<>]{0,200}?)?(/?)>")
_ATTRIBUTE = re.compile(r"""([\w:-]{1,40})\s?=\s?(?:"([^"]*)"|'([^']*)')""")

_SCRIPTS: dict[str, Role] = {
    "sup": "sup",
    "superscript": "sup",
    "sub": "sub",
    "subscript": "sub",
    "inf": "sub",
}
_HEADINGS = words_of("h1 h2 h3 h4 h5 h6 title")
_BLOCKS = words_of("p br hr div li ul ol list list-item sec td tr")
_DISPLAYED = frozenset({"dispformula", "disp-formula"})
_WRAPPERS = _DISPLAYED | {"inlineformula", "inline-formula", "alternatives"}  # their white space is layout
_EMPHASIS = words_of("i b u em strong italic bold underline sc small span a")
_EMPTY_TAGS = frozenset({"br", "hr", "mspace", "none", "mprescripts"})
_LITERAL = frozenset(_SCRIPTS) | _HEADINGS | _BLOCKS | _WRAPPERS | NOT_READ | _EMPHASIS | TAGS | _EMPTY_TAGS
# A heading inside a text stands between these until it is cut out. XML cannot hold either character.
_OPEN, _CLOSE = "\x02", "\x03"
_HEADING = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}")


def readable(element: Element | None) -> str:
    """The element's text on one line, "" for ``None``; headings inside it are text like any other."""
    return one_line(_said(element).replace(_OPEN, " ").replace(_CLOSE, " ")) if element is not None else ""


def parts_of(element: Element) -> list[tuple[str, str]]:
    """The element's text as (heading, body), cut at headings that stand inside it; "" before the first.

    Parts without a body are left out.
    """
    head, *rest = _HEADING.split(_said(element))
    pairs = [("", head), *zip(rest[::2], rest[1::2], strict=True)]
    return [
        (one_line(heading).rstrip(": "), text)
        for heading, body in pairs
        if (text := one_line(body.replace(_OPEN, " ").replace(_CLOSE, " ")))
    ]


def _said(element: Element) -> str:
    if len(element) == 0 and not re.search("[<&]", element.text or ""):
        return plain(element.text or "")
    return _joined(_merged(_stretches(_revived(element))))


# Tags escaped once too often ------------------------------------------------------------------------


def _revived(element: Element) -> Element:
    """The element with entities in its text decoded once, and tags that stand there as text made tags.

    Only known tags that are opened and closed count; what is left may be a comparison.
    """
    if not any("<" in text or "&" in text for text in element.itertext()):
        return element
    tokens = list(_tokens(element))
    real = _paired(tokens)
    builder = TreeBuilder()
    opened: list[tuple[str, bool]] = []  # name, whether it was text
    inside: list[Counter[str]] = []  # what is open of tags from text, for each element around
    for index, (kind, name, text, attributes, literal) in enumerate(tokens):
        if kind == "text" or (literal and index not in real):
            builder.data(text)
        elif kind == "start":
            builder.start(name, attributes)
            opened.append((name, literal))
            if literal:
                inside[-1][name] += 1
            else:
                inside.append(Counter())
        elif literal and not inside[-1][name]:
            continue  # closed already, with the tag around it
        else:
            while True:
                last, was_literal = opened.pop()
                builder.end(last)
                if was_literal:
                    inside[-1][last] -= 1
                if (last, was_literal) == (name, literal):
                    break
            if not literal:
                inside.pop()
    made: Element = builder.close()
    return made


_Token = tuple[Literal["start", "end", "text"], str, str, dict[str, str], bool]


def _tokens(element: Element) -> Iterator[_Token]:
    """Tags and texts in order, with the tags that stand in the texts (the last value is true for those)."""
    stack = [(element, iter(element))]
    yield "start", element.tag, "", dict(element.attrib), False
    yield from _text_tokens(element.text)
    while stack:
        parent, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            yield "end", parent.tag, "", {}, False
            if stack:
                yield from _text_tokens(parent.tail)
            continue
        yield "start", child.tag, "", dict(child.attrib), False
        yield from _text_tokens(child.text)
        stack.append((child, iter(child)))


def _text_tokens(raw: str | None) -> Iterator[_Token]:
    if not raw:
        return
    text = decoded(raw)
    at = 0
    for found in _TAG.finditer(text):
        name = found[2].lower()
        if name not in _LITERAL:
            continue
        yield "text", "", text[at : found.start()], {}, False
        at = found.end()
        attributes = {key: double or single for key, double, single in _ATTRIBUTE.findall(found[3] or "")}
        if not found[1]:
            yield "start", name, found[0], attributes, True
        if found[1] or found[4] or name in _EMPTY_TAGS:
            yield "end", name, found[0] if found[1] else "", {}, True
    yield "text", "", text[at:], {}, False


def _paired(tokens: Sequence[_Token]) -> set[int]:
    """Which tags found in text have their other half, inside the same element."""
    real: set[int] = set()
    # What is open by name, for each element around: a tag in one element is not closed in another.
    around: list[dict[str, list[int]]] = [{}]
    for index, (kind, name, _, _, literal) in enumerate(tokens):
        if kind == "text":
            continue
        if not literal:
            if kind == "start":
                around.append({})
            else:
                around.pop()
        elif kind == "start":
            around[-1].setdefault(name, []).append(index)
        elif waiting := around[-1].get(name):
            real |= {waiting.pop(), index}
    return real


# Inline tags ----------------------------------------------------------------------------------------


def _stretches(element: Element) -> Iterator[Stretch]:
    """Each stretch of text in order with the script it stands in; without recursion."""
    if element.text:
        yield plain(element.text), ""
    stack: list[tuple[Element, Role, Iterator[Element]]] = [(element, "", iter(element))]
    while stack:
        parent, role, children = stack[-1]
        layout = parent.tag.lower() in _WRAPPERS
        child = next(children, None)
        if child is None:
            stack.pop()
            if stack:
                name = parent.tag.lower()
                if name in _HEADINGS:
                    yield _CLOSE, role
                elif name in _BLOCKS or name in _DISPLAYED:
                    yield " ", role
                yield from _tail(parent, stack[-1][1], stack[-1][0].tag.lower() in _WRAPPERS)
            continue
        name = child.tag.lower()
        if name in TAGS:
            yield from ((text, inner or role) for text, inner in stretches_of(child))
        elif name in PICTURES:
            yield _alternative(child), role
        elif name not in NOT_READ and not (name == "label" and layout):
            inside = _SCRIPTS.get(name, role)
            if name in _HEADINGS:
                yield _OPEN, role
            elif name in _BLOCKS or name in _DISPLAYED:
                yield " ", role
            if child.text and not (name in _WRAPPERS and child.text.isspace()):
                yield plain(child.text), inside
            chosen = [c for c in child if c.tag == "math"] if name == "alternatives" else []
            stack.append((child, inside, iter(chosen or list(child))))
            continue
        yield from _tail(child, role, layout)


def _alternative(picture: Element) -> str:
    """The words that stand for a picture."""
    given = picture.find("alt-text")
    words = picture.get("alt") or ("".join(given.itertext()) if given is not None else "")
    return unescaped(words)


def _tail(element: Element, role: Role, layout: bool) -> Iterator[Stretch]:
    if element.tail and not (layout and element.tail.isspace()):
        yield plain(element.tail), role


def _space(found: re.Match[str]) -> str:
    """One space, or none where a line end lies between a tag's text and the bracket or comma beside it."""
    before = found.string[max(0, found.start() - 1) : found.start()]
    after = found.string[found.end() : found.end() + 2]
    beside = before in {"(", "["} or after[:1] in {")", "]", "%"} or after in {",", ".", ";", ":"}
    beside |= len(after) == 2 and after[0] in ",.;:" and after[1].isspace()
    return "" if "\n" in found[0] and beside else " "


def _merged(stretches: Iterator[Stretch]) -> list[Stretch]:
    """Neighbours of one role as one stretch: ``<sup>-</sup><sup>3</sup>`` is one exponent."""
    made: list[tuple[list[str], Role]] = []
    for text, role in stretches:
        if not text:
            continue
        if made and made[-1][1] == role:
            made[-1][0].append(text)
        else:
            made.append(([text], role))
    joined = [(text, role) for texts, role in made if (text := SPACES.sub(_space, "".join(texts)))]
    # 10<sup>-</sup> <sup>3</sup>: a sign and its digits with layout between.
    out: list[Stretch] = []
    for text, role in joined:
        if (
            role == "sup"
            and len(out) > 2
            and out[-1] == (" ", "")
            and out[-2][1] == "sup"
            and out[-2][0].strip() in _MINUS
            and text.strip().isdigit()
            and re.search(r"(?:^|[^\w-])\d+\s?$", out[-3][0][-_REACH:])
        ):
            out[-2:] = [(out[-2][0].strip() + text, role)]
        else:
            out.append((text, role))
    return out


_MINUS = frozenset("-−–")
_DEGREES = frozenset("oO0º∘°˚")
_SIGNED = re.compile(r"([-+])\s?(?=[\w∆(])")
_POWER_OF_NUMBER = re.compile(r"\d+[-,/]\d.*|[A-Za-z](?:[-+*/]\w+)+")
# Mass numbers stand before these.
_TRACER = re.compile(
    r"(?:A[cglmrstu]|B[aeir]?|C[adelorsu]?|D[y]|E[ru]|F[e]?|G[ade]|H[efgo]?|I[nr]?|K[r]?|L[aiu]|M[gno]|N[abdei]?"
    r"|O[s]?|P[bdmortu]?|R[abehnu]|S[bcegimnr]?|T[abceghilm]|U|V|W|Xe|Y[b]?|Z[nr])(?![A-Za-z])"
)
_SIGN_ALONE = re.compile(r"\d?[+-](?:/[+-])?")
_NUMBER_BEFORE = re.compile(r"(?:^|[\s(\[=<>≤≥~≈×*/·,;])\d+(?:\.\d+)?$")
_TEN_BEFORE = re.compile(r"(?:^|[^\w.,])10$")
_LOWER_BEFORE = re.compile(r"(?:^|[\s(\[=+×*/·])[a-zα-ω]$")
_PROBABILITY_BEFORE = re.compile(r"(?:^|\W)[Pp]$")
_METRE_BEFORE = re.compile(r"(?:^|[^\w])[kcdmnµμ]?m$")
# What a subscript is printed under: a symbol, not an ordinary word of a sentence.
_SYMBOL_BEFORE = re.compile(
    r"(?:[A-Z]\w*[A-Z0-9]|(?:^|(?<=[^\w]))[A-Z][a-z]?|(?<!\w)(?:log|ln|[a-zα-ω])|[\])])$"
)
_DEGREE_AFTER = re.compile(r"\s?[CFK](?![A-Za-z])")
_NEXT_ELEMENT = re.compile(r" [A-Z][a-z]? ?")
_WATER = re.compile(r" [OS](?![A-Za-z])")


def _joined(stretches: Sequence[Stretch]) -> str:
    """The stretches as one text, each script as it would be typed after what it belongs to."""
    out: list[str] = []
    tail = ""  # the last characters of what has been written

    def write(text: str) -> None:
        nonlocal tail
        if text:
            out.append(text)
            tail = (tail + text)[-_REACH:]

    def drop_to(end: str) -> None:
        nonlocal tail
        while len(tail) > len(end):
            out[-1] = out[-1][:-1]
            if not out[-1]:
                out.pop()
            tail = tail[:-1]

    after_script = padded = False
    for index, (text, role) in enumerate(stretches):
        following = stretches[index + 1][0][:_REACH] if index + 1 < len(stretches) else ""
        if not role:
            if after_script and tail[-1:].isdigit() and text[:1].isdigit():
                write(" ")  # log<sub>2</sub>3 is not log23
            if padded and len(text) < 5 and following and _NEXT_ELEMENT.fullmatch(text):
                text = text.strip()  # Fe <sub>3</sub> O <sub>4</sub>
            elif padded and tail.endswith("H2") and _WATER.match(text):
                text = text[1:]
            write(text)
            after_script = padded = False
            continue
        script = text.strip()
        base = tail.rstrip(" ")
        spaced = base != tail
        padded = False
        if not script:
            write(" ")
            continue
        if role == "sub":
            if spaced and _SYMBOL_BEFORE.search(base):
                drop_to(base)
                padded, spaced = True, False
            write(_subscript("" if spaced else base, script.replace("−", "-")))
        else:
            earlier = stretches[index - 1] if index else ("", "")
            later = stretches[index + 2] if index + 2 < len(stretches) else ("", "")
            plain = re.sub("[−–]", "-", script)
            isotope = plain.isdigit() and bool(_TRACER.match(following))
            if plain.isdigit() and following.strip() in {"/", "⁄"} and later[1] == "sub":
                # <sup>1</sup>/<sub>2</sub>, after a whole number or alone
                write(" " if tail[-1:].isdigit() else "")
                write(plain)
            elif (
                script in _DEGREES
                and base[-1:].isdigit()
                and (_DEGREE_AFTER.match(following) or (script not in "0O" and _NUMBER_BEFORE.search(base)))
            ):
                write("°")
            elif script in DOTS and base[-1:] in {"V", "Q"} and following[:1].isupper():
                pass  # the dot over a flow: V<sup>.</sup>O<sub>2</sub>
            elif isotope and earlier[1] == "sub" and base[-1:].isdigit():
                write(f" {plain}")  # H2 18O
            elif earlier[1] == "sub" and base[-1:].isalpha() and plain.isdigit():
                write(f"^{plain}")  # x<sub>i</sub><sup>2</sup>
            elif base[-1:] in _MINUS and plain.isdigit() and not isotope and _TEN_BEFORE.search(base[:-1]):
                drop_to(base[:-1])
                write(f"^-{plain}")  # 10-<sup>3</sup>
            else:
                if spaced and not isotope and _belongs(base, plain):
                    drop_to(base)
                    spaced = False
                write(_superscript("" if spaced else base, plain, following))
        if text.endswith(" "):
            write(" ")
        after_script = True
    return "".join(out)


def _belongs(base: str, script: str) -> bool:
    """Whether the superscript is the base's although a space stands between."""
    if not base or base[-1] in ",.;:":
        return False
    if _SIGN_ALONE.fullmatch(script) or (ORDINAL.fullmatch(script) and base[-1].isdigit()):
        return True  # Ca <sup>2+</sup>, CD4 <sup>+</sup>, 5 <sup>th</sup>
    if not EXPONENT.fullmatch(script):
        return False
    if _TEN_BEFORE.search(base):
        return True
    return bool(script[0] == "-" and base[-1:].isalnum()) or (
        script in {"2", "3"} and bool(_METRE_BEFORE.search(base))
    )


def _superscript(base: str, script: str, following: str) -> str:
    last = base[-1:]
    number = bool(_NUMBER_BEFORE.search(base)) or base == "e" or base.endswith((" e", "(e"))
    signed = _SIGNED.match(script)
    if signed:
        digits = script[signed.end()].isdigit()
        if number or (digits and (signed[1] == "-" or last.isdigit())):
            return f"^{signed[1]}{script[signed.end() :]}"
        return script
    if number and (_POWER_OF_NUMBER.fullmatch(script) or " " in script):
        return f"^({script})"
    if number and script[0] == "(":
        return f"^{script}"
    if script[0].isdigit():
        unknown = last in {"x", "y", "z"} and not base[-2:-1].isalnum()
        return f"^{script}" if number or last.isdigit() or unknown or last == ")" else script
    if script == "-" and following[:1].isdigit() and _TEN_BEFORE.search(base):
        return "^-"  # 10<sup>-</sup>3
    variable = len(script) == 1 and script.islower() and _LOWER_BEFORE.search(base)
    power = number and (script in {"n", "x", "k", "N", "t"} or (last == "e" and script.isalnum()))
    return f"^{script}" if variable or power else script


def _subscript(base: str, script: str) -> str:
    if base[-1:].isdigit() and re.match(r"[-+]?\d", script):
        return f"_{script}"
    if _PROBABILITY_BEFORE.search(base) and re.fullmatch(r"[A-Za-z]{4,}", script):
        return f"_{script}"  # P for trend
    if _LOWER_BEFORE.search(base):
        if len(script) == 1 and script.isalpha():
            return f"_{script}"
        if re.fullmatch(r"[a-z](?:[-+,]\s?\w)+", script):
            return f"_({script})"
    return script
