"""Rendering: the text comes out exactly, hostile text never becomes an element, words are right."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.analysis.comparison import Agreement, Comparison, ModelOutput
from biom_demo.qa.records import Answer, CharSpan, Prediction, Question
from biom_demo.show.cards import Mark, side_html, status_html, text_html, verdict_html, waiting_html

WRITTEN_BY_US = {
    "section", "header", "h3", "h4", "p", "span", "a", "div", "i", "b", "blockquote", "mark",
    "details", "summary", "ol", "li",
}  # fmt: skip
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</mark><script>alert(1)</script>",
    "${alert(1)} {{7*7}}",
    "\"' onmouseover='alert(1)",
    "&lt;b&gt; &amp;",
]


class Page(HTMLParser):
    """The text, elements and attributes of a piece of HTML; balanced tags are required."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.marked: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "mark":
            self.marked.append((dict(attrs)["class"], ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if "mark" in self.open:
            kind, text = self.marked[-1]
            self.marked[-1] = (kind, text + data)


def marks_of(spans):
    return [Mark(span, rank, f"a-{rank}", "title") for rank, span in enumerate(spans, start=1)]


@st.composite
def texts_with_spans(draw):
    text = draw(st.text(min_size=1, max_size=120) | st.sampled_from([h * 3 for h in HOSTILE]))
    spans = []
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(text) - 1))
        spans.append(CharSpan(start, draw(st.integers(start + 1, len(text)))))
    return text, spans


@settings(max_examples=400, deadline=None)
@given(texts_with_spans())
def test_tags_stripped_the_text_is_the_source_and_every_mark_covers_its_span(case):
    text, spans = case
    page = Page(text_html(text, marks_of(spans), "biom"))
    # A parser may not pass on carriage returns and NUL as they are; a browser does not either.
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    assert page.text.replace("\r\n", "\n").replace("\r", "\n") == plain
    assert page.tags <= {"mark", "span"}
    covered = {i for span in spans for i in range(span.start, span.end)}
    assert sum(len(text) for _, text in page.marked) == len(covered)
    if spans:
        answer = "".join(text for kind, text in page.marked if kind == "biom answer")
        assert answer == spans[0].of(text)


def output(label, answer_text, context, *, probability=0.7, null_score=-5.0, others=(), notices=()):
    answers = []
    for rank, text in enumerate((answer_text, *others)):
        start = context.index(text)
        span = CharSpan(start, start + len(text))
        answers.append(Answer(0, span, text, 5.0 - rank, probability / (rank + 1)))
    prediction = Prediction(Question("q", "?"), 0, tuple(answers), null_score, 0.1, notices)
    return ModelOutput(label, (prediction,), 0.25)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_never_becomes_an_element_or_attribute(hostile):
    context = f"BACKGROUND: {hostile} binds {hostile}"
    made = output(hostile, hostile, context, others=("binds",), notices=(hostile,))
    comparison = Comparison(Question("q", hostile), (context,), made, made)
    abstaining = output(hostile, hostile, context, null_score=50.0)
    for html in (
        side_html(made, context, "biom", trained_on=hostile, gold=(hostile,)),
        side_html(abstaining, context, "vanilla", trained_on=hostile, gold=()),
        verdict_html(comparison),
        status_html(hostile, kind="error"),
        waiting_html(hostile, hostile, "biom"),
    ):
        page = Page(html)
        assert page.tags <= WRITTEN_BY_US
        assert not {name for name in page.attributes if name.startswith("on")}
        assert hostile in page.text


def test_a_card_says_answer_confidence_sentence_and_runners_up():
    context = "Old drugs fail. Osimertinib inhibits EGFR. It is oral."
    made = output("BioM", "EGFR", context, others=("Osimertinib",))
    page = Page(side_html(made, context, "biom", trained_on="PubMed", gold=("egfr",)))
    for words in (
        "BioM",
        "PubMed",
        "70.0%",
        "10.0%",
        "35.0%",
        "0.25 s",
        "✓ Known answer: egfr — exact match",
    ):
        assert words in page.text
    assert page.text.count("Osimertinib inhibits EGFR.") == 2  # the sentence, and the whole text
    assert ("biom answer", "EGFR") in page.marked
    assert ("biom runner-up", "Osimertinib") in page.marked


@pytest.mark.parametrize(
    ("answer", "gold", "words"),
    [
        ("EGFR", ("EGFR gene",), "✗ Known answer: EGFR gene — no exact match, token F1 0.67"),
        ("EGFR", (), "✗ Known: the text does not say — it should have abstained"),
    ],
)
def test_the_known_answer_is_compared_in_words(answer, gold, words):
    context = "It inhibits EGFR."
    page = Page(side_html(output("B", answer, context), context, "biom", trained_on="", gold=gold))
    assert words in page.text


def test_an_abstaining_model_says_so_and_offers_its_guess():
    context = "It inhibits EGFR."
    html = side_html(output("B", "EGFR", context, null_score=99.0), context, "biom", trained_on="", gold=())
    page = Page(html)
    assert "No answer in this text" in page.text
    assert "Its best guess would be “EGFR”." in page.text
    assert "✓ Known: the text does not say — right to abstain" in page.text


CONTEXT = "EGFR exon 19 and ALK; EGFR again."


@pytest.mark.parametrize(
    ("biom", "vanilla", "agreement", "words"),
    [
        ({"answer_text": "ALK"}, {"answer_text": "ALK"}, Agreement.AGREE, "Agree. Both models answer “ALK”."),
        ({"answer_text": "EGFR exon 19"}, {"answer_text": "exon 19"}, Agreement.OVERLAP, "token F1 0.80"),
        ({"answer_text": "EGFR"}, {"answer_text": "ALK"}, Agreement.DISAGREE, "B answers “EGFR”, V “ALK”."),
        ({"answer_text": "ALK", "null_score": 99}, {"answer_text": "ALK"}, Agreement.BIOM_ABSTAINS,
         "V answers “ALK”, B finds no answer"),
        ({"answer_text": "ALK"}, {"answer_text": "ALK", "null_score": 99}, Agreement.VANILLA_ABSTAINS,
         "B answers “ALK”, V finds no answer"),
        ({"answer_text": "ALK", "null_score": 99}, {"answer_text": "EGFR", "null_score": 99},
         Agreement.BOTH_ABSTAIN, "neither model finds an answer"),
    ],
)  # fmt: skip
def test_the_verdict_says_how_the_answers_relate(biom, vanilla, agreement, words):
    comparison = Comparison(
        Question("q", "?"),
        (CONTEXT,),
        output("B", context=CONTEXT, **biom),
        output("V", context=CONTEXT, **vanilla),
    )
    assert comparison.verdict().agreement is agreement
    assert words in Page(verdict_html(comparison)).text


def test_the_same_answer_at_another_mention_is_its_own_case():
    span = CharSpan(22, 26)
    second = Prediction(Question("q", "?"), 0, (Answer(0, span, "EGFR", 5.0, 0.5),), -9.0, 0.1)
    comparison = Comparison(
        Question("q", "?"), (CONTEXT,), output("B", "EGFR", CONTEXT), ModelOutput("V", (second,), 0.1)
    )
    assert comparison.verdict().agreement is Agreement.ELSEWHERE
    assert "another mention" in Page(verdict_html(comparison)).text


def test_an_abstaining_models_guess_is_marked_as_tentative_not_as_an_answer():
    context = "It inhibits EGFR."
    page = Page(side_html(output("B", "EGFR", context, null_score=99.0), context, "biom", trained_on=""))
    assert page.marked == [("biom tentative", "EGFR")]
    assert "in its guess" in page.text
    assert "confidence" not in page.text  # it is not confident of a guess it would not make


@settings(max_examples=200, deadline=None)
@given(texts_with_spans())
def test_every_mark_has_one_place_that_a_link_can_lead_to(case):
    text, spans = case
    html = text_html(text, marks_of(spans), "biom")
    assert sorted(re.findall(r' id="(a-\d)"', html)) == [f"a-{n}" for n in range(1, len(spans) + 1)]
    assert html.count("<mark") == html.count("aria-label=")
    assert html.count('tabindex="0"') == len(re.findall(r"<mark[^>]* id=", html))


def test_progress_is_shown_as_a_bar_and_in_words():
    html = status_html("Fetching: 1 of 4 MB", progress=0.25)
    assert "width:25.0%" in html
    assert Page(html).text == "Fetching: 1 of 4 MB"


def test_section_labels_are_set_apart_without_changing_the_text():
    text = "BACKGROUND: a.\nRESULTS: b. NOT A label: c"
    html = text_html(text, marks_of([CharSpan(5, 14)]), "vanilla")
    page = Page(html)
    assert page.text == text
    assert '<span class="section">BACKG</span>' in html
    assert html.count('class="section"') == 3  # the first label is cut by the mark


def test_probabilities_are_never_rounded_to_certainty():
    context = "It inhibits EGFR."
    sure = Page(side_html(output("B", "EGFR", context, probability=0.99999), context, "biom", trained_on=""))
    assert "> 99.9%" in sure.text
    unsure = Page(side_html(output("B", "EGFR", context, probability=1e-7), context, "biom", trained_on=""))
    assert "< 0.1%" in unsure.text


def test_a_comparison_refuses_an_answer_that_is_not_in_its_context():
    wrong = Prediction(Question("q", "?"), 0, (Answer(0, CharSpan(0, 4), "ALK!", 1.0, 0.5),), 0.0, 0.1)
    with pytest.raises(ValueError, match="is not at"):
        Comparison(
            Question("q", "?"), (CONTEXT,), ModelOutput("B", (wrong,), 0), ModelOutput("V", (wrong,), 0)
        )
