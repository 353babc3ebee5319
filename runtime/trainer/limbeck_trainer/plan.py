"""The course of a training as pure functions: which rows at which step, and how fast to learn there.

Nothing here depends on the rank or on where a resumed run starts, so any attempt, at any width, walks the same course.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from limbeck_trainer.config import Optimization
from limbeck_trainer.data import Ints

# One cycle: a cosine up to the peak over the first 30 %, then a cosine down to almost nothing.
WARM_UP = 0.3
FIRST_SHARE = 1 / 25
LAST_SHARE = FIRST_SHARE / 1e4


@dataclass(frozen=True)
class Plan:
    """Global batches of `batch_size` over `rows`, shuffled anew for each epoch; the last of an epoch may be smaller."""

    rows: Ints
    batch_size: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Batches that visit every row once."""
        return math.ceil(len(self.rows) / self.batch_size)

    def order(self, epoch: int) -> Ints:
        """All rows in the order of this epoch."""
        return np.random.default_rng([self.seed, epoch]).permutation(self.rows)

    def batch(self, step: int) -> Ints:
        """The rows of the global batch of this step; steps count from 0 over all epochs."""
        epoch, index = divmod(step, self.steps_per_epoch)
        return self.order(epoch)[index * self.batch_size : (index + 1) * self.batch_size]


def learning_rate_at(step: int, steps: int, optimization: Optimization) -> float:
    """The learning rate of this step, 0 <= step < steps."""
    peak = optimization.learning_rate
    if optimization.schedule == "constant":
        return peak
    progress = step / max(1, steps - 1)
    if progress < WARM_UP:
        return peak * _cosine(FIRST_SHARE, 1.0, progress / WARM_UP)
    return peak * _cosine(1.0, LAST_SHARE, (progress - WARM_UP) / (1 - WARM_UP))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
