"""What is on the board, by its contract."""

from __future__ import annotations

import jsonschema
import pytest
from limbeck_trainer.progress import Board, Distribution, Progress, SavedCheckpoint
from support import contract


@pytest.mark.parametrize(
    "progress",
    [
        Progress(),
        Progress("training", 3, 40, 50, 800, 0.5, 1234.56, 12, 0.25, 30, SavedCheckpoint(40, "s3://b/k", "ab")),
        Progress(
            checkpoint=SavedCheckpoint(40, "s3://b/k", "ab", "2026-11-26T00:00:00Z"),
            checkpoint_problem="full " * 200,
            skipped_checkpoint="torn",
            distribution=Distribution("ddp", "It fits.", 2, 0.91234),
            validation={"step": 20, "loss": 0.1, "validationAccuracy": 0.9},
            history="s3://b/history/model.json",
        ),
        Progress("exporting", 40, 40, 800, 800),
    ],
)
def test_every_document_is_valid(progress: Progress) -> None:
    jsonschema.validate(progress.document(), contract("trainer-progress"))


def test_percent_reaches_99_and_leaves_the_rest_to_the_result() -> None:
    assert Progress(step=50, steps=800).document()["percent"] == 6
    assert Progress(step=800, steps=800).document()["percent"] == 99


def test_the_longest_step_is_measured_without_what_comes_between_steps() -> None:
    times = iter([0.0, 2.0, 3.0, 100.0, 101.5])
    board = Board(lambda: next(times))
    board.update(phase="training")
    for step in (1, 2, 3):
        board.update(step=step)
    assert board.progress.document()["longestStepSeconds"] == 2.0
    with board.during("checkpointing"):
        assert board.progress.phase == "checkpointing"
    assert board.progress.phase == "training"
    for step in (4, 5):
        board.update(step=step)
    assert board.progress.document()["longestStepSeconds"] == 2.0


def test_a_phase_ends_with_its_block_also_when_that_fails() -> None:
    board = Board()
    with pytest.raises(ValueError, match="full"), board.during("checkpointing"):
        raise ValueError("full")
    assert board.progress.phase == "starting"
