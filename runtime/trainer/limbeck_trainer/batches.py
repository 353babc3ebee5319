"""The global batches of a plan, where samples are taken by them. An epoch's order is made when its first is due."""

from __future__ import annotations

import torch
from torch import Tensor

from limbeck_trainer.plan import Plan


class Batches:
    """Rows of each step, int64 [b]; meant to be asked for one step after the other, from any step on."""

    def __init__(self, plan: Plan, device: torch.device) -> None:
        self._plan = plan
        self._device = device
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def at(self, step: int) -> Tensor:
        """The rows of the global batch of this step; steps count from 0 over all epochs."""
        epoch, index = divmod(step, self._plan.steps_per_epoch)
        if epoch != self._epoch:
            self._order = torch.from_numpy(self._plan.order(epoch)).to(self._device)
            self._epoch = epoch
        size = self._plan.batch_size
        return self._order[index * size : (index + 1) * size]
