"""A comparison as a picture to share: question, both answers, their sentences, source and link -> PNG.

Drawn from the records with Pillow and a font of our own, so that it comes out alike everywhere. What the
font has no sign for is left out, and letters of a script that it lacks are named: "[CJK]".
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache

from PIL import Image, ImageDraw, ImageFont, features

from biom_demo.analysis.difference import Difference, ViewedSide
from biom_demo.qa.records import CharSpan
from biom_demo.qa.sentences import sentence_around
from biom_demo.settings import ASSETS
from biom_demo.show.words import AGREEMENT_WORDS, counted, in_precision, percent

FONT = ASSETS / "fonts" / "DejaVuSans-subset.ttf"
WIDTH, HEIGHT = 1200, 630  # what sites show of a link as it is
_MARGIN, _GAP = 52, 40
_COLUMN = (WIDTH - 2 * _MARGIN - _GAP) // 2
_INK, _QUIET, _LINE, _BAD, _PAPER = "#1b2430", "#55616e", "#dde2e8", "#9f1239", "#ffffff"
# What is read of a text before it is cut to the room it has.
_MOST_CHARS = 600
_BEFORE_CHARS = 140  # of a sentence, before its mark
_SENTENCE = 20  # pixels, of its letters
# Without these two Pillow would draw Arabic and Hebrew from the wrong end, in letters that do not join.
_BOTH_WAYS = features.check("raqm") and features.check("fribidi")


@dataclass(frozen=True, slots=True)
class Look:
    """A model's colours and the dashes of its line, as in ``assets/style.css``; (): a whole line."""

    accent: str
    tint: str
    ink: str
    dashes: tuple[int, ...] = ()


LOOKS = (Look("#0f766e", "#d3f5ee", "#134e4a"), Look("#9a3412", "#ffe8d1", "#7c2d12", (14, 8)))


def share_card(found: Difference, *, link: str, day: date) -> bytes:
    """A PNG, 1200 x 630, of the first two models' answers; ``day`` is when they were asked.

    Long texts are cut with an ellipsis, ``link`` too.
    """
    sheet = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    pen = ImageDraw.Draw(sheet)
    passage, room = found.comparison.passage, WIDTH - 2 * _MARGIN
    y = _MARGIN - 10
    size, lines = _fitting(drawable(found.comparison.question.text), room, {38: 1, 32: 2, 27: 3})
    y = _draw(pen, lines, (_MARGIN, y), size=size, width=room, bold=True) + 8
    title = f": {passage.records[0].title}" if len(passage.records) == 1 else ""
    y = _draw_line(pen, f"{passage.source}{title}", (_MARGIN, y), size=19, width=room, colour=_QUIET) + 4
    warnings = [note.sentence for record in passage.records for note in record.warnings]
    if warnings:
        words = " ".join(f"! {sentence}" for sentence in warnings)
        y = _draw_line(pen, words, (_MARGIN, y), size=19, width=room, colour=_BAD, bold=True) + 4
    told = AGREEMENT_WORDS[found.verdict.agreement]
    verdict = f"{told.icon} {told.short[0].upper()}{told.short[1:]}"
    if further := len(found.sides) - 2:
        verdict += f" · {counted(further, 'further model')} asked too"
    if how := in_precision(found.comparison.precision):
        verdict += f" · computed {how}"
    y = _draw_line(pen, verdict, (_MARGIN, y), size=19, width=room, bold=True) + 20
    for place, (side, look) in enumerate(zip(found.sides, LOOKS, strict=False)):
        _draw_side(pen, found.text, side, look, (_MARGIN + place * (_COLUMN + _GAP), y))
    pen.line([(_MARGIN, HEIGHT - 62), (WIDTH - _MARGIN, HEIGHT - 62)], fill=_LINE, width=1)
    dated = f"{day:%Y-%m-%d}"
    left = room - round(_font(17).getlength(dated)) - _GAP
    _draw_line(pen, link, (_MARGIN, HEIGHT - 50), size=17, width=left, colour=_QUIET)
    pen.text((WIDTH - _MARGIN, HEIGHT - 50), dated, font=_font(17), fill=_QUIET, anchor="ra")
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _draw_side(
    pen: ImageDraw.ImageDraw, text: str, side: ViewedSide, look: Look, at: tuple[int, int]
) -> None:
    """One model's column: its line and name, answer, confidence, and the sentence with the answer marked."""
    x, y = at
    _draw_rule(pen, (x, y), _COLUMN, look, width=4)
    y = _draw_line(pen, side.label, (x, y + 14), size=18, width=_COLUMN, colour=look.accent, bold=True) + 8
    top = side.top
    if top is None:
        _draw_line(pen, "No answer in this text", (x, y), size=26, width=_COLUMN, colour=_QUIET, bold=True)
        return
    answers = side.answer is not None
    shown = top.text if answers else "No answer in this text"
    size, lines = _fitting(drawable(shown), _COLUMN, {30: 1, 24: 2})
    colour = _INK if answers else _QUIET
    y = _draw(pen, lines, (x, y), size=size, width=_COLUMN, colour=colour, bold=True) + 6
    words = f"confidence {percent(top.probability)}"
    if not answers:
        words = f"best guess: {' '.join(top.text[:_MOST_CHARS].split())} ({percent(top.probability)})"
    y = _draw_line(pen, words, (x, y), size=18, width=_COLUMN, colour=_QUIET) + 4
    pen.rounded_rectangle([x, y, x + _COLUMN, y + 8], 4, fill=_LINE)
    filled = max(8, round(_COLUMN * top.probability))
    pen.rounded_rectangle([x, y, x + filled, y + 8], 4, fill=look.accent)
    y += 24
    most = (HEIGHT - 72 - y) // _line_height(_SENTENCE)
    _draw_marked(pen, text, top.span, (x, y), look, most_lines=most)


def _draw_marked(
    pen: ImageDraw.ImageDraw, text: str, span: CharSpan, at: tuple[int, int], look: Look, *, most_lines: int
) -> None:
    """The sentence around a span, the span marked; cut at both ends where it is long."""
    sentence = sentence_around(text, span)
    begins = max(sentence.start, span.start - _BEFORE_CHARS)
    if begins > sentence.start:
        begins = text.find(" ", begins, span.start) + 1 or begins
    before = drawable(("… " if begins > sentence.start else "") + text[begins : span.start])
    marked = drawable(text[span.start : min(span.end, span.start + _MOST_CHARS)])
    after = drawable(text[span.end : min(sentence.end, span.end + _MOST_CHARS)])
    if before and text[span.start - 1].isspace():
        before += " "
    if after and text[span.end].isspace():
        after = f" {after}"
    whole, font, height = f"{before}{marked}{after}", _font(_SENTENCE), _line_height(_SENTENCE)
    start, end = len(before), len(before) + len(marked)
    x, y = at
    for number, line in enumerate(_spans(whole, font, _COLUMN, most_lines), start=1):
        words = line.of(whole)
        if not _runs_backwards(words) and max(line.start, start) < min(line.end, end):
            first = x + font.getlength(whole[line.start : max(line.start, start)])
            last = x + font.getlength(whole[line.start : min(line.end, end)])
            pen.rectangle([first, y, last, y + height - 3], fill=look.tint)
            _draw_rule(pen, (round(first), y + height - 3), round(last - first), look, width=2)
        if number == most_lines and line.end < len(whole):
            words = _clipped(f"{words}…", font, _COLUMN)
        _draw(pen, [words], (x, y), size=_SENTENCE, width=_COLUMN)
        y += height


def _draw_rule(pen: ImageDraw.ImageDraw, at: tuple[int, int], length: int, look: Look, *, width: int) -> None:
    x, y = at
    if not look.dashes:
        pen.line([(x, y), (x + length, y)], fill=look.accent, width=width)
        return
    dash, space = (part * width // 4 if width > 2 else part // 2 for part in look.dashes)
    for begins in range(x, x + length, dash + space):
        pen.line([(begins, y), (min(begins + dash, x + length), y)], fill=look.accent, width=width)


def _draw_line(
    pen: ImageDraw.ImageDraw,
    text: str,
    at: tuple[int, int],
    *,
    size: int,
    width: int,
    colour: str = _INK,
    bold: bool = False,
) -> int:
    """Draw a text on one line, cut where it is long. Returns where the next line begins."""
    line = _clipped(drawable(text[:_MOST_CHARS]), _font(size), width)
    return _draw(pen, [line], at, size=size, width=width, colour=colour, bold=bold)


def _draw(
    pen: ImageDraw.ImageDraw,
    lines: Sequence[str],
    at: tuple[int, int],
    *,
    size: int,
    width: int,
    colour: str = _INK,
    bold: bool = False,
) -> int:
    """Draw lines that fit, those of a script that runs from the right at the right edge."""
    x, y = at
    for line in lines:
        backwards = _runs_backwards(line) and _reads_from_the_right(line)
        pen.text(
            (x + width if backwards else x, y),
            line.strip(),
            font=_font(size),
            fill=colour,
            anchor="ra" if backwards else "la",
            stroke_width=size / 60 if bold else 0,
            stroke_fill=colour,
        )
        y += _line_height(size)
    return y


def _fitting(text: str, width: int, most_lines: dict[int, int]) -> tuple[int, list[str]]:
    """The first of the sizes, each with its number of lines, at which a text fits; the last, cut, if none."""
    for size, most in most_lines.items():
        font = _font(size)
        spans = _spans(text, font, width, most)
        lines = [span.of(text) for span in spans]
        if not spans or spans[-1].end == len(text):
            return size, lines
    lines[-1] = _clipped(f"{lines[-1].rstrip()}…", font, width)
    return size, lines


def _spans(text: str, font: ImageFont.FreeTypeFont, width: int, most: int) -> list[CharSpan]:
    """Where each line of a text begins and ends, at most so many; words are broken where they must be."""
    found: list[CharSpan] = []
    start = end = 0  # of the line
    for word in re.finditer(r"\s*\S+", text):
        if end > start and font.getlength(text[start : word.end()].strip()) > width:
            found.append(CharSpan(start, end))
            start = word.start() + len(word.group()) - len(word.group().lstrip())
        end = word.end()
        while font.getlength(text[start:end]) > width and len(found) < most:
            cut = start + max(1, _fits(text[start:end], font, width))
            found.append(CharSpan(start, cut))
            start = cut
        if len(found) >= most:
            return found[:most]
    return [*found, CharSpan(start, end)] if end > start else found


def _fits(text: str, font: ImageFont.FreeTypeFont, width: float) -> int:
    """How many of the first characters fit."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width else (low, middle - 1)
    return low


def _clipped(line: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    if font.getlength(line) <= width:
        return line
    return line[: _fits(line, font, width - font.getlength("…"))].rstrip(" …") + "…"


def _line_height(size: int) -> int:
    return round(size * 1.4)


def drawable(text: str) -> str:
    """The text on one line in signs that can be drawn.

    Emoji, controls and the like are left out; letters and figures that the font lacks become the name
    of their script in brackets, once for a run of them.
    """
    made: list[str] = []
    for character in " ".join(text.split()):
        if _is_drawn(character):
            made.append(character)
        elif unicodedata.category(character)[0] in "LN":
            name = f"[{_script(character)}]"
            if "".join(made[-1:]) != name:
                made.append(name)
    return " ".join("".join(made).split())


def _script(character: str) -> str:
    name = unicodedata.name(character, "other letters").split(" ")[0].split("-")[0]
    return name if name == "CJK" else name.capitalize()


@lru_cache(maxsize=4096)
def _is_drawn(character: str) -> bool:
    """Whether the font has a sign for it, or it is a space."""
    if character == " ":
        return True
    if unicodedata.category(character)[0] == "C" or (_is_backwards(character) and not _BOTH_WAYS):
        return False
    plain = _plain_font()
    return bytes(plain.getmask(character)) != bytes(plain.getmask("\U0010ffff"))


def _is_backwards(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL")


def _runs_backwards(text: str) -> bool:
    return any(map(_is_backwards, text))


def _reads_from_the_right(text: str) -> bool:
    """Whether the first letter that has a direction runs from the right."""
    strong = (unicodedata.bidirectional(c) for c in text)
    return next((kind for kind in strong if kind in ("L", "R", "AL")), "L") != "L"


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size)


@cache
def _plain_font() -> ImageFont.FreeTypeFont:
    """The font without shaping: one sign a character."""
    return ImageFont.truetype(str(FONT), 16, layout_engine=ImageFont.Layout.BASIC)
