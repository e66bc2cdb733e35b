"""The page's title and its About tab -> HTML.

The figures are read from the files that ``train`` wrote beside the checkpoints, so this file alone of
its room looks at the disk.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from markupsafe import Markup

from biom_demo import __version__
from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import PUBLISHED_PAIRS, PUBLISHED_SCORES, Checkpoint, ModelPair, locate
from biom_demo.qa.calibration import ENOUGH, UNCALIBRATED, Calibration
from biom_demo.settings import ASSETS
from biom_demo.show.cards import personas
from biom_demo.show.reliability import reliability_html
from biom_demo.show.share_card import HEIGHT, WIDTH

TITLE = "BioM demo: two readers, one abstract"
SUMMARY = (
    "Ask a question of a biomedical text, and see what two models answer, where, and how sure they are. "
    "Each finds the answer inside the text and writes nothing of its own."
)
ABLATION = ASSETS / "ablation.json"
# The files that ``train evaluate`` writes the names of, by their number of questions.
DATA = {
    ("dev.json", 475): "BioASQ 8B: a question and one of its snippets",
    ("squad-test.json", 2_749): "SQuAD v2.0: eight articles of its development set",
}


def title_html() -> Markup:
    """The head of the page: what it is for, in two sentences."""
    return Markup(
        '<div class="page-title"><h1>{}</h1><p>{} <span class="biom">BioM-ELECTRA</span> learned from '
        'PubMed; <span class="vanilla">vanilla ELECTRA</span> from everyday text such as Wikipedia.</p></div>'
    ).format(TITLE, SUMMARY)


def preview_html(picture: str) -> Markup:
    """What a site that shows a link to the page tells of it; ``picture`` is the address of the share card."""
    told = {
        "og:type": "website",
        "og:title": TITLE,
        "og:description": SUMMARY,
        "og:image": picture,
        "og:image:width": WIDTH,
        "og:image:height": HEIGHT,
    }
    return Markup().join(
        [
            *(
                Markup('<meta property="{}" content="{}">').format(name, value)
                for name, value in told.items()
            ),
            Markup('<meta name="twitter:card" content="summary_large_image">'),
            Markup('<meta name="description" content="{}">').format(SUMMARY),
        ]
    )


def about_html(pair: ModelPair) -> Markup:
    """What the two readers are, what was measured, what not to use them for.

    Figures come from the checkpoints' own evaluation and calibration files.
    """
    calibrations = [_calibration(checkpoint) for checkpoint in pair.checkpoints]
    return Markup("""<div class="about">
<h2>What this is</h2>
<p>Two extractive question answering models read the same text. Each can only point at a span of it;
neither writes words of its own. Comparing them shows what biomedical training changes.</p>
<h2>The models in use</h2>
<p><b>{biom}</b>: {biom_trained_on}</p>
<p><b>{vanilla}</b>: {vanilla_trained_on}</p>
{measured}
<h2>The published models</h2>
<p>Exact match and F1 (percent) on {pairs} question–snippet pairs of BioASQ 8B, as their authors report them
(Alrowili &amp; Shanker 2021, <a href="https://aclanthology.org/2021.bionlp-1.24/">BioM-Transformers</a>
and the model card).</p>
{published}
{ablation}
<h2>Reading the numbers</h2>
<p><b>Confidence</b> is the model’s share of probability on exactly the shown words, out of “not in the text”
and every run of whole words of up to 30 tokens (word pieces), brackets and quotation marks in balance, which
together make 100%. <b>Not in the text</b>, also called p(no answer), is the share of “the text does not say
it”: a gauge, not a switch. A model gives no answer when that scores higher than its best words, whatever the
shares are. {trust}</p>
<h3>Reading the tables</h3>
<p><b>EM</b>, exact match: how many answers of 100 are a known answer, but for capitals, articles and
punctuation. <b>F1</b>: how far the words of the answers and of the known ones are the same, from 0 to 100.
<b>Strict accuracy</b>: how many questions of 100 have a known answer in first place. <b>Lenient accuracy</b>:
in one of the first five places. <b>MRR</b>, mean reciprocal rank: 100 for a known answer in first place, 50
in second, 33 in third and so on, on average.</p>
{reliability}
<h2>What was not measured</h2>
<p>The published models were not run again for this page: their figures are their authors’. Nobody has
measured how these models do on full papers, patient records or other languages; what holds for snippets of
PubMed and paragraphs of Wikipedia need not hold there.</p>
<h2>What is sent, and what is kept</h2>
<p>A pasted text and its question stay on this server, and are forgotten an hour after you last used them.
To NCBI (or the server that the operator has put in its place) go the names of records you type, PubMed
queries, and the words of a question you put to PubMed. Records that come back are public and may be kept on
this server. An NCBI key of yours is used for the request it came with and not kept. A link holds your
question, and your text only if you tick it; so that a reload brings it back, the text lies in this
browser’s tab until you close it or press <i>Forget</i>.</p>
<h2>Run it yourself</h2>
<p>The code is under the MIT licence; the bundled weights come with a card each that names their data and
its licences. On your own machine <b>make demo</b> starts this page with the bundled pair, without a
network; the README tells how to put it on a Hugging Face Space or into a container, and has the command
line, the library and the API.</p>
<h2>How to cite</h2>
<p>The published models: Sultan Alrowili and Vijay Shanker, <i>BioM-Transformers: Building Large Biomedical
Language Models with BERT, ALBERT and ELECTRA</i>, BioNLP 2021, pages 221–227, <a
href="https://aclanthology.org/2021.bionlp-1.24/">2021.bionlp-1.24</a>. This software: BioM demo, version
{version}; CITATION.cff beside its code.</p>
<h2>Not medical advice</h2>
<p>The models quote; they do not check. A text may be wrong, outdated or retracted, and a model may point
at the wrong place. Do not decide about anyone’s health by what this page shows.</p>
</div>""").format(
        version=__version__,
        biom=pair.biom.label,
        biom_trained_on=pair.biom.trained_on,
        vanilla=pair.vanilla.label,
        vanilla_trained_on=pair.vanilla.trained_on,
        measured=_measured(pair),
        pairs=PUBLISHED_PAIRS,
        published=_table(PUBLISHED_SCORES),
        ablation=_ablation(),
        trust=" ".join(_trust(pair, calibrations)),
        reliability=_reliability(pair, calibrations),
    )


def _calibration(checkpoint: Checkpoint) -> Calibration:
    folder = locate(checkpoint)
    try:
        return Calibration.of_folder(folder) if folder else UNCALIBRATED
    except CheckpointError:
        return UNCALIBRATED  # who asks this model is told what to do


def _trust(pair: ModelPair, calibrations: Sequence[Calibration]) -> list[str]:
    """Whether the shares say how often a model is right: a sentence for both models, or one for each."""
    told: dict[str, list[str]] = {}
    for checkpoint, calibration in zip(pair.checkpoints, calibrations, strict=True):
        rest = " tell how sure a model is, not how often it is right."
        if calibration != UNCALIBRATED:
            fitted = f", fitted on {calibration.fitted_on}" if calibration.fitted_on else ""
            rest = (
                " are calibrated: a temperature and a bias of “no answer” bring them near to how often they "
                f"are right{fitted}."
            )
        told.setdefault(rest, []).append(checkpoint.label)
    if len(told) == 1:
        return [f"Both{rest}" for rest in told]
    return [f"Those of {label}{rest}" for rest, (label,) in told.items()]


def _reliability(pair: ModelPair, calibrations: Sequence[Calibration]) -> Markup:
    found = reliability_html(list(zip(personas(pair.checkpoints), calibrations, strict=True)))
    if not found:
        return Markup()
    return Markup(
        "<h2>How sure is how right</h2><p>Best answers to questions whose text holds one, in steps of "
        "confidence. On the dashed line they are right (exact match) as often as the model is sure; below "
        "it, the model is too sure. Under each step stands how many answers it holds; points of fewer than "
        "{enough} are hollow. ECE is the mean distance of confidence from the share right, before and "
        "after calibration: 0 is best.</p>{found}"
    ).format(enough=ENOUGH, found=found)


def _measured(pair: ModelPair) -> Markup:
    rows = [row for checkpoint in (pair.biom, pair.vanilla) for row in _figures(checkpoint)]
    if not rows:
        return Markup()
    body = Markup().join(
        Markup('<tr><td>{}</td><td>{}</td><td class="number">{}</td>{}</tr>').format(
            *row[:3], Markup().join(Markup('<td class="number">{:.2f}</td>').format(one) for one in row[3:])
        )
        for row in rows
    )
    return Markup(
        "<h3>Measured</h3><p>Exact match and F1 in percent over the pairs whose text holds an answer, the "
        "model made to give one. None of these pairs was trained or chosen on; the commands are in each "
        "model’s card.</p><table><thead><tr><th>model</th><th>data</th><th>pairs</th><th>EM</th><th>F1</th>"
        "</tr></thead><tbody>{}</tbody></table>"
    ).format(body)


def _ablation() -> Markup:
    """What each stage brings to the bundled pair, from the file that ``train ablation`` wrote."""
    rows = json.loads(ABLATION.read_text("utf-8"))["rows"]
    columns = list(rows[0]["figures"])
    seeds = max(len(row["seeds"]) for row in rows)
    body = Markup().join(
        Markup("<tr><td>{}, {}</td>{}</tr>").format(
            row["model"],
            row["stage"],
            Markup().join(
                Markup('<td class="number">{:.1f}{}</td>').format(
                    row["figures"][column], f" ± {row['spread'][column]:.1f}" if row["spread"] else ""
                )
                for column in columns
            ),
        )
        for row in rows
    )
    return Markup(
        "<h2>What each stage brings to the bundled pair</h2><p>EM and F1 on the {pairs} pairs; strict "
        "accuracy, lenient accuracy and mean reciprocal rank (percent) over the 8B factoid questions, the "
        "answers of a question’s snippets pooled. {seeds}</p>"
        "<table><thead><tr><th>model, stage</th>{head}</tr></thead><tbody>{body}</tbody></table>"
    ).format(
        pairs=PUBLISHED_PAIRS,
        seeds=f"± is the standard deviation over {seeds} seeds of the BioASQ stage."
        if seeds
        else "One run of each stage.",
        head=Markup().join(Markup("<th>{}</th>").format(column) for column in columns),
        body=body,
    )


def _figures(checkpoint: Checkpoint) -> list[tuple[str, str, int, float, float]]:
    """The model's name, the data, its answerable pairs, EM and F1: a row a file it was measured on."""
    folder = locate(checkpoint)
    path = folder / "evaluation.json" if folder else None
    if path is None or not path.is_file():
        return []
    try:
        return [
            (
                checkpoint.label,
                DATA.get((r["file"], r["n"]), r["file"]),
                r["with_null"]["has_answer"]["n"] if r.get("with_null") else r["n"],
                float(r["exact_match"]),
                float(r["f1"]),
            )
            for r in json.loads(path.read_text("utf-8"))["results"]
        ]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []  # a folder of the user's own may hold a file of that name in another form


def _table(rows: Sequence[tuple[str, float, float]]) -> Markup:
    body = Markup().join(
        Markup('<tr><td>{}</td><td class="number">{:.2f}</td><td class="number">{:.2f}</td></tr>').format(
            *row
        )
        for row in rows
    )
    return Markup(
        "<table><thead><tr><th>model</th><th>EM</th><th>F1</th></tr></thead><tbody>{}</tbody></table>"
    ).format(body)
