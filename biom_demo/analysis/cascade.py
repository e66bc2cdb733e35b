"""Reading less: which of many abstracts, or which places of a long text, big models are to read.

A first stage looks at everything at little cost and ranks it by promise: the bundled biomedical model, or
BM25 where that would cost as much as the models asked. The models asked then read the most promising
part, and whoever shows their answers says what was not read. ``benchmarks/cascade.py`` measures what it
costs and what it misses.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from biom_demo.errors import InputError
from biom_demo.models.catalogue import CATALOGUE, Checkpoint, weights_bytes
from biom_demo.pubmed.words import words
from biom_demo.qa import spans
from biom_demo.qa.pooling import pool
from biom_demo.qa.records import CharSpan, Prediction, Question
from biom_demo.qa.sentences import split_sentences
from biom_demo.settings import Extent, Settings

if TYPE_CHECKING:
    from biom_demo.analysis.comparison import Readers

# The bundled biomedical model: always on this machine, and some 4% of a Large model's cost.
FIRST = CATALOGUE[0].biom
BIGGER = 4.0  # times its weights, in bytes: from there on its reading saves more than it costs
REGION_CHARS = 1_500  # about three quarters of a window

# BM25's usual constants. Source: Robertson & Zaragoza 2009, The Probabilistic Relevance Framework.
_SATURATION, _LENGTH_SHARE = 1.2, 0.75
_WORD = re.compile(r"\w+")
BM25 = "BM25"
LEADING = 10
_NEXT = 1e-6  # what comes next must not come before


@dataclass(frozen=True, slots=True)
class Budget:
    """How much the models asked may read: a ``share`` (0 to 1) of it all, and ``at_least`` so many parts."""

    share: float
    at_least: int

    def chosen(self, promise: Sequence[float], sizes: Sequence[int]) -> list[int]:
        """The most promising parts within the budget, in their own order; of equal promise the first.

        ``sizes`` are what each costs to read, in any unit. A part that no longer fits ends the list.
        """
        order = sorted(range(len(promise)), key=lambda place: (-promise[place], place))
        most, spent = self.share * sum(sizes), 0
        taken: list[int] = []
        for place in order:
            if len(taken) >= self.at_least and spent + sizes[place] > most:
                break
            taken.append(place)
            spent += sizes[place]
        return sorted(taken)


# Chosen on BioASQ questions of years 2 to 7 that no model was trained on (docs/measurements.md).
ABSTRACTS = Budget(share=1 / 6, at_least=8)
REGIONS = Budget(share=1 / 2, at_least=4)  # regions apart are read once, and windows overlap
CAREFUL_SHARE = 1 / 3  # where nobody has asked for less than everything
ENOUGH = 2  # times what is read at least: fewer are read as a whole


@dataclass(frozen=True, slots=True)
class Choice:
    """The parts to be read, by their places in order, and what chose them: a model's name, or BM25."""

    places: tuple[int, ...]
    by: str


@dataclass(frozen=True, slots=True)
class Regions:
    """The characters of a long text that are to be read, and what chose them."""

    spans: tuple[CharSpan, ...]
    by: str


def extent_of(read: str | None, settings: Settings) -> Extent:
    """How much is to be read where someone says ``read``, by default what the settings say.

    Raises ``InputError`` where it says nothing of the kind.
    """
    if read is None:
        return settings.read
    try:
        return Extent(read)
    except ValueError:
        raise InputError(f"read must be one of {', '.join(Extent)}.") from None


def most_promising(
    question: Question,
    texts: Sequence[str],
    checkpoints: Sequence[Checkpoint],
    readers: Readers,
    extent: Extent,
    budget: Budget = ABSTRACTS,
    *,
    pooled: bool = True,
) -> Choice | None:
    """Which of the texts the checkpoints are to read; ``None`` for all of them, as where there are few.

    ``Extent.AUTO`` is all unless every checkpoint is much bigger than the bundled model, and then at least
    ``CAREFUL_SHARE``. That model is the first stage, and BM25 where it would save nothing or is kept from
    reading. With ``pooled`` it ranks texts by their ``support`` of the answers that lead over all of them,
    else by their own ``promise``.
    Raises what ``Readers.read`` raises.
    """
    if extent is Extent.ALL or len(texts) < ENOUGH * budget.at_least:
        return None
    bigger = are_bigger(checkpoints)
    if extent is Extent.AUTO and not bigger:
        return None
    read = readers.read(FIRST, [(question, text) for text in texts]) if bigger else []
    if len(read) == len(texts):
        predictions, by = [spans.decode(reading) for reading in read], FIRST.label
        scores = support(texts, predictions) if pooled else [promise(one) for one in predictions]
    else:
        scores, by = bm25(question.text, texts), BM25
    if extent is Extent.AUTO:
        budget = replace(budget, share=max(budget.share, CAREFUL_SHARE))
    places = budget.chosen(scores, list(map(len, texts)))
    return Choice(tuple(places), by) if len(places) < len(texts) else None


def promising_regions(
    question: Question,
    text: str,
    checkpoints: Sequence[Checkpoint],
    readers: Readers,
    extent: Extent,
    budget: Budget = REGIONS,
) -> Regions | None:
    """Which characters of a text the checkpoints are to read; ``None`` for all. See ``most_promising``.

    ``Extent.AUTO`` is all: measured, half of a long text often has another answer (docs/measurements.md).
    """
    if extent is not Extent.PROMISING or len(text) < ENOUGH * budget.at_least * REGION_CHARS:
        return None
    regions = regions_of(text)
    chosen = most_promising(
        question,
        [region.of(text) for region in regions],
        checkpoints,
        readers,
        extent,
        budget,
        pooled=False,
    )
    return Regions(tuple(regions[place] for place in chosen.places), chosen.by) if chosen else None


def regions_of(text: str) -> list[CharSpan]:
    """The text in stretches of whole sentences of up to ``REGION_CHARS``, in order; a longer one is cut."""
    regions: list[CharSpan] = []
    for sentence in split_sentences(text):
        for start in range(sentence.start, sentence.end, REGION_CHARS):
            end = min(start + REGION_CHARS, sentence.end)
            if regions and end - regions[-1].start <= REGION_CHARS:
                regions[-1] = CharSpan(regions[-1].start, end)
            else:
                regions.append(CharSpan(start, end))
    return regions


def are_bigger(checkpoints: Sequence[Checkpoint]) -> bool:
    """Whether the weights of each, as far as it is here, are ``BIGGER`` times those of the bundled model."""
    first = weights_bytes(FIRST)
    return first is not None and all((weights_bytes(one) or 0) >= BIGGER * first for one in checkpoints)


def stems(text: str) -> list[str]:
    """The words of a text in lower case, without the endings of plurals.

    Source: Harman 1991, How effective is suffixing? (the "S" stemmer).
    """
    return [_stem(word) for word in _WORD.findall(text.lower())]


def _stem(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith(("us", "ss")):
        if word.endswith("ies") and not word.endswith(("eies", "aies")):
            return f"{word[:-3]}y"
        return word[:-1]
    return word


def bm25(question: str, texts: Sequence[str]) -> list[float]:
    """How well each text fits the question's words by BM25, rare words counting more; 0 where none occurs.

    How rare a word is, is taken from the texts at hand.
    """
    asked = set(stems(question)) - words("question_stops")
    counts = [Counter(stems(text)) for text in texts]
    found = [count.keys() & asked for count in counts]
    holding = Counter(word for some in found for word in some)
    rarity = {word: _rarity(number, len(texts)) for word, number in holding.items()}
    lengths = [max(1, count.total()) for count in counts]
    usual = sum(lengths) / max(1, len(lengths))
    scores = []
    for some, count, length in zip(found, counts, lengths, strict=True):
        damping = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length / usual)
        gains = (rarity[word] * count[word] * (_SATURATION + 1) / (count[word] + damping) for word in some)
        scores.append(math.fsum(gains))  # the same whatever the order of a set
    return scores


def _rarity(holding: int, texts: int) -> float:
    return math.log(1 + (texts - holding + 0.5) / (holding + 0.5))


def promise(prediction: Prediction) -> float:
    """How likely a text holds the answer by a model that has read it: its best answer's probability."""
    return prediction.answers[0].probability if prediction.answers else 0.0


def support(texts: Sequence[str], predictions: Sequence[Prediction]) -> list[float]:
    """How much each text says for the answers that lead over all texts, by a model that has read them.

    The ``LEADING`` best pooled answers count with their score, times the answer's probability in the text;
    of texts that say nothing for them those with the surest answer come first.
    """
    speak = [place for place, prediction in enumerate(predictions) if prediction.best(null_threshold=0.0)]
    found = [_NEXT * promise(prediction) for prediction in predictions]
    for leading in pool([(texts[place], predictions[place]) for place in speak], top_n=LEADING):
        for mention in leading.mentions:
            found[speak[mention.source]] += leading.score * mention.answer.probability
    return found
