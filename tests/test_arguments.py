"""What events and endpoints are given is checked before anything is done with it."""

from __future__ import annotations

import math

import pytest

from biom_demo.errors import InputError
from biom_demo.settings import Settings
from biom_demo.ui.api import answer, ask_pubmed
from biom_demo.ui.arguments import MAX_LINE_CHARS, check, key_of, number_of, text_of
from tests.served import QUESTION
from tests.site import TEXT, site_of

NO_NUMBERS = ["5", True, None, math.nan, math.inf, -math.inf, [], {}, 0, 101, 10**400]
KEY = "0123456789abcdef0123456789abcdef0123"


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:12])
def test_what_is_no_number_within_bounds_is_refused_in_a_sentence(value):
    with pytest.raises(InputError, match=r"abstracts must be a number from 1 to 100\."):
        number_of(value, "abstracts", least=1, most=100)
    with pytest.raises(InputError, match=r"abstracts must be a number from 1 to 100\."):
        ask_pubmed(site_of(), QUESTION, "", value, "mini")


@pytest.mark.parametrize("value", [None, 5, True, [], {}, b"text", math.nan])
def test_what_is_no_text_is_refused(value):
    site = site_of()
    for given in ((value, QUESTION), (TEXT, value)):
        with pytest.raises(InputError, match="must be a string"):
            answer(site, *given, "mini")
    for given in ((value, ""), (QUESTION, value)):
        with pytest.raises(InputError, match="must be a string"):
            ask_pubmed(site, *given, 5, "mini")
    assert site.models.calls == []


def test_what_is_too_long_is_refused_before_it_is_looked_at():
    site = site_of(settings=Settings(max_context_chars=1_000))
    for given in (
        ("a" * 1_001, QUESTION),
        ("a" * 10_000, QUESTION),
        (TEXT, "a " * 2_000),
        (TEXT, "a" * 10**6),
    ):
        with pytest.raises(InputError, match=r"has [\d,]+ characters"):
            answer(site, *given, "mini")
    with pytest.raises(InputError, match=r"query has 2,001 characters; at most 2,000"):
        ask_pubmed(site, QUESTION, "a" * 2_001, 5, "mini")
    assert text_of("a" * 5, "query", most=5) == "aaaaa"
    assert site.models.calls == []


@pytest.mark.parametrize("pair", ["huge", "", None, 5, [], {"a": 1}, "../mini", "mini\0"])
def test_an_unknown_pair_is_refused(pair):
    with pytest.raises(InputError, match="There is no pair"):
        answer(site_of(), TEXT, QUESTION, pair)


@pytest.mark.parametrize(
    "value", [None, 5, "x" * 65, KEY + "\n" + KEY, "kéy", "a b", "a&b=c", "a\0", " " * 200 + KEY, [KEY]]
)
def test_a_key_that_can_be_none_is_refused_and_not_repeated(value):
    with pytest.raises(InputError, match="no NCBI API key") as refused:
        key_of(value)
    if isinstance(value, str):
        assert value.strip() not in str(refused.value)


def test_a_key_may_stand_among_blanks_or_be_left_out():
    assert key_of(f"  {KEY}\n") == KEY
    assert key_of("") == ""


@pytest.fixture(scope="module")
def boxes():
    import gradio as gr
    from gradio.components.api_component import Api

    return {
        "line": gr.Textbox(label="Question", render=False),
        "text": gr.Textbox(label="Abstract: a PMID", elem_id="context", render=False),
        "key": gr.Textbox(label="API key", type="password", render=False),
        "slider": gr.Slider(1, 10, label="Answers listed", render=False),
        "tick": gr.Checkbox(label="Blind", render=False),
        "one": gr.Dropdown(["mini", "base"], label="Models", render=False),
        "many": gr.Dropdown(["a", "b", "c", "d", "e"], multiselect=True, label="Further", render=False),
        "own": gr.Dropdown([], multiselect=True, allow_custom_value=True, label="Own", render=False),
        "number": gr.Dropdown([("1. Which?", 0)], label="History", render=False),
        "order": gr.Radio(["newest"], label="First", render=False),
        "file": gr.UploadButton("Upload", render=False),
        "state": gr.State(None, render=False),
        "html": gr.HTML(render=False),
        "api": Api(None, {}),
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("line", "Which gene?"), ("line", None), ("text", "a" * 30_000), ("key", ""), ("key", KEY),
        ("slider", 1), ("slider", 10.0), ("tick", True), ("tick", None), ("one", "base"), ("one", None),
        ("many", ["a", "b"]), ("many", []), ("own", ["/models/one"]), ("number", 0), ("order", "newest"),
        ("file", None), ("file", {"path": "/tmp/gradio/a/b.json", "orig_name": "b.json"}),
        ("state", {"anything": 1}), ("api", [1]),
    ],
)  # fmt: skip
def test_what_a_page_sends_passes(boxes, name, value):
    check([boxes[name]], [value], longest={"context": 40_000})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("line", 5), ("line", ["a"]), ("line", "a" * (MAX_LINE_CHARS + 1)), ("text", "a" * 40_001),
        ("key", "a b"), ("key", {}), ("slider", "5"), ("slider", None), ("slider", True), ("slider", 11),
        ("slider", math.nan), ("slider", -math.inf), ("tick", 1), ("tick", "yes"), ("one", "huge"),
        ("one", ["mini"]), ("one", {"a": 1}), ("many", "a"), ("many", ["x"]), ("many", list("abcde")),
        ("many", [["a"]]), ("own", [5]), ("own", ["a" * 2_000]), ("number", False), ("number", 1),
        ("number", 0.0), ("order", "oldest"), ("order", 0), ("file", "/etc/passwd"), ("file", {}),
        ("file", {"path": "http://127.0.0.1:1/x.json"}), ("file", {"path": "a" * 5_000}),
        ("file", {"path": "/tmp/a", "orig_name": "a" * 300}), ("html", "<b>"),
    ],
)  # fmt: skip
def test_what_no_page_sends_is_refused_by_the_boxs_name(boxes, name, value):
    with pytest.raises(InputError) as refused:
        check([boxes[name]], [value], longest={"context": 40_000})
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 200


def test_every_box_needs_its_value_and_no_more(boxes):
    for values in ([], ["a"], ["a", 5, None]):
        with pytest.raises(InputError, match=rf"takes 2 values; {len(values)} were given"):
            check([boxes["line"], boxes["slider"]], values, longest={})


# Of the served page: each of its events, in the queue and beside it.

ASK = ("context", "question", "pair", "further", "blind", None, None, "engine", "extent")
WRONG_BOXES = [
    [5, QUESTION, "mini", [], False, None, "", "float32", "auto"],
    [TEXT, {"a": 1}, "mini", [], False, None, "", "float32", "auto"],
    [TEXT, QUESTION, "huge", [], False, None, "", "float32", "auto"],
    [TEXT, QUESTION, "mini", "large", False, None, "", "float32", "auto"],
    [TEXT, QUESTION, "mini", ["/etc"] * 50, False, None, "", "float32", "auto"],
    [TEXT, QUESTION, "mini", [], "yes", None, "", "float32", "auto"],
    [TEXT, QUESTION, "mini", [], False, None, "", "int4", "auto"],
    [TEXT, QUESTION, "mini", [], False, None, "", 16, "auto"],
    [TEXT, QUESTION, "mini", [], False, None, "", "float32", "half"],
    [TEXT, QUESTION, "mini", [], False, None, "", "float32", 5],
    [TEXT],
    [],
]


@pytest.mark.parametrize("values", WRONG_BOXES, ids=range(len(WRONG_BOXES)))
def test_an_event_refuses_wrong_values_in_a_sentence(served_page, values):
    before = len(served_page.log)
    done = served_page.queued(served_page.event(*ASK, queued=True), values, session="wrong")
    assert not done["success"]
    assert done["output"]["error"].endswith(".")
    assert "Traceback" not in served_page.log[before:]


def test_a_slider_refuses_what_is_no_number_in_its_bounds(served_page):
    sliders = ("null-threshold", "shown", "max-answer-length", "near-duplicate-threshold")
    number = served_page.event(None, *sliders)
    for value in ("5", True, None, 11, -11):
        refused = served_page.run(number, [None, value, 5, 30, 0.5])
        assert "No-answer threshold must be a number from -10 to 10." in refused.json()["error"]
        assert "Traceback" not in refused.text


def test_the_value_of_a_state_cannot_be_sent(served_page):
    """A history, or a run, that a client sends is not looked at: the session's own is taken."""
    number = served_page.event("history", None, None, queued=True)
    for forged in ([{"runs": [1], "dropped": -5}], "history", {"__type__": "update", "value": 1}, 10**9):
        done = served_page.queued(number, [None, forged, forged], session="forger")
        assert done["success"], done
    explain = served_page.event(None, None, queued=True)
    done = served_page.queued(explain, [{"passage": {"text": TEXT}}, {"shown": 5}], session="forger")
    assert done["success"], done


def test_the_api_answers_and_refuses_in_sentences(served_page):
    assert served_page.call("answer", [TEXT, QUESTION, "mini"])["biom"]["answer"]["text"] == "CFTR"
    assert served_page.call("answer", [5, QUESTION, "mini"]) == "text must be a string."
    assert "There is no pair" in served_page.call("answer", [TEXT, QUESTION, "huge"])
    assert served_page.call("answer", [TEXT]) == "This takes 3 values; 1 were given."
    for count in (0, True, "5", None):
        assert "must be a number" in served_page.call(
            "ask_pubmed", [QUESTION, "", count, "mini", "float32", "auto"]
        )


def test_a_visitors_key_stays_nowhere(served_page):
    secret = "secret0123456789abcdef0123456789abcd"
    boxes = ("pubmed-question", "pubmed-query", "pubmed-pair", "count", "order", "read-from", "own-abstracts")
    boxes = (*boxes, None, "engine", "extent-pubmed", None, None, "ncbi-key")
    number = served_page.event(*boxes, queued=True)
    for key in (secret, secret + " and " + secret, secret * 20):
        values = ["", "", "mini", 20, "newest", "PubMed", "", None, "float32", "auto", None, None, key]
        done = served_page.queued(number, values, session="keyed")
        assert secret not in str(done)
    assert secret not in served_page.log
