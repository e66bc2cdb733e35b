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
from dataclasses import dataclass

from biom_demo.pubmed.words import words
from biom_demo.qa.records import Prediction

# BM25's usual constants. Source: Robertson & Zaragoza 2009, The Probabilistic Relevance Framework.
_SATURATION, _LENGTH_SHARE = 1.2, 0.75
_WORD = re.compile(r"\w+")


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
        most, taken, spent = self.share * sum(sizes), [], 0
        for place in order:
            if len(taken) >= self.at_least and spent + sizes[place] > most:
                break
            taken.append(place)
            spent += sizes[place]
        return sorted(taken)


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
    counts = [Counter(word for word in stems(text)) for text in texts]
    lengths = [max(1, count.total()) for count in counts]
    usual = sum(lengths) / max(1, len(lengths))
    rarity = {word: _rarity(sum(word in count for count in counts), len(texts)) for word in asked}
    scores = []
    for count, length in zip(counts, lengths, strict=True):
        damping = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length / usual)
        scores.append(
            math.fsum(
                rarity[word] * count[word] * (_SATURATION + 1) / (count[word] + damping)
                for word in asked
                if word in count
            )
        )
    return scores


def _rarity(holding: int, texts: int) -> float:
    return math.log(1 + (texts - holding + 0.5) / (holding + 0.5))


def promise(prediction: Prediction) -> float:
    """How likely a text holds the answer by a model that has read it: its best answer's probability."""
    return prediction.answers[0].probability if prediction.answers else 0.0
