"""Tiny random checkpoints: the paper's three architectures, and RoBERTa and MPNet, which differ in kind."""

from __future__ import annotations

from pathlib import Path

LETTERS = [chr(c) for c in range(33, 127) if not chr(c).isupper()] + list("αβγδµ")
WORDS = ["the", "of", "in", "is", "gene", "protein", "drug", "which", "what", "causes", "binds", "virus"]
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    *WORDS,
]


def wordpiece_tokenizer():
    """The lower-casing WordPiece tokenizer over ``VOCABULARY``."""
    from transformers import ElectraTokenizerFast

    return ElectraTokenizerFast(vocab={token: i for i, token in enumerate(VOCABULARY)}, do_lower_case=True)


def sentencepiece_like_tokenizer():
    """A Unigram tokenizer whose tokens carry the space before a word, as ALBERT's do."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import AlbertTokenizerFast

    pieces = [("<pad>", 0.0), ("<unk>", 0.0), ("[CLS]", 0.0), ("[SEP]", 0.0), ("[MASK]", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in LETTERS] + [(f"▁{word}", -1.0) for word in WORDS]
    backend = Tokenizer(models.Unigram(pieces, unk_id=1))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    return AlbertTokenizerFast(tokenizer_object=backend)


def byte_level_tokenizer():
    """A byte-level BPE tokenizer as RoBERTa's: <s> question </s></s> context </s>, one token type."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import RobertaTokenizerFast

    pieces = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet())]
    merges = []
    for word in [*WORDS, *("Ġ" + word for word in WORDS)]:
        for end in range(1, len(word)):
            merge = (word[:end], word[end])
            if merge not in merges:
                merges.append(merge)
                pieces.append("".join(merge))
    pieces.append("<mask>")
    return RobertaTokenizerFast(vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges)


def mpnet_tokenizer():
    """The WordPiece tokenizer of MPNet: RoBERTa's layout, and token types unheard of."""
    from transformers import MPNetTokenizerFast

    pieces = ["<s>", "<pad>", "</s>", "<unk>", *VOCABULARY[5:], "[UNK]", "<mask>"]
    return MPNetTokenizerFast(vocab={piece: i for i, piece in enumerate(pieces)})


TOKENIZERS = {
    "electra": wordpiece_tokenizer,
    "bert": wordpiece_tokenizer,
    "albert": sentencepiece_like_tokenizer,
    "roberta": byte_level_tokenizer,
    "mpnet": mpnet_tokenizer,
}
ARCHITECTURES = tuple(TOKENIZERS)


def tiny_model(architecture: str, vocabulary_size: int):
    """A random QA model of 16 dimensions and two layers, seeded."""
    import torch
    import transformers

    torch.manual_seed(7)
    sizes = {
        "vocab_size": vocabulary_size,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 512,
    }
    if architecture in ("electra", "albert"):
        sizes["embedding_size"] = 16
    if architecture in ("roberta", "mpnet"):  # positions count from the padding's on
        sizes |= {"max_position_embeddings": 514, "pad_token_id": 1}
    if architecture == "roberta":
        sizes["type_vocab_size"] = 1
    names = {"roberta": "Roberta", "mpnet": "MPNet"}
    name = names.get(architecture, architecture.capitalize())
    config = getattr(transformers, f"{name}Config")(**sizes)
    model = getattr(transformers, f"{name}ForQuestionAnswering")(config).eval()
    with torch.no_grad():  # logits far enough apart that no answer hangs on rounding
        model.qa_outputs.weight.normal_(std=1.0)
    return model


def save_tiny(architecture: str, folder: Path) -> Path:
    """``folder`` with a tiny checkpoint of the architecture."""
    made = TOKENIZERS[architecture]()
    tiny_model(architecture, len(made)).save_pretrained(folder)
    made.save_pretrained(folder)
    return folder


def save_old_layout(folder: Path, *, words: int = len(VOCABULARY), weights=None) -> Path:
    """``folder`` with the published checkpoints' files: pytorch_model.bin, vocab.txt, config.json.

    A random ELECTRA with a vocabulary of ``words`` entries; ``weights`` are saved instead of its own.
    """
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    model = tiny_model("electra", words)
    model.config.save_pretrained(folder)
    vocabulary = [*VOCABULARY, *(f"word{i}" for i in range(words - len(VOCABULARY)))]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    torch.save(model.state_dict() if weights is None else weights, folder / "pytorch_model.bin")
    return folder
