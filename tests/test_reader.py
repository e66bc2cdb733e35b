"""The reader: any QA architecture, exact batching, float32, no network, clear refusals."""

from __future__ import annotations

import io
import os
import pickle
import socket

import numpy as np
import pytest
import torch

from biom_demo.errors import CheckpointError
from biom_demo.qa.reader import BATCH_POSITIONS, Decoding, Reader, _batches
from biom_demo.qa.records import Question
from biom_demo.qa.windows import build_windows
from tests.tiny import VOCABULARY, save_old_layout, save_tiny, tiny_model

CONTEXTS = ["the gene binds the drug", "protein " * 700 + "µm virus", "β", ""]
QUESTION = Question("which gene causes it?")


def answers(reader, *contexts):
    return list(reader.predictions([(QUESTION, context) for context in contexts]))


@pytest.mark.parametrize("architecture", ["electra", "bert", "albert"])
def test_any_architecture_reads_and_cuts_its_answers_from_the_context(architecture, tmp_path):
    reader = Reader.load(save_tiny(architecture, tmp_path))
    predictions = answers(reader, *CONTEXTS)
    for prediction, context in zip(predictions, CONTEXTS, strict=True):
        assert all(a.span.of(context) == a.text and a.text.strip() == a.text for a in prediction.answers)
        assert bool(prediction.answers) == bool(context)
        assert sum(a.probability for a in prediction.answers) + prediction.null_probability <= 1 + 1e-9


@pytest.mark.parametrize("architecture", ["electra", "bert", "albert"])
def test_batched_logits_equal_those_of_one_window_alone(architecture, tmp_path):
    reader = Reader.load(save_tiny(architecture, tmp_path))
    made = build_windows(
        reader.tokenizer, [(QUESTION.text, c) for c in CONTEXTS], max_seq_length=96, window_step_tokens=31
    )
    windows = [window for part in made for window in part.windows]
    for window, together in zip(windows, reader.engine.logits(windows), strict=True):
        (alone,) = reader.engine.logits([window])
        assert together.start.dtype == np.float32
        assert together.start.shape == (len(window),)
        np.testing.assert_allclose(together.start, alone.start, atol=1e-5)
        np.testing.assert_allclose(together.end, alone.end, atol=1e-5)


def test_batches_hold_every_index_once_longest_first_and_stay_small():
    lengths = [512, 3, 90, 512, 512, 400, 512, 512, 512, 512, 512, 512, 17]
    batches = list(_batches(lengths))
    flat = [index for batch in batches for index in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[i] for i in flat] == sorted(lengths, reverse=True)
    assert all(lengths[batch[0]] * len(batch) <= BATCH_POSITIONS for batch in batches)


def test_progress_counts_windows(tiny_checkpoint):
    seen = []
    list(Reader.load(tiny_checkpoint).predictions([(QUESTION, c) for c in CONTEXTS], progress=seen.append))
    assert seen == sorted(seen)
    assert seen[-1] >= len(CONTEXTS)


def test_a_float16_file_is_read_as_float32(tiny_checkpoint, tmp_path):
    half = Reader.load(tiny_checkpoint)
    half.engine.model.half()
    half.engine.save(tmp_path)
    assert Reader.load(tmp_path).engine.model.dtype == torch.float32


def test_loading_and_reading_make_no_network_call(tiny_checkpoint, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert answers(Reader.load(tiny_checkpoint), "the gene")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        Reader.load("nobody/never-fetched")


def test_the_old_layout_reads_as_the_new_one(tiny_checkpoint, tmp_path):
    old, new = Reader.load(save_old_layout(tmp_path)), Reader.load(tiny_checkpoint)
    assert len(old.tokenizer) == len(VOCABULARY)
    assert answers(old, "The GENE binds") == answers(new, "The GENE binds")


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = save_old_layout(tmp_path, weights={"electra.x": Malicious()})
    with pytest.raises(CheckpointError, match="more than weights"):
        Reader.load(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(CheckpointError):
        Reader.load(folder)
    assert not (tmp_path / "executed").exists()


def test_an_encoder_without_a_qa_head_is_refused_unless_asked_for(tmp_path):
    model = tiny_model("electra", len(VOCABULARY))
    save_old_layout(tmp_path, weights={k: v for k, v in model.state_dict().items() if "qa_outputs" not in k})
    with pytest.raises(CheckpointError, match="no question answering head"):
        Reader.load(tmp_path)
    assert answers(Reader.load(tmp_path, allow_new_head=True), "the gene")


def test_missing_weights_are_refused(tmp_path):
    model = tiny_model("electra", len(VOCABULARY))
    save_old_layout(tmp_path, weights={k: v for k, v in model.state_dict().items() if "layer.1" not in k})
    with pytest.raises(CheckpointError, match="no weights for"):
        Reader.load(tmp_path, allow_new_head=True)


def test_a_vocabulary_larger_than_the_model_is_refused(tmp_path):
    save_old_layout(tmp_path)
    with (tmp_path / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("foreign\n")
    with pytest.raises(CheckpointError, match="different checkpoints"):
        Reader.load(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_truncated_file_is_refused(name, tmp_path):
    folder = save_tiny("electra", tmp_path)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        Reader.load(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        Reader.load(tmp_path / "none")


def test_run_squad_decoding_is_chosen_by_the_decoding(tiny_checkpoint):
    ours = Reader.load(tiny_checkpoint)
    theirs = Reader.load(tiny_checkpoint, decoding=Decoding(run_squad=True))
    context = "the gene binds the drug " * 12
    assert len(answers(theirs, context)[0].answers) <= 20
    assert answers(ours, context)[0].answers[0].score >= answers(theirs, context)[0].answers[0].score


def test_positions_bound_the_window(tiny_checkpoint, tmp_path):
    model = tiny_model("electra", len(VOCABULARY))
    assert model.config.max_position_embeddings == 512
    reader = Reader.load(tiny_checkpoint, decoding=Decoding(max_seq_length=4096))
    assert reader.max_seq_length == 512
    assert answers(reader, "gene " * 2000)


def test_an_albert_with_spiece_model_alone_is_read(tmp_path):
    import sentencepiece

    text = ["the gene binds the protein of the virus", "which drug causes the disease"] * 50
    model_file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text),
        model_writer=model_file,
        vocab_size=50,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=-1,
        user_defined_symbols=["[CLS]", "[SEP]", "[MASK]"],
        minloglevel=2,
    )
    (tmp_path / "spiece.model").write_bytes(model_file.getvalue())
    model = tiny_model("albert", 100)
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    context = "The Gene binds β the virus."
    (prediction,) = answers(Reader.load(tmp_path), context)
    assert prediction.answers
    assert all(a.text == a.span.of(context) == a.text.strip() for a in prediction.answers)
