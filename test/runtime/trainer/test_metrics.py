"""What a Prometheus reads of a run."""

from __future__ import annotations

import re
from typing import Any

import pytest
from limbeck_trainer.metrics import GAUGES, registry_of
from limbeck_trainer.progress import VALIDATION, Board, Distribution, SavedCheckpoint
from support import REPOSITORY

WHEN = "2026-11-26T00:00:00Z"


def read(board: Board) -> dict[str, float]:
    """Name without the prefix, and value, of all that is told of the training."""
    samples = [sample for metric in registry_of(board).collect() for sample in metric.samples]
    own = [sample for sample in samples if sample.name.startswith("limbeck_trainer_")]
    return {sample.name.removeprefix("limbeck_trainer_"): sample.value for sample in own}


def test_of_a_run_that_has_just_begun_only_the_phase_is_known() -> None:
    assert read(Board()) == {"phase_info": 1}


def test_all_numbers_of_the_progress_are_there_once_they_are_known() -> None:
    board = Board()
    board.update(phase="training", epoch=3, epochs=40, step=50, steps=800, loss=0.5, samples_per_second=1234.56)
    board.update(eta_seconds=12, step_seconds=0.2512, resumed_from=30)
    board.update(checkpoint=SavedCheckpoint(40, "s3://b/k", "ab", WHEN))
    board.update(distribution=Distribution("ddp", "It fits.", 2, "cpu", 0.91234))
    board.update(validation={"step": 20, "loss": 0.1, **dict.fromkeys(VALIDATION, 0.25)})
    assert read(board) == {
        "phase_info": 1,
        "epoch": 3,
        "epochs": 40,
        "step": 50,
        "steps": 800,
        "loss": 0.5,
        "samples_per_second": 1234.56,
        "eta_seconds": 12,
        "longest_step_seconds": 0.2512,
        "resumed_from_step": 30,
        "checkpoint_step": 40,
        "checkpoint_timestamp_seconds": 1795651200,
        "scaling_efficiency": 0.91234,
        "validation_loss": 0.25,
        "validation_accuracy": 0.25,
        "validation_rmse": 0.25,
        "validation_perplexity": 0.25,
    }


def test_nothing_done_is_known_as_soon_as_it_is_known_of_how_much() -> None:
    board = Board()
    board.update(steps=800, epochs=40)
    assert read(board) == {"phase_info": 1, "step": 0, "steps": 800, "epoch": 0, "epochs": 40}


@pytest.mark.parametrize("saved_at", [None, "", "yesterday", "2026-11-26T24:61:00Z", "2026-11-26T00:00:00", 1795651200])
def test_a_checkpoint_without_a_time_that_makes_sense_has_a_step_all_the_same(saved_at: Any) -> None:
    board = Board()
    board.update(checkpoint=SavedCheckpoint(40, "s3://b/k", "ab", saved_at))
    assert read(board) == {"phase_info": 1, "checkpoint_step": 40}


def test_the_phase_is_a_label_and_there_is_one_at_a_time() -> None:
    board = Board()
    registry = registry_of(board)
    for phase in ("training", "checkpointing"):
        board.update(phase=phase)
        families = [metric for metric in registry.collect() if metric.name == "limbeck_trainer_phase_info"]
        (sample,) = families[0].samples
        assert (sample.labels, sample.value) == ({"component": "trainer", "phase": phase}, 1)


def test_every_series_says_that_it_is_of_a_trainer_and_has_the_process_beside_it() -> None:
    samples = [sample for metric in registry_of(Board()).collect() for sample in metric.samples]
    assert {sample.labels["component"] for sample in samples} == {"trainer"}
    names = {sample.name for sample in samples}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= names


def test_the_documentation_has_every_metric_and_no_other() -> None:
    named = set(re.findall(r"limbeck_trainer_(\w+)", (REPOSITORY / "docs" / "training.md").read_text()))
    assert named == {"phase_info", *(gauge.name for gauge in GAUGES)}
