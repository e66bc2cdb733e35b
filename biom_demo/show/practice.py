"""Scores against known answers, and blind votes -> HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from biom_demo.show.cards import BLIND, status_html

EXACT_HELP = "the words of a known answer, but for capitals, articles and punctuation (exact match, EM)"
F1_HELP = "how far the words are those of the known answer (token F1)"


@dataclass(frozen=True, slots=True)
class TallyRow:
    """One model's score on the question on the page, and over the questions of a file so far.

    ``exact`` and ``f1`` (0 to 1) are of this question; ``mean_exact`` and ``mean_f1`` (percent) are
    over ``questions``, ``None`` where there are none.
    """

    label: str
    exact: bool
    f1: float
    questions: int
    mean_exact: float | None
    mean_f1: float | None


@dataclass(frozen=True, slots=True)
class Ballot:
    """A blind vote: what was asked, the models behind the letters, their answers, and the preference."""

    question: str
    source: str
    model_a: str
    answer_a: str
    model_b: str
    answer_b: str
    vote: str

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
        }


def tally_html(rows: Sequence[TallyRow]) -> Markup:
    """Whether each model is right here, how many words are a known answer's, and both over a file so far."""
    if not rows:
        return Markup()
    body = Markup().join(
        Markup(
            '<tr><th scope="row">{}</th><td>{}</td><td>{:.0%}</td><td>{}</td><td>{}</td><td>{}</td></tr>'
        ).format(
            row.label,
            "✓ right" if row.exact else "✗ wrong",
            row.f1,
            row.questions,
            _mean(row.mean_exact),
            _mean(row.mean_f1),
        )
        for row in rows
    )
    return Markup(
        '<div class="table-scroll" tabindex="0" role="region" aria-label="Scores"><table class="cross">'
        '<thead><tr><th scope="col">model</th><th scope="col" title="{exact}">this answer</th>'
        '<th scope="col" title="{f1}">same words</th><th scope="col">questions so far</th>'
        '<th scope="col" title="{exact}">right</th><th scope="col" title="{f1}">same words</th></tr>'
        '</thead><tbody>{body}</tbody></table></div><p class="explained">Right: {exact}. '
        "Same words: {f1}.</p>"
    ).format(body=body, exact=EXACT_HELP, f1=F1_HELP)


def _mean(percent: float | None) -> str:
    return "–" if percent is None else f"{percent:.1f}%"


def ballots_html(ballots: Sequence[Ballot]) -> Markup:
    """Who was who in the last vote, and the count of each outcome so far."""
    if not ballots:
        return status_html("No votes yet. Tick “Blind” under “More”, ask, and vote.")
    last = ballots[-1]
    counts = Counter(ballot.vote for ballot in ballots).most_common()
    shown = "; ".join(f"{vote}: {count}" for vote, count in counts)
    return status_html(
        f"{BLIND[0].label} was {last.model_a}, {BLIND[1].label} was {last.model_b}. "
        f"Votes of this session ({len(ballots)}): {shown}."
    )
