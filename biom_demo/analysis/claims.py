"""Many abstracts read -> an evidence table: what each model claims, and which abstracts say so.

An abstract speaks for one claim of a model: its best answer there. It is silent where the model abstains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from biom_demo.analysis.comparison import Agreement, Comparison, View
from biom_demo.analysis.literature import Evidence, findings
from biom_demo.models.catalogue import Checkpoint
from biom_demo.pubmed.abstract import Abstract
from biom_demo.qa.pooling import folding
from biom_demo.qa.records import Answer, CharSpan
from biom_demo.qa.sentences import sentence_around
from biom_demo.settings import Precision

LEAST_PROBABILITY = 0.01  # what a model ranks lower, and holds for less likely, is no mention


@dataclass(frozen=True, slots=True)
class Said:
    """One model's best answer to a paper, ``None`` where it abstains; ``key`` is that of the claim."""

    answer: Answer | None
    key: str
    p_no_answer: float


@dataclass(frozen=True, slots=True)
class Paper:
    """One abstract and what each model answers to it; ``agreement`` is of the first two.

    Answers of one claim agree, however each of them is written.
    """

    record: Abstract
    said: tuple[Said, ...]
    agreement: Agreement

    def sentence_of(self, answer: Answer) -> CharSpan:
        """Where the sentence around an answer stands in the record's text."""
        return sentence_around(self.record.text, answer.span)


@dataclass(frozen=True, slots=True)
class Claim:
    """One answer of a model over all papers, in whatever way it is written.

    ``supports`` are the papers whose best answer it is, ``mentions`` those where it is a lower one of at
    least ``LEAST_PROBABILITY``, at another place than the best; each the surest first. ``wordings`` are the
    other ways it is written.
    """

    text: str
    key: str
    supports: tuple[Evidence, ...]
    mentions: tuple[Evidence, ...]
    wordings: tuple[str, ...] = ()

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What stands behind the claim: its support or, without any, its mentions."""
        return self.supports or self.mentions

    @property
    def years(self) -> tuple[int, int] | None:
        """The first and last year of what stands behind it, ``None`` where no paper has a year."""
        years = [found.record.year for found in self.evidence if found.record.year]
        return (min(years), max(years)) if years else None

    @property
    def quoted(self) -> Evidence:
        """The surest evidence, of papers that nothing warns of where there is one."""
        return next((found for found in self.evidence if not found.record.warnings), self.evidence[0])

    @property
    def doubted(self) -> tuple[Abstract, ...]:
        """The records behind the claim that bear a warning: retracted ones, those with a concern."""
        return tuple(found.record for found in self.evidence if found.record.warnings)


@dataclass(frozen=True, slots=True)
class Claims:
    """What one model claims, best first, and how many of its answers are no claim."""

    checkpoint: Checkpoint
    claims: tuple[Claim, ...]
    dropped: int


@dataclass(frozen=True, slots=True)
class EvidenceTable:
    """A question, the papers that were read, and each model's claims; the first two models are compared.

    ``unread`` are records that were not read: they look less promising to what ``chosen_by`` names or,
    where that is "", reading ended before.
    """

    question: str
    papers: tuple[Paper, ...]
    models: tuple[Claims, ...]
    unread: tuple[Abstract, ...] = ()
    chosen_by: str = ""
    precision: Precision = Precision.FLOAT32  # what the models computed in

    def silent(self, model: int) -> tuple[Paper, ...]:
        """The papers in which the model finds no answer."""
        return tuple(paper for paper in self.papers if paper.said[model].answer is None)

    def otherwise(self, model: int, claim: Claim) -> dict[str, tuple[Paper, ...]]:
        """The papers that speak for another claim, by that claim's text, the commonest first."""
        names = {one.key: one.text for one in self.models[model].claims}
        found: dict[str, list[Paper]] = {}
        for paper in self.papers:
            said = paper.said[model]
            if said.answer is not None and said.key != claim.key:
                found.setdefault(names.get(said.key, said.answer.text), []).append(paper)
        return {text: tuple(found[text]) for text in sorted(found, key=lambda text: -len(found[text]))}

    def rank(self, model: int, key: str) -> int | None:
        """At which place, from 1 on, the model has the claim of that key; ``None`` if nowhere."""
        keys = [claim.key for claim in self.models[model].claims]
        return keys.index(key) + 1 if key in keys else None

    def cited(self, shown: int) -> tuple[Abstract, ...]:
        """The records behind the first ``shown`` claims of each model, in the order they were read in."""
        behind = {
            found.place
            for model in self.models
            for claim in model.claims[:shown]
            for found in (*claim.supports, *claim.mentions)
        }
        return tuple(self.papers[place].record for place in sorted(behind))


def evidence_table(
    question: str,
    read: Sequence[Comparison],
    checkpoints: Sequence[Checkpoint],
    view: View,
    *,
    unread: Sequence[Abstract] = (),
    chosen_by: str = "",
) -> EvidenceTable:
    """What was read as an evidence table under a view's no-answer threshold; nothing is read anew.

    ``unread`` and ``chosen_by`` are as in the table.
    """
    # One for all models, so that claims of theirs that are the same have the same key.
    fold = folding(comparison.passage.text for comparison in read)
    threshold = View(null_threshold=view.null_threshold)
    papers = tuple(_paper(comparison, threshold, fold) for comparison in read)
    models = tuple(
        _claims(read, papers, side, checkpoint, threshold, fold)
        for side, checkpoint in enumerate(checkpoints)
    )
    precision = read[0].precision if read else Precision.FLOAT32
    return EvidenceTable(question, papers, models, tuple(unread), chosen_by, precision)


def _paper(comparison: Comparison, view: View, fold: Callable[[str], str]) -> Paper:
    (record,) = comparison.passage.records
    said = []
    for side in comparison.sides:
        answer = side.answer(view)
        key = fold(answer.text) if answer else ""
        said.append(Said(answer, key, side.prediction(view).null_probability))
    agreement = comparison.verdict(view).agreement
    first, second = said[:2]
    if first.answer and second.answer and first.key == second.key and agreement is not Agreement.ELSEWHERE:
        agreement = Agreement.AGREE
    return Paper(record, tuple(said), agreement)


def _claims(
    read: Sequence[Comparison],
    papers: Sequence[Paper],
    side: int,
    checkpoint: Checkpoint,
    view: View,
    fold: Callable[[str], str],
) -> Claims:
    everything = len(read) * 20 + 1
    found = findings(read, side, top_n=everything, null_threshold=view.null_threshold, fold=fold)
    claims = []
    for finding in found:
        supports, mentions = [], []
        for evidence in finding.evidence:
            if papers[evidence.place].said[side].key == finding.key:
                supports.append(evidence)
            elif _is_mention(evidence.answer, papers[evidence.place].said[side].answer):
                mentions.append(evidence)
        if supports or mentions:
            others = _other_wordings([e.answer.text for e in (*supports, *mentions)], finding.text)
            claims.append(Claim(finding.text, finding.key, tuple(supports), tuple(mentions), others))
    return Claims(checkpoint, tuple(claims), len(found) - len(claims))


def _is_mention(answer: Answer, best: Answer | None) -> bool:
    """Whether a lower answer says something of its own, and is not the best one cut otherwise."""
    return answer.probability >= LEAST_PROBABILITY and not (best and best.span.overlaps(answer.span))


def _other_wordings(written: Sequence[str], text: str) -> tuple[str, ...]:
    """The wordings that differ from the text in more than the case of letters and a last full stop."""
    others = {one.strip(",. ").lower(): one for one in reversed(written)}
    others.pop(text.strip(",. ").lower(), None)
    return tuple(reversed(others.values()))
