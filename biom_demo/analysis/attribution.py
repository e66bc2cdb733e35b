"""Which sentences and question words an answer hangs on, and whether it survives without them.

Leave-one-out: the text without one sentence, or the question without one word, is read again, and
the same answer's probability compared. Nothing is assumed of the model, so any reader will do; the
price is one reading for each part left out, batched. Source: erasure, Li, Monroe & Jurafsky 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from biom_demo.analysis.comparison import Readers, Side, View, candidates_of, decoded
from biom_demo.analysis.difference import cross_score, words_of
from biom_demo.errors import InputError
from biom_demo.qa.metrics import squad_exact_match
from biom_demo.qa.records import Answer, CharSpan, Question, Reading
from biom_demo.qa.sentences import split_sentences

MAX_PARTS = 40  # sentences left out one by one; in longer texts, runs of sentences
MAX_QUESTION_WORDS = 24
MAX_REWORDINGS = 20


@dataclass(frozen=True, slots=True)
class Effect:
    """What leaving out one part does: ``probability`` of the same answer without it, and what the
    model then answers (``None``: it abstains). ``holds_answer``: the part is where the answer stands,
    so without it that span is gone. ``survives``: the model still gives the same answer, by SQuAD's
    normalisation."""

    part: CharSpan
    probability: float
    answer: str | None
    holds_answer: bool
    survives: bool


@dataclass(frozen=True, slots=True)
class Attribution:
    """The effects on one model's best span; ``answer.probability`` is with nothing left out."""

    answer: Answer
    sentences: tuple[Effect, ...]  # parts of the context
    words: tuple[Effect, ...]  # parts of the question


@dataclass(frozen=True, slots=True)
class Rewording:
    """One model's answer to another wording of the question."""

    question: str
    answer: str | None
    probability: float
    survives: bool


def parts_of(context: str) -> list[CharSpan]:
    """What is left out of a context one by one: its sentences, at most ``MAX_PARTS`` runs of them."""
    return blocks(split_sentences(context), MAX_PARTS)


def question_words(question: str) -> list[CharSpan]:
    """What is left out of a question one by one: its words, so far as others remain."""
    words = [word for word in words_of(question) if any(c.isalnum() for c in word.of(question))]
    return words[:MAX_QUESTION_WORDS] if len(words) > 1 else []


def cost(question: str, context: str) -> int:
    """How many times each model reads the text for one attribution."""
    return len(parts_of(context)) + len(question_words(question))


def leave_one_out(readers: Readers, side: Side, view: View) -> Attribution:
    """The effect of each sentence and question word on the side's best span.

    Where the readers were kept from going on, the effects of the parts read until then. Raises
    ``InputError`` where there is no span at all.
    """
    prediction = side.prediction(view)
    if not prediction.answers:
        raise InputError("There is no answer to explain: the text has no words.")
    answer = prediction.answers[0]
    abstained = side.answer(view) is None
    asked, context = side.reading.question, side.reading.context
    parts, words = parts_of(context), question_words(asked.text)
    pairs = [(asked, _without(context, part)) for part in parts]
    pairs += [(Question(_without(asked.text, word), asked.id), context) for word in words]
    again = readers.read(side.checkpoint, pairs)

    def effect(part: CharSpan, other: Reading, span: CharSpan | None) -> Effect:
        score = cross_score(candidates_of(other, view.max_answer_length), span) if span else None
        best = decoded(other, view).best(null_threshold=view.null_threshold)
        same = abstained if best is None else not abstained and squad_exact_match(best.text, answer.text)
        return Effect(
            part, score.probability if score else 0.0, best.text if best else None, span is None, same
        )

    # Fewer were read at an early end.
    return Attribution(
        answer,
        tuple(effect(p, r, moved(answer.span, p)) for p, r in zip(parts, again, strict=False)),
        tuple(effect(w, r, answer.span) for w, r in zip(words, again[len(parts) :], strict=False)),
    )


def reworded(readers: Readers, side: Side, questions: Sequence[str], view: View) -> list[Rewording]:
    """The model's answers to other wordings of the question, set against its answer to the first.

    Fewer than there are questions where the readers were kept from going on.
    """
    original = side.answer(view)
    pairs = [(Question(text), side.reading.context) for text in questions]
    made = []
    for text, other in zip(questions, readers.read(side.checkpoint, pairs), strict=False):
        best = decoded(other, view).best(null_threshold=view.null_threshold)
        same = (
            best is original
            if best is None or original is None
            else squad_exact_match(best.text, original.text)
        )
        made.append(Rewording(text, best.text if best else None, best.probability if best else 0.0, same))
    return made


def wordings(typed: str) -> list[str]:
    """The questions in a text of one a line, each once.

    Raises ``InputError`` where there is none, or more than can be read in one go.
    """
    found = list(dict.fromkeys(line.strip() for line in typed.splitlines() if line.strip()))
    if not found:
        raise InputError("There is no other wording yet. Type the question in other words, one a line.")
    if len(found) > MAX_REWORDINGS:
        raise InputError(f"There are {len(found)} wordings; at most {MAX_REWORDINGS} are read at once.")
    wordless = next((text for text in found if not any(c.isalnum() for c in text)), None)
    if wordless:
        raise InputError(f"“{wordless[:40]}” holds no word. Ask in words.")
    return found


def moved(span: CharSpan, removed: CharSpan) -> CharSpan | None:
    """Where ``span`` stands once ``removed`` is cut out; ``None`` if they share a character."""
    if span.overlaps(removed):
        return None
    shift = len(removed) if removed.end <= span.start else 0
    return CharSpan(span.start - shift, span.end - shift)


def _without(text: str, part: CharSpan) -> str:
    return text[: part.start] + text[part.end :]


def blocks(sentences: Sequence[CharSpan], most: int) -> list[CharSpan]:
    """At most ``most`` runs of whole sentences, as even as can be; all sentences are in one."""
    edges = np.linspace(0, len(sentences), min(most, len(sentences)) + 1).round().astype(int)
    return [CharSpan(sentences[a].start, sentences[b - 1].end) for a, b in pairwise(edges) if b > a]
