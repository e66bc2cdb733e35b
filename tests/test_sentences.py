"""Sentences: hand-checked boundaries, newlines, and what holds for any text."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.qa import sentences
from biom_demo.qa.records import CharSpan
from biom_demo.qa.sentences import ABBREVIATIONS, sentence_around, split_sentences
from tests.conftest import ROOT
from tests.costs import hostile, ratio_of

DOCUMENTS = json.loads((Path(__file__).parent / "data" / "sentences.json").read_text("utf-8"))
PIECES = st.sampled_from(
    ["E. coli", "et al.", "Fig.", "i.v.", "The", "METHODS:", "\n", "\r\n", " ", "\u2029", ".", "?", ")",
     "[3]", "5", "2.", "•", "vitamin K.", "stop.12 Next", "\x85", "\ud800", "Results", "p53", "12 h.", "no."]
)  # fmt: skip
ANY_TEXT = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=st.characters(exclude_categories=())),
    st.lists(PIECES, max_size=40).map("".join),
    st.lists(PIECES, max_size=40).map(" ".join),
)


def split(text):
    return [span.of(text) for span in split_sentences(text)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d["title"])
def test_hand_checked_documents_are_split_exactly(document):
    assert split(" ".join(document["sentences"])) == document["sentences"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d["title"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_hard_wrapped_documents_are_split_alike(document, newline):
    words = " ".join(document["sentences"]).split(" ")
    wrapped = newline.join(" ".join(words[i : i + 9]) for i in range(0, len(words), 9))
    assert [" ".join(sentence.split()) for sentence in split(wrapped)] == document["sentences"]


def test_the_documents_are_many_and_hard_enough():
    sentences = [sentence for document in DOCUMENTS for sentence in document["sentences"]]
    assert len(sentences) - len(DOCUMENTS) >= 200
    assert len(set(sentences)) == len(sentences)
    inner_dots = [sentence.rstrip(".?!)").count(".") for sentence in sentences]
    assert sum(inner_dots) >= 100
    dots_before_a_space = [sentence.count(". ") for sentence in sentences]
    assert sum(dots_before_a_space) >= 100


@pytest.mark.parametrize(
    "sentences",
    [
        ["It was first seen in E. coli.", "The gene is small."],
        ["Cells secrete IL-2.", "The cytokine acts locally."],
        ["Survival improved (Fig. 2A).", "Toxicity did not (p < 0.05)."],
        ["Mice received 10.1 mg/kg i.p. daily.", "Controls received saline."],
        ["He took 50 mg b.i.d.", "After a week he was well."],
        ["Cells were left for 30 min.", "Medium was changed every 12 h.", "They grew."],
        ["It blocks vitamin K.", "Warfarin is an example."],
        ["It lowers factors II, VII, IX and X.", "Dabigatran does not.", "Bile helps vitamins D or K."],
        ["A protein of B. Smith and J. Jones was found on Dec. 3."],
        ["J. A. Smith and A. Fleming met in 1928.", "A. B. Jones did not."],
        ["Vessels relax through NO.", "Endothelial cells make it from L-arginine (No. 5 in the list)."],
        ["Resistance is common.[3,4]", "Others disagree.12", "They may be right."],
        ["(All data are shown.)", "“It works.”", "Is it safe?", "Yes!"],
        ["The question (is it safe?) is open.", "p53 may tell."],
        ["1. Stop the drug.", "2. Give the antidote."],
        ["Is 7.4 the pH of blood?", "7.35 to 7.45 is normal..."],
        ["It activates NF-κ B.", "The cells of size L.", "Fits came in the group of J. Okoro."],
        ["He was seen at Hosp. in Lab. of Dr. Ito.", "In 1987 A. Jones and R. Singh left."],
        ["See Fig. 2.", "mRNA was stable.", "Fig. 3 shows vs. 4 h.", "siRNA was not."],
        ["They lack the genes A, B, and C.", "D was lost."],
        ["Loss was seen in wells A and B.", "C was full.", "Rows D, E, F.", "G was not."],
        ["Mice had alleles A, B or C.", "It is so.", "The loci HLA-A, B, and C.", "D was lost."],
        ["Authors are Smith A, Brown B, and C. Jones of Bern.", "It was Brown A, and C. Jones."],
        ["Levels of vitamin B.", "α-Tocopherol did not change in S. aureus."],
    ],
)  # fmt: skip
def test_short_cases(sentences):
    assert split(" ".join(sentences)) == sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["The pulse fell.", "Thirst was gone."],
        ["As was said before [4,5].", "Nausea followed (Table 1).", "Most cases (85%).", "None died."],
        ["It needs IL-2.", "Cells then grow at pH 7.4.", "We saw 20%.", "In vitro it failed at 37 °C.", "So"],
        ["Mice got 5 mg/kg.", "Rats got 3 mg.", "Dogs, as in Li et al.", "However, cats did not."],
        ["It is a disease.", "METHODS: We asked.", "RESULTS: It is a channel, CFTR.", "The gate opens."],
        ["We saw the end.", "α-Synuclein rose.", "β2 was (low).", "Δ9-THC fell.", "αSyn did not [2].", "γ"],
        ["It fell.", "mRNA was low.", "siRNA, p53 and others rose.", "p53 did so by 20%.", "cAMP fell."],
        ["It fell.", "c-Myc rose.", "mTOR too."],
        ["It rose in mice.", "TNF was low.", "IL-6 was not, nor was vitamin K.", "Warfarin was."],
    ],
)  # fmt: skip
def test_a_stop_that_lost_its_space_still_ends_a_sentence(sentences):
    assert split("".join(sentences)) == sentences


@pytest.mark.parametrize(
    "text",
    [
        "See www.ncbi.Nlm.org or http://a.org/b.Html or mail j.Doe@x.org for data.CSV and file.PDF files",
        "J.Smith and Dr.Jones of St.Louis, e.g.Aspirin vs.Placebo in Fig.Two of approx.Half",
        "Try obj.toString or file.mRNA.txt or e.g.mRNA or TGF.β or IL-2.β or cf.α-helix or 3.5.α or a.mRNA",
        "It changes p.Arg117His and Glu12.Ala34 in NM_000492.3:c.1521 of E.coli in the U.S.A. today",
    ],
)
def test_a_stop_within_a_name_does_not(text):
    assert split(text) == [text]


@pytest.mark.parametrize(
    "unit",
    ["\f", "\n", "\r\n", "\n ", " ", "\t", "\u2028", "\x85\v", "\f\u00a0", "\n\x1c", "ABC:\n", "Abc\f",
     "\nAbc ", ". ", ".", ".)", "? ", "a.)", "[1] ", "[1,", "x.[1] ", "abc.1,", "1. ", "no. ", "A. ",
     "A, B and ", "vitamin K. W", "a.A", "a.AB", "AB", "word", "word ", "(", "1.A", "(a?) b ", "•\n"],
)  # fmt: skip
def test_no_text_costs_more_than_its_length(unit):
    assert ratio_of(split_sentences, hostile(unit, 5_000), hostile(unit, 20_000), most=8) < 8


def test_a_long_text_is_split_once_and_its_sentences_are_found_without_a_walk(monkeypatch):
    def seconds_of_lookups(text):
        started = time.thread_time()
        for start in range(0, len(text), len(text) // 2000):
            assert len(sentence_around(text, CharSpan(start, start + 1))) in (1, 14)
        return time.thread_time() - started

    short, long = "The cell grew. " * 1000, "The cell grew. " * 20_000
    split_sentences(short)
    split_sentences(long)
    monkeypatch.setattr(sentences, "_block_starts", None)  # splitting anew would fail
    assert min(seconds_of_lookups(long) for _ in range(3)) < 5 * seconds_of_lookups(short)


@pytest.mark.parametrize("empty", ["", " ", "\n\n", "\t \r\n\u2003"])
def test_a_text_without_words_has_no_sentences(empty):
    assert split_sentences(empty) == []


def test_blank_lines_end_sentences_and_single_newlines_do_not():
    text = "A title without a stop\n\n  CF is caused\nby mutations of CFTR. It is\r\nrecessive\n \nend"
    assert split(text) == [
        "A title without a stop",
        "CF is caused\nby mutations of CFTR.",
        "It is\r\nrecessive",
        "end",
    ]


@pytest.mark.parametrize(
    "label", ["METHODS:", "Results:", "Main outcome measures:", "PATIENTS AND METHODS:", "TRIAL SPONSOR:"]
)
def test_a_newline_before_a_section_label_ends_a_sentence(label):
    assert split(f"no stop here\n{label} we did\nthis. And that") == [
        "no stop here",
        f"{label} we did\nthis.",
        "And that",
    ]


@pytest.mark.parametrize("line", ["EGFR: a kinase.", "Results of this kind are rare: one.", "Bcl-2: no."])
def test_a_newline_before_other_colons_does_not(line):
    assert split(f"three were tested\n{line}") == [f"three were tested\n{line}"]


def test_a_heading_on_its_own_line_stands_alone():
    assert split("Abstract\nIt works\nMethods\nWe did.") == ["Abstract", "It works", "Methods", "We did."]


@settings(max_examples=400, deadline=None)
@given(text=ANY_TEXT)
def test_sentences_cover_all_but_white_space_in_order(text):
    spans = split_sentences(text)
    position = 0
    for span in spans:
        assert position <= span.start < span.end <= len(text)
        assert not text[position : span.start].strip()
        assert span.of(text) == span.of(text).strip()
        position = span.end
    assert not text[position:].strip()


@settings(max_examples=300, deadline=None)
@given(text=ANY_TEXT, data=st.data())
def test_the_sentences_around_a_span_are_the_fewest_that_cover_it(text, data):
    start = data.draw(st.integers(0, len(text)))
    span = CharSpan(start, data.draw(st.integers(start, len(text))))
    around = sentence_around(text, span)
    assert around.start <= span.start <= span.end <= around.end
    sentences = split_sentences(text)
    touched = [s for s in sentences if s.overlaps(CharSpan(span.start, max(span.end, span.start + 1)))]
    if not touched:
        assert around == span
    else:
        assert around.of(text).strip() == text[touched[0].start : touched[-1].end]


def test_the_sentence_around_an_answer():
    text = "Warfarin is old. It blocks VKORC1 (see Fig. 1). Vitamin K helps."
    at = text.index("VKORC1")
    assert sentence_around(text, CharSpan(at, at + 6)).of(text) == "It blocks VKORC1 (see Fig. 1)."
    assert sentence_around(text, CharSpan(at, len(text))).of(text) == text[17:]
    assert sentence_around(text, CharSpan(0, 0)).of(text) == "Warfarin is old."
    assert sentence_around(text, CharSpan(16, 17)) == CharSpan(16, 17)
    assert sentence_around("", CharSpan(0, 0)) == CharSpan(0, 0)


def test_a_sentence_longer_than_a_stretch_stays_whole():
    long = "word " * 50_000 + "end."
    assert split(f"One. {long} Two, e.g. E. coli.") == ["One.", long, "Two, e.g. E. coli."]


def test_each_list_is_sorted_out():
    lists = json.loads(ABBREVIATIONS.read_text("utf-8"))
    groups = [set(lists[name]) for name in ("abbreviations", "never_last", "often_last", "before_number")]
    assert sum(map(len, groups)) == len(set.union(*groups)), "an abbreviation stands in two lists"
    for words in lists.values():
        assert len(words) == len(set(words))
        assert all(word == word.lower() for word in words)
    assert all(word.endswith(".") for group in groups for word in group)


def test_nltk_is_not_imported_before_it_is_needed():
    code = "import sys, biom_demo.qa.sentences; sys.exit('nltk' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
