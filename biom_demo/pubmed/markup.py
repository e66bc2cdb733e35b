"""Markup of titles and abstracts -> what a reader would say: 10^-3, Ca2+, H2O, VO2max, (a+b)/c.

Two forms of markup reach PubMed's text. Inline tags (``<sup>``, ``<sub>``, ``<i>``) are a few rules over
neighbouring stretches of text; MathML is a tree of terms. White space that only lays the tree out is no
text. Some publishers deliver tags and entities escaped once too often; those are read as what they were
meant to be. All of it comes before any text is joined, so that offsets count what is shown.

Cost is linear: looks back and ahead are bounded, and formulas nested deeper than ``MAX_DEPTH`` are read
as the plain text they hold.

Source: MathML 3 (W3C); NLM's PubMed DTD; shapes seen in efetch answers.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from html.entities import html5
from itertools import zip_longest
from typing import Literal
from xml.etree.ElementTree import Element, TreeBuilder

MAX_DEPTH = 60  # of a formula's tree; far beyond any that is printed
_REACH = 40  # characters looked back at and ahead to when a script is joined to its base

_SPACES = re.compile(r"[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
# Zero-width signs, soft hyphens, and MathML's invisible "apply", "times" and "comma".
_INVISIBLE = re.compile(r"[\u200b-\u200d\u2060-\u2063\ufeff\u00ad]")
_FLOW_DOT = re.compile("(?<=[VQ])\u0307")  # V̇O2 is said VO2
_STYLED_LETTERS = re.compile(r"[\U0001d400-\U0001d7ff]+")  # 𝑝 is p
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TAG = re.compile(r"<(/?)(?:[A-Za-z]{1,8}:)?([A-Za-z][A-Za-z0-9-]{0,20})(\s[^<>]{0,200}?)?(/?)>")
_ATTRIBUTE = re.compile(r"""([\w:-]{1,40})\s?=\s?(?:"([^"]*)"|'([^']*)')""")

Role = Literal["", "sup", "sub"]
_Stretch = tuple[str, Role]


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_SCRIPTS: dict[str, Role] = {"sup": "sup", "superscript": "sup", "sub": "sub", "subscript": "sub"}
_HEADINGS = _words("h1 h2 h3 h4 h5 h6 title")
_BLOCKS = _words("p br hr div li ul ol list list-item sec td tr")
_DISPLAYED = frozenset({"dispformula", "disp-formula"})
_WRAPPERS = _DISPLAYED | {"inlineformula", "inline-formula", "alternatives"}  # their white space is layout
_PICTURES = frozenset({"img", "graphic", "inline-graphic"})
_NOT_READ = frozenset({"tex-math", "annotation", "annotation-xml", "object-id", "script", "style"})
_EMPHASIS = _words("i b u em strong italic bold underline sc small span a")
_MATH = _words(
    """math mi mn mo ms mtext mspace mglyph mrow mfrac msqrt mroot mstyle merror mpadded mphantom mfenced
    menclose msub msup msubsup munder mover munderover mmultiscripts mtable mtr mlabeledtr mtd maction
    semantics"""
)
_EMPTY_TAGS = frozenset({"br", "hr", "mspace", "none", "mprescripts"})
_LITERAL = frozenset(_SCRIPTS) | _HEADINGS | _BLOCKS | _WRAPPERS | _NOT_READ | _EMPHASIS | _MATH | _EMPTY_TAGS
# A heading inside a text stands between these until it is cut out. XML cannot hold either character.
_OPEN, _CLOSE = "\x02", "\x03"
_HEADING = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}")


def readable(element: Element | None) -> str:
    """The element's text on one line, "" for ``None``; headings inside it are text like any other."""
    return _one_line(_said(element).replace(_OPEN, " ").replace(_CLOSE, " ")) if element is not None else ""


def parts_of(element: Element) -> list[tuple[str, str]]:
    """The element's text as (heading, body), cut at headings that stand inside it; "" before the first.

    Parts without a body are left out.
    """
    head, *rest = _HEADING.split(_said(element))
    pairs = [("", head), *zip(rest[::2], rest[1::2], strict=True)]
    return [
        (_one_line(heading).rstrip(": "), text)
        for heading, body in pairs
        if (text := _one_line(body.replace(_OPEN, " ").replace(_CLOSE, " ")))
    ]


def unescaped(text: str) -> str:
    """The text of an attribute: entities escaped twice decoded, on one line."""
    return _one_line(_plain(_ENTITY.sub(_decoded, text)))


def _one_line(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _said(element: Element) -> str:
    if len(element) == 0 and not re.search("[<&]", element.text or ""):
        return _plain(element.text or "")
    return _joined(_merged(_stretches(_revived(element))))


def _plain(text: str) -> str:
    """The text without invisible signs, styled letters plain; spaces are kept."""
    text = _FLOW_DOT.sub("", _INVISIBLE.sub("", text))
    return _STYLED_LETTERS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)


def _decoded(found: re.Match[str]) -> str:
    # Whole entities with a known name only: html.unescape alone would turn "&notch" into a sign.
    known = found[0][1] == "#" or found[0][1:] in html5
    return unescape(found[0]) if known else found[0]


# Tags escaped once too often ------------------------------------------------------------------------


def _revived(element: Element) -> Element:
    """The element with entities in its text decoded once, and tags that stand there as text made tags.

    Only known tags that are opened and closed count: "a<b>c" is a comparison.
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
    text = _ENTITY.sub(_decoded, raw)
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


def _stretches(element: Element) -> Iterator[_Stretch]:
    """Each stretch of text in order with the script it stands in; without recursion."""
    if element.text:
        yield _plain(element.text), ""
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
        if name in _MATH:
            yield from ((text, inner or role) for text, inner in _formula(child))
        elif name in _PICTURES:
            yield _alternative(child), role
        elif name not in _NOT_READ and not (name == "label" and layout):
            inside = _SCRIPTS.get(name, role)
            if name in _HEADINGS:
                yield _OPEN, role
            elif name in _BLOCKS or name in _DISPLAYED:
                yield " ", role
            if child.text and not (name in _WRAPPERS and child.text.isspace()):
                yield _plain(child.text), inside
            chosen = [c for c in child if c.tag == "math"] if name == "alternatives" else []
            stack.append((child, inside, iter(chosen or list(child))))
            continue
        yield from _tail(child, role, layout)


def _alternative(picture: Element) -> str:
    """The words that stand for a picture."""
    given = picture.find("alt-text")
    words = picture.get("alt") or ("".join(given.itertext()) if given is not None else "")
    return unescaped(words)


def _tail(element: Element, role: Role, layout: bool) -> Iterator[_Stretch]:
    if element.tail and not (layout and element.tail.isspace()):
        yield _plain(element.tail), role


def _merged(stretches: Iterator[_Stretch]) -> list[_Stretch]:
    """Neighbours of one role as one stretch: ``<sup>-</sup><sup>3</sup>`` is one exponent."""
    made: list[tuple[list[str], Role]] = []
    for text, role in stretches:
        if not text:
            continue
        if made and made[-1][1] == role:
            made[-1][0].append(text)
        else:
            made.append(([text], role))
    joined = [(_SPACES.sub(" ", "".join(texts)), role) for texts, role in made]
    # 10<sup>-</sup> <sup>3</sup>: a sign and its digits with layout between.
    out: list[_Stretch] = []
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
_DOTS = frozenset({".", "˙", "·", "\u0307", "¨", "\u0308", "..", "‥"})  # over a letter: a rate, a flow
_EXPONENT = re.compile(r"[-+]?\d+(?:\.\d+)?")
_SIGNED = re.compile(r"([-+])\s?(?=[\w∆(])")
_POWER_OF_NUMBER = re.compile(r"\d+[-,/]\d.*|[A-Za-z](?:[-+*/]\w+)+")
# Mass numbers stand before these.
_TRACER = re.compile(
    r"(?:A[cglmrstu]|B[aeir]?|C[adelorsu]?|D[y]|E[ru]|F[e]?|G[ade]|H[efgo]?|I[nr]?|K[r]?|L[aiu]|M[gno]|N[abdei]?"
    r"|O[s]?|P[bdmortu]?|R[abehnu]|S[bcegimnr]?|T[abceghilm]|U|V|W|Xe|Y[b]?|Z[nr])(?![A-Za-z])"
)
_ORDINAL = re.compile(r"st|nd|rd|th")
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


def _joined(stretches: Sequence[_Stretch]) -> str:
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
            elif script in _DOTS and base[-1:] in {"V", "Q"} and following[:1].isupper():
                pass  # the dot over a flow: V<sup>.</sup>O<sub>2</sub>
            elif isotope and earlier[1] == "sub" and base[-1:].isdigit():
                write(f" {plain}")  # H2 18O
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
    if not _EXPONENT.fullmatch(script):
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
    if number and _POWER_OF_NUMBER.fullmatch(script):
        return f"^({script})"
    if number and script[0] == "(":
        return f"^{script}"
    if script[0].isdigit():
        return f"^{script}" if last.isdigit() or (last == ")" and script.isdigit()) else script
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


# MathML ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Term:
    """A piece of a formula as text, and how it binds to its neighbours.

    run: letters and digits beside one another; sum: holds an operator, so it needs brackets under a
    fraction; script: ends in a subscript or superscript; words: text; gap: white space that is meant.
    """

    text: str
    kind: Literal["atom", "run", "sum", "fraction", "script", "function", "operator", "words", "gap"]


_NOTHING = _Term("", "atom")
_FUNCTIONS = _words(
    "log ln lg lb exp sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan lim max min sup inf "
    "arg argmax argmin det dim gcd mod Pr var cov corr"
)
_BIG = _words("∑ ∏ ∐ ∫ ∬ ∭ ∮ ⋃ ⋂ ⋁ ⋀ lim max min sup inf argmax argmin Σ Π")
_INFIX = frozenset("=≠<>≤≥≪≫≈≃≅∼~≡∝+-±∓×·*/÷→←↔⇌⇒,;:")
_RELATIONS = frozenset("=≠<>≤≥≈≃≅∼~≡∝+-±×→←⇌")
_SAME = str.maketrans("−∗⋅∕⁄∣∶⩽⩾", "-*·//|:≤≥")
_ACCENTS = {
    **dict.fromkeys("¯‾ˉ―─-−–_\u0304\u0305", "\u0304"),
    **dict.fromkeys("^ˆ\u0302", "\u0302"),
    **dict.fromkeys("~˜∼\u0303", "\u0303"),
    **dict.fromkeys("→⃗", "\u20d7"),
    **dict.fromkeys("⏞⏟︷︸⏜⏝\u0331\u0332", ""),
}
_MARKS = frozenset({"′", "″", "‴", "'", "''", '"', "*", "†", "‡", "®", "™", "TM", "⊥", "∥"})
_CHARGE = re.compile(r"\d*[+-]{1,3}|[•·∙.]?[+-]")
_INDEX = re.compile(r"\d[\d.,]*(?:[-–/](?:\d[\d.,]*|∞))?|[\d.]*[^\W\d_]\w*")
_SLOTS = {
    "mfrac": 2,
    "mroot": 2,
    "msub": 2,
    "msup": 2,
    "msubsup": 3,
    "munder": 2,
    "mover": 2,
    "munderover": 3,
}


def _formula(element: Element) -> Iterator[_Stretch]:
    """A formula as stretches: one text, after a script where it begins with one that has no base.

    ``10<math><msup><mrow/><mn>-3</mn></msup></math>`` belongs to the text before it.
    """
    children = list(element) if element.tag == "math" else [element]
    while len(children) == 1 and children[0].tag in {"mrow", "mstyle", "mpadded", "semantics"}:
        if _loose_text(children[0]):
            break
        children = [c for c in children[0] if c.tag not in _NOT_READ]
    if element.tag == "math" and _loose_text(element):
        children = [element]
    if children and _is_baseless(children[0]):
        roles: list[Role] = ["sup"] if children[0].tag == "msup" else ["sub", "sup"]
        for script, role in zip(children[0][1:], roles, strict=False):
            yield _term(script, 1).text, role
        children = children[1:]
    text = _row(children, 0).text
    if not text.strip() and element.get("alttext"):
        text = unescaped(element.get("alttext") or "")
    yield text, ""


def _loose_text(element: Element) -> bool:
    return bool((element.text or "").strip() or any((c.tail or "").strip() for c in element))


def _is_baseless(element: Element) -> bool:
    """Whether it is a script under which nothing stands."""
    return (
        element.tag in {"msup", "msub", "msubsup"}
        and len(element) == _SLOTS[element.tag]
        and not _loose_text(element)
        and not any(text.strip() for text in element[0].itertext())
    )


def _term(element: Element, depth: int, *, tight: bool = False) -> _Term:
    """What an element of a formula says. ``tight``: in a script, where commas take no space."""
    if depth > MAX_DEPTH:
        return _Term("".join(_plain("".join(element.itertext())).split()), "run")
    name = element.tag
    if name in {"mi", "mn", "mo", "ms", "mtext"}:
        return _token(name, element)
    if name == "mspace":
        return _NOTHING if re.match(r"-|0(?![.\d]*[1-9])", element.get("width") or "0") else _Term(" ", "gap")
    if name == "mphantom" or name in _NOT_READ:
        return _NOTHING
    if name in _PICTURES or name == "mglyph":
        return _Term(unescaped(element.get("alt") or ""), "words")
    children = list(element)
    if name in {"semantics", "maction"} and children:
        return _term(children[0], depth + 1, tight=tight)
    if _loose_text(element):
        return _row_of(element, depth, tight=tight)  # not as MathML has it, but nothing said is lost
    if name == "mtable":
        return _table(children, depth + 1)
    if name == "mfenced":
        return _fenced(element, depth + 1)
    if name == "msqrt" or (name == "menclose" and "radical" in (element.get("notation") or "")):
        return _Term(f"sqrt{_bracketed(_row_of(element, depth + 1).text)}", "atom")
    if name == "mmultiscripts" and children:
        return _multiscripts(children, depth + 1)
    if len(children) != _SLOTS.get(name):
        return _row_of(element, depth, tight=tight)
    base = _term(children[0], depth + 1, tight=tight)
    if name == "mfrac":
        stacked = (element.get("linethickness") or "1").startswith("0")
        return _fraction(base, _term(children[1], depth + 1, tight=tight), stacked=stacked)
    scripts = [_term(child, depth + 1, tight=True) for child in children[1:]]
    if name == "mroot":
        (index,) = scripts
        if index.text in {"", "2"}:
            return _Term(f"sqrt{_bracketed(base.text)}", "atom")
        shown = base.text if base.kind == "atom" else _bracketed(base.text)
        return _Term(f"{shown}^(1/{index.text})", "script")
    low = _NOTHING if name in {"msup", "mover"} else scripts[0]
    high = _NOTHING if name in {"msub", "munder"} else scripts[-1]
    return _limits(base, low, high) if name.startswith(("munder", "mover")) else _scripted(base, low, high)


def _token(name: str, element: Element) -> _Term:
    raw = _plain("".join(element.itertext()))
    text = _one_line(raw).translate(_SAME)
    if name in {"mtext", "ms"}:
        # Spaces at its edges are meant, unless a line ends in them: then they lay the tree out.
        lead, trail = re.match(r"\s*", raw), re.search(r"\s*\Z", raw[-_REACH:])
        assert lead
        assert trail
        before = " " if lead[0] and "\n" not in lead[0] else ""
        after = " " if trail[0] and "\n" not in trail[0] else ""
        return _Term(f"{before}{text}{after}" if text else before, "words" if text else "gap")
    if name == "mo":
        if text == "\u2064":
            return _Term(" ", "gap")  # invisible plus: 1 3/4
        if text in _FUNCTIONS:
            return _Term(text, "function")
        return _Term(f" {text} " if text.isalpha() and len(text) > 1 and text.isascii() else text, "operator")
    if text in _FUNCTIONS:
        return _Term(text, "function")
    return _Term(text, "atom")


def _row_of(element: Element, depth: int, *, tight: bool = False) -> _Term:
    """The element's children beside one another, with stray text among them as words."""
    if not _loose_text(element):
        return _row(list(element), depth, tight=tight)
    terms = [_Term(_one_line(_plain(element.text or "")), "words")]
    for child in element:
        terms.append(_term(child, depth + 1, tight=tight))
        terms.append(_Term(_one_line(_plain(child.tail or "")), "words"))
    return _beside(terms, tight=tight)


def _row(children: Sequence[Element], depth: int, *, tight: bool = False) -> _Term:
    terms: list[_Term] = []
    for child in children:
        if _is_baseless(child):
            # A script without a base belongs to what stands before it.
            base = terms.pop() if terms and terms[-1].kind not in {"operator", "gap"} else _NOTHING
            scripts = [_term(script, depth + 1, tight=True) for script in child[1:]]
            sub = scripts[0] if child.tag != "msup" else _NOTHING
            sup = scripts[-1] if child.tag != "msub" else _NOTHING
            terms.append(_scripted(base, sub, sup))
        else:
            terms.append(_term(child, depth + 1, tight=tight))
    return _beside(terms, tight=tight)


def _beside(given: Sequence[_Term], *, tight: bool = False) -> _Term:
    """The terms as they would be typed in a row."""
    terms = [term for term in given if term.text]
    if len(terms) < 2:
        return terms[0] if terms else _NOTHING
    out: list[str] = []
    last = ""
    level, always_inside, holds_operator = 0, True, False
    for index, term in enumerate(terms):
        before = terms[index - 1] if index else _NOTHING
        after = terms[index + 1] if index + 1 < len(terms) else _NOTHING
        text = term.text
        if term.kind == "operator":
            level += (text in {"(", "[", "{"}) - (text in {")", "]", "}"})
            leading_sign = index == 0 and text in "+-±"
            holds_operator |= level == 0 and text.strip() in _INFIX and not leading_sign
            flow = before.text in {"V", "Q"} and after.text[:1].isalpha()
            if text in {".", "˙"} and flow:
                continue  # the dot over a flow, set beside it
        elif term.kind == "sum" or (term.kind == "words" and " " in text.strip()):
            holds_operator |= level == 0
        always_inside &= level > 0 or index == len(terms) - 1
        if term.kind == "fraction":
            number_before = last.isdigit() and text[0].isdigit()
            touches = last.isalnum() or last == ")" or after.text[:1].isalnum() or after.text[:1] == "("
            if number_before and not after.text[:1].isalnum():
                text = f" {text}"  # 1 3/4
            elif touches:
                text = f"({text})"
        elif last.isalnum() and (text[0].isalnum() or text[0] in "∑∏∫"):
            scripted = before.kind == "script"
            named = term.kind == "function" and term.text not in _BIG  # not the end of VO2max
            if (
                before.kind == "function"
                or named
                or text.startswith("sqrt(")
                or (scripted and (last.isdigit() and text[0].isdigit()))
                or (scripted and re.search("[_^]", before.text))
            ):
                text = f" {text}"
        elif last == ")" and before.kind in {"script", "function"} and text[0].isalnum():
            text = f" {text}"  # sum_(i=1) x
        elif before.text in {",", ";"} and not tight and not text.startswith(" "):
            earlier = terms[index - 2].text[-1:] if index > 1 else ""
            if not (before.text == "," and earlier.isdigit() and text[0].isdigit()):
                text = f" {text}"
        if last == " ":
            text = text.lstrip(" ")
        if text:
            out.append(text)
            last = text[-1]
    whole = "".join(out)
    fenced = terms[0].text in {"(", "[", "{"} and always_inside and level == 0
    if fenced:
        return _Term(whole, "atom")
    if holds_operator:
        return _Term(whole, "sum")
    return _Term(whole, terms[-1].kind if terms[-1].kind in {"script", "words"} else "run")


def _bracketed(text: str) -> str:
    """The text in round brackets, unless it is one bracket already."""
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        level = 0
        for index, character in enumerate(text):
            level += (character == "(") - (character == ")")
            if level == 0:
                if index == len(text) - 1:
                    return text
                break
    return f"({text})"


def _fraction(above: _Term, below: _Term, *, stacked: bool) -> _Term:
    if stacked:
        return _Term(f"{above.text} choose {below.text}", "sum")
    if not above.text or not below.text:
        return above if above.text else below
    top = above.text.strip()
    if above.kind in {"sum", "fraction"} or " " in top:
        top = _bracketed(top)
    bottom = below.text.strip()
    simple = below.kind in {"atom", "words"} or bottom.isalpha() or re.fullmatch(r"\d+(?:\.\d+)?", bottom)
    if (below.kind == "script" and re.fullmatch(r"\w+(?:\^-?\w+)?", bottom)) or (
        simple and " " not in bottom
    ):
        return _Term(f"{top}/{bottom}", "fraction")
    return _Term(f"{top}/{_bracketed(bottom)}", "fraction")


def _scripted(base: _Term, sub: _Term, sup: _Term) -> _Term:
    """The base with its scripts, each as it would be typed."""
    shown = base.text.strip()
    if base.kind == "fraction" or (base.kind == "script" and "^" in shown and sup.text):
        shown = _bracketed(shown)
    if sub.text.strip():
        shown += _sub(shown, sub.text.strip(), big=shown in _BIG)
    if sup.text.strip():
        shown += _sup(shown, sup.text.strip())
    return _Term(shown, "function" if base.kind == "function" else "script")


def _sub(base: str, index: str, *, big: bool) -> str:
    last = base[-1:]
    if big or not _INDEX.fullmatch(index):
        return f"_{index}" if index.isalnum() or index in "+-" else f"_{_bracketed(index)}"
    if index[0].isdigit():
        return f"_{index}" if last.isdigit() else index
    variable = len(base) == 1 and base.islower() and len(index) < 3
    return f"_{index}" if variable else index


def _sup(base: str, power: str) -> str:
    last = base[-1:]
    if power in _MARKS:
        return power
    if power in {"∘", "°", "º", "˚"} or (power in {"o", "O"} and last.isdigit()):
        return "°"
    if _ORDINAL.fullmatch(power) and last.isdigit():
        return power
    if not base:
        return f"^{power}" if _EXPONENT.fullmatch(power) and not power.isdigit() else power
    if _CHARGE.fullmatch(power):
        return f"^{power}" if last.isdigit() and power[0].isdigit() else power
    if re.fullmatch(r"[-+±]?[\w.∆]+|%", power):
        return f"^{power}"
    return f"^{_bracketed(power)}"


def _limits(base: _Term, under: _Term, over: _Term) -> _Term:
    """What stands under and over a term: limits of a sum, or an accent."""
    shown = base.text.strip()
    below, above = under.text.strip(), over.text.strip()
    if above in _DOTS:
        above = ""  # V with a dot is a flow: VO2
    elif above in _ACCENTS:
        if len(shown) == 1:
            shown = unicodedata.normalize("NFC", shown + _ACCENTS[above])
        above = ""
    if below in _ACCENTS:
        below = ""
    if below:
        shown += _sub(shown, below, big=True)
    if above in _MARKS:
        shown += above
    elif above:
        shown += f"^{above}" if above.isalnum() else f"^{_bracketed(above)}"
    return _Term(shown, "script" if below or above else base.kind)


def _multiscripts(children: Sequence[Element], depth: int) -> _Term:
    base, *rest = children
    cut = next((i for i, c in enumerate(rest) if c.tag == "mprescripts"), len(rest))
    made = _term(base, depth)
    for sub, sup in zip_longest(rest[:cut:2], rest[1:cut:2], fillvalue=Element("none")):
        made = _scripted(made, _term(sub, depth, tight=True), _term(sup, depth, tight=True))
    before = [_term(c, depth, tight=True).text.strip() for c in rest[cut + 1 :]]
    # A mass number is said (18F), an atomic number beside it is not.
    lead = "".join(before[1::2]) or "".join(before[::2])
    return _Term(lead + made.text, "atom" if lead and made.kind == "atom" else made.kind)


def _fenced(element: Element, depth: int) -> _Term:
    inside = [_term(child, depth).text.strip() for child in element]
    signs = "".join((element.get("separators") or ("," if element.get("separators") is None else "")).split())
    text = ""
    for index, part in enumerate(inside):
        if index:
            sign = signs[min(index - 1, len(signs) - 1)] if signs else ""
            text += f"{sign} " if sign in {",", ";"} else sign
        text += part
    return _Term(f"{element.get('open', '(').strip()}{text}{element.get('close', ')').strip()}", "atom")


def _table(children: Sequence[Element], depth: int) -> _Term:
    """Rows of a matrix or of an aligned formula: "a, b; c, d"."""
    rows = []
    for row in children:
        cells = list(row)[row.tag == "mlabeledtr" :] if row.tag in {"mtr", "mlabeledtr"} else [row]
        line = ""
        for cell in cells:
            text = _term(cell, depth).text.strip()
            if text:
                relation = text[0] in _RELATIONS or line[-1:] in _RELATIONS
                line += text if relation or not line else f", {text}"
        if line:
            rows.append(line)
    return _Term("; ".join(rows), "sum" if len(rows) > 1 or "," in "".join(rows) else "run")
