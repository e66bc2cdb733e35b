"""The difference panel: the merged text is the text, marks are exact, numbers are those of the records."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.analysis.attribution import Attribution, Effect, Rewording
from biom_demo.analysis.comparison import View
from biom_demo.analysis.difference import difference_of, words_of
from biom_demo.analysis.passage import Passage
from biom_demo.qa.records import Answer, CharSpan
from biom_demo.show.cards import ACCENTS, Persona
from biom_demo.show.difference import (
    LETTERS,
    attribution_html,
    attributions_html,
    cost_html,
    cross_html,
    curves_html,
    difference_html,
    flips_html,
    hidden_difference_html,
    idle_difference_html,
    legend_html,
    merged_html,
    rewordings_html,
)
from tests.markup import HOSTILE, Page, lines_as_parsed, stripped
from tests.readings import comparison_of, pointing_at, side_of

texts = st.text(min_size=1, max_size=80) | st.sampled_from([f"{h} gene {h}" for h in HOSTILE])
BIOM, VANILLA = Persona("biom", "B", "PubMed"), Persona("vanilla", "V", "books")


def found_of(*sides, view=None):
    return difference_of(comparison_of(*sides), view or View())


@st.composite
def differences(draw):
    text = draw(texts)
    count = len(words_of(text))
    sides = []
    for label in ("BioM", "Vanilla", *HOSTILE[:2])[: draw(st.integers(2, 4))]:
        first = draw(st.integers(0, max(count - 1, 0)))
        last = draw(st.integers(first, max(count - 1, first)))
        null = draw(st.sampled_from([-5.0, 40.0]))
        heights = ({first: 9.0}, {last: 9.0}) if count else ({}, {})
        sides.append(side_of(text, *heights, null=null, label=label))
    return found_of(*sides)


@settings(max_examples=300, deadline=None)
@given(differences())
def test_tags_stripped_the_merged_text_is_the_text_and_marks_are_the_answers(found):
    html = merged_html(found)
    assert stripped(html) == found.text
    page = Page(html)
    for accent, side in zip(ACCENTS, found.sides, strict=False):
        marked = "".join(text for kinds, text in page.marked if accent in kinds.split())
        assert lines_as_parsed(marked) == lines_as_parsed(side.top.text if side.top else "")


@settings(max_examples=150, deadline=None)
@given(differences())
def test_whatever_was_read_and_asked_only_our_elements_come_out(found):
    page = Page(difference_html(found))
    asked = dict(page.attributes)["data-question"]
    assert asked == found.comparison.question.text


def test_curves_carry_the_numbers_that_are_shown():
    text = "The gene is CFTR <b>."
    found = found_of(pointing_at(text, "CFTR"), pointing_at(text, "gene", label="<V>"))
    html = curves_html(found)
    data = json.loads(dict(Page(html).attributes)["data-curves"])
    assert [numbers["label"] for numbers in data] == ["BioM-Mini", "<V>"]
    for side, numbers in zip(found.sides, data, strict=True):
        assert numbers["start"] == [round(float(p), 6) for p in side.curve.start]
        assert numbers["end"] == [round(float(p), 6) for p in side.curve.end]
    assert html.count("<path") == 3  # two models and the axis
    assert curves_html(found_of(side_of(" "), side_of(" ", label="V"))) == ""


def test_nested_answers_share_their_piece_and_each_region_has_its_letters():
    text = "the CFTR gene"
    html = merged_html(found_of(pointing_at(text, "CFTR"), pointing_at(text, text, label="V")))
    assert [kinds.split()[1:] for kinds, _ in Page(html).marked] == [
        ["vanilla"], ["vanilla"], ["biom", "vanilla"], ["vanilla"], ["vanilla"],
    ]  # fmt: skip
    assert [part.split('"')[0] for part in html.split('data-who="')[1:]] == ["V", "BV", "V"]
    assert len(set(LETTERS.values())) == 4


def test_words_carry_their_numbers_and_labels_are_set_apart():
    text = "AIM: a gene.\nRESULTS: CFTR."
    html = merged_html(found_of(pointing_at(text, "CFTR"), pointing_at(text, "AIM", label="V", null=99.0)))
    for index, word in enumerate(words_of(text)):
        assert f'data-w="{index}"' in html
        piece = html.split(f'data-w="{index}"')[1].split(">", 1)[1].split("<")[0]
        assert piece == word.of(text)
    assert '<mark class="merged vanilla section tentative" data-w="0"' in html
    assert '<span class="section" data-w="6">:</span>' in html
    assert "gives no answer; its best guess is marked" in legend_html(
        found_of(pointing_at(text, "CFTR"), side_of(text, null=99.0, label="V"))
    )


def test_where_all_give_no_answer_and_see_none_there_is_no_empty_chart_and_no_place_to_tell():
    text = "the CFTR gene"
    nothing = Page(difference_html(found_of(side_of(text, null=99.0), side_of(text, null=99.0, label="V"))))
    assert "No curves: no word" in nothing.text
    assert not nothing.tags & {"svg", "th", "details"}
    assert "1st" not in nothing.text
    assert "< 0.1%" not in nothing.text
    # One that gives an answer, or a guess that is likely enough, has its place.
    one = found_of(pointing_at(text, "CFTR"), side_of(text, null=99.0, label="V"))
    assert re.findall("1st choice", Page(cross_html(one)).text)
    guess = found_of(pointing_at(text, "CFTR", null=20.0), side_of(text, null=99.0, label="V"))
    assert "a guess" in Page(cross_html(guess)).text
    assert "svg" in Page(curves_html(guess)).tags


def test_the_words_for_a_distance_are_plain_and_its_term_shows_at_the_cell():
    text = "the CFTR gene"
    page = Page(cross_html(found_of(pointing_at(text, "CFTR"), pointing_at(text, "gene", label="V"))))
    assert "logits" not in page.text.split("The distance in logits")[0]
    assert any(name == "title" and "logits behind its best span" in value for name, value in page.attributes)


def test_the_threshold_at_which_each_model_begins_to_answer_is_where_it_does():
    text = "the CFTR gene"
    sides = [pointing_at(text, "CFTR", null=21.0), pointing_at(text, "gene", label="V", null=-9.0)]
    found = found_of(*sides)
    page = Page(flips_html(found, -10.0, 10.0))
    assert "B: BioM-Mini answers from 3.0 on" in page.text
    assert "V: V answers at every setting" in page.text
    assert [value for name, value in page.attributes if name == "style"] == ["--effect:0.650"]
    for threshold, answers in ((2.9, False), (3.0, True)):
        assert (sides[0].answer(View(null_threshold=threshold)) is not None) == answers
    never = found_of(pointing_at(text, "CFTR", null=99.0), sides[1])
    assert "answers at no setting" in Page(flips_html(never, -10.0, 10.0)).text


def test_what_is_not_filled_yet_says_why():
    assert "After the run" in Page(idle_difference_html()).text
    assert "until you have voted" in Page(hidden_difference_html()).text


ANSWER = Answer(CharSpan(0, 4), "CFTR", 1.0, 0.5)


@given(texts, texts)
def test_shaded_texts_are_the_texts(text, question):
    middle = len(text) // 2
    effects = (
        Effect(CharSpan(0, middle), 0.1, question, False, False),
        Effect(CharSpan(middle, len(text)), 0.0, None, True, True),
    )
    words = (Effect(CharSpan(0, len(question)), 0.99, text, False, True),)
    attribution = Attribution(Answer(CharSpan(0, len(text)), text, 1.0, 0.5), effects, words)
    html = attribution_html(attribution, BIOM, Passage(text), question)
    Page(html)
    asked, read = html.split('class="shaded')[1:]
    assert stripped(asked.split(">", 1)[1].split("</p>")[0]) == question
    assert stripped(read.split(">", 1)[1].split("</div>")[0]) == text


def test_what_an_answer_hangs_on_is_listed_by_what_it_does():
    text, question = "CFTR is it. Not this. Nor that.", "Which gene?"
    sentences = (
        Effect(CharSpan(0, 11), 0.0, "that", True, False),
        Effect(CharSpan(12, 21), 0.1, "that", False, False),
        Effect(CharSpan(22, 31), 0.6, "CFTR", False, True),
    )
    words = (Effect(CharSpan(6, 10), 0.001, None, False, False),)
    attribution = Attribution(ANSWER, sentences, words)
    page = Page(attribution_html(attribution, BIOM, Passage(text), question))
    listed = [
        "50.0% → 0.1%, and it abstains, without the question word “gene”",
        "50.0% → 10.0%, and “that” wins, without the sentence “Not this.”",
        "50.0% → 60.0% without the sentence “Nor that.”",
    ]
    assert "".join(listed) in page.text
    assert "stays in 1 of 2 texts" in page.text
    # Nothing moves it; or reading was stopped before anything was left out.
    for effects in ((Effect(CharSpan(0, 4), 0.498, "CFTR", False, True),), ()):
        still = attribution_html(Attribution(ANSWER, effects, ()), BIOM, Passage(text), question)
        assert "No single sentence or question word matters" in Page(still).text
    both = [(persona, attribution, Passage(text), question) for persona in (BIOM, VANILLA)]
    assert attributions_html(both).count("<section") == 2
    assert attributions_html([]) == ""


def test_rewordings_say_same_or_other_and_what_was_not_read():
    rows = [
        (BIOM, [Rewording(HOSTILE[0], "CFTR", 0.5, True), Rewording("b", None, 0.0, False)]),
        (VANILLA, [Rewording(HOSTILE[0], "<i>", 0.5, False)]),
    ]
    page = Page(rewordings_html(rows))
    for words in (
        "B: same answer in 1 of 2",
        "V: same answer in 0 of 1",
        f"{HOSTILE[0]}✓ same: CFTR 50.0%✗ other: <i> 50.0%",
        "b✗ other: no answer not read",
    ):
        assert words in page.text
    assert rewordings_html([]) == ""


def test_costs_are_told_beforehand():
    assert "9 more readings by each model, at most about 1.5 s" in Page(cost_html(9, 1.5)).text
    assert "about 0.1 s" in cost_html(9, 0.01)
    assert "some seconds" in cost_html(9, 0.0)  # nobody has measured it
    assert "more readings" not in cost_html(None, 0.0)
