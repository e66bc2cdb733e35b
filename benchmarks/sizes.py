"""What is measured: the bundled pair's BioM side, and random checkpoints of the published sizes, in memory.

What a model takes does not hang on what its weights are. The vocabulary is the bundled tokenizer's:
embeddings are looked up, not multiplied.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.baseline import PlainLoop
from biom_demo.errors import CheckpointError
from biom_demo.models.catalogue import locate, resolve_pair
from biom_demo.qa.engines import Engine
from biom_demo.qa.engines.processor import refusal
from biom_demo.qa.engines.pytorch import PyTorchEngine, load_tokenizer
from biom_demo.settings import Precision


@dataclass(frozen=True, slots=True)
class Size:
    """A model's size, and how much of each task it is measured on.

    A big model reads part of a task, of which the whole is reckoned: ``texts`` of the 50 abstracts, of the 20
    questions ``questions``, of 50,000 characters ``long_chars``. ``sample``: windows that baseline A reads
    before each task. ``rounds`` are those of the single abstracts. With ``folder`` the weights are a
    checkpoint's.
    """

    name: str
    layers: int
    hidden: int
    heads: int
    rounds: int
    sample: int = 1
    texts: int = 50
    questions: int = 20
    long_chars: int = 50_000
    folder: Path | None = None
    tasks: bool = True  # beside the single abstracts


def bundled() -> Size:
    """The bundled pair's BioM side."""
    return Size("bundled", 6, 384, 12, rounds=9, sample=2, folder=_bundled_folder())


def _bundled_folder() -> Path:
    folder = locate(resolve_pair("mini").biom)
    if folder is None:
        raise CheckpointError("The bundled pair is not in assets/.")
    return folder


# Of the bundled pair's size; the tasks of many windows would be the same again.
MINI = Size("mini", 6, 384, 12, rounds=9, sample=2, tasks=False)
BASE = Size("base", 12, 768, 12, rounds=5, texts=16, questions=8, long_chars=16_000)
LARGE = Size("large", 24, 1024, 16, rounds=3, texts=8, questions=4, long_chars=8_000)


def bundled_tokenizer() -> Any:
    """The tokenizer that all sizes are measured with."""
    return load_tokenizer(_bundled_folder(), name="bundled")


def model_of(size: Size, tokenizer: Any, *, attention: str, seed: int = 0) -> Any:
    """The transformers model, for inference, in float32; of one seed the weights are the same."""
    from transformers import AutoModelForQuestionAnswering, ElectraConfig, ElectraForQuestionAnswering

    if size.folder is not None:
        return AutoModelForQuestionAnswering.from_pretrained(
            size.folder,
            trust_remote_code=False,
            local_files_only=True,
            dtype=torch.float32,
            attn_implementation=attention,
        ).eval()
    config = ElectraConfig(
        vocab_size=len(tokenizer),
        embedding_size=size.hidden,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=4 * size.hidden,
    )
    torch.manual_seed(seed)
    return ElectraForQuestionAnswering._from_config(config, attn_implementation=attention).eval()


def engine_of(size: Size, tokenizer: Any, precision: Precision, *, seed: int = 0) -> PyTorchEngine:
    """Our engine over a model of its own: an engine may put other layers into its model.

    Raises ``CheckpointError`` where this processor or torch refuses the precision.
    """
    if why := refusal(precision):
        raise CheckpointError(why)
    return PyTorchEngine(model_of(size, tokenizer, attention="sdpa", seed=seed), tokenizer, precision)


class Subject:
    """The models of one size in memory: the plain loop's, and one for each engine that is not refused.

    ``refused`` says why of those that are. ``further`` makes engines that are no part of the app.
    """

    def __init__(
        self, size: Size, tokenizer: Any, further: Mapping[str, Callable[[Any], Engine]] | None = None
    ) -> None:
        self.size = size
        self.tokenizer = tokenizer
        self.plain = PlainLoop(model_of(size, tokenizer, attention="eager"), tokenizer)
        self.config = self.plain.model.config
        self.engines: dict[str, Engine] = {}
        self.refused: dict[str, str] = {}
        made: dict[str, Callable[[], Engine]] = {
            str(precision): partial(engine_of, size, tokenizer, precision) for precision in Precision
        }
        for name, make in (further or {}).items():
            made[name] = partial(self._further, make)
        for name, make_one in made.items():
            try:
                self.engines[name] = make_one()
            except CheckpointError as error:
                self.refused[name] = str(error)
            gc.collect()  # what an engine was made of, of gigabytes

    def _further(self, make: Callable[[Any], Engine]) -> Engine:
        return make(model_of(self.size, self.tokenizer, attention="eager"))
