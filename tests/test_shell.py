"""What the page's HTML holds before any script: words to read, put into Gradio's own template once."""

from __future__ import annotations

import pytest
from jinja2 import DictLoader, Environment

from biom_demo.ui import shell


@pytest.mark.parametrize("template", shell.PAGES)
def test_the_shell_stands_at_the_end_of_the_head_of_gradios_own_pages(template):
    inner = shell.templates.env.loader
    inner = getattr(inner, "loader", inner)
    source, _, _ = inner.get_source(shell.templates.env, template)
    assert source.count("</head>") == 1
    made, _, _ = shell.WithShell(inner, "<style>a{}</style>").get_source(shell.templates.env, template)
    assert made == source.replace("</head>", "{% raw %}<style>a{}</style>{% endraw %}</head>")


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
    assert shell.templates.env.loader is loader
    assert not isinstance(loader.loader, shell.WithShell)


def test_the_words_say_what_the_page_is_and_that_it_is_on_its_way():
    words = shell.SHELL.read_text("utf-8")
    for part in ("Ask an abstract", "inside the text", "loading"):
        assert part in words
    assert "<script" not in words
    assert "http" not in words
