"""Cards and verdict: the text comes out exactly, marks are where the answers are, words are right."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.analysis.comparison import Agreement, View
from biom_demo.analysis.passage import Passage
from biom_demo.models.catalogue import Checkpoint
from biom_demo.pubmed.abstract import Abstract, Note, NoteKind
from biom_demo.qa.calibration import UNCALIBRATED
from biom_demo.qa.records import Answer, CharSpan
from biom_demo.settings import ASSETS
from biom_demo.show.cards import (
    ACCENTS,
    BLIND,
    Mark,
    Persona,
    card_html,
    chips_html,
    head_html,
    idle_verdict_html,
    listed,
    no_head_html,
    personas,
    status_html,
    switches_html,
    text_html,
    verdict_html,
    waiting_html,
)
from tests.markup import HOSTILE, Page, lines_as_parsed, stripped
from tests.readings import calibration_of, comparison_of, measured_on, pointing_at, reading_of, side_of

BIOM, VANILLA = Persona("biom", "B", "PubMed"), Persona("vanilla", "V", "books")


def marks_of(spans):
    return [Mark(span, rank, f"a-{rank}", "title") for rank, span in enumerate(spans, start=1)]


def spans_in(text, most):
    edges = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    return st.lists(edges.map(lambda e: CharSpan(min(e), max(e))), max_size=most)


@st.composite
def marked_texts(draw):
    text = draw(st.text(min_size=1, max_size=120) | st.sampled_from([h * 3 for h in HOSTILE]))
    spans = [span for span in draw(spans_in(text, 6)) if len(span)]
    bounds = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8, unique=True)))
    labels = [CharSpan(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=False)]
    return text, labels, spans


@settings(max_examples=400, deadline=None)
@given(marked_texts())
def test_tags_stripped_the_text_is_the_source_and_every_mark_covers_its_span(case):
    text, labels, spans = case
    html = text_html(text, labels, marks_of(spans), "biom")
    assert stripped(html) == text
    page = Page(html)
    assert page.tags <= {"mark", "span"}
    covered = {i for span in spans for i in range(span.start, span.end)}
    assert sum(len(text) for _, text in page.marked) == len(covered)
    if spans:
        answer = "".join(text for kind, text in page.marked if kind == "biom answer")
        assert lines_as_parsed(answer) == lines_as_parsed(spans[0].of(text))
    sections = "".join(re.findall(r'<span class="section">(.*?)</span>', html, re.DOTALL))
    assert stripped(sections) == "".join(label.of(text) for label in labels)


@settings(max_examples=200, deadline=None)
@given(marked_texts())
def test_every_mark_has_one_place_that_a_link_can_lead_to(case):
    text, labels, spans = case
    html = text_html(text, labels, marks_of(spans), "biom")
    assert sorted(re.findall(r' id="(a-\d)"', html)) == [f"a-{n}" for n in range(1, len(spans) + 1)]
    assert html.count("<mark") == html.count("aria-label=")
    assert html.count('tabindex="0"') == len(re.findall(r"<mark[^>]* id=", html))
    for ranks, title in re.findall(r'data-ranks="([\d ]+)" title="(\w+)"', html):
        assert title == "title"
        assert ranks.split() == sorted(ranks.split(), key=int)


def card(side, persona=BIOM, *, view=None, passage=None, **options):
    passage = passage or Passage(side.reading.context)
    return Page(card_html(persona, passage, side, view or View(), **options))


def test_a_card_says_answer_confidence_sentence_and_runners_up():
    context = "Old drugs fail. Osimertinib inhibits EGFR. It is oral."
    side = side_of(context, {4: 3.0, 6: 6.0}, {4: -3.0, 6: 6.0}, null=10.0)
    answer, second, *_ = side.prediction(View()).answers
    assert (answer.text, second.text) == ("EGFR", "Osimertinib inhibits EGFR")
    page = card(side, gold=("egfr",))
    for words in ("B", "PubMed", "0.10 s", "✓ Known answer: egfr — the same answer", "Runners-up"):
        assert words in page.text
    for share in (answer.probability, second.probability, side.prediction(View()).null_probability):
        assert f"{share:.1%}" in page.text
    assert page.text.count("Osimertinib inhibits EGFR.") == 2  # the sentence, and the whole text
    assert ("biom answer", "EGFR") in page.marked
    assert ("biom runner-up", "Osimertinib inhibits ") in page.marked


def test_a_view_says_how_many_answers_are_listed_and_time_is_told_where_it_is_known():
    side = pointing_at("EGFR and ALK and KRAS are genes.", "ALK", height=2.0)
    three = card_html(BIOM, Passage(side.reading.context), side, View(shown=3))
    assert re.findall(r'data-rank="(\d)"', three) == ["2", "3"]
    assert "Runners-up" not in card(side, view=View(shown=1)).text
    assert "0.10 s" in card(side).text
    for timed, seconds in ((False, 0.1), (True, None)):
        other = side_of("EGFR", seconds=seconds)
        assert re.search(r"\d s", card(other, timed=timed).text) is None


@pytest.mark.parametrize(
    ("gold", "words"),
    [
        (("EGFR gene",), "✗ Known answer: EGFR gene — some of the same words"),
        ((), "✗ Known: the text does not say — it should have given no answer"),
        (("the EGFR", "EGFR", "ErbB1"), "✓ Known answer: the EGFR or ErbB1 — the same answer"),
        (("KRAS",), "✗ Known answer: KRAS — another answer"),
    ],
)
def test_the_known_answer_is_compared_in_words(gold, words):
    side = pointing_at("It inhibits EGFR.", "EGFR")
    assert words in card(side, gold=gold).text
    assert "Known" not in card(side).text
    # The term stands in the tooltip.
    assert any(name == "title" and "xact match" in value for name, value in card(side, gold=gold).attributes)


def test_an_abstaining_model_says_so_and_its_guess_is_marked_as_tentative():
    side = pointing_at("It inhibits EGFR.", "EGFR", null=99.0)
    page = card(side, gold=(), view=View(shown=1))
    assert "No answer in this text" in page.text
    assert "Its best guess would be “EGFR”." in page.text
    assert "✓ Known: the text does not say — right to give no answer" in page.text
    assert page.marked == [("biom tentative", "EGFR")]
    assert "its best guess" in page.text
    assert "confidence" not in page.text  # it is not confident of a guess it would not make


MEASURED = calibration_of(measured_on("BioASQ 8B", [(0.95, 83, 46)]))


def test_a_measured_model_says_how_often_answers_as_sure_were_right():
    side = pointing_at("It inhibits EGFR.", "EGFR", calibration=MEASURED)
    page = card(side)
    assert page.text.count("Of 83 answers about this sure (90–100%), 55% were right on BioASQ 8B.") == 1
    assert "whose text holds the answer" in page.text
    assert "not how often it is right" not in page.text
    # A model that abstains is not told to be right with what it would not say.
    abstaining = card(side, view=View(null_threshold=-99.0)).text
    assert "about this sure" not in abstaining
    assert "whose text holds the answer" not in abstaining
    assert "It is calibrated" in abstaining


def test_the_help_trusts_the_numbers_as_far_as_they_were_calibrated():
    for calibration, told in (
        (calibration_of(), "It is calibrated"),
        (UNCALIBRATED, "It tells how sure the model is, not how often it is right."),
    ):
        for null in (0.0, 99.0):
            side = pointing_at("It inhibits EGFR.", "EGFR", null=null, calibration=calibration)
            page = card(side)
            assert page.text.count(told) == 1
            assert ("not how often" in page.text) == (calibration is UNCALIBRATED)
            assert "a gauge, not a switch" in page.text
            assert "about this sure" not in page.text
            # The tooltip says what the help says.
            assert any(name == "title" and told in value for name, value in page.attributes)


def test_a_blind_card_does_not_tell_by_its_calibration_which_model_it_is():
    sides = [
        pointing_at("It inhibits EGFR.", "EGFR", height=99.0, calibration=calibration)
        for calibration in (MEASURED, UNCALIBRATED, calibration_of())
    ]
    drawn = {card_html(BLIND[0], Passage(side.reading.context), side, View(), timed=False) for side in sides}
    assert len(drawn) == 1
    assert "shows once you have voted" in drawn.pop()


def test_a_text_without_a_word_has_a_card():
    page = card(side_of("  \n", null=1.0))
    assert "No answer in this text" in page.text
    assert page.marked == []


def test_a_card_carries_the_banners_of_the_records_it_is_from():
    def record(pmid, *notes):
        return Abstract(pmid, "T.", "T.", (), has_abstract=False, notes=notes)

    withdrawn = record("1", Note(NoteKind.RETRACTED_BY, "2", "J Made Up. 2020"))
    side = pointing_at("T.", "T")
    one = card(side, passage=Passage("T.", (withdrawn,)))
    assert "! This article was retracted: J Made Up. 2020." in one.text
    assert ("href", "https://pubmed.ncbi.nlm.nih.gov/2/") in one.attributes
    assert "retracted" not in card(side, passage=Passage("T.", (record("3"),))).text
    # Of several, the banner says whose it is.
    both = pointing_at("T.\n\nT.", "T")
    assert "! PMID 1: This article" in card(both, passage=Passage("T.\n\nT.", (record("3"), withdrawn))).text


CONTEXT = "EGFR exon 19 and ALK; EGFR again."


@pytest.mark.parametrize(
    ("biom", "vanilla", "agreement", "words"),
    [
        ({"answer": "ALK"}, {"answer": "ALK"}, Agreement.AGREE, "Agree. Both models answer “ALK”."),
        ({"answer": "EGFR"}, {"answer": "EGFR", "after": "ALK"}, Agreement.ELSEWHERE,
         "Agree, but each points at another mention of “EGFR”."),
        ({"answer": "EGFR exon 19"}, {"answer": "exon 19"}, Agreement.OVERLAP,
         "Overlap: B answers “EGFR exon 19”, V “exon 19”."),
        ({"answer": "EGFR"}, {"answer": "ALK"}, Agreement.DISAGREE, "Disagree: B answers “EGFR”, V “ALK”."),
        ({"answer": "ALK", "null": 99}, {"answer": "EGFR"}, Agreement.BIOM_ABSTAINS,
         "One abstains: V answers “EGFR”, B finds no answer."),
        ({"answer": "ALK"}, {"answer": "EGFR", "null": 99}, Agreement.VANILLA_ABSTAINS,
         "One abstains: B answers “ALK”, V finds no answer."),
        ({"answer": "ALK", "null": 99}, {"answer": "EGFR", "null": 99}, Agreement.BOTH_ABSTAIN,
         "Both abstain: neither model finds an answer in this text."),
    ],
)  # fmt: skip
def test_the_verdict_says_how_the_answers_relate(biom, vanilla, agreement, words):
    sides = pointing_at(CONTEXT, **biom), pointing_at(CONTEXT, **vanilla, label="other")
    verdict = comparison_of(*sides).verdict(View())
    assert verdict.agreement is agreement
    assert Page(verdict_html(verdict, BIOM, VANILLA)).text[1:] == words
    # Swapped, it reads as if the models stood the other way round, each with its own answer.
    turned = comparison_of(*reversed(sides)).verdict(View())
    assert verdict_html(verdict, BIOM, VANILLA, swapped=True) == verdict_html(turned, VANILLA, BIOM)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_blind_verdict_tells_nothing_but_the_answers(swapped):
    sides = pointing_at(CONTEXT, "ALK", null=99), pointing_at(CONTEXT, "EGFR", label="other")
    first, second = reversed(BLIND) if swapped else BLIND
    html = verdict_html(comparison_of(*sides).verdict(View()), first, second, swapped=swapped)
    assert "biom" not in html
    assert "vanilla" not in html
    assert f"Model {'A' if swapped else 'B'} answers “EGFR”" in Page(html).text


def test_models_appear_in_the_accents_of_their_places():
    four = [Checkpoint(name, name.upper(), f"saw {name}") for name in "abcd"]
    made = personas(four)
    assert [persona.accent for persona in made] == list(ACCENTS)
    assert made[3] == Persona("fourth", "D", "saw d")
    assert personas(four[:2]) == made[:2]


def test_a_waiting_card_keeps_the_place():
    assert "Ask a question" in Page(waiting_html(BIOM)).text
    assert Page(waiting_html(VANILLA, reading=True)).text == "VbooksReading …"
    assert Page(idle_verdict_html()).text == "The two answers are compared here."


def test_a_head_says_what_the_result_is_of_and_when_it_is_for_another_question():
    head = head_html("Which gene?", "PubMed, PMID 1", "BioM · vanilla", stale=False)
    assert 'class="result-head"' in head
    assert Page(head).text == "Q: Which gene? · PubMed, PMID 1 · BioM · vanilla"
    stale = head_html("Which gene?", "pasted text", "BioM", stale=True)
    assert 'class="result-head stale"' in stale
    assert Page(stale).text == "for the previous question Q: Which gene? · pasted text · BioM"
    assert no_head_html() == ""
    assert "button" not in Page(stale).tags
    assert Page(head_html("Which gene?", "pasted text", "BioM", stale=True, edit="Edit")).text.endswith(
        "Edit"
    )


def test_the_head_of_a_result_has_the_contrast_of_wcag_aa_in_both_themes():
    style = (ASSETS / "style.css").read_text("utf-8")
    assert re.search(r"\.result-head \{[^}]* color: var\(--quiet\)", style)
    assert re.search(r"\.result-head\.stale \{ background: var\(--well\)", style)
    dimmed = re.search(r":has\(#head \.result-head\.stale\) :is\((.*?)\) \{ opacity", style)[1]
    assert "#head" not in dimmed
    for theme in style.split(".dark ", 1):
        quiet, paper, well = (
            re.search(rf"--{name}: (#[0-9a-f]{{6}})", theme)[1] for name in ("quiet", "paper", "well")
        )
        assert contrast(quiet, paper) >= 4.5
        assert contrast(quiet, well) >= 4.5


def contrast(one, other):
    """The WCAG 2 contrast ratio of two colours."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_progress_is_shown_as_a_bar_and_in_words():
    html = status_html("Fetching: 1 of 4 MB", progress=0.25)
    assert "width:25.0%" in html
    assert Page(html).text == "Fetching: 1 of 4 MB"
    assert 'role="alert"' in status_html("No.", kind="error")


def test_section_labels_are_those_of_the_passage():
    text = "BACKGROUND: a.\nRESULTS: b. NOT A label: c"
    html = text_html(text, Passage(text).labels, marks_of([CharSpan(5, 14)]), "vanilla")
    assert Page(html).text == text
    assert '<span class="section">BACKG</span>' in html
    assert html.count('class="section"') == 3  # the first label is cut by the mark


def test_probabilities_are_never_rounded_to_certainty():
    context = "It inhibits EGFR."
    assert "> 99.9%" in card(pointing_at(context, "EGFR", height=12.0)).text
    unsure = card(side_of(context, null=40.0))
    assert unsure.text.count("< 0.1%") == 1  # its guess's; those after it are not listed


def answers_of(*texts_and_probabilities):
    text = "6 mg of EGFR and ALK"
    return text, [
        Answer(CharSpan(text.index(part), text.index(part) + len(part)), part, 1.0, probability)
        for part, probability in texts_and_probabilities
    ]


@pytest.mark.parametrize(
    ("answers", "left"),
    [
        ([("ALK", 0.0004), ("EGFR", 0.0003)], ["ALK"]),
        ([("6 mg", 0.5), ("6", 0.2), ("mg", 0.1), ("EGFR", 0.1)], ["6 mg", "EGFR"]),
        ([("EGFR and ALK", 0.5), ("EGFR", 0.2), ("6 mg", 0.0009)], ["EGFR and ALK", "EGFR"]),
        ([("ALK", 0.5), ("6", 0.2)], ["ALK", "6"]),
        ([], []),
    ],
    ids=["all unlikely", "pieces", "whole words of a better one", "short and elsewhere", "none"],
)  # fmt: skip
def test_listed_are_the_best_answer_and_others_that_are_likely_and_no_mere_pieces(answers, left):
    _, made = answers_of(*answers)
    assert [answer.text for answer in listed(made)] == left


def test_a_chip_shows_its_question_to_all_and_names_its_example():
    page = Page(chips_html([("Lungs", "Which gene?"), ("Heart", "Which drug?")]))
    assert page.text == "Try one:Lungs: Which gene?Heart: Which drug?"
    assert [value for name, value in page.attributes if name == "title"] == ["Which gene?", "Which drug?"]
    assert [value for name, value in page.attributes if name == "data-example"] == ["0", "1"]


def test_the_switches_say_what_is_chosen():
    page = Page(switches_html())
    pressed = [value for name, value in page.attributes if name == "aria-pressed"]
    assert pressed.count("true") == 2
    assert page.text.startswith("Side by sideBoth in one text")


def test_notices_of_the_reading_are_shown():
    side = side_of("EGFR", notices=("Only its first 64 words were read.",))
    assert "Only its first 64 words were read." in card(side).text
    assert reading_of("EGFR").notices == ()
