"""What the loop tells of its steps and epochs, by whole runs inside this process."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from limbeck_trainer.checkpoint_writer import CheckpointWriter
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.job import run
from limbeck_trainer.loss_record import STEPS_PER_LOOK
from limbeck_trainer.progress import Board, SavedCheckpoint
from limbeck_trainer.result import failure_document
from support import Document, alone, config_document, digits_file, run_here, session, spoiled


def strict(text: str) -> Document:
    """JSON without the words that it does not have."""
    document: Document = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    return document


@pytest.mark.parametrize("steps", [1, 3])
def test_the_longest_step_is_known_however_short_steps_and_epochs_are(store: str, tmp_path: Path, steps: int) -> None:
    source = {"kind": "s3", "uri": digits_file(tmp_path)}
    # 120 samples are left to train on: each of the epochs is over before any is reported of but the first step.
    data = {"source": source, "split": {"validation": 0.1, "test": 0.3, "seed": 0}}
    said = session(config_document(store, data=data, optimization={"epochs": 3, "batchSize": 120 // steps}))
    run(said, alone())
    assert (said.board.progress.step_seconds or 0) > 0


def test_of_a_device_a_step_counts_once_it_has_been_waited_for(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before that it may only be on its way, and its length would make whatever comes after it look like a hang."""

    class Counting(Board):
        calls = 0

        def stepped(self, seconds: float) -> None:
            super().stepped(seconds)
            self.calls += 1

    monkeypatch.setitem(STEPS_PER_LOOK, "cpu", 16)
    board = Counting()
    run(replace(session(config_document(store, optimization={"epochs": 2})), board=board), alone())
    # Of two epochs of 20 steps each: after 16, and at the end.
    assert board.calls == 4


def test_a_validation_that_is_no_number_is_left_out_and_told(tmp_path: Path) -> None:
    document, lines = spoiled(tmp_path, "validation", task="regression"), list[str]()
    artefact = Path(urlsplit(run_here(document, lines.append)["artefact"]["uri"]).path)
    run_folder = Path(urlsplit(document["store"]["runUri"]).path)
    for history in (
        strict((run_folder / "history" / "model.json").read_text()),
        strict((artefact / "report.json").read_text())["history"],
    ):
        assert [set(point) for point in history] == [{"step", "loss"}] * 4
    told = [strict(line) for line in lines if "validation is not finite" in line]
    assert [line["figures"] for line in told] == [["validationRmse"]] * 4


def test_early_stopping_by_what_is_no_number_is_no_success(tmp_path: Path) -> None:
    document = spoiled(tmp_path, "validation", optimization={"earlyStopping": {"patience": 2}})
    with pytest.raises(TrainerError, match="The validation loss was no number so far at step 4 of 8") as caught:
        run_here(document)
    assert caught.value.reason is Reason.NON_FINITE_LOSS


@pytest.mark.parametrize("settled", [True, False])
def test_a_failure_names_what_the_next_attempt_goes_on_from_unless_another_is_on_its_way(
    store: str, monkeypatch: pytest.MonkeyPatch, settled: bool
) -> None:
    monkeypatch.setattr(CheckpointWriter, "idle", property(lambda _writer: settled))
    saved = SavedCheckpoint(3, f"{store}/step-00000003.pt", "a" * 64)
    document = config_document(store, optimization={"optimizer": "sgd", "schedule": "constant", "learningRate": 1e30})
    said = session(document)
    said.board.update(checkpoint=saved)
    with pytest.raises(TrainerError, match="The loss became") as caught:
        run(said, alone())
    assert caught.value.checkpoint == (saved if settled else None)
    assert failure_document(caught.value).get("checkpoint") == (saved.document() if settled else None)
