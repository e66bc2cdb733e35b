"""AdamW groups and the learning-rate schedule."""

from __future__ import annotations

import re

import torch
from torch import nn

from train.recipes import Pretraining, Stage


def layer_factor(name: str, *, layers: int, decay: float) -> float:
    """The share of the learning rate for the parameter ``name`` of a model with ``layers`` layers.

    ``decay ** (layers + 2 - depth)`` with depth 0 for embeddings, i + 1 for layer i and layers + 2
    for heads: the head learns at the full rate, the top layer at decay squared (one power more than
    the paper says).

    Source: google-research/electra ``model/optimization.py`` (_get_layer_lrs).
    """
    found = re.search(r"\.layer\.(\d+)\.", name)
    if found:
        depth = int(found[1]) + 1
    elif "embeddings" in name:
        depth = 0
    else:
        depth = layers + 2
    return float(decay ** (layers + 2 - depth))


def adamw(model: nn.Module, stage: Stage | Pretraining, *, layers: int) -> torch.optim.AdamW:
    """AdamW over the trainable parameters; each group carries its ``factor`` of the learning rate.

    Biases and LayerNorm weights are not decayed.

    Source: google-research/electra ``optimization.py`` (exclude_from_weight_decay).
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():  # tied weights are named once
        if parameter.requires_grad:
            factor = layer_factor(name, layers=layers, decay=stage.layer_decay)
            plain = name.endswith("bias") or "LayerNorm" in name
            groups.setdefault((factor, 0.0 if plain else stage.weight_decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": members, "factor": factor, "weight_decay": weight_decay}
            for (factor, weight_decay), members in groups.items()
        ],
        lr=stage.learning_rate,
        eps=stage.adam_eps,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Give each group its factor of ``learning_rate``."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["factor"]


def learning_rate_factor(step: int, *, total_steps: int, warmup_fraction: float) -> float:
    """The share of the peak learning rate for the update number ``step`` (from 0).

    Rises over the first ``warmup_fraction`` of the steps, then falls linearly; the update after the
    last would have 0.
    """
    warmup_steps = int(total_steps * warmup_fraction)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return (total_steps - step) / max(total_steps - warmup_steps, 1)
