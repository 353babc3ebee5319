"""What is on the board, by its contract."""

from __future__ import annotations

import json
import math

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
            distribution=Distribution("ddp", "It fits.", 2, "cuda", 0.91234),
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


def test_the_longest_step_is_known_from_the_first_on_whatever_is_reported() -> None:
    board = Board()
    board.update(phase="training")
    assert "longestStepSeconds" not in board.progress.document()
    for seconds, longest in ((0.5, 0.5), (2.0, 2.0), (1.0, 2.0)):
        board.stepped(seconds)
        with board.during("validating"):
            assert board.progress.phase == "validating"
        assert board.progress.phase == "training"
        assert board.progress.document()["longestStepSeconds"] == longest


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_left_out(wrong: float) -> None:
    validation = {"step": 20, "loss": 0.1, "validationLoss": wrong, "validationAccuracy": 0.9}
    document = Progress(loss=wrong, samples_per_second=wrong, step_seconds=wrong, validation=validation).document()
    jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), contract("trainer-progress"))
    assert document == {**Progress().document(), "validationAccuracy": 0.9}


def test_a_phase_ends_with_its_block_also_when_that_fails() -> None:
    board = Board()
    with pytest.raises(ValueError, match="full"), board.during("checkpointing"):
        raise ValueError("full")
    assert board.progress.phase == "starting"
