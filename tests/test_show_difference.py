"""The difference panel: the merged text is the text, marks are exact, hostile text stays text."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.analysis.attribution import Attribution, Effect, Rewording
from biom_demo.analysis.difference import difference, words_of
from biom_demo.qa.records import Answer, CharSpan
from biom_demo.show.difference import (
    LETTERS,
    SIDES,
    attribution_html,
    curves_html,
    difference_html,
    merged_html,
    rewordings_html,
)
from tests.readings import read_of
from tests.test_cards import HOSTILE, WRITTEN_BY_US, Page

OURS = WRITTEN_BY_US | {
    "ul", "figure", "figcaption", "svg", "path", "rect",
    "table", "thead", "tbody", "tr", "th", "td", "caption",
}  # fmt: skip
texts = st.text(min_size=1, max_size=80) | st.sampled_from([f"{h} gene {h}" for h in HOSTILE])


@st.composite
def differences(draw):
    text = draw(texts)
    count = len(words_of(text))
    reads = []
    for label in ("BioM", "Vanilla", *HOSTILE[:2])[: draw(st.integers(2, 4))]:
        first = draw(st.integers(0, max(count - 1, 0)))
        last = draw(st.integers(first, max(count - 1, first)))
        null = draw(st.sampled_from([-5.0, 40.0]))
        heights = ({first: 9.0}, {last: 9.0}) if count else ({}, {})
        reads.append(read_of(text, *heights, null=null, label=label))
    return difference(reads)


def plain(text):
    """As a parser passes it on."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@settings(max_examples=300, deadline=None)
@given(differences())
def test_tags_stripped_the_merged_text_is_the_text_and_marks_are_the_answers(found):
    page = Page(merged_html(found))
    assert plain(page.text) == plain(found.text)
    assert page.tags <= OURS
    for name, side in zip(SIDES, found.sides, strict=False):
        marked = "".join(text for kinds, text in page.marked if name in kinds.split())
        assert plain(marked) == plain(side.top.text if side.top else "")


@settings(max_examples=150, deadline=None)
@given(differences())
def test_hostile_text_never_yields_an_element_or_attribute_we_did_not_write(found):
    page = Page(difference_html(found))
    assert page.tags <= OURS
    assert not any(name.startswith("on") for name in page.attributes)


def test_curves_carry_the_numbers_that_are_shown():
    text = "The gene is CFTR <b>."
    found = difference([read_of(text, {3: 9.0}, {3: 9.0}), read_of(text, {1: 9.0}, {1: 9.0}, label="V")])
    html = curves_html(found)
    data = json.loads(Attributes(html).values["data-curves"])
    for side, numbers in zip(found.sides, data, strict=True):
        assert numbers["start"] == [round(float(p), 6) for p in side.curve.start]
        assert numbers["end"] == [round(float(p), 6) for p in side.curve.end]
    assert html.count("<path") == 3  # two models and the axis


class Attributes(Page):
    def __init__(self, html):
        self.values = {}
        super().__init__(html)

    def handle_starttag(self, tag, attrs):
        super().handle_starttag(tag, attrs)
        self.values |= dict(attrs)


def test_nested_answers_share_their_piece_and_each_region_has_its_letters():
    text = "the CFTR gene"
    html = merged_html(
        difference([read_of(text, {1: 9.0}, {1: 9.0}), read_of(text, {0: 9.0}, {2: 9.0}, label="V")])
    )
    assert [kinds.split()[1:] for kinds, _ in Page(html).marked] == [
        ["vanilla"], ["vanilla"], ["biom", "vanilla"], ["vanilla"], ["vanilla"],
    ]  # fmt: skip
    assert [part.split('"')[0] for part in html.split('data-who="')[1:]] == ["V", "BV", "V"]
    assert len(set(LETTERS.values())) == 4


@given(texts, texts)
def test_shaded_texts_are_the_texts(text, question):
    middle = len(text) // 2
    effects = (
        Effect(CharSpan(0, middle), 0.1, question, False, False),
        Effect(CharSpan(middle, len(text)), 0.0, None, True, True),
    )
    words = (Effect(CharSpan(0, len(question)), 0.99, text, False, True),)
    answer = Answer(0, CharSpan(0, len(text)), text, 1.0, 0.5)
    page = Page(attribution_html(Attribution(answer, effects, words), "biom", HOSTILE[0], text, question))
    assert page.tags <= OURS
    assert plain(text) in plain(page.text)
    assert plain(question) in plain(page.text)


def test_rewordings_say_same_or_other():
    rows = [("biom", "B", [Rewording(HOSTILE[0], "CFTR", 0.5, True), Rewording("b", None, 0.0, False)])]
    page = Page(rewordings_html(rows))
    assert "same answer in 1 of 2" in page.text
    assert "✓ same: CFTR" in page.text
    assert "✗ other: no answer" in page.text
    assert page.tags <= OURS
    assert rewordings_html([]) == ""
