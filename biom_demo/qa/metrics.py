"""SQuAD EM and F1, BioASQ factoid measures, and paired significance.

Source: the official SQuAD v1.1 and v2.0 evaluation scripts and BioASQ's EvaluationMeasures (Java),
by their semantics; see each function.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)


def normalize_answer(text: str) -> str:
    """The text lower-cased, without ASCII punctuation and articles, single spaces between words.

    So "hepatitis A" equals "hepatitis" and "IL-6" equals "IL6"; Greek letters and en-dashes stay.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def squad_exact_match(prediction: str, gold: str) -> bool:
    """Whether two answers are equal after normalisation."""
    return normalize_answer(prediction) == normalize_answer(gold)


def squad_f1(prediction: str, gold: str) -> float:
    """The harmonic mean of token precision and recall, 0 to 1, after normalisation.

    Where one side has no token it is equality, as in SQuAD v2.0 (v1.1 gives 0, see ``squad_v1``).
    """
    predicted, wanted = normalize_answer(prediction).split(), normalize_answer(gold).split()
    if not predicted or not wanted:
        return float(predicted == wanted)
    common = (Counter(predicted) & Counter(wanted)).total()
    if not common:
        return 0.0
    precision, recall = common / len(predicted), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True, slots=True)
class SquadScore:
    """Exact match and F1 in percent over ``n`` questions."""

    n: int
    exact_match: float
    f1: float


@dataclass(frozen=True, slots=True)
class SquadV2Score:
    """SQuAD v2.0 scores in percent; the parts are ``None`` where no question is of their kind.

    ``best_*`` are what the best threshold on the null scores would give, with that threshold; they
    are ``None`` without null scores.
    """

    n: int
    exact_match: float
    f1: float
    has_answer: SquadScore | None
    no_answer: SquadScore | None
    best_exact_match: float | None = None
    best_exact_threshold: float | None = None
    best_f1: float | None = None
    best_f1_threshold: float | None = None


def squad_v1(predictions: Mapping[str, str], golds: Mapping[str, Sequence[str]]) -> SquadScore:
    """EM and F1 of SQuAD v1.1 over all ``golds``: the best over a question's gold texts.

    A missing prediction scores 0, and so does an F1 in which a side has no token. Raises
    ``ValueError`` if there is no question or one without a gold text.
    """
    if not golds or not all(golds.values()):
        raise ValueError("SQuAD v1.1 needs at least one question, each with a gold answer")
    each = squad_v1_each(predictions, golds)
    exact, f1 = (100 * sum(values) / len(golds) for values in zip(*each.values(), strict=True))
    return SquadScore(len(golds), exact, f1)


def squad_v1_each(
    predictions: Mapping[str, str], golds: Mapping[str, Sequence[str]]
) -> dict[str, tuple[float, float]]:
    """EM and F1 (0 to 1) of each question of ``golds``, whose means ``squad_v1`` gives in percent."""
    found = dict.fromkeys(golds, (0.0, 0.0))
    for key, texts in golds.items():
        if key in predictions:
            prediction = predictions[key]
            exact = max(float(squad_exact_match(prediction, text)) for text in texts)
            has_token = bool(normalize_answer(prediction))
            found[key] = exact, max(squad_f1(prediction, text) for text in texts) if has_token else 0.0
    return found


def squad_v2(
    predictions: Mapping[str, str],
    golds: Mapping[str, Sequence[str]],
    null_scores: Mapping[str, float] | None = None,
    *,
    null_threshold: float | None = None,
) -> SquadV2Score:
    """EM and F1 of SQuAD v2.0: a question without gold texts is answered right by "".

    Gold texts that normalise to nothing do not count. Questions without a prediction leave the
    denominator, as in the official script. With ``null_scores`` (higher: more likely unanswerable;
    needed for every question with a prediction) ``predictions`` are what the model answers where it
    does answer: a question counts as answered with "" where its score lies above ``null_threshold``
    (``None``: nowhere), and the ``best_*`` sweep tries every other threshold on the same predictions.
    Raises ``ValueError`` if no question has a prediction, ``KeyError`` for a missing null score.

    Source: the official script's ``--na-prob-file`` and ``--na-prob-thresh``.
    """
    answerable = {key for key, texts in golds.items() if texts}
    answered = squad_v2_each(predictions, golds)
    if not answered:
        raise ValueError("no question has a prediction")
    given = squad_v2_each(predictions, golds, null_scores, null_threshold=null_threshold)

    def score(keep: Callable[[str], bool]) -> SquadScore | None:
        pairs = [pair for key, pair in given.items() if keep(key)]
        if not pairs:
            return None
        exact, f1 = (100 * sum(values) / len(pairs) for values in zip(*pairs, strict=True))
        return SquadScore(len(pairs), exact, f1)

    overall = score(lambda key: True)
    assert overall is not None
    best: dict[str, float] = {}
    if null_scores is not None:
        exact, f1 = ({key: pair[i] for key, pair in answered.items()} for i in (0, 1))
        best["best_exact_match"], best["best_exact_threshold"] = _best(
            predictions, exact, null_scores, answerable
        )
        best["best_f1"], best["best_f1_threshold"] = _best(predictions, f1, null_scores, answerable)
    return SquadV2Score(
        overall.n,
        overall.exact_match,
        overall.f1,
        score(lambda key: key in answerable),
        score(lambda key: key not in answerable),
        **best,
    )


def squad_v2_each(
    predictions: Mapping[str, str],
    golds: Mapping[str, Sequence[str]],
    null_scores: Mapping[str, float] | None = None,
    *,
    null_threshold: float | None = None,
) -> dict[str, tuple[float, float]]:
    """EM and F1 (0 to 1) of each question with a prediction, whose means ``squad_v2`` gives in percent."""
    found: dict[str, tuple[float, float]] = {}
    for key, texts in golds.items():
        if key in predictions:
            prediction = predictions[key]
            if null_scores is not None and null_threshold is not None and null_scores[key] > null_threshold:
                # Right where there is no gold text, also where those there are normalise to nothing.
                found[key] = float(not texts), float(not texts)
                continue
            wanted = [text for text in texts if normalize_answer(text)] or [""]
            exact = max(float(squad_exact_match(prediction, text)) for text in wanted)
            found[key] = exact, max(squad_f1(prediction, text) for text in wanted)
    return found


def _best(
    predictions: Mapping[str, str],
    raw: Mapping[str, float],
    null_scores: Mapping[str, float],
    answerable: set[str],
) -> tuple[float, float]:
    """The best percent over null thresholds, and the threshold that gives it.

    Start with every question answered by "", then answer them one by one in the order of their
    null scores; an answered question without gold counts against unless its prediction is "".
    """
    total = best = float(sum(key not in answerable for key in raw))
    threshold = 0.0
    for key in sorted(raw, key=lambda key: null_scores[key]):
        total += raw[key] if key in answerable else -float(bool(predictions[key]))
        if total > best:
            best, threshold = total, null_scores[key]
    return 100 * best / len(raw), threshold


@dataclass(frozen=True, slots=True)
class FactoidScore:
    """BioASQ factoid measures, each 0 to 1, over ``n`` questions."""

    n: int
    strict_accuracy: float
    lenient_accuracy: float
    mrr: float


def bioasq_factoid(
    answers: Mapping[str, Sequence[str]],
    golds: Mapping[str, Sequence[str]],
    *,
    max_answers: int | None = 5,
) -> FactoidScore:
    """Strict accuracy (first answer), lenient accuracy (any) and mean reciprocal rank.

    ``answers`` are ranked texts, ``golds`` all synonyms of a question. A match is equality after
    lower-casing, nothing else. Only the first ``max_answers`` count; the official program takes
    any number, which ``None`` reproduces. A question without an answer scores 0 (the official
    program skips it, which rewards silence). Raises ``ValueError`` if ``golds`` is empty.

    Source: BioASQ EvaluationMeasures, task B phase B, version 5 and later.
    """
    if not golds:
        raise ValueError("no question to score")
    each = bioasq_factoid_each(answers, golds, max_answers=max_answers)
    n = len(golds)
    strict, lenient, reciprocal = (sum(values) / n for values in zip(*each.values(), strict=True))
    return FactoidScore(n, strict, lenient, reciprocal)


def bioasq_factoid_each(
    answers: Mapping[str, Sequence[str]],
    golds: Mapping[str, Sequence[str]],
    *,
    max_answers: int | None = 5,
) -> dict[str, tuple[float, float, float]]:
    """Strict and lenient accuracy and reciprocal rank (0 to 1) of each question of ``golds``."""
    found = dict.fromkeys(golds, (0.0, 0.0, 0.0))
    for key, synonyms in golds.items():
        wanted = {text.lower() for text in synonyms}
        ranked = list(answers.get(key, ()))[:max_answers]
        rank = next((i for i, text in enumerate(ranked, start=1) if text.lower() in wanted), None)
        if rank is not None:
            found[key] = float(rank == 1), 1.0, 1 / rank
    return found


def sign_test(first: Sequence[float], second: Sequence[float], clusters: Sequence[str]) -> SignTest:
    """The exact sign test of two models' scores on the same items, one verdict a cluster.

    A cluster (question) counts for the model whose scores add up to more on it, for none where they are
    equal. Of scores that are 0 or 1 and clusters of one item it is McNemar's test.
    """
    margin: dict[str, float] = {}
    for cluster, one, other in zip(clusters, first, second, strict=True):
        margin[cluster] = margin.get(cluster, 0.0) + one - other
    for_first = sum(value > _TIE for value in margin.values())
    for_second = sum(value < -_TIE for value in margin.values())
    return SignTest(for_first, for_second, mcnemar_exact(for_first, for_second))


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """The two-sided exact p-value that two models' discordant counts come from equal models.

    Source: McNemar 1947, with the binomial distribution in place of its normal approximation.
    """
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, float(2 * tail / 2**n))


_TIE = 1e-9  # sums of equal scores in another order


@dataclass(frozen=True, slots=True)
class SignTest:
    """How many clusters count for each of two models, and the two-sided exact p-value that they are equal."""

    for_first: int
    for_second: int
    p_value: float


@dataclass(frozen=True, slots=True)
class BootstrapDifference:
    """Mean of first minus second, its 95% interval, and the two-sided p-value of no difference."""

    mean: float
    low: float
    high: float
    p_value: float


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    clusters: Sequence[str],
    *,
    samples: int = 10_000,
    seed: int = 0,
) -> BootstrapDifference:
    """The difference of two models' scores on the same items, resampling whole clusters.

    ``clusters`` names each item's cluster (its question): pairs of one question are not
    independent. Percentile interval; the p-value has the add-one correction. Raises ``ValueError``
    for lists of unlike length or none at all.

    Source: Efron & Tibshirani 1993; Berg-Kirkpatrick et al. 2012 for the paired form.
    """
    if not len(first) == len(second) == len(clusters) or not len(first):
        raise ValueError("first, second and clusters must be of one length, and not empty")
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)  # (N,)
    (means,) = resampled_means(difference[:, None], clusters, samples=samples, seed=seed).T
    return difference_of(float(difference.mean()), means)


def difference_of(mean: float, means: NDArray[np.float64]) -> BootstrapDifference:
    """A difference with the interval and p-value that its bootstrapped ``means`` (S,) give it."""
    low, high = np.percentile(means, [2.5, 97.5])
    tail = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p_value = min(1.0, 2 * (tail + 1) / (len(means) + 1))
    return BootstrapDifference(mean, float(low), float(high), p_value)


def resampled_means(
    values: NDArray[np.float64], clusters: Sequence[str], *, samples: int = 10_000, seed: int = 0
) -> NDArray[np.float64]:
    """Means (S, K) of the columns of ``values`` (N, K) over ``samples`` bootstrap samples of whole clusters.

    ``clusters`` names the cluster of each of the N items. All columns are drawn alike, so that two of
    them can be subtracted; the draws hang on ``seed`` and the number of clusters alone. Raises
    ``ValueError`` for no item, or clusters of another number.

    Source: Efron & Tibshirani 1993, the cluster bootstrap.
    """
    if len(values) != len(clusters) or not len(values):
        raise ValueError("values and clusters must be of one length, and not empty")
    _, member = np.unique(np.asarray(clusters), return_inverse=True)
    sizes = np.bincount(member)  # (C,)
    sums = np.stack([np.bincount(member, weights=column) for column in values.T], axis=1)  # (C, K)
    generator = np.random.default_rng(seed)
    means = np.empty((samples, values.shape[1]))
    for i in range(samples):
        drawn = generator.integers(0, len(sums), len(sums))
        times = np.bincount(drawn, minlength=len(sums))
        means[i] = (times @ sums) / (times @ sizes)
    return means
