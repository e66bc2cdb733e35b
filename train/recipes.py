"""Frozen recipes: every number a run depends on, with the source it comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

StageName = Literal["squad", "bioasq"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One pass of fine-tuning over one kind of data.

    ``unanswerable_fraction``: such a share of the training pairs is added again with a context of
    another question that holds none of the gold answers, labelled "no answer".
    """

    learning_rate: float
    epochs: int
    batch_size: int
    max_seq_length: int
    window_step_tokens: int
    warmup_fraction: float
    weight_decay: float
    adam_eps: float
    clip_norm: float
    dropout: float
    unanswerable_fraction: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """The two stages of a checkpoint and how often a run saves its state."""

    name: str
    squad: Stage
    bioasq: Stage
    save_every_steps: int

    def stage(self, name: StageName) -> Stage:
        """The stage of that name."""
        return self.squad if name == "squad" else self.bioasq


# A tiny random ELECTRA, seconds on a CPU: shows that the chain runs, not that it learns.
_SMOKE_STAGE = Stage(
    learning_rate=1e-3,
    epochs=2,
    batch_size=4,
    max_seq_length=64,
    window_step_tokens=32,
    warmup_fraction=0.1,
    weight_decay=0.01,
    adam_eps=1e-6,
    clip_norm=1.0,
    dropout=0.1,
    unanswerable_fraction=0.25,
)
SMOKE = Recipe(name="smoke", squad=_SMOKE_STAGE, bioasq=_SMOKE_STAGE, save_every_steps=3)

# 22.7M parameters from MiniLM-L6. Learning rates of both stages, batch and epochs are those of a
# trial made before this project (1e-4 for one epoch, then 5e-5 for two, batch 32); eps, weight
# decay, clip and warmup are Google ELECTRA's fine-tuning defaults (google-research/electra
# configure_finetuning.py). No dropout in the first stage: it takes a CPU 40% of its speed, and one
# epoch over fresh examples hardly overfits.
_MINI_SQUAD = Stage(
    learning_rate=1e-4,
    epochs=1,
    batch_size=32,
    max_seq_length=384,
    window_step_tokens=128,
    warmup_fraction=0.1,
    weight_decay=0.01,
    adam_eps=1e-6,
    clip_norm=1.0,
    dropout=0.0,
    unanswerable_fraction=0.1,
)
MINI = Recipe(
    name="mini",
    squad=_MINI_SQUAD,
    bioasq=replace(_MINI_SQUAD, learning_rate=5e-5, epochs=2, dropout=0.1),
    save_every_steps=100,
)

RECIPES = {recipe.name: recipe for recipe in (SMOKE, MINI)}
