"""Fitting a temperature and a null bias; near misses; the command and the file it writes."""

from __future__ import annotations

import numpy as np
import pytest

from biom_demo.errors import DataError
from biom_demo.qa.calibration import UNCALIBRATED, Calibration
from biom_demo.qa.datasets import BioAsqQuestion, Snippet
from train.calibrate import Scored, fitted, measured, near_misses


def overconfident(seed, n=2000, scale=3.0, bias=-4.0):
    """Scores whose true probabilities are softmax(score / scale), "no answer" short of a bias."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        scores = draw.normal(0, 2, 8)
        null = draw.normal(1, 2)
        weights = np.exp(np.append(scores, null))
        outcome = draw.choice(9, p=weights / weights.sum())
        right = None if outcome == 8 else bool(outcome == scores.argmax())
        made.append(Scored(scores * scale, null * scale + bias, right))
    return made


@pytest.mark.parametrize("seed", range(3))
def test_the_true_temperature_and_bias_are_found(seed):
    found = fitted(overconfident(seed), fitted_on="made up")
    assert found.temperature == pytest.approx(3, rel=0.2)
    assert found.null_bias == pytest.approx(4, abs=1)
    others = overconfident(seed + 100)
    one = measured(others, found, name="others")
    assert one.after.ece < 0.5 * one.before.ece
    assert one.before.n == one.after.n == sum(example.right is not None for example in others)
    assert one.after.measured_on == "others"


def test_a_calibrated_model_is_left_alone():
    found = fitted(overconfident(7, scale=1.0, bias=0.0), fitted_on="")
    assert found.temperature == pytest.approx(1, rel=0.1)
    assert found.null_bias == pytest.approx(0, abs=0.4)


def test_probabilities_are_those_of_decoding():
    one = Scored(np.array([2.0, 1.0]), 0.5, right=True)
    best, null = one.probabilities(UNCALIBRATED)
    total = np.exp([2.0, 1.0, 0.5]).sum()
    assert (best, null) == (pytest.approx(np.exp(2) / total), pytest.approx(np.exp(0.5) / total))
    best, null = one.probabilities(Calibration(2.0, 1.5))
    total = np.exp([1.0, 0.5, 1.0]).sum()
    assert (best, null) == (pytest.approx(np.exp(1) / total), pytest.approx(np.exp(1) / total))
    assert Scored(np.array([]), 0.5, right=False).probabilities(UNCALIBRATED) == (0.0, 1.0)


@pytest.mark.parametrize("rights", [[], [True, True], [False, None], [None]])
def test_without_right_and_wrong_answers_nothing_is_fitted(rights):
    with pytest.raises(DataError, match="both right and wrong"):
        fitted([Scored(np.array([1.0]), 0.0, right) for right in rights], fitted_on="")


def question(identity, body, answer, *snippets, kind="factoid"):
    return BioAsqQuestion(
        id=identity, type=kind, body=body, exact_answer=((answer,),) if answer else (),
        snippets=tuple(Snippet(text, "") for text in snippets),
    )  # fmt: skip


def test_near_misses_are_of_other_questions_and_hold_no_answer():
    asked = [
        question("q1", "Which gene is mutated in cystic fibrosis?", "CFTR", "CFTR is mutated there."),
        question("q2", "Which drug treats cystic fibrosis?", "ivacaftor",
                 "In cystic fibrosis it acts on CFTR.",
                 "A gene mutated in cystic fibrosis lies on chromosome 7."),
        question("q3", "Is asthma a disease?", "", "Asthma is a disease, unlike a gene.", kind="summary"),
    ]  # fmt: skip
    found = near_misses(asked)
    assert found
    assert all(not example.answerable and example.labelled for example in found)
    by_question = {}
    for example in found:
        by_question.setdefault(example.question.text, []).append(example.context)
    assert "A gene mutated in cystic fibrosis lies on chromosome 7." in by_question[asked[0].body]
    assert not any("CFTR" in text for text in by_question[asked[0].body])
    assert asked[2].body not in by_question
