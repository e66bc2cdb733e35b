"""Span-selection pre-training: questions made of what a passage says twice.

A span that recurs in a passage is hidden in one of its sentences, which becomes the question; the
other sentences, with one occurrence left, are the context, and that occurrence is the answer:

    passage   Mice without BRCA9 die early. The loss of BRCA9 also slows repair. Both are rescued.
    question  The loss of [MASK] also slows repair.
    context   Mice without BRCA9 die early. Both are rescued.

Input format and head are those of question answering, so ``finetune --stage cloze`` trains on it.

Source of the idea: Ram et al. 2021 (Splinter), which points from a special token instead.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable

from biom_demo.qa.records import CharSpan, Example, Question
from biom_demo.qa.sentences import split_sentences

MASK = "[MASK]"
MAX_WORDS = 6
MAX_CONTEXT_SENTENCES = 6
MIN_SENTENCE_CHARS = 40
_WORD = re.compile(r"\w+(?:[-/'’]\w+)*")
# A span neither begins nor ends with one of these.
_FUNCTION_WORDS = frozenset(
    word
    for line in (
        "a about after all also although an and any are as at be because been before being between both",
        "but by can could did do does due during each either for from further had has have having he her",
        "here his how however i if in into is it its may me might more most much must my no nor not of on",
        "one only or other our out over per said she should since so some such than that the their them",
        "then there these they this those through thus to too two under until up upon us used using very",
        "was we well were what when where whether which while who whose will with within without would",
        "you your him",
    )
    for word in line.split()
)


def cloze_examples(passages: Iterable[str], *, count: int, seed: int) -> list[Example]:
    """At most ``count`` examples, one a passage at most, from the first passages that repeat a span."""
    draw = random.Random(seed)
    made: list[Example] = []
    for number, passage in enumerate(passages):
        if len(made) >= count:
            break
        example = cloze(passage[:4000], f"cloze{number}", draw)
        if example:
            made.append(example)
    return made


def cloze(passage: str, identity: str, draw: random.Random) -> Example | None:
    """One cloze question over the passage, or ``None`` where no span recurs in two sentences."""
    sentences = [s for s in split_sentences(passage) if len(s) >= MIN_SENTENCE_CHARS]
    texts = [sentence.of(passage) for sentence in sentences]
    recurring = recurring_spans(texts)
    if not recurring:
        return None
    span = draw.choice(recurring)
    pattern = re.compile(rf"(?<!\w){re.escape(span)}(?!\w)", re.IGNORECASE)
    hits = [len(pattern.findall(text)) for text in texts]
    holders = [i for i, n in enumerate(hits) if n]
    singles = [i for i in holders if hits[i] == 1]
    if not singles:
        return None
    kept = draw.choice(singles)
    asked = draw.choice([i for i in holders if i != kept])
    neutral = [i for i in range(len(texts)) if i == kept or not hits[i]]
    at = neutral.index(kept)
    width = draw.randint(1, MAX_CONTEXT_SENTENCES)
    first = max(0, at - draw.randrange(width))
    context = " ".join(texts[i] for i in neutral[first : max(first + width, at + 1)])
    found = pattern.search(context)
    if found is None:  # a letter whose lower case is another in context; cannot be pointed to
        return None
    question = pattern.sub(MASK, texts[asked])
    answer = CharSpan(*found.span())
    return Example(Question(question, identity), context, (answer.of(context),), (answer,))


def recurring_spans(sentences: list[str]) -> list[str]:
    """Lower-case spans of up to six words that occur in two sentences or more, only maximal ones.

    A span is left out where a longer one recurs in as many sentences and holds it.
    """
    where: dict[str, set[int]] = {}
    for index, sentence in enumerate(sentences):
        words = list(_WORD.finditer(sentence))
        for i, first in enumerate(words):
            if not _content(first.group()):
                continue
            for last in words[i : i + MAX_WORDS]:
                if _content(last.group()):
                    where.setdefault(sentence[first.start() : last.end()].lower(), set()).add(index)
    found = {span: len(rows) for span, rows in where.items() if len(rows) > 1}
    return sorted(
        span
        for span, rows in found.items()
        if not any(rows == found[other] and span != other and f" {span} " in f" {other} " for other in found)
    )


def _content(word: str) -> bool:
    return len(word) > 2 and not word.isdigit() and word.lower() not in _FUNCTION_WORDS
