"""Readings with logits written by hand: one window, one token a word."""

from __future__ import annotations

import numpy as np

from biom_demo.analysis.difference import Read, words_of
from biom_demo.qa.records import Question, Reading, SpanLogits, Window

QUESTION = Question("q", "Which gene?")


def reading_of(text, start=None, end=None, *, null=0.0, question=QUESTION):
    """A reading whose word i has start logit ``start[i]`` and end logit ``end[i]`` (0 where unsaid)."""
    words = words_of(text)
    first, last = np.zeros(len(words) + 3, np.float32), np.zeros(len(words) + 3, np.float32)
    first[0] = last[0] = null / 2
    for index, value in (start or {}).items():
        first[index + 2] = value
    for index, value in (end or {}).items():
        last[index + 2] = value
    window = Window(
        context_index=0,
        input_ids=tuple(range(len(words) + 3)),
        token_type_ids=(0, 0, *(1,) * (len(words) + 1)),
        char_spans=(None, None, *words, None),
        first_token=0,
        context_tokens=len(words),
    )
    return Reading(question, text, 0, (window,), (SpanLogits(first, last),))


def read_of(text, start=None, end=None, *, null=0.0, label="BioM-Mini-SQuAD", question=QUESTION):
    return Read(label, "made up", reading_of(text, start, end, null=null, question=question), 0.1)
