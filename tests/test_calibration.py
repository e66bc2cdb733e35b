"""Calibration files, reliability bins, and what a temperature does to probabilities."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest

from biom_demo.errors import CheckpointError
from biom_demo.qa.calibration import (
    CALIBRATION_FILE,
    ENOUGH,
    UNCALIBRATED,
    Calibration,
    Measured,
    reliability,
)
from biom_demo.qa.records import Reading
from biom_demo.qa.spans import decode, decode_run_squad
from tests.readings import reading_of


def random_reliability(seed, n=500):
    draw = random.Random(seed)
    confidences = [draw.random() ** 2 for _ in range(n)]
    return reliability(confidences, [draw.random() < c for c in confidences], measured_on="made up")


def test_reliability_by_hand():
    found = reliability([0.05, 0.15, 0.18, 1.0], [False, True, False, True], measured_on="four")
    assert [(b.low, b.high, b.n, b.accuracy) for b in found.bins] == [
        (0.0, 0.1, 1, 0.0),
        (0.1, 0.2, 2, 0.5),
        (0.9, 1.0, 1, 1.0),
    ]
    assert found.bins[1].confidence == pytest.approx(0.165)
    assert found.ece == pytest.approx((0.05 + 2 * abs(0.165 - 0.5) + 0) / 4)
    assert reliability([], [], measured_on="none").ece == 0
    assert reliability([], [], measured_on="none").around(0.5) is None


@pytest.mark.parametrize("seed", range(20))
def test_people_are_told_of_enough_answers(seed):
    found = random_reliability(seed, n=random.Random(seed).choice([19, 20, 40, 200]))
    for confidence in (0.0, 0.05, 0.31, 0.5, 0.999, 1.0):
        one = found.around(confidence)
        if found.n < ENOUGH:
            assert one is None
            continue
        assert one.n >= ENOUGH
        held = [b for b in found.bins if b.low <= confidence <= b.high]
        assert not held or one.low <= confidence <= one.high
        inside = [b for b in found.bins if one.low <= b.low and b.high <= one.high]
        assert sum(b.n for b in inside) == one.n
        assert one.accuracy == pytest.approx(sum(b.n * b.accuracy for b in inside) / one.n)


def test_a_calibration_goes_through_its_file(tmp_path):
    made = Calibration(1.7, -0.4, "held-out pairs", (Measured(random_reliability(1), random_reliability(2)),))
    (tmp_path / CALIBRATION_FILE).write_text(json.dumps(made.as_json()), "utf-8")
    assert Calibration.of_folder(tmp_path) == made
    assert Calibration.of_folder(tmp_path / "nowhere") == UNCALIBRATED


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", "nonsense", "[" * 100_000, '{"temperature": 1}', '{"temperature": 0, "null_bias": 0}',
        '{"temperature": NaN, "null_bias": 0}', '{"temperature": 1, "null_bias": Infinity}',
        '{"temperature": "warm", "null_bias": 0}', '{"temperature": 1, "null_bias": 0, "measured": [{}]}',
        '{"temperature": 1, "null_bias": 0, "measured": 3}', "x" * (1 << 20 | 1),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / CALIBRATION_FILE).write_text(content, "utf-8")
    with pytest.raises(CheckpointError, match=r"calibration\.json .* damaged"):
        Calibration.of_folder(tmp_path)


def test_a_temperature_moves_probabilities_and_nothing_else():
    plain = reading_of("IL-6 rose while TNF fell", {0: 4, 3: 2}, {0: 3, 3: 1}, null=1)
    soft = Reading(plain.question, plain.context, plain.windows, plain.logits, (), Calibration(2.0, 1.5))
    before, after = decode(plain), decode(soft)
    assert [a.span for a in before.answers] == [a.span for a in after.answers]
    assert [a.score for a in before.answers] == [a.score for a in after.answers]
    assert (before.null_score, before.best()) == (after.null_score, before.answers[0])
    scores = np.array([a.score for a in before.answers])
    ratio = after.answers[0].probability / after.answers[1].probability
    assert ratio == pytest.approx(math.exp((scores[0] - scores[1]) / 2))
    ratio = after.null_probability / after.answers[0].probability
    assert ratio == pytest.approx(math.exp((before.null_score + 1.5 - scores[0]) / 2))
    assert decode_run_squad(plain).answers == decode_run_squad(soft).answers
