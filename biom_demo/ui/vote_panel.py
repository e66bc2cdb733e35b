"""The blind test: a vote under the answers, and what it reveals, in the same place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from biom_demo.analysis.comparison import View
from biom_demo.show.export import as_download, csv_text
from biom_demo.show.votes import Ballot, asking_html, ballots_html
from biom_demo.ui.compare_tab import SHOWN, Tab
from biom_demo.ui.run import History, Run, drawn
from biom_demo.ui.site import Update
from biom_demo.ui.wiring import QUIET, QUIET_IN_QUEUE, kept, script

VOTES = {"A": "A is better", "B": "B is better", "tie": "Both are right", "none": "Both are wrong"}


def after_run(run: Run | None, ballots: tuple[Ballot, ...], voted: Run | None) -> Update:
    """The question to vote on while the run is blind; what the vote revealed of the run ``voted`` on."""
    blind = run is not None and run.blind
    revealed = run is not None and run is voted
    return {
        "votes_row": gr.update(visible=blind or bool(ballots)),
        "vote_buttons": gr.update(visible=blind),
        "vote_count": asking_html() if blind else ballots_html(ballots, revealed=revealed),
        "export": gr.update(visible=bool(ballots) and not blind),
    }


def vote(
    name: str, run: Run | None, ballots: tuple[Ballot, ...], history: History, view: View
) -> Update | None:
    """The vote counted and the run opened; ``None`` where there is nothing to vote on.

    The models stay where they stood: who was A is now named in A's place.
    """
    if run is None or not run.blind:
        return None
    opened = run.opened()
    ballots = (*ballots, ballot(name, run, view))
    return {
        "run": opened,
        "displayed": opened,
        "voted": opened,
        "ballots": ballots,
        "history": history.replaced(run, opened),
        **after_run(opened, ballots, opened),
        **drawn(opened, view),
    }


def ballot(name: str, run: Run, view: View) -> Ballot:
    """One vote: what was asked, what each model answered, and which was preferred."""
    a, b = (run.comparison.sides[index] for index in run.order[:2])
    answers = [answer.text if answer else "" for answer in (a.answer(view), b.answer(view))]
    return Ballot(
        question=run.asked.question,
        source=run.passage.source,
        model_a=a.label,
        answer_a=answers[0],
        model_b=b.label,
        answer_b=answers[1],
        vote={"A": a.label, "B": b.label}.get(name, VOTES[name]),
        known=run.gold,
    )


def ballots_csv(ballots: Sequence[Ballot]) -> str:
    """The votes as a file to save, "" for none."""
    return as_download("votes.csv", "text/csv", csv_text([b.as_row() for b in ballots])) if ballots else ""


def build(tab: Tab) -> None:
    """Lay out the vote in its row under the answers, and wire it."""
    parts: dict[str, Any] = {"ballots": kept(()), "voted": kept(None)}
    with tab.vote_row:
        parts["vote_count"] = gr.HTML("", elem_id="vote-count", padding=False)
        with gr.Row(visible=False, elem_id="vote-buttons") as parts["vote_buttons"]:
            buttons = {name: gr.Button(words, elem_id=f"vote-{name}") for name, words in VOTES.items()}
        parts["export"] = gr.Button(
            "Download votes (CSV)", visible=False, size="sm", elem_id="export-votes", scale=0
        )
    payload = gr.Textbox(visible="hidden", elem_id="votes-payload")
    parts["votes_row"] = tab.vote_row
    panel = tab.parts.joined(parts)
    told = ("votes_row", "vote_buttons", "vote_count", "export")
    tab.parts["run"].change(
        lambda *values: panel.changed(after_run(*values)),
        panel.of("run", "ballots", "voted"),
        panel.of(*told),
        **QUIET,
    )

    def on_vote(name: str, *values: Any) -> Any:
        return panel.changed(vote(name, *values) or {"vote_count": gr.skip()})

    for name, button in buttons.items():
        button.click(
            lambda *values, name=name: on_vote(name, *values),
            panel.of("run", "ballots", "history", "view"),
            panel.of("run", "displayed", "voted", "ballots", "history", *told, *SHOWN),
            **QUIET_IN_QUEUE,
        )
    parts["export"].click(lambda ballots: ballots_csv(ballots), panel.of("ballots"), [payload], **QUIET).then(
        None, [payload], None, js=script("download")
    )
