"""Corruption for replaced-token detection: pure functions of tensors and an explicit generator.

    original    the  cell   divides   twice
    selected     0     1       0        1       15% of the real tokens, never special ones
    masked      the [MASK]  divides   twice     of the selected, 85% [MASK], 15% left as they are
    sampled      -   cell      -      daily     what the generator puts there
    corrupted   the  cell   divides   daily
    replaced     0     0       0        1       not where the sample equals the original

Source: Clark et al. 2020, section 3.1; google-research/electra ``pretrain_helpers.py``.
"""

from __future__ import annotations

import torch

KEPT_FRACTION = 0.15


def select_positions(maskable: torch.Tensor, fraction: float, generator: torch.Generator) -> torch.Tensor:
    """``fraction`` of the true positions of each row (one at least where there is any), bool (B, T).

    Exactly ``round(fraction * count)`` of them, drawn without replacement.
    """
    noise = torch.rand(maskable.shape, generator=generator).masked_fill(~maskable, 2.0)  # (B, T)
    rank = noise.argsort(dim=1).argsort(dim=1)
    counts = maskable.sum(dim=1, keepdim=True)
    wanted = (counts * fraction).round().clamp(min=1).minimum(counts)
    return (rank < wanted) & maskable


def mask(
    ids: torch.Tensor, selected: torch.Tensor, mask_token_id: int, generator: torch.Generator
) -> torch.Tensor:
    """The ids with 85% of the selected positions as [MASK], int64 (B, T)."""
    hidden = torch.rand(ids.shape, generator=generator) >= KEPT_FRACTION
    return ids.masked_fill(selected & hidden, mask_token_id)


def gumbel_sample(logits: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One draw from softmax(logits) for each row, int64 (N,), by adding Gumbel noise."""
    uniform = torch.rand(logits.shape, generator=generator, device=generator.device)  # (N, V)
    gumbel = -torch.log(-torch.log(uniform.clamp(1e-9, 1 - 1e-7)))
    return (logits.float() + gumbel.to(logits.device)).argmax(dim=-1)


def replace_tokens(
    ids: torch.Tensor, selected: torch.Tensor, sampled: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(corrupted ids, is_replaced), int64 and bool (B, T); ``sampled`` (N,) fills the selected."""
    corrupted = ids.masked_scatter(selected, sampled)
    return corrupted, corrupted != ids
