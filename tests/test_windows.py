"""Windows: coverage, offsets, cuts, labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.errors import InputError
from biom_demo.qa.records import CharSpan
from biom_demo.qa.windows import build_windows, label, tokenize
from tests.tiny import sentencepiece_like_tokenizer, wordpiece_tokenizer

TOKENIZERS = {"wordpiece": wordpiece_tokenizer(), "sentencepiece": sentencepiece_like_tokenizer()}


def windows_of(context, *, question="which gene is it", kind="wordpiece", **sizes):
    (made,) = build_windows(TOKENIZERS[kind], [(question, context)], **sizes)
    return made


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=150, deadline=None)
@given(context=st.text(max_size=300), max_seq_length=st.integers(24, 80), step=st.integers(1, 90))
def test_every_context_token_is_shown_and_offsets_are_characters(kind, context, max_seq_length, step):
    made = windows_of(context, kind=kind, max_seq_length=max_seq_length, window_step_tokens=step)
    ((ids, offsets),) = tokenize(TOKENIZERS[kind], [context])
    assert offsets.max(initial=0) <= len(context)
    shown: set[int] = set()
    for window in made.windows:
        assert len(window) <= max_seq_length
        assert (window.ids.dtype, window.offsets.dtype) == (np.int32, np.int32)
        end = window.context_start + window.context_length
        tokens = range(window.first_token, window.first_token + window.context_length)
        assert (window.offsets[window.context_start : end] == offsets[tokens]).all()
        assert (window.ids[window.context_start : end] == ids[tokens]).all()
        assert not window.offsets[: window.context_start].any()
        assert not window.offsets[end:].any()
        shown.update(tokens)
    assert shown == set(range(len(offsets)))


@settings(max_examples=150, deadline=None)
@given(words=st.lists(st.sampled_from(["gene", "the", "βx", "Q8", "µm"]), min_size=1, max_size=60))
def test_tokens_are_the_words_they_stand_for(words):
    context = " ".join(words)
    (window,) = windows_of(context, max_seq_length=512).windows
    read = "".join(context[a:b] for a, b in window.offsets)
    assert read == context.replace(" ", "")


@pytest.mark.parametrize(("length", "step"), [(1, 8), (20, 8), (21, 8), (100, 8), (100, 13), (40, 20)])
def test_the_number_of_windows_is_the_formula(length, step):
    question = "which gene"  # 2 tokens
    capacity = 25 - 2 - 3
    made = windows_of("gene " * length, question=question, max_seq_length=25, window_step_tokens=step)
    expected = 1 if length <= capacity else 1 + math.ceil((length - capacity) / step)
    assert len(made.windows) == expected
    assert [w.first_token for w in made.windows] == [i * step for i in range(expected)]


def test_the_layout_is_cls_question_sep_context_sep():
    (window,) = windows_of("gene binds", question="what is").windows
    t = TOKENIZERS["wordpiece"]
    assert t.convert_ids_to_tokens(window.ids) == [
        "[CLS]", "what", "is", "[SEP]", "gene", "binds", "[SEP]",
    ]  # fmt: skip
    assert window.context_start == 4


def test_a_long_question_is_cut_with_a_notice():
    made = windows_of("the gene binds", question="gene " * 100)
    assert len(made.notices) == 1
    assert "100 tokens" in made.notices[0]
    assert "first 64" in made.notices[0]
    assert len(made.windows[0]) == 64 + 3 + 3
    assert windows_of("the gene", question="gene " * 64).notices == ()


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_refused_with_advice(question):
    with pytest.raises(InputError, match="Type a question"):
        windows_of("the gene", question=question)


@pytest.mark.parametrize("context", ["", "   ", "\u200b\u200b"])
def test_a_context_without_words_still_gives_one_window(context):
    assert len(windows_of(context).windows) == 1


def test_lone_surrogates_keep_offsets_true():
    context = "a \ud800 gene \udfff\U0001f9ec binds"
    (window,) = windows_of(context).windows
    start, end = window.offsets[-2]
    assert context[start:end] == "binds"


def test_padding_and_truncation_saved_with_a_tokenizer_do_not_act():
    t = wordpiece_tokenizer()
    t.backend_tokenizer.enable_truncation(4)
    t.backend_tokenizer.enable_padding(length=128)
    (made,) = build_windows(t, [("what", "gene " * 30)])
    assert len(made.windows[0]) == 1 + 3 + 30


@settings(max_examples=300, deadline=None)
@given(
    data=st.data(), words=st.lists(st.sampled_from(["gene", "p53", "βx", "drug-x"]), min_size=1, max_size=50)
)
def test_labels_cut_out_the_gold_answer_or_point_at_cls(data, words):
    context = " ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    start = len(" ".join(words[:first])) + (first > 0)
    gold = CharSpan(start, start + len(" ".join(words[first : last + 1])))
    made = windows_of(context, max_seq_length=40, window_step_tokens=9)
    offsets = tokenize(TOKENIZERS["wordpiece"], [context])[0].offsets
    tokens = [i for i, (a, b) in enumerate(offsets) if a < gold.end and b > gold.start]
    for window in made.windows:
        begin, end = label(window, gold)
        whole = window.first_token <= tokens[0] and tokens[-1] < window.first_token + window.context_length
        assert (begin > 0) == whole
        if whole:
            assert window.offsets[begin, 0] == gold.start
            assert window.offsets[end, 1] == gold.end
        else:
            assert (begin, end) == (0, 0)


def test_no_gold_is_labelled_cls():
    (window,) = windows_of("the gene").windows
    assert label(window, None) == (0, 0)
