"""Corpus, masking, the two networks, cloze questions and the resume of pre-training."""

from __future__ import annotations

import itertools
import json
import lzma
import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import ElectraForPreTraining

from biom_demo.errors import DataError, TrainingError
from train import masking
from train.cloze import MASK, cloze, cloze_examples, recurring_spans
from train.corpus import read_passages, shuffled, token_blocks, train_vocabulary
from train.electra import Electra
from train.finetune import LOG_FILE, STATE_FILE
from train.initialize import initialize_smoke
from train.optim import layer_factor
from train.pretrain import flops_per_token, pretrain
from train.recipes import BASE, LARGE, SMOKE

TEXT = "The BRCA9 gene is lost in mice that die early in life. The loss of the BRCA9 gene also slows repair. "
TEXT += "Both are rescued by a second copy of another gene on the same arm."


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return initialize_smoke(tmp_path_factory.mktemp("start"), seed=1)


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "text.txt.xz"
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.writelines(f"{TEXT} number {i}\n\n" for i in range(12))
    return path


def test_passages_come_from_plain_and_compressed_files(tmp_path, corpus):
    plain = tmp_path / "a.txt"
    plain.write_bytes(b"one\n\n  two \xff \nthree")
    assert list(read_passages([plain])) == ["one", "two \ufffd", "three"]
    assert len(list(read_passages([corpus, plain]))) == 15
    corpus.write_bytes(corpus.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read as text"):
        list(read_passages([corpus]))
    with pytest.raises(DataError, match="no text file"):
        list(read_passages([tmp_path / "none.txt"]))


def test_blocks_are_full_and_keep_the_text_in_order(tokenizer):
    passages = ["the gene", "which drug binds the protein", "virus"] * 5
    blocks = list(token_blocks(tokenizer, passages, 8))
    assert all(len(block) == 8 and block[0] == tokenizer.cls_token_id for block in blocks)
    packed = [i for block in blocks for i in block[1:]]
    whole = []
    for passage in passages:
        whole += [*tokenizer(passage, add_special_tokens=False)["input_ids"], tokenizer.sep_token_id]
    assert packed == whole[: len(packed)]
    assert len(whole) - len(packed) < 7


def test_shuffling_keeps_every_block_and_hangs_on_the_seed():
    blocks = [[i] for i in range(50)]
    first = list(shuffled(blocks, buffer=7, seed=1))
    assert sorted(first) == blocks
    assert first != blocks
    assert first == list(shuffled(blocks, buffer=7, seed=1))
    assert first != list(shuffled(blocks, buffer=7, seed=2))


def test_a_vocabulary_is_trained_on_the_text(corpus):
    vocabulary = train_vocabulary([corpus], size=120)
    assert vocabulary[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert len(vocabulary) <= 120
    assert "gene" in vocabulary


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 40), st.integers(0, 10_000))
def test_selection_takes_the_share_and_never_a_special_position(real, seed):
    maskable = torch.zeros(1, 42, dtype=torch.bool)
    maskable[0, 1 : 1 + real] = True
    selected = masking.select_positions(maskable, 0.15, torch.Generator().manual_seed(seed))
    assert not (selected & ~maskable).any()
    assert selected.sum() == (max(1, round(real * 0.15)) if real else 0)


def test_masking_statistics_and_labels():
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 50, (200, 100), generator=generator)
    maskable = torch.ones_like(ids, dtype=torch.bool)
    selected = masking.select_positions(maskable, 0.15, generator)
    assert (selected.sum(dim=1) == 15).all()
    assert abs(selected[:, :50].float().mean().item() - 0.15) < 0.01  # every place alike
    masked = masking.mask(ids, selected, 4, generator)
    share = (masked == 4).sum().item() / selected.sum().item()
    assert abs(share - 0.85) < 0.02
    assert (masked[~selected] == ids[~selected]).all()
    sampled = ids[selected].clone()
    sampled[::3] = 3
    corrupted, replaced = masking.replace_tokens(ids, selected, sampled)
    assert replaced.sum() == len(sampled[::3])  # where the sample equals the original: not replaced
    assert (corrupted[~replaced] == ids[~replaced]).all()


def test_gumbel_sampling_draws_from_the_softmax():
    logits = torch.tensor([0.0, 1.0, 2.0]).expand(20_000, 3)
    drawn = masking.gumbel_sample(logits, torch.Generator().manual_seed(0))
    shares = torch.bincount(drawn, minlength=3) / len(drawn)
    assert torch.allclose(shares, logits[0].softmax(0), atol=0.01)


def test_the_networks_share_embeddings_and_the_loss_is_the_weighted_sum(start):
    discriminator = ElectraForPreTraining.from_pretrained(start, trust_remote_code=False)
    model = Electra(discriminator, 0.5)
    table = discriminator.electra.embeddings.word_embeddings.weight
    assert model.generator.electra.embeddings is discriminator.electra.embeddings
    assert model.generator.generator_lm_head.weight is table
    assert model.generator.config.hidden_size == 16
    ids = torch.randint(5, 60, (4, 24), generator=torch.Generator().manual_seed(1))
    losses = model(
        ids,
        special_ids=torch.arange(5),
        mask_token_id=4,
        mask_fraction=0.15,
        rtd_weight=50.0,
        generator=torch.Generator().manual_seed(2),
    )
    assert losses.total.item() == pytest.approx(losses.mlm + 50 * losses.rtd, rel=1e-5)
    assert 0 < losses.replaced_fraction <= 0.2
    losses.total.backward()
    assert table.grad is not None
    assert model.generator.electra.encoder.layer[0].attention.self.query.weight.grad.abs().sum() > 0
    assert flops_per_token(model, SMOKE.pretraining) > 0


def test_killed_pre_training_ends_with_the_weights_of_an_uninterrupted_one(start, corpus, tmp_path):
    def run(out, **changes):
        given = {"settings": SMOKE.pretraining, "seed": 3, "save_every_steps": 2} | changes
        return pretrain(start=start, out=out, files=[corpus], **given)

    run(tmp_path / "whole")
    for stop in (1, 3, 6):
        run(tmp_path / "parts", stop_after_steps=stop)
    run(tmp_path / "parts")
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    assert (tmp_path / "whole" / LOG_FILE).read_text() == (tmp_path / "parts" / LOG_FILE).read_text()
    assert not torch.equal(
        whole["encoder.layer.0.output.dense.weight"],
        load_file(start / "model.safetensors")["encoder.layer.0.output.dense.weight"],
    )
    run(tmp_path / "other", stop_after_steps=1)
    with pytest.raises(TrainingError, match="another recipe"):
        run(tmp_path / "other", settings=replace(SMOKE.pretraining, rtd_weight=10.0))
    assert (tmp_path / "other" / STATE_FILE).exists()
    with pytest.raises(TrainingError, match="finished checkpoint"):
        run(tmp_path / "whole")


def test_text_of_the_same_name_and_size_but_other_words_is_another_run(start, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(f"{TEXT}\n" * 20)
    settings = {"start": start, "files": [text], "settings": SMOKE.pretraining, "seed": 1}
    settings |= {"save_every_steps": 3, "out": tmp_path / "out"}
    pretrain(**settings, stop_after_steps=2)
    text.write_text(f"{TEXT.replace('gene', 'gane')}\n" * 20)
    with pytest.raises(TrainingError, match="other data"):
        pretrain(**settings)
    text.write_text(f"{TEXT}\n" * 20)
    pretrain(**settings)


def test_uneven_pieces_read_the_whole_batch_and_count_its_blocks_alike(start, corpus, tmp_path, monkeypatch):
    from train import pretrain as module

    seen = []
    forward = Electra.forward

    def counting(self, ids, **options):
        losses = forward(self, ids, **options)
        seen.append((len(ids), losses.mlm))
        return losses

    monkeypatch.setattr(module.Electra, "forward", counting)
    uneven = replace(SMOKE.pretraining, batch_size=5, micro_batch_size=3, steps=4)
    pretrain(start=start, out=tmp_path, files=[corpus], settings=uneven, seed=1, save_every_steps=9)
    assert [rows for rows, _ in seen] == [3, 2] * 4
    rows = [json.loads(line) for line in (tmp_path / LOG_FILE).read_text().splitlines()]
    expected = [(3 * seen[2 * i][1] + 2 * seen[2 * i + 1][1]) / 5 for i in range(4)]
    assert [row["mlm"] for row in rows] == pytest.approx(expected, abs=1e-4)


def test_pre_training_learns(start, corpus, tmp_path):
    pretrain(
        start=start,
        out=tmp_path / "out",
        files=[corpus],
        settings=replace(SMOKE.pretraining, steps=60, learning_rate=3e-3),
        seed=0,
        save_every_steps=1000,
    )
    rows = [json.loads(line) for line in (tmp_path / "out" / LOG_FILE).read_text().splitlines()]
    assert sum(r["mlm"] for r in rows[-5:]) < 0.8 * sum(r["mlm"] for r in rows[:5])


def test_text_shorter_than_a_block_is_refused(start, tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("a gene\n")
    with pytest.raises(TrainingError, match="shorter than one block"):
        pretrain(
            start=start,
            out=tmp_path / "out",
            files=[short],
            settings=SMOKE.pretraining,
            seed=0,
            save_every_steps=5,
        )


def test_a_cloze_question_hides_the_span_and_leaves_one_answer():
    for seed in range(30):
        example = cloze(TEXT, "c", random.Random(seed))
        assert example is not None
        (answer,) = example.gold_texts
        assert MASK in example.question.text
        assert answer.lower() not in example.question.text.lower()
        assert example.context.lower().count(answer.lower()) == 1
        assert example.question.text.replace(MASK, answer).lower() in TEXT.lower()


def test_recurring_spans_are_maximal_and_carry_meaning():
    sentences = ["The BRCA9 gene is lost", "a loss of the BRCA9 gene", "Brca9 and 1999", "in 1999 the end"]
    assert recurring_spans(sentences) == ["brca9", "brca9 gene"]
    assert recurring_spans(["nothing here twice", "other words"]) == []
    assert cloze("One sentence alone about a gene and a gene.", "c", random.Random(0)) is None


def test_cloze_takes_no_more_than_asked_and_hangs_on_the_seed():
    made = cloze_examples(itertools.repeat(TEXT, 9), count=4, seed=1)
    assert len(made) == 4
    assert made == cloze_examples(itertools.repeat(TEXT, 9), count=4, seed=1)


def test_layer_factors_equal_the_hand_table():
    # google-research/electra: head 1, top layer d^2, embeddings d^(n+2).
    names = {
        "electra.embeddings.word_embeddings.weight": 0.8**14,
        "electra.embeddings_project.weight": 0.8**14,
        "electra.encoder.layer.0.attention.self.query.weight": 0.8**13,
        "electra.encoder.layer.10.output.dense.bias": 0.8**3,
        "electra.encoder.layer.11.output.dense.weight": 0.8**2,
        "qa_outputs.weight": 1.0,
    }
    for name, factor in names.items():
        assert layer_factor(name, layers=12, decay=BASE.squad.layer_decay) == pytest.approx(factor), name
    assert pytest.approx(0.065, abs=5e-4) == 0.9**26
    assert all(layer_factor(name, layers=24, decay=1.0) == 1.0 for name in names)


def test_the_large_recipe_is_the_model_cards():
    stage = LARGE.bioasq
    assert (stage.learning_rate, stage.epochs, stage.max_seq_length, stage.window_step_tokens) == (
        5e-5,
        3,
        512,
        128,
    )
    assert (stage.micro_batch_size, stage.batch_size // stage.micro_batch_size) == (8, 2)
    assert (stage.warmup_fraction, stage.weight_decay, stage.layer_decay) == (0.0, 0.0, 1.0)
