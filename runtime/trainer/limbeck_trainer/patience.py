"""Early stopping as a pure value: the best validation loss so far, and for how many epochs none was better."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from limbeck_trainer.optimization import EarlyStopping


@dataclass(frozen=True)
class Patience:
    """`best` is the smallest loss, of step `best_step`; `waited` counts the epochs since."""

    best: float = math.inf
    best_step: int = 0
    waited: int = 0

    def after(self, loss: float, step: int, stopping: EarlyStopping) -> Patience:
        """The value after one more epoch: better is less by more than `min_delta`."""
        if loss < self.best - stopping.min_delta:
            return Patience(loss, step)
        return replace(self, waited=self.waited + 1)

    def exhausted(self, stopping: EarlyStopping) -> bool:
        """Whether it is time to stop."""
        return self.waited >= stopping.patience
