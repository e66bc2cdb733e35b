"""Short forms are looked for a little way back only."""

from __future__ import annotations

from biom_demo.qa.short_forms import short_forms
from tests.costs import ratio_of


def test_a_definition_far_into_a_text_is_found_as_at_its_head():
    defined = "the tumor necrosis factor (TNF) and a receptor"
    for before in ("", "word " * 500, "w" * 5000 + " "):
        assert short_forms([before + defined]) == {"TNF": "tumor necrosis factor"}
    # A word that is cut in two where the look back ends begins nowhere.
    assert short_forms(["x" * 2000 + "a" * 590 + " b (AB)"]) == {}


def test_many_brackets_cost_no_more_than_their_length():
    def many(size):
        return ["".join(f"alpha beta (A{i}) " for i in range(size))]

    assert ratio_of(short_forms, many(2_000), many(8_000), most=8) < 8
