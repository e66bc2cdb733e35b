"""Metrics against torchmetrics, worked vectors and brute force."""

from __future__ import annotations

import itertools
import math
import random
import re
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


def torchmetrics_v1(cases):
    theirs = torchmetrics_squad(
        [{"id": str(i), "prediction_text": prediction} for i, (prediction, _) in enumerate(cases)],
        [
            {"id": str(i), "answers": {"text": texts, "answer_start": [0] * len(texts)}}
            for i, (_, texts) in enumerate(cases)
        ],
    )
    return float(theirs["exact_match"]), float(theirs["f1"])


def words_of(text):
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(the|an|a)\b", " ", kept).split()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=3)), min_size=1, max_size=4))
def test_squad_v1_equals_torchmetrics(cases):
    ours = squad_v1(
        {str(i): prediction for i, (prediction, _) in enumerate(cases)},
        {str(i): texts for i, (_, texts) in enumerate(cases)},
    )
    assert ours.n == len(cases)
    assert ours.exact_match == pytest.approx(torchmetrics_v1(cases)[0], abs=1e-4)
    # The official v1.1 F1 is 0 where no token is shared; torchmetrics gives two empty answers 1, as v2.0.
    worded = [(prediction, texts) for prediction, texts in cases if words_of(prediction)]
    f1 = torchmetrics_v1(worded)[1] * len(worded) / len(cases) if worded else 0.0
    assert ours.f1 == pytest.approx(f1, abs=1e-4)


def test_v1_empties_match_exactly_but_have_no_f1():
    score = squad_v1({"a": "the", "b": "", "c": "x"}, {"a": ["."], "b": ["x", ""], "c": ["", "x"]})
    assert (score.exact_match, score.f1) == (100, pytest.approx(100 / 3))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Gene.", "gene"),
        ("hepatitis A", "hepatitis"),
        ("IL-6", "il6"),
        ("TNF-α", "tnfα"),
        ("5–10 mg", "5–10 mg"),
        ("IL–6", "il–6"),
        ("α-the β", "αthe β"),
        ("vitamin\u00a0A\tor B", "vitamin or b"),
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


def test_biomedical_answers_that_normalisation_equates_and_keeps_apart():
    for first, second in [("hepatitis A", "hepatitis"), ("IL-6", "IL6"), ("Factor V.", "factor v")]:
        assert squad_exact_match(first, second)
        assert squad_f1(first, second) == 1
    for first, second in [("TNF-α", "TNF"), ("IL–6", "IL6"), ("β", "b"), ("hepatitis A", "hepatitis B")]:
        assert not squad_exact_match(first, second)


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
    assert squad_v2({"a": ""}, {"a": []}).has_answer is None
    # A gold text of which nothing is left is answered by "", and its question still has an answer.
    empty = squad_v2({"a": ""}, {"a": ["."]})
    assert (empty.exact_match, empty.f1, empty.has_answer.n, empty.no_answer) == (100, 100, 1, None)
    # ... while it does not count beside a real one.
    assert squad_v2({"a": ""}, {"a": [".", "x"]}).exact_match == 0
    assert squad_v2({"a": "x"}, {"a": []}).f1 == 0
    assert squad_v2({"a": "x", "other": "y"}, {"a": ["x"]}).n == 1
    assert squad_v2({"a": "the"}, {"a": []}).exact_match == 100  # nothing is left of "the"
    with pytest.raises(ValueError, match="no question"):
        squad_v2({}, golds)


def value_of(prediction, texts, measure, answered):
    """What one question is worth in the sweep; "the" counts as an answer there although it is empty."""
    if not texts:
        return float(not (answered and prediction))
    return max(measure(prediction, text) for text in texts) if answered else 0.0


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "x", "x y", "the"]), st.sampled_from([[], ["x"], ["x y", "z"]])),
        min_size=1,
        max_size=6,
    ),
    st.permutations([-2.5, -1.0, 0.25, 0.5, 2.0, 7.0]),
)
def test_best_threshold_equals_trying_all(cases, order):
    predictions = {str(i): p for i, (p, _) in enumerate(cases)} | {"unknown": "x"}
    golds = {str(i): g for i, (_, g) in enumerate(cases)}
    nulls = {str(i): order[i] for i in range(len(cases))}
    score = squad_v2(predictions, golds, nulls)
    for measure, best, best_threshold in (
        (squad_exact_match, score.best_exact_match, score.best_exact_threshold),
        (squad_f1, score.best_f1, score.best_f1_threshold),
    ):
        tried = {
            threshold: 100
            * sum(value_of(predictions[k], golds[k], measure, nulls[k] <= threshold) for k in golds)
            / len(golds)
            for threshold in (-math.inf, *sorted(nulls.values()))
        }
        assert best == pytest.approx(max(tried.values()))
        # The lowest threshold that gives the best; 0.0 where it is best to answer nothing.
        lowest = next(t for t, percent in tried.items() if percent == pytest.approx(best))
        assert best_threshold == (0.0 if lowest == -math.inf else lowest)


def test_best_threshold_by_hand():
    golds = {"a": ["x"], "b": [], "c": ["y z"], "missing": []}
    predictions = {"a": "x", "b": "w", "c": "y"}
    score = squad_v2(predictions, golds, {"a": -3.0, "b": 1.0, "c": 0.5, "missing": -9.0})
    # Up to -3: a right, b rightly empty. Up to 0.5: c adds no exact match, but F1 2/3.
    assert (score.best_exact_match, score.best_exact_threshold) == (pytest.approx(200 / 3), -3.0)
    assert (score.best_f1, score.best_f1_threshold) == (pytest.approx(100 * (2 + 2 / 3) / 3), 0.5)
    plain = squad_v2(predictions, golds)
    assert (plain.best_exact_match, plain.best_f1_threshold) == (None, None)
    # As in the official script, questions of one null score are still answered one by one, ...
    assert squad_v2({"a": "x", "b": "w"}, golds, {"a": 1.0, "b": 1.0}).best_exact_match == 100
    # ... and 0.0 stands for "answer nothing", whatever the null scores.
    nothing = squad_v2({"b": "w"}, golds, {"b": -5.0})
    assert (nothing.best_exact_match, nothing.best_exact_threshold) == (100, 0.0)


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
    assert bioasq_factoid({"1": [], "other": ["x"]}, GOLDS).lenient_accuracy == 0
    with pytest.raises(ValueError, match="no question"):
        bioasq_factoid({}, {})


def test_bioasq_matches_by_lower_case_only():
    def mrr(*answers, gold=("Breast Cancer",), **options):
        return bioasq_factoid({"q": answers}, {"q": gold}, **options).mrr

    assert mrr("BREAST CANCER") == 1
    for other in ("breast cancer ", "breast  cancer", "the breast cancer", "breast-cancer", "breast cancer."):
        assert mrr(other) == 0
    assert mrr("breast cancer", gold=("breast cancer ",)) == 0
    assert mrr("x", "b", "a", gold=("A", "B")) == 0.5  # the first match counts, once
    assert mrr("x", "breast cancer", max_answers=1) == 0


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


@pytest.mark.parametrize(
    ("first", "second", "p"), [(0, 0, 1), (1, 0, 1), (5, 0, 0.0625), (10, 2, 0.03857421875), (6, 6, 1)]
)
def test_mcnemar_by_hand(first, second, p):
    assert mcnemar_exact(first, second) == mcnemar_exact(second, first) == p


def test_mcnemar_of_large_counts_is_near_its_normal_approximation():
    z = (abs(1050 - 900) - 1) / math.sqrt(1950)
    assert mcnemar_exact(1050, 900) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.01)


def test_bootstrap():
    questions = [f"q{i // 4}" for i in range(80)]
    better, worse = [1.0] * 60 + [0.0] * 20, [1.0] * 20 + [0.0] * 60
    difference = paired_bootstrap(better, worse, questions, samples=2000)
    assert difference.mean == 0.5
    assert 0 < difference.low < 0.5 < difference.high
    assert difference.p_value < 0.01
    assert difference == paired_bootstrap(better, worse, questions, samples=2000)
    same = paired_bootstrap(better, better, questions, samples=500)
    assert (same.mean, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    # Pairs of one question are not independent: fewer, larger clusters widen the interval.
    single = paired_bootstrap(better, worse, [str(i) for i in range(80)], samples=2000)
    assert difference.high - difference.low > single.high - single.low
    for first, second, clusters in (
        ([1.0], [1.0, 0.0], ["a", "b"]),
        ([1.0, 0.0], [1.0, 0.0], ["a"]),
        ([], [], []),
    ):
        with pytest.raises(ValueError, match="one length"):
            paired_bootstrap(first, second, clusters)


def test_bootstrap_interval_is_that_of_the_normal_distribution():
    draw = random.Random(0)
    items = [draw.gauss(0.03, 1) for _ in range(400)]
    zeros, alone = [0.0] * 400, [str(i) for i in range(400)]
    mean = sum(items) / 400
    deviation = math.sqrt(sum((x - mean) ** 2 for x in items) / 400)
    found = paired_bootstrap(items, zeros, alone, samples=4000, seed=3)
    assert found.mean == pytest.approx(mean)
    assert found.low < found.mean < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation / 20, rel=0.08)
    assert found.p_value == pytest.approx(math.erfc(abs(mean) / (deviation / 20) / math.sqrt(2)), abs=0.05)
    # Four copies of each item in one cluster say nothing new; taken as independent they seem to.
    copies, quartets = [x for x in items for _ in range(4)], [c for c in alone for _ in range(4)]
    clustered = paired_bootstrap(copies, [0.0] * 1600, quartets, samples=4000, seed=3)
    naive = paired_bootstrap(copies, [0.0] * 1600, [str(i) for i in range(1600)], samples=4000, seed=3)
    assert clustered.high - clustered.low == pytest.approx(found.high - found.low)
    assert clustered.high - clustered.low == pytest.approx(2 * (naive.high - naive.low), rel=0.1)
    # The same seed gives the same numbers, another seed others, and swapped systems mirror them.
    assert found == paired_bootstrap(items, zeros, alone, samples=4000, seed=3)
    assert found.low != paired_bootstrap(items, zeros, alone, samples=4000, seed=4).low
    swapped = paired_bootstrap(zeros, items, alone, samples=4000, seed=3)
    assert (swapped.low, swapped.high) == (pytest.approx(-found.high), pytest.approx(-found.low))
    assert swapped.p_value == found.p_value


def test_bootstrap_of_two_unequal_clusters_by_hand():
    # Drawn twice from {one pair of difference 1, three of 0}: mean 1, 0, or (twice as often) 1/4.
    found = paired_bootstrap([1.0, 0.0, 0.0, 0.0], [0.0] * 4, ["a", "b", "b", "b"], samples=2000)
    assert (found.mean, found.low, found.high) == (0.25, 0, 1)
    assert found.p_value == pytest.approx(0.5, abs=0.06)
    certain = paired_bootstrap([1.0, 1.0], [0.0, 0.0], ["a", "b"], samples=999)
    assert (certain.low, certain.high, certain.p_value) == (1, 1, 0.002)  # never 0: add-one
