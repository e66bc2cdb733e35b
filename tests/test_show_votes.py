"""Scores and blind votes as the page shows them."""

from __future__ import annotations

import csv
import io

from biom_demo.show.export import csv_text
from biom_demo.show.practice import Ballot, TallyRow, ballots_html, tally_html
from tests.markup import Page


def test_a_tally_has_a_row_a_model():
    html = tally_html([TallyRow("<B>", True, 1.0, 3, 66.666, 70.0), TallyRow("V", False, 0.5, 0, None, None)])
    assert "<B>✓ right100%366.7%70.0%V✗ wrong50%0––" in Page(html).text
    assert "(exact match, EM)" in Page(html).text
    assert tally_html([]) == ""


def ballot(vote, **changes):
    values = {"question": "Which?", "source": "pasted text", "model_a": "BioM", "answer_a": "CFTR"}
    values |= {"model_b": "Vanilla", "answer_b": "", "vote": vote}
    return Ballot(**values | changes)


def test_votes_are_counted_and_the_last_one_is_told():
    cast = [ballot("BioM"), ballot("Both are right"), ballot("BioM", model_a="Vanilla", model_b="<i>")]
    page = Page(ballots_html(cast))
    assert page.text == (
        "Model A was Vanilla, Model B was <i>. Votes of this session (3): BioM: 2; Both are right: 1."
    )
    assert "No votes yet" in ballots_html([])


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
    }
