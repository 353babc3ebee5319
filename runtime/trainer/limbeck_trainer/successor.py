"""Whether a training can go on from a checkpoint whose bytes are those that were digested: it may be of another kind.

With the same settings that is the work of another release, or of a person. The optimiser believes what it is given: it
begins anew where there are no moments, passes over those of another one, and writes beyond those that are too small.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from limbeck_trainer.engine import MOMENTS
from limbeck_trainer.optimization import Optimization
from limbeck_trainer.out_of_memory import is_out_of_memory
from limbeck_trainer.parallel import Moments, Weights
from limbeck_trainer.snapshot import Snapshot, decode


@dataclass(frozen=True)
class Successor:
    """The training that is to go on: its model before it is spread, and how it is optimised."""

    model: nn.Module
    optimization: Optimization

    def problem_of(self, content: bytes, step: int) -> str:
        """Why it cannot go on from the checkpoint of this step; '' if it can."""
        before = torch.get_rng_state()
        try:
            return self._problem(decode(content), step)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            return f"it cannot be read ({type(error).__name__})"
        finally:
            torch.set_rng_state(before)

    def _problem(self, snapshot: Snapshot, step: int) -> str:
        weights, moments = snapshot.engine["model"], snapshot.engine["optimizer"]
        other = self._other_model(weights) or self._other_optimizer(moments, snapshot)
        if other:
            return other
        together = all(_fits(weights[name], values) for name, values in moments.items()) and _has_best(snapshot)
        return "" if snapshot.step == step and together else "its parts do not belong together"

    def _other_model(self, weights: Weights) -> str:
        """Not of the sizes of its axes: those follow from the data, too."""
        ours, theirs = _kinds(self.model.state_dict()), _kinds(weights)
        different = next((name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)), None)
        if different is None:
            return ""
        kept, now = theirs.get(different, "not in it"), ours.get(different, "not in it")
        return f"it is of another kind of model: {different} is {kept}, and now {now}"

    def _other_optimizer(self, moments: Moments, snapshot: Snapshot) -> str:
        scaled = self.optimization.precision == "float16"
        if bool(snapshot.engine["scaler"]) != scaled:
            return f"it is of another precision than {self.optimization.precision}"
        # A step whose scaled gradients are too large is left out, and so may be all of them so far.
        if not moments and (scaled or snapshot.step == 0):
            return ""
        name, needed = self.optimization.optimizer, MOMENTS[self.optimization.optimizer]
        lacking = next((one for one in _trained(self.model, needed) if needed != _tensors(moments.get(one, {}))), None)
        if lacking is not None:
            return f"it has no moments of {name} for {lacking}"
        strange = any(_tensors(values) != needed for values in moments.values())
        return f"it has moments that are none of {name}" if strange else ""


def _trained(model: nn.Module, needed: frozenset[str]) -> Iterable[str]:
    """Weights of which the optimiser keeps something."""
    return [name for name, it in model.named_parameters() if it.requires_grad] if needed else []


def _kinds(weights: Mapping[str, torch.Tensor]) -> dict[str, str]:
    return {name: f"{str(it.dtype).removeprefix('torch.')} of {it.dim()} axes" for name, it in weights.items()}


def _tensors(moments: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name, value in moments.items() if isinstance(value, torch.Tensor))


def _fits(weight: torch.Tensor, moments: Mapping[str, Any]) -> bool:
    """Of each number of a weight there is one in each moment, of the same kind; of steps there is one number."""
    tensors = [(name, value) for name, value in moments.items() if isinstance(value, torch.Tensor)]
    return all(
        value.numel() == 1 if name == "step" else (value.shape, value.dtype) == (weight.shape, weight.dtype)
        for name, value in tensors
    )


def _has_best(snapshot: Snapshot) -> bool:
    """The weights of the best epoch, where there was one: they may be the whole training's result."""
    best: Weights | None = snapshot.best
    if best is None:
        return snapshot.patience.best_step == 0
    return {name: it.shape for name, it in best.items()} == {
        name: it.shape for name, it in snapshot.engine["model"].items()
    }
