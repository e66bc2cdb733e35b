"""The About tab: what the two readers are, what was measured, what not to use them for."""

from __future__ import annotations

import json
from html import escape

import gradio as gr

from biom_demo.models.catalogue import PUBLISHED_SCORES, Checkpoint, ModelPair, locate
from biom_demo.settings import ASSETS

ABLATION = ASSETS / "ablation.json"


def build(pair: ModelPair) -> None:
    """Lay out the tab."""
    gr.HTML(about_html(pair), elem_id="about", padding=False)


def about_html(pair: ModelPair) -> str:
    """The tab's text; figures come from the checkpoints' own evaluation files."""
    return f"""<div class="about">
<h2>What this is</h2>
<p>Two extractive question answering models read the same text. Each can only point at a span of it;
neither writes words of its own. Comparing them shows what biomedical training changes.</p>
<h2>The models in use</h2>
<p><b>{escape(pair.biom.label)}</b>: {escape(pair.biom.trained_on)}</p>
<p><b>{escape(pair.vanilla.label)}</b>: {escape(pair.vanilla.trained_on)}</p>
{_measured(pair)}
<h2>The published models</h2>
<p>Exact match and F1 (percent) on 475 question–snippet pairs of BioASQ 8B, as their authors report them
(Alrowili &amp; Shanker 2021, <a href="https://aclanthology.org/2021.bionlp-1.24/">BioM-Transformers</a>
and the model card).</p>
{_table(PUBLISHED_SCORES)}
{_ablation()}
<h2>Reading the numbers</h2>
<p><b>Confidence</b> is the model’s share of probability on exactly the shown span, out of every span of up
to 30 tokens in the text and “no answer”, which together make 100%. <b>p(no answer)</b> is the share of
“the text does not say”. Both tell how sure a model is, not how often it is right. A model abstains when
“no answer” scores higher than its best span.</p>
<h2>Not medical advice</h2>
<p>The models quote; they do not check. A text may be wrong, outdated or retracted, and a model may point
at the wrong place. Do not decide about anyone’s health by what this page shows.</p>
</div>"""


def _measured(pair: ModelPair) -> str:
    rows = [row for checkpoint in (pair.biom, pair.vanilla) for row in _figures(checkpoint)]
    if not rows:
        return ""
    return (
        "<h3>Measured</h3><p>Exact match and F1 in percent over the answerable pairs, the model made to "
        "answer; the commands are in each model’s card.</p>" + _table(rows)
    )


def _ablation() -> str:
    """What each stage brings to the bundled pair, from the file that ``train ablation`` wrote."""
    document = json.loads(ABLATION.read_text("utf-8"))
    columns = list(document["rows"][0]["figures"])
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = ""
    for row in document["rows"]:
        cells = "".join(
            f'<td class="number">{row["figures"][c]:.1f}'
            + (f" ± {row['spread'][c]:.1f}" if row["spread"] else "")
            + "</td>"
            for c in columns
        )
        body += f"<tr><td>{escape(row['model'])}, {escape(row['stage'])}</td>{cells}</tr>"
    seeds = max(len(row["seeds"]) for row in document["rows"])
    return (
        "<h2>What each stage brings to the bundled pair</h2><p>EM and F1 on the 475 pairs; strict accuracy, "
        "lenient accuracy and mean reciprocal rank (percent) over the 8B factoid questions, the answers of a "
        f"question’s snippets pooled. ± is the standard deviation over {seeds} seeds of the BioASQ stage.</p>"
        f"<table><thead><tr><th>model, stage</th>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _figures(checkpoint: Checkpoint) -> list[tuple[str, float, float]]:
    folder = locate(checkpoint)
    path = folder / "evaluation.json" if folder else None
    if path is None or not path.is_file():
        return []
    try:
        results = json.loads(path.read_text("utf-8"))["results"]
        return [
            (f"{checkpoint.label} on {r['file']} (n = {r['n']})", float(r["exact_match"]), float(r["f1"]))
            for r in results
        ]
    except (OSError, ValueError, LookupError, TypeError):
        return []  # a folder of the user's own may hold a file of that name in another form


def _table(rows: tuple[tuple[str, float, float], ...] | list[tuple[str, float, float]]) -> str:
    body = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{em:.2f}</td><td class="number">{f1:.2f}</td></tr>'
        for name, em, f1 in rows
    )
    return f"<table><thead><tr><th>model</th><th>EM</th><th>F1</th></tr></thead><tbody>{body}</tbody></table>"
