"""The share card: its size, what fits on it, and what the font has no sign for."""

from __future__ import annotations

import io
import re
from datetime import date

import pytest
from PIL import Image

from biom_demo.analysis.comparison import View
from biom_demo.analysis.difference import difference_of
from biom_demo.analysis.passage import passage_of_records
from biom_demo.pubmed.abstract import Abstract, Note, NoteKind
from biom_demo.qa.records import Question
from biom_demo.settings import ASSETS
from biom_demo.show.share_card import FONT, LOOKS, drawable, share_card
from tests.costs import ratio_of
from tests.readings import comparison_of, pointing_at, side_of

TEXT = "Cystic fibrosis is caused by mutations of CFTR. BRCA1 is another gene."
DAY = date(2026, 11, 30)


def card(text=TEXT, question="Which gene?", *, first="CFTR", second="BRCA1", passage=None, link="", null=0.0):
    asked = Question(question)
    sides = [
        pointing_at(text, first, label="BioM", question=asked),
        pointing_at(text, second, label="Other", question=asked, null=null),
    ]
    return share_card(difference_of(comparison_of(*sides, passage=passage), View()), link=link, day=DAY)


def opened(data):
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def colours(picture, box=None):
    return (
        {colour for _, colour in picture.crop(box).getcolors(1_000_000)}
        if box
        else colours(picture, (0, 0, *picture.size))
    )


def rgb(code):
    return tuple(int(code[at : at + 2], 16) for at in (1, 3, 5))


def test_a_card_has_the_size_that_sites_show_and_both_models_colours():
    picture = opened(card())
    assert (picture.format, picture.size) == ("PNG", (1200, 630))
    for look, box in zip(LOOKS, [(0, 0, 600, 630), (600, 0, 1200, 630)], strict=True):
        assert {rgb(look.accent), rgb(look.tint)} <= colours(picture, box)
    assert card() == card()
    assert card(question="Which drug?") != card()


def test_the_colours_are_those_of_the_page():
    style = (ASSETS / "style.css").read_text("utf-8")
    for name, look in zip(("biom", "vanilla"), LOOKS, strict=True):
        for part, colour in (("", look.accent), ("-tint", look.tint), ("-ink", look.ink)):
            assert re.search(rf"--{name}{part}: {colour};", style), (name, part)


def test_a_model_that_abstains_and_one_that_found_nothing():
    abstains = card(null=40.0)
    assert rgb(LOOKS[1].accent) in colours(opened(abstains))
    nothing = comparison_of(side_of("   ", label="BioM"), side_of("   ", label="Other"))
    assert share_card(difference_of(nothing, View()), link="", day=DAY) != abstains


def test_a_retraction_is_on_the_card():
    notes = (Note(NoteKind.RETRACTED_BY, "8", "J 2010"),)
    sound, withdrawn = (
        passage_of_records((Abstract("7", "A claim", TEXT, (), has_abstract=True, notes=n),))
        for n in ((), notes)
    )
    assert rgb("#9f1239") in colours(opened(card(passage=withdrawn)))
    assert rgb("#9f1239") not in colours(opened(card(passage=sound)))


@pytest.mark.parametrize(
    ("text", "question", "first", "second"),
    [
        (
            "word " * 400 + "CFTR gene " + "x" * 3_000 + ".",
            "Which " + "very " * 390 + "long?",
            "CFTR",
            "gene",
        ),
        ("x" * 2_000 + " CFTR gene", "W" * 2_000, "x" * 2_000, "gene"),
        ("التليف مرض وراثي يسببه الجين CFTR في الكروموسوم.", "أي جين يسبب التليف؟", "CFTR", "الجين"),
        ("מחלה של הגן CFTR היא.", "איזה גן?", "CFTR", "הגן"),
        ("囊性纤维化 CFTR 基因 🧬👩🏽‍🔬 e\u0301 ﬁ.", "哪个基因？ 🧬", "CFTR", "基因"),
        ("A \u202e\u2066CFTR\u2069 gene\x00\ufffd\ud800.", "Which\u200b \x07gene?", "CFTR", "gene"),
        ("β-Zellen, naïve Å H₂O 10⁻³ ≤ CFTR gene", "Ποιο γονίδιο;", "CFTR", "gene"),
    ],
    ids=["long", "unbroken", "arabic", "hebrew", "cjk and emoji", "controls", "greek"],
)
def test_any_text_is_drawn(text, question, first, second):
    picture = opened(card(text, question, first=first, second=second, link="http://x/?" + "q" * 30_000))
    assert picture.size == (1200, 630)
    # Nothing runs into the margins.
    for box in ((0, 0, 40, 630), (1160, 0, 1200, 630), (0, 612, 1200, 630)):
        assert colours(picture, box) == {(255, 255, 255)}, box


def test_what_the_font_lacks_is_named_or_left_out():
    assert drawable("naïve β ≤ 10⁻³ Жук") == "naïve β ≤ 10⁻³ Жук"
    assert drawable("gene 🧬 of\u200b 👩🏽‍🔬 mice\x00") == "gene of mice"
    assert drawable("哪个基因 and かな") == "[CJK] and [Hiragana]"
    assert drawable("नाम") == "[Devanagari]"
    assert drawable("a\n b\t c") == "a b c"
    assert drawable("\ud800\ufffd") == ""


def test_a_card_costs_no_more_for_a_text_without_end():
    def drawn(count):
        card("CFTR BRCA1 " + "word " * count)

    assert ratio_of(drawn, 500, 2_000) < 10


def test_the_font_is_small_and_has_its_licence_beside_it():
    assert FONT.stat().st_size < 400_000
    assert "Bitstream" in (FONT.parent / "LICENSE-DejaVu.txt").read_text("utf-8")
    assert FONT.name in (FONT.parent / "README.md").read_text("utf-8")
