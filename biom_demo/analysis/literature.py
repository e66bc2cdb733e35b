"""One question, many abstracts, the same readers -> ranked answers with their evidence.

Reading is the only step that costs; findings are pooled anew from what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from biom_demo.analysis.cascade import most_promising
from biom_demo.analysis.comparison import Comparison, Readers, View, compare_many
from biom_demo.analysis.passage import passage_of_records
from biom_demo.errors import InputError, PubMedCancelled, PubMedError
from biom_demo.models.catalogue import Checkpoint
from biom_demo.pubmed.abstract import Abstract
from biom_demo.pubmed.query import enough, hint, queries, with_abstracts
from biom_demo.pubmed.session import Searched, Session
from biom_demo.qa.pooling import pool
from biom_demo.qa.records import Answer, CharSpan, Prediction, Question
from biom_demo.qa.sentences import sentence_around
from biom_demo.settings import Extent

MAX_ABSTRACTS = 100
MAX_QUERY_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Round:
    """One query as it was sent, and PubMed's answer to it."""

    query: str
    found: Searched


@dataclass(frozen=True, slots=True)
class Search:
    """What was asked of PubMed for a question, strict to loose, and the PMIDs found in all, best first."""

    rounds: tuple[Round, ...]
    pmids: tuple[str, ...]
    trouble: str = ""  # why it ended early, with what had been found

    @property
    def telling(self) -> Round:
        """The strictest round that found anything; the last one where none did."""
        return next((made for made in self.rounds if made.found.pmids), self.rounds[-1])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What PubMed ignored or did not find, of all rounds, each once."""
        return tuple(dict.fromkeys(w for made in self.rounds for w in made.found.warnings))


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The abstracts to read for a question, the search that found them, and notes for the user.

    ``search`` is ``None`` where they were given and not searched for. ``unread`` are those that the models
    are not to read, in order, as they look less promising to what ``chosen_by`` names.
    """

    question: str
    search: Search | None
    records: tuple[Abstract, ...]
    notices: tuple[str, ...] = ()
    unread: tuple[Abstract, ...] = ()
    chosen_by: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where an answer stands: the abstract, the answer, and the sentence ``around`` it.

    ``place`` counts the abstracts that were read, from 0; spans are of the record's text.
    """

    record: Abstract
    answer: Answer
    around: CharSpan
    place: int

    @property
    def sentence(self) -> str:
        """The sentence's text."""
        return self.around.of(self.record.text)


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer of a model over all abstracts; ``share`` is its part of the scores, 0 to 1.

    ``evidence`` has one entry an abstract, the surest first. ``key`` is the same for answers that are
    alike.
    """

    text: str
    score: float
    share: float
    evidence: tuple[Evidence, ...]
    key: str


def queries_to_try(question: str, query: str) -> list[str]:
    """The user's own query alone, or those made of the question, strict to loose.

    Raises ``InputError`` where the query is too long or there is no word to search for.
    """
    if len(query) > MAX_QUERY_CHARS:
        raise InputError(f"The query has {len(query):,} characters. Use at most {MAX_QUERY_CHARS:,}.")
    if query.strip():
        return [with_abstracts(query.strip())]
    tries = [with_abstracts(made) for made in queries(question)]
    if not tries:
        raise InputError(
            hint(question) or "The question has no word to search for. Write a PubMed query of your own."
        )
    return tries


def search(tries: Sequence[str], session: Session, *, limit: int, newest_first: bool = False) -> Search:
    """What the queries find, one after the other, until about as many abstracts as asked for are there.

    Records of a stricter query stand before those of a looser one. Raises ``InputError`` where none
    finds anything, ``PubMedError`` where PubMed cannot be asked.
    """
    if not tries:
        raise ValueError("at least one query is needed")
    rounds: list[Round] = []
    pmids: dict[str, None] = {}
    trouble = ""
    for query in tries:
        try:
            found = session.search(query, limit=limit, newest_first=newest_first)
        except PubMedCancelled:
            raise
        except PubMedError as error:
            if not pmids:
                raise
            trouble = f"No looser query was tried: {error}"
            break
        rounds.append(Round(query, found))
        pmids |= dict.fromkeys(found.pmids)
        if enough(len(pmids), limit):
            break
    made = Search(tuple(rounds), tuple(pmids)[:limit], trouble)
    if not pmids:
        more = f" ({'; '.join(made.warnings)})" if made.warnings else ""
        raise InputError(f"PubMed finds nothing for “{made.telling.query}”{more}. Use fewer or other words.")
    return made


def retrieve(question: str, made: Search, session: Session) -> Retrieved:
    """The records that a search found.

    Raises ``InputError`` where none has a text, ``PubMedError`` where PubMed cannot be asked.
    """
    fetched = session.fetch(made.pmids)
    records = tuple(record for record in fetched.records if record.text.strip())
    if not records:
        raise InputError("PubMed has no text of these records. Try another query.")
    warnings = [f"PubMed: {warning}." for warning in made.warnings]
    told = [words for words in (hint(question), made.trouble) if words]
    return Retrieved(question, made, records, tuple(dict.fromkeys((*told, *warnings, *session.notices))))


def to_be_read(
    retrieved: Retrieved, checkpoints: Sequence[Checkpoint], readers: Readers, extent: Extent
) -> Retrieved:
    """What was retrieved, with its less promising abstracts ``unread`` where not all are to be read.

    See ``cascade.most_promising``, which may read them all with a small model; raises what it raises.
    """
    texts = [record.text for record in retrieved.records]
    choice = most_promising(Question(retrieved.question), texts, checkpoints, readers, extent)
    if choice is None:
        return retrieved
    places = frozenset(choice.places)
    return replace(
        retrieved,
        records=tuple(retrieved.records[place] for place in choice.places),
        unread=tuple(record for place, record in enumerate(retrieved.records) if place not in places),
        chosen_by=choice.by,
    )


def read_abstracts(
    retrieved: Retrieved, checkpoints: Sequence[Checkpoint], readers: Readers
) -> Iterator[Comparison]:
    """A comparison for each abstract but the ``unread``, in order, as it is read; see ``compare_many``."""
    question = Question(retrieved.question)
    passages = ((question, passage_of_records((record,))) for record in retrieved.records)
    return compare_many(passages, checkpoints, readers)


def findings(
    read: Sequence[Comparison],
    side: int,
    *,
    top_n: int,
    null_threshold: float = 0.0,
    fold: Callable[[str], str] | None = None,
) -> list[Finding]:
    """The ``top_n`` answers of one side (0: BioM's, 1: the vanilla one), best first.

    Abstracts in which the model abstains at ``null_threshold`` have no say. Retracted ones have one,
    and are marked where they are shown. ``fold`` is as in ``pooling.pool``.
    """
    view = View(null_threshold=null_threshold)
    given = [place for place, comparison in enumerate(read) if comparison.sides[side].answer(view)]
    predictions: list[Prediction] = [read[place].sides[side].prediction(view) for place in given]
    texts = [read[place].passage.text for place in given]
    # All clusters: a finding's share is of them all.
    pooled = pool(zip(texts, predictions, strict=True), top_n=len(given) * 20 + 1, fold=fold)
    total = sum(answer.score for answer in pooled)
    made = []
    for answer in pooled[:top_n]:
        best_of: dict[int, Answer] = {}
        for mention in answer.mentions:  # the surest first
            best_of.setdefault(given[mention.source], mention.answer)
        evidence = tuple(evidence_of(read[place], found, place) for place, found in best_of.items())
        share = answer.score / total if total else 0.0
        made.append(Finding(answer.text, answer.score, share, evidence, answer.key))
    return made


def evidence_of(comparison: Comparison, answer: Answer, place: int) -> Evidence:
    """Where an answer to one abstract stands; ``place`` is the abstract's among those that were read."""
    (record,) = comparison.passage.records
    return Evidence(record, answer, sentence_around(record.text, answer.span), place)
