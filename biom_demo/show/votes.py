"""Blind votes -> HTML: what is asked, and after the vote who was who and what was known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from biom_demo.show.cards import BLIND, status_html

ASKED = "Which answer is better? Models and known answer show here once you have voted."

NAMED = 5  # known answers


@dataclass(frozen=True, slots=True)
class Ballot:
    """A blind vote: what was asked, the models behind the letters, their answers, and the preference.

    ``known`` are the known answers (``None``: not known; empty: the text holds none).
    """

    question: str
    source: str
    model_a: str
    answer_a: str
    model_b: str
    answer_b: str
    vote: str
    known: tuple[str, ...] | None = None

    def as_row(self) -> dict[str, str]:
        """The ballot as a row of a file, by column."""
        return {
            "question": self.question,
            "source": self.source,
            "model A": self.model_a,
            "answer A": self.answer_a,
            "model B": self.model_b,
            "answer B": self.answer_b,
            "vote": self.vote,
            "known answers": " | ".join(self.known or ()),
        }


def ballots_html(ballots: Sequence[Ballot], *, revealed: bool) -> Markup:
    """The count of each outcome so far; who was who in the last vote, where that is ``revealed``."""
    if not ballots:
        return Markup()
    last = ballots[-1]
    counts = Counter(ballot.vote for ballot in ballots).most_common()
    shown = "; ".join(f"{vote}: {count}" for vote, count in counts)
    words = [f"Votes of this session ({len(ballots)}): {shown}."]
    if revealed:
        told = f"{BLIND[0].label} was {last.model_a}, {BLIND[1].label} was {last.model_b}."
        words = [told, f"You voted: {last.vote}.", *known_words(last.known), *words]
    return status_html(" ".join(words))


def known_words(known: Sequence[str] | None) -> list[str]:
    """What was known of the question, in a sentence; nothing where nothing was."""
    if known is None:
        return []
    if not known:
        return ["The text holds no answer."]
    return [f"Known answer: {' | '.join(list(dict.fromkeys(known))[:NAMED])}."]


def asking_html() -> Markup:
    """What a voter is asked before the vote."""
    return status_html(ASKED)
