"""Short forms are looked for a little way back only."""

from __future__ import annotations

import time

from biom_demo.qa.short_forms import short_forms


def test_a_definition_far_into_a_text_is_found_as_at_its_head():
    defined = "the tumor necrosis factor (TNF) and a receptor"
    for before in ("", "word " * 500, "w" * 5000 + " "):
        assert short_forms([before + defined]) == {"TNF": "tumor necrosis factor"}
    # A word that is cut in two where the look back ends begins nowhere.
    assert short_forms(["x" * 2000 + "a" * 590 + " b (AB)"]) == {}


def test_many_brackets_cost_no_more_than_their_length():
    def seconds(size):
        text = "".join(f"alpha beta (A{i}) " for i in range(size))
        started = time.thread_time()
        short_forms([text])
        return time.thread_time() - started

    assert min(seconds(8000) for _ in range(2)) < 8 * min(seconds(2000) for _ in range(2)) + 0.05
