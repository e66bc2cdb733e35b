"""Fine-tuning: what is learned from, the resume guarantee, refusals."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from biom_demo.errors import TrainingError
from biom_demo.qa.datasets import write_squad
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import CharSpan, Example, Question
from train.__main__ import main as train_main
from train.checkpoint import load_state, save_state
from train.finetune import (
    LOG_FILE,
    STATE_FILE,
    batches_of_epoch,
    finetune,
    span_loss,
    with_short_contexts,
    with_unanswerable,
)
from train.initialize import initialize_smoke
from train.optim import adamw, learning_rate_factor
from train.recipes import SMOKE


def examples(count=14):
    made = []
    for i in range(count):
        answer = f"gene{i}"
        context = "the drug " * (i % 3) + f"which {answer} causes it"
        start = context.index(answer)
        made.append(
            Example(
                Question(f"q{i}", "which gene?"), context, (answer,), (CharSpan(start, start + len(answer)),)
            )
        )
    return made


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return initialize_smoke(tmp_path_factory.mktemp("start"), seed=1)


def run(start, out, **changes):
    settings = {"stage": SMOKE.squad, "seed": 3, "save_every_steps": 2, "examples": examples()} | changes
    return finetune(start=start, out=out, **settings)


def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(start, tmp_path):
    run(start, tmp_path / "whole")
    for stop in (1, 4, 7):
        run(start, tmp_path / "parts", stop_after_steps=stop)
        assert (tmp_path / "parts" / STATE_FILE).exists()
    run(start, tmp_path / "parts")
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    parts = load_file(tmp_path / "parts" / "model.safetensors")
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    assert (tmp_path / "whole" / LOG_FILE).read_text() == (tmp_path / "parts" / LOG_FILE).read_text()
    assert not (tmp_path / "parts" / STATE_FILE).exists()


def test_training_learns(start, tmp_path):
    stage = replace(SMOKE.squad, epochs=25, dropout=0.0, unanswerable_fraction=0.0)
    run(start, tmp_path, stage=stage)
    losses = [json.loads(line)["loss"] for line in (tmp_path / LOG_FILE).read_text().splitlines()]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    assert Reader.load(tmp_path).read(Question("q", "which gene?"), ["the gene"])


def test_a_foreign_or_damaged_state_is_refused(start, tmp_path):
    run(start, tmp_path, stop_after_steps=1)
    with pytest.raises(TrainingError, match="another recipe"):
        run(start, tmp_path, seed=4)
    with pytest.raises(TrainingError, match="another recipe"):
        run(start, tmp_path, examples=examples(13))
    data = (tmp_path / STATE_FILE).read_bytes()
    (tmp_path / STATE_FILE).write_bytes(data[: len(data) // 2])
    with pytest.raises(TrainingError, match="damaged"):
        run(start, tmp_path)


def test_state_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    save_state(path, {"identity": "a", "step": 1})

    def full_disk(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(TrainingError, match="Free some space"):
        save_state(path, {"identity": "a", "step": 2})
    assert load_state(path, "a")["step"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]


def test_nothing_to_learn_is_refused_before_any_work(start, tmp_path):
    with pytest.raises(TrainingError, match="No training pair"):
        run(start, tmp_path, examples=[Example(Question("q", "?"), "no answer here")])


def test_a_finished_checkpoint_is_not_trained_over(start, tmp_path):
    run(start, tmp_path)
    with pytest.raises(TrainingError, match="finished checkpoint"):
        run(start, tmp_path)


def test_unanswerable_pairs_hold_no_answer_and_hang_on_the_seed():
    whole = with_unanswerable(examples(), 0.5, seed=0)
    added = whole[14:]
    assert len(added) == 7
    assert not any(example.answerable for example in added)
    golds = {e.question.id: e.gold_texts for e in examples()}
    for example in added:
        gold = golds[example.question.id.removesuffix("-unanswerable")]
        assert not any(text.lower() in example.context.lower() for text in gold)
    assert with_unanswerable(examples(), 0.5, seed=0) == whole
    assert with_unanswerable(examples(), 0.5, seed=1) != whole


def test_batches_hold_every_feature_once_and_are_alike_in_length():
    lengths = [(i * 37) % 100 for i in range(1003)]
    batches = batches_of_epoch(lengths, 8, torch.Generator().manual_seed(0))
    assert sorted(i for batch in batches for i in batch) == list(range(1003))
    spreads = [max(lengths[i] for i in b) - min(lengths[i] for i in b) for b in batches]
    assert sum(spreads) / len(spreads) < 5


def test_loss_ignores_padding_and_equals_the_hand_sum():
    start = torch.tensor([[0.0, 1.0, 2.0, 50.0]])
    mask = torch.tensor([[1, 1, 1, 0]])
    loss = span_loss(start, start, mask, torch.tensor([1]), torch.tensor([2]))
    normaliser = torch.tensor([0.0, 1.0, 2.0]).logsumexp(0)
    assert loss.item() == pytest.approx((2 * normaliser - 1.0 - 2.0).item() / 2)


def test_the_schedule_rises_then_falls_to_nothing():
    factors = [learning_rate_factor(i, total_steps=20, warmup_fraction=0.1) for i in range(21)]
    assert factors[:3] == [0.5, 1.0, 1.0]
    assert factors[20] == 0.0
    assert factors[2:] == sorted(factors[2:], reverse=True)


def test_biases_and_layer_norms_are_not_decayed(start):
    model = Reader.load(start, allow_new_head=True).model
    optimizer = adamw(model, SMOKE.squad, layers=2)
    plain = {id(p) for g in optimizer.param_groups if g["weight_decay"] == 0 for p in g["params"]}
    for name, parameter in model.named_parameters():
        assert (id(parameter) in plain) == (name.endswith(".bias") or "LayerNorm" in name)


def test_the_chain_runs_from_the_command_line(tmp_path, capsys):
    data, weights, out = tmp_path / "d.json", tmp_path / "start", tmp_path / "out"
    write_squad(examples(), data, title="t")
    assert train_main(["initialize", "--recipe", "smoke", "--out", str(weights)]) == 0
    command = [
        "finetune",
        "--recipe",
        "smoke",
        "--stage",
        "squad",
        "--start",
        str(weights),
        "--out",
        str(out),
    ]
    assert train_main([*command, "--squad", str(data)]) == 0
    result = tmp_path / "r.json"
    assert train_main(["evaluate", str(data), "--model", str(out), "--json", str(result)]) == 0
    scores = json.loads(result.read_text())
    assert scores["n"] == 14
    assert 0 <= scores["exact_match"] <= scores["f1"] <= 100
    card = dict.fromkeys(("title", "license", "summary", "start"), "x")
    card |= {"data": [{"name": "d", "pairs": 14, "licence": "own"}], "commands": ["c"], "limits": ["l"]}
    (tmp_path / "card.json").write_text(json.dumps(card))
    published = tmp_path / "published"
    publish = ["publish", "--model", str(out), "--card", str(tmp_path / "card.json"), "--out", str(published)]
    assert train_main([*publish, "--evaluation", str(result)]) == 0
    assert f"| d.json | 14 | {scores['exact_match']} |" in (published / "README.md").read_text()
    assert load_file(published / "model.safetensors")["qa_outputs.weight"].dtype == torch.float16
    assert Reader.load(published).model.dtype == torch.float32
    capsys.readouterr()
    assert train_main([*command, "--squad", str(tmp_path / "none.json")]) == 2
    assert "Check the path" in capsys.readouterr().err


def test_short_contexts_keep_the_answer_in_place():
    context = (
        "A first sentence is here. The drug stops gene7 in cells. A third one follows. And a fourth ends it."
    )
    start = context.index("gene7")
    case = Example(Question("q", "which?"), context, ("gene7",), (CharSpan(start, start + 5),))
    made = [with_short_contexts([case], 1.0, seed)[0] for seed in range(20)]
    assert all(e.gold_spans[0].of(e.context) == "gene7" for e in made)
    assert all(e.context in context for e in made)
    assert len({e.context for e in made}) > 3
    assert min(len(e.context) for e in made) < len(context) / 2
    assert with_short_contexts([case], 0.0, 1) == [case]


def test_half_of_the_unanswerable_pairs_stay_on_the_topic():
    context = "The drug stops gene7 in all cells. It was found by chance in a soil sample from the north."
    start = context.index("gene7")
    cases = [
        Example(Question(f"q{i}", "which?"), context, ("gene7",), (CharSpan(start, start + 5),))
        for i in range(10)
    ]
    added = with_unanswerable(cases, 1.0, seed=0)[10:]
    assert [e.context for e in added] == ["It was found by chance in a soil sample from the north."] * 5
