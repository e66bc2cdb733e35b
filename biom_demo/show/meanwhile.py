"""What a browser shows until Gradio's scripts have put the page up: its title and the opening example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from biom_demo.show.about import title_html


def meanwhile_html(example: Mapping[str, Markup], columns: Sequence[str]) -> Markup:
    """A still picture of the page: its title, and under it the example's head, verdict and cards.

    ``example`` has the parts of the page by name, the cards under the names in ``columns``; where it is
    empty there is the title alone. Nothing in it can be clicked; it goes when the page stands.
    """
    answered = (
        Markup(
            '<div class="meanwhile-example">{head}{record}{verdict}<div class="columns">{cards}</div></div>'
        ).format(
            head=example["head"],
            record=example["record"],
            verdict=example["verdict"],
            cards=Markup().join(Markup("<div>{}</div>").format(example[name]) for name in columns),
        )
        if example
        else Markup()
    )
    return Markup(
        '<main class="still">{title}<p class="loading">The page is loading …</p>{answered}</main>'
    ).format(title=title_html(), answered=answered)
