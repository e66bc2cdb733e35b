"""What the page's HTML holds before any script: words to read, put into Gradio's own template once."""

from __future__ import annotations

import re

import pytest
from jinja2 import DictLoader, Environment
from markupsafe import escape
from starlette.requests import Request

from biom_demo.analysis.comparison import View
from biom_demo.show.about import SUMMARY, TITLE, preview_html
from biom_demo.show.meanwhile import meanwhile_html
from biom_demo.ui import shell
from biom_demo.ui.examples import Opening, stored_answer
from biom_demo.ui.run import Run, drawn, head_of
from tests.markup import HOSTILE
from tests.site import MINI


@pytest.mark.parametrize("template", shell.PAGES)
def test_the_shell_stands_in_gradios_own_pages_in_place_of_what_they_tell_of_a_link(template):
    inner = shell.templates.env.loader
    inner = getattr(inner, "loader", inner)
    source, _, _ = inner.get_source(shell.templates.env, template)
    assert source.count("</head>") == source.count("<gradio-app") == 1
    assert "og:image" in source
    loader = shell.WithShell(inner, "<style>a{}</style>", opening="<i>o</i>", plain="<i>p</i>")
    made, _, _ = loader.get_source(shell.templates.env, template)
    assert made.count("{% raw %}<style>a{}</style>{% endraw %}</head>") == 1
    assert not re.search("og:|twitter:|@Gradio|header-image", made)
    # All else of the template is as it was.
    ours = r"{% (?:if request|raw)(?:(?!</head>|<gradio-app).)*"
    theirs = r'<meta\s+(?:property="og|name="twitter)[^>]*>'
    made, source = (re.sub(cut, "", one, flags=re.DOTALL) for cut, one in ((ours, made), (theirs, source)))
    assert made.split() == source.split()


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


ASKED = ["q=Which%3F", "id=36990001", "text=a", "tab=ask"]


@pytest.mark.parametrize("query", ["", "__theme=dark", *ASKED])
def test_the_example_is_shown_meanwhile_where_the_address_asks_for_nothing_else(query):
    pages = {shell.PAGES[0]: "<head></head>{{ x }}<gradio-app>", "other.html": "<head></head><gradio-app>"}
    head, opening, plain = "<style>a{{b}}{#c {%d</style>", "<i>{{o}}</i>", "<i>{%p</i>"
    loader = shell.WithShell(DictLoader(pages), head, opening=opening, plain=plain)
    environment = Environment(loader=loader, autoescape=True)
    request = Request({"type": "http", "query_string": query.encode(), "headers": []})
    made = environment.get_template(shell.PAGES[0]).render(x=1, request=request)
    shown = plain if query in ASKED else opening
    assert made == f"<head>{head}</head>1{shown}<gradio-app>".replace("{%", "{&#37;")
    assert environment.get_template("other.html").render() == pages["other.html"]


def test_the_still_picture_has_the_examples_answers_and_a_style_of_its_own():
    run = Run.of_opening(Opening(stored_answer(MINI)), "mini")
    example = {"head": head_of(run), **drawn(run, View())}
    html = str(meanwhile_html(example, ("biom", "vanilla")))
    for side in run.comparison.sides:
        assert side.answer(View()).text in html
    assert "loading" in meanwhile_html({}, ())
    # A shadow root: neither is its style anyone else's, nor anyone else's its.
    picture = shell.still_picture(html)
    start, end = '<div id="meanwhile"><template shadowrootmode="open"><style>', "</template></div>\n"
    style, shown = picture.removeprefix(start).removesuffix(end).split("</style>")
    assert f"{start}{style}</style>{shown}{end}" == picture
    assert shown.strip() == html
    assert "gradio" not in re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    (dark,) = re.findall(r"@media \(prefers-color-scheme: dark\) \{ \.still \{([^}]*--biom[^}]*)\}", style)
    assert "--paper" in dark


def test_it_is_put_up_once(monkeypatch):
    monkeypatch.setattr(shell.templates.env, "loader", shell.templates.env.loader)
    shell.put_up()
    loader = shell.templates.env.loader
    shell.put_up()
    assert shell.templates.env.loader.loader is loader.loader
    assert not isinstance(loader.loader, shell.WithShell)


def test_what_stands_beside_it_asks_for_no_script_and_no_other_site():
    words = shell.SHELL.read_text("utf-8")
    assert "<script" not in words
    assert "http" not in words
