"""Teach and test: questions of an uploaded BioASQ or SQuAD file one by one, scores, blind votes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import gradio as gr

from biom_demo.analysis.comparison import View, compare_many
from biom_demo.analysis.passage import passage_of_text
from biom_demo.counters import Work
from biom_demo.models.worker import Ended
from biom_demo.qa.datasets.uploads import limits_in_words, read_upload
from biom_demo.qa.metrics import squad_exact_match
from biom_demo.qa.records import Example
from biom_demo.show.cards import status_html
from biom_demo.show.export import as_download, csv_text
from biom_demo.show.practice import Ballot, TallyRow, ballots_html, tally_html
from biom_demo.show.words import counted
from biom_demo.ui.compare_tab import SHOWN, Tab
from biom_demo.ui.reading import ended_words, followed, reading_words
from biom_demo.ui.run import History, Placed, Run, Score, drawn, scores
from biom_demo.ui.site import Site, Update, words_of
from biom_demo.ui.wiring import QUIET, QUIET_IN_QUEUE, READS, kept, script

SEARCHED = 60  # questions read at most to find the next one the models disagree on
SCORED_KEPT = 200  # runs of a file's questions in a session's tally, with their readings
NO_FILE = "Upload a file to go through its questions."
VOTES = {"A": "A is better", "B": "B is better", "tie": "Both are right", "none": "Both are wrong"}
ON_PAGE = ("deck", "context", "question", "placed", "place", "ready")


@dataclass(frozen=True, slots=True, eq=False)
class Deck:
    """The questions of a file and which is on the page; ``key`` tells uploads of one name apart."""

    key: str
    name: str
    examples: tuple[Example, ...]
    at: int = 0
    notes: tuple[str, ...] = ()  # what was mended or left out of the file


def put(deck: Deck) -> Update:
    """The deck's question into the boxes, to be asked at once."""
    example = deck.examples[deck.at]
    words = " ".join([f"{deck.name}: question {deck.at + 1:,} of {len(deck.examples):,}.", *deck.notes])
    return {
        "deck": deck,
        "context": example.context,
        "question": example.question.text,
        "placed": Placed(
            example.context,
            example.question.text,
            example.gold_texts if example.labelled else None,
            deck.key,
            deck.at,
        ),
        "place": status_html(words),
        "ready": "ask",
    }


def refused(words: str) -> Update:
    """Why there is no question to put."""
    return {"place": status_html(words, kind="error"), "ready": ""}


def load(path: str) -> Update:
    """An uploaded file's first question; the tally begins anew with it."""
    try:
        return {**put(read_deck(path)), "scored": ()}
    except Exception as error:
        return refused(words_of(error, "reading an uploaded file"))


def go(deck: Deck | None, step: int) -> Update:
    """The question ``step`` further on, round the end; 0: any."""
    if deck is None:
        return refused("There is no file yet. Upload one first.")
    count = len(deck.examples)
    return put(replace(deck, at=random.randrange(count) if step == 0 else (deck.at + step) % count))


def next_disagreement(site: Site, deck: Deck | None, pair: str, view: View, session: str) -> Iterator[Update]:
    """The next question on which the pair's answers differ under the view; progress on the way."""
    if deck is None:
        yield refused("There is no file yet. Upload one first.")
        return
    stop = site.stops.begin(session, "practice")
    try:
        count = len(deck.examples)
        ahead = [(deck.at + i) % count for i in range(1, min(SEARCHED + 1, count))]
        asked = (
            (example.question, passage_of_text(example.context, exactly=example.labelled))
            for example in (deck.examples[i] for i in ahead)
        )
        number = 0
        with site.reading(Work.PRACTICE, session, stop) as visit:
            for comparison in followed(compare_many(asked, site.checkpoints(pair), visit), visit):
                if comparison is None:
                    words = f"Read {number} of the next {len(ahead)} questions; {reading_words(visit)}"
                    yield {"place": status_html(words, progress=number / len(ahead)), "ready": ""}
                    continue
                index, number = ahead[number], number + 1
                one, other = (side.answer(view) for side in comparison.sides)
                if not squad_exact_match(one.text if one else "", other.text if other else ""):
                    yield put(replace(deck, at=index))
                    return
        if visit.ended is Ended.STOPPED:  # another question or file has taken its place
            return
        agreed = f"The models agree on the next {counted(number, 'question')}."
        yield refused(f"{agreed} {ended_words(visit)}".strip())
    except Exception as error:
        yield refused(site.stops.words(words_of(error, "looking for a disagreement")))
    finally:
        site.stops.end(session, "practice", stop)


def after_run(run: Run | None, scored: tuple[Run, ...], view: View, deck: Deck | None) -> Update:
    """The scores of this question and of the file's questions so far; the vote's buttons while blind."""
    place = run.asked.of_deck if run is not None and not run.blind else None
    if run is not None and place is not None and deck is not None and place[0] == deck.key:
        others = [kept for kept in scored if kept.asked.of_deck != place]
        scored = (*others[-SCORED_KEPT + 1 :], run)
    return {
        "tally": tally(run, scored, view),
        "scored": scored,
        "votes_row": gr.update(visible=run is not None and run.blind),
    }


def tally(run: Run | None, scored: Sequence[Run], view: View) -> str:
    """Exact match and F1 of each model here, and over the file's questions asked so far, under a view.

    Examples and questions that were changed count here, not in the file's tally.
    """
    if run is None or run.blind:
        return ""
    here = scores(run, view)
    of_file = [score for kept in scored for score in scores(kept, view)]
    return tally_html([_row(score, [s for s in of_file if s.label == score.label]) for score in here])


def _row(here: Score, of_file: Sequence[Score]) -> TallyRow:
    count = len(of_file)
    return TallyRow(
        here.label,
        here.exact,
        here.f1,
        count,
        100 * sum(score.exact for score in of_file) / count if count else None,
        100 * sum(score.f1 for score in of_file) / count if count else None,
    )


def vote(
    name: str, run: Run | None, ballots: tuple[Ballot, ...], history: History, view: View
) -> Update | None:
    """The vote counted and the run opened; ``None`` where there is nothing to vote on.

    The models stay where they stood: who was A is now named in A's place.
    """
    if run is None or not run.blind:
        return None
    opened = replace(run, blind=False)
    ballots = (*ballots, ballot(name, run, view))
    return {
        "run": opened,
        "displayed": opened,
        "ballots": ballots,
        "history": history.replaced(run, opened),
        "vote_count": ballots_html(ballots),
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
    )


def ballots_csv(ballots: Sequence[Ballot]) -> str:
    """The votes as a file to save, "" for none."""
    return as_download("votes.csv", "text/csv", csv_text([b.as_row() for b in ballots])) if ballots else ""


def read_deck(path: str) -> Deck:
    """The questions of an uploaded file, as ``qa.datasets.uploads.read_upload`` reads and bounds them.

    Raises as it does.
    """
    found = read_upload(path)
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    return Deck(uuid4().hex, name, found.examples, notes=found.notes)


def build(site: Site, tab: Tab) -> None:
    """Lay out the panel and wire it."""
    parts: dict[str, Any] = {"deck": kept(None), "scored": kept(()), "ballots": kept(())}
    with tab.vote_row:
        buttons = {name: gr.Button(words, elem_id=f"vote-{name}") for name, words in VOTES.items()}
    with gr.Accordion("Test with known answers, and blind votes", open=False, elem_id="practice-panel"):
        upload = gr.UploadButton(
            f"Upload a BioASQ golden file or a SQuAD file (.json, {limits_in_words()})",
            file_types=[".json"],
            elem_id="deck",
        )
        with gr.Row():
            previous = gr.Button("← Previous", elem_id="previous")
            following = gr.Button("Next →", elem_id="next")
            anywhere = gr.Button("Random", elem_id="random")
            disagree = gr.Button("Next disagreement", elem_id="disagreement")
        parts["place"] = gr.HTML(str(status_html(NO_FILE)), elem_id="place", padding=False)
        parts["tally"] = gr.HTML("", elem_id="tally", padding=False)
        with gr.Row():
            parts["vote_count"] = gr.HTML(str(ballots_html(())), elem_id="vote-count", padding=False)
            export = gr.Button("Download votes (CSV)", elem_id="export-votes")
    payload = gr.Textbox(visible="hidden", elem_id="votes-payload")
    parts["ready"] = gr.Textbox(visible="hidden", elem_id="deck-ready")
    parts["votes_row"] = tab.vote_row
    panel = tab.parts.joined(parts)

    def ask_at_once(event: Any) -> None:
        event.then(None, panel.of("ready"), None, js=script("ask_if_ready"))

    # A search for the next disagreement must not write over what came after it.
    def on_upload(path: str, request: gr.Request) -> dict[Any, Any]:
        site.stops.stop(request.session_hash or "", "practice")
        return panel.changed(load(path))

    def stepping(step: int) -> Callable[..., dict[Any, Any]]:
        def on_step(deck: Deck | None, request: gr.Request) -> dict[Any, Any]:
            site.stops.stop(request.session_hash or "", "practice")
            return panel.changed(go(deck, step))

        return on_step

    ask_at_once(upload.upload(on_upload, [upload], panel.of(*ON_PAGE, "scored"), **QUIET))
    for button, step in ((previous, -1), (following, 1), (anywhere, 0)):
        ask_at_once(button.click(stepping(step), panel.of("deck"), panel.of(*ON_PAGE), **QUIET))

    def on_disagree(
        deck: Deck | None, pair: str, view: View, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        updates = next_disagreement(
            site.seen_by(request.headers), deck, pair, view, request.session_hash or ""
        )
        yield from panel.streamed(updates, *ON_PAGE)

    ask_at_once(
        disagree.click(
            on_disagree,
            panel.of("deck", "pair", "view"),
            panel.of(*ON_PAGE),
            show_progress_on=panel.of("place"),
            **READS,
        )
    )
    tab.parts["run"].change(
        lambda *values: panel.changed(after_run(*values)),
        panel.of("run", "scored", "view", "deck"),
        panel.of("tally", "scored", "votes_row"),
        **QUIET,
    )
    for change in tab.view_changes:
        change.then(
            lambda *values: panel.changed({"tally": tally(*values)}),
            panel.of("run", "scored", "view"),
            panel.of("tally"),
            **QUIET,
        )

    def on_vote(name: str, *values: Any) -> Any:
        update = vote(name, *values)
        return panel.changed(update or {"vote_count": gr.skip()})

    for name, button in buttons.items():
        button.click(
            lambda *values, name=name: on_vote(name, *values),
            panel.of("run", "ballots", "history", "view"),
            panel.of("run", "displayed", "ballots", "history", "vote_count", *SHOWN),
            **QUIET_IN_QUEUE,
        )
    export.click(lambda ballots: ballots_csv(ballots), panel.of("ballots"), [payload], **QUIET).then(
        None, [payload], None, js=script("download")
    )
