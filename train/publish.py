"""A fine-tuned checkpoint -> a folder to ship: float16 safetensors, tokenizer, model card, figures.

    python -m train publish --model runs/bioasq --out assets/BioM-ELECTRA-Mini-SQuAD-BioASQ8B \\
        --card train/cards/biom-electra-mini.json --evaluation runs/bioasq-475.json
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from biom_demo.errors import TrainingError
from biom_demo.qa.calibration import CALIBRATION_FILE, UNCALIBRATED, Calibration, Measured
from biom_demo.qa.datasets import write_json
from biom_demo.qa.engines.pytorch import PyTorchEngine

CARD_FIELDS = ("title", "license", "summary", "start", "data", "commands", "limits")


def publish(
    *,
    model: Path,
    out: Path,
    card: dict[str, Any],
    evaluations: Sequence[dict[str, Any]],
    logs: Sequence[Path] = (),
) -> Path:
    """The folder ``out``; it replaces what was there only once all of it is written.

    ``card`` has the facts a program cannot know (what it was trained on, licences, commands);
    ``evaluations`` are results of ``evaluate --json``, kept beside the card as ``evaluation.json``
    without their predictions; ``logs`` are the loss logs of the stages in order, drawn as ``loss.png``.
    A calibration in the model's folder goes with it; what was measured of it is drawn as
    ``reliability.png``. Raises ``CheckpointError`` for a damaged one.
    """
    missing = [field for field in CARD_FIELDS if field not in card]
    if missing:
        raise TrainingError(f"The model card's facts lack {', '.join(missing)}.")
    calibration = Calibration.of_folder(model)
    partial = out.with_name(out.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    engine = PyTorchEngine.load(model)
    # float16 halves the download; loading makes float32 of it again.
    engine.model.half()
    engine.save(partial)
    (partial / "model.safetensors").chmod(0o644)
    text = model_card(card, evaluations, name=out.name, calibration=calibration)
    if (model / CALIBRATION_FILE).is_file():
        shutil.copyfile(model / CALIBRATION_FILE, partial / CALIBRATION_FILE)
    if calibration.measured:
        plot_reliability(calibration.measured, partial / "reliability.png")
    if logs:
        plot_losses(logs, partial / "loss.png")
        text += "\n## Loss\n\n![Training loss of each stage, smoothed](loss.png)\n"
    (partial / "README.md").write_text(text, encoding="utf-8")
    write_json({"results": [_figures(evaluation) for evaluation in evaluations]}, partial / "evaluation.json")
    before = out.with_name(out.name + ".before")  # so that a kill leaves the old or the new one whole
    shutil.rmtree(before, ignore_errors=True)
    if out.exists():
        out.replace(before)
    partial.replace(out)
    shutil.rmtree(before, ignore_errors=True)
    return out


def _figures(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The evaluation without the predictions its figures were counted on."""
    return {
        key: _figures(value) if isinstance(value, dict) else value
        for key, value in evaluation.items()
        if key not in ("predictions", "null_odds")
    }


def plot_losses(logs: Sequence[Path], out: Path) -> None:
    """Draw the loss of each stage, raw and smoothed over 20 steps, as a PNG; one panel a log.

    A stage is named by its folder. Raises ``TrainingError`` without matplotlib or for a damaged log.
    """
    figure = _figure(4 * len(logs), 3)
    for axes, log in zip(figure.subplots(1, len(logs), squeeze=False)[0], logs, strict=True):
        try:
            rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
            losses = [float(row["loss"] if "loss" in row else row["rtd"]) for row in rows]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"{log} is no loss log of this package ({error}).") from error
        smooth = [
            sum(losses[max(0, i - 19) : i + 1]) / len(losses[max(0, i - 19) : i + 1])
            for i in range(len(losses))
        ]
        axes.plot(losses, color="#bbbbbb", linewidth=0.5)
        axes.plot(smooth, color="#0b6e4f")
        axes.set(title=log.parent.name, xlabel="step", ylabel="loss" if "loss" in rows[0] else "RTD loss")
    figure.savefig(out, dpi=100)


def plot_reliability(measured: Sequence[Measured], out: Path) -> None:
    """Draw the share of right answers by confidence, before and after, as a PNG; one panel a data set.

    Each point has the number of its answers. Raises ``TrainingError`` without matplotlib.
    """
    figure = _figure(4 * len(measured), 4)
    for axes, one in zip(figure.subplots(1, len(measured), squeeze=False)[0], measured, strict=True):
        axes.plot([0, 1], [0, 1], color="#888888", linewidth=0.8, linestyle="--")
        for name, found, color, marker in (
            ("before", one.before, "#999999", "s"),
            ("after", one.after, "#0b6e4f", "o"),
        ):
            x, y = [b.confidence for b in found.bins], [b.accuracy for b in found.bins]
            label = f"{name}: ECE {found.ece:.3f}"
            axes.plot(x, y, color=color, marker=marker, markersize=4, linewidth=1, label=label)
        for held in one.after.bins:
            axes.annotate(
                f"{held.n}",
                (held.confidence, held.accuracy),
                xytext=(4, -9),
                textcoords="offset points",
                fontsize="x-small",
                color="#0b6e4f",
            )
        title = f"{one.after.measured_on} (n = {one.after.n})"
        axes.set(title=title, xlabel="confidence", ylabel="right", xlim=(0, 1), ylim=(0, 1))
        axes.legend(fontsize="small", loc="upper left")
    figure.savefig(out, dpi=100)


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise TrainingError("The plot needs matplotlib: pip install -r requirements-train.txt") from None
    return Figure(figsize=(width, height), layout="constrained")


def push(folder: Path, repository: str) -> str:
    """The address of the Hub repository that the folder was uploaded to; it is made if missing.

    Raises ``TrainingError`` where the Hub refuses or cannot be reached; the folder stays.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    try:
        address = api.create_repo(repository, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder)
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise TrainingError(
            f"{folder} is written but was not uploaded ({reason}). Log in with: hf auth login"
        ) from error
    return str(address)


def model_card(
    card: dict[str, Any],
    evaluations: Sequence[dict[str, Any]],
    *,
    name: str,
    calibration: Calibration = UNCALIBRATED,
) -> str:
    """The model card of the checkpoint folder ``name`` as Markdown with the Hub's front matter."""
    lines = ["---", f"license: {card['license']}", "language: en", "pipeline_tag: question-answering"]
    lines += ["library_name: transformers", "---", "", f"# {card['title']}", "", card["summary"], ""]
    lines += ["## Start weights", "", card["start"], "", "## Training data", ""]
    lines += ["| data | pairs used | licence |", "|---|---|---|"]
    lines += [f"| {row['name']} | {row['pairs']} | {row['licence']} |" for row in card["data"]]
    lines += ["", "## Commands", "", "```", *card["commands"], "```", "", "## Measured", ""]
    lines += ["| file | n | EM | F1 | EM, may abstain | F1, may abstain | command |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in evaluations:
        with_null = row["with_null"]
        lines.append(
            f"| {row['file']} | {row['n']} | {row['exact_match']} | {row['f1']} "
            f"| {with_null['exact_match']} | {with_null['f1']} "
            f"| `python -m train evaluate {row['file']} --model {name}` |"
        )
    lines += [
        "",
        "EM and F1 in percent. The first pair is over the answerable pairs with the model made to "
        "answer (as in the published table); the second lets it abstain at threshold 0 and counts all pairs.",
        "",
        *_calibration_lines(calibration),
        "## Limits",
        "",
        *(f"- {limit}" for limit in card["limits"]),
        "",
        "## Environment",
        "",
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {version('transformers')}, {platform.machine()} CPU.",
        "",
    ]
    return "\n".join(lines)


def _calibration_lines(calibration: Calibration) -> list[str]:
    """The card's section on how probabilities are made and how far they hold; none where there is none."""
    if calibration == UNCALIBRATED:
        return []
    lines = ["## Calibration", ""]
    lines += [
        'The app shows softmax(score / T), with b added to the score of "no answer": temperature '
        f"T = {calibration.temperature:g}, null bias b = {calibration.null_bias:g} (`{CALIBRATION_FILE}`). "
        "The weights, the order of answers, EM and F1 are the same without."
        + (f" Fitted on {calibration.fitted_on}." if calibration.fitted_on else ""),
        "",
    ]
    if not calibration.measured:
        return lines
    lines += ["| data set | answers | ECE before | ECE after |", "|---|---|---|---|"]
    lines += [
        f"| {one.after.measured_on} | {one.after.n} | {one.before.ece:.3f} | {one.after.ece:.3f} |"
        for one in calibration.measured
    ]
    lines += [
        "",
        "Of the best answers to answerable pairs. ECE, the expected calibration error, is the mean distance "
        "(0 to 1) of confidence from the share right (exact match), in ten steps of confidence.",
        "",
        "![Share of right answers by confidence, before and after calibration](reliability.png)",
        "",
        "| data set | confidence | answers | mean confidence, % | right, % |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.after.measured_on} | {100 * b.low:.0f} to {100 * b.high:.0f}% | {b.n} "
        f"| {100 * b.confidence:.1f} | {100 * b.accuracy:.1f} |"
        for one in calibration.measured
        for b in one.after.bins
    ]
    return [*lines, ""]
