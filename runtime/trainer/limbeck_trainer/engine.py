"""One step of the optimiser over a global batch, whatever it is made of: micro batches, precision, clipping, ranks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from limbeck_trainer.distributed import Peers
from limbeck_trainer.evaluation.outputs import EVALUATION_BATCH
from limbeck_trainer.losses import Criterion
from limbeck_trainer.optimization import Optimization
from limbeck_trainer.parallel import Parallel
from limbeck_trainer.precision import Precision

State = dict[str, Any]
# What each optimiser keeps of every weight that it has moved, by its own names.
ADAMS: Final = frozenset(("step", "exp_avg", "exp_avg_sq"))
MOMENTS: Final[Mapping[str, frozenset[str]]] = {"adam": ADAMS, "adamw": ADAMS, "sgd": frozenset()}


class Engine:
    """The model, its optimiser and how they are driven.

    The global batch is exact: however many ranks and micro batches share it, the gradient is that of one process with
    the whole batch, up to the order of additions.
    """

    def __init__(self, optimization: Optimization, parallel: Parallel, criterion: Criterion, peers: Peers) -> None:
        self.parallel = parallel
        self.precision = Precision(optimization.precision, peers.device)
        self._criterion = criterion
        self._peers = peers
        self._accumulate = optimization.accumulate
        self._clip_norm = optimization.clip_norm
        self._optimizer = optimizer_of(optimization, parallel.module)

    def step(self, x: Tensor, whole: Tensor, rate: float, parts: int = 1) -> Tensor:
        """Learns from the rows `whole` [b] of x [n, ...] at this rate; this rank's part of the loss, on the device.

        Each micro batch is divided into so many `parts`.
        """
        loss = self.gradients(x, whole, parts)
        self.move(rate)
        return loss

    def gradients(self, x: Tensor, whole: Tensor, parts: int = 1) -> Tensor:
        """The first and long part of a step, which changes nothing that `state` has."""
        self._optimizer.zero_grad(set_to_none=True)
        *first, last = self._micro_batches(whole, self._accumulate * parts)
        losses = []
        for rows in first:
            with self.parallel.hold_back():
                losses.append(self._backward(x, rows, whole))
        losses.append(self._backward(x, last, whole))
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def move(self, rate: float) -> None:
        """The rest of it: the weights, by the gradients."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        scaler = self.precision.scaler
        if self._clip_norm is not None:
            scaler.unscale_(self._optimizer)
            self.parallel.clip(self._clip_norm)
        scaler.step(self._optimizer)
        scaler.update()

    def _micro_batches(self, whole: Tensor, count: int) -> tuple[Tensor, ...]:
        """This rank's rows in as many parts as every rank's, for each part is a collective."""
        mine = self._peers.share(whole)
        if count == 1:
            return (mine,)
        largest_share = -(-len(whole) // self._peers.world_size)
        return torch.tensor_split(mine, min(count, largest_share))

    def _backward(self, x: Tensor, rows: Tensor, whole: Tensor) -> Tensor:
        logits = self.precision.forward(self.parallel.module, x.index_select(0, rows))
        loss = self._criterion(logits, rows, whole)
        if self._peers.world_size > 1:
            # The exchange averages over ranks what has to be summed.
            loss = loss * self._peers.world_size
        self.precision.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    @torch.no_grad()
    def mean_loss(self, x: Tensor, rows: Tensor, most: int = EVALUATION_BATCH) -> float:
        """The criterion over these rows, at most `most` at once, the same on every rank. Collective."""
        module = self.parallel.evaluated
        module.eval()
        parts = [
            self._criterion(self.precision.forward(module, x.index_select(0, part)), part, rows)
            for part in self._peers.share_in_parts(rows.to(x.device), most)
        ]
        module.train()
        return float(self._peers.sum(torch.stack(parts).sum().double()))

    def state(self) -> State:
        """What a checkpoint needs, whole, on rank 0. Collective unless the model is whole everywhere."""
        return {
            "model": self.parallel.weights(),
            "optimizer": self.parallel.moments(self._optimizer),
            "scaler": self.precision.scaler.state_dict(),
        }

    def resume(self, state: State) -> None:
        """Takes the optimiser's state of `state()`; the model's is to be loaded before it is spread. Collective."""
        self.parallel.set_moments(self._optimizer, state["optimizer"])
        self.precision.scaler.load_state_dict(state["scaler"])


def optimizer_of(optimization: Optimization, module: nn.Module) -> torch.optim.Optimizer:
    """The optimiser; its learning rate is set before each step."""
    rate, decay = optimization.learning_rate, optimization.weight_decay
    # Fused: one pass over each tensor instead of a dozen.
    match optimization.optimizer:
        case "adamw":
            return torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=decay, fused=True)
        case "adam":
            return torch.optim.Adam(module.parameters(), lr=rate, weight_decay=decay, fused=True)
        case _:
            return torch.optim.SGD(module.parameters(), lr=rate, weight_decay=decay, fused=True)
