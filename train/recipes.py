"""Frozen recipes: every number a run depends on, with the source it comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from biom_demo.errors import TrainingError
from biom_demo.qa.records import Example

StageName = Literal["cloze", "squad", "bioasq"]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One pass of fine-tuning over one kind of data.

    ``batch_size`` pairs make an update, run in pieces of ``micro_batch_size`` where memory asks for
    it. ``layer_decay``: each layer learns slower than the one above by this factor (1: all alike).
    ``short_context_fraction``: such a share of the pairs is read with a few sentences around the
    answer instead of the whole context. ``unanswerable_fraction``: such a share of the pairs is
    added again with a context that holds none of the gold answers, labelled "no answer".
    ``precision``: bfloat16 is autocast over float32 weights. ``teacher_weight``: the teacher's share of
    a pair's loss where gold is known too; both distributions are softened by ``teacher_temperature``.
    ``max_steps`` ends the stage after so many updates, within or beyond its epochs (0: at their end).
    """

    learning_rate: float
    layer_decay: float
    epochs: int
    batch_size: int
    micro_batch_size: int
    max_seq_length: int
    window_step_tokens: int
    warmup_fraction: float
    weight_decay: float
    adam_eps: float
    clip_norm: float
    dropout: float
    short_context_fraction: float
    unanswerable_fraction: float
    precision: Precision
    teacher_weight: float = 0.7
    teacher_temperature: float = 2.0
    max_question_tokens: int = 64
    max_steps: int = 0


@dataclass(frozen=True, slots=True)
class Pretraining:
    """Replaced-token detection: ``steps`` updates over blocks of ``block_tokens`` tokens.

    ``generator_size`` is the generator's width over the discriminator's; ``rtd_weight`` multiplies
    the discriminator's loss.
    """

    learning_rate: float
    steps: int
    batch_size: int
    micro_batch_size: int
    block_tokens: int
    generator_size: float
    mask_fraction: float
    rtd_weight: float
    warmup_fraction: float
    weight_decay: float
    adam_eps: float
    clip_norm: float
    precision: Precision
    layer_decay: float = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """The stages of a checkpoint and how often a run saves its state."""

    name: str
    squad: Stage
    bioasq: Stage
    save_every_steps: int
    parameters: int = 0
    cloze: Stage | None = None
    pretraining: Pretraining | None = None

    def stage(self, name: StageName) -> Stage:
        """The stage of that name. Raises ``TrainingError`` where the recipe has none."""
        found = {"cloze": self.cloze, "squad": self.squad, "bioasq": self.bioasq}[name]
        if found is None:
            raise TrainingError(f"The recipe {self.name} has no stage {name}.")
        return found


# A tiny random ELECTRA, seconds on a CPU: shows that the chain runs, not that it learns.
_SMOKE_STAGE = Stage(
    learning_rate=1e-3,
    layer_decay=0.9,
    epochs=2,
    batch_size=4,
    micro_batch_size=2,
    max_seq_length=64,
    window_step_tokens=32,
    warmup_fraction=0.1,
    weight_decay=0.01,
    adam_eps=1e-6,
    clip_norm=1.0,
    dropout=0.1,
    short_context_fraction=0.5,
    unanswerable_fraction=0.25,
    precision="float32",
)
SMOKE = Recipe(
    name="smoke",
    cloze=_SMOKE_STAGE,
    squad=_SMOKE_STAGE,
    bioasq=_SMOKE_STAGE,
    save_every_steps=3,
    parameters=30_000,
    pretraining=Pretraining(
        learning_rate=1e-3,
        steps=8,
        batch_size=4,
        micro_batch_size=2,
        block_tokens=32,
        generator_size=0.5,
        mask_fraction=0.15,
        rtd_weight=50.0,
        warmup_fraction=0.1,
        weight_decay=0.01,
        adam_eps=1e-6,
        clip_norm=1.0,
        precision="float32",
    ),
)

# 22.7M parameters from MiniLM-L6, on two CPU cores. The first stage's rate lies between the ELECTRA
# paper's 3e-4 for Small and 1e-4 for Base (Clark et al. 2020, appendix B); BioASQ's was chosen on
# held-out questions of year 7 (train/EXPERIMENTS.md). Eps, weight decay, clip and warmup are Google
# ELECTRA's fine-tuning defaults (google-research/electra configure_finetuning.py). No dropout: it
# takes a CPU 40% of its speed. Half a stage's contexts and more are cut to a few sentences, because
# BioASQ snippets are as short and half the tokens cost half the time.
_MINI_SQUAD = Stage(
    learning_rate=2e-4,
    layer_decay=1.0,
    epochs=1,
    batch_size=32,
    micro_batch_size=32,
    max_seq_length=384,
    window_step_tokens=128,
    warmup_fraction=0.1,
    weight_decay=0.01,
    adam_eps=1e-6,
    clip_norm=1.0,
    dropout=0.0,
    short_context_fraction=0.7,
    unanswerable_fraction=0.1,
    precision="bfloat16",
)
MINI = Recipe(
    name="mini",
    cloze=replace(_MINI_SQUAD, learning_rate=1e-4, short_context_fraction=0.0, unanswerable_fraction=0.0),
    squad=replace(_MINI_SQUAD, epochs=2),
    bioasq=replace(_MINI_SQUAD, learning_rate=1e-4, short_context_fraction=0.0),
    save_every_steps=100,
    parameters=22_700_000,
    # Loss weights, masking and generator: ELECTRA (Clark et al. 2020, table 6). The rate is low and
    # the run short, because trained weights are continued.
    pretraining=Pretraining(
        learning_rate=1e-4,
        steps=200,
        batch_size=32,
        micro_batch_size=32,
        block_tokens=128,
        generator_size=0.25,
        mask_fraction=0.15,
        rtd_weight=50.0,
        warmup_fraction=0.1,
        weight_decay=0.01,
        adam_eps=1e-6,
        clip_norm=1.0,
        precision="bfloat16",
    ),
)

# all-mpnet-base-v2 (110M), which teaches `mini` and is not shipped. The rate was tried in short runs
# (5e-5 over 1,600 pairs, 4e-5 over 5,000); the rest is `mini`'s. Memory asks for pieces of 16.
_TEACHER = replace(
    _MINI_SQUAD,
    learning_rate=4e-5,
    micro_batch_size=16,
    max_seq_length=320,
    short_context_fraction=0.8,
    unanswerable_fraction=0.05,
)
TEACHER = Recipe(
    name="teacher",
    squad=_TEACHER,
    bioasq=replace(
        _TEACHER, learning_rate=2e-5, epochs=2, short_context_fraction=0.6, unanswerable_fraction=0.1
    ),
    save_every_steps=50,
    parameters=110_000_000,
)

# The published checkpoints. `large`: the command on the card of
# sultan/BioM-ELECTRA-Large-SQuAD2-BioASQ8B (run_squad.py: 5e-5, 3 epochs, 512/128, 8 x 2) and that
# script's defaults for what the card leaves out (no warmup, no decay, eps 1e-8, clip 1).
_LARGE = Stage(
    learning_rate=5e-5,
    layer_decay=1.0,
    epochs=3,
    batch_size=16,
    micro_batch_size=8,
    max_seq_length=512,
    window_step_tokens=128,
    warmup_fraction=0.0,
    weight_decay=0.0,
    adam_eps=1e-8,
    clip_norm=1.0,
    dropout=0.1,
    short_context_fraction=0.0,
    unanswerable_fraction=0.0,
    precision="bfloat16",
)
# SQuAD2 of the starting checkpoint: run_qa.py, 2 epochs, 5e-5, batch 8 x 6 (BioM-Transformers).
LARGE = Recipe(
    name="large",
    squad=replace(_LARGE, epochs=2, batch_size=48),
    bioasq=_LARGE,
    save_every_steps=200,
    parameters=335_000_000,
)
# The authors' TensorFlow settings (BioM-Transformers notebooks; google-research/electra defaults).
_LARGE_TF = replace(
    _LARGE, batch_size=32, epochs=2, layer_decay=0.9, warmup_fraction=0.1, weight_decay=0.01, adam_eps=1e-6
)
LARGE_TF = Recipe(
    name="large-tf",
    squad=_LARGE_TF,
    bioasq=replace(_LARGE_TF, learning_rate=2e-5, batch_size=24, epochs=4),
    save_every_steps=200,
    parameters=335_000_000,
)
# Google's Base settings: 1e-4 and decay 0.8 (configure_finetuning.py); BioASQ as large-tf.
_BASE = replace(_LARGE_TF, learning_rate=1e-4, layer_decay=0.8)
BASE = Recipe(
    name="base",
    squad=_BASE,
    bioasq=replace(_BASE, learning_rate=2e-5, batch_size=24, epochs=4),
    save_every_steps=200,
    parameters=110_000_000,
)

# ELECTRA-Small from scratch, general or PubMed text and vocabulary: Clark et al. 2020, tables 6 and 7
# (5e-4, 1M steps of 128 blocks of 128, 10,000 of warmup, generator 1/4; fine-tuning 3e-4, decay 0.8).
# One GPU's budget is far below 1M steps: give `pretrain --steps` what you can pay for.
_SMALL = replace(_LARGE_TF, learning_rate=3e-4, layer_decay=0.8, micro_batch_size=32)
SMALL = Recipe(
    name="small",
    squad=_SMALL,
    bioasq=replace(_SMALL, learning_rate=1e-4, batch_size=24, micro_batch_size=24, epochs=4),
    cloze=replace(_SMALL, epochs=1),
    save_every_steps=1000,
    parameters=13_500_000,
    pretraining=Pretraining(
        learning_rate=5e-4,
        steps=1_000_000,
        batch_size=128,
        micro_batch_size=128,
        block_tokens=128,
        generator_size=0.25,
        mask_fraction=0.15,
        rtd_weight=50.0,
        warmup_fraction=0.01,
        weight_decay=0.01,
        adam_eps=1e-6,
        clip_norm=1.0,
        precision="bfloat16",
    ),
)

RECIPES = {recipe.name: recipe for recipe in (SMOKE, MINI, TEACHER, SMALL, BASE, LARGE, LARGE_TF)}


def cost(recipe: Recipe, stage: Stage, pairs: Sequence[Example]) -> str:
    """One line on what a stage takes: updates, tokens, FLOPs, hours at two speeds, memory.

    Tokens are estimated at four characters each and never fewer than the pairs; FLOPs at six a
    parameter and token (Kaplan et al. 2020); memory at 16 bytes a parameter (float32 weights,
    gradients and Adam's two moments), without activations.
    """
    count = len(pairs) * (1 + stage.unanswerable_fraction)
    tokens = stage.epochs * sum(1 + (len(p.context) + len(p.question.text)) / 4 for p in pairs)
    tokens *= 1 + stage.unanswerable_fraction
    flops = 6.0 * recipe.parameters * tokens
    updates = math.ceil(count / stage.batch_size) * stage.epochs
    return (
        f"{len(pairs):,} pairs, {updates:,} updates or more, about "
        f"{tokens / 1e6:.1f}M tokens, {flops / 1e15:.3g} PFLOP "
        f"({flops / 3.6e14:.2g} h at 0.1 TFLOP/s, {flops / 3.6e17:.2g} h at 100 TFLOP/s), "
        f"{recipe.parameters * 16 / 1e9:.2g} GB of weights and optimiser"
    )
