"""What no answer may be: an error of the server, a trace, a path of its disk, markup, a formula."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl

from markdown_it import MarkdownIt

from tests.hostile.wire import Reply
from tests.markup import Page
from tests.references import read_bibtex, read_ris

TRACE = re.compile(rb'Traceback \(most recent call last\)|File \\?"[^"]{1,300}", line \d+|site-packages/')
UNREAD = ((400, b"Invalid HTTP request received."), (400, b""))  # the second to HEAD
# The queue has a bound, and says so.
FULL = re.compile(rb"queue|full|Try again in", re.IGNORECASE)


def check_reply(reply: Reply, forbidden: Iterable[str], *, within_s: float) -> None:
    """Nothing, where an answer may be sent as it is. Raises ``AssertionError``.

    ``forbidden`` are texts that only the server's own files and its disk's paths hold.
    """
    if reply.status == 503 and FULL.search(reply.body):
        return
    assert reply.status < 500, f"status {reply.status}: {reply.text[:300]}"
    assert reply.seconds <= within_s, f"{reply.seconds:.1f} s, more than {within_s:g} s"
    check_silent(reply.body, forbidden)
    # Where uvicorn can read no request, it answers itself and asks nobody.
    if reply.status and (reply.status, reply.body) not in UNREAD:
        check_headers(reply.headers)


def check_silent(body: bytes, forbidden: Iterable[str]) -> None:
    """Nothing, where a body tells nothing of the server's inside. Raises ``AssertionError``."""
    trace = TRACE.search(body)
    assert not trace, f"a trace: {body[max(0, trace.start() - 100) : trace.end() + 200]!r}"
    for words in forbidden:
        at = body.find(words.encode())
        assert at < 0, f"the server's own {words}: {body[max(0, at - 100) : at + 200]!r}"


def check_headers(headers: Mapping[str, str]) -> None:
    """Nothing, where a browser is told what it may run and frame. Raises ``AssertionError``."""
    policy = headers.get("content-security-policy", "")
    assert "object-src 'none'" in policy, "no content security policy"
    assert "frame-ancestors 'self'" in policy, "may be framed by anyone"
    assert headers.get("x-content-type-options") == "nosniff", "may be taken for another type"
    assert headers.get("referrer-policy", "unsafe-url") != "unsafe-url", "tells other sites its address"
    open_to = headers.get("access-control-allow-origin", "")
    assert "evil" not in open_to, "another site's scripts may read it"
    assert open_to in ("", "*") or "access-control-allow-credentials" not in headers, "open to one site"
    assert "evil.example" not in headers.get("location", ""), "leads away"


def check_html(html: str) -> None:
    """Nothing, where a piece of the page holds our elements and attributes only."""
    Page(html)


def check_no_html(words: str) -> None:
    """Nothing, where words that Gradio shows as HTML (an error, a hint) hold no element."""
    tags = list(elements(words))
    assert not tags, f"markup in words: {words[:300]}"


def elements(html: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The elements of HTML in order, each with its attributes' names; scripts by what they refer to."""
    found: list[tuple[str, tuple[str, ...]]] = []

    class Walk(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, tuple(name for name, _ in attrs)))

        def handle_comment(self, data: str) -> None:
            found.append(("!--", ()))

        handle_decl = handle_pi = unknown_decl = handle_comment

    walk = Walk(convert_charrefs=True)
    walk.feed(html)
    walk.close()
    yield from found


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# It makes no link of "javascript:"; other readers of Markdown do.
MARKDOWN.validateLink = lambda _address: True  # type: ignore[method-assign]
OURS = {
    "paragraph_open", "paragraph_close", "bullet_list_open", "bullet_list_close", "list_item_open",
    "list_item_close", "blockquote_open", "blockquote_close", "inline", "strong_open", "strong_close", "text",
    "text_special", "softbreak",
}  # fmt: skip


def check_markdown(text: str) -> None:
    """Nothing, where our notes hold what we write ourselves: no link, picture, HTML, heading or code."""
    tokens = MARKDOWN.parse(text)
    kinds = {token.type for token in tokens} | {c.type for token in tokens for c in token.children or ()}
    assert kinds <= OURS, f"Markdown makes {sorted(kinds - OURS)} of it: {text[:500]}"
    linked = re.search(r"https?://|(?<!\w)www\.", text)
    assert not linked, f"made a link as it stands: {text[linked.start() - 50 : linked.end() + 50]}"


SIGNS = tuple("=+-@＝＋－＠﹢﹣﹦﹫")
# What a spreadsheet leaves out, or does not show, before a cell's text.
UNSEEN = (
    "".join(map(chr, range(33))) + "\x7f\x85\xa0\xad\u200b\u200e\u200f\u2028\u2029\u202f\u2060\u3000\ufeff\"'"
)
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


def check_csv(text: str) -> None:
    """Nothing, where no cell is a formula, wherever a spreadsheet may part cells."""
    for cell in cells(text):
        if cell.lstrip(UNSEEN.replace("'", "")).startswith(SIGNS):
            assert NUMBER.fullmatch(cell.strip('"')), f"a formula: {cell[:100]!r}"


def cells(text: str) -> Iterator[str]:
    """All that may become a cell: as the file says, where semicolons or tabs part cells, in any line."""
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield from row
    for line in re.split(r"[\t\r\n\v\f\x85\u2028\u2029]", text.replace('\n"', "\n")):
        yield from line.split(";")


def check_json(text: str) -> Any:
    """The document, where it is JSON as all readers take it: no NaN, no halves of characters."""

    def refuse(name: str) -> Any:
        raise AssertionError(f"{name} in JSON")

    document = json.loads(text, parse_constant=refuse)
    json.dumps(document, ensure_ascii=False).encode()
    return document


def check_json_lines(text: str) -> None:
    """Nothing, where each line is JSON by itself."""
    for line in text.split("\n")[:-1]:
        check_json(line)


def check_download(payload: str) -> None:
    """Nothing, where a file that the page offers to save is safe to open."""
    if payload:
        file = check_json(payload)
        assert re.fullmatch(r"[a-z-]+\.(jsonl?|csv|md|ris|bib)", file["name"]), file["name"]
        {
            "application/json": check_json,
            "application/jsonl": check_json_lines,
            "text/csv": check_csv,
            "text/markdown": check_markdown,
            "application/x-research-info-systems": read_ris,
            "application/x-bibtex": read_bibtex,
        }[file["type"]](file["text"])


def check_link(query: str) -> None:
    """Nothing, where a permalink's query is one part of an address, and says what is put into it."""
    if query:
        assert re.fullmatch(r"\?[\w.~%&=+*-]*", query, re.ASCII), (
            f"a link with more than its query: {query[:200]}"
        )
        assert {name for name, _ in parse_qsl(query[1:])} <= {
            "id", "text", "q", "pair", "as", "null", "top", "length", "dup",
            "tab", "query", "sort", "n", "model3", "model4", "from",
        }  # fmt: skip


# Text boxes whose value is more than text, by their ``elem_id``.
MEANT = {
    "markdown": check_markdown,
    "votes-payload": check_download,
    "download-payload": check_download,
    "link-query": check_link,
    "evidence-payload": check_download,
    "batch-payload": check_download,
    "gold-payload": check_download,
    "search-link-query": check_link,
}


def check_shown(component: Mapping[str, Any], value: Any) -> None:
    """Nothing, where a part of the page may be given this. Raises ``AssertionError``."""
    name = component["props"].get("elem_id")
    if isinstance(value, dict) and value.get("__type__") == "update":
        for words in (value.get("info"), value.get("label")):
            check_no_html(words or "")
        if "value" not in value:
            return
        value = value["value"]
    if value is None:
        return
    if component["type"] == "html":
        check_html(value)
    elif name in MEANT:
        MEANT[name](value)
