"""The About tab: what the two readers are, what was measured, what not to use them for."""

from __future__ import annotations

import gradio as gr

from biom_demo.models.catalogue import ModelPair
from biom_demo.show.about import about_html


def build(pair: ModelPair) -> None:
    """Lay out the tab."""
    gr.HTML(str(about_html(pair)), elem_id="about", padding=False)
