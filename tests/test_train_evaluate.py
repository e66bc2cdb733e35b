"""The researcher's evaluation, publication, and the whole chain by its script."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from biom_demo.analysis.benchmark import Found, Gold, benchmark, length_class, plan_of, question_word
from biom_demo.errors import CheckpointError, TrainingError
from biom_demo.qa.calibration import CALIBRATION_FILE, UNCALIBRATED, Calibration
from biom_demo.qa.datasets import BioAsqQuestion, Snippet, read_squad, write_squad
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Answer, CharSpan, Example, Prediction, Question
from tests.conftest import ROOT
from tests.readings import calibration_of, measured_on
from train import evaluate as ev
from train.__main__ import main as train_main
from train.publish import model_card, plot_losses, publish
from train.recipes import RECIPES, cost


def example(number, context="which gene1 causes it", answer="gene1"):
    start = context.index(answer)
    return Example(
        Question("Which gene, and how?", f"q{number // 2}_{number % 2:03d}"),
        context,
        (answer,),
        (CharSpan(start, start + len(answer)),),
    )


QUESTIONS = [
    BioAsqQuestion(
        "q0", "Which gene?", "factoid", (("gene1", "G1"),), (Snippet("which gene1 causes it", "d"),)
    ),
    BioAsqQuestion("q1", "Which?", "yesno", (("yes",),), (Snippet("which gene1 causes it", "d"),)),
]


@pytest.fixture(scope="module")
def result(tiny_checkpoint):
    gold = Gold("dev.json", tuple(example(i) for i in range(6)), tuple(QUESTIONS))
    return ev.evaluate([str(tiny_checkpoint)], gold)


def test_breakdowns_cover_every_pair(result):
    document = ev.document(result)
    assert sum(row["n"] for row in document["by_question_word"].values()) == 6
    assert list(document["by_length"]) == ["1-25"]
    assert document["by_length"]["1-25"]["exact_match"] == document["exact_match"]
    assert document["by_length"]["1-25"]["f1"] == document["f1"]
    assert document["bioasq"]["n"] == 1  # the yes/no question is none of ours


def test_one_example_gives_the_same_answer_in_app_and_evaluation(result, tiny_checkpoint):
    case = example(0)
    (found,) = Reader.load(tiny_checkpoint).predictions([(case.question, case.context)])
    best = found.best(null_threshold=None)
    right = best is not None and best.text == "gene1"
    assert result.models[0].pairs[0].exact_match == float(right)


@pytest.mark.parametrize(
    ("question", "word"),
    [("Which gene?", "which"), ("In cells, what binds?", "what"), ("Name a gene", "other")],
)
def test_question_words(question, word):
    assert question_word(question) == word


@pytest.mark.parametrize(
    ("words", "name"), [(1, "1-25"), (25, "1-25"), (26, "26-50"), (200, "101-200"), (201, "201+")]
)
def test_length_classes(words, name):
    assert length_class("w " * words) == name


def test_the_difference_is_signed_and_counts_questions():
    examples = tuple(example(i, context=f"which gene1 causes it {i}") for i in range(6))
    gold = Gold("dev.json", examples)

    def with_matches(label, values):
        spans = [CharSpan(6, 11) if value else CharSpan(0, 5) for value in values]
        return Found(
            label,
            [
                Prediction(e.question, (Answer(span, span.of(e.context), 1.0, 0.5),), 0.0, 0.1)
                for e, span in zip(examples, spans, strict=True)
            ],
        )

    first, second = with_matches("a", [1, 1, 1, 0, 0, 0]), with_matches("b", [0, 0, 0, 0, 0, 1])
    document = ev.document(benchmark(gold, plan_of(gold), [first, second]))
    found = document["difference"]
    assert found["pairs"] == 6
    assert found["questions"] == 3
    assert found["exact_match"]["mean"] == pytest.approx(100 * 2 / 6, abs=1e-3)
    assert found["exact_match"]["low"] <= found["exact_match"]["mean"] <= found["exact_match"]["high"]
    assert found["mcnemar"] == {"questions_for_first": 2, "questions_for_second": 1, "p_value": 1.0}
    assert document["exact_match"] == 50
    assert document["against"]["exact_match"] == round(100 / 6, 2)
    assert "difference" not in ev.document(benchmark(gold, plan_of(gold), [first]))


def test_a_submission_without_questions_is_refused_before_any_work(tmp_path, capsys):
    write_squad([example(0)], tmp_path / "d.json", title="t")
    command = ["evaluate", str(tmp_path / "d.json"), "--model", "none", "--submission", str(tmp_path / "s")]
    assert train_main(command) == 2
    assert "--bioasq" in capsys.readouterr().err


def test_a_plot_is_drawn_of_the_logs_and_a_damaged_one_is_refused(tmp_path):
    log = tmp_path / "squad" / "loss.jsonl"
    log.parent.mkdir()
    log.write_text("".join(json.dumps({"step": i, "loss": 5 / i}) + "\n" for i in range(1, 60)))
    plot_losses([log, log], tmp_path / "loss.png")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    log.write_text("{")
    with pytest.raises(TrainingError, match="no loss log"):
        plot_losses([log], tmp_path / "loss.png")


CARD = {
    **dict.fromkeys(("title", "license", "summary", "start"), "x"),
    "data": [{"name": "d", "pairs": 14, "licence": "own"}],
    "commands": ["c"],
    "limits": ["l"],
}


@pytest.fixture
def a_model(tiny_checkpoint, tmp_path):
    """A checkpoint folder of the test's own."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "model"))


def test_a_calibration_is_published_with_its_model(a_model, tmp_path):
    measured = (
        measured_on("BioASQ 8B", [(0.25, 40, 10), (0.95, 12, 11)]),
        measured_on("SQuAD", [(0.5, 30, 15)]),
    )
    made = calibration_of(*measured, temperature=1.75, null_bias=-0.5)
    (a_model / CALIBRATION_FILE).write_text(json.dumps(made.as_json()), "utf-8")
    out = publish(model=a_model, out=tmp_path / "out", card=CARD, evaluations=[])
    assert Calibration.of_folder(out) == made
    assert Reader.load(out).calibration == made
    assert (out / "reliability.png").read_bytes().startswith(b"\x89PNG")
    card = (out / "README.md").read_text("utf-8")
    assert card.index("## Measured") < card.index("## Calibration") < card.index("## Limits")
    for words in (
        "T = 1.75, null bias b = -0.5",
        "Fitted on made-up pairs.",
        f"| BioASQ 8B | 52 | {measured[0].before.ece:.3f} | {measured[0].after.ece:.3f} |",
        f"| SQuAD | 30 | {measured[1].before.ece:.3f} | {measured[1].after.ece:.3f} |",
        "| BioASQ 8B | 20 to 30% | 40 | 25.0 | 25.0 |",
        "| BioASQ 8B | 90 to 100% | 12 | 95.0 | 91.7 |",
        "| SQuAD | 50 to 60% | 30 | 50.0 | 50.0 |",
        "](reliability.png)",
    ):
        assert words in card
    # Published again without one, no trace of it stays.
    (a_model / CALIBRATION_FILE).unlink()
    publish(model=a_model, out=out, card=CARD, evaluations=[])
    assert not (out / CALIBRATION_FILE).exists()
    assert not (out / "reliability.png").exists()
    assert "alibration" not in (out / "README.md").read_text("utf-8")


def test_a_calibration_that_was_not_measured_is_told_without_figures():
    card = model_card(CARD, [], name="m", calibration=calibration_of())
    assert "## Calibration" in card
    assert "reliability.png" not in card
    assert "ECE" not in card
    assert model_card(CARD, [], name="m") == model_card(CARD, [], name="m", calibration=UNCALIBRATED)


def test_a_damaged_calibration_is_refused_and_what_was_published_stays(a_model, tmp_path):
    out = publish(model=a_model, out=tmp_path / "out", card=CARD, evaluations=[])
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (a_model / CALIBRATION_FILE).write_text("{", "utf-8")
    with pytest.raises(CheckpointError, match=CALIBRATION_FILE):
        publish(model=a_model, out=out, card=CARD, evaluations=[])
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_cost_is_told_for_every_recipe():
    for recipe in RECIPES.values():
        assert recipe.parameters
        assert "PFLOP" in cost(recipe, recipe.squad, [example(0)] * 100)


@pytest.mark.parametrize("chain", ["taught", "scratch"])
def test_the_smoke_chain_runs_to_its_figures_and_a_second_run_does_nothing_again(tmp_path, chain):
    command = ["bash", str(ROOT / "train" / "run.sh")]
    environment = os.environ | {"RECIPE": "smoke", "CHAIN": chain, "RUNS": str(tmp_path), "THREADS": "1"}
    first = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert first.returncode == 0, first.stderr[-2000:]
    document = json.loads((tmp_path / "result-42.json").read_text())
    assert document["n"] == len(read_squad(tmp_path / "dev.json")) == 12
    assert document["bioasq"]["n"] == 12
    assert {"exact_match", "f1", "mcnemar"} <= set(document["difference"])
    weights = tmp_path / "biom-bioasq-42" / "model.safetensors"
    written = weights.stat().st_mtime_ns
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0
    assert weights.stat().st_mtime_ns == written
    assert "finetune" not in again.stderr


@pytest.mark.parametrize("ldconfig", ["seq -f 'libjemalloc.so.2 => %g' 50000", "exit 127", None])
def test_the_chain_says_which_data_it_lacks(tmp_path, ldconfig):
    environment = {k: v for k, v in os.environ.items() if k not in {"SQUAD", "BIOASQ_TRAIN"}}
    environment |= {"RECIPE": "large", "RUNS": str(tmp_path)}
    if ldconfig:  # jemalloc is looked for on the way: a long list of libraries, or none to be had
        (tmp_path / "ldconfig").write_text(f"#!/bin/sh\n{ldconfig}\n")
        (tmp_path / "ldconfig").chmod(0o755)
        environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    ended = subprocess.run(
        ["bash", str(ROOT / "train" / "run.sh")], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2
    assert "set SQUAD" in ended.stderr
