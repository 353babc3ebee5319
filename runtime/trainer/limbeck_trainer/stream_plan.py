"""The course of a training over a stream: like any plan, but a worker's rows come from its own part of the shards.

An epoch deals the shards in a random order to the workers, row by row exactly as many as each needs for its share of
every batch (a shard may be cut between two). Within a worker's part, `window` shards after the other are shuffled as
one. So each sample comes once an epoch, and a worker has to hold no more than a window. Unlike other plans the course
depends on the number of workers; the batches and their number do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck_trainer.plan import Plan
from limbeck_trainer.samples import Ints


@dataclass(frozen=True)
class StreamPlan(Plan):
    """starts: first row of each shard, and after them the number of all rows."""

    starts: Ints
    window: int
    workers: int

    def order(self, epoch: int) -> Ints:
        """All rows in the order of this epoch; rank r takes every `workers`-th of a batch, from the r-th on."""
        random = np.random.default_rng([self.seed, epoch])
        shards = random.permutation(len(self.starts) - 1)
        # Where each shard's rows are among `rows`, which ascend.
        bounds = np.searchsorted(self.rows, self.starts)
        dealt = np.concatenate([self.rows[bounds[shard] : bounds[shard + 1]] for shard in shards])
        takers = (np.arange(len(dealt)) % self.batch_size) % self.workers
        cuts = np.cumsum(np.bincount(takers, minlength=self.workers))[:-1]
        order = np.empty_like(dealt)
        for worker, part in enumerate(np.split(dealt, cuts)):
            order[takers == worker] = self._shuffled(part, random)
        return order

    def _shuffled(self, part: Ints, random: np.random.Generator) -> Ints:
        """One worker's rows, window by window."""
        owners = np.searchsorted(self.starts, part, side="right")
        firsts = np.flatnonzero(np.diff(owners, prepend=-1))
        windows = np.split(part, firsts[self.window :: self.window])
        return np.concatenate([random.permutation(window) for window in windows])
