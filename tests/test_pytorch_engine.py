"""The PyTorch engine: any QA architecture, exact batching, float32, no network, clear refusals."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from biom_demo.errors import CheckpointError
from biom_demo.qa.engines import linear, processor, pytorch
from biom_demo.qa.engines.processor import refusal
from biom_demo.qa.engines.pytorch import PyTorchEngine
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import Question
from biom_demo.qa.windows import build_windows
from biom_demo.settings import Precision
from tests.conftest import ROOT
from tests.tiny import (
    ARCHITECTURES,
    VOCABULARY,
    byte_level_tokenizer,
    save_old_layout,
    save_tiny,
    tiny_model,
    wordpiece_tokenizer,
)

QUESTION = "which gene causes it?"
CONTEXTS = ["the gene binds the drug", "protein " * 700 + "µm virus", "β", ""]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def engine(request, tmp_path_factory):
    return PyTorchEngine.load(save_tiny(request.param, tmp_path_factory.mktemp(request.param)))


def windows_of(engine, *contexts, **sizes):
    made = build_windows(engine.tokenizer, [(QUESTION, context) for context in contexts], **sizes)
    return [window for part in made for window in part.windows]


def test_batched_logits_equal_those_of_one_window_alone(engine):
    windows = windows_of(engine, *CONTEXTS, max_seq_length=96, window_step_tokens=31)
    for window, together in zip(windows, engine.logits(windows), strict=True):
        (alone,) = engine.logits([window])
        assert together.start.dtype == together.end.dtype == np.float32
        assert together.start.shape == together.end.shape == (len(window),)
        np.testing.assert_allclose(together.start, alone.start, atol=1e-5)
        np.testing.assert_allclose(together.end, alone.end, atol=1e-5)


def test_a_window_of_all_positions_is_read_and_one_more_is_not_there(engine):
    assert engine.max_positions == 512
    # The longest the model has, whatever its table's size: 514 rows of RoBERTa's serve 512 tokens.
    (window, *_) = windows_of(engine, "gene " * 600, max_seq_length=engine.max_positions)
    assert len(window) == 512
    (found,) = engine.logits([window])
    assert np.isfinite(found.start).all()
    with pytest.raises((IndexError, RuntimeError)):
        engine.logits(windows_of(engine, "gene " * 600, max_seq_length=513)[:1])


def test_inputs_are_those_that_the_tokenizer_makes_of_the_pair(engine):
    # The reference is transformers' own pair encoding, for the inputs that the model declares.
    windows = windows_of(engine, "the gene binds the drug", "virus")
    inputs = engine.pad(windows)
    for row, (window, context) in enumerate(zip(windows, ["the gene binds the drug", "virus"], strict=True)):
        encoded = engine.tokenizer(QUESTION, context, return_token_type_ids=True)
        if engine.tokenizer.cls_token_id not in encoded["input_ids"]:
            continue  # the made-up ALBERT tokenizer has no template of its own
        assert inputs["input_ids"][row, : len(window)].tolist() == encoded["input_ids"]
        assert inputs["attention_mask"][row].sum() == len(window)
        if "token_type_ids" in inputs:
            assert inputs["token_type_ids"][row, : len(window)].tolist() == encoded["token_type_ids"]


@pytest.mark.parametrize(
    ("architecture", "sent"),
    [("electra", True), ("bert", True), ("albert", True), ("roberta", False), ("mpnet", False)],
)
def test_token_types_go_to_models_that_have_them(architecture, sent, tmp_path):
    engine = PyTorchEngine.load(save_tiny(architecture, tmp_path))
    (window,) = windows_of(engine, "the gene binds")
    inputs = engine.pad([window])
    assert ("token_type_ids" in inputs) == sent
    if sent:
        types = inputs["token_type_ids"][0].tolist()
        assert types == [0] * window.context_start + [1] * (window.context_length + 1)


def test_padding_is_masked_and_is_the_tokenizers(engine):
    short, long = windows_of(engine, "virus", "the gene binds the drug")
    inputs = engine.pad([short, long])
    assert inputs["input_ids"].shape == (2, len(long))
    assert (inputs["input_ids"][0, len(short) :] == engine.tokenizer.pad_token_id).all()
    assert inputs["attention_mask"].sum(dim=1).tolist() == [len(short), len(long)]
    assert all(value.dtype == torch.int64 for value in inputs.values())


def quick_or_skip(folder, precision):
    if refusal(precision):
        pytest.skip(refusal(precision))
    return PyTorchEngine.load(folder, precision=precision)


QUICKER = [Precision.BFLOAT16, Precision.INT8]


@pytest.mark.parametrize("precision", QUICKER)
def test_in_fewer_bits_logits_are_float32_and_near(engine, tmp_path, precision):
    engine.save(tmp_path)
    quick = quick_or_skip(tmp_path, precision)
    windows = windows_of(engine, *CONTEXTS)
    exact, near = engine.logits(windows), quick.logits(windows)
    assert all(one.start.dtype == np.float32 for one in near)
    starts, near_starts = (np.concatenate([one.start for one in found]) for found in (exact, near))
    assert 0 < np.abs(starts - near_starts).max() < 0.05 * np.abs(starts).max() + 0.01


@pytest.mark.parametrize("precision", QUICKER)
def test_in_fewer_bits_a_window_does_not_depend_on_its_batch(engine, tmp_path, precision):
    engine.save(tmp_path)
    quick = quick_or_skip(tmp_path, precision)
    windows = windows_of(engine, *CONTEXTS)
    for alone, together in zip([quick.logits([w])[0] for w in windows], quick.logits(windows), strict=True):
        np.testing.assert_allclose(alone.start, together.start, atol=0.02)


@pytest.mark.parametrize("precision", QUICKER)
def test_in_fewer_bits_a_batch_is_read_in_portions_all_of_it_in_order(
    engine, tmp_path, precision, monkeypatch
):
    engine.save(tmp_path)
    quick = quick_or_skip(tmp_path, precision)
    windows = windows_of(engine, *CONTEXTS, *CONTEXTS)
    batches = []
    real = quick.pad
    monkeypatch.setattr(quick, "pad", lambda some: batches.append(len(some)) or real(some))
    monkeypatch.setattr(pytorch, "PORTION_POSITIONS", 2 * max(map(len, windows)))
    found = quick.logits(windows)
    assert [len(one.start) for one in found] == [len(window) for window in windows]
    assert len(batches) > 1
    assert sum(batches) == len(windows)
    assert quick.logits([]) == []


def test_portions_are_bounded_in_padded_positions_and_of_one_window_at_least(monkeypatch):
    class Sized:
        def __init__(self, size):
            self.size = size

        def __len__(self):
            return self.size

    sizes = [700, 200, 200, 100, 512, 10, 10, 400]
    portions = list(pytorch._portions([Sized(size) for size in sizes]))
    assert [[len(one) for one in some] for some in portions] == [
        [700], [200, 200], [100], [512], [10, 10], [400],
    ]  # fmt: skip


@pytest.mark.parametrize("precision", QUICKER)
def test_a_precision_is_refused_where_the_processor_has_none(tiny_checkpoint, monkeypatch, precision):
    monkeypatch.setattr(processor, "_flags", lambda: frozenset({"avx2"}))
    with pytest.raises(CheckpointError, match=f"no instructions for {precision}.*Choose float32"):
        PyTorchEngine.load(tiny_checkpoint, precision=precision)


def test_without_its_operators_float32_is_left_to_torch_and_others_are_refused(engine, tmp_path, monkeypatch):
    engine.save(tmp_path)
    monkeypatch.setattr(linear, "has_operators", lambda: False)
    monkeypatch.setattr(pytorch, "refusal", lambda _: "")
    plain = PyTorchEngine.load(tmp_path)
    assert not any(isinstance(layer, linear.ExactLinear) for layer in plain.model.modules())
    windows = windows_of(engine, *CONTEXTS)
    for one, other in zip(engine.logits(windows), plain.logits(windows), strict=True):
        np.testing.assert_allclose(one.start, other.start, atol=1e-5)
    with pytest.raises(CheckpointError, match="float32 only"):
        PyTorchEngine.load(tmp_path, precision=Precision.INT8)


def test_in_float32_a_model_still_learns_and_is_saved_as_it_was(engine, tmp_path):
    before = {name: value.clone() for name, value in engine.model.state_dict().items()}
    engine.save(tmp_path)
    again = PyTorchEngine.load(tmp_path)
    assert any(isinstance(layer, linear.ExactLinear) for layer in again.model.modules())
    assert again.model.state_dict().keys() == before.keys()
    assert all(torch.equal(again.model.state_dict()[name], value) for name, value in before.items())
    output = again.model(**again.pad(windows_of(again, *CONTEXTS)))
    output.start_logits.sum().backward()
    assert all(
        parameter.grad is not None for name, parameter in again.model.named_parameters() if "layer.0" in name
    )


@pytest.mark.parametrize("made", [linear.Bfloat16Linear, linear.Int8Linear])
def test_a_layer_in_fewer_bits_is_near_the_layer_it_was_made_of(made):
    layer = nn.Linear(64, 32, bias=made is linear.Int8Linear)
    tokens = torch.randn(3, 7, 64)
    tokens[0, 0, 0] = 60.0  # an outlier in one token
    tokens[2] = 0.0  # and padding
    with torch.inference_mode():
        exact, near = layer(tokens), made(layer)(tokens).float()
    error = (near - exact).abs()
    assert error[1].max() < 0.05  # the outlier's scale is its own token's
    assert error[2].max() < 0.01
    assert error[0, 0].max() < 0.01 * exact[0, 0].abs().max() + 0.25


def test_set_threads_is_what_torch_runs_with():
    before = torch.get_num_threads()
    try:
        pytorch.set_threads(2)
        assert torch.get_num_threads() == 2
    finally:
        pytorch.set_threads(before)


# What cannot be read is refused when it is loaded, not at the first question.


def save(folder, model, tokenizer):
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_tokenizer_without_cls_and_sep_is_refused(tmp_path):
    from transformers import GPT2Config, GPT2ForQuestionAnswering, GPT2TokenizerFast

    base = byte_level_tokenizer()
    tokenizer = GPT2TokenizerFast(vocab=base.get_vocab(), merges=[])
    model = GPT2ForQuestionAnswering(
        GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=64)
    )
    with pytest.raises(CheckpointError, match="does not join a question and a text"):
        PyTorchEngine.load(save(tmp_path, model, tokenizer))


def test_a_layout_that_ends_with_cls_is_refused(tmp_path):
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    base = wordpiece_tokenizer()
    ids = [("[CLS]", base.cls_token_id), ("[SEP]", base.sep_token_id)]
    base.backend_tokenizer.post_processor = TemplateProcessing(  # XLNet's
        single="$A [SEP] [CLS]", pair="$A [SEP] $B:1 [SEP]:1 [CLS]:2", special_tokens=ids
    )
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("cls", "sep", "pad", "unk", "mask")}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=base.backend_tokenizer, **names)
    with pytest.raises(CheckpointError, match="does not join a question and a text"):
        PyTorchEngine.load(save(tmp_path, tiny_model("electra", len(tokenizer)), tokenizer))


def test_a_model_without_a_mask_is_refused(tmp_path):
    from transformers import FNetConfig, FNetForQuestionAnswering

    tokenizer = wordpiece_tokenizer()
    config = FNetConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, intermediate_size=32)
    with pytest.raises(CheckpointError, match="padding from text"):
        PyTorchEngine.load(save(tmp_path, FNetForQuestionAnswering(config), tokenizer))


def test_a_model_that_wants_more_than_text_is_refused_with_its_reason(tmp_path):
    from transformers import XmodConfig, XmodForQuestionAnswering

    tokenizer = byte_level_tokenizer()
    config = XmodConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=66, languages=("en_XX",),
    )  # fmt: skip
    with pytest.raises(CheckpointError, match=r"cannot read a question and a text \(Input language unknown"):
        PyTorchEngine.load(save(tmp_path, XmodForQuestionAnswering(config), tokenizer))


def test_a_float16_file_is_read_as_float32(tiny_checkpoint, tmp_path):
    half = PyTorchEngine.load(tiny_checkpoint)
    half.model.half()
    half.save(tmp_path)
    assert PyTorchEngine.load(tmp_path).model.dtype == torch.float32


def test_a_save_cut_short_leaves_no_weights(tiny_checkpoint, tmp_path, monkeypatch):
    engine = PyTorchEngine.load(tiny_checkpoint)
    out = tmp_path / "out"

    def cut(*_args, **_kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(engine.tokenizer), "save_pretrained", cut)
        with pytest.raises(KeyboardInterrupt):
            engine.save(out)
    assert not (out / "model.safetensors").exists()
    engine.save(out)
    names = {path.name for path in out.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert "partial" not in names
    assert PyTorchEngine.load(out)


def test_loading_and_reading_make_no_network_call(tiny_checkpoint, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    engine = PyTorchEngine.load(tiny_checkpoint)
    assert engine.logits(windows_of(engine, "the gene"))
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        PyTorchEngine.load("nobody/never-fetched")


def test_loading_draws_no_bars_and_leaves_those_of_others_as_they_were(
    tiny_checkpoint, tmp_path, capfd, monkeypatch
):
    from transformers.utils import logging

    def shown():
        assert list(logging.tqdm([1], desc="mine")) == [1]
        return "mine" in capfd.readouterr().err

    def hook(factory, args, kwargs):
        return factory(*args, **kwargs)

    monkeypatch.setattr(logging, "_tqdm_active", True)
    before = logging.set_tqdm_hook(hook)
    try:
        PyTorchEngine.load(tiny_checkpoint)
        assert "Loading" not in capfd.readouterr().err
        with pytest.raises(CheckpointError):
            PyTorchEngine.load(str(tmp_path / "nothing"))
        capfd.readouterr()
        assert shown()
        # Two loads side by side, the first over before the second.
        first, second = pytorch._without_bars(), pytorch._without_bars()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert not shown()
        second.__exit__(None, None, None)
        assert shown()
        assert logging.set_tqdm_hook(None) is hook
    finally:
        logging.set_tqdm_hook(before)


def test_the_old_layout_reads_as_the_new_one(tiny_checkpoint, tmp_path):
    old, new = PyTorchEngine.load(save_old_layout(tmp_path)), PyTorchEngine.load(tiny_checkpoint)
    assert len(old.tokenizer) == len(VOCABULARY)
    (one,), (other,) = (e.logits(windows_of(e, "The GENE binds")) for e in (old, new))
    np.testing.assert_array_equal(one.start, other.start)


def test_a_roberta_of_the_old_layout_is_read(tmp_path):
    tokenizer = byte_level_tokenizer()
    tokenizer.backend_tokenizer.model.save(str(tmp_path))  # vocab.json and merges.txt
    model = tiny_model("roberta", len(tokenizer))
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    engine = PyTorchEngine.load(tmp_path)
    assert engine.layout == PyTorchEngine(model, tokenizer).layout
    assert len(engine.layout.between) == 2
    assert engine.logits(windows_of(engine, "the gene"))


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = save_old_layout(tmp_path, weights={"electra.x": Malicious()})
    with pytest.raises(CheckpointError, match="more than weights"):
        PyTorchEngine.load(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(CheckpointError):
        PyTorchEngine.load(folder)
    assert not (tmp_path / "executed").exists()


def test_an_encoder_without_a_qa_head_is_refused_unless_asked_for(tmp_path):
    model = tiny_model("electra", len(VOCABULARY))
    save_old_layout(tmp_path, weights={k: v for k, v in model.state_dict().items() if "qa_outputs" not in k})
    with pytest.raises(CheckpointError, match="no question answering head"):
        PyTorchEngine.load(tmp_path)
    assert PyTorchEngine.load(tmp_path, allow_new_head=True)


def test_missing_weights_are_refused(tmp_path):
    model = tiny_model("electra", len(VOCABULARY))
    save_old_layout(tmp_path, weights={k: v for k, v in model.state_dict().items() if "layer.1" not in k})
    with pytest.raises(CheckpointError, match="no weights for"):
        PyTorchEngine.load(tmp_path, allow_new_head=True)


def test_a_vocabulary_larger_than_the_model_is_refused(tmp_path):
    save_old_layout(tmp_path)
    with (tmp_path / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("foreign\n")
    with pytest.raises(CheckpointError, match="different checkpoints"):
        PyTorchEngine.load(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_truncated_file_is_refused(name, tmp_path):
    folder = save_tiny("electra", tmp_path)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        PyTorchEngine.load(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        PyTorchEngine.load(tmp_path / "none")


def test_a_folder_that_has_no_tokenizer_is_refused(tiny_checkpoint, tmp_path):
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tiny_checkpoint / name, folder)
    with pytest.raises(CheckpointError, match="no vocabulary"):
        PyTorchEngine.load(folder)


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
    engine = PyTorchEngine.load(tmp_path)
    # Its tokenizer declares no token types any more (transformers 5), but the model has two and learned them.
    assert engine.layout.types == (0, 0, 0, 1, 1)
    assert "token_type_ids" in engine.pad(windows_of(engine, "the gene"))
    context = "The Gene binds β the virus."
    (prediction,) = Reader(engine, engine.tokenizer).predictions([(Question(QUESTION), context)])
    assert prediction.answers
    assert all(a.text == a.span.of(context) == a.text.strip() for a in prediction.answers)


EVIL = """
import pathlib
pathlib.Path(__file__).with_name("executed").touch()
from transformers import ElectraConfig as Config, ElectraForQuestionAnswering as Model
from transformers import ElectraTokenizerFast as Tokenizer
"""


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        (
            "config.json",
            "auto_map",
            {"AutoConfig": "evil.Config", "AutoModelForQuestionAnswering": "evil.Model"},
        ),
        ("config.json", "auto_map", {"AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"]}),
        ("tokenizer_config.json", "auto_map", {"AutoTokenizer": [None, "evil.Tokenizer"]}),
        ("tokenizer_config.json", "auto_map", ["evil.Tokenizer", None]),
        ("config.json", "_attn_implementation", "kernels-community/flash-attn"),
        ("config.json", "attn_implementation", "kernels-community/flash-attn"),
    ],
)
def test_code_that_comes_with_a_checkpoint_is_never_run(tmp_path, name, key, value):
    """In a process that is told "y" on standard input, as transformers would ask there."""
    folder = save_tiny("electra", tmp_path)
    (folder / "evil.py").write_text(EVIL)
    document = json.loads((folder / name).read_text())
    for made in (document | {key: value}, document | {key: value, "model_type": "made_up"}):
        (folder / name).write_text(json.dumps(made))
        program = (
            "import sys; from pathlib import Path; from biom_demo.errors import CheckpointError\n"
            "from biom_demo.qa.engines.pytorch import PyTorchEngine\n"
            "try: PyTorchEngine.load(Path(sys.argv[1]), name='It')\n"
            "except CheckpointError as error: print(error)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(folder)],
            input="y\ny\ny\n", capture_output=True, text=True, timeout=120, cwd=ROOT, check=True,
        )  # fmt: skip
        assert "It cannot be loaded." in done.stdout
        assert str(tmp_path) not in done.stdout
        assert not list(tmp_path.rglob("executed"))


def test_a_config_of_more_layers_or_numbers_than_the_weights_is_refused_unbuilt(tmp_path):
    folder = save_tiny("electra", tmp_path)
    sound = json.loads((folder / "config.json").read_text())
    begun = torch.nn.modules.module._global_module_registration_hooks.copy()
    for change, words in (
        ({"num_hidden_layers": 200_000}, "num_hidden_layers = 200000"),
        ({"num_hidden_layers": 200, "intermediate_size": 60_000}, "of another size than its weights"),
        ({"intermediate_size": 60_000, "hidden_size": 1024, "embedding_size": 16}, "of another size"),
    ):
        (folder / "config.json").write_text(json.dumps(sound | change))
        with pytest.raises(CheckpointError, match=words):
            PyTorchEngine.load(folder)
    assert torch.nn.modules.module._global_module_registration_hooks == begun


def test_building_stops_at_a_bound_whatever_a_size_is_called():
    with pytest.raises(pytorch._TooManyModules), pytorch._bounded_building():
        torch.nn.ModuleList(torch.nn.Identity() for _ in range(pytorch.MAX_MODULES + 1))
    torch.nn.Sequential(torch.nn.Identity())  # and no longer


def test_messages_call_a_checkpoint_by_its_name_and_tell_no_place(tmp_path):
    folder = save_tiny("electra", tmp_path / "secret-place")
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(CheckpointError) as caught:
        PyTorchEngine.load(folder, name="Reader")
    assert str(caught.value).startswith("Reader cannot be loaded as a checkpoint (")
    assert "secret-place" not in str(caught.value)
    shutil.rmtree(folder)
    with pytest.raises(CheckpointError, match="no checkpoint folder Reader"):
        PyTorchEngine.load(folder, name="Reader")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("no file /root/secret/x.json here", "no file … here"),
        ("'/a/b'", "'…'"),
        ("~/models/x is", "… is"),
        ("C:\\Users\\me is", "… is"),
        ("file:///srv/x", "file:…"),
        ("and/or 1/2 owner/name", "and/or 1/2 owner/name"),
    ],
)
def test_a_librarys_words_lose_their_paths(said, told):
    assert pytorch._reason(ValueError(said)) == told
