"""The rehearsal of a recipe, at the size of `smoke`: real commands, a real kill, the app."""

from __future__ import annotations

import json
import re

import pytest

from biom_demo.errors import TrainingError
from biom_demo.qa.windows import tokenize
from train.__main__ import main as train_main
from train.initialize import RANDOM_SHAPES, initialize_random, made_up_vocabulary
from train.recipes import BASE, LARGE, SMOKE, cost_of
from train.rehearse import _Runner, made_up_pairs, rehearse

STEPS = ["start", "killed", "resumed", "evaluation", "publication", "app"]


def test_a_recipe_is_rehearsed_from_start_weights_to_the_app(tmp_path, capsys):
    # More updates than two, so that a tiny model's run can be killed before it ends.
    done = rehearse(SMOKE, tmp_path / "r", updates=40, threads=1)
    assert len(done.steps) == len(STEPS)
    for word, step in zip(STEPS, done.steps, strict=True):
        assert word in step.name
        assert 50e6 < step.peak_bytes < 4e9  # Python with torch
        assert step.seconds > 0
    # The start is in the published layout, and nothing was added to it.
    (start,) = (tmp_path / "r" / "hub").glob("models--*/snapshots/*")
    assert {p.name for p in start.iterdir()} == {"config.json", "vocab.txt", "pytorch_model.bin"}
    begun, killed, tuned, _, published, _ = (step.disk_bytes for step in done.steps)
    weights = (start / "pytorch_model.bin").stat().st_size
    assert begun > weights
    assert killed > 3 * weights * 0.9  # a state: weights and two moments
    assert tuned < killed
    halved = (tmp_path / "r" / "published" / "model.safetensors").stat().st_size
    assert 0.4 * weights < halved < 0.6 * weights
    assert published > halved
    assert len((tmp_path / "r" / "tuned" / "loss.jsonl").read_text().splitlines()) == 40
    updates = int(re.match(r"(\d+) updates in [\d.]+ s, [\d.]+ s each$", done.update)[1])
    assert 1 <= updates <= 39  # what was saved before the kill was not done again
    assert json.loads((tmp_path / "r" / "figures.json").read_text())["n"] == 2
    assert done.answer in (tmp_path / "r" / "text.txt").read_text()
    table = done.table()
    assert all(f"| {step.name} | {step.seconds:.1f} | " in table for step in done.steps)
    assert "NVIDIA L4" in table
    with pytest.raises(TrainingError, match="not empty"):
        rehearse(SMOKE, tmp_path / "r")
    assert "resumed" in capsys.readouterr().out


def test_what_cannot_be_rehearsed_is_refused(tmp_path, capsys):
    out = ["--out", str(tmp_path / "r")]
    assert train_main(["rehearse", "--recipe", "smoke", "--updates", "1", *out]) == 2
    assert "two updates or more" in capsys.readouterr().err
    with pytest.raises(TrainingError, match="take one of smoke, base, large"):
        initialize_random(tmp_path / "m", recipe="mini", seed=1)


def test_a_step_that_fails_says_why(tmp_path):
    (tmp_path / "logs").mkdir()
    runner = _Runner(tmp_path, {})
    with pytest.raises(TrainingError, match=r"“x” ended with 2: error: .*none\.txt"):
        runner.run("x", ["biom_demo", "ask", "Which gene?", "--text", "none.txt"], wrote=None)
    # One that ends before it could be killed is told apart from a killed one.
    runner.run("y", ["train", "--help"], wrote=None, kill_when=lambda: False)
    assert [step.name for step in runner.steps] == ["x", "y"]


def test_the_vocabulary_has_the_published_size_and_no_word_twice():
    assert RANDOM_SHAPES["large"]["vocab_size"] == RANDOM_SHAPES["base"]["vocab_size"] == 28_895
    for size in (700, 28_895):
        made = made_up_vocabulary(size)
        assert len(made) == len(set(made)) == size
        assert made[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def test_the_pairs_fill_windows_of_512_tokens():
    from transformers import ElectraTokenizerFast

    vocabulary = made_up_vocabulary(28_895)
    tokenizer = ElectraTokenizerFast(vocab={word: i for i, word in enumerate(vocabulary)})
    pairs = made_up_pairs(3)
    lengths = [len(pieces.ids) for pieces in tokenize(tokenizer, [pair.context for pair in pairs])]
    assert min(lengths) > 1000
    # Enough full windows for two updates of the recipes, whatever the order.
    full = sum(1 + (length - 512) // 128 for length in lengths)
    assert full > 4 * max(LARGE.bioasq.batch_size, BASE.bioasq.batch_size)
    assert all(pair.gold_spans[0].of(pair.context) == pair.gold_texts[0] for pair in pairs)


def test_the_arithmetic_of_a_full_run():
    line = cost_of(LARGE, LARGE.bioasq, pairs=1600, tokens=1600 * 100)
    # 3 epochs x 160,000 tokens x 6 x 335M parameters = 0.965 PFLOP, over 36.3 TFLOP/s: 26.6 s.
    assert "1,600 pairs, 300 updates" in line
    assert "0.965 PFLOP" in line
    assert "0.0074 h on an NVIDIA L4 (24 GB) if it reaches 30% of its 121 TFLOP/s" in line
