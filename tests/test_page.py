"""The page as it is wired: queues, addresses and scripts, without a browser."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from biom_demo.settings import ASSETS, Settings
from biom_demo.ui.page import build_page
from biom_demo.ui.serve import THREADS
from biom_demo.ui.site import PUBMED_AT_ONCE, PUBMED_WAITING, Site
from biom_demo.ui.wiring import PROGRAMS_READING_AT_ONCE, READING_AT_ONCE, script
from tests.site import built


@pytest.fixture(scope="module")
def page():
    site = Site.from_settings(Settings(pair="mini", pubmed_cache="off"))
    with built(lambda: build_page(site)) as made:
        yield made


@pytest.fixture(scope="module")
def events(page):
    return list(page.fns.values())


def test_events_that_share_a_queue_name_the_same_limit(events):
    """Gradio takes the lowest limit of all events that share an id; one that names none counts as 1."""
    limits = defaultdict(set)
    for event in events:
        if event.queue and event.fn:
            limits[event.concurrency_id].add(event.concurrency_limit)
    shared = {name: found for name, found in limits.items() if isinstance(name, str)}
    assert {name: len(found) for name, found in shared.items()} == dict.fromkeys(shared, 1)
    assert shared["model"] == {READING_AT_ONCE}
    assert shared["programs"] == {PROGRAMS_READING_AT_ONCE}
    assert shared["fetch"] == {2}


def test_what_may_ask_pubmed_stands_in_no_queue(events):
    """A question about a text must not wait behind eight that wait for PubMed."""
    asking = [event for event in events if event.name in ("on_ask", "on_linked")]
    # Compare's two ways to ask, and Ask PubMed's: button, both boxes, an example, a link
    assert len(asking) >= 7
    assert all(event.concurrency_limit is None and event.queue for event in asking)
    assert THREADS - PUBMED_AT_ONCE - PUBMED_WAITING >= 40


@pytest.mark.parametrize("button", ["halt", "cancel", "stop-pubmed", "stop-batch", "stop-scoring"])
def test_a_stop_says_so_in_the_browser_and_leaves_the_last_word_to_what_it_stops(page, events, button):
    (number,) = [number for number, block in page.blocks.items() if block.elem_id == button]
    told, stops = [event for event in events if (number, "click") in event.targets]
    assert told.fn is None
    assert "Stopping …" in json.loads(told.js.removeprefix("() => "))
    assert [block.elem_id.endswith("status") for block in told.outputs] == [True]
    assert stops.fn is not None
    assert stops.outputs == []


def test_the_api_over_pubmed_does_not_stand_in_the_models_queue(events):
    by_address = {event.api_name: event for event in events if event.api_visibility == "public"}
    assert set(by_address) == {"answer", "compare", "search_pubmed", "ask_pubmed", "evaluate_file"}
    for name in ("answer", "compare", "evaluate_file"):
        assert by_address[name].concurrency_id == "programs"
    for name in ("search_pubmed", "ask_pubmed"):
        assert by_address[name].concurrency_id not in ("model", "programs")
        assert by_address[name].concurrency_limit == 4


def test_what_an_inquiry_works_on_is_read_at_the_click(events):
    """A step that follows another reads its inputs when that one has ended: it may take no box."""
    page_boxes = {"context", "question", "pair", "further", "blind", "engine", "extent"}
    for event in events:
        if event.name == "on_prepared":
            assert not {component.elem_id for component in event.inputs} & page_boxes
            break
    else:
        raise AssertionError("no event answers")


@pytest.mark.parametrize("path", sorted((ASSETS / "js").glob("*.js")), ids=lambda path: path.stem)
def test_every_script_is_one_function(path):
    text = script(path.stem)
    assert text.split("=>")[0].strip() in {"()", "ready", "payload", "query", "told", "question"}
    assert text.count("{") == text.count("}")
