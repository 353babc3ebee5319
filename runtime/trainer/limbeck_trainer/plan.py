"""The course of a training as pure functions: which rows at which step, and how fast to learn there.

Nothing here depends on the rank or on where a resumed run starts, so any attempt, at any width, walks the same course.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from limbeck_trainer.data import Ints
from limbeck_trainer.optimization import Optimization

# One cycle rises over the first 30 % unless told otherwise; the other schedules start at their peak.
ONE_CYCLE_WARM_UP = 0.3
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

    @property
    def samples_per_step(self) -> float:
        """The mean: the last batch of an epoch may be of one sample."""
        return len(self.rows) / self.steps_per_epoch

    def order(self, epoch: int) -> Ints:
        """All rows in the order of this epoch: the batches are its consecutive parts."""
        return np.random.default_rng([self.seed, epoch]).permutation(self.rows)


def learning_rate_at(step: int, steps: int, optimization: Optimization) -> float:
    """The rate of this step, 0 <= step < steps: up to the peak while it warms up, then as the schedule says."""
    peak, schedule = optimization.learning_rate, optimization.schedule
    one_cycle = schedule == "oneCycle"
    warm_up = optimization.warm_up
    if warm_up is None:
        warm_up = ONE_CYCLE_WARM_UP if one_cycle else 0.0
    progress = step / max(1, steps - 1)
    if progress < warm_up:
        return peak * (_cosine if one_cycle else _line)(FIRST_SHARE, 1.0, progress / warm_up)
    if schedule == "constant":
        return peak
    return peak * (_line if schedule == "linear" else _cosine)(1.0, LAST_SHARE, (progress - warm_up) / (1 - warm_up))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def _line(start: float, end: float, progress: float) -> float:
    return start + (end - start) * progress
