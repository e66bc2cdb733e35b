"""The library: a pair of models in memory, and questions to it. ``import biom_demo`` offers all of this.

    from biom_demo import ask, ask_pubmed, load_pair

    pair = load_pair("mini")
    found = ask("Which gene is mutated?", "Cystic fibrosis is caused by the CFTR gene.", pair)

What comes back are the page's own records; ``to_json`` has the JSON that the page, the API and the command
line give. Errors are those of ``biom_demo.errors``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from biom_demo.analysis.cascade import extent_of
from biom_demo.analysis.comparison import Comparison, View, compared
from biom_demo.analysis.literature import (
    MAX_ABSTRACTS,
    Finding,
    Retrieved,
    findings,
    queries_to_try,
    read_abstracts,
    retrieve,
    search,
    to_be_read,
)
from biom_demo.analysis.passage import (
    check_input,
    check_question,
    passage_of_input,
    passage_of_text,
    readable,
)
from biom_demo.errors import InputError
from biom_demo.models.catalogue import Checkpoint, ModelPair, resolve_pair
from biom_demo.models.store import Models
from biom_demo.pubmed.session import PubMed
from biom_demo.qa.records import Question
from biom_demo.settings import Precision, Settings
from biom_demo.show.export import comparison_json, literature_json
from biom_demo.show.words import listed

__all__ = [
    "AnsweredComparison",
    "AnsweredLiterature",
    "LoadedPair",
    "View",
    "ask",
    "ask_pubmed",
    "load_pair",
]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPair:
    """Two models in memory and the way to PubMed. Threads may share it: they take turns at reading."""

    pair: ModelPair
    models: Models
    pubmed: PubMed
    settings: Settings

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Both models, BioM's first."""
        return self.pair.checkpoints


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredComparison(Comparison):
    """A complete comparison of one text: ``sides`` has BioM's answers, then the vanilla model's."""

    def to_json(self, view: View | None = None) -> dict[str, Any]:
        """Plain JSON values, as ``ask --json`` and the API's ``/answer`` have them; offsets are half-open."""
        return comparison_json(self, view)


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredLiterature:
    """What was found for a question, and a comparison for each abstract that was read, in order."""

    retrieved: Retrieved
    read: tuple[Comparison, ...]
    checkpoints: tuple[Checkpoint, ...]

    def findings(self, side: int, *, top_n: int = 5) -> list[Finding]:
        """The answers of one side (0: BioM's, 1: the vanilla one) over all abstracts, best first."""
        return findings(self.read, side, top_n=top_n)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as ``ask --query --json`` and the API's ``/ask_pubmed`` have them."""
        return literature_json(self.retrieved, self.read, checkpoints=self.checkpoints)


def load_pair(
    name: str = "",
    *,
    biom: str | None = None,
    vanilla: str | None = None,
    precision: str = "",
    settings: Settings | None = None,
) -> LoadedPair:
    """A pair (``mini``, ``base``, ``large``, ``albert`` or ``auto``) with both models in memory.

    ``biom`` and ``vanilla`` are folders or Hub ids in place of either side. ``precision`` is what they
    compute in: ``float32`` is exact, ``bfloat16`` and ``int8`` are quicker where the processor has them. What
    is not given is as the ``settings`` say, by default those of the environment. Nothing is fetched: raises
    ``CheckpointError`` for a model that is not on this machine or cannot be read, or a processor that should
    not compute so, ``InputError`` for a pair or precision that does not exist or a setting that cannot be
    used.
    """
    settings = settings or Settings.from_environment()
    if precision:
        settings = replace(settings, precision=_precision_named(precision))
    if not name and not biom and not vanilla:
        pair = resolve_pair(settings.pair, biom=settings.biom_model, vanilla=settings.vanilla_model)
    else:
        pair = resolve_pair(name or settings.pair, biom=biom, vanilla=vanilla)
    loaded = LoadedPair(
        pair,
        Models(threads=settings.threads, precision=settings.precision),
        PubMed.from_settings(settings),
        settings,
    )
    for checkpoint in pair.checkpoints:
        loaded.models.reader(checkpoint)
    return loaded


def _precision_named(name: str) -> Precision:
    """The precision of that name. Raises ``InputError`` where there is none."""
    try:
        return Precision(name)
    except ValueError:
        raise InputError(f"There is no precision {name!r}. Choose {listed(list(Precision), 'or')}.") from None


@cache
def _default_pair() -> LoadedPair:
    return load_pair()


def ask(
    question: str,
    text: str,
    pair: LoadedPair | None = None,
    *,
    exactly: bool = False,
    read: str | None = None,
) -> AnsweredComparison:
    """Both models' answers to a question about a text, or about the records that ``text`` names.

    ``text`` is taken as the page's box takes it: a PMID, DOI, PMCID, address, title or PubMed query is
    looked up, anything else is the text itself. With ``exactly`` it is the text itself, read as it
    stands, as a data set's contexts are. Without a ``pair`` the environment's is loaded, once. ``read``
    is how much is read of a long text: "all", "promising" (what looks so to a quicker first stage) or
    "auto" (all), by default as the settings say.

    Raises ``InputError`` for what cannot be used, ``PubMedError`` where PubMed cannot be asked,
    ``CheckpointError`` as ``load_pair`` does.
    """
    pair = pair or _default_pair()
    text, question, most = readable(text), readable(question), pair.settings.max_context_chars
    check_input(text, question, max_chars=most)
    passage = (
        passage_of_text(text, exactly=True)
        if exactly
        else passage_of_input(text, pair.pubmed.session, max_chars=most)
    )
    extent = extent_of(read, pair.settings)
    made = compared(Question(question), passage, pair.checkpoints, pair.models.visit(), extent)
    return AnsweredComparison(made.question, made.passage, made.checkpoints, made.sides)


def ask_pubmed(
    question: str,
    pair: LoadedPair | None = None,
    *,
    query: str = "",
    abstracts: int = 20,
    read: str | None = None,
) -> AnsweredLiterature:
    """Both models' answers to a question over the abstracts that PubMed finds for it.

    Queries are made of the question unless ``query`` is given; up to ``abstracts`` (at most 100) are
    read; with ``read`` as in ``ask`` fewer, and the others are ``retrieved.unread``. Raises what ``ask``
    raises, ``InputError`` also where nothing is found.
    """
    pair = pair or _default_pair()
    question, query = readable(question), readable(query)
    check_question(question)
    if not 1 <= abstracts <= MAX_ABSTRACTS:
        raise InputError(f"{abstracts} abstracts cannot be read. Give a number from 1 to {MAX_ABSTRACTS}.")
    tries: Sequence[str] = queries_to_try(question, query)
    with pair.pubmed.session() as session:
        retrieved = retrieve(question, search(tries, session, limit=abstracts), session)
    visit = pair.models.visit()
    retrieved = to_be_read(retrieved, pair.checkpoints, visit, extent_of(read, pair.settings))
    made = tuple(read_abstracts(retrieved, pair.checkpoints, visit))
    return AnsweredLiterature(retrieved, made, pair.checkpoints)
