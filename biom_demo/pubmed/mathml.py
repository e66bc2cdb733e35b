"""MathML -> what a reader would say: 10^-3, (a+b)/c, VO2max, sqrt(x), x_i, 18F.

A formula is a tree of terms; white space that only lays it out is no text. Each term knows how it binds to
its neighbours, so that brackets and spaces stand where the printed form needs none: 2x/(3y), 1 3/4.
Formulas nested deeper than ``MAX_DEPTH`` are read as the plain text they hold.

Source: MathML 3 (W3C).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal
from xml.etree.ElementTree import Element

from biom_demo.pubmed.characters import one_line, plain, unescaped

MAX_DEPTH = 60  # of a formula's tree; far beyond any that is printed
_REACH = 40  # characters of white space looked at

Role = Literal["", "sup", "sub"]
Stretch = tuple[str, Role]  # a text and the script it stands in


def words_of(listed: str) -> frozenset[str]:
    """The words of a list written with spaces."""
    return frozenset(listed.split())


TAGS = words_of(
    """math mi mn mo ms mtext mspace mglyph mrow mfrac msqrt mroot mstyle merror mpadded mphantom mfenced
    menclose msub msup msubsup munder mover munderover mmultiscripts mtable mtr mlabeledtr mtd maction
    semantics"""
)
PICTURES = frozenset({"img", "graphic", "inline-graphic"})
NOT_READ = frozenset({"tex-math", "annotation", "annotation-xml", "object-id", "script", "style"})
DOTS = frozenset({".", "˙", "·", "\u0307", "¨", "\u0308", "..", "‥"})  # over a letter: a rate, a flow
EXPONENT = re.compile(r"[-+]?\d+(?:\.\d+)?")
ORDINAL = re.compile(r"st|nd|rd|th")


@dataclass(frozen=True, slots=True)
class _Term:
    """A piece of a formula as text, and how it binds to its neighbours.

    run: letters and digits beside one another; sum: holds an operator, so it needs brackets under a
    fraction; script: ends in a subscript or superscript; words: text; gap: white space that is meant.
    """

    text: str
    kind: Literal["atom", "run", "sum", "fraction", "script", "function", "operator", "words", "gap"]


_NOTHING = _Term("", "atom")
_FUNCTIONS = words_of(
    "log ln lg lb exp sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan lim max min sup inf "
    "arg argmax argmin det dim gcd mod Pr var cov corr"
)
_BIG = words_of("∑ ∏ ∐ ∫ ∬ ∭ ∮ ⋃ ⋂ ⋁ ⋀ lim max min sup inf argmax argmin Σ Π")
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


def stretches_of(element: Element) -> Iterator[Stretch]:
    """A formula as stretches: one text, after a script where it begins with one that has no base.

    ``10<math><msup><mrow/><mn>-3</mn></msup></math>`` belongs to the text before it.
    """
    children = list(element) if element.tag == "math" else [element]
    while len(children) == 1 and children[0].tag in {"mrow", "mstyle", "mpadded", "semantics"}:
        if _loose_text(children[0]):
            break
        children = [c for c in children[0] if c.tag not in NOT_READ]
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
        return _Term("".join(plain("".join(element.itertext())).split()), "run")
    name = element.tag
    if name in {"mi", "mn", "mo", "ms", "mtext"}:
        return _token(name, element)
    if name == "mspace":
        return _NOTHING if re.match(r"-|0(?![.\d]*[1-9])", element.get("width") or "0") else _Term(" ", "gap")
    if name == "mphantom" or name in NOT_READ:
        return _NOTHING
    if name in PICTURES or name == "mglyph":
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
    raw = plain("".join(element.itertext()))
    text = one_line(raw).translate(_SAME)
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
    terms = [_Term(one_line(plain(element.text or "")), "words")]
    for child in element:
        terms.append(_term(child, depth + 1, tight=tight))
        terms.append(_Term(one_line(plain(child.tail or "")), "words"))
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
        elif (last.isalnum() or last == "∞") and (text[0].isalnum() or text[0] in "∑∏∫"):
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
        return f"_{index}" if index.isalnum() or len(index) == 1 else f"_{_bracketed(index)}"
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
    if ORDINAL.fullmatch(power) and last.isdigit():
        return power
    if not base:
        return f"^{power}" if EXPONENT.fullmatch(power) and not power.isdigit() else power
    if _CHARGE.fullmatch(power):
        return f"^{power}" if last.isdigit() and power[0].isdigit() else power
    if re.fullmatch(r"[-+±]?[\w.∆∞]+|.", power):
        return f"^{power}"
    return f"^{_bracketed(power)}"


def _limits(base: _Term, under: _Term, over: _Term) -> _Term:
    """What stands under and over a term: limits of a sum, or an accent."""
    shown = base.text.strip()
    below, above = under.text.strip(), over.text.strip()
    if above in DOTS:
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
        shown += f"^{above}" if above.isalnum() or len(above) == 1 else f"^{_bracketed(above)}"
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
