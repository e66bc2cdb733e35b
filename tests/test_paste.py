"""Pasted text reads as a person would write it, and its offsets stay true to what was given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biom_demo.pubmed.paste import readable_text

LONG = "In this trial of forty adults copper was given by mouth for"  # a line as PDFs have them

# (given, text, why)
TABLE = [
    # words cut at a line's end
    ("dobu-\ntamine", "dobutamine", "a word cut at the line's end"),
    ("dobu-\r\ntamine", "dobutamine", "with another line end"),
    ("dobu- \n  tamine", "dobutamine", "with spaces around"),
    ("dobu\u00ad\ntamine", "dobutamine", "a soft hyphen there"),
    ("dobu\u0002\ntamine", "dobutamine", "the sign a browser's PDF viewer copies"),
    ("dobu¬\ntamine", "dobutamine", "a word processor's"),
    ("beta-adren-\nergic", "beta-adrenergic", "the second part of a compound cut"),
    ("IL-\n6", "IL-6", "a hyphen before a digit is a name's"),
    ("5-HT-\ninduced", "5-HT-induced", "and after capitals"),
    ("TNF-α-\ninduced", "TNF-α-induced", "and after Greek"),
    ("anti-\nTNF", "anti-TNF", "and before a capital"),
    ("t-\ntest", "t-test", "a single letter is no half of a word"),
    ("placebo-\ncontrolled", "placebo-controlled", "a compound of two words"),
    ("non-\nsmall cell", "non-small cell", "a first part that keeps its hyphen"),
    ("dose-\nresponse", "dose-response", "another"),
    ("anti-\ninflammatory", "anti-inflammatory", "two vowels that would meet"),
    ("pre- and post-\noperative", "pre- and post-operative", "a hyphen left hanging stays"),
    ("pre-\nand postoperative", "pre- and postoperative", "also at the line's end"),
    ("copper-zinc. Then copper-\nzinc", "copper-zinc. Then copper-zinc", "as it is written elsewhere"),
    ("antibody. Then anti-\nbody", "antibody. Then antibody", "likewise"),
    ("HYPER-\nTENSION and HYPERTENSION", "HYPERTENSION and HYPERTENSION", "capitals, as elsewhere"),
    ("poly-\n(ADP-ribose)", "poly-(ADP-ribose)", "before a bracket"),
    ("factor-\nκB", "factor-κB", "a hyphen before a Greek letter is a name's"),
    ("receptor-\nγ and copper-\nβ", "receptor-γ and copper-β", "others"),
    ("interferon-\ngamma", "interferon-gamma", "or before its name"),
    ("long-term-\nsurvival", "long-term-survival", "a word that has a hyphen already"),
    ("state-of-the-\nart", "state-of-the-art", "a longer one"),
    ("Kaplan-Meier-\nestimate", "Kaplan-Meier-estimate", "and one of names"),
    ("cost-effec-\ntiveness", "cost-effectiveness", "but its second part may be cut"),
    ("copper--\nand zinc", "copper--and zinc", "a typewriter's dash"),
    ("2–\n3 days", "2–3 days", "a dash between numbers"),
    # soft hyphens within a line
    ("dobu\u00adtamine", "dobutamine", "a soft hyphen is not seen"),
    ("COVID\u00ad19", "COVID-19", "some PDFs write the hyphen so"),
    # wrapped lines
    (f"{LONG}\nfive weeks.", f"{LONG} five weeks.", "a wrapped line runs on"),
    (f"{LONG}\nWilson disease.", f"{LONG} Wilson disease.", "before a capital where the line cannot end"),
    (f"{LONG}.\nFive died.", f"{LONG}.\nFive died.", "a full stop ends a line"),
    (f"{LONG}\n\nfive weeks", f"{LONG}\n\nfive weeks", "a blank line stays"),
    (f"{LONG} weeks\nMETHODS: none", f"{LONG} weeks\nMETHODS: none", "so does the line of a label"),
    (f"{LONG} weeks;\n2. zinc", f"{LONG} weeks;\n2. zinc", "and of a list"),
    ("Copper\nand zinc", "Copper\nand zinc", "and a short line, which is no wrapped one"),
    # entities and tags
    ("IL-1&#x3b2;", "IL-1β", "a hexadecimal entity"),
    ("&#946;&beta;&Beta;", "ββΒ", "decimal and named ones"),
    ("p &lt; 0.05 &amp; n &gt; 3", "p < 0.05 & n > 3", "signs"),
    ("p &amp;lt; 0.05, &amp;#x3b2;", "p < 0.05, β", "escaped twice"),
    ("AT&T &foo; &#0; &#xD800; R&D;", "AT&T &foo; &#0; &#xD800; R&D;", "what is no entity stays"),
    ("&#150;", "–", "the former way to write a dash"),
    ("10<sup>-3</sup> and 10<sup>5</sup>", "10^-3 and 10^5", "a power keeps its meaning"),
    ("Ca<sup>2+</sup>, H<sub>2</sub>O, <sup>18</sup>F", "Ca2+, H2O, 18F", "a charge, an index, an isotope"),
    ("<i>BRCA1</i> &lt;i&gt;in vitro&lt;/i&gt;", "BRCA1 in vitro", "italics, escaped too"),
    ('<p class="x">One.</p><p>Two.</p>', "\nOne.\n\nTwo.\n", "paragraphs"),
    ("<jats:p>One</jats:p>", "\nOne\n", "of another vocabulary"),
    ("p<0.05 if a <b and b> a", "p<0.05 if a <b and b> a", "comparisons are no tags"),
    # characters
    ("signiﬁcant eﬀect of ﬂuid", "significant effect of fluid", "ligatures"),
    ("signiﬁ cant", "significant", "with the gap a PDF leaves"),
    ("a\u00a0b\u2009c\td  e", "a b c d e", "odd spaces and doubled ones"),
    ("end  \nnext", "end\nnext", "spaces at a line's end"),
    ("x\u200by\ufeff\u202e", "xy", "invisible signs"),
    ("Ménière", "Ménière", "combining accents"),
    ("𝑝 < 0.05, 𝛽", "p < 0.05, β", "mathematical letters"),
    ("\uf062-catenin \uf0b1 2", "β-catenin ± 2", "the Symbol font"),
    ("well‐known, 1‑2", "well-known, 1-2", "hyphens of other kinds"),
    ("a\r\nb\fc\u2028d\u2029e", "a\nb\nc\nd\n\ne", "line ends of other kinds"),
    ("\ud800x", "\ufffdx", "half a character"),
    ("μ − “x” – y…", "μ − “x” – y…", "good typography stays"),
]  # fmt: skip


@pytest.mark.parametrize(("given_text", "text", "why"), TABLE, ids=[row[2] for row in TABLE])
def test_reads_as_written(given_text, text, why):
    assert readable_text(given_text).text == text, why


def test_what_needs_no_mending_is_left_alone():
    text = "Copper was given.\n\nMETHODS: Forty adults (n = 40) took 5 mg/kg; p < 0.05.\n"
    mended = readable_text(text)
    assert mended.text == text
    assert mended.in_given(3, 9) == mended.in_text(3, 9) == (3, 9)


def test_an_answer_leads_back_to_what_was_given():
    given_text = "We gave dobu-\ntamine and IL-1&#x3b2; at 10<sup>-3</sup> M."
    mended = readable_text(given_text)
    assert mended.text == "We gave dobutamine and IL-1β at 10^-3 M."
    for answer, source in [
        ("dobutamine", "dobu-\ntamine"),
        ("IL-1β", "IL-1&#x3b2;"),
        ("β", "&#x3b2;"),
        ("10^-3", "10<sup>-3"),
        ("M", "M"),
    ]:
        start = mended.text.index(answer)
        begin, end = mended.in_given(start, start + len(answer))
        assert given_text[begin:end] == source
        assert mended.in_text(begin, end) == (start, start + len(answer))
    # Half of what became one character stands for all of it.
    assert mended.in_text(given_text.index("x3b2"), given_text.index("x3b2") + 1) == (27, 28)
    # What went without a trace has its place.
    assert mended.in_text(given_text.index("</sup>"), given_text.index("</sup>") + 6) == (37, 37)
    assert mended.in_given(len(mended.text), len(mended.text)) == (len(given_text), len(given_text))


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 99)])
def test_spans_outside_are_refused(start, end):
    mended = readable_text("dobu-\ntamine")
    with pytest.raises(ValueError, match="is outside a text of 10 characters"):
        mended.in_given(start, end)
    with pytest.raises(ValueError, match="is outside a text of 12 characters"):
        mended.in_text(start, end)


PIECES = st.sampled_from(
    ["a", "B", "ab", "1", " ", "  ", "\n", "\r\n", "-", "-\n", "\u00ad", "ﬁ", "&lt;", "&amp;", "&#x3b2;",
     "<sup>", "</i>", "\u00a0", "\u200b", "e\u0301", "β", ".", ",", "(", "–", "\uf062", "𝑝", "of", LONG]
)  # fmt: skip


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map("".join)))
def test_offsets_lead_back_whatever_was_pasted(given_text):
    mended = readable_text(given_text)
    spans = [mended.in_given(at, at + 1) for at in range(len(mended.text))]
    # In order, never backwards, never empty, and each unchanged character is the very same one.
    assert spans == sorted(spans)
    assert all(begin < end for begin, end in spans)
    for at, (begin, end) in enumerate(spans):
        if end - begin == 1 and not mended.text[at].isspace() and " " < given_text[begin] < "\x7f":
            assert given_text[begin] == mended.text[at]
    whole = mended.in_given(0, len(mended.text))
    for at, (begin, end) in enumerate(spans):
        first, last = mended.in_text(begin, end)
        assert first <= at < last
        assert whole[0] <= begin <= end <= whole[1]
    assert mended.in_text(0, len(given_text)) == (0, len(mended.text))


@given(st.text(alphabet="ab-\n \r\t.,B1β\u00adﬁ\u00a0\u200b(", max_size=120))
def test_mended_text_needs_no_more_mending(given_text):
    once = readable_text(given_text).text
    assert readable_text(once).text == once
