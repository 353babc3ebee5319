"""Ranks that stop and save together do so after the same step, and are asked as seldom as that allows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from groups import NEVER, rank_of, run_group
from limbeck_trainer.consensus import LONGEST_PAUSE_SECONDS, Consensus
from limbeck_trainer.distributed import Peers
from limbeck_trainer.environment import Environment
from limbeck_trainer.loss_record import STEPS_PER_LOOK
from support import Document, Hours, alone, attempt, config_document


class Pair(Peers):
    """Rank 1 of two on devices of this kind, of which the other one has nothing to say."""

    def __init__(self, kind: str) -> None:
        super().__init__(Environment(1, 2, "host", 29500, 1, alone().result_file))
        self.device = torch.device(kind)
        self.times = 0

    def _join(self, environment: Environment) -> None:
        """Does not."""

    def any_of(self, *flags: bool) -> tuple[bool, ...]:
        self.times += 1
        return flags


def asked(kind: str, whole: bool, steps: int, seconds_of: Callable[[int], float]) -> list[int]:
    """The steps before which the ranks are asked."""
    peers, hours, at = Pair(kind), Hours(), list[int]()
    consensus = Consensus(peers, whole, lambda: hours.now)
    for step in range(steps):
        before = peers.times
        consensus.between_steps(step, False, False)
        if peers.times > before:
            at.append(step)
        hours.sleep(seconds_of(step))
    return at


@pytest.mark.parametrize(
    ("kind", "whole", "seconds", "expected"),
    [
        ("cpu", True, 0.01, []),
        ("cpu", False, 0.01, list(range(40))),
        ("cuda", True, 0.01, [0, 1, 2, 18, 34]),
        ("cuda", False, 0.01, [0, 1, 2, 18, 34]),
        ("cuda", True, 5, list(range(40))),
    ],
)
def test_the_ranks_are_asked_where_they_have_to_be(kind: str, whole: bool, seconds: float, expected: list[int]) -> None:
    assert asked(kind, whole, 40, lambda _step: seconds) == expected


def test_steps_that_become_long_are_asked_before_each_of_them() -> None:
    """16 of these would take longer than a pod that is told to stop has time."""
    long = 2 * LONGEST_PAUSE_SECONDS / STEPS_PER_LOOK["cuda"]
    assert asked("cuda", True, 60, lambda step: long if step >= 20 else 0.01) == [0, 1, 2, 18, 34, *range(50, 60)]


def rank_ahead(
    folder: Path, document: Document, environment: Environment, stop_after: int, phase: str = "training"
) -> None:
    """A rank that looks at its losses as seldom as on a GPU."""
    STEPS_PER_LOOK["cpu"] = STEPS_PER_LOOK["cuda"]
    rank_of(folder, document, environment, stop_after, phase)


@pytest.mark.parametrize("stops", [(NEVER, 30), (30, NEVER), (41, 23)], ids=["rank 1 alone", "rank 0 alone", "both"])
def test_ranks_that_run_ahead_stop_after_the_same_step_whoever_is_told_and_rank_0_saves_it(
    tmp_path: Path, stops: tuple[int, int]
) -> None:
    document = config_document((tmp_path / "stopped").as_uri())
    stopped = run_group(tmp_path / "first", document, 2, stops, target=rank_ahead)
    first, second = (result or {} for result in stopped.results)
    assert (first["reason"], second["reason"]) == ("Interrupted", "Interrupted")
    assert min(stops) <= first["step"] == second["step"] <= min(stops) + STEPS_PER_LOOK["cuda"]
    assert first["checkpoint"]["step"] == first["step"]
    resumed = run_group(tmp_path / "then", attempt(document, 2), 2).result
    whole = run_group(tmp_path / "whole", config_document((tmp_path / "w").as_uri()), 2).result
    assert (resumed["resumedFromStep"], resumed["artefact"]["sha256"]) == (first["step"], whole["artefact"]["sha256"])


def test_they_do_so_in_a_validation(tmp_path: Path) -> None:
    """Of the third epoch of 20 steps."""
    document = config_document(tmp_path.as_uri())
    validating = partial(rank_ahead, phase="validating")
    results = run_group(tmp_path / "first", document, 2, (NEVER, 2), validating).results
    assert [result and (result["reason"], result["step"]) for result in results] == [("Interrupted", 60)] * 2
