"""Several fine-tuned checkpoints of one start -> their mean.

    python -m train average runs/biom-bioasq-42 runs/biom-bioasq-43 --out runs/biom-bioasq-mean

Source: Wortsman et al. 2022 (uniform soup): runs that share their start and differ in seed lie in
one basin of the loss, and the mean of their weights often does better than each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from biom_demo.errors import TrainingError
from biom_demo.qa.engines.pytorch import PyTorchEngine
from biom_demo.qa.windows import tokenizer_fingerprint


def average(models: Sequence[Path], out: Path) -> Path:
    """The folder ``out`` with the mean of the checkpoints' weights (float32) and their tokenizer.

    Raises ``TrainingError`` where they differ in shape or tokenizer, ``CheckpointError`` as
    ``PyTorchEngine.load`` does.
    """
    if len(models) < 2:
        raise TrainingError("An average needs two checkpoints or more.")
    mean = PyTorchEngine.load(models[0])
    sums = {key: value.double() for key, value in mean.model.state_dict().items()}
    for path in models[1:]:
        other = PyTorchEngine.load(path)
        weights = other.model.state_dict()
        if tokenizer_fingerprint(other.tokenizer) != tokenizer_fingerprint(mean.tokenizer) or {
            key: value.shape for key, value in weights.items()
        } != {key: value.shape for key, value in sums.items()}:
            raise TrainingError(f"{path} is of another shape or tokenizer than {models[0]}.")
        for key, value in weights.items():
            sums[key] += value
    dtype = torch.float32
    mean.model.load_state_dict({key: (value / len(models)).to(dtype) for key, value in sums.items()})
    mean.save(out)
    return out
