"""Metrics against torchmetrics, worked vectors and brute force."""

from __future__ import annotations

import itertools
import string
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.qa.metrics import (
    bioasq_factoid,
    mcnemar_exact,
    normalize_answer,
    paired_bootstrap,
    squad_exact_match,
    squad_f1,
    squad_v1,
    squad_v2,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torchmetrics.functional.text import squad as torchmetrics_squad

WORDS = st.sampled_from(
    ["the", "a", "an", "The", "IL-6", "il6", "TNF-α", "p < 0.05", "β", "gene", "Gene.", ",", "-", " ", "(x)"]
)
ANSWERS = st.lists(WORDS, max_size=5).map(" ".join) | st.text(max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=3)), min_size=1, max_size=4))
def test_squad_v1_equals_torchmetrics(cases):
    predictions = {str(i): prediction for i, (prediction, _) in enumerate(cases)}
    golds = {str(i): texts for i, (_, texts) in enumerate(cases)}
    theirs = torchmetrics_squad(
        [{"id": key, "prediction_text": text} for key, text in predictions.items()],
        [
            {"id": key, "answers": {"text": texts, "answer_start": [0] * len(texts)}}
            for key, texts in golds.items()
        ],
    )
    ours = squad_v1(predictions, golds)
    # The official v1.1 F1 gives 0 where no token is shared, so two empty answers score 0.
    assert ours.exact_match == pytest.approx(float(theirs["exact_match"]), abs=1e-4)
    expected = sum(
        0.0 if not normalize_answer(p) else max(squad_f1(p, t) for t in texts) for p, texts in cases
    )
    assert ours.f1 == pytest.approx(100 * expected / len(cases))
    if all(normalize_answer(p) and all(map(normalize_answer, texts)) for p, texts in cases):
        assert ours.f1 == pytest.approx(float(theirs["f1"]), abs=1e-4)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Gene.", "gene"),
        ("hepatitis A", "hepatitis"),
        ("IL-6", "il6"),
        ("TNF-α", "tnfα"),
        ("5–10 mg", "5–10 mg"),
        ("an apple a day", "apple day"),
        ("banana", "banana"),
        (string.punctuation, ""),
    ],
)
def test_normalisation(text, normal):
    assert normalize_answer(text) == normal


@settings(max_examples=200, deadline=None)
@given(ANSWERS, ANSWERS)
def test_f1_is_symmetric_bounded_and_one_for_equal_answers(first, second):
    assert squad_f1(first, second) == squad_f1(second, first)
    assert 0 <= squad_f1(first, second) <= 1
    assert squad_f1(first, first) == 1
    assert squad_f1(first, second) == 1 or not squad_exact_match(first, second)


def test_f1_by_hand():
    assert squad_f1("EGFR exon 19", "exon 19") == pytest.approx(0.8)
    assert squad_f1("x x y", "x z") == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))


def test_v1_counts_missing_predictions_and_refuses_unanswerable_questions():
    score = squad_v1({"a": "IL-6"}, {"a": ["IL6"], "b": ["x"]})
    assert (score.n, score.exact_match, score.f1) == (2, 50, 50)
    for golds in ({}, {"a": []}):
        with pytest.raises(ValueError, match="gold"):
            squad_v1({}, golds)


def test_v2_rules_by_hand():
    golds = {"has": ["IL-6", "."], "none": [], "wrong": [], "missing": ["x"]}
    score = squad_v2({"has": "il6", "none": "", "wrong": "x"}, golds)
    assert score.n == 3  # a missing id leaves the denominator
    assert score.exact_match == pytest.approx(200 / 3)
    assert (score.has_answer.n, score.has_answer.exact_match) == (1, 100)
    assert (score.no_answer.n, score.no_answer.exact_match) == (2, 50)
    assert squad_v2({"a": "x"}, {"a": ["x"]}).no_answer is None
    assert squad_v2({"a": "the"}, {"a": []}).exact_match == 100  # nothing is left of "the"
    with pytest.raises(ValueError, match="no question"):
        squad_v2({}, golds)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "x", "x y"]), st.sampled_from([[], ["x"], ["x y", "z"]])),
        min_size=1,
        max_size=6,
    ),
    st.permutations(range(6)),
)
def test_best_threshold_equals_trying_all(cases, order):
    predictions = {str(i): p for i, (p, _) in enumerate(cases)}
    golds = {str(i): g for i, (_, g) in enumerate(cases)}
    nulls = {str(i): float(order[i]) for i in range(len(cases))}
    score = squad_v2(predictions, golds, nulls)
    tried_exact, tried_f1 = [], []
    for threshold in (-1.0, *nulls.values()):
        answers = {k: p if nulls[k] <= threshold else "" for k, p in predictions.items()}
        tried = squad_v2(answers, golds)
        tried_exact.append(tried.exact_match)
        tried_f1.append(tried.f1)
    assert score.best_exact_match == pytest.approx(max(tried_exact))
    assert score.best_f1 == pytest.approx(max(tried_f1))


# From BioASQ's own program, run on toy files.
GOLDS = {"1": ["BRCA1", "Breast cancer 1"], "2": ["IL-6"], "3": ["TP53"], "4": ["ALK"]}
ANSWERED = {
    "1": ["brca1"],
    "2": ["IL6", "il-6 ", "x", "IL-6"],
    "3": ["x"],  # only the first synonym of an answer counts: [x, TP53]
    "4": ["a", "b", "c", "d", "e", "ALK"],
}


def test_bioasq_vectors():
    free = bioasq_factoid(ANSWERED, GOLDS, max_answers=None)
    assert (free.strict_accuracy, free.lenient_accuracy) == (0.25, 0.75)
    assert free.mrr == pytest.approx(0.354167, abs=1e-6)
    strict = bioasq_factoid(ANSWERED, GOLDS)
    assert (strict.strict_accuracy, strict.lenient_accuracy, strict.mrr) == (0.25, 0.5, 0.3125)


def test_bioasq_scores_silence_as_zero():
    assert bioasq_factoid({"1": ["BRCA1"]}, GOLDS).strict_accuracy == 0.25
    with pytest.raises(ValueError, match="no question"):
        bioasq_factoid({}, {})


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (10, 2), (5, 5), (3, 9), (20, 0)])
def test_mcnemar_equals_counting_all_outcomes(first, second):
    n = first + second
    extreme = (
        sum(
            min(sum(flips), n - sum(flips)) <= min(first, second)
            for flips in itertools.product((0, 1), repeat=n)
        )
        if n <= 12
        else 2
    )
    assert mcnemar_exact(first, second) == pytest.approx(min(1, extreme / 2**n))
    assert mcnemar_exact(first, second) == mcnemar_exact(second, first)


def test_bootstrap():
    questions = [f"q{i // 4}" for i in range(80)]
    better, worse = [1.0] * 60 + [0.0] * 20, [1.0] * 20 + [0.0] * 60
    difference = paired_bootstrap(better, worse, questions, samples=2000)
    assert difference.mean == 0.5
    assert 0 < difference.low < 0.5 < difference.high
    assert difference.p_value < 0.01
    assert difference == paired_bootstrap(better, worse, questions, samples=2000)
    same = paired_bootstrap(better, better, questions, samples=500)
    assert (same.mean, same.p_value) == (0.0, 1.0)
    # Pairs of one question are not independent: fewer, larger clusters widen the interval.
    single = paired_bootstrap(better, worse, [str(i) for i in range(80)], samples=2000)
    assert difference.high - difference.low > single.high - single.low
    with pytest.raises(ValueError, match="one length"):
        paired_bootstrap([1.0], [1.0, 0.0], ["a", "b"])
