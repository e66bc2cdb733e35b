"""Scores against known answers, and blind votes -> HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from biom_demo.show.cards import BLIND, status_html


@dataclass(frozen=True, slots=True)
class TallyRow:
    """One model's score on the question on the page, and over the session so far.

    ``exact`` and ``f1`` (0 to 1) are of this question, ``exact_match`` and ``mean_f1`` (0 to 1) the
    means over ``questions``.
    """

    label: str
    exact: bool
    f1: float
    questions: int
    exact_match: float
    mean_f1: float


@dataclass(frozen=True, slots=True)
class Vote:
    """A blind vote: the models behind "Model A" and "Model B", and what was voted for, in words."""

    model_a: str
    model_b: str
    outcome: str


def tally_html(rows: Sequence[TallyRow]) -> Markup:
    """EM and F1 of each model here and over the session's questions with known answers."""
    if not rows:
        return Markup()
    body = Markup().join(
        Markup(
            '<tr><th scope="row">{}</th><td>{}</td><td>{:.2f}</td><td>{}</td><td>{:.1f}</td>'
            "<td>{:.1f}</td></tr>"
        ).format(row.label, int(row.exact), row.f1, row.questions, 100 * row.exact_match, 100 * row.mean_f1)
        for row in rows
    )
    return Markup(
        '<div class="table-scroll" tabindex="0" role="region" aria-label="Scores"><table class="cross">'
        '<thead><tr><th scope="col">model</th><th scope="col">EM here</th><th scope="col">F1 here</th>'
        '<th scope="col">questions so far</th><th scope="col">EM, %</th><th scope="col">F1, %</th></tr>'
        "</thead><tbody>{}</tbody></table></div>"
    ).format(body)


def votes_html(votes: Sequence[Vote]) -> Markup:
    """Who was who in the last vote, and the count of each outcome so far."""
    if not votes:
        return status_html("No votes yet. Tick “Blind” under “More”, ask, and vote.")
    last = votes[-1]
    counts = Counter(vote.outcome for vote in votes).most_common()
    shown = "; ".join(f"{outcome}: {count}" for outcome, count in counts)
    return status_html(
        f"{BLIND[0].label} was {last.model_a}, {BLIND[1].label} was {last.model_b}. "
        f"Votes of this session ({len(votes)}): {shown}."
    )
