"""Several processes that train one model: started by ``accelerate launch`` or ``torchrun``.

    accelerate launch --num_processes 4 -m train finetune --recipe large ...

Both start the same command once a device and say in the environment who is who. Each process takes
its share of an update's micro-batches; the gradients are summed, so that the update is the one a
single process would make. A single process needs none of this and pays nothing for it.

Source: torch.distributed, environment variable initialisation.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist


class World:
    """This process among all that train: ``rank`` of ``size``, and the device it trains on."""

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0")) if self.size > 1 else 0
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        if self.size > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and shows progress."""
        return self.rank == 0

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Add up every process's gradients in place; a process without a share adds nothing."""
        if self.size == 1:
            return
        wanted = [p for p in parameters if p.requires_grad]
        for parameter in wanted:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([p.grad.reshape(-1) for p in wanted if p.grad is not None])
        dist.all_reduce(flat)
        first = 0
        for parameter in wanted:
            parameter.grad = flat[first : first + parameter.numel()].view_as(parameter)
            first += parameter.numel()

    def sum(self, value: float) -> float:
        """The sum of every process's ``value``."""
        if self.size == 1:
            return value
        total = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return float(total.item())

    def wait(self) -> None:
        """Go on when every process has come here."""
        if self.size > 1:
            dist.barrier()
