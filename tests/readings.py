"""Readings with logits written by hand: one window, one token a word."""

from __future__ import annotations

import re

import numpy as np

from biom_demo.qa.records import CharSpan, Question, Reading, SpanLogits, Window

WORD = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]")

QUESTION = Question("Which gene?")


def reading_of(text, start=None, end=None, *, null=0.0, question=QUESTION):
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
    return Reading(question, text, (window,), (SpanLogits(first, last),))


def read_of(text, start=None, end=None, *, null=0.0, label="BioM-Mini-SQuAD", question=QUESTION):
    from biom_demo.analysis.difference import Read

    return Read(label, "made up", reading_of(text, start, end, null=null, question=question), 0.1)
