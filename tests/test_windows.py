"""Windows: coverage, offsets, cuts, labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.errors import CheckpointError, InputError
from biom_demo.qa import windows as module
from biom_demo.qa.records import CharSpan, Window
from biom_demo.qa.windows import Layout, PiecesCache, build_windows, label, tokenize
from tests.costs import ratio_of
from tests.tiny import (
    byte_level_tokenizer,
    mpnet_tokenizer,
    sentencepiece_like_tokenizer,
    wordpiece_tokenizer,
)

TOKENIZERS = {
    "wordpiece": wordpiece_tokenizer(),
    "sentencepiece": sentencepiece_like_tokenizer(),
    "byte level": byte_level_tokenizer(),
    "mpnet": mpnet_tokenizer(),
}


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
@given(context=st.text(max_size=300), max_seq_length=st.integers(24, 80))
def test_a_byte_level_tokenizer_shows_every_character_but_white_space(context, max_seq_length):
    shown = set()
    for window in windows_of(context, kind="byte level", max_seq_length=max_seq_length).windows:
        shown.update(i for a, b in window.offsets for i in range(a, b))
    assert {i for i, c in enumerate(context) if not c.isspace()} <= shown


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


@pytest.mark.parametrize("kind", ["byte level", "mpnet"])
def test_the_layout_is_the_tokenizers_own(kind):
    t = TOKENIZERS[kind]
    (window,) = windows_of("drug binds", question="gene", kind=kind).windows
    tokens = t.convert_ids_to_tokens(window.ids)
    assert tokens[:4] == ["<s>", "gene", "</s>", "</s>"]
    assert (tokens[-1], window.context_start) == ("</s>", 4)
    assert window.ids.tolist() == t("gene", "drug binds")["input_ids"]


@pytest.mark.parametrize(
    ("kind", "types"),
    [("wordpiece", "000001111"), ("sentencepiece", "000001111"), ("byte level", "0000000000")],
)
def test_token_types_are_the_tokenizers_own(kind, types):
    layout = Layout.of(TOKENIZERS[kind])
    start = 3 + len(layout.between) + 1
    made = layout.token_types(start + 4, start)
    assert "".join(map(str, made)) == types
    assert made.dtype == np.int32


def test_a_tokenizer_of_another_kind_is_refused():
    t = wordpiece_tokenizer()
    t.backend_tokenizer.post_processor = None
    assert Layout.of(t) == Layout.of(TOKENIZERS["wordpiece"])  # it has [CLS] and [SEP] all the same
    t.cls_token = None
    with pytest.raises(CheckpointError, match="does not join a question and a text"):
        next(build_windows(t, [("what", "gene")]))


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_pairs_cut_together_are_those_cut_alone(kind):
    pairs = [
        ("what is it", "the gene " * 40),
        ("which", "β"),
        ("what is it", ""),
        ("which", "the gene " * 40),
    ]
    sizes = {"max_seq_length": 30, "window_step_tokens": 9}
    together = list(build_windows(TOKENIZERS[kind], pairs, **sizes))
    assert len(together) == 4
    for (question, context), made in zip(pairs, together, strict=True):
        alone = windows_of(context, question=question, kind=kind, **sizes)
        assert len(made.windows) == len(alone.windows)
        for one, other in zip(made.windows, alone.windows, strict=True):
            np.testing.assert_array_equal(one.ids, other.ids)
            np.testing.assert_array_equal(one.offsets, other.offsets)
            assert (one.first_token, one.context_start, one.context_tokens) == (
                other.first_token, other.context_start, other.context_tokens,
            )  # fmt: skip


def test_what_a_long_text_takes_grows_as_its_length():
    assert ratio_of(windows_of, "gene binds " * 10_000, "gene binds " * 40_000, most=8) < 8


@pytest.mark.parametrize(
    ("ids", "offsets", "first_token", "context_start", "context_tokens"),
    [
        (np.zeros((2, 2)), np.zeros((2, 2)), 0, 1, 0),
        (np.zeros(5), np.zeros((4, 2)), 0, 2, 2),
        (np.zeros(5), np.zeros((5, 2)), 0, 5, 0),
        (np.zeros(5), np.zeros((5, 2)), 0, 0, 4),
        (np.zeros(5), np.zeros((5, 2)), 1, 2, 2),
        (np.zeros(5), np.zeros((5, 2)), -1, 2, 2),
    ],
)
def test_a_window_of_parts_that_do_not_fit_is_refused(
    ids, offsets, first_token, context_start, context_tokens
):
    with pytest.raises(ValueError, match=r"must be|can start|are not of"):
        Window(ids, offsets, first_token, context_start, context_tokens)


@pytest.mark.parametrize(
    "sizes", [{"max_seq_length": 4}, {"window_step_tokens": 0}, {"max_question_tokens": 0}]
)
def test_lengths_that_leave_no_room_are_refused(sizes):
    with pytest.raises(ValueError, match="no room"):
        windows_of("the gene", **sizes)


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


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=150, deadline=None)
@given(
    data=st.data(), words=st.lists(st.sampled_from(["gene", "p53", "βx", "drug-x"]), min_size=1, max_size=50)
)
def test_labels_cut_out_the_gold_answer_or_point_at_cls(kind, data, words):
    context = " ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    start = len(" ".join(words[:first])) + (first > 0)
    gold = CharSpan(start, start + len(" ".join(words[first : last + 1])))
    made = windows_of(context, kind=kind, max_seq_length=40, window_step_tokens=9)
    letters = {i for i in range(gold.start, gold.end) if context[i] != " "}
    for window in made.windows:
        begin, end = label(window, gold)
        whole = letters <= {i for a, b in window.offsets for i in range(a, b)}
        assert (begin > 0) == whole
        if whole:
            # Some tokenizers count the space before a word as part of it.
            assert context[window.offsets[begin, 0] : window.offsets[end, 1]].strip() == gold.of(context)
        else:
            assert (begin, end) == (0, 0)


def test_no_gold_is_labelled_cls():
    (window,) = windows_of("the gene").windows
    assert label(window, None) == (0, 0)


@pytest.mark.parametrize(("first_token", "gold"), [(2, CharSpan(0, 8)), (0, CharSpan(4, 12))])
def test_an_answer_cut_at_a_token_without_characters_is_not_whole(first_token, gold):
    # Byte-level tokenizers give a space a token of its own, and no characters.
    shown = [(4, 4), (4, 8), (8, 8)]
    rows = np.array([(0, 0)] * 3 + shown + [(0, 0)], np.int32)
    window = Window(np.zeros(7, np.int32), rows, first_token, 3, 8)
    assert label(window, gold) == (0, 0)
    assert label(window, CharSpan(4, 8)) == (4, 4)


def _counted(monkeypatch):
    """The texts tokenised from now on, in order."""
    seen = []
    real = module.tokenize
    monkeypatch.setattr(
        module, "tokenize", lambda tokenizer, texts: seen.extend(texts) or real(tokenizer, texts)
    )
    return seen


def test_a_text_is_tokenised_once_for_all_tokenizers_alike(tokenizer, monkeypatch):
    seen = _counted(monkeypatch)
    cache = PiecesCache()
    first = cache.tokenize(tokenizer, b"one", ["the gene", "the drug", "the gene"])
    again = cache.tokenize(tokenizer, b"one", ["the drug", "virus", "the gene"])
    assert seen == ["the gene", "the drug", "the gene", "virus"] or seen == ["the gene", "the drug", "virus"]
    assert again[0] is first[1]
    assert again[2].ids.tolist() == tokenize(tokenizer, ["the gene"])[0].ids.tolist()
    cache.tokenize(tokenizer, b"another", ["virus"])
    assert seen[-2:] == ["virus", "virus"]


def test_pieces_are_kept_within_their_bytes_the_last_ones_longest(tokenizer, monkeypatch):
    seen = _counted(monkeypatch)
    texts = [f"gene {number}" for number in range(50)]
    cache = PiecesCache(most_bytes=10 * (400 + 12 * len(tokenize(tokenizer, ["gene 10"])[0].ids)))
    for text in texts:
        cache.tokenize(tokenizer, b"", [text])
    assert cache.bytes_held <= cache._kept.most_bytes
    seen.clear()
    cache.tokenize(tokenizer, b"", texts[-8:])
    assert seen == []
    cache.tokenize(tokenizer, b"", texts[:1])
    assert seen == texts[:1]


def test_a_text_larger_than_the_cache_is_still_tokenised(tokenizer):
    cache = PiecesCache(most_bytes=100)
    (pieces,) = cache.tokenize(tokenizer, b"", ["gene " * 100])
    assert len(pieces.ids) >= 100
    assert cache.bytes_held == 0


def test_lone_surrogates_are_cached_too(tokenizer):
    (pieces,) = PiecesCache().tokenize(tokenizer, b"", ["gene \ud800"])
    assert len(pieces.ids)
