"""What the page's HTML holds before any script: words to read, put into Gradio's own template once."""

from __future__ import annotations

import re

import pytest
from jinja2 import DictLoader, Environment
from markupsafe import escape

from biom_demo.show.about import SUMMARY, TITLE, preview_html
from biom_demo.ui import shell
from tests.markup import HOSTILE


@pytest.mark.parametrize("template", shell.PAGES)
def test_the_shell_stands_in_gradios_own_pages_in_place_of_what_they_tell_of_a_link(template):
    inner = shell.templates.env.loader
    inner = getattr(inner, "loader", inner)
    source, _, _ = inner.get_source(shell.templates.env, template)
    assert source.count("</head>") == 1
    assert "og:image" in source
    made, _, _ = shell.WithShell(inner, "<style>a{}</style>").get_source(shell.templates.env, template)
    assert made.count("{% raw %}<style>a{}</style>{% endraw %}</head>") == 1
    assert not re.search("og:|twitter:|@Gradio|header-image", made)
    # All else of the template is as it was.
    kept = [line.strip() for line in made.replace("{% raw %}<style>a{}</style>{% endraw %}", "").split("\n")]
    assert [line for line in kept if line] == [
        line.strip()
        for line in re.sub(r'<meta\s+(property="og|name="twitter)[^>]*>', "", source).split("\n")
        if line.strip()
    ]


@pytest.mark.parametrize(
    ("host", "card"), [(None, "/card.png"), ("x.hf.space", "https://x.hf.space/card.png")]
)
def test_the_preview_of_a_link_names_this_page_and_its_own_picture(monkeypatch, host, card):
    monkeypatch.setattr(shell.templates.env, "loader", shell.templates.env.loader)
    shell.put_up(host)
    made, _, _ = shell.templates.env.loader.get_source(shell.templates.env, shell.PAGES[0])
    said = dict(re.findall(r'<meta (?:property|name)="([^"]*)" content="([^"]*)">', made))
    assert said["og:title"] == TITLE
    assert said["og:image"] == card
    assert SUMMARY == said["og:description"] == said["description"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_previews_address_is_an_attribute_whatever_it_holds(hostile):
    made = preview_html(hostile)
    assert re.sub(r'<meta (?:property|name)="[a-z:]+" content="[^"<>]*">', "", made) == ""
    assert re.search('"og:image" content="([^"]*)"', made)[1] == escape(hostile)


def test_braces_in_the_shell_are_no_template_and_other_templates_stay():
    pages = {shell.PAGES[0]: "<head></head>{{ x }}", "other.html": "<head></head>"}
    environment = Environment(
        loader=shell.WithShell(DictLoader(pages), "<style>a{{b}}{#c</style>"), autoescape=True
    )
    assert environment.get_template(shell.PAGES[0]).render(x=1) == "<head><style>a{{b}}{#c</style></head>1"
    assert environment.get_template("other.html").render() == "<head></head>"


def test_it_is_put_up_once(monkeypatch):
    monkeypatch.setattr(shell.templates.env, "loader", shell.templates.env.loader)
    shell.put_up()
    loader = shell.templates.env.loader
    shell.put_up()
    assert shell.templates.env.loader.loader is loader.loader
    assert not isinstance(loader.loader, shell.WithShell)


def test_the_words_say_what_the_page_is_and_that_it_is_on_its_way():
    words = shell.SHELL.read_text("utf-8")
    for part in (TITLE, "inside the text", "loading"):
        assert part in words
    assert "<script" not in words
    assert "http" not in words
