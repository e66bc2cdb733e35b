"""What to tell a visitor whose question or paste the models cannot take well. Pure, and linear in the text.

A hint never stands in the way of asking; only what is no text at all is refused (``passage.check_input``).
"""

from __future__ import annotations

import re

from biom_demo.pubmed.language import language_of
from biom_demo.pubmed.paste import readable_text

MAX_LOOKED_AT_CHARS = 2_000  # of a question
EXTRACTIVE = "The models point at the answer inside the text: ask which, what, who, when or how many."

_SEVERAL = "These are several questions. The models answer one at a time: ask one after the other."
_YES_NO = (
    "This asks yes or no. The models can only point at words of the text: ask “which …” or “what …” instead."
)
_LIST = (
    "This asks for several things. Each model points at one place of the text: ask for one, and look at the "
    "runners-up."
)
_EXPLANATION = (
    "This asks for an explanation. The models can only point at a few words: ask “which …” or “what …” "
    "instead."
)

_ASKING = r"(?:which|what|who|whom|whose|where|when|how|why)"
# "Can you tell me which ...": what is asked comes after.
_REQUEST = re.compile(
    r"(?:please,?\s+)?(?:can|could|would|will|do|does)\s+(?:you|we|anyone|anybody|somebody|someone)\s+"
    r"(?:please\s+)?(?:tell|say|know|name|find|show|list|give|identify|explain|describe)(?:\s+(?:me|us))?\s+",
    re.IGNORECASE,
)
_OPENING = re.compile(r"(?:please|hello|hi|and|so|but|now|also)\b[,:]?\s+", re.IGNORECASE)
# "In mice without it, does ...": the question begins behind the comma.
_SETTING = re.compile(
    r"(?:in|for|among|after|before|during|with|without|of|on|at|under|when|if|given|as\s+of|according\s+to)\s"
    rf"[^,?]{{1,200}},\s+(?=\w)|[^?:]{{1,200}}:\s+(?={_ASKING}\b)",
    re.IGNORECASE,
)
_OPENS_YES_NO = re.compile(
    r"(?:is|are|was|were|am|do|does|did|can|could|may|might|must|should|would|will|shall|has|have|had)"
    r"(?:n['’]?t)?\s+(?!to\b)[\x22“‘'(]?\w|(?:whether|true\s+or\s+false|yes\s+or\s+no)\b",
    re.IGNORECASE,
)
_ENDS_YES_NO = re.compile(
    r"(?:,\s*(?:right|correct|true|yes|no)|\bor\s+not|\byes\s+or\s+no|\btrue\s+or\s+false"
    r"|,\s*(?:is|are|does|do|did|was|has)(?:n['’]t)?\s+(?:it|they|he|she|there))[.?!\s]*$",
    re.IGNORECASE,
)
_OPENS_LIST = re.compile(
    r"(?:list|enumerate|name\s+(?:all|some|several|two|three|four|five|six|ten|\d+))\b"
    r"|(?:which|what)\s+(?:are|were)\b"
    # "Which genes cause": a plural, and a verb of one. "Which virus do ..." is none.
    r"|(?:which|what)\s+(?:[\w-]+\s+){0,3}?[\w-]+(?<!us|is|ss)(?<=s)\s+(?:are|were|have|do|cause|lead|can)\b",
    re.IGNORECASE,
)
_OPENS_EXPLANATION = re.compile(
    r"(?:why|explain|describe|discuss|summari[sz]e|compare|elaborate)\b|tell\s+(?:me|us)\s+(?:about|more)\b"
    r"|what\s+(?:is|are)\s+the\s+differences?\b|how\s+come\b",
    re.IGNORECASE,
)
_TWO_IN_ONE = re.compile(
    r"\b(?:and|or)\s+(?:what|where|how\s+(?:many|much|long|often)"
    # "... and which is on chromosome 7" goes on about the same.
    r"|(?:which|who|whom|whose)(?!\s+(?:is|are|was|were|has|have|can|may|does|do)\b))\b",
    re.IGNORECASE,
)

_LINES_THAT_ASK = re.compile(
    rf"^\s{{0,9}}(?:\d\d?[.)]|[-•*])?\s{{0,9}}{_ASKING}\b", re.IGNORECASE | re.MULTILINE
)


def question_hint(question: str) -> str:
    """What to ask instead where the models cannot answer such a question, "" where they can.

    They cannot say yes or no, name several things or explain, read one question at a time, and English.
    """
    plain = readable_text(question[:MAX_LOOKED_AT_CHARS]).text.strip()
    if language := language_of(plain):
        return f"The question seems to be in {language}. Both models read English only: ask in English."
    if _is_several(plain):
        return _SEVERAL
    asked = _without_opening(plain)
    if _OPENS_YES_NO.match(asked) or _ENDS_YES_NO.search(plain[-80:]):
        return _YES_NO
    if _OPENS_EXPLANATION.match(asked):
        return _EXPLANATION
    if _OPENS_LIST.match(asked):
        return _LIST
    return ""


def _is_several(question: str) -> bool:
    if sum(sum(map(str.isalpha, part)) > 2 for part in re.findall(r"[^?]+\?", question)) > 1:
        return True
    if len(_LINES_THAT_ASK.findall(question)) > 1:
        return True
    found = _TWO_IN_ONE.search(question)
    # "What causes it and which drug ...", not "Genes and which ...".
    return bool(found and re.match(rf"{_ASKING}\b", _without_opening(question[: found.start()]), re.I))


def _without_opening(question: str) -> str:
    """The question from where it asks: without "please", "can you tell me" and "in mice,"."""
    for opening in (_OPENING, _SETTING, _OPENING):
        if found := opening.match(question):
            question = question[found.end() :]
    if found := _REQUEST.match(question):
        rest = question[found.end() :]
        # "Can you list ..." asks for a list, "can we find it" asks yes or no.
        verb = re.search(r"(list|explain|describe)(?:\s+(?:me|us))?\s+$", found.group(), re.I)
        if verb:
            return f"{verb.group(1)} {rest}"
        if re.match(rf"{_ASKING}\b|the\b|all\b", rest, re.I):
            return rest
    return question


# How files begin. The bytes of a binary one were made characters, some of them U+FFFD.
_BEGINS = (
    (re.compile(r"%PDF-\d"), "a PDF file"),
    (re.compile(r"%!PS"), "a PostScript file"),
    (re.compile(r"\{\\rtf\d"), "an RTF document"),
    (re.compile(r"PK[\x03\x05\x07][\x04\x06\x08]"), "a Word, Excel or ZIP file"),
    (re.compile(r"[\x80-\xff\u2030\ufffd]PNG\s{1,2}\x1a"), "a PNG picture"),
    (re.compile(r"[ÿ\ufffd][Ø\ufffd][ÿ\ufffd].{0,8}(?:JFIF|Exif)", re.DOTALL), "a JPEG picture"),
    (re.compile(r"GIF8[79]a.{0,8}[\x00-\x08\ufffd]", re.DOTALL), "a GIF picture"),
    (re.compile(r"\x1f[\x8b\ufffd]"), "a compressed file"),
    (re.compile(r"[Ð\ufffd][Ï\ufffd]\x11"), "an old Word or Excel file"),
    (re.compile(r"\x7fELF|MZ[\x80-\xff\ufffd]"), "a program"),
)
# The same, and what base64 makes of their first bytes.
_ENCODED = (
    ("JVBERi0", "a PDF file"),
    ("iVBORw0KGgo", "a PNG picture"),
    ("UEsDB", "a Word, Excel or ZIP file"),
    ("/9j/", "a JPEG picture"),
    ("R0lGOD", "a GIF picture"),
    ("H4sI", "a compressed file"),
    ("0M8R4K", "an old Word or Excel file"),
)
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\ufffd]")
_MOST_NO_TEXT = 0.05  # of the characters
_LONG_WORD = re.compile(r"\S{60,}+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]+")


def file_in(text: str) -> str:
    """The kind of file that was pasted in place of its words ("a PDF file"), "" for a text."""
    head = text[:200].lstrip("\ufeff \t\r\n")
    for begins, kind in _BEGINS:
        if begins.match(head):
            return kind
    nulls, odd = text.count("\0"), len(_NO_TEXT.findall(text))
    if nulls > 0.3 * len(text) and odd - nulls <= _MOST_NO_TEXT * len(text):
        return "text in another encoding (UTF-16)"
    if odd > _MOST_NO_TEXT * len(text):
        return "a binary file"
    return _encoded(text)


def _encoded(text: str) -> str:
    """The kind of file where most of the text is base64; sequences of bases or amino acids are not."""
    walls = [word.group() for word in _LONG_WORD.finditer(text)]
    told = re.match(r"\s{0,9}data:([\w/+.-]{1,80});base64,", text)
    if told:
        walls[:1] = [text[told.end() : told.end() + 80], *walls[:1]]
    encoded = [wall for wall in walls if told or _is_base64(wall)]
    if not encoded or (not told and sum(map(len, encoded)) < 0.5 * len(text)):
        return ""
    kind = next((kind for begins, kind in _ENCODED if encoded[0].startswith(begins)), "a file")
    return f"{kind} in base64"


def _is_base64(word: str) -> bool:
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(any(map(kind, word)) for kind in kinds) and bool(_BASE64.fullmatch(word))


def paste_hint(text: str) -> str:
    """What to do about a paste that is no text, "" for a text."""
    kind = file_in(text)
    if not kind:
        return ""
    viewer = "in a PDF viewer" if "PDF" in kind else "in its own program"
    return (
        f"This looks like {kind}, not text. Open it {viewer}, select the words of the abstract and paste "
        "those; or type its PMID or DOI."
    )
