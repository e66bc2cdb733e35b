"""Nothing of a visitor stays: lifetimes, bounds over all sessions, and sessions of those who left."""

from __future__ import annotations

from copy import copy
from types import SimpleNamespace

import numpy as np
import pytest

from biom_demo.settings import Settings
from biom_demo.ui.page import build_page
from biom_demo.ui.run import History
from biom_demo.ui.sessions import Sessions, weight
from biom_demo.ui.site import Site
from tests.served import QUESTION, wait_for
from tests.site import TEXT, built


@pytest.fixture(scope="module")
def page():
    site = Site.from_settings(Settings(pair="mini", pubmed_cache="off"))
    with built(lambda: build_page(site)) as made:
        yield made


def test_every_state_is_forgotten_in_the_end(page):
    from gradio import State

    states = [block for block in page.blocks.values() if isinstance(block, State)]
    assert len(states) > 10
    assert all(0 < state.time_to_live <= 3_600 for state in states)


def test_uploads_are_deleted_and_the_api_stands_in_the_queue(page):
    swept_every_s, kept_s = page.delete_cache
    assert swept_every_s <= 60
    assert kept_s <= 3_600
    assert page.api_open is False


def test_a_sessions_copy_of_the_page_describes_nothing_and_so_keeps_nothing_typed(page):
    session = copy(page.default_config)
    assert session.blocks == page.default_config.blocks
    assert session.fns == page.default_config.fns
    assert all(session.config_for_block(number, [], block) == {} for number, block in session.blocks.items())
    assert all(
        page.default_config.config_for_block(number, [], block) for number, block in page.blocks.items()
    )


class Holder:
    """In the place of Gradio's ``StateHolder``: sessions with two states, a history (1) and a value (2)."""

    def __init__(self):
        parts = {1: SimpleNamespace(value=History()), 2: SimpleNamespace(value=None)}
        self.config = SimpleNamespace(blocks=parts)
        self.session_data, self.time_last_used = {}, {}

    def put(self, name, number, value):
        fresh = SimpleNamespace(state_data={}, is_closed=False, blocks_config=self.config)
        self.session_data.setdefault(name, fresh).state_data[number] = value
        self.time_last_used[name] = 0


class Visitors:
    """Sessions under a clock of the test's own."""

    def __init__(self, **options):
        self.now, self.holder, self.forgotten = 0.0, Holder(), []
        self.sessions = Sessions(
            lambda: self.holder, forgotten=self.forgotten.append, clock=lambda: self.now, **options
        )

    def do(self, name, number, value):
        self.sessions.came(name)
        self.holder.put(name, number, value)
        self.sessions.settle(name)
        self.sessions.sweep()

    def history(self, name):
        return self.holder.session_data[name].state_data[1]


def runs(count, *, size=10_000):
    return tuple(np.zeros(size, dtype=np.uint8) for _ in range(count))


def test_the_oldest_of_anyones_goes_first_and_it_is_told():
    visitors = Visitors(most_bytes=50_000)
    old, new = runs(3), runs(3)
    visitors.do("old", 1, History(old))
    visitors.do("new", 1, History(new))
    assert visitors.sessions.bytes_held <= 50_000
    assert visitors.history("new") == History(new)
    assert visitors.history("old").dropped >= 1
    assert visitors.history("old").runs[-1] is old[-1]


def test_no_number_of_visitors_holds_more_than_the_bound():
    visitors = Visitors(most_bytes=100_000)
    for number in range(200):
        visitors.do(f"visitor {number}", 1 + number % 2, History(runs(2)) if number % 2 == 0 else runs(1)[0])
        held = [
            thing
            for session in visitors.holder.session_data.values()
            for value in session.state_data.values()
            for thing in (value.runs if isinstance(value, History) else [value])
            if thing is not None
        ]
        assert sum(thing.nbytes for thing in held) <= 100_000
        assert held


def test_what_two_states_of_a_session_share_counts_once():
    visitors = Visitors()
    run = runs(1)[0]
    visitors.do("one", 1, History((run,)))
    before = visitors.sessions.bytes_held
    visitors.do("one", 2, run)
    assert visitors.sessions.bytes_held == before == run.nbytes


def test_a_session_goes_when_its_visitor_has_left_for_good():
    visitors = Visitors(grace_s=300)
    visitors.do("stays", 2, runs(1)[0])
    visitors.do("leaves", 2, runs(1)[0])
    visitors.do("returns", 2, runs(1)[0])
    for name in ("leaves", "returns"):
        visitors.sessions.left(name)
        visitors.holder.session_data[name].is_closed = True
    assert visitors.sessions.leaving
    visitors.now = 200
    visitors.sessions.came("returns")
    visitors.sessions.sweep()
    assert len(visitors.sessions) == 3
    visitors.now = 301
    visitors.sessions.sweep()
    assert set(visitors.holder.session_data) == {"stays", "returns"}
    assert visitors.forgotten == ["leaves"]
    assert not visitors.holder.session_data["returns"].is_closed


def test_a_session_goes_when_nothing_was_done_in_it_for_long():
    visitors = Visitors(idle_s=3_600)
    visitors.do("idle", 2, runs(1)[0])
    visitors.now = 3_599
    visitors.do("other", 2, runs(1)[0])
    assert "idle" in visitors.holder.session_data
    visitors.now = 3_600
    visitors.do("other", 2, runs(1)[0])
    assert set(visitors.holder.session_data) == {"other"}


def test_a_weight_counts_arrays_texts_and_what_records_refer_to():
    array = np.zeros(1_000, dtype=np.float32)
    assert weight(array) == 4_000
    assert weight((array, array)) - weight(()) < 4_100
    assert weight(["a" * 5_000, {"b": "c" * 5_000}]) > 10_000
    assert weight(History((array,))) > 4_000


def test_calls_of_the_api_leave_no_session_behind(served_page):
    before = set(served_page.sessions()["gradio"])
    for _ in range(5):
        served_page.call("answer", [TEXT, QUESTION, "mini"])
    assert set(served_page.sessions()["gradio"]) <= before


def test_a_visitor_who_leaves_is_known_to_have_left(served_page):
    """The page's stream to the server ends; what it holds is dropped after a while."""
    number = served_page.event("context", None, "pair")
    with served_page.client() as client, client.stream("GET", "/gradio_api/heartbeat/leaver") as stream:
        lines = stream.iter_lines()  # which ends the stream when it goes
        next(lines)
        assert served_page.run(number, [TEXT, None, "mini"], session="leaver").status_code == 200
        assert "leaver" in served_page.sessions()["gradio"]
    wait_for(lambda: "leaver" in served_page.sessions()["leaving"])
