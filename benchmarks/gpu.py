"""The plain loop and our windows on a GPU, where there is one; the app itself computes on the processor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from benchmarks import tasks
from benchmarks.baseline import PlainLoop
from benchmarks.report import BASELINE
from benchmarks.rounds import interleaved
from benchmarks.sizes import Size, model_of
from benchmarks.texts import questions, text_of_tokens
from biom_demo.qa.engines.pytorch import PyTorchEngine
from biom_demo.qa.reader import Reader
from biom_demo.qa.records import SpanLogits, Window

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class DeviceEngine:
    """Our padding and sdpa attention on a device, autocast to a dtype."""

    def __init__(self, model: Any, tokenizer: Any, device: str, dtype: torch.dtype) -> None:
        self._engine = PyTorchEngine(model, tokenizer)
        self.max_positions = self._engine.max_positions
        self._model = model.to(device)
        self._device, self._dtype = device, dtype

    def logits(self, windows: Sequence[Window]) -> list[SpanLogits]:
        """As ``qa.engines.Engine`` has it."""
        inputs = {name: rows.to(self._device) for name, rows in self._engine.pad(windows).items()}
        half = torch.autocast(self._device, torch.bfloat16, enabled=self._dtype is torch.bfloat16)
        with torch.inference_mode(), half:
            output = self._model(**inputs)
        starts, ends = (rows.float().cpu().numpy() for rows in (output.start_logits, output.end_logits))
        return [SpanLogits(starts[i, : len(w)], ends[i, : len(w)]) for i, w in enumerate(windows)]


def timed(
    size: Size, tokenizer: Any, *, lengths: Sequence[int], rounds: int, device: str = "cuda"
) -> list[dict[str, Any]]:
    """One row a length and variant, in turn; what is read is back in the machine's memory at the end."""
    plain = PlainLoop(model_of(size, tokenizer, attention="eager").to(device), tokenizer, device)
    readers = {
        name: Reader(
            DeviceEngine(model_of(size, tokenizer, attention="sdpa"), tokenizer, device, dtype), tokenizer
        )
        for name, dtype in DTYPES.items()
    }
    (question,) = questions(1)
    rows = []
    for tokens in lengths:
        text = text_of_tokens(tokenizer, question, tokens)
        pairs = [(question, text)]
        runs: dict[str, Callable[[], object]] = {BASELINE: partial(plain.read, question.text, text)}
        for name, reader in readers.items():
            runs[name] = partial(tasks.Task("", pairs, pairs).run, reader)
        for name, seconds in interleaved(runs, rounds, warm_up=3).items():
            about = {"subject": size.name, "task": f"{tokens} tokens", "variant": name}
            rows.append(about | {"seconds": [round(one, 6) for one in seconds]})
    return rows
