"""The page's HTML before Gradio's scripts fill it: what a link's preview tells, and the opening example.

Gradio's own ``head`` parameter is put there by those scripts: too late for what is to be read meanwhile,
and its templates name Gradio's site, words and picture where a link to the page is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gradio.routes import templates
from jinja2 import BaseLoader, Environment

from biom_demo.settings import ASSETS
from biom_demo.show.about import preview_html
from biom_demo.show.cards import ACCENTS
from biom_demo.show.meanwhile import meanwhile_html
from biom_demo.ui.site import Update

PAGES = ("frontend/index.html", "frontend/share.html")
SHELL = ASSETS / "shell.html"
CARD = "/card.png"  # the preview's picture
_GRADIOS = re.compile(r"""\s*<meta\s+(?:property="og:|name="twitter:)[^>]*>""")


# An address that asks a question of its own, or for another tab, has no use for the example.
_ASKED = (
    "{% if "
    + " or ".join(f"request.query_params.get('{name}')" for name in ("q", "id", "text", "tab"))
    + " %}"
)
# The rules of the style sheet that hold in Gradio's dark theme.
_DARK = re.compile(r"^\.dark \.still[^{]*\{([^}]*)\}", re.MULTILINE)
_BODY = re.compile(r"(?=<gradio-app)")


class WithShell(BaseLoader):
    """A loader's templates; those of the page have ``head`` in their head, and no preview of Gradio's.

    Before Gradio's element stands ``opening``, or ``plain`` where the address asks for something else.
    """

    def __init__(self, loader: BaseLoader, head: str, *, opening: str = "", plain: str = "") -> None:
        self.loader = loader
        self._head = _as_it_stands(head)
        self._body = f"{_ASKED}{_as_it_stands(plain)}{{% else %}}{_as_it_stands(opening)}{{% endif %}}"

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The template's source, its file, and what tells whether it is up to date."""
        source, path, is_current = self.loader.get_source(environment, template)
        if template in PAGES:
            source = _GRADIOS.sub("", source).replace("</head>", f"{self._head}</head>", 1)
            source = _BODY.sub(lambda _: self._body, source, count=1)
        return source, path, is_current


def still_picture(html: str) -> str:
    """What is drawn until the page stands, in a shadow root, which no other style sheet reaches.

    Gradio brings the page's own sheet with its scripts, and sheets of its own for what they draw; the
    picture has the first from the start, dark where the system is, and never the others.
    """
    sheet = (ASSETS / "style.css").read_text("utf-8").replace(".gradio-container", ".still")
    dark = "".join(
        f"@media (prefers-color-scheme: dark) {{ .still {{{found[1]}}} }}" for found in _DARK.finditer(sheet)
    )
    page = (ASSETS / "still.html").read_text("utf-8")
    return page.replace("/* SHEET */", f"{sheet}\n{dark}", 1).replace("<!-- PICTURE -->", html, 1)


def _as_it_stands(html: str) -> str:
    """HTML in a template, whatever braces it holds."""
    return "{% raw %}" + html.replace("{%", "{&#37;") + "{% endraw %}" if html else ""


def put_up(host: str | None = None, example: Update | None = None) -> None:
    """Have preview, shell and a still picture of the page in every page that this process serves from now on.

    ``host`` is the name the page is known by, where there is one; ``example`` the parts of the page that
    show the opening example, where it is answered.
    """
    loader = templates.env.loader
    if isinstance(loader, WithShell):
        loader = loader.loader
    # Some sites take whole addresses alone.
    preview = str(preview_html(f"https://{host}{CARD}" if host else CARD))
    if loader is not None:
        templates.env.loader = WithShell(
            loader,
            preview + SHELL.read_text("utf-8"),
            opening=still_picture(str(meanwhile_html(example or {}, ACCENTS[:2]))),
            plain=still_picture(str(meanwhile_html({}, ()))),
        )
        if templates.env.cache is not None:
            templates.env.cache.clear()
