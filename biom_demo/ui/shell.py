"""The page's HTML before Gradio's scripts fill it: what ``assets/shell.html`` holds stands in its head.

Gradio's own ``head`` parameter is put there by those scripts: too late for what is to be read meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

from gradio.routes import templates
from jinja2 import BaseLoader, Environment

from biom_demo.settings import ASSETS

PAGES = ("frontend/index.html", "frontend/share.html")
SHELL = ASSETS / "shell.html"


class WithShell(BaseLoader):
    """A loader's templates, those of the page with ``shell`` at the end of their head."""

    def __init__(self, loader: BaseLoader, shell: str) -> None:
        self.loader, self._shell = loader, shell

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The template's source, its file, and what tells whether it is up to date."""
        source, path, is_current = self.loader.get_source(environment, template)
        if template in PAGES:
            source = source.replace("</head>", f"{{% raw %}}{self._shell}{{% endraw %}}</head>", 1)
        return source, path, is_current


def put_up() -> None:
    """Have the shell in every page that this process serves from now on."""
    loader = templates.env.loader
    if loader is not None and not isinstance(loader, WithShell):
        templates.env.loader = WithShell(loader, SHELL.read_text("utf-8"))
