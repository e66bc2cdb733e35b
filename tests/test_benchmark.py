"""Figures of a file: counted by hand, the sweep against trying every threshold, the line of progress."""

from __future__ import annotations

import io
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biom_demo.analysis.benchmark import progress_line, report, score, table
from biom_demo.qa.metrics import squad_exact_match, squad_f1
from biom_demo.qa.records import Answer, CharSpan, Example, Prediction, Question

CONTEXT = "gene1 binds gene2"


def prediction(key, text, margin):
    """One answer (none for ""), whose score lies ``margin`` below the null score."""
    answers = ()
    if text:
        span = CharSpan(CONTEXT.index(text), CONTEXT.index(text) + len(text))
        answers = (Answer(span=span, text=text, score=-margin, probability=0.5),)
    question = Question(id=key, text="Which gene?")
    return Prediction(question, answers=answers, null_score=0.0, null_probability=0.5)


def example(key, *golds):
    spans = tuple(CharSpan(CONTEXT.index(text), CONTEXT.index(text) + len(text)) for text in golds)
    return Example(Question(id=key, text="Which gene?"), CONTEXT, golds, spans)


def scored(cases):
    """The evaluation of (answer, margin, golds) triples."""
    keys = [f"q{i}" for i in range(len(cases))]
    return score(
        [prediction(key, text, margin) for key, (text, margin, _) in zip(keys, cases, strict=True)],
        [example(key, *golds) for key, (_, _, golds) in zip(keys, cases, strict=True)],
        label="m",
        file="f.json",
        decoding="exhaustive",
        seconds=1.0,
    )


def test_the_sweep_finds_a_right_answer_that_lies_below_null():
    result = scored([("gene1", 3.0, ["gene1"])])
    assert result.exact_match == 100
    assert result.with_null.exact_match == 0  # it abstains at threshold 0
    assert (result.with_null.best_exact_match, result.with_null.best_f1) == (100, 100)
    assert result.with_null.best_exact_threshold == 3.0


def test_figures_by_hand():
    result = scored(
        [
            ("gene1", -2.0, ["gene1"]),  # right and answered
            ("gene2", 1.0, ["gene1"]),  # wrong, and abstains
            ("gene2", -1.0, []),  # answers where there is nothing
            ("gene1", 2.0, []),  # rightly abstains
            ("", 0.0, []),  # cannot answer
        ]
    )
    assert (result.n, result.exact_match, result.f1) == (5, 50, 50)
    null = result.with_null
    assert (null.exact_match, null.has_answer.exact_match) == (60, 50)
    assert null.no_answer.exact_match == pytest.approx(200 / 3)
    assert (null.best_exact_match, null.best_exact_threshold) == (80, -2.0)
    document = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert document["predictions"] == {
        "q0": "gene1",
        "q1": "gene2",
        "q2": "gene2",
        "q3": "gene1",
        "q4": "",
    }
    assert document["null_odds"] == {"q0": -2.0, "q1": 1.0, "q2": -1.0, "q3": 2.0, "q4": 0.0}
    assert "50.00" in table([result])


def forced_value(text, golds, measure):
    return max((measure(text, gold) for gold in golds), default=float(not text))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "gene1", "gene2", CONTEXT]),
            st.sampled_from([[], ["gene1"], ["gene2", CONTEXT]]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.permutations([-2.5, -1.0, 0.25, 0.5, 2.0, 7.0]),
)
def test_the_sweep_equals_trying_every_threshold_on_what_is_written(cases, margins):
    result = scored([(text, margin, golds) for (text, golds), margin in zip(cases, margins, strict=False)])
    golds = {f"q{i}": texts for i, (_, texts) in enumerate(cases)}

    def percent(measure, threshold):
        """What somebody makes of the two files with this threshold."""
        values = [
            forced_value("" if result.null_odds[key] > threshold else text, golds[key], measure)
            for key, text in result.predictions.items()
        ]
        return 100 * sum(values) / len(values)

    thresholds = [-math.inf, *result.null_odds.values()]
    null = result.with_null
    assert null.exact_match == pytest.approx(percent(squad_exact_match, 0.0))
    assert null.f1 == pytest.approx(percent(squad_f1, 0.0))
    assert null.best_exact_match == pytest.approx(max(percent(squad_exact_match, t) for t in thresholds))
    assert null.best_f1 == pytest.approx(max(percent(squad_f1, t) for t in thresholds))
    assert null.best_exact_match >= null.exact_match - 1e-9


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("ends", [None, ValueError])
def test_the_line_of_progress_is_ended_also_by_an_error(monkeypatch, ends):
    monkeypatch.setattr(report.sys, "stderr", Terminal())
    try:
        with progress_line("windows read") as progress:
            progress(8)
            progress(1_600)
            if ends:
                raise ends
    except ValueError:
        pass
    assert report.sys.stderr.getvalue() == "\r8 windows read\r1,600 windows read\n"


def test_progress_is_silent_in_a_file_and_writes_no_line_of_nothing(monkeypatch):
    for stream, done in ((io.StringIO(), [5]), (Terminal(), [])):
        monkeypatch.setattr(report.sys, "stderr", stream)
        with progress_line("windows read") as progress:
            for count in done:
                progress(count)
        assert stream.getvalue() == ""
