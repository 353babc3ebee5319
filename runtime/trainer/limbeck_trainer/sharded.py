"""A model in parts: Fully Sharded Data Parallel."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.distributed.fsdp._common_utils import clean_tensor_name
from torch.distributed.fsdp.wrap import size_based_auto_wrap_policy

from limbeck_trainer.distributed import Peers
from limbeck_trainer.parallel import Moments, Weights

# A part of the model is gathered for its own forward and backward pass only; smaller parts save memory and cost time.
UNITS = 16


class Sharded:
    """Every process holds a part of weights, gradients and optimiser state, and gathers the others' when it needs them.

    FSDP's first interface: the second one, fully_shard, asks for streams that torch 2.6 does not have on a CPU.
    """

    whole = False

    def __init__(self, model: nn.Module, peers: Peers) -> None:
        parameters = sum(parameter.numel() for parameter in model.parameters())
        policy = partial(_is_unit, _shared(model), max(1, parameters // UNITS))
        with peers.guard():
            self.module = FullyShardedDataParallel(
                model, auto_wrap_policy=policy, device_id=peers.device, use_orig_params=True
            )
        self.evaluated = self.module
        self._device = peers.device

    def hold_back(self) -> AbstractContextManager[Any]:
        """See Parallel. Nothing is held back: whole gradients would take the memory that dividing them saves."""
        return nullcontext()

    def clip(self, norm: float) -> None:
        """See Parallel."""
        self.module.clip_grad_norm_(norm)

    def weights(self) -> Weights:
        """See Parallel."""
        weights: Weights = get_model_state_dict(self.module, options=self._options())  # type: ignore[assignment]
        return weights

    def moments(self, optimizer: torch.optim.Optimizer) -> Moments:
        """See Parallel."""
        state: dict[str, Any] = get_optimizer_state_dict(self.module, optimizer, options=self._options())
        moments: Moments = state.get("state", {})
        return moments

    def set_moments(self, optimizer: torch.optim.Optimizer, moments: Moments) -> None:
        """See Parallel."""
        if not moments:
            return
        # Not asked of torch, which would gather the whole state, of zeros, for the sake of these names.
        names = {parameter: clean_tensor_name(name) for name, parameter in self.module.named_parameters()}
        groups = [{**group, "params": [names[one] for one in group["params"]]} for group in optimizer.param_groups]
        state: Any = {"state": moments, "param_groups": groups}
        set_optimizer_state_dict(self.module, optimizer, state, options=StateDictOptions(full_state_dict=True))

    def _options(self) -> StateDictOptions:
        # Offloading leaves the state to rank 0 alone. On a CPU there is nowhere to offload to, and torch 2.6 then hands
        # out memory that it has freed: there every rank gets the state.
        return StateDictOptions(full_state_dict=True, cpu_offload=self._device.type != "cpu")


def _shared(model: nn.Module) -> set[int]:
    """Parameters that several modules have, such as a table of tokens that is the last layer too."""
    owners = Counter(id(parameter) for module in model.modules() for parameter in module.parameters(recurse=False))
    return {parameter for parameter, count in owners.items() if count > 1}


def _is_unit(shared: set[int], least: int, module: nn.Module, recurse: bool, nonwrapped_numel: int) -> bool:
    """By size; but all who share a parameter have to be in one unit, and the outermost is the one for them."""
    if not recurse and any(id(parameter) in shared for parameter in module.parameters()):
        return False
    return size_based_auto_wrap_policy(module, recurse, nonwrapped_numel, min_num_params=least)
