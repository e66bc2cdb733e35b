"""The hostile suite at a small size; and that its checks find what they look for."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.hostile import checks
from tests.hostile.exports import export_answer
from tests.hostile.inputs import EVERY, PAYLOADS_IN_TEXT, text
from tests.hostile.payloads import ELSEWHERE, TRAVERSAL, XSS
from tests.hostile.suite import KINDS, harm, plan, run
from tests.hostile.visitor import outputs_of
from tests.hostile.wire import Reply

INPUTS = 240
SEED = 12


@pytest.fixture(scope="module")
def report():
    return run(plan(INPUTS), seed=SEED)


@pytest.mark.parametrize("kind", KINDS)
def test_no_input_of_a_kind_does_harm(report, kind):
    assert report.counts[kind] > 0
    faults = [fault for fault in report.faults if fault.kind == kind]
    assert not faults, "\n".join(map(str, faults[:5]))


# What is shown at the end of a visit only: of an answer, a search, a file, a vote, and what is kept.
DEEP = ("biom", "vanilla", "verdict", "difference", "why", "rewordings", "found-biom", "abstracts",
        "benchmark-table", "benchmark-totals", "walk-place", "vote-count", "batch-preview", "batch-results",
        "batch-bad-rows", *checks.MEANT)  # fmt: skip


def test_the_inputs_come_as_far_as_the_page_goes(report):
    assert [name for name in DEEP if not report.reached[name]] == []


def test_the_server_is_as_before_and_answered_all_the_while(report):
    assert not harm(report), report.told()


def test_there_are_as_many_payloads_as_were_tried_before_and_all_come_up():
    assert len(set(XSS)) >= 84
    assert len(set(TRAVERSAL) | set(ELSEWHERE)) >= 50
    counts = Counter(kind for kind, _ in plan(INPUTS))
    assert counts["text"] * PAYLOADS_IN_TEXT >= len(EVERY)
    asked = " ".join(text(Random(0), number=number) for number in range(counts["text"]))
    assert all(payload in asked for payload in EVERY)


@pytest.mark.parametrize("number", range(len(EVERY)))
def test_a_payload_in_every_field_of_a_record_is_text_in_all_that_leaves(number):
    export_answer(Random(number), 2 * number, [])


def test_a_plan_has_every_kind_from_the_first_number_on():
    for inputs in (10, 400, 10_000):
        made = plan(inputs)
        assert abs(len(made) - inputs) <= len(KINDS)
        assert len(set(made)) == len(made)
        assert {kind for kind, number in made if number == 0} == set(KINDS)


@pytest.mark.parametrize(
    ("check", "harmless", "harmful"),
    [
        (checks.check_html, "<p class='status'>a &lt;b</p>", "<p><img src=x onerror=qzx7(1)></p>"),
        (checks.check_html, "<a href='https://doi.org/10.1/x'>x</a>", "<a href='javascript:qzx7(1)'>x</a>"),
        (checks.check_no_html, "p < 0.05 & more", "There is no '<svg onload=qzx7(1)>'."),
        (checks.check_markdown, "- **A:** x \\[y\\](z)\n", "- **A:** [y](javascript:qzx7(1))\n"),
        (checks.check_markdown, "a \\<b\\>", "a <b>"),
        (checks.check_csv, '"a","b"\n"\'=1+1",-0.5\n', '"a"\n"=1+1"\n'),
        (checks.check_csv, '"a;\'=1"\n', '"a;=1"\n'),
        (checks.check_json, '{"a": 1}', '{"a": NaN}'),
        (checks.check_link, "?q=a%3Cb&null=1", "?q=a<b"),
        (checks.check_link, "?q=a", "?next=a"),
        (checks.check_download, '{"name": "a.json", "type": "application/json", "text": "{}"}',
         '{"name": "../a.json", "type": "application/json", "text": "{}"}'),
    ],
)  # fmt: skip
def test_a_check_tells_harmful_from_harmless(check, harmless, harmful):
    check(harmless)
    with pytest.raises(AssertionError):
        check(harmful)


SAFE = {
    "content-security-policy": "object-src 'none'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


@pytest.mark.parametrize(
    "changed",
    [
        {"status": 500},
        {"status": 503},
        {"seconds": 3.0},
        {"body": b'{"error": "Traceback (most recent call last):"}'},
        {"body": b'File "x.py", line 3'},
        {"body": b"/srv/ours/x"},
        {"headers": {}},
        {"headers": SAFE | {"access-control-allow-origin": "https://evil.example"}},
    ],
)
def test_an_answer_that_tells_too_much_is_found(changed):
    sound = {"status": 200, "headers": SAFE, "body": b"{}", "seconds": 0.1, "whole": True}
    checks.check_reply(Reply(**sound), ["/srv/ours"], within_s=2)
    with pytest.raises(AssertionError):
        checks.check_reply(Reply(**(sound | changed)), ["/srv/ours"], within_s=2)


def test_what_a_stream_sends_as_differences_is_put_together():
    stream = "\n".join(
        [
            'data: {"msg": "process_generating", "output": {"data": ["<p>a</p>", 1]}}',
            'data: {"msg": "process_generating", "output": {"data": [[["replace", [], "<p>b</p>"]], []]}}',
            'data: {"msg": "process_completed", "output": {"data": ["<p>b</p>", 1]}}',
        ]
    )
    assert [output["data"] for output in outputs_of(stream)] == [
        ["<p>a</p>", 1],
        ["<p>b</p>", 1],
        ["<p>b</p>", 1],
    ]
