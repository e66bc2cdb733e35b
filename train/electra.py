"""ELECTRA's two networks with tied embeddings, and their joint loss.

Source: Clark et al. 2020, section 3; google-research/electra ``run_pretraining.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

from train.masking import gumbel_sample, mask, replace_tokens, select_positions


class Losses(NamedTuple):
    """The joint loss (a scalar to go backward from) and plain figures for the log."""

    total: torch.Tensor
    mlm: float
    rtd: float
    replaced_fraction: float
    rtd_recall: float


class Electra(nn.Module):
    """A generator that fills masks and a discriminator that tells which tokens are not original.

    The generator is ``generator_size`` times as wide, as deep, and shares the discriminator's
    embeddings with their LayerNorm. No gradient flows through the sampling.
    """

    def __init__(self, discriminator: ElectraForPreTraining, generator_size: float) -> None:
        super().__init__()
        config: ElectraConfig = discriminator.config
        heads = max(1, round(config.num_attention_heads * generator_size))
        width = int(config.hidden_size * generator_size) // heads * heads
        small = ElectraConfig(
            **{
                **config.to_dict(),
                "hidden_size": width,
                "num_attention_heads": heads,
                "intermediate_size": int(config.intermediate_size * generator_size),
            }
        )
        self.discriminator = discriminator
        self.generator = ElectraForMaskedLM(small)
        self.generator.electra.embeddings = discriminator.electra.embeddings
        self.generator.generator_lm_head.weight = discriminator.electra.embeddings.word_embeddings.weight

    def forward(
        self,
        ids: torch.Tensor,
        *,
        special_ids: torch.Tensor,
        mask_token_id: int,
        mask_fraction: float,
        rtd_weight: float,
        generator: torch.Generator,
    ) -> Losses:
        """``mlm + rtd_weight * rtd`` for full blocks of ids (B, T), all positions real.

        The generator's loss is over the selected positions, the discriminator's over all.
        """
        device = ids.device
        maskable = ~torch.isin(ids, special_ids)
        selected = select_positions(maskable.cpu(), mask_fraction, generator).to(device)  # (B, T)
        masked = mask(ids.cpu(), selected.cpu(), mask_token_id, generator).to(device)
        hidden = self.generator.electra(input_ids=masked).last_hidden_state  # (B, T, H/4)
        logits = self.generator.generator_lm_head(self.generator.generator_predictions(hidden[selected]))
        mlm = nn.functional.cross_entropy(logits.float(), ids[selected])  # logits (N, V)
        with torch.no_grad():
            sampled = gumbel_sample(logits.detach(), generator).to(device)
        corrupted, replaced = replace_tokens(ids, selected, sampled)
        scores = self.discriminator(input_ids=corrupted).logits.float()  # (B, T)
        rtd = nn.functional.binary_cross_entropy_with_logits(scores, replaced.float())
        found = ((scores > 0) & replaced).sum().item() / max(int(replaced.sum().item()), 1)
        return Losses(
            mlm + rtd_weight * rtd, mlm.item(), rtd.item(), replaced.float().mean().item(), float(found)
        )
