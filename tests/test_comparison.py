"""One way from a question to a comparison: sides as they come, many passages in bounded memory, views."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from dataclasses import replace
from itertools import count, islice

import pytest

from biom_demo.analysis import comparison as module
from biom_demo.analysis.comparison import (
    _PREDICTIONS,
    Agreement,
    Comparison,
    Side,
    View,
    candidates_of,
    compare,
    compare_many,
    compared,
    decoded,
)
from biom_demo.analysis.passage import passage_of_text
from biom_demo.errors import CheckpointError
from biom_demo.qa.records import Question
from tests.readings import (
    QUESTION,
    calibration_of,
    comparison_of,
    measured_on,
    pointing_at,
    reading_of,
    side_of,
)
from tests.site import MINI, TEXT, WordModels

PAIR = (MINI.biom, MINI.vanilla)
PASSAGE = passage_of_text(TEXT)


def models(biom="CFTR", vanilla="BRCA1", **rest):
    return WordModels({MINI.biom: biom, MINI.vanilla: vanilla}, **rest)


def test_a_comparison_grows_side_by_side_and_is_complete_at_the_end():
    grown = list(compare(QUESTION, PASSAGE, PAIR, models()))
    assert [len(c.sides) for c in grown] == [1, 2]
    assert [c.complete for c in grown] == [False, True]
    assert all(side.seconds > 0 for side in grown[-1].sides)
    whole = compared(QUESTION, PASSAGE, PAIR, models())
    assert [side.answer(View()).text for side in whole.sides] == ["CFTR", "BRCA1"]
    verdict = whole.verdict(View())
    assert (verdict.agreement, verdict.f1) == (Agreement.DISAGREE, 0.0)
    assert verdict.biom.span.of(TEXT) == "CFTR"
    assert whole.verdict(View(null_threshold=-10.0)).agreement is Agreement.BOTH_ABSTAIN
    assert compared(QUESTION, PASSAGE, PAIR, models("X")).verdict(View()).agreement is Agreement.BIOM_ABSTAINS


def test_what_was_read_before_a_failure_is_in_hand():
    growing = compare(QUESTION, PASSAGE, PAIR, models(broken=frozenset({MINI.vanilla})))
    assert len(next(growing).sides) == 1
    with pytest.raises(CheckpointError):
        next(growing)


@pytest.mark.parametrize("stopped_after", [0, 1, 11])
def test_many_passages_come_in_order_and_end_when_told(stopped_after):
    stop = threading.Event()
    asked = [(Question(f"Which {i}?"), passage_of_text(f"Gene{i} is CFTR.")) for i in range(30)]
    made = []
    for comparison in compare_many(asked, PAIR, models().visit(stop=stop)):
        made.append(comparison)
        if len(made) == stopped_after:
            stop.set()
    if stopped_after:
        assert len(made) < 30
    else:
        assert len(made) == 30
    assert [c.question for c in made] == [question for question, _ in asked[: len(made)]]
    assert all(c.complete and c.sides[0].seconds is None for c in made)


def test_a_stream_without_end_is_read_in_bounded_memory():
    asked = ((Question("Which?"), passage_of_text(f"Gene{i} is CFTR.")) for i in count())
    stream = compare_many(asked, PAIR, models())
    next(stream)
    tracemalloc.start()
    for _ in islice(stream, 400):
        pass
    gc.collect()
    now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert now < 2_000_000


def test_predictions_are_kept_as_long_as_their_reading():
    reading = reading_of(TEXT, {1: 5.0}, {1: 5.0})
    first = decoded(reading, View())
    assert decoded(reading, View(null_threshold=3.0, shown=1)) is first
    assert decoded(reading, View(max_answer_length=1)) is not first
    for length in range(1, 60):
        decoded(reading, View(max_answer_length=length))
    assert len(_PREDICTIONS[reading]) <= 16
    held = len(_PREDICTIONS)
    other = reading_of("Other text.")
    decoded(other, View(near_duplicate_threshold=0.9))
    assert len(_PREDICTIONS) == held + 1


def test_sides_of_another_text_or_order_are_refused():
    one, other = side_of("one text"), side_of("another text", label="B")
    with pytest.raises(ValueError, match="another text"):
        comparison_of(one, other)
    same = side_of("one text", label="B")
    whole = comparison_of(one, same)
    with pytest.raises(ValueError, match="first checkpoints"):
        replace(whole, sides=(same, one))
    with pytest.raises(ValueError, match="two to 4"):
        Comparison(QUESTION, PASSAGE, PAIR[:1])


def test_what_was_read_of_three_is_a_comparison_of_two():
    sides = [side_of(TEXT, label=label) for label in "ABC"]
    whole = comparison_of(*sides)
    partial = replace(whole, sides=tuple(sides[:2]))
    assert not partial.complete
    assert partial.of_what_was_read().complete
    assert partial.with_side(sides[2]).complete
    assert whole.labels == ("A", "B", "C")
    assert isinstance(whole.sides[0], Side)


def test_how_often_answers_as_sure_were_right_is_told_of_answers_under_what_was_measured():
    bioasq = measured_on("BioASQ", [(0.05, 30, 1), (0.95, 40, 36)])
    other = measured_on("other", [(0.95, 40, 0)])
    side = pointing_at("It inhibits EGFR.", "EGFR", calibration=calibration_of(bioasq, other))
    assert side.answer(View()).probability > 0.9
    name, alike = side.answers_as_sure(View())
    assert (name, alike.low, alike.n, alike.accuracy) == ("BioASQ", 0.9, 40, 0.9)
    # The threshold and the list are no part of what confidence is shared among; lengths are.
    assert side.answers_as_sure(View(null_threshold=3.0, shown=1)) == (name, alike)
    assert side.answers_as_sure(View(max_answer_length=1)) is None
    unsure = side_of("It inhibits EGFR and ALK.", calibration=calibration_of(bioasq))
    assert unsure.answers_as_sure(View())[1].accuracy == 1 / 30
    # It says that no answer is there, which no measured text is like.
    assert side.answers_as_sure(View(null_threshold=-99.0)) is None


def test_nothing_is_told_where_too_little_was_measured():
    few = measured_on("few", [(0.95, 19, 19)])
    for calibration in (calibration_of(few), calibration_of(), calibration_of(measured_on("none", []))):
        assert pointing_at("EGFR", "EGFR", calibration=calibration).answers_as_sure(View()) is None
    assert pointing_at("EGFR", "EGFR").answers_as_sure(View()) is None


def test_candidates_are_kept_as_far_as_they_fit_and_no_longer_than_their_readings(monkeypatch):
    few = [reading_of(TEXT) for _ in range(3)]
    size = module._bytes_of(candidates_of(few[0], 30))
    monkeypatch.setattr(module, "_CANDIDATES", module._Kept(most=8, most_bytes=2 * size))
    first, second, third = (candidates_of(reading, 30) for reading in few)
    assert candidates_of(few[2], 30) is third
    assert candidates_of(few[1], 30) is second
    assert candidates_of(few[0], 30) is not first
    del few, first, second, third
    gc.collect()
    kept = reading_of(TEXT)
    candidates_of(kept, 30)
    assert len(module._CANDIDATES._made) == 1


def test_a_reading_of_the_very_logits_of_another_has_its_candidates(monkeypatch):
    monkeypatch.setattr(module, "_CANDIDATES", module._Kept(most=8, most_bytes=1 << 20))
    first = reading_of(TEXT)
    found = candidates_of(first, 30)
    assert candidates_of(replace(first, known=1), 30) is found
    assert candidates_of(replace(first, known=1), 29) is not found
    assert candidates_of(replace(first, context=TEXT.swapcase()), 30) is not found
    assert candidates_of(replace(first, calibration=calibration_of(temperature=2.0)), 30) is not found
    assert candidates_of(reading_of(TEXT), 30) is not found  # equal logits, but another's
