"""run_squad's way from tokens back to words; held against its own code in ``test_run_squad_446.py``."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.qa.records import CharSpan
from biom_demo.qa.run_squad_text import WordAligner, basic_tokens, joined_words
from biom_demo.qa.windows import build_windows
from tests.costs import MAX_RATIO, ratio_of
from tests.tiny import byte_level_tokenizer, sentencepiece_like_tokenizer, wordpiece_tokenizer

TOKENIZERS = {
    "wordpiece": wordpiece_tokenizer(),
    "sentencepiece": sentencepiece_like_tokenizer(),
    "byte level": byte_level_tokenizer(),
}
ANY_TEXT = st.text(max_size=80) | st.text(
    " \t\n\r\u202f\u00a0\u2009\u00ad\u0301aB,(gene\u03a3\u00e9\ud55c\U0001f9ec", max_size=60
)


def aligned(context, first, last, *, kind="wordpiece"):
    """The characters that run_squad takes tokens ``first`` to ``last`` of the context from."""
    tokenizer = TOKENIZERS[kind]
    (made,) = build_windows(tokenizer, [("what", context)])
    (window,) = made.windows
    found = WordAligner(context, tokenizer).span(
        window, window.context_start + first, window.context_start + last
    )
    return found.of(context)


@pytest.mark.parametrize(
    ("context", "tokens", "span", "text"),
    [
        # Found again in the words: their exact piece.
        ("the (Gene), a drug", "the ( gene ) , a drug", (2, 2), "Gene"),
        ("the (Gene), a drug", "the ( gene ) , a drug", (2, 5), "Gene), a"),
        ("in a\n\n  drug", "in a drug", (1, 2), "a\n\n  drug"),
        # Begun inside a word: whole words.
        ("the (ab), gene", "the ( a ##b ) , gene", (3, 3), "(ab),"),
        ("the (ab), gene", "the ( a ##b ) , gene", (3, 6), "(ab), gene"),
        # Ended inside a word: the piece.
        ("the (ab), gene", "the ( a ##b ) , gene", (1, 2), "(a"),
        # What stands there twice is the first.
        ("A-gene/a", "a - gene / a", (4, 4), "A"),
        # A no-break or thin space ends no word, and changes the number of characters.
        ("the gene\u2009of\u00a0a drug", "the gene of a drug", (1, 1), "gene\u2009of\u00a0a"),
        ("the gene\u202fof\ta drug", "the gene of a drug", (1, 2), "gene\u202fof"),
        # So does a soft hyphen, and an accent of its own; one that is part of a letter does not.
        ("a ge\u00adne, (", "a gene , (", (1, 1), "ge\u00adne,"),
        ("a ge\u0301ne, (", "a gene , (", (1, 1), "ge\u0301ne,"),
        ("a g\u00e9ne, (", "a gene , (", (1, 1), "g\u00e9ne"),
        # The lengths of several words are taken together: here one letter more, there one less.
        ("a ge\u00adne, (", "a gene , (", (3, 3), "("),
        # A word that the vocabulary lacks.
        ("the (\U0001f9ec), gene", "the ( [UNK] ) , gene", (2, 2), "(\U0001f9ec),"),
    ],
)
def test_the_text_is_found_as_run_squad_finds_it(context, tokens, span, text):
    assert TOKENIZERS["wordpiece"].tokenize(context) == tokens.split()
    assert aligned(context, *span) == text


def test_other_tokenizers_texts_are_those_of_their_own_decoder():
    assert aligned("The gene of a drug", 1, 2, kind="sentencepiece") == "gene of"
    # "ab)," is put together without spaces, which the words split at punctuation never are.
    assert aligned("the (ab), gene", 3, 4, kind="byte level") == "ab"
    assert aligned("the (ab), gene", 2, 4, kind="byte level") == "(ab),"


def test_words_are_joined_by_one_space():
    assert joined_words("  a\n\n b\tc\u202fd\u2009e\u00a0\r\n") == "a b c d\u2009e\u00a0"
    assert joined_words(" \n") == ""


@pytest.mark.parametrize(
    ("text", "lower_case", "tokens"),
    [
        ("Pro-insulin's (C-peptide)", True, "pro - insulin ' s ( c - peptide )"),
        ("5\u2032-UTR, p53\u2212/\u2212", False, "5 \u2032 - UTR , p53\u2212 / \u2212"),
        ("ge\u0301ne\u00e9 \u00ad\u200b\x00\ufffda", True, "genee a"),
        ("ge\u0301ne", False, "g\u00e9ne"),
        ("a\u00a0b\u2009c\u2028d\x0ce", False, "a b c de"),  # a form feed is a control character: dropped
        ("\u72c2\u72ac virus\u75c5", True, "\u72c2 \u72ac virus \u75c5"),
        ("\u03a6\u03a9\u03a3-\u03a3", True, "\u03c6\u03c9\u03c2 - \u03c3"),
        (" ", True, ""),
    ],
)
def test_basic_tokens(text, lower_case, tokens):
    assert basic_tokens(text, lower_case=lower_case) == tokens.split()


def simple_span(context, tokens, low, high):
    """The text of ``tokens`` in the words at ``low`` to ``high``, found letter by letter."""
    words = list(re.finditer(r"[^ \t\r\n\u202f]+", context))[low : high + 1]
    letters = [i for word in words for i in range(*word.span())]
    whole = CharSpan(words[0].start(), words[-1].end())
    text = " ".join(t for word in words for t in basic_tokens(word[0], lower_case=True))
    predicted = " ".join(tokens).replace(" ##", "")
    at = text.find(predicted)
    kept = [i for i, c in enumerate(text) if c != " "]
    if at < 0 or not predicted or len(kept) != len(letters):
        return whole
    return CharSpan(letters[kept.index(at)], letters[kept.index(at + len(predicted) - 1)] + 1)


@settings(max_examples=300, deadline=None)
@given(context=ANY_TEXT, data=st.data())
def test_spans_equal_those_found_letter_by_letter(context, data):
    tokenizer = TOKENIZERS["wordpiece"]
    (made,) = build_windows(tokenizer, [("what", context)])
    (window,) = made.windows
    aligner = WordAligner(context, tokenizer)
    if not window.context_length:
        assert not context.strip() or aligner.span(window, 0, 0)
        return
    first = data.draw(st.integers(0, window.context_length - 1)) + window.context_start
    last = data.draw(st.integers(first, len(window) - 2))
    ends = [m.end() for m in re.finditer(r"[^ \t\r\n\u202f]+", context)]
    low, high = (next(i for i, end in enumerate(ends) if end > window.offsets[at, 0]) for at in (first, last))
    tokens = tokenizer.convert_ids_to_tokens(window.ids[first : last + 1].tolist())
    assert aligner.span(window, first, last) == simple_span(context, tokens, low, high)


def test_a_context_without_a_word_has_no_text():
    tokenizer = TOKENIZERS["sentencepiece"]
    (made,) = build_windows(tokenizer, [("what", " \n")])
    assert WordAligner(" \n", tokenizer).span(made.windows[0], 0, 0) is None


@pytest.mark.parametrize("text", ["ab\u2009", "ab-", "\U0001f9ec-", "ab,gene-"])
def test_one_long_word_costs_as_its_length(text):
    tokenizer = TOKENIZERS["wordpiece"]

    def align(given):
        context, made = given
        aligner = WordAligner(context, tokenizer)
        for window in made.windows:
            for first in range(window.context_start, len(window) - 1, 8):
                aligner.span(window, first, first)

    contexts = [text * times for times in (4_000, 16_000)]
    made = build_windows(tokenizer, [("what", context) for context in contexts])
    assert ratio_of(align, *zip(contexts, made, strict=True)) < MAX_RATIO
