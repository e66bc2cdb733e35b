"""Baseline A: what a plain script does. Eager attention, every window padded to 512, one at a time.

It is transformers alone, model and tokenizer, and goes through nothing of ours.
"""

from __future__ import annotations

from typing import Any

import torch

MAX_SEQ_LENGTH, STEP_TOKENS = 512, 128  # as run_squad.py cut texts, and the published models were measured


class PlainLoop:
    """A model and its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, device: str = "cpu") -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.device = device

    def windows(self, question: str, context: str) -> Any:
        """The windows of a question and a text as transformers cuts them: tensors, each int64 (N, 512)."""
        head = self.tokenizer(question, add_special_tokens=True)["input_ids"]
        room = MAX_SEQ_LENGTH - len(head) - 1
        made = self.tokenizer(
            question,
            context,
            truncation="only_second",
            max_length=MAX_SEQ_LENGTH,
            stride=room - STEP_TOKENS,  # the tokenizers' stride is the overlap
            return_overflowing_tokens=True,
            padding="max_length",
            return_tensors="pt",
        )
        return {name: made[name] for name in ("input_ids", "attention_mask", "token_type_ids")}

    def read(self, question: str, context: str, *, most: int | None = None) -> list[torch.Tensor]:
        """The start logits of the windows, or of the first ``most`` of them, float32 (512,) each."""
        made = self.windows(question, context)
        found = []
        with torch.no_grad():
            for row in range(len(made["input_ids"][:most])):
                inputs = {name: rows[row : row + 1].to(self.device) for name, rows in made.items()}
                found.append(self.model(**inputs).start_logits[0].float().cpu())
        return found
