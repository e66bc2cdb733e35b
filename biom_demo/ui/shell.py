"""The page's HTML before Gradio's scripts fill it: what a link's preview tells, and ``assets/shell.html``.

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

PAGES = ("frontend/index.html", "frontend/share.html")
SHELL = ASSETS / "shell.html"
CARD = "/card.png"  # the preview's picture
_GRADIOS = re.compile(r"""\s*<meta\s+(?:property="og:|name="twitter:)[^>]*>""")


class WithShell(BaseLoader):
    """A loader's templates; those of the page have ``shell`` in their head, and no preview of Gradio's."""

    def __init__(self, loader: BaseLoader, shell: str) -> None:
        self.loader, self._shell = loader, shell

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The template's source, its file, and what tells whether it is up to date."""
        source, path, is_current = self.loader.get_source(environment, template)
        if template in PAGES:
            source = _GRADIOS.sub("", source)
            source = source.replace("</head>", f"{{% raw %}}{self._shell}{{% endraw %}}</head>", 1)
        return source, path, is_current


def put_up(host: str | None = None) -> None:
    """Have preview and shell in every page that this process serves from now on.

    ``host`` is the name the page is known by, where there is one.
    """
    loader = templates.env.loader
    if isinstance(loader, WithShell):
        loader = loader.loader
    # Some sites take whole addresses alone.
    preview = str(preview_html(f"https://{host}{CARD}" if host else CARD))
    if loader is not None:
        templates.env.loader = WithShell(loader, preview + SHELL.read_text("utf-8"))
        if templates.env.cache is not None:
            templates.env.cache.clear()
