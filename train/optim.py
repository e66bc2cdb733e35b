"""AdamW groups and the learning-rate schedule."""

from __future__ import annotations

import torch
from torch import nn

from train.recipes import Stage


def adamw(model: nn.Module, stage: Stage) -> torch.optim.AdamW:
    """AdamW over the trainable parameters; biases and LayerNorm weights are not decayed.

    Source: google-research/electra ``optimization.py`` (exclude_from_weight_decay).
    """
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (plain if name.endswith("bias") or "LayerNorm" in name else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": stage.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=stage.learning_rate, eps=stage.adam_eps)


def learning_rate_factor(step: int, *, total_steps: int, warmup_fraction: float) -> float:
    """The share of the peak learning rate for the update number ``step`` (from 0).

    Rises over the first ``warmup_fraction`` of the steps, then falls linearly; the update after the
    last would have 0.
    """
    warmup_steps = int(total_steps * warmup_fraction)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return (total_steps - step) / max(total_steps - warmup_steps, 1)
