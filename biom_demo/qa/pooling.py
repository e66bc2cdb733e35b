"""Answers over many contexts -> one ranked list of answers for the question.

Scores of different contexts are compared as probabilities, not as logits: each context has one vote
of size 1, which it spreads over its spans and "no answer", so a context that does not help has
little say however large its logits are. ``benchmarks/pooling.py`` has the alternatives.

Source of the plain sum and of the cleaning: dmis-lab's BioASQ code (transform_n2b_factoid), as facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from biom_demo.qa.records import Answer, Prediction
from biom_demo.qa.short_forms import short_forms

MAX_ANSWER_CHARS = 100
# Chosen on BioASQ years 2 to 7 with models that had not been trained on them (benchmarks/pooling.py).
EXPONENT = 0.7
RELATED_SHARE = 0.5
RELATED_AMONG = 200  # only the best clusters lend each other weight: all pairs would be too many
_GREEK = str.maketrans(
    {
        "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "κ": "kappa",
        "λ": "lambda", "μ": "mu", "σ": "sigma", "θ": "theta", "ω": "omega",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mention:
    """An answer and which of the pooled sources it was found in, counted from 0."""

    source: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class PooledAnswer:
    """One answer of a question: its commonest text, its ``score``, where it stands, surest first.

    ``key`` is the same for answers that are alike (``folding``).
    """

    text: str
    score: float
    mentions: tuple[Mention, ...]
    key: str


def pool(
    sources: Iterable[tuple[str, Prediction]],
    *,
    top_n: int = 5,
    exponent: float = EXPONENT,
    related_share: float = RELATED_SHARE,
    cluster: bool = True,
    fold: Callable[[str], str] | None = None,
) -> list[PooledAnswer]:
    """The question's ``top_n`` answers, best first, from (context, prediction) pairs.

    An answer's weight is its probability to the power ``exponent`` (below 1, so that many contexts
    that agree count more than one that is sure). Answers alike after normalisation, or of which one
    is an abbreviation that some context defines for the other, are one cluster (``cluster``; else
    alike in lower case). Weights add up; a cluster is also given ``related_share`` of the weight of
    those it contains or is contained in, by their overlap in words. ``fold`` gives the keys of clusters
    where several lists are to have the same: by default it is the ``folding`` over the contexts.
    """
    given = list(sources)
    if fold is None:
        fold = folding(text for text, _ in given) if cluster else str.lower
    members: dict[str, list[tuple[str, Mention]]] = {}
    for source, (_, prediction) in enumerate(given):
        for answer in prediction.answers:
            text = cleaned(answer.text)
            if text and len(text) <= MAX_ANSWER_CHARS and _balanced(text):
                members.setdefault(fold(text), []).append((text, Mention(source, answer)))
    weights = {
        key: sum(mention.answer.probability**exponent for _, mention in entries)
        for key, entries in members.items()
    }
    scores = _with_related(weights, related_share) if related_share else weights
    pooled = [
        PooledAnswer(
            _commonest(entries, exponent),
            scores[key],
            tuple(sorted((m for _, m in entries), key=lambda m: (-m.answer.probability, m.source))),
            key,
        )
        for key, entries in members.items()
    ]
    # Ties by text, so that the order never hangs on the order of the contexts.
    return sorted(pooled, key=lambda answer: (-answer.score, answer.text.lower()))[:top_n]


def folding(contexts: Iterable[str]) -> Callable[[str], str]:
    """What gives answers that are alike one key: in other letters or punctuation, or by a name's short form.

    Short forms are those that the ``contexts`` define.
    """
    names = _abbreviations(contexts)
    return lambda text: _cluster_key(cleaned(text), names)


def _with_related(weights: Mapping[str, float], share: float) -> dict[str, float]:
    best = sorted(weights, key=lambda key: (-weights[key], key))[:RELATED_AMONG]
    words = {key: set(key.split()) for key in best}
    scores = dict(weights)
    for key in best:
        for other in best:
            if key != other and (f" {key} " in f" {other} " or f" {other} " in f" {key} "):
                overlap = len(words[key] & words[other]) / len(words[key] | words[other])
                scores[key] += share * weights[other] * overlap
    return scores


def _commonest(entries: list[tuple[str, Mention]], exponent: float) -> str:
    """The text of most weight, letter case aside, as its surest reading writes it."""
    totals: dict[str, float] = {}
    for text, mention in entries:
        totals[text.lower()] = totals.get(text.lower(), 0.0) + mention.answer.probability**exponent
    best = max(totals, key=lambda text: (totals[text], text))
    return max((m.answer.probability, t) for t, m in entries if t.lower() == best)[1]


def normalized(text: str) -> str:
    """Lower case, Greek letters by name, hyphens as spaces, no articles or punctuation but plus signs."""
    plain = re.sub(r"[-–—/]", " ", text.lower().translate(_GREEK))
    plain = re.sub(r"[^\w\s+]", "", re.sub(r"\b(the|a|an)\b", " ", plain))
    return " ".join(plain.split()) or text.lower()


def _abbreviations(texts: Iterable[str]) -> dict[str, str]:
    return {normalized(short): normalized(long) for short, long in short_forms(texts).items()}


def _cluster_key(text: str, names: Mapping[str, str]) -> str:
    # "tumor necrosis factor (TNF)" is its long form.
    both = re.fullmatch(r"(.+?)\s*\(([^()]+)\)", text) if len(text) <= MAX_ANSWER_CHARS else None
    if both and normalized(both[2]) in names:
        text = both[1]
    key = normalized(text)
    return names.get(key, key)


def cleaned(text: str) -> str:
    """The text without one trailing comma, full stop or space, and without brackets all around it."""
    text = re.sub(r"[,. ]$", "", text)
    inside = re.fullmatch(r"\(([^()]*)\)", text)
    return inside[1] if inside else text


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0
