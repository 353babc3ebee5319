"""The course over a stream: each sample once an epoch, each worker in its own shards, a window at a time."""

from __future__ import annotations

import numpy as np
import pytest
from limbeck_trainer.stream_plan import StreamPlan

SIZES = [7, 100, 1, 53, 53, 90, 41, 12, 77, 64]
STARTS = np.cumsum([0, *SIZES])
ROWS = np.flatnonzero(np.random.default_rng(0).random(STARTS[-1]) < 0.7)


def plan(workers: int, batch: int = 32, window: int = 2) -> StreamPlan:
    return StreamPlan(ROWS, batch, 1, STARTS, window, workers)


def batches(course: StreamPlan, epoch: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    order = course.order(epoch)
    return [order[start : start + course.batch_size] for start in range(0, len(order), course.batch_size)]


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("batch", [8, 32, 33])
def test_each_sample_comes_once_an_epoch(workers: int, batch: int) -> None:
    course = plan(workers, batch)
    for epoch in range(2):
        np.testing.assert_array_equal(np.sort(course.order(epoch)), ROWS)
        assert len(batches(course, epoch)) == course.steps_per_epoch


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_share_the_shards_out(workers: int) -> None:
    parts = [np.concatenate([rows[rank::workers] for rows in batches(plan(workers), 0)]) for rank in range(workers)]
    shards = [set(np.searchsorted(STARTS, part, side="right")) for part in parts]
    # A shard at a border belongs to two workers, every other to one.
    assert sum(len(own) for own in shards) <= len(SIZES) + workers - 1


@pytest.mark.parametrize("window", [1, 2, 4])
def test_a_worker_looks_into_a_window_of_shards_at_a_time(window: int) -> None:
    part = np.concatenate([rows[0::2] for rows in batches(plan(2, window=window), 0)])
    owners = np.searchsorted(STARTS, part, side="right")
    open_at = [
        sum(1 for shard in set(owners) if owners[: at + 1].tolist().count(shard) and shard in owners[at:])
        for at in range(0, len(owners), 5)
    ]
    assert max(open_at) <= window


def test_the_order_follows_seed_and_epoch() -> None:
    np.testing.assert_array_equal(plan(2).order(0), plan(2).order(0))
    assert not np.array_equal(plan(2).order(0), plan(2).order(1))
    mixed = np.searchsorted(STARTS, plan(1, window=3).order(0), side="right")
    assert (np.diff(mixed) != 0).sum() > 3 * len(SIZES)
