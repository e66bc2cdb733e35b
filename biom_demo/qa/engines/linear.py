"""The linear layers of a model, which are nine tenths of its work, run by oneDNN's kernels.

torch gives float32 to MKL, whose kernels are slower than oneDNN's on processors that are not Intel's, and
has no call of its own for int8 beside the deprecated quantized modules. The operators used here are those
that its compiler emits for linear layers on a CPU; ``requirements.txt`` pins the version that has them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from biom_demo.errors import CheckpointError
from biom_demo.settings import Precision

HEAD = "qa_outputs"  # every QA model of transformers names its last layer so
_STEPS = 127  # of an int8 weight on either side of 0
_LEVELS = 255  # of a uint8 activation
_TINY = torch.finfo(torch.float32).tiny  # no step is 0, where all of a row is one value


def has_operators() -> bool:
    """Whether this build of torch has oneDNN and the operators used here."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and all(
        hasattr(space, name)
        for space, name in (
            (torch.ops.mkldnn, "_linear_pointwise"),
            (torch.ops.onednn, "qlinear_pointwise"),
            (torch.ops.onednn, "qlinear_prepack"),
        )
    )


class ExactLinear(nn.Linear):
    """A float32 layer whose weights stay as they are, so that they may lie in a mapped file.

    Where gradients are wanted, on another device and in autocast it is the layer it was made of.
    """

    in_autocast = False  # whether it is exact there, too

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """What ``nn.Linear`` gives, but for the order in which sums are taken."""
        plain = torch.is_grad_enabled() or input.device.type != "cpu" or self.weight.dtype != torch.float32
        if plain or (torch.is_autocast_enabled("cpu") and not self.in_autocast):
            return super().forward(input)
        return _pointwise(input.float(), self.weight, self.bias)


class Bfloat16Linear(nn.Module):
    """A layer whose weights are kept, laid out for the kernel, in bfloat16; its output is bfloat16."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach().bfloat16(), None)
        self.bias = layer.bias.detach().bfloat16() if layer.bias is not None else None

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The layer's output, bfloat16; sums are taken in float32."""
        return _pointwise(input.bfloat16(), self.weight, self.bias)


class Int8Linear(nn.Module):
    """A layer of int8 weights, one scale an output, on activations in uint8, one scale a token.

    The activations' scales are those of the tokens at hand (dynamic quantisation), so nothing needs
    calibration; and one a token, so that a token with an outlier spoils no other, and a window's logits do
    not depend on what else is in the batch.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach().float()
        scales = weight.abs().amax(1).clamp_min(_TINY) / _STEPS
        whole = (weight / scales[:, None]).round().clamp(-_STEPS, _STEPS)
        self.weight = torch.ops.onednn.qlinear_prepack(whole.to(torch.int8), None)
        self.scales = scales
        self.zeros = torch.zeros(len(scales), dtype=torch.int64)
        self.sums = whole.sum(1) * scales  # what an activation of 1 everywhere would give
        self.bias = layer.bias.detach().float() if layer.bias is not None else torch.zeros_like(scales)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The layer's output, float32; sums are taken in int32."""
        tokens = input.float().reshape(-1, input.shape[-1])
        # Each of these is a vectorised kernel; aminmax, addcmul with one factor a row and the cast from
        # float to uint8 are not, and took a third of the layer's time.
        lows = tokens.amin(1, keepdim=True)
        steps = tokens.amax(1, keepdim=True).sub_(lows).div_(_LEVELS).clamp_min_(_TINY)
        # A half more, as the cast truncates.
        levels = (tokens * steps.reciprocal()).add_(0.5 - lows / steps).to(torch.int16).to(torch.uint8)
        sums = torch.ops.onednn.qlinear_pointwise(
            levels, 1.0, 0, self.weight, self.scales, self.zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        made = torch.addcmul(self.bias, lows, self.sums).addcmul_(sums, steps)
        return made.reshape(*input.shape[:-1], -1)


def _pointwise(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    made: torch.Tensor = torch.ops.mkldnn._linear_pointwise(input, weight, bias, "none", [], "")
    return made


def use_kernels(model: nn.Module, precision: Precision) -> None:
    """Let the model's linear layers run by the kernels of that precision, in place.

    In float32 the model stays one that can be trained and saved. The last layer, which makes the logits, is
    exact in all of them; to spare some others from int8 gains nothing that can be told from chance
    (``benchmarks/int8_layers.py``). Without oneDNN's operators float32 is left to torch.

    Raises ``CheckpointError`` where another precision is asked for without the operators.
    """
    if not has_operators():
        if precision is Precision.FLOAT32:
            return
        raise CheckpointError("This build of torch has no oneDNN, so models are read in float32 only.")
    made = {Precision.BFLOAT16: Bfloat16Linear, Precision.INT8: Int8Linear}.get(precision)
    for module in list(model.modules()):
        for name, layer in list(module.named_children()):
            if type(layer) is not nn.Linear:
                continue
            if made is None or name == HEAD:
                exact: Any = layer
                exact.__class__ = ExactLinear  # keeps its weights, names and hooks
                exact.in_autocast = made is not None
            else:
                setattr(module, name, made(layer))
