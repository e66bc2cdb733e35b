"""Blind votes as the page shows them."""

from __future__ import annotations

import csv
import io

from biom_demo.show.export import csv_text
from biom_demo.show.votes import NAMED, Ballot, asking_html, ballots_html, known_words
from tests.markup import Page


def ballot(vote, **changes):
    values = {"question": "Which?", "source": "pasted text", "model_a": "BioM", "answer_a": "CFTR"}
    values |= {"model_b": "Vanilla", "answer_b": "", "vote": vote}
    return Ballot(**values | changes)


def test_the_last_vote_is_told_where_it_is_revealed_and_all_are_counted():
    cast = [
        ballot("BioM"),
        ballot("Both are right"),
        ballot("BioM", model_a="Vanilla", known=("CFTR", "<i>")),
    ]
    counts = "Votes of this session (3): BioM: 2; Both are right: 1."
    assert Page(ballots_html(cast, revealed=True)).text == (
        f"Model A was Vanilla, Model B was Vanilla. You voted: BioM. Known answer: CFTR | <i>. {counts}"
    )
    # Under another run than the one that was voted on, nothing of that one.
    assert Page(ballots_html(cast, revealed=False)).text == counts
    assert ballots_html([], revealed=True) == ""


def test_before_the_vote_nothing_is_told():
    assert Page(asking_html()).text.startswith("Which answer is better?")


def test_known_answers_are_told_once_each_and_not_by_the_hundred():
    assert known_words(None) == []
    assert known_words(()) == ["The text holds no answer."]
    assert known_words(("a", "a", "b")) == ["Known answer: a | b."]
    assert known_words([str(n) for n in range(500)])[0].count("|") == NAMED - 1


def test_ballots_become_rows():
    (row,) = csv.DictReader(io.StringIO(csv_text([ballot("BioM").as_row()])))
    assert row == {
        "question": "Which?",
        "source": "pasted text",
        "model A": "BioM",
        "answer A": "CFTR",
        "model B": "Vanilla",
        "answer B": "",
        "vote": "BioM",
        "known answers": "",
    }
