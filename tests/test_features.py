"""Training features: what is learned from, in compact arrays, and their digest."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.qa.engines.pytorch import PyTorchEngine
from biom_demo.qa.records import CharSpan, Example, Question
from biom_demo.qa.windows import build_windows, label
from tests.tiny import save_tiny
from train import finetune
from train.checkpoint import arrays_digest
from train.finetune import build_features
from train.recipes import SMOKE

STAGE = replace(SMOKE.squad, max_seq_length=24, window_step_tokens=7)


@pytest.fixture(scope="module", params=["electra", "roberta"])
def engine(request, tmp_path_factory):
    return PyTorchEngine.load(save_tiny(request.param, tmp_path_factory.mktemp(request.param)))


def example(context, answer="", number=0):
    if not answer:
        return Example(Question("which is it", f"q{number}"), context)
    start = context.index(answer)
    return Example(
        Question("which is it", f"q{number}"), context, (answer,), (CharSpan(start, start + len(answer)),)
    )


EXAMPLES = [
    example("the gene binds", "gene"),
    example("the drug " * 20 + "virus", "virus", 1),
    example("", "", 2),
    example("β protein causes it", "β protein", 3),
]


def test_features_are_the_windows_of_the_examples_with_their_labels(engine, monkeypatch):
    monkeypatch.setattr(finetune, "EXAMPLES_AT_ONCE", 3)  # more than one chunk
    features = build_features(engine, EXAMPLES, STAGE)
    expected = []
    for given_example in EXAMPLES:
        (made,) = build_windows(
            engine.tokenizer,
            [(given_example.question.text, given_example.context)],
            max_seq_length=24,
            window_step_tokens=7,
        )
        gold = given_example.gold_spans[0] if given_example.answerable else None
        expected += [(window, *label(window, gold)) for window in made.windows]
    assert len(features) == len(expected) > len(EXAMPLES)
    assert features.lengths() == [len(window) for window, _, _ in expected]
    for index, (window, start, end) in enumerate(expected):
        feature = features[index]
        np.testing.assert_array_equal(feature.ids, window.ids)
        assert (feature.context_start, feature.start, feature.end) == (window.context_start, start, end)
    # What is trained on is padded as what is read.
    rows = [features[i] for i in range(len(features))]
    inputs, reference = engine.pad(rows), engine.pad([window for window, _, _ in expected])
    assert inputs.keys() == reference.keys()
    assert all((inputs[key] == reference[key]).all() for key in inputs)


def test_windows_are_no_longer_than_the_models_positions(engine):
    assert engine.max_positions == 512
    features = build_features(
        engine, [example("gene " * 700)], replace(STAGE, max_seq_length=4096, window_step_tokens=128)
    )
    assert max(features.lengths()) == 512


def test_the_digest_is_of_all_that_is_learned_from(engine):
    def digest(examples, stage=STAGE):
        return build_features(engine, examples, stage).digest()

    whole = digest(EXAMPLES)
    assert whole == digest(list(EXAMPLES))
    others = [
        EXAMPLES[::-1],
        EXAMPLES[:-1],
        [*EXAMPLES[:3], example("β protein causes it", "protein", 3)],  # another answer in the same text
        [*EXAMPLES[:3], example("β protein causes it", "", 3)],
        [*EXAMPLES[:3], example("β protein causes is", "β protein", 3)],
    ]
    digests = {digest(examples) for examples in others} | {
        digest(EXAMPLES, replace(STAGE, max_seq_length=20))
    }
    assert len(digests) == len(others) + 1
    assert whole not in digests


ARRAYS = st.lists(
    st.lists(st.integers(-5, 5), max_size=4).map(lambda row: np.array(row, np.int32)), max_size=4
)


@settings(max_examples=200, deadline=None)
@given(one=ARRAYS, other=ARRAYS)
def test_digests_of_arrays_are_alike_only_for_like_arrays(one, other):
    same = [a.tolist() for a in one] == [a.tolist() for a in other]
    assert (arrays_digest(one) == arrays_digest(other)) == same


def test_digests_know_the_shape_and_the_type():
    zeros = np.zeros(6, np.int32)
    kinds = [zeros, zeros.reshape(2, 3), zeros.reshape(3, 2), zeros.astype(np.float32), np.zeros(3, np.int64)]
    assert len({arrays_digest([array]) for array in kinds}) == len(kinds)
    assert arrays_digest([np.zeros((4, 6), np.int32)[:, ::2]]) == arrays_digest([np.zeros((4, 3), np.int32)])


def test_a_digest_needs_no_copy_of_the_arrays():
    arrays = [np.ones(2_000_000, np.int32)]
    tracemalloc.start()
    try:
        arrays_digest(arrays)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1e6


def test_features_take_a_few_bytes_a_token(engine):
    examples = [example("the gene binds the drug of the virus " * 4, "drug", i) for i in range(3000)]
    stage = replace(STAGE, max_seq_length=64)
    build_features(engine, examples[:10], stage)
    tracemalloc.start()
    try:
        features = build_features(engine, examples, stage)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    tokens = sum(features.lengths())
    assert tokens > 100_000
    assert held < 6 * tokens + 60 * len(features)
    # While they are made, a chunk of the examples is held as Python objects beside them.
    assert peak < 3 * held + 8e6, f"{peak / 1e6:.1f} MB"
