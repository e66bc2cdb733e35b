"""Readings with logits written by hand: one window, one token a word; sides and comparisons made of them."""

from __future__ import annotations

import re

import numpy as np

from biom_demo.analysis.comparison import Comparison, Side
from biom_demo.analysis.passage import Passage
from biom_demo.models.catalogue import Checkpoint
from biom_demo.qa.calibration import UNCALIBRATED, Calibration, Measured, reliability
from biom_demo.qa.records import CharSpan, Question, Reading, SpanLogits, Window
from biom_demo.settings import Precision

WORD = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]")

QUESTION = Question("Which gene?")


def reading_of(
    text,
    start=None,
    end=None,
    *,
    null=0.0,
    question=QUESTION,
    notices=(),
    calibration=UNCALIBRATED,
    precision=Precision.FLOAT32,
):
    """A reading whose word i has start logit ``start[i]`` and end logit ``end[i]`` (0 where unsaid)."""
    words = [CharSpan(*match.span()) for match in WORD.finditer(text)]
    first, last = np.zeros(len(words) + 3, np.float32), np.zeros(len(words) + 3, np.float32)
    first[0] = last[0] = null / 2
    for index, value in (start or {}).items():
        first[index + 2] = value
    for index, value in (end or {}).items():
        last[index + 2] = value
    offsets = np.array([(0, 0), (0, 0), *((w.start, w.end) for w in words), (0, 0)], np.int32)
    window = Window(
        ids=np.arange(len(words) + 3, dtype=np.int32),
        offsets=offsets,
        first_token=0,
        context_start=2,
        context_tokens=len(words),
    )
    logits = (SpanLogits(first, last),)
    return Reading(question, text, (window,), logits, notices, calibration, precision=precision)


def side_of(
    text,
    start=None,
    end=None,
    *,
    null=0.0,
    label="BioM-Mini-SQuAD",
    trained_on="",
    question=QUESTION,
    seconds=0.1,
    notices=(),
    calibration=UNCALIBRATED,
    precision=Precision.FLOAT32,
):
    """A model's side whose reading ``reading_of`` makes."""
    reading = reading_of(
        text,
        start,
        end,
        null=null,
        question=question,
        notices=notices,
        calibration=calibration,
        precision=precision,
    )
    return Side(Checkpoint(label, label, trained_on or f"{label} was made up."), reading, seconds)


def pointing_at(text, answer, *, after="", height=9.0, **side):
    """The side of a model that points at ``answer``, where it stands first behind ``after``."""
    at = text.index(answer, text.index(after) + len(after))
    words = [match.span() for match in WORD.finditer(text)]
    first = next(i for i, (start, _) in enumerate(words) if start == at)
    last = next(i for i, (_, end) in enumerate(words) if end == at + len(answer))
    return side_of(text, {first: height}, {last: height}, **side)


def comparison_of(*sides, passage=None):
    """A comparison of these sides, over their text unless a passage is given."""
    reading = sides[0].reading
    checkpoints = tuple(side.checkpoint for side in sides)
    return Comparison(reading.question, passage or Passage(reading.context), checkpoints, tuple(sides))


def measured_on(name, answers):
    """A reliability before and after: of (confidence, how many so sure, how many of them right)."""
    each = [(c, i < right) for c, n, right in answers for i in range(n)]
    before = reliability([min(c * 1.3, 1.0) for c, _ in each], [right for _, right in each], measured_on=name)
    return Measured(before, reliability([c for c, _ in each], [right for _, right in each], measured_on=name))


def calibration_of(*measured, temperature=1.6, null_bias=-0.5, fitted_on="made-up pairs"):
    """A calibration measured on these data sets."""
    return Calibration(temperature, null_bias, fitted_on, tuple(measured))
