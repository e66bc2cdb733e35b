"""One question, many abstracts, two readers -> ranked answers with their evidence.

Reading is the only step that costs; findings are pooled anew from what was read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from biom_demo.analysis.comparison import Agreement, CanRead, Comparison, ModelOutput
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.parse import SearchResult
from biom_demo.pubmed.query import queries
from biom_demo.pubmed.session import PubMed
from biom_demo.qa.pooling import pool
from biom_demo.qa.records import Answer, Prediction, Question
from biom_demo.qa.sentences import sentence_around

READ_AT_ONCE = 8
Side = Literal["biom", "vanilla"]
SIDES: tuple[Side, Side] = ("biom", "vanilla")


@dataclass(frozen=True, slots=True)
class Read:
    """An abstract and what each model said about it."""

    record: Abstract
    biom: Prediction
    vanilla: Prediction

    def by(self, side: Side) -> Prediction:
        """The prediction of one side."""
        return self.biom if side == "biom" else self.vanilla

    def agreement(self, *, null_threshold: float) -> Agreement:
        """How the two answers relate."""
        outputs = (ModelOutput(side, (self.by(side),), 0.0) for side in SIDES)
        comparison = Comparison(self.biom.question, (self.record.text,), *outputs)
        return comparison.verdict(null_threshold=null_threshold).agreement


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where an answer stands: the abstract, the answer, and the sentence around it."""

    record: Abstract
    answer: Answer
    sentence: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer of a model over all abstracts; ``share`` is its part of the scores, 0 to 1.

    ``evidence`` has one entry an abstract, the surest first.
    """

    text: str
    score: float
    share: float
    evidence: tuple[Evidence, ...]


def find_records(
    pubmed: PubMed,
    tries: Sequence[str],
    *,
    limit: int,
    newest_first: bool = False,
    api_key: str = "",
    cancelled: threading.Event | None = None,
) -> tuple[str, SearchResult]:
    """The first of the queries that finds anything, and what it finds; the last one if none does.

    Raises ``PubMedError`` where PubMed cannot be asked, ``ValueError`` without a query.
    """
    if not tries:
        raise ValueError("at least one query is needed")
    for query in tries:
        found = pubmed.search(
            query, limit=limit, newest_first=newest_first, api_key=api_key, cancelled=cancelled
        )
        if found.pmids:
            break
    return query, found


def tries_of(question: str, query: str) -> list[str]:
    """The user's own query alone, or those made of the question, strict to loose."""
    return [query.strip()] if query.strip() else queries(question)


def read_all(
    records: Sequence[Abstract],
    question: Question,
    biom: CanRead,
    vanilla: CanRead,
    *,
    cancelled: threading.Event | None = None,
) -> Iterator[list[Read]]:
    """All that has been read so far, again and again, a few abstracts more each time.

    Ends early, with what there is, when ``cancelled`` is set.
    """
    done: list[Read] = []
    readable = [record for record in records if record.text.strip()]
    for first in range(0, len(readable), READ_AT_ONCE):
        if cancelled is not None and cancelled.is_set():
            return
        chunk = readable[first : first + READ_AT_ONCE]
        texts = [record.text for record in chunk]
        # Read as contexts 0, 1, ... of their chunk; each keeps its own text beside it.
        for record, one, other in zip(
            chunk, biom.read(question, texts), vanilla.read(question, texts), strict=True
        ):
            done.append(Read(record, _alone(one), _alone(other)))
        yield list(done)


def _alone(prediction: Prediction) -> Prediction:
    """The prediction as one over a single context."""
    answers = tuple(Answer(0, a.span, a.text, a.score, a.probability) for a in prediction.answers)
    return replace(prediction, context_index=0, answers=answers)


def findings(reads: Sequence[Read], side: Side, *, top_n: int, null_threshold: float) -> list[Finding]:
    """A side's ``top_n`` answers, best first.

    Abstracts in which the model abstains at ``null_threshold`` have no say. Retracted ones have one,
    and are marked where they are shown.
    """
    # The place in ``given`` stands in for the context, so that evidence leads back to its abstract.
    given = [r for r in reads if r.by(side).best(null_threshold=null_threshold)]
    readings = []
    for index, read in enumerate(given):
        p = read.by(side)
        answers = tuple(Answer(index, a.span, a.text, a.score, a.probability) for a in p.answers)
        prediction = Prediction(p.question, index, answers, p.null_score, p.null_probability)
        readings.append((read.record.text, prediction))
    pooled = pool(readings, top_n=len(readings) * 20 + 1)
    total = sum(answer.score for answer in pooled)
    made = []
    for answer in pooled[:top_n]:
        best_of: dict[int, Answer] = {}
        for evidence in answer.evidence:  # the surest first
            best_of.setdefault(evidence.context_index, evidence)
        made.append(
            Finding(
                answer.text,
                answer.score,
                answer.score / total if total else 0.0,
                tuple(_evidence(given[index].record, found) for index, found in best_of.items()),
            )
        )
    return made


def _evidence(record: Abstract, answer: Answer) -> Evidence:
    return Evidence(record, answer, sentence_around(record.text, answer.span).of(record.text))


def literature_json(
    question: str,
    query: str,
    found: SearchResult,
    reads: Sequence[Read],
    *,
    labels: tuple[str, str],
    top_n: int = 5,
    null_threshold: float = 0.0,
) -> dict[str, Any]:
    """What was asked, found and answered as plain JSON values; offsets count characters, half-open."""
    return {
        "question": question,
        "query": query,
        "matches": found.count,
        "read": len(reads),
        **{
            side: {
                "model": label,
                "answers": [
                    {
                        "text": finding.text,
                        "score": finding.score,
                        "share": finding.share,
                        "evidence": [
                            {
                                "pmid": e.record.pmid,
                                "retracted": e.record.retracted,
                                "text": e.answer.text,
                                "start": e.answer.span.start,
                                "end": e.answer.span.end,
                                "probability": e.answer.probability,
                                "sentence": e.sentence,
                            }
                            for e in finding.evidence
                        ],
                    }
                    for finding in findings(reads, side, top_n=top_n, null_threshold=null_threshold)
                ],
            }
            for side, label in zip(SIDES, labels, strict=True)
        },
        "abstracts": [
            {
                "pmid": read.record.pmid,
                "title": read.record.title,
                "year": read.record.year,
                "retracted": read.record.retracted,
                "agreement": str(read.agreement(null_threshold=null_threshold)),
                **{side: _best_json(read.by(side), null_threshold) for side in SIDES},
            }
            for read in reads
        ],
    }


def _best_json(prediction: Prediction, null_threshold: float) -> dict[str, Any] | None:
    best = prediction.best(null_threshold=null_threshold)
    if best is None:
        return None
    return {
        "text": best.text,
        "start": best.span.start,
        "end": best.span.end,
        "probability": best.probability,
        "p_no_answer": prediction.null_probability,
    }
