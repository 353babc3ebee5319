"""A model on the processes of a group: whole on each of them (alone, DDP) or in parts (FSDP). One set of questions.

State is always given and taken whole, by the names of the parameters: a checkpoint of one strategy and width is a
checkpoint of every other.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from limbeck_trainer.distributed import Peers

Weights = dict[str, Tensor]
# By the name of the parameter, then by the optimiser's own names, such as exp_avg.
Moments = dict[str, dict[str, Any]]


class Parallel(Protocol):
    """A module of the group. What is said to be collective has to be called by all ranks alike."""

    @property
    def module(self) -> nn.Module:
        """What the loss is computed through."""
        ...

    @property
    def evaluated(self) -> nn.Module:
        """What is evaluated; each rank has to call it equally often."""
        ...

    @property
    def whole(self) -> bool:
        """Whether state can be had from rank 0 without the others."""
        ...

    def hold_back(self) -> AbstractContextManager[Any]:
        """Backward passes in this block are added up before gradients are exchanged."""
        ...

    def clip(self, norm: float) -> None:
        """Scales all gradients down to a common norm of at most `norm`. Collective."""
        ...

    def weights(self) -> Weights:
        """A copy of the whole model's state on rank 0. Collective unless `whole`."""
        ...

    def moments(self, optimizer: torch.optim.Optimizer) -> Moments:
        """The optimiser's whole state on rank 0. Collective unless `whole`."""
        ...

    def set_moments(self, optimizer: torch.optim.Optimizer, moments: Moments) -> None:
        """Takes the whole state, which every rank has. Collective."""
        ...


class Whole:
    """Every process holds the whole model; gradients are averaged. Alone there is nobody to average with."""

    whole = True

    def __init__(self, model: nn.Module, peers: Peers) -> None:
        self.evaluated = model
        self.module = peers.wrap(model)

    def hold_back(self) -> AbstractContextManager[Any]:
        """See Parallel."""
        if isinstance(self.module, DistributedDataParallel):
            context: AbstractContextManager[Any] = self.module.no_sync()
            return context
        return nullcontext()

    def clip(self, norm: float) -> None:
        """See Parallel."""
        nn.utils.clip_grad_norm_(self.module.parameters(), norm)

    def weights(self) -> Weights:
        """See Parallel."""
        return {name: value.detach().cpu().clone() for name, value in self.evaluated.state_dict().items()}

    def moments(self, optimizer: torch.optim.Optimizer) -> Moments:
        """See Parallel."""
        names = self._names()
        return {names[index]: value for index, value in optimizer.state_dict()["state"].items()}

    def set_moments(self, optimizer: torch.optim.Optimizer, moments: Moments) -> None:
        """See Parallel."""
        indices = {name: index for index, name in enumerate(self._names())}
        state = {indices[name]: value for name, value in moments.items()}
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})

    def _names(self) -> list[str]:
        return [name for name, _ in self.evaluated.named_parameters()]


def spread(strategy: str, model: nn.Module, peers: Peers) -> Parallel:
    """The model as the strategy (alone, ddp, fsdp) has it. Collective."""
    if strategy != "fsdp":
        return Whole(model, peers)
    # Imported late: FSDP takes a second or more, which only those should pay who divide their model.
    from limbeck_trainer.sharded import Sharded

    return Sharded(model, peers)


def spread_weights(model: nn.Module, weights: Weights | None, peers: Peers) -> None:
    """Rank 0's weights in everybody's model. Collective."""
    if weights is not None and peers.leads:
        model.load_state_dict(weights)
    peers.copy(model.state_dict().values())


def is_finite(weights: Weights) -> bool:
    """Whether every number is one."""
    return all(bool(torch.isfinite(value).all()) for value in weights.values())
