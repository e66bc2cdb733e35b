"""The least time a window can take: the operations its model needs, over the most this machine does a second.

Counted are the multiplications and additions of linear layers (2 a weight and token) and of attention (4 T²
a hidden dimension and layer); whatever else a forward pass does is time above the floor. The machine's most
is the best rate of a matrix product of several shapes, by each kernel there is, in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from biom_demo.qa.engines.processor import refusal
from biom_demo.settings import Precision

# (tokens, in, out): a big product, and those of Large's, Base's and Mini's widest layers.
SHAPES = ((2048, 2048, 2048), (512, 1024, 4096), (512, 768, 3072), (512, 384, 1536))
LEAST_S = 0.15  # of one kernel and shape
LEAST_RUNS = 3


@dataclass(frozen=True, slots=True)
class Operations:
    """Multiplications and additions, counted singly, by where they are done."""

    linear: float
    attention: float

    def __add__(self, other: Operations) -> Operations:
        return Operations(self.linear + other.linear, self.attention + other.attention)

    @property
    def all(self) -> float:
        return self.linear + self.attention


def operations(config: Any, tokens: int) -> Operations:
    """What an ELECTRA or BERT with a QA head does for one window of so many tokens, without padding."""
    hidden, layers = config.hidden_size, config.num_hidden_layers
    weights = layers * (4 * hidden * hidden + 2 * hidden * config.intermediate_size) + 2 * hidden
    embedding = getattr(config, "embedding_size", hidden)
    if embedding != hidden:
        weights += embedding * hidden
    return Operations(2.0 * weights * tokens, 4.0 * tokens * tokens * hidden * layers)


def operations_of(config: Any, lengths: Iterable[int]) -> Operations:
    """Those of several windows."""
    return sum((operations(config, length) for length in lengths), Operations(0.0, 0.0))


def floor_s(done: Operations, peaks: Mapping[str, float], precision: str) -> float | None:
    """Seconds that the operations take at least, in a precision; ``None`` where its peak is not known.

    ``peaks`` are operations a second by precision. Of int8 that is for the linear layers: attention has no
    weights to keep in it, and counts at the quickest of the others.
    """
    if precision not in peaks:
        return None
    others = [rate for name, rate in peaks.items() if name != Precision.INT8]
    attention = max(others) if precision == Precision.INT8 and others else peaks[precision]
    return done.linear / peaks[precision] + done.attention / attention


def peaks(threads: int) -> dict[str, dict[str, Any]]:
    """The best rate by kernel ("float32 oneDNN"): ``rate`` in operations a second, and the ``shape``.

    A kernel that torch or the processor has not is not among them.
    """
    torch.set_num_threads(threads)
    found: dict[str, dict[str, Any]] = {}
    with torch.inference_mode():
        for tokens, wide_in, wide_out in SHAPES:
            for kernel, run in _kernels(tokens, wide_in, wide_out).items():
                rate = 2.0 * tokens * wide_in * wide_out / _best_s(run)
                if rate > found.get(kernel, {"rate": 0.0})["rate"]:
                    found[kernel] = {"rate": rate, "shape": [tokens, wide_in, wide_out]}
    return found


def by_precision(kernels: Iterable[Mapping[str, Mapping[str, Any]]]) -> dict[str, float]:
    """The best rate of each precision over its kernels, and over several times they were measured."""
    best: dict[str, float] = {}
    for measured in kernels:
        for kernel, one in measured.items():
            precision = kernel.split()[0]
            best[precision] = max(best.get(precision, 0.0), one["rate"])
    return best


def _kernels(tokens: int, wide_in: int, wide_out: int) -> dict[str, Callable[[], object]]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(tokens, wide_in, generator=draw)
    w = torch.randn(wide_out, wide_in, generator=draw) / wide_in**0.5
    b = torch.randn(wide_out, generator=draw)
    made: dict[str, Callable[[], object]] = {"float32 linear": lambda: torch.nn.functional.linear(x, w, b)}
    onednn = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    if onednn is not None:
        made["float32 oneDNN"] = lambda: onednn(x, w, b, "none", [], "")
    if not refusal(Precision.BFLOAT16):
        x16, w16, b16 = x.bfloat16(), w.bfloat16(), b.bfloat16()
        made["bfloat16 linear"] = lambda: torch.nn.functional.linear(x16, w16, b16)
    if not refusal(Precision.INT8) and hasattr(torch.ops.onednn, "qlinear_pointwise"):
        made["int8 oneDNN"] = _int8(x, w, b)
    return {kernel: run for kernel, run in made.items() if _runs(run)}


def _int8(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> Callable[[], object]:
    """The product alone, of numbers that are int8 already: uint8 by int8, weights packed, float32 out."""
    scales = w.abs().amax(1) / 127
    packed = torch.ops.onednn.qlinear_prepack((w / scales[:, None]).round().to(torch.int8), list(x.shape))
    zero_points = torch.zeros(len(w), dtype=torch.int64)
    low, high = float(x.min()), float(x.max())
    scale = (high - low) / 255
    zero = round(-low / scale)
    x8 = (x / scale + zero).round().clamp(0, 255).to(torch.uint8)
    return lambda: torch.ops.onednn.qlinear_pointwise(
        x8, scale, zero, packed, scales, zero_points, b, 1.0, 0, torch.float32, "none", [], ""
    )


def _runs(kernel: Callable[[], object]) -> bool:
    """Whether torch has the operation here, as it is called; it is not part of torch's public face."""
    try:
        kernel()
    except (RuntimeError, TypeError, NotImplementedError):
        return False
    return True


def _best_s(run: Callable[[], object]) -> float:
    best, spent, runs = float("inf"), 0.0, 0
    while spent < LEAST_S or runs < LEAST_RUNS:
        started = time.perf_counter()
        run()
        seconds = time.perf_counter() - started
        best, spent, runs = min(best, seconds), spent + seconds, runs + 1
    return best
