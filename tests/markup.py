"""What tests of HTML share: a strict parser of what we write, and texts that try to be more than text."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

ELEMENTS = {
    "section", "article", "header", "h1", "h2", "h3", "h4", "p", "span", "a", "div", "i", "b", "blockquote",
    "mark", "details", "summary", "ol", "ul", "li", "figure", "figcaption", "svg", "path", "rect", "text",
    "title", "desc", "table", "thead", "tbody", "tr", "th", "td", "caption", "button", "br", "bdi", "nav",
}  # fmt: skip
VOID = {"br"}
ATTRIBUTES = {
    "class", "id", "href", "title", "dir", "role", "style", "tabindex", "value", "scope", "target",
    "rel", "type", "aria-label", "aria-labelledby", "aria-hidden", "aria-sort", "data-label",
    "data-value", "data-column", "data-kind", "data-rank", "data-ranks", "data-w", "data-who",
    "data-question", "data-record", "data-first", "data-curves", "data-example", "data-text", "data-only",
    "data-together", "data-number", "data-key", "data-page", "disabled", "aria-current", "aria-pressed",
    "viewbox", "preserveaspectratio", "d", "x", "y", "width", "height",
}  # fmt: skip
ADDRESS = re.compile(
    r"#[\w-]+|https://(pubmed\.ncbi\.nlm\.nih\.gov|doi\.org|pmc\.ncbi\.nlm\.nih\.gov|aclanthology\.org)/[^\s\"'<>]*"
)
CLASS = re.compile(r"[a-z -]+")
STYLE = re.compile(r"(width:\d+\.\d%|--effect:\d\.\d{3})")

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</mark><script>alert(1)</script>",
    "</section></textarea></title></style><svg/onload=alert(1)>",
    "${alert(1)} {{7*7}} {0.__class__} {x} %(x)s",
    "\"' onmouseover='alert(1)\" autofocus onfocus=alert(1) x=`",
    "&lt;b&gt; &amp; &#60;i&#62; &amp;lt;u",
    "<!-- <b --> <![CDATA[<u>]]> <?php <p",
    "javascript:alert(1) <a href=javascript:alert(1)>",
]


class Page(HTMLParser):
    """The text, elements and attributes of a piece of HTML.

    Tags must be balanced, and elements, attributes, addresses, classes and styles ours.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.marked: list[tuple[str, str]] = []
        self.feed(str(html))  # slices of escaped text would escape what they are added to
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        assert tag in ELEMENTS, tag
        if tag not in VOID:
            self.open.append(tag)
        self.tags.add(tag)
        self.attributes += attrs
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), names
        for name, value in attrs:
            assert name in ATTRIBUTES, name
            pattern = {"href": ADDRESS, "class": CLASS, "style": STYLE}.get(name)
            assert not pattern or pattern.fullmatch(value), (name, value)
        if tag == "mark":
            self.marked.append((dict(attrs).get("class", ""), ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment

    def handle_data(self, data):
        self.text += data
        if "mark" in self.open:
            kind, text = self.marked[-1]
            self.marked[-1] = (kind, text + data)


def stripped(html):
    """The text of HTML with its tags cut out and its entities resolved, nothing else changed."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def lines_as_parsed(text):
    """The text with its line ends as a parser passes them on."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
